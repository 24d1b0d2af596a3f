//! Login, Delegated Login, Logout, and what requests with a ticket may do.

use std::sync::atomic::Ordering;

use dispatcher::{Settings, TicketSettings};
use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::codec::{DateTime, Interval};
use kmip::credential::{Authentication, Credential, SecretText, Ticket, TicketCredential, UsernameAndPassword};
use kmip::enumerations::{
    AsynchronousIndicator, BatchErrorContinuationOption, QueryFunction, ResultStatus, TicketType, UsageLimitsUnit,
};
use kmip::message::AsynchronousPreference;
use kmip::operation::Operation;
use kmip::payload::delegated_login::{DelegatedLoginRequest, DelegatedLoginResponse};
use kmip::payload::get::GetResponse;
use kmip::payload::locate::LocateResponse;
use kmip::payload::login::{LoginRequest, LoginResponse, TicketLease};
use kmip::payload::logout::{LogoutRequest, LogoutResponse};
use kmip::payload::query::QueryRequest;
use kmip::payload::query_asynchronous_requests::QueryAsynchronousRequestsRequest;
use kmip::payload::set_constraints::SetConstraintsRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::{Constraints, ObjectGroups, Objects, Operations, Right, Rights, UsageLimits};

use crate::client::{
    Answer, Client, Request, activate, aes, aes_and, create, destroy, get, get_attributes, locate, name, register,
};
use crate::objects::symmetric_key;
use crate::server::{START, Server};

const V2: ProtocolVersion = ProtocolVersion::V2_1;

pub(crate) fn login() -> LoginRequest {
    LoginRequest { lease_time: None, request_count: None, usage_limits: None }
}

fn delegation(rights: Vec<Right>) -> DelegatedLoginRequest {
    DelegatedLoginRequest { lease_time: None, request_count: None, usage_limits: None, rights: Rights { rights } }
}

pub(crate) fn log_in(client: &mut Client<'_>, request: &LoginRequest) -> Ticket {
    let ticket = client.ask(Operation::Login, request).ok::<LoginResponse>().ticket;
    assert_eq!(ticket.ticket_type, TicketType::Login);
    ticket
}

pub(crate) fn delegate(client: &mut Client<'_>, rights: Vec<Right>) -> Ticket {
    client.ask(Operation::DelegatedLogin, &delegation(rights)).ok::<DelegatedLoginResponse>().ticket
}

fn with(request: Request, ticket: &Ticket) -> Request {
    let credentials = vec![Credential::Ticket(TicketCredential { ticket: ticket.clone() })];
    request.header(|header| header.authentication = Some(Authentication { credentials }))
}

/// One item with a ticket.
pub(crate) fn ask(client: &mut Client<'_>, ticket: &Ticket, operation: Operation, payload: &impl kmip::codec::Value) -> Answer {
    let request = with(client.request().item(operation, payload), ticket);
    client.send(request).items.remove(0)
}

fn operations(operations: &[Operation]) -> Option<Operations> {
    Some(Operations { operations: operations.to_vec() })
}

pub(crate) fn objects(identifiers: &[&str]) -> Option<Objects> {
    Some(Objects { unique_identifiers: identifiers.iter().map(|identifier| (*identifier).into()).collect() })
}

fn limit(total: i64) -> Option<UsageLimits> {
    let unit = UsageLimitsUnit::Object;
    Some(UsageLimits { usage_limits_total: total, usage_limits_count: Some(total), usage_limits_unit: unit })
}

