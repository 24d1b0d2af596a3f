//! Certificates that clients connected with, and that Re-Provision replaced (2.1, section 6.1.48).
//!
//! The standard has the old certificate end with the operation. The client learns of the new one by its identifier alone, and an
//! answer can be lost: so the old one holds until the first request over a connection with the new one, and at the longest as long
//! as the configuration says. If there are several new ones, since the client asked again, the one that is used first stays, and
//! the others end with the old one.
//!
//! Each replacement is a record of the store, in the commit of the operation, and is in memory, because every request asks.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use audit::{Action, AuditRecord, Outcome};
use kmip::ProtocolVersion;
use kmip::codec::{ByteString, DateTime, DecodeError, Fields, Value};
use kmip::result_reason::ResultReason;
use store::{Change, Commit, Number, Page, Put, Query, Range, Revision, Store, Tenant, Term};
use ttlv_codec::{Reader, Tag, Writer};
use zeroize::Zeroizing;

use crate::commit::{CONFLICT_RETRIES, Committed};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::hex;
use crate::internal::{self, Kept};
use crate::search::yield_once;
use crate::session::Session;

/// The format this release writes, and the newest it reads.
const FORMAT: i32 = 1;

// Tags from the range that the standard leaves to vendors; they never leave the store. The first is in `record.rs`, too.
const RECORD_FORMAT: Tag = Tag(0x54_0002);
const RECORD: Tag = Tag(0x54_0011);
const CLIENT: Tag = Tag(0x54_0012);
const OLD: Tag = Tag(0x54_0013);
const NEW: Tag = Tag(0x54_0014);
const IS_USED: Tag = Tag(0x54_0015);
const ENDS: Tag = Tag(0x54_0016);
const EXPIRES: Tag = Tag(0x54_0017);
const NEW_EXPIRES: Tag = Tag(0x54_0018);

/// What the identifiers of these records begin with.
const KIND: &str = "replaced";
/// Records looked at together.
const CHUNK: usize = 64;

/// SHA-256 of a certificate.
pub(crate) type Fingerprint = [u8; 32];

/// The certificate that a client connected with.
pub(crate) struct LinkCredential {
    /// The certificate and those of its authorities that came with it, DER.
    pub(crate) chain: Vec<Vec<u8>>,
    /// Of the certificate.
    pub(crate) fingerprint: Fingerprint,
}

impl LinkCredential {
    /// The certificate itself.
    pub(crate) fn certificate(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }
}

/// That a new certificate is to be used instead of an old one. All times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// The name of the client.
    pub(crate) client: String,
    pub(crate) old: Fingerprint,
    pub(crate) new: Fingerprint,
    /// Whether a request came over a connection with the new one.
    pub(crate) is_used: bool,
    /// From when on requests over connections with the old one are refused.
    pub(crate) ends: i64,
    /// The end of the old one's own validity, after which TLS refuses it anyway.
    pub(crate) expires: i64,
    /// The same of the new one.
    pub(crate) new_expires: i64,
}

impl Replacement {
    /// Where it is in the store.
    fn identifier(&self) -> String {
        let mut name = String::with_capacity(129);
        hex::push(&self.old, &mut name);
        name.push('/');
        hex::push(&self.new, &mut name);
        internal::identifier(KIND, &name)
    }

    /// What is written to the store.
    pub(crate) fn to_put(&self, expected: Option<Revision>) -> Put {
        let mut writer = Writer::with_capacity(512);
        writer.structure(RECORD, |writer| {
            writer.integer(RECORD_FORMAT, FORMAT);
            writer.text_string(CLIENT, &self.client);
            writer.byte_string(OLD, &self.old);
            writer.byte_string(NEW, &self.new);
            writer.boolean(IS_USED, self.is_used);
            writer.date_time(ENDS, self.ends);
            writer.date_time(EXPIRES, self.expires);
            writer.date_time(NEW_EXPIRES, self.new_expires);
        });
        Put {
            identifier: self.identifier(),
            owner: internal::owner(&self.client),
            expected,
            body: Zeroizing::new(writer.finish()),
            terms: vec![term()],
            // What the sweeper finds it by.
            numbers: vec![Number { field: EXPIRES.0, value: self.expires }],
        }
    }

