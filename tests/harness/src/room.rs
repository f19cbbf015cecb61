//! The node root, and the private mount namespace in which programs run inside it. Temporary folders
//! have the same path inside and outside.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::{env, thread};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::running::{self, Running};

/// The root file system that holds OVN and OVS: `NODE_ROOT`, or the newest in the user's cache folder.
pub fn node_root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let named = env::var_os("NODE_ROOT").map(PathBuf::from);
        let root = named.or_else(|| cached(&cache_folder()?));
        let root = root.filter(|root| root.join("usr/sbin/ovsdb-server").exists());
        root.expect("tests need a node root with OVN and OVS: run `cargo lab root`")
    })
}

fn cache_folder() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("kube-ovn-rs"))
}

fn cached(folder: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok().map(|e| e.path()));
    let newest = versions
        .filter(|path| {
            path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("node-root-"))
        })
        .filter(|path| path.join("usr/sbin/ovsdb-server").exists())
        .max_by_key(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok());
    newest.or_else(|| Some(folder.join("early-root")))
}

/// Where a program runs: inside the node root, and in a network namespace if one is given.
#[derive(Clone)]
pub struct Place {
    mounts: Arc<OwnedFd>,
    net: Option<Arc<OwnedFd>>,
    env: Vec<(String, PathBuf)>,
}

impl Place {
    /// Inside the node root, in the network namespace of the test.
    pub fn root() -> Self {
        static MOUNTS: OnceLock<Arc<OwnedFd>> = OnceLock::new();
        let mounts = MOUNTS.get_or_init(|| Arc::new(enter_and_mount())).clone();
        Self { mounts, net: None, env: Vec::new() }
    }

    /// The same in another network namespace.
    #[must_use]
    pub fn in_net(mut self, net: &Arc<OwnedFd>) -> Self {
        self.net = Some(net.clone());
        self
    }

    /// OVS's and OVN's own files go below `dir`.
    #[must_use]
    pub fn with_rundir(mut self, dir: &Path) -> Self {
        let folders =
            ["OVS_RUNDIR", "OVN_RUNDIR", "OVS_LOGDIR", "OVN_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"];
        self.env = folders.map(|name| (name.to_owned(), dir.to_owned())).into();
        self
    }

    /// Starts a program whose output goes to `log`; it ends with the guard.
    pub fn spawn<A: AsRef<str>>(&self, program: &str, args: &[A], log: &Path) -> Running {
        let out = File::create(log).expect("a log file in our own folder can be made");
        let err = out.try_clone().expect("a file can be shared");
        let mut command = self.command(program, args);
        command.stdout(out).stderr(err);
        Running::new(program, self.start(program, command), log)
    }

    /// Runs a program to its end, whatever that is.
    pub fn output<A: AsRef<str>>(&self, program: &str, args: &[A]) -> Output {
        let mut command = self.command(program, args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.start(program, command);
        child.wait_with_output().expect("a child of ours can be waited for")
    }

    /// What the program printed; fails if it did not succeed.
    #[track_caller]
    pub fn run<A: AsRef<str>>(&self, program: &str, args: &[A]) -> String {
        let output = self.output(program, args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let words: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        assert!(output.status.success(), "{program} {words:?}: {}\n{out}{err}", output.status);
        out
    }

    fn command<A: AsRef<str>>(&self, program: &str, args: &[A]) -> Command {
        let mut command = Command::new(program);
        command.args(args.iter().map(AsRef::as_ref)).envs(self.env.iter().map(|(k, v)| (k, v)));
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    fn start(&self, program: &str, command: Command) -> std::process::Child {
        let namespaces = [Some(&self.mounts), self.net.as_ref()];
        let namespaces = namespaces.into_iter().flatten().cloned().collect();
        let child = running::start(command, namespaces, Some(node_root()));
        child.unwrap_or_else(|error| {
            panic!(
                "{program} from the node root {} (`cargo lab root`): {error}",
                node_root().display()
            )
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A mount namespace in which the node root has the kernel's file systems and our temporary folder.
fn enter_and_mount() -> OwnedFd {
    let inside = thread::spawn(|| -> nix::Result<File> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        let shared = [Path::new("/proc"), Path::new("/sys"), Path::new("/dev"), &env::temp_dir()]
            .map(Path::to_owned);
        for path in shared {
            let target = node_root().join(path.strip_prefix("/").unwrap_or(&path));
            fs::create_dir_all(&target).map_err(|_| nix::Error::last())?;
            mount(Some(&path), &target, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
        }
        File::open("/proc/thread-self/ns/mnt").map_err(|_| nix::Error::last())
    });
    let mounted = inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    mounted.expect("tests that enter the node root run as root").into()
}
