//! One test per rule of comparison.

use kmip::text::xml::Element;
use ttlv_codec::Limits;

use super::*;
use crate::bindings::date_text;

fn element(xml: &str) -> Element {
    Element::parse(xml, &Limits::default()).unwrap_or_else(|error| panic!("{xml}: {error}"))
}

fn field(name: &str, item_type: &str, value: &str) -> String {
    format!(r#"<{name} type="{item_type}" value="{value}"/>"#)
}

fn id(value: &str) -> String {
    field("UniqueIdentifier", "TextString", value)
}

fn material(value: &str) -> String {
    format!(
        "<SymmetricKey><KeyBlock>{}<KeyValue>{}</KeyValue></KeyBlock></SymmetricKey>",
        field("KeyFormatType", "Enumeration", "Raw"),
        field("KeyMaterial", "ByteString", value)
    )
}

/// An attribute of 1.x: name, index if any, value.
fn attribute(name: &str, index: Option<u32>, value: &str) -> String {
    let index = index.map(|index| field("AttributeIndex", "Integer", &index.to_string())).unwrap_or_default();
    format!("<Attribute>{}{index}{value}</Attribute>", field("AttributeName", "TextString", name))
}

fn text_value(value: &str) -> String {
    field("AttributeValue", "TextString", value)
}

/// The knowledge of a run, with shorthands for one request and its answer.
#[derive(Default)]
struct Run(Bindings);

impl Run {
    /// Compares the payloads of a successful answer.
    fn answers(&mut self, operation: &str, request: &str, expected: &str, actual: &str) -> Verdict {
        let item = |payload: &str| {
            format!(
                r#"<BatchItem><Operation type="Enumeration" value="{operation}"/><ResultStatus type="Enumeration" value="Success"/>
                <ResponsePayload>{payload}</ResponsePayload></BatchItem>"#
            )
        };
        self.items(operation, request, &item(expected), &item(actual))
    }

    /// Compares whole batch items.
    fn items(&mut self, operation: &str, request: &str, expected: &str, actual: &str) -> Verdict {
        self.messages(
            &format!(
                r#"<BatchItem><Operation type="Enumeration" value="{operation}"/>
                <RequestPayload>{request}</RequestPayload></BatchItem>"#
            ),
            expected,
            actual,
        )
        .map(|_| ())
    }

    /// Compares the insides of whole messages.
    fn messages(&mut self, request: &str, expected: &str, actual: &str) -> Result<Vec<Synchronous>, Difference> {
        let request = element(&format!("<RequestMessage>{request}</RequestMessage>"));
        self.0.note_request(&request);
        let filled = self.0.fill(&request);
        let message = |inside: &str| element(&format!("<ResponseMessage>{inside}</ResponseMessage>"));
        compare_messages(&mut self.0, &request, &filled, &message(expected), &message(actual))
    }

    /// An object with this identifier and the material of this request.
    fn object(&mut self, operation: &str, request: &str, identifier: &str) {
        self.answers(operation, request, &id(&format!("$UNIQUE_IDENTIFIER_{identifier}")), &id(identifier)).unwrap();
    }
}

/// Passes with `actual`, fails with `wrong`, both in a run of their own.
fn told_apart(operation: &str, request: &str, expected: &str, actual: &str, wrong: &str) {
    let passed = Run::default().answers(operation, request, expected, actual);
    assert_eq!(passed, Ok(()), "{actual}");
    assert!(Run::default().answers(operation, request, expected, wrong).is_err(), "{wrong}");
}

#[test]
fn a_name_binds_at_first_sight_and_is_equal_later() {
    let two = |first: &str, second: &str| id(first) + &field("PrivateKeyUniqueIdentifier", "TextString", second);
    told_apart("Check", "", &two("$UNIQUE_IDENTIFIER_0", "$UNIQUE_IDENTIFIER_0"), &two("a", "a"), &two("a", "b"));
}

#[test]
fn now_is_within_three_minutes() {
    let date = |offset: i64| field("ActivationDate", "DateTime", &date_text(Bindings::now() + offset));
    let expected = field("ActivationDate", "DateTime", "$NOW-3600");
    told_apart("Check", "", &expected, &date(-3600 - 170), &date(-3600 - 190));
    told_apart("Check", "", &expected, &date(-3600 + 170), &date(-3600 + 190));
}

#[test]
fn correlation_values_and_digests_bind_anew() {
    let mut run = Run::default();
    let value = |text: &str| field("DigestValue", "ByteString", text);
    run.answers("Check", "", &value("$DIGEST_VALUE"), &value("01")).unwrap();
    run.answers("Check", "", &value("$DIGEST_VALUE"), &value("02")).unwrap();
}

#[test]
fn a_literal_identifier_stands_for_one_value() {
    let mut run = Run::default();
    run.answers("Create", "", &id("49a1ca88"), &id("server-1")).unwrap();
    run.answers("Get", &id("49a1ca88"), &id("49a1ca88"), &id("server-1")).unwrap();
    assert!(run.answers("Activate", &id("49a1ca88"), &id("49a1ca88"), &id("server-2")).is_err());
}

#[test]
fn generated_material_may_be_any_but_stays_the_same() {
    let mut run = Run::default();
    run.object("Create", "", "0");
    let payload = |text: &str| id("$UNIQUE_IDENTIFIER_0") + &material(text);
    let got = |text: &str| id("0") + &material(text);
    run.answers("Get", &id("$UNIQUE_IDENTIFIER_0"), &payload("aa"), &got("5e")).unwrap();
    run.answers("Get", &id("$UNIQUE_IDENTIFIER_0"), &payload("aa"), &got("5e")).unwrap();
    assert!(run.answers("Get", &id("$UNIQUE_IDENTIFIER_0"), &payload("aa"), &got("5f")).is_err());
}

#[test]
fn supplied_material_matches_exactly() {
    let mut run = Run::default();
    run.object("Register", &material("aa"), "0");
    let payload = |text: &str| id("$UNIQUE_IDENTIFIER_0") + &material(text);
    let got = |text: &str| id("0") + &material(text);
    run.answers("Get", &id("$UNIQUE_IDENTIFIER_0"), &payload("aa"), &got("AA")).unwrap();
    assert!(run.answers("Get", &id("$UNIQUE_IDENTIFIER_0"), &payload("aa"), &got("bb")).is_err());
    // The file may show something else: what was registered is right all the same, what was not is wrong.
    run.answers("Get", &id("$UNIQUE_IDENTIFIER_0"), &payload("cc"), &got("aa")).unwrap();
    assert!(run.answers("Get", &id("$UNIQUE_IDENTIFIER_0"), &payload("cc"), &got("bb")).is_err());
}

#[test]
fn the_digest_of_generated_material_varies_that_of_supplied_does_not() {
    let digest = |value: &str, format: &str| {
        let inside = field("HashingAlgorithm", "Enumeration", "SHA_256")
            + &field("DigestValue", "ByteString", value)
            + &field("KeyFormatType", "Enumeration", format);
        id("0") + &format!("<Attributes><Digest>{inside}</Digest></Attributes>")
    };
    let mut run = Run::default();
    run.object("Create", "", "0");
    run.answers("GetAttributes", "", &digest("aa", "PKCS_1"), &digest("bb", "PKCS_8")).unwrap();
    let mut run = Run::default();
    run.object("Register", &material("01"), "0");
    run.answers("GetAttributes", "", &digest("aa", "Raw"), &digest("aa", "Raw")).unwrap();
    assert!(run.answers("GetAttributes", "", &digest("aa", "Raw"), &digest("bb", "Raw")).is_err());
    assert!(run.answers("GetAttributes", "", &digest("aa", "Raw"), &digest("aa", "Opaque")).is_err());
}

#[test]
fn a_requested_key_format_is_exact() {
    let mut run = Run::default();
    run.object("CreateKeyPair", "", "0");
    let payload = |format: &str| {
        id("0") + &format!("<PrivateKey><KeyBlock>{}</KeyBlock></PrivateKey>", field("KeyFormatType", "Enumeration", format))
    };
    let asked = id("0") + &field("KeyFormatType", "Enumeration", "PKCS_1");
    assert!(run.answers("Get", &asked, &payload("PKCS_1"), &payload("PKCS_8")).is_err());
    run.answers("Get", &id("0"), &payload("PKCS_1"), &payload("PKCS_8")).unwrap();
}

#[test]
fn results_with_generated_keys_vary_and_are_sent_back_as_received() {
    let data = |text: &str| id("0") + &field("Data", "ByteString", text);
    let mut run = Run::default();
    run.object("Create", "", "0");
    run.answers("Encrypt", &data("00"), &data("c1"), &data("d1")).unwrap();
    assert_eq!(run.0.fill(&element(&field("Data", "ByteString", "C1"))).value, "d1");
    // Decrypting brings back what was sent.
    run.answers("Decrypt", &data("c1"), &data("00"), &data("00")).unwrap();
    assert!(run.answers("Decrypt", &data("c1"), &data("00"), &data("01")).is_err());
}

#[test]
fn results_with_supplied_keys_are_exact_unless_randomised() {
    let data = |text: &str| id("0") + &field("Data", "ByteString", text);
    let mut run = Run::default();
    run.object("Register", &material("01"), "0");
    run.answers("Encrypt", &data("00"), &data("c1"), &data("c1")).unwrap();
    assert!(run.answers("Encrypt", &data("00"), &data("c1"), &data("d1")).is_err());
    let random = data("00") + "<CryptographicParameters>" + &field("RandomIV", "Boolean", "true") + "</CryptographicParameters>";
    run.answers("Encrypt", &random, &data("c2"), &data("d2")).unwrap();
    // Hashes depend on no key.
    let hash = |text: &str| field("Data", "ByteString", text);
    told_apart("Hash", &hash("00"), &hash("aa"), &hash("aa"), &hash("bb"));
    assert_eq!(Run::default().answers("RNGRetrieve", "", &hash("aa"), &hash("bb")), Ok(()));
}

#[test]
fn dates_the_server_chose_vary_dates_the_client_set_do_not() {
    let date = |text: &str| attribute("Activation Date", None, &field("AttributeValue", "DateTime", text));
    let (set, other) = (date("2010-03-11T12:21:46+00:00"), date("2020-03-11T12:21:46+00:00"));
    let payload = |date: &str| id("a") + date;
    assert_eq!(Run::default().answers("GetAttributes", "", &payload(&set), &payload(&other)), Ok(()));
    let mut run = Run::default();
    run.answers("AddAttribute", &set, &payload(&set), &payload(&set)).unwrap();
    assert!(run.answers("GetAttributes", "", &payload(&set), &payload(&other)).is_err());
}

#[test]
fn lease_time_message_and_time_stamp_vary_but_must_be_there() {
    let lease = |seconds: &str| id("a") + &field("LeaseTime", "Interval", seconds);
    told_apart("ObtainLease", "", &lease("3600"), &lease("60"), &id("a"));
    let listed = |seconds: &str| id("a") + &attribute("Lease Time", None, &field("AttributeValue", "Interval", seconds));
    assert_eq!(Run::default().answers("GetAttributes", "", &listed("3600"), &listed("0")), Ok(()));
    let failed = |message: &str| {
        field("ResultStatus", "Enumeration", "OperationFailed") + &field("ResultReason", "Enumeration", "ItemNotFound") + message
    };
    let item = |inside: String| format!("<BatchItem>{inside}</BatchItem>");
    let message = |text: &str| field("ResultMessage", "TextString", text);
    let expected = item(failed(&message("NOT_FOUND")));
    assert_eq!(Run::default().items("Get", "", &expected, &item(failed(&message("no such object")))), Ok(()));
    assert!(Run::default().items("Get", "", &expected, &item(failed(""))).is_err());
}

#[test]
fn the_generator_of_generated_objects_varies() {
    let payload = |algorithm: &str| {
        let inside = format!("<AttributeValue>{}</AttributeValue>", field("RNGAlgorithm", "Enumeration", algorithm));
        id("0") + &attribute("Random Number Generator", None, &inside)
    };
    let mut run = Run::default();
    run.object("Create", "", "0");
    run.answers("GetAttributes", "", &payload("Unspecified"), &payload("DRBG")).unwrap();
    let mut run = Run::default();
    run.object("Register", &material("01"), "0");
    assert!(run.answers("GetAttributes", "", &payload("Unspecified"), &payload("DRBG")).is_err());
}

#[test]
fn result_status_and_reason_match() {
    let item = |status: &str, reason: &str| {
        let reason = if reason.is_empty() { String::new() } else { field("ResultReason", "Enumeration", reason) };
        format!("<BatchItem>{}{reason}</BatchItem>", field("ResultStatus", "Enumeration", status))
    };
    let compare = |expected: &str, actual: &str| Run::default().items("Get", "", expected, actual);
    let not_found = item("OperationFailed", "ItemNotFound");
    assert_eq!(compare(&not_found, &not_found), Ok(()));
    assert!(compare(&not_found, &item("OperationFailed", "PermissionDenied")).is_err());
    assert!(compare(&not_found, &item("Success", "")).is_err());
    let difference = compare(&item("Success", ""), &not_found).unwrap_err();
    assert_eq!(difference.got, "OperationFailed, ItemNotFound");
    // The published spelling of a reason and the table's are one number.
    assert_eq!(compare(&item("OperationFailed", "NotAuthorized"), &item("OperationFailed", "NotAuthorised")), Ok(()));
}

#[test]
fn no_field_is_missing_and_none_unexpected() {
    let both = id("a") + &field("ObjectType", "Enumeration", "SymmetricKey");
    told_apart("Check", "", &both, &both, &id("a"));
    told_apart("Check", "", &id("a"), &id("b"), &both);
    let difference = Run::default().answers("Check", "", &id("a"), &both).unwrap_err();
    assert_eq!(difference.path, "BatchItem[0]/ResponsePayload/ObjectType");
    assert_eq!((difference.expected.as_str(), difference.got.as_str()), ("nothing", "Enumeration SymmetricKey"));
}

#[test]
fn different_fields_have_no_order_repeated_ones_have() {
    let kind = field("ObjectType", "Enumeration", "SymmetricKey");
    told_apart("Check", "", &(id("a") + &kind), &(kind.clone() + &id("a")), &(kind.clone() + &kind));
    let names =
        |first: &str, second: &str| field("AttributeName", "TextString", first) + &field("AttributeName", "TextString", second);
    told_apart("Check", "", &names("A", "B"), &names("A", "B"), &names("B", "A"));
}

#[test]
fn the_type_of_a_value_counts() {
    told_apart(
        "Check",
        "",
        &field("BatchCount", "Integer", "1"),
        &field("BatchCount", "Integer", "1"),
        &field("BatchCount", "LongInteger", "1"),
    );
}

#[test]
fn masks_are_compared_as_numbers() {
    let mask = |text: &str| field("CryptographicUsageMask", "Integer", text);
    told_apart("Check", "", &mask("Decrypt   Encrypt"), &mask("Encrypt Decrypt"), &mask("Encrypt"));
}

#[test]
fn an_attribute_list_has_no_order_and_may_have_more() {
    let (name, state) = (attribute("Contact Information", None, &text_value("x")), {
        attribute("State", None, &field("AttributeValue", "Enumeration", "Active"))
    });
    let payload = |entries: &[&str]| id("a") + &entries.concat();
    let more = attribute("Comment", None, &text_value("y"));
    told_apart("GetAttributes", "", &payload(&[&name, &state]), &payload(&[&state, &more, &name]), &payload(&[&state, &more]));
    // In any other response an attribute more is one too many.
    let mut run = Run::default();
    assert!(run.answers("AddAttribute", "", &payload(&[&name]), &payload(&[&name, &more])).is_err());
    let difference = Run::default()
        .answers("GetAttributes", "", &payload(&[&name]), &payload(&[&attribute("Contact Information", None, &text_value("z"))]))
        .unwrap_err();
    assert_eq!(difference.path, "BatchItem[0]/ResponsePayload/Attribute[Contact Information]/AttributeValue", "{difference}");
}

#[test]
fn an_attribute_list_has_no_duplicates() {
    let name = |index| attribute("Name", index, &text_value("x"));
    let payload = |entries: &[String]| id("a") + &entries.concat();
    let expected = payload(&[name(None)]);
    told_apart("GetAttributes", "", &expected, &payload(&[name(Some(0)), name(Some(1))]), &payload(&[name(None), name(Some(0))]));
    let two = |tags: &str| id("a") + "<Attributes>" + tags + "</Attributes>";
    let state = field("State", "Enumeration", "Active");
    told_apart("GetAttributes", "", &two(&state), &two(&state), &two(&state.repeat(2)));
    // Structures are the same only if what is in them is.
    let called = |text: &str| format!("<Name>{}</Name>", field("NameValue", "TextString", text));
    let [one, other] = ["x", "y"].map(called);
    let both = two(&(one.clone() + &other));
    told_apart("GetAttributes", "", &both, &two(&(other + &one)), &two(&one.repeat(2)));
    let listed =
        |names: &[&str]| id("a") + &names.iter().map(|name| field("AttributeName", "TextString", name)).collect::<String>();
    told_apart("GetAttributeList", "", &listed(&["State"]), &listed(&["Digest", "State"]), &listed(&["State", "State"]));
    told_apart("GetAttributeList", "", &listed(&["State"]), &listed(&["State"]), &listed(&["Digest"]));
    let references =
        |names: &[&str]| id("a") + &names.iter().map(|name| field("AttributeReference", "Enumeration", name)).collect::<String>();
    told_apart("GetAttributeList", "", &references(&["State"]), &references(&["Digest", "State"]), &references(&["Digest"]));
}

#[test]
fn attributes_inside_a_key_value_are_expected_or_wrong() {
    let object = |inside: &str| format!("<SymmetricKey><KeyBlock><KeyValue>{inside}</KeyValue></KeyBlock></SymmetricKey>");
    let entry = attribute("Comment", None, &text_value("x"));
    let other = attribute("Description", None, &text_value("x"));
    assert!(Run::default().answers("Get", "", &object(""), &object(&entry)).is_err());
    told_apart("Get", "", &object(&entry), &object(&(other.clone() + &entry)), &object(&other));
}

#[test]
fn attribute_index_zero_is_optional() {
    let payload = |index| id("a") + &attribute("Name", index, &text_value("x"));
    told_apart("AddAttribute", "", &payload(None), &payload(Some(0)), &payload(Some(1)));
    told_apart("AddAttribute", "", &payload(Some(0)), &payload(None), &payload(Some(1)));
    assert!(Run::default().answers("AddAttribute", "", &payload(Some(1)), &payload(None)).is_err());
}

#[test]
fn a_template_attribute_is_optional() {
    let template = |inside: &str| id("a") + &format!("<TemplateAttribute>{inside}</TemplateAttribute>");
    let (entry, other) = (attribute("Comment", None, &text_value("x")), attribute("Comment", None, &text_value("y")));
    assert_eq!(Run::default().answers("Create", "", &template(&entry), &id("a")), Ok(()));
    told_apart("Create", "", &id("a"), &template(&entry), "");
    told_apart("Create", "", &template(&entry), &template(&entry), &template(&other));
}

#[test]
fn message_extensions_and_correlation_values_are_optional() {
    let extension =
        |critical: &str| format!("<MessageExtension>{}</MessageExtension>", field("CriticalityIndicator", "Boolean", critical));
    let item = |inside: &str| format!("<BatchItem>{}{inside}</BatchItem>", field("ResultStatus", "Enumeration", "Success"));
    let mut run = Run::default();
    run.items("Get", "", &item(&extension("false")), &item("")).unwrap();
    run.items("Get", "", &item(""), &item(&extension("false"))).unwrap();
    assert!(run.items("Get", "", &item(""), &item(&extension("true"))).is_err());
    let header = |inside: &str| format!("<ResponseHeader>{inside}</ResponseHeader>");
    for name in ["ClientCorrelationValue", "ServerCorrelationValue"] {
        run.messages("", &header(""), &header(&field(name, "TextString", "x"))).unwrap();
        run.messages("", &header(&field(name, "TextString", "x")), &header("")).unwrap();
    }
    assert!(run.messages("", &header(""), &header(&field("Nonce", "TextString", "x"))).is_err());
    // The server's is its own choice, the client's is echoed.
    let both = |name: &str| (header(&field(name, "TextString", "x")), header(&field(name, "TextString", "y")));
    let (expected, actual) = both("ServerCorrelationValue");
    run.messages("", &expected, &actual).unwrap();
    let (expected, actual) = both("ClientCorrelationValue");
    assert!(run.messages("", &expected, &actual).is_err());
}

#[test]
fn the_answer_has_the_version_of_the_request() {
    let version = |minor: &str| {
        let numbers = field("ProtocolVersionMajor", "Integer", "1") + &field("ProtocolVersionMinor", "Integer", minor);
        format!("<ProtocolVersion>{numbers}</ProtocolVersion>")
    };
    let header = |minor: &str| format!("<ResponseHeader>{}</ResponseHeader>", version(minor));
    let request = |minor: &str| format!("<RequestHeader>{}</RequestHeader>", version(minor));
    Run::default().messages(&request("3"), &header("4"), &header("3")).unwrap();
    assert!(Run::default().messages(&request("3"), &header("3"), &header("4")).is_err());
}

#[test]
fn query_reports_what_was_asked_for() {
    let asked =
        field("QueryFunction", "Enumeration", "QueryOperations") + &field("QueryFunction", "Enumeration", "QueryValidations");
    let operation = |name: &str| field("Operation", "Enumeration", name);
    let validation = "<ValidationInformation/>";
    told_apart("Query", &asked, &(operation("Get") + validation), &operation("Locate").repeat(2), validation);
    let kind = field("ObjectType", "Enumeration", "SymmetricKey");
    told_apart("Query", &asked, &operation("Get"), &operation("Get"), &(operation("Get") + &kind));
}

#[test]
fn locate_finds_every_expected_object_and_no_other_of_the_case() {
    let mut run = Run::default();
    run.object("Create", "", "0");
    run.object("Create", "", "1");
    let mut locate = |expected: &str, actual: &str| run.answers("Locate", "", expected, actual);
    assert_eq!(locate(&id("$UNIQUE_IDENTIFIER_0"), &id("0")), Ok(()));
    assert!(locate(&id("$UNIQUE_IDENTIFIER_0"), "").is_err());
    // Objects of others may be found, those of the case may not.
    assert_eq!(locate(&id("$UNIQUE_IDENTIFIER_0"), &(id("0") + &id("foreign"))), Ok(()));
    assert!(locate(&id("$UNIQUE_IDENTIFIER_0"), &(id("0") + &id("1"))).is_err());
    assert!(locate("", &id("1")).is_err());
    // Newest first.
    let both = id("$UNIQUE_IDENTIFIER_1") + &id("$UNIQUE_IDENTIFIER_0");
    assert_eq!(locate(&both, &(id("1") + &id("foreign") + &id("0"))), Ok(()));
    assert!(locate(&both, &(id("0") + &id("1"))).is_err());
    assert!(locate(&both, &(id("1") + &id("0") + &id("foreign").repeat(2))).is_err());
    // A name seen here for the first time takes an object nobody else is waiting for.
    assert_eq!(locate(&(id("$UNIQUE_IDENTIFIER_0") + &id("$UNIQUE_IDENTIFIER_9")), &(id("0") + &id("new"))), Ok(()));
    assert_eq!(run.0.variable("$UNIQUE_IDENTIFIER_9"), Some("new"));
}

#[test]
fn located_items_is_larger_only_with_foreign_objects() {
    let items = |count: &str, identifiers: &[&str]| {
        field("LocatedItems", "Integer", count) + &identifiers.iter().map(|identifier| id(identifier)).collect::<String>()
    };
    let mut run = Run::default();
    run.object("Create", "", "0");
    let expected = items("1", &["$UNIQUE_IDENTIFIER_0"]);
    assert_eq!(run.answers("Locate", "", &expected, &items("1", &["0"])), Ok(()));
    assert_eq!(run.answers("Locate", "", &expected, &items("2", &["0", "foreign"])), Ok(()));
    assert!(run.answers("Locate", "", &expected, &items("2", &["0"])).is_err());
    assert!(run.answers("Locate", "", &expected, &items("0", &["0"])).is_err());
    assert!(run.answers("Locate", "", &expected, &id("0")).is_err());
    let limited = field("MaximumItems", "Integer", "1");
    assert_eq!(run.answers("Locate", &limited, &expected, &items("2", &["0"])), Ok(()));
}

#[test]
fn discover_versions_may_list_more_only_if_none_were_listed() {
    let versions = |minors: &[&str]| -> String {
        let version = |minor: &&str| {
            let numbers = field("ProtocolVersionMajor", "Integer", "1") + &field("ProtocolVersionMinor", "Integer", minor);
            format!("<ProtocolVersion>{numbers}</ProtocolVersion>")
        };
        minors.iter().map(version).collect()
    };
    told_apart("DiscoverVersions", "", &versions(&["2", "1"]), &versions(&["4", "2", "1", "0"]), &versions(&["4", "2"]));
    let asked = versions(&["2"]);
    told_apart("DiscoverVersions", &asked, &versions(&["2"]), &versions(&["2"]), &versions(&["2", "1"]));
}

#[test]
fn pending_may_be_answered_at_once() {
    let item =
        |status: &str, inside: &str| format!("<BatchItem>{}{inside}</BatchItem>", field("ResultStatus", "Enumeration", status));
    let request = format!("<BatchItem>{}</BatchItem>", field("Operation", "Enumeration", "Locate"));
    let value = field("AsynchronousCorrelationValue", "ByteString", "$ASYNCHRONOUS_CORRELATION_VALUE");
    let mut run = Run::default();
    let expected = item("OperationPending", &value);
    let at_once = run.messages(&request, &expected, &item("Success", "<ResponsePayload/>")).unwrap();
    assert_eq!(at_once.len(), 1);
    let pending = item("OperationPending", &value.replace("$ASYNCHRONOUS_CORRELATION_VALUE", "01"));
    assert_eq!(run.messages(&request, &expected, &pending).unwrap().len(), 0);
    assert!(run.messages(&request, &item("Success", ""), &pending).is_err());
}

#[test]
fn batch_items_are_paired_by_their_identifier() {
    let request = |number: &str, operation: &str| {
        let inside = field("Operation", "Enumeration", operation) + &field("UniqueBatchItemID", "ByteString", number);
        format!("<BatchItem>{inside}</BatchItem>")
    };
    let item = |number: &str, operation: &str| {
        let inside = field("Operation", "Enumeration", operation)
            + &field("UniqueBatchItemID", "ByteString", number)
            + &field("ResultStatus", "Enumeration", "Success");
        format!("<BatchItem>{inside}</BatchItem>")
    };
    let requests = request("01", "Get") + &request("02", "Check");
    let expected = item("01", "Get") + &item("02", "Check");
    let mut run = Run::default();
    run.messages(&requests, &expected, &(item("02", "Check") + &item("01", "Get"))).unwrap();
    assert!(run.messages(&requests, &expected, &(item("02", "Get") + &item("01", "Check"))).is_err());
    let difference = run.messages(&requests, &expected, &item("01", "Get")).unwrap_err();
    assert_eq!((difference.expected.as_str(), difference.got.as_str()), ("2 batch items", "1 (Success)"));
}

#[test]
fn get_answers_with_the_object_asked_for() {
    let mut run = Run::default();
    run.object("CreateSplitKey", "", "1");
    run.object("CreateSplitKey", "", "4");
    // The published case asks for part 4 and shows the identifier of part 1.
    run.answers("Get", &id("$UNIQUE_IDENTIFIER_4"), &id("$UNIQUE_IDENTIFIER_1"), &id("4")).unwrap();
    assert!(run.answers("Get", &id("$UNIQUE_IDENTIFIER_4"), &id("$UNIQUE_IDENTIFIER_1"), &id("5")).is_err());
    assert!(run.answers("ReKey", &id("$UNIQUE_IDENTIFIER_4"), &id("$UNIQUE_IDENTIFIER_1"), &id("4")).is_err());
}
