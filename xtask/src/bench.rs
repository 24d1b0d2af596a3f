//! `cargo xtask bench`: the micro-benchmarks, then Get and Create beside the TLS floor, against a server of our own.

use crate::Outcome;
use crate::run::{built, run};
use crate::server::{DevServer, free_port};
use std::process::Command;

/// Runs both; further arguments go to the load generator.
pub(crate) fn bench(arguments: &[&str]) -> Outcome {
    run(crate::run::cargo().args(["build", "--release", "--locked", "--package", "server", "--package", "benches"]))?;
    run(Command::new(built("benches")).arg("codec"))?;
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let port = free_port()?;
    let server = DevServer::start(directory.path(), port, &[])?;
    let mut load = Command::new(built("benches"));
    load.arg("load").arg("--dir").arg(server.directory()).args(["--endpoint", &format!("127.0.0.1:{port}")]).args(arguments);
    run(&mut load)?;
    let mut heavy = Command::new(built("benches"));
    heavy.arg("heavy").arg("--dir").arg(server.directory()).args(["--endpoint", &format!("127.0.0.1:{port}"), "--most", "3"]);
    run(&mut heavy)
}
