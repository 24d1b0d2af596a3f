//! Requests that are answered later: accepted, processed, polled, cancelled, removed; over restarts and in every version.

use audit::Outcome;
use dispatcher::{AsynchronousSettings, Settings};
use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::codec::{ByteString, DateTimeExtended, Interval};
use kmip::enumerations::{
    AsynchronousIndicator, BatchErrorContinuationOption, BlockCipherMode, CancellationResult, ProcessingStage, QueryFunction,
    ResultStatus,
};
use kmip::message::AsynchronousPreference;
use kmip::operation::Operation;
use kmip::payload::cancel::{CancelRequest, CancelResponse};
use kmip::payload::create::CreateResponse;
use kmip::payload::encrypt::{EncryptRequest, EncryptResponse};
use kmip::payload::get::GetResponse;
use kmip::payload::get_attributes::GetAttributesResponse;
use kmip::payload::locate::LocateResponse;
use kmip::payload::poll::PollRequest;
use kmip::payload::process::{ProcessRequest, ProcessResponse};
use kmip::payload::query::{QueryRequest, QueryResponse};
use kmip::payload::query_asynchronous_requests::{QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{AsynchronousCorrelationValues, AsynchronousRequest, Data, Operations};

use crate::client::{
    Answer, Client, Request, activate, aes, aes_and, create, create_key_pair, destroy, get, get_attributes, locate, name,
    register,
};
use crate::objects::symmetric_key;
use crate::server::{START, Server, VERSIONS, block_on};
use crate::services::{ALL, key, mode};

const V2: ProtocolVersion = ProtocolVersion::V2_1;

/// A message that demands to be answered later.
pub(crate) fn mandatory(request: Request) -> Request {
    request.header(|header| header.asynchronous_indicator = Some(AsynchronousPreference(AsynchronousIndicator::Mandatory)))
}

pub(crate) fn value_of(answer: &Answer) -> ByteString {
    assert_eq!(answer.status, ResultStatus::OperationPending, "{:?} {:?}", answer.reason, answer.message);
    assert!(answer.payload.is_none() && answer.reason.is_none());
    answer.correlation_value.clone().expect("what is pending has a correlation value")
}

/// Has a message accepted; the correlation values of its items.
pub(crate) fn submit(client: &mut Client<'_>, request: Request) -> Vec<ByteString> {
    client.send(mandatory(request)).items.iter().map(value_of).collect()
}

pub(crate) fn poll_answer(client: &mut Client<'_>, value: &ByteString) -> Answer {
    let request = client.request().item(Operation::Poll, &PollRequest { asynchronous_correlation_value: value.clone() });
    client.send(request).items.remove(0)
}

pub(crate) fn cancel(client: &mut Client<'_>, value: &ByteString) -> CancellationResult {
    let request = CancelRequest { asynchronous_correlation_value: value.clone() };
    let response: CancelResponse = client.ask(Operation::Cancel, &request).ok();
    assert_eq!(response.asynchronous_correlation_value, *value);
    response.cancellation_result
}

pub(crate) fn process(client: &mut Client<'_>, value: &ByteString) -> Result<ProcessResponse, ResultReason> {
    client.ask(Operation::Process, &ProcessRequest { asynchronous_correlation_value: value.clone() }).result()
}

pub(crate) fn outstanding_of(
    client: &mut Client<'_>,
    values: Option<Vec<ByteString>>,
    operations: Option<Vec<Operation>>,
) -> Vec<AsynchronousRequest> {
    let request = QueryAsynchronousRequestsRequest {
        asynchronous_correlation_values: values
            .map(|asynchronous_correlation_values| AsynchronousCorrelationValues { asynchronous_correlation_values }),
        operations: operations.map(|operations| Operations { operations }),
    };
    client.ask(Operation::QueryAsynchronousRequests, &request).ok::<QueryAsynchronousRequestsResponse>().asynchronous_requests
}

pub(crate) fn outstanding(client: &mut Client<'_>) -> Vec<AsynchronousRequest> {
    outstanding_of(client, None, None)
}

pub(crate) fn work(server: &Server) -> usize {
    block_on(server.engine.work_off())
}

#[test]
fn a_request_is_accepted_done_and_polled() {
    for version in [ProtocolVersion::V2_0, V2] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client.request().item_with(Operation::Create, Some(b"one"), &create(aes_and([name("key")])), &[]);
        let answers = client.send(mandatory(request)).items;
        assert_eq!(answers[0].operation, Some(Operation::Create));
        assert_eq!(answers[0].identifier.as_deref(), Some(&b"one"[..]));
        let value = value_of(&answers[0]);
        // Nothing has been done yet.
        assert!(client.locate(vec![name("key")]).is_empty());
        let pending = poll_answer(&mut client, &value);
        assert_eq!((pending.operation, value_of(&pending)), (Some(Operation::Create), value.clone()));
        assert_eq!(work(&server), 1);
        assert_eq!(work(&server), 0);
        let done = poll_answer(&mut client, &value);
        assert_eq!(done.operation, Some(Operation::Create), "{version}");
        assert!(done.correlation_value.is_none());
        let key = done.ok::<CreateResponse>().unique_identifier.0;
        assert_eq!(client.locate(vec![name("key")]), std::slice::from_ref(&key));
        // It can be polled again.
        assert_eq!(poll_answer(&mut client, &value).ok::<CreateResponse>().unique_identifier.0, key);
    }
}

