//! A batch item that is answered later, as a record of the store.

use kmip::ProtocolVersion;
use kmip::codec::{ByteString, DateTimeExtended, DecodeError, Fields, Value, from_bytes};
use kmip::enumerations::{BatchErrorContinuationOption, ResultStatus, UniqueIdentifierEnumeration};
use kmip::message::{RequestHeader, VersionNumbers};
use kmip::operation::Operation as Code;
use kmip::payload::locate::LocateResponse;
use kmip::result_reason::ResultReason;
use kmip::tag;
use policy::{Membership, USER};
use store::{Number, Put, Revision, Term};
use ttlv_codec::{Item, Reader, Tag, Writer};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::hex;
use crate::internal::{self, Kept};
use crate::operation::Batch;

/// The format this release writes, and the newest it reads.
const FORMAT: i32 = 2;

/// The format before that, which does not tell groups and roles: its clients were users.
const WITHOUT_MEMBERSHIP: i32 = 1;

// Tags from the range that the standard leaves to vendors; they never leave the store. 0x540001 and 0x540002 are in `record.rs`.
const RECORD: Tag = Tag(0x54_0003);
const RECORD_FORMAT: Tag = Tag(0x54_0002);
const CLIENT: Tag = Tag(0x54_0004);
const PEER: Tag = Tag(0x54_0005);
const COUNT: Tag = Tag(0x54_0006);
const REQUEST: Tag = Tag(0x54_0007);
const OUTCOME: Tag = Tag(0x54_0008);
pub(crate) const COMPLETED: Tag = Tag(0x54_0009);
const PAYLOAD: Tag = Tag(0x54_000A);
const OBTAINED: Tag = Tag(0x54_000B);
const BATCH: Tag = Tag(0x54_000C);
const PLACEHOLDER: Tag = Tag(0x54_000D);
const KIND: Tag = Tag(0x54_000E);
const KIND_NAMES: Tag = Tag(0x54_000F);
const RETURNED: Tag = Tag(0x54_0010);
const MEMBERSHIP: Tag = Tag(0x54_0011);
const GROUP: Tag = Tag(0x54_0012);
const ROLE: Tag = Tag(0x54_0013);
const SECOND_FACTOR: Tag = Tag(0x54_0014);

/// Which batch: random, so that nobody guesses one.
pub(crate) type BatchIdentifier = [u8; 16];

/// Which item: its Asynchronous Correlation Value is the batch and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ItemIdentifier {
    pub(crate) batch: BatchIdentifier,
    pub(crate) position: u16,
}

impl ItemIdentifier {
    /// The Asynchronous Correlation Value.
    pub(crate) fn correlation_value(self) -> ByteString {
        ByteString([&self.batch[..], &self.position.to_be_bytes()].concat())
    }

    /// The item a client names; `None`: the server never gave out such a value.
    pub(crate) fn from_correlation_value(value: &ByteString) -> Option<Self> {
        let (batch, position) = value.0.split_first_chunk()?;
        Some(Self { batch: *batch, position: u16::from_be_bytes(position.try_into().ok()?) })
    }

    /// Where it is in the store.
    pub(crate) fn record(self) -> String {
        let mut digits = String::new();
        hex::push(&self.correlation_value().0, &mut digits);
        internal::identifier("request", &digits)
    }

    /// The items of a batch.
    pub(crate) fn of(batch: BatchIdentifier, count: u16) -> impl Iterator<Item = Self> {
        (0..count).map(move |position| Self { batch, position })
    }
}

/// What all of them can be found by.
pub(crate) fn term() -> Term {
    Term { field: RECORD.0, value: Box::default() }
}

fn completed(time_us: i64) -> Number {
    Number { field: COMPLETED.0, value: time_us.div_euclid(1_000_000) }
}

