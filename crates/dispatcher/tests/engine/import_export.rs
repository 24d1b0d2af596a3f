//! Export and Import: an object goes from one server to another with all that is known of it.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes};
use kmip::codec::DateTime;
use kmip::enumerations::{
    Enumeration as _, KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType, RevocationReasonCode, State, UsageLimitsUnit,
};
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation;
use kmip::payload::export::ExportResponse;
use kmip::payload::get_attributes::GetAttributesResponse;
use kmip::payload::import::{ImportRequest, ImportResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::UsageLimits;

use crate::client::{Client, aes, aes_and, export, get_attributes, name};
use crate::objects::{every_type, symmetric_key};
use crate::server::{START, Server, VERSIONS};

fn versions() -> impl Iterator<Item = ProtocolVersion> {
    VERSIONS.into_iter().filter(|version| Operation::Import.known_in(*version))
}

fn import(version: ProtocolVersion, identifier: &str, exported: &ExportResponse) -> ImportRequest {
    ImportRequest {
        unique_identifier: identifier.into(),
        object_type: (!version.is_1x()).then_some(exported.object_type),
        replace_existing: None,
        key_wrap_type: None,
        attributes: exported.attributes.clone(),
        object: exported.object.clone().expect("a living object"),
    }
}

fn exported(client: &mut Client<'_>, identifier: &str) -> ExportResponse {
    client.ask(Operation::Export, &export(Some(identifier))).ok()
}

/// Attributes in one order.
fn sorted(attributes: &Attributes) -> Vec<String> {
    let mut all: Vec<String> = attributes.0.iter().map(|instance| format!("{:?}", instance.attribute)).collect();
    all.sort();
    all
}

#[test]
fn what_was_exported_is_imported_as_it_was() {
    for version in versions() {
        let (from, to) = (Server::new(), Server::new());
        let mut source = from.client("fred", version);
        let mut target = to.client("fred", version);
        for (number, object) in every_type(version).into_iter().enumerate() {
            from.set_time(START);
            let is_template = object.object_type() == ObjectType::Template;
            let identifier = source.register(object.clone(), vec![name(&format!("object {number}"))]);
            if !is_template {
                source.activate(&identifier).unwrap();
                from.set_time(START + 10);
                source.revoke(&identifier, RevocationReasonCode::KeyCompromise).unwrap();
            }
            let out = exported(&mut source, &identifier);
            assert_eq!(out.object.as_ref(), Some(&source.object(&identifier)), "{version}");
            assert_eq!(out.unique_identifier.0, identifier);
            // The first one who had it took the freshness.
            assert_eq!(out.attributes.fresh(), (!is_template).then_some(&true));
            assert_eq!(source.attributes(&identifier).fresh(), (!is_template).then_some(&false));
            to.set_time(START + 1_000);
            let answer: ImportResponse = target.ask(Operation::Import, &import(version, &identifier, &out)).ok();
            assert_eq!(answer.unique_identifier.0, identifier, "{version}");
            let again = target.attributes(&identifier);
            assert_eq!(sorted(&again), sorted(&out.attributes), "{version} {:?}", out.object_type);
            assert_eq!(target.object(&identifier), out.object.unwrap(), "{version}");
        }
    }
}

#[test]
fn an_identifier_is_taken_only_if_the_request_says_so() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("mine")]));
        let out = exported(&mut client, &key);
        let mut request = import(version, &key, &out);
        for replace in [None, Some(false)] {
            request.replace_existing = replace;
            client.ask(Operation::Import, &request).fails_with(ResultReason::ObjectAlreadyExists);
        }
        client.destroy(&key).unwrap();
        client
            .ask(Operation::Import, &{
                let mut request = import(version, &key, &out);
                request.replace_existing = Some(false);
                request
            })
            .fails_with(ResultReason::ObjectAlreadyExists);
        request.replace_existing = Some(true);
        client.ask(Operation::Import, &request).ok::<ImportResponse>();
        assert_eq!(client.state(&key), State::PreActive, "{version}: it is back");
        assert_eq!(Some(client.object(&key)), out.object);
        assert_eq!(client.locate(vec![name("mine")]), [key.as_str()], "{version}");
        let mut other = server.client("barney", version);
        other.ask(Operation::Import, &request).fails_with(ResultReason::PermissionDenied);
        assert_eq!(server.objects(), 1);
        // Without one, the server gives one.
        let mut request = import(version, "", &out);
        request.attributes = Attributes::default();
        let made: ImportResponse = client.ask(Operation::Import, &request).ok();
        assert!(!made.unique_identifier.0.is_empty());
        assert_eq!(client.state(&made.unique_identifier.0), State::PreActive);
        for strange in ["\u{1}mine", "a\nb", &"x".repeat(129)] {
            client.ask(Operation::Import, &import(version, strange, &out)).fails_with(ResultReason::InvalidField);
        }
    }
}

