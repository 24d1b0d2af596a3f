//! A certificate authority and the certificates it issues.

use crate::CertificateError;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, RsaKeySize, SanType,
    SerialNumber,
};
use std::net::IpAddr;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

/// How far back a certificate's start lies: a device whose clock is a little behind accepts it at once.
const CLOCK_TOLERANCE: Duration = Duration::hours(1);

/// Bytes of a serial number. RFC 5280 4.1.2.2 allows 20; 16 random ones never repeat in practice.
const SERIAL_LENGTH: usize = 16;

/// The kind of key a certificate is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256: small and fast, understood by every TLS 1.2 client of the last decade.
    #[default]
    EcdsaP256,
    /// RSA of 3,072 bits, for devices that know nothing else.
    Rsa3072,
}

impl KeyKind {
    fn generate(self) -> Result<KeyPair, CertificateError> {
        match self {
            Self::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072),
        }
        .map_err(CertificateError::failed("generate a key pair"))
    }
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The first moment.
    pub not_before: OffsetDateTime,
    /// The last moment.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// From a little before now for a number of days.
    #[must_use]
    pub fn days(days: u32) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { not_before: now - CLOCK_TOLERANCE, not_after: now + Duration::days(i64::from(days)) }
    }

    /// From days ago until the given number of seconds before now: for tests of expired certificates.
    #[must_use]
    pub fn ended(seconds_ago: u32) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { not_before: now - Duration::days(30), not_after: now - Duration::seconds(i64::from(seconds_ago)) }
    }

    /// From a little before now until the given number of seconds from now: for tests of certificates that run out.
    #[must_use]
    pub fn seconds(seconds: u32) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { not_before: now - CLOCK_TOLERANCE, not_after: now + Duration::seconds(i64::from(seconds)) }
    }
}

/// What a server's certificate says.
#[derive(Clone, Debug)]
pub struct ServerProfile {
    /// The names and addresses clients reach it by. The first is also the subject's common name (some clients read only that).
    pub hosts: Vec<String>,
    /// Where its revocation list is published, if anywhere. Some backup products insist on it.
    pub crl_uris: Vec<String>,
    /// The kind of its key.
    pub key: KeyKind,
    /// When it is valid.
    pub validity: Validity,
}

/// What a client's certificate says.
#[derive(Clone, Debug)]
pub struct ClientProfile {
    /// The subject's common name, by default the name of the actor.
    pub name: String,
    /// The subject's organizational units.
    pub organizational_units: Vec<String>,
    /// Alternative names: addresses, e-mail addresses, URIs and host names are told apart by their form.
    pub alternative_names: Vec<String>,
    /// Whether the certificate has the client purpose (extended key usage). Real devices come with and without it.
    pub purpose: bool,
    /// The kind of its key.
    pub key: KeyKind,
    /// When it is valid.
    pub validity: Validity,
}

impl ClientProfile {
    /// The usual client: a common name, the client purpose, P-256.
    #[must_use]
    pub fn named(name: &str, validity: Validity) -> Self {
        Self {
            name: name.to_owned(),
            organizational_units: Vec::new(),
            alternative_names: Vec::new(),
            purpose: true,
            key: KeyKind::default(),
            validity,
        }
    }
}

/// A certificate with its private key.
pub struct Issued {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The private key, PKCS#8 PEM.
    pub key_pem: Zeroizing<String>,
    /// The private key, PKCS#8 DER.
    pub key_der: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Issued").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// A signing request with the private key it was made with.
pub struct Requested {
    /// The request, PKCS#10 PEM.
    pub request_pem: String,
    /// The private key, PKCS#8 PEM.
    pub key_pem: Zeroizing<String>,
    /// The private key, PKCS#8 DER.
    pub key_der: Zeroizing<Vec<u8>>,
}

impl Requested {
    /// Puts the certificate an authority gave for the request beside its key.
    ///
    /// # Errors
    /// When the certificate is no PEM.
    pub fn complete(self, certificate_pem: String) -> Result<Issued, CertificateError> {
        let (_, block) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|cause| CertificateError::Unreadable { what: "the certificate", cause: cause.to_string() })?;
        Ok(Issued { certificate_pem, certificate_der: block.contents, key_pem: self.key_pem, key_der: self.key_der })
    }
}

impl std::fmt::Debug for Requested {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Requested").field("request_pem", &self.request_pem).finish_non_exhaustive()
    }
}

