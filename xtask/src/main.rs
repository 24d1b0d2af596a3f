//! Everything a contributor runs, as `cargo xtask COMMAND`.
//!
//! ```text
//! setup        installs the system packages the tests need (packages.txt), or names them
//! test         everything CI runs: setup, tidy, format, clippy, build, tests, documentation, PyKMIP, clock, bitflips, crash, powercut, faults
//! tidy         the rules about the tree that no compiler checks (see tidy.rs)
//! docs         writes the support matrix into README.md, docs/kmip-support.md and docs/cryptography.md; with --check fails when they are not current
//! spec-diff    compares the tables of `kmip` with the CSV files of the standards, when they are at hand
//! pykmip       the life cycle of a key with the stock PyKMIP client, in six protocol versions
//! conformance  the conformance program on a directory of cases, against a server of our own
//! crash        kill -9 under eight writers; a trace of the system calls behind an acknowledgement; time to be ready again
//! audit        kill -9 under readers, and audit sinks that fail: every answer that released a key has its record
//! powercut     power cuts under eight writers, on a file system that forgets what was not synced
//! faults       every write, fsync, rename and open fails once
//! full         a file system filled to the last byte under the server, and room again
//! clock        the server's clock ten years ahead, ten years back, stopped, jumping
//! bitflips     one flipped bit in the files of a store: never wrong bytes, never an object silently missing
//! scale        a million objects beside a thousand: time to start, processor time of Get and Locate, memory
//! matrix       every decision of the policy's matrix over real connections
//! tenants      one tenant tries what is another's, in every way a request can name it
//! cost         what policy and audit log add to the processor time of a Get
//! reports      what a report of 100,000 objects takes, and what it costs the clients meanwhile
//! creates      Creates for each sync, and what one Create waits for
//! bench        the micro-benchmarks and the load generator
//! ```

// A command-line tool talks to its user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod access;
mod audit;
mod bench;
mod bitflips;
mod clock;
mod conformance;
mod crash;
mod creates;
mod dice;
mod docs;
mod faults;
mod full;
mod log_chain;
mod options;
mod powercut;
mod pykmip;
mod reports;
mod run;
mod scale;
mod server;
mod setup;
mod spec_diff;
mod store_worker;
mod test;
mod tidy;
mod trace;
mod volatile;

use std::process::ExitCode;

/// What went wrong, in words for the person who ran the command.
type Outcome = Result<(), String>;

const USAGE: &str = "usage: cargo xtask setup|test|tidy|pykmip [VERSION]|conformance CASES|spec-diff [DIRECTORY]|docs [--check]|crash [--rounds N] [--objects N] [--seed N]|audit [--rounds N] [--seed N]|clock|bitflips [--flips N] [--seed N]|powercut [--rounds N] [--seed N] [--keep DIR] [--without-sync]|faults [--every N] [--seed N] [--only CLASS N]|full|scale [--objects N] [--dir DIR]|creates [--dir DIR]|matrix|tenants [--attempts N]|cost|reports [--objects N]|bench";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["setup"] => setup::setup(),
        ["test"] => test::test(),
        ["tidy"] => tidy::tidy(),
        ["conformance", cases] => conformance::conformance(cases.as_ref()),
        ["spec-diff"] => spec_diff::run(None),
        ["spec-diff", directory] => spec_diff::run(Some(directory.as_ref())),
        ["docs"] => docs::docs(false),
        ["docs", "--check"] => docs::docs(true),
        ["bench", arguments @ ..] => bench::bench(arguments),
        ["crash", arguments @ ..] => crash::crash(arguments),
        ["audit", arguments @ ..] => audit::audit(arguments),
        ["scale", arguments @ ..] => scale::scale(arguments),
        ["creates", arguments @ ..] => creates::creates(arguments),
        ["matrix", arguments @ ..] => access::matrix::matrix(arguments),
        ["reports", arguments @ ..] => reports::reports(arguments),
        ["cost", arguments @ ..] => access::cost::cost(arguments),
        ["tenants", arguments @ ..] => access::tenants::tenants(arguments),
        ["clock", arguments @ ..] => clock::clock(arguments),
        ["bitflips", arguments @ ..] => bitflips::bitflips(arguments),
        ["faults", words @ ..] => faults::Arguments::read(words).and_then(faults::faults),
        ["powercut", words @ ..] => powercut::Arguments::read(words).and_then(powercut::powercut),
        ["store-worker", words @ ..] => return store_worker::main(words),
        ["full"] => full::full(),
        ["pykmip", versions @ ..] => pykmip::pykmip(versions),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
