//! What is known of a connection.

use std::sync::Arc;

use kmip::credential::Credential;
use policy::Actor;

use crate::attestation::Attesting;
use crate::channel::Channel;
use crate::replaced::LinkCredential;

/// A connection: who its certificate says the client is, and which credential it has proved.
pub struct Session {
    pub(crate) certificate_actor: Actor,
    pub(crate) peer: String,
    /// The credentials verified last, and whose they are: so that a client which sends them with every request pays for the
    /// slow password hash once. They die with the connection, and with any change of the users.
    verified: Vec<(Credential, Actor)>,
    /// The authenticator's generation under which all of them were verified.
    generation: u64,
    /// What is to be sent to the client, once the server has the client's role.
    pub(crate) channel: Option<Arc<Channel>>,
    /// The certificate itself, where there is one.
    pub(crate) link: Option<Arc<LinkCredential>>,
    /// Nonces, and what was attested.
    pub(crate) attesting: Attesting,
}

/// Credentials in one request, and remembered for a connection: each may cost a slow password hash. Clients send one or two.
pub(crate) const CREDENTIALS_MAX: usize = 4;

impl Session {
    /// A connection of `peer`, an address for the records, whose certificate names the actor.
    #[must_use]
    pub fn new(certificate_actor: Actor, peer: String) -> Self {
        let attesting = Attesting::default();
        Self { certificate_actor, peer, verified: Vec::new(), generation: 0, channel: None, link: None, attesting }
    }

    /// The same, with the certificate that the client connected with and those of its authorities that came with it, DER.
    #[must_use]
    pub fn with_certificate(mut self, chain: Vec<Vec<u8>>) -> Self {
        let fingerprint = chain.first().map(|certificate| crypto::sha256(certificate));
        self.link = fingerprint.map(|fingerprint| Arc::new(LinkCredential { chain, fingerprint }));
        self
    }

    /// Who the certificate says the client is.
    #[must_use]
    pub const fn certificate_actor(&self) -> &Actor {
        &self.certificate_actor
    }

    /// The policy gives the client something else from now on: the same client, so that what it has proved still holds.
    pub fn renew(&mut self, certificate_actor: Actor) {
        self.certificate_actor = certificate_actor;
    }

    /// Whose credential it is, if that was verified under this generation of users.
    pub(crate) fn remembered(&mut self, credential: &Credential, generation: u64) -> Option<Actor> {
        if self.generation != generation {
            self.verified.clear();
            self.generation = generation;
        }
        self.verified.iter().find(|(known, _)| known == credential).map(|(_, actor)| actor.clone())
    }

    /// Remembers a credential that was verified under this generation, in the place of the oldest if there are too many.
    pub(crate) fn remember(&mut self, credential: Credential, actor: Actor, generation: u64) {
        if self.generation != generation {
            return;
        }
        if self.verified.len() >= CREDENTIALS_MAX {
            self.verified.remove(0);
        }
        self.verified.push((credential, actor));
    }
}
