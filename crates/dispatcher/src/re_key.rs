//! Re-key: a new symmetric key in place of an existing one (2.1, section 6.1.46).

use kmip::attribute::Attribute;
use kmip::enumerations::{ObjectType, UniqueIdentifierEnumeration};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::re_key::{ReKeyRequest, ReKeyResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::create::symmetric_key;
use crate::creation::{self, Origin};
use crate::error::Result;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};
use crate::replacement;

pub(crate) struct ReKey;

impl Operation for ReKey {
    type Request = ReKeyRequest;
    type Response = ReKeyResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::ReKey;
    const USES_FACTORY: bool = true;

    fn plan(request: &ReKeyRequest, context: &Context<'_>) -> Result<Plan> {
        creation::check_protection_storage(
            request.protection_storage_masks.as_ref(),
            ResultReason::ProtectionStorageUnavailable,
        )?;
        let objects = vec![context.identifier(request.unique_identifier.as_ref())?];
        Ok(Plan { objects, ..creation::plan(&[request.attributes.as_ref()], context)? })
    }

    fn handle(request: &ReKeyRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<ReKeyResponse>> {
        let given = creation::merged(request.attributes.as_ref(), &mut loaded.templates.iter(), context.settings)?;
        let mut existing = loaded.one()?.into_inner();
        replacement::check(&existing, ObjectType::SymmetricKey, context)?;
        let mut object = replacement::new(&existing, given, request.offset, context)?;
        let algorithm = object.first(|attribute| match attribute {
            Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
            _ => None,
        });
        let length = object.first(|attribute| match attribute {
            Attribute::CryptographicLength(length) => Some(*length),
            _ => None,
        });
        object.object = Some(symmetric_key(algorithm, length, context)?);
        creation::complete(&mut object, Origin::Generated, context)?;
        let identifier = object.identifier.clone();
        replacement::retire(&mut existing, &identifier, context.now);
        let replaced = existing.identifier.clone();
        let response = ReKeyResponse { unique_identifier: UniqueIdentifier(identifier.clone()), template_attribute: None };
        Ok(Done::reply(response)
            .with(Change::Write(Box::new(existing)))
            .with(Change::Write(Box::new(object)))
            .about(&replaced)
            .returning(UniqueIdentifierEnumeration::ReKey, &identifier))
    }
}
