//! Locate: who is found, in which order, how many.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeFilter, AttributeFilters, AttributeReference, VendorAttribute};
use kmip::codec::DateTime;
use kmip::enumerations::{
    AlternativeNameType, CryptographicAlgorithm, ObjectGroupMember, ObjectType, RevocationReasonCode, State, UsageLimitsUnit,
};
use kmip::masks::{CryptographicUsageMask, StorageStatusMask};
use kmip::operation::Operation;
use kmip::payload::locate::LocateRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::{AlternativeName, ApplicationSpecificInformation, UsageLimits};
use kmip::tag;
use ttlv_codec::{Tag, Tree, TreeValue};

use crate::client::{Client, aes, aes_and, locate, name, template};
use crate::objects::{opaque_object, secret_data, symmetric_key};
use crate::server::{START, Server, VERSIONS};

fn filter(version: ProtocolVersion, tag: Tag, value: TreeValue) -> LocateRequest {
    let mut request = locate(version, vec![]);
    request.attributes = AttributeFilters(vec![AttributeFilter { reference: AttributeReference::Standard(tag), value }]);
    request
}

fn group(text: &str) -> Attribute {
    Attribute::ObjectGroup(text.to_owned())
}

fn custom(text: &str) -> Attribute {
    Attribute::Vendor(VendorAttribute {
        vendor_identification: "x".to_owned(),
        attribute_name: "Shelf".to_owned(),
        attribute_value: TreeValue::TextString(text.to_owned()),
    })
}

fn information(namespace: &str, data: &str) -> Attribute {
    Attribute::ApplicationSpecificInformation(ApplicationSpecificInformation {
        application_namespace: namespace.to_owned(),
        application_data: Some(data.to_owned()),
    })
}

#[test]
fn each_condition_finds_what_has_it() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let limits = Attribute::UsageLimits(UsageLimits {
            usage_limits_total: 100,
            usage_limits_count: None,
            usage_limits_unit: UsageLimitsUnit::Byte,
        });
        let key = client.create(vec![
            Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES),
            Attribute::CryptographicLength(128),
            Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt),
            name("first name"),
            name("second name"),
            group("g"),
            custom("7"),
            information("LIBRARY-LTO", "tape"),
            Attribute::ContactInformation("fred@example.org".to_owned()),
            limits,
        ]);
        // Others, alike and different, that must not be found.
        client.register(symmetric_key(), vec![group("other"), name("third name"), custom("8")]);
        client.register(secret_data(), vec![information("LIBRARY-LTO", "other")]);
        client.register(opaque_object(), vec![]);
        let mask = |bits: CryptographicUsageMask| Attribute::CryptographicUsageMask(bits);
        let mut conditions = vec![
            vec![name("first name")],
            vec![name("second name")],
            vec![name("first name"), name("second name")],
            vec![group("g")],
            vec![group("g"), name("first name"), Attribute::ObjectType(ObjectType::SymmetricKey)],
            vec![custom("7")],
            vec![information("LIBRARY-LTO", "tape")],
            vec![Attribute::ContactInformation("fred@example.org".to_owned())],
            vec![Attribute::CryptographicLength(128)],
            vec![Attribute::CryptographicLength(128), Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES)],
            vec![mask(CryptographicUsageMask::Encrypt)],
            vec![mask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt)],
            vec![Attribute::UniqueIdentifier(key.as_str().into())],
            vec![Attribute::State(State::PreActive), group("g")],
            vec![Attribute::InitialDate(DateTime(START)), group("g")],
        ];
        if version >= ProtocolVersion::V1_2 {
            let alternative = Attribute::AlternativeName(AlternativeName {
                alternative_name_value: "serial 9".to_owned(),
                alternative_name_type: AlternativeNameType::ObjectSerialNumber,
            });
            client.add(&key, alternative.clone()).unwrap();
            conditions.push(vec![alternative]);
        }
        for condition in conditions {
            assert_eq!(client.locate(condition.clone()), [key.as_str()], "{version} {condition:?}");
        }
        for condition in [
            vec![name("First name")],
            vec![name("first")],
            vec![name("first name"), name("third name")],
            vec![group("g"), group("other")],
            vec![group("")],
            vec![custom("7"), group("other")],
            vec![mask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Sign)],
            vec![Attribute::CryptographicLength(192)],
            vec![Attribute::State(State::Active)],
            vec![Attribute::UniqueIdentifier("nobody".into())],
            vec![Attribute::ActivationDate(DateTime(START))],
        ] {
            assert_eq!(client.locate(condition.clone()), Vec::<String>::new(), "{version} {condition:?}");
        }
        assert_eq!(client.locate(vec![]).len(), 4, "{version}: without conditions, everything of the caller");
    }
}

