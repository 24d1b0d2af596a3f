//! What an administrator reports from the store and the audit log: what keys there are and what is wrong with them, and what hangs
//! on one key. All is computed from the store as it is, page by page; material is never looked at.

mod activity;
mod document;
mod graph;
mod impact;
mod inventory;
pub mod policy;
mod scan;

use crate::audit_trail::moment;
use crate::config::Config;
use crate::database::{Outcome, Progress};
use dispatcher::Summary;
use document::Document;
use kmip::ProtocolVersion;
use kmip::enumerations::Enumeration;
use policy::Policy;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use store::Store;
use tokio::runtime::Handle;

/// The version of the JSON documents: grows when a field changes its meaning or goes.
const VERSION: u32 = 1;
const DAY_S: i64 = 24 * 3600;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One HTML file.
    Html,
}

/// What is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case", deny_unknown_fields)]
pub enum About {
    /// All objects.
    Inventory {
        /// A file of rows that change the policy (its text).
        policy: Option<String>,
        /// Certificates, and keys with a Deactivation Date, that end within so many days are told.
        expiring_days: u32,
        /// So are objects that nobody obtained, used or found for so many days.
        orphan_days: u32,
    },
    /// What hangs on an object.
    Impact {
        /// Its identifier.
        key: String,
    },
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// About what.
    pub about: About,
    /// How it is written.
    pub format: Format,
    /// Rows of each table.
    pub limit: usize,
}

/// Reports. What is found wrong is in the outcome, for those who want an exit status for it.
///
/// # Errors
/// When store or log cannot be read, the policy has a fault, or there is no such object.
pub fn report<S: Store>(
    store: &S,
    config: &Config,
    ask: &Ask,
    runtime: &Handle,
    progress: &mut Progress,
) -> Result<Outcome, String> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_us = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
    let now = now_us.div_euclid(1_000_000);
    match &ask.about {
        About::Inventory { policy, expiring_days, orphan_days } => {
            let judge = inventory::Judge {
                policy: Policy::read(policy.as_deref())?,
                now,
                expires_before: now.saturating_add(i64::from(*expiring_days) * DAY_S),
                unseen_since: now.saturating_sub(i64::from(*orphan_days) * DAY_S),
                limit: ask.limit,
            };
            let inventory = inventory::take(store, config, judge, runtime, progress)?;
            let found = inventory.found();
            Ok(Outcome { messages: vec![written(ask.format, &inventory, || inventory.document())?], found })
        }
        About::Impact { key } => {
            let impact = impact::of(store, key, now, ask.limit, runtime, progress)?;
            Ok(Outcome { messages: vec![written(ask.format, &impact, || impact.document())?], found: None })
        }
    }
}

fn written<T: Serialize>(format: Format, data: &T, document: impl FnOnce() -> Document) -> Result<String, String> {
    Ok(match format {
        Format::Text => document().text(),
        Format::Html => document().html(),
        Format::Json => serde_json::to_string_pretty(data).map_err(|error| error.to_string())?,
    })
}

/// The first rows of a table, by an order, and how many there are.
#[derive(Debug, Serialize)]
struct Listed<T> {
    /// How many there are.
    count: u64,
    /// The first of them.
    shown: Vec<T>,
    #[serde(skip)]
    limit: usize,
}

impl<T: Ord> Listed<T> {
    const fn new(limit: usize) -> Self {
        Self { count: 0, shown: Vec::new(), limit }
    }

    /// Adds one; twice as many as are shown are kept on the way.
    fn add(&mut self, row: T) {
        self.count += 1;
        self.shown.push(row);
        if self.shown.len() > 2 * self.limit + 64 {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.shown.sort();
        self.shown.truncate(self.limit);
    }

    fn left_out(&self) -> u64 {
        self.count - self.shown.len() as u64
    }
}

/// A value as the standard spells it, or its number.
fn spoken<E: Enumeration>(value: E) -> String {
    let row = E::ROW.by_value(value.value(), ProtocolVersion::V3_0);
    row.map_or_else(|| format!("0x{:08X}", value.value()), |row| row.name.to_owned())
}

/// Algorithm and length in one word: `AES-256`.
fn kind_of(object: &Summary) -> String {
    match (object.algorithm, object.length) {
        (Some(algorithm), Some(length)) => format!("{}-{length}", spoken(algorithm)),
        (Some(algorithm), None) => spoken(algorithm),
        (None, _) => "-".to_owned(),
    }
}

/// A day, from seconds since 1970.
fn day(seconds: i64) -> String {
    let text = moment(seconds.saturating_mul(1_000_000));
    text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
}

fn dash(text: Option<&String>) -> String {
    text.map_or("-".to_owned(), String::clone)
}
