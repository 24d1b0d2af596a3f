//! What objects there are, and what is wrong with them by a policy.

use super::activity::{Activity, Seen};
use super::document::{Document, Table};
use super::policy::{Policy, Verdict};
use super::{DAY_S, Listed, VERSION, dash, day, kind_of, scan, spoken};
use crate::audit_trail::moment;
use crate::config::Config;
use crate::database::Progress;
use crate::expiry;
use dispatcher::Summary;
use kmip::enumerations::{ObjectType, State};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Store, Tenant};
use tokio::runtime::Handle;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Owners that are counted one by one; those that come later are counted together.
const OWNERS_MAX: usize = 10_000;
/// A rotation by the server that is due for so long did not come.
const ROTATION_GRACE_S: i64 = 3_600;
/// Ages by which keys are counted, in days.
const AGES: [(&str, i64); 6] = [
    ("up to 30 days", 30),
    ("up to 90 days", 90),
    ("up to 1 year", 365),
    ("up to 2 years", 730),
    ("up to 5 years", 1_826),
    ("older", i64::MAX),
];

/// What objects are judged by.
pub(super) struct Judge {
    pub(super) policy: Policy,
    pub(super) now: i64,
    pub(super) expires_before: i64,
    pub(super) unseen_since: i64,
    pub(super) limit: usize,
}

/// All that is told.
#[derive(Debug, Serialize)]
pub(super) struct Inventory {
    version: u32,
    report: &'static str,
    generated: String,
    policy: String,
    /// Objects, and how many of them in each state.
    objects: u64,
    states: BTreeMap<String, u64>,
    /// Since when the audit log tells what was done; nothing: it is empty.
    log_begins: Option<String>,
    log_records: u64,
    log_unreadable: u64,
    kinds: Vec<Kind>,
    ages: Vec<Age>,
    owners: Vec<Owner>,
    weak: Listed<Weak>,
    overdue: Listed<Overdue>,
    expiring: Listed<Expiring>,
    orphans: Listed<Orphan>,
    unreadable: Listed<String>,
    #[serde(skip)]
    orphan_day: String,
    #[serde(skip)]
    expires_day: String,
}

/// Objects of one type, algorithm and length.
#[derive(Debug, Serialize)]
struct Kind {
    object_type: String,
    algorithm: Option<String>,
    length: Option<i32>,
    /// Security strength in bits.
    strength: Option<u32>,
    verdict: Option<Verdict>,
    until: Option<String>,
    objects: u64,
    states: BTreeMap<String, u64>,
    oldest: Option<String>,
}

#[derive(Debug, Serialize)]
struct Age {
    age: &'static str,
    living: u64,
}

