//! Runs the plugin and plays the daemon.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use api::wire::{Answer, Request, Response};
use serde_json::{Value, json};

/// A call of the plugin, as containerd makes it for a pod's `eth0`.
pub(crate) struct Call {
    command: &'static str,
    variables: Vec<(&'static str, String)>,
    pub(crate) conf: Value,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A folder with the daemon's socket and a file that stands for the pod's network namespace.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("netns"), "").unwrap();
        Self { folder }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("daemon.sock")
    }

    pub(crate) fn netns(&self) -> String {
        self.folder.path().join("netns").display().to_string()
    }

    /// A daemon for one connection: reads the request and does what `script` says.
    pub(crate) fn daemon(
        &self,
        script: impl FnOnce(UnixStream) + Send + 'static,
    ) -> JoinHandle<Request> {
        let listener = UnixListener::bind(self.socket()).unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = Vec::new();
            BufReader::new(&stream).read_until(b'\n', &mut line).unwrap();
            let request = Request::parse(&line).unwrap();
            script(stream);
            request
        })
    }

    /// A daemon that gives one answer.
    pub(crate) fn answering(&self, answer: Answer) -> JoinHandle<Request> {
        self.daemon(move |mut stream| stream.write_all(&Response::new(answer).to_line()).unwrap())
    }

    pub(crate) fn call(&self, command: &'static str, version: &str) -> Call {
        let conf = json!({
            "cniVersion": version, "name": "kube-ovn", "type": "kube-ovn", "server_socket": self.socket(),
        });
        let arguments = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1";
        let variables = vec![
            ("CNI_CONTAINERID", "c1".to_owned()),
            ("CNI_NETNS", self.netns()),
            ("CNI_IFNAME", "eth0".to_owned()),
            ("CNI_ARGS", arguments.to_owned()),
            ("CNI_PATH", "/opt/cni/bin".to_owned()),
        ];
        Call { command, variables, conf }
    }
}

impl Call {
    /// The same call with another value of a variable; empty is not set.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(other, _)| *other != name);
        if !value.is_empty() {
            self.variables.push((name, value.to_owned()));
        }
        self
    }

    /// The same call with another field of the configuration.
    pub(crate) fn conf(mut self, field: &str, value: Value) -> Self {
        self.conf[field] = value;
        self
    }

    pub(crate) fn run(&self) -> Outcome {
        self.run_with(self.conf.to_string().as_bytes())
    }

    /// With these bytes on standard input.
    pub(crate) fn run_with(&self, stdin: &[u8]) -> Outcome {
        let mut plugin = Command::new(env!("CARGO_BIN_EXE_kube-ovn"));
        plugin.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        if !self.command.is_empty() {
            plugin.env("CNI_COMMAND", self.command);
        }
        let mut child = plugin
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A plugin that does not need its input may be gone before all of it is written.
        drop(child.stdin.take().unwrap().write_all(stdin));
        let output = child.wait_with_output().unwrap();
        Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// Success with this JSON on standard output.
    pub(crate) fn succeeds(&self) -> Value {
        assert_eq!(self.status, 0, "should succeed: {}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).expect("a result is JSON")
    }

    /// Success with nothing to say.
    pub(crate) fn is_silent(&self) {
        assert_eq!((self.status, self.stdout.as_str()), (0, ""), "{}", self.stderr);
    }

    /// Failure as the specification wants it: this code, in this version. Returns message and details.
    pub(crate) fn fails(&self, code: u32, version: &str) -> String {
        assert_eq!(self.status, 1, "should fail: {}{}", self.stdout, self.stderr);
        let error: Value = serde_json::from_str(&self.stdout).expect("an error is JSON");
        assert_eq!(
            (&error["code"], &error["cniVersion"]),
            (&json!(code), &json!(version)),
            "{error}"
        );
        format!(
            "{} {}",
            error["msg"].as_str().unwrap(),
            error["details"].as_str().unwrap_or_default()
        )
    }
}
