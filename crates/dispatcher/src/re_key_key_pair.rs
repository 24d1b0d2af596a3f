//! Re-key Key Pair: a new key pair in place of an existing one (2.1, section 6.1.47). The request names the private key; the public
//! key is the one it is linked with.

use kmip::attribute::{Attribute, TemplateAttribute};
use kmip::enumerations::{LinkType, ObjectType, RecommendedCurve, UniqueIdentifierEnumeration as Kind};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::re_key_key_pair::{ReKeyKeyPairRequest, ReKeyKeyPairResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::authorise::Authorised;
use crate::conversion;
use crate::create_key_pair::{self, Pair, Wanted};
use crate::creation;
use crate::error::{Error, Result};
use crate::object::{Instance, StoredObject};
use crate::operation::{Change, Context, Done, Loaded, Material, Operation, Plan};
use crate::replacement;

pub(crate) struct ReKeyKeyPair;

impl Operation for ReKeyKeyPair {
    type Request = ReKeyKeyPairRequest;
    type Response = ReKeyKeyPairResponse;
    type Prepared = Option<(Wanted, Pair)>;

    const PERMISSION: Permission = Permission::ReKeyKeyPair;
    const USES_FACTORY: bool = true;
    const HEAVY: bool = true;
    const PREPARES_FROM_OBJECTS: bool = true;

    fn plan(request: &ReKeyKeyPairRequest, context: &Context<'_>) -> Result<Plan> {
        for (masks, reason) in [
            // Of the storage that both keys may have, 2.1 says it of each (table 312).
            (&request.common_protection_storage_masks, ResultReason::PrivateProtectionStorageUnavailable),
            (&request.private_protection_storage_masks, ResultReason::PrivateProtectionStorageUnavailable),
            (&request.public_protection_storage_masks, ResultReason::PublicProtectionStorageUnavailable),
        ] {
            creation::check_protection_storage(masks.as_ref(), reason)?;
        }
        create_key_pair::check_names(parts(request), context)?;
        let named = request.private_key_unique_identifier.as_ref().or(request.unique_identifier.as_ref());
        let objects = vec![context.identifier(named)?];
        Ok(Plan { objects, ..creation::plan(&parts(request), context)? })
    }

    fn follow(_: &ReKeyKeyPairRequest, loaded: &[Authorised], context: &Context<'_>) -> Result<Vec<String>> {
        match loaded {
            [private] => {
                replacement::check(private, ObjectType::PrivateKey, context)?;
                let public = private.linked(LinkType::PublicKeyLink).ok_or_else(|| {
                    Error::new(ResultReason::PermissionDenied, "The private key is not linked with a public key")
                })?;
                Ok(vec![public.to_owned()])
            }
            [_, public] => {
                replacement::check(public, ObjectType::PublicKey, context)?;
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn prepare(request: &ReKeyKeyPairRequest, material: &Material<'_>) -> Result<Self::Prepared> {
        let mut templates = material.templates.iter();
        let mut given = Vec::new();
        for part in parts(request) {
            given.extend(creation::merged(part, &mut templates, material.settings)?);
        }
        let private = material.objects.first().ok_or_else(|| Error::general_failure("no key was loaded"))?;
        let wanted = wanted(private, Wanted::of(given.iter().map(|instance| &instance.attribute)));
        let pair = create_key_pair::generate(&wanted, material.random)?;
        Ok(Some((wanted, pair)))
    }

    fn handle(
        request: &ReKeyKeyPairRequest,
        loaded: Loaded,
        prepared: &Self::Prepared,
        context: &Context<'_>,
    ) -> Result<Done<ReKeyKeyPairResponse>> {
        let mut templates = loaded.templates.iter();
        let common = creation::merged(request.common_attributes.as_ref(), &mut templates, context.settings)?;
        let own_private = creation::merged(request.private_key_attributes.as_ref(), &mut templates, context.settings)?;
        let own_public = creation::merged(request.public_key_attributes.as_ref(), &mut templates, context.settings)?;
        let mut objects = loaded.objects.into_iter().map(Authorised::into_inner);
        let (Some(mut old_private), Some(mut old_public)) = (objects.next(), objects.next()) else {
            return Err(Error::general_failure("no pair was loaded"));
        };
        let given = common.iter().chain(&own_private).chain(&own_public).map(|instance| &instance.attribute);
        let (made, pair) = match prepared {
            Some((made, pair)) if *made == wanted(&old_private, Wanted::of(given)) => (made, pair),
            // An ID Placeholder that names another key than when the pair was made.
            _ => return Err(Error::kept_changing()),
        };
        let given = create_key_pair::of_half(&common, own_private);
        let mut private = replacement::new(&old_private, given, request.offset, context)?;
        let given = create_key_pair::of_half(&common, own_public);
        let mut public = replacement::new(&old_public, given, request.offset, context)?;
        for half in [&mut private, &mut public] {
            // The existing key's, of which the request says otherwise by its algorithm or length.
            half.instances.retain(|instance| match &instance.attribute {
                Attribute::CryptographicDomainParameters(parameters) => parameters.recommended_curve == made.curve,
                _ => true,
            });
            create_key_pair::finish_half(half, pair, context)?;
        }
        link_first(&mut private, creation::link(LinkType::PublicKeyLink, &public.identifier));
        link_first(&mut public, creation::link(LinkType::PrivateKeyLink, &private.identifier));
        replacement::retire(&mut old_private, &private.identifier, context.now);
        replacement::retire(&mut old_public, &public.identifier, context.now);
        let (private_id, public_id) = (private.identifier.clone(), public.identifier.clone());
        let response = ReKeyKeyPairResponse {
            private_key_unique_identifier: UniqueIdentifier(private_id.clone()),
            public_key_unique_identifier: UniqueIdentifier(public_id.clone()),
            private_key_template_attribute: None,
            public_key_template_attribute: None,
        };
        let mut done = Done::reply(response).about(&old_private.identifier).about(&old_public.identifier);
        for object in [old_private, old_public, private, public] {
            done = done.with(Change::Write(Box::new(object)));
        }
        // The ID Placeholder names the private key, which is therefore returned last.
        Ok(done.returning(Kind::ReKeyKeyPairPublicKey, &public_id).returning(Kind::ReKeyKeyPairPrivateKey, &private_id))
    }
}

/// Links one half with the other, before its link with the key it replaces: in 1.x, where values have indices, the pair comes first (TC-133).
fn link_first(half: &mut StoredObject, other: Attribute) {
    let is_back = |instance: &Instance| matches!(&instance.attribute, Attribute::Link(link) if link.link_type == LinkType::ReplacedObjectLink);
    let (back, rest): (Vec<Instance>, Vec<Instance>) = std::mem::take(&mut half.instances).into_iter().partition(is_back);
    half.instances = rest;
    half.add(other);
    for instance in back {
        half.add(instance.attribute);
    }
}

const fn parts(request: &ReKeyKeyPairRequest) -> [Option<&TemplateAttribute>; 3] {
    [request.common_attributes.as_ref(), request.private_key_attributes.as_ref(), request.public_key_attributes.as_ref()]
}

/// The kind of pair to make: as the existing one, as far as the request does not say otherwise.
fn wanted(private: &StoredObject, given: Wanted) -> Wanted {
    let existing = Wanted::of(private.attributes());
    if given.algorithm.is_some_and(|algorithm| existing.algorithm != Some(algorithm)) {
        return given;
    }
    let algorithm = existing.algorithm;
    match given {
        Wanted { curve: Some(curve), length, .. } => Wanted { algorithm, length, curve: Some(curve) },
        Wanted { length: Some(length), .. } if existing.length != Some(length) => {
            Wanted { algorithm, length: Some(length), curve: None }
        }
        _ => Wanted { algorithm, length: existing.length, curve: existing.curve.or_else(|| curve(private)) },
    }
}

/// The curve of a key that can be read.
fn curve(private: &StoredObject) -> Option<RecommendedCurve> {
    let block = private.object.as_ref()?.key_block()?;
    conversion::private(block, conversion::plain_material(block)?).ok()?.facts().curve
}
