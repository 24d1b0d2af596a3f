//! Operation Policy Name: certificates and public keys under the policy `default` are read by all, everything else by its owner.

use kmip::attribute::Attribute;
use kmip::enumerations::{ObjectType, ResultStatus, RevocationReasonCode};
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation;
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::result_reason::ResultReason;

use crate::client::{Client, activate, add, aes_and, destroy, get_attributes, name, revoke, template};
use crate::objects::every_type;
use crate::server::{Server, VERSIONS};

fn policy(name: &str) -> Attribute {
    Attribute::OperationPolicyName(name.to_owned())
}

/// What is to be public, and what is not: identifiers.
fn made(client: &mut Client<'_>) -> (Vec<String>, Vec<String>) {
    let (mut public, mut own) = (Vec::new(), Vec::new());
    for object in every_type(client.version) {
        let is_public = matches!(object.object_type(), ObjectType::Certificate | ObjectType::PublicKey);
        let identifier = client.register(object.clone(), vec![policy("default")]);
        if is_public {
            public.push(identifier)
        } else {
            own.push(identifier)
        }
        if is_public {
            // Other names mean nothing here.
            own.push(client.register(object.clone(), vec![policy("public")]));
            own.push(client.register(object, vec![]));
        }
    }
    own.push(client.create(aes_and([policy("default")])));
    let pair =
        CreateKeyPairRequest { common_attributes: Some(template(vec![policy("default")])), ..crate::client::create_key_pair() };
    let mut pair = pair;
    pair.common_attributes
        .as_mut()
        .unwrap()
        .attributes
        .0
        .extend(crate::client::create_key_pair().common_attributes.unwrap().attributes.0);
    let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &pair).ok();
    public.push(pair.public_key_unique_identifier.0);
    own.push(pair.private_key_unique_identifier.0);
    (public, own)
}

#[test]
fn all_read_what_is_public_and_nobody_else_changes_it() {
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let (public, own) = made(&mut server.client("fred", version));
        // The policy was given in 1.x; it holds for readers of every version.
        for reader in [version, kmip::ProtocolVersion::V2_1] {
            let mut barney = server.client("barney", reader);
            let newest_first: Vec<String> = public.iter().rev().cloned().collect();
            assert_eq!(barney.locate(vec![]), newest_first, "{version} {reader}");
            for identifier in &public {
                let id = Some(identifier.as_str());
                barney.object(identifier);
                let read = barney.ask(Operation::GetAttributes, &get_attributes(id, vec![]));
                assert_eq!(read.status, ResultStatus::Success, "{version}");
                barney.attribute_list(identifier);
                barney.lease(identifier).unwrap();
                let by_identifier = vec![Attribute::UniqueIdentifier(UniqueIdentifier(identifier.clone()))];
                assert_eq!(barney.locate(by_identifier), [identifier.as_str()], "{version}");
                let denied = ResultReason::PermissionDenied;
                barney.ask(Operation::AddAttribute, &add(id, name("mine"))).fails_with(denied);
                barney.ask(Operation::Activate, &activate(id)).fails_with(denied);
                barney.ask(Operation::Revoke, &revoke(id, RevocationReasonCode::KeyCompromise)).fails_with(denied);
                barney.ask(Operation::Destroy, &destroy(id)).fails_with(denied);
                assert_eq!(barney.archive(identifier).unwrap_err(), denied);
                assert_eq!(barney.recover(identifier).unwrap_err(), denied);
            }
            for identifier in &own {
                barney.get(identifier).fails_with(ResultReason::PermissionDenied);
                let by_identifier = vec![Attribute::UniqueIdentifier(UniqueIdentifier(identifier.clone()))];
                assert!(barney.locate(by_identifier).is_empty(), "{version}");
            }
            for (object_type, found) in [(ObjectType::Certificate, 1), (ObjectType::PublicKey, 2), (ObjectType::SymmetricKey, 0)]
            {
                assert_eq!(barney.locate(vec![Attribute::ObjectType(object_type)]).len(), found, "{version} {object_type:?}");
            }
            // One's own come first.
            let mine = barney.create(aes_and([]));
            assert_eq!(barney.locate(vec![])[0], mine, "{version}");
            assert_eq!(barney.locate(vec![]).len(), 1 + public.len(), "{version}");
            barney.destroy(&mine).unwrap();
        }
        let mut fred = server.client("fred", version);
        assert_eq!(fred.locate(vec![]).len(), public.len() + own.len(), "{version}: each once");
        fred.get(&own[0]);
        fred.destroy(&public[0]).unwrap();
        assert_eq!(server.client("barney", version).locate(vec![]).len(), public.len() - 1, "{version}");
    }
}
