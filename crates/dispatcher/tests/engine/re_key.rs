//! Re-key and Re-key Key Pair: what the new key takes over, what it does not, what becomes of the old one.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes, TemplateAttribute};
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{
    CryptographicAlgorithm, Enumeration as _, LinkType, ObjectType, RecommendedCurve, RevocationReasonCode, State,
    UsageLimitsUnit,
};
use kmip::identifier::ObjectReference;
use kmip::object::{KeyMaterial, KeyValue, ManagedObject};
use kmip::operation::Operation;
use kmip::payload::create_key_pair::CreateKeyPairResponse;
use kmip::payload::get_attributes::GetAttributesResponse;
use kmip::payload::re_key::ReKeyResponse;
use kmip::payload::re_key_key_pair::ReKeyKeyPairResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicDomainParameters, Name, UsageLimits};

use crate::client::{
    Client, aes, aes_and, create, create_key_pair, get_attributes, name, re_key, re_key_key_pair, register, template,
};
use crate::objects::{every_type, symmetric_key};
use crate::server::{START, Server, VERSIONS};

const HOUR: i64 = 3_600;

fn names(attributes: &Attributes) -> Vec<&str> {
    attributes
        .iter()
        .filter_map(|attribute| match attribute {
            Attribute::Name(name) => Some(name.name_value.as_str()),
            _ => None,
        })
        .collect()
}

