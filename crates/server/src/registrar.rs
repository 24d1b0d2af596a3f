//! New certificates for clients that connect with one, signed by the configured authority: Re-Provision (2.1, section 6.1.48).

use crate::admin::{CLIENT_DAYS, read_authority};
use crate::config::Config;
use crate::enrolment;
use crate::tls::{CurrentTrust, Trust};
use certs::{CertificateError, Validity};
use dispatcher::{NewKey, NotCertified, Registrar};
use policy::Actor;
use rustls::pki_types::CertificateDer;
use std::sync::{Arc, OnceLock};

/// The authority, as the engine sees it.
#[derive(Debug)]
pub struct ConfiguredAuthority {
    config: Config,
    /// What clients are judged by, once the server begins.
    trust: OnceLock<Arc<CurrentTrust>>,
}

/// How long a replaced certificate holds at most, in seconds; `None`: the configuration has none replaced, or none can be, which is
/// in the log.
#[must_use]
pub fn grace_s(config: &Config) -> Option<u64> {
    let authority = config.authority.as_ref().filter(|authority| authority.re_provision)?;
    match read_authority(config) {
        Ok(_) => Some(authority.re_provision_grace_s),
        Err(cause) => {
            tracing::warn!(%cause, "authority.re_provision: Re-Provision is not offered");
            None
        }
    }
}

impl ConfiguredAuthority {
    /// The authority of a configuration.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self { config, trust: OnceLock::new() }
    }

    /// Says by what clients are judged. Only the first call counts.
    pub fn begin(&self, trust: &Arc<CurrentTrust>) {
        let _ = self.trust.set(Arc::clone(trust));
    }

    fn trust(&self) -> Result<Arc<Trust>, NotCertified> {
        let trust = self.trust.get().ok_or_else(|| NotCertified::Failed("the server has not begun".to_owned()))?;
        Ok(trust.load())
    }
}

/// Who the client is, if its certificate still holds: it may have expired, or been revoked, since the client connected.
fn client(trust: &Trust, chain: &[Vec<u8>]) -> Result<Actor, NotCertified> {
    let certificates: Vec<CertificateDer<'_>> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    trust.judge(&certificates).map_err(|error| NotCertified::Client(error.to_string()))?;
    let certificate = certificates.first().ok_or_else(|| NotCertified::Client("there is no certificate".to_owned()))?;
    trust.identify(certificate).map_err(|error| NotCertified::Client(error.to_string()))
}

/// That a certificate will connect this client, with what the policy gives it. The authorities between it and those of
/// `tls.client_ca` may be those of the old one.
fn check_connects(trust: &Trust, actor: &Actor, chain: &[Vec<u8>], certificate: &[u8]) -> Result<(), String> {
    let authorities = chain.iter().skip(1).map(Vec::as_slice);
    let certificates: Vec<CertificateDer<'_>> =
        std::iter::once(certificate).chain(authorities).map(CertificateDer::from).collect();
    trust.judge(&certificates).map_err(|error| format!("the server would not accept it: {error}"))?;
    match trust.identify(&CertificateDer::from(certificate)) {
        Ok(other) if other == *actor && other.standing.membership == actor.standing.membership => Ok(()),
        Ok(_) => Err("it names another client than the one that asks, or gives it other rights".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl Registrar for ConfiguredAuthority {
    fn certify(&self, chain: &[Vec<u8>], key: NewKey<'_>) -> Result<Vec<u8>, NotCertified> {
        let trust = self.trust()?;
        let actor = client(&trust, chain)?;
        let public_key = match key {
            NewKey::PublicKey(key) => key.to_vec(),
            NewKey::Request(request) => certs::proved_key(request).map_err(|error| NotCertified::Request(error.to_string()))?,
        };
        let authority = read_authority(&self.config).map_err(NotCertified::Failed)?;
        let earlier = chain.first().map_or(&[][..], Vec::as_slice);
        let (certificate, pem) =
            authority.renew(earlier, &public_key, Validity::days(CLIENT_DAYS)).map_err(|error| match error {
                CertificateError::Request(_) => NotCertified::Request(error.to_string()),
                CertificateError::Unreadable { .. } | CertificateError::Name { .. } => NotCertified::Client(error.to_string()),
                CertificateError::Failed { .. } => NotCertified::Failed(error.to_string()),
            })?;
        check_connects(&trust, &actor, chain, &certificate).map_err(NotCertified::Failed)?;
        if let Some(files) = &self.config.authority {
            enrolment::change(files, |register| register.note(&pem)).map_err(NotCertified::Failed)?;
        }
        let what = crate::tls::describe(&certificate);
        tracing::info!(actor = actor.name, certificate = what, "client certificate signed for Re-Provision");
        Ok(certificate)
    }

    fn admit(&self, chain: &[Vec<u8>], certificate: &[u8]) -> Result<(), NotCertified> {
        let trust = self.trust()?;
        let actor = client(&trust, chain)?;
        check_connects(&trust, &actor, chain, certificate).map_err(NotCertified::Request)
    }
}
