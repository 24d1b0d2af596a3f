//! Takes a key through its whole life, and says at each step what it does.
//!
//! ```text
//! cargo run -p examples --bin lifecycle -- kmip-dev/clients/demo/client.toml [VERSION]
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use client::{AttributeList, Client, Configuration, material, parse_version, secret_data};
use kmip::Secret;
use kmip::attribute::{Attribute, AttributeReference};
use kmip::enumerations::{BatchErrorContinuationOption, CryptographicAlgorithm, RevocationReasonCode, SecretDataType};
use kmip::masks::CryptographicUsageMask;
use kmip::payload::{ActivateRequest, GetAttributesRequest};
use kmip::tag;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "lifecycle: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(what: impl std::fmt::Display) {
    drop(writeln!(io::stdout(), "{what}"));
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("where is client.toml? Give its path")?;
    let mut configuration = Configuration::load(Path::new(&file))?;
    if let Some(version) = arguments.next() {
        configuration = configuration.with_version(parse_version(&version)?);
    }
    let mut client = Client::connect(&configuration).await?;
    say(format_args!("connected to {}, speaking KMIP {}", configuration.endpoint(), client.version()));

    // A name makes the key findable again; nothing else about it needs to be remembered.
    let attributes = AttributeList::new().name("lifecycle example").group("examples");
    let key = client.create_symmetric_key(CryptographicAlgorithm::AES, 256, attributes).await?;
    say(format_args!("created {key}"));

    let found = client.locate(AttributeList::new().name("lifecycle example"), None).await?;
    if !found.unique_identifiers.contains(&key) {
        return Err("the key is not found by its name".into());
    }
    say("found it by its name");

    // Several operations in one exchange: each result has a slot of its own type.
    let mut batch = client.batch();
    let activated = batch.push(&ActivateRequest { unique_identifier: Some(key.clone().into()) });
    let state = batch.push(&GetAttributesRequest {
        unique_identifier: Some(key.clone().into()),
        attribute_references: vec![AttributeReference::Standard(tag::State)],
    });
    batch.on_error(BatchErrorContinuationOption::Stop);
    let results = client.send(batch).await?;
    results.get(&activated)?;
    say(format_args!("activated it: {:?}", results.get(&state)?.attributes.state()));

    let object = client.get(&key).await?;
    let bytes = material(&object).ok_or("the server sent no material")?;
    // A Secret shows its length, never its bytes.
    say(format_args!("got it: {bytes:?}"));

    client.add_attribute(&key, Attribute::ContactInformation("storage team".to_owned())).await?;
    say("noted whom to ask about it");

    // Only the server's word tells whether it may be destroyed: an active key may not.
    match client.destroy(&key).await {
        Ok(()) => return Err("an active key was destroyed".into()),
        Err(error) => say(format_args!("refused, rightly: {error}")),
    }
    client.revoke(&key, RevocationReasonCode::CessationOfOperation, Some("the example is over"), None).await?;
    client.destroy(&key).await?;
    say("revoked and destroyed it");

    let password = secret_data(Secret::from_slice(b"correct horse battery staple"), SecretDataType::Password);
    let usage = AttributeList::new().name("lifecycle password").usage(CryptographicUsageMask::Verify);
    let password = client.register(password, usage).await?;
    let object = client.get(&password).await?;
    say(format_args!("registered a password and got it back: {:?}", material(&object)));
    client.destroy(&password).await?;
    say("destroyed it");

    client.close().await;
    Ok(())
}
