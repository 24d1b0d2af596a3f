//! What is known of a connection.

use kmip::credential::Credential;
use policy::Actor;

/// A connection: who its certificate says the client is, and which credential it has proved.
pub struct Session {
    pub(crate) certificate_actor: Actor,
    pub(crate) peer: String,
    /// The last credential that was verified, and whose it is: so that a client which sends it with every request pays for
    /// the slow password hash once. It dies with the connection.
    pub(crate) verified: Option<(Credential, Actor)>,
}

impl Session {
    /// A connection of `peer`, an address for the records, whose certificate names the actor.
    #[must_use]
    pub fn new(certificate_actor: Actor, peer: String) -> Self {
        Self { certificate_actor, peer, verified: None }
    }

    /// Who the certificate says the client is.
    #[must_use]
    pub const fn certificate_actor(&self) -> &Actor {
        &self.certificate_actor
    }
}
