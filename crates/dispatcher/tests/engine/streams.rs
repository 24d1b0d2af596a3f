//! Operations whose data come in several requests.

use kmip::ProtocolVersion;
use kmip::codec::ByteString;
use kmip::enumerations::{
    BatchErrorContinuationOption, BlockCipherMode, HashingAlgorithm, RevocationReasonCode, UsageLimitsUnit,
};
use kmip::operation::Operation;
use kmip::payload::mac::{MACRequest, MACResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;

use crate::client::Client;
use crate::key_use::{fitting, left, limits};
use crate::server::{START, Server};
use crate::services::{ALL, Ask, Got, hmac, key, mode, serve, signature};

/// The versions that have streams.
const VERSIONS: [ProtocolVersion; 4] =
    [ProtocolVersion::V1_3, ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1];

/// Begins a stream with a part of the data, perhaps none.
#[track_caller]
fn begin(client: &mut Client<'_>, operation: Operation, ask: &Ask) -> (Got, ByteString) {
    let got = serve(client, operation, &Ask { init: Some(true), ..ask.clone() }).unwrap();
    let correlation = got.correlation.clone().expect("a stream has a Correlation Value");
    (got, correlation)
}

/// The next part.
fn part(correlation: &ByteString, data: &[u8]) -> Ask {
    Ask { correlation: Some(correlation.clone()), ..Ask::default() }.data(data)
}

fn last(ask: Ask) -> Ask {
    Ask { last: Some(true), ..ask }
}

#[test]
fn parts_come_to_the_same_as_the_whole() {
    let data: Vec<u8> = (0..=255).collect();
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = key(&mut client, &[7; 32], ALL, vec![]);
        let sha256 =
            CryptographicParameters { hashing_algorithm: Some(HashingAlgorithm::SHA_256), ..CryptographicParameters::default() };
        let gcm = CryptographicParameters { tag_length: Some(16), ..mode(BlockCipherMode::GCM) };
        let services = [
            (Operation::Encrypt, Ask { iv: Some(vec![1; 16]), ..Ask::of(&key).with(mode(BlockCipherMode::CBC)) }),
            (Operation::Encrypt, Ask { iv: Some(vec![1; 16]), ..Ask::of(&key).with(mode(BlockCipherMode::CTR)) }),
            (Operation::Encrypt, Ask { iv: Some(vec![1; 12]), ..Ask::of(&key).with(gcm.clone()) }),
            (Operation::Decrypt, Ask { iv: Some(vec![1; 16]), ..Ask::of(&key).with(mode(BlockCipherMode::CBC)) }),
            (Operation::MAC, Ask::of(&key).with(hmac())),
            (Operation::Hash, Ask::default().with(sha256)),
        ];
        for (operation, ask) in services {
            let whole = serve(&mut client, operation, &ask.clone().data(&data)).unwrap();
            // Both indicators and no Correlation Value: all in one, too.
            let both = Ask { init: Some(true), last: Some(true), ..ask.clone().data(&data) };
            assert_eq!(serve(&mut client, operation, &both).unwrap(), whole, "{version} {operation:?}");
            for cuts in [[0, 0, 256], [1, 17, 200], [16, 32, 256], [0, 100, 100]] {
                let first = if cuts[0] == 0 { ask.clone() } else { ask.clone().data(&data[..cuts[0]]) };
                let (got, correlation) = begin(&mut client, operation, &first);
                let mut collected = got.data.unwrap_or_default();
                for (from, to) in [(cuts[0], cuts[1]), (cuts[1], cuts[2])] {
                    let got = serve(&mut client, operation, &part(&correlation, &data[from..to])).unwrap();
                    assert!(got.data.as_ref().is_none_or(|data| !data.is_empty()), "no Data rather than empty ones");
                    assert_eq!((got.tag, got.valid), (None, None));
                    assert!(got.correlation.is_some(), "{version} {operation:?}: it goes on");
                    collected.extend(got.data.unwrap_or_default());
                }
                let end = Ask { data: None, ..last(part(&correlation, &[])) };
                let end = if cuts[2] == 256 { end } else { end.data(&data[cuts[2]..]) };
                let got = serve(&mut client, operation, &end).unwrap();
                assert_eq!(got.correlation, None, "{version} {operation:?}: it has ended");
                assert_eq!(got.tag, whole.tag, "{version} {operation:?}");
                collected.extend(got.data.unwrap_or_default());
                assert_eq!(Some(collected), whole.data, "{version} {operation:?} {cuts:?}");
                let over = serve(&mut client, operation, &part(&correlation, &[1])).unwrap_err();
                assert_eq!(over, ResultReason::InvalidCorrelationValue.at(version));
            }
        }
    }
}

