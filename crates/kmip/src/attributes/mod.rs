//! The attributes of KMIP 1.0 to 3.0, one row each, in alphabetical order.
//!
//! The columns are the rows of the rule table that the standard prints under every attribute, in the wording of the newest
//! version that has the attribute (1.4, section 3; 2.1, section 4). Where versions differ, the dispatcher says so at the place.

use crate::attribute::attributes;
use crate::codec::{ByteString, DateTime, Interval};
use crate::enumerations::*;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::masks::{CryptographicUsageMask, ProtectionStorageMask};
use crate::object::ObjectTypes;
use crate::structures::*;

attributes! {
    ActivationDate(DateTime) => activation_date, V1_0.., {
        always_has_value: false, set_by: Either, server_modifies: WhilePreActive,
        client_modifies: WhilePreActive, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Activate, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    AlternativeName(AlternativeName) => alternative_name, V1_2.., {
        always_has_value: false, set_by: Client, server_modifies: WhileAbsent,
        client_modifies: Yes, client_deletes: Yes, instances: Many,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    AlwaysSensitive(bool) => always_sensitive, V1_4.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    ApplicationSpecificInformation(ApplicationSpecificInformation) => application_specific_information, V1_0.., {
        always_has_value: false, set_by: Either, server_modifies: WhileAbsent,
        client_modifies: Yes, client_deletes: Yes, instances: Many,
        implicitly_set_by: [ReKey, ReKeyKeyPair, ReCertify], applies_to: ObjectTypes::ALL
    };
    ArchiveDate(DateTime) => archive_date, V1_0.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Archive], applies_to: ObjectTypes::ALL
    };
    CertificateSubjectCN(String) => certificate_subject_cn, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectO(String) => certificate_subject_o, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectOU(String) => certificate_subject_ou, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectEmail(String) => certificate_subject_email, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectC(String) => certificate_subject_c, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectST(String) => certificate_subject_st, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectL(String) => certificate_subject_l, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectUID(String) => certificate_subject_uid, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectSerialNumber(String) => certificate_subject_serial_number, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectTitle(String) => certificate_subject_title, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectDC(String) => certificate_subject_dc, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectDNQualifier(String) => certificate_subject_dn_qualifier, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerCN(String) => certificate_issuer_cn, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerO(String) => certificate_issuer_o, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerOU(String) => certificate_issuer_ou, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerEmail(String) => certificate_issuer_email, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerC(String) => certificate_issuer_c, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerST(String) => certificate_issuer_st, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerL(String) => certificate_issuer_l, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerUID(String) => certificate_issuer_uid, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerSerialNumber(String) => certificate_issuer_serial_number, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerTitle(String) => certificate_issuer_title, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerDC(String) => certificate_issuer_dc, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerDNQualifier(String) => certificate_issuer_dn_qualifier, V1_4.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateSubjectDN(String) => certificate_subject_dn, V3_0.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuerDN(String) => certificate_issuer_dn, V3_0.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIdentifier(CertificateIdentifier) => certificate_identifier, V1_0..V2_0, {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateIssuer(CertificateIssuer) => certificate_issuer, V1_0..V2_0, {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateLength(i32) => certificate_length, V1_1.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateLink(ObjectReference) => certificate_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    CertificateRequestLink(ObjectReference) => certificate_request_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    CertificateSubject(CertificateSubject) => certificate_subject, V1_0..V2_0, {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertificateType(CertificateType) => certificate_type, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    CertifyCounter(i64) => certify_counter, V3_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, Register, Import], applies_to: ObjectTypes::ALL
    };
    ChildLink(ObjectReference) => child_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    Comment(String) => comment, V1_4.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    CompromiseDate(DateTime) => compromise_date, V1_0.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Revoke], applies_to: ObjectTypes::ALL
    };
    CompromiseOccurrenceDate(DateTime) => compromise_occurrence_date, V1_0.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Revoke], applies_to: ObjectTypes::ALL
    };
    ContactInformation(String) => contact_information, V1_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    CredentialLink(ObjectReference) => credential_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    CredentialType(CredentialType) => credential_type, V3_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    CryptographicAlgorithm(CryptographicAlgorithm) => cryptographic_algorithm, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Certify, Create, CreateKeyPair, ReCertify, Register, DeriveKey, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    CryptographicDomainParameters(CryptographicDomainParameters) => cryptographic_domain_parameters, V1_0.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [ReKey, ReKeyKeyPair], applies_to: ObjectTypes::PUBLIC_KEY.or(ObjectTypes::PRIVATE_KEY)
    };
    CryptographicLength(i32) => cryptographic_length, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Certify, Create, CreateKeyPair, ReCertify, Register, DeriveKey, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    CryptographicParameters(CryptographicParameters) => cryptographic_parameters, V1_0.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: Yes, client_deletes: Yes, instances: Many,
        implicitly_set_by: [ReKey, ReKeyKeyPair, ReCertify], applies_to: ObjectTypes::ALL
    };
    CryptographicUsageMask(CryptographicUsageMask) => cryptographic_usage_mask, V1_0.., {
        always_has_value: true, set_by: Either, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    DeactivationDate(DateTime) => deactivation_date, V1_0.., {
        always_has_value: false, set_by: Either, server_modifies: WhilePreActiveOrActive,
        client_modifies: WhilePreActiveOrActive, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, Deactivate, DeriveKey, Revoke, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    DeactivationReason(DeactivationReason) => deactivation_reason, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Deactivate], applies_to: ObjectTypes::ALL
    };
    DecryptCounter(i64) => decrypt_counter, V3_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, Register, Import], applies_to: ObjectTypes::ALL
    };
    DerivationObjectLink(ObjectReference) => derivation_object_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    DerivedObjectLink(ObjectReference) => derived_object_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    Description(String) => description, V1_4.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    DestroyDate(DateTime) => destroy_date, V1_0.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Destroy], applies_to: ObjectTypes::ALL
    };
    Digest(Digest) => digest, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    DigitalSignatureAlgorithm(DigitalSignatureAlgorithm) => digital_signature_algorithm, V1_1.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [Certify, ReCertify, Register], applies_to: ObjectTypes::CERTIFICATE.or(ObjectTypes::PGP_KEY)
    };
    EncryptCounter(i64) => encrypt_counter, V3_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, Register, Import], applies_to: ObjectTypes::ALL
    };
    Extractable(bool) => extractable, V1_4.., {
        always_has_value: true, set_by: Either, server_modifies: Yes,
        client_modifies: ToFalse, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    Fresh(bool) => fresh, V1_1.., {
        always_has_value: true, set_by: Either, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    GroupLink(ObjectReference) => group_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    InitialDate(DateTime) => initial_date, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    JoinedSplitKeyPartsLink(ObjectReference) => joined_split_key_parts_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    KeyFormatType(KeyFormatType) => key_format_type, V2_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    KeyPartIdentifier(i32) => key_part_identifier, V3_0.., {
        always_has_value: true, set_by: Client, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [CreateSplitKey], applies_to: ObjectTypes::SPLIT_KEY
    };
    KeyValueLocation(KeyValueLocation) => key_value_location, V1_2.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: Yes, client_deletes: Yes, instances: Many,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    KeyValuePresent(bool) => key_value_present, V1_2.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    LastChangeDate(DateTime) => last_change_date, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Activate, Deactivate, Revoke, Destroy, Archive, Recover, Certify, ReCertify, ReKey, ReKeyKeyPair, AddAttribute, ModifyAttribute, DeleteAttribute, GetUsageAllocation], applies_to: ObjectTypes::ALL
    };
    LeaseTime(Interval) => lease_time, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    Link(Link) => link, V1_0..V3_0, {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: Many,
        implicitly_set_by: [CreateKeyPair, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair, Register], applies_to: ObjectTypes::ALL
    };
    NISTKeyType(NISTKeyType) => nist_key_type, V2_0.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: Many,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    NISTSecurityCategory(i32) => nist_security_category, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    Name(Name) => name, V1_0.., {
        always_has_value: false, set_by: Client, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: Many,
        implicitly_set_by: [ReKey, ReKeyKeyPair, ReCertify], applies_to: ObjectTypes::ALL
    };
    NeverExtractable(bool) => never_extractable, V1_4.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    NextLink(ObjectReference) => next_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    OTPCounter(ByteString) => otp_counter, V3_0.., {
        always_has_value: false, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    ObjectClass(ObjectClass) => object_class, V3_0.., {
        always_has_value: true, set_by: Either, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    ObjectGroup(String) => object_group, V1_0..V3_0, {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: Many,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    ObjectType(ObjectType) => object_type, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    OpaqueDataType(OpaqueDataType) => opaque_data_type, V2_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::OPAQUE_OBJECT
    };
    OperationPolicyName(String) => operation_policy_name, V1_0..V2_0, {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    OriginalCreationDate(DateTime) => original_creation_date, V1_2.., {
        always_has_value: false, set_by: Either, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, DeriveKey, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    PKCS_12CertificateLink(ObjectReference) => pkcs12_certificate_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    PKCS_12FriendlyName(String) => pkcs12_friendly_name, V1_4.., {
        always_has_value: false, set_by: Either, server_modifies: No,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    PKCS_12PasswordLink(ObjectReference) => pkcs12_password_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    ParentLink(ObjectReference) => parent_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    PasswordLink(ObjectReference) => password_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    PreviousLink(ObjectReference) => previous_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    PrivateKeyLink(ObjectReference) => private_key_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    ProcessStartDate(DateTime) => process_start_date, V1_0.., {
        always_has_value: false, set_by: Either, server_modifies: UntilReached,
        client_modifies: UntilReached, client_deletes: No, instances: One,
        implicitly_set_by: [Create, Register, DeriveKey, ReKey], applies_to: ObjectTypes::ALL
    };
    ProtectStopDate(DateTime) => protect_stop_date, V1_0.., {
        always_has_value: false, set_by: Either, server_modifies: UntilReached,
        client_modifies: UntilReached, client_deletes: No, instances: One,
        implicitly_set_by: [Create, Register, DeriveKey, ReKey], applies_to: ObjectTypes::ALL
    };
    ProtectionLevel(ProtectionLevel) => protection_level, V2_0.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    ProtectionPeriod(Interval) => protection_period, V2_0.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    ProtectionStorageMask(ProtectionStorageMask) => protection_storage_mask, V2_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    PublicKeyLink(ObjectReference) => public_key_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    QuantumSafe(bool) => quantum_safe, V2_0.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    RandomNumberGenerator(RNGParameters) => random_number_generator, V1_3.., {
        always_has_value: false, set_by: Either, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, DeriveKey, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    ReplacedObjectLink(ObjectReference) => replaced_object_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    ReplacementObjectLink(ObjectReference) => replacement_object_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    RevocationReason(RevocationReason) => revocation_reason, V1_0.., {
        always_has_value: false, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Revoke], applies_to: ObjectTypes::ALL
    };
    RotateAutomatic(bool) => rotate_automatic, V2_1.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    RotateDate(DateTime) => rotate_date, V2_1.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    RotateGeneration(i32) => rotate_generation, V2_1.., {
        always_has_value: false, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    RotateInterval(Interval) => rotate_interval, V2_1.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    RotateLatest(bool) => rotate_latest, V2_1.., {
        always_has_value: false, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    RotateName(RotateName) => rotate_name, V2_1.., {
        always_has_value: false, set_by: Client, server_modifies: No,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    RotateOffset(Interval) => rotate_offset, V2_1.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    Sensitive(bool) => sensitive, V1_4.., {
        always_has_value: true, set_by: Either, server_modifies: Yes,
        client_modifies: ToTrue, client_deletes: No, instances: One,
        implicitly_set_by: [], applies_to: ObjectTypes::ALL
    };
    ShortUniqueIdentifier(ByteString) => short_unique_identifier, V2_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    SignCounter(i64) => sign_counter, V3_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, Register, Import], applies_to: ObjectTypes::ALL
    };
    SignatureVerifyCounter(i64) => signature_verify_counter, V3_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, Register, Import], applies_to: ObjectTypes::ALL
    };
    SplitKeyBaseLink(ObjectReference) => split_key_base_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    SplitKeyMethod(SplitKeyMethod) => split_key_method, V3_0.., {
        always_has_value: true, set_by: Client, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [CreateSplitKey], applies_to: ObjectTypes::SPLIT_KEY
    };
    SplitKeyParts(i32) => split_key_parts, V3_0.., {
        always_has_value: true, set_by: Client, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [CreateSplitKey], applies_to: ObjectTypes::SPLIT_KEY
    };
    SplitKeyPolynomial(SplitKeyPolynomial) => split_key_polynomial, V3_0.., {
        always_has_value: true, set_by: Client, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [CreateSplitKey, JoinSplitKey], applies_to: ObjectTypes::ALL
    };
    SplitKeyThreshold(i32) => split_key_threshold, V3_0.., {
        always_has_value: true, set_by: Client, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [CreateSplitKey], applies_to: ObjectTypes::SPLIT_KEY
    };
    State(State) => state, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: Yes,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Activate, Deactivate, Revoke, Destroy, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    UniqueIdentifier(UniqueIdentifier) => unique_identifier, V1_0.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair], applies_to: ObjectTypes::ALL
    };
    UsageLimits(UsageLimits) => usage_limits, V1_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: UntilAllocated, client_deletes: UntilAllocated, instances: One,
        implicitly_set_by: [Create, CreateKeyPair, Register, DeriveKey, ReKey, ReKeyKeyPair, GetUsageAllocation], applies_to: ObjectTypes::ALL
    };
    WrappingKeyLink(ObjectReference) => wrapping_key_link, V3_0.., {
        always_has_value: false, set_by: Either, server_modifies: Yes,
        client_modifies: Yes, client_deletes: Yes, instances: One,
        implicitly_set_by: [Register], applies_to: ObjectTypes::ALL
    };
    X_509CertificateIdentifier(X509CertificateIdentifier) => x509_certificate_identifier, V1_1.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    X_509CertificateIssuer(X509CertificateIssuer) => x509_certificate_issuer, V1_1.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
    X_509CertificateSubject(X509CertificateSubject) => x509_certificate_subject, V1_1.., {
        always_has_value: true, set_by: Server, server_modifies: No,
        client_modifies: No, client_deletes: No, instances: One,
        implicitly_set_by: [Register, Certify, ReCertify], applies_to: ObjectTypes::CERTIFICATE
    };
}
