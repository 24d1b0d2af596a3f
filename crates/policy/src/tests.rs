//! Policies, and what follows from them.

use kmip::enumerations::{ObjectType, State};

use crate::decision::ObjectFacts;
use crate::*;

fn rules(text: &str) -> Rules {
    Rules::parse(text, 7, |_| Err("no such file".to_owned())).unwrap()
}

fn client(rules: &Rules, parts: &[(Part, &str)]) -> Result<Actor, Unidentified> {
    let mut all = Parts::default();
    parts.iter().for_each(|(part, value)| all.add(*part, *value));
    rules.client(&all, &[Part::CommonName])
}

const POLICY: &str = r#"
[[tenant]]
name = "acme"
number = 3

[[role]]
name = "reader"
server = ["session"]
tenant = ["read"]

[[role]]
name = "supervisor"
includes = ["reader", "auditor"]

[[rule]]
organization = "Acme"
tenant = "acme"

[[rule]]
organizational_unit = "arrays"
san_dns = "*.example.org"
actor_from = ["san-dns"]
groups = ["arrays"]

[[rule]]
issuer = "CN=backup authority"
actor = "backup"
roles = ["reader"]

[[rule]]
common_name = "root*"
roles = ["administrator"]

[[rule]]
common_name = "*auditor"
roles = ["auditor"]

[[rule]]
user = "alice"
tenant = "acme"
roles = ["key-officer"]

[[grant]]
to.groups = ["arrays"]
permissions = ["Get"]
on.groups = ["pool"]
when = { hours = "08:00-18:00", second_factor = true }

[[forbid]]
to.everybody = true
permissions = ["release"]
on.all = true
when.object_types = ["PrivateKey"]

[[forbid]]
to.tenant = "acme"
to.everybody = true
permissions = ["Hash"]
"#;

#[test]
fn certificates_are_mapped_to_actors() {
    let rules = rules(POLICY);
    for (parts, name, tenant, groups, roles) in [
        (&[(Part::CommonName, "fred")][..], "fred", 0, &[][..], &["user"][..]),
        (&[(Part::CommonName, "fred"), (Part::Organization, "Acme")], "fred", 3, &[], &["user"]),
        (
            &[(Part::CommonName, "a1"), (Part::OrganizationalUnit, "arrays"), (Part::SanDns, "a1.example.org")],
            "a1.example.org",
            0,
            &["arrays"],
            &["user"],
        ),
        (&[(Part::CommonName, "a1"), (Part::OrganizationalUnit, "arrays")], "a1", 0, &[], &["user"]),
        (&[(Part::CommonName, "x"), (Part::Issuer, "CN=backup authority")], "backup", 0, &[], &["reader"]),
    ] {
        let actor = client(&rules, parts).unwrap();
        assert_eq!((actor.name.as_str(), actor.tenant), (name, tenant), "{parts:?}");
        assert_eq!(actor.standing.membership.groups, groups, "{parts:?}");
        assert_eq!(actor.standing.membership.roles, roles, "{parts:?}");
        assert_eq!(actor.standing.generation, 7);
    }
    assert!(matches!(client(&rules, &[(Part::SanDns, "x")]), Err(Unidentified::Nameless(_))));
}

#[test]
fn nobody_is_both_administrator_and_auditor() {
    let rules = rules(POLICY);
    assert!(client(&rules, &[(Part::CommonName, "root")]).is_ok());
    assert!(client(&rules, &[(Part::CommonName, "auditor")]).is_ok());
    let both = client(&rules, &[(Part::CommonName, "root auditor")]);
    assert_eq!(both.unwrap_err(), Unidentified::BothDuties("root auditor".to_owned()));
    // A role of the users file counts, too, and one that includes the auditor's.
    let policy =
        "[[rule]]\nuser = \"bob\"\nroles = [\"administrator\"]\n[[role]]\nname = \"supervisor\"\nincludes = [\"auditor\"]\n";
    let rules = self::rules(policy);
    assert!(rules.user("bob", None, 0).is_ok());
    for role in ["auditor", "supervisor"] {
        assert_eq!(rules.user("bob", Some(role), 0).unwrap_err(), Unidentified::BothDuties("bob".to_owned()));
    }
}

#[test]
fn users_have_their_roles_and_stay_in_their_tenant() {
    let rules = rules(POLICY);
    let roles = |actor: Actor| actor.standing.membership.roles.clone();
    assert_eq!(roles(rules.user("alice", None, 3).unwrap()), ["key-officer"]);
    assert_eq!(roles(rules.user("alice", Some("reader"), 3).unwrap()), ["key-officer", "reader"]);
    assert_eq!(rules.user("alice", None, 0).unwrap_err(), Unidentified::OtherTenant("alice".to_owned()));
    assert_eq!(roles(rules.user("bob", Some("unknown to the policy"), 0).unwrap()), ["user"]);
    assert_eq!(roles(rules.user("bob", Some("auditor"), 0).unwrap()), ["auditor"]);
}

