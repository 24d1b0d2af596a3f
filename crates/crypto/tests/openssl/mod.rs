//! Runs the openssl command: the other implementation that ours must agree with.

#![allow(dead_code, reason = "not every test that has this module needs all of it")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory for the files of one test, gone with it.
pub(crate) struct OpenSsl(TempDir);

impl OpenSsl {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file (a key, a signature) and gives its path as an argument.
    pub(crate) fn file(&self, name: &str, contents: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What a command wrote to a file of the directory.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `openssl` with these arguments in the directory; the input goes to its standard input.
    ///
    /// # Errors
    /// What it wrote to its standard error, if it failed.
    ///
    /// # Panics
    /// When it is not installed: a test that lacks its tool fails.
    pub(crate) fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("openssl: {error}; install the package openssl"));
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // From a thread: a command that writes before it has read everything must not wait for us.
        let feeding = std::thread::spawn(move || {
            // One that fails early closes its input; its error is what tells.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// [`OpenSsl::run`], which must succeed.
    pub(crate) fn done(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        self.run(arguments, input).unwrap_or_else(|error| panic!("openssl {}: {error}", arguments.join(" ")))
    }
}

/// Bytes as the command takes keys and IVs.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
