//! The program against a server of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A failed unwrap is a failed test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// `kmipd dev`, gone when dropped.
struct Server {
    child: Child,
    config: PathBuf,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_envelope")).with_file_name("kmipd");
        assert!(program.exists(), "{} is missing: cargo build --bin kmipd (with the profile of this test)", program.display());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(folder.with_extension("log")).unwrap();
        let mut command = Command::new(program);
        command.stderr(log);
        command.arg("dev").arg("--dir").arg(folder).args(["--listen", &listen]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut server = Self { child: command.spawn().unwrap(), config: folder.join("clients/demo/client.toml") };
        // When it fails to start its output ends, and so does this.
        let lines = BufReader::new(server.child.stdout.take().unwrap()).lines();
        let ready = format!("kmipd ready on {listen}");
        assert!(lines.map_while(Result::ok).any(|line| line == ready), "kmipd did not start");
        server
    }

    fn envelope(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_envelope"));
        command.arg("--config").arg(&self.config).args(arguments).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn files_are_sealed_and_opened_until_the_key_is_retired() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let server = Server::start(&folder.path().join("server"));
    std::fs::write(path("plain"), b"what nobody else may read").unwrap();
    let run = |arguments: &[&str]| {
        let output = server.envelope(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };

    let first = run(&["seal", "--key", "backups", &path("plain"), &path("one")]);
    let second = run(&["seal", "--key", "backups", &path("plain"), &path("two")]);
    assert_eq!(first, second, "the key is made once");
    for sealed in ["one", "two"] {
        run(&["open", &path(sealed), &path("opened")]);
        assert_eq!(std::fs::read(path("opened")).unwrap(), b"what nobody else may read");
    }

    run(&["retire", "--key", "backups"]);
    let refused = server.envelope(&["open", &path("one"), &path("never")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(!Path::new(&path("never")).exists());
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("envelope: the key "), "{refused:?}");
}
