//! `cargo xtask cost`: what policy and audit log, at their defaults, add to the processor time of a Get.
//!
//! There is no server without them to compare with. So their work is done alone, in this process, with the same store, and held against the
//! processor time that a server takes for a Get, which has it in it.

use super::requests::{VERSION, about, message};
use super::site::Site;
use super::tenants::own_key;
use crate::Outcome;
use crate::run::{build_server, is_release};
use crate::store_worker::block_on;
use audit::{Action, AuditRecord, Outcome as Came};
use benches::process;
use policy::matrix::{POLICY, actor};
use policy::{Actor, ObjectFacts, Permission, Rules, decide};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use store::sealing::RootKey;
use store::{Store, Tenant};
use store_sled::{Options, SledStore};

/// Gets, and records.
const TIMES: u32 = 20_000;
/// Decisions.
const DECISIONS: u32 = 1_000_000;
/// The most that both may be of a Get.
const SHARE: f64 = 0.25;

/// No options.
pub(crate) fn cost(arguments: &[&str]) -> Outcome {
    if !arguments.is_empty() {
        return Err("cost takes no options".to_owned());
    }
    build_server()?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let get = get(directory.path())?;
    let record = record(directory.path())?;
    let rules = Rules::parse(POLICY, 1, |_| Ok(Vec::new())).map_err(|error| error.to_string())?;
    let operator = actor(&rules, "operator").map_err(|error| error.to_string())?;
    let user = decision(&Actor::new("fred"), &ObjectFacts::of("fred"));
    let granted = decision(&operator, &ObjectFacts { groups: &["other", "shared"], ..ObjectFacts::of("fred") });
    let share = (record + user) / get;
    println!(
        "cost: a Get takes {get:.1} us of the server's processors; of that a decision is {user:.3} us ({granted:.3} us where grants are looked \
         through) and the record in the audit log {record:.1} us: together {:.0} %, target <= {:.0} %",
        share * 100.0,
        SHARE * 100.0
    );
    if !is_release() {
        println!("cost: this is a build without optimisation: measured, not judged (cargo xtask runs the release build)");
        return Ok(());
    }
    if share <= SHARE { Ok(()) } else { Err("policy and audit log cost more than they may".to_owned()) }
}

/// Microseconds of the server's processors for a Get.
fn get(directory: &Path) -> Result<f64, String> {
    let site = Site::start(&directory.join("server"), "")?;
    let mut client = site.client("fred", None)?;
    let own = own_key(&mut client)?;
    let request = message(VERSION, &[("Get", about("<i>ID</i>", &own, ""))])?;
    let used = || process::cpu(site.process()).map_err(|error| error.to_string());
    let before = used()?;
    for _ in 0..TIMES {
        client.send(&request)?;
    }
    Ok(each(used()? - before, TIMES))
}

/// Microseconds of processors for a record: made, encoded, chained, sealed and written in its turn.
fn record(directory: &Path) -> Result<f64, String> {
    let key = directory.join("root.key");
    RootKey::create_file(&key).map_err(|error| error.to_string())?;
    let root = RootKey::read_file(&key).map_err(|error| error.to_string())?;
    let store = SledStore::create(&directory.join("data"), &root, &Options::default()).map_err(|error| error.to_string())?;
    let used = || process::cpu(std::process::id()).map_err(|error| error.to_string());
    let before = used()?;
    for number in 0..TIMES {
        let record = AuditRecord {
            time_us: i64::from(number),
            tenant: 0,
            actor: "fred".to_owned(),
            peer: Some("192.0.2.1:56960".to_owned()),
            action: Action::Operation(kmip::operation::Operation::Get.0),
            identifiers: vec!["0f8fad5b-d9cb-469f-a165-70867728950e".to_owned()],
            outcome: Came::Success,
        };
        block_on(store.log(Tenant::DEFAULT, vec![record.encode()])).map_err(|error| error.to_string())?;
    }
    let after = used()?;
    Ok(each(after - before, TIMES))
}

/// Microseconds of a decision.
fn decision(actor: &Actor, object: &ObjectFacts<'_>) -> f64 {
    let begun = Instant::now();
    let allowed = (0..DECISIONS)
        .filter(|now| decide(black_box(actor), Permission::Get, black_box(object), i64::from(*now)).is_allow())
        .count();
    assert_eq!(allowed, DECISIONS as usize, "what is measured is an allowed Get");
    each(begun.elapsed(), DECISIONS)
}

fn each(all: Duration, times: u32) -> f64 {
    all.as_secs_f64() * 1e6 / f64::from(times)
}
