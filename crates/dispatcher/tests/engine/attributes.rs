//! Add, Modify and Delete Attribute.

use dispatcher::Settings;
use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, Attributes, VendorAttribute};
use kmip::codec::DateTime;
use kmip::enumerations::{CryptographicAlgorithm, Enumeration as _, LinkType, ObjectType, RevocationReasonCode, State};
use kmip::masks::CryptographicUsageMask;
use kmip::operation::Operation;
use kmip::payload::add_attribute::{AddAttributeRequest, AddAttributeResponse};
use kmip::payload::delete_attribute::{DeleteAttributeRequest, DeleteAttributeResponse};
use kmip::payload::export::ExportResponse;
use kmip::payload::get_attributes::GetAttributesResponse;
use kmip::payload::import::{ImportRequest, ImportResponse};
use kmip::payload::modify_attribute::ModifyAttributeResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::{Link, UsageLimits};
use kmip::tag;
use ttlv_codec::{Tag, Tree, TreeValue};

use crate::client::{Client, add, aes, aes_and, create, delete, get_attributes, modify, name, register};
use crate::objects::{opaque_object, symmetric_key};
use crate::server::{START, Server, VERSIONS};

const OLD: [ProtocolVersion; 5] =
    [ProtocolVersion::V1_0, ProtocolVersion::V1_1, ProtocolVersion::V1_2, ProtocolVersion::V1_3, ProtocolVersion::V1_4];
const NEW: [ProtocolVersion; 2] = [ProtocolVersion::V2_0, ProtocolVersion::V2_1];

fn names(client: &mut Client<'_>, key: &str) -> Vec<(i32, String)> {
    let request = get_attributes(Some(key), vec![AttributeReference::Standard(tag::Name)]);
    let Attributes(instances) = client.ask(Operation::GetAttributes, &request).ok::<GetAttributesResponse>().attributes;
    let text = |attribute| match attribute {
        Attribute::Name(name) => name.name_value,
        other => panic!("{other:?}"),
    };
    instances.into_iter().map(|instance| (instance.index.unwrap_or(0), text(instance.attribute))).collect()
}

fn pairs(names: &[(i32, &str)]) -> Vec<(i32, String)> {
    names.iter().map(|(index, name)| (*index, (*name).to_owned())).collect()
}

fn at(index: i32, attribute: Attribute) -> AttributeInstance {
    AttributeInstance { index: Some(index), attribute }
}

#[test]
fn indices_of_1_x_never_move() {
    for version in OLD {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("a")]));
        let added = client.add(&key, name("b")).unwrap();
        assert_eq!(added.attribute, Some(at(1, name("b"))), "{version}");
        // An index of 0, which many clients always send, means none; another is not the client's to give.
        let give = |given| AddAttributeRequest {
            unique_identifier: Some(key.as_str().into()),
            current_attribute: None,
            new_attribute: Some(at(given, name(&format!("given {given}")))),
        };
        let response: AddAttributeResponse = client.ask(Operation::AddAttribute, &give(0)).ok();
        assert_eq!(response.attribute.unwrap().index, Some(2), "{version}");
        for given in [1, 7, -1] {
            client.ask(Operation::AddAttribute, &give(given)).fails_with(ResultReason::InvalidField);
        }
        let expected = [(0, "a"), (1, "b"), (2, "given 0")];
        assert_eq!(names(&mut client, &key), pairs(&expected), "{version}");

        let request = modify(Some(&key), None, at(1, name("c")));
        let modified: ModifyAttributeResponse = client.ask(Operation::ModifyAttribute, &request).ok();
        assert_eq!(modified.attribute, Some(at(1, name("c"))));
        client.modify(&key, name("first")).unwrap();
        let request = delete(Some(&key), AttributeReference::Standard(tag::Name), Some(1));
        let deleted: DeleteAttributeResponse = client.ask(Operation::DeleteAttribute, &request).ok();
        assert_eq!(deleted.attribute, Some(at(1, name("c"))));
        client.ask(Operation::DeleteAttribute, &request).fails_with(ResultReason::AttributeInstanceNotFound);
        client
            .ask(Operation::ModifyAttribute, &modify(Some(&key), None, at(1, name("d"))))
            .fails_with(ResultReason::ItemNotFound);
        // Without an index: the first.
        client.delete(&key, AttributeReference::Standard(tag::Name)).unwrap();
        assert_eq!(names(&mut client, &key), pairs(&[(2, "given 0")]), "{version}");
        let refused = client.delete(&key, AttributeReference::Standard(tag::Name)).unwrap_err();
        assert_eq!(refused, ResultReason::ItemNotFound, "{version}: there is no value 0 any more");
    }
}

