//! Database files and their servers: created and converted by ovsdb-tool(1), served as a configuration file of
//! ovsdb-server(1) says. All databases here stand alone; a member of a cluster would differ in how its file is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::program::{Program, tool};

/// One database: its file, and the schema it must have.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) file: PathBuf,
    pub(crate) schema: &'static str,
}

impl Database {
    /// Makes the file if there is none, and converts it if OVN or OVS were changed since. The old contents stay beside
    /// it, named by their version: the way back to the release before.
    pub(crate) async fn prepare(&self) -> anyhow::Result<()> {
        let file = self.file.to_str().context("a database's path that is no text")?;
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        if !self.file.exists() {
            tool("ovsdb-tool", &["create", file, self.schema]).await?;
            tracing::info!(file, "created");
            return Ok(());
        }
        let answer = tool("ovsdb-tool", &["needs-conversion", file, self.schema]).await?;
        if answer.trim() == "yes" {
            let version = tool("ovsdb-tool", &["db-version", file]).await?;
            let backup = format!("{file}.backup-{}", version.trim());
            fs::copy(file, &backup).with_context(|| backup.clone())?;
            tool("ovsdb-tool", &["convert", file, self.schema]).await?;
            tracing::info!(file, backup, "converted to the schema of this release");
        }
        Ok(())
    }

    /// Makes `server` serve this database alone, at `remotes`, by the configuration file `config`.
    pub(crate) fn served_by(
        &self,
        server: Program,
        config: &Path,
        remotes: &[Remote],
    ) -> anyhow::Result<Program> {
        fs::write(config, configuration(&self.file, remotes).to_string())
            .with_context(|| config.display().to_string())?;
        let mut option = std::ffi::OsString::from("--config-file=");
        option.push(config);
        Ok(server.arg(option))
    }
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// `punix:PATH`, `ptcp:PORT:ADDRESS` or `db:DATABASE,TABLE,COLUMN`.
    pub(crate) target: String,
    /// Silence after which a client is probed; zero is never. None leaves it to the server, which probes over TCP only.
    pub(crate) probe: Option<Duration>,
}

/// What ovsdb-server(1) calls its configuration file.
fn configuration(file: &Path, remotes: &[Remote]) -> Value {
    let options = |remote: &Remote| match remote.probe {
        Some(probe) => {
            json!({ "inactivity-probe": u64::try_from(probe.as_millis()).unwrap_or(u64::MAX) })
        }
        None => json!({}),
    };
    let remotes: Map<_, _> =
        remotes.iter().map(|remote| (remote.target.clone(), options(remote))).collect();
    json!({ "remotes": remotes, "databases": { file.display().to_string(): {} } })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_server_probes_only_where_it_is_told_to() {
        let remotes = [
            Remote { target: "punix:/run/ovn/ovnnb_db.sock".into(), probe: None },
            Remote { target: "ptcp:6641:[::]".into(), probe: Some(Duration::from_secs(180)) },
        ];
        let text = configuration(Path::new("/etc/ovn/ovnnb_db.db"), &remotes).to_string();
        expect![[r#"{"databases":{"/etc/ovn/ovnnb_db.db":{}},"remotes":{"ptcp:6641:[::]":{"inactivity-probe":180000},"punix:/run/ovn/ovnnb_db.sock":{}}}"#]]
            .assert_eq(&text);
    }
}