#[test]
fn additional_data_come_with_the_first_part() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_4) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = key(&mut client, &[7; 32], ALL, vec![]);
        let gcm = CryptographicParameters { tag_length: Some(16), ..mode(BlockCipherMode::GCM) };
        let ask = Ask { iv: Some(vec![1; 12]), aad: Some(vec![2; 5]), ..Ask::of(&key).with(gcm) };
        for operation in [Operation::Encrypt, Operation::Decrypt] {
            let (_, correlation) = begin(&mut client, operation, &ask.clone().data(&[3; 20]));
            let late = Ask { aad: Some(vec![2; 5]), ..part(&correlation, &[3; 20]) };
            let reason = ResultReason::InvalidField.at(version);
            assert_eq!(serve(&mut client, operation, &late).unwrap_err(), reason, "{version} {operation:?}");
            assert_eq!(serve(&mut client, operation, &last(late)).unwrap_err(), reason, "{version} {operation:?}");
        }
        // A refused part has spoilt nothing.
        let whole = serve(&mut client, Operation::Encrypt, &ask.clone().data(&[3; 40])).unwrap();
        let (first, correlation) = begin(&mut client, Operation::Encrypt, &ask.data(&[3; 20]));
        let late = Ask { aad: Some(vec![9]), ..part(&correlation, &[4; 20]) };
        serve(&mut client, Operation::Encrypt, &late).unwrap_err();
        let end = serve(&mut client, Operation::Encrypt, &last(part(&correlation, &[3; 20]))).unwrap();
        assert_eq!((Some([first.data.unwrap(), end.data.unwrap()].concat()), end.tag), (whole.data, whole.tag), "{version}");
    }
}

#[test]
fn what_is_verified_comes_with_any_part() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (private, public) = client.create_key_pair();
        client.activate(&private).unwrap();
        client.activate(&public).unwrap();
        let secret = key(&mut client, &[7; 32], ALL, vec![]);
        let (_, correlation) = begin(&mut client, Operation::Sign, &Ask::of(&private).with(signature()).data(b"mes"));
        let signed = serve(&mut client, Operation::Sign, &last(part(&correlation, b"sage"))).unwrap().data;
        let code = serve(&mut client, Operation::MAC, &Ask::of(&secret).with(hmac()).data(b"message")).unwrap().data;
        for (operation, key, parameters, proof) in
            [(Operation::SignatureVerify, &public, signature(), signed), (Operation::MACVerify, &secret, hmac(), code)]
        {
            for given_first in [true, false] {
                for (end, valid) in [(&b"sage"[..], true), (b"sago", false)] {
                    let first = Ask { proof: proof.clone().filter(|_| given_first), ..Ask::of(key).with(parameters.clone()) };
                    let (got, correlation) = begin(&mut client, operation, &first.data(b"mes"));
                    assert_eq!(got.valid, None, "not before the end");
                    let end = Ask { proof: proof.clone().filter(|_| !given_first), ..last(part(&correlation, end)) };
                    let got = serve(&mut client, operation, &end).unwrap();
                    assert_eq!(got.valid, Some(valid), "{version} {operation:?}");
                }
            }
            let (_, correlation) = begin(&mut client, operation, &Ask::of(key).with(parameters).data(b"mes"));
            let missing = serve(&mut client, operation, &last(part(&correlation, b"sage"))).unwrap_err();
            assert_eq!(missing, ResultReason::InvalidMessage, "{version} {operation:?}");
        }
    }
}

