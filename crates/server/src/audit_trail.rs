//! What an administrator reads in the audit log: whether it is intact, and what happened to a key or was done by somebody.

use crate::checkpoints;
use crate::config::AuditConfig;
use crate::database::Progress;
use audit::{Action, AuditRecord, Checkpoint, Outcome, Verified, Verifier};
use kmip::ProtocolVersion;
use kmip::enumerations::Enumeration as _;
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::path::PathBuf;
use store::{LogRecord, Store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::runtime::Handle;

/// Entries that are read at a time.
const PAGE: usize = 4_096;
/// Names in a summary; who else did something is counted.
const NAMES_MAX: usize = 8;
/// How the dropping of old entries is called in the log ([`crate::operated::drop_old_log`]).
pub(crate) const RETENTION: &str = "log retention";

/// What is asked of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Only what concerned this object: its life, with a summary.
    pub key: Option<String>,
    /// Only what this actor did.
    pub actor: Option<String>,
    /// Only what was done from this moment on, in microseconds since 1970.
    pub since_us: Option<i64>,
    /// Only what was done before this moment.
    pub until_us: Option<i64>,
    /// The newest so many.
    pub limit: usize,
    /// One JSON object a line, with sequence number and hash.
    pub json: bool,
}

impl Filter {
    fn wants(&self, record: &AuditRecord) -> bool {
        self.key.as_ref().is_none_or(|key| record.identifiers.contains(key))
            && self.actor.as_ref().is_none_or(|actor| record.actor == *actor)
            && self.since_us.is_none_or(|since| record.time_us >= since)
            && self.until_us.is_none_or(|until| record.time_us < until)
    }
}

/// What the check of a log found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What there is to say.
    pub messages: Vec<String>,
    /// What is wrong; none: the log is intact.
    pub found: Option<String>,
}

/// Recomputes the chain of a store's log from the first entry that is kept, and demands what signed checkpoints say.
///
/// # Errors
/// When the log or the checkpoints cannot be read. What is wrong with them is found, not an error.
pub fn verify<S: Store>(
    store: &S,
    config: &AuditConfig,
    checkpoints: Option<&PathBuf>,
    public_key: Option<&PathBuf>,
    runtime: &Handle,
    progress: &mut Progress,
) -> Result<Checked, String> {
    let file = checkpoints.unwrap_or(&config.checkpoints);
    let key = checkpoints::read_public(public_key.unwrap_or(&checkpoints::public_path(&config.key)))?;
    if checkpoints.is_some() && !file.exists() {
        return Err(format!("{}: there is no such file", file.display()));
    }
    let noted = match checkpoints::read(file, &key) {
        Ok(noted) => noted,
        Err(cause) => return Ok(Checked { messages: Vec::new(), found: Some(cause) }),
    };
    let mut log = Log { store, runtime, progress, what: "verifying", next: 1 };
    let first = log.page()?.first().cloned();
    let before = match &first {
        Some(first) if first.sequence > 1 => Before::find(&mut log, first, &noted)?,
        _ => Before { last: Verified { sequence: 0, hash: [0; 32] }, by: None },
    };
    log.next = first.as_ref().map_or(1, |first| first.sequence);
    let mut messages = vec![format!("signed by:   {key}")];
    let found = check(&mut log, before, &noted, &mut messages)?;
    messages.push(format!("checkpoints: {} in {}", noted.len(), file.display()));
    Ok(Checked { messages, found })
}

/// What is trusted before the first entry that is kept, and by whose word.
struct Before {
    last: Verified,
    by: Option<&'static str>,
}

