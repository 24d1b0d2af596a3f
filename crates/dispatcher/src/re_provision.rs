//! Re-Provision: a client gets a new certificate to connect with, instead of the one that it connected with (2.1, section 6.1.48).
//!
//! The certificate is signed for the client's request, or for a key pair that is made for it, or the client brings it. Its names
//! are those of the old one, so that the client stays who it is. When the old one ends is in `replaced.rs`.

use kmip::Secret;
use kmip::attribute::{Attribute, AttributeReference};
use kmip::codec::{ByteString, DateTime};
use kmip::enumerations::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm, LinkType, ObjectType, RecommendedCurve, State,
    UniqueIdentifierEnumeration,
};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::object::{Certificate, CertificateRequest, ManagedObject};
use kmip::payload::re_provision::{ReProvisionRequest, ReProvisionResponse};
use kmip::result_reason::ResultReason;
use kmip::tag;
use policy::Permission;
use ttlv_codec::{Tree, TreeValue};

use crate::create_key_pair::{self, Pair, Wanted};
use crate::creation::{self, Origin};
use crate::direct::Effect;
use crate::environment::{NewKey, NotCertified};
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Judge, Loaded, Material, Operation, Plan, Search, Weight};
use crate::replaced::{LinkCredential, Replacement};

/// New certificates of one client that may wait to be used: each answer may have been lost.
const UNUSED_MAX: usize = 8;

pub(crate) struct ReProvision;

/// A certificate, and the key pair that was made for it.
pub(crate) struct Provisioned {
    certificate: Vec<u8>,
    pair: Option<Pair>,
}

impl Operation for ReProvision {
    type Request = ReProvisionRequest;
    type Response = ReProvisionResponse;
    type Prepared = Option<Provisioned>;

    const PERMISSION: Permission = Permission::ReProvision;
    /// It looks whether the certificate is an object that was revoked.
    const SEARCHES_AS: Permission = Permission::GetAttributes;
    const USES_FACTORY: bool = true;

    fn weight(_: &ReProvisionRequest, _: &Loaded) -> Weight {
        Weight::Brief
    }

    fn plan(request: &ReProvisionRequest, context: &Context<'_>) -> Result<Plan> {
        if request.certificate_request.is_some() && request.certificate.is_some() {
            return Err(Error::invalid_field("Re-Provision takes a Certificate Request or a Certificate, not both"));
        }
        let link = own(context.link)?;
        // What of the client's objects is this very certificate, and was revoked.
        let value = ByteString(link.fingerprint.to_vec());
        let mut search = Search { limit: Some(1), judge: Some(Box::new(IsRevoked(value.clone()))), ..Search::default() };
        let digest = TreeValue::Structure(vec![Tree { tag: tag::DigestValue, value: TreeValue::ByteString(value.0) }]);
        search.wanted.add(&AttributeReference::Standard(tag::Digest), &[digest], context.now);
        Ok(Plan { search: Some(search), ..Plan::default() })
    }

    fn prepare(request: &ReProvisionRequest, material: &Material<'_>) -> Result<Option<Provisioned>> {
        let link = own(material.link)?;
        let (registrar, chain) = (material.registrar, &link.chain);
        let provisioned = match (&request.certificate_request, &request.certificate) {
            (Some(asked), _) => {
                let certificate = registrar.certify(chain, NewKey::Request(request_bytes(asked)?)).map_err(refused)?;
                Provisioned { certificate, pair: None }
            }
            (None, Some(brought)) if brought.certificate_type == CertificateType::X_509 => {
                let certificate = brought.certificate_value.expose().to_vec();
                registrar.admit(chain, &certificate).map_err(refused)?;
                Provisioned { certificate, pair: None }
            }
            (None, Some(_)) => return Err(Error::invalid_field("A client connects with an X.509 certificate")),
            (None, None) => {
                let wanted =
                    Wanted { algorithm: Some(CryptographicAlgorithm::ECDSA), length: None, curve: Some(RecommendedCurve::P_256) };
                let pair = create_key_pair::generate(&wanted, material.random)?;
                let certificate = registrar.certify(chain, NewKey::PublicKey(&pair.public)).map_err(refused)?;
                Provisioned { certificate, pair: Some(pair) }
            }
        };
        Ok(Some(provisioned))
    }

