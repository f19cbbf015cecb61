//! What may be typed after `cargo lab`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plan::{MAX_NODES, Machine};

/// A real Kubernetes cluster on this machine, without Docker: nodes are namespaces.
#[derive(Debug, Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build what is missing, boot the nodes, install the chart, wait until all of it works
    Up(Up),
    /// Stop every node and remove all that `up` made; caches stay
    Down,
    /// Show nodes, workloads and caches
    Status,
    /// Run kubectl against the lab
    #[command(disable_help_flag = true)]
    Kubectl {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run a command inside a node (or inside `router`, the world outside)
    Exec {
        machine: Machine,
        /// The command; a shell when left out
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Import OCI archives into every node; only layers a node lacks are sent
    Load {
        #[arg(required = true)]
        archives: Vec<PathBuf>,
    },
    /// Stop, kill or start a node
    Node {
        action: Action,
        #[arg(value_parser = node)]
        node: Machine,
    },
    /// Unplug a node from all its networks
    Cut {
        #[arg(value_parser = node)]
        node: Machine,
    },
    /// Plug a node in again
    Heal {
        #[arg(value_parser = node)]
        node: Machine,
    },
    /// Print what a node's program wrote; without a program, list them
    Logs {
        machine: Machine,
        program: Option<String>,
        /// Go on printing as more is written
        #[arg(short, long)]
        follow: bool,
    },
    /// Try every kind of path through the network; exit code 0 only when all of them work
    Check {
        /// Also break each path on purpose and demand that the check notices
        #[arg(long)]
        prove: bool,
    },
    /// Make the node root (Debian with OVN, OVS, containerd) if it is missing, and print its folder
    Root,
    /// The first process of a node: started by `up`, of no use by hand
    #[command(hide = true)]
    NodeInit(NodeInit),
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// How many nodes; n1 also carries the control plane
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=MAX_NODES as i64))]
    pub(crate) nodes: u8,
    /// Stop before our chart: nodes stay NotReady until someone installs a network
    #[arg(long)]
    pub(crate) no_network: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Ask everything on the node to end, as a shutdown does
    Stop,
    /// End it at once, as a power cut does
    Kill,
    /// Boot it again with the disk it had
    Start,
}

#[derive(Debug, Args)]
pub(crate) struct NodeInit {
    pub(crate) machine: Machine,
    /// The node root
    #[arg(long)]
    pub(crate) root: PathBuf,
    /// Folders of the machine to see inside, as OUTSIDE:INSIDE, read-only
    #[arg(long = "see", value_parser = see)]
    pub(crate) sees: Vec<(PathBuf, PathBuf)>,
    /// Already inside the new namespaces
    #[arg(long)]
    pub(crate) inner: bool,
}

fn node(text: &str) -> Result<Machine, String> {
    match text.parse()? {
        node @ Machine::Node(_) => Ok(node),
        other => Err(format!("{other} is not a node")),
    }
}

fn see(text: &str) -> Result<(PathBuf, PathBuf), String> {
    let (outside, inside) = text.split_once(':').ok_or("expected OUTSIDE:INSIDE")?;
    Ok((outside.into(), inside.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, clap::Error> {
        Arguments::try_parse_from(text.split_whitespace()).map(|arguments| arguments.command)
    }

    #[test]
    fn kubectl_gets_its_flags_untouched() {
        let Command::Kubectl { arguments } = parse("lab kubectl get pods -A --help").unwrap()
        else {
            panic!()
        };
        assert_eq!(arguments, ["get", "pods", "-A", "--help"]);
    }

    #[test]
    fn exec_takes_a_command_with_or_without_dashes() {
        for text in ["lab exec n2 -- ip -br addr", "lab exec n2 ip -br addr"] {
            let Command::Exec { machine, command } = parse(text).unwrap() else { panic!() };
            assert_eq!(
                (machine, command),
                (Machine::Node(2), ["ip", "-br", "addr"].map(String::from).to_vec())
            );
        }
    }

    #[test]
    fn the_router_is_no_node() {
        assert!(
            parse("lab node stop router").unwrap_err().to_string().contains("router is not a node")
        );
        assert!(parse("lab exec router").is_ok());
    }

    #[test]
    fn the_number_of_nodes_is_bounded() {
        assert!(parse("lab up --nodes 0").is_err());
        assert!(parse("lab up --nodes 10").is_err());
        assert!(matches!(
            parse("lab up --nodes 9").unwrap(),
            Command::Up(Up { nodes: 9, no_network: false })
        ));
    }
}
