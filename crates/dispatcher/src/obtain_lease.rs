//! Obtain Lease: how long the client may go on with what it has cached of an object (2.1, section 6.1.35).
//!
//! A lease is a promise to ask again, which the server keeps no account of: it gives one as long as the object may be used.

use kmip::attribute::Attribute;
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{ObjectType, State};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::obtain_lease::{ObtainLeaseRequest, ObtainLeaseResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct ObtainLease;

impl Operation for ObtainLease {
    type Request = ObtainLeaseRequest;
    type Response = ObtainLeaseResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::ObtainLease;

    fn plan(request: &ObtainLeaseRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(_: &ObtainLeaseRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<ObtainLeaseResponse>> {
        let object = loaded.one()?;
        if object.object_type == ObjectType::Template {
            return Err(Error::new(ResultReason::PermissionDenied, "A template is not used, and no lease is given for it"));
        }
        // A Deactivated key still opens what it closed; nobody should go on with a compromised or destroyed one.
        if !matches!(object.state(context.now), State::PreActive | State::Active | State::Deactivated) {
            return Err(Error::new(ResultReason::PermissionDenied, "No lease is given for an object in its state"));
        }
        let changed = object.first(|attribute| match attribute {
            Attribute::LastChangeDate(date) => Some(*date),
            _ => None,
        });
        let identifier = object.identifier.clone();
        let response = ObtainLeaseResponse {
            unique_identifier: UniqueIdentifier(identifier.clone()),
            lease_time: lease_time(&object, context),
            last_change_date: changed.unwrap_or(DateTime(context.now)),
        };
        Ok(Done::reply(response).about(&identifier))
    }
}

/// The longest lease for an object; 0 is one without end.
pub(crate) fn lease_time(object: &StoredObject, context: &Context<'_>) -> Interval {
    let own = object.first(|attribute| match attribute {
        Attribute::LeaseTime(interval) => Some(*interval),
        _ => None,
    });
    own.unwrap_or(Interval(context.settings.lease_time_s))
}
