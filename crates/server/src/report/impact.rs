//! What hangs on one object: all that was derived, wrapped, certified or made from it, who obtained it, and where it comes from.

use super::activity::{Act, act};
use super::document::{Document, Table};
use super::{VERSION, dash, kind_of, scan, spoken};
use crate::audit_trail::{Log, moment};
use crate::database::Progress;
use audit::{Action, AuditRecord, Outcome};
use dispatcher::Summary;
use kmip::enumerations::{LinkType, ObjectType};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use store::{Store, Tenant};
use tokio::runtime::Handle;

/// Actors that are told one by one for an object.
const ACTORS_MAX: usize = 100;
/// What was given out wrapped: objects, by key and actor, in memory.
const GIVEN_OUT_MAX: usize = 100_000;

/// How one object hangs on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Relation {
    DerivedFrom,
    WrappedBy,
    CertifiedBy,
    CertificateOf,
    PublicKeyOf,
    PrivateKeyOf,
    ChildOf,
    ProtectedBy,
    /// Not followed: what replaces a key does not depend on it.
    ReplacementOf,
    NextAfter,
}

impl Relation {
    const fn words(self) -> &'static str {
        match self {
            Self::DerivedFrom => "derived from",
            Self::WrappedBy => "wrapped by",
            Self::CertifiedBy => "certified by",
            Self::CertificateOf => "certificate of",
            Self::PublicKeyOf => "public key of",
            Self::PrivateKeyOf => "private key of",
            Self::ChildOf => "child or part of",
            Self::ProtectedBy => "protected by the password",
            Self::ReplacementOf => "replacement of",
            Self::NextAfter => "next after",
        }
    }

    const fn is_followed(self) -> bool {
        !matches!(self, Self::ReplacementOf | Self::NextAfter)
    }
}

/// That one object hangs on another, by their numbers.
struct Edge {
    from: u32,
    to: u32,
    relation: Relation,
}

/// All relations of a tenant's objects. Objects without any are not in it.
#[derive(Default)]
struct Graph {
    numbers: HashMap<String, u32>,
    edges: HashSet<(u32, u32, Relation)>,
}

impl Graph {
    fn number(&mut self, identifier: &str) -> u32 {
        if let Some(number) = self.numbers.get(identifier) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(identifier.to_owned(), number);
        number
    }

    /// Takes what an object tells of its relations, whichever end tells it.
    fn add(&mut self, object: &Summary) {
        let own = object.identifier.as_str();
        for wrapping in &object.wrapped_by {
            self.relate(wrapping, own, Relation::WrappedBy);
        }
        for (link_type, other) in &object.links {
            let is_certificate = object.object_type == ObjectType::Certificate;
            match *link_type {
                LinkType::DerivedKeyLink => self.relate(own, other, Relation::DerivedFrom),
                LinkType::DerivationBaseObjectLink => self.relate(other, own, Relation::DerivedFrom),
                LinkType::WrappingKeyLink => self.relate(other, own, Relation::WrappedBy),
                // That of a certificate leads to the one of its issuer (2.1, section 4.31).
                LinkType::CertificateLink | LinkType::PKCS_12CertificateLink if is_certificate => {
                    self.relate(other, own, Relation::CertifiedBy);
                }
                LinkType::CertificateLink | LinkType::PKCS_12CertificateLink => self.relate(own, other, Relation::CertificateOf),
                LinkType::PublicKeyLink => self.relate(own, other, Relation::PublicKeyOf),
                LinkType::PrivateKeyLink => self.relate(own, other, Relation::PrivateKeyOf),
                LinkType::ParentLink => self.relate(other, own, Relation::ChildOf),
                LinkType::ChildLink => self.relate(own, other, Relation::ChildOf),
                LinkType::PKCS_12PasswordLink => self.relate(other, own, Relation::ProtectedBy),
                LinkType::ReplacementObjectLink => self.relate(own, other, Relation::ReplacementOf),
                LinkType::ReplacedObjectLink => self.relate(other, own, Relation::ReplacementOf),
                LinkType::NextLink => self.relate(own, other, Relation::NextAfter),
                LinkType::PreviousLink => self.relate(other, own, Relation::NextAfter),
                _ => {}
            }
        }
    }