#[test]
fn data_go_from_item_to_item_and_are_kept_back_where_the_client_says_so() {
    for undo in [false, true] {
        let server = Server::new();
        let mut client = server.client("fred", V2);
        let key = key(&mut client, &[7; 16], ALL, vec![]);
        let encrypt = |data| EncryptRequest {
            unique_identifier: Some(key.as_str().into()),
            cryptographic_parameters: Some(mode(BlockCipherMode::ECB)),
            data: Some(data),
            iv_counter_nonce: None,
            correlation_value: None,
            init_indicator: None,
            final_indicator: None,
            authenticated_encryption_additional_data: None,
        };
        let clear = Data::Bytes(Secret::from_slice(&[1; 16]));
        let option = if undo { BatchErrorContinuationOption::Undo } else { BatchErrorContinuationOption::Stop };
        let request = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(option))
            .ephemeral(Operation::Encrypt, &encrypt(clear.clone()))
            .item(Operation::Encrypt, &encrypt(Data::Position(-1)));
        let values = submit(&mut client, request);
        assert_eq!(work(&server), 1);
        assert_eq!(poll_answer(&mut client, &values[0]).ok::<EncryptResponse>().data, None);
        let twice = poll_answer(&mut client, &values[1]).ok::<EncryptResponse>().data;
        let once = client.ask(Operation::Encrypt, &encrypt(clear)).ok::<EncryptResponse>().data.unwrap();
        assert_eq!(twice, client.ask(Operation::Encrypt, &encrypt(once)).ok::<EncryptResponse>().data, "{undo}");
    }
}

#[test]
fn a_result_is_what_the_operation_answers_at_once_in_the_version_of_whoever_polls() {
    let server = Server::new();
    let mut submitter = server.client("fred", V2);
    let key = submitter.register(symmetric_key(), vec![name("key")]);
    let request = submitter
        .request()
        .item(Operation::Get, &get(Some(&key)))
        .item(Operation::GetAttributes, &get_attributes(Some(&key), vec![]))
        .item(Operation::Locate, &locate(V2, vec![name("key")]))
        .item(Operation::Get, &get(Some("nobody's")));
    let request = request.header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue));
    // The first Get clears Fresh: it is not to differ.
    submitter.get(&key);
    let values = submit(&mut submitter, request);
    work(&server);
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        let polled: Vec<Answer> = values.iter().map(|value| poll_answer(&mut client, value)).collect();
        assert_eq!(polled[0].ok::<GetResponse>(), client.get(&key).ok::<GetResponse>(), "{version}");
        let at_once = client.ask(Operation::GetAttributes, &get_attributes(Some(&key), vec![]));
        assert_eq!(polled[1].ok::<GetAttributesResponse>(), at_once.ok::<GetAttributesResponse>(), "{version}");
        let located: LocateResponse = polled[2].ok();
        assert_eq!(located.unique_identifiers[0].0, key, "{version}");
        assert_eq!(polled[3].operation, Some(Operation::Get));
        polled[3].fails_with(ResultReason::ObjectNotFound);
    }
}

