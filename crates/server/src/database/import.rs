//! An export of another store on its way into this one. All of it is read and judged before anything is written.

use super::{Progress, text};
use crate::live;
use crate::operated::OperatedStore;
use dispatcher::TakenOver;
use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::BufReader;
use std::path::Path;
use store::sealing::RootKey;
use store::{Change, Commit, Guard, MAX_FACETS, MAX_LOG_ENTRY, Page, Put, Query, Record, Revision, StoreError, Tenant};
use store_sled::{Export, ExportedRecord};
use tokio::runtime::Handle;

/// Records of one commit of an import: large enough that syncs do not count, small enough to wait for.
const GROUP_RECORDS: usize = 256;
/// Bytes of records of one commit of an import.
const GROUP_BYTES: usize = 8 << 20;
/// Bytes of identifiers in the audit record of a group, which must fit in a log entry with the rest of the record.
const GROUP_IDENTIFIERS: usize = MAX_LOG_ENTRY / 2;
/// Objects of one name that are looked at: more of them than of any store that was filled with a purpose.
const NAMESAKES: usize = 1_000;

/// What the administrator gave leave to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leave {
    /// Objects whose identifier exists are left out.
    pub(super) skip_existing: bool,
    /// Names may be had twice.
    pub(super) double_names: bool,
}

/// Records on their way into a store.
pub(super) struct Import<'a, S> {
    store: &'a S,
    runtime: &'a Handle,
    actor: &'a str,
    path: &'a Path,
    leave: Leave,
    /// What the export has, by hash.
    exported: Exported,
    group: Vec<TakenOver>,
    tenant: Tenant,
    bytes: usize,
    identifiers: usize,
    guards: usize,
    done: u64,
}

/// What an export has, by hash: all identifiers of a store would be several times as large.
#[derive(Default)]
struct Exported {
    hasher: RandomState,
    identifiers: HashSet<u64>,
    names: HashSet<u64>,
    /// Names that several objects of one owner have in the export itself, as clients of 1.x can make them. They stay as they were.
    shared: HashSet<u64>,
}

impl Exported {
    fn identifier(&self, tenant: Tenant, identifier: &str) -> u64 {
        self.hasher.hash_one((tenant.0, identifier))
    }

    fn name(&self, tenant: Tenant, guard: &Guard) -> u64 {
        self.hasher.hash_one((tenant.0, guard.owner.as_str(), &guard.term))
    }
}

/// A name of the export that another object has here.
struct Double {
    name: String,
    owner: String,
    /// The object of the export.
    identifier: String,
    /// The object that is here.
    holder: String,
}

impl std::fmt::Display for Double {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, owner, identifier, holder } = self;
        write!(f, "{identifier:?} has the name {name:?}, which belongs to {holder:?} here; both are {owner:?}'s")
    }
}

/// What was found of an export before anything of it was written.
#[derive(Default)]
struct Judged {
    records: u64,
    existing: u64,
    first_existing: Option<String>,
    doubles: u64,
    first_double: Option<Double>,
}

fn read(path: &Path, key: &RootKey) -> Result<Export<BufReader<File>>, String> {
    let file = File::open(path).map_err(text)?;
    Export::open(BufReader::with_capacity(1 << 20, file), key).map_err(text)
}

/// What an import writes; nothing for what is no object.
fn taken_over(record: ExportedRecord) -> Result<Option<TakenOver>, String> {
    let ExportedRecord { identifier, owner, body, .. } = record;
    dispatcher::take_over(Record { identifier, owner, revision: Revision(0), created: Revision(0), body })
}

impl<'a, S: OperatedStore> Import<'a, S> {
    pub(super) fn new(store: &'a S, runtime: &'a Handle, actor: &'a str, path: &'a Path, leave: Leave) -> Self {
        Self {
            store,
            runtime,
            actor,
            path,
            leave,
            exported: Exported::default(),
            group: Vec::new(),
            tenant: Tenant::DEFAULT,
            bytes: 0,
            identifiers: 0,
            guards: 0,
            done: 0,
        }
    }

    /// Reads all of the export and finds it to be whole, and its identifiers and names to be free, before anything is written.
    pub(super) fn run(mut self, key: &RootKey, progress: &mut Progress) -> Result<String, String> {
        let path = self.path;
        let Judged { records, existing, .. } =
            self.judge(key, progress).map_err(|error| format!("nothing was imported: {}: {error}", path.display()))?;
        let mut export = read(path, key).map_err(|error| self.interrupted(error))?;
        while let Some(record) = export.next().map_err(|error| self.interrupted(error))? {
            if !self.store.contains(record.tenant, &record.identifier) {
                self.add(record)?;
            }
            progress.tell("importing", self.done, Some(records - existing), "records");
        }
        self.commit()?;
        let skipped = if existing > 0 { format!(", {existing} existed and were left as they are") } else { String::new() };
        let left_out = records - existing - self.done;
        let left_out = match left_out {
            0 => String::new(),
            count => format!(", {count} asynchronous request(s) of the other server were left out"),
        };
        Ok(format!("{}: {} record(s) imported{skipped}{left_out}", path.display(), self.done))
    }

