//! How clients get certificates: a queue that somebody approves, renewal, short lives; and what is recorded of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use certs::{Authority, ClientProfile, Validity};
use program::{Client, Program, discover_versions, kmipd, kmipd_ok, settings, succeeded};
use std::path::Path;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A request as a device makes one that would like to be somebody.
fn request(name: &str) -> certs::Requested {
    let mut profile = ClientProfile::named(name, Validity::days(1));
    profile.organizational_units = vec!["administrators".to_owned()];
    profile.alternative_names = vec!["root@example.org".to_owned()];
    Authority::request(&profile).unwrap()
}

fn refused(arguments: &[&str], words: &str) {
    let output = kmipd(arguments, "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
}

/// A bundle of a certificate that was signed for a request made elsewhere.
fn bundle(folder: &Path, requested: &certs::Requested, signed: &Path, authority: &Path) {
    std::fs::create_dir(folder).unwrap();
    std::fs::copy(authority, folder.join("ca.pem")).unwrap();
    std::fs::copy(signed, folder.join("cert.pem")).unwrap();
    std::fs::write(folder.join("key.pem"), requested.key_pem.as_bytes()).unwrap();
}

fn connects(server: &Program, folder: &Path) -> bool {
    Client::connect(server.address, &settings(folder))
        .and_then(|mut client| client.exchange(&discover_versions()))
        .is_ok_and(|answer| succeeded(&answer))
}

fn with_certificate<T>(file: &Path, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let der = server::enrolment::der_of(&std::fs::read_to_string(file).unwrap()).unwrap();
    look(&X509Certificate::from_der(&der).unwrap().1)
}

#[test]
fn a_device_is_let_in_when_somebody_has_approved_its_request() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let mut server = Program::dev(&folder);
    let config = folder.join("kmipd.toml").display().to_string();
    let path = |name: &str| root.path().join(name).display().to_string();
    let requested = request("array-1");
    std::fs::write(path("array-1.csr"), &requested.request_pem).unwrap();

    let told = kmipd_ok(&["client", "request", "-", "--config", &config], &requested.request_pem);
    let der = certs::RequestFacts::read(&requested.request_pem).unwrap().der;
    let fingerprint = server::identity::fingerprint(&der);
    assert!(told.contains(&fingerprint) && told.contains("administrators") && told.contains("EC P-256"), "{told}");
    kmipd_ok(&["client", "request", &path("array-1.csr"), "--config", &config], "");
    let waiting = kmipd_ok(&["client", "requests", "--config", &config], "");
    assert_eq!(waiting.matches(&fingerprint).count(), 1, "the same request waits once: {waiting}");
    assert!(waiting.contains("root@example.org"), "{waiting}");
    refused(&["client", "request", &config, "--config", &config], "not PEM");

    let identifier = &fingerprint[..12];
    let approve = |identifier: &str, out: &str, more: &[&str]| {
        let arguments = ["client", "approve", identifier, "--config", &config, "--out", out];
        arguments.iter().chain(more).map(|argument| (*argument).to_owned()).collect::<Vec<_>>()
    };
    let run = |arguments: &[String]| kmipd_ok(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "");
    refused(&["client", "approve", "000000000000", "--config", &config, "--out", &path("x.pem")], "no request");
    refused(&["client", "approve", identifier, "--config", &config, "--out", &path("array-1.csr")], "nothing is overwritten");
    let signed = root.path().join("array-1.pem");
    run(&approve(identifier, &path("array-1.pem"), &["--valid", "24h"]));
    with_certificate(&signed, |certificate| {
        assert_eq!(certificate.subject().to_string(), "CN=array-1", "what it asked for beside its name is not in it");
        assert!(certificate.subject_alternative_name().unwrap().is_none());
        let left = certificate.validity().not_after.timestamp() - time_now();
        assert!((24 * 3600 - 60..=24 * 3600).contains(&left), "{left} s");
    });
    bundle(&root.path().join("array-1"), &requested, &signed, &folder.join("ca.pem"));
    assert!(connects(&server, &root.path().join("array-1")));
    assert_eq!(kmipd_ok(&["client", "requests", "--config", &config], ""), "");
    refused(&["client", "approve", identifier, "--config", &config, "--out", &path("again.pem")], "no request");

    // With what it asked for, where somebody says so; and one that is turned away.
    let other = request("array-2");
    let told = kmipd_ok(&["client", "request", "-", "--config", &config], &other.request_pem);
    run(&approve(&told[..12], &path("array-2.pem"), &["--as-requested", "--name", "array-two"]));
    with_certificate(&root.path().join("array-2.pem"), |certificate| {
        assert_eq!(certificate.subject().to_string(), "CN=array-two, OU=administrators");
        assert!(certificate.subject_alternative_name().unwrap().is_some());
    });
    let third = request("array-3");
    let told = kmipd_ok(&["client", "request", "-", "--config", &config], &third.request_pem);
    kmipd_ok(&["client", "reject", &told[..12], "--config", &config], "");
    assert_eq!(kmipd_ok(&["client", "requests", "--config", &config], ""), "");

    // On the files, too; and each act has its record, whoever did it.
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    kmipd_ok(&["client", "request", "-", "--config", &config], &third.request_pem);
    kmipd_ok(&["client", "reject", &told[..12], "--config", &config], "");
    let audit = kmipd_ok(&["audit", "show", "--config", &config, "--json"], "");
    let records: Vec<serde_json::Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |command: &str, result: &str| {
        let matching = records.iter().filter(|record| record["command"] == command && record["result"] == result);
        matching.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("client request", "success").len(), 5, "{audit}");
    assert!(of("client request", "success")[0]["objects"][0].as_str().unwrap().starts_with(&fingerprint));
    assert_eq!((of("client reject", "success").len(), of("client approve", "failure").len()), (2, 2), "{audit}");
    let approved = &of("client approve", "success")[0];
    assert_eq!((&approved["objects"][0], &approved["objects"][1]), (&"array-1".into(), &identifier.into()));
    assert!(
        approved["actor"].as_str().unwrap().starts_with(&format!("administrator {}", server::local_users::own())),
        "{approved}"
    );
    assert!(approved["objects"][2].as_str().unwrap().starts_with("serial "), "{approved}");
}

