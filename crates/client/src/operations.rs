//! The operations as calls.

use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, Attributes};
use kmip::codec::{DateTime, Value};
use kmip::enumerations::{CryptographicAlgorithm, InteropFunction, ObjectType, QueryFunction, RevocationReasonCode};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::object::ManagedObject;
use kmip::operation::Operation;
use kmip::payload::*;
use kmip::structures::RevocationReason;

use crate::attributes::{AttributeList, check_attribute};
use crate::client::Client;
use crate::error::Error;

/// A request payload that says which operation it is of, and what comes back.
pub trait Request: Value {
    /// The operation.
    const OPERATION: Operation;
    /// The response payload.
    type Response: Value;
}

macro_rules! requests {
    ($($operation:ident => $request:ty, $response:ty;)*) => {
        $(impl Request for $request {
            const OPERATION: Operation = Operation::$operation;
            type Response = $response;
        })*
    };
}

requests! {
    Activate => ActivateRequest, ActivateResponse;
    AddAttribute => AddAttributeRequest, AddAttributeResponse;
    AdjustAttribute => AdjustAttributeRequest, AdjustAttributeResponse;
    Archive => ArchiveRequest, ArchiveResponse;
    Cancel => CancelRequest, CancelResponse;
    Certify => CertifyRequest, CertifyResponse;
    Check => CheckRequest, CheckResponse;
    Create => CreateRequest, CreateResponse;
    CreateKeyPair => CreateKeyPairRequest, CreateKeyPairResponse;
    CreateSplitKey => CreateSplitKeyRequest, CreateSplitKeyResponse;
    Decrypt => DecryptRequest, DecryptResponse;
    DeleteAttribute => DeleteAttributeRequest, DeleteAttributeResponse;
    DeriveKey => DeriveKeyRequest, DeriveKeyResponse;
    Destroy => DestroyRequest, DestroyResponse;
    DiscoverVersions => DiscoverVersionsRequest, DiscoverVersionsResponse;
    Encrypt => EncryptRequest, EncryptResponse;
    Export => ExportRequest, ExportResponse;
    Get => GetRequest, GetResponse;
    GetAttributeList => GetAttributeListRequest, GetAttributeListResponse;
    GetAttributes => GetAttributesRequest, GetAttributesResponse;
    GetUsageAllocation => GetUsageAllocationRequest, GetUsageAllocationResponse;
    Hash => HashRequest, HashResponse;
    Import => ImportRequest, ImportResponse;
    Interop => InteropRequest, InteropResponse;
    JoinSplitKey => JoinSplitKeyRequest, JoinSplitKeyResponse;
    Locate => LocateRequest, LocateResponse;
    Login => LoginRequest, LoginResponse;
    Logout => LogoutRequest, LogoutResponse;
    MAC => MACRequest, MACResponse;
    MACVerify => MACVerifyRequest, MACVerifyResponse;
    ModifyAttribute => ModifyAttributeRequest, ModifyAttributeResponse;
    ObtainLease => ObtainLeaseRequest, ObtainLeaseResponse;
    Ping => PingRequest, PingResponse;
    Query => QueryRequest, QueryResponse;
    ReCertify => ReCertifyRequest, ReCertifyResponse;
    ReKey => ReKeyRequest, ReKeyResponse;
    ReKeyKeyPair => ReKeyKeyPairRequest, ReKeyKeyPairResponse;
    ReProvision => ReProvisionRequest, ReProvisionResponse;
    Recover => RecoverRequest, RecoverResponse;
    Register => RegisterRequest, RegisterResponse;
    Revoke => RevokeRequest, RevokeResponse;
    RNGRetrieve => RNGRetrieveRequest, RNGRetrieveResponse;
    RNGSeed => RNGSeedRequest, RNGSeedResponse;
    SetAttribute => SetAttributeRequest, SetAttributeResponse;
    Sign => SignRequest, SignResponse;
    SignatureVerify => SignatureVerifyRequest, SignatureVerifyResponse;
    Validate => ValidateRequest, ValidateResponse;
}

/// What a Locate found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The objects, as many as were asked for.
    pub unique_identifiers: Vec<UniqueIdentifier>,
    /// How many match in all. Before 1.3 there is no such answer, and some servers give it only to those who page with an offset.
    pub located_items: Option<i32>,
}

/// The two halves of a key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The private key.
    pub private_key: UniqueIdentifier,
    /// The public key.
    pub public_key: UniqueIdentifier,
}

