//! What the runtime orders, checked: environment and configuration become a request for the daemon.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use api::cni::{Arguments, Command, Dns, Error, NetConf, Success, Version, code, is_identifier};
use api::wire::{Attachment, Call, Gc, Pod, Request};

/// The variables of the specification (§2 "Parameters"); one that is not set is empty.
pub(crate) struct Environment {
    command: String,
    container: String,
    netns: String,
    ifname: String,
    arguments: String,
}

impl Environment {
    pub(crate) fn read() -> Self {
        // Text that is not UTF-8 fails the check of its variable, replacement characters being legal in none.
        let read = |name| std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned();
        Self {
            command: read("CNI_COMMAND"),
            container: read("CNI_CONTAINERID"),
            netns: read("CNI_NETNS"),
            ifname: read("CNI_IFNAME"),
            arguments: read("CNI_ARGS"),
        }
    }

    /// Nobody who knows CNI started this.
    pub(crate) fn is_bare(&self) -> bool {
        self.command.is_empty()
    }

    pub(crate) fn command(&self) -> Result<Command, Error> {
        if self.is_bare() {
            Err(bad("required but not set: CNI_COMMAND"))
        } else {
            self.command.parse()
        }
    }

    /// Names every variable that is missing, then checks what is there.
    fn check(&self, command: Command) -> Result<(), Error> {
        let attachment = matches!(command, Command::Add | Command::Del | Command::Check);
        let needed = [
            ("CNI_CONTAINERID", &self.container, attachment),
            ("CNI_NETNS", &self.netns, attachment && command != Command::Del),
            ("CNI_IFNAME", &self.ifname, attachment),
        ];
        let missing: Vec<_> = needed
            .iter()
            .filter(|(_, value, needed)| *needed && value.is_empty())
            .map(|(name, ..)| *name)
            .collect();
        if !missing.is_empty() {
            return Err(bad(format!("required but not set: {}", missing.join(", "))));
        }
        if attachment && !is_identifier(&self.container) {
            return Err(bad(format!(
                "CNI_CONTAINERID {:?} is not the id of a container",
                self.container
            )));
        }
        if attachment && !is_interface_name(&self.ifname) {
            return Err(bad(format!(
                "CNI_IFNAME {:?} is not a name an interface can have",
                self.ifname
            )));
        }
        Ok(())
    }
}

/// A request, and what is needed to make sense of its answer.
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) version: Version,
    pub(crate) socket: String,
    pub(crate) request: Request,
    /// The pod's network namespace is gone, and with it everything the kernel had of the attachment.
    pub(crate) netns_gone: bool,
    /// Called for addresses only.
    pub(crate) ipam: bool,
    /// ADD: the result of the plugins before this one.
    pub(crate) chain: Option<Success>,
    /// The configuration's own resolver settings.
    pub(crate) dns: Dns,
}

impl Order {
    /// # Errors
    /// With the code the specification has for what is wrong; nothing was done then.
    pub(crate) fn new(
        command: Command,
        environment: &Environment,
        version: Result<Version, Error>,
        stdin: &[u8],
    ) -> Result<Self, Error> {
        environment.check(command)?;
        let version = version?;
        if version < command.since() {
            let reason = format!(
                "cniVersion {version} has no {}; {} has",
                command.as_str(),
                command.since()
            );
            return Err(Error::new(code::VERSION, reason));
        }
        let mut conf = NetConf::parse(stdin)?;
        let deadline = deadline(command, conf.deadline_ms);
        let chain = conf.previous.take_if(|_| command == Command::Add);
        let call = match command {
            Command::Gc => {
                Call::Gc(Gc { network: conf.name.clone(), valid: conf.valid_attachments.take() })
            }
            Command::Status | Command::Version => Call::Status,
            Command::Add => Call::Add(attachment(command, environment, &mut conf)?),
            Command::Del => Call::Del(attachment(command, environment, &mut conf)?),
            Command::Check => Call::Check(attachment(command, environment, &mut conf)?),
        };
        if command == Command::Add {
            check_netns(&environment.netns)?;
        }
        Ok(Self {
            command,
            version,
            socket: conf.socket,
            request: Request::new(call, deadline),
            netns_gone: environment.netns.is_empty() || fs::metadata(&environment.netns).is_err(),
            ipam: conf.ipam,
            chain,
            dns: conf.dns,
        })
    }

    /// How long to wait for the answer: a little longer than the daemon may take for it, so that it can say what was missing.
    pub(crate) fn patience(&self) -> Duration {
        let deadline = Duration::from_millis(self.request.deadline_ms);
        deadline + deadline / 8
    }
}

fn attachment(
    command: Command,
    environment: &Environment,
    conf: &mut NetConf,
) -> Result<Attachment, Error> {
    let arguments = Arguments::parse(&environment.arguments)?;
    let pod = match (arguments.namespace.is_empty(), arguments.pod.is_empty()) {
        (false, false) => Some(Pod {
            namespace: arguments.namespace,
            name: arguments.pod,
            uid: (!arguments.uid.is_empty()).then_some(arguments.uid),
        }),
        // What ADD made is found by container and interface.
        _ if command == Command::Del => None,
        _ => {
            return Err(bad(
                "CNI_ARGS: K8S_POD_NAMESPACE and K8S_POD_NAME are needed to know the pod",
            ));
        }
    };
    if command == Command::Check && conf.previous.is_none() {
        return Err(Error::new(
            code::CONFIG,
            "network configuration: prevResult: missing; CHECK compares with it",
        ));
    }
    Ok(Attachment {
        network: conf.name.clone(),
        container_id: environment.container.clone(),
        netns: environment.netns.clone(),
        ifname: environment.ifname.clone(),
        pod,
        provider: conf.provider.clone(),
        ipam: conf.ipam,
        routes: std::mem::take(&mut conf.routes),
        device: std::mem::take(&mut conf.device),
        port_mappings: std::mem::take(&mut conf.port_mappings),
        mtu: conf.mtu,
        previous: conf.previous.take(),
    })
}

/// The namespace of ADD must exist, and must not be the node's own, whose interfaces it would take.
fn check_netns(path: &str) -> Result<(), Error> {
    let namespace = fs::metadata(path).map_err(|error| {
        Error::new(code::UNKNOWN_CONTAINER, format!("CNI_NETNS {path:?} cannot be opened"))
            .with_details(error)
    })?;
    let own = fs::metadata("/proc/self/ns/net");
    if own.is_ok_and(|own| (own.dev(), own.ino()) == (namespace.dev(), namespace.ino())) {
        return Err(bad(format!("CNI_NETNS {path:?} is the node's own network namespace")));
    }
    Ok(())
}

/// In milliseconds. ADD waits for the controller and for OVN; the runtime's own patience is two minutes.
fn deadline(command: Command, configured: Option<u64>) -> u64 {
    let usual = match command {
        Command::Add => 30_000,
        Command::Gc => 60_000,
        Command::Del | Command::Check => 10_000,
        Command::Status | Command::Version => 5_000,
    };
    configured.unwrap_or(usual).clamp(1, 600_000)
}

/// The kernel's rule (`dev_valid_name`), which the specification repeats, with `IFNAMSIZ` 16.
fn is_interface_name(name: &str) -> bool {
    let legal =
        |c: char| !c.is_whitespace() && !['/', ':', char::REPLACEMENT_CHARACTER].contains(&c);
    (1..16).contains(&name.len()) && name != "." && name != ".." && name.chars().all(legal)
}

fn bad(reason: impl Into<String>) -> Error {
    Error::new(code::ENVIRONMENT, reason)
}
