//! The one place where an object becomes an authorised object.

use policy::{Actor, Decision, Facts, Permission, decide};

use crate::attestation;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::Context;
use crate::ticket;
use kmip::attribute::Attribute;
use kmip::enumerations::{ObjectType, State};
use kmip::result_reason::ResultReason;

/// An object that the actor may use for the operation at hand. Made by [`authorise`] alone.
#[derive(Debug)]
pub(crate) struct Authorised(StoredObject);

impl Authorised {
    /// The object, to change.
    #[must_use]
    pub(crate) fn into_inner(self) -> StoredObject {
        self.0
    }
}

impl std::ops::Deref for Authorised {
    type Target = StoredObject;

    fn deref(&self) -> &StoredObject {
        &self.0
    }
}

/// An object as the policy asks about it.
struct Seen<'a> {
    object: &'a StoredObject,
    tenant: u32,
    now: i64,
}

impl Facts for Seen<'_> {
    fn tenant(&self) -> u32 {
        self.tenant
    }

    fn owner(&self) -> &str {
        &self.object.owner
    }

    fn identifier(&self) -> &str {
        &self.object.identifier
    }

    fn is_public(&self) -> bool {
        self.object.is_public()
    }

    fn object_type(&self) -> ObjectType {
        self.object.object_type
    }

    fn state(&self) -> State {
        self.object.state(self.now)
    }

    fn is_in_group(&self, group: &str) -> bool {
        self.object.attributes().any(|attribute| matches!(attribute, Attribute::ObjectGroup(own) if own == group))
    }

    fn operation_policy(&self) -> Option<&str> {
        self.object.attributes().find_map(|attribute| match attribute {
            Attribute::OperationPolicyName(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// The decision of the policy about an object. It is of the tenant of the actor: the store keeps each tenant's apart.
pub(crate) fn ask(context: &Context<'_>, permission: Permission, object: &StoredObject) -> Decision {
    ask_for(context.actor, permission, object, context.now)
}

/// The same beside a request, at a moment in seconds since 1970.
pub(crate) fn ask_for(actor: &Actor, permission: Permission, object: &StoredObject, now: i64) -> Decision {
    decide(actor, permission, &Seen { object, tenant: actor.tenant, now }, now)
}

/// Why the decision is what it is, in sentences.
pub(crate) fn explain(actor: &Actor, permission: Permission, object: &StoredObject, now: i64) -> Vec<String> {
    policy::explain(actor, permission, &Seen { object, tenant: actor.tenant, now }, now)
}

/// Asks the policy.
///
/// # Errors
/// Permission Denied; Attestation Required where the actor could do it if it attested its platform; or Object Not Found where the actor must not learn that the object is there.
pub(crate) fn authorise(context: &Context<'_>, permission: Permission, object: StoredObject) -> Result<Authorised> {
    match ask(context, permission, &object) {
        Decision::Allow => match context.allowed {
            Some(allowed) if !allowed.permits(&object) => Err(ticket::not_authorised()),
            _ => Ok(Authorised(object)),
        },
        Decision::Deny { reason } if would_do_attested(context, permission, &object) => {
            Err(attestation::required(context.can_attest).because(reason))
        }
        Decision::Deny { reason } => {
            Err(Error::new(ResultReason::PermissionDenied, "The client may not do this with the object").because(reason))
        }
        Decision::Absent => Err(Error::object_not_found()),
    }
}

/// Whether only that its platform is not attested keeps the actor from it.
fn would_do_attested(context: &Context<'_>, permission: Permission, object: &StoredObject) -> bool {
    !context.actor.attested && {
        let attested = Actor { attested: true, ..context.actor.clone() };
        ask_for(&attested, permission, object, context.now).is_allow()
    }
}

/// Whether the actor may do something with each object it owns, or with each of its tenant, whatever is known of the object: then none
/// has to be loaded to ask.
#[must_use]
pub(crate) fn may_each(context: &Context<'_>, permission: Permission, all: bool) -> bool {
    context.allowed.is_none() && policy::may_each(context.actor, permission, all)
}
