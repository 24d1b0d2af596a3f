//! Who is let in, who is not, and what the log says about it. Over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use certs::{Authority, ClientProfile, KeyKind, Validity};
use common::{BOTH, Running, Site, logged, request};
use server::limits::Limits;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_client_of_the_authority_is_served_in_both_versions() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let client = site.client("array-1");
    for version in BOTH {
        let (_, answer) = running.try_request(&site.connector(Some(&client), &[version])).await;
        assert_eq!(answer.as_deref(), Some("array-1 16"), "{version:?}");
    }
}

#[tokio::test]
async fn no_certificate_is_refused() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    for version in BOTH {
        let (peer, answer) = running.try_request(&site.connector(None, &[version])).await;
        assert_eq!(answer, None);
        logged(peer, "the client sent no certificate").await;
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_and_named() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let other = Authority::mint("other authority", KeyKind::EcdsaP256, Validity::days(1)).unwrap();
    let client = other.client(&ClientProfile::named("intruder", Validity::days(1))).unwrap();
    let (peer, answer) = running.try_request(&site.connector(Some(&client), &BOTH)).await;
    assert_eq!(answer, None);
    let lines = logged(peer, "unknown CA").await;
    assert!(lines.contains("CN=intruder") && lines.contains("CN=other authority"), "{lines}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let client = site.authority.client(&ClientProfile::named("old", Validity::ended(60))).unwrap();
    let (peer, answer) = running.try_request(&site.connector(Some(&client), &BOTH)).await;
    assert_eq!(answer, None);
    logged(peer, "the client's certificate has expired").await;
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_its_neighbour_is_not() {
    let mut site = Site::new();
    let (revoked, good) = (site.client("revoked"), site.client("good"));
    site.revoke(&[&revoked]);
    let running = Running::start(&site, Limits::default()).await;
    let (peer, answer) = running.try_request(&site.connector(Some(&revoked), &BOTH)).await;
    assert_eq!(answer, None);
    logged(peer, "the client's certificate is revoked").await;
    assert!(running.try_request(&site.connector(Some(&good), &BOTH)).await.1.is_some());
}

#[tokio::test]
async fn a_session_is_resumed_and_its_chain_judged_again() {
    for version in BOTH {
        let mut site = Site::new();
        let running = Running::start(&site, Limits::default()).await;
        let client = site.client("array-1");
        let config = site.connector(Some(&client), &[version]);
        assert!(running.try_request(&config).await.1.is_some());

        let (_, stream) = running.connect(&config).await;
        let mut stream = stream.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed), "{version:?}");
        assert_eq!(request(&mut stream, b"01234567").await.as_deref(), Some("array-1 16"));

        site.revoke(&[&client]);
        running.reload(&site);
        assert_eq!(request(&mut stream, b"01234567").await, None, "the open connection is judged by the new list");

        let (peer, stream) = running.connect(&config).await;
        let mut stream = stream.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed), "{version:?}");
        assert_eq!(request(&mut stream, b"01234567").await, None, "{version:?}");
        logged(peer, "the client's certificate is revoked (it resumed an earlier session)").await;
    }
}

#[tokio::test]
async fn a_session_does_not_outlive_its_certificate_or_its_authority() {
    let mut site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let client = site.authority.client(&ClientProfile::named("brief", Validity::seconds(2))).unwrap();
    let config = site.connector(Some(&client), &BOTH);
    assert!(running.try_request(&config).await.1.is_some());
    let lasting = site.connector(Some(&site.client("lasting")), &BOTH);
    assert!(running.try_request(&lasting).await.1.is_some());
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let (peer, answer) = running.try_request(&config).await;
    assert_eq!(answer, None);
    logged(peer, "has expired (it resumed an earlier session)").await;

    let other = Authority::mint("other authority", KeyKind::EcdsaP256, Validity::days(1)).unwrap();
    site.tls.client_ca = site.folder.path().join("other.pem");
    std::fs::write(&site.tls.client_ca, other.certificate_pem()).unwrap();
    running.reload(&site);
    let (peer, answer) = running.try_request(&lasting).await;
    assert_eq!(answer, None);
    logged(peer, "unknown CA) (it resumed an earlier session)").await;
}