#[test]
fn values_of_2_x_are_named_by_themselves() {
    for version in NEW {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("a"), name("b")]));
        // Without a current value, several are too many to tell which.
        assert_eq!(client.modify(&key, name("c")).unwrap_err(), ResultReason::MultiValuedAttribute);
        let request = modify(Some(&key), Some(name("b")), name("c").into());
        client.ask(Operation::ModifyAttribute, &request).ok::<ModifyAttributeResponse>();
        client
            .ask(Operation::ModifyAttribute, &modify(Some(&key), Some(name("b")), name("d").into()))
            .fails_with(ResultReason::AttributeInstanceNotFound);
        let other = modify(Some(&key), Some(Attribute::Comment("c".to_owned())), name("d").into());
        client.ask(Operation::ModifyAttribute, &other).fails_with(ResultReason::InvalidField);
        let texts = |client: &mut Client<'_>| names(client, &key).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(&mut client), ["a", "c"], "{version}");

        let by_value = |attribute: Attribute| DeleteAttributeRequest {
            unique_identifier: Some(key.as_str().into()),
            current_attribute: Some(attribute.into()),
            attribute_reference: None,
            attribute_index: None,
        };
        client.ask(Operation::DeleteAttribute, &by_value(name("x"))).fails_with(ResultReason::AttributeInstanceNotFound);
        client.ask(Operation::DeleteAttribute, &by_value(name("a"))).ok::<DeleteAttributeResponse>();
        assert_eq!(texts(&mut client), ["c"]);
        // One value left needs no naming.
        client.modify(&key, name("last")).unwrap();
        client.add(&key, name("more")).unwrap();
        // By reference, all of them go.
        client.delete(&key, AttributeReference::Standard(tag::Name)).unwrap();
        assert_eq!(texts(&mut client), Vec::<String>::new());
        let refused = client.delete(&key, AttributeReference::Standard(tag::Name)).unwrap_err();
        assert_eq!(refused, ResultReason::AttributeNotFound.at(version));
        assert_eq!(client.modify(&key, name("x")).unwrap_err(), ResultReason::AttributeNotFound.at(version));
        let neither = DeleteAttributeRequest {
            unique_identifier: Some(key.as_str().into()),
            current_attribute: None,
            attribute_reference: None,
            attribute_index: None,
        };
        client.ask(Operation::DeleteAttribute, &neither).fails_with(ResultReason::InvalidMessage);
        // Published test cases of 2.0 add by Current Attribute.
        let request = AddAttributeRequest {
            unique_identifier: Some(key.as_str().into()),
            current_attribute: Some(name("by current").into()),
            new_attribute: None,
        };
        client.ask(Operation::AddAttribute, &request).ok::<AddAttributeResponse>();
        assert_eq!(texts(&mut client), ["by current"]);
    }
}

#[test]
fn what_the_server_sets_is_not_the_clients_to_change() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let before = client.attributes(&key);
        let read_only = ResultReason::AttributeReadOnly.at(version);
        let added = ResultReason::ReadOnlyAttribute.at(version);
        for attribute in [
            Attribute::State(State::Active),
            Attribute::ObjectType(ObjectType::SecretData),
            Attribute::UniqueIdentifier("mine".into()),
            Attribute::InitialDate(DateTime(0)),
            Attribute::LastChangeDate(DateTime(0)),
            Attribute::DestroyDate(DateTime(0)),
            Attribute::CompromiseDate(DateTime(0)),
            Attribute::CryptographicLength(128),
        ] {
            let reference = attribute.reference();
            for (what, result, expected) in [
                ("add", client.add(&key, attribute.clone()).map(drop), added),
                ("modify", client.modify(&key, attribute).map(drop), read_only),
                ("delete", client.delete(&key, reference.clone()).map(drop), read_only),
            ] {
                assert_eq!(result.unwrap_err(), expected, "{version} {what} {reference}");
            }
        }
        for attribute in
            [Attribute::InitialDate(DateTime(0)), Attribute::DestroyDate(DateTime(0)), Attribute::State(State::Active)]
        {
            client.ask(Operation::Create, &create(aes_and([attribute]))).fails_with(ResultReason::AttributeReadOnly);
        }
        // A usage mask is given once, at the start.
        let mask = Attribute::CryptographicUsageMask(CryptographicUsageMask::Sign);
        assert_eq!(client.modify(&key, mask.clone()).unwrap_err(), read_only, "{version}");
        assert_eq!(client.delete(&key, mask.reference()).unwrap_err(), read_only, "{version}");
        assert_eq!(client.add(&key, mask).unwrap_err(), ResultReason::AttributeSingleValued.at(version), "{version}");
        assert_eq!(client.attributes(&key), before, "{version}: nothing has changed");
    }
}

