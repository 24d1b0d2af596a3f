//! A client: requests of one version out, answers of one version in.

use dispatcher::Session;
use kmip::ProtocolVersion;
use kmip::attribute::TemplateAttribute;
use kmip::attribute::{Attribute, AttributeFilter, AttributeFilters, AttributeInstance, AttributeReference, Attributes};
use kmip::codec::{ByteString, Value, from_bytes};
use kmip::enumerations::{AdjustmentType, CryptographicAlgorithm, ObjectType, ResultStatus, RevocationReasonCode, State};
use kmip::identifier::ObjectReference;
use kmip::masks::CryptographicUsageMask;
use kmip::message::{MessageExtension, RequestHeader, ResponseMessage};
use kmip::object::ManagedObject;
use kmip::operation::Operation;
use kmip::payload::activate::{ActivateRequest, ActivateResponse};
use kmip::payload::add_attribute::{AddAttributeRequest, AddAttributeResponse};
use kmip::payload::adjust_attribute::{AdjustAttributeRequest, AdjustAttributeResponse};
use kmip::payload::archive::{ArchiveRequest, ArchiveResponse};
use kmip::payload::create::{CreateRequest, CreateResponse};
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::delete_attribute::{DeleteAttributeRequest, DeleteAttributeResponse};
use kmip::payload::destroy::{DestroyRequest, DestroyResponse};
use kmip::payload::export::ExportRequest;
use kmip::payload::get::{GetRequest, GetResponse};
use kmip::payload::get_attribute_list::{GetAttributeListRequest, GetAttributeListResponse};
use kmip::payload::get_attributes::{GetAttributesRequest, GetAttributesResponse};
use kmip::payload::get_usage_allocation::{GetUsageAllocationRequest, GetUsageAllocationResponse};
use kmip::payload::locate::{LocateRequest, LocateResponse};
use kmip::payload::modify_attribute::{ModifyAttributeRequest, ModifyAttributeResponse};
use kmip::payload::obtain_lease::{ObtainLeaseRequest, ObtainLeaseResponse};
use kmip::payload::re_key::{ReKeyRequest, ReKeyResponse};
use kmip::payload::re_key_key_pair::{ReKeyKeyPairRequest, ReKeyKeyPairResponse};
use kmip::payload::recover::{RecoverRequest, RecoverResponse};
use kmip::payload::register::{RegisterRequest, RegisterResponse};
use kmip::payload::revoke::{RevokeRequest, RevokeResponse};
use kmip::payload::set_attribute::{SetAttributeRequest, SetAttributeResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{AdjustmentValue, Name, RevocationReason};
use kmip::tag;
use policy::Actor;
use ttlv_codec::{Limits, Writer};

use crate::fidelity;
use crate::server::{Server, block_on};

/// A request while it is put together.
pub(crate) struct Request {
    pub(crate) version: ProtocolVersion,
    pub(crate) header: RequestHeader,
    items: Writer,
    count: i32,
}

impl Request {
    pub(crate) fn new(version: ProtocolVersion) -> Self {
        Self { version, header: RequestHeader::new(version, 0), items: Writer::new(), count: 0 }
    }

    /// Changes the header.
    pub(crate) fn header(mut self, change: impl FnOnce(&mut RequestHeader)) -> Self {
        change(&mut self.header);
        self
    }

    pub(crate) fn item(self, operation: Operation, payload: &impl Value) -> Self {
        self.item_with(operation, None, payload, &[])
    }

    /// An item whose data are not to be returned (2.1, section 8.3).
    pub(crate) fn ephemeral(mut self, operation: Operation, payload: &impl Value) -> Self {
        let version = self.version;
        self.count += 1;
        self.items.structure(tag::BatchItem, |writer| {
            operation.write(writer, tag::Operation, version);
            writer.boolean(tag::Ephemeral, true);
            payload.write(writer, tag::RequestPayload, version);
        });
        self
    }

    pub(crate) fn item_with(
        mut self,
        operation: Operation,
        identifier: Option<&[u8]>,
        payload: &impl Value,
        extensions: &[MessageExtension],
    ) -> Self {
        let version = self.version;
        self.count += 1;
        self.items.structure(tag::BatchItem, |writer| {
            operation.write(writer, tag::Operation, version);
            if let Some(identifier) = identifier {
                writer.byte_string(tag::UniqueBatchItemID, identifier);
            }
            payload.write(writer, tag::RequestPayload, version);
            for extension in extensions {
                extension.write(writer, tag::MessageExtension, version);
            }
        });
        self
    }

    /// The message; its Batch Count tells the truth.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let count = self.count;
        self.bytes_announcing(count)
    }

    /// The message with a Batch Count of one's own choice.
    pub(crate) fn bytes_announcing(mut self, count: i32) -> Vec<u8> {
        self.header.batch_count = Some(count);
        let mut writer = Writer::new();
        writer.structure(tag::RequestMessage, |writer| {
            self.header.write(writer, tag::RequestHeader, self.version);
            writer.raw(self.items.bytes());
        });
        writer.finish()
    }
}

