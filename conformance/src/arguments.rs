//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Runs XML test cases against a KMIP endpoint over mutual TLS.
///
/// Before each case the endpoint is asked to forget the caller's objects if it offers Interop (test servers only do); elsewhere only
/// what a case made is destroyed.
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
pub struct Arguments {
    /// The endpoint, HOST:PORT.
    #[arg(long, required_unless_present = "list")]
    pub endpoint: Option<String>,
    /// A directory with ca.pem, cert.pem and key.pem.
    #[arg(long, required_unless_present = "list", value_name = "DIR")]
    pub certs: Option<PathBuf>,
    /// The same for the other clients of cases with several; without it they use a connection of their own and the same certificate.
    #[arg(long, value_name = "DIR")]
    pub second_certs: Option<PathBuf>,
    /// Files or directories with cases.
    #[arg(long, value_name = "PATH", default_value = "conformance/cases")]
    pub cases: Vec<PathBuf>,
    /// Only cases whose name fits the pattern (`*`, `?`).
    #[arg(long, value_name = "GLOB")]
    pub filter: Option<String>,
    /// Leave out cases whose name fits the pattern; may be given several times.
    #[arg(long, value_name = "GLOB")]
    pub except: Vec<String>,
    /// Only cases that use none but these operations, separated by commas; `core` stands for those of the first release, without key
    /// wrapping and without the HTTPS, JSON and XML message encodings.
    #[arg(long, value_name = "LIST")]
    pub only_operations: Option<String>,
    /// A file of cases that are known to fail: a pattern, white space, the reason. A listed case that passes is an error.
    #[arg(long, value_name = "FILE")]
    pub known_failures: Option<PathBuf>,
    /// Write the outcomes to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// List the cases with the operations they use instead of running them.
    #[arg(long)]
    pub list: bool,
}
