//! Users with passwords: for KMIP's Username and Password and Device credentials.
//!
//! They live in a TOML file beside kmipd.toml, mode 0600, with one Argon2id hash each (RFC 9106), and in memory while the server runs.
//!
//! A user can have a second factor, a code by the time (totp.rs). Its secret is in the same file, sealed under a key that follows from
//! the root key, and opened for as long as a code is compared. Codes that were used are in a file beside it, on the disk before they
//! prove anything, so that none proves anything twice, whatever ends the server.
//!
//! For a user who proves himself with hashed passwords the file has more, sealed likewise (hashed_password.rs).

use crate::config::CredentialsConfig;
use crate::files::{self, FileError};
use crate::hashed_password::{SealedHashes, Stamps};
use crate::lockout::Lockout;
use crate::totp;
use arc_swap::ArcSwap;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use kmip::enumerations::HashingAlgorithm;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use store::sealing::SecretSeal;
use zeroize::Zeroizing;

/// Bytes of a user's name: as of an actor's.
const NAME_LENGTH_MAX: usize = 256;
/// Bytes of a password: Argon2id hashes any length, but a client's request must not buy that work.
pub const PASSWORD_LENGTH_MAX: usize = 1024;
/// Characters of an acceptable password, unless `protocol.weak_passwords` is set.
pub const PASSWORD_LENGTH_MIN: usize = 12;
/// Users in one file. Beyond it, a directory service is the better place.
const USERS_MAX: usize = 100_000;
/// What a hash from elsewhere may ask for: KiB of memory, passes, lanes. Our own hashes ask for 19 MiB, 2 and 1.
const MEMORY_COST_MAX: u32 = 256 * 1024;
const TIME_COST_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

/// A user.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name, which is also the actor's.
    pub name: String,
    /// A role, kept for policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The Device Serial Number that a Device credential of this user carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_serial: Option<String>,
    /// Argon2id, in PHC string form.
    pub password_hash: String,
    /// The secret of the second factor in base 32, as earlier releases wrote it: sealed when the server reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<String>,
    /// The secret of the second factor, sealed, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp_sealed: Option<String>,
    /// What hashed passwords are verified with, for each hash function that clients may take; empty: they are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashed_password: Vec<SealedHashes>,
}

impl User {
    /// Whether a second factor is asked for.
    #[must_use]
    pub const fn has_totp(&self) -> bool {
        self.totp.is_some() || self.totp_sealed.is_some()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.totp);
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("User")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("device_serial", &self.device_serial)
            .field("totp", &self.has_totp())
            .finish_non_exhaustive()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    #[serde(default, rename = "user")]
    users: Vec<User>,
}

/// Why a user was not added, removed or read.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not what is expected.
    #[error("{}: {text}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What is wrong, with line and column.
        text: String,
    },
    /// The request is refused.
    #[error("{0}")]
    Refused(String),
}

/// Why somebody is not who he says he is. For the log: clients are all told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// There is no such user, or the password or the code is wrong.
    Wrong,
    /// The code was right, and has been used.
    Replayed,
    /// The hashed password was right, and its time stamp is too far from the clock.
    Stale,
    /// The hashed password was right, and its time stamp is not later than the last one.
    NotLater,
    /// That the code or the time stamp was used cannot be kept.
    NotKept,
    /// The secret of the second factor cannot be opened.
    Sealed,
}

impl std::fmt::Display for Unproved {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Wrong => "no such user, or a wrong password or one-time password, or no hashed passwords of this hash function for the user",
            Self::Replayed => "the one-time password has been used before",
            Self::Stale => "the time stamp of the hashed password is too far from the clock",
            Self::NotLater => "the time stamp of the hashed password is not later than the last one that was shown",
            Self::NotKept => "it cannot be noted that the one-time password or the time stamp was used",
            Self::Sealed => "the secret of the second factor cannot be opened under this root key: kmipd user totp makes another",
        })
    }
}

/// What a client shows to prove who it is.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// The password; of a user with a second factor, followed by the code where there is no other place for it.
    pub password: &'a [u8],
    /// The code, from a credential that has a place for it.
    pub code: Option<&'a [u8]>,
}

