//! Tickets: what Login gives out, and what a request with one may do (2.1, sections 6.1.12, 6.1.30, 6.1.31, 7.34 and 7.39).
//!
//! A ticket is a bearer's: whoever has it acts as the client that obtained it, as far as the ticket goes, over any connection
//! whose certificate is accepted. It is random, compared in constant time, and lives in the memory of the server alone: the
//! standard promises no more than the lease time, a use costs no write, and after a restart a client logs in again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::credential;
use kmip::enumerations::{TicketType, UsageLimitsUnit};
use kmip::identifier::ObjectReference;
use kmip::operation::Operation as Code;
use kmip::result_reason::ResultReason;
use kmip::structures::{Right, Rights, UsageLimits};
use policy::Actor;

use crate::batch::Run;
use crate::environment::TicketSettings;
use crate::error::{Error, Result};
use crate::object::StoredObject;

/// Rights in one Delegated Login, and names in one right: each request that uses the ticket looks through them.
const RIGHTS_MAX: usize = 64;
const NAMES_MAX: usize = 1_000;

/// What a ticket is found by: its first half, which is no secret.
pub(crate) type TicketIdentifier = [u8; 16];

/// Bytes of the half that proves it.
const PROOF_LENGTH: usize = 32;

/// A ticket that was given out.
pub(crate) struct Ticket {
    identifier: TicketIdentifier,
    proof: Secret,
    grant: Arc<Grant>,
}

/// What a ticket allows.
#[derive(Debug)]
pub(crate) struct Grant {
    actor: Actor,
    expires_us: i64,
    /// The authenticator's generation under which a credential proved the actor; `None`: the certificate did.
    proved_under: Option<u64>,
    /// What it may be used for; `None`: all that the actor may do.
    rights: Option<Vec<Allowance>>,
    left: Mutex<Left>,
}

/// A right, without its limit.
#[derive(Debug)]
struct Allowance {
    operations: Option<Vec<Code>>,
    objects: Option<Vec<String>>,
    object_groups: Option<Vec<String>>,
}

/// What is left of the limits; `None`: no limit.
#[derive(Debug)]
struct Left {
    requests: Option<i64>,
    operations: Option<i64>,
    /// Of each right.
    rights: Vec<Option<i64>>,
}

/// The ticket's rights do not reach so far.
pub(crate) fn not_authorised() -> Error {
    Error::new(ResultReason::NotAuthorised, "The ticket does not allow this")
}

fn used_up() -> Error {
    Error::new(ResultReason::UsageLimitExceeded, "The ticket has been used as often as it may be")
}

fn invalid() -> Error {
    Error::new(ResultReason::InvalidTicket, "The ticket is not valid, or not any more")
}

impl Grant {
    /// Whether the ticket is limited to some operations, or to a number of them.
    pub(crate) fn is_restricted(&self) -> bool {
        self.rights.is_some() || self.left().operations.is_some()
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a right mentions an operation.
    ///
    /// # Errors
    /// Not Authorised.
    pub(crate) fn check_operation(&self, operation: Code) -> Result<()> {
        match &self.rights {
            Some(rights) if !rights.iter().any(|right| right.names(operation)) => Err(not_authorised()),
            _ => Ok(()),
        }
    }

    /// Takes one operation on what is no object from what is left. A right to some objects does not reach it: a request that was
    /// accepted earlier may have been for any.
    ///
    /// # Errors
    /// As [`Grant::charge`].
    pub(crate) fn charge_without_object(&self, charge: &mut Charge, operation: Code) -> Result<()> {
        self.charge_where(charge, |_, right| right.names(operation) && right.objects.is_none() && right.object_groups.is_none())
    }

    /// Takes one operation on some objects, with some keys, from what is left, unless it was taken before. Returns the rights that reach them all.
    ///
    /// # Errors
    /// Not Authorised, if no one right reaches all of the objects; Usage Limit Exceeded, if nothing is left of those that do.
    pub(crate) fn charge<'o>(
        &self,
        charge: &mut Charge,
        operation: Code,
        objects: impl Iterator<Item = &'o StoredObject> + Clone,
    ) -> Result<Reaching> {
        let reaches = |right: &Allowance| right.names(operation) && objects.clone().all(|object| right.reaches(object));
        self.charge_where(charge, |_, right| reaches(right))?;
        let rights = self.rights.iter().flatten().enumerate();
        Ok(Reaching(rights.filter(|(_, right)| reaches(right)).map(|(number, _)| number).collect()))
    }

