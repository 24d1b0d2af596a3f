//! Asynchronous requests when something goes wrong or happens at the same time: restarts, collisions, stores that fail, many at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dispatcher::{AsynchronousSettings, Settings};
use kmip::ProtocolVersion;
use kmip::codec::ByteString;
use kmip::enumerations::{BatchErrorContinuationOption, CancellationResult, ProcessingStage, ResultStatus};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::get::GetResponse;
use kmip::payload::locate::LocateResponse;
use kmip::result_reason::ResultReason;

use crate::asynchronous::{cancel, mandatory, outstanding, poll_answer, process, submit, work};
use crate::client::{activate, aes, aes_and, create, create_key_pair, get, locate, name};
use crate::server::{START, Server, block_on};

const V2: ProtocolVersion = ProtocolVersion::V2_1;

#[test]
fn what_is_cancelled_while_a_worker_has_it_is_not_done() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::CreateKeyPair, &create_key_pair());
    let value = submit(&mut client, request).remove(0);
    // The key is being generated when the client changes its mind.
    let cancelled = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        let (server, value, cancelled) = (&server, &value, &cancelled);
        *server.trouble.meanwhile.lock().unwrap() = Some(Box::new({
            let (started, begun) = std::sync::mpsc::channel();
            let (done, ended) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                begun.recv().unwrap();
                let mut client = server.client("fred", V2);
                let stage = outstanding(&mut client)[0].processing_stage;
                *cancelled.lock().unwrap() = Some((stage, cancel(&mut client, value)));
                done.send(()).unwrap();
            });
            move || {
                started.send(()).unwrap();
                ended.recv().unwrap();
            }
        }));
        work(server);
    });
    assert_eq!(*cancelled.lock().unwrap(), Some((ProcessingStage::InProcess, CancellationResult::Canceled)));
    assert!(client.locate(vec![]).is_empty());
    poll_answer(&mut client, &value).fails_with(ResultReason::OperationCanceledByRequester);
}

#[test]
fn a_request_survives_the_end_of_its_server_and_is_done_once() {
    let servers = Server::several(3);
    let mut client = servers[0].client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes_and([name("one")]))).item(Operation::Get, &get(None));
    let first = submit(&mut client, request);
    let request = client.request().item(Operation::Create, &create(aes_and([name("two")])));
    let second = submit(&mut client, request);
    work(&servers[0]);
    let request = client.request().item(Operation::Create, &create(aes_and([name("three")])));
    let third = submit(&mut client, request);
    // The first server is gone, the next one begins.
    assert_eq!(block_on(servers[1].engine.resume()).unwrap(), 4);
    assert_eq!(work(&servers[1]), 1);
    // And so does another, which finds nothing to do, although it was told of everything.
    assert_eq!(block_on(servers[2].engine.resume()).unwrap(), 4);
    assert_eq!(work(&servers[2]), 0);
    let mut client = servers[2].client("fred", V2);
    let key = poll_answer(&mut client, &first[0]).ok::<CreateResponse>().unique_identifier.0;
    assert_eq!(poll_answer(&mut client, &first[1]).ok::<GetResponse>().unique_identifier.0, key);
    poll_answer(&mut client, &second[0]).ok::<CreateResponse>();
    poll_answer(&mut client, &third[0]).ok::<CreateResponse>();
    for text in ["one", "two", "three"] {
        assert_eq!(client.locate(vec![name(text)]).len(), 1, "{text}");
    }
}

#[test]
fn two_servers_that_have_the_same_request_do_it_once() {
    let servers = Server::several(2);
    let mut client = servers[0].client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes()));
    let value = submit(&mut client, request).remove(0);
    block_on(servers[1].engine.resume()).unwrap();
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| work(server));
        }
    });
    let key = poll_answer(&mut client, &value).ok::<CreateResponse>().unique_identifier.0;
    assert_eq!(client.locate(vec![]), [key]);
}

#[test]
fn a_batch_goes_on_where_it_was_left() {
    let servers = Server::several(2);
    let mut client = servers[0].client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes())).item(Operation::Activate, &activate(None));
    let values = submit(&mut client, request);
    // The store takes the first result and no further one.
    servers[0].trouble.commits_left.store(1, Ordering::SeqCst);
    work(&servers[0]);
    let key = poll_answer(&mut servers[1].client("fred", V2), &values[0]).ok::<CreateResponse>().unique_identifier.0;
    assert_eq!(poll_answer(&mut servers[1].client("fred", V2), &values[1]).status, ResultStatus::OperationPending);
    block_on(servers[1].engine.resume()).unwrap();
    work(&servers[1]);
    let mut client = servers[1].client("fred", V2);
    assert_eq!(poll_answer(&mut client, &values[1]).status, ResultStatus::Success, "the ID Placeholder was kept");
    assert_eq!(client.state(&key), kmip::enumerations::State::Active);
}