/// What a client says about itself in a message.
#[derive(Clone, Copy)]
pub enum Claim<'a> {
    /// Username and Password: the user's name.
    Username(&'a str),
    /// Device: the device's serial number.
    DeviceSerial(&'a str),
}

impl std::fmt::Display for Claim<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Username(name) => write!(formatter, "user {name}"),
            Self::DeviceSerial(serial) => write!(formatter, "device {serial}"),
        }
    }
}

/// All users: the file, and what it says in memory.
#[derive(Debug)]
pub struct Users {
    file: PathBuf,
    current: ArcSwap<Vec<User>>,
    /// Held while the file is changed.
    changing: Mutex<()>,
    /// Grows after every change.
    generation: AtomicU64,
    /// Verified against when there is no such user, so that the time of the answer does not tell.
    decoy: String,
    /// The step of the last code that each user has used, as it is in the file.
    used: Mutex<BTreeMap<String, u64>>,
    /// The last time stamps of hashed passwords.
    stamps: Stamps,
    /// What seals the secrets of second factors, and what hashed passwords are verified with; or why there is nothing.
    seal: Result<SecretSeal, String>,
    lockout: Lockout,
}

impl Users {
    /// Reads the users file as it is, to tell what is in it; one that does not exist has no users. No second factor can be verified.
    ///
    /// # Errors
    /// When it cannot be read or parsed.
    pub fn read(file: &Path) -> Result<Self, UserError> {
        let nobody_waits = Lockout::open(&CredentialsConfig::default(), None);
        Self::with(file, Err("the root key was not read".to_owned()), nobody_waits)
    }

    /// Reads the users file for a server, with what seals the secrets of second factors. Those in clear, which earlier releases wrote,
    /// are sealed, and the file is written again. Who has to wait for failures is read from a file beside it.
    ///
    /// # Errors
    /// When it cannot be read or parsed.
    pub fn open(file: &Path, seal: Result<SecretSeal, String>, limits: &CredentialsConfig) -> Result<Self, UserError> {
        Self::with(file, seal, Lockout::open(limits, Some(file.with_extension("locked"))))
    }

    fn with(file: &Path, seal: Result<SecretSeal, String>, lockout: Lockout) -> Result<Self, UserError> {
        let users = Self {
            file: file.to_owned(),
            current: ArcSwap::default(),
            changing: Mutex::new(()),
            generation: AtomicU64::new(1),
            decoy: hash(b"decoy")?,
            used: Mutex::new(read_used(&used_path(file))?),
            stamps: Stamps::read(file)?,
            seal,
            lockout,
        };
        users.current.store(Arc::new(users.read_sealed()?));
        Ok(users)
    }

    pub(crate) fn seal(&self) -> Result<&SecretSeal, &str> {
        self.seal.as_ref().map_err(String::as_str)
    }