    /// The operation makes new objects: what was taken from a right that does not reach them is taken from one that does, among
    /// those that reach what it began with.
    ///
    /// # Errors
    /// As [`Grant::charge`].
    pub(crate) fn charge_new<'o>(
        &self,
        charge: &mut Charge,
        reaching: &Reaching,
        objects: impl Iterator<Item = &'o StoredObject> + Clone,
    ) -> Result<()> {
        let charged = self.charge_where(charge, |number, right| {
            reaching.0.contains(&number) && objects.clone().all(|object| right.reaches(object))
        });
        if charged.is_err() {
            // What it was taken from is not what the request needed.
            Self::give_back(&mut self.left(), charge);
        }
        charged
    }

    fn give_back(left: &mut Left, charge: &mut Charge) {
        for number in charge.rights.drain(..) {
            left.rights[number] = left.rights[number].map(|left| left.saturating_add(1));
        }
    }

    /// Takes one operation from each right that a search may go by: which of them lead to something, nobody knows before. The
    /// search sees what these rights reach ([`Allowed::of_search`]).
    ///
    /// # Errors
    /// Not Authorised, or Usage Limit Exceeded.
    pub(crate) fn charge_search(&self, charge: &mut Charge, operation: Code) -> Result<Searching> {
        if charge.taken {
            return Ok(Searching(charge.rights.clone()));
        }
        let mut left = self.left();
        if left.operations == Some(0) {
            return Err(used_up());
        }
        if let Some(rights) = &self.rights {
            let naming: Vec<usize> = (0..rights.len()).filter(|number| rights[*number].names(operation)).collect();
            if naming.is_empty() {
                return Err(not_authorised());
            }
            charge.rights = naming.into_iter().filter(|number| left.rights[*number] != Some(0)).collect();
            if charge.rights.is_empty() {
                return Err(used_up());
            }
            charge.rights.iter().for_each(|number| take_one(&mut left.rights[*number]));
        }
        take_one(&mut left.operations);
        charge.taken = true;
        Ok(Searching(charge.rights.clone()))
    }

    fn charge_where(&self, charge: &mut Charge, fits: impl Fn(usize, &Allowance) -> bool) -> Result<()> {
        let mut left = self.left();
        if !charge.taken && left.operations == Some(0) {
            return Err(used_up());
        }
        if let Some(rights) = &self.rights {
            let fitting: Vec<usize> = (0..rights.len()).filter(|number| fits(*number, &rights[*number])).collect();
            if fitting.is_empty() {
                return Err(not_authorised());
            }
            if !charge.rights.iter().any(|number| fitting.contains(number)) {
                let number = fitting.into_iter().find(|number| left.rights[*number] != Some(0)).ok_or_else(used_up)?;
                Self::give_back(&mut left, charge);
                take_one(&mut left.rights[number]);
                charge.rights.push(number);
            }
        }
        if !std::mem::replace(&mut charge.taken, true) {
            take_one(&mut left.operations);
        }
        Ok(())
    }
}

/// What one item has taken from a ticket: once, however often its changes collide with others'.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    taken: bool,
    /// The rights it was taken from.
    rights: Vec<usize>,
}

/// The rights of a ticket that reach all objects an operation begins with.
#[derive(Debug, Default)]
pub(crate) struct Reaching(Vec<usize>);

/// The rights that a search was charged to.
pub(crate) struct Searching(Vec<usize>);

/// What a ticket allows one item.
#[derive(Clone, Copy)]
pub(crate) struct Allowed<'a> {
    grant: &'a Grant,
    operation: Code,
    /// The only rights that count: those that a search was charged to.
    charged: Option<&'a [usize]>,
}

impl<'a> Allowed<'a> {
    /// What a ticket allows an operation.
    pub(crate) const fn new(grant: &'a Grant, operation: Code) -> Self {
        Self { grant, operation, charged: None }
    }

    /// The same, as far as a search was charged for it.
    pub(crate) fn of_search(self, charged: &'a Searching) -> Self {
        Self { charged: Some(&charged.0), ..self }
    }

    /// Whether a right reaches an object.
    pub(crate) fn permits(&self, object: &StoredObject) -> bool {
        let Some(rights) = &self.grant.rights else { return true };
        let counts = |number: usize| self.charged.is_none_or(|charged| charged.contains(&number));
        let mut rights = rights.iter().enumerate();
        rights.any(|(number, right)| counts(number) && right.names(self.operation) && right.reaches(object))
    }
}

fn take_one(left: &mut Option<i64>) {
    if let Some(left) = left {
        *left = left.saturating_sub(1).max(0);
    }
}

