//! Commits of which the store cannot say whether they were made.

use std::sync::atomic::Ordering;

use kmip::enumerations::{BatchErrorContinuationOption, ResultStatus, State};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::result_reason::ResultReason;

use crate::client::{Client, Request, activate, aes, aes_and, create, get, name};
use crate::server::{Server, Trouble, VERSIONS};

/// One commit is made and one is not; of neither the outcome is told.
const CASES: [fn(&Trouble); 2] =
    [|trouble| trouble.unknown_made.store(1, Ordering::SeqCst), |trouble| trouble.unknown_lost.store(1, Ordering::SeqCst)];

fn undoable(client: &Client<'_>) -> Request {
    let request = client.request().header(|header| {
        header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
    });
    request.item(Operation::Create, &create(aes_and([name("in a batch")]))).item(Operation::Activate, &activate(None))
}

#[test]
fn what_was_made_is_a_success_and_what_was_not_is_made_once() {
    for version in VERSIONS {
        for case in CASES {
            let server = Server::new();
            let mut client = server.client("fred", version);
            case(&server.trouble);
            // A name is not the obstacle to its own object.
            let key = client.create(aes_and([name("mine")]));
            assert_eq!(client.attributes(&key).name().unwrap().name_value, "mine", "{version}");
            case(&server.trouble);
            client.activate(&key).unwrap();
            assert_eq!(client.state(&key), State::Active, "{version}");
            case(&server.trouble);
            client.create_key_pair();
            assert_eq!(server.trouble.worked.load(Ordering::SeqCst), 1, "{version}: the pair was generated once");
            case(&server.trouble);
            let answers = client.send(undoable(&client)).items;
            assert!(answers.iter().all(|answer| answer.status == ResultStatus::Success), "{version}: {answers:?}");
            let made = answers[0].ok::<CreateResponse>().unique_identifier.0;
            assert_eq!(client.state(&made), State::Active, "{version}");
            case(&server.trouble);
            client.object(&key);
            assert_eq!(server.objects(), 4, "{version}");
            let operations = server.log().len();
            assert_eq!(operations, 9, "{version}: one entry per operation");
            assert_eq!(server.trouble.slept_ms.load(Ordering::SeqCst), 0, "{version}: the store knew at once");
        }
    }
}

#[test]
fn the_store_is_asked_again_after_a_while() {
    for version in VERSIONS {
        for case in CASES {
            let server = Server::new();
            case(&server.trouble);
            server.trouble.silent.store(3, Ordering::SeqCst);
            server.client("fred", version).create(aes());
            assert_eq!((server.objects(), server.log().len()), (1, 1), "{version}");
            assert_eq!(server.trouble.slept_ms.load(Ordering::SeqCst), 1_300, "{version}: longer from time to time");
        }
    }
}

#[test]
fn where_nobody_answers_the_client_is_told_to_look() {
    for version in VERSIONS {
        for (case, objects) in CASES.into_iter().zip([1, 0]) {
            let server = Server::new();
            let mut client = server.client("fred", version);
            for request in [client.request().item(Operation::Create, &create(aes_and([name("n")]))), undoable(&client)] {
                case(&server.trouble);
                server.trouble.silent.store(1_000, Ordering::SeqCst);
                for answer in client.send(request).items {
                    answer.fails_with(ResultReason::GeneralFailure);
                    assert!(answer.message.unwrap().contains("look before trying again"), "{version}");
                }
                assert_eq!(server.trouble.silent.swap(0, Ordering::SeqCst), 995, "{version}: it is asked five times");
            }
            // Made in whole or not at all.
            assert_eq!(server.objects(), 2 * objects, "{version}");
            assert_eq!(client.locate(vec![name("in a batch")]).len(), objects, "{version}");
        }
    }
}

#[test]
fn material_is_released_when_its_log_entry_is_there() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        client.object(&key);
        let before = server.log().len();
        server.trouble.unknown_log.store(1, Ordering::SeqCst);
        client.object(&key);
        assert_eq!(server.log().len(), before + 1, "{version}: a commit took the entry");
        for case in CASES {
            let before = server.log().len();
            server.trouble.unknown_log.store(1, Ordering::SeqCst);
            case(&server.trouble);
            client.object(&key);
            assert_eq!(server.log().len(), before + 1, "{version}");
        }
        let fail = || {
            server.trouble.unknown_log.store(1, Ordering::SeqCst);
            server.trouble.unknown_lost.store(1, Ordering::SeqCst);
            server.trouble.silent.store(5, Ordering::SeqCst);
        };
        fail();
        client.get(&key).fails_with(ResultReason::GeneralFailure);
        fail();
        client.attributes(&key);
        let failing = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
            .item(Operation::Get, &get(Some(&key)))
            .item(Operation::Get, &get(Some("nobody")));
        fail();
        for answer in client.send(failing).items {
            assert!(answer.payload.is_none(), "{version}: nothing is released");
        }
        client.object(&key);
    }
}
