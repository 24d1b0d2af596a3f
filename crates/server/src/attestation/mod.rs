//! Attestation: which platforms are believed to be what they were (2.1, sections 9.3, 9.11 and 9.14).
//!
//! `attestation.toml` names, for a client by its certificate, the public keys that its TPM signs quotes with, and the values that its platform
//! configuration registers may have. A quote is believed when it has the nonce that the server gave to this connection, one of the keys signed
//! it, and it covers exactly the registers of one of the states, with their values. The dispatcher gives out nonces and takes each once; this is
//! what is known of platforms.
//!
//! Whether a key is one of a TPM, and restricted to what the TPM itself makes, has to be known before it is named here: a quote shows it no more.

mod config;
#[cfg(test)]
#[path = "../../tests/common/quote.rs"]
mod maker;
mod quote;

pub use config::AttestationConfig;
pub(crate) use config::FILE;

use crate::config::Config;
use crate::files::{self, FileError};
use crate::hexadecimal;
use arc_swap::ArcSwap;
use crypto::{Hasher, PublicKey};
use dispatcher::{Attestor, NotAttested};
use kmip::credential::Attestation;
use kmip::enumerations::{AttestationType, Enumeration as _, HashingAlgorithm, KeyFormatType};
use policy::{Actor, Rules};
use quote::{Quote, Register};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Platforms in one file, keys and states of a platform: each quote is compared with all keys and states of its client.
const PLATFORMS_MAX: usize = 100_000;
const KEYS_MAX: usize = 16;
const STATES_MAX: usize = 64;
/// Registers of a bank are numbered from 0 to 23 in a TPM of a computer, to 31 at most.
const REGISTER_MAX: u8 = 31;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "platform")]
    platforms: Vec<PlatformRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformRow {
    /// The actor that the client's certificate names.
    client: String,
    /// Its tenant.
    tenant: Option<String>,
    /// Files with the public keys of its TPM, PEM.
    keys: Vec<PathBuf>,
    /// What it may be.
    #[serde(default, rename = "state")]
    states: Vec<StateRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateRow {
    /// For the log.
    name: String,
    /// By the hash function of the bank and the number of the register: its value in hexadecimal digits.
    registers: BTreeMap<String, BTreeMap<String, String>>,
}

/// A platform.
#[derive(Debug, PartialEq, Eq)]
struct Platform {
    keys: Vec<PublicKey>,
    states: Vec<State>,
}

#[derive(Debug, PartialEq, Eq)]
struct State {
    name: String,
    registers: BTreeMap<Register, Vec<u8>>,
}

/// All platforms by tenant and client.
type Known = HashMap<(u32, String), Platform>;

/// Why the platforms were not read.
#[derive(Debug, thiserror::Error)]
pub enum AttestationError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what is expected.
    #[error("{}: {text}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        text: String,
    },
}

/// The platforms whose attestations are evaluated.
#[derive(Debug)]
pub struct Platforms {
    current: ArcSwap<Known>,
    /// Grows after every change.
    generation: AtomicU64,
}

/// Platforms that were read again, and are not taken yet.
#[derive(Debug)]
pub struct ReadPlatforms(Known);

impl Platforms {
    /// Reads the file that a configuration names. Where it names none and none is beside it, no attestation is evaluated. `rules` know the
    /// numbers of tenants.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub fn read(config: &Config, rules: &Rules) -> Result<Self, AttestationError> {
        Ok(Self { current: ArcSwap::from_pointee(read(config, rules)?), generation: AtomicU64::new(1) })
    }

    /// Reads the file again. Nothing is taken yet.
    ///
    /// # Errors
    /// As [`Platforms::read`].
    pub fn read_again(config: &Config, rules: &Rules) -> Result<ReadPlatforms, AttestationError> {
        read(config, rules).map(ReadPlatforms)
    }

    /// Lets platforms hold from now on: where anything has changed, all have to attest again. How many there are.
    pub fn take(&self, platforms: ReadPlatforms) -> usize {
        let count = platforms.0.len();
        if platforms.0 != **self.current.load() {
            self.current.store(Arc::new(platforms.0));
            // After the platforms themselves: whoever reads this number sees them.
            self.generation.fetch_add(1, Ordering::Release);
        }
        count
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.current.load().len()
    }
}

impl Attestor for Platforms {
    fn types(&self) -> Vec<AttestationType> {
        if self.count() == 0 { Vec::new() } else { vec![AttestationType::TPMQuote] }
    }

