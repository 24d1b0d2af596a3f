//! From the bytes of a request to the bytes of its response.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use kmip::ProtocolVersion;
use kmip::codec::{ByteString, DateTime, Value as _};
use kmip::credential::{Authentication, Credential};
use kmip::enumerations::{BatchErrorContinuationOption, Enumeration as _, ResultStatus};
use kmip::message::{MessageError, MessageErrorKind, RequestMessage, ResponseHeader, VersionNumbers};
use kmip::result_reason::ResultReason;
use kmip::tag;
use policy::{Actor, Permission};
use store::{Store, Tenant};
use ttlv_codec::Writer;
use zeroize::Zeroizing;

use crate::asynchronous::Requests;
use crate::attestation::{Attested, Offer};
use crate::authorise::explain;
use crate::channel::Channels;
use crate::environment::{Environment, Refused, Settings};
use crate::error::{Error, Result};
use crate::replaced::{LinkCredential, Replaced};
use crate::response_memory::{ResponseHold, ResponseMemory};
use crate::rotation::Failures;
use crate::session::{CREDENTIALS_MAX, Session};
use crate::stream::Streams;
use crate::ticket::{Grant, Tickets};
use crate::view::View;

/// The versions the server speaks, the one it prefers first.
pub const OFFERED: [ProtocolVersion; 7] = [
    ProtocolVersion::V2_1,
    ProtocolVersion::V2_0,
    ProtocolVersion::V1_4,
    ProtocolVersion::V1_3,
    ProtocolVersion::V1_2,
    ProtocolVersion::V1_1,
    ProtocolVersion::V1_0,
];

/// The dispatcher: requests in, responses out. Shared by all connections.
pub struct Engine<S> {
    pub(crate) store: S,
    pub(crate) settings: Settings,
    pub(crate) environment: Environment,
    responses: Arc<ResponseMemory>,
    /// The results of accepted requests are bounded by the number of workers, not by what clients leave unread.
    pub(crate) kept_results: Arc<ResponseMemory>,
    pub(crate) asynchronous: Requests,
    pub(crate) tickets: Tickets,
    pub(crate) streams: Arc<Streams>,
    pub(crate) channels: Channels,
    pub(crate) rotation_failures: Failures,
    pub(crate) replaced: Replaced,
    /// Why nothing that releases key material is answered, if it is not.
    release_gate: Option<Box<ReleaseGate>>,
    /// What Server Correlation Values of this server begin with, and how many there were.
    correlation_start: OnceLock<u64>,
    requests: AtomicU64,
}

type ReleaseGate = dyn Fn() -> Option<String> + Send + Sync;

/// The answer to one request.
pub struct Response {
    /// The response message.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What happened to each batch item, for the log.
    pub items: Vec<ItemLog>,
    /// Whether the client and the server have lost each other, so that the connection is better closed.
    pub close: bool,
    /// The response's part of the memory of all responses: to be dropped when the client has taken it.
    pub hold: Option<ResponseHold>,
    /// Whether the client has the server's role on the connection once it has the response, and the server the client's (2.1,
    /// section 6.1.54).
    pub exchanges_roles: bool,
    /// What client and server call the request (2.1, sections 9.9 and 9.10), if the client called it anything: for the log.
    pub correlation: Option<Correlation>,
    /// Whether it offers the client a nonce to attest with.
    pub(crate) offers: bool,
}

/// What client and server call a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlation {
    /// The Client Correlation Value; empty if there was none. Whatever the client chose, at any length.
    pub client: String,
    /// The Server Correlation Value.
    pub server: String,
}

/// What happened to one batch item. Never holds key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemLog {
    /// The operation, or `None` where the message could not be read.
    pub operation: Option<&'static str>,
    /// Who asked.
    pub actor: String,
    /// The objects concerned, the first 16 of them.
    pub identifiers: Vec<String>,
    /// `Success`, or the Result Reason.
    pub result: &'static str,
    /// Why it failed, with what the client is not told.
    pub cause: Option<String>,
}

