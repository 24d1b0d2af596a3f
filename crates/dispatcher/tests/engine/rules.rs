//! The rules of every attribute, cell by cell: what may be added, modified, deleted and set, in which state, by the table of the
//! standard (1.4, section 3; 2.1, section 4), whose rows `cargo xtask spec-diff` compares with the facts of the standards.

use kmip::ProtocolVersion;
use kmip::attribute::{
    Attribute, AttributeReference, AttributeRules, Instances, Permitted, SetBy, VENDOR_ATTRIBUTE_RULES, VendorAttribute,
};
use kmip::attributes::ATTRIBUTES;
use kmip::enumerations::{LinkType, ObjectType, RevocationReasonCode, State};
use kmip::object::ManagedObject;
use kmip::result_reason::ResultReason;
use kmip::structures::{ApplicationSpecificInformation, Link};
use kmip::tag;
use ttlv_codec::{Tree, TreeValue};

use crate::client::{Client, name};
use crate::objects::every_type;
use crate::samples::{completed, read, scalars};
use crate::server::Server;

/// Versions between which the spelling or the attributes differ.
const SPELLED: [ProtocolVersion; 5] =
    [ProtocolVersion::V1_0, ProtocolVersion::V1_2, ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Add,
    Modify,
    Delete,
    Set,
}

/// A value of an attribute that its client might give.
fn value(rules: &AttributeRules, version: ProtocolVersion, number: u8) -> Attribute {
    match rules.tag {
        tag::Attribute => Attribute::Vendor(VendorAttribute {
            vendor_identification: "x".to_owned(),
            attribute_name: "Shelf".to_owned(),
            attribute_value: TreeValue::Integer(number.into()),
        }),
        // Names are unique among the objects of a client.
        tag::Name => name(&format!("{number}")),
        tag::ApplicationSpecificInformation => Attribute::ApplicationSpecificInformation(ApplicationSpecificInformation {
            application_namespace: "namespace".to_owned(),
            application_data: Some(format!("data {number}")),
        }),
        // Its numbers do not begin at 1.
        tag::Link => Attribute::Link(Link {
            link_type: LinkType::PublicKeyLink,
            linked_object_identifier: format!("object {number}").as_str().into(),
        }),
        // Nothing in it is required.
        tag::CryptographicParameters => {
            let field = Tree { tag: tag::BlockCipherMode, value: TreeValue::Enumeration(number.into()) };
            read(rules.tag, &TreeValue::Structure(vec![field]), version).unwrap()
        }
        tag::Sensitive => Attribute::Sensitive(true),
        tag::Extractable => Attribute::Extractable(false),
        tag::OperationPolicyName => Attribute::OperationPolicyName("default".to_owned()),
        tag => {
            let scalar = scalars(number).iter().find_map(|scalar| read(tag, scalar, version).ok());
            scalar.or_else(|| completed(tag, vec![], version, number)).unwrap_or_else(|| panic!("{tag:?}"))
        }
    }
}

/// What the rules say about a change, given how many values there are.
fn expected(
    change: Change,
    rules: &AttributeRules,
    values: usize,
    state: State,
    version: ProtocolVersion,
) -> Result<(), ResultReason> {
    let read_only = match change {
        Change::Add | Change::Set => ResultReason::ReadOnlyAttribute,
        Change::Modify | Change::Delete => ResultReason::AttributeReadOnly,
    };
    let permitted = |permitted| match (permitted, state) {
        (Permitted::No, _) => Err(read_only),
        (Permitted::WhilePreActive, State::PreActive) => Ok(()),
        (Permitted::WhilePreActiveOrActive | Permitted::UntilReached, State::PreActive | State::Active) => Ok(()),
        (Permitted::WhilePreActive | Permitted::WhilePreActiveOrActive | Permitted::UntilReached, _) => {
            Err(ResultReason::WrongKeyLifecycleState)
        }
        // Nothing was allocated, and the values here go the only way they may.
        (Permitted::Yes | Permitted::UntilAllocated | Permitted::ToTrue | Permitted::ToFalse, _) => Ok(()),
        (Permitted::WhileAbsent, _) => {
            if values == 0 {
                Ok(())
            } else {
                Err(read_only)
            }
        }
    };
    let add = || match (rules.set_by, rules.instances, values) {
        (SetBy::Server, ..) => Err(read_only),
        (_, Instances::One, 1..) => Err(ResultReason::AttributeSingleValued),
        _ if rules.client_modifies == Permitted::No => Ok(()),
        _ => permitted(rules.client_modifies),
    };
    match change {
        Change::Add => add(),
        Change::Modify => permitted(rules.client_modifies).and_then(|()| match values {
            0 if version.is_1x() => Err(ResultReason::InvalidField),
            0 => Err(ResultReason::AttributeNotFound),
            _ => Ok(()),
        }),
        Change::Delete if rules.always_has_value => Err(read_only),
        Change::Delete => {
            permitted(rules.client_deletes).and(if values == 0 { Err(ResultReason::AttributeNotFound) } else { Ok(()) })
        }
        Change::Set => match values {
            0 => add(),
            1 => permitted(rules.client_modifies),
            _ => Err(ResultReason::MultiValuedAttribute),
        },
    }
}

/// An object that may have the attribute, in a state.
fn object(client: &mut Client<'_>, object: &ManagedObject, state: State) -> String {
    let identifier = client.register(object.clone(), vec![]);
    if state != State::PreActive {
        client.activate(&identifier).unwrap();
    }
    if state == State::Deactivated {
        client.revoke(&identifier, RevocationReasonCode::CessationOfOperation).unwrap();
    }
    identifier
}