/// What a new key may be used for when nobody says otherwise.
fn default_usage(algorithm: CryptographicAlgorithm) -> CryptographicUsageMask {
    let hmac = [
        CryptographicAlgorithm::HMAC_SHA1,
        CryptographicAlgorithm::HMAC_SHA224,
        CryptographicAlgorithm::HMAC_SHA256,
        CryptographicAlgorithm::HMAC_SHA384,
        CryptographicAlgorithm::HMAC_SHA512,
        CryptographicAlgorithm::HMAC_MD5,
    ];
    if hmac.contains(&algorithm) {
        CryptographicUsageMask::MACGenerate | CryptographicUsageMask::MACVerify
    } else {
        CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt
    }
}

impl Client {
    /// Creates a symmetric key of `bits` bits. Without a usage mask in `attributes` it may encrypt and decrypt (HMAC keys: make and
    /// check codes).
    ///
    /// # Errors
    /// As [`Client::call`]; so all below.
    pub async fn create_symmetric_key(
        &mut self,
        algorithm: CryptographicAlgorithm,
        bits: i32,
        attributes: AttributeList,
    ) -> Result<UniqueIdentifier, Error> {
        let mut all = attributes.algorithm(algorithm).length(bits);
        if !all.has_usage() {
            all = all.usage(default_usage(algorithm));
        }
        let request = CreateRequest {
            object_type: ObjectType::SymmetricKey,
            attributes: all.template(self.version())?,
            protection_storage_masks: None,
        };
        Ok(self.call(&request).await?.unique_identifier)
    }