#[test]
fn a_client_is_renewed_before_its_end_and_not_after_it_was_revoked() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    let config = folder.join("kmipd.toml").display().to_string();
    let out = root.path().join("brief");
    let bundle = out.display().to_string();
    kmipd_ok(&["client", "add", "brief", "--config", &config, "--out", &bundle, "--valid", "5m"], "");
    let ends = |file: &Path| with_certificate(file, |certificate| certificate.validity().not_after.timestamp());
    let first = ends(&out.join("cert.pem"));
    let old = root.path().join("old");
    std::fs::create_dir(&old).unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::copy(out.join(name), old.join(name)).unwrap();
    }
    let report = |arguments: &[&str]| {
        let all = [&["report", "--config", &config, "--format", "json"], arguments].concat();
        serde_json::from_str::<serde_json::Value>(&kmipd_ok(&all, "")).unwrap()["expiring"].clone()
    };
    let expiring = report(&[]);
    assert_eq!((&expiring["count"], &expiring["shown"][0]["about"]), (&1.into(), &"brief".into()), "{expiring}");

    kmipd_ok(&["client", "renew", "brief", "--config", &config, "--out", &bundle], "");
    assert!(ends(&out.join("cert.pem")) > first + 800 * 86_400);
    assert!(connects(&server, &out) && connects(&server, &old), "the old one holds until its end");
    assert_eq!(report(&[])["count"], 0, "who was renewed is not told of");
    let list = kmipd_ok(&["client", "list", "--config", &config], "");
    assert_eq!(list.lines().filter(|line| line.starts_with("brief  serial ")).count(), 2, "{list}");
    assert!(list.contains("demo  serial "), "{list}");

    // On a device: a new request, of which the name and the key are taken.
    let requested = request("somebody else");
    let csr = root.path().join("brief.csr").display().to_string();
    std::fs::write(&csr, &requested.request_pem).unwrap();
    let signed = root.path().join("brief.pem");
    let device = signed.display().to_string();
    kmipd_ok(&["client", "renew", "brief", "--config", &config, "--csr", &csr, "--out", &device], "");
    with_certificate(&signed, |certificate| assert_eq!(certificate.subject().to_string(), "CN=brief"));

    refused(&["client", "renew", "nobody", "--config", &config, "--out", &bundle], "no certificate of \"nobody\"");
    kmipd_ok(&["client", "revoke", &device, "--config", &config], "");
    assert!(kmipd_ok(&["client", "list", "--config", &config], "").contains("  revoked 20"));
    refused(&["client", "renew", "brief", "--config", &config, "--out", &bundle], "was revoked");
    for valid in ["24", "1m", "h", "100000d"] {
        let arguments = ["client", "add", "x", "--config", &config, "--out", "/nowhere", "--valid", valid];
        refused(&arguments, "valid");
    }
}

