//! The real server as a process of its own, on a free port and in a temporary directory, ended with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// A running `kmipd dev`.
pub struct Kmipd {
    process: Child,
    directory: TempDir,
}

impl Kmipd {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Command::new(binary())
            .args(["dev", "--listen", "127.0.0.1:0", "--dir"])
            .arg(directory.path().join("dev"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .expect("kmipd starts");
        let output = process.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        // The thread goes on reading, so that the server is never stopped by a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("kmipd ready on ") {
                    let _ = sender.send(address.trim().to_owned());
                }
            }
        });
        let mut this = Self { process, directory };
        let address = receiver.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| {
            let _ = this.process.kill();
            panic!("kmipd did not say that it is ready: {}", std::fs::read_to_string(this.scratch("log")).unwrap_or_default())
        });
        this.point_client_at(&address);
        this
    }

    /// The configuration of the client that `dev` made. The test's port is chosen by the system, so the endpoint is filled in here.
    fn point_client_at(&self, address: &str) {
        let path = self.client_toml();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<String> = text
            .lines()
            .map(|line| if line.starts_with("endpoint") { format!("endpoint = \"{address}\"") } else { line.to_owned() })
            .collect();
        std::fs::write(path, lines.join("\n")).unwrap();
    }

    pub fn client_toml(&self) -> PathBuf {
        self.directory.path().join("dev/clients/demo/client.toml")
    }

    pub fn scratch(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Gives the server a user with a password, as an administrator does while it runs.
    pub fn add_user(&self, name: &str, password: &str) {
        let mut command = Command::new(binary());
        command.args(["user", "add", name, "--password-stdin", "--config"]).arg(self.directory.path().join("dev/kmipd.toml"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut process.stdin.take().unwrap(), password.as_bytes()).unwrap();
        assert!(process.wait().unwrap().success());
    }

    /// Runs a command of `kmipd` on the server.
    pub fn kmipd(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config").arg(self.directory.path().join("dev/kmipd.toml"));
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `kmip` against the server.
    pub fn kmip(&self, arguments: &[&str]) -> Output {
        kmip(Some(&self.client_toml()), arguments)
    }

    /// The same, with something to read on standard input.
    pub fn kmip_reading(&self, input: &[u8], arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kmip"));
        command.env_remove("KMIP_CONFIG").arg("--config").arg(self.client_toml()).args(arguments);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that refuses its arguments reads nothing.
        let _ = std::io::Write::write_all(&mut process.stdin.take().unwrap(), input);
        process.wait_with_output().unwrap()
    }
}

impl Drop for Kmipd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs `kmip`.
pub fn kmip(config: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmip"));
    command.env_remove("KMIP_CONFIG").stdin(Stdio::null());
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.args(arguments).output().unwrap()
}

/// The server's binary of the same build, made if it is not there or not up to date: nothing of this package may depend on it.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let kmip = Path::new(env!("CARGO_BIN_EXE_kmip"));
        let folder = kmip.parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--workspace", "--bin", "kmipd"]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(built.success(), "kmipd cannot be built");
        folder.join("kmipd")
    })
}
