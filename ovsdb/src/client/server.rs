//! What a server says of itself and our database in its `_Server` database (ovsdb-server(5)): whether
//! it is worth talking to. The state of the cluster is not kept here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::op::Condition;
use crate::replica::{Replica, Row, Spec, TableSpec};
use crate::schema::{AtomType, Column, ColumnType, Database, Table};
use crate::value::Uuid;

/// A server's role for one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `standalone`, `clustered` or `relay`.
    pub model: Arc<str>,
    /// A cluster member in touch with a majority; always true for a standalone database.
    pub connected: bool,
    pub leader: bool,
    /// The cluster, once it is known.
    pub cluster: Option<Uuid>,
    /// This member of the cluster.
    pub member: Option<Uuid>,
    /// The last entry of the cluster's log that this member has.
    pub index: i64,
}

impl Server {
    /// The same, whatever was committed meanwhile.
    pub(super) fn same_role(&self, other: &Self) -> bool {
        Self { index: other.index, ..self.clone() } == *other
    }

    fn of(row: &Row) -> Self {
        let truth =
            |column| row.get(column).and_then(crate::value::Value::as_bool).unwrap_or(false);
        let uuid = |column| row.get(column).and_then(crate::value::Value::as_uuid);
        let model = row.get("model").and_then(crate::value::Value::as_str).unwrap_or("standalone");
        Self {
            model: model.into(),
            connected: truth("connected"),
            leader: truth("leader"),
            cluster: uuid("cid"),
            member: uuid("sid"),
            index: row.get("index").and_then(crate::value::Value::as_int).unwrap_or(0),
        }
    }

    /// A server that has no `_Server` database has no clusters either.
    pub(super) fn standalone() -> Self {
        let model = "standalone".into();
        Self { model, connected: true, leader: true, cluster: None, member: None, index: 0 }
    }
}

/// What we expect of a server, and what we saw of it so far.
pub(super) struct Watch {
    replica: Replica,
    schema: Database,
    leader_only: bool,
    /// The newest state of each cluster that we have seen on any member.
    newest: Option<(Uuid, i64)>,
}

const COLUMNS: [&str; 6] = ["model", "connected", "leader", "cid", "sid", "index"];

impl Watch {
    pub(super) fn new(database: &'static str, leader_only: bool) -> Self {
        let table = TableSpec::new("Database").columns(COLUMNS);
        let spec = Spec::new().table(table.only(Condition::equal("name", database)));
        Self { replica: Replica::new(spec), schema: schema(), leader_only, newest: None }
    }

    /// The parameters of the monitor, whose updates are then [`Self::update`]d.
    pub(super) fn request(&self) -> serde_json::Value {
        let requests = self.replica.monitor_requests(&self.schema);
        let requests = requests.expect("our own schema has the columns of our own conditions");
        serde_json::json!(["_Server", "_Server", requests])
    }

    pub(super) fn restart(&mut self) {
        self.replica.follow(&self.schema);
    }

    pub(super) fn snapshot(&mut self, updates: &str) -> Result<Server, Error> {
        self.replica.apply_snapshot(updates)?;
        self.judge()
    }

    pub(super) fn update(&mut self, updates: &str) -> Result<Server, Error> {
        self.replica.apply_update3(updates)?;
        self.judge()
    }

    /// The server's role, if it is one that we can work with.
    fn judge(&mut self) -> Result<Server, Error> {
        let row = self.replica.rows("Database").next();
        let unfit = |why: &str| Error::Connection(why.to_owned());
        let (_, row) = row.ok_or_else(|| unfit("the server does not serve the database"))?;
        let server = Server::of(row);
        if !server.connected {
            return Err(unfit("the server has no contact to its cluster"));
        }
        if self.leader_only && &*server.model == "clustered" && !server.leader {
            return Err(unfit("the server is not the leader"));
        }
        let Some(cluster) = server.cluster else { return Ok(server) };
        match self.newest {
            Some((known, newest)) if known == cluster && server.index < newest => {
                Err(unfit("the server is behind what another member showed us"))
            }
            _ => {
                self.newest = Some((cluster, server.index));
                Ok(server)
            }
        }
    }
}

/// The part of `_Server` that we read; the server's own schema is not asked for.
fn schema() -> Database {
    let optional = |kind: AtomType| ColumnType { max: 1, ..ColumnType::set(kind) };
    let columns = [
        ("name", ColumnType::scalar(AtomType::String)),
        ("model", ColumnType::scalar(AtomType::String)),
        ("connected", ColumnType::scalar(AtomType::Boolean)),
        ("leader", ColumnType::scalar(AtomType::Boolean)),
        ("cid", optional(AtomType::Uuid)),
        ("sid", optional(AtomType::Uuid)),
        ("index", optional(AtomType::Integer)),
    ];
    let column = |kind| Column { kind, ephemeral: false, mutable: true };
    let columns = columns.map(|(name, kind)| (name.into(), column(kind)));
    let table =
        Table { columns: columns.into(), is_root: true, indexes: Vec::new(), max_rows: None };
    let tables = BTreeMap::from([("Database".into(), table)]);
    Database { name: "_Server".into(), version: "".into(), tables }
}