/// What a message says about all of its items.
pub(crate) struct Request<'a> {
    pub(crate) message: &'a RequestMessage<'a>,
    pub(crate) actor: Actor,
    /// What the ticket of the request allows, if it came with one.
    pub(crate) grant: Option<Arc<Grant>>,
    /// The authenticator's generation under which a credential proved who asks; `None`: the certificate did.
    pub(crate) proved_under: Option<u64>,
    pub(crate) peer: &'a str,
    /// The certificate of the connection, if who asks is the client that it names.
    pub(crate) link: Option<Arc<LinkCredential>>,
    /// What client and server call the request.
    pub(crate) correlation: Option<Correlation>,
    /// What the server proves to a client that showed a hashed password.
    pub(crate) server_hashed_password: Option<ByteString>,
    /// What the client is offered where it has to attest its platform; `None`: it has, or it cannot.
    pub(crate) offer: Option<Offer>,
    pub(crate) now_us: i64,
    pub(crate) maximum_response_size: usize,
    pub(crate) hold: ResponseHold,
    pub(crate) continuation: BatchErrorContinuationOption,
}

/// Who asks, by all credentials of a request.
struct Asker {
    actor: Actor,
    grant: Option<Arc<Grant>>,
    server_hashed_password: Option<ByteString>,
    /// What an attestation of the request has shown.
    attested: Option<Attested>,
}

impl Asker {
    const fn of(actor: Actor) -> Self {
        Self { actor, grant: None, server_hashed_password: None, attested: None }
    }
}

impl<S: Store> Engine<S> {
    /// An engine over a store.
    #[must_use]
    pub fn new(store: S, settings: Settings, environment: Environment) -> Self {
        let responses = ResponseMemory::new(settings.response_memory);
        Self {
            store,
            settings,
            environment,
            responses,
            kept_results: ResponseMemory::new(usize::MAX),
            asynchronous: Requests::default(),
            tickets: Tickets::default(),
            streams: Arc::default(),
            channels: Channels::default(),
            rotation_failures: Failures::default(),
            replaced: Replaced::default(),
            release_gate: None,
            correlation_start: OnceLock::new(),
            requests: AtomicU64::new(0),
        }
    }

    /// The store, for the server's own checks.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Why an actor may do something with an object of its tenant, or without one, or may not, in sentences. Nothing is done, and nothing
    /// recorded.
    ///
    /// # Errors
    /// When the object cannot be read.
    pub async fn explain(
        &self,
        actor: &Actor,
        permission: Permission,
        identifier: Option<&str>,
    ) -> std::result::Result<Vec<String>, String> {
        let now = self.environment.clock.now_us().div_euclid(1_000_000);
        let Some(identifier) = identifier else { return Ok(policy::explain_server(actor, permission, now)) };
        let view = View::new(&self.store, Tenant(actor.tenant));
        let object = view.load(&[identifier]).await.map_err(|error| error.to_string())?.pop().flatten();
        let Some(object) = object else { return Ok(vec!["absent: the tenant of the actor has no such object".to_owned()]) };
        Ok(explain(actor, permission, &object, now))
    }

    /// Refuses what releases key material as long as a function tells a cause: somewhere a record of it could not be kept.
    pub fn refuse_releases_while(&mut self, cause: impl Fn() -> Option<String> + Send + Sync + 'static) {
        self.release_gate = Some(Box::new(cause));
    }

    /// That key material may be released.
    ///
    /// # Errors
    /// General Failure, with a text that says what the operator of the server has to look at.
    pub(crate) fn check_release(&self) -> Result<()> {
        match self.release_gate.as_ref().and_then(|gate| gate()) {
            None => Ok(()),
            Some(cause) => {
                let text = "The audit trail of the server cannot be written; until it can, no key material is released";
                Err(Error::new(ResultReason::GeneralFailure, text).because(cause))
            }
        }
    }

