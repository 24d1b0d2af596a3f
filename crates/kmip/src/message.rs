//! Messages: a header and batch items (2.1, section 8). A payload is not decoded here, but when its item runs.

use ttlv_codec::{Item, Limits, Tag, Tree, Value as Ttlv, Writer, check};

use crate::codec::{ByteString, DateTime, DecodeError, DecodeErrorKind, Fields, Member, Result, Value};
use crate::credential::{Authentication, Nonce};
use crate::enumerations::{AsynchronousIndicator, AttestationType, BatchErrorContinuationOption, ResultStatus};
use crate::operation::Operation;
use crate::result_reason::ResultReason;
use crate::version::ProtocolVersion;
use crate::{enumerations, tag};

structure! {
    /// The numbers of a version, which need not be one of [`ProtocolVersion`].
    #[derive(Clone, Copy, Eq)]
    pub struct VersionNumbers {
        ProtocolVersionMajor => major: i32, V1_0..;
        ProtocolVersionMinor => minor: i32, V1_0..;
    }
}

impl From<ProtocolVersion> for VersionNumbers {
    fn from(version: ProtocolVersion) -> Self {
        let (major, minor) = version.numbers();
        Self { major, minor }
    }
}

/// Whether the client takes an answer later: a Boolean in 1.x, an Enumeration since 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsynchronousPreference(pub AsynchronousIndicator);

impl Value for AsynchronousPreference {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        match item.value {
            Ttlv::Boolean(false) if version.is_1x() => Ok(Self(AsynchronousIndicator::Prohibited)),
            Ttlv::Boolean(true) if version.is_1x() => Ok(Self(AsynchronousIndicator::Optional)),
            Ttlv::Enumeration(value) if !version.is_1x() => Ok(Self(AsynchronousIndicator(value))),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version.is_1x() {
            writer.boolean(tag, self.0 != AsynchronousIndicator::Prohibited);
        } else {
            writer.enumeration(tag, self.0.0);
        }
    }
}

structure! {
    /// The header of a request.
    #[derive(Clone)]
    pub struct RequestHeader {
        ProtocolVersion => protocol_version: VersionNumbers, V1_0..;
        MaximumResponseSize => maximum_response_size: Option<i32>, V1_0..;
        ClientCorrelationValue => client_correlation_value: Option<String>, V1_4..;
        ServerCorrelationValue => server_correlation_value: Option<String>, V1_4..;
        AsynchronousIndicator => asynchronous_indicator: Option<AsynchronousPreference>, V1_0..;
        AttestationCapableIndicator => attestation_capable_indicator: Option<bool>, V1_2..;
        AttestationType => attestation_types: Vec<AttestationType>, V1_2..;
        Authentication => authentication: Option<Authentication>, V1_0..;
        BatchErrorContinuationOption => batch_error_continuation_option: Option<BatchErrorContinuationOption>, V1_0..;
        BatchOrderOption => batch_order_option: Option<bool>, V1_0..V3_0;
        TimeStamp => time_stamp: Option<DateTime>, V1_0..;
        /// Required up to 2.1.
        BatchCount => batch_count: Option<i32>, V1_0..V3_0;
    }
}

impl RequestHeader {
    /// A header that asks for nothing special.
    #[must_use]
    pub fn new(version: ProtocolVersion, batch_count: i32) -> Self {
        Self {
            protocol_version: version.into(),
            maximum_response_size: None,
            client_correlation_value: None,
            server_correlation_value: None,
            asynchronous_indicator: None,
            attestation_capable_indicator: None,
            attestation_types: Vec::new(),
            authentication: None,
            batch_error_continuation_option: None,
            batch_order_option: None,
            time_stamp: None,
            batch_count: Some(batch_count),
        }
    }
}

