//! The root key: 32 random bytes in a file of their own, outside the data directory.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aes_kw::KwAes256;
use aws_lc_rs::{hmac, rand};
use zeroize::Zeroizing;

const LENGTH: usize = 32;

/// The key that wraps the keys of a store's key file. Wiped from memory when dropped; `Debug` shows its identifier only.
pub struct RootKey(Zeroizing<[u8; LENGTH]>);

/// Tells root keys apart without telling anything about them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootKeyIdentifier(pub [u8; 8]);

/// Why a root key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// A root key is never overwritten.
    #[error("the root key file {} exists already", .0.display())]
    Exists(PathBuf),
    /// There is no such file.
    #[error("there is no root key file {}", .0.display())]
    Missing(PathBuf),
    /// Others could read the file.
    #[error("the root key file {} has mode {mode:04o}, which lets others at it; it must be 0600 or 0400", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold exactly 32 bytes.
    #[error("the root key file {} does not hold exactly {LENGTH} bytes", .0.display())]
    Length(PathBuf),
    /// The operating system failed.
    #[error("{what} {}: {cause}", .path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What happened.
        cause: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for a root key")]
    Random,
}

impl RootKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`RootKeyError::Random`].
    pub fn generate() -> Result<Self, RootKeyError> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        rand::fill(&mut *bytes).map_err(|_| RootKeyError::Random)?;
        Ok(Self(bytes))
    }

    /// Takes a key from elsewhere, such as a key-management system that guards this one.
    pub fn from_bytes(bytes: Zeroizing<[u8; LENGTH]>) -> Self {
        Self(bytes)
    }

    /// Draws a new key and writes it to a new file of mode 0600; when this returns, it has reached the disk.
    ///
    /// # Errors
    /// [`RootKeyError::Exists`] rather than overwriting; [`RootKeyError::Io`].
    pub fn create_file(path: &Path) -> Result<Self, RootKeyError> {
        let key = Self::generate()?;
        let failed = |what| move |cause| RootKeyError::Io { what, path: path.into(), cause };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = file.map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => RootKeyError::Exists(path.into()),
            _ => failed("creating")(cause),
        })?;
        file.write_all(&*key.0).and_then(|()| file.sync_all()).map_err(failed("writing"))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(failed("syncing the directory of"))?;
        Ok(key)
    }

    /// Reads a key that [`RootKey::create_file`] wrote.
    ///
    /// # Errors
    /// [`RootKeyError::Missing`], [`RootKeyError::Exposed`], [`RootKeyError::Length`] or [`RootKeyError::Io`].
    pub fn read_file(path: &Path) -> Result<Self, RootKeyError> {
        let failed = |what| move |cause| RootKeyError::Io { what, path: path.into(), cause };
        let mut file = File::open(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => RootKeyError::Missing(path.into()),
            _ => failed("opening")(cause),
        })?;
        let metadata = file.metadata().map_err(failed("examining"))?;
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(RootKeyError::Exposed { path: path.into(), mode });
        }
        if metadata.len() != LENGTH as u64 {
            return Err(RootKeyError::Length(path.into()));
        }
        let mut bytes = Zeroizing::new([0; LENGTH]);
        file.read_exact(&mut *bytes).map_err(failed("reading"))?;
        Ok(Self(bytes))
    }

    /// What tells this key from others, for messages and for the key file.
    pub fn identifier(&self) -> RootKeyIdentifier {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), b"kmipd root key identifier");
        let mut identifier = [0; 8];
        identifier.copy_from_slice(&tag.as_ref()[..8]);
        RootKeyIdentifier(identifier)
    }

    /// A key for another purpose, which tells nothing of this one.
    pub(super) fn derived(&self, purpose: &[u8]) -> Zeroizing<[u8; LENGTH]> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), purpose);
        let mut key = Zeroizing::new([0; LENGTH]);
        key.copy_from_slice(tag.as_ref());
        key
    }

    pub(super) fn wrapping(&self) -> KwAes256 {
        wrapping_key(&self.0)
    }
}

/// AES Key Wrap under a key of 256 bits.
pub(super) fn wrapping_key(key: &[u8; LENGTH]) -> KwAes256 {
    use aes_kw::cipher::KeyInit;
    KwAes256::new(key.into())
}

impl fmt::Debug for RootKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RootKey({})", self.identifier())
    }
}

impl fmt::Display for RootKeyIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for RootKeyIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_root_key_file_is_private_and_never_overwritten() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("root.key");
        assert!(matches!(RootKey::read_file(&path), Err(RootKeyError::Missing(_))));
        let key = RootKey::create_file(&path).expect("create");
        assert_eq!(fs::metadata(&path).expect("file").mode() & 0o777, 0o600);
        assert!(*RootKey::read_file(&path).expect("read").0 == *key.0);
        assert!(matches!(RootKey::create_file(&path), Err(RootKeyError::Exists(_))));
        assert!(*RootKey::read_file(&path).expect("read").0 == *key.0);

        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("chmod");
        assert!(matches!(RootKey::read_file(&path), Err(RootKeyError::Exposed { mode: 0o640, .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
        fs::write(&path, [0; 33]).expect("write");
        assert!(matches!(RootKey::read_file(&path), Err(RootKeyError::Length(_))));
    }

    #[test]
    fn debug_tells_keys_apart_and_nothing_else() {
        let key = RootKey::from_bytes(Zeroizing::new([0x41; LENGTH]));
        let other = RootKey::from_bytes(Zeroizing::new([0x42; LENGTH]));
        assert_eq!(format!("{key:?}"), format!("RootKey({})", key.identifier()));
        assert!(key.identifier() != other.identifier());
        assert!(!format!("{key:?}").contains("4141"));
    }
}