#[test]
fn an_operation_that_the_pollers_version_does_not_know_is_not_answered_in_it() {
    let server = Server::new();
    let values = {
        let mut client = server.client("fred", V2);
        let request = client.request().item(Operation::Create, &create(aes()));
        submit(&mut client, request)
    };
    work(&server);
    let mut old = server.client("fred", ProtocolVersion::V1_0);
    poll_answer(&mut old, &values[0]).ok::<CreateResponse>();
}

#[test]
fn clients_of_1_x_are_answered_later_where_the_configuration_says_so() {
    let asynchronous = AsynchronousSettings { when_optional: true, ..AsynchronousSettings::default() };
    let server = Server::with(Settings { asynchronous, ..Settings::default() });
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        let optional = |request: Request| {
            request.header(|header| header.asynchronous_indicator = Some(AsynchronousPreference(AsynchronousIndicator::Optional)))
        };
        let request = optional(client.request().item(Operation::Create, &create(aes())));
        let value = value_of(&client.send(request).items[0]);
        work(&server);
        poll_answer(&mut client, &value).ok::<CreateResponse>();
        assert_eq!(cancel(&mut client, &value), CancellationResult::Completed, "{version}");
        // What cannot be answered later is answered at once.
        let request =
            optional(client.request().item(Operation::Query, &QueryRequest { query_functions: vec![], object_groups: None }));
        assert_ne!(client.send(request).items[0].status, ResultStatus::OperationPending, "{version}");
    }
}

#[test]
fn the_items_of_a_batch_see_what_those_before_them_did() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client
        .request()
        .item(Operation::Create, &create(aes()))
        .item(Operation::Activate, &activate(None))
        .item(Operation::Get, &get(None));
    let values = submit(&mut client, request);
    assert_eq!(values.len(), 3);
    work(&server);
    let key = poll_answer(&mut client, &values[0]).ok::<CreateResponse>().unique_identifier.0;
    assert_eq!(poll_answer(&mut client, &values[2]).ok::<GetResponse>().unique_identifier.0, key);
    assert_eq!(client.state(&key), kmip::enumerations::State::Active);
}

#[test]
fn a_failed_item_stops_its_batch_unless_it_is_to_go_on() {
    for (option, goes_on) in
        [(None, false), (Some(BatchErrorContinuationOption::Stop), false), (Some(BatchErrorContinuationOption::Continue), true)]
    {
        let server = Server::new();
        let mut client = server.client("fred", V2);
        let request = client.request().header(|header| header.batch_error_continuation_option = option);
        let request = request
            .item(Operation::Create, &create(aes()))
            .item(Operation::Activate, &activate(Some("nobody's")))
            .item(Operation::Create, &create(aes_and([name("third")])));
        let values = submit(&mut client, request);
        work(&server);
        poll_answer(&mut client, &values[0]).ok::<CreateResponse>();
        poll_answer(&mut client, &values[1]).fails_with(ResultReason::ObjectNotFound);
        let third = poll_answer(&mut client, &values[2]);
        if goes_on {
            third.ok::<CreateResponse>();
        } else {
            third.fails_with(ResultReason::GeneralFailure);
        }
        assert_eq!(client.locate(vec![name("third")]).len(), usize::from(goes_on), "{option:?}");
    }
}

