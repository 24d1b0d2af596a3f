//! Every operation in every version: what its answer holds, and what it leaves out.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeReference, Attributes};
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{Enumeration as _, HashingAlgorithm, KeyFormatType, ObjectType, QueryFunction};
use kmip::masks::CryptographicUsageMask;
use kmip::object::{KeyMaterial, KeyValue, ManagedObject};
use kmip::operation::Operation;
use kmip::payload::check::{CheckRequest, CheckResponse};
use kmip::payload::get::GetResponse;
use kmip::payload::get_attributes::GetAttributesResponse;
use kmip::payload::locate::LocateResponse;
use kmip::payload::query::{QueryRequest, QueryResponse};
use kmip::result_reason::ResultReason;
use kmip::tag;
use ttlv_codec::{Limits, Tag, Tree, TreeValue};

use crate::client::{Answer, add, aes, aes_and, create, create_key_pair, get, get_attributes, locate, modify, name, register};
use crate::objects::{KEY, every_type, symmetric_key};
use crate::server::{START, Server, VERSIONS};

/// The tags of the fields of a payload.
fn fields(answer: &Answer) -> Vec<Tag> {
    let tree = Tree::parse(answer.payload.as_ref().unwrap(), &Limits::default()).unwrap();
    let TreeValue::Structure(inside) = &tree.value else { panic!("a payload is a structure") };
    inside.iter().map(|field| field.tag).collect()
}

#[test]
fn payloads_hold_what_clients_expect_and_no_more() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let created = client.ask(Operation::Create, &create(aes()));
        assert_eq!(fields(&created), [tag::ObjectType, tag::UniqueIdentifier], "{version}");
        // PyKMIP stops at an Object Type here.
        let registered = client.ask(Operation::Register, &register(symmetric_key(), vec![name("mine")]));
        assert_eq!(fields(&registered), [tag::UniqueIdentifier], "{version}");
        let pair = client.ask(Operation::CreateKeyPair, &create_key_pair());
        assert_eq!(fields(&pair), [tag::PrivateKeyUniqueIdentifier, tag::PublicKeyUniqueIdentifier], "{version}");
        let key = registered.ok::<kmip::payload::register::RegisterResponse>().unique_identifier.0;
        let id = Some(key.as_str());
        assert_eq!(fields(&client.get(&key)), [tag::ObjectType, tag::UniqueIdentifier, tag::SymmetricKey], "{version}");
        let located = client.ask(Operation::Locate, &locate(version, vec![name("mine")]));
        assert_eq!(fields(&located), [tag::UniqueIdentifier], "{version}: no Located Items unless asked to page");
        let nothing = client.ask(Operation::Locate, &locate(version, vec![name("nobody")]));
        assert_eq!(fields(&nothing), [], "{version}: no match is a success");
        // 1.x echoes the attribute, which 2.x does not know there.
        let echoed = if version.is_1x() { vec![tag::UniqueIdentifier, tag::Attribute] } else { vec![tag::UniqueIdentifier] };
        assert_eq!(fields(&client.ask(Operation::AddAttribute, &add(id, name("other")))), echoed, "{version}");
        let modified = client.ask(Operation::ModifyAttribute, &modify(id, Some(name("mine")), name("yours").into()));
        assert_eq!(fields(&modified), echoed, "{version}");
        let named = crate::client::delete(id, AttributeReference::Standard(tag::Name), version.is_1x().then_some(0));
        assert_eq!(fields(&client.ask(Operation::DeleteAttribute, &named)), echoed, "{version}");
        for (operation, answer) in [
            (Operation::Activate, client.ask(Operation::Activate, &crate::client::activate(id))),
            (
                Operation::Revoke,
                client.ask(Operation::Revoke, &crate::client::revoke(id, kmip::enumerations::RevocationReasonCode::Superseded)),
            ),
            (Operation::Destroy, client.ask(Operation::Destroy, &crate::client::destroy(id))),
        ] {
            assert_eq!(fields(&answer), [tag::UniqueIdentifier], "{version} {operation:?}");
        }
    }
}

#[test]
fn located_items_answers_those_who_page() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_3) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        (0..5).for_each(|_| drop(client.create(aes())));
        let mut request = locate(version, vec![]);
        request.offset_items = Some(1);
        request.maximum_items = Some(2);
        let response: LocateResponse = client.ask(Operation::Locate, &request).ok();
        assert_eq!((response.located_items, response.unique_identifiers.len()), (Some(5), 2), "{version}");
    }
}

