//! What the text of the standard says of a request, where it is easy to pass over.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeReference, TemplateAttribute};
use kmip::codec::DateTime;
use kmip::enumerations::{
    BatchErrorContinuationOption, CryptographicAlgorithm, ObjectGroupMember, ObjectType, ResultStatus, RevocationReasonCode,
};
use kmip::operation::Operation;
use kmip::payload::get_attribute_list::GetAttributeListRequest;
use kmip::payload::recover::RecoverRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use kmip::tag;
use ttlv_codec::{Tree, TreeValue};

use crate::client::{
    Request, aes, aes_and, create, create_key_pair, delete, destroy, get, get_attributes, locate, name, register, template,
};
use crate::objects::{symmetric_key, template_object};
use crate::server::{START, Server, VERSIONS};

fn statuses(answers: &[crate::client::Answer]) -> Vec<ResultStatus> {
    answers.iter().map(|answer| answer.status).collect()
}

#[test]
fn what_was_recovered_is_what_follows_means() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        for archived in [true, false] {
            if archived {
                client.archive(&key).unwrap();
            }
            let request = client
                .request()
                .item(Operation::Recover, &RecoverRequest { unique_identifier: Some(key.as_str().into()) })
                .item(Operation::GetAttributeList, &GetAttributeListRequest { unique_identifier: None });
            assert_eq!(statuses(&client.send(request).items), [ResultStatus::Success; 2], "{version}");
        }
    }
}

#[test]
fn a_condition_is_never_passed_over() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        client.create(aes());
        let mut request = locate(version, vec![]);
        if version.is_1x() {
            request.template_attribute = Some(TemplateAttribute { names: vec![Name::text("none")], ..template(vec![]) });
            client.ask(Operation::Locate, &request).fails_with(ResultReason::InvalidField);
        }
        if version >= ProtocolVersion::V1_1 {
            let mut request = locate(version, vec![]);
            request.object_group_member = Some(ObjectGroupMember(9));
            client.ask(Operation::Locate, &request).fails_with(ResultReason::UnknownEnumeration);
        }
    }
}

#[test]
fn a_key_is_not_revoked_for_a_reason_nobody_knows() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        client.activate(&key).unwrap();
        let refused = client.revoke(&key, RevocationReasonCode(99)).unwrap_err();
        assert_eq!(refused, ResultReason::UnknownEnumeration.at(version));
        assert_eq!(client.state(&key), kmip::enumerations::State::Active, "{version}");
    }
}

#[test]
fn fields_that_stand_twice_are_an_invalid_message_and_unknown_ones_an_invalid_field() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let sent = client.request().item(Operation::Get, &get(Some(&key))).bytes();
        let with = |extra: Tree| {
            let mut tree = Tree::parse(&sent, &ttlv_codec::Limits::default()).unwrap();
            let TreeValue::Structure(message) = &mut tree.value else { panic!("a message") };
            let TreeValue::Structure(item) = &mut message[1].value else { panic!("an item") };
            let payload = item.iter_mut().find(|field| field.tag == tag::RequestPayload).unwrap();
            let TreeValue::Structure(fields) = &mut payload.value else { panic!("a payload") };
            fields.push(extra);
            tree.to_bytes()
        };
        let twice = with(Tree { tag: tag::UniqueIdentifier, value: TreeValue::TextString(key.clone()) });
        client.send_bytes(&twice).items[0].fails_with(ResultReason::InvalidMessage);
        let unknown = with(Tree { tag: ttlv_codec::Tag(0x54_0001), value: TreeValue::Integer(1) });
        client.send_bytes(&unknown).items[0].fails_with(ResultReason::InvalidField);
    }
}

#[test]
fn what_fits_is_done_after_what_did_not() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for _ in 0..20 {
            client.create(aes());
        }
        let request = Request::new(version)
            .header(|header| {
                header.maximum_response_size = Some(900);
                header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue);
            })
            .item(Operation::Locate, &locate(version, vec![]))
            .item(Operation::Create, &create(aes()));
        let answers = client.send(request).items;
        answers[0].fails_with(ResultReason::ResponseTooLarge);
        assert_eq!(answers[1].status, ResultStatus::Success, "{version}");
        assert_eq!(server.objects(), 21, "{version}");
    }
}

