//! A clock that is ten years ahead, ten years behind, that jumps or stands still: states follow the dates, and nothing is stuck.

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{RevocationReasonCode, State};
use kmip::operation::Operation;
use kmip::payload::locate::LocateResponse;
use store::Store as _;

use crate::client::{Client, aes, aes_and, locate, name};
use crate::server::{START, Server, VERSIONS, block_on};

const TEN_YEARS: i64 = 10 * 365 * 86_400;

/// A whole life; the clock is `now`.
fn live(client: &mut Client<'_>, now: i64) {
    let version = client.version;
    let key = client.create(aes());
    let attributes = client.attributes(&key);
    assert_eq!(attributes.initial_date(), Some(&DateTime(now)), "{version}");
    assert_eq!(attributes.last_change_date(), Some(&DateTime(now)), "{version}");
    assert!(client.locate(vec![Attribute::InitialDate(DateTime(now))]).contains(&key), "{version}");
    client.activate(&key).unwrap();
    assert_eq!(client.attributes(&key).activation_date(), Some(&DateTime(now)), "{version}");
    assert_eq!(client.state(&key), State::Active, "{version}: a date is reached in its own second");
    client.object(&key);
    client.add(&key, name(&format!("name of {key}"))).unwrap();
    client.revoke(&key, RevocationReasonCode::Superseded).unwrap();
    assert_eq!(client.state(&key), State::Deactivated, "{version}");
    client.destroy(&key).unwrap();
    assert_eq!(client.attributes(&key).destroy_date(), Some(&DateTime(now)), "{version}");
}

/// The log has every sequence number once, whatever the times in it are.
fn check_log(server: &Server) {
    let log = block_on(server.engine.store().read_log(1, usize::MAX)).unwrap();
    assert!(!log.is_empty() && log.iter().map(|record| record.sequence).eq(1..=log.len() as u64));
}

#[test]
fn lives_are_whole_whatever_the_clock_says() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        // Ahead, behind, before 1970, and as far as a clock of micro-seconds goes.
        let ends = [i64::MAX / 1_000_000, i64::MIN / 1_000_000];
        for now in [START + TEN_YEARS, START - TEN_YEARS, START, 0, -1, START, ends[0], ends[1], START] {
            server.set_time(now);
            live(&mut client, now);
            // And once more in the same second.
            live(&mut client, now);
        }
        check_log(&server);
    }
}

#[test]
fn an_object_of_the_future_is_at_its_owners_command_when_the_clock_is_put_right() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        server.set_time(START + TEN_YEARS);
        let active = client.create(aes());
        client.activate(&active).unwrap();
        let deactivated = client.create(aes());
        client.activate(&deactivated).unwrap();
        client.revoke(&deactivated, RevocationReasonCode::Superseded).unwrap();
        let compromised = client.create(aes());
        client.revoke(&compromised, RevocationReasonCode::KeyCompromise).unwrap();
        let destroyed = client.create(aes());
        client.destroy(&destroyed).unwrap();

        server.set_time(START);
        // A date that has not come yet has not come: the state follows the dates (2.1, section 4.57).
        assert_eq!(client.state(&active), State::PreActive, "{version}");
        assert_eq!(client.state(&deactivated), State::PreActive, "{version}");
        // What is compromised or destroyed stays so.
        assert_eq!(client.state(&compromised), State::Compromised, "{version}");
        assert_eq!(client.state(&destroyed), State::Destroyed, "{version}");
        assert_eq!(client.locate(vec![Attribute::State(State::PreActive)]).len(), 2, "{version}");
        assert_eq!(client.locate(vec![Attribute::State(State::Active)]).len(), 0, "{version}");
        assert_eq!(client.locate(vec![Attribute::State(State::Compromised)]), [compromised.as_str()], "{version}");

        client.activate(&active).unwrap();
        assert_eq!(client.attributes(&active).activation_date(), Some(&DateTime(START)), "{version}");
        assert_eq!(client.attributes(&active).last_change_date(), Some(&DateTime(START)), "{version}");
        client.revoke(&active, RevocationReasonCode::Superseded).unwrap();
        client.destroy(&active).unwrap();
        client.revoke(&deactivated, RevocationReasonCode::Superseded).unwrap();
        assert_eq!(client.state(&deactivated), State::Deactivated, "{version}");
        client.destroy(&deactivated).unwrap();
        client.destroy(&compromised).unwrap();
        check_log(&server);
    }
}

#[test]
fn dates_come_true_in_a_jump() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let date = |seconds| DateTime(START + seconds);
        let key = client.create(aes_and([Attribute::ActivationDate(date(100)), Attribute::DeactivationDate(date(200))]));
        for (now, expected) in [
            (START, State::PreActive),
            (START + TEN_YEARS, State::Deactivated),
            (START + 150, State::Active),
            (START - TEN_YEARS, State::PreActive),
            (START + 200, State::Deactivated),
        ] {
            server.set_time(now);
            assert_eq!(client.state(&key), expected, "{version} {now}");
            assert_eq!(client.locate(vec![Attribute::State(expected)]), [key.as_str()], "{version} {now}");
        }
    }
}

#[test]
fn the_order_of_a_locate_is_that_of_creation_not_of_the_clock() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut made = Vec::new();
        for now in [START, START + TEN_YEARS, START - TEN_YEARS, START, START] {
            server.set_time(now);
            made.push(client.create(aes()));
        }
        made.reverse();
        assert_eq!(client.locate(vec![]), made, "{version}");
        if version >= ProtocolVersion::V1_3 {
            let mut request = locate(version, vec![]);
            (request.maximum_items, request.offset_items) = (Some(2), Some(2));
            let page: LocateResponse = client.ask(Operation::Locate, &request).ok();
            let page: Vec<String> = page.unique_identifiers.into_iter().map(|identifier| identifier.0).collect();
            assert_eq!(page, made[2..4], "{version}");
        }
    }
}