    pub(crate) const fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// Reads the file again; on an error the users stay as they are.
    ///
    /// # Errors
    /// As [`Users::read`].
    pub fn reload(&self) -> Result<usize, UserError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let users = self.read_sealed()?;
        let count = users.len();
        self.take(users);
        Ok(count)
    }

    /// What the file says; secrets that it has in clear are sealed in it.
    fn read_sealed(&self) -> Result<Vec<User>, UserError> {
        let mut users = read_file(&self.file)?;
        let Ok(seal) = &self.seal else { return Ok(users) };
        let mut sealed = 0;
        for user in &mut users {
            if let Some(clear) = user.totp.take().map(Zeroizing::new) {
                user.totp_sealed = Some(seal_totp(seal, &user.name, &clear)?);
                sealed += 1;
            }
            if open_totp(seal, user).is_none() && user.has_totp() {
                tracing::error!(user = user.name, "{}", Unproved::Sealed);
            }
        }
        if sealed > 0 {
            match self.write(&users) {
                Ok(()) => tracing::info!(
                    sealed,
                    "secrets of second factors were in clear in {}, and are sealed now",
                    self.file.display()
                ),
                // The server can do without; whoever reads the file must know.
                Err(error) => tracing::error!(%error, "secrets of second factors STAY IN CLEAR in {}", self.file.display()),
            }
        }
        Ok(users)
    }

    fn write(&self, users: &[User]) -> Result<(), UserError> {
        #[derive(Serialize)]
        struct Written<'a> {
            user: &'a [User],
        }
        let text = toml::to_string(&Written { user: users }).map_err(|error| self.syntax(error))?;
        Ok(files::replace(&self.file, text.as_bytes(), files::SECRET)?)
    }

    /// A number that grows after every change: what was verified under an older one may not hold any more.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn take(&self, users: Vec<User>) {
        self.current.store(Arc::new(users));
        // After the users themselves: whoever reads this number sees them.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The users as they are now.
    #[must_use]
    pub fn list(&self) -> Arc<Vec<User>> {
        self.current.load_full()
    }

    /// Adds a user, or gives an existing one a new password, role and serial number. With hash functions, hashed passwords prove the
    /// user, too.
    ///
    /// # Errors
    /// When name, serial number or password is not acceptable, there is no key to seal under, or the file cannot be written: then
    /// nothing has changed.
    pub fn add(
        &self,
        name: &str,
        role: Option<&str>,
        device_serial: Option<&str>,
        password: &str,
        hashed_password: &[HashingAlgorithm],
        weak_passwords: bool,
    ) -> Result<(), UserError> {
        check_text("the name", name)?;
        role.map_or(Ok(()), |role| check_text("the role", role))?;
        device_serial.map_or(Ok(()), |serial| check_text("the device serial number", serial))?;
        check_password(password, weak_passwords)?;
        let sealed = hashed_password.iter().map(|hash| match self.seal() {
            Ok(seal) => SealedHashes::seal(seal, name, password.as_bytes(), *hash).map_err(UserError::Refused),
            Err(cause) => Err(UserError::Refused(format!("hashed passwords are kept sealed, and cannot be: {cause}"))),
        });
        let user = User {
            hashed_password: sealed.collect::<Result<_, _>>()?,
            name: name.to_owned(),
            role: role.map(str::to_owned),
            device_serial: device_serial.map(str::to_owned),
            password_hash: hash(password.as_bytes())?,
            totp: None,
            totp_sealed: None,
        };
        self.change(|users| {
            let mut user = user;
            let other = users
                .iter()
                .find(|other| other.name != name && other.device_serial.is_some() && other.device_serial == user.device_serial);
            if let Some(other) = other {
                return Err(UserError::Refused(format!("the device serial number belongs to the user {:?}", other.name)));
            }
            // A new password leaves the second factor as it is.
            if let Some(before) = users.iter().find(|other| other.name == name) {
                (user.totp, user.totp_sealed) = (before.totp.clone(), before.totp_sealed.clone());
            }
            users.retain(|other| other.name != name);
            if users.len() >= USERS_MAX {
                return Err(UserError::Refused(format!("there are {USERS_MAX} users already")));
            }
            users.push(user);
            users.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(())
        })
    }

    /// Removes a user.
    ///
    /// # Errors
    /// When there is none of that name, or the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), UserError> {
        self.change(|users| {
            let before = users.len();
            users.retain(|user| user.name != name);
            if users.len() == before { Err(UserError::Refused(format!("there is no user {name:?}"))) } else { Ok(()) }
        })
    }

    /// Gives a user a second factor, in the place of an earlier one, or takes it away.
    ///
    /// # Errors
    /// When there is none of that name, the secret is none, the root key is not there to seal it, or the file cannot be written.
    pub fn set_totp(&self, name: &str, secret: Option<&str>) -> Result<(), UserError> {
        let sealed = match (secret, &self.seal) {
            (None, _) => None,
            (Some(secret), Ok(seal)) => Some(seal_totp(seal, name, secret)?),
            (Some(_), Err(cause)) => return Err(UserError::Refused(format!("the secret cannot be sealed: {cause}"))),
        };
        self.change(|users| {
            let user = users.iter_mut().find(|user| user.name == name);
            let user = user.ok_or_else(|| UserError::Refused(format!("there is no user {name:?}")))?;
            (user.totp, user.totp_sealed) = (None, sealed);
            Ok(())
        })
    }

    /// The delays after failures.
    #[must_use]
    pub const fn lockout(&self) -> &Lockout {
        &self.lockout
    }

    /// Ends the delays of a user, on the disk, too; whether there were any.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn unlock(&self, name: &str) -> Result<bool, UserError> {
        let users = self.list();
        let user = users.iter().find(|user| user.name == name);
        let user = user.ok_or_else(|| UserError::Refused(format!("there is no user {name:?}")))?;
        let mut names = vec![Claim::Username(name).to_string()];
        names.extend(user.device_serial.as_deref().map(|serial| Claim::DeviceSerial(serial).to_string()));
        Ok(self.lockout.unlock(&names))
    }

    /// Verifies what a client shows; the name of the user it proves. Takes some 20 ms of a processor whether or not there is such a
    /// user, and the disk for a one-time password: never call it on a thread that serves sockets.
    ///
    /// # Errors
    /// [`Unproved`].
    pub fn verify(&self, claim: Claim<'_>, proof: Proof<'_>, now_s: u64) -> Result<String, Unproved> {
        let users = self.list();
        let user = users.iter().find(|user| match claim {
            Claim::Username(name) => user.name == name,
            Claim::DeviceSerial(serial) => user.device_serial.as_deref() == Some(serial),
        });
        let (password, code) = match (user.is_some_and(User::has_totp), proof.code) {
            (true, None) => match proof.password.len().checked_sub(totp::DIGITS) {
                Some(at) => (&proof.password[..at], Some(&proof.password[at..])),
                None => (proof.password, None),
            },
            (_, code) => (proof.password, code),
        };
        let password = if password.len() > PASSWORD_LENGTH_MAX { &[] } else { password };
        let hash = user.map_or(self.decoy.as_str(), |user| &user.password_hash);
        let right = PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok());
        let user = user.filter(|_| right).ok_or(Unproved::Wrong)?;
        match (user.has_totp(), code) {
            (false, None) => {}
            (true, Some(code)) => {
                let secret = self.seal.as_ref().ok().and_then(|seal| open_totp(seal, user)).ok_or(Unproved::Sealed)?;
                let step = totp::step_of(&secret, code, now_s).ok_or(Unproved::Wrong)?;
                self.use_up(&user.name, step)?;
            }
            // A code that proves nothing is not ignored.
            _ => return Err(Unproved::Wrong),
        }
        Ok(user.name.clone())
    }

    /// Takes note that a user has used the code of a step: on the disk before it counts. Earlier codes are used up with it.
    fn use_up(&self, name: &str, step: u64) -> Result<(), Unproved> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.get(name).is_some_and(|last| step <= *last) {
            return Err(Unproved::Replayed);
        }
        let mut next = used.clone();
        // Those that are over by far need no note: a hundred steps are an hour.
        next.retain(|_, last| *last + 100 > step);
        next.insert(name.to_owned(), step);
        let text = toml::to_string(&next).map_err(|_| Unproved::NotKept)?;
        files::replace(&used_path(&self.file), text.as_bytes(), files::SECRET).map_err(|error| {
            tracing::error!(%error, "one-time passwords are refused");
            Unproved::NotKept
        })?;
        *used = next;
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Vec<User>) -> Result<(), UserError>) -> Result<(), UserError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // From the file, not from memory: it may have been edited by hand since.
        let mut users = self.read_sealed()?;
        change(&mut users)?;
        self.write(&users)?;
        self.take(users);
        Ok(())
    }

    fn syntax(&self, error: impl ToString) -> UserError {
        UserError::Syntax { file: self.file.clone(), text: error.to_string() }
    }
}

