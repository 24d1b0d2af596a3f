//! Check: whether an object may be used in a certain way (2.1, section 6.1.7).

use kmip::attribute::Attribute;
use kmip::enumerations::ObjectType;
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::payload::check::{CheckRequest, CheckResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::obtain_lease;
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct Check;

impl Operation for Check {
    type Request = CheckRequest;
    type Response = CheckResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Check;

    fn plan(request: &CheckRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(request: &CheckRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<CheckResponse>> {
        let object = loaded.one()?;
        if object.object_type == ObjectType::Template {
            return Err(Error::new(ResultReason::IllegalObjectType, "A template is not used, but what is made from it"));
        }
        if let Some(wanted) = request.cryptographic_usage_mask {
            let allowed = object
                .first(|attribute| match attribute {
                    Attribute::CryptographicUsageMask(mask) => Some(*mask),
                    _ => None,
                })
                .unwrap_or(CryptographicUsageMask::default());
            if allowed & wanted != wanted {
                return Err(Error::new(
                    ResultReason::IncompatibleCryptographicUsageMask,
                    "The object may not be used for all of the operations",
                ));
            }
        }
        let limit = object.first(|attribute| match attribute {
            Attribute::UsageLimits(limits) => limits.usage_limits_count.or(Some(limits.usage_limits_total)),
            _ => None,
        });
        if let (Some(wanted), Some(left)) = (request.usage_limits_count, limit)
            && wanted > left
        {
            return Err(Error::new(ResultReason::UsageLimitExceeded, "The Usage Limits of the object do not allow as much"));
        }
        // A lease of 0 is one without end (2.1, section 6.1.35).
        let granted = obtain_lease::lease_time(&object, context).0;
        if request.lease_time.is_some_and(|wanted| granted != 0 && (wanted.0 > granted || wanted.0 == 0)) {
            return Err(Error::new(ResultReason::PermissionDenied, "The server grants no lease of this length"));
        }
        let identifier = object.identifier.clone();
        let response = CheckResponse {
            unique_identifier: UniqueIdentifier(identifier.clone()),
            usage_limits_count: None,
            cryptographic_usage_mask: None,
            lease_time: None,
        };
        Ok(Done::reply(response).about(&identifier))
    }
}
