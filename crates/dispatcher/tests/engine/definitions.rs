//! What a version defines, and what it does not: values of enumerations, types of conditions, attributes of templates, dates and
//! generators that are the server's to say.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeFilter, AttributeFilters, AttributeReference, SetBy};
use kmip::attributes::ATTRIBUTES;
use kmip::codec::DateTime;
use kmip::enumerations::{CertificateType, CryptographicAlgorithm, NameType, RNGAlgorithm, RevocationReasonCode, State, of_tag};
use kmip::object::{Certificate, ManagedObject};
use kmip::operation::Operation;
use kmip::payload::locate::LocateResponse;
use kmip::payload::revoke::RevokeResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::{Name, RNGParameters};
use kmip::{Secret, tag};
use ttlv_codec::{Tag, Tree, TreeValue};

use crate::client::{aes, aes_and, create, locate, name, revoke};
use crate::objects::template_object;
use crate::samples::{completed, read, scalars};
use crate::server::{Server, VERSIONS};

/// A value with something else in the place of each enumeration in it; `None`: there is none.
fn with_enumerations(tag: Tag, value: &TreeValue, other: u32) -> Option<TreeValue> {
    match value {
        TreeValue::Enumeration(_) if of_tag(tag).is_some() => Some(TreeValue::Enumeration(other)),
        TreeValue::Structure(fields) => {
            let mut found = false;
            let fields = fields.iter().map(|field| match with_enumerations(field.tag, &field.value, other) {
                Some(value) => {
                    found = true;
                    Tree { tag: field.tag, value }
                }
                None => field.clone(),
            });
            let fields = fields.collect();
            found.then_some(TreeValue::Structure(fields))
        }
        _ => None,
    }
}

#[test]
fn an_enumeration_in_an_attribute_has_a_value_of_the_version_or_a_vendors() {
    for version in VERSIONS {
        let mut judged = 0;
        for rules in ATTRIBUTES.iter().filter(|rules| rules.versions.contains(version) && rules.set_by != SetBy::Server) {
            // Nothing in Cryptographic Parameters is required.
            let fields = match rules.tag {
                tag::CryptographicParameters => vec![Tree { tag: tag::HashingAlgorithm, value: TreeValue::Enumeration(1) }],
                _ => vec![],
            };
            let scalar = scalars(1).iter().find_map(|scalar| read(rules.tag, scalar, version).ok());
            let Some(sample) = scalar.or_else(|| completed(rules.tag, fields, version, 1)) else { continue };
            let value = sample.to_tree(version).unwrap();
            let Some(undefined) = with_enumerations(rules.tag, &value, 0x7777) else { continue };
            let server = Server::new();
            let mut client = server.client("fred", version);
            let key = client.create(aes());
            if client.attributes(&key).iter().any(|attribute| attribute.tag() == rules.tag) {
                continue;
            }
            let undefined = read(rules.tag, &undefined, version).unwrap();
            let refused = ResultReason::InvalidAttributeValue.at(version);
            if rules.applies_to.contains(kmip::enumerations::ObjectType::SymmetricKey) {
                assert_eq!(client.add(&key, undefined.clone()).err(), Some(refused), "{version} {undefined:?}");
                let vendors = with_enumerations(rules.tag, &value, 0x8000_0001).unwrap();
                let vendors = read(rules.tag, &vendors, version).unwrap();
                assert!(client.add(&key, vendors.clone()).is_ok(), "{version} {vendors:?}");
                judged += 1;
            }
        }
        assert!(judged >= 4, "{version}: {judged}");
        let server = Server::new();
        let mut client = server.client("fred", version);
        let misnamed = Attribute::Name(Name { name_value: "n".to_owned(), name_type: NameType(9) });
        client.ask(Operation::Create, &create(aes_and([misnamed]))).fails_with(ResultReason::InvalidAttributeValue);
        assert_eq!(server.objects(), 0);
    }
}

#[test]
fn a_condition_of_a_wrong_type_is_an_error_and_finds_not_nothing() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        client.create(aes_and([name("n")]));
        let mut ask = |tag, value| {
            let mut request = locate(version, vec![]);
            request.attributes = AttributeFilters(vec![AttributeFilter { reference: AttributeReference::Standard(tag), value }]);
            client.ask(Operation::Locate, &request)
        };
        for (tag, value) in [
            (tag::State, TreeValue::Integer(1)),
            (tag::State, TreeValue::TextString("Active".to_owned())),
            (tag::CryptographicLength, TreeValue::LongInteger(256)),
            (tag::CryptographicUsageMask, TreeValue::Enumeration(4)),
            (tag::InitialDate, TreeValue::Integer(4)),
            (tag::Name, TreeValue::Structure(vec![Tree { tag: tag::NameValue, value: TreeValue::Integer(1) }])),
            (tag::ObjectGroup, TreeValue::Structure(vec![])),
        ] {
            ask(tag, value).fails_with(ResultReason::InvalidMessage);
        }
        // Fields may be left out.
        let partial = TreeValue::Structure(vec![Tree { tag: tag::NameValue, value: TreeValue::TextString("n".to_owned()) }]);
        assert_eq!(ask(tag::Name, partial).ok::<LocateResponse>().unique_identifiers.len(), 1, "{version}");
    }
}