fn links(attributes: &Attributes, wanted: LinkType) -> Vec<&str> {
    attributes
        .iter()
        .filter_map(|attribute| match attribute {
            Attribute::Link(link) if link.link_type == wanted => match &link.linked_object_identifier {
                ObjectReference::Identifier(identifier) => Some(identifier.as_str()),
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .collect()
}

fn material(object: &ManagedObject) -> &[u8] {
    match &object.key_block().unwrap().key_value {
        Some(KeyValue::Plain(plain)) => match &plain.key_material {
            KeyMaterial::Bytes(bytes) => bytes.expose(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn date(seconds: i64) -> DateTime {
    DateTime(START + seconds)
}

#[test]
fn the_new_key_takes_over_all_but_the_life_of_the_old_one() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let limits = UsageLimits { usage_limits_total: 100, usage_limits_count: None, usage_limits_unit: UsageLimitsUnit::Byte };
        let custom = Attribute::Vendor(kmip::attribute::VendorAttribute {
            vendor_identification: "x".to_owned(),
            attribute_name: "Barcode".to_owned(),
            attribute_value: ttlv_codec::TreeValue::TextString("B7".to_owned()),
        });
        let old = client.create(aes_and([
            name("first"),
            name("second"),
            Attribute::ObjectGroup("tapes".to_owned()),
            Attribute::ContactInformation("fred".to_owned()),
            Attribute::UsageLimits(limits),
            Attribute::ActivationDate(date(-HOUR)),
            Attribute::DeactivationDate(date(HOUR)),
            Attribute::ProcessStartDate(date(-HOUR + 1)),
            Attribute::ProtectStopDate(date(HOUR - 1)),
            custom.clone(),
        ]));
        let old_key = client.object(&old);
        let before = client.attributes(&old);
        server.set_time(START + 60);
        client.revoke(&old, RevocationReasonCode::KeyCompromise).unwrap();
        let new = client.re_key(&old).unwrap();
        assert_ne!(new, old);

        let attributes = client.attributes(&new);
        assert_eq!(names(&attributes), ["first", "second"], "{version}");
        assert_eq!(links(&attributes, LinkType::ReplacedObjectLink), [old.as_str()], "{version}");
        assert_eq!(links(&attributes, LinkType::ReplacementObjectLink), [""; 0], "{version}");
        assert_eq!(attributes.state(), Some(&State::Active), "{version}: without an offset the dates are the old ones");
        assert_eq!(attributes.activation_date(), Some(&date(-HOUR)));
        assert_eq!(attributes.deactivation_date(), Some(&date(HOUR)));
        assert_eq!(attributes.process_start_date(), Some(&date(-HOUR + 1)));
        assert_eq!(attributes.protect_stop_date(), Some(&date(HOUR - 1)));
        assert_eq!(attributes.initial_date(), Some(&date(60)));
        assert_eq!(attributes.last_change_date(), Some(&date(60)));
        assert_eq!(attributes.object_group().unwrap(), "tapes");
        assert_eq!(attributes.contact_information().unwrap(), "fred");
        assert_eq!(attributes.cryptographic_usage_mask(), before.cryptographic_usage_mask());
        assert_eq!(attributes.cryptographic_algorithm(), Some(&CryptographicAlgorithm::AES));
        assert_eq!(attributes.cryptographic_length(), Some(&256));
        assert_eq!(attributes.usage_limits().unwrap().usage_limits_count, Some(100));
        assert!(attributes.iter().any(|attribute| *attribute == custom), "{version}");
        assert_eq!(attributes.compromise_date(), None);
        assert_eq!(attributes.compromise_occurrence_date(), None);
        assert_eq!(attributes.revocation_reason(), None);
        assert_eq!(attributes.destroy_date(), None);
        assert_ne!(attributes.digest(), before.digest(), "{version}");
        if version >= ProtocolVersion::V1_2 {
            assert_eq!(attributes.original_creation_date(), Some(&date(60)), "{version}");
        }
        if version >= ProtocolVersion::V1_1 {
            assert_eq!(attributes.fresh(), Some(&true), "{version}");
        }
        let new_key = client.object(&new);
        assert_eq!(material(&new_key).len(), 32);
        assert_ne!(material(&new_key), material(&old_key));

        let attributes = client.attributes(&old);
        assert_eq!(names(&attributes), [""; 0], "{version}");
        assert_eq!(links(&attributes, LinkType::ReplacementObjectLink), [new.as_str()], "{version}");
        assert_eq!(attributes.state(), Some(&State::Compromised), "{version}: its state is not changed");
        assert_eq!(attributes.last_change_date(), Some(&date(60)));
        assert_eq!(client.object(&old), old_key);
        assert_eq!(client.locate(vec![name("first")]), [new.as_str()], "{version}");
    }
}

#[test]
fn an_offset_moves_the_dates_as_the_tables_say() {
    // Activation, process start, protect stop, deactivation of the old key; those of the new one, re-keyed at 1,000 with offset 50.
    type Dates = [Option<i64>; 4];
    let table: [(Dates, Result<Dates, ()>); 6] = [
        ([None; 4], Ok([Some(1_050), None, None, None])),
        ([Some(-100), None, None, None], Ok([Some(1_050), None, None, None])),
        ([Some(-100), None, None, Some(400)], Ok([Some(1_050), None, None, Some(1_550)])),
        ([Some(100), Some(110), Some(190), Some(200)], Ok([Some(1_050), Some(1_060), Some(1_140), Some(1_150)])),
        ([None, None, None, Some(5_000)], Err(())),
        ([None, Some(2_000), None, None], Err(())),
    ];
    let attributes = |dates: Dates| {
        let [activation, process, protect, deactivation] = dates.map(|seconds| seconds.map(date));
        let all = [
            activation.map(Attribute::ActivationDate),
            process.map(Attribute::ProcessStartDate),
            protect.map(Attribute::ProtectStopDate),
            deactivation.map(Attribute::DeactivationDate),
        ];
        all.into_iter().flatten().collect::<Vec<_>>()
    };
    for version in VERSIONS {
        for (old, expected) in table {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let key = client.create(aes_and(attributes(old)));
            server.set_time(START + 1_000);
            let mut request = re_key(Some(&key));
            request.offset = Some(Interval(50));
            let answer = client.ask(Operation::ReKey, &request);
            let Ok(expected) = expected else {
                let illegal = if version.is_1x() { ResultReason::IllegalOperation } else { ResultReason::InvalidField };
                answer.fails_with(illegal);
                assert_eq!(server.objects(), 1, "{version}");
                continue;
            };
            let new = client.attributes(&answer.ok::<ReKeyResponse>().unique_identifier.0);
            let found = [new.activation_date(), new.process_start_date(), new.protect_stop_date(), new.deactivation_date()];
            assert_eq!(found.map(|found| found.map(|DateTime(at)| at - START)), expected, "{version} {old:?}");
            assert_eq!(new.state(), Some(&State::PreActive));
            server.set_time(START + 1_050);
            assert_eq!(
                client.state(links(&client.server.client("fred", version).attributes(&key), LinkType::ReplacementObjectLink)[0]),
                State::Active
            );
        }
    }
}

#[test]
fn what_the_request_gives_prevails() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([
            name("old"),
            Attribute::ActivationDate(date(-1)),
            Attribute::ContactInformation("fred".to_owned()),
        ]));
        let mut request = re_key(Some(&key));
        request.attributes = Some(template(vec![
            name("old"),
            name("new"),
            Attribute::ActivationDate(date(10)),
            Attribute::ContactInformation("wilma".to_owned()),
            Attribute::CryptographicLength(128),
        ]));
        let new = client.ask(Operation::ReKey, &request).ok::<ReKeyResponse>().unique_identifier.0;
        let attributes = client.attributes(&new);
        assert_eq!(names(&attributes), ["old", "new"], "{version}");
        assert_eq!(attributes.activation_date(), Some(&date(10)));
        assert_eq!(attributes.contact_information().unwrap(), "wilma");
        assert_eq!(attributes.cryptographic_length(), Some(&128));
        assert_eq!(material(&client.object(&new)).len(), 16);
    }
}

#[test]
fn a_template_gives_attributes_to_the_new_key() {
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let contact = Attribute::ContactInformation("by the template".to_owned());
        client.register(crate::objects::template_object("template", vec![contact]), vec![]);
        let key = client.create(aes());
        let mut request = re_key(Some(&key));
        request.attributes = Some(TemplateAttribute { names: vec![Name::text("template")], attributes: Attributes::default() });
        let new = client.ask(Operation::ReKey, &request).ok::<ReKeyResponse>().unique_identifier.0;
        assert_eq!(client.attributes(&new).contact_information().unwrap(), "by the template", "{version}");
    }
}

#[test]
fn what_cannot_be_re_keyed_is_refused_and_stays() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let not_able = if version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidObjectType };
        client.ask(Operation::ReKey, &re_key(Some("nobody"))).fails_with(ResultReason::ObjectNotFound);
        client.ask(Operation::ReKey, &re_key(None)).fails_with(ResultReason::ObjectNotFound);
        for object in every_type(version) {
            let object_type = object.object_type();
            let identifier = client.register(object, vec![]);
            let answer = client.ask(Operation::ReKey, &re_key(Some(&identifier)));
            if object_type == ObjectType::SymmetricKey {
                answer.ok::<ReKeyResponse>();
            } else {
                answer.fails_with(not_able);
            }
            if Operation::ReKeyKeyPair.known_in(version) {
                let answer = client.ask(Operation::ReKeyKeyPair, &re_key_key_pair(Some(&identifier)));
                // The private key here is linked with no public key.
                answer.fails_with(if object_type == ObjectType::PrivateKey { ResultReason::PermissionDenied } else { not_able });
            }
        }
        let key = client.create(aes_and([name("mine")]));
        for offered in
            [Attribute::ActivationDate(date(0)), Attribute::DeactivationDate(date(9)), Attribute::ProcessStartDate(date(0))]
        {
            let mut request = re_key(Some(&key));
            (request.offset, request.attributes) = (Some(Interval(0)), Some(template(vec![offered])));
            client.ask(Operation::ReKey, &request).fails_with(ResultReason::InvalidMessage);
        }
        let mut request = re_key(Some(&key));
        request.attributes = Some(template(vec![Attribute::CryptographicLength(200)]));
        client.ask(Operation::ReKey, &request).fails_with(ResultReason::InvalidField);
        let other = client.create(aes_and([name("taken")]));
        request.attributes = Some(template(vec![name("taken")]));
        let answer = client.ask(Operation::ReKey, &request);
        if version.is_1x() {
            // 1.x takes a name twice; so that the rest can be tested, it is taken back.
            let again = answer.ok::<ReKeyResponse>().unique_identifier.0;
            client.destroy(&again).unwrap();
        } else {
            answer.fails_with(ResultReason::NonUniqueNameAttribute);
            assert_eq!(names(&client.attributes(&key)), ["mine"], "{version}");
            client.re_key(&key).unwrap();
        }
        assert_eq!(client.re_key(&key), Err(ResultReason::PermissionDenied), "{version}: there is one replacement only");
        client.destroy(&other).unwrap();
        let gone = if version < ProtocolVersion::V2_1 { ResultReason::ItemNotFound } else { ResultReason::ObjectDestroyed };
        assert_eq!(client.re_key(&other), Err(gone), "{version}");
    }
}