/// The secret of a user's second factor, from base 32, as the file has it.
fn seal_totp(seal: &SecretSeal, name: &str, secret: &str) -> Result<String, UserError> {
    let bytes =
        totp::decode(secret).ok_or_else(|| UserError::Refused("the secret is no base 32 of 16 bytes at least".to_owned()))?;
    let sealed = seal.seal(&about(name), &bytes).map_err(|error| UserError::Refused(error.to_string()))?;
    Ok(sealed.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The secret of a user's second factor; `None`: there is none, or it was sealed under another root key or for another user.
fn open_totp(seal: &SecretSeal, user: &User) -> Option<Zeroizing<Vec<u8>>> {
    let digits = user.totp_sealed.as_deref()?.as_bytes();
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let sealed = digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
    seal.open(&about(&user.name), &sealed).ok()
}

/// What a secret is sealed with: it is good for this user alone.
fn about(name: &str) -> String {
    format!("totp {name}")
}

/// Where the codes that were used are: beside the users.
fn used_path(file: &Path) -> PathBuf {
    file.with_extension("used")
}

fn read_used(path: &Path) -> Result<BTreeMap<String, u64>, UserError> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| UserError::Syntax { file: path.to_owned(), text: error.to_string() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(FileError::new("read", path)(error).into()),
    }
}

fn read_file(file: &Path) -> Result<Vec<User>, UserError> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::new("read", file)(error).into()),
    };
    let syntax = |text: String| UserError::Syntax { file: file.to_owned(), text };
    let users = toml::from_str::<UsersFile>(&text).map_err(|error| syntax(error.to_string()))?.users;
    for user in &users {
        if user.totp.as_deref().is_some_and(|secret| totp::decode(secret).is_none()) {
            return Err(syntax(format!("user {:?}: totp is no secret; set it with kmipd user totp", user.name)));
        }
        if !user.password_hash.starts_with("$argon2id$") || PasswordHash::new(&user.password_hash).is_err() {
            return Err(syntax(format!("user {:?}: password_hash is no Argon2id hash; set it with kmipd user add", user.name)));
        }
        for hashes in &user.hashed_password {
            hashes
                .check()
                .map_err(|cause| syntax(format!("user {:?}: hashed_password: {cause}; set it with kmipd user add", user.name)))?;
        }
        check_work(&user.password_hash).map_err(|cause| syntax(format!("user {:?}: password_hash: {cause}", user.name)))?;
    }
    Ok(users)
}

