//! Objects are their owner's.

use kmip::attribute::{Attribute, AttributeReference};
use kmip::codec::Value;
use kmip::enumerations::{AdjustmentType, Enumeration as _, InteropFunction, RevocationReasonCode, UsageLimitsUnit};
use kmip::operation::Operation;
use kmip::payload::adjust_attribute::AdjustAttributeRequest;
use kmip::payload::archive::ArchiveRequest;
use kmip::payload::check::CheckRequest;
use kmip::payload::get_attribute_list::GetAttributeListRequest;
use kmip::payload::get_usage_allocation::GetUsageAllocationRequest;
use kmip::payload::interop::{InteropRequest, InteropResponse};
use kmip::payload::obtain_lease::ObtainLeaseRequest;
use kmip::payload::recover::RecoverRequest;
use kmip::payload::set_attribute::SetAttributeRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::UsageLimits;
use kmip::tag;

use crate::client::{
    Answer, Client, activate, add, aes, aes_and, delete, destroy, get, get_attributes, modify, name, re_key, revoke,
};
use crate::server::{Server, VERSIONS};
use crate::{key_use, services};

/// Every operation on one object.
fn every_operation(client: &mut Client<'_>, identifier: &str) -> Vec<Answer> {
    let id = Some(identifier);
    let check = CheckRequest {
        unique_identifier: Some(identifier.into()),
        usage_limits_count: None,
        cryptographic_usage_mask: None,
        lease_time: None,
    };
    let allocation = GetUsageAllocationRequest { unique_identifier: Some(identifier.into()), usage_limits_count: 1 };
    let list = GetAttributeListRequest { unique_identifier: Some(identifier.into()) };
    let name_reference = AttributeReference::Standard(tag::Name);
    let mut answers = Vec::new();
    let mut ask = |client: &mut Client<'_>, operation, payload: &dyn Fn(&mut Client<'_>, Operation) -> Answer| {
        answers.push(payload(client, operation));
    };
    fn with<T: Value>(payload: T) -> impl Fn(&mut Client<'_>, Operation) -> Answer {
        move |client, operation| client.ask(operation, &payload)
    }
    ask(client, Operation::Get, &with(get(id)));
    ask(client, Operation::GetAttributes, &with(get_attributes(id, vec![])));
    ask(client, Operation::GetAttributeList, &with(list));
    ask(client, Operation::Check, &with(check));
    ask(client, Operation::AddAttribute, &with(add(id, name("another"))));
    ask(client, Operation::ModifyAttribute, &with(modify(id, Some(name("mine")), name("stolen").into())));
    ask(client, Operation::DeleteAttribute, &with(delete(id, name_reference, client.version.is_1x().then_some(0))));
    ask(client, Operation::ReKey, &with(re_key(id)));
    if !client.version.is_1x() {
        let new_attribute = Attribute::Comment("theirs".to_owned()).into();
        let set = SetAttributeRequest { unique_identifier: Some(identifier.into()), new_attribute };
        ask(client, Operation::SetAttribute, &with(set));
        let adjust = AdjustAttributeRequest {
            unique_identifier: Some(identifier.into()),
            attribute_reference: AttributeReference::Standard(tag::ProtectionPeriod),
            adjustment_type: AdjustmentType::Increment,
            adjustment_value: None,
        };
        ask(client, Operation::AdjustAttribute, &with(adjust));
    }
    ask(client, Operation::Activate, &with(activate(id)));
    ask(client, Operation::GetUsageAllocation, &with(allocation));
    ask(client, Operation::ObtainLease, &with(ObtainLeaseRequest { unique_identifier: Some(identifier.into()) }));
    let version = client.version;
    for operation in services::WITH_KEY.into_iter().filter(|operation| operation.known_in(version)) {
        // The key encrypts and does nothing else, which is nobody's business but its owner's.
        let fits = matches!(operation, Operation::Encrypt | Operation::Decrypt);
        if fits || client.session.certificate_actor().name != "fred" {
            let request = key_use::fitting(operation, identifier);
            answers.push(request.payload(operation, |payload| payload.ask(client, operation)));
        }
    }
    let mut ask = |client: &mut Client<'_>, operation, payload: &dyn Fn(&mut Client<'_>, Operation) -> Answer| {
        answers.push(payload(client, operation));
    };
    ask(client, Operation::Archive, &with(ArchiveRequest { unique_identifier: Some(identifier.into()) }));
    ask(client, Operation::Recover, &with(RecoverRequest { unique_identifier: Some(identifier.into()) }));
    ask(client, Operation::Revoke, &with(revoke(id, RevocationReasonCode::KeyCompromise)));
    ask(client, Operation::Destroy, &with(destroy(id)));
    answers
}