#[test]
fn plaintext_is_authenticated_before_it_is_given_out() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = key(&mut client, &[7; 32], ALL, vec![]);
        let gcm = CryptographicParameters { tag_length: Some(16), ..mode(BlockCipherMode::GCM) };
        let ask = Ask { iv: Some(vec![1; 12]), ..Ask::of(&key).with(gcm) };
        let sealed = serve(&mut client, Operation::Encrypt, &ask.clone().data(&[5; 100])).unwrap();
        let data = sealed.data.unwrap();
        for (tag_first, broken) in [(true, false), (false, false), (true, true)] {
            let mut data = data.clone();
            data[3] ^= u8::from(broken);
            let first = Ask { tag: sealed.tag.clone().filter(|_| tag_first), ..ask.clone().data(&data[..50]) };
            let (got, correlation) = begin(&mut client, Operation::Decrypt, &first);
            assert_eq!(got.data, None, "{version}");
            let end = Ask { tag: sealed.tag.clone().filter(|_| !tag_first), ..last(part(&correlation, &data[50..])) };
            let got = serve(&mut client, Operation::Decrypt, &end).map(|got| got.data);
            let expected = if broken { Err(ResultReason::CryptographicFailure) } else { Ok(Some(vec![5; 100])) };
            assert_eq!(got, expected, "{version}");
        }
    }
}

#[test]
fn a_stream_is_for_its_client_operation_and_key() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (one, other) = (key(&mut client, &[7; 32], ALL, vec![]), key(&mut client, &[8; 32], ALL, vec![]));
        let (_, correlation) = begin(&mut client, Operation::MAC, &Ask::of(&one).with(hmac()).data(b"a"));
        let invalid = Err(ResultReason::InvalidCorrelationValue.at(version));
        let try_it = |client: &mut Client<'_>, operation, ask: &Ask| serve(client, operation, ask).map(drop);
        assert_eq!(try_it(&mut server.client("barney", version), Operation::MAC, &part(&correlation, b"b")), invalid);
        assert_eq!(try_it(&mut client, Operation::Encrypt, &part(&correlation, b"b")), invalid);
        let with_other = Ask { key: Some(other), ..part(&correlation, b"b") };
        assert_eq!(try_it(&mut client, Operation::MAC, &with_other), invalid);
        let unknown = part(&ByteString(vec![0; 16]), b"b");
        assert_eq!(try_it(&mut client, Operation::MAC, &unknown), invalid);
        let again = Ask { init: Some(true), ..part(&correlation, b"b") };
        assert_eq!(try_it(&mut client, Operation::MAC, &again), Err(ResultReason::InvalidField));
        let nothing = Ask { data: None, ..part(&correlation, b"") };
        assert_eq!(try_it(&mut client, Operation::MAC, &nothing), Err(ResultReason::InvalidMessage));
        // None of that has touched it. Over another connection of the client it goes on.
        let mut connection = server.client("fred", version);
        let whole = serve(&mut connection, Operation::MAC, &Ask::of(&one).with(hmac()).data(b"ab")).unwrap().data;
        let ask = Ask { key: Some(one), ..last(part(&correlation, b"b")) };
        assert_eq!(serve(&mut connection, Operation::MAC, &ask).unwrap().data, whole, "{version}");
    }
}

#[test]
fn the_key_is_judged_with_each_part() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for destroyed in [false, true] {
            let key = key(&mut client, &[7; 32], ALL, vec![]);
            let ask = Ask::of(&key).with(mode(BlockCipherMode::ECB)).data(&[1; 16]);
            let (_, encryption) = begin(&mut client, Operation::Encrypt, &ask);
            let (_, decryption) = begin(&mut client, Operation::Decrypt, &ask);
            client.revoke(&key, RevocationReasonCode::Superseded).unwrap();
            if destroyed {
                client.destroy(&key).unwrap();
            }
            let wrong = ResultReason::WrongKeyLifecycleState.at(version);
            let got = serve(&mut client, Operation::Encrypt, &part(&encryption, &[1; 16])).map(drop);
            assert_eq!(got, Err(wrong), "{version}");
            let got = serve(&mut client, Operation::Decrypt, &part(&decryption, &[1; 16])).map(drop);
            assert_eq!(got, if destroyed { Err(wrong) } else { Ok(()) }, "{version}");
        }
    }
}

