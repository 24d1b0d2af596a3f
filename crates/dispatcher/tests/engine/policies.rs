//! What a policy gives beside ownership: groups, single objects, roles, conditions; and what is seen through them.

use kmip::attribute::Attribute;
use kmip::enumerations::{RevocationReasonCode, State};
use kmip::operation::Operation;
use kmip::payload::get_attributes::GetAttributesResponse;
use kmip::result_reason::ResultReason;
use policy::{Actor, Part, Parts, Rules};

use crate::client::{Client, aes_and, get, get_attributes, name};
use crate::server::{Server, VERSIONS};
use crate::tickets;

fn actor(rules: &Rules, name: &str) -> Actor {
    let mut parts = Parts::default();
    parts.add(Part::CommonName, name);
    rules.client(&parts, &[Part::CommonName]).unwrap()
}

fn rules(text: &str, generation: u64) -> Rules {
    Rules::parse(text, generation, |_| Ok(vec![OPERATION_POLICIES.to_owned()])).unwrap()
}

/// Why the attributes of an object cannot be read.
fn read(client: &mut Client<'_>, identifier: &str) -> Option<ResultReason> {
    let answer = client.ask(Operation::GetAttributes, &get_attributes(Some(identifier), vec![]));
    answer.result::<GetAttributesResponse>().err()
}

const OPERATION_POLICIES: &str = r#"{
    "handed out": {"SYMMETRIC_KEY": {"LOCATE": "ALLOW_ALL", "GET": "ALLOW_ALL", "GET_ATTRIBUTES": "ALLOW_OWNER"}}
}"#;

fn policy(single: &str) -> String {
    format!(
        r#"
operation_policies = ["x.json"]
[[rule]]
common_name = "array-*"
groups = ["arrays"]
[[rule]]
common_name = "officer"
roles = ["key-officer"]
[[grant]]
to.groups = ["arrays"]
permissions = ["Locate", "Get", "use"]
on.groups = ["pool"]
when.states = ["Active"]
[[grant]]
to.actors = ["array-2"]
permissions = ["read"]
on.objects = ["{single}"]
"#
    )
}

#[test]
fn what_is_granted_is_seen_and_used_and_nothing_else() {
    for version in VERSIONS {
        let server = Server::new();
        let group = |text: &str| Attribute::ObjectGroup(text.to_owned());
        let mut fred = server.client("fred", version);
        let single = fred.create(aes_and([name("single")]));
        let waiting = fred.create(aes_and([name("waiting"), group("pool")]));
        let pooled = fred.create(aes_and([name("pooled"), group("other"), group("pool")]));
        fred.activate(&pooled).unwrap();
        fred.create(aes_and([name("hidden")]));
        let rules = rules(&policy(&single), 1);
        let as_actor = |name: &str| Client::of(&server, actor(&rules, name), version);

        let mut one = as_actor("array-1");
        let own = one.create(aes_and([name("own")]));
        assert_eq!(one.locate(vec![]), [own.as_str(), &pooled], "{version}");
        assert_eq!(one.locate(vec![name("pooled")]), [pooled.as_str()], "{version}");
        assert_eq!(one.locate(vec![group("pool")]), [pooled.as_str()], "{version}");
        assert_eq!(one.locate(vec![name("hidden")]), Vec::<String>::new(), "{version}");
        one.object(&pooled);
        one.get(&waiting).fails_with(ResultReason::PermissionDenied);
        one.get(&single).fails_with(ResultReason::PermissionDenied);
        assert_eq!(one.destroy(&pooled), Err(ResultReason::PermissionDenied), "{version}");

        let mut two = as_actor("array-2");
        assert_eq!(two.locate(vec![]), [pooled.as_str(), &single], "{version}");
        two.attributes(&single);
        two.get(&single).fails_with(ResultReason::PermissionDenied);

        // Who looks after keys sees all of them, and gets none.
        let mut officer = as_actor("officer");
        assert_eq!(officer.locate(vec![]).len(), 5, "{version}");
        assert_eq!(officer.locate(vec![name("hidden")]).len(), 1, "{version}");
        officer.get(&single).fails_with(ResultReason::PermissionDenied);
        officer.activate(&waiting).unwrap();
        assert_eq!(read(&mut one, &waiting), Some(ResultReason::PermissionDenied), "{version}: attributes were not granted");
        one.object(&waiting);
        officer.revoke(&waiting, RevocationReasonCode::CessationOfOperation).unwrap();
        one.get(&waiting).fails_with(ResultReason::PermissionDenied);
        assert_eq!(officer.state(&waiting), State::Deactivated, "{version}");
    }
}

