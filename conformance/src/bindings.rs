//! What the run has learnt: the values behind the names in a case, and where each object came from.

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use kmip::text::xml::Element;
use time::OffsetDateTime;
use ttlv_codec::ItemType;

use crate::{children, text};

/// Names that mean something new each time they are received.
const REBOUND: [&str; 5] =
    ["$CORRELATION_VALUE", "$ASYNCHRONOUS_CORRELATION_VALUE", "$SERVER_CORRELATION_VALUE", "$DIGEST_VALUE", "$TICKET"];

/// Operations whose successful response names objects that did not exist before.
pub const CREATING: [&str; 15] = [
    "Create",
    "CreateKeyPair",
    "Register",
    "Import",
    "ReKey",
    "ReKeyKeyPair",
    "DeriveKey",
    "Certify",
    "ReCertify",
    "CreateSplitKey",
    "JoinSplitKey",
    "ReProvision",
    "CreateCredential",
    "CreateGroup",
    "CreateUser",
];

/// Where an object came from, and so whether its material is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The server made the material; no two runs get the same.
    Generated,
    /// A request supplied it.
    Supplied {
        /// The byte strings and big integers of that request, as hexadecimal digits.
        material: HashSet<String>,
        /// The object is used with a random initialisation vector, padding or nonce.
        randomised: bool,
    },
    /// Nobody saw it being made.
    Unknown,
}

/// The knowledge of one run of a case, or of a family of cases that build on one another.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    variables: HashMap<String, String>,
    /// Literals of the file that stand for something generated, with what the server sent.
    literals: HashMap<String, String>,
    /// The last value received in each field, by name of the field.
    last_received: HashMap<String, String>,
    /// Every literal a request of the file has sent so far, in lower case.
    sent: HashSet<String>,
    origins: HashMap<String, Origin>,
    /// The identifiers of the objects made so far, in order.
    created: Vec<String>,
    /// Counts the names made up by the client.
    invented: u64,
}

