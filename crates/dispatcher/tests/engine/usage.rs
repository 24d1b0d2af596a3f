//! Usage Limits: what is given out is never more than there is.

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{RevocationReasonCode, UsageLimitsUnit};
use kmip::masks::CryptographicUsageMask;
use kmip::operation::Operation;
use kmip::payload::check::{CheckRequest, CheckResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::UsageLimits;

use crate::client::{Client, aes, aes_and};
use crate::concurrency::together;
use crate::objects::{every_type, opaque_object};
use crate::server::{START, Server, VERSIONS};

fn limits(total: i64) -> Attribute {
    Attribute::UsageLimits(UsageLimits {
        usage_limits_total: total,
        usage_limits_count: None,
        usage_limits_unit: UsageLimitsUnit::Byte,
    })
}

/// An active key with so much to use.
fn limited(client: &mut Client<'_>, total: i64) -> String {
    client.create(aes_and([limits(total), Attribute::ActivationDate(DateTime(START - 1))]))
}

fn left(client: &mut Client<'_>, key: &str) -> i64 {
    client.attributes(key).usage_limits().unwrap().usage_limits_count.unwrap()
}

#[test]
fn what_is_given_is_gone() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = limited(&mut client, 100);
        assert_eq!(client.allocate(&key, 60).unwrap().unique_identifier.0, key);
        assert_eq!(left(&mut client, &key), 40, "{version}");
        let exceeded = ResultReason::UsageLimitExceeded.at(version);
        assert_eq!(client.allocate(&key, 41).unwrap_err(), exceeded, "{version}");
        assert_eq!(client.allocate(&key, i64::MAX).unwrap_err(), exceeded, "{version}");
        assert_eq!(left(&mut client, &key), 40, "{version}: all or nothing");
        let check = |client: &mut Client<'_>, amount| {
            let request = CheckRequest {
                unique_identifier: Some(key.as_str().into()),
                usage_limits_count: Some(amount),
                cryptographic_usage_mask: None,
                lease_time: None,
            };
            client.ask(Operation::Check, &request).result::<CheckResponse>().map(drop)
        };
        assert_eq!(check(&mut client, 40), Ok(()), "{version}");
        assert_eq!(check(&mut client, 41), Err(exceeded), "{version}");
        assert_eq!(left(&mut client, &key), 40, "{version}: Check takes nothing");
        client.allocate(&key, 40).unwrap();
        assert_eq!(client.allocate(&key, 1).unwrap_err(), exceeded, "{version}");
        for nothing in [0, -1, i64::MIN] {
            assert_eq!(client.allocate(&key, nothing).unwrap_err(), ResultReason::InvalidField, "{version} {nothing}");
        }
        assert_eq!(left(&mut client, &key), 0, "{version}");
        // What has been allocated from is not the client's to change any more.
        let read_only = ResultReason::AttributeReadOnly.at(version);
        assert_eq!(client.modify(&key, limits(1_000)).unwrap_err(), read_only, "{version}");
        assert_eq!(client.delete(&key, limits(0).reference()).unwrap_err(), read_only, "{version}");
    }
}

#[test]
fn only_what_protects_is_limited_and_only_while_it_may() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let missing = if version.is_1x() { ResultReason::IllegalOperation } else { ResultReason::AttributeNotFound };
        let denied = ResultReason::PermissionDenied;
        let illegal = ResultReason::InvalidObjectType.at(version);
        let key = client.create(aes());
        assert_eq!(client.allocate(&key, 1).unwrap_err(), missing, "{version}: there is no limit");
        client.add(&key, limits(10)).unwrap();
        assert_eq!(client.allocate(&key, 1).unwrap_err(), denied, "{version}: it is Pre-Active");
        client.add(&key, Attribute::ProtectStopDate(DateTime(START + 100))).unwrap();
        client.activate(&key).unwrap();
        client.allocate(&key, 1).unwrap();
        server.set_time(START + 100);
        assert_eq!(client.allocate(&key, 1).unwrap_err(), denied, "{version}: protection has stopped");
        server.set_time(START);
        client.revoke(&key, RevocationReasonCode::Superseded).unwrap();
        assert_eq!(client.allocate(&key, 1).unwrap_err(), denied, "{version}: it is Deactivated");
        client.destroy(&key).unwrap();
        assert_eq!(client.allocate(&key, 1).unwrap_err(), denied, "{version}: it is gone");
        assert_eq!(client.allocate("nobody", 1).unwrap_err(), ResultReason::ObjectNotFound.at(version));

        let opener = Attribute::CryptographicUsageMask(CryptographicUsageMask::Decrypt);
        let mut attributes = aes();
        attributes.retain(|attribute| !attribute.is(&opener.reference()));
        let key = client.create([attributes, vec![opener, limits(10), Attribute::ActivationDate(DateTime(START))]].concat());
        assert_eq!(client.allocate(&key, 1).unwrap_err(), illegal, "{version}: it can only decrypt");
        let opaque = client.register(opaque_object(), vec![]);
        assert_eq!(client.allocate(&opaque, 1).unwrap_err(), illegal, "{version}: it is no key");
        // Without a limit, or no key: nothing of any type is given out.
        for object in every_type(version) {
            let identifier = client.register(object, vec![]);
            assert!(client.allocate(&identifier, 1).is_err(), "{version}");
        }
    }
}

#[test]
fn a_limit_is_never_overdrawn() {
    const EACH: i64 = 40;
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V2_1] {
        let server = Server::new();
        let total = 500;
        let key = limited(&mut server.client("fred", version), total);
        let given = together(&server, version, |thread, client| {
            // Some want more at once than others; together they want more than there is.
            let amount = 1 + i64::try_from(thread).unwrap() % 3;
            let mut given = 0;
            for _ in 0..EACH {
                match client.allocate(&key, amount) {
                    Ok(_) => given += amount,
                    Err(reason) => assert_eq!(reason, ResultReason::UsageLimitExceeded.at(version)),
                }
            }
            given
        });
        let given: i64 = given.into_iter().sum();
        assert_eq!(given + left(&mut server.client("fred", version), &key), total, "{version}");
        assert!(given > total - 3, "{version}: nearly all of it is given out, {given}");
    }
}
