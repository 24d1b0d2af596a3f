//! The life of objects, operation by operation.

use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{ObjectType, RevocationReasonCode, State, WrappingMethod};
use kmip::object::KeyValue;
use kmip::operation::Operation;
use kmip::payload::revoke::RevokeResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::{EncryptionKeyInformation, KeyWrappingData};

use crate::client::{aes, aes_and, register, revoke};
use crate::objects::{every_type, symmetric_key, template_object};
use crate::server::{START, Server, VERSIONS};

/// What an operation on a destroyed object answers.
/// Why nothing can be done any more to what is gone (1.4, sections 11.20 and 11.22).
fn over(version: ProtocolVersion) -> ResultReason {
    if version.is_1x() { ResultReason::PermissionDenied } else { gone(version) }
}

fn gone(version: ProtocolVersion) -> ResultReason {
    if version < ProtocolVersion::V2_1 { ResultReason::ItemNotFound } else { ResultReason::ObjectDestroyed }
}

#[test]
fn a_key_lives_and_dies() {
    for version in VERSIONS {
        for registered in [false, true] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let wrong = ResultReason::WrongKeyLifecycleState.at(version);
            let key = if registered { client.register(symmetric_key(), aes()) } else { client.create(aes()) };
            assert_eq!(client.state(&key), State::PreActive, "{version}");
            client.activate(&key).unwrap();
            assert_eq!(client.state(&key), State::Active);
            assert_eq!(client.activate(&key).unwrap_err(), wrong);
            assert_eq!(client.destroy(&key).unwrap_err(), wrong);
            client.object(&key);
            client.revoke(&key, RevocationReasonCode::CessationOfOperation).unwrap();
            assert_eq!(client.state(&key), State::Deactivated);
            assert_eq!(client.activate(&key).unwrap_err(), wrong);
            assert_eq!(client.revoke(&key, RevocationReasonCode::Unspecified).unwrap_err(), wrong);
            client.object(&key);
            client.destroy(&key).unwrap();
            assert_eq!(client.state(&key), State::Destroyed, "{version}: what is known of it stays");
            client.get(&key).fails_with(gone(version));
            assert_eq!(client.activate(&key).unwrap_err(), over(version));
            assert_eq!(client.destroy(&key).unwrap_err(), over(version));
            let attributes = client.attributes(&key);
            assert_eq!(attributes.destroy_date(), Some(&DateTime(START)));
            assert_eq!(attributes.activation_date(), Some(&DateTime(START)));
            assert_eq!(attributes.deactivation_date(), Some(&DateTime(START)));
            assert_eq!(attributes.object_type(), Some(&ObjectType::SymmetricKey));
            let code = attributes.revocation_reason().unwrap().revocation_reason_code;
            assert_eq!(code, RevocationReasonCode::CessationOfOperation);
            client.get("nobody has this identifier").fails_with(ResultReason::ObjectNotFound);
        }
    }
}

#[test]
fn the_material_of_a_destroyed_key_is_not_in_its_record() {
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V1_4);
    let key = client.register(symmetric_key(), vec![]);
    let held = |server: &Server| {
        let record = server.record(&key).unwrap();
        record.body.windows(crate::objects::KEY.len()).any(|window| window == crate::objects::KEY)
    };
    assert!(held(&server), "the control: the record of a living key holds it");
    client.destroy(&key).unwrap();
    assert!(!held(&server));
}

#[test]
fn a_compromise_is_for_ever() {
    for version in VERSIONS {
        for code in [RevocationReasonCode::KeyCompromise, RevocationReasonCode::CACompromise] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let wrong = ResultReason::WrongKeyLifecycleState.at(version);
            let key = client.create(aes());
            client.activate(&key).unwrap();
            server.set_time(START + 10);
            let mut request = revoke(Some(&key), code);
            request.compromise_occurrence_date = Some(DateTime(START - 5));
            client.ask(Operation::Revoke, &request).ok::<RevokeResponse>();
            assert_eq!(client.state(&key), State::Compromised, "{version}");
            let attributes = client.attributes(&key);
            assert_eq!(attributes.compromise_date(), Some(&DateTime(START + 10)));
            assert_eq!(attributes.compromise_occurrence_date(), Some(&DateTime(START - 5)));
            assert_eq!(attributes.deactivation_date(), None);
            assert_eq!(client.revoke(&key, RevocationReasonCode::Superseded).unwrap_err(), wrong);
            client.object(&key);
            client.destroy(&key).unwrap();
            assert_eq!(client.state(&key), State::DestroyedCompromised);
            client.get(&key).fails_with(gone(version));

            // Without a date, the compromise is as old as the object.
            let other = client.create(aes());
            client.revoke(&other, code).unwrap();
            assert_eq!(client.attributes(&other).compromise_occurrence_date(), Some(&DateTime(START + 10)));
            // What is gone can turn out to have been compromised.
            let third = client.create(aes());
            client.destroy(&third).unwrap();
            client.revoke(&third, code).unwrap();
            assert_eq!(client.state(&third), State::DestroyedCompromised, "{version}");
            assert_eq!(client.revoke(&third, code).unwrap_err(), over(version));
        }
    }
}

