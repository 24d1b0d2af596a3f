//! Judges a response byte by byte, for cases marked `[EXACT]`: what a client in the field is answered must not change unnoticed,
//! not even in the order of its fields or where the profiles would permit it.
//!
//! Only what no two runs have in common is masked: a value that is a name (`$UNIQUE_IDENTIFIER_0`, `$KEY_0`) may be anything of its
//! type at first sight and must be the same later, and `$NOW` is a date of these minutes.

use kmip::text::xml::Element;

use super::value::{describe, near_now};
use super::{Difference, items};
use crate::bindings::Bindings;

/// Compares a response message, as the bytes that were received and as `actual`, with the one expected to the request that was sent
/// as `filled`; names are bound on the way.
///
/// # Errors
/// The first difference.
pub fn compare_bytes(
    bindings: &mut Bindings,
    filled: &Element,
    expected: &Element,
    bytes: &[u8],
    actual: &Element,
) -> Result<(), Difference> {
    let difference = |expected: String, got: &str| Difference { path: actual.name.clone(), expected, got: got.to_owned() };
    let verdict = unmasked(bindings, expected, actual);
    for (asked, received) in items(filled).into_iter().zip(items(actual)) {
        bindings.note_response(asked, asked, received);
    }
    let tree = verdict?.to_tree().map_err(|error| difference(format!("KMIP, but the case is not: {error}"), "a message"))?;
    if tree.to_bytes() == bytes {
        Ok(())
    } else {
        Err(difference("exactly these bytes".into(), "the same values in other bytes"))
    }
}

/// The expected element with what was received in the place of every mask.
fn unmasked(bindings: &mut Bindings, expected: &Element, actual: &Element) -> Result<Element, Difference> {
    let difference = |expected: String, got: String| Difference { path: actual.name.clone(), expected, got };
    if (&expected.name, expected.item_type) != (&actual.name, actual.item_type) {
        return Err(difference(named(expected), named(actual)));
    }
    let mut exact = expected.clone();
    for (position, child) in exact.children.iter_mut().enumerate() {
        let received = actual.children.get(position).ok_or_else(|| difference(named(child), "nothing".into()))?;
        *child = unmasked(bindings, child, received).map_err(|inner| super::inside(&actual.name, inner))?;
    }
    if let Some(surplus) = actual.children.get(expected.children.len()) {
        return Err(difference("no further field".into(), named(surplus)));
    }
    if let Some(near) = near_now(expected, actual) {
        near.map_err(|expected| difference(expected, describe(actual)))?;
        exact.value = actual.value.clone();
    } else if expected.value.starts_with('$') {
        let bound = bindings.bind(&expected.value, &actual.value);
        bound.map_err(|bound| difference(format!("{} = {bound}", expected.value), describe(actual)))?;
        exact.value = actual.value.clone();
    } else if expected.value != actual.value && !super::value::same_value(expected, actual, None) {
        return Err(difference(describe(expected), describe(actual)));
    }
    Ok(exact)
}

/// A field for people, by its name.
fn named(element: &Element) -> String {
    format!("{}, {}", element.name, describe(element))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ttlv_codec::Limits;

    const ANSWER: &str = r#"<ResponseMessage><BatchItem><Operation type="Enumeration" value="Get"/>
        <ResultStatus type="Enumeration" value="Success"/><ResponsePayload>
        <UniqueIdentifier type="TextString" value="abc"/><TimeStamp type="DateTime" value="$NOW"/>
        <Data type="ByteString" value="0102"/></ResponsePayload></BatchItem></ResponseMessage>"#;

    fn element(text: &str) -> Element {
        Element::parse(text, &Limits::default()).unwrap()
    }

    /// What becomes of an answer when this is expected.
    fn judge(bindings: &mut Bindings, expected: &str, answer: &str) -> Result<(), String> {
        let answer = bindings.fill(&element(answer));
        let bytes = answer.to_tree().unwrap().to_bytes();
        let request = element("<RequestMessage/>");
        compare_bytes(bindings, &request, &element(expected), &bytes, &answer).map_err(|difference| difference.to_string())
    }

    #[test]
    fn an_answer_is_what_it_is() {
        let mut bindings = Bindings::default();
        assert_eq!(judge(&mut bindings, ANSWER, ANSWER), Ok(()));
        for (from, to, at) in [
            ("abc", "abd", "BatchItem/ResponsePayload/UniqueIdentifier: expected \"abd\", got \"abc\""),
            ("0102", "0103", "Data: expected ByteString 0103, got ByteString 0102"),
            ("$NOW", "$NOW+900", "TimeStamp: expected"),
            (r#"<Data type="ByteString" value="0102"/>"#, "", "ResponsePayload: expected no further field, got Data"),
            (
                "</ResponsePayload>",
                r#"<Data type="ByteString" value=""/></ResponsePayload>"#,
                "expected Data, ByteString , got nothing",
            ),
            (r#"<Data type="ByteString""#, r#"<IVCounterNonce type="ByteString""#, "expected IVCounterNonce"),
        ] {
            let difference = judge(&mut bindings, &ANSWER.replace(from, to), ANSWER).unwrap_err();
            assert!(difference.contains(at), "{difference}");
        }
    }

    #[test]
    fn the_order_of_fields_counts() {
        let fields = [r#"<UniqueIdentifier type="TextString" value="abc"/>"#, r#"<Data type="ByteString" value="0102"/>"#];
        let swapped = ANSWER.replace(fields[1], "").replace(fields[0], &fields.concat());
        assert!(judge(&mut Bindings::default(), &swapped, ANSWER).is_err());
    }

    #[test]
    fn a_mask_is_anything_once() {
        let mut bindings = Bindings::default();
        let masked = ANSWER.replace("abc", "$UNIQUE_IDENTIFIER_0");
        assert_eq!(judge(&mut bindings, &masked, ANSWER), Ok(()));
        let difference = judge(&mut bindings, &masked, &ANSWER.replace("abc", "def")).unwrap_err();
        assert!(difference.contains("expected $UNIQUE_IDENTIFIER_0 = abc, got \"def\""), "{difference}");
    }

    #[test]
    fn the_same_values_in_other_bytes_are_not_the_answer() {
        let answer = element(r#"<ResponseMessage><Data type="ByteString" value="0102"/></ResponseMessage>"#);
        let mut bytes = answer.to_tree().unwrap().to_bytes();
        *bytes.last_mut().unwrap() = 1;
        let difference = compare_bytes(&mut Bindings::default(), &element("<RequestMessage/>"), &answer, &bytes, &answer);
        assert!(difference.unwrap_err().to_string().contains("other bytes"));
    }
}