/// The answer to one item.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) version: ProtocolVersion,
    pub(crate) operation: Option<Operation>,
    pub(crate) identifier: Option<Vec<u8>>,
    pub(crate) status: ResultStatus,
    pub(crate) reason: Option<ResultReason>,
    pub(crate) message: Option<String>,
    pub(crate) correlation_value: Option<ByteString>,
    /// The payload as it was received.
    pub(crate) payload: Option<Vec<u8>>,
}

impl Answer {
    /// The payload of an item that succeeded.
    #[track_caller]
    pub(crate) fn ok<T: Value>(&self) -> T {
        assert_eq!(self.status, ResultStatus::Success, "{:?}: {:?} {:?}", self.operation, self.reason, self.message);
        self.payload()
    }

    /// The payload, whatever became of the item.
    #[track_caller]
    pub(crate) fn payload<T: Value>(&self) -> T {
        from_bytes(self.payload.as_ref().expect("the answer has a payload"), self.version).expect("the payload is one")
    }

    /// The payload, or why there is none.
    pub(crate) fn result<T: Value>(&self) -> Result<T, ResultReason> {
        match self.status {
            ResultStatus::Success => Ok(self.payload()),
            _ => Err(self.reason.expect("a failure has a reason")),
        }
    }

    /// That the item failed for this reason, as the version of the answer spells it.
    #[track_caller]
    pub(crate) fn fails_with(&self, reason: ResultReason) {
        let expected = reason.at(self.version);
        assert_eq!(self.status, ResultStatus::OperationFailed, "{:?} in {}", self.operation, self.version);
        assert_eq!(self.reason, Some(expected), "{:?} in {}: {:?}", self.operation, self.version, self.message);
        assert!(self.payload.is_none(), "a failure has no payload");
    }
}

/// What came back for a message.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) header: kmip::message::ResponseHeader,
    pub(crate) items: Vec<Answer>,
    pub(crate) size: usize,
    pub(crate) close: bool,
}

/// A connection.
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Server,
    pub(crate) session: Session,
    pub(crate) version: ProtocolVersion,
}

impl<'a> Client<'a> {
    pub(crate) fn new(server: &'a Server, name: &str, version: ProtocolVersion) -> Self {
        Self { server, session: Session::new(Actor::new(name), "192.0.2.1:5696".to_owned()), version }
    }

    /// A connection of any actor.
    pub(crate) fn of(server: &'a Server, actor: Actor, version: ProtocolVersion) -> Self {
        Self { server, session: Session::new(actor, "192.0.2.1:5696".to_owned()), version }
    }

    pub(crate) fn request(&self) -> Request {
        Request::new(self.version)
    }

    /// Sends bytes and reads what comes back.
    #[track_caller]
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> Answers {
        let response = block_on(self.server.engine.handle(&mut self.session, bytes));
        let limits = Limits { length: 64 << 20, items: 1 << 20, ..Limits::default() };
        let message = ResponseMessage::read(&response.bytes, &limits).unwrap_or_else(|error| panic!("{error:?}"));
        let version = message.version;
        fidelity::check(&response.bytes, version);
        assert_eq!(response.items.len(), message.items.len(), "one entry for the log per item");
        assert_eq!(message.header.batch_count, Some(i32::try_from(message.items.len()).unwrap()));
        let items = message.items.into_iter().map(|item| Answer {
            version,
            operation: item.operation,
            identifier: item.unique_batch_item_id.map(|ByteString(identifier)| identifier),
            status: item.result_status,
            reason: item.result_reason,
            message: item.result_message,
            correlation_value: item.asynchronous_correlation_value,
            payload: item.payload.map(|payload| payload.raw().to_vec()),
        });
        Answers { header: message.header, items: items.collect(), size: response.bytes.len(), close: response.close }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, request: Request) -> Answers {
        self.send_bytes(&request.bytes())
    }

