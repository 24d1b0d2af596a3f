//! Which cases run, in which order, and which of them belong together.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::case::Case;

/// Families whose members build on one another: they run whole, in order, without clearing up in between.
const FAMILIES: [&str; 4] = ["TL-M-", "SASED-M-", "TC-CREG-", "TC-OTP-"];

/// The operations of the first release, and its limits: no wrapped keys, and TTLV only (the cases of the other message encodings
/// speak HTTPS, JSON and XML).
const CORE: [&str; 17] = [
    "DiscoverVersions",
    "Query",
    "Create",
    "CreateKeyPair",
    "Register",
    "Get",
    "GetAttributes",
    "GetAttributeList",
    "AddAttribute",
    "ModifyAttribute",
    "DeleteAttribute",
    "Locate",
    "Activate",
    "Revoke",
    "Destroy",
    "Check",
    "Interop",
];
/// The name of that selection.
pub const CORE_NAME: &str = "core";

/// What else manages objects, beside the core: everything but cryptographic services, Certify and Re-certify, Validate, and the
/// operations of split keys. The limits are the same.
const MORE_OBJECTS: [&str; 26] = [
    "ReKey",
    "ReKeyKeyPair",
    "ObtainLease",
    "GetUsageAllocation",
    "Archive",
    "Recover",
    "Poll",
    "Cancel",
    "QueryAsynchronousRequests",
    "Process",
    "SetAttribute",
    "AdjustAttribute",
    "Import",
    "Export",
    "Log",
    "Login",
    "Logout",
    "DelegatedLogin",
    "SetEndpointRole",
    "Ping",
    "GetConstraints",
    "SetConstraints",
    "SetDefaults",
    "ReProvision",
    "Notify",
    "Put",
];
/// The name of the selection of both.
pub const OBJECTS_NAME: &str = "objects";

/// What computes with keys, beside what manages objects: everything but Certify, Re-certify, Validate and PKCS#11. Keys may be wrapped;
/// the encoding is TTLV.
const SERVICES: [&str; 12] = [
    "Encrypt",
    "Decrypt",
    "Sign",
    "SignatureVerify",
    "MAC",
    "MACVerify",
    "Hash",
    "RNGRetrieve",
    "RNGSeed",
    "DeriveKey",
    "CreateSplitKey",
    "JoinSplitKey",
];
/// The name of the selection of all three.
pub const SERVICES_NAME: &str = "services";

/// The files ending in `.xml` at these paths, directories searched to the bottom, in natural order.
///
/// # Errors
/// If a path cannot be read.
pub fn files(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    fn collect(path: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                let path = entry?.path();
                if path.is_dir() || path.extension().is_some_and(|extension| extension == "xml") {
                    collect(&path, found)?;
                }
            }
        } else {
            found.push(path.to_owned());
        }
        Ok(())
    }
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    found.sort_by_cached_key(|path| natural(&path.to_string_lossy()));
    found.dedup();
    Ok(found)
}

/// The text in pieces that sort `TC-2` before `TC-10`.
fn natural(text: &str) -> Vec<(String, u64)> {
    let mut pieces = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(digit) = character.to_digit(10) else {
            word.push(character);
            continue;
        };
        let mut number = u64::from(digit);
        while let Some(digit) = characters.peek().and_then(|next| next.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(u64::from(digit));
            characters.next();
        }
        pieces.push((std::mem::take(&mut word), number));
    }
    pieces.push((word, 0));
    pieces
}

/// What a user asks to run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A pattern of case names with `*` and `?`.
    pub filter: Option<String>,
    /// Patterns of the names of cases that are left out.
    pub except: Vec<String>,
    /// The only operations a case may use.
    pub operations: Option<BTreeSet<String>>,
    /// Leaves out cases with wrapped keys.
    pub without_wrapping: bool,
    /// Leaves out cases of other message encodings.
    pub plain_ttlv: bool,
}

impl Selection {
    /// From `--filter` and `--only-operations` (names separated by commas, or `core`, `objects` or `services`).
    #[must_use]
    pub fn new(filter: Option<&str>, operations: Option<&str>) -> Self {
        let without_wrapping = matches!(operations, Some(CORE_NAME | OBJECTS_NAME));
        let plain_ttlv = without_wrapping || operations == Some(SERVICES_NAME);
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let operations = operations.map(|list| match list {
            CORE_NAME => owned(&CORE),
            OBJECTS_NAME => owned(&[&CORE[..], &MORE_OBJECTS].concat()),
            SERVICES_NAME => owned(&[&CORE[..], &MORE_OBJECTS, &SERVICES].concat()),
            list => list.split(',').map(|name| name.trim().to_owned()).collect(),
        });
        Self { filter: filter.map(str::to_owned), except: Vec::new(), operations, without_wrapping, plain_ttlv }
    }

    /// Whether the case is asked for.
    #[must_use]
    pub fn includes(&self, case: &Case) -> bool {
        let named = self.filter.as_deref().is_none_or(|filter| matches(filter, &case.name))
            && !self.except.iter().any(|pattern| matches(pattern, &case.name));
        let allowed =
            |operations: &BTreeSet<String>| case.operations().into_iter().all(|operation| operations.contains(operation));
        let left_out = self.without_wrapping && case.uses_key_wrapping() || self.plain_ttlv && case.name.starts_with("MSGENC-");
        named && !left_out && self.operations.as_ref().is_none_or(allowed)
    }
}