structure! {
    /// The header of a response.
    #[derive(Clone)]
    pub struct ResponseHeader {
        ProtocolVersion => protocol_version: VersionNumbers, V1_0..;
        TimeStamp => time_stamp: DateTime, V1_0..;
        Nonce => nonce: Option<Nonce>, V1_2..;
        ServerHashedPassword => server_hashed_password: Option<ByteString>, V2_0..;
        AttestationType => attestation_types: Vec<AttestationType>, V1_2..;
        ClientCorrelationValue => client_correlation_value: Option<String>, V1_4..;
        ServerCorrelationValue => server_correlation_value: Option<String>, V1_4..;
        /// Required up to 2.1.
        BatchCount => batch_count: Option<i32>, V1_0..V3_0;
    }
}

structure! {
    /// What a vendor adds to a batch item.
    #[derive(Clone)]
    pub struct MessageExtension {
        VendorIdentification => vendor_identification: String, V1_0..;
        CriticalityIndicator => criticality_indicator: bool, V1_0..;
        VendorExtension => vendor_extension: Tree, V1_0..;
    }
}

/// What of the answer a client asks to leave out: a Boolean up to 2.1, then an Enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ephemeral {
    /// 2.0 and 2.1: whether the data that the operation gives are not to be returned (2.1, section 8.3).
    Flag(bool),
    /// 3.0.
    Type(enumerations::Ephemeral),
}

impl Value for Ephemeral {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        match item.value {
            Ttlv::Boolean(flag) if version < ProtocolVersion::V3_0 => Ok(Self::Flag(flag)),
            Ttlv::Enumeration(value) if version >= ProtocolVersion::V3_0 => Ok(Self::Type(enumerations::Ephemeral(value))),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
        match self {
            Self::Flag(flag) => writer.boolean(tag, *flag),
            Self::Type(value) => writer.enumeration(tag, value.0),
        }
    }
}

/// One item of a request.
pub struct RequestBatchItem<'a> {
    /// What is asked for.
    pub operation: Operation,
    /// What the client wants done with the answer.
    pub ephemeral: Option<Ephemeral>,
    /// The client's own name for the item.
    pub unique_batch_item_id: Option<ByteString>,
    /// The payload, not decoded yet.
    pub payload: Item<'a>,
    /// Extensions of vendors.
    pub message_extensions: Vec<MessageExtension>,
}

/// A request.
pub struct RequestMessage<'a> {
    /// The version, one that this crate knows.
    pub version: ProtocolVersion,
    /// The header.
    pub header: RequestHeader,
    /// The items.
    pub items: Vec<RequestBatchItem<'a>>,
}

/// A request that cannot be answered item by item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct MessageError {
    /// The version the client speaks, as far as that could be read.
    pub version: Option<VersionNumbers>,
    /// What is wrong.
    pub error: MessageErrorKind,
}

/// What is wrong with a message as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageErrorKind {
    /// It cannot be decoded.
    #[error("{0}")]
    Decode(DecodeError),
    /// It is of a version that does not exist.
    #[error("protocol version {}.{} is not supported", .0.major, .0.minor)]
    UnsupportedVersion(VersionNumbers),
    /// Batch Count differs from the number of items.
    #[error("Batch Count is {announced}, the message has {found} batch items")]
    BatchCount {
        /// What the header says.
        announced: i32,
        /// What is there.
        found: usize,
    },
    /// The batch has too many items.
    #[error("the message has more than {limit} batch items")]
    TooManyItems {
        /// The limit.
        limit: usize,
    },
}