#[test]
fn a_ticket_acts_as_its_client_over_any_connection() {
    for version in [ProtocolVersion::V2_0, V2] {
        let server = Server::new();
        let mut fred = server.client("fred", version);
        let key = fred.create(aes());
        let ticket = log_in(&mut fred, &login());
        let mut other = server.client("gateway", version);
        other.get(&key).fails_with(ResultReason::PermissionDenied);
        assert_eq!(ask(&mut other, &ticket, Operation::Get, &get(Some(&key))).ok::<GetResponse>().unique_identifier.0, key);
        let made = ask(&mut other, &ticket, Operation::Create, &create(aes()));
        assert_eq!(made.status, ResultStatus::Success);
        assert_eq!(fred.locate(vec![]).len(), 2, "{version}: what it makes is its client's");
        // The next request of the connection is the certificate's again.
        assert!(other.locate(vec![]).is_empty());
        assert_eq!(fred.ask(Operation::Logout, &LogoutRequest { ticket: ticket.clone() }).status, ResultStatus::Success);
        ask(&mut other, &ticket, Operation::Get, &get(Some(&key))).fails_with(ResultReason::InvalidTicket);
        fred.ask(Operation::Logout, &LogoutRequest { ticket }).fails_with(ResultReason::InvalidTicket);
    }
}

#[test]
fn a_ticket_belongs_to_the_user_of_the_credential_it_was_obtained_with() {
    let server = Server::new();
    let mut client = server.client("gateway", V2);
    let wilma = Credential::UsernameAndPassword(UsernameAndPassword {
        username: "wilma".to_owned(),
        password: Some(SecretText(Secret::from_slice(b"password of wilma"))),
    });
    let authentication = |credentials: Vec<Credential>| Some(Authentication { credentials });
    let request = client.request().header(|header| header.authentication = authentication(vec![wilma.clone()]));
    let ticket = client.send(request.item(Operation::Login, &login())).items[0].ok::<LoginResponse>().ticket;
    assert_eq!(ask(&mut client, &ticket, Operation::Create, &create(aes())).status, ResultStatus::Success);
    assert_eq!(server.client("wilma", V2).locate(vec![]).len(), 1);
    // Several credentials are all good or none: the ticket and its user's password agree, another's does not.
    let shown = Credential::Ticket(TicketCredential { ticket: ticket.clone() });
    let request = client.request().header(|header| header.authentication = authentication(vec![wilma, shown.clone()]));
    assert_eq!(client.send(request.item(Operation::Locate, &locate(V2, vec![]))).items[0].status, ResultStatus::Success);
    let fred = Credential::UsernameAndPassword(UsernameAndPassword {
        username: "fred".to_owned(),
        password: Some(SecretText(Secret::from_slice(b"password of fred"))),
    });
    let request = client.request().header(|header| header.authentication = authentication(vec![fred, shown]));
    client.send(request.item(Operation::Locate, &locate(V2, vec![]))).items[0]
        .fails_with(ResultReason::AuthenticationNotSuccessful);
    // Whoever is removed has no use of what the password was good for; a ticket of a certificate goes on.
    let of_certificate = log_in(&mut client, &login());
    server.users_changed();
    ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![])).fails_with(ResultReason::InvalidTicket);
    let answer = ask(&mut client, &of_certificate, Operation::Locate, &locate(V2, vec![]));
    assert_eq!(answer.status, ResultStatus::Success);
}

#[test]
fn only_the_whole_ticket_is_one() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let ticket = log_in(&mut client, &login());
    let value = ticket.ticket_value.expose().to_vec();
    assert!(value.len() >= 32);
    let mut wrong: Vec<Vec<u8>> = (0..value.len())
        .map(|at| {
            let mut other = value.clone();
            other[at] ^= 1;
            other
        })
        .collect();
    wrong.extend([vec![], value[..16].to_vec(), value[..value.len() - 1].to_vec(), [&value[..], &[0]].concat()]);
    for value in wrong {
        let shown = Ticket { ticket_type: TicketType::Login, ticket_value: Secret::from_slice(&value) };
        ask(&mut client, &shown, Operation::Locate, &locate(V2, vec![])).fails_with(ResultReason::InvalidTicket);
        client.ask(Operation::Logout, &LogoutRequest { ticket: shown }).fails_with(ResultReason::InvalidTicket);
    }
    let shown = Ticket { ticket_type: TicketType(0x8000_0001), ..ticket.clone() };
    ask(&mut client, &shown, Operation::Locate, &locate(V2, vec![])).fails_with(ResultReason::InvalidTicket);
    let mut barney = server.client("barney", V2);
    barney.ask(Operation::Logout, &LogoutRequest { ticket: ticket.clone() }).fails_with(ResultReason::InvalidTicket);
    assert_eq!(ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![])).status, ResultStatus::Success);
    let other = log_in(&mut client, &login());
    assert_ne!(other, ticket);
    // Whoever has it may give it back.
    ask(&mut barney, &ticket, Operation::Logout, &LogoutRequest { ticket: ticket.clone() }).ok::<LogoutResponse>();
    ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![])).fails_with(ResultReason::InvalidTicket);
}

