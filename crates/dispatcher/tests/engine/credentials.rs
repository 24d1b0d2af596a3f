//! Credentials in messages are verified or refused, never passed over.

use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::codec::{ByteString, DateTimeExtended};
use kmip::credential::{Authentication, Credential, Device, HashedPassword, SecretText, UsernameAndPassword};
use kmip::enumerations::CredentialType;
use kmip::operation::Operation;
use kmip::payload::get::GetResponse;
use kmip::result_reason::ResultReason;
use kmip::tag;
use ttlv_codec::{Tree, TreeValue};

use crate::client::{Request, aes, create, get};
use crate::server::{Server, VERSIONS};

fn user(username: &str, password: &str) -> Credential {
    Credential::UsernameAndPassword(UsernameAndPassword {
        username: username.to_owned(),
        password: Some(SecretText(Secret::from_slice(password.as_bytes()))),
    })
}

fn device(serial: Option<&str>) -> Credential {
    Credential::Device(Device {
        device_serial_number: serial.map(str::to_owned),
        password: None,
        device_identifier: None,
        network_identifier: None,
        machine_identifier: None,
        media_identifier: None,
    })
}

fn with(request: Request, credentials: Vec<Credential>) -> Request {
    request.header(|header| header.authentication = Some(Authentication { credentials }))
}

#[test]
fn the_user_of_the_credential_is_the_actor() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("gateway", version);
        let good = || vec![user("fred", "password of fred")];
        let request = with(client.request(), good()).item(Operation::Create, &create(aes()));
        let made = client.send(request).items[0].ok::<kmip::payload::create::CreateResponse>().unique_identifier.0;
        // It is fred's, whichever way he comes, and not the gateway's.
        server.client("fred", version).object(&made);
        client.get(&made).fails_with(ResultReason::PermissionDenied);
        let request = with(client.request(), good()).item(Operation::Get, &get(Some(&made)));
        client.send(request).items[0].ok::<GetResponse>();
        assert_eq!(
            server.log().iter().map(|record| record.actor.as_str()).collect::<Vec<_>>(),
            ["fred", "fred", "gateway", "fred"]
        );
    }
}

#[test]
fn a_wrong_credential_fails_every_item() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("gateway", version);
        let nobody = Credential::UsernameAndPassword(UsernameAndPassword { username: "fred".to_owned(), password: None });
        let strange = Credential::Other(
            CredentialType(0x8000_0001),
            Tree { tag: tag::CredentialValue, value: TreeValue::TextString("open, sesame".to_owned()) },
        );
        let mut wrong = vec![
            vec![user("fred", "password of barney")],
            vec![user("fred", "")],
            vec![user("", "password of fred")],
            vec![nobody],
            vec![strange],
            vec![],
        ];
        if version >= ProtocolVersion::V1_1 {
            wrong.push(vec![device(None)]);
        }
        for credentials in wrong {
            let request = with(client.request(), credentials.clone());
            let request = request.item(Operation::Create, &create(aes())).item(Operation::Get, &get(None));
            let answers = client.send(request);
            assert_eq!(answers.items.len(), 2, "{version} {credentials:?}");
            answers.items.iter().for_each(|answer| answer.fails_with(ResultReason::AuthenticationNotSuccessful));
            let text = answers.items[0].message.clone().unwrap();
            assert!(!text.contains("wrong password"), "the client is not told why: {text}");
        }
        assert_eq!(server.objects(), 0, "{version}");
    }
}

#[test]
fn a_verified_credential_is_remembered_for_its_connection() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("gateway", version);
        let ask = |client: &mut crate::client::Client<'_>, password: &str| {
            let request = with(client.request(), vec![user("fred", password)]).item(Operation::Create, &create(aes()));
            client.send(request).items.remove(0)
        };
        for _ in 0..5 {
            assert_eq!(ask(&mut client, "password of fred").reason, None);
        }
        assert_eq!(server.verified(), 1, "{version}: a slow password hash is paid for once");
        // Another password of the same user is another credential.
        ask(&mut client, "password of fre").fails_with(ResultReason::AuthenticationNotSuccessful);
        ask(&mut client, "password of fre").fails_with(ResultReason::AuthenticationNotSuccessful);
        assert_eq!(server.verified(), 3, "{version}: a failure is not remembered");
        assert_eq!(ask(&mut client, "password of fred").reason, None);
        assert_eq!(server.verified(), 3);
        // Another connection proves it anew.
        assert_eq!(ask(&mut server.client("gateway", version), "password of fred").reason, None);
        assert_eq!(server.verified(), 4);
    }
}

