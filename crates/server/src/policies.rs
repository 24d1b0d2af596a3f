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

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "listen = \"127.0.0.1:5696\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"\nclient_ca = \"c\"\n[store]\nkind = \"memory\"\n";

    #[test]
    fn a_wrong_or_missing_file_changes_nothing_and_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::parse(LEAST, &directory.path().join("kmipd.toml")).unwrap();
        let file = directory.path().join("policy.toml");
        let policies = Policies::read(&config).unwrap();
        assert!(policies.current().is_default() && policies.read_again(&config).unwrap().is_none());

        std::fs::write(&file, "[[role]]\nname = \"x\"\nown = [\"all\"]\n").unwrap();
        let read = policies.read_again(&config).unwrap().unwrap();
        assert!(policies.current().is_default(), "nothing is taken yet");
        policies.take(read);
        assert!(policies.current().has_role("x"));
        assert!(policies.read_again(&config).unwrap().is_none(), "it says what it said");

        std::fs::write(&file, "[[role]]\nname = \"y\"\nown = [\"alll\"]\n").unwrap();
        let error = policies.read_again(&config).unwrap_err().to_string();
        assert!(error.contains("policy.toml: line 3: role.own: \"alll\""), "{error}");
        std::fs::remove_file(&file).unwrap();
        let error = policies.read_again(&config).unwrap_err().to_string();
        assert!(error.contains("is gone"), "{error}");
        assert!(policies.current().has_role("x"));
        // One that the configuration names has to be there.
        let named = Config { policy: Some(file), ..config };
        assert!(Policies::read(&named).is_err());
    }

    #[test]
    fn operation_policies_come_from_files_and_folders() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::parse(LEAST, &directory.path().join("kmipd.toml")).unwrap();
        let folder = directory.path().join("more");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a.json"), r#"{"p": {"SYMMETRIC_KEY": {"GET": "ALLOW_ALL"}}}"#).unwrap();
        std::fs::write(folder.join("readme.txt"), "no policy").unwrap();
        std::fs::write(directory.path().join("b.json"), r#"{"q": {"SYMMETRIC_KEY": {"GET": "ALLOW_ALL"}}}"#).unwrap();
        std::fs::write(directory.path().join("policy.toml"), "operation_policies = [\"more\", \"b.json\"]\n").unwrap();
        let policies = Policies::read(&config).unwrap();
        assert!(policies.current().summary().ends_with("operation policies: p, q"));
        std::fs::write(directory.path().join("b.json"), r#"{"q": {"SYMMETRIC_KEY": {"GET": "ALLOW_NONE"}}}"#).unwrap();
        let error = policies.read_again(&config).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("b.json") && error.contains("ALLOW_NONE"), "{error}");
    }
}