#[test]
fn one_value_is_enough_for_some() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let contact = |text: &str| Attribute::ContactInformation(text.to_owned());
        let single = ResultReason::AttributeSingleValued;
        client.ask(Operation::Create, &create(aes_and([contact("a"), contact("b")]))).fails_with(single);
        let key = client.create(aes());
        client.add(&key, contact("a")).unwrap();
        assert_eq!(client.add(&key, contact("b")).unwrap_err(), single.at(version));
        client.modify(&key, contact("b")).unwrap();
        assert_eq!(client.attributes(&key).contact_information().map(String::as_str), Some("b"), "{version}");
        client.delete(&key, contact("b").reference()).unwrap();
        assert_eq!(client.attributes(&key).contact_information(), None);
        // Two equal values of one attribute are one too many.
        client.add(&key, name("twice")).unwrap();
        assert!(client.add(&key, name("twice")).is_err(), "{version}");
    }
}

#[test]
fn attributes_belong_to_types_of_objects() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_1) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let parameters = Attribute::CryptographicDomainParameters(kmip::structures::CryptographicDomainParameters {
            qlength: Some(256),
            recommended_curve: None,
        });
        let refused = ResultReason::InvalidAttribute;
        client.ask(Operation::Create, &create(aes_and([parameters.clone()]))).fails_with(refused);
        let opaque = client.register(opaque_object(), vec![]);
        let refused = if version.is_1x() { ResultReason::PermissionDenied } else { refused };
        assert_eq!(client.add(&opaque, parameters).unwrap_err(), refused, "{version}");
    }
}

#[test]
fn a_value_of_another_version_is_refused_as_it_comes() {
    // Both came with 1.4; a name that a later version gave a number is none of an older one.
    let link =
        || Attribute::Link(Link { link_type: LinkType::PKCS_12CertificateLink, linked_object_identifier: "certificate".into() });
    let cipher = || Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ChaCha20);
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let is_known = version >= ProtocolVersion::V1_4;
        let invalid = ResultReason::InvalidAttributeValue.at(version);
        assert_eq!(client.add(&key, link()).map(drop), if is_known { Ok(()) } else { Err(invalid) }, "{version}");
        if !is_known {
            let attributes = vec![cipher(), Attribute::CryptographicLength(256)];
            client.ask(Operation::Create, &create(attributes)).fails_with(ResultReason::InvalidAttributeValue);
            client.ask(Operation::Create, &create(aes_and([link()]))).fails_with(ResultReason::InvalidAttributeValue);
        }
    }
}

#[test]
fn sensitive_and_extractable_go_one_way() {
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let read_only = ResultReason::AttributeReadOnly.at(version);
        client.object(&key);
        assert_eq!(client.modify(&key, Attribute::Sensitive(false)).unwrap_err(), read_only);
        assert_eq!(client.modify(&key, Attribute::Extractable(true)).unwrap_err(), read_only);
        client.modify(&key, Attribute::Sensitive(true)).unwrap();
        assert_eq!(client.modify(&key, Attribute::Sensitive(false)).unwrap_err(), read_only, "{version}");
        client.get(&key).fails_with(ResultReason::Sensitive);
        client.modify(&key, Attribute::Extractable(false)).unwrap();
        assert_eq!(client.modify(&key, Attribute::Extractable(true)).unwrap_err(), read_only, "{version}");
        client.get(&key).fails_with(ResultReason::NotExtractable);
        let attributes = client.attributes(&key);
        // It was otherwise once, and that is what these two say.
        assert_eq!(attributes.always_sensitive(), Some(&false), "{version}");
        assert_eq!(attributes.never_extractable(), Some(&false), "{version}");
    }
}

