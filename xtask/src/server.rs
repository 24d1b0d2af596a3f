//! A kmipd of our own for a test: `kmipd dev` in a temporary directory on a free loopback port, gone when dropped.

use crate::run::built;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a first start (which makes keys and certificates) may take on a slow, busy machine.
const START: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct DevServer {
    child: Child,
    directory: PathBuf,
    port: u16,
    lines: Option<mpsc::Receiver<String>>,
}

impl DevServer {
    /// Starts `kmipd dev` on the directory and waits for its ready line. The log goes to `kmipd.log` inside it.
    ///
    /// `prefix` is put in front of the command (a tracer, for example); it may be empty.
    ///
    /// # Errors
    /// When the binary is missing, ends, or is not ready within a minute; the text holds the end of its log.
    pub(crate) fn start(directory: &Path, port: u16, prefix: &[&str]) -> Result<Self, String> {
        let mut server = Self::spawn(directory, port, prefix)?;
        server.wait_until_ready()?;
        Ok(server)
    }

    /// As [`Self::start`], without waiting: what is killed during its start is killed before it is ready.
    ///
    /// # Errors
    /// When the binary is missing or cannot be started.
    pub(crate) fn spawn(directory: &Path, port: u16, prefix: &[&str]) -> Result<Self, String> {
        let binary = built("kmipd");
        if !binary.exists() {
            return Err(format!("{} is missing: cargo build --release", binary.display()));
        }
        std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let log = File::options().create(true).append(true).open(directory.join("kmipd.log"));
        let log = log.map_err(|error| format!("kmipd.log: {error}"))?;
        let mut command = match prefix {
            [] => Command::new(&binary),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&binary);
                command
            }
        };
        command.arg("dev").arg("--dir").arg(directory.join("dev")).arg("--listen").arg(format!("127.0.0.1:{port}"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let child = child.map_err(|error| format!("{}: {error}", binary.display()))?;
        Ok(Self { child, directory: directory.to_path_buf(), port, lines: None })
    }

    /// The number of the process, which is that of the program in front when there is one that does not make way for it.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What `kmipd dev` made and serves.
    pub(crate) fn directory(&self) -> PathBuf {
        self.directory.join("dev")
    }

    /// The bundle of the client `demo`: `pykmip.conf`, `client.toml` and the PEM files.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.directory().join("clients").join("demo")
    }

    /// Waits for the ready line.
    ///
    /// # Errors
    /// When the server ends, or is not ready within a minute; the text holds the end of its log.
    pub(crate) fn wait_until_ready(&mut self) -> Result<(), String> {
        let Some(output) = self.child.stdout.take() else { return Err("no standard output".to_owned()) };
        let (sender, receiver) = mpsc::channel();
        // The thread reads to the end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let expected = format!("kmipd ready on 127.0.0.1:{}", self.port);
        loop {
            match receiver.recv_timeout(START) {
                Ok(line) if line == expected => {
                    self.lines = Some(receiver);
                    return Ok(());
                }
                Ok(_) => {}
                Err(_) => return Err(format!("kmipd did not say `{expected}`; its log ends:\n{}", self.log_end())),
            }
        }
    }

    /// What it prints after it is ready: the lines to paste.
    pub(crate) fn printed(&self) -> Vec<String> {
        let next = || self.lines.as_ref().and_then(|lines| lines.recv_timeout(Duration::from_secs(1)).ok());
        std::iter::from_fn(next).collect()
    }

    /// The last lines of the log.
    pub(crate) fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.directory.join("kmipd.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// SIGTERM: it finishes what it has begun and ends.
    ///
    /// # Errors
    /// When the process is gone already.
    pub(crate) fn signal_stop(&self) -> Result<(), String> {
        let process = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let process = process.ok_or("the process has no number")?;
        rustix::process::kill_process(process, rustix::process::Signal::TERM).map_err(|error| format!("SIGTERM: {error}"))
    }

    /// kill -9: no handler runs, nothing is flushed by the process.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port nobody listens on at this moment.
///
/// # Errors
/// When the loopback interface has none to give.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port on 127.0.0.1: {error}"))
}
