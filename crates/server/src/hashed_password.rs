//! Hashed passwords (2.1, section 9.11): a credential that proves the knowledge of a password for one moment, without the password.
//!
//! With `S1 = Hash(Username || Password)` and `S2 = Hash(Password || Username)`, a client shows `Hash(S1 || Timestamp) || S2`, and the
//! server answers with `Hash(Timestamp || S1 || Hash(S2))` (2.1, section 8.5), so that each has seen that the other knows the password. The
//! standard does not spell the parts that are hashed: here they are as their values are encoded, texts in UTF-8 and the time stamp,
//! that of the credential, as eight bytes with micro-seconds since 1970, the most significant first.
//!
//! What the server has to keep for that is `S1` and `Hash(S2)`. Whoever has both cannot log in, since no `S2` follows from them, but
//! can try passwords as fast as the hash goes, without the memory and time that Argon2id asks for. They are therefore kept only of
//! users for whom an administrator says so, and sealed with AES-256-GCM under a key that follows from the root key: `users.toml` alone,
//! in a backup for example, shows nothing to try passwords on.
//!
//! The time stamp has to be near the server's clock, and later than any that the user has shown before, over whatever client. The last one is on
//! the disk before it proves anything, so that none proves twice, whatever ends the server.

use crate::files::{self, FileError};
use crate::hexadecimal;
use crate::users::{Unproved, User, UserError, Users};
use crypto::Hasher;
use kmip::enumerations::{Enumeration as _, HashingAlgorithm};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use store::sealing::SecretSeal;
use zeroize::Zeroizing;

/// Hash functions that an administrator may choose: those of 256 bits and more that are not broken. What clients take without a choice comes first.
const ALGORITHMS: [HashingAlgorithm; 7] = [
    HashingAlgorithm::SHA_256,
    HashingAlgorithm::SHA_384,
    HashingAlgorithm::SHA_512,
    HashingAlgorithm::SHA_512_256,
    HashingAlgorithm::SHA3_256,
    HashingAlgorithm::SHA3_384,
    HashingAlgorithm::SHA3_512,
];

/// How long the last time stamp of a user that is gone is kept, in micro-seconds: longer than any tolerance, for one that comes back.
const GONE_KEPT_US: i64 = 86_400_000_000;

/// The version in which names of hash functions are read and written.
const NAMES: kmip::ProtocolVersion = kmip::ProtocolVersion::V2_1;

/// A hash function by its name in XML, if it may be chosen.
#[must_use]
pub fn algorithm(name: &str) -> Option<HashingAlgorithm> {
    HashingAlgorithm::ROW.by_xml_name(name).map(HashingAlgorithm::from_value).filter(|known| ALGORITHMS.contains(known))
}

/// The hash functions that may be chosen, by their names in XML.
#[must_use]
pub fn algorithms() -> Vec<&'static str> {
    ALGORITHMS.iter().filter_map(|algorithm| algorithm.name(NAMES)).collect()
}

/// What is kept of a password for one hash function, sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedHashes {
    /// The hash function, by its name in XML.
    pub algorithm: String,
    /// In hexadecimal digits.
    pub sealed: String,
}