/// A revocation list.
#[derive(Clone, Debug)]
pub struct RevocationList {
    /// PEM.
    pub pem: String,
    /// DER.
    pub der: Vec<u8>,
}

/// A certificate authority that can sign.
pub struct Authority {
    certificate_pem: String,
    certificate_der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new self-signed authority.
    ///
    /// # Errors
    /// When the name cannot be encoded or no key can be generated.
    pub fn mint(common_name: &str, key: KeyKind, validity: Validity) -> Result<Self, CertificateError> {
        Self::mint_above(common_name, 0, key, validity)
    }

    /// Makes a new self-signed authority with as many levels of intermediate authorities below it.
    ///
    /// # Errors
    /// As [`Authority::mint`].
    pub fn mint_above(common_name: &str, levels: u8, key: KeyKind, validity: Validity) -> Result<Self, CertificateError> {
        let key_pair = key.generate()?;
        let params = authority_profile(common_name, levels, validity)?;
        let certificate = params.self_signed(&key_pair).map_err(CertificateError::failed("sign the authority"))?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key_pair),
        })
    }

    /// Makes an intermediate authority below this one, with none below it.
    ///
    /// # Errors
    /// As [`Authority::mint`].
    pub fn intermediate(&self, common_name: &str, key: KeyKind, validity: Validity) -> Result<Self, CertificateError> {
        let key_pair = key.generate()?;
        let params = authority_profile(common_name, 0, validity)?;
        let signed = params.signed_by(&key_pair, &self.issuer);
        let certificate = signed.map_err(CertificateError::failed("sign the intermediate authority"))?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key_pair),
        })
    }

    /// Reads an authority made before, from the PEM texts of its certificate and its key.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn read(certificate_pem: &str, key_pem: &str) -> Result<Self, CertificateError> {
        let unreadable = |what| move |cause: rcgen::Error| CertificateError::Unreadable { what, cause: cause.to_string() };
        let key_pair = KeyPair::from_pem(key_pem).map_err(unreadable("the authority's private key"))?;
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key_pair).map_err(unreadable("the authority's certificate"))?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|cause| CertificateError::Unreadable { what: "the authority's certificate", cause: cause.to_string() })?;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), certificate_der: pem.contents, issuer })
    }

    /// The authority's certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's certificate, DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// The authority's private key, PKCS#8 PEM.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    /// Issues a server's certificate.
    ///
    /// # Errors
    /// When there is no host or a name cannot be encoded.
    pub fn server(&self, profile: &ServerProfile) -> Result<Issued, CertificateError> {
        let Some(first) = profile.hosts.first() else {
            return Err(CertificateError::Name { name: String::new(), cause: "a server needs at least one name".to_owned() });
        };
        let mut params = self::profile(first, profile.validity)?;
        params.subject_alt_names = profile.hosts.iter().map(|host| alternative_name(host)).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if profile.key == KeyKind::Rsa3072 {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if !profile.crl_uris.is_empty() {
            params.crl_distribution_points = vec![CrlDistributionPoint { uris: profile.crl_uris.clone() }];
        }
        self.issue(&params, profile.key)
    }

    /// Issues a client's certificate.
    ///
    /// # Errors
    /// When a name cannot be encoded.
    pub fn client(&self, profile: &ClientProfile) -> Result<Issued, CertificateError> {
        let mut params = self::profile(&profile.name, profile.validity)?;
        for unit in &profile.organizational_units {
            params.distinguished_name.push(DnType::OrganizationalUnitName, unit.as_str());
        }
        params.subject_alt_names =
            profile.alternative_names.iter().map(|name| alternative_name(name)).collect::<Result<_, _>>()?;
        client_purpose(&mut params, profile.purpose);
        self.issue(&params, profile.key)
    }

    /// Signs a request made on a device as a client certificate and returns it as PEM. Subject, alternative names and public key
    /// are the request's; every other extension it asks for is ignored, so that a request can never become an authority.
    ///
    /// # Errors
    /// When the request cannot be read, does not prove possession of its key, or has no common name and none is given.
    pub fn sign_request(
        &self,
        request_pem: &str,
        name: Option<&str>,
        validity: Validity,
    ) -> Result<(String, String), CertificateError> {
        self.sign(crate::request::read(request_pem, name, true)?, validity)
    }

    /// The same, but with a common name alone: nothing else that the request asks for is in the certificate, neither the rest of its
    /// subject nor alternative names, since either may say whom a server takes the client for.
    ///
    /// # Errors
    /// As [`Authority::sign_request`].
    pub fn sign_key_of_request(
        &self,
        request_pem: &str,
        name: Option<&str>,
        validity: Validity,
    ) -> Result<(String, String), CertificateError> {
        self.sign(crate::request::read(request_pem, name, false)?, validity)
    }

    fn sign(&self, request: crate::request::Request, validity: Validity) -> Result<(String, String), CertificateError> {
        let mut params = self::profile(&request.common_name, validity)?;
        params.distinguished_name = request.subject;
        params.subject_alt_names = request.alternative_names;
        client_purpose(&mut params, true);
        let certificate =
            params.signed_by(&request.public_key, &self.issuer).map_err(CertificateError::failed("sign the request"))?;
        Ok((request.common_name, certificate.pem()))
    }

    /// Issues a client's certificate with the names of an earlier one, over another key. All is DER, and the new one is PEM, too; the key is a Subject
    /// Public Key Info. Whether the earlier one is of this authority is not asked.
    ///
    /// # Errors
    /// When the earlier certificate has no common name, or either cannot be read.
    pub fn renew(&self, earlier: &[u8], public_key: &[u8], validity: Validity) -> Result<(Vec<u8>, String), CertificateError> {
        let (common_name, subject, alternative_names) = crate::request::names(earlier)?;
        let mut params = self::profile(&common_name, validity)?;
        params.distinguished_name = subject;
        params.subject_alt_names = alternative_names;
        client_purpose(&mut params, true);
        let public_key = rcgen::SubjectPublicKeyInfo::from_der(public_key)
            .map_err(|cause| CertificateError::Request(format!("its public key is of no supported kind: {cause}")))?;
        let certificate =
            params.signed_by(&public_key, &self.issuer).map_err(CertificateError::failed("sign the certificate"))?;
        Ok((certificate.der().to_vec(), certificate.pem()))
    }

    /// Issues a revocation list over certificates, given as DER.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn revocation_list(&self, revoked: &[&[u8]], number: u64, days: u32) -> Result<RevocationList, CertificateError> {
        let now = OffsetDateTime::now_utc();
        let revoked = revoked.iter().map(|der| Ok(revocation(read_certificate(der)?.raw_serial(), now - CLOCK_TOLERANCE)));
        self.sign_list(revoked.collect::<Result<_, CertificateError>>()?, number, days)
    }

    /// Issues the list that follows `current` (DER; none: the first one) and also has this certificate, given as DER. Revoking what is
    /// revoked already changes nothing but the number.
    ///
    /// # Errors
    /// When the certificate is not one of this authority, or either cannot be read.
    pub fn revoke(&self, current: Option<&[u8]>, certificate: &[u8], days: u32) -> Result<RevocationList, CertificateError> {
        let unreadable = |cause: String| CertificateError::Unreadable { what: "the current revocation list", cause };
        let certificate = read_certificate(certificate)?;
        let own = read_certificate(&self.certificate_der)?;
        if certificate.verify_signature(Some(own.public_key())).is_err() {
            return Err(CertificateError::Request(format!(
                "the certificate of {} was not issued by {}",
                certificate.subject(),
                own.subject()
            )));
        }
        let mut revoked = Vec::new();
        let mut number = 0;
        if let Some(der) = current {
            let (_, list) = x509_parser::revocation_list::CertificateRevocationList::from_der(der)
                .map_err(|cause| unreadable(cause.to_string()))?;
            list.verify_signature(own.public_key()).map_err(|_| unreadable("it is of another authority".to_owned()))?;
            number = list.crl_number().and_then(|number| number.try_into().ok()).unwrap_or(0);
            let others = list.iter_revoked_certificates().filter(|entry| entry.raw_serial() != certificate.raw_serial());
            revoked.extend(others.map(|entry| revocation(entry.raw_serial(), entry.revocation_date.to_datetime())));
        }
        revoked.push(revocation(certificate.raw_serial(), OffsetDateTime::now_utc() - CLOCK_TOLERANCE));
        self.sign_list(revoked, number + 1, days)
    }

    fn sign_list(
        &self,
        revoked_certs: Vec<RevokedCertParams>,
        number: u64,
        days: u32,
    ) -> Result<RevocationList, CertificateError> {
        let now = OffsetDateTime::now_utc();
        let params = CertificateRevocationListParams {
            this_update: now - CLOCK_TOLERANCE,
            next_update: now + Duration::days(i64::from(days)),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).map_err(CertificateError::failed("sign the revocation list"))?;
        let pem = list.pem().map_err(CertificateError::failed("encode the revocation list"))?;
        Ok(RevocationList { pem, der: list.der().to_vec() })
    }

    /// Makes a key and a signing request for a client: for whoever must not see the authority's key, or must not show it theirs.
    ///
    /// # Errors
    /// When a name cannot be encoded.
    pub fn request(profile: &ClientProfile) -> Result<Requested, CertificateError> {
        let key_pair = profile.key.generate()?;
        let mut params = self::profile(&profile.name, profile.validity)?;
        for unit in &profile.organizational_units {
            params.distinguished_name.push(DnType::OrganizationalUnitName, unit.as_str());
        }
        params.subject_alt_names =
            profile.alternative_names.iter().map(|name| alternative_name(name)).collect::<Result<_, _>>()?;
        params.serial_number = None;
        params.use_authority_key_identifier_extension = false;
        let request = params.serialize_request(&key_pair).map_err(CertificateError::failed("sign the request"))?;
        Ok(Requested {
            request_pem: request.pem().map_err(CertificateError::failed("encode the request"))?,
            key_pem: Zeroizing::new(key_pair.serialize_pem()),
            key_der: Zeroizing::new(key_pair.serialize_der()),
        })
    }

    fn issue(&self, params: &CertificateParams, key: KeyKind) -> Result<Issued, CertificateError> {
        let key_pair = key.generate()?;
        let certificate = params.signed_by(&key_pair, &self.issuer).map_err(CertificateError::failed("sign the certificate"))?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            key_pem: Zeroizing::new(key_pair.serialize_pem()),
            key_der: Zeroizing::new(key_pair.serialize_der()),
        })
    }
}

