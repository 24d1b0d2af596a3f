//! The program `conformance`: see `--help`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program reports on its output")]

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use conformance::arguments::Arguments;
use conformance::bindings::Bindings;
use conformance::case::Case;
use conformance::connection::Endpoint;
use conformance::isolation::Isolation;
use conformance::known_failures::KnownFailures;
use conformance::preparation::prepare;
use conformance::report::{self, Outcome};
use conformance::run::{REPEAT_FOR, run_case};
use conformance::selection::{self, Selection};

/// Exit status: something could not even be tried.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("conformance: {problem}");
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Whether everything went as expected.
fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let selection = Selection {
        except: arguments.except.clone(),
        ..Selection::new(arguments.filter.as_deref(), arguments.only_operations.as_deref())
    };
    let files = selection::files(&arguments.cases)?;
    let cases = files.iter().map(|file| Case::read(file)).collect::<Result<Vec<_>, _>>()?;
    if !cases.iter().any(|case| selection.includes(case)) {
        return Err("no case fits".into());
    }
    if arguments.list {
        list(&cases, &selection);
        return Ok(true);
    }
    let known = match &arguments.known_failures {
        Some(file) => KnownFailures::parse(&std::fs::read_to_string(file)?)?,
        None => KnownFailures::default(),
    };
    let (Some(address), Some(certificates)) = (&arguments.endpoint, &arguments.certs) else {
        return Err("an endpoint and its certificates are needed".into());
    };
    let mut endpoint = Endpoint::new(address, certificates, arguments.second_certs.as_deref())?;
    let isolation = Isolation::offered_by(&mut endpoint);
    let mut outcomes = Vec::new();
    for group in selection::groups(&cases) {
        // The members of a family up to the last one asked for: each builds on those before it.
        let Some(last) = group.iter().rposition(|case| selection.includes(case)) else { continue };
        let group = &group[..=last];
        let mut bindings = Bindings::default();
        isolation.before(group, &mut endpoint);
        for case in group {
            prepare(case, group, &mut endpoint);
            let failure = run_case(case, &mut bindings, &mut endpoint, REPEAT_FOR).err();
            if selection.includes(case) {
                let known = known.reason(&case.name).map(str::to_owned);
                let outcome = Outcome { name: case.name.clone(), failure, known };
                println!("{outcome}");
                std::io::stdout().flush()?;
                outcomes.push(outcome);
            }
        }
        isolation.after(group, &bindings, &mut endpoint);
    }
    if let Some(file) = &arguments.json {
        std::fs::write(file, report::json(&outcomes))?;
    }
    println!("{}", report::summary(&outcomes));
    Ok(!outcomes.iter().any(Outcome::is_unexpected))
}

fn list(cases: &[Case], selection: &Selection) {
    let mut count = 0;
    for case in cases.iter().filter(|case| selection.includes(case)) {
        let operations: Vec<&str> = case.operations().into_iter().collect();
        let wrapping = if case.uses_key_wrapping() { " [key wrapping]" } else { "" };
        println!("{} {}: {}{wrapping}", case.name, case.version, operations.join(" "));
        count += 1;
    }
    println!("{count} cases");
}
