//! The attributes that identify certificates and their subjects.

use crate::codec::ByteString;

structure! {
    /// Issuer and serial number (2.1, section 4.61).
    #[derive(Clone, Eq, Hash)]
    pub struct X509CertificateIdentifier {
        IssuerDistinguishedName => issuer_distinguished_name: ByteString, V1_1..;
        CertificateSerialNumber => certificate_serial_number: ByteString, V1_1..;
    }
}

structure! {
    /// The names of the issuer, in DER (2.1, section 4.62).
    #[derive(Clone, Eq, Hash)]
    pub struct X509CertificateIssuer {
        IssuerDistinguishedName => issuer_distinguished_name: ByteString, V1_1..;
        IssuerAlternativeName => issuer_alternative_names: Vec<ByteString>, V1_1..;
    }
}

structure! {
    /// The names of the subject, in DER (2.1, section 4.63).
    #[derive(Clone, Eq, Hash)]
    pub struct X509CertificateSubject {
        SubjectDistinguishedName => subject_distinguished_name: ByteString, V1_1..;
        SubjectAlternativeName => subject_alternative_names: Vec<ByteString>, V1_1..;
    }
}

structure! {
    /// Issuer and serial number as texts (1.0, section 3.9; deprecated since 1.1). PGP certificates have no serial number.
    #[derive(Clone, Eq, Hash)]
    pub struct CertificateIdentifier {
        Issuer => issuer: String, V1_0..V2_0;
        SerialNumber => serial_number: Option<String>, V1_0..V2_0;
    }
}

structure! {
    /// The names of the issuer as texts (1.0, section 3.11; deprecated since 1.1).
    #[derive(Clone, Eq, Hash)]
    pub struct CertificateIssuer {
        CertificateIssuerDistinguishedName => certificate_issuer_distinguished_name: String, V1_0..V2_0;
        CertificateIssuerAlternativeName => certificate_issuer_alternative_names: Vec<String>, V1_0..V2_0;
    }
}

structure! {
    /// The names of the subject as texts (1.0, section 3.10; deprecated since 1.1).
    #[derive(Clone, Eq, Hash)]
    pub struct CertificateSubject {
        CertificateSubjectDistinguishedName => certificate_subject_distinguished_name: String, V1_0..V2_0;
        CertificateSubjectAlternativeName => certificate_subject_alternative_names: Vec<String>, V1_0..V2_0;
    }
}