#[test]
fn a_ticket_ends_with_its_lease_time() {
    let server = Server::new();
    for (lease, seconds) in [
        (None, 3_600),
        (Some(TicketLease::Interval(Interval(10))), 10),
        (Some(TicketLease::DateTime(DateTime(START + 25))), 25),
        (Some(TicketLease::Interval(Interval(86_400))), 86_400),
    ] {
        server.set_time(START);
        let mut client = server.client("fred", V2);
        let ticket = log_in(&mut client, &LoginRequest { lease_time: lease, ..login() });
        for (time, valid) in [(seconds - 1, true), (seconds, false)] {
            server.set_time(START + time);
            let answer = ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![]));
            if valid {
                assert_eq!(answer.status, ResultStatus::Success, "{lease:?}");
            } else {
                answer.fails_with(ResultReason::InvalidTicket);
            }
        }
    }
    server.set_time(START);
    let mut client = server.client("fred", V2);
    for lease in [
        TicketLease::Interval(Interval(0)),
        TicketLease::Interval(Interval(86_401)),
        TicketLease::DateTime(DateTime(START)),
        TicketLease::DateTime(DateTime(i64::MIN)),
        TicketLease::DateTime(DateTime(i64::MAX)),
    ] {
        let request = LoginRequest { lease_time: Some(lease), ..login() };
        client.ask(Operation::Login, &request).fails_with(ResultReason::InvalidField);
    }
}

#[test]
fn requests_and_operations_are_counted() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let ticket = log_in(&mut client, &LoginRequest { request_count: Some(2), ..login() });
    for _ in 0..2 {
        assert_eq!(ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![])).status, ResultStatus::Success);
    }
    for _ in 0..2 {
        ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![])).fails_with(ResultReason::UsageLimitExceeded);
    }
    let ticket = log_in(&mut client, &LoginRequest { usage_limits: limit(3), ..login() });
    let request = (0..5).fold(client.request(), |request, _| request.item(Operation::Create, &create(aes())));
    let request = request.header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue));
    let answers = client.send(with(request, &ticket)).items;
    let done = answers.iter().filter(|answer| answer.status == ResultStatus::Success).count();
    assert_eq!(done, 3);
    answers[4].fails_with(ResultReason::UsageLimitExceeded);
    assert_eq!(client.locate(vec![]).len(), 3);
    for count in [0, -1, i32::MIN] {
        let request = LoginRequest { request_count: Some(count), ..login() };
        client.ask(Operation::Login, &request).fails_with(ResultReason::InvalidField);
    }
    let request = LoginRequest { usage_limits: limit(0), ..login() };
    client.ask(Operation::Login, &request).fails_with(ResultReason::InvalidField);
    let bytes = UsageLimits { usage_limits_unit: UsageLimitsUnit::Byte, ..limit(9).unwrap() };
    let request = LoginRequest { usage_limits: Some(bytes), ..login() };
    client.ask(Operation::Login, &request).fails_with(ResultReason::FeatureNotSupported);
}

#[test]
fn a_count_is_not_overdrawn_by_many_at_once() {
    let server = Server::new();
    let ticket = log_in(&mut server.client("fred", V2), &LoginRequest { request_count: Some(40), ..login() });
    let served = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = server.client("fred", V2);
                for _ in 0..10 {
                    let answer = ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![]));
                    served.fetch_add(usize::from(answer.status == ResultStatus::Success), std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(served.into_inner(), 40);
}