fn time_now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

#[test]
fn lists_are_for_programs_too_and_each_line_is_an_object() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let mut server = Program::dev(&folder);
    let config = folder.join("kmipd.toml").display().to_string();
    let bundle = root.path().join("array \"1\"");
    kmipd_ok(&["client", "add", "array \"1\"", "--config", &config, "--out", bundle.to_str().unwrap()], "");
    kmipd_ok(&["client", "revoke", bundle.join("cert.pem").to_str().unwrap(), "--config", &config], "");
    let requested = request("array-2");
    kmipd_ok(&["client", "request", "-", "--config", &config], &requested.request_pem);
    for (name, more) in [("alice", &["--role", "auditor", "--device-serial", "SN 1"][..]), ("bob", &[])] {
        kmipd_ok(&[&["user", "add", name, "--config", &config, "--password-stdin"], more].concat(), "correct horse battery");
    }
    kmipd_ok(&["user", "totp", "bob", "--config", &config], "");
    let list = |what: [&str; 2]| -> Vec<serde_json::Value> {
        let lines = kmipd_ok(&[what[0], what[1], "--json", "--config", &config], "");
        lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    };
    let all = || (list(["client", "list"]), list(["client", "requests"]), list(["user", "list"]));
    let (issued, waiting, users) = all();
    assert_eq!(
        issued.iter().map(|issued| (&issued["name"], &issued["state"])).collect::<Vec<_>>(),
        [(&"demo".into(), &"good".into()), (&"array \"1\"".into(), &"revoked".into())]
    );
    let fingerprint = with_certificate(&bundle.join("cert.pem"), |certificate| {
        assert_eq!(issued[1]["serial"], certificate.raw_serial_as_string());
        server::identity::fingerprint(
            &server::enrolment::der_of(&std::fs::read_to_string(bundle.join("cert.pem")).unwrap()).unwrap(),
        )
    });
    assert_eq!(issued[1]["fingerprint"], fingerprint);
    for moment in ["issued", "ends", "revoked"] {
        assert!(issued[1][moment].as_str().unwrap().ends_with('Z'), "{issued:?}");
    }
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["request_pem"].as_str(), Some(requested.request_pem.as_str()));
    assert!(waiting[0]["alternative_names"][0].as_str().unwrap().contains("root@example.org"), "{waiting:?}");
    assert!(waiting[0]["fingerprint"].as_str().unwrap().starts_with(waiting[0]["identifier"].as_str().unwrap()));
    let (alice, bob) = (&users[0], &users[1]);
    assert_eq!(
        (&alice["name"], &alice["role"], &alice["device_serial"], &alice["totp"]),
        (&"alice".into(), &"auditor".into(), &"SN 1".into(), &false.into())
    );
    assert_eq!((&bob["name"], &bob["role"], &bob["totp"]), (&"bob".into(), &serde_json::Value::Null, &true.into()));
    assert!(!users.iter().any(|user| user.to_string().contains("argon2")), "{users:?}");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert_eq!(all(), (issued, waiting, users), "the same on the files");
}