#[test]
fn a_new_key_has_the_attributes_of_its_version() {
    use ProtocolVersion::{V1_0, V1_1, V1_2, V1_3, V1_4, V2_0};
    let always = [
        (tag::UniqueIdentifier, V1_0),
        (tag::ObjectType, V1_0),
        (tag::State, V1_0),
        (tag::CryptographicAlgorithm, V1_0),
        (tag::CryptographicLength, V1_0),
        (tag::CryptographicUsageMask, V1_0),
        (tag::InitialDate, V1_0),
        (tag::LastChangeDate, V1_0),
        (tag::LeaseTime, V1_0),
        (tag::Digest, V1_0),
        (tag::Fresh, V1_1),
        (tag::OriginalCreationDate, V1_2),
        (tag::RandomNumberGenerator, V1_3),
        (tag::Sensitive, V1_4),
        (tag::AlwaysSensitive, V1_4),
        (tag::Extractable, V1_4),
        (tag::NeverExtractable, V1_4),
        (tag::ShortUniqueIdentifier, V2_0),
        (tag::KeyFormatType, V2_0),
        (tag::ProtectionStorageMask, V2_0),
    ];
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let mut expected: Vec<Tag> = always.iter().filter(|(_, since)| *since <= version).map(|(tag, _)| *tag).collect();
        let mut listed: Vec<Tag> = client
            .attribute_list(&key)
            .into_iter()
            .map(|reference| match reference {
                AttributeReference::Standard(tag) => tag,
                other => panic!("{other} in {version}"),
            })
            .collect();
        expected.sort();
        listed.sort();
        let shown = |tags: &[Tag]| tags.iter().map(|tag| kmip::tag::display(*tag)).collect::<Vec<_>>();
        assert_eq!(shown(&listed), shown(&expected), "{version}");
        let attributes = client.attributes(&key);
        let mut returned: Vec<Tag> = attributes.iter().map(Attribute::tag).collect();
        returned.sort();
        assert_eq!(shown(&returned), shown(&expected), "{version}: the list and the values agree");
        assert_eq!(attributes.initial_date(), Some(&DateTime(START)));
        assert_eq!(attributes.lease_time(), Some(&Interval(3_600)));
        let digest = attributes.digest().unwrap();
        assert_eq!(digest.hashing_algorithm, HashingAlgorithm::SHA_256);
        let format = (version >= V1_1).then_some(KeyFormatType::Raw);
        assert_eq!(digest.key_format_type, format, "{version}: PyKMIP reads no Digest without it from 1.1 on");
        let ManagedObject::SymmetricKey(object) = client.object(&key) else { panic!() };
        assert_eq!(object.key_block.cryptographic_length, Some(256));
        let Some(KeyValue::Plain(plain)) = object.key_block.key_value else { panic!() };
        assert_eq!(plain.attributes, None, "some clients stop at attributes inside a Key Value");
        let KeyMaterial::Bytes(bytes) = plain.key_material else { panic!() };
        assert_eq!(digest.digest_value.as_ref().unwrap().0, crypto::sha256(bytes.expose()));
        assert_eq!(bytes.len(), 32);
    }
}

