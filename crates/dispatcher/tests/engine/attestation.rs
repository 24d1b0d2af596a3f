//! Attestation: nonces, what is asked for, and how long what was attested holds.

use kmip::ProtocolVersion;
use kmip::codec::ByteString;
use kmip::credential::{Attestation, Authentication, Credential, Nonce};
use kmip::enumerations::{AttestationType, BatchErrorContinuationOption, QueryFunction, ResultStatus};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::get::GetResponse;
use kmip::payload::login::{LoginRequest, LoginResponse};
use kmip::payload::query::{QueryRequest, QueryResponse};
use kmip::result_reason::ResultReason;
use policy::{Actor, Part, Parts, Rules};

use crate::client::{Answers, Client, Request, aes, create, get};
use crate::server::{START, Server, VERSIONS};

/// Get, and Hash, need an attested platform.
const POLICY: &str = r#"
[[forbid]]
to.everybody = true
permissions = ["Get"]
on.all = true
when.attested = false
[[forbid]]
to.everybody = true
permissions = ["RNGRetrieve"]
when.attested = false
"#;

fn actor(name: &str) -> Actor {
    let mut parts = Parts::default();
    parts.add(Part::CommonName, name);
    let rules = Rules::parse(POLICY, 1, |_| Ok(Vec::new())).unwrap();
    rules.client(&parts, &[Part::CommonName]).unwrap()
}

fn client<'a>(server: &'a Server, name: &str, version: ProtocolVersion) -> Client<'a> {
    Client::of(server, actor(name), version)
}

/// The versions that know attestation.
fn versions() -> impl Iterator<Item = ProtocolVersion> {
    VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_2)
}

fn capable(request: Request) -> Request {
    request.header(|header| header.attestation_capable_indicator = Some(true))
}

/// The nonce of a response, which has the types that are evaluated, too.
#[track_caller]
fn nonce(answers: &Answers) -> Nonce {
    assert_eq!(answers.header.attestation_types, [AttestationType::TPMQuote]);
    let nonce = answers.header.nonce.clone().expect("a nonce");
    assert!(nonce.nonce_value.0.len() == 32 && nonce.nonce_id.0.len() == 16);
    nonce
}

fn attestation(nonce: &Nonce) -> Credential {
    Credential::Attestation(Attestation {
        nonce: nonce.clone(),
        attestation_type: AttestationType::TPMQuote,
        attestation_measurement: Some(ByteString([b"measured for ", nonce.nonce_value.0.as_slice()].concat())),
        attestation_assertion: None,
    })
}

fn with(request: Request, credentials: Vec<Credential>) -> Request {
    request.header(|header| header.authentication = Some(Authentication { credentials }))
}

/// A server that knows the platform of array-1, a client of this name, and its key.
fn begin(server: &Server, version: ProtocolVersion) -> (Client<'_>, String) {
    server.attests("array-1");
    let mut client = client(server, "array-1", version);
    let request = client.request().item(Operation::Create, &create(aes()));
    let key = client.send(request).items[0].ok::<CreateResponse>().unique_identifier.0;
    (client, key)
}

#[test]
fn a_client_is_asked_attests_and_is_served_for_a_while() {
    for version in versions() {
        let server = Server::new();
        let (mut client, key) = begin(&server, version);
        let asked = client.send(capable(client.request()).item(Operation::Get, &get(Some(&key))));
        asked.items[0].fails_with(ResultReason::AttestationRequired);
        let nonce = nonce(&asked);
        let request = with(capable(client.request()), vec![attestation(&nonce)]).item(Operation::Get, &get(Some(&key)));
        let served = client.send(request);
        served.items[0].ok::<GetResponse>();
        assert!(served.header.nonce.is_none() && served.header.attestation_types.is_empty(), "{version}");
        // What was shown holds for the connection, also where the client says nothing of it any more.
        for capable_again in [true, false] {
            let request = client.request().header(|header| header.attestation_capable_indicator = Some(capable_again));
            client.send(request.item(Operation::Get, &get(Some(&key)))).items[0].ok::<GetResponse>();
        }
        server.set_time(START + 299);
        client.get(&key).ok::<GetResponse>();
        server.set_time(START + 301);
        client.get(&key).fails_with(ResultReason::PermissionDenied);
        client.send(capable(client.request()).item(Operation::Get, &get(Some(&key)))).items[0]
            .fails_with(ResultReason::AttestationRequired);
    }
}