#[test]
fn a_delegated_ticket_does_what_its_rights_allow_and_no_more() {
    let server = Server::new();
    let mut fred = server.client("fred", V2);
    let (one, two) = (fred.create(aes_and([name("one")])), fred.create(aes_and([name("two")])));
    let grouped = fred.create(aes_and([Attribute::ObjectGroup("shared".to_owned())]));
    let ticket = delegate(
        &mut fred,
        vec![
            Right { operations: operations(&[Operation::Get, Operation::Locate]), objects: objects(&[&one]), ..Right::default() },
            Right {
                operations: operations(&[Operation::GetAttributes]),
                object_groups: Some(ObjectGroups { object_groups: vec!["shared".to_owned()], group_links: vec![] }),
                ..Right::default()
            },
            Right { operations: operations(&[Operation::Query]), usage_limits: limit(1), ..Right::default() },
        ],
    );
    let mut agent = server.client("agent", V2);
    let mut ask = |operation: Operation, payload: &dyn Fn(Request) -> Request| {
        let request = with(payload(agent.request()), &ticket);
        let answer = agent.send(request).items.remove(0);
        assert_eq!(answer.operation, Some(operation));
        answer
    };
    let get_of = |id: &str| ask(Operation::Get, &|request| request.item(Operation::Get, &get(Some(id))));
    let mut get_of = get_of;
    assert_eq!(get_of(&one).status, ResultStatus::Success);
    get_of(&two).fails_with(ResultReason::NotAuthorised);
    get_of(&grouped).fails_with(ResultReason::NotAuthorised);
    get_of("nobody's").fails_with(ResultReason::ObjectNotFound);
    // A search finds what the right reaches.
    let found = ask(Operation::Locate, &|request| request.item(Operation::Locate, &locate(V2, vec![])));
    let found: LocateResponse = found.ok();
    assert_eq!(found.unique_identifiers.iter().map(|identifier| identifier.0.as_str()).collect::<Vec<_>>(), [one.as_str()]);
    let attributes = |id: &str| {
        let payload = get_attributes(Some(id), vec![]);
        move |request: Request| request.item(Operation::GetAttributes, &payload)
    };
    assert_eq!(ask(Operation::GetAttributes, &attributes(&grouped)).status, ResultStatus::Success);
    ask(Operation::GetAttributes, &attributes(&one)).fails_with(ResultReason::NotAuthorised);
    ask(Operation::Destroy, &|request| request.item(Operation::Destroy, &destroy(Some(&one))))
        .fails_with(ResultReason::NotAuthorised);
    ask(Operation::Create, &|request| request.item(Operation::Create, &create(aes()))).fails_with(ResultReason::NotAuthorised);
    let query = QueryRequest { query_functions: vec![QueryFunction::QueryObjects], object_groups: None };
    assert_eq!(ask(Operation::Query, &|request| request.item(Operation::Query, &query)).status, ResultStatus::Success);
    ask(Operation::Query, &|request| request.item(Operation::Query, &query)).fails_with(ResultReason::UsageLimitExceeded);
    ask(Operation::Login, &|request| request.item(Operation::Login, &login())).fails_with(ResultReason::NotAuthorised);
}

