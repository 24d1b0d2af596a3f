//! Credentials in messages as a client meets them: second factors, hashed passwords, delays after failures, and clients that need one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::enumerations::HashingAlgorithm;
use kmip::result_reason::ResultReason;
use kmip::tag;
use program::{Client, Credential, Program, create, discover_versions, find, kmipd, kmipd_ok, reason, settings, succeeded, text};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use ttlv_codec::{TreeValue, Writer};

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
    with_credential(4, |writer| {
        writer.text_string(tag::Username, name);
        writer.text_string(tag::Password, password);
        writer.text_string(tag::OneTimePassword, code);
    })
}

/// The same with a Hashed Password credential, and the Server Hashed Password that has to be in the answer.
fn with_hashed_password(name: &str, password: &str, stamp_us: i64, hash: Option<HashingAlgorithm>) -> (Vec<u8>, Vec<u8>) {
    let of = |parts: &[&[u8]]| crypto::digest(hash.unwrap_or(HashingAlgorithm::SHA_256), &parts.concat()).unwrap();
    let s1 = of(&[name.as_bytes(), password.as_bytes()]);
    let s2 = of(&[password.as_bytes(), name.as_bytes()]);
    let stamp = stamp_us.to_be_bytes();
    let shown = [of(&[&s1, &stamp]), s2.clone()].concat();
    let request = with_credential(5, |writer| {
        writer.text_string(tag::Username, name);
        writer.date_time_extended(tag::TimeStamp, stamp_us);
        if let Some(hash) = hash {
            writer.enumeration(tag::HashingAlgorithm, hash.0);
        }
        writer.byte_string(tag::HashedPassword, &shown);
    });
    (request, of(&[&stamp, &s1, &of(&[&s2])]))
}