    fn from_kept(kept: &Kept) -> Result<Self> {
        let damaged = |cause: &dyn std::fmt::Display| {
            Error::general_failure(format_args!("record {}: {cause}", kept.identifier.escape_default()))
        };
        decode(&kept.body).map_err(|error| damaged(&error))?.map_err(|cause| damaged(&cause))
    }
}

/// A record of such a replacement with what it is found by, for a store that takes it over from another; `None`: it is another
/// record.
///
/// # Errors
/// It is damaged, or of a newer format.
pub(crate) fn take_over(kept: &Kept) -> Result<Option<Put>> {
    match kept.identifier.starts_with(&internal::identifier(KIND, "")) {
        true => Replacement::from_kept(kept).map(|replacement| Some(replacement.to_put(None))),
        false => Ok(None),
    }
}

/// What all of them can be found by.
fn term() -> Term {
    Term { field: RECORD.0, value: Box::default() }
}

fn decode(body: &[u8]) -> Result<Result<Replacement, String>, DecodeError> {
    let any = ProtocolVersion::V2_1;
    let Some(item) = Reader::new(body).next_item()?.filter(|item| item.tag == RECORD) else {
        return Ok(Err("it is no record of a replaced certificate".to_owned()));
    };
    let mut fields = Fields::of(&item, any)?;
    let format: i32 = required(&mut fields, RECORD_FORMAT)?;
    if format != FORMAT {
        return Ok(Err(format!("its format is {format}, this release reads {FORMAT}")));
    }
    let client = required(&mut fields, CLIENT)?;
    let ByteString(old) = required(&mut fields, OLD)?;
    let ByteString(new) = required(&mut fields, NEW)?;
    let (Ok(old), Ok(new)) = (Fingerprint::try_from(old), Fingerprint::try_from(new)) else {
        return Ok(Err("a hash of a certificate has another length".to_owned()));
    };
    let is_used = required(&mut fields, IS_USED)?;
    let DateTime(ends) = required(&mut fields, ENDS)?;
    let DateTime(expires) = required(&mut fields, EXPIRES)?;
    let DateTime(new_expires) = required(&mut fields, NEW_EXPIRES)?;
    fields.end()?;
    Ok(Ok(Replacement { client, old, new, is_used, ends, expires, new_expires }))
}

fn required<T: Value>(fields: &mut Fields<'_>, tag: Tag) -> Result<T, DecodeError> {
    match fields.take(tag)? {
        Some(item) => T::read(&item, ProtocolVersion::V2_1),
        None => Err(fields.missing(tag)),
    }
}

/// The replacements in memory, those of all tenants: no two have the same certificate.
#[derive(Default)]
pub(crate) struct Replaced(RwLock<Table>);

#[derive(Default)]
struct Table {
    by_old: HashMap<Fingerprint, Vec<Replacement>>,
    /// The old ones of a new one that is not used yet.
    unused: HashMap<Fingerprint, Vec<Fingerprint>>,
}

impl Replaced {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests over connections with a certificate are refused.
    pub(crate) fn has_ended(&self, certificate: &Fingerprint, now: i64) -> bool {
        let table = self.read();
        table.by_old.get(certificate).is_some_and(|all| all.iter().any(|replacement| replacement.ends <= now))
    }

    /// What is to be used instead of a certificate.
    pub(crate) fn of(&self, old: &Fingerprint) -> Vec<Replacement> {
        self.read().by_old.get(old).cloned().unwrap_or_default()
    }

    /// Notes a replacement, or what became of it.
    pub(crate) fn note(&self, replacement: Replacement) {
        let mut table = self.write();
        let Table { by_old, unused } = &mut *table;
        let olds = unused.entry(replacement.new).or_default();
        olds.retain(|old| *old != replacement.old);
        if replacement.is_used {
            if olds.is_empty() {
                unused.remove(&replacement.new);
            }
        } else {
            olds.push(replacement.old);
        }
        let all = by_old.entry(replacement.old).or_default();
        all.retain(|other| other.new != replacement.new);
        all.push(replacement);
    }