#[test]
fn what_collides_is_done_again_and_slow_work_is_not() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::CreateKeyPair, &create_key_pair());
    let value = submit(&mut client, request).remove(0);
    server.trouble.conflicts.store(5, Ordering::SeqCst);
    assert_eq!(work(&server), 1);
    assert_eq!(server.trouble.worked.load(Ordering::SeqCst), 1);
    assert_eq!(poll_answer(&mut client, &value).status, ResultStatus::Success);
    assert_eq!(client.locate(vec![]).len(), 2);
}

#[test]
fn a_store_that_takes_nothing_only_delays_a_request() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes()));
    let value = submit(&mut client, request).remove(0);
    server.trouble.read_only.store(true, Ordering::SeqCst);
    assert_eq!(work(&server), 0);
    let refused = client.request().item(Operation::Create, &create(aes()));
    client.send(mandatory(refused)).items[0].fails_with(ResultReason::GeneralFailure);
    server.trouble.read_only.store(false, Ordering::SeqCst);
    assert_eq!(work(&server), 1);
    poll_answer(&mut client, &value).ok::<CreateResponse>();
    assert_eq!(server.engine.asynchronous_requests(), 1, "what was refused takes no place");
    // A result is given out although the disk is full.
    let request = client.request().item(Operation::Locate, &locate(V2, vec![]));
    let value = submit(&mut client, request).remove(0);
    work(&server);
    server.trouble.full.store(true, Ordering::SeqCst);
    poll_answer(&mut client, &value).ok::<LocateResponse>();
}

#[test]
fn a_panic_fails_the_request_and_leaves_the_worker_alone() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let mut begin = || {
        let request = client.request().item(Operation::Create, &create(aes()));
        submit(&mut client, request).remove(0)
    };
    let (first, second) = (begin(), begin());
    server.trouble.panicking_commits.store(1, Ordering::SeqCst);
    assert_eq!(work(&server), 2);
    poll_answer(&mut client, &first).fails_with(ResultReason::GeneralFailure);
    poll_answer(&mut client, &second).ok::<CreateResponse>();
    // Where even that cannot be written, it is tried again.
    let third = {
        let request = client.request().item(Operation::Create, &create(aes()));
        submit(&mut client, request).remove(0)
    };
    server.trouble.panicking_commits.store(2, Ordering::SeqCst);
    assert_eq!(work(&server), 0);
    assert_eq!(work(&server), 1);
    poll_answer(&mut client, &third).ok::<CreateResponse>();
    assert_eq!(client.locate(vec![]).len(), 2);
}

#[test]
fn a_worker_does_other_requests_while_one_waits_for_another_try() {
    let server = Arc::new(Server::new());
    let mut client = server.client("fred", V2);
    let mut begin = || {
        let request = client.request().item(Operation::Create, &create(aes()));
        submit(&mut client, request).remove(0)
    };
    let values = [begin(), begin()];
    // Both attempts of the first: its own and that to give it up.
    server.trouble.panicking_commits.store(2, Ordering::SeqCst);
    let worker = Arc::clone(&server);
    std::thread::spawn(move || block_on(worker.engine.work()));
    for value in &values {
        let begun = std::time::Instant::now();
        while poll_answer(&mut client, value).status == ResultStatus::OperationPending {
            assert!(begun.elapsed().as_secs() < 30, "no worker does it");
            std::thread::yield_now();
        }
        poll_answer(&mut client, value).ok::<CreateResponse>();
    }
    assert!(server.trouble.slept_ms.load(Ordering::SeqCst) >= 5_000, "it waited for its next try");
}

#[test]
fn workers_wait_for_requests_and_do_them() {
    let server = Arc::new(Server::new());
    let mut client = server.client("fred", V2);
    let mut values = Vec::new();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    for _ in 0..2 {
        let server = Arc::clone(&server);
        // They never end: the process does.
        std::thread::spawn(move || block_on(server.engine.work()));
    }
    for _ in 0..20 {
        let request = client.request().item(Operation::Create, &create(aes()));
        values.extend(submit(&mut client, request));
    }
    for value in &values {
        let begun = std::time::Instant::now();
        while poll_answer(&mut client, value).status == ResultStatus::OperationPending {
            assert!(begun.elapsed().as_secs() < 30, "no worker does it");
            std::thread::yield_now();
        }
        poll_answer(&mut client, value).ok::<CreateResponse>();
    }
    drop((stop, stopped));
    assert_eq!(client.locate(vec![]).len(), 20);
}