fn count(client: &mut Client<'_>, identifier: &str, reference: &AttributeReference) -> usize {
    client.attributes(identifier).iter().filter(|attribute| attribute.is(reference)).count()
}

fn perform(client: &mut Client<'_>, change: Change, identifier: &str, value: Attribute) -> Result<(), ResultReason> {
    let reference = value.reference();
    match change {
        Change::Add => client.add(identifier, value).map(drop),
        Change::Modify => client.modify(identifier, value).map(drop),
        Change::Delete => client.delete(identifier, reference).map(drop),
        Change::Set => client.set(identifier, value).map(drop),
    }
}

#[test]
fn every_attribute_changes_by_its_rules() {
    let mut cells = 0;
    for version in SPELLED {
        // Not what a template is: its attributes are inside it.
        let types: Vec<ManagedObject> =
            every_type(version).into_iter().filter(|object| object.object_type() != ObjectType::Template).collect();
        for rules in ATTRIBUTES.iter().chain([&VENDOR_ATTRIBUTE_RULES]).filter(|rules| rules.versions.contains(version)) {
            // A key, where it may be one: its state matters most.
            let keys_first = types.iter().filter(|object| object.object_type() == ObjectType::SymmetricKey).chain(&types);
            let managed = keys_first.into_iter().find(|object| rules.applies_to.contains(object.object_type()));
            let Some(managed) = managed else { panic!("{:?} applies to nothing in {version}", rules.tag) };
            for state in [State::PreActive, State::Active, State::Deactivated] {
                for change in [Change::Add, Change::Modify, Change::Delete, Change::Set] {
                    if change == Change::Set && version.is_1x() {
                        continue;
                    }
                    let server = Server::new();
                    let mut client = server.client("fred", version);
                    let identifier = object(&mut client, managed, state);
                    let first = value(rules, version, 1);
                    let reference = first.reference();
                    let mut cell = |client: &mut Client<'_>, value: Attribute| {
                        let values = count(client, &identifier, &reference);
                        let expected = expected(change, rules, values, state, version).map_err(|reason| reason.at(version));
                        let before = client.attributes(&identifier);
                        let result = perform(client, change, &identifier, value);
                        assert_eq!(result, expected, "{version} {reference} {change:?} of {values} values in {state:?}");
                        if result.is_err() {
                            assert_eq!(client.attributes(&identifier), before, "{version} {reference} {change:?}");
                        }
                        cells += 1;
                    };
                    cell(&mut client, first.clone());
                    // And once more with a value, if there can be one.
                    if count(&mut client, &identifier, &reference) == 0 {
                        let _ = client.add(&identifier, first);
                    }
                    if count(&mut client, &identifier, &reference) > 0 {
                        cell(&mut client, value(rules, version, 2));
                    }
                }
            }
        }
    }
    assert!(cells > 4_000, "{cells}");
}

#[test]
fn what_always_has_a_value_has_one() {
    for version in SPELLED {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut all: Vec<(ObjectType, String)> =
            every_type(version).into_iter().map(|object| (object.object_type(), client.register(object, vec![]))).collect();
        all.push((ObjectType::SymmetricKey, client.create(crate::client::aes())));
        let (private, public) = client.create_key_pair();
        all.extend([(ObjectType::PrivateKey, private), (ObjectType::PublicKey, public)]);
        for (object_type, identifier) in all {
            let attributes = client.attributes(&identifier);
            for rules in ATTRIBUTES.iter().filter(|rules| rules.always_has_value && rules.versions.contains(version)) {
                if !rules.applies_to.contains(object_type) || excepted(rules, object_type) {
                    continue;
                }
                let reference = AttributeReference::Standard(rules.tag);
                let values = attributes.iter().filter(|attribute| attribute.is(&reference)).count();
                assert!(values > 0, "{version} {object_type:?} has no {reference}");
                assert!(values == 1 || rules.instances == Instances::Many, "{version} {object_type:?} {reference}");
            }
        }
    }
}

/// Where the standard makes an exception, or there is nothing that the value could be.
fn excepted(rules: &AttributeRules, object_type: ObjectType) -> bool {
    let is_key = !matches!(
        object_type,
        ObjectType::SecretData
            | ObjectType::OpaqueObject
            | ObjectType::Certificate
            | ObjectType::CertificateRequest
            | ObjectType::Template
    );
    match rules.tag {
        // "Except for Secret Data and Opaque Object"; of what cannot be read, nothing is known.
        tag::CryptographicAlgorithm | tag::CryptographicLength => !is_key,
        tag::CryptographicUsageMask => matches!(object_type, ObjectType::OpaqueObject | ObjectType::Template),
        // What certificates say is set where they can be read.
        tag::CertificateIdentifier
        | tag::CertificateIssuer
        | tag::CertificateSubject
        | tag::X_509CertificateIdentifier
        | tag::X_509CertificateIssuer
        | tag::X_509CertificateSubject
        | tag::DigitalSignatureAlgorithm => true,
        // A template has no material, and is no cryptographic object.
        tag::Digest
        | tag::KeyFormatType
        | tag::Sensitive
        | tag::AlwaysSensitive
        | tag::Extractable
        | tag::NeverExtractable
        | tag::State
        | tag::LeaseTime
        | tag::Fresh => object_type == ObjectType::Template,
        _ => false,
    }
}
