//! The C library's allocator, told to give large blocks back to the system.
//!
//! glibc raises the size from which blocks are mapped one by one with every such block that is freed, up to 32 MiB; blocks below it
//! stay with the process, in pieces. Clients that ask for large objects would make the server grow to twice what its limits say
//! (measured: 72 MiB instead of 41, with 32 MiB of responses unread). A size that is set is not raised. It can be set by the environment
//! of a process that begins, or by a call that is not safe Rust; so the program begins once more, as the same process.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable, and the size in bytes: the C library's own first value. Requests of usual size never have such blocks.
const SIZE: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Begins the program once more with the size set, unless the environment sets one already. Call it before anything is opened.
pub(crate) fn set_up() {
    let Ok(program) = std::env::current_exe() else { return };
    if !cfg!(target_env = "gnu") || std::env::var_os(SIZE.0).is_some() {
        return;
    }
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).env(SIZE.0, SIZE.1).exec();
    // The server works all the same.
    crate::commands::complain(&format!("kmipd: the allocator cannot be set up: {error}"));
}