#[test]
fn dates_are_changeable_until_they_come() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let wrong = ResultReason::WrongKeyLifecycleState.at(version);
        let key = client.create(aes_and([
            Attribute::ActivationDate(DateTime(START + 100)),
            Attribute::ProtectStopDate(DateTime(START + 300)),
        ]));
        client.modify(&key, Attribute::ActivationDate(DateTime(START + 50))).unwrap();
        server.set_time(START + 50);
        let refused = client.modify(&key, Attribute::ActivationDate(DateTime(START + 60))).unwrap_err();
        assert_eq!(refused, wrong, "{version}");
        client.add(&key, Attribute::DeactivationDate(DateTime(START + 400))).unwrap();
        client.modify(&key, Attribute::DeactivationDate(DateTime(START + 500))).unwrap();
        client.modify(&key, Attribute::ProtectStopDate(DateTime(START + 200))).unwrap();
        server.set_time(START + 200);
        let refused = client.modify(&key, Attribute::ProtectStopDate(DateTime(START + 250))).unwrap_err();
        assert_eq!(refused, wrong, "{version}: the date has come");
        client.revoke(&key, RevocationReasonCode::Superseded).unwrap();
        let refused = client.modify(&key, Attribute::DeactivationDate(DateTime(START + 900))).unwrap_err();
        assert_eq!(refused, wrong, "{version}: it does not come back");
        // A deactivated key does not get an Activation Date for the first time either.
        let other = client.create(aes());
        client.revoke(&other, RevocationReasonCode::Superseded).unwrap();
        assert_eq!(client.add(&other, Attribute::ActivationDate(DateTime(START + 900))).unwrap_err(), wrong);
    }
}

#[test]
fn usage_limits_start_with_the_total() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let limits = |total, count| {
            Attribute::UsageLimits(UsageLimits {
                usage_limits_total: total,
                usage_limits_count: count,
                usage_limits_unit: kmip::enumerations::UsageLimitsUnit::Object,
            })
        };
        let key = client.create(aes_and([limits(10, Some(3))]));
        assert_eq!(client.attributes(&key).usage_limits().unwrap().usage_limits_count, Some(10), "{version}");
        client.modify(&key, limits(20, None)).unwrap();
        assert_eq!(client.attributes(&key).usage_limits().unwrap().usage_limits_count, Some(20), "{version}");
        assert_eq!(client.modify(&key, limits(-1, None)).unwrap_err(), ResultReason::InvalidAttributeValue.at(version));
        client.delete(&key, limits(0, None).reference()).unwrap();
        assert_eq!(client.attributes(&key).usage_limits(), None, "{version}");
    }
}

#[test]
fn names_are_unique_among_the_living_from_2_0_on() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let first = client.create(aes_and([name("taken")]));
        server.client("barney", version).create(aes_and([name("taken")]));
        let free = client.create(aes_and([name("free")]));
        let other = client.create(aes_and([name("other")]));
        let results = [
            client.ask(Operation::Create, &create(aes_and([name("taken")]))).reason,
            client.ask(Operation::Register, &register(symmetric_key(), vec![name("taken")])).reason,
            client.ask(Operation::AddAttribute, &add(Some(&free), name("taken"))).reason,
            client.ask(Operation::ModifyAttribute, &modify(Some(&other), Some(name("other")), name("taken").into())).reason,
        ];
        let expected = (!version.is_1x()).then_some(ResultReason::NonUniqueNameAttribute);
        assert_eq!(results, [expected; 4], "{version}");
        if version.is_1x() {
            continue;
        }
        // Names of the dead are free again, and so are names given up.
        client.destroy(&first).unwrap();
        let second = client.create(aes_and([name("taken")]));
        client.delete(&second, AttributeReference::Standard(tag::Name)).unwrap();
        client.add(&free, name("taken")).unwrap();
        assert_eq!(client.locate(vec![name("taken")]), [free.as_str()]);
    }
}

fn vendor(vendor: &str, name: &str, value: TreeValue) -> Attribute {
    Attribute::Vendor(VendorAttribute {
        vendor_identification: vendor.to_owned(),
        attribute_name: name.to_owned(),
        attribute_value: value,
    })
}

/// A value of every type an attribute can have up to 2.1.
fn values() -> Vec<TreeValue> {
    let text = |tag: Tag, text: &str| Tree { tag, value: TreeValue::TextString(text.to_owned()) };
    vec![
        TreeValue::Structure(vec![text(tag::ApplicationNamespace, "a"), text(tag::ApplicationData, "")]),
        TreeValue::Integer(i32::MIN),
        TreeValue::LongInteger(i64::MAX),
        TreeValue::BigInteger(vec![0x80, 0, 0, 0, 0, 0, 0, 1]),
        TreeValue::Enumeration(0x8000_0001),
        TreeValue::Boolean(true),
        TreeValue::TextString("Grüße, 世界".to_owned()),
        TreeValue::ByteString((0..=255).collect()),
        TreeValue::DateTime(-1),
        TreeValue::Interval(u32::MAX),
    ]
}