    /// What a certificate that is used for the first time replaces, and the others that were to replace the same.
    fn begun(&self, new: &Fingerprint) -> Vec<Replacement> {
        let table = self.read();
        let olds = table.unused.get(new).into_iter().flatten();
        olds.filter_map(|old| table.by_old.get(old)).flatten().cloned().collect()
    }

    /// Forgets what replaced certificates that would be over by now.
    fn forget(&self, now: i64) {
        let mut table = self.write();
        let Table { by_old, unused } = &mut *table;
        by_old.retain(|_, all| all.iter().any(|replacement| replacement.expires >= now));
        unused.retain(|_, olds| {
            olds.retain(|old| by_old.contains_key(old));
            !olds.is_empty()
        });
    }
}

/// What is to be noted when the first request comes over a connection with a new certificate: it is used, the old one has ended,
/// and so have the others that were to replace it.
fn ended(begun: &[Replacement], new: &Fingerprint, now: i64) -> Vec<Replacement> {
    let mut ended = Vec::new();
    for replacement in begun {
        if replacement.new == *new {
            ended.push(Replacement { is_used: true, ends: replacement.ends.min(now), ..replacement.clone() });
        } else if !replacement.is_used {
            let other = Replacement { old: replacement.new, new: *new, is_used: true, ends: now, ..replacement.clone() };
            ended.push(Replacement { expires: replacement.new_expires, ..other });
        }
    }
    ended
}

impl<S: Store> Engine<S> {
    /// Reads which certificates were replaced. To be called before the first request is answered; returns how many there are.
    ///
    /// # Errors
    /// Why they cannot all be read: a certificate that has ended could be used.
    pub async fn recall_replaced(&self) -> std::result::Result<usize, String> {
        let query = Query { terms: vec![term()], ..Query::default() };
        let found = self.replacements(&query).await.map_err(|error| error.to_string())?;
        let count = found.len();
        found.into_iter().for_each(|(_, _, replacement)| self.replaced.note(replacement));
        Ok(count)
    }

    async fn replacements(&self, query: &Query) -> Result<Vec<(Tenant, Revision, Replacement)>> {
        let mut replacements = Vec::new();
        for tenant in self.store.tenants().await? {
            let mut page = Page::first(CHUNK);
            loop {
                let found = self.store.find(tenant, query, page).await?;
                let identifiers: Vec<&str> = found.identifiers.iter().map(String::as_str).collect();
                for record in self.store.load(tenant, &identifiers).await?.into_iter().flatten() {
                    let revision = record.revision;
                    replacements.push((tenant, revision, Replacement::from_kept(&Kept::from(record))?));
                }
                match found.next {
                    Some(cursor) => page.after = Some(cursor),
                    None => break,
                }
                yield_once().await;
            }
        }
        Ok(replacements)
    }

    /// That the certificate of a connection has not ended. If it is a new one, the one it replaces ends here.
    ///
    /// # Errors
    /// Authentication Not Successful.
    pub(crate) async fn check_link(&self, session: &Session, now_us: i64) -> Result<()> {
        let Some(link) = &session.link else { return Ok(()) };
        let now = now_us.div_euclid(1_000_000);
        if self.replaced.has_ended(&link.fingerprint, now) {
            let text = "The certificate of the connection was replaced by Re-Provision; connect with the new one";
            return Err(Error::new(ResultReason::AuthenticationNotSuccessful, text));
        }
        let begun = self.replaced.begun(&link.fingerprint);
        if begun.is_empty() {
            return Ok(());
        }
        let tenant = Tenant(session.certificate_actor.tenant);
        for replacement in ended(&begun, &link.fingerprint, now) {
            // First in memory: the old certificate ends, whatever becomes of the record. If that fails, it ends with its time, or
            // with the first request after the next start.
            self.replaced.note(replacement.clone());
            if let Err(error) = self.keep_ended(tenant, session, &replacement, now_us).await {
                tracing::error!(%error, client = replacement.client, "that a certificate has ended is not in the store");
            }
        }
        Ok(())
    }