    /// Sends one item.
    #[track_caller]
    pub(crate) fn ask(&mut self, operation: Operation, payload: &impl Value) -> Answer {
        let request = self.request().item(operation, payload);
        let mut answers = self.send(request);
        assert_eq!(answers.items.len(), 1);
        let answer = answers.items.remove(0);
        assert_eq!(answer.operation, Some(operation), "the operation is echoed, also with a failure");
        answer
    }

    #[track_caller]
    pub(crate) fn create(&mut self, attributes: Vec<Attribute>) -> String {
        self.ask(Operation::Create, &create(attributes)).ok::<CreateResponse>().unique_identifier.0
    }

    /// A key pair on P-256: private key, public key.
    #[track_caller]
    pub(crate) fn create_key_pair(&mut self) -> (String, String) {
        let response: CreateKeyPairResponse = self.ask(Operation::CreateKeyPair, &create_key_pair()).ok();
        (response.private_key_unique_identifier.0, response.public_key_unique_identifier.0)
    }

    #[track_caller]
    pub(crate) fn register(&mut self, object: ManagedObject, attributes: Vec<Attribute>) -> String {
        self.ask(Operation::Register, &register(object, attributes)).ok::<RegisterResponse>().unique_identifier.0
    }

    /// Puts a new key in place of one.
    pub(crate) fn re_key(&mut self, identifier: &str) -> Result<String, ResultReason> {
        let answer = self.ask(Operation::ReKey, &re_key(Some(identifier)));
        answer.result::<ReKeyResponse>().map(|response| response.unique_identifier.0)
    }

    /// Puts a new pair in place of one: private key, public key.
    pub(crate) fn re_key_key_pair(&mut self, private_key: &str) -> Result<(String, String), ResultReason> {
        let answer = self.ask(Operation::ReKeyKeyPair, &re_key_key_pair(Some(private_key)));
        let response = answer.result::<ReKeyKeyPairResponse>()?;
        Ok((response.private_key_unique_identifier.0, response.public_key_unique_identifier.0))
    }

    pub(crate) fn get(&mut self, identifier: &str) -> Answer {
        self.ask(Operation::Get, &get(Some(identifier)))
    }

    #[track_caller]
    pub(crate) fn object(&mut self, identifier: &str) -> ManagedObject {
        self.get(identifier).ok::<GetResponse>().object
    }

    pub(crate) fn activate(&mut self, identifier: &str) -> Result<ActivateResponse, ResultReason> {
        self.ask(Operation::Activate, &activate(Some(identifier))).result()
    }

    pub(crate) fn revoke(&mut self, identifier: &str, code: RevocationReasonCode) -> Result<RevokeResponse, ResultReason> {
        self.ask(Operation::Revoke, &revoke(Some(identifier), code)).result()
    }

    pub(crate) fn archive(&mut self, identifier: &str) -> Result<ArchiveResponse, ResultReason> {
        self.ask(Operation::Archive, &ArchiveRequest { unique_identifier: Some(identifier.into()) }).result()
    }

    pub(crate) fn recover(&mut self, identifier: &str) -> Result<RecoverResponse, ResultReason> {
        self.ask(Operation::Recover, &RecoverRequest { unique_identifier: Some(identifier.into()) }).result()
    }

    pub(crate) fn lease(&mut self, identifier: &str) -> Result<ObtainLeaseResponse, ResultReason> {
        self.ask(Operation::ObtainLease, &ObtainLeaseRequest { unique_identifier: Some(identifier.into()) }).result()
    }

    pub(crate) fn allocate(&mut self, identifier: &str, amount: i64) -> Result<GetUsageAllocationResponse, ResultReason> {
        let request = GetUsageAllocationRequest { unique_identifier: Some(identifier.into()), usage_limits_count: amount };
        self.ask(Operation::GetUsageAllocation, &request).result()
    }

