//! A batch that is undone leaves the store as it was, to the byte, whatever its items did: at once and asynchronously.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeReference};
use kmip::codec::Value;
use kmip::enumerations::{
    AsynchronousIndicator, BatchErrorContinuationOption, CancellationResult, ResultStatus, RevocationReasonCode, UsageLimitsUnit,
};
use kmip::message::AsynchronousPreference;
use kmip::operation::Operation;
use kmip::payload::archive::ArchiveRequest;
use kmip::payload::cancel::{CancelRequest, CancelResponse};
use kmip::payload::get_usage_allocation::GetUsageAllocationRequest;
use kmip::payload::obtain_lease::ObtainLeaseRequest;
use kmip::payload::poll::PollRequest;
use kmip::payload::process::ProcessRequest;
use kmip::payload::re_key::ReKeyRequest;
use kmip::payload::re_key_key_pair::ReKeyKeyPairRequest;
use kmip::payload::recover::RecoverRequest;
use kmip::payload::set_attribute::SetAttributeRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::UsageLimits;
use kmip::tag;

use crate::client::{
    Client, Request, activate, add, aes, aes_and, create, create_key_pair, delete, destroy, get, get_attributes, locate, modify,
    name, register, revoke,
};
use crate::objects::symmetric_key;
use crate::server::{Server, VERSIONS, block_on};

fn undo(request: Request) -> Request {
    request.header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
}

fn mandatory(request: Request) -> Request {
    request.header(|header| header.asynchronous_indicator = Some(AsynchronousPreference(AsynchronousIndicator::Mandatory)))
}

/// A batch of everything that changes something, all of which succeeds.
fn everything(client: &Client<'_>, key: &str, private_key: &str) -> Request {
    let version = client.version;
    let id = Some(key);
    let reference = || Some(key.into());
    let mut request = client
        .request()
        .item(Operation::Create, &create(aes_and([name("made")])))
        .item(Operation::CreateKeyPair, &create_key_pair())
        .item(Operation::Register, &register(symmetric_key(), vec![name("registered")]))
        .item(Operation::Get, &get(id))
        .item(Operation::GetAttributes, &get_attributes(id, vec![]))
        .item(Operation::Locate, &locate(version, vec![name("made")]))
        .item(Operation::AddAttribute, &add(id, name("added")))
        .item(Operation::ModifyAttribute, &modify(id, Some(name("mine")), name("changed").into()))
        .item(
            Operation::DeleteAttribute,
            &delete(id, AttributeReference::Standard(tag::Name), client.version.is_1x().then_some(0)),
        );
    if !version.is_1x() {
        let new_attribute = Attribute::Comment("set".to_owned()).into();
        let set = SetAttributeRequest { unique_identifier: reference(), new_attribute };
        request = request.item(Operation::SetAttribute, &set);
    }
    request = request
        .item(Operation::Activate, &activate(id))
        .item(Operation::GetUsageAllocation, &GetUsageAllocationRequest { unique_identifier: reference(), usage_limits_count: 3 })
        .item(Operation::ObtainLease, &ObtainLeaseRequest { unique_identifier: reference() })
        .item(
            Operation::ReKey,
            &ReKeyRequest { unique_identifier: reference(), offset: None, attributes: None, protection_storage_masks: None },
        );
    if version >= ProtocolVersion::V1_1 {
        let pair = ReKeyKeyPairRequest {
            private_key_unique_identifier: Some(private_key.into()),
            unique_identifier: None,
            offset: None,
            common_attributes: None,
            private_key_attributes: None,
            public_key_attributes: None,
            common_protection_storage_masks: None,
            private_protection_storage_masks: None,
            public_protection_storage_masks: None,
        };
        request = request.item(Operation::ReKeyKeyPair, &pair);
    }
    request
        .item(Operation::Archive, &ArchiveRequest { unique_identifier: reference() })
        .item(Operation::Recover, &RecoverRequest { unique_identifier: reference() })
        .item(Operation::Revoke, &revoke(id, RevocationReasonCode::KeyCompromise))
        .item(Operation::Destroy, &destroy(id))
}

fn key_and_pair(client: &mut Client<'_>) -> (String, String) {
    let limits = UsageLimits { usage_limits_total: 10, usage_limits_count: None, usage_limits_unit: UsageLimitsUnit::Object };
    let key = client.create(aes_and([name("mine"), Attribute::UsageLimits(limits)]));
    let (private_key, _) = client.create_key_pair();
    (key, private_key)
}