    async fn keep_ended(&self, tenant: Tenant, session: &Session, replacement: &Replacement, now_us: i64) -> Result<()> {
        let mut fingerprint = String::with_capacity(64);
        hex::push(&replacement.old, &mut fingerprint);
        let record = AuditRecord {
            time_us: now_us,
            tenant: tenant.0,
            actor: session.certificate_actor.name.clone(),
            peer: Some(session.peer.clone()),
            action: Action::Administrative("certificate ended".to_owned()),
            identifiers: vec![format!("SHA-256 {fingerprint}")],
            outcome: Outcome::Success,
        };
        for _ in 0..CONFLICT_RETRIES {
            let kept = self.store.load(tenant, &[&replacement.identifier()]).await?.pop().flatten();
            let put = replacement.to_put(kept.map(|record| record.revision));
            let commit = Commit { changes: vec![Change::Put(put)], log: vec![record.encode()], ..Commit::default() };
            if self.commit(tenant, commit).await? == Committed::Made {
                return Ok(());
            }
        }
        Err(Error::kept_changing())
    }

    /// Removes the records of certificates that would be over by now without having been replaced.
    pub(crate) async fn forget_replaced(&self, now: i64) -> Result<()> {
        let over = Range { field: EXPIRES.0, from: i64::MIN, to: now - 1 };
        let query = Query { terms: vec![term()], ranges: vec![over], ..Query::default() };
        for (tenant, expected, replacement) in self.replacements(&query).await? {
            let change = Change::Remove { identifier: replacement.identifier(), expected };
            // Whoever changed it meanwhile is seen by the next sweep.
            let _ = self.commit(tenant, Commit { changes: vec![change], ..Commit::default() }).await?;
        }
        self.replaced.forget(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replacement(old: u8, new: u8) -> Replacement {
        let client = "fred".to_owned();
        Replacement { client, old: [old; 32], new: [new; 32], is_used: false, ends: 100, expires: 500, new_expires: 900 }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_taken_over() {
        let mut replacement = replacement(1, 2);
        replacement.is_used = true;
        let put = replacement.to_put(None);
        let kept = Kept::from(&put);
        assert_eq!(Replacement::from_kept(&kept).unwrap(), replacement);
        assert!(internal::is_internal(&kept.identifier));
        let taken = take_over(&kept).unwrap().unwrap();
        assert_eq!((&taken.identifier, &taken.body, taken.numbers.len()), (&put.identifier, &put.body, 1));
        let other = Kept { identifier: internal::identifier("request", "00"), ..kept };
        assert!(take_over(&other).unwrap().is_none());
        let damaged = Kept { body: Zeroizing::new(put.body[..put.body.len() - 8].to_vec()), ..Kept::from(&put) };
        assert!(Replacement::from_kept(&damaged).is_err());
    }

    #[test]
    fn the_old_one_ends_with_its_time_or_with_the_first_use_of_the_new_one() {
        let replaced = Replaced::default();
        replaced.note(replacement(1, 2));
        assert!(!replaced.has_ended(&[1; 32], 99));
        assert!(replaced.has_ended(&[1; 32], 100));
        assert!(!replaced.has_ended(&[2; 32], 100));
        for ended in ended(&replaced.begun(&[2; 32]), &[2; 32], 50) {
            replaced.note(ended);
        }
        assert!(replaced.has_ended(&[1; 32], 50));
        assert!(replaced.begun(&[2; 32]).is_empty(), "only the first use is one");
    }

    #[test]
    fn of_several_new_ones_the_one_that_is_used_first_stays() {
        let replaced = Replaced::default();
        replaced.note(replacement(1, 2));
        replaced.note(replacement(1, 3));
        for ended in ended(&replaced.begun(&[3; 32]), &[3; 32], 50) {
            replaced.note(ended);
        }
        assert!(replaced.has_ended(&[1; 32], 50) && replaced.has_ended(&[2; 32], 50));
        assert!(!replaced.has_ended(&[3; 32], 1_000));
        // What would be over by itself is forgotten, each at its own end.
        replaced.forget(501);
        assert!(!replaced.has_ended(&[1; 32], 501) && replaced.has_ended(&[2; 32], 501));
        replaced.forget(901);
        assert!(!replaced.has_ended(&[2; 32], 901));
    }
}