    /// Set Attribute (2.x).
    pub(crate) fn set(&mut self, identifier: &str, attribute: Attribute) -> Result<SetAttributeResponse, ResultReason> {
        let request = SetAttributeRequest { unique_identifier: Some(identifier.into()), new_attribute: attribute.into() };
        self.ask(Operation::SetAttribute, &request).result()
    }

    /// Adjust Attribute (2.x).
    pub(crate) fn adjust(
        &mut self,
        identifier: &str,
        attribute_reference: AttributeReference,
        adjustment_type: AdjustmentType,
        adjustment_value: Option<AdjustmentValue>,
    ) -> Result<AdjustAttributeResponse, ResultReason> {
        let unique_identifier = Some(identifier.into());
        let request = AdjustAttributeRequest { unique_identifier, attribute_reference, adjustment_type, adjustment_value };
        self.ask(Operation::AdjustAttribute, &request).result()
    }

    pub(crate) fn destroy(&mut self, identifier: &str) -> Result<DestroyResponse, ResultReason> {
        self.ask(Operation::Destroy, &destroy(Some(identifier))).result()
    }

    #[track_caller]
    pub(crate) fn attributes(&mut self, identifier: &str) -> Attributes {
        self.ask(Operation::GetAttributes, &get_attributes(Some(identifier), vec![])).ok::<GetAttributesResponse>().attributes
    }

    #[track_caller]
    pub(crate) fn attribute_list(&mut self, identifier: &str) -> Vec<AttributeReference> {
        let request = GetAttributeListRequest { unique_identifier: Some(identifier.into()) };
        self.ask(Operation::GetAttributeList, &request).ok::<GetAttributeListResponse>().attribute_references
    }

    #[track_caller]
    pub(crate) fn state(&mut self, identifier: &str) -> State {
        *self.attributes(identifier).state().unwrap()
    }

    pub(crate) fn add(&mut self, identifier: &str, attribute: Attribute) -> Result<AddAttributeResponse, ResultReason> {
        self.ask(Operation::AddAttribute, &add(Some(identifier), attribute)).result()
    }

    /// Replaces the first value, as each version says that.
    pub(crate) fn modify(&mut self, identifier: &str, attribute: Attribute) -> Result<ModifyAttributeResponse, ResultReason> {
        self.ask(Operation::ModifyAttribute, &modify(Some(identifier), None, attribute.into())).result()
    }

    /// Deletes by name: value 0 in 1.x, every value in 2.x.
    pub(crate) fn delete(
        &mut self,
        identifier: &str,
        reference: AttributeReference,
    ) -> Result<DeleteAttributeResponse, ResultReason> {
        // 1.0 wants an index where there are several values; the others take the first without one.
        let index = (self.version == kmip::ProtocolVersion::V1_0).then_some(0);
        self.ask(Operation::DeleteAttribute, &delete(Some(identifier), reference, index)).result()
    }

    /// The objects that have all these attribute values.
    #[track_caller]
    pub(crate) fn locate(&mut self, attributes: Vec<Attribute>) -> Vec<String> {
        self.locate_with(locate(self.version, attributes))
    }

    #[track_caller]
    pub(crate) fn locate_with(&mut self, request: LocateRequest) -> Vec<String> {
        let response: LocateResponse = self.ask(Operation::Locate, &request).ok();
        response.unique_identifiers.into_iter().map(|identifier| identifier.0).collect()
    }
}

pub(crate) fn template(attributes: Vec<Attribute>) -> TemplateAttribute {
    TemplateAttribute { names: vec![], attributes: attributes.into_iter().collect() }
}

/// What makes an AES key.
pub(crate) fn aes() -> Vec<Attribute> {
    vec![
        Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES),
        Attribute::CryptographicLength(256),
        Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt),
    ]
}

/// What makes an AES key with further attributes.
pub(crate) fn aes_and(more: impl IntoIterator<Item = Attribute>) -> Vec<Attribute> {
    aes().into_iter().chain(more).collect()
}

pub(crate) fn name(text: &str) -> Attribute {
    Attribute::Name(Name::text(text))
}

pub(crate) fn create(attributes: Vec<Attribute>) -> CreateRequest {
    CreateRequest { object_type: ObjectType::SymmetricKey, attributes: template(attributes), protection_storage_masks: None }
}

