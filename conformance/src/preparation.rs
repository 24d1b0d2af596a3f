//! What some published cases presuppose on the server, put there with ordinary requests before the case runs.
//!
//! Accounts cannot be made through the protocol before 3.0; whoever runs the cases sets them up: Fred/password1, Barney/secret2 and
//! one-time-user/one-time-password.

use kmip::text::xml::Element;
use ttlv_codec::Limits;

use crate::case::{Case, FIRST_CLIENT};
use crate::connection::Exchange;
use crate::{selection, text};

/// TC-151 locates an unused key in the group `default`, which the server is assumed to have at hand.
const KEY_IN_DEFAULT_GROUP: &str = r#"<RequestMessage>
  <RequestHeader>
    <ProtocolVersion>
      <ProtocolVersionMajor type="Integer" value="1"/>
      <ProtocolVersionMinor type="Integer" value="2"/>
    </ProtocolVersion>
    <BatchCount type="Integer" value="1"/>
  </RequestHeader>
  <BatchItem>
    <Operation type="Enumeration" value="Create"/>
    <RequestPayload>
      <ObjectType type="Enumeration" value="SymmetricKey"/>
      <TemplateAttribute>
        <Attribute>
          <AttributeName type="TextString" value="Cryptographic Algorithm"/>
          <AttributeValue type="Enumeration" value="AES"/>
        </Attribute>
        <Attribute>
          <AttributeName type="TextString" value="Cryptographic Length"/>
          <AttributeValue type="Integer" value="256"/>
        </Attribute>
        <Attribute>
          <AttributeName type="TextString" value="Cryptographic Usage Mask"/>
          <AttributeValue type="Integer" value="Encrypt Decrypt"/>
        </Attribute>
        <Attribute>
          <AttributeName type="TextString" value="Object Group"/>
          <AttributeValue type="TextString" value="default"/>
        </Attribute>
      </TemplateAttribute>
    </RequestPayload>
  </BatchItem>
</RequestMessage>"#;

/// The TC-OTP cases use a one-time pad that the server is assumed to have at hand.
const ONE_TIME_PAD: &str = r#"<RequestMessage>
  <RequestHeader>
    <ProtocolVersion>
      <ProtocolVersionMajor type="Integer" value="1"/>
      <ProtocolVersionMinor type="Integer" value="4"/>
    </ProtocolVersion>
    <BatchCount type="Integer" value="1"/>
  </RequestHeader>
  <BatchItem>
    <Operation type="Enumeration" value="Register"/>
    <RequestPayload>
      <ObjectType type="Enumeration" value="SecretData"/>
      <TemplateAttribute>
        <Attribute>
          <AttributeName type="TextString" value="Name"/>
          <AttributeValue>
            <NameValue type="TextString" value="one-time-pad-1"/>
            <NameType type="Enumeration" value="UninterpretedTextString"/>
          </AttributeValue>
        </Attribute>
        <Attribute>
          <AttributeName type="TextString" value="Cryptographic Algorithm"/>
          <AttributeValue type="Enumeration" value="OneTimePad"/>
        </Attribute>
        <Attribute>
          <AttributeName type="TextString" value="Cryptographic Usage Mask"/>
          <AttributeValue type="Integer" value="Encrypt Decrypt"/>
        </Attribute>
        <Attribute>
          <AttributeName type="TextString" value="Activation Date"/>
          <AttributeValue type="DateTime" value="2020-01-01T00:00:00+00:00"/>
        </Attribute>
      </TemplateAttribute>
      <SecretData>
        <SecretDataType type="Enumeration" value="Password"/>
        <KeyBlock>
          <KeyFormatType type="Enumeration" value="Opaque"/>
          <KeyValue>
            <KeyMaterial type="ByteString" value="fc932e1428bd"/>
          </KeyValue>
        </KeyBlock>
      </SecretData>
    </RequestPayload>
  </BatchItem>
</RequestMessage>"#;

/// Prepares the server for `case`, a member of `group`. What fails here shows in the case itself.
pub fn prepare(case: &Case, group: &[&Case], endpoint: &mut impl Exchange) {
    for request in requests(case, group) {
        if let Ok(request) = request.to_tree() {
            let _ = endpoint.exchange(FIRST_CLIENT, &request.to_bytes());
        }
    }
}

fn requests(case: &Case, group: &[&Case]) -> Vec<Element> {
    if selection::matches("TC-151-*", &case.name) {
        return Element::parse(KEY_IN_DEFAULT_GROUP, &Limits::default()).into_iter().collect();
    }
    if selection::matches("TC-OTP-1-*", &case.name) {
        return Element::parse(ONE_TIME_PAD, &Limits::default()).into_iter().collect();
    }
    if selection::matches("TC-CREG-2-*", &case.name) {
        // The objects the first case of the family registers for the client are waiting for the one-time user, who fetches them here.
        return registered_for(case, group.iter().filter(|other| selection::matches("TC-CREG-1-*", &other.name)));
    }
    Vec::new()
}

/// The Register requests of these cases in the name of the account that `case` logs in with.
fn registered_for<'c>(case: &Case, others: impl Iterator<Item = &'c &'c Case>) -> Vec<Element> {
    let header = case.steps.first().and_then(|step| step.request.child("RequestHeader"));
    let Some(account) = header.and_then(|header| header.child("Authentication")) else { return Vec::new() };
    let registers = |request: &Element| request.child("BatchItem").and_then(|item| text(item, "Operation")) == Some("Register");
    let mut requests: Vec<Element> =
        others.flat_map(|other| &other.steps).map(|step| step.request.clone()).filter(registers).collect();
    for header in requests.iter_mut().flat_map(|request| &mut request.children).filter(|child| child.name == "RequestHeader") {
        let after = ["BatchErrorContinuationOption", "BatchOrderOption", "TimeStamp", "BatchCount"];
        let place =
            header.children.iter().position(|field| after.contains(&field.name.as_str())).unwrap_or(header.children.len());
        header.children.insert(place, account.clone());
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn case(name: &str, header: &str, operation: &str) -> Case {
        let text = format!(
            r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
            <ProtocolVersionMinor type="Integer" value="4"/></ProtocolVersion>{header}<BatchCount type="Integer" value="1"/></RequestHeader>
            <BatchItem><Operation type="Enumeration" value="{operation}"/></BatchItem></RequestMessage><ResponseMessage></ResponseMessage>"#
        );
        Case::parse(name.into(), Path::new(name), &text).unwrap()
    }

    #[test]
    fn the_one_time_user_finds_what_the_family_registered() {
        let (first, other) = (case("TC-CREG-1-14", "", "Register"), case("TC-CREG-1-14", "", "AddAttribute"));
        let second = case("TC-CREG-2-14", "<Authentication/>", "Locate");
        let requests = requests(&second, &[&first, &other, &second]);
        let [request] = &requests[..] else { panic!("{} requests", requests.len()) };
        let fields: Vec<&str> = request.children[0].children.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(fields, ["ProtocolVersion", "Authentication", "BatchCount"]);
    }

    #[test]
    fn a_key_waits_in_the_default_group_and_nothing_elsewhere() {
        let case = |name| case(name, "", "Locate");
        assert!(requests(&case("TC-151-12"), &[])[0].to_tree().is_ok());
        assert!(requests(&case("TC-OTP-1-14"), &[])[0].to_tree().is_ok());
        assert!(requests(&case("TC-152-12"), &[]).is_empty());
    }
}