impl Before {
    /// The hash of the last entry that was dropped: a checkpoint, or else the note in the log itself, tells it.
    fn find<S: Store>(log: &mut Log<'_, S>, first: &LogRecord, noted: &[Checkpoint]) -> Result<Self, String> {
        let sequence = first.sequence - 1;
        if let Some(noted) = noted.iter().find(|noted| noted.head.sequence == sequence) {
            return Ok(Self { last: noted.head, by: Some("a checkpoint tells the hash before it") });
        }
        log.next = first.sequence;
        loop {
            let page = log.page()?;
            if page.is_empty() {
                // The chain begins with the first entry's own hash.
                let last = Verified { sequence: first.sequence, hash: first.hash };
                return Ok(Self { last, by: Some("nothing tells the hash before it, so it is taken as it is") });
            }
            let hash = page.iter().find_map(|entry| dropped_hash(&AuditRecord::decode(&entry.entry).ok()?, sequence));
            if let Some(hash) = hash {
                return Ok(Self {
                    last: Verified { sequence, hash },
                    by: Some("the note of what was dropped tells the hash before it"),
                });
            }
        }
    }
}

/// What the note of what was dropped says of an entry's hash.
fn dropped_hash(record: &AuditRecord, sequence: u64) -> Option<[u8; 32]> {
    let [what, hash] = record.identifiers.as_slice() else { return None };
    if record.action != Action::Administrative(RETENTION.to_owned()) || !what.ends_with(&format!(" to {sequence}")) {
        return None;
    }
    let hash = hash.strip_prefix("hash ")?.as_bytes();
    let mut bytes = [0; 32];
    if hash.len() != 64 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hash.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn check<S: Store>(
    log: &mut Log<'_, S>,
    before: Before,
    noted: &[Checkpoint],
    messages: &mut Vec<String>,
) -> Result<Option<String>, String> {
    let begin = log.next;
    let mut verifier = Verifier::after(before.last).containing(noted.iter().map(|noted| noted.head));
    let (mut count, mut times) = (0_u64, None);
    let mut unreadable = None;
    loop {
        let page = log.page()?;
        if page.is_empty() {
            break;
        }
        for entry in &page {
            // An entry that is taken as it is has no entry before it to follow from.
            if entry.sequence > before.last.sequence
                && let Err(broken) = verifier.check(entry.sequence, &entry.hash, &entry.entry)
            {
                return Ok(Some(broken.to_string()));
            }
            match AuditRecord::decode(&entry.entry) {
                Ok(record) => times = Some((times.map_or(record.time_us, |(first, _)| first), record.time_us)),
                Err(cause) => unreadable = unreadable.or(Some(format!("entry {} cannot be read: {cause}", entry.sequence))),
            }
            count += 1;
        }
    }
    let last = match verifier.finish() {
        Ok(last) => last,
        Err(broken) => return Ok(Some(broken.to_string())),
    };
    messages.push(format!("entries:     {count}, from {begin} to {}", last.sequence));
    messages.extend(before.by.map(|by| format!("begins:      {by}")));
    messages.extend(times.map(|(first, last)| format!("times:       {} to {}", moment(first), moment(last))));
    messages.push(format!("head:        {}", last.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    let newest = noted.iter().map(|noted| noted.head.sequence).max().unwrap_or(0);
    messages.push(format!("since the newest checkpoint: {} entries", last.sequence.saturating_sub(newest)));
    if unreadable.is_none() {
        messages.push("intact: every entry follows from the one before, and all that was signed is there".to_owned());
    }
    Ok(unreadable)
}

/// A log that is read page by page.
pub(crate) struct Log<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) runtime: &'a Handle,
    pub(crate) progress: &'a mut Progress,
    pub(crate) what: &'static str,
    pub(crate) next: u64,
}

impl<S: Store> Log<'_, S> {
    pub(crate) fn page(&mut self) -> Result<Vec<LogRecord>, String> {
        let page = self.runtime.block_on(self.store.read_log(self.next, PAGE)).map_err(|error| error.to_string())?;
        if let Some(last) = page.last() {
            self.next = last.sequence + 1;
            self.progress.tell(self.what, last.sequence, None, "entries");
        }
        Ok(page)
    }
}