#[test]
fn custom_attributes_of_1_x_are_vendor_attributes_of_2_x_and_back() {
    for version in VERSIONS {
        for value in values() {
            let server = Server::new();
            let custom = vendor("x", "Barcode", value.clone());
            let key = server.client("tape", version).create(aes_and([custom.clone()]));
            for reader in VERSIONS {
                let mut client = server.client("tape", reader);
                let asked = get_attributes(Some(&key), vec![custom.reference()]);
                let seen = client.ask(Operation::GetAttributes, &asked).ok::<GetAttributesResponse>().attributes;
                assert_eq!(seen.iter().collect::<Vec<_>>(), [&custom], "{version} to {reader}");
                assert!(client.attribute_list(&key).contains(&custom.reference()));
            }
        }
    }
}

#[test]
fn attributes_that_servers_name_are_not_a_clients_to_set() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let own = vendor("y", "Serial", TreeValue::TextString("1".to_owned()));
        client.ask(Operation::Create, &create(aes_and([own.clone()]))).fails_with(ResultReason::AttributeReadOnly);
        client
            .ask(Operation::Register, &register(symmetric_key(), vec![own.clone()]))
            .fails_with(ResultReason::AttributeReadOnly);
        let key = client.create(aes());
        assert_eq!(client.add(&key, own.clone()).unwrap_err(), ResultReason::ReadOnlyAttribute.at(version), "{version}");
        if !Operation::Import.known_in(version) {
            continue;
        }
        // What another server made comes with its object, and stays.
        let request = crate::client::export(Some(&key));
        let exported = client.ask(Operation::Export, &request).ok::<ExportResponse>();
        let mut attributes = exported.attributes;
        attributes.0.retain(|instance| !matches!(instance.attribute, Attribute::UniqueIdentifier(_)));
        attributes.0.push(own.clone().into());
        let import = ImportRequest {
            unique_identifier: "imported".into(),
            object_type: (!version.is_1x()).then_some(exported.object_type),
            replace_existing: None,
            key_wrap_type: None,
            attributes,
            object: exported.object.unwrap(),
        };
        client.ask(Operation::Import, &import).ok::<ImportResponse>();
        assert!(client.attributes("imported").iter().any(|attribute| *attribute == own), "{version}");
        assert_eq!(client.delete("imported", own.reference()).unwrap_err(), ResultReason::AttributeReadOnly.at(version));
    }
}

#[test]
fn vendor_attributes_that_1_x_cannot_name_are_not_shown_to_it() {
    let server = Server::new();
    let acme = vendor("acme", "Colour", TreeValue::TextString("blue".to_owned()));
    let key = server.client("fred", ProtocolVersion::V2_1).create(aes_and([acme.clone()]));
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        let shown = client.attributes(&key).iter().any(|attribute| *attribute == acme);
        assert_eq!(shown, !version.is_1x(), "{version}");
        assert_eq!(client.attribute_list(&key).contains(&acme.reference()), !version.is_1x(), "{version}");
    }
}

#[test]
fn a_type_that_1_x_does_not_know_is_not_sent_to_it() {
    let server = Server::new();
    let at = |name: &str| vendor("x", name, TreeValue::DateTimeExtended(1_234_567));
    let nested =
        vendor("x", "Tape", TreeValue::Structure(vec![Tree { tag: tag::TimeStamp, value: TreeValue::DateTimeExtended(1) }]));
    let key = server.client("fred", ProtocolVersion::V2_1).create(aes_and([at("Written"), nested.clone()]));
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        for attribute in [at("Written"), nested.clone()] {
            let shown = client.attributes(&key).iter().any(|shown| *shown == attribute);
            assert_eq!(shown, !version.is_1x(), "{version}");
            assert_eq!(client.attribute_list(&key).contains(&attribute.reference()), !version.is_1x(), "{version}");
        }
        let added = client.add(&key, at(&format!("Read-{version}")));
        let reason = ResultReason::InvalidAttributeValue.at(version);
        assert_eq!(added.err(), version.is_1x().then_some(reason), "{version}");
    }
}