#[test]
fn a_nonce_is_good_once_for_a_while_and_on_its_connection() {
    for version in versions() {
        let server = Server::new();
        let (mut client, key) = begin(&server, version);
        let ask = |client: &mut Client<'_>| nonce(&client.send(capable(client.request()).item(Operation::Get, &get(Some(&key)))));
        let show = |client: &mut Client<'_>, credential: Credential| {
            client.send(with(capable(client.request()), vec![credential]).item(Operation::Get, &get(Some(&key))))
        };
        let failed = |answers: &Answers| {
            answers.items[0].fails_with(ResultReason::AttestationFailed);
            let text = answers.items[0].message.clone().unwrap();
            (nonce(answers), text)
        };
        // Another connection of the same client, and one of another client that has shown nothing.
        let given = ask(&mut client);
        let mut other = crate::client::Client::of(&server, actor("array-1"), version);
        let (_, text) = failed(&show(&mut other, attestation(&given)));
        assert!(text.contains("not given to this connection"), "{text}");
        // Whatever comes of it, it is used up; the answer has another.
        let wrong_value = Nonce { nonce_value: ByteString(vec![0; 32]), ..given.clone() };
        let (next, _) = failed(&show(&mut client, attestation(&wrong_value)));
        failed(&show(&mut client, attestation(&given)));
        let Credential::Attestation(right) = attestation(&next) else { unreachable!() };
        let other_nonce = Attestation { attestation_measurement: Some(ByteString(vec![0; 32])), ..right.clone() };
        let (_, text) = failed(&show(&mut client, Credential::Attestation(other_nonce)));
        assert_eq!(text, "The attestation does not validate");
        let (fresh, _) = failed(&show(&mut client, Credential::Attestation(right)));
        let Credential::Attestation(right) = attestation(&fresh) else { unreachable!() };
        let without = Attestation { attestation_measurement: None, ..right };
        let (_, text) = failed(&show(&mut client, Credential::Attestation(without)));
        assert_eq!(text, "No measurement");
        // A minute later it has expired.
        let old = ask(&mut client);
        server.set_time(START + 61);
        failed(&show(&mut client, attestation(&old)));
        // Of several that were given, the last four count.
        let several: Vec<Nonce> = (0..5).map(|_| ask(&mut client)).collect();
        failed(&show(&mut client, attestation(&several[0])));
        // That answer had a nonce, too: the second is gone by now.
        failed(&show(&mut client, attestation(&several[1])));
        show(&mut client, attestation(&several[4])).items[0].ok::<GetResponse>();
        let used = show(&mut client, attestation(&several[4]));
        used.items[0].fails_with(ResultReason::AttestationFailed);
    }
}