#[test]
fn grants_hold_on_their_conditions() {
    let rules = rules(POLICY);
    let parts = [(Part::CommonName, "a"), (Part::OrganizationalUnit, "arrays"), (Part::SanDns, "a.example.org")];
    let mut array = client(&rules, &parts).unwrap();
    let in_pool = ObjectFacts { groups: &["other", "pool"], ..ObjectFacts::of("fred") };
    let noon = 12 * 3600;
    assert!(!decide(&array, Permission::Get, &in_pool, noon).is_allow());
    array.second_factor = true;
    assert!(decide(&array, Permission::Get, &in_pool, noon).is_allow());
    assert!(!decide(&array, Permission::Get, &in_pool, 0).is_allow());
    assert!(!decide(&array, Permission::Export, &in_pool, noon).is_allow());
    assert!(!decide(&array, Permission::Get, &ObjectFacts { groups: &["other"], ..in_pool }, noon).is_allow());
    assert!(!decide(&array, Permission::Get, &ObjectFacts { tenant: 3, ..in_pool }, noon).is_allow());
    let sentences = explain(&array, Permission::Get, &in_pool, 0).join("\n");
    let words = "grant on line 45 of the policy (the group \"pool\", on conditions) does not apply: it is Thu 00:00 UTC";
    assert!(sentences.contains(words), "{sentences}");
    let other = ObjectFacts { groups: &["other"], state: State::PreActive, ..in_pool };
    array.second_factor = false;
    let sentences = explain(&array, Permission::Get, &other, noon).join("\n");
    for words in [
        "denied: \"a.example.org\" must not Get the object: the object belongs to somebody else",
        "has shown a certificate alone",
        "the object is a SymmetricKey, PreActive, and belongs to \"fred\"",
        "its roles allow Get with its own objects, but this is none",
        "does not apply: the object is not in the group \"pool\"; ",
        "no second factor is shown",
    ] {
        assert!(sentences.contains(words), "{words}: {sentences}");
    }
}

#[test]
fn a_line_that_asks_for_an_attestation_is_explained() {
    let rules = rules("[[forbid]]\nto.everybody = true\npermissions = [\"Get\"]\non.all = true\nwhen.attested = false\n");
    let mut array = client(&rules, &[(Part::CommonName, "fred")]).unwrap();
    let own = ObjectFacts::of("fred");
    assert_eq!(decide(&array, Permission::Get, &own, 0), Decision::Deny { reason: Denial::Forbidden });
    array.attested = true;
    assert!(decide(&array, Permission::Get, &own, 0).is_allow());
    let sentences = explain(&array, Permission::Get, &own, 0).join("\n");
    assert!(sentences.contains("and what its platform is"), "{sentences}");
    assert!(sentences.contains("does not apply: the platform is attested"), "{sentences}");
}

#[test]
fn what_is_forbidden_is_forbidden_to_owners_too() {
    let rules = rules(POLICY);
    let fred = client(&rules, &[(Part::CommonName, "fred")]).unwrap();
    let own = ObjectFacts { state: State::Active, ..ObjectFacts::of("fred") };
    assert!(decide(&fred, Permission::Get, &own, 0).is_allow());
    let private = ObjectFacts { object_type: ObjectType::PrivateKey, ..own };
    assert_eq!(decide(&fred, Permission::Get, &private, 0), Decision::Deny { reason: Denial::Forbidden });
    assert!(decide(&fred, Permission::Sign, &private, 0).is_allow());
    assert!(decide_server(&fred, Permission::Hash, 0).is_allow());
    let acme = client(&rules, &[(Part::CommonName, "fred"), (Part::Organization, "Acme")]).unwrap();
    assert_eq!(decide_server(&acme, Permission::Hash, 0), Decision::Deny { reason: Denial::Forbidden });
    let sentences = explain_server(&acme, Permission::Hash, 0).join("\n");
    assert!(sentences.starts_with("denied: \"fred\" must not Hash: the policy forbids it"), "{sentences}");
    assert!(sentences.contains("(without an object) applies"), "{sentences}");
    assert!(explain_server(&fred, Permission::Hash, 0)[0].starts_with("allowed: \"fred\" may Hash"));
}

