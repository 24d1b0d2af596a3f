//! Set and Adjust Attribute, Ping and Log.

use audit::{Action, Outcome};
use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeReference, VendorAttribute};
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{AdjustmentType, Enumeration as _, State};
use kmip::operation::Operation;
use kmip::payload::log::{LogRequest, LogResponse};
use kmip::payload::ping::{PingRequest, PingResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::AdjustmentValue;
use kmip::tag;
use ttlv_codec::TreeValue;

use crate::client::{aes, aes_and, name};
use crate::server::{START, Server, VERSIONS};

const NEW: [ProtocolVersion; 2] = [ProtocolVersion::V2_0, ProtocolVersion::V2_1];

fn counter(value: TreeValue) -> Attribute {
    Attribute::Vendor(VendorAttribute {
        vendor_identification: "x".to_owned(),
        attribute_name: "Counter".to_owned(),
        attribute_value: value,
    })
}

#[test]
fn one_value_is_set_whether_there_was_one_or_not() {
    for version in NEW {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let comment = |text: &str| Attribute::Comment(text.to_owned());
        assert_eq!(client.set(&key, comment("a")).unwrap().unique_identifier.0, key);
        server.set_time(START + 10);
        client.set(&key, comment("b")).unwrap();
        client.set(&key, comment("b")).unwrap();
        let attributes = client.attributes(&key);
        assert_eq!(attributes.comment().map(String::as_str), Some("b"), "{version}");
        assert_eq!(attributes.last_change_date(), Some(&DateTime(START + 10)));
        // An attribute that may have several values has one here: it is replaced.
        client.set(&key, name("one")).unwrap();
        client.set(&key, name("two")).unwrap();
        assert_eq!(client.locate(vec![name("two")]), [key.as_str()], "{version}");
        assert!(client.locate(vec![name("one")]).is_empty(), "{version}");
        client.add(&key, name("three")).unwrap();
        assert_eq!(client.set(&key, name("four")).unwrap_err(), ResultReason::MultiValuedAttribute, "{version}");
        let other = client.create(aes());
        assert_eq!(client.set(&other, name("two")).unwrap_err(), ResultReason::NonUniqueNameAttribute, "{version}");

        for attribute in [Attribute::State(State::Active), Attribute::InitialDate(DateTime(0))] {
            assert_eq!(client.set(&key, attribute).unwrap_err(), ResultReason::ReadOnlyAttribute, "{version}");
        }
        client.activate(&key).unwrap();
        let date = Attribute::ActivationDate(DateTime(START + 50));
        assert_eq!(client.set(&key, date).unwrap_err(), ResultReason::WrongKeyLifecycleState.at(version), "{version}");
        assert_eq!(client.set("nobody", comment("c")).unwrap_err(), ResultReason::ObjectNotFound.at(version));
    }
}

#[test]
fn values_are_adjusted() {
    use AdjustmentType as A;
    for version in NEW {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let standard = AttributeReference::Standard;
        let period = || standard(tag::ProtectionPeriod);
        // What it does not have counts as nothing.
        client.adjust(&key, period(), A::Increment, Some(AdjustmentValue::Interval(100))).unwrap();
        client.adjust(&key, period(), A::Decrement, None).unwrap();
        assert_eq!(client.attributes(&key).protection_period(), Some(&Interval(99)), "{version}");
        let below = client.adjust(&key, period(), A::Decrement, Some(AdjustmentValue::Interval(100))).unwrap_err();
        assert_eq!(below, ResultReason::NumericRange, "{version}");
        client.adjust(&key, standard(tag::QuantumSafe), A::Negate, None).unwrap();
        assert_eq!(client.attributes(&key).quantum_safe(), Some(&true), "{version}");
        client.adjust(&key, standard(tag::QuantumSafe), A::Negate, None).unwrap();
        assert_eq!(client.attributes(&key).quantum_safe(), Some(&false), "{version}");
        client.set(&key, Attribute::DeactivationDate(DateTime(START + 100))).unwrap();
        client.adjust(&key, standard(tag::DeactivationDate), A::Increment, Some(AdjustmentValue::Interval(60))).unwrap();
        assert_eq!(client.attributes(&key).deactivation_date(), Some(&DateTime(START + 160)), "{version}");

        let own = counter(TreeValue::Integer(0)).reference();
        client.adjust(&key, own.clone(), A::Increment, Some(AdjustmentValue::Integer(7))).unwrap();
        client.adjust(&key, own.clone(), A::Negate, None).unwrap();
        assert_eq!(client.locate(vec![counter(TreeValue::Integer(-7))]), [key.as_str()], "{version}");
        client.add(&key, counter(TreeValue::Integer(1))).unwrap();
        assert_eq!(client.adjust(&key, own, A::Increment, None).unwrap_err(), ResultReason::MultiValuedAttribute);

        for (reference, expected) in [
            (standard(tag::CryptographicLength), ResultReason::ReadOnlyAttribute),
            (standard(tag::CryptographicUsageMask), ResultReason::ReadOnlyAttribute),
            (standard(tag::InitialDate), ResultReason::ReadOnlyAttribute),
            (standard(tag::Comment), ResultReason::ItemNotFound),
            (standard(tag::ProcessStartDate), ResultReason::ItemNotFound),
            (standard(tag::BatchItem), ResultReason::UnsupportedAttribute),
            (standard(tag::OperationPolicyName), ResultReason::UnsupportedAttribute),
        ] {
            let refused = client.adjust(&key, reference.clone(), A::Increment, None).unwrap_err();
            assert_eq!(refused, expected, "{version} {reference}");
        }
        client.set(&key, Attribute::Comment("c".to_owned())).unwrap();
        for adjustment in [A::Increment, A::Negate] {
            let refused = client.adjust(&key, standard(tag::Comment), adjustment, None).unwrap_err();
            assert_eq!(refused, ResultReason::InvalidDataType, "{version}");
        }
    }
}

#[test]
fn a_server_that_lives_says_so() {
    let server = Server::new();
    for version in VERSIONS {
        let answer = server.client("fred", version).ask(Operation::Ping, &PingRequest {});
        match Operation::Ping.known_in(version) {
            true => drop(answer.ok::<PingResponse>()),
            false => answer.fails_with(ResultReason::OperationNotSupported),
        }
    }
}

#[test]
fn a_message_is_logged_with_who_had_it_logged() {
    for version in NEW {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let log = |length| LogRequest { log_message: "m".repeat(length) };
        client.ask(Operation::Log, &log(4_096)).ok::<LogResponse>();
        client.ask(Operation::Log, &log(4_097)).fails_with(ResultReason::InvalidField);
        let records = server.log();
        assert_eq!(records[0].action, Action::Message("m".repeat(4_096)), "{version}");
        assert_eq!((records[0].actor.as_str(), records[0].outcome), ("fred", Outcome::Success));
        assert_eq!(records[1].action, Action::Operation(Operation::Log.0), "{version}");
        // What cannot be logged was not.
        server.trouble.read_only.store(true, std::sync::atomic::Ordering::SeqCst);
        client.ask(Operation::Log, &log(1)).fails_with(ResultReason::GeneralFailure);
        client.ask(Operation::Ping, &PingRequest {});
    }
}

#[test]
fn set_and_adjust_are_not_of_1_x() {
    let server = Server::new();
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([]));
        for operation in [Operation::SetAttribute, Operation::AdjustAttribute, Operation::Log] {
            let answer = client.ask(operation, &crate::client::get(Some(&key)));
            answer.fails_with(ResultReason::OperationNotSupported);
        }
    }
}