impl SealedHashes {
    /// What is wrong with a row of the users file, if anything. Whether it can be opened shows when it is used: the root key may be another's.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let hash =
            algorithm(&self.algorithm).ok_or_else(|| format!("{:?} is none of {}", self.algorithm, algorithms().join(", ")))?;
        let is_whole = hexadecimal::bytes(&self.sealed).is_some_and(|bytes| bytes.len() > 2 * length(hash));
        is_whole.then_some(()).ok_or_else(|| "sealed is not what kmipd user add writes".to_owned())
    }

    /// Seals what is kept of a password, for a user and a hash function.
    ///
    /// # Errors
    /// When the hash function may not be chosen, or there are no random bytes.
    pub(crate) fn seal(seal: &SecretSeal, name: &str, password: &[u8], hash: HashingAlgorithm) -> Result<Self, String> {
        let known = hash.name(NAMES).filter(|known| algorithm(known).is_some());
        let known = known.ok_or_else(|| format!("the hash function is none of {}", algorithms().join(", ")))?;
        let hashes = hashes(name, password, hash).map_err(|error| error.to_string())?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * length(hash)));
        bytes.extend_from_slice(&hashes.s1);
        bytes.extend_from_slice(&hashes.hashed_s2);
        let sealed = seal.seal(&about(name, known), &bytes).map_err(|error| error.to_string())?;
        Ok(Self { algorithm: known.to_owned(), sealed: hexadecimal::digits(&sealed) })
    }

    /// Opens it again; `None`: it was sealed under another root key, or for another user.
    fn open(&self, seal: &SecretSeal, name: &str) -> Option<Hashes> {
        let opened = seal.open(&about(name, &self.algorithm), &hexadecimal::bytes(&self.sealed)?).ok()?;
        let (s1, hashed_s2) = opened.split_at(opened.len() / 2);
        Some(Hashes { s1: Zeroizing::new(s1.to_vec()), hashed_s2: Zeroizing::new(hashed_s2.to_vec()) })
    }
}

/// What is sealed together with the hashes: they are nobody else's, and of no other function.
fn about(name: &str, algorithm: &str) -> String {
    format!("hashed password {algorithm} {name}")
}

/// What a client shows.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The user's name.
    pub name: &'a str,
    /// The time stamp, in micro-seconds since 1970.
    pub stamp_us: i64,
    /// The hash function.
    pub algorithm: HashingAlgorithm,
    /// The hashed password.
    pub hashed: &'a [u8],
}

/// A user who is who he says he is.
#[derive(Debug, PartialEq, Eq)]
pub struct Proved {
    /// His name.
    pub name: String,
    /// The Server Hashed Password of the response.
    pub answer: Vec<u8>,
}

/// What both sides compute from user name and password.
struct Hashes {
    s1: Zeroizing<Vec<u8>>,
    hashed_s2: Zeroizing<Vec<u8>>,
}

/// Bytes of a digest; 0: the function is not offered.
fn length(hash: HashingAlgorithm) -> usize {
    Hasher::new(hash).map_or(0, |hasher| hasher.finish().len())
}

