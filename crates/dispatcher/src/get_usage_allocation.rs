//! Get Usage Allocation: a part of what is left of an object's Usage Limits (2.1, section 6.1.23).
//!
//! What is given is taken from the count in the same commit, which is refused where the object changed meanwhile: the limit is never
//! overdrawn, however many ask at once.

use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{ObjectType, State};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::payload::get_usage_allocation::{GetUsageAllocationRequest, GetUsageAllocationResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

/// The uses that protect something, and not those that process what is protected: only the former are limited.
const PROTECTING: CryptographicUsageMask = CryptographicUsageMask(
    CryptographicUsageMask::Sign.0
        | CryptographicUsageMask::Encrypt.0
        | CryptographicUsageMask::WrapKey.0
        | CryptographicUsageMask::MACGenerate.0
        | CryptographicUsageMask::ContentCommitmentNonRepudiation.0
        | CryptographicUsageMask::CertificateSign.0
        | CryptographicUsageMask::CRLSign.0
        | CryptographicUsageMask::GenerateCryptogram.0
        | CryptographicUsageMask::TranslateEncrypt.0
        | CryptographicUsageMask::TranslateWrap.0
        | CryptographicUsageMask::FPEEncrypt.0,
);

pub(crate) struct GetUsageAllocation;

impl Operation for GetUsageAllocation {
    type Request = GetUsageAllocationRequest;
    type Response = GetUsageAllocationResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::GetUsageAllocation;

    fn plan(request: &GetUsageAllocationRequest, context: &Context<'_>) -> Result<Plan> {
        if request.usage_limits_count <= 0 {
            return Err(Error::invalid_field("Usage Limits Count must be positive"));
        }
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(
        request: &GetUsageAllocationRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<GetUsageAllocationResponse>> {
        let mut object = loaded.one()?.into_inner();
        if !protects(&object) {
            return Err(Error::new(ResultReason::InvalidObjectType, "The object is not one to protect anything with"));
        }
        let limits = object.first(|attribute| match attribute {
            Attribute::UsageLimits(limits) => Some(limits.clone()),
            _ => None,
        });
        let Some(mut limits) = limits else {
            // Illegal Operation in 1.x (1.4, section 11.19), where Attribute Not Found would become Item Not Found.
            let reason = if context.version.is_1x() { ResultReason::IllegalOperation } else { ResultReason::AttributeNotFound };
            return Err(Error::new(reason, "The object has no Usage Limits"));
        };
        if !may_protect_now(&object, context.now) {
            return Err(Error::new(ResultReason::PermissionDenied, "The object must not be used to protect anything now"));
        }
        let left = limits.usage_limits_count.unwrap_or(limits.usage_limits_total);
        if request.usage_limits_count > left {
            return Err(Error::new(ResultReason::UsageLimitExceeded, "The Usage Limits of the object do not allow as much"));
        }
        limits.usage_limits_count = Some(left - request.usage_limits_count);
        object.set(Attribute::UsageLimits(limits));
        object.touch(context.now);
        let identifier = object.identifier.clone();
        let response = GetUsageAllocationResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}

/// Whether an object is of use for protecting anything at all: a key, with a use in its mask that does.
fn protects(object: &StoredObject) -> bool {
    let is_key = matches!(
        object.object_type,
        ObjectType::SymmetricKey
            | ObjectType::PublicKey
            | ObjectType::PrivateKey
            | ObjectType::SplitKey
            | ObjectType::PGPKey
            | ObjectType::SecretData
    );
    let is_protecting = |attribute: &Attribute| match attribute {
        Attribute::CryptographicUsageMask(mask) => mask.intersects(PROTECTING),
        _ => false,
    };
    is_key && object.attributes().any(is_protecting)
}

/// Whether protection is enabled: from the Activation Date to the Protect Stop Date.
fn may_protect_now(object: &StoredObject, now: i64) -> bool {
    let stopped = object.attributes().any(|attribute| match attribute {
        Attribute::ProtectStopDate(DateTime(date)) => *date <= now,
        _ => false,
    });
    object.state(now) == State::Active && !stopped
}