    /// Notes that `on` hangs on `from`.
    fn relate(&mut self, from: &str, on: &str, relation: Relation) {
        let (from, on) = (self.number(from), self.number(on));
        if from != on {
            self.edges.insert((from, on, relation));
        }
    }

    /// What can be reached from an object, the nearest first, each once: number, depth, and over which edge.
    fn walk(&self, start: u32, downwards: bool) -> Vec<(u32, u32, Edge)> {
        let mut next: HashMap<u32, Vec<Edge>> = HashMap::new();
        for (from, to, relation) in self.edges.iter().copied().filter(|(_, _, relation)| relation.is_followed()) {
            let key = if downwards { from } else { to };
            next.entry(key).or_default().push(Edge { from, to, relation });
        }
        next.values_mut().for_each(|edges| edges.sort_by_key(|edge| (edge.relation, edge.from, edge.to)));
        let mut seen = HashSet::from([start]);
        let mut waiting = VecDeque::from([(start, 0)]);
        let mut reached = Vec::new();
        while let Some((number, depth)) = waiting.pop_front() {
            for edge in next.remove(&number).unwrap_or_default() {
                let other = if downwards { edge.to } else { edge.from };
                if seen.insert(other) {
                    waiting.push_back((other, depth + 1));
                    reached.push((other, depth + 1, edge));
                }
            }
        }
        reached
    }
}

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

    let told = Told::read(store, tenant, &mut affected, runtime, progress)?;
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

/// What the audit log tells of the affected objects.
struct Told {
    begins_us: Option<i64>,
    /// By object, key and actor.
    given_out: BTreeMap<(String, String, String), Times>,
}