fn now_us() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// A request of KMIP 2.1, Discover Versions, with a credential of a type.
fn with_credential(credential_type: u32, value: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(tag::RequestMessage, |writer| {
        writer.structure(tag::RequestHeader, |writer| {
            writer.structure(tag::ProtocolVersion, |writer| {
                writer.integer(tag::ProtocolVersionMajor, 2);
                writer.integer(tag::ProtocolVersionMinor, 1);
            });
            writer.structure(tag::Authentication, |writer| {
                writer.structure(tag::Credential, |writer| {
                    writer.enumeration(tag::CredentialType, credential_type);
                    writer.structure(tag::CredentialValue, value);
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
fn a_hashed_password_proves_once_and_the_server_proves_itself_in_turn() {
    const GENERIC: &str = "The credential could not be verified";
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    let added = user(&folder, &["add", "alice", "--hashed-password=SHA_256,SHA_512", "--password-stdin"], PASSWORD);
    assert!(added.contains("also with hashed passwords"), "{added}");
    user(&folder, &["add", "bob", "--password-stdin"], PASSWORD);
    user(&folder, &["add", "carol", "--hashed-password", "--password-stdin"], PASSWORD);
    let listed = user(&folder, &["list"], "");
    assert!(listed.contains("alice  hashed-password SHA_256,SHA_512\nbob\ncarol  hashed-password SHA_256\n"), "{listed}");
    let config = folder.join("kmipd.toml").display().to_string();
    let refused = kmipd(&["user", "add", "eve", "--hashed-password=MD5", "--config", &config, "--password-stdin"], PASSWORD);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("SHA_256, SHA_384"));

    let mut client = connect(&server, &folder);
    let start_us = now_us();
    for (number, hash) in [None, Some(HashingAlgorithm::SHA_256), Some(HashingAlgorithm::SHA_512)].into_iter().enumerate() {
        let stamp_us = start_us + i64::try_from(number).unwrap();
        let (request, expected) = with_hashed_password("alice", PASSWORD, stamp_us, hash);
        let answer = client.exchange(&request).unwrap();
        assert!(succeeded(&answer), "{hash:?}");
        assert_eq!(find(&answer, tag::ServerHashedPassword), Some(&TreeValue::ByteString(expected)), "{hash:?}");
    }
    let (last, _) = with_hashed_password("alice", PASSWORD, start_us + 2, Some(HashingAlgorithm::SHA_512));
    let (earlier, _) = with_hashed_password("alice", PASSWORD, start_us - 1, None);
    let (stale, _) = with_hashed_password("alice", PASSWORD, start_us - 400_000_000, None);
    let (wrong, _) = with_hashed_password("alice", "wrong", start_us + 3, None);
    let (other_hash, _) = with_hashed_password("alice", PASSWORD, start_us + 3, Some(HashingAlgorithm::SHA3_256));
    let (not_given, _) = with_hashed_password("bob", PASSWORD, start_us, None);
    let (nobody, _) = with_hashed_password("nobody", PASSWORD, start_us, None);
    let refusals = [
        (&last, "not later"),
        (&earlier, "not later"),
        (&stale, "too far"),
        (&wrong, GENERIC),
        (&other_hash, GENERIC),
        (&not_given, GENERIC),
        (&nobody, GENERIC),
    ];
    for (number, (request, words)) in refusals.into_iter().enumerate() {
        // Over the same connection and another.
        for answer in [client.exchange(request).unwrap(), connect(&server, &folder).exchange(request).unwrap()] {
            assert_eq!(reason(&answer), REFUSED, "{number}");
            let told = text(&answer, tag::ResultMessage).unwrap();
            assert!(told.contains(words), "{number}: {told}");
            assert_eq!(find(&answer, tag::ServerHashedPassword), None);
        }
    }
    // The password itself proves as before; the certificate alone is somebody else.
    assert!(succeeded(&client.exchange(&create(Some(Credential::User("alice", PASSWORD)))).unwrap()));
    drop(server);
    let server = Program::dev(&folder);
    let mut client = connect(&server, &folder);
    assert_eq!(reason(&client.exchange(&last).unwrap()), REFUSED, "a replay after a crash");
    assert!(succeeded(&client.exchange(&with_hashed_password("alice", PASSWORD, now_us(), None).0).unwrap()));

    // A second factor has no place in it; a new password without the option takes it away.
    user(&folder, &["totp", "carol"], "");
    assert_eq!(reason(&client.exchange(&with_hashed_password("carol", PASSWORD, now_us(), None).0).unwrap()), REFUSED);
    user(&folder, &["add", "alice", "--password-stdin"], PASSWORD);
    assert_eq!(reason(&client.exchange(&with_hashed_password("alice", PASSWORD, now_us(), None).0).unwrap()), REFUSED);
    let log = server.log();
    assert!(!log.contains(PASSWORD) && log.contains("not later than the last one that was shown"), "{log}");
}

#[test]
fn guessing_is_slowed_down_for_names_that_exist_and_others_and_nobody_else_is_kept_out() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    user(&folder, &["add", "alice", "--hashed-password", "--password-stdin"], PASSWORD);
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
                    let password = format!("wrong {number}");
                    // However one tries: failures are counted by the name.
                    let wrong = match number % 2 {
                        0 => with_hashed_password(name, &password, now_us(), None).0,
                        _ => create(Some(Credential::User(name, &password))),
                    };
                    assert_eq!(reason(&connect(server, folder).exchange(&wrong).unwrap()), REFUSED);
                }
                panic!("{}", server.log());
            });
        }
    });
    let mut client = connect(&server, &folder);
    let locked = reason(&client.exchange(&right).unwrap()) == REFUSED;
    assert!(locked, "the right password while attempts are refused");
    let answer = client.exchange(&with_hashed_password("alice", PASSWORD, now_us(), None).0).unwrap();
    assert_eq!(reason(&answer), REFUSED);
    assert!(text(&answer, tag::ResultMessage).unwrap().contains("could not be verified"), "{answer:?}");
    assert!(succeeded(&client.exchange(&create(Some(Credential::User("bob", PASSWORD)))).unwrap()));
    assert!(succeeded(&client.exchange(&create(None)).unwrap()), "the certificate is not locked");
    let unlocked = user(&folder, &["unlock", "alice"], "");
    assert!(unlocked.contains("can try again"), "{unlocked}");
    assert!(succeeded(&client.exchange(&right).unwrap()));
    assert!(succeeded(&client.exchange(&with_hashed_password("alice", PASSWORD, now_us(), None).0).unwrap()));
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

/// The longest delay in the log of attempts to prove a claim, in seconds.
fn longest_delay(server: &Program, claim: &str) -> u64 {
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("too many failures") && line.contains(claim));
    let seconds = lines.filter_map(|line| line.split_once("seconds=")?.1.split_whitespace().next()?.parse().ok());
    seconds.max().unwrap_or(0)
}

/// Guesses through some certificates at a time until a delay of a minute has begun, however slow the machine: those that are tried at once
/// all count, and the next ones do after their delay.
fn guess(server: &Program, bundles: &[std::path::PathBuf], claim: &str, name: impl Fn(usize, usize) -> String + Sync) {
    for round in 0..200 {
        if longest_delay(server, claim) >= 60 {
            return;
        }
        std::thread::scope(|scope| {
            for (number, bundle) in bundles.iter().enumerate() {
                let name = name(round, number);
                scope.spawn(move || {
                    let wrong = create(Some(Credential::User(&name, &format!("wrong {round} {number}"))));
                    let mut client = Client::connect(server.address, &settings(bundle)).unwrap();
                    assert_eq!(reason(&client.exchange(&wrong).unwrap()), REFUSED);
                });
            }
        });
    }
    panic!("{}", server.log());
}

#[test]
fn delays_outlive_kill_9_and_end_with_user_unlock_also_while_no_server_runs() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let mut server = Program::dev(&folder);
    user(&folder, &["add", "alice", "--password-stdin"], PASSWORD);
    guess(&server, &vec![folder.join("clients/demo"); 4], "claim=\"user alice\"", |_, _| "alice".to_owned());
    server.child.kill().unwrap();
    server.ended();
    let kept = std::fs::read_to_string(folder.join("users.locked")).unwrap();
    assert!(kept.contains("\"kind\":\"pair\"") && !kept.contains("alice") && !kept.contains("demo"), "{kept}");
    let right = create(Some(Credential::User("alice", PASSWORD)));
    let server = Program::dev(&folder);
    assert_eq!(reason(&connect(&server, &folder).exchange(&right).unwrap()), REFUSED, "after the restart");
    server.logged("the next attempt counts in");
    drop(server);
    let unlocked = user(&folder, &["unlock", "alice"], "");
    assert!(unlocked.contains("can try again"), "{unlocked}");
    assert!(user(&folder, &["unlock", "alice"], "").contains("had no failures"));
    let server = Program::dev(&folder);
    assert!(succeeded(&connect(&server, &folder).exchange(&right).unwrap()));
}