/// What one version wrote, every other reads. The walk in the client looks for what the reader's version does not define.
#[test]
fn objects_of_the_newest_version_are_spelled_for_every_older_one() {
    let server = Server::new();
    let newest = ProtocolVersion::V2_1;
    let mut writer = server.client("fred", newest);
    let mask = CryptographicUsageMask::Encrypt | CryptographicUsageMask::Authenticate | CryptographicUsageMask::Unrestricted;
    let mut identifiers = vec![writer.create(vec![
        Attribute::CryptographicAlgorithm(kmip::enumerations::CryptographicAlgorithm::AES),
        Attribute::CryptographicLength(256),
        Attribute::CryptographicUsageMask(mask),
        Attribute::Comment("new in 1.4".to_owned()),
        Attribute::ProtectionPeriod(Interval(7)),
        Attribute::RotateInterval(Interval(7)),
        Attribute::AlternativeName(kmip::structures::AlternativeName {
            alternative_name_value: "serial".to_owned(),
            alternative_name_type: kmip::enumerations::AlternativeNameType::ObjectSerialNumber,
        }),
    ])];
    for object in every_type(newest) {
        identifiers.push(writer.register(object, vec![]));
    }
    let chacha = writer.create(vec![
        Attribute::CryptographicAlgorithm(kmip::enumerations::CryptographicAlgorithm::ChaCha20),
        Attribute::CryptographicLength(256),
        Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt),
    ]);
    let (private, public) = writer.create_key_pair();
    identifiers.push(chacha.clone());
    identifiers.extend([private, public]);
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        for identifier in &identifiers {
            client.attributes(identifier);
            client.attribute_list(identifier);
            client.get(identifier);
        }
        let attributes = client.attributes(&identifiers[0]);
        let mask = attributes.cryptographic_usage_mask().unwrap();
        assert!(mask.contains(CryptographicUsageMask::Encrypt), "{version}");
        assert_eq!(mask.contains(CryptographicUsageMask::Authenticate), !version.is_1x(), "{version}");
        let spelled = client.attributes(&chacha).cryptographic_algorithm().is_some();
        assert_eq!(spelled, version >= ProtocolVersion::V1_4, "{version}");
        let listed = client.attribute_list(&chacha).contains(&AttributeReference::Standard(tag::CryptographicAlgorithm));
        assert_eq!(listed, spelled, "{version}");
        match spelled {
            true => drop(client.object(&chacha)),
            false => client.get(&chacha).fails_with(ResultReason::FeatureNotSupported),
        }
    }
}

#[test]
fn attributes_come_in_the_order_asked_for_and_unknown_ones_not_at_all() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("esxi", version);
        let key = client.create(aes_and([name("n")]));
        let custom =
            |text: &str| AttributeReference::Vendor { vendor_identification: "x".to_owned(), attribute_name: text.to_owned() };
        let standard = AttributeReference::Standard;
        let asked = vec![standard(tag::State), custom("Product"), standard(tag::Name), standard(tag::ObjectType)];
        let answer = client.ask(Operation::GetAttributes, &get_attributes(Some(&key), asked));
        let tags: Vec<Tag> = answer.ok::<GetAttributesResponse>().attributes.iter().map(Attribute::tag).collect();
        assert_eq!(tags, [tag::State, tag::Name, tag::ObjectType], "{version}");
        // vCenter asks for names that were never set, and expects an empty list.
        let asked = vec![custom("Product_Version"), custom("Vendor")];
        let answer = client.ask(Operation::GetAttributes, &get_attributes(Some(&key), asked));
        assert_eq!(answer.ok::<GetAttributesResponse>().attributes, Attributes::default(), "{version}");
        let twice = vec![standard(tag::State), standard(tag::State)];
        let answer = client.ask(Operation::GetAttributes, &get_attributes(Some(&key), twice));
        answer.fails_with(ResultReason::InvalidMessage);
    }
}

#[test]
fn query_lists_what_works_and_nothing_else() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let functions: Vec<QueryFunction> = QueryFunction::ROW.values.iter().map(|row| QueryFunction(row.value)).collect();
        let request = QueryRequest { query_functions: functions, object_groups: None };
        let response: QueryResponse = client.ask(Operation::Query, &request).ok();
        assert_eq!(response.vendor_identification, Some(dispatcher::Settings::default().vendor_identification));
        let types: Vec<ObjectType> = every_type(version).iter().map(ManagedObject::object_type).collect();
        for object_type in &types {
            assert!(response.object_types.contains(object_type), "{version} {object_type:?}");
        }
        assert_eq!(response.object_types.len(), types.len(), "{version}");
        // An operation is listed exactly if asking for it is not answered with Operation Not Supported.
        for row in Operation::ROW.values {
            let operation = Operation(row.value);
            let answer = client.ask(operation, &get(None));
            let works = answer.reason != Some(ResultReason::OperationNotSupported);
            assert_eq!(response.operations.contains(&operation), works, "{version} {operation:?}");
        }
        let empty = QueryRequest { query_functions: vec![], object_groups: None };
        let response: QueryResponse = client.ask(Operation::Query, &empty).ok();
        assert!(response.operations.is_empty() && response.vendor_identification.is_none());
    }
}