#[test]
fn a_batch_with_undo_is_done_as_a_whole_or_not_at_all() {
    for fails in [false, true] {
        let server = Server::new();
        let mut client = server.client("fred", V2);
        let old = client.create(aes_and([name("old")]));
        let undo = |header: &mut kmip::message::RequestHeader| {
            header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
        };
        let last = activate(Some("nobody's"));
        let request = client
            .request()
            .header(undo)
            .item(Operation::CreateKeyPair, &create_key_pair())
            .item(Operation::Destroy, &destroy(Some(&old)))
            .item(Operation::Register, &register(symmetric_key(), vec![name("new")]));
        let request =
            if fails { request.item(Operation::Activate, &last).item(Operation::Create, &create(aes())) } else { request };
        let values = submit(&mut client, request);
        assert_eq!(cancel(&mut client, &values[0]), CancellationResult::UnableToCancel);
        work(&server);
        for value in &values[..3] {
            let status = poll_answer(&mut client, value).status;
            assert_eq!(status, if fails { ResultStatus::OperationUndone } else { ResultStatus::Success });
        }
        if fails {
            poll_answer(&mut client, &values[3]).fails_with(ResultReason::ObjectNotFound);
            poll_answer(&mut client, &values[4]).fails_with(ResultReason::GeneralFailure);
            assert_eq!(client.locate(vec![]), [old]);
            assert_eq!(cancel(&mut client, &values[0]), CancellationResult::Failed);
        } else {
            // The pair and the new key; what is destroyed is not found.
            assert_eq!(client.locate(vec![]).len(), 3);
            assert_eq!(client.state(&old), kmip::enumerations::State::Destroyed);
        }
    }
}

#[test]
fn a_cancelled_request_is_never_done() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes()));
    let value = submit(&mut client, request).remove(0);
    assert_eq!(cancel(&mut client, &value), CancellationResult::Canceled);
    work(&server);
    assert!(client.locate(vec![]).is_empty());
    let answer = poll_answer(&mut client, &value);
    assert_eq!(answer.operation, Some(Operation::Create));
    answer.fails_with(ResultReason::OperationCanceledByRequester);
    assert_eq!(cancel(&mut client, &value), CancellationResult::Canceled);
    assert!(outstanding(&mut client).is_empty());

    let request = client.request().item(Operation::Activate, &activate(Some("nobody's")));
    let failed = submit(&mut client, request).remove(0);
    work(&server);
    assert_eq!(cancel(&mut client, &failed), CancellationResult::Failed);
    let mut never = value.clone();
    never.0[0] ^= 1;
    assert_eq!(cancel(&mut client, &never), CancellationResult::Unavailable);
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        let request = CancelRequest { asynchronous_correlation_value: ByteString(vec![1, 2, 3]) };
        let answer = client.ask(Operation::Cancel, &request);
        if version.is_1x() {
            // Up to 1.4 Cancel has no errors.
            assert_eq!(answer.ok::<CancelResponse>().cancellation_result, CancellationResult::Unavailable, "{version}");
        } else {
            answer.fails_with(ResultReason::InvalidAsynchronousCorrelationValue);
        }
    }
}

#[test]
fn process_makes_a_request_synchronous() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes())).item(Operation::Get, &get(None));
    let values = submit(&mut client, request);
    process(&mut client, &values[1]).unwrap();
    poll_answer(&mut client, &values[0]).ok::<CreateResponse>();
    poll_answer(&mut client, &values[1]).ok::<GetResponse>();
    assert_eq!(work(&server), 0, "nothing is left for the workers");
    assert_eq!(process(&mut client, &values[1]).unwrap_err(), ResultReason::DuplicateProcessRequest);
    assert_eq!(process(&mut client, &ByteString(vec![0; 18])).unwrap_err(), ResultReason::InvalidAsynchronousCorrelationValue);
}