    fn judge(&mut self, key: &RootKey, progress: &mut Progress) -> Result<Judged, String> {
        let mut export = read(self.path, key)?;
        let mut judged = Judged::default();
        while let Some(record) = export.next().map_err(text)? {
            judged.records += 1;
            progress.tell("verifying", judged.records, Some(export.announced().max(judged.records)), "records");
            self.look_at(record, &mut judged)?;
        }
        let and_more = |count: u64| if count > 1 { format!(", and {} more,", count - 1) } else { String::new() };
        if let Some(first) = judged.first_existing.as_ref().filter(|_| !self.leave.skip_existing) {
            let others = and_more(judged.existing);
            return Err(format!("{first:?}{others} exists already; --skip-existing leaves out what exists"));
        }
        if let Some(first) = judged.first_double.as_ref().filter(|_| !self.leave.double_names) {
            let others = if judged.doubles > 1 { format!(" ({} more are like it)", judged.doubles - 1) } else { String::new() };
            return Err(format!(
                "{first}{others}: rename one of the two, or --double-names imports it all the same, and Locate by the name finds both"
            ));
        }
        Ok(judged)
    }

    fn look_at(&mut self, record: ExportedRecord, judged: &mut Judged) -> Result<(), String> {
        let tenant = record.tenant;
        let exists = self.store.contains(tenant, &record.identifier);
        if exists {
            judged.existing += 1;
            judged.first_existing.get_or_insert_with(|| record.identifier.clone());
        }
        let identifier = self.exported.identifier(tenant, &record.identifier);
        self.exported.identifiers.insert(identifier);
        let Some(TakenOver { put, names }) = taken_over(record)? else { return Ok(()) };
        for (name, guard) in names {
            let hash = self.exported.name(tenant, &guard);
            if !self.exported.names.insert(hash) {
                self.exported.shared.insert(hash);
            }
            if exists {
                continue;
            }
            // One that was imported before, and shares the name with this one where both come from, is no obstacle.
            let known = &self.exported;
            let is_strange =
                |holder: &String| !known.identifiers.contains(&known.identifier(tenant, holder)) && *holder != put.identifier;
            if let Some(holder) = self.holders(tenant, &guard)?.into_iter().find(is_strange) {
                judged.doubles += 1;
                let (owner, identifier) = (guard.owner, put.identifier.clone());
                judged.first_double.get_or_insert(Double { name, owner, identifier, holder });
            }
        }
        Ok(())
    }

    /// The living objects of an owner that have a name.
    fn holders(&self, tenant: Tenant, guard: &Guard) -> Result<Vec<String>, String> {
        let query = Query { owner: Some(guard.owner.clone()), terms: vec![guard.term.clone()], ..Query::default() };
        Ok(self.runtime.block_on(self.store.find(tenant, &query, Page::first(NAMESAKES))).map_err(text)?.identifiers)
    }

    fn add(&mut self, record: ExportedRecord) -> Result<(), String> {
        let tenant = record.tenant;
        let Some(taken) = taken_over(record).map_err(|error| self.interrupted(error))? else { return Ok(()) };
        let TakenOver { put, names } = &taken;
        let identifiers = self.identifiers + put.identifier.len() + 5;
        let full = self.group.len() >= GROUP_RECORDS
            || self.bytes + put.body.len() > GROUP_BYTES
            || identifiers > GROUP_IDENTIFIERS
            || self.guards + names.len() > MAX_FACETS;
        if full || tenant != self.tenant {
            self.commit()?;
        }
        self.tenant = tenant;
        self.bytes += put.body.len();
        self.identifiers += put.identifier.len() + 5;
        self.guards += names.len();
        self.group.push(taken);
        Ok(())
    }

    /// Makes a group durable together with the record of who imported it. A name that was given to another object since the export was
    /// judged stops it.
    fn commit(&mut self) -> Result<(), String> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(&mut self.group);
        (self.bytes, self.identifiers, self.guards) = (0, 0, 0);
        let count = group.len() as u64;
        let (puts, names): (Vec<Put>, Vec<_>) = group.into_iter().map(|taken| (taken.put, taken.names)).unzip();
        let identifiers: Vec<String> = puts.iter().map(|put| put.identifier.clone()).collect();
        let is_guarded = |guard: &Guard| !self.exported.shared.contains(&self.exported.name(self.tenant, guard));
        let guards: Vec<Guard> = match self.leave.double_names {
            true => Vec::new(),
            false => names.iter().flatten().map(|(_, guard)| guard.clone()).filter(is_guarded).collect(),
        };
        let mut record = live::administrative(self.actor, "db import", identifiers.clone(), audit::Outcome::Success);
        record.tenant = self.tenant.0;
        let commit =
            Commit { token: None, guards, changes: puts.into_iter().map(Change::Put).collect(), log: vec![record.encode()] };
        match self.runtime.block_on(self.store.commit(self.tenant, commit)) {
            Ok(_) => {}
            Err(error @ StoreError::Taken { .. }) => {
                let named = identifiers
                    .iter()
                    .zip(names)
                    .flat_map(|(identifier, names)| names.into_iter().map(move |it| (identifier, it)));
                for (identifier, (name, guard)) in named {
                    let holders = self.holders(self.tenant, &guard).map_err(|error| self.interrupted(error))?;
                    if let Some(holder) = holders.into_iter().next() {
                        let (owner, identifier) = (guard.owner, identifier.clone());
                        return Err(self.interrupted(Double { name, owner, identifier, holder }));
                    }
                }
                return Err(self.interrupted(error));
            }
            Err(error) => return Err(self.interrupted(error)),
        }
        self.done += count;
        Ok(())
    }

    fn interrupted(&self, error: impl ToString) -> String {
        let (path, error) = (self.path.display(), error.to_string());
        format!("{path}: {} record(s) were imported, then: {error}; repeat it with --skip-existing", self.done)
    }
}
