//! `--name value` on the command line of a command.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

/// The options that were given and not yet taken.
#[derive(Debug)]
pub(crate) struct Options(BTreeMap<String, String>);

impl Options {
    /// Reads `--name value` again and again.
    ///
    /// # Errors
    /// When something else is there.
    pub(crate) fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut options = BTreeMap::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let name = argument.strip_prefix("--").ok_or_else(|| format!("{argument}: options begin with --"))?;
            let value = rest.next().ok_or_else(|| format!("{argument} needs a value"))?;
            options.insert(name.to_owned(), (*value).to_owned());
        }
        Ok(Self(options))
    }

    /// Takes an option that is a number.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| format!("--{name} {value}: not a number that fits"))
    }

    /// Takes an option that is a path.
    pub(crate) fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.0.remove(name).map(PathBuf::from)
    }

    /// The end: all options were taken.
    ///
    /// # Errors
    /// Names one that nobody took.
    pub(crate) fn end(self) -> Result<(), String> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(format!("--{name}: there is no such option")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_taken_or_refused() {
        let mut options = Options::read(&["--rounds", "3", "--dir", "x"]).unwrap();
        assert_eq!(options.number("rounds"), Ok(Some(3)));
        assert_eq!(options.number::<usize>("objects"), Ok(None));
        assert_eq!(options.path("dir"), Some(PathBuf::from("x")));
        assert_eq!(options.end(), Ok(()));
        assert!(Options::read(&["3"]).is_err() && Options::read(&["--rounds"]).is_err());
        assert!(Options::read(&["--rounds", "many"]).unwrap().number::<usize>("rounds").is_err());
        assert!(Options::read(&["--colour", "red"]).unwrap().end().unwrap_err().contains("--colour"));
    }
}