/// A batch item that is answered later.
pub(crate) struct PendingItem {
    pub(crate) identifier: ItemIdentifier,
    /// The revision it was loaded at; `None`: it is new.
    pub(crate) revision: Option<Revision>,
    /// The name of the client.
    pub(crate) client: String,
    /// Its groups and roles.
    pub(crate) membership: Membership,
    /// Whether it proved who it is by more than its certificate.
    pub(crate) second_factor: bool,
    /// Where the request came from, for the records.
    pub(crate) peer: String,
    /// The version of the request.
    pub(crate) version: ProtocolVersion,
    pub(crate) operation: Code,
    /// Whether the data that it gives are kept out of its answer (2.1, section 8.3).
    pub(crate) ephemeral: bool,
    /// How many items its batch has.
    pub(crate) count: u16,
    pub(crate) continuation: BatchErrorContinuationOption,
    /// When it came, in microseconds since 1970.
    pub(crate) submitted_us: i64,
    /// The Request Payload as it was received; nothing, once the item is done: it may hold material.
    pub(crate) request: Zeroizing<Vec<u8>>,
    /// What came of it, once it is done.
    pub(crate) outcome: Option<ItemOutcome>,
    /// What the items after it know of it beside what they know of those before it, once it is done.
    pub(crate) batch: Batch,
    /// The bytes of its request and its result, as they are in the store.
    pub(crate) size: usize,
}

/// What came of an item.
#[derive(Debug)]
pub(crate) struct ItemOutcome {
    /// When, in microseconds since 1970.
    pub(crate) completed_us: i64,
    pub(crate) status: ResultStatus,
    /// Before the fallback for a version.
    pub(crate) reason: Option<ResultReason>,
    pub(crate) text: Option<String>,
    /// The Response Payload in the version of the request.
    pub(crate) payload: Option<Zeroizing<Vec<u8>>>,
    /// Whether the client has seen it.
    pub(crate) obtained: bool,
}

impl ItemOutcome {
    /// A failure.
    pub(crate) fn failure(error: &Error, completed_us: i64) -> Self {
        Self {
            completed_us,
            status: ResultStatus::OperationFailed,
            reason: Some(error.reason),
            text: Some(error.text.clone().into_owned()),
            payload: None,
            obtained: false,
        }
    }

    /// A success with its payload.
    pub(crate) fn success(payload: &[u8], completed_us: i64) -> Self {
        let payload = Some(Zeroizing::new(payload.to_vec()));
        Self { completed_us, status: ResultStatus::Success, reason: None, text: None, payload, obtained: false }
    }
}

impl PendingItem {
    /// The request message of this item alone, without the credentials it came with.
    pub(crate) fn message(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(self.request.len() + 128);
        writer.structure(tag::RequestMessage, |writer| {
            RequestHeader::new(self.version, 1).write(writer, tag::RequestHeader, self.version);
            writer.structure(tag::BatchItem, |writer| {
                self.operation.write(writer, tag::Operation, self.version);
                if self.ephemeral {
                    writer.boolean(tag::Ephemeral, true);
                }
                writer.raw(&self.request);
            });
        });
        Zeroizing::new(writer.finish())
    }

    /// The payload of a Locate that is done.
    fn located(&self) -> Option<&[u8]> {
        let payload = self.outcome.as_ref()?.payload.as_ref()?;
        (self.operation == Code::Locate).then_some(&payload[..])
    }

    /// The bytes of its request and its result.
    pub(crate) fn contents(&self) -> usize {
        let payload = self.outcome.as_ref().and_then(|outcome| outcome.payload.as_ref());
        self.request.len() + payload.map_or(0, |payload| payload.len())
    }

    /// All but the request and the result.
    pub(crate) fn without_contents(mut self) -> Self {
        self.request = Zeroizing::default();
        if let Some(outcome) = &mut self.outcome {
            outcome.payload = None;
        }
        self.batch = Batch::default();
        self
    }

