//! Every target over the corpus and its mutations, on stable.
//!
//! The mutations are drawn from a fixed seed, so a failure is the same on every machine; `FUZZ_SEED` draws others and
//! `FUZZ_ROUNDS` more of them.

// Helpers of tests may unwrap as the tests themselves do.
#![allow(clippy::unwrap_used)]

use fuzz::ALL;
use kmip::text::xml::Element;
use std::path::Path;
use ttlv_codec::Limits;

/// Mutations of each seed and target.
const ROUNDS: u64 = 400;

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// The messages of the corpus: name, XML, TTLV.
fn corpus() -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut corpus = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let xml = std::fs::read_to_string(&path).unwrap();
        let tree = Element::parse(&xml, &Limits::default()).and_then(|element| element.to_tree());
        let tree = tree.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        corpus.push((name, xml.into_bytes(), tree.to_bytes()));
    }
    corpus.sort();
    corpus
}

/// One to four changes: a bit, a byte, a length field, a cut, a doubled or moved stretch.
fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at] = [0x00, 0xFF, 0x7F, 0x80][random.below(4)],
            3 => {
                // TTLV items start at multiples of eight; their length is the second half.
                let length = at / 8 * 8 + 4;
                let value = [0, 1, 7, 8, u32::MAX, u32::MAX - 7, random.next() as u32][random.below(7)];
                if let Some(field) = bytes.get_mut(length..length + 4) {
                    field.copy_from_slice(&value.to_be_bytes());
                }
            }
            4 => bytes.truncate(at),
            5 => {
                let end = (at + 8 * (1 + random.below(8))).min(bytes.len());
                let stretch = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, stretch);
            }
            _ => {
                let end = (at + 8).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

#[test]
fn the_corpus_is_made_of_messages() {
    let corpus = corpus();
    assert!(corpus.len() >= 17);
    for (name, _, ttlv) in &corpus {
        let read = kmip::message::RequestMessage::read(ttlv, &Limits::default(), 16);
        assert!(read.is_ok(), "{name}: {:?}", read.err());
        assert!(fuzz::is_readable(ttlv), "{name}: a payload cannot be read");
    }
}

#[test]
fn every_target_takes_the_corpus_and_its_mutations() {
    let mut random = Random(setting("FUZZ_SEED", 0x6B6D_6970) | 1);
    let rounds = setting("FUZZ_ROUNDS", ROUNDS);
    for (name, xml, ttlv) in corpus() {
        for (target, function) in ALL {
            for seed in [&xml, &ttlv] {
                let outcome = std::panic::catch_unwind(|| function(seed));
                assert!(outcome.is_ok(), "{target} on {name}");
                for _ in 0..rounds {
                    let input = mutate(seed, &mut random);
                    let outcome = std::panic::catch_unwind(|| function(&input));
                    assert!(outcome.is_ok(), "{target} on a mutation of {name}: {}", hex(&input));
                }
            }
        }
    }
}

#[test]
fn every_target_takes_noise() {
    let mut random = Random(setting("FUZZ_SEED", 0x6E6F_6973) | 1);
    for (_, function) in ALL {
        for _ in 0..setting("FUZZ_ROUNDS", ROUNDS) {
            let noise: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
            function(&noise);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