impl<'a> RequestMessage<'a> {
    /// Reads a request within `limits`, with at most `item_limit` batch items.
    ///
    /// # Errors
    /// If it is not one, with the version to answer in as far as it could be read.
    pub fn read(bytes: &'a [u8], limits: &Limits, item_limit: usize) -> Result<Self, MessageError> {
        let undecoded = |error: DecodeError| MessageError { version: None, error: MessageErrorKind::Decode(error) };
        check(bytes, limits).map_err(|error| undecoded(error.into()))?;
        let (mut fields, header) = envelope(bytes, tag::RequestMessage, tag::RequestHeader).map_err(undecoded)?;
        let numbers = version_numbers(&header).map_err(undecoded)?;
        let fail = |error| MessageError { version: Some(numbers), error };
        let version = ProtocolVersion::from_numbers(numbers.major, numbers.minor)
            .ok_or(fail(MessageErrorKind::UnsupportedVersion(numbers)))?;
        let decode = |error| fail(MessageErrorKind::Decode(error));

        let header_offset = header.offset;
        let header = RequestHeader::read(&header, version).map_err(decode)?;
        if version < ProtocolVersion::V3_0 && header.batch_count.is_none() {
            let kind = DecodeErrorKind::Missing(tag::BatchCount);
            return Err(decode(DecodeError { offset: header_offset, kind }));
        }
        fields.version = version;
        let mut items = Vec::new();
        while let Some(item) = fields.take(tag::BatchItem).map_err(decode)? {
            if items.len() == item_limit {
                return Err(fail(MessageErrorKind::TooManyItems { limit: item_limit }));
            }
            items.push(RequestBatchItem::read(&item, version).map_err(decode)?);
        }
        fields.end().map_err(decode)?;
        if items.is_empty() {
            // Every request has one (2.1, section 8.2), and an answer without an item would be none.
            return Err(decode(DecodeError { offset: header_offset, kind: DecodeErrorKind::Missing(tag::BatchItem) }));
        }
        if let Some(announced) = header.batch_count.filter(|count| usize::try_from(*count) != Ok(items.len())) {
            return Err(fail(MessageErrorKind::BatchCount { announced, found: items.len() }));
        }
        Ok(Self { version, header, items })
    }
}

impl<'a> RequestBatchItem<'a> {
    fn read(item: &Item<'a>, version: ProtocolVersion) -> Result<Self> {
        let mut fields = Fields::of(item, version)?;
        let operation = Member::read_member(&mut fields, tag::Operation, true)?;
        let ephemeral = Member::read_member(&mut fields, tag::Ephemeral, !version.is_1x())?;
        let has_identifier = version < ProtocolVersion::V3_0;
        let unique_batch_item_id = Member::read_member(&mut fields, tag::UniqueBatchItemID, has_identifier)?;
        let payload = fields.take(tag::RequestPayload)?.ok_or(fields.missing(tag::RequestPayload))?;
        let message_extensions = Member::read_member(&mut fields, tag::MessageExtension, true)?;
        fields.end()?;
        Ok(Self { operation, ephemeral, unique_batch_item_id, payload, message_extensions })
    }
}

/// One item of a response.
pub struct ResponseBatchItem<'a> {
    /// What was asked for.
    pub operation: Option<Operation>,
    /// The client's own name for the item.
    pub unique_batch_item_id: Option<ByteString>,
    /// How it went.
    pub result_status: ResultStatus,
    /// Why it failed.
    pub result_reason: Option<ResultReason>,
    /// The same in words.
    pub result_message: Option<String>,
    /// What to ask for later, if the answer is pending.
    pub asynchronous_correlation_value: Option<ByteString>,
    /// The payload, not decoded yet.
    pub payload: Option<Item<'a>>,
    /// Extensions of vendors.
    pub message_extension: Option<MessageExtension>,
}

/// A response.
pub struct ResponseMessage<'a> {
    /// The version, one that this crate knows.
    pub version: ProtocolVersion,
    /// The header.
    pub header: ResponseHeader,
    /// The items.
    pub items: Vec<ResponseBatchItem<'a>>,
}

impl<'a> ResponseMessage<'a> {
    /// Reads a response within `limits`.
    ///
    /// # Errors
    /// If it is not one.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, MessageError> {
        let undecoded = |error: DecodeError| MessageError { version: None, error: MessageErrorKind::Decode(error) };
        check(bytes, limits).map_err(|error| undecoded(error.into()))?;
        let (mut fields, header) = envelope(bytes, tag::ResponseMessage, tag::ResponseHeader).map_err(undecoded)?;
        let numbers = version_numbers(&header).map_err(undecoded)?;
        let fail = |error| MessageError { version: Some(numbers), error };
        let version = ProtocolVersion::from_numbers(numbers.major, numbers.minor)
            .ok_or(fail(MessageErrorKind::UnsupportedVersion(numbers)))?;
        let decode = |error| fail(MessageErrorKind::Decode(error));
        let header = ResponseHeader::read(&header, version).map_err(decode)?;
        fields.version = version;
        let mut items = Vec::new();
        while let Some(item) = fields.take(tag::BatchItem).map_err(decode)? {
            items.push(ResponseBatchItem::read(&item, version).map_err(decode)?);
        }
        fields.end().map_err(decode)?;
        Ok(Self { version, header, items })
    }
}