#[test]
fn requests_whose_results_were_not_obtained_are_listed() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes()));
    let first = submit(&mut client, request).remove(0);
    work(&server);
    server.set_time(START + 5);
    let request = client.request().item(Operation::Locate, &locate(V2, vec![]));
    let second = submit(&mut client, request).remove(0);
    let expected = [
        AsynchronousRequest {
            asynchronous_correlation_value: first.clone(),
            operation: Operation::Create,
            submission_date: DateTimeExtended(START * 1_000_000 + 250_000),
            processing_stage: ProcessingStage::Completed,
        },
        AsynchronousRequest {
            asynchronous_correlation_value: second.clone(),
            operation: Operation::Locate,
            submission_date: DateTimeExtended((START + 5) * 1_000_000),
            processing_stage: ProcessingStage::Submitted,
        },
    ];
    assert_eq!(outstanding(&mut client), expected);
    assert_eq!(outstanding_of(&mut client, Some(vec![second]), None), expected[1..]);
    assert_eq!(outstanding_of(&mut client, None, Some(vec![Operation::Create])), expected[..1]);
    assert!(outstanding_of(&mut client, Some(vec![ByteString(vec![1])]), None).is_empty());
    assert!(outstanding(&mut server.client("barney", V2)).is_empty());
    poll_answer(&mut client, &first);
    assert_eq!(outstanding(&mut client), expected[1..]);
}

#[test]
fn nobody_else_sees_a_request() {
    let server = Server::new();
    let mut fred = server.client("fred", V2);
    let request = fred.request().item(Operation::Create, &create(aes()));
    let value = submit(&mut fred, request).remove(0);
    let mut barney = server.client("barney", V2);
    for done in [false, true] {
        if done {
            work(&server);
        }
        let answer = poll_answer(&mut barney, &value);
        assert_eq!(answer.operation, Some(Operation::Poll));
        answer.fails_with(ResultReason::InvalidAsynchronousCorrelationValue);
        assert_eq!(cancel(&mut barney, &value), CancellationResult::Unavailable);
        assert_eq!(process(&mut barney, &value).unwrap_err(), ResultReason::InvalidAsynchronousCorrelationValue);
        // Nor as an object, under any name that could be guessed; not even its own client does.
        let hex: String = value.0.iter().map(|byte| format!("{byte:02x}")).collect();
        for identifier in [format!("\u{1}request/{hex}"), hex] {
            for client in [&mut barney, &mut fred] {
                client.get(&identifier).fails_with(ResultReason::ObjectNotFound);
                client.ask(Operation::Destroy, &destroy(Some(&identifier))).fails_with(ResultReason::ObjectNotFound);
            }
        }
    }
    assert!(barney.locate(vec![]).is_empty());
    assert_eq!(fred.locate(vec![]).len(), 1);
    let reset = kmip::payload::interop::InteropRequest {
        interop_function: kmip::enumerations::InteropFunction::Reset,
        interop_identifier: None,
    };
    assert_eq!(fred.ask(Operation::Interop, &reset).status, ResultStatus::Success);
    poll_answer(&mut fred, &value).ok::<CreateResponse>();
}

#[test]
fn what_cannot_be_answered_later_is_refused() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let query = QueryRequest { query_functions: vec![QueryFunction::QueryOperations], object_groups: None };
    let request = client.request().item(Operation::Create, &create(aes())).item(Operation::Query, &query);
    for answer in client.send(mandatory(request)).items {
        answer.fails_with(ResultReason::FeatureNotSupported);
    }
    let request = client.request().item(Operation::Poll, &PollRequest { asynchronous_correlation_value: ByteString(vec![]) });
    client.send(mandatory(request)).items[0].fails_with(ResultReason::FeatureNotSupported);
    let request = client.request().item(Operation::Obliterate, &get(None));
    client.send(mandatory(request)).items[0].fails_with(ResultReason::OperationNotSupported);
    let request = client.request().item(Operation::Create, &create(aes()));
    let unknown = Some(AsynchronousPreference(AsynchronousIndicator(9)));
    let request = request.header(|header| header.asynchronous_indicator = unknown);
    client.send(request).items[0].fails_with(ResultReason::InvalidField);
    assert_eq!(server.objects(), 0);
}