    /// Creates a key pair: attributes of both keys (algorithm and length or curve among them), of the private and of the public one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn create_key_pair(
        &mut self,
        common: AttributeList,
        private: AttributeList,
        public: AttributeList,
    ) -> Result<KeyPair, Error> {
        let version = self.version();
        let answer = self
            .call(&CreateKeyPairRequest {
                common_attributes: Some(common.template(version)?),
                private_key_attributes: Some(private.template(version)?),
                public_key_attributes: Some(public.template(version)?),
                common_protection_storage_masks: None,
                private_protection_storage_masks: None,
                public_protection_storage_masks: None,
            })
            .await?;
        Ok(KeyPair { private_key: answer.private_key_unique_identifier, public_key: answer.public_key_unique_identifier })
    }

    /// Registers an object.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn register(&mut self, object: ManagedObject, attributes: AttributeList) -> Result<UniqueIdentifier, Error> {
        let request = RegisterRequest {
            object_type: object.object_type(),
            attributes: attributes.template(self.version())?,
            object,
            protection_storage_masks: None,
        };
        Ok(self.call(&request).await?.unique_identifier)
    }

    /// Gets an object in the format it is stored in.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get(&mut self, identifier: &UniqueIdentifier) -> Result<ManagedObject, Error> {
        Ok(self.call(&get_request(identifier)).await?.object)
    }

    /// Finds the objects that have all of `attributes`; all of the caller's if there are none.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn locate(&mut self, attributes: AttributeList, maximum_items: Option<i32>) -> Result<Located, Error> {
        let request = LocateRequest {
            maximum_items,
            offset_items: None,
            storage_status_mask: None,
            object_group_member: None,
            object_class_mask: None,
            attributes: attributes.filters(self.version())?,
            template_attribute: None,
        };
        let answer = self.call(&request).await?;
        Ok(Located { unique_identifiers: answer.unique_identifiers, located_items: answer.located_items })
    }

    /// Reads attributes: those named, or all.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_attributes(
        &mut self,
        identifier: &UniqueIdentifier,
        references: &[AttributeReference],
    ) -> Result<Attributes, Error> {
        let request = GetAttributesRequest {
            unique_identifier: Some(identifier.clone().into()),
            attribute_references: references.to_vec(),
        };
        Ok(self.call(&request).await?.attributes)
    }

    /// The names of the attributes that an object has.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_attribute_list(&mut self, identifier: &UniqueIdentifier) -> Result<Vec<AttributeReference>, Error> {
        let request = GetAttributeListRequest { unique_identifier: Some(identifier.clone().into()) };
        Ok(self.call(&request).await?.attribute_references)
    }

    /// Adds a value of an attribute.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn add_attribute(&mut self, identifier: &UniqueIdentifier, attribute: Attribute) -> Result<(), Error> {
        check_attribute(&attribute, self.version())?;
        let request = AddAttributeRequest {
            unique_identifier: Some(identifier.clone().into()),
            current_attribute: None,
            new_attribute: Some(attribute.into()),
        };
        self.call(&request).await.map(drop)
    }

    /// Changes an attribute. Of several values, 1.x changes the one at `index`; 2.x names the value itself: then give it as `current`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn modify_attribute(
        &mut self,
        identifier: &UniqueIdentifier,
        attribute: Attribute,
        index: Option<i32>,
        current: Option<Attribute>,
    ) -> Result<(), Error> {
        check_attribute(&attribute, self.version())?;
        let request = ModifyAttributeRequest {
            unique_identifier: Some(identifier.clone().into()),
            current_attribute: current.map(AttributeInstance::from),
            new_attribute: AttributeInstance { index, attribute },
        };
        self.call(&request).await.map(drop)
    }

    /// Deletes an attribute. 1.x deletes the value at `index`; 2.x deletes the value `current`, or all values without one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn delete_attribute(
        &mut self,
        identifier: &UniqueIdentifier,
        reference: &AttributeReference,
        index: Option<i32>,
        current: Option<Attribute>,
    ) -> Result<(), Error> {
        // 2.x takes either the value or the name, 1.x only the name.
        let current = current.filter(|_| !self.version().is_1x());
        let request = DeleteAttributeRequest {
            unique_identifier: Some(identifier.clone().into()),
            attribute_reference: current.is_none().then(|| reference.clone()),
            current_attribute: current.map(AttributeInstance::from),
            attribute_index: index,
        };
        self.call(&request).await.map(drop)
    }

    /// Makes an object Active.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn activate(&mut self, identifier: &UniqueIdentifier) -> Result<(), Error> {
        self.call(&ActivateRequest { unique_identifier: Some(identifier.clone().into()) }).await.map(drop)
    }

    /// Revokes an object: it becomes Compromised if the reason is a compromise (then say since when), else Deactivated.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn revoke(
        &mut self,
        identifier: &UniqueIdentifier,
        reason: RevocationReasonCode,
        message: Option<&str>,
        compromised_since: Option<DateTime>,
    ) -> Result<(), Error> {
        let request = RevokeRequest {
            unique_identifier: Some(identifier.clone().into()),
            revocation_reason: Some(RevocationReason {
                revocation_reason_code: reason,
                revocation_message: message.map(ToOwned::to_owned),
            }),
            compromise_occurrence_date: compromised_since,
        };
        self.call(&request).await.map(drop)
    }

    /// Destroys the material of an object for good.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn destroy(&mut self, identifier: &UniqueIdentifier) -> Result<(), Error> {
        self.call(&DestroyRequest { unique_identifier: Some(identifier.clone().into()) }).await.map(drop)
    }

    /// Asks whether an object may be used so. The answer has the limits that are in the way; none if it may.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn check(
        &mut self,
        identifier: &UniqueIdentifier,
        usage: Option<CryptographicUsageMask>,
        usage_limits_count: Option<i64>,
    ) -> Result<CheckResponse, Error> {
        let request = CheckRequest {
            unique_identifier: Some(identifier.clone().into()),
            usage_limits_count,
            cryptographic_usage_mask: usage,
            lease_time: None,
        };
        self.call(&request).await
    }

    /// Asks the server what it is and can do.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn query(&mut self, functions: &[QueryFunction]) -> Result<QueryResponse, Error> {
        self.call(&QueryRequest { query_functions: functions.to_vec(), object_groups: None }).await
    }

    /// Begins or ends a test case, or resets what the caller stored (since 2.0; servers offer it in tests only).
    ///
    /// # Errors
    /// As [`Client::call`], and before 2.0.
    pub async fn interop(&mut self, function: InteropFunction, test_case: Option<&str>) -> Result<(), Error> {
        if self.version().is_1x() {
            return Err(Error::NotInVersion { what: "Interop".to_owned(), version: self.version() });
        }
        let request = InteropRequest { interop_function: function, interop_identifier: test_case.map(ToOwned::to_owned) };
        self.call(&request).await.map(drop)
    }
}

/// A Get of an object as it is stored.
pub(crate) fn get_request(identifier: &UniqueIdentifier) -> GetRequest {
    GetRequest {
        unique_identifier: Some(identifier.clone().into()),
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: None,
    }
}
