//! Keeps cases apart: names collide between them, so what a case leaves behind is removed.
//!
//! A server that offers Interop (it does so for tests only) forgets the caller's objects on Reset. Elsewhere the objects a case made are
//! revoked and destroyed; nothing else is touched.

use kmip::ProtocolVersion;
use kmip::text::xml::Element;
use ttlv_codec::{Limits, Tree};

use crate::bindings::Bindings;
use crate::case::{Case, FIRST_CLIENT};
use crate::connection::Exchange;
use crate::{children, text};

/// How leftovers are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// By Interop Reset.
    Reset,
    /// By Revoke and Destroy of what was made.
    Destroy,
}

impl Isolation {
    /// What the endpoint offers.
    pub fn offered_by(endpoint: &mut impl Exchange) -> Self {
        let query = item("Query", r#"<QueryFunction type="Enumeration" value="QueryOperations"/>"#);
        let answer = send(endpoint, ProtocolVersion::V2_1, None, &[query]);
        let offered = answer.is_some_and(|answer| {
            let payload = answer.child("BatchItem").and_then(|item| item.child("ResponsePayload"));
            payload.is_some_and(|payload| children(payload, "Operation").any(|operation| operation.value == "Interop"))
        });
        if offered { Self::Reset } else { Self::Destroy }
    }

    /// Clears the way for these cases: every account they log in with starts without objects.
    pub fn before(self, cases: &[&Case], endpoint: &mut impl Exchange) {
        if self == Self::Reset {
            let mut accounts: Vec<Option<&Element>> = vec![None];
            for step in cases.iter().flat_map(|case| &case.steps) {
                let account = step.request.child("RequestHeader").and_then(|header| header.child("Authentication"));
                if !accounts.contains(&account) {
                    accounts.push(account);
                }
            }
            for account in accounts {
                // Cases also log in with wrong passwords; those accounts have nothing to reset.
                send(
                    endpoint,
                    ProtocolVersion::V2_1,
                    account,
                    &[item("Interop", r#"<InteropFunction type="Enumeration" value="Reset"/>"#)],
                );
            }
        }
    }

    /// Removes what these cases made.
    pub fn after(self, cases: &[&Case], bindings: &Bindings, endpoint: &mut impl Exchange) {
        if self == Self::Reset {
            self.before(cases, endpoint);
            return;
        }
        let Some(version) = cases.first().map(|case| case.version) else { return };
        for identifier in bindings.created() {
            let kind = if version >= ProtocolVersion::V3_0 { "Identifier" } else { "TextString" };
            let named = format!(r#"<UniqueIdentifier type="{kind}" value="{}"/>"#, escaped(identifier));
            // An active object must be revoked first; one that never was, or is gone already, answers with an error that changes nothing.
            let reason =
                r#"<RevocationReason><RevocationReasonCode type="Enumeration" value="CessationOfOperation"/></RevocationReason>"#;
            send(endpoint, version, None, &[item("Revoke", &format!("{named}{reason}"))]);
            send(endpoint, version, None, &[item("Destroy", &named)]);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn item(operation: &str, payload: &str) -> String {
    format!(
        r#"<BatchItem><Operation type="Enumeration" value="{operation}"/><RequestPayload>{payload}</RequestPayload></BatchItem>"#
    )
}

/// Sends one request; what cannot be sent or understood is none, because the cases themselves will tell.
fn send(endpoint: &mut impl Exchange, version: ProtocolVersion, account: Option<&Element>, items: &[String]) -> Option<Element> {
    let (major, minor) = version.numbers();
    let authentication = account.map(|account| account.to_xml().unwrap_or_default()).unwrap_or_default();
    let count = if version < ProtocolVersion::V3_0 {
        format!(r#"<BatchCount type="Integer" value="{}"/>"#, items.len())
    } else {
        String::new()
    };
    let request = format!(
        r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="{major}"/>
        <ProtocolVersionMinor type="Integer" value="{minor}"/></ProtocolVersion>{authentication}{count}</RequestHeader>{}</RequestMessage>"#,
        items.concat()
    );
    let request = Element::parse(&request, &Limits::default()).ok()?.to_tree().ok()?;
    let response = endpoint.exchange(FIRST_CLIENT, &request.to_bytes()).ok()?;
    let tree = Tree::parse(&response, &Limits::default()).ok()?;
    let answer = Element::from_tree(&tree, version);
    let success = answer.child("BatchItem").and_then(|item| text(item, "ResultStatus")) == Some("Success");
    success.then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::path::Path;

    /// Answers Query with the operations it has, and counts what else is asked.
    struct Server {
        operations: &'static [&'static str],
        asked: Vec<String>,
    }

    impl Exchange for Server {
        fn exchange(&mut self, _: &str, request: &[u8]) -> io::Result<Vec<u8>> {
            let request = Element::from_tree(&Tree::parse(request, &Limits::default()).unwrap(), ProtocolVersion::V2_1);
            let item = request.child("BatchItem").unwrap();
            let operation = text(item, "Operation").unwrap().to_owned();
            let identifier = text(item.child("RequestPayload").unwrap(), "UniqueIdentifier").unwrap_or_default();
            let account = request.child("RequestHeader").unwrap().child("Authentication").is_some();
            self.asked.push(format!("{operation} {identifier}{}", if account { "account" } else { "" }));
            let operations: String =
                self.operations.iter().map(|name| format!(r#"<Operation type="Enumeration" value="{name}"/>"#)).collect();
            let answer = format!(
                r#"<ResponseMessage><BatchItem><ResultStatus type="Enumeration" value="Success"/>
                <ResponsePayload>{operations}</ResponsePayload></BatchItem></ResponseMessage>"#
            );
            Ok(Element::parse(&answer, &Limits::default()).unwrap().to_tree().unwrap().to_bytes())
        }
    }

    fn case() -> Case {
        let request = r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
            <ProtocolVersionMinor type="Integer" value="2"/></ProtocolVersion><Authentication/></RequestHeader></RequestMessage>"#;
        Case::parse("X".into(), Path::new("X"), &format!("{request}<ResponseMessage></ResponseMessage>")).unwrap()
    }

    #[test]
    fn a_server_with_interop_is_reset_for_each_account() {
        let mut server = Server { operations: &["Create", "Interop"], asked: Vec::new() };
        let isolation = Isolation::offered_by(&mut server);
        assert_eq!(isolation, Isolation::Reset);
        isolation.before(&[&case()], &mut server);
        assert_eq!(server.asked, ["Query ", "Interop ", "Interop account"]);
    }

    #[test]
    fn elsewhere_only_what_was_made_is_destroyed() {
        let mut server = Server { operations: &["Create"], asked: Vec::new() };
        let isolation = Isolation::offered_by(&mut server);
        assert_eq!(isolation, Isolation::Destroy);
        let mut bindings = Bindings::default();
        let create =
            Element::parse(r#"<BatchItem><Operation type="Enumeration" value="Create"/></BatchItem>"#, &Limits::default())
                .unwrap();
        let answer = Element::parse(
            r#"<BatchItem><ResultStatus type="Enumeration" value="Success"/><ResponsePayload>
            <UniqueIdentifier type="TextString" value="a&amp;b"/></ResponsePayload></BatchItem>"#,
            &Limits::default(),
        )
        .unwrap();
        bindings.note_response(&create, &create, &answer);
        isolation.before(&[&case()], &mut server);
        isolation.after(&[&case()], &bindings, &mut server);
        assert_eq!(server.asked, ["Query ", "Revoke a&b", "Destroy a&b"]);
    }
}