#[tokio::test]
async fn a_certificate_without_purpose_or_alternative_name_is_tolerated_and_one_for_another_purpose_is_not() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let mut profile = ClientProfile::named("plain", Validity::days(1));
    profile.purpose = false;
    let plain = site.authority.client(&profile).unwrap();
    let (_, answer) = running.try_request(&site.connector(Some(&plain), &BOTH)).await;
    assert_eq!(answer.as_deref(), Some("plain 16"));

    let hosts = vec!["server.example".to_owned()];
    let profile = certs::ServerProfile { hosts, crl_uris: Vec::new(), key: KeyKind::EcdsaP256, validity: Validity::days(1) };
    let server = site.authority.server(&profile).unwrap();
    let (peer, answer) = running.try_request(&site.connector(Some(&server), &BOTH)).await;
    assert_eq!(answer, None);
    logged(peer, "does not include client authentication").await;
}

#[tokio::test]
async fn what_is_not_tls_is_told_in_words() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    for (bytes, words) in [
        (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], "plain HTTP"),
        (b"\x42\x00\x78\x01\x00\x00\x00\x00", "KMIP without TLS"),
        (b"hello, is anybody there?", "not TLS"),
    ] {
        let mut tcp = TcpStream::connect(running.address).await.unwrap();
        let peer = tcp.local_addr().unwrap();
        tcp.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        // Closed or reset, but not kept waiting.
        let _ = tcp.read_to_end(&mut rest).await;
        logged(peer, words).await;
    }
}

#[tokio::test]
async fn a_probe_that_closes_without_a_byte_is_no_failure() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let tcp = TcpStream::connect(running.address).await.unwrap();
    let peer = tcp.local_addr().unwrap();
    drop(tcp);
    let lines = logged(peer, "closed without a byte").await;
    assert!(!lines.contains("WARN"), "{lines}");
    assert!(!running.metrics.text().contains("kmipd_tls_failures_total{"));
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_server_is_told_apart() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let stranger = Site::new();
    let (peer, answer) = running.try_request(&stranger.connector(Some(&site.client("a")), &BOTH)).await;
    assert_eq!(answer, None);
    logged(peer, "the client").await;
    assert!(running.metrics.text().contains("kmipd_tls_failures_total{kind=\"alert\"} 1"), "{}", running.metrics.text());
}

#[tokio::test]
async fn a_client_without_a_shared_cipher_suite_or_version_is_told_in_words() {
    let site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    // A ClientHello of TLS 1.0 with TLS_RSA_WITH_AES_128_CBC_SHA, then one of TLS 1.2 with the same, both written by hand: no
    // library at hand still speaks them.
    for (version, words) in [([3, 1], "no shared TLS version"), ([3, 3], "no shared cipher suite")] {
        let signature_algorithms = [0, 13, 0, 4, 0, 2, 4, 3];
        let groups = [0, 10, 0, 4, 0, 2, 0, 23];
        let points = [0, 11, 0, 2, 1, 0];
        let secret = [0, 23, 0, 0];
        let extensions = [&signature_algorithms[..], &groups, &points, &secret].concat();
        let mut hello = vec![version[0], version[1]];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0, 0x2F, 1, 0]);
        hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        hello.extend(extensions);
        let mut record = vec![0x16, 3, 1];
        record.extend(u16::try_from(hello.len() + 4).unwrap().to_be_bytes());
        record.extend([1, 0]);
        record.extend(u16::try_from(hello.len()).unwrap().to_be_bytes());
        record.extend(hello);
        let mut tcp = TcpStream::connect(running.address).await.unwrap();
        let peer = tcp.local_addr().unwrap();
        tcp.write_all(&record).await.unwrap();
        let _ = tcp.read_to_end(&mut Vec::new()).await;
        logged(peer, words).await;
    }
}

#[tokio::test]
async fn certificates_that_do_not_fit_together_are_refused_before_they_are_used() {
    let site = Site::new();
    let sessions = rustls::server::ServerSessionMemoryCache::new(1);
    let other = Site::new();
    let mut tls = site.tls.clone();
    tls.key = other.tls.key.clone();
    let error = server::tls::Trust::read(&tls, sessions.clone(), 1).unwrap_err().to_string();
    assert!(error.contains("server-key.pem"), "{error}");
    let mut tls = site.tls.clone();
    tls.client_ca = tls.key.clone();
    let error = server::tls::Trust::read(&tls, sessions, 1).unwrap_err().to_string();
    assert!(error.contains("no certificate"), "{error}");
    drop(Arc::new(other));
}