#[test]
fn a_commit_whose_outcome_is_unknown_is_found_out() {
    for (made, lost) in [(1, 0), (0, 1), (0, 3), (1, 2)] {
        let server = Server::new();
        let mut client = server.client("fred", V2);
        let request = client.request().item(Operation::CreateKeyPair, &create_key_pair());
        let value = submit(&mut client, request).remove(0);
        server.trouble.unknown_made.store(made, Ordering::SeqCst);
        server.trouble.unknown_lost.store(lost, Ordering::SeqCst);
        assert_eq!(work(&server), 1);
        assert_eq!(poll_answer(&mut client, &value).status, ResultStatus::Success, "{made} {lost}");
        assert_eq!(client.locate(vec![]).len(), 2, "{made} {lost}: done once");
        assert_eq!(server.trouble.worked.load(Ordering::SeqCst), 1);
    }
}

/// Workers, pollers, cancellers and those that want it now: each request is done once or never, and everybody is told the same.
#[test]
fn many_at_once_agree_on_what_became_of_each_request() {
    const CLIENTS: usize = 4;
    const REQUESTS: usize = 24;
    let server = Server::new();
    let all: std::sync::Mutex<Vec<(String, ByteString)>> = std::sync::Mutex::default();
    let said_canceled: std::sync::Mutex<Vec<ByteString>> = std::sync::Mutex::default();
    let submitting = std::sync::atomic::AtomicUsize::new(CLIENTS);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (server, all, said_canceled, submitting) = (&server, &all, &said_canceled, &submitting);
            scope.spawn(move || {
                let mut client = server.client("fred", V2);
                for turn in 0..REQUESTS {
                    let text = format!("{number}-{turn}");
                    let request = client.request().item(Operation::Create, &create(aes_and([name(&text)])));
                    let value = submit(&mut client, request).remove(0);
                    // What is left over is for the workers alone.
                    if turn % 4 == 0 && cancel(&mut client, &value) == CancellationResult::Canceled {
                        said_canceled.lock().unwrap().push(value.clone());
                    } else if turn % 4 == 1 {
                        let done = process(&mut client, &value);
                        assert!(matches!(done, Ok(_) | Err(ResultReason::DuplicateProcessRequest)), "{done:?}");
                        assert_ne!(poll_answer(&mut client, &value).status, ResultStatus::OperationPending);
                    } else if turn % 4 == 2 {
                        poll_answer(&mut client, &value);
                    }
                    all.lock().unwrap().push((text, value));
                }
                submitting.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for _ in 0..3 {
            let (server, submitting) = (&server, &submitting);
            scope.spawn(move || {
                while submitting.load(Ordering::SeqCst) > 0 {
                    work(server);
                    std::thread::yield_now();
                }
            });
        }
    });
    work(&server);
    let mut client = server.client("fred", V2);
    let all = all.into_inner().unwrap();
    assert_eq!(all.len(), CLIENTS * REQUESTS);
    let said_canceled = said_canceled.into_inner().unwrap();
    for (text, value) in all {
        let answer = poll_answer(&mut client, &value);
        let found = client.locate(vec![name(&text)]);
        if said_canceled.contains(&value) {
            answer.fails_with(ResultReason::OperationCanceledByRequester);
            assert!(found.is_empty(), "{text}");
        } else {
            assert_eq!(found, [answer.ok::<CreateResponse>().unique_identifier.0], "{text}");
        }
    }
    assert!(outstanding(&mut client).is_empty());
}

#[test]
fn a_request_whose_processing_failed_waits_for_a_worker_again() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let request = client.request().item(Operation::Create, &create(aes()));
    let value = submit(&mut client, request).remove(0);
    server.trouble.read_only.store(true, Ordering::SeqCst);
    process(&mut client, &value).unwrap_err();
    server.trouble.read_only.store(false, Ordering::SeqCst);
    assert_eq!(work(&server), 1);
    poll_answer(&mut client, &value).ok::<CreateResponse>();
}

#[test]
fn what_was_cancelled_around_an_item_is_not_removed_before_that_is_done() {
    let asynchronous = AsynchronousSettings { keep_s: 60, ..AsynchronousSettings::default() };
    let server = Server::with(Settings { asynchronous, ..Settings::default() });
    let mut client = server.client("fred", V2);
    let mut request = client.request();
    for _ in 0..3 {
        request = request.item(Operation::Create, &create(aes()));
    }
    let continuation = Some(BatchErrorContinuationOption::Continue);
    let values = submit(&mut client, request.header(|header| header.batch_error_continuation_option = continuation));
    for value in [&values[0], &values[2]] {
        assert_eq!(cancel(&mut client, value), CancellationResult::Canceled);
    }
    server.set_time(START + 61);
    block_on(server.engine.sweep()).unwrap();
    work(&server);
    poll_answer(&mut client, &values[1]).ok::<CreateResponse>();
    assert_eq!(block_on(server.engine.sweep()).unwrap(), 2);
}