#[test]
fn another_client_may_do_nothing() {
    for version in VERSIONS {
        let server = Server::new();
        let limits = UsageLimits { usage_limits_total: 10, usage_limits_count: None, usage_limits_unit: UsageLimitsUnit::Object };
        let key = server.client("fred", version).create(aes_and([name("mine"), Attribute::UsageLimits(limits)]));
        let before = server.client("fred", version).attributes(&key);
        for other in ["barney", "Fred", "fred ", ""] {
            for answer in every_operation(&mut server.client(other, version), &key) {
                answer.fails_with(ResultReason::PermissionDenied);
            }
        }
        assert_eq!(server.client("fred", version).attributes(&key), before, "{version}: nothing has changed");
        // The control: the owner may do all of it.
        for answer in every_operation(&mut server.client("fred", version), &key) {
            assert_eq!(answer.status, kmip::enumerations::ResultStatus::Success, "{version} {:?}", answer.operation);
        }
    }
}

#[test]
fn a_client_without_a_name_makes_nothing() {
    for version in VERSIONS {
        let server = Server::new();
        let mut nobody = server.client("", version);
        nobody.ask(Operation::Create, &crate::client::create(aes())).fails_with(ResultReason::PermissionDenied);
        nobody.ask(Operation::CreateKeyPair, &crate::client::create_key_pair()).fails_with(ResultReason::PermissionDenied);
        nobody.ask(Operation::Locate, &crate::client::locate(version, vec![])).fails_with(ResultReason::PermissionDenied);
        assert_eq!(server.objects(), 0, "{version}");
    }
}

#[test]
fn a_search_shows_the_callers_objects_only() {
    for version in VERSIONS {
        let server = Server::new();
        let (mut fred, mut barney) = (server.client("fred", version), server.client("barney", version));
        let group = || Attribute::ObjectGroup("shared".to_owned());
        let of_fred = fred.create(aes_and([name("same"), group()]));
        let of_barney = barney.create(aes_and([name("same"), group()]));
        for filter in [vec![], vec![name("same")], vec![group()], vec![name("same"), group()]] {
            assert_eq!(fred.locate(filter.clone()), [of_fred.as_str()], "{version}");
            assert_eq!(barney.locate(filter.clone()), [of_barney.as_str()], "{version}");
            assert_eq!(server.client("wilma", version).locate(filter), Vec::<String>::new());
        }
        let by_identifier = vec![Attribute::UniqueIdentifier(kmip::identifier::UniqueIdentifier(of_barney))];
        assert_eq!(fred.locate(by_identifier), Vec::<String>::new(), "{version}");
    }
}

#[test]
fn a_reset_removes_the_callers_objects_only() {
    for version in VERSIONS.into_iter().filter(|version| Operation::Interop.known_in(*version)) {
        let server = Server::new();
        let (mut fred, mut barney) = (server.client("fred", version), server.client("barney", version));
        let mine: Vec<String> = (0..300).map(|_| fred.create(aes())).collect();
        fred.destroy(&mine[0]).unwrap();
        let kept = barney.create(aes());
        for function in [InteropFunction::Begin, InteropFunction::End] {
            let request = InteropRequest { interop_function: function, interop_identifier: Some("TC-1".to_owned()) };
            fred.ask(Operation::Interop, &request).ok::<InteropResponse>();
            assert_eq!(server.objects(), 301);
        }
        let reset = InteropRequest { interop_function: InteropFunction::Reset, interop_identifier: None };
        fred.ask(Operation::Interop, &reset).ok::<InteropResponse>();
        assert_eq!(server.objects(), 1, "{version}");
        barney.object(&kept);
        fred.get(&mine[0]).fails_with(ResultReason::ObjectNotFound);
        let unknown = InteropRequest { interop_function: InteropFunction(9), interop_identifier: None };
        fred.ask(Operation::Interop, &unknown).fails_with(ResultReason::InvalidField);
    }
}

/// The time of an answer does not tell what another tenant has: where there is nothing to load, the same work is done.
#[test]
fn what_is_not_there_is_as_much_work_as_what_is() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let own = client.create(aes());
        let for_nothing = || server.trouble.loaded_none.swap(0, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(for_nothing(), 0, "{version}");
        client.ask(Operation::Get, &get(Some(&own)));
        assert_eq!(for_nothing(), 0, "{version}");
        let answers = every_operation(&mut client, "nobody has this").len();
        assert_eq!(for_nothing(), answers, "{version}");
    }
}
