//! `kmip`: a KMIP client for people and for scripts.

mod arguments;
mod attribute_text;
mod cascade;
mod commands;
mod input;
mod material;
mod output;
mod rotations;
mod service_arguments;
mod services;
mod streams;
mod ttlv;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, Command, Ttlv};
use crate::output::{Failure, Output};

fn main() -> ExitCode {
    // Ends with status 2 and an explanation if the command line is wrong.
    let arguments = Arguments::parse();
    let output = Output { json: arguments.json };
    match run(arguments, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.status()
        }
    }
}

fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    match arguments.command {
        Command::Ttlv { command: Ttlv::Decode { input, full, redact, xml } } => {
            ttlv::decode(&input, ttlv::Style { full, redact, xml }, output)
        }
        Command::Ttlv { command: Ttlv::Encode { file, raw } } => ttlv::encode(&file, raw),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "kmip", &mut script);
            output::raw(&script)
        }
        _ => commands::run(arguments),
    }
}
