//! `benches codec`, `benches timing`, `benches load` and `benches heavy`: see the library.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use benches::connection::Identity;
use benches::heavy::Heavy;
use benches::load::{Load, Measured};
use benches::{codec, heavy, load, timing};
use clap::{Parser, Subcommand};
use kmip::ProtocolVersion;

/// Measures the codec, the timing of refusals, or a running server beside the least that any server must do.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Times reading and writing of messages.
    Codec {
        /// How long each case takes, in milliseconds.
        #[arg(long, default_value_t = 500)]
        milliseconds: u64,
    },
    /// Tells whether the time of a refusal says why it was refused; fails if it does.
    Timing {
        /// How many calls of each function.
        #[arg(long, default_value_t = 400_000)]
        samples: usize,
        /// Only what has this in its name.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Sends Get and Create to a running server. The keys it creates stay there: do not aim it at a server you need.
    Load {
        #[command(flatten)]
        target: Target,
        /// The server's certificate, for the floor [default: server.pem in DIR].
        #[arg(long, value_name = "FILE")]
        server_certificate: Option<PathBuf>,
        /// Its key [default: server-key.pem in DIR].
        #[arg(long, value_name = "FILE")]
        server_key: Option<PathBuf>,
        /// What to measure.
        #[arg(long, value_delimiter = ',', default_value = "get,create")]
        operations: Vec<Measured>,
        /// With how many connections at once.
        #[arg(long, value_delimiter = ',', default_value = "1,8")]
        connections: Vec<usize>,
        /// How long a round takes.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// How many rounds.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Takes the time of Get alone, and while clients generate RSA key pairs. The keys it creates stay there.
    Heavy {
        #[command(flatten)]
        target: Target,
        /// How many clients generate key pairs.
        #[arg(long, default_value_t = 10)]
        generators: usize,
        /// The length of their keys, in bits.
        #[arg(long, default_value_t = 4096)]
        bits: i32,
        /// With how many connections Get is measured.
        #[arg(long, default_value_t = 1)]
        connections: usize,
        /// How long a round takes.
        #[arg(long, default_value_t = 8)]
        seconds: u64,
        /// How many rounds.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Fails when Get takes more than so many times as long as alone.
        #[arg(long, value_name = "RATIO")]
        most: Option<f64>,
    },
}

/// The server that is measured.
#[derive(clap::Args)]
struct Target {
    /// The folder of the server, as `kmipd dev` makes it.
    #[arg(long, default_value = "kmip-dev")]
    dir: PathBuf,
    /// The server.
    #[arg(long, default_value = "127.0.0.1:5696", value_name = "HOST:PORT")]
    endpoint: String,
    /// The client's ca.pem, cert.pem and key.pem [default: clients/demo in DIR].
    #[arg(long, value_name = "FOLDER")]
    client: Option<PathBuf>,
    /// The version of the messages.
    #[arg(long, default_value = "1.4", value_parser = version)]
    kmip: ProtocolVersion,
}

impl Target {
    fn identity(&self) -> Identity {
        let client = self.client.clone().unwrap_or_else(|| self.dir.join("clients/demo"));
        Identity { authorities: client.join("ca.pem"), certificate: client.join("cert.pem"), key: client.join("key.pem") }
    }
}

fn version(text: &str) -> Result<ProtocolVersion, String> {
    ProtocolVersion::ALL
        .into_iter()
        .find(|version| version.to_string() == text)
        .ok_or_else(|| "there is no such version".to_owned())
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If even this cannot be written, the exit status remains.
            drop(writeln!(io::stderr(), "benches: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> io::Result<()> {
    match arguments.command {
        Command::Codec { milliseconds } => codec::run(Duration::from_millis(milliseconds), &mut io::stdout()),
        Command::Timing { samples, only } => timing::run(samples, &only, &mut io::stdout()),
        Command::Load { target, server_certificate, server_key, operations, connections, seconds, rounds } => {
            if connections.contains(&0) || rounds == 0 {
                return Err(nothing_to_measure());
            }
            let client = target.identity();
            let load = Load {
                endpoint: target.endpoint,
                server: Identity {
                    authorities: client.authorities.clone(),
                    certificate: server_certificate.unwrap_or_else(|| target.dir.join("server.pem")),
                    key: server_key.unwrap_or_else(|| target.dir.join("server-key.pem")),
                },
                client,
                version: target.kmip,
                operations,
                connections,
                round: Duration::from_secs(seconds),
                rounds,
            };
            load::run(&load, &mut io::stdout()).map(drop)
        }
        Command::Heavy { target, generators, bits, connections, seconds, rounds, most } => {
            if connections == 0 || rounds == 0 || generators == 0 {
                return Err(nothing_to_measure());
            }
            let heavy = Heavy {
                client: target.identity(),
                endpoint: target.endpoint,
                version: target.kmip,
                generators,
                bits,
                connections,
                round: Duration::from_secs(seconds),
                rounds,
            };
            let ratio = heavy::run(&heavy, &mut io::stdout())?.ratio();
            match most {
                Some(most) if ratio > most => Err(io::Error::other(format!("{ratio:.2} times is more than {most}"))),
                _ => Ok(()),
            }
        }
    }
}

fn nothing_to_measure() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "nothing to measure: connections, clients and rounds count from 1")
}
