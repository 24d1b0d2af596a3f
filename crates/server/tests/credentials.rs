//! Credentials in messages as a client meets them: second factors, delays after failures, and clients that need one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::result_reason::ResultReason;
use kmip::tag;
use program::{Client, Credential, Program, create, discover_versions, kmipd, kmipd_ok, reason, settings, succeeded, text};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use ttlv_codec::Writer;

const PASSWORD: &str = "correct horse battery";
const REFUSED: Option<u32> = Some(ResultReason::AuthenticationNotSuccessful.0);

fn connect(server: &Program, folder: &Path) -> Client {
    Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap()
}

fn user(folder: &Path, arguments: &[&str], input: &str) -> String {
    let config = folder.join("kmipd.toml").display().to_string();
    kmipd_ok(&[&["user"], arguments, &["--config", &config]].concat(), input)
}

/// A request of KMIP 2.1, Discover Versions, with a One Time Password credential.
fn with_one_time_password(name: &str, password: &str, code: &str) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(tag::RequestMessage, |writer| {
        writer.structure(tag::RequestHeader, |writer| {
            writer.structure(tag::ProtocolVersion, |writer| {
                writer.integer(tag::ProtocolVersionMajor, 2);
                writer.integer(tag::ProtocolVersionMinor, 1);
            });
            writer.structure(tag::Authentication, |writer| {
                writer.structure(tag::Credential, |writer| {
                    writer.enumeration(tag::CredentialType, 4);
                    writer.structure(tag::CredentialValue, |writer| {
                        writer.text_string(tag::Username, name);
                        writer.text_string(tag::Password, password);
                        writer.text_string(tag::OneTimePassword, code);
                    });
                });
            });
            writer.integer(tag::BatchCount, 1);
        });
        writer.structure(tag::BatchItem, |writer| {
            writer.enumeration(tag::Operation, 30);
            writer.structure(tag::RequestPayload, |_| ());
        });
    });
    writer.finish()
}

#[test]
fn a_second_factor_is_needed_and_a_code_proves_once_also_after_a_crash() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    user(&folder, &["add", "alice", "--password-stdin"], PASSWORD);
    let printed = user(&folder, &["totp", "alice"], "");
    let secret = printed.lines().find_map(|line| line.strip_prefix("secret: ")).unwrap();
    assert!(printed.contains(&format!("otpauth://totp/kmipd:alice?secret={secret}&")), "{printed}");
    assert!(user(&folder, &["list"], "").contains("alice  totp"));
    assert!(!server.log().contains(secret));
    let secret = server::totp::decode(secret).unwrap();
    let step = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30;
    let code = |step| String::from_utf8(server::totp::code(&secret, step).to_vec()).unwrap();

    let mut client = connect(&server, &folder);
    assert_eq!(reason(&client.exchange(&create(Some(Credential::User("alice", PASSWORD)))).unwrap()), REFUSED);
    let first = step();
    let with_code = format!("{PASSWORD}{}", code(first));
    let request = create(Some(Credential::User("alice", &with_code)));
    for _ in 0..3 {
        assert!(succeeded(&client.exchange(&request).unwrap()), "once on a connection is enough, as for any password");
    }
    assert_eq!(reason(&connect(&server, &folder).exchange(&request).unwrap()), REFUSED, "a replay");
    // The certificate alone is somebody else, whom all of this does not concern.
    assert!(succeeded(&client.exchange(&create(None)).unwrap()));

    let request_2 = with_one_time_password("alice", PASSWORD, &code(first + 1));
    assert!(succeeded(&client.exchange(&request_2).unwrap()));
    assert_eq!(reason(&client.exchange(&request_2).unwrap()), REFUSED, "it proves one request");
    drop(server);
    let server = Program::dev(&folder);
    let mut client = connect(&server, &folder);
    for request in [&request, &request_2] {
        assert_eq!(reason(&client.exchange(request).unwrap()), REFUSED, "a replay after a crash");
    }
    server.logged("has been used before");
    user(&folder, &["totp", "alice", "--remove"], "");
    assert!(succeeded(&client.exchange(&create(Some(Credential::User("alice", PASSWORD)))).unwrap()));
    let config = folder.join("kmipd.toml").display().to_string();
    let audit = kmipd_ok(&["audit", "show", "--config", &config], "");
    assert!(audit.contains("kmipd user totp \"alice\"") && audit.contains("refused: AuthenticationNotSuccessful"), "{audit}");
}

#[test]
fn guessing_is_slowed_down_for_names_that_exist_and_others_and_nobody_else_is_kept_out() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    user(&folder, &["add", "alice", "--password-stdin"], PASSWORD);
    user(&folder, &["add", "bob", "--password-stdin"], PASSWORD);
    let right = create(Some(Credential::User("alice", PASSWORD)));
    // Until the delay is long enough for what follows, however slow the machine: it doubles with each attempt after the one before.
    std::thread::scope(|scope| {
        for name in ["alice", "nobody"] {
            let (server, folder) = (&server, &folder);
            scope.spawn(move || {
                let long = format!("claim=\"user {name}\" seconds=16");
                for number in 0..60 {
                    if server.log().contains(&long) {
                        return;
                    }
                    let wrong = create(Some(Credential::User(name, &format!("wrong {number}"))));
                    assert_eq!(reason(&connect(server, folder).exchange(&wrong).unwrap()), REFUSED);
                }
                panic!("{}", server.log());
            });
        }
    });
    let mut client = connect(&server, &folder);
    let locked = reason(&client.exchange(&right).unwrap()) == REFUSED;
    assert!(locked, "the right password while attempts are refused");
    assert!(succeeded(&client.exchange(&create(Some(Credential::User("bob", PASSWORD)))).unwrap()));
    assert!(succeeded(&client.exchange(&create(None)).unwrap()), "the certificate is not locked");
    let unlocked = user(&folder, &["unlock", "alice"], "");
    assert!(unlocked.contains("can try again"), "{unlocked}");
    assert!(succeeded(&client.exchange(&right).unwrap()));
    let config = folder.join("kmipd.toml").display().to_string();
    assert!(!kmipd(&["user", "unlock", "carol", "--config", &config], "").status.success());
}

#[test]
fn a_client_that_needs_a_credential_is_refused_without_one_and_others_are_not() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    drop(Program::dev(&folder));
    let file = folder.join("kmipd.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}\n[credentials]\nrequired_for = [\"demo\"]\n")).unwrap();
    user(&folder, &["add", "alice", "--password-stdin"], PASSWORD);
    let other = folder.join("clients/other");
    kmipd_ok(&["client", "add", "other", "--config", file.to_str().unwrap(), "--out", other.to_str().unwrap()], "");
    let server = Program::dev(&folder);
    let mut client = connect(&server, &folder);
    let refused = client.exchange(&create(None)).unwrap();
    assert_eq!(reason(&refused), REFUSED);
    assert!(text(&refused, tag::ResultMessage).unwrap().contains("beside its certificate"));
    assert_eq!(reason(&client.exchange(&discover_versions()).unwrap()), REFUSED);
    assert!(succeeded(&client.exchange(&create(Some(Credential::User("alice", PASSWORD)))).unwrap()));
    let mut other = Client::connect(server.address, &settings(&other)).unwrap();
    assert!(succeeded(&other.exchange(&create(None)).unwrap()));
}