fn digest(hash: HashingAlgorithm, parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, crypto::CryptoError> {
    let mut hasher = Hasher::new(hash)?;
    parts.iter().for_each(|part| hasher.update(part));
    Ok(Zeroizing::new(hasher.finish()))
}

fn hashes(name: &str, password: &[u8], hash: HashingAlgorithm) -> Result<Hashes, crypto::CryptoError> {
    let s2 = digest(hash, &[password, name.as_bytes()])?;
    Ok(Hashes { s1: digest(hash, &[name.as_bytes(), password])?, hashed_s2: digest(hash, &[&s2])? })
}

/// The last time stamp of each user, as it is in the file.
#[derive(Debug)]
pub(crate) struct Stamps {
    file: PathBuf,
    last: Mutex<BTreeMap<String, i64>>,
}

impl Stamps {
    /// Reads the file beside the users; one that does not exist has none.
    pub(crate) fn read(users: &Path) -> Result<Self, UserError> {
        let file = users.with_extension("stamps");
        let last = match std::fs::read_to_string(&file) {
            Ok(text) => {
                toml::from_str(&text).map_err(|error| UserError::Syntax { file: file.clone(), text: error.to_string() })?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(FileError::new("read", &file)(error).into()),
        };
        Ok(Self { file, last: Mutex::new(last) })
    }

    /// Takes note of a time stamp, on the disk: from then on only later ones are good.
    fn use_up(&self, name: &str, stamp_us: i64, users: &[User]) -> Result<(), Unproved> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(name).is_some_and(|last| stamp_us <= *last) {
            return Err(Unproved::NotLater);
        }
        let mut next = last.clone();
        next.retain(|name, last| last.saturating_add(GONE_KEPT_US) > stamp_us || users.iter().any(|user| user.name == *name));
        next.insert(name.to_owned(), stamp_us);
        let text = toml::to_string(&next).map_err(|_| Unproved::NotKept)?;
        files::replace(&self.file, text.as_bytes(), files::SECRET).map_err(|error| {
            tracing::error!(%error, "hashed passwords are refused");
            Unproved::NotKept
        })?;
        *last = next;
        Ok(())
    }
}

impl Users {
    /// Verifies a hashed password, whose time stamp may be so many seconds from the clock. Waits for the disk when it is right: never call
    /// it on a thread that serves sockets.
    ///
    /// A user with a second factor proves nothing with it: there is no place for the code.
    ///
    /// # Errors
    /// [`Unproved`].
    pub fn verify_hashed(&self, shown: Shown<'_>, tolerance_s: u64, now_us: i64) -> Result<Proved, Unproved> {
        let Shown { name, stamp_us, algorithm: hash, hashed } = shown;
        let users = self.list();
        let user = users.iter().find(|user| user.name == name && !user.has_totp());
        let row = user.and_then(|user| user.hashed_password.iter().find(|row| algorithm(&row.algorithm) == Some(hash)));
        let kept = row.and_then(|row| {
            let opened = self.seal().and_then(|seal| row.open(seal, name).ok_or("it was sealed under another root key"));
            opened.inspect_err(|cause| tracing::error!(user = name, cause, "a hashed password cannot be opened")).ok()
        });
        let is_kept = kept.is_some();
        let length = length(hash);
        // As much is computed where there is nothing to compare with; what a refusal takes beside it is less than its delay tells.
        let nothing = || Hashes { s1: Zeroizing::new(vec![0; length]), hashed_s2: Zeroizing::new(vec![0; length]) };
        let kept = kept.unwrap_or_else(nothing);
        let stamp = stamp_us.to_be_bytes();
        let parts = (hashed.len() == 2 * length).then(|| hashed.split_at(length));
        let (proof, s2) = parts.unwrap_or((&[], &[]));
        let wrong = |_| Unproved::Wrong;
        let is_proof = crypto::equal(&digest(hash, &[&kept.s1, &stamp]).map_err(wrong)?, proof);
        let is_s2 = crypto::equal(&digest(hash, &[s2]).map_err(wrong)?, &kept.hashed_s2);
        if !(is_kept & is_proof & is_s2) {
            return Err(Unproved::Wrong);
        }
        // Only who knows the password is told what else is wrong.
        if stamp_us.abs_diff(now_us) > tolerance_s.saturating_mul(1_000_000) {
            return Err(Unproved::Stale);
        }
        self.stamps().use_up(name, stamp_us, &users)?;
        let answer = digest(hash, &[&stamp, &kept.s1, &kept.hashed_s2]).map_err(wrong)?;
        Ok(Proved { name: name.to_owned(), answer: answer.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";
    const NOW_US: i64 = 1_790_000_000_000_000;
    const TOLERANCE_S: u64 = 300;

    fn seal(byte: u8) -> Result<SecretSeal, String> {
        let root_key = store::sealing::RootKey::from_bytes(Zeroizing::new([byte; 32]));
        Ok(SecretSeal::of(&root_key).unwrap())
    }

    fn open(file: &Path, seal: Result<SecretSeal, String>) -> Users {
        Users::open(file, seal, &crate::config::CredentialsConfig::default()).unwrap()
    }

    fn users(directory: &tempfile::TempDir) -> Users {
        open(&directory.path().join("users.toml"), seal(1))
    }

    /// What a client computes.
    fn hashed(name: &str, password: &str, stamp_us: i64, hash: HashingAlgorithm) -> (Vec<u8>, Vec<u8>) {
        let of = |parts: &[&[u8]]| crypto::digest(hash, &parts.concat()).unwrap();
        let s1 = of(&[name.as_bytes(), password.as_bytes()]);
        let s2 = of(&[password.as_bytes(), name.as_bytes()]);
        let stamp = stamp_us.to_be_bytes();
        ([of(&[&s1, &stamp]), s2.clone()].concat(), of(&[&stamp, &s1, &of(&[&s2])]))
    }

    fn verify(users: &Users, name: &str, hashed: &[u8], stamp_us: i64, hash: HashingAlgorithm) -> Result<Proved, Unproved> {
        users.verify_hashed(Shown { name, stamp_us, algorithm: hash, hashed }, TOLERANCE_S, NOW_US)
    }

    #[test]
    fn a_known_answer() {
        // Computed with sha256sum: S1 = Hash("alicesecret"), S2 = Hash("secretalice"), and the eight bytes of the time stamp 1.
        let hashes = hashes("alice", b"secret", HashingAlgorithm::SHA_256).unwrap();
        assert_eq!(hexadecimal::digits(&hashes.s1), KNOWN_S1);
        assert_eq!(
            hexadecimal::digits(&hashed("alice", "secret", 1, HashingAlgorithm::SHA_256).0),
            [KNOWN_PROOF, KNOWN_S2].concat()
        );
    }

    const KNOWN_S1: &str = "f6288c777a481fdeaface769beb85ede2c35f79da17b0c341b7bcf751343614f";
    const KNOWN_S2: &str = "d7e3797855cb8e429515e3b6148c9f403a8ca244d617bc4487ded80b69000241";
    const KNOWN_PROOF: &str = "95b634dd0d45367ebf8760cb6b162abf545afe903e39f346712e3c73a9097da6";

    #[test]
    fn every_algorithm_proves_its_user_and_answers() {
        let directory = tempfile::tempdir().unwrap();
        let users = users(&directory);
        users.add("alice", None, None, PASSWORD, &ALGORITHMS, false).unwrap();
        for (at, hash) in ALGORITHMS.into_iter().enumerate() {
            let stamp_us = NOW_US + i64::try_from(at).unwrap();
            let (shown, answer) = hashed("alice", PASSWORD, stamp_us, hash);
            let proved = verify(&users, "alice", &shown, stamp_us, hash);
            assert_eq!(proved, Ok(Proved { name: "alice".to_owned(), answer }), "{hash:?}");
        }
        assert_eq!(ALGORITHMS.len(), algorithms().len());
    }

    #[test]
    fn what_is_wrong_proves_nothing() {
        const HASH: HashingAlgorithm = HashingAlgorithm::SHA_256;
        let directory = tempfile::tempdir().unwrap();
        let users = users(&directory);
        users.add("alice", None, None, PASSWORD, &[HASH], false).unwrap();
        users.add("bob", None, None, PASSWORD, &[], false).unwrap();
        let (right, _) = hashed("alice", PASSWORD, NOW_US, HASH);
        let changed = |at: usize| {
            let mut bytes = right.clone();
            bytes[at] ^= 1;
            bytes
        };
        let other_hash = hashed("alice", PASSWORD, NOW_US, HashingAlgorithm::SHA_512).0;
        for (name, shown, stamp_us, hash) in [
            ("alice", changed(0), NOW_US, HASH),
            ("alice", changed(63), NOW_US, HASH),
            ("alice", right[..63].to_vec(), NOW_US, HASH),
            ("alice", Vec::new(), NOW_US, HASH),
            ("alice", right.clone(), NOW_US + 1, HASH),
            ("alice", hashed("alice", "wrong", NOW_US, HASH).0, NOW_US, HASH),
            ("alice", other_hash, NOW_US, HashingAlgorithm::SHA_512),
            ("alice", right.clone(), NOW_US, HashingAlgorithm::MD5),
            ("alice", right.clone(), NOW_US, HashingAlgorithm::MD4),
            ("alice", vec![0; 64], NOW_US, HASH),
            ("bob", hashed("bob", PASSWORD, NOW_US, HASH).0, NOW_US, HASH),
            ("carol", hashed("carol", PASSWORD, NOW_US, HASH).0, NOW_US, HASH),
        ] {
            assert_eq!(verify(&users, name, &shown, stamp_us, hash), Err(Unproved::Wrong), "{name} {hash:?}");
        }
        assert!(verify(&users, "alice", &right, NOW_US, HASH).is_ok());
        // A second factor, another password, or none of this kind any more.
        let later = |stamp_us| verify(&users, "alice", &hashed("alice", PASSWORD, stamp_us, HASH).0, stamp_us, HASH);
        users.set_totp("alice", Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")).unwrap();
        assert_eq!(later(NOW_US + 1), Err(Unproved::Wrong));
        users.set_totp("alice", None).unwrap();
        assert!(later(NOW_US + 1).is_ok());
        users.add("alice", None, None, PASSWORD, &[], false).unwrap();
        assert_eq!(later(NOW_US + 2), Err(Unproved::Wrong));
    }

    #[test]
    fn a_time_stamp_is_near_and_later_than_the_last_also_after_a_restart() {
        const HASH: HashingAlgorithm = HashingAlgorithm::SHA_256;
        let directory = tempfile::tempdir().unwrap();
        let first = users(&directory);
        first.add("alice", None, None, PASSWORD, &[HASH], false).unwrap();
        let show = |users: &Users, stamp_us| verify(users, "alice", &hashed("alice", PASSWORD, stamp_us, HASH).0, stamp_us, HASH);
        let tolerance_us = i64::try_from(TOLERANCE_S).unwrap() * 1_000_000;
        for stamp_us in [NOW_US - tolerance_us - 1, NOW_US + tolerance_us + 1, 0, i64::MIN, i64::MAX] {
            assert_eq!(show(&first, stamp_us), Err(Unproved::Stale));
        }
        assert!(show(&first, NOW_US - tolerance_us).is_ok());
        assert!(show(&first, NOW_US + 5).is_ok());
        for users in [&first, &users(&directory)] {
            for stamp_us in [NOW_US + 5, NOW_US + 4] {
                assert_eq!(show(users, stamp_us), Err(Unproved::NotLater));
            }
        }
        assert!(show(&first, NOW_US + 6).is_ok());
        // What cannot be kept does not count.
        std::fs::remove_file(directory.path().join("users.stamps")).unwrap();
        std::fs::create_dir(directory.path().join("users.stamps")).unwrap();
        assert_eq!(show(&first, NOW_US + 7), Err(Unproved::NotKept));
        std::fs::remove_dir(directory.path().join("users.stamps")).unwrap();
        assert!(show(&first, NOW_US + 7).is_ok());
    }

    #[test]
    fn what_is_kept_is_sealed_for_its_user_under_the_root_key() {
        const HASH: HashingAlgorithm = HashingAlgorithm::SHA_256;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("users.toml");
        let first = users(&directory);
        first.add("alice", None, None, PASSWORD, &[HASH], false).unwrap();
        first.add("bob", None, None, "another password", &[HASH], false).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let kept = hashes("alice", PASSWORD.as_bytes(), HASH).unwrap();
        for secret in [&kept.s1, &kept.hashed_s2] {
            assert!(!text.contains(&hexadecimal::digits(secret)));
        }
        let show = |users: &Users, name| verify(users, name, &hashed(name, PASSWORD, NOW_US, HASH).0, NOW_US, HASH);
        let under = |seal| open(&file, seal);
        assert_eq!(show(&under(seal(2)), "alice"), Err(Unproved::Wrong), "another root key");
        assert_eq!(show(&under(Err("none".to_owned())), "alice"), Err(Unproved::Wrong), "no root key");
        assert!(Users::read(&file).unwrap().add("carol", None, None, PASSWORD, &[HASH], false).is_err());
        // Somebody's own hashes in another's row.
        let of = |name: &str| first.list().iter().find(|user| user.name == name).unwrap().hashed_password[0].sealed.clone();
        let swapped = text.replace(&of("bob"), &of("alice"));
        assert_ne!(swapped, text);
        std::fs::write(&file, swapped).unwrap();
        assert_eq!(show(&users(&directory), "bob"), Err(Unproved::Wrong));
        assert!(show(&users(&directory), "alice").is_ok());
        for (from, to) in [("SHA_256", "MD5"), (&*of("alice"), "zz"), (&*of("alice"), "00")] {
            std::fs::write(&file, text.replace(from, to)).unwrap();
            assert!(Users::read(&file).unwrap_err().to_string().contains("hashed_password"), "{to}");
        }
    }
}