impl Bindings {
    /// The seconds since 1970.
    #[must_use]
    pub fn now() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or_default()
    }

    /// The objects made so far, by the identifiers the server gave them.
    #[must_use]
    pub fn created(&self) -> &[String] {
        &self.created
    }

    /// Forgets the names of a case before the next one of its family, which uses the same ones anew. Objects stay known.
    pub fn start_case(&mut self) {
        self.variables.clear();
    }

    /// The value of a name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether a name of this case stands for this value.
    #[must_use]
    pub fn is_bound(&self, value: &str) -> bool {
        self.variables.values().any(|bound| bound == value)
    }

    /// What a name or a literal of the file stands for, if that is known.
    #[must_use]
    pub fn resolve<'s>(&'s self, value: &'s str) -> Option<&'s str> {
        if value.starts_with('$') {
            return self.variable(value);
        }
        self.literals.get(&value.to_ascii_lowercase()).map(String::as_str)
    }

    /// Whether a request has sent this literal.
    #[must_use]
    pub fn was_sent(&self, literal: &str) -> bool {
        self.sent.contains(&literal.to_ascii_lowercase())
    }

    /// Where the object with this identifier of the server came from.
    #[must_use]
    pub fn origin(&self, identifier: &str) -> &Origin {
        self.origins.get(identifier).unwrap_or(&Origin::Unknown)
    }

    /// Matches a name with a received value: it is bound at first sight and must be equal later.
    ///
    /// # Errors
    /// The value it was bound to, if that is another one.
    pub fn bind(&mut self, name: &str, received: &str) -> Result<(), String> {
        let rebound = REBOUND.iter().any(|prefix| name.starts_with(prefix));
        match self.variables.get(name) {
            Some(bound) if !rebound && !bound.eq_ignore_ascii_case(received) => Err(bound.clone()),
            _ => {
                self.variables.insert(name.to_owned(), received.to_owned());
                Ok(())
            }
        }
    }

    /// Matches a literal that stands for something generated with a received value: the same literal means the same value.
    ///
    /// # Errors
    /// The value it stood for, if that is another one.
    pub fn bind_literal(&mut self, literal: &str, received: &str) -> Result<(), String> {
        let literal = literal.to_ascii_lowercase();
        match self.literals.get(&literal) {
            Some(bound) if bound != received => Err(bound.clone()),
            _ => {
                self.literals.insert(literal, received.to_owned());
                Ok(())
            }
        }
    }

    /// The request as it is sent: names and literals replaced by what they stand for.
    pub fn fill(&mut self, request: &Element) -> Element {
        let mut filled = request.clone();
        self.fill_in_place(&mut filled);
        filled
    }

    fn fill_in_place(&mut self, element: &mut Element) {
        for child in &mut element.children {
            self.fill_in_place(child);
        }
        if element.item_type == ItemType::Structure {
            return;
        }
        if let Some(seconds) = seconds_of_now(&element.value) {
            element.value = date_text(seconds);
        } else if let Some(known) = self.resolve(&element.value) {
            element.value = known.to_owned();
        } else if element.value.contains("RANDOM") {
            self.invent(element);
        } else if element.value.starts_with('$') {
            // Published files use names no response has introduced; what was meant is what that field last held.
            let field = if element.value.starts_with("$UNIQUE_IDENTIFIER") { "UniqueIdentifier" } else { element.name.as_str() };
            let last = self.last_received.get(&element.name).or_else(|| self.last_received.get(field));
            if let Some(last) = last {
                element.value = last.clone();
            }
        }
    }

    /// A value of the client's own choice, the same wherever the file repeats the name.
    fn invent(&mut self, element: &mut Element) {
        self.invented += 1;
        let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map(|now| now.as_nanos()).unwrap_or_default();
        let value = match element.item_type {
            ItemType::ByteString => format!("{:032x}", nanoseconds ^ (u128::from(self.invented) << 96)),
            _ => format!("conformance-{nanoseconds:x}-{}", self.invented),
        };
        let name = std::mem::replace(&mut element.value, value.clone());
        if name.starts_with('$') {
            self.variables.insert(name, value);
        } else {
            self.literals.insert(name.to_ascii_lowercase(), value);
        }
    }

    /// Remembers what a request of the file sends.
    pub fn note_request(&mut self, request: &Element) {
        for_each_leaf(request, &mut |leaf| {
            self.sent.insert(leaf.value.to_ascii_lowercase());
        });
    }

    /// Remembers what a response item tells: the last value of each field, and the objects it made. `request` is the item of the file
    /// that it answers, `filled` the same as it was sent.
    pub fn note_response(&mut self, request: &Element, filled: &Element, item: &Element) {
        let Some(payload) = item.child("ResponsePayload") else { return };
        for_each_leaf(payload, &mut |leaf| {
            self.last_received.insert(leaf.name.clone(), leaf.value.clone());
        });
        let Some(operation) = text(filled, "Operation").filter(|operation| CREATING.contains(operation)) else { return };
        if text(item, "ResultStatus") != Some("Success") {
            return;
        }
        let origin = self.origin_of(operation, request, filled);
        for child in &payload.children {
            if child.name.ends_with("UniqueIdentifier") {
                self.origins.insert(child.value.clone(), origin.clone());
                if !self.created.contains(&child.value) {
                    self.created.push(child.value.clone());
                }
            }
        }
    }

    /// The origin of what a successful creating operation made.
    fn origin_of(&self, operation: &str, request: &Element, filled: &Element) -> Origin {
        match operation {
            "Register" | "Import" => {}
            // What is computed from supplied material is as well known as the material.
            "DeriveKey" | "JoinSplitKey" => {
                let payload = filled.child("RequestPayload");
                let mut bases = payload.into_iter().flat_map(|payload| children(payload, "UniqueIdentifier")).peekable();
                let all_supplied =
                    bases.peek().is_some() && bases.all(|base| matches!(self.origin(&base.value), Origin::Supplied { .. }));
                if !all_supplied {
                    return if operation == "DeriveKey" { Origin::Generated } else { Origin::Unknown };
                }
            }
            _ => return Origin::Generated,
        }
        let mut material = HashSet::new();
        for_each_leaf(request, &mut |leaf| {
            if matches!(leaf.item_type, ItemType::ByteString | ItemType::BigInteger) {
                material.insert(leaf.value.to_ascii_lowercase());
            }
        });
        Origin::Supplied { material, randomised: is_randomised(request) }
    }
}

/// Whether the parameters in a request make its result, or the results of the object it registers, different each time.
#[must_use]
pub fn is_randomised(request: &Element) -> bool {
    let mut randomised = false;
    for_each_leaf(request, &mut |leaf| {
        let value = leaf.value.as_str();
        randomised |= match leaf.name.as_str() {
            "RandomIV" => value == "true",
            "PaddingMethod" => matches!(value, "OAEP" | "PSS"),
            "DigitalSignatureAlgorithm" => value.starts_with("ECDSA") || value.contains("PSS"),
            "CryptographicAlgorithm" | "AttributeValue" => matches!(value, "ECDSA" | "EC"),
            _ => false,
        };
    });
    randomised
}

/// Calls `visit` with every element below `element` that has a value.
pub(crate) fn for_each_leaf(element: &Element, visit: &mut impl FnMut(&Element)) {
    if element.item_type != ItemType::Structure {
        visit(element);
    }
    for child in &element.children {
        for_each_leaf(child, visit);
    }
}

/// The seconds since 1970 that `$NOW`, `$NOW+n` or `$NOW-n` means at this moment.
#[must_use]
pub fn seconds_of_now(text: &str) -> Option<i64> {
    let offset = text.strip_prefix("$NOW")?;
    if offset.is_empty() {
        return Some(Bindings::now());
    }
    offset.starts_with(['+', '-']).then_some(offset)?.parse::<i64>().ok()?.checked_add(Bindings::now())
}

