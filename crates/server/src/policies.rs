//! The policy file, and what it says in memory.

use crate::config::Config;
use crate::files::{self, FileError};
use arc_swap::ArcSwap;
use policy::{PolicyError, Rules};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a policy file, and of the files of operation policies that it names, each.
const LENGTH_MAX: u64 = 16 << 20;

/// Files of operation policies in one folder.
const FILES_MAX: usize = 1_000;

/// Why a policy was not read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what is expected.
    #[error("{}: {cause}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Line, key and reason.
        cause: PolicyError,
    },
    /// It was there when the server began.
    #[error("{} is gone, and without it every client would be a user again; the policy stays as it was", .0.display())]
    Gone(PathBuf),
}

/// The policy of a server.
#[derive(Debug)]
pub struct Policies {
    current: ArcSwap<Rules>,
}

impl Policies {
    /// Reads the policy that a configuration names. Where it names none and none is beside it, every client is a user.
    ///
    /// # Errors
    /// When the file cannot be read or used.
    pub fn read(config: &Config) -> Result<Self, PolicyFileError> {
        let rules = read(&config.policy_file(), config.policy.is_some(), 1)?;
        Ok(Self { current: ArcSwap::from_pointee(rules.unwrap_or_default()) })
    }

    /// The policy of now.
    #[must_use]
    pub fn current(&self) -> Arc<Rules> {
        self.current.load_full()
    }

    /// Reads the file again; `None`: it says what it said. Nothing is taken yet.
    ///
    /// # Errors
    /// As [`Policies::read`]; also when a file is gone.
    pub fn read_again(&self, config: &Config) -> Result<Option<Arc<Rules>>, PolicyFileError> {
        let current = self.current();
        let file = config.policy_file();
        let rules = match read(&file, config.policy.is_some(), current.generation() + 1)? {
            Some(rules) => rules,
            None if current.is_default() => return Ok(None),
            None => return Err(PolicyFileError::Gone(file)),
        };
        Ok((!rules.is_same(&current)).then(|| Arc::new(rules)))
    }

    /// Lets a policy hold from now on.
    pub fn take(&self, rules: Arc<Rules>) {
        self.current.store(rules);
    }
}

/// Reads a policy; `None`: there is no file, and need not be.
fn read(file: &Path, is_required: bool, generation: u64) -> Result<Option<Rules>, PolicyFileError> {
    if !is_required && !file.exists() {
        return Ok(None);
    }
    let text = read_short(file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let open = |name: &str| operation_policies(&folder.join(name)).map_err(|error| error.to_string());
    let rules = Rules::parse(&text, generation, open);
    rules.map(Some).map_err(|cause| PolicyFileError::Content { file: file.to_owned(), cause })
}

fn read_short(file: &Path) -> Result<String, FileError> {
    let length = std::fs::metadata(file).map_err(FileError::new("read", file))?.len();
    if length > LENGTH_MAX {
        let cause = std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("it has more than {LENGTH_MAX} bytes"));
        return Err(FileError::new("read", file)(cause));
    }
    files::read_text(file)
}

/// The text of a file, or of the files in a folder whose names end in `.json`, in the order of their names.
fn operation_policies(path: &Path) -> Result<Vec<String>, FileError> {
    if !path.is_dir() {
        return Ok(vec![read_short(path)?]);
    }
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(path).map_err(FileError::new("read", path))? {
        let entry = entry.map_err(FileError::new("read", path))?.path();
        if entry.extension().is_some_and(|extension| extension == "json") {
            inside.push(entry);
        }
        if inside.len() > FILES_MAX {
            let cause = std::io::Error::other(format!("it has more than {FILES_MAX} files"));
            return Err(FileError::new("read", path)(cause));
        }
    }
    inside.sort();
    inside.iter().map(|file| read_short(file)).collect()
}