#[test]
fn a_key_held_elsewhere_is_not_re_keyed() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_2) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut object = symmetric_key();
        object.key_block_mut().unwrap().key_value = None;
        let key = client.ask(Operation::Register, &register(object, aes()));
        let key = key.ok::<kmip::payload::register::RegisterResponse>().unique_identifier.0;
        client.ask(Operation::ReKey, &re_key(Some(&key))).fails_with(ResultReason::KeyValueNotPresent);
    }
}

#[test]
fn every_re_key_counts_as_a_rotation() {
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V2_1);
    let first = client.create(aes());
    server.set_time(START + 5);
    // Whatever version re-keys.
    let second = server.client("fred", ProtocolVersion::V1_0).re_key(&first).unwrap();
    let third = client.re_key(&second).unwrap();
    let rotation = |client: &mut Client<'_>, key: &str| {
        let attributes = client.attributes(key);
        (attributes.rotate_generation().copied(), attributes.rotate_latest().copied(), attributes.rotate_date().copied())
    };
    assert_eq!(rotation(&mut client, &first), (None, Some(false), Some(date(5))));
    assert_eq!(rotation(&mut client, &second), (Some(1), Some(false), Some(date(5))));
    assert_eq!(rotation(&mut client, &third), (Some(2), Some(true), None));
    assert_eq!(client.locate(vec![Attribute::RotateLatest(true)]), [third.as_str()]);
}