impl<'a> ResponseBatchItem<'a> {
    fn read(item: &Item<'a>, version: ProtocolVersion) -> Result<Self> {
        let mut fields = Fields::of(item, version)?;
        let this = Self {
            operation: Member::read_member(&mut fields, tag::Operation, true)?,
            unique_batch_item_id: Member::read_member(&mut fields, tag::UniqueBatchItemID, true)?,
            result_status: Member::read_member(&mut fields, tag::ResultStatus, true)?,
            result_reason: Member::read_member(&mut fields, tag::ResultReason, true)?,
            result_message: Member::read_member(&mut fields, tag::ResultMessage, true)?,
            asynchronous_correlation_value: Member::read_member(&mut fields, tag::AsynchronousCorrelationValue, true)?,
            payload: fields.take(tag::ResponsePayload)?,
            message_extension: Member::read_member(&mut fields, tag::MessageExtension, true)?,
        };
        fields.end()?;
        Ok(this)
    }

    /// Writes the item, with `payload` writing the inside of the payload, if there is one.
    pub fn write(&self, writer: &mut Writer, version: ProtocolVersion, payload: Option<impl FnOnce(&mut Writer)>) {
        writer.structure(tag::BatchItem, |writer| {
            self.operation.write_member(writer, tag::Operation, version);
            if version < ProtocolVersion::V3_0 {
                self.unique_batch_item_id.write_member(writer, tag::UniqueBatchItemID, version);
            }
            self.result_status.write(writer, tag::ResultStatus, version);
            self.result_reason.write_member(writer, tag::ResultReason, version);
            self.result_message.write_member(writer, tag::ResultMessage, version);
            self.asynchronous_correlation_value.write_member(writer, tag::AsynchronousCorrelationValue, version);
            match (payload, &self.payload) {
                (Some(payload), _) => payload(writer),
                (None, Some(payload)) => writer.raw(payload.raw()),
                (None, None) => {}
            }
            self.message_extension.write_member(writer, tag::MessageExtension, version);
        });
    }
}

/// Writes one item of a request.
pub fn write_request_item(
    writer: &mut Writer,
    version: ProtocolVersion,
    operation: Operation,
    unique_batch_item_id: Option<&[u8]>,
    payload: &impl Value,
) {
    writer.structure(tag::BatchItem, |writer| {
        operation.write(writer, tag::Operation, version);
        if let Some(identifier) = unique_batch_item_id.filter(|_| version < ProtocolVersion::V3_0) {
            writer.byte_string(tag::UniqueBatchItemID, identifier);
        }
        payload.write(writer, tag::RequestPayload, version);
    });
}

/// The fields of a message after its header, and the header.
fn envelope(bytes: &[u8], message: Tag, header: Tag) -> Result<(Fields<'_>, Item<'_>)> {
    let mut reader = ttlv_codec::Reader::new(bytes);
    let missing = DecodeError { offset: 0, kind: DecodeErrorKind::Missing(message) };
    let item = reader.next_item()?.filter(|item| item.tag == message).ok_or(missing)?;
    let mut fields = Fields::of(&item, ProtocolVersion::V1_0)?;
    let header = fields.take(header)?.ok_or(fields.missing(header))?;
    Ok((fields, header))
}

fn version_numbers(header: &Item<'_>) -> Result<VersionNumbers> {
    let mut fields = Fields::of(header, ProtocolVersion::V1_0)?;
    Member::read_member(&mut fields, tag::ProtocolVersion, true)
}