pub(crate) fn create_key_pair() -> CreateKeyPairRequest {
    let common = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA), Attribute::CryptographicLength(256)];
    CreateKeyPairRequest {
        common_attributes: Some(template(common)),
        private_key_attributes: Some(template(vec![Attribute::CryptographicUsageMask(CryptographicUsageMask::Sign)])),
        public_key_attributes: Some(template(vec![Attribute::CryptographicUsageMask(CryptographicUsageMask::Verify)])),
        common_protection_storage_masks: None,
        private_protection_storage_masks: None,
        public_protection_storage_masks: None,
    }
}

pub(crate) fn register(object: ManagedObject, attributes: Vec<Attribute>) -> RegisterRequest {
    RegisterRequest {
        object_type: object.object_type(),
        attributes: template(attributes),
        object,
        protection_storage_masks: None,
    }
}

pub(crate) fn export(identifier: Option<&str>) -> ExportRequest {
    ExportRequest {
        unique_identifier: object(identifier),
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: None,
    }
}

pub(crate) fn re_key(identifier: Option<&str>) -> ReKeyRequest {
    ReKeyRequest { unique_identifier: object(identifier), offset: None, attributes: None, protection_storage_masks: None }
}

pub(crate) fn re_key_key_pair(identifier: Option<&str>) -> ReKeyKeyPairRequest {
    ReKeyKeyPairRequest {
        private_key_unique_identifier: object(identifier),
        unique_identifier: None,
        offset: None,
        common_attributes: None,
        private_key_attributes: None,
        public_key_attributes: None,
        common_protection_storage_masks: None,
        private_protection_storage_masks: None,
        public_protection_storage_masks: None,
    }
}

pub(crate) fn object(identifier: Option<&str>) -> Option<ObjectReference> {
    identifier.map(ObjectReference::from)
}

pub(crate) fn get(identifier: Option<&str>) -> GetRequest {
    get_reference(object(identifier))
}

pub(crate) fn get_reference(unique_identifier: Option<ObjectReference>) -> GetRequest {
    GetRequest {
        unique_identifier,
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: None,
    }
}

pub(crate) fn activate(identifier: Option<&str>) -> ActivateRequest {
    ActivateRequest { unique_identifier: object(identifier) }
}

pub(crate) fn revoke(identifier: Option<&str>, code: RevocationReasonCode) -> RevokeRequest {
    RevokeRequest {
        unique_identifier: object(identifier),
        revocation_reason: Some(RevocationReason { revocation_reason_code: code, revocation_message: None }),
        compromise_occurrence_date: None,
    }
}

pub(crate) fn destroy(identifier: Option<&str>) -> DestroyRequest {
    DestroyRequest { unique_identifier: object(identifier) }
}

pub(crate) fn get_attributes(identifier: Option<&str>, attribute_references: Vec<AttributeReference>) -> GetAttributesRequest {
    GetAttributesRequest { unique_identifier: object(identifier), attribute_references }
}

pub(crate) fn add(identifier: Option<&str>, attribute: Attribute) -> AddAttributeRequest {
    AddAttributeRequest { unique_identifier: object(identifier), current_attribute: None, new_attribute: Some(attribute.into()) }
}

pub(crate) fn modify(
    identifier: Option<&str>,
    current: Option<Attribute>,
    new_attribute: AttributeInstance,
) -> ModifyAttributeRequest {
    ModifyAttributeRequest {
        unique_identifier: object(identifier),
        current_attribute: current.map(AttributeInstance::from),
        new_attribute,
    }
}

pub(crate) fn delete(
    identifier: Option<&str>,
    reference: AttributeReference,
    attribute_index: Option<i32>,
) -> DeleteAttributeRequest {
    DeleteAttributeRequest {
        unique_identifier: object(identifier),
        current_attribute: None,
        attribute_reference: Some(reference),
        attribute_index,
    }
}

pub(crate) fn locate(version: ProtocolVersion, attributes: Vec<Attribute>) -> LocateRequest {
    let filters = attributes.iter().map(|attribute| AttributeFilter::exactly(attribute, version).unwrap());
    LocateRequest {
        maximum_items: None,
        offset_items: None,
        storage_status_mask: None,
        object_group_member: None,
        object_class_mask: None,
        attributes: AttributeFilters(filters.collect()),
        template_attribute: None,
    }
}