#[test]
fn parts_are_counted_as_they_come() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let ask = |key: &str| Ask::of(key).with(hmac());
        let bytes = key(&mut client, &[7; 32], ALL, vec![limits(10, UsageLimitsUnit::Byte)]);
        let (_, correlation) = begin(&mut client, Operation::MAC, &ask(&bytes).data(&[1; 4]));
        assert_eq!(left(&mut client, &bytes), 6, "{version}");
        serve(&mut client, Operation::MAC, &part(&correlation, &[1; 5])).unwrap();
        assert_eq!(left(&mut client, &bytes), 1, "{version}");
        let exceeded = serve(&mut client, Operation::MAC, &part(&correlation, &[1; 2])).unwrap_err();
        assert_eq!(exceeded, ResultReason::UsageLimitExceeded.at(version));
        assert_eq!(left(&mut client, &bytes), 1, "{version}");
        let objects = key(&mut client, &[7; 32], ALL, vec![limits(1, UsageLimitsUnit::Object)]);
        let (_, correlation) = begin(&mut client, Operation::MAC, &ask(&objects).data(&[1; 4]));
        serve(&mut client, Operation::MAC, &part(&correlation, &[1; 5])).unwrap();
        serve(&mut client, Operation::MAC, &last(part(&correlation, &[1; 5]))).unwrap();
        assert_eq!(left(&mut client, &objects), 0, "{version}: one object, however many parts");
    }
}

#[test]
fn a_failure_ends_a_stream() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    let key = key(&mut client, &[7; 32], ALL, vec![]);
    let (_, correlation) = begin(&mut client, Operation::MAC, &Ask::of(&key).with(hmac()).data(b"a"));
    server.trouble.read_only.store(true, std::sync::atomic::Ordering::SeqCst);
    serve(&mut client, Operation::MAC, &part(&correlation, b"b")).unwrap_err();
    server.trouble.read_only.store(false, std::sync::atomic::Ordering::SeqCst);
    let ended = serve(&mut client, Operation::MAC, &part(&correlation, b"b")).unwrap_err();
    assert_eq!(ended, ResultReason::InvalidCorrelationValue, "what it had computed is gone");
}

#[test]
fn streams_expire_and_are_not_too_many() {
    let version = ProtocolVersion::V2_1;
    let streams =
        dispatcher::StreamSettings { streams_per_client: 2, stream_memory: 40, stream_expiry_s: 10, ..Default::default() };
    let server = Server::with(dispatcher::Settings { streams, ..dispatcher::Settings::default() });
    let mut client = server.client("fred", version);
    let key = key(&mut client, &[7; 32], ALL, vec![]);
    let ask = Ask { init: Some(true), ..fitting(Operation::MAC, &key) };
    let (_, first) = begin(&mut client, Operation::MAC, &ask);
    server.set_time(START + 9);
    let (_, second) = begin(&mut client, Operation::MAC, &ask);
    let many = serve(&mut client, Operation::MAC, &ask).unwrap_err();
    assert_eq!(many, ResultReason::ServerLimitExceeded);
    server.set_time(START + 10);
    let expired = serve(&mut client, Operation::MAC, &part(&first, b"a")).unwrap_err();
    assert_eq!(expired, ResultReason::InvalidCorrelationValue);
    serve(&mut client, Operation::MAC, &part(&second, b"a")).unwrap();
    server.set_time(START + 19);
    serve(&mut client, Operation::MAC, &last(part(&second, b"a"))).unwrap();
    // What has to wait in memory is limited, too.
    let gcm = CryptographicParameters { tag_length: Some(16), ..mode(BlockCipherMode::GCM) };
    let decrypt = Ask { iv: Some(vec![1; 12]), init: Some(true), ..Ask::of(&key).with(gcm).data(&[1; 100]) };
    let held = serve(&mut client, Operation::Decrypt, &decrypt).unwrap_err();
    assert_eq!(held, ResultReason::ServerLimitExceeded);
    begin(&mut client, Operation::MAC, &ask);
}

#[test]
fn an_undone_batch_begins_no_stream() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    let key = key(&mut client, &[7; 32], ALL, vec![]);
    let mac = MACRequest {
        unique_identifier: Some(key.as_str().into()),
        cryptographic_parameters: Some(hmac()),
        data: None,
        correlation_value: None,
        init_indicator: Some(true),
        final_indicator: None,
    };
    for (then, goes_on) in [(key.as_str(), true), ("nobody", false)] {
        let request = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
            .item(Operation::MAC, &mac)
            .item(Operation::Get, &crate::client::get(Some(then)));
        let correlation = client.send(request).items[0].payload::<MACResponse>().correlation_value.unwrap();
        let got = serve(&mut client, Operation::MAC, &part(&correlation, b"a"));
        assert_eq!(got.is_ok(), goes_on);
    }
}
