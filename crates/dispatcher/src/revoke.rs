//! Revoke: an object becomes Compromised, or Deactivated, for a reason (2.1, section 6.1.44).

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{Enumeration as _, ObjectType, RevocationReasonCode};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::revoke::{RevokeRequest, RevokeResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::lifecycle::{self, Event};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct Revoke;

impl Operation for Revoke {
    type Request = RevokeRequest;
    type Response = RevokeResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Revoke;

    fn plan(request: &RevokeRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(request: &RevokeRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<RevokeResponse>> {
        let mut object = loaded.one()?.into_inner();
        if object.object_type == ObjectType::Template {
            return Err(Error::new(ResultReason::InvalidObjectType, "A template cannot be revoked"));
        }
        let reason = request
            .revocation_reason
            .as_ref()
            .ok_or_else(|| Error::new(ResultReason::InvalidMessage, "Revocation Reason is missing"))?;
        if !reason.revocation_reason_code.known_in(context.version) {
            return Err(Error::new(ResultReason::UnknownEnumeration, "The Revocation Reason Code is not known"));
        }
        let compromised =
            matches!(reason.revocation_reason_code, RevocationReasonCode::KeyCompromise | RevocationReasonCode::CACompromise);
        // It came with 1.4 that it shall not be (1.4, section 4.20; 2.1, section 6.1.49).
        if request.compromise_occurrence_date.is_some() && !compromised && context.version >= ProtocolVersion::V1_4 {
            return Err(Error::invalid_field("Compromise Occurrence Date is given, and Revocation Reason is no compromise"));
        }
        let event = if compromised { Event::Compromise } else { Event::Deactivate };
        let text = "The object cannot be revoked in its state";
        lifecycle::step(object.state(context.now), event, context.version, text)?;
        object.set(Attribute::RevocationReason(reason.clone()));
        if compromised {
            object.set(Attribute::CompromiseDate(DateTime(context.now)));
            // Without a date from the client, the compromise is taken to be as old as the object.
            let occurred = request.compromise_occurrence_date.or_else(|| {
                object.first(|attribute| match attribute {
                    Attribute::InitialDate(date) => Some(*date),
                    _ => None,
                })
            });
            if let Some(occurred) = occurred {
                object.set(Attribute::CompromiseOccurrenceDate(occurred));
            }
        } else {
            object.set(Attribute::DeactivationDate(DateTime(context.now)));
        }
        object.touch(context.now);
        let identifier = object.identifier.clone();
        let response = RevokeResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}
