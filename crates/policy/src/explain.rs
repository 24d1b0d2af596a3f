//! Why a decision is what it is, for people.

use crate::actor::{Actor, Right, Target};
use crate::decision::{Decision, Facts, applies, decide};
use crate::permission::{Permission, Permissions};

/// The decision and what led to it, in sentences.
#[must_use]
pub fn explain(actor: &Actor, permission: Permission, object: &impl Facts, now: i64) -> Vec<String> {
    let decision = decide(actor, permission, object, now);
    let mut sentences = vec![match decision {
        Decision::Allow => "allowed".to_owned(),
        Decision::Deny { reason } => format!("denied: {reason}"),
        Decision::Absent => {
            return vec!["absent: the object is another tenant's, and answered as if it were not there".to_owned()];
        }
    }];
    let standing = &*actor.standing;
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    sentences.push(format!("roles: {}; groups: {}", list(&standing.membership.roles), list(&standing.membership.groups)));
    let is_owner = actor.name == object.owner();
    let whose = if is_owner { "the actor owns the object".to_owned() } else { format!("the object is {:?}'s", object.owner()) };
    sentences.push(whose);
    let says = |what: &str, rights: Permissions| {
        format!(
            "{} {what}",
            if rights.contains(permission) { "its roles allow it with" } else { "its roles do not allow it with" }
        )
    };
    sentences.push(says("its own objects", standing.rights.own));
    sentences.push(says("all objects of the tenant", standing.rights.tenant));
    if let Some(policies) = &standing.operation_policies
        && let Some(name) = object.operation_policy()
        && let Some(verdict) = policies.verdict(name, &standing.membership.groups, object.object_type(), permission)
    {
        sentences.push(format!("the object's operation policy {name:?} says: {verdict:?}"));
    } else if object.is_public() {
        sentences.push("the object's operation policy lets all of its tenant read it".to_owned());
    }
    for (kind, rights) in [("grant", &standing.grants), ("forbid", &standing.forbidden)] {
        for right in rights.iter().filter(|right| right.permissions.contains(permission)) {
            let holds = if applies(right, actor, permission, object, is_owner, now) { "applies" } else { "does not apply" };
            sentences.push(format!("{kind} on line {} ({}) {holds}", right.line, about(right)));
        }
    }
    sentences
}

fn about(right: &Right) -> String {
    let target = match &right.target {
        Target::Server => "without an object".to_owned(),
        Target::Own => "its own objects".to_owned(),
        Target::Tenant => "all objects".to_owned(),
        Target::Group(group) => format!("the group {group:?}"),
        Target::Object(identifier) => format!("the object {identifier}"),
    };
    if right.condition.is_empty() { target } else { format!("{target}, on conditions") }
}
