//! Published files that contradict themselves, and what they mean.
//!
//! Slips with a general cure (a name used before it was introduced, an end tag too many, two requests before their responses) are
//! dealt with where they occur. These need to know the case.

use kmip::text::xml::Element;

use crate::case::Case;

/// The text of a case's file with what contradicts itself set right.
pub(crate) fn of_text(name: &str, text: &str) -> String {
    let corrected = text.to_owned();
    match name {
        // The key is to be deactivated two minutes after its creation; the transcription kept the date of the day it was written in the
        // request and put another one into the response.
        "TC-92-10" => corrected
            .replace("\"2010-02-11T13:03:59+00:00\"", "\"$NOW+120\"")
            .replace("\"2070-02-11T13:03:59+00:00\"", "\"$NOW+120\""),
        // The serial number in DER, with which the same case locates the certificate, and as the other cases (TC-134, TC-ECC-3) write
        // it as text: without the byte that only says that it is positive.
        "TC-PKCS12-2-14" => corrected
            .replace(
                "CertificateSerialNumber type=\"ByteString\" value=\"00d2",
                "CertificateSerialNumber type=\"ByteString\" value=\"020900d2",
            )
            .replace("\"00d2f5bad76a5ac8f9\"", "\"D2F5BAD76A5AC8F9\"")
            // The format of a certificate's Digest, which a server need not say (1.4, section 3.17), as TC-CERTATTR-1 has it.
            .replace("0b04872bdc5570\"/>", "0b04872bdc5570\"/><KeyFormatType type=\"Enumeration\" value=\"Raw\"/>"),
        // The transcription lost the name of an attribute whose value is that of the private key's Cryptographic Parameters.
        "CS-AC-M-3-12" | "CS-AC-M-8-12" => without_blanks_between(&corrected).replace(
            "<Attribute><AttributeValue><PaddingMethod",
            "<Attribute><AttributeName type=\"TextString\" value=\"Cryptographic Parameters\"/><AttributeValue><PaddingMethod",
        ),
        _ => corrected,
    }
}

/// The text with nothing between its elements.
fn without_blanks_between(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.concat()
}

/// What else a case means.
pub(crate) fn of_case(case: &mut Case) {
    for step in &mut case.steps {
        unwrap_lines(&mut step.request);
        unwrap_lines(&mut step.response);
    }
    // The comment asks for repeated calls until the state has changed, which only the other versions of this case mark.
    if case.name == "TC-92-10"
        && let Some(step) = case.steps.get_mut(3)
    {
        step.repeat = true;
    }
    // The key is destroyed before it is revoked, and the answers are those of the other order.
    if case.name == "TC-DERIVEKEY-4-10"
        && let Some([destroy, revoke]) = case.steps.get_mut(4..6)
    {
        std::mem::swap(&mut destroy.request, &mut revoke.request);
    }
}

/// Where a printed line ended inside a text, transcriptions have a run of three or more blanks: `Unique   Identifier`.
fn unwrap_lines(element: &mut Element) {
    if element.value.contains("   ") {
        let words: Vec<&str> = element.value.split_whitespace().collect();
        element.value = words.join(" ");
    }
    element.children.iter_mut().for_each(unwrap_lines);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ttlv_codec::Limits;

    #[test]
    fn broken_lines_are_joined() {
        let unwrapped = |text: &str| {
            let xml = format!(r#"<Attribute><AttributeName type="TextString" value="{text}"/></Attribute>"#);
            let mut element = Element::parse(&xml, &Limits::default()).unwrap();
            unwrap_lines(&mut element);
            element.children[0].value.clone()
        };
        assert_eq!(unwrapped("Unique   Identifier"), "Unique Identifier");
        assert_eq!(unwrapped("two  blanks"), "two  blanks");
    }

    #[test]
    fn only_the_named_case_is_changed() {
        let text = r#"value="2070-02-11T13:03:59+00:00""#;
        assert_eq!(of_text("TC-92-10", text), r#"value="$NOW+120""#);
        assert_eq!(of_text("TC-92-12", text), text);
        let text = "<Attribute>\n <AttributeValue>\n  <PaddingMethod/>\n </AttributeValue>\n</Attribute>";
        assert!(of_text("CS-AC-M-3-12", text).contains("value=\"Cryptographic Parameters\"/><AttributeValue>"));
        assert_eq!(of_text("CS-AC-M-3-14", text), text);
    }
}