/// What the audit log tells about a key, an actor or a time, the oldest first.
///
/// # Errors
/// When the log cannot be read, or an entry of it cannot.
pub fn show<S: Store>(store: &S, filter: &Filter, runtime: &Handle, progress: &mut Progress) -> Result<Vec<String>, String> {
    let mut log = Log { store, runtime, progress, what: "reading", next: 1 };
    let mut kept: VecDeque<(u64, [u8; 32], AuditRecord)> = VecDeque::new();
    let mut left_out = 0_u64;
    let mut life = Life::default();
    loop {
        let page = log.page()?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            let record = AuditRecord::decode(&entry.entry)
                .map_err(|cause| format!("entry {} cannot be read: {cause}; kmipd audit verify tells more", entry.sequence))?;
            if !filter.wants(&record) {
                continue;
            }
            life.add(&record);
            kept.push_back((entry.sequence, entry.hash, record));
            if kept.len() > filter.limit {
                kept.pop_front();
                left_out += 1;
            }
        }
    }
    if filter.json {
        return Ok(kept.iter().map(|(sequence, hash, record)| json(*sequence, hash, record)).collect());
    }
    let mut lines = Vec::new();
    if let Some(key) = &filter.key {
        lines.push(format!("object {key:?}"));
        lines.extend(life.lines());
        lines.push(String::new());
    }
    if left_out > 0 {
        lines.push(format!("({left_out} older entries are left out; --limit shows more)"));
    }
    lines.extend(runs(kept.iter().map(|(_, _, record)| record), filter.key.as_deref()));
    Ok(lines)
}

/// An object's life in a few lines.
#[derive(Default)]
struct Life {
    /// By what was done and what came of it: how often, when first and last, and by whom.
    done: BTreeMap<(bool, String), Done>,
}

struct Done {
    count: u64,
    first_us: i64,
    last_us: i64,
    actors: BTreeMap<String, u64>,
}

impl Life {
    fn add(&mut self, record: &AuditRecord) {
        let refused = matches!(record.outcome, Outcome::Failure(_));
        let done = self.done.entry((refused, action(&record.action))).or_insert_with(|| Done {
            count: 0,
            first_us: record.time_us,
            last_us: record.time_us,
            actors: BTreeMap::new(),
        });
        done.count += 1;
        done.last_us = record.time_us;
        if done.actors.len() < NAMES_MAX || done.actors.contains_key(&record.actor) {
            *done.actors.entry(record.actor.clone()).or_default() += 1;
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let mut done: Vec<_> = self.done.iter().collect();
        // What was done in the order in which it began; what was refused at the end.
        done.sort_by_key(|((refused, _), done)| (*refused, done.first_us));
        done.into_iter().map(|((refused, what), done)| {
            let Done { count, first_us, last_us, actors } = done;
            let named: u64 = actors.values().sum();
            let mut who: Vec<String> = match actors.len() {
                1 => actors.keys().map(|actor| format!("{actor:?}")).collect(),
                _ => actors.iter().map(|(actor, count)| format!("{actor:?} ({count})")).collect(),
            };
            if named < *count {
                who.push(format!("others ({})", count - named));
            }
            let when = if count == &1 { moment(*first_us) } else { format!("{} to {}", moment(*first_us), moment(*last_us)) };
            let times = if *count == 1 { String::new() } else { format!(" {count} times") };
            let word = if *refused { "refused " } else { "" };
            format!("  {word}{what}{times}, by {}, {when}", who.join(", "))
        })
    }
}

/// One line for each record, and for as many as are alike and follow each other.
fn runs<'a>(records: impl Iterator<Item = &'a AuditRecord>, key: Option<&str>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut run: Option<(&AuditRecord, &AuditRecord, u64)> = None;
    let mut end = |run: Option<(&AuditRecord, &AuditRecord, u64)>| {
        if let Some((first, last, count)) = run {
            lines.push(line(first, last, count, key));
        }
    };
    for record in records {
        run = match run {
            Some((first, _, count)) if alike(first, record) => Some((first, record, count + 1)),
            other => {
                end(other);
                Some((record, record, 1))
            }
        };
    }
    end(run);
    lines
}