impl Allowance {
    fn names(&self, operation: Code) -> bool {
        self.operations.as_ref().is_none_or(|operations| operations.contains(&operation))
    }

    fn reaches(&self, object: &StoredObject) -> bool {
        let in_group = |groups: &Vec<String>| {
            object.attributes().any(|attribute| matches!(attribute, Attribute::ObjectGroup(group) if groups.contains(group)))
        };
        self.objects.as_ref().is_none_or(|objects| objects.contains(&object.identifier))
            && self.object_groups.as_ref().is_none_or(in_group)
    }
}

/// What Login and Delegated Login ask for.
pub(crate) struct Wish {
    /// How long, in seconds.
    pub(crate) lease_time_s: Option<u32>,
    pub(crate) request_count: Option<i32>,
    pub(crate) usage_limits: Option<UsageLimits>,
    pub(crate) rights: Option<Rights>,
}

/// All tickets.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<TicketIdentifier, Ticket>>);

impl Tickets {
    fn tickets(&self) -> MutexGuard<'_, HashMap<TicketIdentifier, Ticket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a ticket, which is valid once it is issued, and what the client is given.
    ///
    /// # Errors
    /// Permission Denied with a ticket: it would outlive its own limits. Invalid Field, Feature Not Supported, or Server Limit
    /// Exceeded.
    pub(crate) fn make(
        &self,
        run: &Run<'_>,
        wish: Wish,
        settings: &TicketSettings,
        random: &dyn crypto::Random,
    ) -> Result<(Ticket, credential::Ticket)> {
        let request = run.request;
        if request.grant.is_some() {
            return Err(Error::new(ResultReason::PermissionDenied, "A ticket cannot be used to obtain another"));
        }
        let grant = Grant { proved_under: request.proved_under, ..grant(&request.actor, request.now_us, wish, settings)? };
        let mut tickets = self.tickets();
        tickets.retain(|_, ticket| ticket.grant.expires_us > request.now_us);
        let own = tickets.values().filter(|ticket| ticket.grant.actor == request.actor).count();
        if own >= settings.tickets_per_client || tickets.len() >= settings.tickets {
            let text = "There are too many tickets; log out with one that is not needed, or wait until one expires";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        drop(tickets);
        let mut value = zeroize::Zeroizing::new([0; 16 + PROOF_LENGTH]);
        random.fill(&mut value[..]).map_err(Error::general_failure)?;
        let (identifier, proof) = value.split_first_chunk().ok_or_else(|| Error::general_failure("a ticket is too short"))?;
        let ticket = Ticket { identifier: *identifier, proof: Secret::from_slice(proof), grant: Arc::new(grant) };
        let ticket_value = Secret::from_slice(&value[..]);
        Ok((ticket, credential::Ticket { ticket_type: TicketType::Login, ticket_value }))
    }

    /// Lets a ticket be used from now on.
    pub(crate) fn issue(&self, ticket: Ticket) {
        self.tickets().insert(ticket.identifier, ticket);
    }

    /// Lets a ticket not be used any more.
    pub(crate) fn withdraw(&self, identifier: &TicketIdentifier) {
        self.tickets().remove(identifier);
    }

    /// The ticket that a client shows, if it is one. One that a credential was good for ends with any change of the users, as what
    /// is remembered of that credential does: whoever was removed, or has another password, is to prove himself again. Every one ends with
    /// any change of the policy, and holds within its tenant alone.
    ///
    /// # Errors
    /// Invalid Ticket.
    fn find(
        &self,
        shown: &credential::Ticket,
        client: &Actor,
        now_us: i64,
        generation: u64,
    ) -> Result<(TicketIdentifier, Arc<Grant>)> {
        if shown.ticket_type != TicketType::Login {
            return Err(invalid().because("its type is unknown"));
        }
        let value = shown.ticket_value.expose();
        let (identifier, proof) = value.split_first_chunk().ok_or_else(|| invalid().because("it is too short"))?;
        let tickets = self.tickets();
        let ticket = tickets.get(identifier).ok_or_else(|| invalid().because("nobody has it"))?;
        // Secrets compare in constant time.
        if ticket.proof != Secret::from_slice(proof) {
            return Err(invalid().because("its proof is wrong"));
        }
        if ticket.grant.actor.tenant != client.tenant {
            return Err(invalid().because("it is of another tenant"));
        }
        if ticket.grant.actor.standing.generation != client.standing.generation {
            return Err(invalid().because("the policy has changed since it was given out"));
        }
        if ticket.grant.expires_us <= now_us {
            return Err(invalid().because("it has expired"));
        }
        if ticket.grant.proved_under.is_some_and(|proved| proved != generation) {
            return Err(invalid().because("the users have changed since it was given out"));
        }
        Ok((*identifier, Arc::clone(&ticket.grant)))
    }

    /// Takes one request from what is left of a ticket; whose it is, and what it allows.
    ///
    /// # Errors
    /// Invalid Ticket, or Usage Limit Exceeded.
    pub(crate) fn begin_request(
        &self,
        shown: &credential::Ticket,
        client: &Actor,
        now_us: i64,
        generation: u64,
    ) -> Result<(Actor, Arc<Grant>)> {
        let (_, grant) = self.find(shown, client, now_us, generation)?;
        {
            let mut left = grant.left();
            if left.requests == Some(0) {
                return Err(used_up());
            }
            take_one(&mut left.requests);
        }
        Ok((grant.actor.clone(), grant))
    }

    /// The ticket that a client shows, if it is its own.
    ///
    /// # Errors
    /// Invalid Ticket.
    pub(crate) fn own(
        &self,
        shown: &credential::Ticket,
        actor: &Actor,
        now_us: i64,
        generation: u64,
    ) -> Result<TicketIdentifier> {
        let (identifier, grant) = self.find(shown, actor, now_us, generation)?;
        if grant.actor == *actor { Ok(identifier) } else { Err(invalid().because("it belongs to another client")) }
    }
}

fn grant(actor: &Actor, now_us: i64, wish: Wish, settings: &TicketSettings) -> Result<Grant> {
    let lease_time_s = wish.lease_time_s.unwrap_or(settings.lease_time_s);
    if lease_time_s == 0 || lease_time_s > settings.lease_time_max_s {
        let text = format!("Lease Time must be from 1 to {} seconds", settings.lease_time_max_s);
        return Err(Error::invalid_field(text));
    }
    if wish.request_count.is_some_and(|count| count <= 0) {
        return Err(Error::invalid_field("Request Count must be positive"));
    }
    let operations = wish.usage_limits.map(|limits| count(&limits)).transpose()?;
    let mut rights_left = Vec::new();
    let rights = match wish.rights {
        None => None,
        Some(Rights { rights }) if rights.len() > RIGHTS_MAX => {
            let text = format!("{} rights are too many; the server takes {RIGHTS_MAX}", rights.len());
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        Some(Rights { rights }) => {
            let mut allowances = Vec::with_capacity(rights.len());
            for right in rights {
                rights_left.push(right.usage_limits.as_ref().map(count).transpose()?);
                allowances.push(allowance(right)?);
            }
            Some(allowances)
        }
    };
    let left = Left { requests: wish.request_count.map(i64::from), operations, rights: rights_left };
    let expires_us = now_us.saturating_add(i64::from(lease_time_s) * 1_000_000);
    Ok(Grant { actor: actor.clone(), expires_us, proved_under: None, rights, left: Mutex::new(left) })
}

/// How many operations Usage Limits allow. What it counts here are operations (2.1, section 7.40), so that bytes mean nothing.
fn count(limits: &UsageLimits) -> Result<i64> {
    if limits.usage_limits_unit == UsageLimitsUnit::Byte {
        return Err(Error::new(ResultReason::FeatureNotSupported, "The operations of a ticket cannot be counted in bytes"));
    }
    let count = limits.usage_limits_count.unwrap_or(limits.usage_limits_total).min(limits.usage_limits_total);
    if count <= 0 { Err(Error::invalid_field("Usage Limits must be positive")) } else { Ok(count) }
}

fn allowance(right: Right) -> Result<Allowance> {
    let objects = right.objects.map(|objects| objects.unique_identifiers.into_iter().map(identifier).collect()).transpose()?;
    let operations = right.operations.map(|operations| operations.operations);
    let object_groups = right.object_groups.map(|groups| groups.object_groups);
    let allowance = Allowance { operations, objects, object_groups };
    let names = [
        allowance.operations.as_ref().map_or(0, Vec::len),
        allowance.objects.as_ref().map_or(0, Vec::len),
        allowance.object_groups.as_ref().map_or(0, Vec::len),
    ];
    if names.into_iter().any(|count| count > NAMES_MAX) {
        let text = format!("A right names too much; the server takes {NAMES_MAX} of each kind");
        return Err(Error::new(ResultReason::ServerLimitExceeded, text));
    }
    Ok(allowance)
}

fn identifier(reference: ObjectReference) -> Result<String> {
    match reference {
        ObjectReference::Identifier(identifier) => Ok(identifier),
        _ => Err(Error::invalid_field("The objects of a right are named by their Unique Identifiers")),
    }
}