    /// What is written to the store.
    pub(crate) fn to_put(&self) -> Put {
        Put {
            identifier: self.identifier.record(),
            owner: internal::owner(&self.client),
            expected: self.revision,
            body: self.encode(),
            terms: vec![term()],
            // What the sweeper finds it by.
            numbers: self.outcome.iter().map(|outcome| completed(outcome.completed_us)).collect(),
        }
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(512 + self.request.len());
        writer.structure(RECORD, |writer| {
            writer.integer(RECORD_FORMAT, FORMAT);
            writer.byte_string(tag::AsynchronousCorrelationValue, &self.identifier.correlation_value().0);
            writer.text_string(CLIENT, &self.client);
            writer.structure(MEMBERSHIP, |writer| {
                self.membership.groups.iter().for_each(|group| writer.text_string(GROUP, group));
                self.membership.roles.iter().for_each(|role| writer.text_string(ROLE, role));
                writer.boolean(SECOND_FACTOR, self.second_factor);
            });
            writer.text_string(PEER, &self.peer);
            VersionNumbers::from(self.version).write(writer, tag::ProtocolVersion, self.version);
            writer.enumeration(tag::Operation, self.operation.0);
            // Left out where it is false, as in the records of earlier releases.
            if self.ephemeral {
                writer.boolean(tag::Ephemeral, true);
            }
            writer.integer(COUNT, i32::from(self.count));
            writer.enumeration(tag::BatchErrorContinuationOption, self.continuation.0);
            writer.date_time_extended(tag::SubmissionDate, self.submitted_us);
            writer.byte_string(REQUEST, &self.request);
            if let Some(outcome) = &self.outcome {
                writer.structure(OUTCOME, |writer| {
                    writer.date_time_extended(COMPLETED, outcome.completed_us);
                    writer.enumeration(tag::ResultStatus, outcome.status.0);
                    if let Some(reason) = outcome.reason {
                        writer.enumeration(tag::ResultReason, reason.0);
                    }
                    if let Some(text) = &outcome.text {
                        writer.text_string(tag::ResultMessage, text);
                    }
                    if let Some(payload) = &outcome.payload {
                        writer.byte_string(PAYLOAD, payload);
                    }
                    writer.boolean(OBTAINED, outcome.obtained);
                });
            }
            let (placeholder, by_kind, returned) = self.batch.parts();
            writer.structure(BATCH, |writer| {
                if let Some(identifier) = placeholder {
                    writer.text_string(PLACEHOLDER, identifier);
                }
                for (kind, identifier) in by_kind {
                    writer.enumeration(KIND, kind.0);
                    writer.text_string(KIND_NAMES, identifier);
                }
                // A Locate returns what is in its payload: tens of thousands of identifiers are not kept twice.
                if self.located().is_none() {
                    for identifier in returned {
                        writer.text_string(RETURNED, identifier);
                    }
                }
            });
        });
        Zeroizing::new(writer.finish())
    }

    /// The item of a record.
    ///
    /// # Errors
    /// General Failure, if the record is of a newer format or damaged; the cause names it.
    pub(crate) fn from_kept(kept: &Kept) -> Result<Self> {
        let damaged = |cause: &dyn std::fmt::Display| {
            Error::general_failure(format_args!("record {}: {cause}", kept.identifier.escape_default()))
        };
        let mut item = decode(&kept.body).map_err(|error| damaged(&error))?.map_err(|cause| damaged(&cause))?;
        item.revision = kept.revision;
        Ok(item)
    }
}

fn decode(body: &[u8]) -> Result<Result<PendingItem, String>, DecodeError> {
    let any = ProtocolVersion::V2_1;
    let Some(item) = Reader::new(body).next_item()?.filter(|item| item.tag == RECORD) else {
        return Ok(Err("it is no record of a request".to_owned()));
    };
    let mut fields = Fields::of(&item, any)?;
    let format: i32 = required(&mut fields, RECORD_FORMAT)?;
    if format != FORMAT && format != WITHOUT_MEMBERSHIP {
        return Ok(Err(format!("its format is {format}, this release reads up to {FORMAT}")));
    }
    let value: ByteString = required(&mut fields, tag::AsynchronousCorrelationValue)?;
    let Some(identifier) = ItemIdentifier::from_correlation_value(&value) else {
        return Ok(Err("it has no correlation value".to_owned()));
    };
    let client = required(&mut fields, CLIENT)?;
    let member = fields.take(MEMBERSHIP)?.map(|item| decode_membership(&item)).transpose()?;
    let as_before = || (Membership { roles: vec![USER.to_owned()], groups: Vec::new() }, false);
    let (membership, second_factor) = member.unwrap_or_else(as_before);
    let peer = required(&mut fields, PEER)?;
    let numbers: VersionNumbers = required(&mut fields, tag::ProtocolVersion)?;
    let Some(version) = ProtocolVersion::from_numbers(numbers.major, numbers.minor) else {
        return Ok(Err(format!("it is of version {}.{}", numbers.major, numbers.minor)));
    };
    let operation = required(&mut fields, tag::Operation)?;
    let ephemeral = optional(&mut fields, tag::Ephemeral)?.unwrap_or(false);
    let count = u16::try_from(required::<i32>(&mut fields, COUNT)?).unwrap_or(1);
    let continuation = required(&mut fields, tag::BatchErrorContinuationOption)?;
    let DateTimeExtended(submitted_us) = required(&mut fields, tag::SubmissionDate)?;
    let request = Zeroizing::new(bytes(&mut fields, REQUEST)?.unwrap_or_default().to_vec());
    let outcome = fields.take(OUTCOME)?.map(|item| decode_outcome(&item)).transpose()?;
    let batch = fields.take(BATCH)?.map(|item| decode_batch(&item)).transpose()?.unwrap_or_default();
    fields.end()?;
    let mut item = PendingItem {
        identifier,
        revision: None,
        client,
        membership,
        second_factor,
        peer,
        version,
        operation,
        ephemeral,
        count,
        continuation,
        submitted_us,
        request,
        outcome,
        batch,
        size: 0,
    };
    item.size = item.contents();
    if let Some(payload) = item.located() {
        let located: LocateResponse = from_bytes(payload, version)?;
        let returned = located.unique_identifiers.into_iter().map(|identifier| identifier.0).collect();
        let by_kind = item.batch.parts().1.iter().map(|(kind, identifier)| (*kind, identifier.clone())).collect();
        item.batch = Batch::from_parts(item.batch.parts().0.cloned(), by_kind, returned);
    }
    Ok(Ok(item))
}