#[tokio::test]
async fn a_reload_that_gives_a_client_another_name_ends_its_connections() {
    let mut site = Site::new();
    let running = Running::start(&site, Limits::default()).await;
    let mut profile = certs::ClientProfile::named("array-1", certs::Validity::days(1));
    profile.organizational_units = vec!["storage".to_owned()];
    let issued = site.authority.client(&profile).unwrap();
    let config = site.connector(Some(&issued), &BOTH);
    let (peer, stream) = running.connect(&config).await;
    let mut open = stream.unwrap();
    assert_eq!(request(&mut open, b"01234567").await.unwrap(), "array-1 16");
    running.reload(&site);
    assert_eq!(request(&mut open, b"01234567").await.unwrap(), "array-1 16", "a reload that changes no name");
    site.tls.identity = vec![server::identity::IdentityRule::OrganizationalUnit];
    running.reload(&site);
    assert_eq!(request(&mut open, b"01234567").await, None);
    logged(peer, "now names the client \"storage\" and no longer \"array-1\"").await;
    assert_eq!(running.try_request(&config).await.1.unwrap(), "storage 16");
}

#[tokio::test]
async fn an_intermediate_authority_is_revoked_by_the_list_of_its_issuer() {
    use certs::{Authority, ClientProfile, KeyKind, Validity};
    let mut site = Site::new();
    let root = Authority::mint_above("site root", 1, KeyKind::EcdsaP256, Validity::days(10)).unwrap();
    let path = |name: &str| site.folder.path().join(name);
    std::fs::write(path("root.pem"), root.certificate_pem()).unwrap();
    let mut chains = Vec::new();
    for name in ["good", "bad"] {
        let intermediate = root.intermediate(&format!("{name} authority"), KeyKind::EcdsaP256, Validity::days(10)).unwrap();
        let issued = intermediate.client(&ClientProfile::named(name, Validity::days(1))).unwrap();
        chains.push((site.chained(&issued, intermediate.certificate_der()), intermediate));
    }
    let list = root.revocation_list(&[chains[1].1.certificate_der()], 1, 10).unwrap();
    std::fs::write(path("root.crl"), list.pem).unwrap();
    let (client_ca, crl) = (path("root.pem"), path("root.crl"));
    site.tls.client_ca = client_ca;
    let running = Running::start(&site, Limits::default()).await;
    assert_eq!(running.try_request(&chains[1].0).await.1.unwrap(), "bad 16");
    site.tls.crls = vec![crl];
    running.reload(&site);
    assert_eq!(
        running.try_request(&chains[0].0).await.1.unwrap(),
        "good 16",
        "no list covers its own certificate, and none must"
    );
    let (peer, answer) = running.try_request(&chains[1].0).await;
    assert_eq!(answer, None);
    logged(peer, "revoked").await;
}

#[tokio::test]
async fn several_authorities_have_their_own_lists() {
    let mut site = Site::new();
    let second = Authority::mint("second authority", KeyKind::EcdsaP256, Validity::days(10)).unwrap();
    let path = |name: &str| site.folder.path().join(name);
    let both = format!("{}{}", site.authority.certificate_pem(), second.certificate_pem());
    std::fs::write(path("both.pem"), both).unwrap();
    let (client_ca, lists) = (path("both.pem"), [path("ca.crl"), path("second.crl")]);
    site.tls.client_ca = client_ca;
    let profile = |name: &str| ClientProfile::named(name, Validity::days(1));
    let [first_good, first_bad] = ["first-good", "first-bad"].map(|name| site.authority.client(&profile(name)).unwrap());
    let [second_good, second_bad] = ["second-good", "second-bad"].map(|name| second.client(&profile(name)).unwrap());
    let running = Running::start(&site, Limits::default()).await;
    let settings = [&first_good, &first_bad, &second_good, &second_bad].map(|issued| site.connector(Some(issued), &BOTH));
    let mut open = Vec::new();
    for settings in &settings {
        open.push(running.connect(settings).await.1.unwrap());
    }

    let list =
        |authority: &Authority, bad: &certs::Issued| authority.revocation_list(&[&bad.certificate_der], 1, 10).unwrap().pem;
    std::fs::write(&lists[0], list(&site.authority, &first_bad)).unwrap();
    std::fs::write(&lists[1], list(&second, &second_bad)).unwrap();
    site.tls.crls = lists.to_vec();
    site.tls.crl_required = true;
    running.reload(&site);
    for (stream, expected) in open.iter_mut().zip([Some("first-good 16"), None, Some("second-good 16"), None]) {
        assert_eq!(request(stream, b"01234567").await.as_deref(), expected);
    }
    // An authority that has no list, where each must have one.
    site.tls.crls.truncate(1);
    running.reload(&site);
    assert_eq!(running.try_request(&settings[0]).await.1.as_deref(), Some("first-good 16"));
    let (peer, answer) = running.try_request(&settings[2]).await;
    assert_eq!(answer, None);
    logged(peer, "revocation").await;
}
