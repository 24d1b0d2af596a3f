//! Running other programs, and where things are.

use crate::Outcome;
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// The directory of build results, wherever the caller keeps it.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program of the same build as this one, which is the release build unless somebody ran `cargo run -p xtask` without it.
pub(crate) fn built(program: &str) -> PathBuf {
    let beside = env::current_exe().ok().and_then(|own| own.parent().map(|folder| folder.join(program)));
    beside.unwrap_or_else(|| target().join("release").join(program))
}

/// This very program, to be started again: by the kernel's name for it where there is one, since a build of the workspace
/// while it runs replaces the file it was started from, and a path to that would be gone.
///
/// # Errors
/// When the system does not tell which program runs.
pub(crate) fn own() -> Result<PathBuf, String> {
    let kernel = PathBuf::from("/proc/self/exe");
    if kernel.exists() {
        return Ok(kernel);
    }
    env::current_exe().map_err(|error| format!("the own program: {error}"))
}

/// Brings `kmipd` up to date in the build this program is of.
///
/// # Errors
/// When it does not compile.
pub(crate) fn build_server() -> Outcome {
    let mut build = cargo();
    // Of the whole workspace, so that its libraries are those that a build of the whole workspace left.
    build.args(["build", "--quiet", "--locked", "--workspace", "--bin", "kmipd"]);
    if is_release() {
        build.arg("--release");
    }
    // Where this program itself was built, so that `built` finds what is made now.
    if let Some(directory) = built("kmipd").ancestors().nth(2) {
        build.arg("--target-dir").arg(directory);
    }
    run(&mut build)
}

/// Whether this program, and so what [`built`] finds, is optimised.
pub(crate) fn is_release() -> bool {
    built("kmipd").parent().is_some_and(|folder| folder.ends_with("release"))
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs to the end with our own output streams.
///
/// # Errors
/// When the program cannot be started or does not end with status 0.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", shown(command))) }
}

/// Runs to the end and returns what it wrote to standard output.
///
/// # Errors
/// When the program cannot be started, does not end with status 0 or does not write UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{}: {error}", shown(command)))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}\n{errors}", shown(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{}: output is not UTF-8", shown(command)))
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