#[test]
fn results_are_kept_for_a_time_and_then_removed() {
    let asynchronous = AsynchronousSettings { keep_s: 60, ..AsynchronousSettings::default() };
    let server = Server::with(Settings { asynchronous, ..Settings::default() });
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes())).item(Operation::Get, &get(None));
    let values = submit(&mut client, request);
    let request = client.request().item(Operation::Create, &create(aes()));
    let waiting = {
        work(&server);
        submit(&mut client, request).remove(0)
    };
    server.set_time(START + 59);
    assert_eq!(block_on(server.engine.sweep()).unwrap(), 0);
    server.set_time(START + 61);
    assert_eq!(block_on(server.engine.sweep()).unwrap(), 2);
    assert_eq!(server.engine.asynchronous_requests(), 1);
    for value in &values {
        poll_answer(&mut client, value).fails_with(ResultReason::InvalidAsynchronousCorrelationValue);
        assert_eq!(cancel(&mut client, value), CancellationResult::Unavailable);
    }
    // What is not done is not old.
    server.set_time(START + 1_000_000);
    assert_eq!(block_on(server.engine.sweep()).unwrap(), 0);
    work(&server);
    poll_answer(&mut client, &waiting).ok::<CreateResponse>();
}

#[test]
fn limits_of_a_client_and_of_all() {
    let asynchronous = AsynchronousSettings { requests_per_client: 2, requests: 3, keep_s: 1, ..AsynchronousSettings::default() };
    let server = Server::with(Settings { asynchronous, ..Settings::default() });
    let mut fred = server.client("fred", V2);
    let two =
        |client: &Client<'_>| client.request().item(Operation::Create, &create(aes())).item(Operation::Create, &create(aes()));
    let request = two(&fred);
    submit(&mut fred, request);
    let request = fred.request().item(Operation::Create, &create(aes()));
    fred.send(mandatory(request)).items[0].fails_with(ResultReason::ServerLimitExceeded);
    let mut barney = server.client("barney", V2);
    let request = two(&barney);
    for answer in barney.send(mandatory(request)).items {
        answer.fails_with(ResultReason::ServerLimitExceeded);
    }
    let request = barney.request().item(Operation::Create, &create(aes()));
    submit(&mut barney, request);
    work(&server);
    server.set_time(START + 5);
    assert_eq!(block_on(server.engine.sweep()).unwrap(), 3);
    let request = two(&fred);
    submit(&mut fred, request);
}

#[test]
fn what_is_kept_is_limited_in_bytes() {
    let asynchronous = AsynchronousSettings { bytes_per_client: 600, ..AsynchronousSettings::default() };
    let server = Server::with(Settings { asynchronous, ..Settings::default() });
    let (mut fred, mut barney) = (server.client("fred", V2), server.client("barney", V2));
    for number in 0..20 {
        fred.create(aes_and([name(&format!("key {number}"))]));
    }
    let find = |client: &Client<'_>| client.request().item(Operation::Locate, &locate(V2, vec![]));
    let request = find(&fred);
    let large = submit(&mut fred, request).remove(0);
    work(&server);
    poll_answer(&mut fred, &large).fails_with(ResultReason::ServerLimitExceeded);
    let request = find(&barney);
    let small = submit(&mut barney, request).remove(0);
    work(&server);
    poll_answer(&mut barney, &small).ok::<LocateResponse>();
    let long = fred.request().item(Operation::Create, &create(aes_and([name(&"x".repeat(600))])));
    fred.send(mandatory(long)).items[0].fails_with(ResultReason::ServerLimitExceeded);
    // A server that starts again counts what it finds.
    let before = server.engine.asynchronous_requests();
    assert_eq!(block_on(server.engine.resume()), Ok(before));
    let long = barney.request().item(Operation::Create, &create(aes_and([name(&"x".repeat(400))])));
    assert_eq!(submit(&mut barney, long).len(), 1);
}

