//! The life-cycle program against a server of its own.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends the server with the test, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_key_lives_its_life_in_every_version() {
    let program = Path::new(env!("CARGO_BIN_EXE_lifecycle"));
    let kmipd = program.with_file_name("kmipd");
    assert!(kmipd.exists(), "{} is missing: cargo build --bin kmipd (with the profile of this test)", kmipd.display());
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let child = Command::new(kmipd)
        .args(["dev", "--listen", &listen, "--dir"])
        .arg(folder.path().join("server"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let mut server = Server(child);
    // When it fails to start its output ends, and so does this.
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let ready = format!("kmipd ready on {listen}");
    assert!(lines.map_while(Result::ok).any(|line| line == ready), "kmipd did not start");

    let config = folder.path().join("server/clients/demo/client.toml");
    for version in [&[][..], &["1.0"], &["1.2"], &["1.4"], &["2.0"]] {
        let output = Command::new(program).arg(&config).args(version).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{version:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        for step in
            ["activated it: Some(Active)", "got it: Secret(32 bytes)", "refused, rightly: Destroy failed", "Secret(28 bytes)"]
        {
            assert!(said.contains(step), "{version:?}: {step} is not in {said}");
        }
    }
    let output = Command::new(program).arg(folder.path().join("nothing.toml")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