#[test]
fn rights_reach_new_objects_only_where_they_name_none() {
    let server = Server::new();
    let mut fred = server.client("fred", V2);
    let one = fred.create(aes());
    let everything = delegate(&mut fred, vec![Right::default()]);
    let on_one = delegate(&mut fred, vec![Right { objects: objects(&[&one]), ..Right::default() }]);
    let nothing = delegate(&mut fred, vec![]);
    let mut agent = server.client("agent", V2);
    assert_eq!(ask(&mut agent, &everything, Operation::Create, &create(aes())).status, ResultStatus::Success);
    ask(&mut agent, &on_one, Operation::Create, &create(aes())).fails_with(ResultReason::NotAuthorised);
    ask(&mut agent, &on_one, Operation::Register, &register(symmetric_key(), vec![])).fails_with(ResultReason::NotAuthorised);
    assert_eq!(ask(&mut agent, &on_one, Operation::Activate, &activate(Some(&one))).status, ResultStatus::Success);
    ask(&mut agent, &nothing, Operation::Locate, &locate(V2, vec![])).fails_with(ResultReason::NotAuthorised);
    // Nor the rules for all objects that are made from now on, not even when there are some already.
    let set = SetConstraintsRequest { constraints: Some(Constraints { constraints: vec![] }) };
    assert_eq!(fred.ask(Operation::SetConstraints, &set).status, ResultStatus::Success);
    ask(&mut agent, &on_one, Operation::SetConstraints, &set).fails_with(ResultReason::NotAuthorised);
    assert_eq!(ask(&mut agent, &everything, Operation::SetConstraints, &set).status, ResultStatus::Success);
    // Tickets beget none: limits would be worth nothing.
    for ticket in [&everything, &log_in(&mut fred, &login())] {
        ask(&mut agent, ticket, Operation::Login, &login()).fails_with(ResultReason::PermissionDenied);
        ask(&mut agent, ticket, Operation::DelegatedLogin, &delegation(vec![])).fails_with(ResultReason::PermissionDenied);
    }
    // Nor do they reach requests that were accepted for any object.
    let query = QueryAsynchronousRequestsRequest { asynchronous_correlation_values: None, operations: None };
    ask(&mut agent, &on_one, Operation::QueryAsynchronousRequests, &query).fails_with(ResultReason::NotAuthorised);
    let indicator = Some(AsynchronousPreference(AsynchronousIndicator::Mandatory));
    let later = agent.request().item(Operation::Create, &create(aes()));
    let later = later.header(|header| header.asynchronous_indicator = indicator);
    agent.send(with(later, &everything)).items[0].fails_with(ResultReason::FeatureNotSupported);
    assert_eq!(fred.locate(vec![]).len(), 2);
}

/// A right for some operations in some groups, so many times.
fn in_group(group: &str, allowed: &[Operation], total: i64) -> Right {
    Right {
        operations: operations(allowed),
        object_groups: Some(ObjectGroups { object_groups: vec![group.to_owned()], group_links: vec![] }),
        usage_limits: limit(total),
        ..Right::default()
    }
}

fn of_group(group: &str) -> Vec<Attribute> {
    aes_and([Attribute::ObjectGroup(group.to_owned())])
}

#[test]
fn a_right_is_charged_for_the_new_objects_it_is_for() {
    let server = Server::new();
    let mut fred = server.client("fred", V2);
    let rights = vec![in_group("a", &[Operation::Create], 3), in_group("b", &[Operation::Create], 1)];
    let ticket = delegate(&mut fred, rights);
    let mut agent = server.client("agent", V2);
    let mut make = |group: &str| ask(&mut agent, &ticket, Operation::Create, &create(of_group(group)));
    assert_eq!(make("b").status, ResultStatus::Success);
    make("b").fails_with(ResultReason::UsageLimitExceeded);
    for _ in 0..2 {
        assert_eq!(make("a").status, ResultStatus::Success);
    }
    make("c").fails_with(ResultReason::NotAuthorised);
    assert_eq!(fred.locate(vec![]).len(), 3);
    // A search is charged to all rights that it goes by, and sees what these reach.
    let rights = vec![in_group("a", &[Operation::Locate], 1), in_group("b", &[Operation::Locate], 2)];
    let ticket = delegate(&mut fred, rights);
    let mut found = || ask(&mut agent, &ticket, Operation::Locate, &locate(V2, vec![]));
    assert_eq!(found().ok::<LocateResponse>().unique_identifiers.len(), 3);
    assert_eq!(found().ok::<LocateResponse>().unique_identifiers.len(), 1);
    found().fails_with(ResultReason::UsageLimitExceeded);
}