#[test]
fn dates_of_use_lie_within_the_life_of_a_key() {
    let (early, late) = (DateTime(START + 100), DateTime(START + 200));
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for contradiction in [
            [Attribute::ActivationDate(late), Attribute::ProcessStartDate(early)],
            [Attribute::DeactivationDate(early), Attribute::ProtectStopDate(late)],
        ] {
            client
                .ask(Operation::Create, &create(aes_and(contradiction.clone())))
                .fails_with(ResultReason::InvalidAttributeValue);
            let [first, second] = contradiction;
            let key = client.create(aes_and([first]));
            assert_eq!(client.add(&key, second).unwrap_err(), ResultReason::InvalidAttributeValue.at(version));
        }
        let dates = [Attribute::ActivationDate(early), Attribute::ProcessStartDate(early), Attribute::ProtectStopDate(late)];
        client.create(aes_and(dates.into_iter().chain([Attribute::DeactivationDate(late)])));
    }
}

#[test]
fn the_halves_of_a_pair_are_of_one_kind() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut request = create_key_pair();
        request.common_attributes = Some(template(vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA)]));
        let mask = |part: &Option<TemplateAttribute>| part.as_ref().unwrap().attributes.iter().next().unwrap().clone();
        let half = |mask, length| Some(template(vec![mask, Attribute::CryptographicLength(length)]));
        request.private_key_attributes = half(mask(&request.private_key_attributes), 256);
        request.public_key_attributes = half(mask(&request.public_key_attributes), 384);
        client.ask(Operation::CreateKeyPair, &request).fails_with(ResultReason::InvalidField);
        assert_eq!(server.objects(), 0, "{version}");
    }
}

#[test]
fn version_1_0_wants_to_know_which_value_is_deleted() {
    let server = Server::new();
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_1] {
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name(&format!("{version} a")), name(&format!("{version} b"))]));
        let request = delete(Some(&key), AttributeReference::Standard(tag::Name), None);
        let answer = client.ask(Operation::DeleteAttribute, &request);
        match version {
            ProtocolVersion::V1_0 => answer.fails_with(ResultReason::InvalidField),
            _ => assert_eq!(answer.status, ResultStatus::Success),
        }
    }
}

#[test]
fn a_type_nobody_knows_is_an_invalid_field_in_1_x() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut request = create(aes());
        request.object_type = ObjectType(0x99);
        let reason = if version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
        client.ask(Operation::Create, &request).fails_with(reason);
    }
}

#[test]
fn what_is_said_of_a_key_is_what_it_is() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut object = symmetric_key();
        object.key_block_mut().unwrap().cryptographic_length = Some(128);
        client.ask(Operation::Register, &register(object, vec![])).fails_with(ResultReason::InvalidField);
        let mut object = symmetric_key();
        object.key_block_mut().unwrap().cryptographic_length = None;
        let stated = vec![Attribute::CryptographicLength(128)];
        client.ask(Operation::Register, &register(object, stated)).fails_with(ResultReason::InvalidField);
        let mut object = symmetric_key();
        object.key_block_mut().unwrap().key_value = None;
        let answer = client.ask(Operation::Register, &register(object, aes()));
        match version < ProtocolVersion::V1_2 {
            true => answer.fails_with(ResultReason::InvalidMessage),
            false => assert_eq!(answer.status, ResultStatus::Success, "{version}"),
        }
    }
}

#[test]
fn nothing_is_left_of_a_template_that_was_destroyed() {
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let identifier = client.register(template_object("mould", aes()), vec![]);
        client.destroy(&identifier).unwrap();
        client.ask(Operation::GetAttributes, &get_attributes(Some(&identifier), vec![])).fails_with(ResultReason::ItemNotFound);
        client.ask(Operation::Destroy, &destroy(Some(&identifier))).fails_with(ResultReason::ItemNotFound);
        assert_eq!(server.objects(), 0, "{version}");
        let by_name = |name: &str| TemplateAttribute { names: vec![Name::text(name)], ..template(vec![]) };
        let mut request = create(vec![]);
        request.attributes = by_name("mould");
        assert_eq!(client.ask(Operation::Create, &request).status, ResultStatus::OperationFailed, "{version}");
    }
}

#[test]
fn a_value_that_is_there_is_not_added() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("mine")]));
        let reason = if version.is_1x() { ResultReason::IllegalOperation } else { ResultReason::InvalidAttributeValue };
        let refused = client.add(&key, name("mine")).unwrap_err();
        assert!(refused == reason.at(version) || refused == ResultReason::NonUniqueNameAttribute, "{version} {refused:?}");
    }
}