#[test]
fn who_cannot_attest_is_denied_and_other_types_are_not_evaluated() {
    for version in VERSIONS {
        let server = Server::new();
        let (mut client, key) = begin(&server, version);
        let answers = client.send(client.request().item(Operation::Get, &get(Some(&key))));
        answers.items[0].fails_with(ResultReason::PermissionDenied);
        assert!(answers.items[0].message.as_ref().unwrap().contains("attest its platform"));
        assert!(answers.header.nonce.is_none() && answers.header.attestation_types.is_empty());
        if version < ProtocolVersion::V1_2 {
            continue;
        }
        // Able to do something else.
        let mut request = capable(client.request());
        request = request.header(|header| header.attestation_types = vec![AttestationType::SAMLAssertion]);
        client.send(request.item(Operation::Get, &get(Some(&key)))).items[0].fails_with(ResultReason::PermissionDenied);
        let request = capable(client.request()).header(|header| {
            header.attestation_types = vec![AttestationType::SAMLAssertion, AttestationType::TPMQuote];
        });
        let asked = client.send(request.item(Operation::Get, &get(Some(&key))));
        asked.items[0].fails_with(ResultReason::AttestationRequired);
        let Credential::Attestation(right) = attestation(&nonce(&asked)) else { unreachable!() };
        for other in [AttestationType::SAMLAssertion, AttestationType::TCGIntegrityReport, AttestationType(0x8000_0001)] {
            let shown = Credential::Attestation(Attestation { attestation_type: other, ..right.clone() });
            let answers = client.send(with(client.request(), vec![shown]).item(Operation::Get, &get(Some(&key))));
            answers.items[0].fails_with(ResultReason::FeatureNotSupported);
            assert!(answers.items[0].message.as_ref().unwrap().contains("evaluates TPMQuote"), "{:?}", answers.items);
        }
        // A client whose platform is not known cannot attest it, whatever it says.
        let mut stranger = crate::attestation::client(&server, "array-2", version);
        let made = stranger.send(stranger.request().item(Operation::Create, &create(aes())));
        let own = made.items[0].ok::<CreateResponse>().unique_identifier.0;
        let answers = stranger.send(capable(stranger.request()).item(Operation::Get, &get(Some(&own))));
        answers.items[0].fails_with(ResultReason::PermissionDenied);
        assert!(answers.header.nonce.is_none());
        // What somebody else's object is does not depend on it.
        let answers = stranger.send(capable(stranger.request()).item(Operation::Get, &get(Some(&key))));
        answers.items[0].fails_with(ResultReason::PermissionDenied);
    }
}

#[test]
fn an_attestation_proves_a_platform_and_no_user() {
    for version in versions() {
        let server = Server::new();
        let (mut client, key) = begin(&server, version);
        let ask = |client: &mut Client<'_>| nonce(&client.send(capable(client.request()).item(Operation::Get, &get(Some(&key)))));
        let fred = |password: &str| {
            Credential::UsernameAndPassword(kmip::credential::UsernameAndPassword {
                username: "fred".to_owned(),
                password: Some(kmip::credential::SecretText(kmip::Secret::from_slice(password.as_bytes()))),
            })
        };
        // With a credential that proves nothing, nothing is attested.
        let credentials = vec![attestation(&ask(&mut client)), fred("wrong")];
        let request = with(client.request(), credentials).item(Operation::Get, &get(Some(&key)));
        client.send(request).items[0].fails_with(ResultReason::AuthenticationNotSuccessful);
        client.get(&key).fails_with(ResultReason::PermissionDenied);
        // With one that does, its user asks, over an attested connection.
        let credentials = vec![fred("password of fred"), attestation(&ask(&mut client))];
        let request = with(client.request(), credentials).item(Operation::Get, &get(Some(&key)));
        client.send(request).items[0].fails_with(ResultReason::PermissionDenied);
        client.get(&key).ok::<GetResponse>();
        // What the judge knows has changed.
        server.attests("array-1");
        client.get(&key).fails_with(ResultReason::PermissionDenied);
    }
}

#[test]
fn a_ticket_takes_no_attestation_along() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let (mut client, key) = begin(&server, version);
    let asked = client.send(capable(client.request()).item(Operation::Get, &get(Some(&key))));
    let login = LoginRequest { lease_time: None, request_count: None, usage_limits: None };
    let request = with(client.request(), vec![attestation(&nonce(&asked))]).item(Operation::Login, &login);
    let ticket = client.send(request).items[0].ok::<LoginResponse>().ticket;
    let ticket = || vec![Credential::Ticket(kmip::credential::TicketCredential { ticket: ticket.clone() })];
    let request = with(client.request(), ticket()).item(Operation::Get, &get(Some(&key)));
    client.send(request).items[0].ok::<GetResponse>();
    let mut elsewhere = crate::attestation::client(&server, "array-1", version);
    let request = with(elsewhere.request(), ticket()).item(Operation::Get, &get(Some(&key)));
    elsewhere.send(request).items[0].fails_with(ResultReason::PermissionDenied);
}