fn read_certificate(der: &[u8]) -> Result<x509_parser::certificate::X509Certificate<'_>, CertificateError> {
    let read = x509_parser::certificate::X509Certificate::from_der(der);
    let read = read.map_err(|cause| CertificateError::Unreadable { what: "a certificate", cause: cause.to_string() })?;
    Ok(read.1)
}

fn revocation(serial: &[u8], at: OffsetDateTime) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: at,
        reason_code: None,
        invalidity_date: None,
    }
}

fn authority_profile(common_name: &str, levels: u8, validity: Validity) -> Result<CertificateParams, CertificateError> {
    let mut params = profile(common_name, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(levels));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// What all profiles share: a subject with a common name, a random serial number, the authority's key identifier.
fn profile(common_name: &str, validity: Validity) -> Result<CertificateParams, CertificateError> {
    if common_name.is_empty() || common_name.len() > 64 {
        // RFC 5280, appendix A.1, ub-common-name: longer ones are cut or refused by some TLS stacks.
        return Err(CertificateError::Name { name: common_name.to_owned(), cause: "it must have 1 to 64 bytes".to_owned() });
    }
    let mut serial = [0; SERIAL_LENGTH];
    aws_lc_rs::rand::fill(&mut serial)
        .map_err(|_| CertificateError::Failed { what: "draw a serial number", cause: "no random bytes".to_owned() })?;
    // The first bit makes the DER integer negative, a zero first byte would be dropped by some encoders.
    serial[0] = (serial[0] & 0x7F) | 0x40;
    let mut params = CertificateParams::default();
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn client_purpose(params: &mut CertificateParams, purpose: bool) {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = if purpose { vec![ExtendedKeyUsagePurpose::ClientAuth] } else { Vec::new() };
}

/// An alternative name by the form of its text: an address, an e-mail address, a URI, or else a host name.
fn alternative_name(text: &str) -> Result<SanType, CertificateError> {
    let ascii = |text: &str| {
        text.try_into().map_err(|cause: rcgen::Error| CertificateError::Name { name: text.to_owned(), cause: cause.to_string() })
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        Ok(SanType::IpAddress(address))
    } else if text.contains("://") || text.starts_with("urn:") {
        Ok(SanType::URI(ascii(text)?))
    } else if text.contains('@') {
        Ok(SanType::Rfc822Name(ascii(text)?))
    } else {
        Ok(SanType::DnsName(ascii(text)?))
    }
}