    fn types_for(&self, client: &Actor) -> Vec<AttestationType> {
        let is_known = self.current.load().contains_key(&(client.tenant, client.name.clone()));
        if is_known { vec![AttestationType::TPMQuote] } else { Vec::new() }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn verify(&self, client: &Actor, attestation: &Attestation) -> Result<(), NotAttested> {
        let known = self.current.load();
        let platform = known.get(&(client.tenant, client.name.clone()));
        let platform = platform.ok_or_else(|| NotAttested::because("nothing is known of the client's platform"))?;
        if attestation.attestation_assertion.is_some() {
            return Err(NotAttested::telling(
                "A TPM Quote is an Attestation Measurement, and no Attestation Assertion is evaluated",
            ));
        }
        let measurement = attestation.attestation_measurement.as_ref();
        let measurement = measurement.ok_or_else(|| NotAttested::telling("The attestation has no Attestation Measurement"))?;
        let quote = Quote::read(&measurement.0).map_err(|cause| {
            NotAttested::telling(format!("The Attestation Measurement is not the quote of a TPM 2.0 with its signature: {cause}"))
        })?;
        if !platform.keys.iter().any(|key| quote.is_signed_by(key)) {
            return Err(NotAttested::because("none of the client's keys signed the quote"));
        }
        // What follows is said by the platform itself.
        if !crypto::equal(quote.nonce, &attestation.nonce.nonce_value.0) {
            return Err(NotAttested::because("the quote was made for another nonce"));
        }
        match platform.states.iter().find(|state| state.is_quoted(&quote)) {
            Some(state) => {
                tracing::info!(client = client.name, state = state.name, "the client's platform is attested");
                Ok(())
            }
            None => {
                let registers: Vec<String> = quote.registers.iter().map(Register::to_string).collect();
                let cause = format!("the quote of {} shows none of the states that are known", registers.join(" "));
                Err(NotAttested::because(cause))
            }
        }
    }
}

impl State {
    /// Whether a quote is of these registers, each once, with these values.
    fn is_quoted(&self, quote: &Quote<'_>) -> bool {
        let mut quoted = quote.registers.clone();
        quoted.sort_unstable();
        if !quoted.iter().eq(self.registers.keys()) {
            return false;
        }
        let Ok(mut hasher) = Hasher::new(quote.hash()) else { return false };
        quote.registers.iter().filter_map(|register| self.registers.get(register)).for_each(|value| hasher.update(value));
        crypto::equal(&hasher.finish(), quote.digest)
    }
}

impl std::fmt::Display for Register {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.bank.name(NAMES).unwrap_or("?"), self.number)
    }
}

/// The version in which names of hash functions are read and written.
const NAMES: kmip::ProtocolVersion = kmip::ProtocolVersion::V2_1;

fn read(config: &Config, rules: &Rules) -> Result<Known, AttestationError> {
    let (file, is_required) = config.attestation_file();
    if !is_required && !file.exists() {
        return Ok(Known::new());
    }
    let text = files::read_text(&file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let about = |text: String| AttestationError::Content { file: file.clone(), text };
    let rows = toml::from_str::<File>(&text).map_err(|error| about(error.to_string()))?.platforms;
    if rows.len() > PLATFORMS_MAX {
        return Err(about(format!("there are more than {PLATFORMS_MAX} platforms")));
    }
    let mut known = Known::new();
    for row in rows {
        let wrong = |text: &str| about(format!("platform {:?}: {text}", row.client));
        let tenant = match &row.tenant {
            None => 0,
            Some(name) => {
                rules.tenants().find(|(known, _)| known == name).ok_or_else(|| wrong("the policy has no such tenant"))?.1
            }
        };
        if row.keys.is_empty() || row.keys.len() > KEYS_MAX || row.states.is_empty() || row.states.len() > STATES_MAX {
            return Err(wrong(&format!("it has 1 to {KEYS_MAX} keys and 1 to {STATES_MAX} states")));
        }
        let keys = row.keys.iter().map(|path| key(&folder.join(path))).collect::<Result<_, _>>()?;
        let states = row.states.iter().map(|row| state(row).map_err(|text| wrong(&text))).collect::<Result<_, _>>()?;
        if known.insert((tenant, row.client.clone()), Platform { keys, states }).is_some() {
            return Err(wrong("it is there twice"));
        }
    }
    Ok(known)
}

/// Reads a public key that signs quotes.
fn key(path: &Path) -> Result<PublicKey, AttestationError> {
    let wrong = |text: &str| AttestationError::Content { file: path.to_owned(), text: text.to_owned() };
    let pem = files::read_text(path)?;
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong("it has no PUBLIC KEY in PEM"))?;
    let key = PublicKey::parse(KeyFormatType::X_509, &der).map_err(|error| wrong(&error.to_string()))?;
    if key.rsa_components().is_none() && key.point().is_none() {
        return Err(wrong("a TPM signs quotes with RSA or ECDSA"));
    }
    Ok(key)
}