#[test]
fn the_offer_is_in_the_header_of_a_batch_and_keeps_to_the_size() {
    for version in versions() {
        let server = Server::new();
        let (mut client, key) = begin(&server, version);
        for option in [BatchErrorContinuationOption::Continue, BatchErrorContinuationOption::Undo] {
            let request = capable(client.request()).header(|header| header.batch_error_continuation_option = Some(option));
            let request = request.item_with(Operation::Create, Some(b"1"), &create(aes()), &[]).item_with(
                Operation::Get,
                Some(b"2"),
                &get(Some(&key)),
                &[],
            );
            let answers = client.send(request);
            assert_eq!(answers.items.len(), 2, "{version} {option:?}");
            answers.items[1].fails_with(ResultReason::AttestationRequired);
            let expected = match option {
                BatchErrorContinuationOption::Undo => ResultStatus::OperationUndone,
                _ => ResultStatus::Success,
            };
            assert_eq!(answers.items[0].status, expected);
            nonce(&answers);
        }
        // An answer that does not ask has none, and one that does has room for it.
        let request = capable(client.request()).item(Operation::Create, &create(aes()));
        assert!(client.send(request).header.nonce.is_none());
        let asked = client.send(capable(client.request()).item(Operation::Get, &get(Some(&key))));
        let size = i32::try_from(asked.size).unwrap();
        let request = capable(client.request()).header(|header| header.maximum_response_size = Some(size));
        let again = client.send(request.item(Operation::Get, &get(Some(&key))));
        nonce(&again);
        assert!(again.size <= asked.size, "{version}");
    }
}

#[test]
fn what_needs_no_object_may_need_an_attestation_too() {
    use kmip::payload::rng_retrieve::RNGRetrieveRequest;
    for version in versions() {
        let server = Server::new();
        let (mut client, _) = begin(&server, version);
        let retrieve = RNGRetrieveRequest { data_length: 8 };
        let asked = client.send(capable(client.request()).item(Operation::RNGRetrieve, &retrieve));
        asked.items[0].fails_with(ResultReason::AttestationRequired);
        let request = with(client.request(), vec![attestation(&nonce(&asked))]).item(Operation::RNGRetrieve, &retrieve);
        assert_eq!(client.send(request).items[0].status, ResultStatus::Success, "{version}");
        let mut other = crate::attestation::client(&server, "array-1", version);
        let request = other.request().item(Operation::RNGRetrieve, &retrieve);
        other.send(request).items[0].fails_with(ResultReason::PermissionDenied);
    }
}

#[test]
fn query_tells_what_is_evaluated() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for is_known in [false, true] {
            if is_known {
                server.attests("array-1");
            }
            let functions = match version >= ProtocolVersion::V1_3 {
                true => vec![QueryFunction::QueryAttestationTypes, QueryFunction::QueryCapabilities],
                false => vec![QueryFunction::QueryAttestationTypes],
            };
            let query = QueryRequest { query_functions: functions, object_groups: None };
            let response = client.send(client.request().item(Operation::Query, &query)).items[0].ok::<QueryResponse>();
            let expected = if is_known { vec![AttestationType::TPMQuote] } else { Vec::new() };
            assert_eq!(response.attestation_types, expected, "{version}");
            let capabilities = response.capability_information.first().and_then(|known| known.attestation_capability);
            assert_eq!(capabilities, (version >= ProtocolVersion::V1_3).then_some(is_known), "{version}");
        }
    }
}