#[test]
fn a_host_that_guesses_through_many_certificates_is_slowed_down_and_who_is_known_is_not() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    drop(Program::dev(&folder));
    let file = folder.join("kmipd.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    // With a thousand failures, no client and no name waits by itself.
    let limits = "failures_max = 3\nmany_failures_max = 1000\naddress_failures_max = 4\nmany_delay_max_s = 3600\n";
    std::fs::write(&file, format!("{config}\n[credentials]\n{limits}")).unwrap();
    for name in ["alice", "bob"] {
        user(&folder, &["add", name, "--password-stdin"], PASSWORD);
    }
    let bundles: Vec<_> = (0..8).map(|number| folder.join(format!("clients/c{number}"))).collect();
    for (number, bundle) in bundles.iter().enumerate() {
        let out = bundle.to_str().unwrap();
        kmipd_ok(&["client", "add", &format!("c{number}"), "--config", file.to_str().unwrap(), "--out", out], "");
    }
    let server = Program::dev(&folder);
    let as_user = |name: &str| create(Some(Credential::User(name, PASSWORD)));
    assert!(succeeded(&connect(&server, &folder).exchange(&as_user("alice")).unwrap()));
    guess(&server, &bundles[..7], "claim=\"user name ", |round, number| format!("name {round} {number}"));
    let mut stranger = Client::connect(server.address, &settings(&bundles[7])).unwrap();
    assert_eq!(reason(&stranger.exchange(&as_user("bob")).unwrap()), REFUSED, "the right password, from a host that guesses");
    assert!(succeeded(&stranger.exchange(&create(None)).unwrap()), "the certificate is not locked");
    assert!(succeeded(&connect(&server, &folder).exchange(&as_user("alice")).unwrap()), "who is known");
}