#[test]
fn attributes_of_an_import_must_fit_the_object() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("mine")]));
        let out = exported(&mut client, &key);
        client.destroy(&key).unwrap();
        let with = |attributes: Vec<Attribute>| ImportRequest {
            attributes: attributes.into_iter().collect(),
            ..import(version, "imported", &out)
        };
        for (attributes, reason) in [
            (vec![Attribute::UniqueIdentifier(UniqueIdentifier::from("other"))], ResultReason::InvalidAttributeValue),
            (vec![Attribute::ObjectType(ObjectType::SecretData)], ResultReason::InvalidAttributeValue),
            (vec![Attribute::CryptographicLength(128)], ResultReason::InvalidField),
            // An undefined value could not be returned.
            (vec![Attribute::State(State(0x7777))], ResultReason::InvalidAttributeValue),
            (vec![Attribute::CertificateLength(128)], ResultReason::InvalidAttribute),
            (vec![Attribute::Comment("a".to_owned()), Attribute::Comment("b".to_owned())], ResultReason::AttributeSingleValued),
            (vec![name("x"), name("x")], ResultReason::InvalidAttributeValue),
            (
                vec![Attribute::ActivationDate(DateTime(9)), Attribute::DeactivationDate(DateTime(5))],
                ResultReason::InvalidAttributeValue,
            ),
        ] {
            client.ask(Operation::Import, &with(attributes)).fails_with(reason);
        }
        let limits = |total, count| {
            let unit = UsageLimitsUnit::Object;
            vec![Attribute::UsageLimits(UsageLimits {
                usage_limits_total: total,
                usage_limits_count: count,
                usage_limits_unit: unit,
            })]
        };
        for (total, count) in [(5, Some(6)), (5, Some(-1)), (-1, None), (-1, Some(-1))] {
            client.ask(Operation::Import, &with(limits(total, count))).fails_with(ResultReason::InvalidAttributeValue);
        }
        client.create(aes_and([name("taken")]));
        if !version.is_1x() {
            client.ask(Operation::Import, &with(vec![name("taken")])).fails_with(ResultReason::NonUniqueNameAttribute);
            let mut other = with(vec![]);
            other.object_type = Some(ObjectType::SecretData);
            client.ask(Operation::Import, &other).fails_with(ResultReason::InvalidField);
            other.object_type = None;
            client.ask(Operation::Import, &other).fails_with(ResultReason::InvalidMessage);
        }
        let mut wrapped = with(vec![]);
        wrapped.key_wrap_type = Some(KeyWrapType(0x8000_0001));
        client.ask(Operation::Import, &wrapped).fails_with(ResultReason::KeyWrapTypeNotSupported);
        client.get("imported").fails_with(ResultReason::ObjectNotFound);
    }
}

#[test]
fn a_state_that_no_date_explains_is_reached_now() {
    for version in versions() {
        for state in [State::PreActive, State::Active, State::Deactivated, State::Compromised, State::Destroyed] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let request = ImportRequest {
                unique_identifier: "imported".into(),
                object_type: (!version.is_1x()).then_some(ObjectType::SymmetricKey),
                replace_existing: None,
                key_wrap_type: Some(KeyWrapType::AsRegistered),
                attributes: aes().into_iter().chain([Attribute::State(state)]).collect(),
                object: symmetric_key(),
            };
            client.ask(Operation::Import, &request).ok::<ImportResponse>();
            assert_eq!(client.state("imported"), state, "{version}");
            let there = client.get("imported").result::<kmip::payload::get::GetResponse>();
            assert_eq!(there.is_err(), state == State::Destroyed, "{version} {state:?}: no material of what is destroyed");
        }
    }
}

#[test]
fn what_must_not_leave_by_get_does_not_leave_by_export() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let sensitive = client.create(aes_and([Attribute::Sensitive(true)]));
        client.ask(Operation::Export, &export(Some(&sensitive))).fails_with(ResultReason::Sensitive);
        let kept = client.create(aes_and([Attribute::Extractable(false)]));
        client.ask(Operation::Export, &export(Some(&kept))).fails_with(ResultReason::NotExtractable);
        let key = client.create(aes());
        let mut request = export(Some(&key));
        request.key_format_type = Some(KeyFormatType::X_509);
        client.ask(Operation::Export, &request).fails_with(ResultReason::KeyFormatTypeNotSupported);
        let mut request = export(Some(&key));
        request.key_compression_type = Some(KeyCompressionType::ECPublicKeyTypeUncompressed);
        client.ask(Operation::Export, &request).fails_with(ResultReason::KeyCompressionTypeNotSupported);
        let mut request = export(Some(&key));
        request.key_wrap_type = Some(KeyWrapType(0x8000_0001));
        client.ask(Operation::Export, &request).fails_with(ResultReason::KeyWrapTypeNotSupported);
        client.ask(Operation::Export, &export(Some("nobody"))).fails_with(ResultReason::ObjectNotFound);
        server.client("barney", version).ask(Operation::Export, &export(Some(&key))).fails_with(ResultReason::PermissionDenied);
        client.destroy(&key).unwrap();
        let out = exported(&mut client, &key);
        assert_eq!((out.object, out.attributes.state()), (None, Some(&State::Destroyed)), "{version}: its attributes are left");
    }
}

#[test]
fn the_id_placeholder_names_what_was_exported_or_imported() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let out = exported(&mut client, &key);
        let request = client
            .request()
            .item_with(Operation::Export, Some(b"1"), &export(Some(&key)), &[])
            .item_with(Operation::GetAttributes, Some(b"2"), &get_attributes(None, vec![]), &[])
            .item_with(
                Operation::Import,
                Some(b"3"),
                &ImportRequest { attributes: Attributes::default(), ..import(version, "another", &out) },
                &[],
            )
            .item_with(Operation::GetAttributes, Some(b"4"), &get_attributes(None, vec![]), &[]);
        let answers = client.send(request);
        assert_eq!(answers.items[1].ok::<GetAttributesResponse>().unique_identifier.0, key, "{version}");
        assert_eq!(answers.items[3].ok::<GetAttributesResponse>().unique_identifier.0, "another", "{version}");
    }
}
