//! Signed checkpoints of the audit log: made while the server runs, kept beside its data, and in the server's own log.

use crate::config::AuditConfig;
use crate::files::{self, FileError, PUBLIC, SECRET};
use audit::{Checkpoint, PublicKey, SignedCheckpoint, SigningKey, Verified};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use store::{Store, StoreError};
use zeroize::Zeroizing;

use crate::operated::OperatedStore;

/// Bytes of the file of checkpoints from which a new one is begun; the one before is kept, with `.1` behind its name.
const FILE_LENGTH_MAX: u64 = 4 << 20;
/// Bytes of a key in its file.
const SEED: usize = 32;

/// Makes the key that signs checkpoints, and beside it the file with the public key, 64 hexadecimal digits.
///
/// # Errors
/// When a file is there already or cannot be written, or there are no random bytes.
pub fn create_key(path: &Path) -> Result<(), String> {
    let mut seed = Zeroizing::new([0; SEED]);
    aws_lc_rs::rand::fill(&mut *seed).map_err(|_| "no random bytes for the key of the audit log".to_owned())?;
    let key = SigningKey::from_seed(&*seed).map_err(|error| error.to_string())?;
    files::write_new(path, &*seed, SECRET).map_err(|error| error.to_string())?;
    let public = format!("{}\n", key.public());
    files::write_new(&public_path(path), public.as_bytes(), PUBLIC).map_err(|error| error.to_string())
}

/// Where the public key of a signing key is.
#[must_use]
pub fn public_path(key: &Path) -> PathBuf {
    key.with_extension("pub")
}

fn read_key(path: &Path) -> Result<SigningKey, String> {
    let seed = std::fs::read(path).map(Zeroizing::new).map_err(|error| format!("{}: {error}", path.display()))?;
    SigningKey::from_seed(&seed).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a public key file.
///
/// # Errors
/// When it cannot be read, or holds something else.
pub fn read_public(path: &Path) -> Result<PublicKey, String> {
    let text = files::read_text(path).map_err(|error| error.to_string())?;
    text.trim().parse().map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads checkpoints and verifies who signed them, of a file and of the one before it. A last line that was not finished, as a power
/// cut may leave it, is passed over.
///
/// # Errors
/// When a file cannot be read, or has a line that is no checkpoint or not signed by the key.
pub fn read(path: &Path, key: &PublicKey) -> Result<Vec<Checkpoint>, String> {
    let mut checkpoints = Vec::new();
    for path in [earlier(path), path.to_owned()] {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (number, line) in whole.lines().enumerate() {
            let signed = line.parse::<SignedCheckpoint>().ok().filter(|signed| signed.is_signed_by(key));
            let signed = signed
                .ok_or_else(|| format!("{}, line {}: not a checkpoint that key {key} has signed", path.display(), number + 1))?;
            checkpoints.push(signed.checkpoint);
        }
    }
    Ok(checkpoints)
}

fn earlier(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// The checkpoints of a running server.
#[derive(Debug)]
pub struct Checkpoints {
    key: SigningKey,
    path: PathBuf,
    /// The entry of the last one.
    last: Mutex<u64>,
}

impl Checkpoints {
    /// Opens the file of checkpoints. The key is made where there is none: a folder of an earlier release has none. One that is gone is
    /// not made anew: what it signed is to be verified still.
    ///
    /// # Errors
    /// When the key cannot be made or read, or is gone.
    pub fn open(config: &AuditConfig) -> Result<Self, String> {
        let public = public_path(&config.key);
        if !config.key.exists() {
            if public.exists() {
                let (key, public) = (config.key.display(), public.display());
                return Err(format!("{key} is gone, but {public} is there: put the key back, or move both away for a new pair"));
            }
            create_key(&config.key)?;
            tracing::info!("{} is made: it signs the checkpoints of the audit log", config.key.display());
        }
        let key = read_key(&config.key)?;
        if !public.exists() {
            // The first start was interrupted between the two.
            files::write_new(&public, format!("{}\n", key.public()).as_bytes(), PUBLIC).map_err(|error| error.to_string())?;
        }
        Ok(Self { key, path: config.checkpoints.clone(), last: Mutex::new(0) })
    }

    /// Signs how far the log of a store reaches, unless it has been said already, and keeps it. Waits for the disk.
    ///
    /// # Errors
    /// When the log cannot be read or the file cannot be written.
    pub async fn note<S: OperatedStore>(&self, store: &S, time_us: i64) -> Result<(), String> {
        let Some(head) = head(store).await.map_err(|error| error.to_string())? else { return Ok(()) };
        if *self.last() == head.sequence {
            return Ok(());
        }
        let signed = self.key.sign(Checkpoint { head, time_us });
        self.append(&signed).map_err(|error| error.to_string())?;
        *self.last() = head.sequence;
        tracing::info!("audit checkpoint {signed}");
        Ok(())
    }

    fn last(&self) -> std::sync::MutexGuard<'_, u64> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, signed: &SignedCheckpoint) -> Result<(), FileError> {
        let failed = FileError::new("write", &self.path);
        let append = || {
            let mut file = OpenOptions::new().append(true).create(true).mode(PUBLIC).open(&self.path)?;
            let length = file.metadata()?.len();
            if length >= FILE_LENGTH_MAX {
                std::fs::rename(&self.path, earlier(&self.path))?;
                file = OpenOptions::new().append(true).create(true).mode(PUBLIC).open(&self.path)?;
            } else if length > 0 && !ends_a_line(&self.path)? {
                file.write_all(b"\n")?;
            }
            file.write_all(format!("{signed}\n").as_bytes())?;
            file.sync_data()
        };
        append().map_err(failed)?;
        files::sync_parent(&self.path)
    }
}

fn ends_a_line(path: &Path) -> io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The last entry of a store's log; none: it is empty, or the store cannot tell.
async fn head<S: OperatedStore>(store: &S) -> Result<Option<Verified>, StoreError> {
    let Some(sequence) = store.status().map(|status| status.log_entries).filter(|sequence| *sequence > 0) else {
        return Ok(None);
    };
    let entries = Store::read_log(store, sequence, 1).await?;
    Ok(entries.first().map(|entry| Verified { sequence: entry.sequence, hash: entry.hash }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_completed_but_a_key_that_is_gone_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let config = AuditConfig {
            key: folder.path().join("audit.key"),
            checkpoints: folder.path().join("audit.checkpoints"),
            ..AuditConfig::default()
        };
        let public = public_path(&config.key);
        Checkpoints::open(&config).unwrap();
        let made = std::fs::read_to_string(&public).unwrap();
        std::fs::remove_file(&public).unwrap();
        Checkpoints::open(&config).unwrap();
        assert_eq!(std::fs::read_to_string(&public).unwrap(), made);
        std::fs::remove_file(&config.key).unwrap();
        let refused = Checkpoints::open(&config).unwrap_err();
        assert!(refused.contains("is gone") && !config.key.exists(), "{refused}");
    }
}