fn state(row: &StateRow) -> Result<State, String> {
    let mut registers = BTreeMap::new();
    for (bank_name, values) in &row.registers {
        let bank = HashingAlgorithm::ROW.by_xml_name(bank_name).map(HashingAlgorithm::from_value);
        let bank = bank.filter(|bank| quote::is_bank(*bank));
        let bank = bank.ok_or_else(|| format!("state {:?}: {bank_name:?} is no bank, such as SHA_256", row.name))?;
        let length = Hasher::new(bank).map_err(|error| error.to_string())?.finish().len();
        for (number, value) in values {
            let wrong = |what: &str| format!("state {:?}: register {number:?} of {bank_name}: {what}", row.name);
            let number = number.parse().ok().filter(|number| *number <= REGISTER_MAX).ok_or_else(|| wrong("no such register"))?;
            let value = hexadecimal::bytes(value).filter(|value| value.len() == length);
            let value = value.ok_or_else(|| wrong(&format!("its value has {} hexadecimal digits", 2 * length)))?;
            if registers.insert(Register { bank, number }, value).is_some() {
                return Err(wrong("it is there twice"));
            }
        }
    }
    if registers.is_empty() {
        return Err(format!("state {:?} has no registers", row.name));
    }
    Ok(State { name: row.name.clone(), registers })
}

#[cfg(test)]
mod tests {
    use super::maker::{Maker, Scheme, value};
    use super::*;
    use kmip::codec::ByteString;
    use kmip::credential::Nonce;

    const LEAST: &str =
        "listen = \"127.0.0.1:5696\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"\nclient_ca = \"c\"\n[store]\nkind = \"memory\"\n";
    const SHA_256: HashingAlgorithm = HashingAlgorithm::SHA_256;
    const SHA_384: HashingAlgorithm = HashingAlgorithm::SHA_384;

    fn config(directory: &tempfile::TempDir) -> Config {
        Config::parse(LEAST, &directory.path().join("kmipd.toml")).unwrap()
    }

    /// A file that knows array-1, with a state of two registers and one of registers of two banks.
    fn text() -> String {
        let of = |bank, number| format!("{number} = \"{}\"", hexadecimal::digits(&value(bank, number)));
        format!(
            "[[platform]]\nclient = \"array-1\"\nkeys = [\"ak.pem\"]\n\
             [[platform.state]]\nname = \"one\"\nregisters.SHA_256 = {{ {}, {} }}\n\
             [[platform.state]]\nname = \"two\"\nregisters.SHA_256 = {{ {} }}\nregisters.SHA_384 = {{ {} }}\n",
            of(SHA_256, 0),
            of(SHA_256, 7),
            of(SHA_256, 4),
            of(SHA_384, 8)
        )
    }

    fn platforms(directory: &tempfile::TempDir, maker: &Maker) -> Platforms {
        std::fs::write(directory.path().join("ak.pem"), maker.public_pem()).unwrap();
        std::fs::write(directory.path().join("attestation.toml"), text()).unwrap();
        Platforms::read(&config(directory), &Rules::default()).unwrap()
    }

    fn attestation(measurement: Vec<u8>) -> Attestation {
        Attestation {
            nonce: Nonce { nonce_id: ByteString(vec![1]), nonce_value: ByteString(b"nonce".to_vec()) },
            attestation_type: AttestationType::TPMQuote,
            attestation_measurement: Some(ByteString(measurement)),
            attestation_assertion: None,
        }
    }

