//! Who a certificate is: its parts, and patterns for them.

use serde::{Deserialize, Serialize};

/// A part of a certificate, which may name an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The last common name of the subject, which is the most specific one.
    CommonName,
    /// The first organization of the subject.
    Organization,
    /// The first organizational unit of the subject.
    OrganizationalUnit,
    /// The first DNS name among the alternative names.
    SanDns,
    /// The first e-mail address among the alternative names.
    SanEmail,
    /// The first URI among the alternative names.
    SanUri,
    /// The whole subject in the certificate's order, for example `O=Example, CN=array-1`, its parts written as by RFC 4514: what
    /// would read like the beginning of another part is escaped, so that two subjects never have one text.
    Subject,
    /// The whole issuer, written like the subject.
    Issuer,
    /// SHA-256 of the certificate, 64 hexadecimal digits in lower case.
    Fingerprint,
}

/// What a certificate says about its holder: every value of every part, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    values: Vec<(Part, String)>,
}

impl Parts {
    /// Adds a value; what is empty says nothing.
    pub fn add(&mut self, part: Part, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.values.push((part, value));
        }
    }

    /// The value of a part that names an actor.
    pub fn name(&self, part: Part) -> Option<&str> {
        let mut values = self.of(part);
        // The last common name is the most specific one.
        if part == Part::CommonName { values.next_back() } else { values.next() }
    }

    /// The values of a part.
    fn of(&self, part: Part) -> impl DoubleEndedIterator<Item = &str> {
        self.values.iter().filter(move |(of, _)| *of == part).map(|(_, value)| value.as_str())
    }

    /// Whether a value of a part matches.
    pub(crate) fn has(&self, part: Part, pattern: &Pattern) -> bool {
        self.of(part).any(|value| pattern.matches(value))
    }
}

/// A text in which `*` stands for any letters, also for none. There is no way to write the letter itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<String>);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.split('*').map(str::to_owned).collect())
    }

    /// Costs at most the length of the text for each piece.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return text.is_empty() };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            let Some(at) = text.find(piece.as_str()) else { return false };
            text = &text[at + piece.len()..];
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, matches) in [
            ("array-1", "array-1", true),
            ("array-1", "array-12", false),
            ("array-*", "array-", true),
            ("array-*", "xarray-1", false),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.example.org.evil", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*b", "ab", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn the_last_common_name_and_the_first_of_everything_else_name() {
        let mut parts = Parts::default();
        for (part, value) in [
            (Part::CommonName, "people"),
            (Part::CommonName, "fred"),
            (Part::SanDns, ""),
            (Part::SanDns, "one"),
            (Part::SanDns, "two"),
        ] {
            parts.add(part, value);
        }
        assert_eq!(parts.name(Part::CommonName), Some("fred"));
        assert_eq!(parts.name(Part::SanDns), Some("one"));
        assert_eq!(parts.name(Part::Issuer), None);
        assert!(parts.has(Part::SanDns, &Pattern::new("two")));
    }
}