fn alike(one: &AuditRecord, other: &AuditRecord) -> bool {
    let address =
        |record: &AuditRecord| record.peer.as_deref().map(|peer| peer.rsplit_once(':').map_or(peer, |(host, _)| host).to_owned());
    (&one.actor, &one.action, &one.identifiers, one.outcome, one.tenant, address(one))
        == (&other.actor, &other.action, &other.identifiers, other.outcome, other.tenant, address(other))
}

fn line(first: &AuditRecord, last: &AuditRecord, count: u64, key: Option<&str>) -> String {
    let mut line = moment(first.time_us);
    let _ = write!(line, "  {:?}", first.actor);
    if let Some(peer) = &first.peer {
        let _ = write!(line, " from {peer}");
    }
    let _ = write!(line, "  {}", action(&first.action));
    for identifier in first.identifiers.iter().filter(|identifier| Some(identifier.as_str()) != key) {
        let _ = write!(line, " {identifier:?}");
    }
    let _ = write!(line, "  {}", outcome(first.outcome));
    if count > 1 {
        let _ = write!(line, "  ({count} times, until {})", moment(last.time_us));
    }
    line
}

/// What was asked for, in the standard's words. A message of a client is quoted: it cannot look like anything else.
fn action(action: &Action) -> String {
    match action {
        Action::Operation(code) => {
            Operation(*code).name(ProtocolVersion::V3_0).map_or(format!("operation 0x{code:02X}"), str::to_owned)
        }
        Action::Administrative(command) => format!("kmipd {}", command.escape_debug()),
        Action::Message(message) => format!("Log {message:?}"),
    }
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Success => "done".to_owned(),
        Outcome::Failure(reason) => {
            let name = ResultReason(reason).name(ProtocolVersion::V3_0).map_or(format!("0x{reason:02X}"), str::to_owned);
            format!("refused: {name}")
        }
        Outcome::Pending => "accepted, to be done later".to_owned(),
        Outcome::Undone => "done and undone".to_owned(),
    }
}

/// A record as a JSON object in one line.
pub(crate) fn json(sequence: u64, hash: &[u8; 32], record: &AuditRecord) -> String {
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let (result, reason) = match record.outcome {
        Outcome::Success => ("success", None),
        Outcome::Failure(reason) => {
            ("failure", Some(ResultReason(reason).name(ProtocolVersion::V3_0).map_or(format!("0x{reason:02X}"), str::to_owned)))
        }
        Outcome::Pending => ("pending", None),
        Outcome::Undone => ("undone", None),
    };
    let (operation, command, message) = match &record.action {
        Action::Operation(_) => (Some(action(&record.action)), None, None),
        Action::Administrative(command) => (None, Some(command), None),
        Action::Message(message) => (None, None, Some(message)),
    };
    serde_json::json!({
        "sequence": sequence,
        "time": moment(record.time_us),
        "time_us": record.time_us,
        "tenant": record.tenant,
        "actor": record.actor,
        "peer": record.peer,
        "operation": operation,
        "command": command,
        "message": message,
        "objects": record.identifiers,
        "result": result,
        "reason": reason,
        "hash": hash,
    })
    .to_string()
}

/// A moment as RFC 3339 writes it, in UTC, to the millisecond.
pub(crate) fn moment(time_us: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us.div_euclid(1_000)) * 1_000_000);
    moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{time_us} us"))
}

/// Reads a moment: RFC 3339, a date, or so long before `now_us` as a number and one of s, m, h, d says.
///
/// # Errors
/// Anything else.
pub fn read_moment(text: &str, now_us: i64) -> Result<i64, String> {
    let unit = text.chars().last().and_then(|unit| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    });
    let ago = unit.and_then(|unit| text[..text.len() - 1].parse::<u32>().ok().map(|number| i64::from(number) * unit * 1_000_000));
    if let Some(ago) = ago {
        return Ok(now_us.saturating_sub(ago));
    }
    let whole = if text.len() == "2026-01-31".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let moment = OffsetDateTime::parse(&whole, &Rfc3339)
        .map_err(|_| format!("{text:?} is no moment: 2026-01-31, 2026-01-31T12:00:00Z, or 90s, 15m, 2h, 7d for so long ago"))?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000).map_err(|error| error.to_string())
}