#[derive(Debug, Default, Serialize)]
struct Owner {
    tenant: u32,
    owner: String,
    objects: u64,
    active: u64,
    weak: u64,
    overdue: u64,
    orphans: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Weak {
    /// The worst first.
    #[serde(skip)]
    order: std::cmp::Reverse<Verdict>,
    strength: Option<u32>,
    object: Object,
    verdict: Verdict,
    until: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Overdue {
    /// Seconds since 1970.
    due_s: i64,
    due: String,
    why: String,
    object: Object,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Expiring {
    ends_s: i64,
    ends: String,
    expired: bool,
    what: String,
    /// The object, or else the file or the client it is about.
    object: Option<Object>,
    about: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Orphan {
    /// When anything was done with it last; nothing: never, as far as is known.
    last_seen: Option<String>,
    made: Option<String>,
    never_obtained: bool,
    object: Object,
}

/// An object in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Object {
    tenant: u32,
    owner: String,
    identifier: String,
    name: Option<String>,
    object_type: String,
    kind: String,
    state: String,
}

impl Object {
    fn of(tenant: Tenant, object: &Summary) -> Self {
        Self {
            tenant: tenant.0,
            owner: object.owner.clone(),
            identifier: object.identifier.clone(),
            name: object.name.clone(),
            object_type: spoken(object.object_type),
            kind: kind_of(object),
            state: spoken(object.state),
        }
    }

    fn cells(&self) -> [String; 5] {
        [self.identifier.clone(), dash(self.name.as_ref()), self.kind.clone(), self.state.clone(), self.owner.clone()]
    }
}

/// By type, algorithm and length.
type KindKey = (u32, Option<u32>, Option<i32>);

#[derive(Default)]
struct Counted {
    objects: u64,
    states: BTreeMap<u32, u64>,
    oldest: Option<i64>,
}

/// An inventory that is being taken.
struct Taking {
    judge: Judge,
    activity: Activity,
    kinds: BTreeMap<KindKey, Counted>,
    ages: [u64; AGES.len()],
    owners: BTreeMap<(u32, String), Owner>,
    others: Owner,
    weak: Listed<Weak>,
    overdue: Listed<Overdue>,
    expiring: Listed<Expiring>,
    orphans: Listed<Orphan>,
    unreadable: Listed<String>,
}

/// Reads log and store.
pub(super) fn take<S: Store>(
    store: &S,
    config: &Config,
    judge: Judge,
    runtime: &Handle,
    progress: &mut Progress,
) -> Result<Inventory, String> {
    let activity = Activity::read(store, runtime, progress)?;
    let limit = judge.limit;
    let now = judge.now;
    let mut taking = Taking {
        judge,
        activity,
        kinds: BTreeMap::new(),
        ages: [0; AGES.len()],
        owners: BTreeMap::new(),
        others: Owner { owner: "(others)".to_owned(), ..Owner::default() },
        weak: Listed::new(limit),
        overdue: Listed::new(limit),
        expiring: Listed::new(limit),
        orphans: Listed::new(limit),
        unreadable: Listed::new(limit),
    };
    for (what, about, ends) in expiry::of_configuration(config) {
        taking.expires(what, ends, None, Some(about));
    }
    scan::scan(store, now, runtime, progress, |tenant, object| match object {
        Ok(object) => taking.add(tenant, &object),
        Err(cause) => taking.unreadable.add(cause),
    })?;
    Ok(taking.finish())
}

impl Taking {
    fn add(&mut self, tenant: Tenant, object: &Summary) {
        let now = self.judge.now;
        let key = (object.object_type.0, object.algorithm.map(|algorithm| algorithm.0), object.length);
        let counted = self.kinds.entry(key).or_default();
        counted.objects += 1;
        *counted.states.entry(object.state.0).or_default() += 1;
        let mut findings = (false, false, false);
        if !object.is_destroyed() {
            counted.oldest = [counted.oldest, object.initial].into_iter().flatten().min();
            if let Some(initial) = object.initial {
                let days = now.saturating_sub(initial) / DAY_S;
                let age = AGES.iter().position(|(_, most)| days <= *most).unwrap_or(AGES.len() - 1);
                self.ages[age] += 1;
            }
            findings = (self.judge_strength(tenant, object), self.judge_age(tenant, object), self.judge_use(tenant, object));
            self.judge_end(tenant, object);
        }
        let known = self.owners.len() < OWNERS_MAX || self.owners.contains_key(&(tenant.0, object.owner.clone()));
        let owner = if known {
            self.owners.entry((tenant.0, object.owner.clone())).or_insert_with(|| Owner {
                tenant: tenant.0,
                owner: object.owner.clone(),
                ..Owner::default()
            })
        } else {
            &mut self.others
        };
        owner.objects += 1;
        owner.active += u64::from(object.state == State::Active);
        owner.weak += u64::from(findings.0);
        owner.overdue += u64::from(findings.1);
        owner.orphans += u64::from(findings.2);
    }

    /// Whether it may protect although it is too weak for that. What only opens what was protected before may be of any strength.
    fn judge_strength(&mut self, tenant: Tenant, object: &Summary) -> bool {
        let (Some(algorithm), State::PreActive | State::Active) = (object.algorithm, object.state) else { return false };
        let strength = self.judge.policy.strength(algorithm, object.length);
        let verdict = strength.map_or(Verdict::Unknown, |strength| strength.verdict(self.judge.now));
        if matches!(verdict, Verdict::Acceptable | Verdict::Ending) {
            return false;
        }
        self.weak.add(Weak {
            order: std::cmp::Reverse(verdict),
            strength: strength.map(|strength| strength.bits),
            object: Object::of(tenant, object),
            verdict,
            until: strength.and_then(|strength| strength.until()),
        });
        true
    }

    /// Whether it is used for longer than the policy, or its own interval, has it.
    fn judge_age(&mut self, tenant: Tenant, object: &Summary) -> bool {
        if object.state != State::Active || object.is_replaced() {
            return false;
        }
        let since = object.activation.or(object.initial);
        let period = self.judge.policy.period(object.object_type, object.usage);
        let by_policy = since.zip(period).map(|(since, period)| {
            let why = format!("active since {}, for {} days at most", day(since), period / DAY_S);
            (since.saturating_add(period), why)
        });
        let by_interval = object
            .rotates
            .map(|due| (due.saturating_add(ROTATION_GRACE_S), "its rotation by the server did not come".to_owned()));
        let Some((due, why)) = by_policy.into_iter().chain(by_interval).min() else { return false };
        if due > self.judge.now {
            return false;
        }
        self.overdue.add(Overdue { due_s: due, due: day(due), why, object: Object::of(tenant, object) });
        true
    }

    /// Whether nobody has done anything with it for long.
    fn judge_use(&mut self, tenant: Tenant, object: &Summary) -> bool {
        let seen: Seen = self.activity.of(tenant, &object.identifier);
        let since = self.judge.unseen_since;
        // What was made a while ago had its time.
        if object.initial.is_none_or(|initial| initial > since) || seen.last().is_some_and(|last| last > since) {
            return false;
        }
        self.orphans.add(Orphan {
            last_seen: seen.last().map(day),
            made: object.initial.map(day),
            never_obtained: object.fresh == Some(true) || (object.fresh.is_none() && seen.obtained.is_none()),
            object: Object::of(tenant, object),
        });
        true
    }

    fn judge_end(&mut self, tenant: Tenant, object: &Summary) {
        if let Some(ends) = object.certificate.as_deref().and_then(not_after) {
            self.expires("certificate", ends, Some((tenant, object)), None);
        }
        if let (State::PreActive | State::Active, Some(ends)) = (object.state, object.deactivation) {
            let what = if object.object_type == ObjectType::Certificate { "use of a certificate" } else { "use of a key" };
            self.expires(what, ends, Some((tenant, object)), None);
        }
    }

    fn expires(&mut self, what: &str, ends: i64, object: Option<(Tenant, &Summary)>, about: Option<String>) {
        if ends > self.judge.expires_before {
            return;
        }
        self.expiring.add(Expiring {
            ends_s: ends,
            ends: day(ends),
            expired: ends <= self.judge.now,
            what: what.to_owned(),
            object: object.map(|(tenant, object)| Object::of(tenant, object)),
            about,
        });
    }

    fn finish(mut self) -> Inventory {
        self.weak.sort();
        self.overdue.sort();
        self.expiring.sort();
        self.orphans.sort();
        self.unreadable.sort();
        let mut states: BTreeMap<String, u64> = BTreeMap::new();
        let mut objects = 0;
        let mut kinds = Vec::with_capacity(self.kinds.len());
        for ((object_type, algorithm, length), counted) in self.kinds {
            objects += counted.objects;
            let in_states: BTreeMap<String, u64> =
                counted.states.into_iter().map(|(state, count)| (spoken(State(state)), count)).collect();
            in_states.iter().for_each(|(state, count)| *states.entry(state.clone()).or_default() += count);
            let algorithm = algorithm.map(kmip::enumerations::CryptographicAlgorithm);
            let strength = algorithm.and_then(|algorithm| self.judge.policy.strength(algorithm, length));
            kinds.push(Kind {
                object_type: spoken(ObjectType(object_type)),
                algorithm: algorithm.map(spoken),
                length,
                strength: strength.map(|strength| strength.bits),
                verdict: algorithm.map(|_| strength.map_or(Verdict::Unknown, |strength| strength.verdict(self.judge.now))),
                until: strength.and_then(|strength| strength.until()),
                objects: counted.objects,
                states: in_states,
                oldest: counted.oldest.map(day),
            });
        }
        let mut owners: Vec<Owner> = self.owners.into_values().collect();
        owners.sort_by_key(|owner| std::cmp::Reverse(owner.objects));
        if self.others.objects > 0 {
            owners.push(self.others);
        }
        Inventory {
            version: VERSION,
            report: "inventory",
            generated: moment(self.judge.now.saturating_mul(1_000_000)),
            policy: self.judge.policy.name,
            objects,
            states,
            log_begins: self.activity.begins_us.map(moment),
            log_records: self.activity.records,
            log_unreadable: self.activity.unreadable,
            kinds,
            ages: AGES.iter().zip(self.ages).map(|((age, _), living)| Age { age, living }).collect(),
            owners,
            weak: self.weak,
            overdue: self.overdue,
            expiring: self.expiring,
            orphans: self.orphans,
            unreadable: self.unreadable,
            orphan_day: day(self.judge.unseen_since),
            expires_day: day(self.judge.expires_before),
        }
    }
}

fn not_after(der: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

impl Inventory {
    /// What is wrong, in a sentence.
    pub(super) fn found(&self) -> Option<String> {
        let counts = [
            (self.weak.count, "too weak or not known"),
            (self.overdue.count, "overdue for rotation"),
            (self.expiring.count, "expired or about to"),
            (self.orphans.count, "not in use"),
            (self.unreadable.count, "unreadable"),
        ];
        let found: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (!found.is_empty()).then(|| format!("the report has findings: {}", found.join(", ")))
    }

    pub(super) fn document(&self) -> Document {
        let states = counts(&self.states);
        let log = match &self.log_begins {
            Some(begins) => format!("{} records since {begins}", self.log_records),
            None => "no records".to_owned(),
        };
        let damaged = format!("{} (kmipd audit verify tells more)", self.log_unreadable);
        let facts = [
            ("generated", Some(self.generated.clone())),
            ("policy", Some(self.policy.clone())),
            ("objects", Some(format!("{} ({states})", self.objects))),
            ("audit log", Some(log)),
            ("unreadable log records", (self.log_unreadable > 0).then_some(damaged)),
            ("too weak or unknown", Some(self.weak.count.to_string())),
            ("overdue for rotation", Some(self.overdue.count.to_string())),
            ("expired or about to", Some(self.expiring.count.to_string())),
            ("not in use", Some(self.orphans.count.to_string())),
        ];
        let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let mut tables = vec![self.kinds_table(), self.ages_table(), self.owners_table()];
        tables.extend(self.findings());
        if self.unreadable.count > 0 {
            tables.push(Table {
                title: "Objects that cannot be read".into(),
                about: "kmipd db check tells what can be done.".into(),
                columns: &["cause"],
                rows: self.unreadable.shown.iter().map(|cause| vec![cause.clone()]).collect(),
                left_out: self.unreadable.left_out(),
            });
        }
        Document { title: "Keys and certificates".to_owned(), facts, tables }
    }

    fn kinds_table(&self) -> Table {
        let row = |kind: &Kind| {
            let algorithm = match (&kind.algorithm, kind.length) {
                (Some(algorithm), Some(length)) => format!("{algorithm}-{length}"),
                (algorithm, _) => dash(algorithm.as_ref()),
            };
            let verdict = kind.verdict.map_or("-", Verdict::words);
            vec![
                kind.object_type.clone(),
                algorithm,
                kind.strength.map_or("-".to_owned(), |bits| bits.to_string()),
                format!("{verdict} {}", kind.until.as_deref().unwrap_or("")).trim_end().to_owned(),
                kind.objects.to_string(),
                counts(&kind.states),
                dash(kind.oldest.as_ref()),
            ]
        };
        Table {
            title: "By algorithm and length".into(),
            about: format!("Judged by {}.", self.policy),
            columns: &["type", "algorithm", "strength", "to protect", "objects", "states", "oldest living"],
            rows: self.kinds.iter().map(row).collect(),
            left_out: 0,
        }
    }

    fn ages_table(&self) -> Table {
        Table {
            title: "By age".into(),
            about: "Objects that are not destroyed, from their Initial Date.".into(),
            columns: &["age", "objects"],
            rows: self.ages.iter().map(|age| vec![age.age.to_owned(), age.living.to_string()]).collect(),
            left_out: 0,
        }
    }

    fn owners_table(&self) -> Table {
        let shown = self.weak.limit.min(self.owners.len());
        let numbers = |owner: &Owner| [owner.objects, owner.active, owner.weak, owner.overdue, owner.orphans];
        let row = |owner: &Owner| {
            let cells = numbers(owner).into_iter().map(|number| number.to_string());
            std::iter::once(owner.owner.clone()).chain(cells).collect()
        };
        Table {
            title: "By owner".into(),
            about: String::new(),
            columns: &["owner", "objects", "active", "too weak or unknown", "overdue", "not in use"],
            rows: self.owners[..shown].iter().map(row).collect(),
            left_out: (self.owners.len() - shown) as u64,
        }
    }

    fn findings(&self) -> [Table; 4] {
        let cells = |object: &Object, more: Vec<String>| object.cells().into_iter().chain(more).collect::<Vec<_>>();
        let weak = |weak: &Weak| {
            let verdict = format!("{} {}", weak.verdict.words(), weak.until.as_deref().map_or("", |_| "since"));
            let until = weak.until.as_deref().filter(|_| weak.verdict == Verdict::Disallowed);
            let verdict = until.map_or(weak.verdict.words().to_owned(), |until| format!("{} {until}", verdict.trim_end()));
            cells(&weak.object, vec![weak.strength.map_or("-".to_owned(), |bits| bits.to_string()), verdict])
        };
        let overdue = |overdue: &Overdue| cells(&overdue.object, vec![overdue.due.clone(), overdue.why.clone()]);
        let expiring = |expiring: &Expiring| {
            let about = expiring.about.clone().into_iter();
            let object = expiring.object.as_ref().map(|object| {
                let name = object.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
                format!("{}{name} of {}", object.identifier, object.owner)
            });
            let what = about.chain(object).collect::<Vec<_>>().join(" ");
            let over = if expiring.expired { "expired" } else { "" };
            vec![expiring.ends.clone(), over.to_owned(), expiring.what.clone(), what]
        };
        let orphan = |orphan: &Orphan| {
            let obtained = if orphan.never_obtained { "never" } else { "earlier" };
            let last = orphan.last_seen.as_ref().map_or("not in the log".to_owned(), String::clone);
            cells(&orphan.object, vec![dash(orphan.made.as_ref()), obtained.to_owned(), last])
        };
        [
            Table {
                title: "Too weak, or unknown to the policy".into(),
                about: "Pre-Active and Active objects, the worst first.".into(),
                columns: &["object", "name", "algorithm", "state", "owner", "strength", "verdict"],
                rows: self.weak.shown.iter().map(weak).collect(),
                left_out: self.weak.left_out(),
            },
            Table {
                title: "Overdue for rotation".into(),
                about: "Active keys without a replacement, the longest overdue first.".into(),
                columns: &["object", "name", "algorithm", "state", "owner", "due", "why"],
                rows: self.overdue.shown.iter().map(overdue).collect(),
                left_out: self.overdue.left_out(),
            },
            Table {
                title: "Expired, or about to".into(),
                about: format!("Certificates and keys that end before {}.", self.expires_day),
                columns: &["ends", "", "what", "which"],
                rows: self.expiring.shown.iter().map(expiring).collect(),
                left_out: self.expiring.left_out(),
            },
            Table {
                title: "Not in use".into(),
                about: format!(
                    "Made before {0}, and nobody has obtained, used or looked for them since {0}, as far as the audit log tells.",
                    self.orphan_day
                ),
                columns: &["object", "name", "algorithm", "state", "owner", "made", "obtained", "last seen"],
                rows: self.orphans.shown.iter().map(orphan).collect(),
                left_out: self.orphans.left_out(),
            },
        ]
    }
}

fn counts(states: &BTreeMap<String, u64>) -> String {
    states.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}