impl Told {
    fn read<S: Store>(
        store: &S,
        tenant: Tenant,
        nodes: &mut [Node],
        runtime: &Handle,
        progress: &mut Progress,
    ) -> Result<Self, String> {
        let numbers: HashMap<String, usize> =
            nodes.iter().enumerate().map(|(number, node)| (node.identifier.clone(), number)).collect();
        let mut obtained: Vec<BTreeMap<String, Times>> = vec![BTreeMap::new(); nodes.len()];
        let mut told = Self { begins_us: None, given_out: BTreeMap::new() };
        let mut log = Log { store, runtime, progress, what: "reading the audit log", next: 1 };
        loop {
            let page = log.page()?;
            if page.is_empty() {
                break;
            }
            for entry in &page {
                let Ok(record) = AuditRecord::decode(&entry.entry) else { continue };
                told.begins_us = told.begins_us.or(Some(record.time_us));
                let (Action::Operation(operation), Outcome::Success) = (&record.action, record.outcome) else { continue };
                if record.tenant != tenant.0 {
                    continue;
                }
                for (place, identifier) in record.identifiers.iter().enumerate() {
                    let Some(number) = numbers.get(identifier).copied() else { continue };
                    match act(*operation, place) {
                        Act::Obtained => {
                            let actors = &mut obtained[number];
                            if actors.len() < ACTORS_MAX || actors.contains_key(&record.actor) {
                                let times = Times::add(actors.get(&record.actor).copied(), record.time_us);
                                actors.insert(record.actor.clone(), times);
                            }
                        }
                        Act::Used => {
                            nodes[number].used += 1;
                            let object = &record.identifiers[0];
                            if told.given_out.len() < GIVEN_OUT_MAX
                                && place > 0
                                && act(*operation, 0) == Act::Obtained
                                && object != identifier
                            {
                                let given = (object.clone(), identifier.clone(), record.actor.clone());
                                let times = Times::add(told.given_out.get(&given).copied(), record.time_us);
                                told.given_out.insert(given, times);
                            }
                        }
                        Act::Located | Act::Made => {}
                    }
                }
            }
        }
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
        Ok(told)
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
                    "All that was derived from it, wrapped, certified or made with it, and who has obtained it. {about_log}"
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

#[cfg(test)]
mod tests {
    use super::*;
    use kmip::enumerations::State;
    use kmip::masks::CryptographicUsageMask;

    fn object(identifier: &str, object_type: ObjectType, links: &[(LinkType, &str)]) -> Summary {
        Summary {
            identifier: identifier.to_owned(),
            owner: "fred".to_owned(),
            object_type,
            state: State::Active,
            name: None,
            algorithm: None,
            length: None,
            usage: CryptographicUsageMask::default(),
            initial: None,
            activation: None,
            deactivation: None,
            fresh: None,
            archived: false,
            rotates: None,
            links: links.iter().map(|(link_type, other)| (*link_type, (*other).to_owned())).collect(),
            wrapped_by: Vec::new(),
            certificate: None,
        }
    }

    fn reached(objects: &[Summary], start: &str, downwards: bool) -> Vec<(String, u32)> {
        let mut graph = Graph::default();
        let start = graph.number(start);
        objects.iter().for_each(|object| graph.add(object));
        let name = |number| graph.numbers.iter().find(|(_, other)| **other == number).unwrap().0.clone();
        let mut reached: Vec<_> = graph.walk(start, downwards).iter().map(|(number, depth, _)| (name(*number), *depth)).collect();
        reached.sort();
        reached
    }

    fn expected(names: &[(&str, u32)]) -> Vec<(String, u32)> {
        names.iter().map(|(name, depth)| ((*name).to_owned(), *depth)).collect()
    }

    #[test]
    fn either_end_of_a_link_tells_and_siblings_are_not_affected() {
        use LinkType as L;
        let key = ObjectType::SymmetricKey;
        let mut wrapped = object("wrapped", key, &[]);
        wrapped.wrapped_by.push("one".to_owned());
        let objects = [
            object("base", key, &[(L::DerivedKeyLink, "one")]),
            object("one", key, &[(L::ReplacementObjectLink, "new")]),
            object("two", key, &[(L::DerivationBaseObjectLink, "base")]),
            object("below", key, &[(L::DerivationBaseObjectLink, "one")]),
            object("new", key, &[(L::ReplacedObjectLink, "one")]),
            wrapped,
        ];
        assert_eq!(reached(&objects, "one", true), expected(&[("below", 1), ("wrapped", 1)]));
        assert_eq!(reached(&objects, "one", false), expected(&[("base", 1)]));
        let all = expected(&[("below", 2), ("one", 1), ("two", 1), ("wrapped", 2)]);
        assert_eq!(reached(&objects, "base", true), all);
    }

    #[test]
    fn a_compromised_authority_takes_its_certificates_along() {
        use LinkType as L;
        let objects = [
            object("private", ObjectType::PrivateKey, &[(L::PublicKeyLink, "public"), (L::CertificateLink, "authority")]),
            object("public", ObjectType::PublicKey, &[(L::PrivateKeyLink, "private")]),
            object("authority", ObjectType::Certificate, &[]),
            object("server", ObjectType::Certificate, &[(L::CertificateLink, "authority")]),
        ];
        let all = expected(&[("authority", 1), ("public", 1), ("server", 2)]);
        assert_eq!(reached(&objects, "private", true), all);
    }

    #[test]
    fn circles_end() {
        use LinkType as L;
        let key = ObjectType::SymmetricKey;
        let objects = [
            object("a", key, &[(L::DerivedKeyLink, "b"), (L::DerivedKeyLink, "a")]),
            object("b", key, &[(L::DerivedKeyLink, "c")]),
            object("c", key, &[(L::DerivedKeyLink, "a"), (L::ChildLink, "b")]),
        ];
        assert_eq!(reached(&objects, "a", true), expected(&[("b", 1), ("c", 2)]));
        assert_eq!(reached(&objects, "a", false), expected(&[("b", 2), ("c", 1)]));
    }
}