#[test]
fn a_name_that_an_officer_gives_is_the_owners() {
    for version in VERSIONS.into_iter().filter(|version| !version.is_1x()) {
        let server = Server::new();
        let rules = rules(&policy("none"), 1);
        let mut fred = server.client("fred", version);
        let (one, other) = (fred.create(aes_and([name("taken")])), fred.create(aes_and([])));
        let mut officer = Client::of(&server, actor(&rules, "officer"), version);
        officer.create(aes_and([name("the officer's")]));
        assert_eq!(officer.add(&other, name("taken")).unwrap_err(), ResultReason::NonUniqueNameAttribute, "{version}");
        officer.add(&other, name("the officer's")).unwrap();
        assert_eq!(fred.locate(vec![name("the officer's")]), [other.as_str()], "{version}");
        // What takes a key's place is its owner's, too.
        let new = officer.re_key(&one).unwrap();
        fred.object(&new);
        officer.get(&new).fails_with(ResultReason::PermissionDenied);
    }
}

#[test]
fn a_policy_that_an_object_names_opens_it_to_others_and_closes_it_to_its_owner() {
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let rules = rules(&policy("none"), 1);
        let as_actor = |name: &str| Client::of(&server, actor(&rules, name), version);
        let (mut fred, mut barney) = (as_actor("fred"), as_actor("barney"));
        let policy = |name: &str| Attribute::OperationPolicyName(name.to_owned());
        let open = fred.create(aes_and([policy("handed out")]));
        let closed = fred.create(aes_and([policy("nobody knows this one")]));
        assert_eq!(barney.locate(vec![]), [open.as_str()], "{version}");
        barney.object(&open);
        barney.get(&closed).fails_with(ResultReason::PermissionDenied);
        assert_eq!(read(&mut barney, &open), Some(ResultReason::PermissionDenied), "{version}");
        assert_eq!(fred.destroy(&open), Err(ResultReason::PermissionDenied), "{version}: the policy does not list it");
        fred.destroy(&closed).unwrap();
    }
}

#[test]
fn a_ticket_ends_with_the_policy_and_stays_in_its_tenant() {
    for version in VERSIONS.into_iter().filter(|version| !version.is_1x()) {
        let server = Server::new();
        let (old, new) = (rules(&policy("none"), 1), rules(&policy("other"), 2));
        let mut fred = Client::of(&server, actor(&old, "fred"), version);
        let key = fred.create(aes_and([]));
        let ticket = tickets::log_in(&mut fred, &tickets::login());
        let get = |client: &mut Client<'_>| tickets::ask(client, &ticket, Operation::Get, &get(Some(&key)));
        assert!(get(&mut Client::of(&server, actor(&old, "barney"), version)).reason.is_none(), "{version}: whoever has it");
        get(&mut Client::of(&server, Actor { tenant: 1, ..actor(&old, "fred") }, version))
            .fails_with(ResultReason::InvalidTicket);
        get(&mut Client::of(&server, actor(&new, "fred"), version)).fails_with(ResultReason::InvalidTicket);
        // The connection itself goes on, with what the new policy gives.
        fred.session.renew(actor(&new, "fred"));
        fred.object(&key);
    }
}