#[test]
fn requests_and_rotations_of_every_tenant_are_taken_up() {
    let server = Server::new();
    let actor = policy::Actor::of("fred", 7);
    let mut client = Client::of(&server, actor, V2);
    let rotating = [Attribute::RotateAutomatic(true), Attribute::RotateInterval(Interval(60))];
    client.create(aes_and(rotating));
    let request = client.request().item(Operation::Create, &create(aes()));
    let value = submit(&mut client, request).remove(0);
    assert_eq!(block_on(server.engine.resume()), Ok(1));
    assert_eq!(work(&server), 1);
    poll_answer(&mut client, &value).ok::<CreateResponse>();
    server.set_time(START + 100_000);
    assert_eq!(block_on(server.engine.sweep()), Ok(1));
    assert_eq!(block_on(server.engine.rotate()).unwrap().done, 1);
}

#[test]
fn a_result_that_is_too_large_for_a_poll_waits_for_another() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let key = client.register(symmetric_key(), vec![]);
    let request =
        client.request().item(Operation::Get, &get(Some(&key))).header(|header| header.maximum_response_size = Some(200));
    let value = submit(&mut client, request).remove(0);
    work(&server);
    let poll = PollRequest { asynchronous_correlation_value: value.clone() };
    let request = client.request().header(|header| header.maximum_response_size = Some(200)).item(Operation::Poll, &poll);
    let answer = client.send(request).items.remove(0);
    assert_eq!(answer.operation, Some(Operation::Poll));
    answer.fails_with(ResultReason::ResponseTooLarge);
    assert_eq!(poll_answer(&mut client, &value).ok::<GetResponse>().unique_identifier.0, key);
    // The answer that it is pending must fit, too.
    let request =
        client.request().header(|header| header.maximum_response_size = Some(100)).item(Operation::Create, &create(aes()));
    client.send(mandatory(request)).items[0].fails_with(ResultReason::ResponseTooLarge);
    assert_eq!(server.engine.asynchronous_requests(), 1);
}

#[test]
fn the_log_tells_that_it_was_accepted_and_done_and_polled() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes()));
    let value = submit(&mut client, request).remove(0);
    work(&server);
    let key = poll_answer(&mut client, &value).ok::<CreateResponse>().unique_identifier.0;
    let log: Vec<_> = server.log().into_iter().map(|record| (record.action, record.outcome, record.identifiers)).collect();
    let operation = |operation: Operation| audit::Action::Operation(operation.0);
    assert_eq!(
        log,
        [
            (operation(Operation::Create), Outcome::Pending, vec![]),
            (operation(Operation::Create), Outcome::Success, vec![key]),
            (operation(Operation::Poll), Outcome::Success, vec![]),
        ]
    );
}

#[test]
fn no_password_is_kept_with_a_request() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().header(|header| {
        let credential = kmip::credential::UsernameAndPassword {
            username: "wilma".to_owned(),
            password: Some(kmip::credential::SecretText(kmip::Secret::from_slice(b"password of wilma"))),
        };
        let credentials = vec![kmip::credential::Credential::UsernameAndPassword(credential)];
        header.authentication = Some(kmip::credential::Authentication { credentials });
    });
    let value = submit(&mut client, request.item(Operation::Create, &create(aes()))).remove(0);
    for body in server.bodies() {
        assert!(!body.windows(8).any(|window| window == b"password"));
    }
    work(&server);
    // It is the user's, not the certificate's.
    poll_answer(&mut client, &value).fails_with(ResultReason::InvalidAsynchronousCorrelationValue);
    assert!(client.locate(vec![]).is_empty());
    poll_answer(&mut server.client("wilma", V2), &value).ok::<CreateResponse>();
}

#[test]
fn query_says_so() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = QueryRequest {
        query_functions: vec![QueryFunction::QueryOperations, QueryFunction::QueryCapabilities],
        object_groups: None,
    };
    let response: QueryResponse = client.ask(Operation::Query, &request).ok();
    assert_eq!(response.capability_information[0].asynchronous_capability, Some(true));
    for operation in [Operation::Poll, Operation::Cancel, Operation::Process, Operation::QueryAsynchronousRequests] {
        assert!(response.operations.contains(&operation), "{operation:?}");
    }
}