    /// Answers one request.
    pub async fn handle(&self, session: &mut Session, request: &[u8]) -> Response {
        let now_us = self.environment.clock.now_us();
        match RequestMessage::read(request, &self.settings.limits, self.settings.batch_items) {
            Ok(message) if OFFERED.contains(&message.version) => self.answer(session, &message, now_us).await,
            Ok(message) => {
                let numbers = message.header.protocol_version;
                let error = MessageErrorKind::UnsupportedVersion(numbers);
                refuse(&MessageError { version: Some(numbers), error }, now_us, session.certificate_actor())
            }
            Err(error) => refuse(&error, now_us, session.certificate_actor()),
        }
    }

    async fn answer(&self, session: &mut Session, message: &RequestMessage<'_>, now_us: i64) -> Response {
        // Read before anything is verified: a change of the users meanwhile makes what was verified stale, never fresh.
        let generation = self.environment.authenticator.generation();
        let ended = self.check_link(session, now_us).await.err();
        let is_ended = ended.is_some();
        let asker = match (ended, &message.header.authentication) {
            (Some(error), _) => Err(error),
            (None, Some(authentication)) => self.authenticate(session, authentication, now_us, generation).await,
            (None, None) if self.needs_credential(&session.certificate_actor) => Err(credential_needed()),
            (None, None) => Ok(Asker::of(session.certificate_actor.clone())),
        };
        let (Asker { mut actor, grant, server_hashed_password, attested }, refused) = match asker {
            Ok(asker) => (asker, self.check_header(message, now_us).err()),
            Err(error) => (Asker::of(session.certificate_actor.clone()), Some(error)),
        };
        attested.into_iter().for_each(|attested| session.attesting.take_note(attested));
        // It is the platform behind this connection that is attested: not that of who obtained a ticket, or showed the credential earlier.
        actor.attested = attested.is_some() || self.is_attested(session, now_us);
        let offer = if actor.attested { None } else { self.offer(&session.certificate_actor, message, now_us) };
        let is_of_certificate = grant.is_none() && actor == session.certificate_actor;
        let continuation = message.header.batch_error_continuation_option.unwrap_or(BatchErrorContinuationOption::Stop);
        let asked_for = message.header.maximum_response_size.and_then(|size| usize::try_from(size).ok());
        let maximum_response_size = asked_for.map_or(self.settings.response_size, |size| size.min(self.settings.response_size));
        let request = Request {
            message,
            actor,
            grant,
            proved_under: message.header.authentication.as_ref().map(|_| generation),
            peer: &session.peer,
            link: session.link.clone().filter(|_| is_of_certificate),
            correlation: self.correlation(message),
            server_hashed_password,
            now_us,
            maximum_response_size: maximum_response_size.saturating_sub(offer.as_ref().map_or(0, Offer::size)),
            offer,
            continuation,
            hold: self.responses.begin(),
        };
        let response = match refused {
            Some(error) => self.refuse_items(&request, &error).await,
            None if self.is_asynchronous(&request) => self.accept(&request).await,
            None => self.run_batch(&request).await,
        };
        if response.offers {
            request.offer.into_iter().for_each(|offer| session.attesting.give(offer));
        }
        if response.exchanges_roles {
            session.channel = Some(self.channels.begin(request.actor, message.version, request.proved_under));
        }
        Response { hold: Some(request.hold), correlation: request.correlation, close: response.close || is_ended, ..response }
    }

    /// Whether the certificate alone does not do.
    fn needs_credential(&self, client: &Actor) -> bool {
        self.settings.credential_required_for.iter().any(|name| name == "*" || *name == client.name)
    }

    /// What the request is called. A Server Correlation Value is given to those alone that use such values: there are clients of
    /// 1.4 and 2.0 that stop at one.
    fn correlation(&self, message: &RequestMessage<'_>) -> Option<Correlation> {
        let header = &message.header;
        let is_used = header.client_correlation_value.is_some() || header.server_correlation_value.is_some();
        is_used.then(|| Correlation {
            client: header.client_correlation_value.clone().unwrap_or_default(),
            server: self.server_correlation(),
        })
    }

