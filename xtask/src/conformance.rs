//! `cargo xtask conformance PATH`: the conformance program on a directory of cases, against a server of our own.

use crate::Outcome;
use crate::run::{built, root, run};
use crate::server::{DevServer, free_port};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Versions whose cases the server is judged by; a directory of the cases each.
const VERSIONS: &[&str] = &["1.0", "1.2", "1.4", "2.1"];

/// Accounts the published cases presuppose.
const ACCOUNTS: &[(&str, &str)] = &[("Fred", "password1"), ("Barney", "secret2"), ("one-time-user", "one-time-password")];

/// Makes the accounts through the server's administration socket, as an operator does.
fn add_accounts(server: &DevServer) -> Outcome {
    for (name, password) in ACCOUNTS {
        let mut command = Command::new(built("kmipd"));
        command.args(["user", "add", name, "--password-stdin", "--config"]).arg(server.directory().join("kmipd.toml"));
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| format!("kmipd user add: {error}"))?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(password.as_bytes()).map_err(|error| format!("kmipd user add: {error}"))?;
        }
        let status = child.wait().map_err(|error| format!("kmipd user add: {error}"))?;
        if !status.success() {
            return Err(format!("kmipd user add {name}: {status}"));
        }
    }
    Ok(())
}

/// Cases of servers that are configured otherwise: their names, and what stands under `services` in their configuration.
const ALTERNATIVES: &[(&str, &str)] =
    &[("CS-RNG-O-2-*", "rng_seed = \"accept\"\nrng_seed_bytes_max = 16\n"), ("CS-RNG-O-4-*", "rng_seed = \"refuse\"\n")];

/// Runs every case below `cases`, those of [`ALTERNATIVES`] against servers of their own; the checked-in list of known failures may only
/// shrink.
pub(crate) fn conformance(cases: &Path) -> Outcome {
    let known = root().join("conformance/known-failures.txt");
    let mut arguments = vec!["--known-failures".to_owned(), known.display().to_string()];
    arguments.extend(ALTERNATIVES.iter().flat_map(|(pattern, _)| ["--except".to_owned(), (*pattern).to_owned()]));
    judge(cases, None, &arguments)?;
    for (pattern, services) in ALTERNATIVES {
        judge(cases, Some(services), &["--filter".to_owned(), (*pattern).to_owned()])?;
    }
    Ok(())
}

/// Adds to the configuration that `kmipd dev` made, which says nothing of services.
fn configure(server: &DevServer, services: &str) -> Outcome {
    let file = server.directory().join("kmipd.toml");
    let unusable = |error: std::io::Error| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(&file).map_err(unusable)?;
    std::fs::write(&file, format!("{text}\n[services]\n{services}")).map_err(unusable)
}

/// Runs cases against a server of its own, whose configuration is changed before it serves.
fn judge(cases: &Path, services: Option<&str>, arguments: &[String]) -> Outcome {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let port = free_port()?;
    let mut server = DevServer::start(directory.path(), port, &[])?;
    if let Some(services) = services {
        configure(&server, services)?;
        drop(server);
        server = DevServer::start(directory.path(), port, &[])?;
    }
    add_accounts(&server)?;
    let mut command = Command::new(built("conformance"));
    command.arg("--endpoint").arg(format!("127.0.0.1:{port}")).arg("--certs").arg(server.bundle());
    command.args(["--only-operations", "services"]);
    command.args(arguments);
    for version in VERSIONS {
        let cases = cases.join(version);
        if !cases.is_dir() {
            return Err(format!("{} is not a directory", cases.display()));
        }
        command.arg("--cases").arg(cases);
    }
    run(&mut command).map_err(|reason| format!("{reason}\nthe server's log ends:\n{}", server.log_end()))
}