#[test]
fn keys_of_a_pair_are_linked_and_convertible() {
    use kmip::enumerations::LinkType;
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (private, public) = client.create_key_pair();
        for (key, other, link_type, object_type) in [
            (&private, &public, LinkType::PublicKeyLink, ObjectType::PrivateKey),
            (&public, &private, LinkType::PrivateKeyLink, ObjectType::PublicKey),
        ] {
            let attributes = client.attributes(key);
            let link = attributes.link().unwrap();
            assert_eq!(link.link_type, link_type);
            assert_eq!(link.linked_object_identifier, other.as_str().into(), "{version}");
            assert_eq!(attributes.object_type(), Some(&object_type));
            assert_eq!(attributes.cryptographic_length(), Some(&256));
        }
        for (key, format) in
            [(&private, KeyFormatType::PKCS_8), (&private, KeyFormatType::ECPrivateKey), (&public, KeyFormatType::X_509)]
        {
            let mut request = get(Some(key));
            request.key_format_type = Some(format);
            let response: GetResponse = client.ask(Operation::Get, &request).ok();
            assert_eq!(response.object.key_block().unwrap().key_format_type, format, "{version}");
        }
        let mut request = get(Some(&public));
        request.key_format_type = Some(KeyFormatType::PKCS_8);
        client.ask(Operation::Get, &request).fails_with(ResultReason::KeyFormatTypeNotSupported);
    }
}

#[test]
fn sensitive_keys_do_not_leave() {
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let sensitive = client.create(aes_and([Attribute::Sensitive(true)]));
        let fixed = client.create(aes_and([Attribute::Extractable(false)]));
        client.get(&sensitive).fails_with(ResultReason::Sensitive);
        client.get(&fixed).fails_with(ResultReason::NotExtractable);
        let attributes = client.attributes(&sensitive);
        assert_eq!((attributes.always_sensitive(), attributes.never_extractable()), (Some(&true), Some(&false)));
        let attributes = client.attributes(&fixed);
        assert_eq!((attributes.always_sensitive(), attributes.never_extractable()), (Some(&false), Some(&true)));
        // An older client does not know the attribute; the key stays where it is all the same.
        server.client("fred", ProtocolVersion::V1_0).get(&sensitive).fails_with(ResultReason::Sensitive);
        server.client("fred", ProtocolVersion::V1_0).get(&fixed).fails_with(ResultReason::NotExtractable);
    }
}

#[test]
fn check_answers_whether_a_key_may_be_used() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([Attribute::UsageLimits(kmip::structures::UsageLimits {
            usage_limits_total: 100,
            usage_limits_count: None,
            usage_limits_unit: kmip::enumerations::UsageLimitsUnit::Byte,
        })]));
        let check = |mask: Option<CryptographicUsageMask>, count, lease: Option<u32>| CheckRequest {
            unique_identifier: Some(key.as_str().into()),
            usage_limits_count: count,
            cryptographic_usage_mask: mask,
            lease_time: lease.map(Interval),
        };
        use CryptographicUsageMask as Mask;
        for (request, expected) in [
            (check(None, None, None), Ok(())),
            (check(Some(Mask::Encrypt), Some(100), Some(3_600)), Ok(())),
            (check(Some(Mask::Encrypt | Mask::Sign), None, None), Err(ResultReason::IncompatibleCryptographicUsageMask)),
            (check(None, Some(101), None), Err(ResultReason::UsageLimitExceeded)),
            (check(None, None, Some(3_601)), Err(ResultReason::PermissionDenied)),
        ] {
            let answer = client.ask(Operation::Check, &request).result::<CheckResponse>();
            let answer = answer.map(|response| assert_eq!(response.unique_identifier.0, key));
            assert_eq!(answer, expected.map_err(|reason: ResultReason| reason.at(version)), "{version} {request:?}");
        }
    }
}

#[test]
fn what_was_stored_is_what_comes_back() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.register(symmetric_key(), vec![]);
        let ManagedObject::SymmetricKey(object) = client.object(&key) else { panic!() };
        let Some(KeyValue::Plain(plain)) = &object.key_block.key_value else { panic!() };
        assert_eq!(plain.key_material, KeyMaterial::Bytes(kmip::Secret::from_slice(KEY)), "{version}");
        // Attributes learn from the key block what the client did not say.
        let attributes = client.attributes(&key);
        assert_eq!(attributes.cryptographic_length(), Some(&256));
        let contradiction = vec![Attribute::CryptographicLength(128)];
        let answer = client.ask(Operation::Register, &register(symmetric_key(), contradiction));
        answer.fails_with(ResultReason::InvalidField);
    }
}
