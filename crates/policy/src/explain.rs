//! Why a decision is what it is, for people.

use kmip::ProtocolVersion;
use kmip::enumerations::Enumeration as _;

use crate::actor::{Actor, Right, Target};
use crate::decision::{Decision, Facts, applies, decide, decide_server};
use crate::permission::{Permission, Permissions};

/// The decision about a stored object and what led to it, in sentences.
#[must_use]
pub fn explain(actor: &Actor, permission: Permission, object: &impl Facts, now: i64) -> Vec<String> {
    let what = permission.name();
    let mut sentences = vec![match decide(actor, permission, object, now) {
        Decision::Allow => format!("allowed: {:?} may {what} the object", actor.name),
        Decision::Deny { reason } => format!("denied: {:?} must not {what} the object: {reason}", actor.name),
        Decision::Absent => {
            return vec!["absent: the object is another tenant's, and answered as if it were not there".to_owned()];
        }
    }];
    let standing = &*actor.standing;
    sentences.push(who(actor));
    let is_owner = actor.name == object.owner();
    let (object_type, state) = (object.object_type().name(ProtocolVersion::V3_0), object.state().name(ProtocolVersion::V3_0));
    sentences.push(format!(
        "the object is a {}, {}, and belongs to {}",
        object_type.unwrap_or("thing of an unknown type"),
        state.unwrap_or("in an unknown state"),
        if is_owner { "the actor".to_owned() } else { format!("{:?}", object.owner()) }
    ));
    let own = if is_owner { "its own objects, as this is one" } else { "its own objects, but this is none" };
    sentences.push(says(permission, own, standing.rights.own));
    sentences.push(says(permission, "all objects of the tenant", standing.rights.tenant));
    if let Some(policies) = &standing.operation_policies
        && let Some(name) = object.operation_policy()
        && let Some(verdict) = policies.verdict(name, &standing.membership.groups, object.object_type(), permission)
    {
        sentences.push(format!("the object's operation policy {name:?} says: {verdict:?}"));
    } else if object.is_public() {
        sentences.push("the object's operation policy lets all of its tenant read it".to_owned());
    }
    lines(actor, permission, &mut sentences, |right| {
        if applies(right, actor, permission, object, is_owner, now) {
            return Vec::new();
        }
        let mut lacks = match &right.target {
            Target::Server => vec!["it is about what needs no object".to_owned()],
            Target::Own if !is_owner => vec!["the object is somebody else's".to_owned()],
            Target::Group(group) if !object.is_in_group(group) => vec![format!("the object is not in the group {group:?}")],
            Target::Object(identifier) if object.identifier() != identifier => vec!["the object is another one".to_owned()],
            _ => Vec::new(),
        };
        let condition = &right.condition;
        if !condition.states.is_empty() && !condition.states.contains(&object.state()) {
            lacks.push(format!("the object is {}", state.unwrap_or("in an unknown state")));
        }
        if !condition.object_types.is_empty() && !condition.object_types.contains(&object.object_type()) {
            lacks.push(format!("the object is a {}", object_type.unwrap_or("thing of an unknown type")));
        }
        lacks.extend(condition.lacks(now, actor.shown()));
        lacks
    });
    sentences
}

/// The decision about an operation that concerns no stored object, and what led to it, in sentences.
#[must_use]
pub fn explain_server(actor: &Actor, permission: Permission, now: i64) -> Vec<String> {
    let what = permission.name();
    let mut sentences = vec![match decide_server(actor, permission, now) {
        Decision::Deny { reason } => format!("denied: {:?} must not {what}: {reason}", actor.name),
        _ => format!("allowed: {:?} may {what}", actor.name),
    }];
    sentences.push(who(actor));
    sentences.push(says(permission, "what needs no object", actor.standing.rights.server));
    lines(actor, permission, &mut sentences, |right| {
        let is_about = right.target == Target::Server;
        let lacks = (!is_about).then(|| "it is about objects".to_owned());
        lacks.into_iter().chain(right.condition.lacks(now, actor.shown())).collect()
    });
    sentences
}

fn who(actor: &Actor) -> String {
    let membership = &actor.standing.membership;
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let proof = if actor.second_factor { "a certificate and a credential" } else { "a certificate alone" };
    let (roles, groups) = (list(&membership.roles), list(&membership.groups));
    let platform = if actor.attested { ", and what its platform is" } else { "" };
    format!("the actor has shown {proof}{platform}; tenant number {}; roles: {roles}; groups: {groups}", actor.tenant)
}

fn says(permission: Permission, what: &str, rights: Permissions) -> String {
    let allow = if rights.contains(permission) { "allow" } else { "do not allow" };
    format!("its roles {allow} {} with {what}", permission.name())
}

/// The lines of the policy that concern the actor and have a say, with what each lacks to apply.
fn lines(actor: &Actor, permission: Permission, sentences: &mut Vec<String>, lacks: impl Fn(&Right) -> Vec<String>) {
    for (kind, rights) in [("grant", &actor.standing.grants), ("forbid", &actor.standing.forbidden)] {
        for right in rights.iter().filter(|right| right.permissions.contains(permission)) {
            let lacks = lacks(right);
            let holds = if lacks.is_empty() { "applies".to_owned() } else { format!("does not apply: {}", lacks.join("; ")) };
            sentences.push(format!("{kind} on line {} of the policy ({}) {holds}", right.line, about(right)));
        }
    }
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