#[test]
fn a_batch_works_on_with_the_new_key_and_undo_takes_it_back() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("original")]));
        let first = TemplateAttribute { attributes: [name("first")].into_iter().collect(), ..TemplateAttribute::default() };
        let second = TemplateAttribute { attributes: [name("second")].into_iter().collect(), ..TemplateAttribute::default() };
        let request = |bad: bool| {
            let mut one = re_key(Some(&key));
            one.attributes = Some(first.clone());
            let mut two = re_key(None);
            two.attributes = Some(second.clone());
            let list = client_request(version)
                .item_with(Operation::ReKey, Some(b"1"), &one, &[])
                .item_with(Operation::ReKey, Some(b"2"), &two, &[])
                .item_with(Operation::GetAttributes, Some(b"3"), &get_attributes(None, vec![]), &[]);
            let undo = kmip::enumerations::BatchErrorContinuationOption::Undo;
            let list = list.header(|header| header.batch_error_continuation_option = Some(undo));
            if bad { list.item_with(Operation::ReKey, Some(b"4"), &re_key(Some(&key)), &[]) } else { list }
        };
        let before = client.attributes(&key);
        let answers = client.send(request(true));
        answers.items.last().unwrap().fails_with(ResultReason::PermissionDenied);
        assert_eq!(client.attributes(&key), before, "{version}");
        assert_eq!(server.objects(), 1, "{version}");
        let answers = client.send(request(false));
        let newest = answers.items[2].ok::<GetAttributesResponse>();
        assert_eq!(names(&newest.attributes), ["original", "first", "second"], "{version}");
        assert_eq!(server.objects(), 3, "{version}");
    }
}

fn client_request(version: ProtocolVersion) -> crate::client::Request {
    crate::client::Request::new(version)
}

#[test]
fn a_pair_is_replaced_as_a_pair() {
    for version in VERSIONS.into_iter().filter(|version| Operation::ReKeyKeyPair.known_in(*version)) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut request = create_key_pair();
        request.private_key_attributes.as_mut().unwrap().attributes.push(name("private"));
        request.public_key_attributes.as_mut().unwrap().attributes.push(name("public"));
        let common = &mut request.common_attributes.as_mut().unwrap().attributes;
        common.push(Attribute::ActivationDate(date(-10)));
        common.push(Attribute::DeactivationDate(date(90)));
        let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
        let (private, public) = (pair.private_key_unique_identifier.0, pair.public_key_unique_identifier.0);
        server.set_time(START + 60);
        let mut request = re_key_key_pair(Some(&private));
        request.offset = Some(Interval(5));
        request.public_key_attributes = Some(template(vec![Attribute::ContactInformation("of the public key".to_owned())]));
        let new: ReKeyKeyPairResponse = client.ask(Operation::ReKeyKeyPair, &request).ok();
        let (new_private, new_public) = (new.private_key_unique_identifier.0, new.public_key_unique_identifier.0);
        for (old, new, called, other, link, usage) in [
            (&private, &new_private, "private", &new_public, LinkType::PublicKeyLink, "Sign"),
            (&public, &new_public, "public", &new_private, LinkType::PrivateKeyLink, "Verify"),
        ] {
            let before = client.attributes(old);
            assert_eq!(names(&before), [""; 0], "{version}");
            assert_eq!(links(&before, LinkType::ReplacementObjectLink), [new.as_str()]);
            let attributes = client.attributes(new);
            assert_eq!(names(&attributes), [called], "{version}");
            assert_eq!(links(&attributes, LinkType::ReplacedObjectLink), [old.as_str()]);
            assert_eq!(links(&attributes, link), [other.as_str()]);
            assert_eq!(attributes.activation_date(), Some(&date(65)));
            assert_eq!(attributes.deactivation_date(), Some(&date(165)), "{version}: later by as much as the activation");
            assert_eq!(attributes.cryptographic_algorithm(), Some(&CryptographicAlgorithm::ECDSA));
            assert_eq!(attributes.cryptographic_usage_mask(), before.cryptographic_usage_mask(), "{usage}");
            assert_eq!(attributes.contact_information().is_some(), called == "public");
            assert_ne!(material(&client.object(new)), material(&client.object(old)));
        }
        assert_eq!(client.re_key_key_pair(&private), Err(ResultReason::PermissionDenied), "{version}");
        let not_able = if version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidObjectType };
        assert_eq!(client.re_key_key_pair(&new_public), Err(not_able), "{version}: the request names the private key");
        client.re_key_key_pair(&new_private).unwrap();
        assert_eq!(server.objects(), 6);
    }
}

