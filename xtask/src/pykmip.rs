//! `cargo xtask pykmip`: the acceptance with the stock PyKMIP client of the Python registry.

use crate::Outcome;
use crate::run::{root, run, target};
use crate::server::{DevServer, free_port};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The versions that have cryptographic services.
const SERVICES: [&str; 4] = ["1.2", "1.3", "1.4", "2.0"];

/// Runs examples/pykmip/lifecycle.py and services.py against a server of our own; with arguments only these protocol versions.
pub(crate) fn pykmip(versions: &[&str]) -> Outcome {
    let python = environment()?;
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let server = DevServer::start(directory.path(), free_port()?, &[])?;
    as_printed(&server, &python)?;
    let mut lifecycle = Command::new(&python);
    lifecycle.arg(root().join("examples/pykmip/lifecycle.py"));
    lifecycle.arg("--config").arg(server.bundle().join("pykmip.conf"));
    for version in versions {
        lifecycle.args(["--version", version]);
    }
    let failed = |reason| format!("{reason}\nthe server's log ends:\n{}", server.log_end());
    run(&mut lifecycle).map_err(failed)?;
    let with_services: Vec<&str> = match versions {
        [] => SERVICES.to_vec(),
        some => some.iter().copied().filter(|version| SERVICES.contains(version)).collect(),
    };
    if with_services.is_empty() {
        return Ok(());
    }
    let mut services = Command::new(&python);
    services.arg(root().join("examples/pykmip/services.py"));
    services.arg("--config").arg(server.bundle().join("pykmip.conf"));
    for version in with_services {
        services.args(["--version", version]);
    }
    run(&mut services).map_err(failed)
}

/// The lines that `kmipd dev` prints to paste must work as printed: those for `kmip`, and the one block for PyKMIP.
fn as_printed(server: &DevServer, python: &Path) -> Outcome {
    let printed = server.printed();
    let is_command = |line: &&String| line.contains("client.toml");
    let mut commands: Vec<String> = printed.iter().filter(is_command).map(|line| line.trim().to_owned()).collect();
    let block = printed.iter().skip_while(|line| !line.starts_with("python3")).map(String::as_str);
    commands.push(block.collect::<Vec<_>>().join("\n") + "\n");
    if commands.len() < 3 || !commands.iter().any(|command| command.contains("pykmip.conf")) {
        return Err(format!("kmipd dev printed nothing to paste, but:\n{}", printed.join("\n")));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = python.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(places).map_err(|error| format!("PATH: {error}"))?;
    for command in commands {
        run(Command::new("sh").args(["-e", "-c", &command]).env("PATH", &path))?;
    }
    Ok(())
}

/// The interpreter of a virtual environment that holds exactly examples/pykmip/requirements.txt; made when needed.
///
/// # Errors
/// When Python 3, its venv module or the registry is not available.
pub(crate) fn environment() -> Result<PathBuf, String> {
    let place = target().join("pykmip-venv");
    let python = place.join("bin").join("python");
    let stamp = place.join("requirements.txt");
    let requirements = root().join("examples/pykmip/requirements.txt");
    let wanted = std::fs::read(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    // The stamp is written last: an interrupted installation is made again from nothing.
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(Command::new(&python).args(install).arg(&requirements))?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}