/// Refuses parameters with which one password would stop the server.
fn check_work(hash: &str) -> Result<(), String> {
    let hash = PasswordHash::new(hash).map_err(|error| error.to_string())?;
    let params = argon2::Params::try_from(&hash).map_err(|error| error.to_string())?;
    for (name, value, most) in
        [("m", params.m_cost(), MEMORY_COST_MAX), ("t", params.t_cost(), TIME_COST_MAX), ("p", params.p_cost(), LANES_MAX)]
    {
        if value > most {
            return Err(format!("{name}={value} is more than {most}"));
        }
    }
    Ok(())
}

fn hash(password: &[u8]) -> Result<String, UserError> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password)
        .map_err(|error| UserError::Refused(format!("the password cannot be hashed: {error}")))?;
    Ok(hash.to_string())
}

fn check_text(what: &str, text: &str) -> Result<(), UserError> {
    if text.is_empty() || text.len() > NAME_LENGTH_MAX || text.chars().any(char::is_control) {
        return Err(UserError::Refused(format!("{what} must have 1 to {NAME_LENGTH_MAX} bytes and no control characters")));
    }
    Ok(())
}

fn check_password(password: &str, weak: bool) -> Result<(), UserError> {
    let least = if weak { 1 } else { PASSWORD_LENGTH_MIN };
    if password.chars().count() < least {
        let more = if weak { "" } else { " (protocol.weak_passwords = true lifts this, for tests)" };
        return Err(UserError::Refused(format!("the password must have at least {least} characters{more}")));
    }
    if password.len() > PASSWORD_LENGTH_MAX {
        return Err(UserError::Refused(format!("the password must have at most {PASSWORD_LENGTH_MAX} bytes")));
    }
    Ok(())
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