#[test]
fn whatever_was_done_at_once_is_undone() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (key, private_key) = key_and_pair(&mut client);
        let before = server.snapshot();
        let request = everything(&client, &key, &private_key).item(Operation::Activate, &activate(Some("nobody's")));
        let answers = client.send(undo(request)).items;
        let (last, others) = answers.split_last().unwrap();
        last.fails_with(ResultReason::ObjectNotFound);
        for answer in others {
            assert_eq!(answer.status, ResultStatus::OperationUndone, "{version} {:?} {:?}", answer.operation, answer.message);
            assert!(answer.payload.is_some(), "{version} {:?}", answer.operation);
        }
        assert!(server.snapshot() == before, "{version}: the store is as it was");
        // The control: without the failure all of it is done.
        let request = everything(&client, &key, &private_key);
        for answer in client.send(undo(request)).items {
            assert_eq!(answer.status, ResultStatus::Success, "{version} {:?} {:?}", answer.operation, answer.message);
        }
        assert!(server.snapshot() != before);
    }
}

#[test]
fn whatever_was_done_asynchronously_is_undone() {
    for version in [ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        for fails in [true, false] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let (key, private_key) = key_and_pair(&mut client);
            let before = server.snapshot();
            let mut request = everything(&client, &key, &private_key);
            if fails {
                request = request.item(Operation::Activate, &activate(Some("nobody's")));
            }
            let accepted = client.send(mandatory(undo(request))).items;
            assert!(server.snapshot() == before, "what is kept for later is no object");
            assert_eq!(block_on(server.engine.work_off()), 1);
            let count = accepted.len();
            for (number, item) in accepted.into_iter().enumerate() {
                let poll = PollRequest { asynchronous_correlation_value: item.correlation_value.unwrap() };
                let request = client.request().item(Operation::Poll, &poll);
                let answer = client.send(request).items.remove(0);
                let expected = match fails {
                    true if number + 1 == count => ResultStatus::OperationFailed,
                    true => ResultStatus::OperationUndone,
                    false => ResultStatus::Success,
                };
                assert_eq!(answer.status, expected, "{version} {:?} {:?}", answer.operation, answer.message);
            }
            assert_eq!(server.snapshot() == before, fails, "{version}");
        }
    }
}

/// Requests on requests are undone with their batch, too.
#[test]
fn a_cancel_is_undone() {
    for version in VERSIONS {
        let server = Server::new();
        let mut submitter = server.client("fred", ProtocolVersion::V2_1);
        let request = submitter.request().item(Operation::Create, &create(aes()));
        let value = submitter.send(mandatory(request)).items[0].correlation_value.clone().unwrap();
        let mut client = server.client("fred", version);
        let cancel = CancelRequest { asynchronous_correlation_value: value.clone() };
        let poll = PollRequest { asynchronous_correlation_value: value.clone() };
        for fails in [true, false] {
            // The second Cancel and the Poll see what the first one did.
            let request = client
                .request()
                .item(Operation::Cancel, &cancel)
                .item(Operation::Cancel, &cancel)
                .item(Operation::Poll, &poll)
                .item(Operation::Activate, &activate(Some(if fails { "nobody's" } else { "" })));
            let request = if fails { undo(request) } else { undo(cancelled_only(&client, &cancel)) };
            let answers = client.send(request).items;
            let response: CancelResponse = answers[0].payload();
            assert_eq!(response.cancellation_result, CancellationResult::Canceled, "{version}");
            if fails {
                assert_eq!(answers[0].status, ResultStatus::OperationUndone);
                assert_eq!(answers[1].payload::<CancelResponse>().cancellation_result, CancellationResult::Canceled);
                let polled = client.send(client.request().item(Operation::Poll, &poll)).items.remove(0);
                assert_eq!(polled.status, ResultStatus::OperationPending, "{version}");
            }
        }
        assert_eq!(block_on(server.engine.work_off()), 1);
        let polled = client.send(client.request().item(Operation::Poll, &poll)).items.remove(0);
        polled.fails_with(ResultReason::OperationCanceledByRequester);
        assert!(client.locate(vec![]).is_empty());
    }
}

fn cancelled_only(client: &Client<'_>, cancel: &impl Value) -> Request {
    client
        .request()
        .item(Operation::Cancel, cancel)
        .item(Operation::Create, &create(aes_and([])))
        .item(Operation::Destroy, &destroy(None))
}

#[test]
fn what_cannot_be_undone_is_not_begun() {
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V2_1);
    let request = client.request().item(Operation::Create, &create(aes()));
    let value = client.send(mandatory(request)).items[0].correlation_value.clone().unwrap();
    let process = ProcessRequest { asynchronous_correlation_value: value };
    let request = client.request().item(Operation::Create, &create(aes())).item(Operation::Process, &process);
    let answers = client.send(undo(request)).items;
    assert_eq!(answers[0].status, ResultStatus::OperationUndone);
    answers[1].fails_with(ResultReason::FeatureNotSupported);
    assert!(client.locate(vec![]).is_empty());
    // Alone it may be.
    let request = client.request().item(Operation::Process, &process);
    assert_eq!(client.send(undo(request)).items[0].status, ResultStatus::Success);
    assert_eq!(client.locate(vec![]).len(), 1);
}