#[test]
fn an_undone_batch_is_charged_once_however_often_it_is_tried() {
    let server = Server::new();
    let mut fred = server.client("fred", V2);
    let key = fred.create(aes());
    let ticket = log_in(&mut fred, &LoginRequest { usage_limits: limit(4), ..login() });
    let undo = |header: &mut kmip::message::RequestHeader| {
        header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
    };
    let revoke = fred.request().header(undo).item(Operation::Activate, &activate(Some(&key)));
    let request = revoke.item(Operation::Locate, &locate(V2, vec![]));
    server.trouble.conflicts.store(3, Ordering::SeqCst);
    let answers = fred.send(with(request, &ticket)).items;
    assert!(answers.iter().all(|answer| answer.status == ResultStatus::Success), "{answers:?}");
    for _ in 0..2 {
        assert_eq!(ask(&mut fred, &ticket, Operation::Locate, &locate(V2, vec![])).status, ResultStatus::Success);
    }
    ask(&mut fred, &ticket, Operation::Locate, &locate(V2, vec![])).fails_with(ResultReason::UsageLimitExceeded);
}

#[test]
fn tickets_are_limited() {
    let tickets = TicketSettings { tickets_per_client: 2, tickets: 3, lease_time_s: 10, ..TicketSettings::default() };
    let server = Server::with(Settings { tickets, ..Settings::default() });
    let (mut fred, mut barney) = (server.client("fred", V2), server.client("barney", V2));
    let first = log_in(&mut fred, &login());
    log_in(&mut fred, &login());
    fred.ask(Operation::Login, &login()).fails_with(ResultReason::ServerLimitExceeded);
    log_in(&mut barney, &login());
    barney.ask(Operation::Login, &login()).fails_with(ResultReason::ServerLimitExceeded);
    fred.ask(Operation::Logout, &LogoutRequest { ticket: first }).ok::<LogoutResponse>();
    log_in(&mut barney, &login());
    server.set_time(START + 11);
    log_in(&mut fred, &login());
    let rights = vec![Right::default(); 65];
    fred.ask(Operation::DelegatedLogin, &delegation(rights)).fails_with(ResultReason::ServerLimitExceeded);
}

#[test]
fn a_ticket_of_an_undone_batch_is_none() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    for fails in [true, false] {
        let kept = log_in(&mut client, &login());
        let undo = |header: &mut kmip::message::RequestHeader| {
            header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
        };
        let request = client
            .request()
            .header(undo)
            .item(Operation::Login, &login())
            .item(Operation::Logout, &LogoutRequest { ticket: kept.clone() });
        let request = if fails { request.item(Operation::Activate, &activate(Some("nobody's"))) } else { request };
        let answers = client.send(request).items;
        let ticket = answers[0].payload::<LoginResponse>().ticket;
        let made = ask(&mut client, &ticket, Operation::Locate, &locate(V2, vec![]));
        let withdrawn = ask(&mut client, &kept, Operation::Locate, &locate(V2, vec![]));
        if fails {
            assert_eq!(answers[0].status, ResultStatus::OperationUndone);
            made.fails_with(ResultReason::InvalidTicket);
            assert_eq!(withdrawn.status, ResultStatus::Success);
        } else {
            assert_eq!(made.status, ResultStatus::Success);
            withdrawn.fails_with(ResultReason::InvalidTicket);
        }
    }
}

#[test]
fn versions_without_tickets_know_none() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    let ticket = log_in(&mut client, &login());
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4] {
        let mut old = server.client("fred", version);
        old.ask(Operation::Login, &get(None)).fails_with(ResultReason::OperationNotSupported);
    }
    // 2.0 and 2.1 share them.
    let mut other = server.client("fred", ProtocolVersion::V2_0);
    assert_eq!(ask(&mut other, &ticket, Operation::Locate, &locate(ProtocolVersion::V2_0, vec![])).status, ResultStatus::Success);
}