    fn handle(
        _: &ReProvisionRequest,
        loaded: Loaded,
        prepared: &Option<Provisioned>,
        context: &Context<'_>,
    ) -> Result<Done<ReProvisionResponse>> {
        let link = own(context.link)?;
        let provisioned = prepared.as_ref().ok_or_else(|| Error::general_failure("no certificate was made"))?;
        if !loaded.found.is_empty() {
            let text = "The certificate of the connection is an object of the client that was revoked";
            return Err(Error::new(ResultReason::PermissionDenied, text));
        }
        let replacement = replacement(link, provisioned, context)?;
        let mut certificate = new(ObjectType::Certificate, context)?;
        certificate.object = Some(ManagedObject::Certificate(Certificate {
            certificate_type: CertificateType::X_509,
            certificate_value: Secret::from_slice(&provisioned.certificate),
        }));
        let mut made = Vec::new();
        if let Some(pair) = &provisioned.pair {
            let mut private = new(ObjectType::PrivateKey, context)?;
            let mut public = new(ObjectType::PublicKey, context)?;
            private.set(Attribute::CryptographicUsageMask(CryptographicUsageMask::Sign));
            public.set(Attribute::CryptographicUsageMask(CryptographicUsageMask::Verify));
            private.add(creation::link(LinkType::PublicKeyLink, &public.identifier));
            private.add(creation::link(LinkType::PKCS_12CertificateLink, &certificate.identifier));
            public.add(creation::link(LinkType::PrivateKeyLink, &private.identifier));
            public.add(creation::link(LinkType::CertificateLink, &certificate.identifier));
            certificate.add(creation::link(LinkType::PublicKeyLink, &public.identifier));
            for mut half in [private, public] {
                context.factory.complete(&mut half, context.settings)?;
                create_key_pair::finish_half(&mut half, pair, context)?;
                made.push(half);
            }
        }
        context.factory.complete(&mut certificate, context.settings)?;
        creation::complete(&mut certificate, Origin::Registered, context)?;
        made.push(certificate);

        // The private key comes first, if there is one.
        let identifier = made.first().map(|object| object.identifier.clone()).unwrap_or_default();
        let mut done = Done::reply(ReProvisionResponse { unique_identifier: Some(UniqueIdentifier(identifier.clone())) });
        // It is not among the operations that set the ID Placeholder (2.1, section 6.1).
        done.returned.push((UniqueIdentifierEnumeration::ReProvision, identifier));
        for object in made {
            done = done.about(&object.identifier).with(Change::Write(Box::new(object)));
        }
        done = done.with(Change::Keep(Box::new(replacement.to_put(None))));
        done.effects.push(Effect::Replace(Box::new(replacement)));
        Ok(done)
    }
}

/// The certificate of the connection, if it is the client's that asks.
fn own(link: Option<&LinkCredential>) -> Result<&LinkCredential> {
    let text =
        "Re-Provision replaces the certificate of the connection: the client that it names has to ask, and not with a ticket";
    link.ok_or_else(|| Error::new(ResultReason::PermissionDenied, text))
}

/// Wants the certificate of this hash if it was revoked, or compromised.
struct IsRevoked(ByteString);

impl Judge for IsRevoked {
    fn wants(&self, object: &StoredObject, context: &Context<'_>) -> Result<bool> {
        let is_it = object.attributes().any(|attribute| match attribute {
            Attribute::Digest(digest) => digest.digest_value.as_ref() == Some(&self.0),
            _ => false,
        });
        let is_revoked =
            matches!(object.state(context.now), State::Deactivated | State::Compromised | State::DestroyedCompromised);
        Ok(object.object_type == ObjectType::Certificate && is_it && is_revoked)
    }
}

/// A certification request of PKCS#10, DER or PEM.
fn request_bytes(request: &CertificateRequest) -> Result<&[u8]> {
    match request.certificate_request_type {
        CertificateRequestType::PKCS_10 | CertificateRequestType::PEM => Ok(request.certificate_request_value.expose()),
        _ => {
            let text = "The server reads certification requests of PKCS#10 only";
            Err(Error::new(ResultReason::FeatureNotSupported, text))
        }
    }
}

/// What those who certify say, as a Result Reason of the operation (2.1, section 6.1.48.1).
fn refused(cause: NotCertified) -> Error {
    match cause {
        NotCertified::Request(cause) => Error::invalid_field(format!("The new certificate cannot be: {cause}")),
        NotCertified::Client(cause) => {
            Error::new(ResultReason::PermissionDenied, "The certificate of the connection cannot be replaced").because(cause)
        }
        NotCertified::Failed(cause) => {
            Error::new(ResultReason::CryptographicFailure, "The server could not sign a certificate").because(cause)
        }
    }
}

/// An object that is in use from now on.
fn new(object_type: ObjectType, context: &Context<'_>) -> Result<StoredObject> {
    let (identifier, owner) = (context.new_identifier()?, context.actor.name.clone());
    let mut object = StoredObject::new(identifier, owner, object_type, context.version);
    object.set(Attribute::ActivationDate(DateTime(context.now)));
    Ok(object)
}

/// What replaces what.
///
/// # Errors
/// Invalid Field for a certificate that was replaced itself; Server Limit Exceeded.
fn replacement(link: &LinkCredential, provisioned: &Provisioned, context: &Context<'_>) -> Result<Replacement> {
    let new = crypto::sha256(&provisioned.certificate);
    if new == link.fingerprint {
        return Err(Error::invalid_field("The Certificate is the one of the connection"));
    }
    if !context.replaced.of(&new).is_empty() {
        return Err(Error::invalid_field("The Certificate was replaced by another earlier"));
    }
    let known = context.replaced.of(&link.fingerprint);
    if known.iter().any(|replacement| replacement.new == new) {
        return Err(Error::invalid_field("The Certificate replaces the one of the connection already"));
    }
    if known.len() >= UNUSED_MAX {
        let text = format!("The client has {UNUSED_MAX} new certificates already, and used none of them");
        return Err(Error::new(ResultReason::ServerLimitExceeded, text));
    }
    let end = |certificate: &[u8]| crypto::CertificateFacts::parse(certificate).map(|facts| facts.not_after);
    let grace = context.settings.re_provision_grace_s.unwrap_or(0);
    Ok(Replacement {
        client: context.actor.name.clone(),
        old: link.fingerprint,
        new,
        is_used: false,
        ends: context.now.saturating_add(i64::try_from(grace).unwrap_or(i64::MAX)),
        expires: end(link.certificate())?,
        new_expires: end(&provisioned.certificate)?,
    })
}