    #[test]
    fn a_state_that_is_known_is_believed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        for scheme in [Scheme::Rsassa, Scheme::Rsapss, Scheme::Ecdsa] {
            let maker = Maker::new(scheme);
            let platforms = platforms(&directory, &maker);
            let client = Actor::new("array-1");
            let verify = |measurement| platforms.verify(&client, &attestation(measurement));
            let quote = |selection: &[(HashingAlgorithm, &[u8])]| maker.quote(b"nonce", selection);
            verify(quote(&[(SHA_256, &[0, 7])])).unwrap();
            verify(quote(&[(SHA_256, &[4]), (SHA_384, &[8])])).unwrap();
            verify(quote(&[(SHA_384, &[8]), (SHA_256, &[4])])).unwrap();
            let refused = |measurement, words: &str| {
                let refused = verify(measurement).unwrap_err();
                let said = format!("{} {}", refused.told.unwrap_or_default(), refused.cause);
                assert!(said.contains(words), "{said}");
            };
            let unknown: [&[(HashingAlgorithm, &[u8])]; 6] = [
                &[],
                &[(SHA_256, &[0])],
                &[(SHA_256, &[0, 7, 8])],
                &[(SHA_256, &[0, 7]), (SHA_256, &[7])],
                &[(SHA_384, &[0, 7])],
                &[(SHA_256, &[4])],
            ];
            unknown.into_iter().for_each(|selection| refused(quote(selection), "none of the states"));
            let other_value = maker.quote_of(b"nonce", &[(SHA_256, &[(0, value(SHA_256, 0)), (7, value(SHA_256, 8))])]);
            refused(other_value, "none of the states");
            refused(maker.quote(b"other", &[(SHA_256, &[0, 7])]), "another nonce");
            refused(Maker::ecdsa().quote(b"nonce", &[(SHA_256, &[0, 7])]), "none of the client's keys");
            refused(vec![0; 3], "ends too early");
            refused(vec![0; 5_000], "too long");
        }
    }

    #[test]
    fn what_is_no_measurement_is_refused_and_other_clients_are_not_known() {
        let directory = tempfile::tempdir().unwrap();
        let maker = Maker::ecdsa();
        let platforms = platforms(&directory, &maker);
        let good = attestation(maker.quote(b"nonce", &[(SHA_256, &[0, 7])]));
        platforms.verify(&Actor::new("array-1"), &good).unwrap();
        for client in [Actor::new("array-2"), Actor::of("array-1", 1)] {
            assert!(platforms.types_for(&client).is_empty() && platforms.verify(&client, &good).is_err());
        }
        assert_eq!(platforms.types_for(&Actor::new("array-1")), [AttestationType::TPMQuote]);
        let without = Attestation { attestation_measurement: None, ..good.clone() };
        let with_both = Attestation { attestation_assertion: Some(ByteString(vec![1])), ..good };
        for (attestation, words) in [(without, "no Attestation Measurement"), (with_both, "no Attestation Assertion")] {
            let told = platforms.verify(&Actor::new("array-1"), &attestation).unwrap_err().told.unwrap();
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn the_file_is_read_again_and_what_is_wrong_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (config, rules, maker) = (config(&directory), Rules::default(), Maker::ecdsa());
        let none = Platforms::read(&config, &rules).unwrap();
        assert!(none.count() == 0 && none.types().is_empty());
        let platforms = platforms(&directory, &maker);
        assert_eq!(platforms.types(), [AttestationType::TPMQuote]);
        let generation = platforms.generation();
        assert_eq!(platforms.take(Platforms::read_again(&config, &rules).unwrap()), 1);
        assert_eq!(platforms.generation(), generation, "nothing has changed");
        let file = directory.path().join("attestation.toml");
        let first = value(SHA_256, 0);
        for (from, to, words) in [
            ("client", "cleint", "cleint"),
            ("[\"ak.pem\"]", "[]", "1 to 16 keys"),
            ("ak.pem", "no.pem", "no.pem"),
            ("ak.pem", "attestation.toml", "PUBLIC KEY"),
            ("registers.SHA_384", "registers.SHA_1", "\"SHA_1\" is no bank"),
            ("7 = ", "32 = ", "no such register"),
            ("7 = ", "00 = ", "it is there twice"),
            (&*hexadecimal::digits(&first), "00", "64 hexadecimal digits"),
            ("client = ", "tenant = \"acme\"\nclient = ", "no such tenant"),
        ] {
            let changed = text().replace(from, to);
            assert_ne!(changed, text(), "{from}");
            std::fs::write(&file, changed).unwrap();
            let error = Platforms::read_again(&config, &rules).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        std::fs::write(&file, [text(), text()].concat()).unwrap();
        assert!(Platforms::read_again(&config, &rules).unwrap_err().to_string().contains("twice"));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(platforms.take(Platforms::read_again(&config, &rules).unwrap()), 0);
        assert!(platforms.generation() > generation && platforms.types().is_empty());
        let named = Config { attestation: AttestationConfig { file: Some(file), ..Default::default() }, ..config };
        assert!(Platforms::read(&named, &rules).is_err(), "one that the configuration names has to be there");
    }
}