    /// A Server Correlation Value that no other request has, of this server or another.
    pub(crate) fn server_correlation(&self) -> String {
        let start = self.correlation_start.get_or_init(|| {
            let mut bytes = [0; 8];
            // Without random bytes, the time must do.
            let filled = catch_unwind(AssertUnwindSafe(|| self.environment.random.fill(&mut bytes).is_ok())).unwrap_or(false);
            if filled { u64::from_be_bytes(bytes) } else { self.environment.clock.now_us().cast_unsigned() }
        });
        format!("{start:016x}-{:x}", self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// What a header may ask for that the server cannot do, or that cannot be right.
    fn check_header(&self, message: &RequestMessage<'_>, now_us: i64) -> Result<()> {
        let header = &message.header;
        // 1.x spells it as a Boolean, which has no unknown value.
        if header.asynchronous_indicator.is_some_and(|preference| !preference.0.known_in(ProtocolVersion::V2_1)) {
            return Err(Error::invalid_field("Asynchronous Indicator has an unknown value"));
        }
        // Vendors' extensions are unknown here: a critical one stops the message as a whole (2.1, section 9.13).
        let mut extensions = message.items.iter().flat_map(|item| &item.message_extensions);
        if extensions.any(|extension| extension.criticality_indicator) {
            let text = "The server does not know a critical Message Extension";
            return Err(Error::new(ResultReason::UnknownMessageExtension, text));
        }
        if header.maximum_response_size.is_some_and(|size| size <= 0) {
            return Err(Error::invalid_field("Maximum Response Size must be positive"));
        }
        if let (Some(DateTime(time)), Some(tolerance)) = (header.time_stamp, self.settings.time_stamp_tolerance_s)
            && time.abs_diff(now_us.div_euclid(1_000_000)) > tolerance
        {
            return Err(Error::new(ResultReason::InvalidMessage, "Time Stamp is too far from the time of the server"));
        }
        if header.batch_error_continuation_option.is_some_and(|option| !option.known_in(message.version)) {
            return Err(Error::invalid_field("Batch Error Continuation Option has an unknown value"));
        }
        Ok(())
    }

    /// Verifies every credential. All must be good, and of one user.
    async fn authenticate(
        &self,
        session: &mut Session,
        authentication: &Authentication,
        now_us: i64,
        generation: u64,
    ) -> Result<Asker> {
        let refused = || Error::new(ResultReason::AuthenticationNotSuccessful, "The credential could not be verified");
        if authentication.credentials.len() > CREDENTIALS_MAX {
            let text = format!("A request can have at most {CREDENTIALS_MAX} credentials");
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        let authenticator = &self.environment.authenticator;
        let mut actor: Option<Actor> = None;
        let mut grant = None;
        let mut server_hashed_password = None;
        let mut attested = None;
        for credential in &authentication.credentials {
            let proved = match (credential, session.remembered(credential, generation)) {
                // A ticket is looked at each time: it can expire, be used up, or be given back over another connection.
                (Credential::Ticket(credential), _) => {
                    if grant.is_some() {
                        return Err(refused().because("the request has several tickets"));
                    }
                    let (actor, allowed) =
                        self.tickets.begin_request(&credential.ticket, &session.certificate_actor, now_us, generation)?;
                    grant = Some(allowed);
                    actor
                }
                // It says what the client's platform is, not who asks.
                (Credential::Attestation(attestation), _) => {
                    attested = Some(self.attest(session, attestation, now_us)?);
                    continue;
                }
                (_, Some(actor)) => actor,
                (_, None) => {
                    if matches!(credential, Credential::HashedPassword(_)) && server_hashed_password.is_some() {
                        return Err(refused().because("the request has several hashed passwords, and the response one answer"));
                    }
                    let told = |refusal: Refused| match refusal.told {
                        Some(told) => Error::new(ResultReason::AuthenticationNotSuccessful, told).because(refusal.cause),
                        None => refused().because(refusal.cause),
                    };
                    let proved =
                        authenticator.verify(&session.certificate_actor, &session.peer, credential).await.map_err(told)?;
                    server_hashed_password = server_hashed_password.or(proved.server_hashed_password.map(ByteString));
                    let actor = authenticator.user(&session.certificate_actor, proved.name).map_err(told)?;
                    // What it knows, beside what it has: the key of its certificate.
                    let actor = Actor { second_factor: true, ..actor };
                    // A one-time password, and a hashed one, prove once: whoever goes on uses Login, or the next one.
                    if !matches!(credential, Credential::OneTimePassword(_) | Credential::HashedPassword(_)) {
                        session.remember(credential.clone(), actor.clone(), generation);
                    }
                    actor
                }
            };
            if actor.as_ref().is_some_and(|earlier| *earlier != proved) {
                return Err(refused().because("the credentials of the request belong to different users"));
            }
            actor = Some(proved);
        }
        let actor = match actor {
            Some(actor) => actor,
            None if attested.is_none() => return Err(refused().because("Authentication holds no credential")),
            None if self.needs_credential(&session.certificate_actor) => return Err(credential_needed()),
            None => session.certificate_actor.clone(),
        };
        Ok(Asker { actor, grant, server_hashed_password, attested })
    }
}

/// A client that needs more than its certificate has no more.
fn credential_needed() -> Error {
    let text = "This client has to send a credential with its requests, beside its certificate";
    Error::new(ResultReason::AuthenticationNotSuccessful, text)
}

/// The header of a response.
pub(crate) fn response_header(
    version: VersionNumbers,
    now_us: i64,
    correlation: Option<&Correlation>,
    server_hashed_password: Option<ByteString>,
    batch_count: i32,
) -> ResponseHeader {
    ResponseHeader {
        protocol_version: version,
        time_stamp: DateTime(now_us.div_euclid(1_000_000)),
        nonce: None,
        server_hashed_password,
        attestation_types: Vec::new(),
        client_correlation_value: correlation.filter(|value| !value.client.is_empty()).map(|value| value.client.clone()),
        server_correlation_value: correlation.map(|value| value.server.clone()),
        batch_count: Some(batch_count),
    }
}

/// Writes the header of a response, as its version spells it.
pub(crate) fn write_header(writer: &mut Writer, header: &ResponseHeader) {
    let VersionNumbers { major, minor } = header.protocol_version;
    let spelling = ProtocolVersion::from_numbers(major, minor).unwrap_or(ProtocolVersion::V1_0);
    header.write(writer, tag::ResponseHeader, spelling);
}

/// The answer to a message that cannot be answered item by item: one item without an operation.
fn refuse(error: &MessageError, now_us: i64, actor: &Actor) -> Response {
    let (reason, close) = match error.error {
        MessageErrorKind::Decode(error) => (Error::from(error).reason, true),
        MessageErrorKind::UnsupportedVersion(_) => (ResultReason::UnsupportedProtocolVersion, false),
        MessageErrorKind::BatchCount { .. } => (ResultReason::InvalidMessage, false),
        MessageErrorKind::TooManyItems { .. } => (ResultReason::ServerLimitExceeded, false),
    };
    // The client's own version where the server speaks it, else the newest it speaks of that major version.
    let version = error.version.map_or(ProtocolVersion::V1_0, |numbers| {
        let same = OFFERED.into_iter().find(|version| version.numbers() == (numbers.major, numbers.minor));
        let close = || OFFERED.into_iter().find(|version| version.numbers().0 == numbers.major);
        same.or_else(close).unwrap_or(OFFERED[0])
    });
    let reason = reason.at(version);
    let mut writer = Writer::new();
    writer.structure(tag::ResponseMessage, |writer| {
        write_header(writer, &response_header(version.into(), now_us, None, None, 1));
        writer.structure(tag::BatchItem, |writer| {
            ResultStatus::OperationFailed.write(writer, tag::ResultStatus, version);
            reason.write(writer, tag::ResultReason, version);
            writer.text_string(tag::ResultMessage, &error.error.to_string());
        });
    });
    let item = ItemLog {
        operation: None,
        actor: actor.name.clone(),
        identifiers: Vec::new(),
        result: reason.name(version).unwrap_or("unknown reason"),
        cause: Some(error.error.to_string()),
    };
    Response {
        bytes: Zeroizing::new(writer.finish()),
        items: vec![item],
        close,
        hold: None,
        exchanges_roles: false,
        correlation: None,
        offers: false,
    }
}
