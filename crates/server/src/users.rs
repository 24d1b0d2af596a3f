//! Users with passwords: for KMIP's Username and Password and Device credentials.
//!
//! They live in a TOML file beside kmipd.toml, mode 0600, with one Argon2id hash each (RFC 9106), and in memory while the server runs.

use crate::files::{self, FileError};
use arc_swap::ArcSwap;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("User")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("device_serial", &self.device_serial)
            .finish_non_exhaustive()
    }
}

#[derive(Default, Serialize, Deserialize)]
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

/// What a client says about itself in a message.
#[derive(Clone, Copy)]
pub enum Claim<'a> {
    /// Username and Password: the user's name.
    Username(&'a str),
    /// Device: the device's serial number.
    DeviceSerial(&'a str),
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
}

impl Users {
    /// Reads the users file; one that does not exist has no users.
    ///
    /// # Errors
    /// When it cannot be read or parsed.
    pub fn read(file: &Path) -> Result<Self, UserError> {
        let users = read_file(file)?;
        Ok(Self {
            file: file.to_owned(),
            current: ArcSwap::from_pointee(users),
            changing: Mutex::new(()),
            generation: AtomicU64::new(1),
            decoy: hash(b"decoy")?,
        })
    }

    /// Reads the file again; on an error the users stay as they are.
    ///
    /// # Errors
    /// As [`Users::read`].
    pub fn reload(&self) -> Result<usize, UserError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let users = read_file(&self.file)?;
        let count = users.len();
        self.take(users);
        Ok(count)
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

    /// Adds a user, or gives an existing one a new password, role and serial number.
    ///
    /// # Errors
    /// When name, serial number or password is not acceptable, or the file cannot be written: then nothing has changed.
    pub fn add(
        &self,
        name: &str,
        role: Option<&str>,
        device_serial: Option<&str>,
        password: &str,
        weak_passwords: bool,
    ) -> Result<(), UserError> {
        check_text("the name", name)?;
        role.map_or(Ok(()), |role| check_text("the role", role))?;
        device_serial.map_or(Ok(()), |serial| check_text("the device serial number", serial))?;
        check_password(password, weak_passwords)?;
        let user = User {
            name: name.to_owned(),
            role: role.map(str::to_owned),
            device_serial: device_serial.map(str::to_owned),
            password_hash: hash(password.as_bytes())?,
        };
        self.change(|users| {
            let other = users
                .iter()
                .find(|other| other.name != name && other.device_serial.is_some() && other.device_serial == user.device_serial);
            if let Some(other) = other {
                return Err(UserError::Refused(format!("the device serial number belongs to the user {:?}", other.name)));
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

    /// Verifies a password; the name of the user it proves. Takes some 20 ms of a processor whether or not there is such a user:
    /// never call it on a thread that serves sockets.
    #[must_use]
    pub fn verify(&self, claim: Claim<'_>, password: &[u8]) -> Option<String> {
        let users = self.list();
        let user = users.iter().find(|user| match claim {
            Claim::Username(name) => user.name == name,
            Claim::DeviceSerial(serial) => user.device_serial.as_deref() == Some(serial),
        });
        let password = if password.len() > PASSWORD_LENGTH_MAX { &[] } else { password };
        let hash = user.map_or(self.decoy.as_str(), |user| &user.password_hash);
        let right = PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok());
        user.filter(|_| right).map(|user| user.name.clone())
    }

    fn change(&self, change: impl FnOnce(&mut Vec<User>) -> Result<(), UserError>) -> Result<(), UserError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // From the file, not from memory: it may have been edited by hand since.
        let mut users = read_file(&self.file)?;
        change(&mut users)?;
        let file = UsersFile { users };
        let text = toml::to_string(&file).map_err(|error| self.syntax(error))?;
        files::replace(&self.file, text.as_bytes(), files::SECRET)?;
        self.take(file.users);
        Ok(())
    }

    fn syntax(&self, error: impl ToString) -> UserError {
        UserError::Syntax { file: self.file.clone(), text: error.to_string() }
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
        if !user.password_hash.starts_with("$argon2id$") || PasswordHash::new(&user.password_hash).is_err() {
            return Err(syntax(format!("user {:?}: password_hash is no Argon2id hash; set it with kmipd user add", user.name)));
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
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    fn users() -> (tempfile::TempDir, Users) {
        let directory = tempfile::tempdir().unwrap();
        let users = Users::read(&directory.path().join("users.toml")).unwrap();
        (directory, users)
    }

    #[test]
    fn a_password_proves_its_user_and_no_other_does() {
        let (_directory, users) = users();
        users.add("alice", Some("operator"), Some("SN-1"), PASSWORD, false).unwrap();
        assert_eq!(users.verify(Claim::Username("alice"), PASSWORD.as_bytes()).as_deref(), Some("alice"));
        assert_eq!(users.verify(Claim::DeviceSerial("SN-1"), PASSWORD.as_bytes()).as_deref(), Some("alice"));
        for (claim, password) in [
            (Claim::Username("alice"), "wrong"),
            (Claim::Username("alice"), ""),
            (Claim::Username("bob"), PASSWORD),
            (Claim::Username("bob"), "decoy"),
            (Claim::DeviceSerial("alice"), PASSWORD),
            (Claim::Username("SN-1"), PASSWORD),
        ] {
            assert_eq!(users.verify(claim, password.as_bytes()), None);
        }
    }

    #[test]
    fn the_file_holds_no_password_and_is_private() {
        let (directory, users) = users();
        users.add("alice", None, None, PASSWORD, false).unwrap();
        let path = directory.path().join("users.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("$argon2id$") && !text.contains(PASSWORD));
        assert!(!files::is_exposed(&path));
        let again = Users::read(&path).unwrap();
        assert_eq!(again.verify(Claim::Username("alice"), PASSWORD.as_bytes()).as_deref(), Some("alice"));
    }

    #[test]
    fn what_is_removed_proves_nothing_and_bad_files_change_nothing() {
        let (directory, users) = users();
        users.add("alice", None, None, PASSWORD, false).unwrap();
        users.add("bob", None, Some("SN-2"), PASSWORD, false).unwrap();
        let generation = users.generation();
        users.remove("alice").unwrap();
        assert!(users.generation() > generation);
        assert!(users.remove("alice").is_err());
        assert_eq!(users.verify(Claim::Username("alice"), PASSWORD.as_bytes()), None);
        std::fs::write(directory.path().join("users.toml"), "[[user]]\nname = \"x\"\npassword_hash = \"plain\"\n").unwrap();
        assert!(users.reload().unwrap_err().to_string().contains("Argon2id"));
        assert_eq!(users.list().len(), 1, "the users before the bad file stay");
    }

    #[test]
    fn a_hash_that_would_stop_the_server_is_refused() {
        let (directory, users) = users();
        users.add("alice", None, None, PASSWORD, false).unwrap();
        let path = directory.path().join("users.toml");
        let good = std::fs::read_to_string(&path).unwrap();
        assert!(good.contains("m=19456,t=2,p=1"), "{good}");
        for parameters in ["m=4194304,t=2,p=1", "m=19456,t=1000000,p=1", "m=19456,t=2,p=255"] {
            std::fs::write(&path, good.replace("m=19456,t=2,p=1", parameters)).unwrap();
            let error = users.reload().unwrap_err().to_string();
            assert!(error.contains("alice") && error.contains("is more than"), "{error}");
        }
        std::fs::write(&path, good.replace("m=19456,t=2,p=1", "m=65536,t=3,p=4")).unwrap();
        users.reload().unwrap();
    }

    #[test]
    fn refusals() {
        let (_directory, users) = users();
        assert!(users.add("alice", None, None, "short", false).is_err());
        users.add("alice", None, Some("SN"), "short", true).unwrap();
        assert!(users.add("bob", None, Some("SN"), PASSWORD, false).is_err(), "a serial number names one user");
        assert!(users.add("", None, None, PASSWORD, false).is_err());
        assert!(users.add("a\nb", None, None, PASSWORD, false).is_err());
        assert!(users.add("a", None, None, &"x".repeat(1025), false).is_err());
    }
}