#[test]
fn states_follow_the_clock() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([
            Attribute::ActivationDate(DateTime(START + 100)),
            Attribute::DeactivationDate(DateTime(START + 200)),
        ]));
        for (time, state) in [
            (START, State::PreActive),
            (START + 99, State::PreActive),
            (START + 100, State::Active),
            (START + 199, State::Active),
            (START + 200, State::Deactivated),
            // A clock that is set back.
            (START + 150, State::Active),
            (START - 400_000_000, State::PreActive),
        ] {
            server.set_time(time);
            assert_eq!(client.state(&key), state, "{version} {}", time - START);
            assert_eq!(client.locate(vec![Attribute::State(state)]), [key.as_str()]);
        }
        server.set_time(START + 150);
        assert_eq!(client.destroy(&key).unwrap_err(), ResultReason::WrongKeyLifecycleState.at(version));
        server.set_time(START + 200);
        client.destroy(&key).unwrap();
    }
}

#[test]
fn an_activation_date_of_the_past_makes_an_active_key() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([Attribute::ActivationDate(DateTime(0))]));
        assert_eq!(client.state(&key), State::Active, "{version}");
        assert_eq!(client.destroy(&key).unwrap_err(), ResultReason::WrongKeyLifecycleState.at(version));
        // No deactivation that nobody asked for: arrays that find their keys deactivated do not come up.
        assert_eq!(client.attributes(&key).deactivation_date(), None);
        server.set_time(START + 100 * 365 * 86_400);
        assert_eq!(client.state(&key), State::Active);
    }
}

#[test]
fn dates_that_contradict_each_other_are_refused() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let attributes =
            aes_and([Attribute::ActivationDate(DateTime(START + 100)), Attribute::DeactivationDate(DateTime(START + 99))]);
        let answer = client.ask(Operation::Create, &crate::client::create(attributes));
        answer.fails_with(ResultReason::InvalidAttributeValue);
        let key = client.create(aes_and([Attribute::ActivationDate(DateTime(START + 100))]));
        let refused = client.add(&key, Attribute::DeactivationDate(DateTime(START + 99))).unwrap_err();
        assert_eq!(refused, ResultReason::InvalidAttributeValue.at(version));
        client.add(&key, Attribute::DeactivationDate(DateTime(START + 100))).unwrap();
        let refused = client.modify(&key, Attribute::ActivationDate(DateTime(START + 101))).unwrap_err();
        assert_eq!(refused, ResultReason::InvalidAttributeValue.at(version), "{version}");
    }
}

#[test]
fn every_type_of_object_is_kept_and_given_back() {
    for version in VERSIONS {
        for object in every_type(version) {
            let object_type = object.object_type();
            let server = Server::new();
            let mut client = server.client("fred", version);
            let identifier = client.register(object.clone(), vec![]);
            assert_eq!(client.object(&identifier), object, "{version} {object_type:?}");
            let attributes = client.attributes(&identifier);
            assert_eq!(attributes.object_type(), Some(&object_type));
            if object_type == ObjectType::Template {
                assert_eq!(client.activate(&identifier).unwrap_err(), ResultReason::InvalidObjectType.at(version));
                let refused = client.revoke(&identifier, RevocationReasonCode::Superseded).unwrap_err();
                assert_eq!(refused, ResultReason::InvalidObjectType.at(version));
            } else {
                client.activate(&identifier).unwrap();
                client.revoke(&identifier, RevocationReasonCode::Superseded).unwrap();
            }
            client.destroy(&identifier).unwrap();
            client.get(&identifier).fails_with(gone(version));
        }
    }
}

#[test]
fn an_object_of_a_type_the_client_does_not_know_is_not_spelled_to_it() {
    let server = Server::new();
    for object in every_type(ProtocolVersion::V2_1).into_iter().chain(every_type(ProtocolVersion::V1_4)) {
        let object_type = object.object_type();
        let writer = if object_type == ObjectType::Template { ProtocolVersion::V1_4 } else { ProtocolVersion::V2_1 };
        let identifier = server.client("fred", writer).register(object.clone(), vec![]);
        for version in VERSIONS {
            let mut client = server.client("fred", version);
            let known = every_type(version).iter().any(|known| known.object_type() == object_type);
            let answer = client.get(&identifier);
            if known {
                assert_eq!(answer.ok::<kmip::payload::get::GetResponse>().object, object, "{version} {object_type:?}");
            } else {
                answer.fails_with(ResultReason::InvalidObjectType);
            }
            client.attributes(&identifier);
            client.attribute_list(&identifier);
            client.locate(vec![]);
        }
    }
}

