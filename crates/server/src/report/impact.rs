//! What hangs on one object: all that was derived, wrapped, certified or made from it, who obtained it, and where it comes from.

use super::activity::{Act, act};
use super::document::{Document, Table};
use super::graph::{Edge, Graph, Relation};
use super::{VERSION, dash, kind_of, scan, spoken};
use crate::audit_trail::{Log, moment};
use crate::database::Progress;
use audit::{Action, AuditRecord, Outcome};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use store::{Store, Tenant};
use tokio::runtime::Handle;

/// Actors that are told one by one for an object.
const ACTORS_MAX: usize = 100;
/// What was given out wrapped: objects, by key and actor, in memory.
const GIVEN_OUT_MAX: usize = 100_000;

/// All that is told.
#[derive(Debug, Serialize)]
pub(super) struct Impact {
    version: u32,
    report: &'static str,
    generated: String,
    log_begins: Option<String>,
    key: Node,
    /// What hangs on it, the nearest first. Replacements are not here.
    affected: Vec<Node>,
    affected_count: u64,
    comes_from: Vec<Related>,
    replacements: Vec<Related>,
    given_out_wrapped: Vec<GivenOut>,
    given_out_count: u64,
    /// Objects that could not be read: some of them may belong here.
    unreadable_objects: u64,
}

/// An object, how it hangs on what, and who has it.
#[derive(Debug, Serialize)]
struct Node {
    identifier: String,
    /// Steps from the object that was asked for.
    depth: u32,
    relation: Option<Relation>,
    of: Option<String>,
    /// False: something links to it, but it is not in the store any more.
    exists: bool,
    owner: Option<String>,
    name: Option<String>,
    object_type: Option<String>,
    kind: Option<String>,
    state: Option<String>,
    obtained_by: Vec<Obtained>,
    /// Other operations with it.
    used: u64,
}

#[derive(Debug, Serialize)]
struct Obtained {
    actor: String,
    times: u64,
    first: String,
    last: String,
}

#[derive(Debug, Serialize)]
struct Related {
    identifier: String,
    relation: Relation,
    of: String,
}

/// An object that was given out wrapped under one of the affected keys.
#[derive(Debug, Serialize)]
struct GivenOut {
    object: String,
    under: String,
    actor: String,
    times: u64,
    first: String,
    last: String,
}

#[derive(Clone, Copy)]
struct Times {
    count: u64,
    first_us: i64,
    last_us: i64,
}

impl Times {
    fn add(times: Option<Self>, time_us: i64) -> Self {
        let times = times.unwrap_or(Self { count: 0, first_us: time_us, last_us: time_us });
        Self { count: times.count + 1, first_us: times.first_us.min(time_us), last_us: times.last_us.max(time_us) }
    }
}

/// Walks from an object.
pub(super) fn of<S: Store>(
    store: &S,
    key: &str,
    now: i64,
    limit: usize,
    runtime: &Handle,
    progress: &mut Progress,
) -> Result<Impact, String> {
    let tenant = tenant_of(store, key, runtime)?;
    let mut graph = Graph::default();
    let start = graph.number(key);
    let mut unreadable = 0;
    scan::scan(store, now, runtime, progress, |of, object| match object {
        Ok(object) if of == tenant => graph.add(&object),
        Ok(_) => {}
        Err(_) => unreadable += 1,
    })?;
    read_log(store, tenant, runtime, progress, |record| graph.add_given_out(record))?;
    let mut identifiers = vec![String::new(); graph.numbers.len()];
    graph.numbers.iter().for_each(|(identifier, number)| identifiers[*number as usize].clone_from(identifier));
    let name = |number: u32| identifiers[number as usize].clone();

    let reached = graph.walk(start, true);
    let mut affected = vec![node(store, tenant, key, now, runtime)];
    for (number, depth, edge) in reached.iter().take(limit) {
        let mut node = node(store, tenant, &identifiers[*number as usize], now, runtime);
        (node.depth, node.relation, node.of) = (*depth, Some(edge.relation), Some(name(edge.from)));
        affected.push(node);
    }
    let related = |edge: &Edge, other: u32, of: u32| Related { identifier: name(other), relation: edge.relation, of: name(of) };
    let above = graph.walk(start, false);
    // The halves of a pair reach each other both ways: they are below.
    let below: HashSet<u32> = reached.iter().map(|(number, ..)| *number).collect();
    let comes_from = above.iter().filter(|(number, ..)| !below.contains(number));
    let comes_from = comes_from.take(limit).map(|(number, _, edge)| related(edge, *number, edge.to)).collect();
    let mut replacements: Vec<Related> = graph
        .edges
        .iter()
        .filter(|(from, to, relation)| !relation.is_followed() && (*from == start || *to == start))
        .map(|(from, to, relation)| Related { identifier: name(*to), relation: *relation, of: name(*from) })
        .collect();
    replacements.sort_by(|one, other| (one.relation, &one.identifier).cmp(&(other.relation, &other.identifier)));

    let under = |key: &str| graph.numbers.get(key).is_some_and(|number| *number == start || below.contains(number));
    let told = Told::read(store, tenant, &mut affected, under, runtime, progress)?;
    let mut given_out: Vec<_> = told.given_out.into_iter().collect();
    given_out.sort_by_key(|(_, times)| std::cmp::Reverse(times.last_us));
    let given_out_count = given_out.len() as u64;
    let given_out_wrapped = given_out
        .into_iter()
        .take(limit)
        .map(|((object, under, actor), times)| GivenOut {
            object,
            under,
            actor,
            times: times.count,
            first: moment(times.first_us),
            last: moment(times.last_us),
        })
        .collect();
    let key = affected.remove(0);
    Ok(Impact {
        version: VERSION,
        report: "impact",
        generated: moment(now.saturating_mul(1_000_000)),
        log_begins: told.begins_us.map(moment),
        key,
        affected,
        affected_count: reached.len() as u64,
        comes_from,
        replacements,
        given_out_wrapped,
        given_out_count,
        unreadable_objects: unreadable,
    })
}