#[test]
fn a_template_has_no_state_no_lease_and_is_not_fresh() {
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let identifier = client.register(template_object("t", aes()), vec![]);
        let names = client.attribute_list(&identifier);
        let attributes = client.attributes(&identifier);
        for tag in [tag::State, tag::LeaseTime, tag::Fresh, tag::Digest, tag::Sensitive] {
            assert!(!attributes.iter().any(|attribute| attribute.tag() == tag), "{version} {tag:?}");
            assert!(!names.contains(&AttributeReference::Standard(tag)), "{version} {tag:?}");
        }
        for tag in [tag::UniqueIdentifier, tag::ObjectType, tag::Name, tag::InitialDate, tag::LastChangeDate] {
            assert!(attributes.iter().any(|attribute| attribute.tag() == tag), "{version} {tag:?}");
        }
        assert!(client.locate(vec![Attribute::State(State::PreActive)]).is_empty(), "{version}");
    }
}

#[test]
fn an_elliptic_curve_certificate_is_one_of_ecdsa_where_there_is_no_ec() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["disk".to_owned()]).unwrap().self_signed(&key).unwrap();
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let certificate = ManagedObject::Certificate(Certificate {
            certificate_type: CertificateType::X_509,
            certificate_value: Secret::from_slice(certificate.der()),
        });
        let identifier = client.register(certificate, vec![]);
        let algorithm = client.attributes(&identifier).cryptographic_algorithm().copied();
        let expected = match version < ProtocolVersion::V1_2 {
            true => CryptographicAlgorithm::ECDSA,
            false => CryptographicAlgorithm::EC,
        };
        assert_eq!(algorithm, Some(expected), "{version}");
    }
}

#[test]
fn the_date_of_a_compromise_comes_with_a_compromise() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        client.activate(&key).unwrap();
        let mut request = revoke(Some(&key), RevocationReasonCode::Superseded);
        request.compromise_occurrence_date = Some(DateTime(1_000));
        let answer = client.ask(Operation::Revoke, &request);
        // Up to 1.3 nothing is said against it.
        if version < ProtocolVersion::V1_4 {
            answer.ok::<RevokeResponse>();
            assert!(client.attributes(&key).compromise_occurrence_date().is_none(), "{version}");
            continue;
        }
        answer.fails_with(ResultReason::InvalidField);
        assert_eq!(client.state(&key), State::Active, "{version}");
        request = revoke(Some(&key), RevocationReasonCode::CACompromise);
        request.compromise_occurrence_date = Some(DateTime(1_000));
        client.ask(Operation::Revoke, &request).ok::<RevokeResponse>();
        assert_eq!(client.attributes(&key).compromise_occurrence_date(), Some(&DateTime(1_000)), "{version}");
    }
}

#[test]
fn what_the_server_makes_is_as_old_as_it_is_and_of_its_own_generator() {
    let generator = |rng_algorithm| {
        Attribute::RandomNumberGenerator(RNGParameters {
            rng_algorithm,
            cryptographic_algorithm: None,
            cryptographic_length: None,
            hashing_algorithm: None,
            drbg_algorithm: None,
            recommended_curve: None,
            fips186_variation: None,
            prediction_resistance: None,
        })
    };
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_3) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let earlier = create(aes_and([Attribute::OriginalCreationDate(DateTime(1_000))]));
        client.ask(Operation::Create, &earlier).fails_with(ResultReason::AttributeReadOnly);
        let other = create(aes_and([generator(RNGAlgorithm::ANSIX9_31)]));
        client.ask(Operation::Create, &other).fails_with(ResultReason::InvalidAttributeValue);
        for wanted in [RNGAlgorithm::DRBG, RNGAlgorithm::Unspecified] {
            let key = client.create(aes_and([generator(wanted)]));
            let attributes = client.attributes(&key);
            let used = attributes.random_number_generator().unwrap();
            assert_eq!((used.rng_algorithm, used.cryptographic_length), (RNGAlgorithm::DRBG, Some(256)), "{version}");
            assert_eq!(attributes.original_creation_date(), attributes.initial_date(), "{version}");
        }
        // Of what a client brings, it says so itself.
        let key = client.register(
            crate::objects::symmetric_key(),
            vec![Attribute::OriginalCreationDate(DateTime(1_000)), generator(RNGAlgorithm::ANSIX9_31)],
        );
        assert_eq!(client.attributes(&key).original_creation_date(), Some(&DateTime(1_000)), "{version}");
    }
}
