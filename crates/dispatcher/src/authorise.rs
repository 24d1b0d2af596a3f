//! The one place where an object becomes an authorised object.

use policy::{Decision, ObjectFacts, Permission, decide};

use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::Context;
use crate::ticket;
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

/// Asks the policy.
///
/// # Errors
/// Permission Denied, or Object Not Found where the actor must not learn that the object is there.
pub(crate) fn authorise(context: &Context<'_>, permission: Permission, object: StoredObject) -> Result<Authorised> {
    let facts = ObjectFacts { tenant: context.actor.tenant, owner: &object.owner, is_public: object.is_public() };
    match decide(context.actor, permission, &facts) {
        Decision::Allow => match context.allowed {
            Some(allowed) if !allowed.permits(&object) => Err(ticket::not_authorised()),
            _ => Ok(Authorised(object)),
        },
        Decision::Deny { reason } => {
            Err(Error::new(ResultReason::PermissionDenied, "The client may not do this with the object").because(reason))
        }
        Decision::Absent => Err(Error::object_not_found()),
    }
}

/// Whether the actor may do something with each object it owns, whatever is known of the object: then none has to be loaded to ask.
#[must_use]
pub(crate) fn may_all_own(context: &Context<'_>, permission: Permission) -> bool {
    let facts = ObjectFacts { tenant: context.actor.tenant, owner: &context.actor.name, is_public: false };
    context.allowed.is_none() && decide(context.actor, permission, &facts).is_allow()
}