/// The tenant that has an object. One that is gone but is still linked to cannot be told from one that never was.
fn tenant_of<S: Store>(store: &S, key: &str, runtime: &Handle) -> Result<Tenant, String> {
    for tenant in runtime.block_on(store.tenants()).map_err(|error| error.to_string())? {
        let found = runtime.block_on(store.load(tenant, &[key])).map_err(|error| error.to_string())?;
        if let Some(Some(record)) = found.into_iter().next()
            && dispatcher::summarise(record, 0)?.is_some()
        {
            return Ok(tenant);
        }
    }
    Err(format!("there is no object {key:?}"))
}

fn node<S: Store>(store: &S, tenant: Tenant, identifier: &str, now: i64, runtime: &Handle) -> Node {
    let loaded = runtime.block_on(store.load(tenant, &[identifier])).map_err(|error| error.to_string());
    // One that is damaged is there, and nothing else is known of it.
    let read = loaded.and_then(|loaded| match loaded.into_iter().next().flatten() {
        Some(record) => dispatcher::summarise(record, now),
        None => Ok(None),
    });
    let exists = !matches!(read, Ok(None));
    let object = read.unwrap_or_default();
    let object = object.as_ref();
    Node {
        identifier: identifier.to_owned(),
        depth: 0,
        relation: None,
        of: None,
        exists,
        owner: object.map(|object| object.owner.clone()),
        name: object.and_then(|object| object.name.clone()),
        object_type: object.map(|object| spoken(object.object_type)),
        kind: object.map(kind_of),
        state: object.map(|object| spoken(object.state)),
        obtained_by: Vec::new(),
        used: 0,
    }
}

/// Reads the audit log of a tenant, and tells when its first entry, of any tenant, was written.
fn read_log<S: Store>(
    store: &S,
    tenant: Tenant,
    runtime: &Handle,
    progress: &mut Progress,
    mut show: impl FnMut(&AuditRecord),
) -> Result<Option<i64>, String> {
    let mut begins_us = None;
    let mut log = Log { store, runtime, progress, what: "reading the audit log", next: 1 };
    loop {
        let page = log.page()?;
        if page.is_empty() {
            return Ok(begins_us);
        }
        for entry in &page {
            let Ok(record) = AuditRecord::decode(&entry.entry) else { continue };
            begins_us = begins_us.or(Some(record.time_us));
            if record.tenant == tenant.0 {
                show(&record);
            }
        }
    }
}

/// What the audit log tells of the affected objects.
struct Told {
    begins_us: Option<i64>,
    /// By object, key and actor.
    given_out: BTreeMap<(String, String, String), Times>,
}

impl Told {
    /// `is_affected` tells whether what was wrapped by a key is to be told.
    fn read<S: Store>(
        store: &S,
        tenant: Tenant,
        nodes: &mut [Node],
        is_affected: impl Fn(&str) -> bool,
        runtime: &Handle,
        progress: &mut Progress,
    ) -> Result<Self, String> {
        let numbers: HashMap<String, usize> =
            nodes.iter().enumerate().map(|(number, node)| (node.identifier.clone(), number)).collect();
        let mut obtained: Vec<BTreeMap<String, Times>> = vec![BTreeMap::new(); nodes.len()];
        let mut given_out = BTreeMap::new();
        let begins_us = read_log(store, tenant, runtime, progress, |record| {
            let (Action::Operation(operation), Outcome::Success) = (&record.action, record.outcome) else { return };
            for (place, identifier) in record.identifiers.iter().enumerate() {
                let object = &record.identifiers[0];
                let is_key = place > 0 && act(*operation, 0) == Act::Obtained && object != identifier;
                if is_key && given_out.len() < GIVEN_OUT_MAX && is_affected(identifier) {
                    let given = (object.clone(), identifier.clone(), record.actor.clone());
                    let times = Times::add(given_out.get(&given).copied(), record.time_us);
                    given_out.insert(given, times);
                }
                let Some(number) = numbers.get(identifier).copied() else { continue };
                match act(*operation, place) {
                    Act::Obtained => {
                        let actors = &mut obtained[number];
                        if actors.len() < ACTORS_MAX || actors.contains_key(&record.actor) {
                            let times = Times::add(actors.get(&record.actor).copied(), record.time_us);
                            actors.insert(record.actor.clone(), times);
                        }
                    }
                    Act::Used => nodes[number].used += 1,
                    Act::Located | Act::Made => {}
                }
            }
        })?;
        for (node, actors) in nodes.iter_mut().zip(obtained) {
            node.obtained_by = actors
                .into_iter()
                .map(|(actor, times)| Obtained {
                    actor,
                    times: times.count,
                    first: moment(times.first_us),
                    last: moment(times.last_us),
                })
                .collect();
        }
        Ok(Self { begins_us, given_out })
    }
}