#[test]
fn names_are_compared_whole_and_across_tenants_all_is_absent() {
    for name in ["Fred", "fre", "fredd", " fred", "fred\0", ""] {
        assert!(!decide(&Actor::new(name), Permission::Get, &ObjectFacts::of("fred"), 0).is_allow(), "{name:?}");
    }
    for permission in Permission::ALL {
        for name in ["fred", "barney", ""] {
            let elsewhere = ObjectFacts { tenant: 1, ..ObjectFacts::of("fred") };
            assert_eq!(decide(&Actor::of(name, 2), *permission, &elsewhere, 0), Decision::Absent);
        }
        assert!(!decide(&Actor::new(""), *permission, &ObjectFacts::of(""), 0).is_allow());
        assert!(!decide_server(&Actor::new(""), *permission, 0).is_allow());
    }
}

#[test]
fn operation_policies_of_objects_narrow_and_widen_what_owners_may() {
    let json = r#"{"p": {"SYMMETRIC_KEY": {"GET": "ALLOW_ALL", "LOCATE": "ALLOW_ALL", "REVOKE": "ALLOW_OWNER"}}}"#;
    let text =
        "operation_policies = [\"p.json\"]\ndefault_roles = [\"user\"]\n[[rule]]\ncommon_name = \"aud\"\nroles = [\"auditor\"]\n";
    let rules = Rules::parse(text, 1, |name| if name == "p.json" { Ok(vec![json.to_owned()]) } else { Err("?".to_owned()) });
    let rules = rules.unwrap();
    let named = ObjectFacts { operation_policy: Some("p"), ..ObjectFacts::of("fred") };
    let may = |name: &str, permission, facts: &ObjectFacts<'_>| {
        decide(&client(&rules, &[(Part::CommonName, name)]).unwrap(), permission, facts, 0).is_allow()
    };
    assert!(may("barney", Permission::Get, &named) && may("fred", Permission::Get, &named));
    assert!(may("fred", Permission::Revoke, &named) && !may("barney", Permission::Revoke, &named));
    assert!(!may("fred", Permission::Destroy, &named), "what is not listed, nobody may do");
    assert!(!may("aud", Permission::Get, &named), "who may release nothing of its own releases nothing of others");
    let other = ObjectFacts { operation_policy: Some("unknown"), ..named };
    assert!(may("fred", Permission::Destroy, &other) && !may("barney", Permission::Get, &other));
    let barney = client(&rules, &[(Part::CommonName, "barney")]).unwrap();
    assert_eq!(barney.standing.sights, [Sight::Public, Sight::OperationPolicy("p".to_owned())]);
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (text, line, words) in [
        ("[[role]]\nname = \"x\"\nown = [\"Gett\"]\n", 3, "role.own: \"Gett\""),
        ("\n[[role]]\nname = \"user\"\n", 3, "role.name"),
        ("[[role]]\nname = \"x\"\nincludes = [\"y\"]\n", 3, "\"y\""),
        ("[[role]]\nname = \"x\"\nincludes = [\"administrator\", \"auditor\"]\n", 2, "both administrator and auditor"),
        ("[[rule]]\ncommon_name = \"a\"\nroles = [\"nobody\"]\n", 3, "rule.roles: there is no role \"nobody\""),
        ("[[rule]]\nroles = [\"auditor\",\n \"administrator\"]\n", 2, "both administrator and auditor"),
        ("[[rule]]\ntenant = \"x\"\n", 2, "there is no tenant \"x\""),
        ("[[rule]]\nuser = \"x\"\ncommon_name = \"y\"\n", 2, "user stands alone"),
        ("[[tenant]]\nname = \"a\"\nnumber = 0\n", 3, "tenant.number"),
        ("[[rule]]\ncolour = \"red\"\n", 2, "colour"),
        ("[[grant]]\nto.everybody = true\npermissions = []\n", 3, "permissions is empty"),
        ("[[grant]]\nto = {}\npermissions = [\"Get\"]\n", 3, "names nobody"),
        ("[[grant]]\nto.everybody = true\npermissions = [\"Create\"]\nwhen.states = [\"Active\"]\n", 3, "on names none"),
        (
            "[[grant]]\nto.everybody = true\npermissions = [\"Get\"]\non.own = true\nwhen.states = [\"Alive\"]\n",
            5,
            "states: \"Alive\"",
        ),
        ("[[grant]]\nto.everybody = true\npermissions = [\"Hash\"]\nwhen.hours = \"8-18\"\n", 4, "hours"),
        ("[[grant]]\nto.everybody = true\npermissions = [\"Hash\"]\nwhen.from = \"yesterday\"\n", 4, "from"),
        ("operation_policies = [\"x.json\"]\n", 1, "x.json: no such file"),
        ("default_roles = [\"x\"]\n", 1, "default_roles"),
    ] {
        let error = Rules::parse(text, 1, |_| Err("no such file".to_owned())).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
}
