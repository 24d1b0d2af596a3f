//! What the client makes of peers that are absent, strange or hostile.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::Duration;

use certs::Validity;
use client::{Client, ClientLimits, Configuration, Error, TlsMaterial};
use common::peer::{World, answer, request};
use kmip::enumerations::ResultStatus;
use kmip::message::{ResponseBatchItem, ResponseHeader};
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use kmip::{DateTime, ProtocolVersion, codec::Value, tag};
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpListener;
use ttlv_codec::Writer;

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A response with one failed item.
fn failure(reason: ResultReason) -> Vec<u8> {
    let version = ProtocolVersion::V1_0;
    let mut writer = Writer::new();
    writer.structure(tag::ResponseMessage, |writer| {
        let header = ResponseHeader {
            protocol_version: version.into(),
            time_stamp: DateTime(0),
            nonce: None,
            server_hashed_password: None,
            attestation_types: Vec::new(),
            client_correlation_value: None,
            server_correlation_value: None,
            batch_count: Some(1),
        };
        header.write(writer, tag::ResponseHeader, version);
        let item = ResponseBatchItem {
            operation: Some(Operation::DiscoverVersions),
            unique_batch_item_id: None,
            result_status: ResultStatus::OperationFailed,
            result_reason: Some(reason),
            result_message: Some("no".to_owned()),
            asynchronous_correlation_value: None,
            payload: None,
            message_extension: None,
        };
        item.write(writer, version, None::<fn(&mut Writer)>);
    });
    writer.finish()
}

async fn connect(configuration: &Configuration) -> Error {
    match Client::connect(configuration).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = connect(&World::new().configuration(address)).await;
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("nothing listens there"), "{error}");
}

#[tokio::test]
async fn no_tls_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tcp, b"220 mail.example ready\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = connect(&World::new().configuration(address)).await;
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn server_certificates_that_are_not_good() {
    let world = World::new();
    for (server, words) in [
        (World::new().server("127.0.0.1", Validity::days(1)), "another key signed it"),
        (world.server("kms.example", Validity::days(1)), "it is for"),
        (world.server("127.0.0.1", Validity::ended(60)), "has expired"),
    ] {
        let address = world.serve(&server, BOTH, async |_| ()).await;
        let error = connect(&world.configuration(address)).await;
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn client_certificates_that_are_not_good() {
    let world = World::new();
    let stranger = World::new();
    let server = world.server("127.0.0.1", Validity::days(1));
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let address = world.serve(&server, versions, async |_| ()).await;
        let ca = world.authority.certificate_pem().as_bytes();
        let identity = (stranger.client.certificate_pem.as_bytes(), stranger.client.key_pem.as_bytes());
        for (identity, words) in [(None, "certificate"), (Some(identity), "refused this client's certificate")] {
            let configuration = Configuration::new(&address.to_string(), None, &TlsMaterial { ca, identity }).unwrap();
            let error = connect(&configuration).await;
            assert!(matches!(error, Error::Tls { .. }), "{error:?}");
            assert!(error.to_string().contains(words), "{versions:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_of_1_0_does_not_know_discover_versions() {
    let world = World::new();
    let server = world.server("127.0.0.1", Validity::days(1));
    for reason in [ResultReason::OperationNotSupported, ResultReason::InvalidMessage] {
        let serve = move |mut stream| async move {
            while request(&mut stream).await.is_some() {
                answer(&mut stream, &failure(reason)).await;
            }
        };
        let address = world.serve(&server, BOTH, serve).await;
        let client = Client::connect(&world.configuration(address)).await.unwrap();
        assert_eq!(client.version(), ProtocolVersion::V1_0);
    }
    let serve = async |mut stream| {
        request(&mut stream).await.unwrap();
        answer(&mut stream, &failure(ResultReason::AuthenticationNotSuccessful)).await;
    };
    let address = world.serve(&server, BOTH, serve).await;
    let error = connect(&world.configuration(address)).await;
    assert_eq!(error.result_reason(), Some(ResultReason::AuthenticationNotSuccessful));
}

#[tokio::test]
async fn answers_that_are_too_long_too_short_or_not_kmip() {
    let world = World::new();
    let server = world.server("127.0.0.1", Validity::days(1));
    for (bytes, words) in [
        (&b"\x42\x00\x7b\x01\xff\xff\xff\xf8"[..], "4294967296 bytes, more than the limit"),
        (b"\x42\x00\x7b\x01\x00\x00\x00\x40half", "ended: after"),
        (b"HTTP/1.1 400 Bad Request\r\n", "does not begin with a Response Message"),
        (b"\x42\x00\x7b\x01\x00\x00\x00\x08\x42\x00\x7a\x01\x00\x00\x00\x08", "cannot be understood"),
    ] {
        let serve = move |mut stream| async move {
            request(&mut stream).await.unwrap();
            answer(&mut stream, bytes).await;
        };
        let address = world.serve(&server, BOTH, serve).await;
        let error = connect(&world.configuration(address)).await;
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_another_one() {
    let world = World::new();
    let server = world.server("127.0.0.1", Validity::days(1));
    let serve = async |mut stream| {
        request(&mut stream).await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        answer(&mut stream, &failure(ResultReason::ItemNotFound)).await;
        let _ = request(&mut stream).await;
    };
    let address = world.serve(&server, BOTH, serve).await;
    let limits = ClientLimits { request_timeout: Duration::from_millis(100), ..ClientLimits::default() };
    let configuration = world.configuration(address).with_version(ProtocolVersion::V1_4).with_limits(limits);
    let mut client = Client::connect(&configuration).await.unwrap();
    let error = client.activate(&"1".into()).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }) && error.outcome_unknown(), "{error:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(matches!(client.activate(&"2".into()).await.unwrap_err(), Error::Unusable));

    // The same if the caller gives a call up.
    let mut client = Client::connect(&world.configuration(address).with_version(ProtocolVersion::V1_4)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), client.activate(&"1".into())).await.is_err());
    assert!(matches!(client.activate(&"2".into()).await.unwrap_err(), Error::Unusable));
}