#[test]
fn a_new_pair_is_on_the_curve_of_the_old_one_unless_told_otherwise() {
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V2_1);
    let on = |curve| {
        Attribute::CryptographicDomainParameters(CryptographicDomainParameters { qlength: None, recommended_curve: Some(curve) })
    };
    let mut request = create_key_pair();
    let common = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::EC), on(RecommendedCurve::SECP256K1)];
    request.common_attributes = Some(template(common));
    let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
    let curve = |client: &mut Client<'_>, key: &str| {
        let object = client.object(key);
        let format = object.key_block().unwrap().key_format_type;
        crypto::PrivateKey::parse(format, material(&object)).unwrap().facts().curve.unwrap()
    };
    let (next, _) = client.re_key_key_pair(&pair.private_key_unique_identifier.0).unwrap();
    assert_eq!(curve(&mut client, &next), RecommendedCurve::SECP256K1);
    let mut request = re_key_key_pair(Some(&next));
    request.common_attributes = Some(template(vec![Attribute::CryptographicLength(384)]));
    let new: ReKeyKeyPairResponse = client.ask(Operation::ReKeyKeyPair, &request).ok();
    let next = new.private_key_unique_identifier.0;
    assert_eq!(curve(&mut client, &next), RecommendedCurve::P_384);
    assert_eq!(client.attributes(&next).cryptographic_domain_parameters(), None, "what is no longer true is not copied");
    let mut request = re_key_key_pair(Some(&next));
    request.common_attributes = Some(template(vec![on(RecommendedCurve::P_256)]));
    let new: ReKeyKeyPairResponse = client.ask(Operation::ReKeyKeyPair, &request).ok();
    assert_eq!(curve(&mut client, &new.private_key_unique_identifier.0), RecommendedCurve::P_256);
}

#[test]
fn a_pair_is_made_once_however_often_changes_collide() {
    use std::sync::atomic::Ordering;
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V1_4);
    let (private, _) = client.create_key_pair();
    server.trouble.worked.store(0, Ordering::SeqCst);
    server.trouble.conflicts.store(3, Ordering::SeqCst);
    client.re_key_key_pair(&private).unwrap();
    assert_eq!(server.trouble.worked.load(Ordering::SeqCst), 1);
    // What cannot be re-keyed costs no pair.
    client.re_key_key_pair(&private).unwrap_err();
    assert_eq!(server.trouble.worked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_pair_with_somebody_elses_public_key_is_left_alone() {
    let server = Server::new();
    let (mut fred, mut barney) = (server.client("fred", ProtocolVersion::V1_4), server.client("barney", ProtocolVersion::V1_4));
    let (_, public) = barney.create_key_pair();
    let private = every_type(ProtocolVersion::V1_4).into_iter().find(|object| object.object_type() == ObjectType::PrivateKey);
    let link = kmip::structures::Link { link_type: LinkType::PublicKeyLink, linked_object_identifier: public.as_str().into() };
    let private = fred.register(private.unwrap(), vec![Attribute::Link(link)]);
    assert_eq!(fred.re_key_key_pair(&private), Err(ResultReason::PermissionDenied));
    assert_eq!(links(&barney.attributes(&public), LinkType::ReplacementObjectLink), [""; 0]);
}

/// The control of `create`: a key of the same name is refused from 2.0 on while the replacement lives.
#[test]
fn the_name_is_the_new_keys() {
    for version in [ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("mine")]));
        let new = client.re_key(&key).unwrap();
        client.ask(Operation::Create, &create(aes_and([name("mine")]))).fails_with(ResultReason::NonUniqueNameAttribute);
        client.destroy(&key).unwrap();
        client.ask(Operation::Create, &create(aes_and([name("mine")]))).fails_with(ResultReason::NonUniqueNameAttribute);
        client.destroy(&new).unwrap();
        client.create(aes_and([name("mine")]));
    }
}
