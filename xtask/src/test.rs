//! `cargo xtask test`: everything CI runs, in the order in which a mistake is found soonest.

use crate::Outcome;
use crate::run::{cargo, run};
use crate::{access, audit, bitflips, clock, crash, docs, faults, full, powercut, pykmip, setup, spec_diff, tidy};
use std::time::Instant;

/// Runs every step; stops at the first that fails. Prints how long each took.
pub(crate) fn test() -> Outcome {
    let start = Instant::now();
    for (name, step) in STEPS {
        println!("xtask: {name}");
        let begun = Instant::now();
        step().map_err(|reason| format!("{name} failed: {reason}"))?;
        println!("xtask: {name}: ok after {:.1} s", begun.elapsed().as_secs_f64());
    }
    println!("xtask: all passed after {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// A name to print and what to do.
type Step = (&'static str, fn() -> Outcome);

const STEPS: &[Step] = &[
    ("setup", setup::setup),
    ("tidy", tidy::tidy),
    ("format", || run(cargo().args(["fmt", "--all", "--check"]))),
    ("build", || run(cargo().args(["build", "--release", "--locked", "--workspace"]))),
    ("clippy", || run(cargo().args(["clippy", "--release", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))),
    ("tests", || run(cargo().args(["test", "--release", "--workspace", "--quiet", "--no-fail-fast"]))),
    ("documentation", || {
        let arguments = ["doc", "--release", "--workspace", "--no-deps", "--quiet"];
        run(cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("support matrix", || docs::docs(true)),
    ("spec-diff", || spec_diff::run(None)),
    ("PyKMIP", || pykmip::pykmip(&[])),
    ("matrix", || access::matrix::matrix(&[])),
    ("tenants", || access::tenants::tenants(&[])),
    ("clock", || clock::clock(&[])),
    ("bitflips", || bitflips::bitflips(&[])),
    ("crash", || crash::crash(&[])),
    ("audit", || audit::audit(&[])),
    ("powercut", || powercut::powercut(powercut::Arguments::short())),
    ("faults", || faults::faults(faults::Arguments::short())),
    ("full", full::full),
];