#[test]
fn parts_of_structures_are_enough() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let limits = Attribute::UsageLimits(UsageLimits {
            usage_limits_total: 100,
            usage_limits_count: None,
            usage_limits_unit: UsageLimitsUnit::Byte,
        });
        let key = client.create(aes_and([name("n"), information("ns", "data"), limits]));
        client.create(aes());
        let part = |tag: Tag, value| TreeValue::Structure(vec![Tree { tag, value }]);
        let text = |text: &str| TreeValue::TextString(text.to_owned());
        for (attribute, value, found) in [
            (tag::Name, part(tag::NameValue, text("n")), true),
            (tag::Name, part(tag::NameType, TreeValue::Enumeration(1)), true),
            (tag::Name, part(tag::NameType, TreeValue::Enumeration(2)), false),
            (tag::ApplicationSpecificInformation, part(tag::ApplicationNamespace, text("ns")), true),
            (tag::ApplicationSpecificInformation, part(tag::ApplicationData, text("data")), true),
            (tag::ApplicationSpecificInformation, part(tag::ApplicationData, text("ns")), false),
            (tag::Digest, part(tag::HashingAlgorithm, TreeValue::Enumeration(5)), false),
            // Usage limits: at least as much.
            (tag::UsageLimits, part(tag::UsageLimitsTotal, TreeValue::LongInteger(99)), true),
            (tag::UsageLimits, part(tag::UsageLimitsTotal, TreeValue::LongInteger(100)), true),
            (tag::UsageLimits, part(tag::UsageLimitsTotal, TreeValue::LongInteger(101)), false),
        ] {
            let shown = format!("{version} {} {value:?}", tag::display(attribute));
            let expected: &[&str] = if found { &[key.as_str()] } else { &[] };
            assert_eq!(client.locate_with(filter(version, attribute, value)), expected, "{shown}");
        }
    }
}

#[test]
fn two_dates_are_a_range_and_one_is_a_moment() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut made = Vec::new();
        for time in [START + 10, START + 20, START + 30] {
            server.set_time(time);
            made.push(client.create(aes()));
        }
        let range = |from: i64, to: i64| {
            vec![Attribute::InitialDate(DateTime(START + from)), Attribute::InitialDate(DateTime(START + to))]
        };
        let mut found = |dates| {
            let mut found: Vec<usize> =
                client.locate(dates).iter().map(|identifier| made.iter().position(|made| made == identifier).unwrap()).collect();
            found.reverse();
            found
        };
        assert_eq!(found(range(10, 20)), [0, 1], "{version}");
        assert_eq!(found(range(20, 10)), [0, 1], "{version}: in any order");
        assert_eq!(found(range(11, 29)), [1], "{version}");
        assert_eq!(found(range(31, 99)), [0; 0], "{version}");
        assert_eq!(found(vec![Attribute::InitialDate(DateTime(START + 30))]), [2], "{version}");
        assert_eq!(found(vec![Attribute::InitialDate(DateTime(START + 25))]), [0; 0], "{version}");
    }
}

#[test]
fn names_of_attributes_that_nobody_knows_are_refused() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        client.create(aes());
        let unknown = if version.is_1x() {
            let mut request = locate(version, vec![]);
            request.attributes = AttributeFilters(vec![AttributeFilter {
                reference: AttributeReference::Unknown("Cryptografic Length".to_owned()),
                value: TreeValue::Integer(256),
            }]);
            request
        } else {
            filter(version, tag::BatchCount, TreeValue::Integer(1))
        };
        let answer = client.ask(Operation::Locate, &unknown);
        let expected = if version.is_1x() { ResultReason::InvalidAttribute } else { ResultReason::InvalidField };
        answer.fails_with(expected);
        // Of a later version it is unknown too.
        if version < ProtocolVersion::V1_4 {
            let later = filter(version, tag::Sensitive, TreeValue::Boolean(false));
            client.ask(Operation::Locate, &later).fails_with(ResultReason::InvalidAttribute);
        }
    }
}

#[test]
fn the_newest_come_first_and_pages_follow_each_other() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut made: Vec<String> = (0..7).map(|_| client.create(aes_and([group("g")]))).collect();
        // A change does not make an object newer.
        client.add(&made[0], name("changed")).unwrap();
        made.reverse();
        assert_eq!(client.locate(vec![group("g")]), made, "{version}");
        let page = |maximum, offset| {
            let mut request = locate(version, vec![group("g")]);
            request.maximum_items = maximum;
            request.offset_items = offset;
            request
        };
        for (maximum, expected) in [(Some(0), 0..0), (Some(1), 0..1), (Some(3), 0..3), (Some(99), 0..7), (Some(i32::MAX), 0..7)] {
            assert_eq!(client.locate_with(page(maximum, None)), made[expected], "{version} {maximum:?}");
        }
        client.ask(Operation::Locate, &page(Some(-1), None)).fails_with(ResultReason::InvalidField);
        if version < ProtocolVersion::V1_3 {
            continue;
        }
        for (maximum, offset, expected) in [
            (Some(3), 0, 0..3),
            (Some(3), 3, 3..6),
            (Some(3), 6, 6..7),
            (Some(3), 7, 0..0),
            (None, 5, 5..7),
            (None, i32::MAX, 0..0),
        ] {
            assert_eq!(client.locate_with(page(maximum, Some(offset))), made[expected], "{version} {maximum:?} {offset}");
        }
        client.ask(Operation::Locate, &page(None, Some(-1))).fails_with(ResultReason::InvalidField);
    }
}

