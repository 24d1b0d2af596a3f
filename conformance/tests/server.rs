//! The program on its own cases against a real server: `kmipd dev` on a free port, mutual TLS, in a temporary directory.

#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server that stops when it is dropped.
struct Server {
    process: Child,
    address: String,
    directory: tempfile::TempDir,
    // Kept open: a server that prints to a closed pipe would end.
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut process = Command::new(kmipd())
            .args(["dev", "--listen", "127.0.0.1:0", "--dir"])
            .arg(directory.path().join("kmip-dev"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
                process.wait().unwrap();
                panic!("kmipd ended before it was ready:\n{said}{log}");
            }
            if let Some(address) = line.trim().strip_prefix("kmipd ready on ") {
                break address.to_owned();
            }
            said.push_str(&line);
        };
        let server = Self { process, address, directory, _output: output };
        server.add_user("Fred", "password1");
        server
    }

    /// Makes an account that cases name.
    fn add_user(&self, name: &str, password: &str) {
        let mut command = Command::new(kmipd());
        command.args(["user", "add", name, "--password-stdin", "--config"]);
        let mut child = command.arg(self.directory.path().join("kmip-dev/kmipd.toml")).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "the user {name} could not be added");
    }

    fn certificates(&self) -> PathBuf {
        self.directory.path().join("kmip-dev/clients/demo")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; the test says so then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server's binary, built now: cargo builds the binaries of other packages only when asked to.
fn kmipd() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_conformance")).parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--workspace", "--bin", "kmipd"]);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
    assert!(built.success(), "kmipd does not build");
    profile.join("kmipd")
}

fn conformance(server: &Server, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_conformance"))
        .args(["--endpoint", &server.address, "--certs"])
        .arg(server.certificates())
        .arg("--cases")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"))
        .args(arguments)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_server_passes_our_own_cases() {
    let server = Server::start();
    let report = server.directory.path().join("report.json");
    let (passed, output) = conformance(&server, &["--json", report.to_str().unwrap()]);
    let failed: String = output.lines().filter(|line| !line.starts_with("PASS ")).map(|line| format!("{line}\n")).collect();
    assert!(passed, "{failed}\n{}", server.log());
    let last = output.lines().last().unwrap();
    assert!(last.ends_with(" passed, 0 failed"), "{last}");
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(format!("{} passed, 0 failed", report["passed"]), last);
    assert!(report["cases"].as_array().unwrap().len() > 80);
}

#[test]
fn what_must_not_pass_fails_and_the_exit_status_says_so() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/1.2/KEY-LIFE-12.xml");
    let wrong = std::fs::read_to_string(case).unwrap().replace(r#"value="PreActive""#, r#"value="Active""#);
    std::fs::write(directory.path().join("WRONG-12.xml"), wrong).unwrap();
    let list = directory.path().join("known.txt");
    let wrong_case = ["--cases", directory.path().to_str().unwrap(), "--filter", "WRONG-*"];

    let (passed, output) = conformance(&server, &wrong_case);
    assert!(!passed);
    assert!(output.contains("FAIL WRONG-12: step 4: BatchItem[0]/ResponsePayload/Attribute[State]/AttributeValue"), "{output}");
    assert!(output.contains("expected Enumeration Active, got Enumeration PreActive"), "{output}");
    assert_eq!(output.lines().last(), Some("0 passed, 1 failed"));

    // A listed failure is no error; a listed case that passes is one.
    std::fs::write(&list, "WRONG-*  wrong on purpose\n").unwrap();
    let listed = ["--known-failures", list.to_str().unwrap()];
    assert!(conformance(&server, &[&wrong_case[..], &listed].concat()).0);
    std::fs::write(&list, "KEY-LIFE-12  a claim that is not true\n").unwrap();
    let (passed, output) = conformance(&server, &[&["--filter", "KEY-LIFE-12"], &listed[..]].concat());
    assert!(!passed);
    assert!(output.contains("take it off the list"), "{output}");
}
