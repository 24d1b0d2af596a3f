//! Reads a trace of system calls and judges it: nothing may be acknowledged before it was synced.

use std::collections::HashMap;

/// The command that traces what [`judge`] reads: all threads, descriptors as paths and sockets, no contents (they are keys).
///
/// `-D` makes the traced program our child and the tracer its grandchild, so that a kill meets the program.
pub(crate) fn strace(output: &str) -> Vec<&str> {
    const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,ftruncate,fallocate,fsync,fdatasync,sendto,sendmsg";
    vec!["strace", "-D", "-f", "-yy", "-qq", "-s", "0", "-e", "signal=none", "-e", CALLS, "-o", output]
}

/// What a trace shows when it shows no violation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Answers sent after at least one sync of a data file since the answer before them.
    pub(crate) synced: usize,
    /// Answers that needed no sync (handshakes, reads).
    pub(crate) plain: usize,
}

/// What is known at one point of the trace. Positions are line numbers.
#[derive(Default)]
struct State {
    /// Data files with writes that no completed sync covers, and where the last of these ended; `usize::MAX` while it runs.
    dirty: HashMap<String, usize>,
    /// The call each thread is in: name, target, and where it began.
    open: HashMap<String, (String, String, usize)>,
    synced: bool,
    verdict: Verdict,
}

/// Judges a whole trace: `data` is the directory of the data files, `port` the port the server answers on.
///
/// # Errors
/// The first answer that left while something written to a data file was not yet synced, with the lines of both.
pub(crate) fn judge(trace: &str, data: &str, port: u16) -> Result<Verdict, String> {
    let mut state = State::default();
    let peer = format!("TCP:[127.0.0.1:{port}->");
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(resumed) = call.strip_prefix("<... ") {
            let Some((_, target, begun)) = state.open.remove(thread) else { continue };
            let name = resumed.split(' ').next().unwrap_or_default();
            state.end(name, &target, begun, number, succeeded(resumed));
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else { continue };
        let Some(target) = target(arguments) else { continue };
        let relevant = target.starts_with(data) || target.starts_with(&peer);
        if !relevant {
            continue;
        }
        if target.starts_with(&peer) {
            state.answer(number, line)?;
            continue;
        }
        state.begin(name, target);
        if call.ends_with("<unfinished ...>") {
            state.open.insert(thread.to_owned(), (name.to_owned(), target.to_owned(), number));
        } else {
            state.end(name, target, number, number, succeeded(call));
        }
    }
    Ok(state.verdict)
}

impl State {
    fn begin(&mut self, name: &str, target: &str) {
        if !is_sync(name) {
            self.dirty.insert(target.to_owned(), usize::MAX);
        }
    }

    fn end(&mut self, name: &str, target: &str, begun: usize, ended: usize, succeeded: bool) {
        if !is_sync(name) {
            self.dirty.insert(target.to_owned(), ended);
        } else if succeeded {
            // A sync covers the writes that were over when it began.
            if self.dirty.get(target).is_some_and(|written| *written < begun) {
                self.dirty.remove(target);
            }
            self.synced = true;
        }
    }

    fn answer(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some((file, written)) = self.dirty.iter().next() {
            let when = if *written == usize::MAX { "still being written".to_owned() } else { format!("line {}", written + 1) };
            return Err(format!("trace line {}: an answer left before a sync of {file} ({when}): {line}", number + 1));
        }
        if std::mem::take(&mut self.synced) {
            self.verdict.synced += 1;
        } else {
            self.verdict.plain += 1;
        }
        Ok(())
    }
}

fn is_sync(name: &str) -> bool {
    matches!(name, "fsync" | "fdatasync")
}

/// What the first argument's descriptor stands for: `9</path>` or `9<TCP:[..]>`.
fn target(arguments: &str) -> Option<&str> {
    let (_, rest) = arguments.split_once('<')?;
    // A socket's own text holds `->`, so the end is the `>` before the next argument.
    let end = [">,", ">)", "> "].iter().filter_map(|end| rest.find(end)).min()?;
    Some(&rest[..end])
}

/// Whether the call returned 0 or more.
fn succeeded(call: &str) -> bool {
    call.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-') && !result.starts_with('?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &str = "7 pwrite64(9</t/data/db>, \"\"..., 64, 128) = 64\n";
    const SYNC: &str = "7 fdatasync(9</t/data/db>)    = 0\n";
    const ANSWER: &str = "8 sendto(12<TCP:[127.0.0.1:5000->127.0.0.1:6000]>, \"\"..., 20, MSG_NOSIGNAL, NULL, 0) = 20\n";

    fn verdict(lines: &[&str]) -> Result<Verdict, String> {
        judge(&lines.concat(), "/t/data", 5000)
    }

    #[test]
    fn a_write_a_sync_and_an_answer_are_in_order() {
        assert_eq!(verdict(&[ANSWER, WRITE, SYNC, ANSWER]), Ok(Verdict { synced: 1, plain: 1 }));
    }

    #[test]
    fn an_answer_before_the_sync_is_a_violation() {
        assert!(verdict(&[WRITE, ANSWER, SYNC]).unwrap_err().contains("line 2"));
        assert!(verdict(&[WRITE, SYNC, WRITE, ANSWER]).is_err());
    }

    #[test]
    fn a_failed_sync_or_that_of_another_file_does_not_count() {
        assert!(verdict(&[WRITE, "7 fdatasync(9</t/data/db>) = -1 EIO (Input/output error)\n", ANSWER]).is_err());
        assert!(verdict(&[WRITE, "7 fdatasync(10</t/data/other>) = 0\n", ANSWER]).is_err());
    }

    #[test]
    fn a_sync_that_began_before_the_write_ended_does_not_cover_it() {
        let sync_begins = "6 fsync(9</t/data/db> <unfinished ...>\n";
        let sync_ends = "6 <... fsync resumed>) = 0\n";
        assert!(verdict(&[sync_begins, WRITE, sync_ends, ANSWER]).is_err());
        assert_eq!(verdict(&[WRITE, sync_begins, sync_ends, ANSWER]), Ok(Verdict { synced: 1, plain: 0 }));
        let write_begins = "7 write(9</t/data/db>, \"\"..., 64 <unfinished ...>\n";
        assert!(verdict(&[write_begins, SYNC, ANSWER]).unwrap_err().contains("still being written"));
    }

    #[test]
    fn other_files_and_other_sockets_do_not_matter() {
        let log = "7 write(2</t/kmipd.log>, \"\"..., 80) = 80\n";
        let other = "7 sendto(5<TCP:[127.0.0.1:7000->127.0.0.1:6000]>, \"\"..., 2, 0, NULL, 0) = 2\n";
        assert_eq!(verdict(&[log, other]), Ok(Verdict::default()));
    }
}
