//! What fails underneath: conflicts are tried again, panics and broken stores fail one item, and nothing is answered that could
//! not be recorded.

use std::sync::atomic::Ordering;

use kmip::enumerations::{BatchErrorContinuationOption, ResultStatus, State};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::create_key_pair::CreateKeyPairResponse;
use kmip::payload::query::QueryRequest;
use kmip::result_reason::ResultReason;

use crate::client::{activate, add, aes, create, create_key_pair, destroy, get, name};
use crate::objects::symmetric_key;
use crate::server::{Server, VERSIONS};

#[test]
fn conflicts_are_tried_again_and_slow_work_is_not_repeated() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        server.trouble.conflicts.store(5, Ordering::SeqCst);
        let key = client.create(aes());
        assert_eq!(server.trouble.conflicts.load(Ordering::SeqCst), 0);
        server.trouble.conflicts.store(5, Ordering::SeqCst);
        client.create_key_pair();
        assert_eq!(server.trouble.worked.load(Ordering::SeqCst), 1, "{version}: the pair was made once");
        assert_eq!(server.objects(), 3);
        server.trouble.conflicts.store(5, Ordering::SeqCst);
        client.activate(&key).unwrap();
        assert_eq!(client.state(&key), State::Active);
        assert_eq!(server.log().len(), 4, "{version}: one entry per operation, however often it was tried");
    }
}

#[test]
fn conflicts_without_end_fail() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        server.trouble.conflicts.store(10_000, Ordering::SeqCst);
        client.ask(Operation::Create, &create(aes())).fails_with(ResultReason::GeneralFailure);
        let request = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
            .item(Operation::Create, &create(aes()))
            .item(Operation::Activate, &activate(None));
        let answers = client.send(request).items;
        assert_eq!(answers.len(), 2);
        answers.iter().for_each(|answer| answer.fails_with(ResultReason::GeneralFailure));
        assert!(server.trouble.conflicts.load(Ordering::SeqCst) > 9_000, "the number of tries has a limit");
        server.trouble.conflicts.store(0, Ordering::SeqCst);
        assert_eq!(server.objects(), 0, "{version}");
        client.create(aes());
    }
}

#[test]
fn a_batch_with_undo_is_tried_again_as_a_whole() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        server.trouble.conflicts.store(3, Ordering::SeqCst);
        let request = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
            .item(Operation::Create, &create(crate::client::aes_and([name("once")])))
            .item(Operation::Activate, &activate(None));
        let answers = client.send(request).items;
        assert!(answers.iter().all(|answer| answer.status == ResultStatus::Success), "{version}");
        let made = answers[0].ok::<CreateResponse>().unique_identifier.0;
        assert_eq!(client.state(&made), State::Active);
        assert_eq!(server.objects(), 1, "{version}");
    }
}

#[test]
fn what_cannot_be_recorded_is_not_answered() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.register(symmetric_key(), vec![]);
        client.object(&key);
        server.trouble.read_only.store(true, Ordering::SeqCst);
        client.get(&key).fails_with(ResultReason::GeneralFailure);
        client.ask(Operation::Create, &create(aes())).fails_with(ResultReason::GeneralFailure);
        client.ask(Operation::Destroy, &destroy(Some(&key))).fails_with(ResultReason::GeneralFailure);
        client.ask(Operation::AddAttribute, &add(Some(&key), name("n"))).fails_with(ResultReason::GeneralFailure);
        let undo = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
            .item(Operation::Create, &create(aes()))
            .item(Operation::Get, &get(Some(&key)));
        client.send(undo).items.iter().for_each(|answer| answer.fails_with(ResultReason::GeneralFailure));
        // What failed before it came to the store says so.
        client.get("nobody").fails_with(ResultReason::ObjectNotFound);
        server.trouble.read_only.store(false, Ordering::SeqCst);
        assert_eq!(server.objects(), 1, "{version}");
        client.object(&key);
        assert_eq!(client.attributes(&key).name(), None);
    }
}

#[test]
fn a_full_disk_keeps_no_key_from_its_owner() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        // Never fetched before: the first Get would write that it is no longer fresh.
        let key = client.register(symmetric_key(), vec![]);
        server.trouble.full.store(true, Ordering::SeqCst);
        let before = server.log().len();
        client.object(&key);
        assert_eq!(server.log().len(), before + 1, "{version}: the release is logged all the same");
        client.ask(Operation::Create, &create(aes())).fails_with(ResultReason::GeneralFailure);
        client.ask(Operation::Destroy, &destroy(Some(&key))).fails_with(ResultReason::GeneralFailure);
        server.trouble.full.store(false, Ordering::SeqCst);
        client.object(&key);
        assert_eq!(server.objects(), 1, "{version}");
    }
}

#[test]
fn a_panic_fails_one_item() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        server.trouble.panic.store(true, Ordering::SeqCst);
        let request = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue))
            .item(Operation::Create, &create(aes()))
            .item(Operation::CreateKeyPair, &create_key_pair())
            .item(Operation::Get, &get(Some(&key)))
            .item(Operation::Query, &QueryRequest { query_functions: vec![], object_groups: None });
        let answers = client.send(request).items;
        answers[0].fails_with(ResultReason::GeneralFailure);
        answers[1].fails_with(ResultReason::GeneralFailure);
        assert_eq!([answers[2].status, answers[3].status], [ResultStatus::Success; 2], "{version}");
        server.trouble.panic.store(false, Ordering::SeqCst);
        assert_eq!(server.objects(), 1, "{version}");
        client.create(aes());
        assert_eq!(server.log().len(), 6);
    }
}

#[test]
fn work_that_nobody_does_fails() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        server.trouble.idle.store(true, Ordering::SeqCst);
        client.ask(Operation::CreateKeyPair, &create_key_pair()).fails_with(ResultReason::GeneralFailure);
        assert_eq!(server.objects(), 0, "{version}");
        server.trouble.idle.store(false, Ordering::SeqCst);
        client.ask(Operation::CreateKeyPair, &create_key_pair()).ok::<CreateKeyPairResponse>();
    }
}
