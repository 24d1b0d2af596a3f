//! One entry in the log per operation, whatever became of it, and never a key in it.

use audit::{Action, Outcome};
use kmip::attribute::Attribute;
use kmip::enumerations::{BatchErrorContinuationOption, RevocationReasonCode};
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;

use crate::client::{activate, add, aes, create, destroy, get, name, register};
use crate::objects::{KEY, secret_data, symmetric_key};
use crate::server::{START, Server, VERSIONS};

fn entries(server: &Server) -> Vec<(Operation, Vec<String>, Outcome)> {
    let entry = |record: audit::AuditRecord| match record.action {
        Action::Operation(code) => (Operation(code), record.identifiers, record.outcome),
        Action::Administrative(text) | Action::Message(text) => panic!("{text}"),
    };
    server.log().into_iter().map(entry).collect()
}

#[test]
fn every_operation_leaves_one_entry() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let failed = |reason: ResultReason| Outcome::Failure(reason.at(version).0);
        let mut expected = Vec::new();
        let key = client.create(aes());
        let id = vec![key.clone()];
        expected.push((Operation::Create, id.clone(), Outcome::Success));
        client.object(&key);
        expected.push((Operation::Get, id.clone(), Outcome::Success));
        client.attributes(&key);
        expected.push((Operation::GetAttributes, id.clone(), Outcome::Success));
        client.activate(&key).unwrap();
        expected.push((Operation::Activate, id.clone(), Outcome::Success));
        client.destroy(&key).unwrap_err();
        expected.push((Operation::Destroy, id.clone(), failed(ResultReason::WrongKeyLifecycleState)));
        client.revoke(&key, RevocationReasonCode::Superseded).unwrap();
        expected.push((Operation::Revoke, id.clone(), Outcome::Success));
        client.add(&key, name("n")).unwrap();
        expected.push((Operation::AddAttribute, id.clone(), Outcome::Success));
        let (private, public) = client.create_key_pair();
        expected.push((Operation::CreateKeyPair, vec![public, private], Outcome::Success));
        client.get("nobody").fails_with(ResultReason::ObjectNotFound);
        expected.push((Operation::Get, vec!["nobody".to_owned()], failed(ResultReason::ObjectNotFound)));
        client.ask(Operation::Certify, &get(None));
        expected.push((Operation::Certify, vec![], failed(ResultReason::OperationNotSupported)));
        client.destroy(&key).unwrap();
        expected.push((Operation::Destroy, id, Outcome::Success));
        assert_eq!(entries(&server), expected, "{version}");
        for record in server.log() {
            assert_eq!(record.actor, "fred");
            assert_eq!(record.peer.as_deref(), Some("192.0.2.1:5696"));
            assert_eq!(record.time_us.div_euclid(1_000_000), START);
        }
        server.client("barney", version).get(&expected[0].1[0]).fails_with(ResultReason::PermissionDenied);
        let last = server.log().pop().unwrap();
        assert_eq!((last.actor.as_str(), last.outcome), ("barney", failed(ResultReason::PermissionDenied)), "{version}");
    }
}

#[test]
fn items_of_a_batch_have_entries_of_their_own() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let three = |option| {
            crate::client::Request::new(version)
                .header(|header| header.batch_error_continuation_option = Some(option))
                .item(Operation::Create, &create(aes()))
                .item(Operation::Get, &get(Some("nobody")))
                .item(Operation::Create, &create(aes()))
        };
        let failed = Outcome::Failure(ResultReason::ObjectNotFound.at(version).0);
        let mut expected = Vec::new();
        for (option, outcomes) in [
            (BatchErrorContinuationOption::Stop, vec![Outcome::Success, failed]),
            (BatchErrorContinuationOption::Continue, vec![Outcome::Success, failed, Outcome::Success]),
            (BatchErrorContinuationOption::Undo, vec![Outcome::Undone, failed]),
        ] {
            client.send(three(option));
            expected.extend(outcomes);
            let outcomes: Vec<Outcome> = entries(&server).into_iter().map(|(_, _, outcome)| outcome).collect();
            assert_eq!(outcomes, expected, "{version} {option:?}");
        }
        let request = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
            .item(Operation::Create, &create(aes()))
            .item(Operation::Activate, &activate(None));
        client.send(request);
        assert_eq!(server.log().len(), expected.len() + 2, "{version}: kept changes of Undo are logged too");
    }
}

#[test]
fn refused_messages_are_logged_item_by_item() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client
            .request()
            .header(|header| header.maximum_response_size = Some(-1))
            .item(Operation::Create, &create(aes()))
            .item(Operation::Destroy, &destroy(None));
        client.send(request);
        let failed = Outcome::Failure(ResultReason::InvalidField.at(version).0);
        let expected = [(Operation::Create, vec![], failed), (Operation::Destroy, vec![], failed)];
        assert_eq!(entries(&server), expected, "{version}");
    }
}

#[test]
fn no_entry_holds_a_key() {
    let holds = |bytes: &[u8]| {
        let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        let upper = hex.to_uppercase();
        [KEY.as_slice(), hex.as_bytes(), upper.as_bytes()]
            .iter()
            .any(|needle| bytes.windows(needle.len()).any(|window| window == *needle))
    };
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.register(symmetric_key(), vec![]);
        assert!(holds(&server.record(&key).unwrap().body), "the control: the record, before the store seals it, holds the key");
        client.object(&key);
        let request = register(secret_data(), vec![Attribute::CryptographicLength(-1)]);
        client.ask(Operation::Register, &request).fails_with(ResultReason::InvalidAttributeValue);
        client.add(&key, name("n")).unwrap();
        client.ask(Operation::AddAttribute, &add(Some(&key), name("n")));
        client.destroy(&key).unwrap();
        assert_eq!(server.raw_log().len(), 6);
        for entry in server.raw_log() {
            assert!(!holds(&entry), "{version}");
        }
    }
}

#[test]
fn what_the_server_logs_of_a_response_holds_no_key_either() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client.request().item(Operation::Register, &register(symmetric_key(), vec![])).bytes();
        // The same message, damaged at every byte: whatever the server says about it, it does not repeat the key.
        for at in 0..request.len() {
            let mut damaged = request.clone();
            damaged[at] ^= 0x41;
            let response = crate::server::block_on(server.engine.handle(&mut client.session, &damaged));
            let said = format!("{:?}", response.items);
            assert!(!said.contains("key bytes which"), "{version}: {said}");
            let answered = String::from_utf8_lossy(&response.bytes);
            assert!(!answered.contains("key bytes which"), "{version}: {answered}");
        }
    }
}

#[test]
fn a_search_names_the_few_it_found_and_not_the_many() {
    let server = Server::new();
    let mut client = server.client("fred", VERSIONS[0]);
    let last = |client: &mut crate::client::Client<'_>| {
        let found = client.locate(vec![]).len();
        (found, server.log().pop().unwrap().identifiers.len())
    };
    assert_eq!(last(&mut client), (0, 0));
    for _ in 0..16 {
        client.create(aes());
    }
    assert_eq!(last(&mut client), (16, 16));
    client.create(aes());
    assert_eq!(last(&mut client), (17, 0));
}