impl Node {
    /// Who has its material, in words.
    fn holders(&self) -> String {
        let holder = |obtained: &Obtained| match obtained.times {
            1 => format!("{} {}", obtained.actor, obtained.first),
            times => format!("{} {times} times, {} to {}", obtained.actor, obtained.first, obtained.last),
        };
        let holders: Vec<String> = self.obtained_by.iter().map(holder).collect();
        if holders.is_empty() { "nobody".to_owned() } else { holders.join("; ") }
    }

    fn state(&self) -> String {
        let unknown = if self.exists { "cannot be read" } else { "gone" };
        self.state.clone().unwrap_or_else(|| unknown.to_owned())
    }
}

impl Impact {
    pub(super) fn document(&self) -> Document {
        let key = &self.key;
        let mut facts = vec![
            ("generated", self.generated.clone()),
            ("object", key.identifier.clone()),
            ("name", dash(key.name.as_ref())),
            ("type", format!("{} {}", dash(key.object_type.as_ref()), dash(key.kind.as_ref()))),
            ("state", key.state()),
            ("owner", dash(key.owner.as_ref())),
            ("obtained by", key.holders()),
            ("used", format!("{} times", key.used)),
            ("audit log since", dash(self.log_begins.as_ref())),
            ("affected", self.affected_count.to_string()),
        ];
        if self.unreadable_objects > 0 {
            let told = format!("{}, of which some may belong here; kmipd db check tells more", self.unreadable_objects);
            facts.push(("objects that cannot be read", told));
        }
        let relation = |node: &Node| match (node.relation, &node.of) {
            (Some(relation), Some(of)) => format!("{} {of}", relation.words()),
            _ => String::new(),
        };
        let row = |node: &Node| {
            vec![
                node.depth.to_string(),
                node.identifier.clone(),
                dash(node.name.as_ref()),
                dash(node.kind.as_ref()),
                node.state(),
                dash(node.owner.as_ref()),
                relation(node),
                node.holders(),
            ]
        };
        let related =
            |related: &Related| vec![related.identifier.clone(), related.relation.words().to_owned(), related.of.clone()];
        let given = |given: &GivenOut| {
            vec![
                given.object.clone(),
                given.under.clone(),
                given.actor.clone(),
                given.times.to_string(),
                given.first.clone(),
                given.last.clone(),
            ]
        };
        let about_log = "As far as the audit log reaches back.";
        let tables = vec![
            Table {
                title: "What hangs on it".into(),
                about: format!(
                    "All that was derived from it, wrapped (here, or when it was given out), certified or made with it, and who has obtained \
                     it. {about_log}"
                ),
                columns: &["step", "object", "name", "algorithm", "state", "owner", "how", "obtained by"],
                rows: self.affected.iter().map(row).collect(),
                left_out: self.affected_count - self.affected.len() as u64,
            },
            Table {
                title: "Given out wrapped under it".into(),
                about: format!(
                    "Objects that were obtained encrypted under one of these keys: whoever has the key can open them. {about_log}"
                ),
                columns: &["object", "under", "by", "times", "first", "last"],
                rows: self.given_out_wrapped.iter().map(given).collect(),
                left_out: self.given_out_count - self.given_out_wrapped.len() as u64,
            },
            Table {
                title: "What it comes from".into(),
                about: String::new(),
                columns: &["object", "is", "of"],
                rows: self
                    .comes_from
                    .iter()
                    .map(|above| vec![above.of.clone(), above.relation.words().to_owned(), above.identifier.clone()])
                    .collect(),
                left_out: 0,
            },
            Table {
                title: "Replacements".into(),
                about: "They do not depend on each other, and are not counted above.".into(),
                columns: &["object", "is", "of"],
                rows: self.replacements.iter().map(related).collect(),
                left_out: 0,
            },
        ];
        Document { title: format!("What hangs on {}", key.identifier), facts, tables }
    }
}
