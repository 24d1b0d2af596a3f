//! Seals files under AES-256 keys that only a KMIP server keeps.
//!
//! ```text
//! cargo run -p examples --bin envelope -- --config kmip-dev/clients/demo/client.toml seal --key backups FILE SEALED
//! cargo run -p examples --bin envelope -- --config kmip-dev/clients/demo/client.toml open SEALED FILE
//! cargo run -p examples --bin envelope -- --config kmip-dev/clients/demo/client.toml retire --key backups
//! ```
//!
//! `seal` finds the active key of that name, or creates and activates one. `open` fetches the key the file names. Both refuse
//! a key that is not Active: revoking it on the server is the switch that closes all its files. `retire` revokes and destroys
//! the key, and nobody opens them ever again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use client::{AttributeList, Client, Configuration, material};
use examples::envelope::{Envelope, seal};
use kmip::Secret;
use kmip::attribute::{Attribute, AttributeReference};
use kmip::enumerations::{CryptographicAlgorithm, ObjectType, RevocationReasonCode, State};
use kmip::identifier::UniqueIdentifier;
use kmip::tag;

type Failure = Box<dyn std::error::Error>;

/// Seals files under keys that only a KMIP server keeps.
#[derive(Parser)]
struct Arguments {
    /// How to reach the server: a client.toml.
    #[arg(long)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Seals a file.
    Seal {
        /// The name of the key; it is made if there is none.
        #[arg(long)]
        key: String,
        /// What to seal.
        file: PathBuf,
        /// Where the sealed file goes.
        sealed: PathBuf,
    },
    /// Opens a sealed file.
    Open {
        /// What to open.
        sealed: PathBuf,
        /// Where the contents go.
        file: PathBuf,
    },
    /// Destroys a key: its files stay sealed for ever.
    Retire {
        /// The name of the key.
        #[arg(long)]
        key: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(done) => {
            drop(writeln!(io::stdout(), "{done}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            drop(writeln!(io::stderr(), "envelope: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<String, Failure> {
    let mut client = Client::connect(&Configuration::load(&arguments.config)?).await?;
    let done = match arguments.command {
        Command::Seal { key, file, sealed } => {
            let identifier = match find(&mut client, &key).await? {
                Some(identifier) => identifier,
                None => make(&mut client, &key).await?,
            };
            let material = fetch(&mut client, &identifier).await?;
            write(&sealed, &seal(&identifier.0, &material, &read(&file)?)?)?;
            format!("sealed under {identifier}")
        }
        Command::Open { sealed, file } => {
            let bytes = read(&sealed)?;
            let envelope = Envelope::parse(&bytes)?;
            let material = fetch(&mut client, &envelope.identifier.into()).await?;
            write(&file, &envelope.open(&material)?)?;
            format!("opened with {}", envelope.identifier)
        }
        Command::Retire { key } => {
            let identifier = find(&mut client, &key).await?.ok_or_else(|| format!("there is no active key named {key}"))?;
            client.revoke(&identifier, RevocationReasonCode::CessationOfOperation, Some("retired"), None).await?;
            client.destroy(&identifier).await?;
            format!("destroyed {identifier}")
        }
    };
    client.close().await;
    Ok(done)
}

/// The active key of a name.
async fn find(client: &mut Client, name: &str) -> Result<Option<UniqueIdentifier>, Failure> {
    let wanted = AttributeList::new().name(name).object_type(ObjectType::SymmetricKey).state(State::Active);
    let mut found = client.locate(wanted, None).await?.unique_identifiers;
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop()),
        // Names are not unique before KMIP 2.0. Which of them to use is not for a program to guess.
        several => Err(format!("{several} active keys are named {name}").into()),
    }
}

async fn make(client: &mut Client, name: &str) -> Result<UniqueIdentifier, Failure> {
    let identifier = client.create_symmetric_key(CryptographicAlgorithm::AES, 256, AttributeList::new().name(name)).await?;
    client.activate(&identifier).await?;
    Ok(identifier)
}

/// The bytes of a key, if it is active. A server gives out keys in other states, too: old data must remain readable where its
/// owner wants that. Here revoked means closed.
async fn fetch(client: &mut Client, identifier: &UniqueIdentifier) -> Result<Secret, Failure> {
    let attributes = client.get_attributes(identifier, &[AttributeReference::Standard(tag::State)]).await?;
    let state = attributes.iter().find_map(|attribute| match attribute {
        Attribute::State(state) => Some(*state),
        _ => None,
    });
    if state != Some(State::Active) {
        return Err(format!("the key {identifier} is not active: its state is {state:?}").into());
    }
    let object = client.get(identifier).await?;
    Ok(material(&object).ok_or("the server sent no key material")?.clone())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    fs::write(path, contents).map_err(|error| format!("{}: {error}", path.display()).into())
}
