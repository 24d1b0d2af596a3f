//! The program: its commands, its files, its signals.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use certs::{Authority, ClientProfile, Validity};
use kmip::tag;
use program::{
    Client, Credential, Program, create, discover_versions, find, get, kmipd, kmipd_ok, reason, settings, succeeded, text,
};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use ttlv_codec::TreeValue;

const PASSWORD: &str = "correct horse battery";

fn folder() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("kmip-dev");
    (root, folder)
}

fn config(folder: &Path) -> String {
    folder.join("kmipd.toml").display().to_string()
}

fn demo(folder: &Path) -> PathBuf {
    folder.join("clients/demo")
}

/// Makes `init`'s configuration listen on a free port.
fn init(folder: &Path) {
    kmipd_ok(&["init", "--dir", folder.to_str().unwrap(), "--host", "localhost", "--listen", "127.0.0.1:0"], "");
}

#[test]
fn dev_makes_everything_once_and_serves_it_at_every_start() {
    let (_root, folder) = folder();
    let first = Program::dev(&folder);
    assert!(first.printed.contains("create --name first-key") && first.printed.contains("pykmip.conf"), "{}", first.printed);
    for name in ["ca.pem", "cert.pem", "key.pem", "client.toml", "pykmip.conf"] {
        assert!(demo(&folder).join(name).is_file(), "{name}");
    }
    for name in ["root.key", "ca-key.pem", "server-key.pem", "users.toml", "kmipd.toml", "clients/demo/key.pem", "kmipd.sock"] {
        let mode = std::fs::metadata(folder.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is for the owner alone");
    }
    let client_toml = std::fs::read_to_string(demo(&folder).join("client.toml")).unwrap();
    assert!(client_toml.contains(&format!("endpoint = \"{}\"", first.address)), "{client_toml}");
    let settings = settings(&demo(&folder));
    let made = Client::connect(first.address, &settings).unwrap().exchange(&create(None)).unwrap();
    assert!(succeeded(&made), "{made:?}");
    let identifier = text(&made, tag::UniqueIdentifier).unwrap();
    let authority = std::fs::read(folder.join("ca.pem")).unwrap();
    drop(first);

    let second = Program::dev(&folder);
    assert_eq!(std::fs::read(folder.join("ca.pem")).unwrap(), authority);
    let got = Client::connect(second.address, &settings).unwrap().exchange(&get(&identifier)).unwrap();
    assert!(succeeded(&got) && find(&got, tag::KeyMaterial).is_some(), "{got:?}");
    let client_toml = std::fs::read_to_string(demo(&folder).join("client.toml")).unwrap();
    assert!(client_toml.contains(&second.address.to_string()), "the bundle follows the address: {client_toml}");

    let other = kmipd(&["dev", "--dir", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"], "");
    assert!(String::from_utf8_lossy(&other.stderr).contains("another kmipd"), "{other:?}");
}

#[test]
fn dev_refuses_other_machines_unless_told() {
    let (_root, folder) = folder();
    let output = kmipd(&["dev", "--dir", folder.to_str().unwrap(), "--listen", "0.0.0.0:0"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--allow-remote"));
    assert!(!folder.exists(), "nothing was made");
}

#[test]
fn init_makes_a_production_server_and_never_overwrites() {
    let (_root, folder) = folder();
    init(&folder);
    let before = std::fs::read(folder.join("root.key")).unwrap();
    let again = kmipd(&["init", "--dir", folder.to_str().unwrap()], "");
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("nothing is overwritten"), "{again:?}");
    assert_eq!(std::fs::read(folder.join("root.key")).unwrap(), before);
    let understood = kmipd_ok(&["check-config", "--config", &config(&folder)], "");
    for words in ["interop = false", "weak_passwords = false", "request_length_max = 2097152", "# no faults found"] {
        assert!(understood.contains(words), "{words} in {understood}");
    }
    let server = Program::serve(&folder);
    let answer = Client::connect(server.address, &settings(&demo(&folder))).unwrap().exchange(&discover_versions()).unwrap();
    assert!(succeeded(&answer));
}

#[test]
fn check_config_names_what_is_wrong() {
    let (_root, folder) = folder();
    init(&folder);
    let file = folder.join("kmipd.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    for (text, words) in [
        (good.replace("listen", "lisen"), "lisen"),
        (good.replace("\"server-key.pem\"", "\"ca-key.pem\""), "ca-key.pem"),
        (good.replace("\"data\"", "\"elsewhere\""), "no store in it"),
        (good.replace("root.key", "other.key"), "other.key"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = kmipd(&["check-config", "--config", &config(&folder)], "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{words} in {said}");
    }
}

#[test]
fn serving_a_store_that_is_gone_is_refused_rather_than_begun_anew() {
    let (_root, folder) = folder();
    init(&folder);
    std::fs::remove_dir_all(folder.join("data")).unwrap();
    let output = kmipd(&["serve", "--config", &config(&folder)], "");
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("no store"), "{output:?}");
    assert!(!folder.join("data/objects").exists());
}

#[test]
fn clients_and_users_are_added_while_the_server_runs_and_while_it_does_not() {
    let (root, folder) = folder();
    init(&folder);
    let config = config(&folder);
    let bundle = |name: &str| root.path().join(name);
    kmipd_ok(&["client", "add", "before", "--config", &config, "--out", bundle("before").to_str().unwrap()], "");
    kmipd_ok(&["user", "add", "alice", "--config", &config, "--role", "operator", "--password-stdin"], &format!("{PASSWORD}\n"));

    let server = Program::serve(&folder);
    kmipd_ok(&["client", "add", "during", "--config", &config, "--out", bundle("during").to_str().unwrap()], "");
    for name in ["ca.pem", "cert.pem", "key.pem", "client.p12", "client.p12.password", "client.toml", "pykmip.conf"] {
        assert!(bundle("during").join(name).is_file(), "{name}");
    }
    kmipd_ok(&["user", "add", "bob", "--config", &config, "--device-serial", "SN-7", "--password-stdin"], PASSWORD);
    let listed = kmipd_ok(&["user", "list", "--config", &config], "");
    assert_eq!(listed, "alice  role operator\nbob  device-serial SN-7\n");
    let weak = kmipd(&["user", "add", "carol", "--config", &config, "--password-stdin"], "short");
    assert!(String::from_utf8_lossy(&weak.stderr).contains("12 characters"), "{weak:?}");

    for name in ["before", "during"] {
        let mut client = Client::connect(server.address, &settings(&bundle(name))).unwrap();
        assert!(succeeded(&client.exchange(&create(None)).unwrap()));
        server.logged(&format!("actor=\"{name}\" operation=\"Create\""));
    }
    let mut client = Client::connect(server.address, &settings(&bundle("during"))).unwrap();
    for (name, credential) in [("alice", Credential::User("alice", PASSWORD)), ("bob", Credential::Device("SN-7", PASSWORD))] {
        let made = client.exchange(&create(Some(credential))).unwrap();
        assert!(succeeded(&made), "{made:?}");
        server.logged(&format!("actor=\"{name}\" operation=\"Create\""));
    }
    let wrong = [
        Credential::User("alice", "wrong"),
        Credential::User("nobody", PASSWORD),
        Credential::Device("SN-7", "wrong"),
        Credential::Device("bob", PASSWORD),
    ];
    for credential in wrong {
        let refused = client.exchange(&create(Some(credential))).unwrap();
        // 3: Authentication Not Successful.
        assert_eq!(reason(&refused), Some(3), "{refused:?}");
    }
    let mut open = Client::connect(server.address, &settings(&bundle("during"))).unwrap();
    assert!(succeeded(&open.exchange(&create(Some(Credential::Device("SN-7", PASSWORD)))).unwrap()));
    kmipd_ok(&["user", "remove", "bob", "--config", &config], "");
    let refused = open.exchange(&create(Some(Credential::Device("SN-7", PASSWORD)))).unwrap();
    assert_eq!(reason(&refused), Some(3), "a connection that had authenticated: {refused:?}");
    let mut fresh = Client::connect(server.address, &settings(&bundle("during"))).unwrap();
    assert_eq!(reason(&fresh.exchange(&create(Some(Credential::Device("SN-7", PASSWORD)))).unwrap()), Some(3));
    assert!(!server.log().contains(PASSWORD));
    let status = kmipd_ok(&["admin", "status", "--config", &config], "");
    assert!(status.contains("1 user(s)") && status.contains(&server.address.to_string()), "{status}");
}

#[test]
fn a_request_made_on_a_device_is_signed() {
    let (root, folder) = folder();
    init(&folder);
    let server = Program::serve(&folder);
    let requested = Authority::request(&ClientProfile::named("device-9", Validity::days(1))).unwrap();
    let path = |name: &str| root.path().join(name);
    std::fs::write(path("device.csr"), &requested.request_pem).unwrap();
    let arguments = |out: &Path| {
        let csr = path("device.csr").display().to_string();
        ["client", "sign", &csr, "--config", &config(&folder), "--out", out.to_str().unwrap(), "--name", "array-9"]
            .map(str::to_owned)
    };
    let signed = path("device.pem");
    kmipd_ok(&arguments(&signed).each_ref().map(String::as_str), "");
    let bundle = path("device");
    std::fs::create_dir(&bundle).unwrap();
    std::fs::copy(&signed, bundle.join("cert.pem")).unwrap();
    std::fs::copy(folder.join("ca.pem"), bundle.join("ca.pem")).unwrap();
    std::fs::write(bundle.join("key.pem"), requested.key_pem.as_bytes()).unwrap();
    let mut client = Client::connect(server.address, &settings(&bundle)).unwrap();
    assert!(succeeded(&client.exchange(&create(None)).unwrap()));
    server.logged("actor=\"array-9\"");
    let again = kmipd(&arguments(&signed).each_ref().map(String::as_str), "");
    assert!(!again.status.success(), "a certificate is not overwritten");
}

#[test]
fn sigterm_ends_it_with_success_and_the_store_is_whole() {
    let (_root, folder) = folder();
    let mut server = Program::dev(&folder);
    let settings = settings(&demo(&folder));
    let mut client = Client::connect(server.address, &settings).unwrap();
    let identifier = text(&client.exchange(&create(None)).unwrap(), tag::UniqueIdentifier).unwrap();
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert!(!folder.join("kmipd.sock").exists());
    let server = Program::dev(&folder);
    assert!(succeeded(&Client::connect(server.address, &settings).unwrap().exchange(&get(&identifier)).unwrap()));
}

#[test]
fn sighup_takes_a_new_revocation_list_and_refuses_a_broken_configuration() {
    let (_root, folder) = folder();
    let server = Program::dev(&folder);
    let settings = settings(&demo(&folder));
    let mut open = Client::connect(server.address, &settings).unwrap();
    assert!(succeeded(&open.exchange(&discover_versions()).unwrap()));

    let file = folder.join("kmipd.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{good}\nnonsense = 1\n")).unwrap();
    server.signal("HUP");
    server.logged("not reloaded, everything stays as it was");
    assert!(server.log().contains("nonsense"));
    assert!(succeeded(&open.exchange(&discover_versions()).unwrap()));

    // As an authority elsewhere would do it: a new list in the place of the old one.
    std::fs::write(&file, good).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let authority = Authority::read(&read("ca.pem"), &read("ca-key.pem")).unwrap();
    let (_, client) = x509_parser::pem::parse_x509_pem(read("clients/demo/cert.pem").as_bytes()).unwrap();
    let list = authority.revocation_list(&[&client.contents], 2, 10).unwrap();
    std::fs::write(folder.join("ca.crl"), list.pem).unwrap();
    server.signal("HUP");
    server.logged(" reloaded: ");
    assert!(open.exchange(&discover_versions()).is_err(), "the open connection");
    let resumed = Client::connect(server.address, &settings).and_then(|mut client| client.exchange(&discover_versions()));
    assert!(resumed.is_err(), "the resumed session");
    server.logged("the client's certificate is revoked (it resumed an earlier session)");
}

#[test]
fn a_client_is_revoked_with_one_command() {
    let (root, folder) = folder();
    init(&folder);
    let config = config(&folder);
    let bundle = |name: &str| root.path().join(name);
    for name in ["one", "two", "three"] {
        kmipd_ok(&["client", "add", name, "--config", &config, "--out", bundle(name).to_str().unwrap()], "");
    }
    let certificate = |name: &str| bundle(name).join("cert.pem").display().to_string();
    kmipd_ok(&["client", "revoke", &certificate("one"), "--config", &config], "");
    let server = Program::serve(&folder);
    let ask = |name: &str| {
        Client::connect(server.address, &settings(&bundle(name))).and_then(|mut client| client.exchange(&discover_versions()))
    };
    assert!(ask("one").is_err() && ask("two").is_ok() && ask("three").is_ok());
    let mut open = Client::connect(server.address, &settings(&bundle("two"))).unwrap();
    assert!(succeeded(&open.exchange(&discover_versions()).unwrap()));
    let said = kmipd_ok(&["client", "revoke", &certificate("two"), "--config", &config], "");
    assert!(said.contains("CN=two"), "{said}");
    assert!(open.exchange(&discover_versions()).is_err());
    assert!(ask("one").is_err() && ask("two").is_err() && ask("three").is_ok());
    let other = kmipd(&["client", "revoke", folder.join("kmipd.toml").to_str().unwrap(), "--config", &config], "");
    assert!(!other.status.success());
}

#[test]
fn the_log_can_be_json_and_monitoring_tells_what_happened() {
    use std::io::{Read, Write};
    let (_root, folder) = folder();
    init(&folder);
    let file = folder.join("kmipd.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n[log]\nformat = \"json\"\n[monitoring]\nlisten = \"127.0.0.1:0\"\n")).unwrap();
    let server = Program::serve(&folder);
    let mut client = Client::connect(server.address, &settings(&demo(&folder))).unwrap();
    assert!(succeeded(&client.exchange(&create(None)).unwrap()));
    assert!(!succeeded(&client.exchange(&get("no-such-object")).unwrap()));
    server.logged("ItemNotFound");
    let lines: Vec<serde_json::Value> =
        server.log().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let line = lines.iter().find(|line| line["operation"] == "Get").unwrap();
    assert!(line["actor"] == "demo" && line["result"] == "ItemNotFound" && line["micros"].is_u64(), "{line}");

    let monitoring = lines.iter().find(|line| line["message"] == "health and metrics").unwrap()["address"].as_str().unwrap();
    let fetch = |path: &str| {
        let mut tcp = std::net::TcpStream::connect(monitoring).unwrap();
        write!(tcp, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(fetch("/readyz").contains("store: ok"));
    let metrics = fetch("/metrics");
    assert!(metrics.contains("kmipd_requests_total{operation=\"Create\",result=\"Success\"} 1"), "{metrics}");
    assert!(metrics.contains("kmipd_request_seconds_count 2"), "{metrics}");
}

#[test]
fn an_object_of_a_mebibyte_is_registered_and_one_beyond_the_limit_is_not() {
    let (_root, folder) = folder();
    let server = Program::dev(&folder);
    let settings = settings(&demo(&folder));
    let register = |length: usize| {
        program::request(3, None, |writer| {
            writer.enumeration(tag::ObjectType, 8);
            writer.structure(tag::TemplateAttribute, |_| ());
            writer.structure(tag::OpaqueObject, |writer| {
                writer.enumeration(tag::OpaqueDataType, 0x8000_0001);
                writer.byte_string(tag::OpaqueDataValue, &vec![0x5A; length]);
            });
        })
    };
    let mut client = Client::connect(server.address, &settings).unwrap();
    let made = client.exchange(&register(1024 * 1024)).unwrap();
    assert!(succeeded(&made), "{made:?}");
    let got = client.exchange(&get(&text(&made, tag::UniqueIdentifier).unwrap())).unwrap();
    assert!(matches!(find(&got, tag::OpaqueDataValue), Some(TreeValue::ByteString(bytes)) if bytes.len() == 1024 * 1024));
    // The server answers on the header and closes; the client may notice while it is still sending.
    assert!(client.exchange(&register(2 * 1024 * 1024)).is_ok_and(|answer| !succeeded(&answer)) || client.receive().is_err());
    server.logged("the limit is 2097152");
}

#[test]
fn a_socket_in_a_deep_folder_is_reached() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a-folder-with-a-very-long-name-".repeat(3)).join("another-one-that-is-long-too").join("kmip");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    assert!(folder.as_os_str().len() > 108);
    let server = Program::dev(&folder);
    let status = kmipd_ok(&["admin", "status", "--config", &config(&folder)], "");
    assert!(status.contains(&server.address.to_string()), "{status}");
}

/// Kills the server at random moments of a stream of Creates: every key that was acknowledged is there afterwards, with its bytes.
#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let (_root, folder) = folder();
    let mut acknowledged = BTreeMap::new();
    for round in 0..3 {
        let mut server = Program::dev(&folder);
        let settings = settings(&demo(&folder));
        let address = server.address;
        let stream = std::thread::spawn(move || {
            let mut made = Vec::new();
            let Ok(mut client) = Client::connect(address, &settings) else { return made };
            while let Ok(answer) = client.exchange(&create(None)) {
                let identifier = text(&answer, tag::UniqueIdentifier).unwrap();
                // The bytes as read before the kill, unless it comes between.
                let material = client.exchange(&get(&identifier)).ok().map(|got| find(&got, tag::KeyMaterial).unwrap().clone());
                made.push((identifier, material));
            }
            made
        });
        std::thread::sleep(std::time::Duration::from_millis(300 + 170 * round));
        server.child.kill().unwrap();
        server.ended();
        let made = stream.join().unwrap();
        acknowledged.extend(made);
    }
    assert!(acknowledged.len() > 5, "the stream was running: {}", acknowledged.len());
    let server = Program::dev(&folder);
    let mut client = Client::connect(server.address, &settings(&demo(&folder))).unwrap();
    for (identifier, material) in acknowledged {
        let got = client.exchange(&get(&identifier)).unwrap();
        let found = find(&got, tag::KeyMaterial).unwrap_or_else(|| panic!("{identifier} is lost: {got:?}"));
        assert!(matches!(found, TreeValue::ByteString(bytes) if bytes.len() == 32));
        assert!(material.is_none_or(|material| material == *found), "{identifier} has other bytes");
    }
}

#[test]
fn time_stamps_and_leases_are_as_configured() {
    let (_root, folder) = folder();
    init(&folder);
    let file = folder.join("kmipd.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let keys = "[protocol]\ntime_stamp_tolerance_s = 60\nlease_time_s = 77\n";
    std::fs::write(&file, good.replace("[protocol]\n", keys)).unwrap();
    let server = Program::serve(&folder);
    let mut client = Client::connect(server.address, &settings(&demo(&folder))).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (seconds_ago, served) in [(0, true), (3_600, false)] {
        let mut writer = ttlv_codec::Writer::default();
        writer.structure(tag::RequestMessage, |writer| {
            writer.structure(tag::RequestHeader, |writer| {
                writer.structure(tag::ProtocolVersion, |writer| {
                    writer.integer(tag::ProtocolVersionMajor, 1);
                    writer.integer(tag::ProtocolVersionMinor, 4);
                });
                writer.date_time(tag::TimeStamp, i64::try_from(now).unwrap() - seconds_ago);
                writer.integer(tag::BatchCount, 1);
            });
            writer.structure(tag::BatchItem, |writer| {
                writer.enumeration(tag::Operation, 30);
                writer.structure(tag::RequestPayload, |_| ());
            });
        });
        assert_eq!(succeeded(&client.exchange(&writer.finish()).unwrap()), served, "{seconds_ago} s ago");
    }
    let made = client.exchange(&create(None)).unwrap();
    let identifier = text(&made, tag::UniqueIdentifier).unwrap();
    let attributes = program::request(11, None, |writer| {
        writer.text_string(tag::UniqueIdentifier, &identifier);
        writer.text_string(tag::AttributeName, "Lease Time");
    });
    let got = client.exchange(&attributes).unwrap();
    assert!(matches!(find(&got, tag::AttributeValue), Some(TreeValue::Interval(77))), "{got:?}");
}

#[test]
fn what_administrators_change_is_in_the_audit_log() {
    let (root, folder) = folder();
    init(&folder);
    let config = config(&folder);
    let out = root.path().join("array-1");
    let mut server = Program::serve(&folder);
    kmipd_ok(&["user", "add", "alice", "--config", &config, "--password-stdin"], PASSWORD);
    kmipd_ok(&["user", "list", "--config", &config], "");
    kmipd_ok(&["user", "remove", "alice", "--config", &config], "");
    assert!(!kmipd(&["user", "remove", "bob", "--config", &config], "").status.success());
    kmipd_ok(&["client", "add", "array-1", "--config", &config, "--out", out.to_str().unwrap()], "");
    kmipd_ok(&["client", "revoke", out.join("cert.pem").to_str().unwrap(), "--config", &config], "");
    server.signal("HUP");
    server.logged(" reloaded: ");
    kmipd_ok(&["admin", "reload", "--config", &config], "");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));

    let key = store::sealing::RootKey::read_file(&folder.join("root.key")).unwrap();
    let data = store_sled::SledStore::open(&folder.join("data"), &key, &store_sled::Options::default()).unwrap();
    let entries = tokio::runtime::Runtime::new().unwrap().block_on(store::Store::read_log(&data, 1, 1_000)).unwrap();
    let records: Vec<audit::AuditRecord> =
        entries.iter().map(|entry| audit::AuditRecord::decode(&entry.entry).unwrap()).collect();
    let own = format!("administrator {}", server::local_users::own());
    let mut found = records.iter().filter_map(|record| {
        let audit::Action::Administrative(command) = &record.action else { return None };
        assert!(record.actor == own || (record.actor == "SIGHUP" && command == "admin reload"), "{record}");
        assert!(record.time_us > 1_700_000_000_000_000, "{record}");
        let about = record.identifiers.first().map_or("", String::as_str);
        Some((command.as_str(), about, record.outcome == audit::Outcome::Success))
    });
    assert_eq!(found.next(), Some(("user add", "alice", true)));
    assert_eq!(found.next(), Some(("user remove", "alice", true)));
    assert_eq!(found.next(), Some(("user remove", "bob", false)));
    assert_eq!(found.next(), Some(("client sign", "array-1", true)));
    let (command, about, done) = found.next().unwrap();
    assert!(command == "client revoke" && about.contains("CN=array-1") && done, "{command} {about}");
    assert_eq!(found.next(), Some(("admin reload", "", true)));
    assert_eq!(found.next(), Some(("admin reload", "", true)));
    assert_eq!(found.next(), None);
    drop(found);
    assert!(!server.log().contains("not in the audit log"), "{}", server.log());
}

#[test]
fn a_root_key_beside_the_data_is_warned_of() {
    let (_root, folder) = folder();
    init(&folder);
    let server = Program::serve(&folder);
    server.logged("is on the same file system as");
    drop(server);
    // The temporary folder and the memory file system are two devices.
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let key = elsewhere.path().join("root.key");
    std::fs::rename(folder.join("root.key"), &key).or_else(|_| std::fs::copy(folder.join("root.key"), &key).map(|_| ())).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = folder.join("kmipd.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"root.key\""), "{text}");
    std::fs::write(&file, text.replace("\"root.key\"", &format!("{:?}", key.display().to_string()))).unwrap();
    let log = folder.with_extension("log");
    std::fs::remove_file(&log).unwrap();
    let server = Program::serve(&folder);
    assert!(!server.log().contains("same file system"), "{}", server.log());
}
