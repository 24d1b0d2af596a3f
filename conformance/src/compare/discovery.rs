//! Query and Discover Versions: what the server says about itself.

use kmip::text::xml::Element;

use super::{Judge, Verdict};
use crate::{children, text};

/// What each Query Function may put into the response.
const ANSWERS: [(&str, &[&str]); 16] = [
    ("QueryOperations", &["Operation"]),
    ("QueryObjects", &["ObjectType"]),
    ("QueryServerInformation", &["VendorIdentification", "ServerInformation"]),
    ("QueryApplicationNamespaces", &["ApplicationNamespace"]),
    ("QueryExtensionList", &["ExtensionInformation"]),
    ("QueryExtensionMap", &["ExtensionInformation"]),
    ("QueryAttestationTypes", &["AttestationType"]),
    ("QueryRNGs", &["RNGParameters"]),
    ("QueryValidations", &["ValidationInformation"]),
    ("QueryProfiles", &["ProfileInformation"]),
    ("QueryCapabilities", &["CapabilityInformation"]),
    ("QueryClientRegistrationMethods", &["ClientRegistrationMethod"]),
    ("QueryDefaultsInformation", &["DefaultsInformation"]),
    ("QueryStorageProtectionMasks", &["ProtectionStorageMask", "ProtectionStorageMasks"]),
    ("QueryCredentialInformation", &["CredentialInformation"]),
    ("QueryObjectGroups", &["ObjectGroups"]),
];

/// Answers that are truly empty on servers without namespaces, extensions, attestation or a validation certificate; the published
/// cases show the same request answered with and without validations.
const MAY_BE_EMPTY: [&str; 5] =
    ["ServerInformation", "ApplicationNamespace", "ExtensionInformation", "AttestationType", "ValidationInformation"];

impl Judge<'_> {
    /// Query: what was asked for is reported, nothing else; the contents are the server's own.
    pub(super) fn query(&mut self, expected: &Element, actual: &Element) -> Verdict {
        let asked: Vec<&str> = self
            .request_payload()
            .into_iter()
            .flat_map(|payload| children(payload, "QueryFunction"))
            .map(|function| function.value.as_str())
            .collect();
        for field in &expected.children {
            if actual.child(&field.name).is_none() && !MAY_BE_EMPTY.contains(&field.name.as_str()) {
                return Err(self.difference(&field.name, "nothing"));
            }
        }
        for field in &actual.children {
            let answers = ANSWERS.iter().filter(|(_, fields)| fields.contains(&field.name.as_str()));
            if !answers.into_iter().any(|(function, _)| asked.contains(function)) {
                return Err(self.difference("only what was asked for", &field.name));
            }
        }
        Ok(())
    }

    /// Discover Versions: more versions only if the request listed none; the order is the server's preference.
    pub(super) fn versions(&mut self, expected: &Element, actual: &Element) -> Verdict {
        let of = |payload: &Element| -> Vec<String> { children(payload, "ProtocolVersion").map(version_text).collect() };
        let (wanted, received) = (of(expected), of(actual));
        let listed = self.request_payload().is_some_and(|payload| payload.child("ProtocolVersion").is_some());
        let kept: Vec<String> =
            if listed { received.clone() } else { received.iter().filter(|version| wanted.contains(version)).cloned().collect() };
        if kept == wanted { Ok(()) } else { Err(self.difference(wanted.join(" "), received.join(" "))) }
    }
}

fn version_text(version: &Element) -> String {
    let number = |name| text(version, name).unwrap_or("?");
    format!("{}.{}", number("ProtocolVersionMajor"), number("ProtocolVersionMinor"))
}
