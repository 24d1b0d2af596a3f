//! The list of cases that are known to fail, each with its reason. It may only shrink: a listed case that passes is an error too.

use crate::selection;

/// The list.
#[derive(Clone, Debug, Default)]
pub struct KnownFailures {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    pattern: String,
    reason: String,
}

impl KnownFailures {
    /// From lines of a pattern of case names, white space, and the reason; `#` starts a comment.
    ///
    /// # Errors
    /// The line that has no reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rows = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let row = line.split_once(char::is_whitespace).map(|(pattern, reason)| (pattern, reason.trim()));
            let Some((pattern, reason)) = row.filter(|(_, reason)| !reason.is_empty()) else {
                return Err(format!("line {}: `{line}` gives no reason", number + 1));
            };
            rows.push(Row { pattern: pattern.to_owned(), reason: reason.to_owned() });
        }
        Ok(Self { rows })
    }

    /// The reason why a case is known to fail.
    #[must_use]
    pub fn reason(&self, case: &str) -> Option<&str> {
        self.rows.iter().find(|row| selection::matches(&row.pattern, case)).map(|row| row.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_pattern_and_a_reason() {
        let list = KnownFailures::parse("# comment\n\nTC-1-*   Re-key comes later\n").unwrap();
        assert_eq!(list.reason("TC-1-12"), Some("Re-key comes later"));
        assert_eq!(list.reason("TC-2-12"), None);
    }

    #[test]
    fn a_row_without_a_reason_is_refused() {
        let error = KnownFailures::parse("TC-1-12  a reason\nTC-2-12\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }
}