/// A date as the XML encoding writes it.
#[must_use]
pub fn date_text(seconds: i64) -> String {
    let format = time::format_description::well_known::Rfc3339;
    OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|date| date.format(&format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ttlv_codec::Limits;

    fn element(xml: &str) -> Element {
        Element::parse(xml, &Limits::default()).unwrap()
    }

    fn item(operation: &str, inside: &str) -> Element {
        element(&format!(
            r#"<BatchItem><Operation type="Enumeration" value="{operation}"/><RequestPayload>{inside}</RequestPayload></BatchItem>"#
        ))
    }

    fn answer(inside: &str) -> Element {
        element(&format!(
            r#"<BatchItem><ResultStatus type="Enumeration" value="Success"/><ResponsePayload>{inside}</ResponsePayload></BatchItem>"#
        ))
    }

    fn identifier(value: &str) -> String {
        format!(r#"<UniqueIdentifier type="TextString" value="{value}"/>"#)
    }

    #[test]
    fn a_name_is_bound_at_first_sight() {
        let mut bindings = Bindings::default();
        bindings.bind("$UNIQUE_IDENTIFIER_0", "a").unwrap();
        bindings.bind("$UNIQUE_IDENTIFIER_0", "a").unwrap();
        assert_eq!(bindings.bind("$UNIQUE_IDENTIFIER_0", "b"), Err("a".to_owned()));
        assert_eq!(bindings.fill(&element(&identifier("$UNIQUE_IDENTIFIER_0"))).value, "a");
    }

    #[test]
    fn correlation_values_tickets_and_digests_are_bound_anew() {
        let mut bindings = Bindings::default();
        for name in REBOUND {
            bindings.bind(name, "01").unwrap();
            bindings.bind(name, "02").unwrap();
            assert_eq!(bindings.variable(name), Some("02"));
        }
    }

    #[test]
    fn a_literal_stands_for_one_value_and_is_replaced_in_requests() {
        let mut bindings = Bindings::default();
        bindings.bind_literal("ABCD", "1234").unwrap();
        assert_eq!(bindings.bind_literal("abcd", "5678"), Err("1234".to_owned()));
        assert_eq!(bindings.fill(&element(r#"<Data type="ByteString" value="abCD"/>"#)).value, "1234");
    }

    #[test]
    fn a_name_never_introduced_takes_the_last_value_of_its_field() {
        let mut bindings = Bindings::default();
        let request = item("Locate", "");
        bindings.note_response(&request, &request, &answer(&(identifier("first") + &identifier("last"))));
        assert_eq!(bindings.fill(&element(&identifier("$UNIQUE_IDENTIFIER_7"))).value, "last");
        let link = element(r#"<LinkedObjectIdentifier type="TextString" value="$UNIQUE_IDENTIFIER_8"/>"#);
        assert_eq!(bindings.fill(&link).value, "last");
    }

    #[test]
    fn random_names_are_made_up_once() {
        let mut bindings = Bindings::default();
        let name = element(r#"<NameValue type="TextString" value="$RANDOM_NAME_1"/>"#);
        let first = bindings.fill(&name).value.clone();
        assert!(!first.contains("RANDOM"));
        assert_eq!(bindings.fill(&name).value, first);
        let other = element(r#"<NameValue type="TextString" value="XRANDOMX"/>"#);
        assert_ne!(bindings.fill(&other).value, first);
    }

    #[test]
    fn now_is_a_date_with_an_offset() {
        let now = Bindings::now();
        assert!((now..now + 5).contains(&seconds_of_now("$NOW").unwrap()));
        assert!((now - 3600..now - 3595).contains(&seconds_of_now("$NOW-3600").unwrap()));
        assert!((now + 120..now + 125).contains(&seconds_of_now("$NOW+120").unwrap()));
        assert_eq!(seconds_of_now("$NOWHERE"), None);
        assert_eq!(date_text(0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn an_object_is_generated_or_supplied() {
        let mut bindings = Bindings::default();
        let create = item("Create", "");
        bindings.note_response(&create, &create, &answer(&identifier("made")));
        let register = item("Register", r#"<KeyMaterial type="ByteString" value="AB"/>"#);
        bindings.note_response(&register, &register, &answer(&identifier("given")));
        assert_eq!(bindings.origin("made"), &Origin::Generated);
        let supplied = Origin::Supplied { material: HashSet::from(["ab".to_owned()]), randomised: false };
        assert_eq!(bindings.origin("given"), &supplied);
        assert_eq!(bindings.origin("other"), &Origin::Unknown);
        assert_eq!(bindings.created(), ["made", "given"]);

        for (base, known) in [("made", false), ("given", true)] {
            let derive = item("DeriveKey", &identifier(base));
            bindings.note_response(&derive, &derive, &answer(&identifier("derived")));
            assert_eq!(matches!(bindings.origin("derived"), Origin::Supplied { .. }), known, "{base}");
        }
    }

    #[test]
    fn randomised_parameters_are_recognised() {
        for xml in [
            r#"<A><RandomIV type="Boolean" value="true"/></A>"#,
            r#"<A><PaddingMethod type="Enumeration" value="OAEP"/></A>"#,
            r#"<A><DigitalSignatureAlgorithm type="Enumeration" value="ECDSAWithSHA256"/></A>"#,
        ] {
            assert!(is_randomised(&element(xml)), "{xml}");
        }
        assert!(!is_randomised(&element(r#"<A><PaddingMethod type="Enumeration" value="PKCS5"/></A>"#)));
    }
}