/// The cases in groups: the members of a family together, every other case alone.
#[must_use]
pub fn groups(cases: &[Case]) -> Vec<Vec<&Case>> {
    let mut groups: Vec<Vec<&Case>> = Vec::new();
    for case in cases {
        let family = family(case);
        match groups
            .last_mut()
            .filter(|group| family.is_some() && group.first().is_some_and(|first| self::family(first) == family))
        {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

/// The family a case belongs to: its prefix, in one directory.
fn family(case: &Case) -> Option<(&'static str, Option<&Path>)> {
    FAMILIES.into_iter().find(|prefix| case.name.starts_with(prefix)).map(|prefix| (prefix, case.path.parent()))
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters and `?` for one.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut position) = (0, 0);
    // Where the last star is, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, position));
            at += 1;
        } else if pattern.get(at).is_some_and(|wanted| *wanted == '?' || *wanted == text[position]) {
            at += 1;
            position += 1;
        } else if let Some((star_at, reached)) = star {
            star = Some((star_at, reached + 1));
            at = star_at + 1;
            position = reached + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, operation: &str, inside: &str) -> Case {
        let text = format!(
            r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
            <ProtocolVersionMinor type="Integer" value="2"/></ProtocolVersion></RequestHeader>
            <BatchItem><Operation type="Enumeration" value="{operation}"/>{inside}</BatchItem></RequestMessage>
            <ResponseMessage></ResponseMessage>"#
        );
        Case::parse(name.into(), Path::new("1.2").join(name).as_path(), &text).unwrap()
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, fits) in [
            ("*", "TC-1", true),
            ("TC-*", "TC-1-12", true),
            ("TC-*", "XTC-1", false),
            ("*-12", "TC-1-12", true),
            ("*-12", "TC-1-120", false),
            ("T?-*1*2", "TC-12-1-2", true),
            ("TC-1", "TC-12", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn only_operations_excludes_other_operations() {
        let selection = Selection::new(None, Some("Get, Locate"));
        assert!(selection.includes(&case("A", "Get", "")));
        assert!(!selection.includes(&case("A", "Create", "")));
        assert!(Selection::new(Some("B*"), None).includes(&case("B1", "Create", "")));
        assert!(!Selection::new(Some("B*"), None).includes(&case("A", "Create", "")));
        let except = vec!["B1".to_owned(), "C*".to_owned()];
        let selection = Selection { except, ..Selection::default() };
        for (name, included) in [("A", true), ("B1", false), ("B10", true), ("C", false)] {
            assert_eq!(selection.includes(&case(name, "Create", "")), included, "{name}");
        }
    }

    #[test]
    fn core_leaves_out_wrapped_keys_and_other_encodings() {
        let selection = Selection::new(None, Some(CORE_NAME));
        assert!(selection.includes(&case("TC-1", "Get", "")));
        assert!(!selection.includes(&case("TC-1", "ReKey", "")));
        assert!(!selection.includes(&case("TC-1", "Get", "<RequestPayload><KeyWrappingSpecification/></RequestPayload>")));
        assert!(!selection.includes(&case("MSGENC-XML-M-1-12", "Query", "")));
    }

    #[test]
    fn objects_are_more_than_the_core_and_less_than_all() {
        let selection = Selection::new(None, Some(OBJECTS_NAME));
        for (operation, included) in [("Get", true), ("ReKey", true), ("Log", true), ("Encrypt", false), ("Certify", false)] {
            assert_eq!(selection.includes(&case("TC-1", operation, "")), included, "{operation}");
        }
        assert!(!selection.includes(&case("TC-1", "Get", "<RequestPayload><KeyWrappingSpecification/></RequestPayload>")));
        assert!(!selection.includes(&case("MSGENC-XML-M-1-12", "Query", "")));
    }

    #[test]
    fn services_are_all_but_certificates_and_other_encodings() {
        let selection = Selection::new(None, Some(SERVICES_NAME));
        for (operation, included) in [("Get", true), ("Encrypt", true), ("JoinSplitKey", true), ("Certify", false)] {
            assert_eq!(selection.includes(&case("TC-1", operation, "")), included, "{operation}");
        }
        assert!(selection.includes(&case("TC-1", "Get", "<RequestPayload><KeyWrappingSpecification/></RequestPayload>")));
        assert!(!selection.includes(&case("MSGENC-XML-M-1-12", "Query", "")));
    }

    #[test]
    fn families_stay_together_and_numbers_sort_as_numbers() {
        let cases = ["SASED-M-1-12", "SASED-M-2-12", "TC-1-12", "TC-2-12"].map(|name| case(name, "Get", ""));
        let names: Vec<Vec<&str>> =
            groups(&cases).iter().map(|group| group.iter().map(|case| case.name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["SASED-M-1-12", "SASED-M-2-12"], vec!["TC-1-12"], vec!["TC-2-12"]]);

        let directory = tempfile::tempdir().unwrap();
        for name in ["TC-10.xml", "TC-2.xml", "notes.txt"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let found = files(&[directory.path().to_owned()]).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["TC-2.xml", "TC-10.xml"]);
        assert!(files(&[directory.path().join("absent.xml")]).is_ok_and(|files| files.len() == 1));
    }
}