#[test]
fn several_credentials_are_of_one_user() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_2) {
        let server = Server::new();
        let mut client = server.client("gateway", version);
        for (credentials, served) in [
            (vec![user("fred", "password of fred"), user("fred", "password of fred")], true),
            (vec![user("fred", "password of fred"), device(Some("fred"))], true),
            (vec![user("fred", "password of fred"), user("barney", "password of barney")], false),
            (vec![user("fred", "password of fred"), user("fred", "wrong")], false),
            (vec![user("fred", "wrong"), user("fred", "password of fred")], false),
        ] {
            let request = with(client.request(), credentials.clone()).item(Operation::Create, &create(aes()));
            let answer = client.send(request).items.remove(0);
            if served {
                assert_eq!(answer.reason, None, "{version} {credentials:?}");
            } else {
                answer.fails_with(ResultReason::AuthenticationNotSuccessful);
            }
        }
        assert_eq!(server.objects(), 2, "{version}");
    }
}

#[test]
fn a_change_of_the_users_makes_connections_prove_themselves_again() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("gateway", version);
        let ask = |client: &mut crate::client::Client<'_>| {
            let request = with(client.request(), vec![user("fred", "password of fred")]).item(Operation::Create, &create(aes()));
            assert_eq!(client.send(request).items[0].reason, None);
        };
        ask(&mut client);
        ask(&mut client);
        assert_eq!(server.verified(), 1);
        server.users_changed();
        ask(&mut client);
        ask(&mut client);
        assert_eq!(server.verified(), 2, "{version}");
    }
}

fn hashed(username: &str, time_us: i64) -> Credential {
    Credential::HashedPassword(HashedPassword {
        username: username.to_owned(),
        timestamp: DateTimeExtended(time_us),
        hashing_algorithm: None,
        hashed_password: Secret::from_slice(&time_us.to_be_bytes()),
    })
}

#[test]
fn a_hashed_password_is_answered_and_never_remembered() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V2_0) {
        let server = Server::new();
        let mut client = server.client("gateway", version);
        let mut ask = |credentials: Vec<Credential>| {
            let request = with(client.request(), credentials).item(Operation::Create, &create(aes()));
            client.send(request.item(Operation::Get, &get(None)))
        };
        for number in [7, 7, 8] {
            let answers = ask(vec![hashed("fred", number)]);
            assert!(answers.items.iter().all(|item| item.reason.is_none()), "{version}");
            let expected = [b"answer to ".as_slice(), &number.to_be_bytes()].concat();
            assert_eq!(answers.header.server_hashed_password, Some(ByteString(expected)), "{version}");
        }
        assert_eq!(server.verified(), 3, "{version}: each is judged");
        // The client learns what is wrong where the judge says so, and gets no answer to what proves nothing.
        let answers = ask(vec![hashed("fred", 0)]);
        answers.items[0].fails_with(ResultReason::AuthenticationNotSuccessful);
        assert_eq!(answers.items[0].message.as_deref(), Some("Too old"));
        assert_eq!(answers.header.server_hashed_password, None);
        // One header answers one.
        let answers = ask(vec![hashed("fred", 9), hashed("fred", 10)]);
        answers.items[0].fails_with(ResultReason::AuthenticationNotSuccessful);
        assert_eq!(answers.header.server_hashed_password, None);
        // With another credential of the same user, and with one of another.
        assert_eq!(ask(vec![user("fred", "password of fred"), hashed("fred", 11)]).items[0].reason, None);
        let answers = ask(vec![hashed("barney", 12), user("fred", "password of fred")]);
        answers.items[0].fails_with(ResultReason::AuthenticationNotSuccessful);
        assert_eq!(answers.header.server_hashed_password, None);
        assert_eq!(ask(vec![user("fred", "password of fred")]).header.server_hashed_password, None);
    }
}

#[test]
fn one_request_buys_few_password_hashes() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_2) {
        let server = Server::new();
        let mut client = server.client("gateway", version);
        let mut ask = |credentials: Vec<Credential>| {
            let request = with(client.request(), credentials).item(Operation::Create, &create(aes()));
            client.send(request).items.remove(0)
        };
        let good = || user("fred", "password of fred");
        ask(vec![good(); 5]).fails_with(ResultReason::ServerLimitExceeded);
        assert_eq!(server.verified(), 0, "{version}: refused before anything is hashed");
        assert_eq!(ask(vec![good(); 4]).reason, None);
        assert_eq!(server.verified(), 1, "{version}: the same credential is verified once");
        let several = || vec![good(), device(Some("fred"))];
        assert_eq!(ask(several()).reason, None);
        assert_eq!(ask(several()).reason, None);
        assert_eq!(server.verified(), 2, "{version}: several are remembered");
    }
}
