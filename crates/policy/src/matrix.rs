//! All decisions of a policy as a table that people read: `matrix.txt` is that of `matrix.toml`.
//!
//! To accept a change that is meant: `POLICY_MATRIX=write cargo test -p policy`.

use kmip::enumerations::{ObjectType, State};

use crate::{Actor, Decision, ObjectFacts, Part, Parts, Permission, Rules, Scope, decide, decide_server};

/// The policy.
pub const POLICY: &str = include_str!("../matrix.toml");

/// Its decisions.
pub const MATRIX: &str = include_str!("../matrix.txt");

/// The clients, named after their roles.
pub const ROLES: [&str; 6] = ["administrator", "key-officer", "user", "auditor", "operator", "none"];

/// Whose an object is, in the order of the columns: the actor's own; another's that is granted to some by its identifier; another's in
/// a group; a certificate of another's that everybody may read; another's; one of the actor's name in another tenant.
pub const OWNERSHIPS: [&str; 6] = ["own", "granted", "group", "public", "other", "elsewhere"];

/// The states, each with its letter, in the order of the letters of a cell.
pub const STATES: [(char, State); 6] = [
    ('P', State::PreActive),
    ('A', State::Active),
    ('D', State::Deactivated),
    ('C', State::Compromised),
    ('X', State::Destroyed),
    ('Y', State::DestroyedCompromised),
];

/// A name that is nobody's role.
const OWNER: &str = "owner";

fn facts<'a>(ownership: &str, actor: &'a Actor, state: State) -> ObjectFacts<'a> {
    let of_another = ObjectFacts { state, ..ObjectFacts::of(OWNER) };
    match ownership {
        "own" => ObjectFacts { owner: &actor.name, ..of_another },
        "granted" => ObjectFacts { identifier: "granted", ..of_another },
        "group" => ObjectFacts { groups: &["shared"], ..of_another },
        "public" => {
            let object_type = ObjectType::Certificate;
            ObjectFacts { is_public: true, object_type, operation_policy: Some("default"), ..of_another }
        }
        "elsewhere" => ObjectFacts { tenant: 1, owner: &actor.name, ..of_another },
        _ => of_another,
    }
}

/// The actor of a role.
///
/// # Errors
/// When the policy does not let it in.
pub fn actor(rules: &Rules, role: &str) -> Result<Actor, crate::Unidentified> {
    let mut parts = Parts::default();
    parts.add(Part::CommonName, role);
    rules.client(&parts, &[Part::CommonName])
}

/// The decision for a state: its letter, `-` for Permission Denied, `.` for Object Not Found.
fn letter(decision: Decision, letter: char) -> char {
    match decision {
        Decision::Allow => letter,
        Decision::Deny { .. } => '-',
        Decision::Absent => '.',
    }
}

/// The table: a line for each role and permission, a cell for each ownership with a letter for each state.
///
/// # Errors
/// When the policy does not let a role in.
pub fn render(rules: &Rules) -> Result<String, crate::Unidentified> {
    let mut text = String::from(
        "# Who may do what: crates/policy/matrix.toml, all of it. A cell has a letter for each state in which the role may do it: P Pre-Active,\n\
         # A Active, D Deactivated, C Compromised, X Destroyed, Y Destroyed Compromised; `-` is Permission Denied, `.` Object Not Found. The first\n\
         # column is for what needs no object, before any object is looked at.\n",
    );
    text.push_str(&format!(
        "{:<14}{:<27}{:<9}{}\n",
        "# role",
        "permission",
        "server",
        OWNERSHIPS.map(|name| format!("{name:<10}")).concat().trim_end()
    ));
    for role in ROLES {
        let actor = actor(rules, role)?;
        for permission in Permission::ALL.iter().copied() {
            let server = match permission.scope() {
                Scope::Object => "",
                _ if decide_server(&actor, permission, 0).is_allow() => "allow",
                _ => "deny",
            };
            let mut line = format!("{role:<14}{:<27}{server:<9}", permission.name());
            if permission.scope() != Scope::Server {
                for ownership in OWNERSHIPS {
                    let decided = |state| decide(&actor, permission, &facts(ownership, &actor, state), 0);
                    let cell: String = STATES.iter().map(|(name, state)| letter(decided(*state), *name)).collect();
                    line.push_str(&format!("{cell:<10}"));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrix_is_the_one_checked_in() {
        let rules = Rules::parse(POLICY, 1, |_| Ok(Vec::new())).unwrap();
        let matrix = render(&rules).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/matrix.txt");
        if std::env::var("POLICY_MATRIX").is_ok_and(|value| value == "write") {
            std::fs::write(path, &matrix).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        for (line, (is, should)) in matrix.lines().zip(checked_in.lines()).enumerate() {
            assert_eq!(is, should, "matrix.txt, line {}: see policy/src/matrix.rs", line + 1);
        }
        assert_eq!(matrix, checked_in, "matrix.txt lacks or has extra lines: see policy/src/matrix.rs");
    }

    #[test]
    fn without_a_policy_an_object_is_its_owners() {
        let actor = Actor::new("fred");
        for permission in Permission::ALL.iter().copied() {
            let is_for_objects = permission.scope() != Scope::Server;
            for (_, state) in STATES {
                let may = |ownership| decide(&actor, permission, &facts(ownership, &actor, state), 0);
                assert_eq!(may("own").is_allow(), is_for_objects, "{permission:?}");
                assert!(!may("other").is_allow() && !may("group").is_allow() && !may("granted").is_allow());
                assert_eq!(may("public").is_allow(), is_for_objects && permission.is_open_to_all(), "{permission:?}");
                assert_eq!(may("elsewhere"), Decision::Absent);
            }
            assert_eq!(decide_server(&actor, permission, 0).is_allow(), permission.scope() != Scope::Object, "{permission:?}");
        }
        assert_eq!(Rules::default().client(&named("fred"), &[Part::CommonName]).unwrap().standing.rights, actor.standing.rights);
    }

    fn named(name: &str) -> Parts {
        let mut parts = Parts::default();
        parts.add(Part::CommonName, name);
        parts
    }
}