fn decode_membership(item: &Item<'_>) -> Result<(Membership, bool), DecodeError> {
    let mut fields = Fields::of(item, ProtocolVersion::V2_1)?;
    let mut membership = Membership::default();
    while let Some(group) = optional(&mut fields, GROUP)? {
        membership.groups.push(group);
    }
    while let Some(role) = optional(&mut fields, ROLE)? {
        membership.roles.push(role);
    }
    let second_factor = required(&mut fields, SECOND_FACTOR)?;
    fields.end()?;
    Ok((membership, second_factor))
}

fn decode_outcome(item: &Item<'_>) -> Result<ItemOutcome, DecodeError> {
    let mut fields = Fields::of(item, ProtocolVersion::V2_1)?;
    let DateTimeExtended(completed_us) = required(&mut fields, COMPLETED)?;
    let outcome = ItemOutcome {
        completed_us,
        status: required(&mut fields, tag::ResultStatus)?,
        reason: optional(&mut fields, tag::ResultReason)?,
        text: optional(&mut fields, tag::ResultMessage)?,
        payload: bytes(&mut fields, PAYLOAD)?.map(|payload| Zeroizing::new(payload.to_vec())),
        obtained: required(&mut fields, OBTAINED)?,
    };
    fields.end()?;
    Ok(outcome)
}

fn decode_batch(item: &Item<'_>) -> Result<Batch, DecodeError> {
    let mut fields = Fields::of(item, ProtocolVersion::V2_1)?;
    let placeholder = optional(&mut fields, PLACEHOLDER)?;
    let mut by_kind = Vec::new();
    while let Some(kind) = optional::<UniqueIdentifierEnumeration>(&mut fields, KIND)? {
        by_kind.push((kind, required(&mut fields, KIND_NAMES)?));
    }
    let mut returned = Vec::new();
    while let Some(identifier) = optional(&mut fields, RETURNED)? {
        returned.push(identifier);
    }
    fields.end()?;
    Ok(Batch::from_parts(placeholder, by_kind, returned))
}

fn optional<T: Value>(fields: &mut Fields<'_>, tag: Tag) -> Result<Option<T>, DecodeError> {
    let version = fields.version;
    fields.take(tag)?.map(|item| T::read(&item, version)).transpose()
}

fn required<T: Value>(fields: &mut Fields<'_>, tag: Tag) -> Result<T, DecodeError> {
    optional(fields, tag)?.ok_or(fields.missing(tag))
}