#[test]
fn custom_attributes_change_like_others() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let text = |text: &str| vendor("x", "Slot", TreeValue::TextString(text.to_owned()));
        let key = client.create(aes());
        client.add(&key, text("1")).unwrap();
        client.modify(&key, text("2")).unwrap();
        assert_eq!(client.locate(vec![text("2")]), [key.as_str()], "{version}");
        assert_eq!(client.locate(vec![text("1")]), Vec::<String>::new());
        client.delete(&key, text("2").reference()).unwrap();
        assert!(!client.attribute_list(&key).contains(&text("2").reference()), "{version}");
        // Tape libraries keep many, and long ones.
        for number in 0..40 {
            client.add(&key, vendor("x", &format!("Barcode-{number}"), TreeValue::TextString("A".repeat(256)))).unwrap();
        }
        let custom = client.attribute_list(&key);
        assert_eq!(custom.iter().filter(|reference| matches!(reference, AttributeReference::Vendor { .. })).count(), 40);
    }
}

#[test]
fn attributes_nobody_knows_are_refused() {
    for version in OLD {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let unknown = AttributeReference::Unknown("Favourite Colour".to_owned());
        client.ask(Operation::DeleteAttribute, &delete(Some(&key), unknown, None)).fails_with(ResultReason::AttributeNotFound);
    }
}

#[test]
fn an_object_has_a_limit_of_attributes() {
    for version in VERSIONS {
        let server = Server::with(Settings { attributes_per_object: 40, ..Settings::default() });
        let mut client = server.client("fred", version);
        let many = (0..38).map(|number| name(&format!("n{number}")));
        client.ask(Operation::Create, &create(aes_and(many))).fails_with(ResultReason::IndexOutOfBounds);
        let key = client.create(aes());
        let mut added = 0;
        let refused = loop {
            match client.add(&key, name(&format!("n{added}"))) {
                Ok(_) => added += 1,
                Err(reason) => break reason,
            }
            assert!(added < 40);
        };
        assert_eq!(refused, ResultReason::IndexOutOfBounds.at(version));
        assert!(added > 10, "{version}");
        // What is there can still be changed and removed.
        client.delete(&key, AttributeReference::Standard(tag::Name)).unwrap();
        client.add(&key, name("again")).unwrap();
    }
}

#[test]
fn a_change_is_dated() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let mut time = START;
        let mut dated = |client: &mut Client<'_>, change: &mut dyn FnMut(&mut Client<'_>)| {
            time += 10;
            server.set_time(time);
            change(client);
            assert_eq!(client.attributes(&key).last_change_date(), Some(&DateTime(time)), "{version}");
        };
        dated(&mut client, &mut |client| drop(client.add(&key, name("a")).unwrap()));
        dated(&mut client, &mut |client| drop(client.modify(&key, name("b")).unwrap()));
        dated(&mut client, &mut |client| drop(client.delete(&key, name("b").reference()).unwrap()));
        dated(&mut client, &mut |client| drop(client.activate(&key).unwrap()));
        dated(&mut client, &mut |client| drop(client.revoke(&key, RevocationReasonCode::Superseded).unwrap()));
        dated(&mut client, &mut |client| drop(client.destroy(&key).unwrap()));
        // A change that was refused is none.
        server.set_time(time + 100);
        assert!(client.activate(&key).is_err());
        assert_eq!(client.attributes(&key).last_change_date(), Some(&DateTime(time)));
    }
}

#[test]
fn clients_bring_loose_attributes() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        // No usage mask, an empty group, a long name.
        let key =
            client.register(crate::objects::secret_data(), vec![Attribute::ObjectGroup(String::new()), name(&"n".repeat(500))]);
        let attributes = client.attributes(&key);
        assert_eq!(attributes.cryptographic_usage_mask(), Some(&CryptographicUsageMask::default()), "{version}");
        assert_eq!(attributes.object_group().map(String::as_str), Some(""));
        client.ask(Operation::Create, &create(aes_and([name("")]))).fails_with(ResultReason::InvalidAttributeValue);
        let lone = Attribute::ApplicationSpecificInformation(kmip::structures::ApplicationSpecificInformation {
            application_namespace: "unknown to the server".to_owned(),
            application_data: None,
        });
        assert_eq!(client.add(&key, lone).unwrap_err(), ResultReason::ApplicationNamespaceNotSupported);
    }
}