#[test]
fn what_a_template_says_goes_into_the_key() {
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        client.register(template_object("house style", aes_and([Attribute::ObjectGroup("house".to_owned())])), vec![]);
        let mut request = crate::client::create(vec![Attribute::CryptographicLength(128)]);
        request.attributes.names.push(kmip::structures::Name::text("house style"));
        let made = client.ask(Operation::Create, &request).ok::<kmip::payload::create::CreateResponse>();
        let attributes = client.attributes(&made.unique_identifier.0);
        assert_eq!(attributes.cryptographic_length(), Some(&128), "{version}: the request prevails");
        assert_eq!(attributes.object_group().map(String::as_str), Some("house"));
        assert_eq!(attributes.name(), None, "the name of the template is the template's");
        let refused = server.client("barney", version).ask(Operation::Create, &request);
        refused.fails_with(ResultReason::ItemNotFound);
    }
}

#[test]
fn of_several_templates_the_last_prevails_and_values_are_united() {
    let group = |text: &str| Attribute::ObjectGroup(text.to_owned());
    let length = Attribute::CryptographicLength;
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        client.register(template_object("first", vec![aes()[0].clone(), length(256), group("a"), group("b")]), vec![]);
        client.register(template_object("second", vec![length(128), group("b"), group("c")]), vec![]);
        let names = ["first", "second"].map(kmip::structures::Name::text);
        let mut request = crate::client::create(vec![group("d"), aes()[2].clone()]);
        request.attributes.names.extend(names.clone());
        let made = client.ask(Operation::Create, &request).ok::<kmip::payload::create::CreateResponse>();
        let attributes = client.attributes(&made.unique_identifier.0);
        assert_eq!(attributes.cryptographic_length(), Some(&128), "{version}: the last template prevails");
        let mut groups: Vec<&Attribute> = attributes.iter().filter(|attribute| attribute.is(&group("").reference())).collect();
        groups.sort_by_key(|group| format!("{group:?}"));
        assert_eq!(groups, [&group("a"), &group("b"), &group("c"), &group("d")], "{version}");

        // Of a pair, what is said of one key prevails over what is said of both, even by a template.
        client.register(template_object("both", vec![Attribute::ContactInformation("both".to_owned())]), vec![]);
        client.register(template_object("one", vec![Attribute::ContactInformation("one".to_owned())]), vec![]);
        let mut pair = crate::client::create_key_pair();
        pair.common_attributes.as_mut().unwrap().names.push(kmip::structures::Name::text("both"));
        pair.public_key_attributes.as_mut().unwrap().names.push(kmip::structures::Name::text("one"));
        let made: kmip::payload::create_key_pair::CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &pair).ok();
        let contact = |client: &mut crate::client::Client<'_>, identifier: &str| {
            client.attributes(identifier).contact_information().cloned()
        };
        assert_eq!(contact(&mut client, &made.private_key_unique_identifier.0).as_deref(), Some("both"), "{version}");
        assert_eq!(contact(&mut client, &made.public_key_unique_identifier.0).as_deref(), Some("one"), "{version}");
    }
}

#[test]
fn the_server_keeps_what_it_knows_of_a_key_that_is_held_elsewhere() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_2) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut key = symmetric_key();
        key.key_block_mut().unwrap().key_value = None;
        let identifier = client.register(key.clone(), vec![]);
        // As TC-MDO-3 expects it.
        assert_eq!(client.object(&identifier), key, "{version}: everything but the value");
        let attributes = client.attributes(&identifier);
        assert_eq!(attributes.key_value_present(), Some(&false), "{version}");
        assert_eq!(attributes.cryptographic_length(), Some(&256));
        client.activate(&identifier).unwrap();
        client.revoke(&identifier, RevocationReasonCode::Superseded).unwrap();
        client.destroy(&identifier).unwrap();
        client.get(&identifier).fails_with(gone(version));
    }
}

#[test]
fn a_wrapped_key_is_kept_and_given_back_as_it_came() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut key = symmetric_key();
        let block = key.key_block_mut().unwrap();
        block.key_value = Some(KeyValue::Wrapped(Secret::from_slice(&[7; 40])));
        // Bytes without a word on how they were wrapped are no key.
        let answer = client.ask(Operation::Register, &register(key.clone(), vec![]));
        answer.fails_with(ResultReason::InvalidField);
        key.key_block_mut().unwrap().key_wrapping_data = Some(KeyWrappingData {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: Some(EncryptionKeyInformation {
                unique_identifier: "kept by the client".into(),
                cryptographic_parameters: None,
            }),
            mac_signature_key_information: None,
            mac_signature: None,
            iv_counter_nonce: None,
            encoding_option: None,
        });
        let identifier = client.register(key.clone(), vec![]);
        assert_eq!(client.object(&identifier), key, "{version}");
        if version >= ProtocolVersion::V1_4 {
            // A sensitive key leaves in no other way.
            client.modify(&identifier, Attribute::Sensitive(true)).unwrap();
            assert_eq!(client.object(&identifier), key, "{version}");
        }
    }
}