/// Borrowed, so that no copy is left behind.
fn bytes<'a>(fields: &mut Fields<'a>, tag: Tag) -> Result<Option<&'a [u8]>, DecodeError> {
    match fields.take(tag)? {
        None => Ok(None),
        Some(item) => match item.value {
            ttlv_codec::Value::ByteString(bytes) => Ok(Some(bytes)),
            _ => Err(DecodeError::wrong_type(&item)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PendingItem {
        let returned = vec!["a".to_owned(), "b".to_owned()];
        PendingItem {
            identifier: ItemIdentifier { batch: [7; 16], position: 3 },
            revision: Some(Revision(9)),
            client: "fred".to_owned(),
            membership: Membership { groups: vec!["g".to_owned()], roles: vec!["r".to_owned(), USER.to_owned()] },
            second_factor: true,
            peer: "192.0.2.1:5".to_owned(),
            version: ProtocolVersion::V1_4,
            operation: Code::Create,
            ephemeral: true,
            count: 4,
            continuation: BatchErrorContinuationOption::Undo,
            submitted_us: -5,
            request: Zeroizing::new(vec![1; 16]),
            outcome: Some(ItemOutcome {
                completed_us: 6,
                status: ResultStatus::OperationUndone,
                reason: Some(ResultReason::WrongKeyLifecycleState),
                text: Some("no".to_owned()),
                payload: Some(Zeroizing::new(vec![2; 24])),
                obtained: true,
            }),
            batch: Batch::from_parts(Some("b".to_owned()), vec![(UniqueIdentifierEnumeration::Create, "b".to_owned())], returned),
            size: 16 + 24,
        }
    }

    #[test]
    fn what_many_objects_a_locate_found_is_kept_once() {
        let identifiers: Vec<String> = (0..65_536).map(|number| format!("{number:036}")).collect();
        let found = LocateResponse {
            located_items: None,
            unique_identifiers: identifiers.iter().map(|identifier| identifier.as_str().into()).collect(),
        };
        let payload = kmip::codec::to_bytes(&found, tag::ResponsePayload, ProtocolVersion::V1_4);
        let mut item = PendingItem { operation: Code::Locate, request: Zeroizing::default(), ..sample() };
        item.outcome = Some(ItemOutcome::success(&payload, 0));
        item.batch = Batch::from_parts(None, Vec::new(), identifiers.clone());
        let put = item.to_put();
        assert!(put.body.len() < store::MAX_BODY, "{}", put.body.len());
        let again = PendingItem::from_kept(&Kept::from(&put)).unwrap();
        assert_eq!(again.batch.parts().2, identifiers);
        assert_eq!(again.size, payload.len());
        // Nor is it kept again with every item that follows.
        let mut known = again.batch.clone();
        known.advance(crate::operation::Placeholder::Keep, vec![(UniqueIdentifierEnumeration::Create, "new".to_owned())]);
        let next = known.since(&again.batch);
        assert_eq!(next.parts().2, ["new"]);
        let mut both = again.batch;
        both.add(next);
        assert_eq!((both.parts().2.len(), both.parts().1), (65_537, known.parts().1));
    }

    #[test]
    fn what_was_kept_is_what_is_loaded() {
        let item = sample();
        let kept = Kept::from(&item.to_put());
        let again = PendingItem::from_kept(&kept).unwrap();
        assert_eq!(again.encode(), item.encode());
        assert_eq!((again.identifier, again.revision, again.version), (item.identifier, item.revision, item.version));
        assert_eq!((&again.membership, again.second_factor), (&item.membership, true));
        assert_eq!((again.client, again.count, again.submitted_us), (item.client, item.count, item.submitted_us));
        let outcome = again.outcome.unwrap();
        assert_eq!((outcome.status, outcome.reason), (ResultStatus::OperationUndone, Some(ResultReason::WrongKeyLifecycleState)));
        assert!(outcome.obtained && outcome.payload.unwrap().len() == 24);
        assert!(internal::is_internal(&kept.identifier) && internal::is_internal(&kept.owner));
    }

    #[test]
    fn damage_is_an_error_that_names_the_record() {
        let put = sample().to_put();
        for at in 0..put.body.len() {
            let mut kept = Kept::from(&put);
            kept.body.truncate(at);
            let cause = PendingItem::from_kept(&kept).err().unwrap().cause.unwrap();
            assert!(cause.contains("request/0707"), "{cause}");
            let mut kept = Kept::from(&put);
            kept.body[at] ^= 0x10;
            let _ = PendingItem::from_kept(&kept);
        }
    }

    #[test]
    fn a_correlation_value_names_its_item_and_no_other_bytes_do() {
        let identifier = sample().identifier;
        assert_eq!(ItemIdentifier::from_correlation_value(&identifier.correlation_value()), Some(identifier));
        for length in (0..40).filter(|length| *length != 18) {
            assert_eq!(ItemIdentifier::from_correlation_value(&ByteString(vec![7; length])), None);
        }
    }
}