#[test]
fn the_server_answers_with_a_limited_number() {
    let server = Server::with(dispatcher::Settings { located_items: 5, ..dispatcher::Settings::default() });
    let mut client = server.client("fred", ProtocolVersion::V1_2);
    (0..9).for_each(|_| drop(client.create(aes())));
    assert_eq!(client.locate(vec![]).len(), 5);
    let mut request = locate(ProtocolVersion::V1_2, vec![]);
    request.maximum_items = Some(8);
    assert_eq!(client.locate_with(request).len(), 5);
}

#[test]
fn a_search_over_more_objects_than_are_loaded_at_once() {
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V1_4);
    let mut made: Vec<String> = (0..600).map(|_| client.create(aes())).collect();
    made.reverse();
    assert_eq!(client.locate(vec![]), made);
    // By an attribute that no index knows.
    assert_eq!(client.locate(vec![Attribute::State(State::PreActive)]), made);
}

#[test]
fn the_destroyed_are_found_only_when_asked_for() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let dead = client.create(aes_and([name("n")]));
        client.destroy(&dead).unwrap();
        let living = client.create(aes_and([name("n")]));
        let mut with = |mask: Option<StorageStatusMask>| {
            let mut request = locate(version, vec![name("n")]);
            request.storage_status_mask = mask;
            client.locate_with(request)
        };
        let (living, dead) = (living.as_str(), dead.as_str());
        assert_eq!(with(None), [living], "{version}");
        assert_eq!(with(Some(StorageStatusMask::OnLineStorage)), [living], "{version}");
        assert_eq!(with(Some(StorageStatusMask::ArchivalStorage)), [""; 0], "{version}");
        let both = StorageStatusMask::OnLineStorage | StorageStatusMask::DestroyedStorage;
        assert_eq!(with(Some(both)), [living, dead], "{version}");
        assert_eq!(with(Some(StorageStatusMask::DestroyedStorage)), [dead], "{version}");
    }
}

#[test]
fn fresh_members_of_a_group_are_handed_out_in_the_order_they_were_made() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_1) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let made: Vec<String> = (0..3).map(|_| client.create(aes_and([group("pool")]))).collect();
        let next = |client: &mut Client<'_>| {
            let mut request = locate(version, vec![group("pool")]);
            request.object_group_member = Some(ObjectGroupMember::GroupMemberFresh);
            request.maximum_items = Some(1);
            client.locate_with(request).pop()
        };
        for identifier in &made {
            assert_eq!(next(&mut client).as_ref(), Some(identifier), "{version}");
            assert_eq!(client.attributes(identifier).fresh(), Some(&true), "{version}");
            client.object(identifier);
            assert_eq!(client.attributes(identifier).fresh(), Some(&false), "{version}: the first Get takes it");
        }
        assert_eq!(next(&mut client), None);
        client.object(&made[0]);
        assert_eq!(client.attributes(&made[0]).fresh(), Some(&false));
    }
}

#[test]
fn the_default_member_of_a_group_is_its_newest() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_1) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let members: Vec<String> = (0..3).map(|_| client.create(aes_and([group("g")]))).collect();
        let mut request = locate(version, vec![group("g")]);
        request.object_group_member = Some(ObjectGroupMember::GroupMemberDefault);
        assert_eq!(client.locate_with(request), members[2..], "{version}");
    }
}

#[test]
fn a_date_of_the_largest_value_is_as_good_as_none() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let early = client.create(aes());
        server.set_time(START + 10);
        let late = client.create(aes());
        let date = |date| Attribute::InitialDate(DateTime(date));
        assert_eq!(client.locate(vec![date(i64::MAX)]), [late.as_str(), &early], "{version}");
        assert_eq!(client.locate(vec![date(START + 5), date(i64::MAX)]), [late.as_str()], "{version}: no end");
        let deactivation = Attribute::DeactivationDate(DateTime(i64::MAX));
        assert_eq!(client.locate(vec![deactivation]).len(), 2, "{version}: they have none");
    }
}

#[test]
fn conditions_may_be_wrapped_in_1_x() {
    // FortiGate sends them in a Template-Attribute.
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fortigate", version);
        let key = client.create(aes_and([name("vpn")]));
        client.create(aes_and([name("other")]));
        let mut request = locate(version, vec![]);
        request.template_attribute = Some(template(vec![name("vpn")]));
        request.maximum_items = Some(1);
        assert_eq!(client.locate_with(request), [key.as_str()], "{version}");
    }
}

#[test]
fn searches_follow_changes() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("old")]));
        client.modify(&key, name("new")).unwrap();
        assert_eq!(client.locate(vec![name("old")]), Vec::<String>::new(), "{version}");
        assert_eq!(client.locate(vec![name("new")]), [key.as_str()], "{version}");
        client.activate(&key).unwrap();
        assert_eq!(client.locate(vec![Attribute::State(State::Active)]), [key.as_str()], "{version}");
        client.revoke(&key, RevocationReasonCode::Superseded).unwrap();
        assert_eq!(client.locate(vec![Attribute::State(State::Active)]), Vec::<String>::new(), "{version}");
    }
}
