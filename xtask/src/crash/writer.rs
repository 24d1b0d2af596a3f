//! One client that changes things until its server is gone.

use super::truth::{Material, Object, mark_of};
use crate::dice::Dice;
use client::{Configuration, Error, blocking, material, opaque_object, secret_data};
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::enumerations::{CryptographicAlgorithm, SecretDataType, State};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Values of Object Group that one object may get.
const GROUPS_MAX: usize = 8;
/// The largest object: what the server's clients are known to register.
const LENGTH_MAX: usize = 1_000_000;

/// What all writers of a round share.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Changes that were acknowledged.
    pub(crate) acknowledged: AtomicUsize,
    /// Set before the kill: a connection that ends while it is not set was ended by the server itself.
    pub(crate) killed: AtomicBool,
}

/// A writer's belongings, from round to round.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Part of the names of its objects.
    pub(crate) number: usize,
    pub(crate) dice: Dice,
    pub(crate) objects: Vec<Object>,
    /// The objects that this round changed or read.
    pub(crate) touched: BTreeSet<usize>,
    /// What was sent and not answered.
    pub(crate) in_flight: Option<InFlight>,
    made: usize,
}

/// A request without an answer: done wholly, or not at all.
#[derive(Clone, Debug)]
pub(crate) enum InFlight {
    /// A new object.
    New(Object),
    /// Object number `index` as it is when the change was made.
    Changed { index: usize, after: Object },
}

impl Writer {
    pub(crate) fn new(number: usize, dice: Dice) -> Self {
        Self { number, dice, objects: Vec::new(), touched: BTreeSet::new(), in_flight: None, made: 0 }
    }

    /// Works until the server is gone.
    ///
    /// # Errors
    /// In words, when the server refuses, answers wrong, or ends a connection although nobody killed it.
    pub(crate) fn run(&mut self, configuration: &Configuration, round: &Round) -> Result<(), String> {
        let ended = |error: Error| {
            let gone = matches!(error, Error::Ended { .. } | Error::Connect { .. });
            if gone && round.killed.load(Ordering::SeqCst) { Ok(()) } else { Err(format!("under load: {error}")) }
        };
        let mut client = match blocking::Client::connect(configuration) {
            Ok(client) => client,
            Err(error) => return ended(error),
        };
        loop {
            match self.step(&mut client) {
                Ok(changed) => {
                    self.in_flight = None;
                    round.acknowledged.fetch_add(usize::from(changed), Ordering::SeqCst);
                }
                Err(Failure::Call(error)) => return ended(error),
                Err(Failure::Wrong(text)) => return Err(text),
            }
        }
    }

    /// One request; whether it changed something.
    fn step(&mut self, client: &mut blocking::Client) -> Result<bool, Failure> {
        let choice = self.dice.below(100);
        if self.objects.is_empty() || choice < 45 {
            return self.make(client);
        }
        // Mostly young ones, so that one object sees several changes around one kill.
        let age = if self.dice.once_in(3) { self.dice.below(self.objects.len()) } else { self.dice.below(20) };
        let index = self.objects.len().saturating_sub(1 + age);
        self.touched.insert(index);
        let identifier = UniqueIdentifier(self.objects[index].identifier.clone());
        if choice < 60 {
            return self.read(client, index, &identifier).map(|()| false);
        }
        let before = self.objects[index].clone();
        let mut after = before.clone();
        let text = format!("{:x}", self.dice.bits());
        match before.state {
            // A change of what is destroyed is refused, which proves nothing here.
            Some(State::Destroyed) => return self.read(client, index, &identifier).map(|()| false),
            Some(State::PreActive) if choice < 72 => {
                after.state = Some(State::Active);
                self.change(index, after, || client.wait(async |client| client.activate(&identifier).await))?;
            }
            Some(State::PreActive) if choice < 80 => {
                after.state = Some(State::Destroyed);
                self.change(index, after, || client.wait(async |client| client.destroy(&identifier).await))?;
            }
            _ if choice < 90 && before.groups.len() < GROUPS_MAX => {
                after.groups.push(text.clone());
                let group = Attribute::ObjectGroup(text);
                self.change(index, after, || client.wait(async |client| client.add_attribute(&identifier, group).await))?;
            }
            _ => {
                after.contact = Some(text.clone());
                let contact = Attribute::ContactInformation(text);
                let current = before.contact.map(Attribute::ContactInformation);
                self.change(index, after, || {
                    client.wait(async |client| match current {
                        None => client.add_attribute(&identifier, contact).await,
                        Some(current) => {
                            let current = (!client.version().is_1x()).then_some(current);
                            client.modify_attribute(&identifier, contact, None, current).await
                        }
                    })
                })?;
            }
        }
        Ok(true)
    }

    fn change(&mut self, index: usize, after: Object, call: impl FnOnce() -> Result<(), Error>) -> Result<(), Failure> {
        self.in_flight = Some(InFlight::Changed { index, after: after.clone() });
        call()?;
        self.objects[index] = after;
        Ok(())
    }

    /// Create, or Register of 1 byte to almost a mebibyte.
    fn make(&mut self, client: &mut blocking::Client) -> Result<bool, Failure> {
        self.made += 1;
        let mut object = Object {
            name: format!("writer {} object {}", self.number, self.made),
            identifier: String::new(),
            material: Material::Made { length: 32, mark: None },
            contact: self.dice.once_in(2).then(|| "first".to_owned()),
            groups: (0..self.dice.below(3)).map(|group| format!("group {group}")).collect(),
            state: Some(State::PreActive),
        };
        let kind = self.dice.below(5);
        let seed = self.dice.bits();
        let magnitude = 1 << self.dice.below(16);
        let length = if self.dice.once_in(100) { LENGTH_MAX } else { 1 + self.dice.below(magnitude) };
        let attributes = object.attributes();
        let call = |object: Object| {
            client.wait(async |client| match object.material {
                Material::Made { .. } => client.create_symmetric_key(CryptographicAlgorithm::AES, 256, attributes).await,
                Material::Given { seed, length } => {
                    let bytes = Secret::new(Material::bytes(seed, length));
                    if object.state.is_none() {
                        return client.register(opaque_object(bytes), attributes).await;
                    }
                    let attributes = attributes.usage(CryptographicUsageMask::Verify);
                    client.register(secret_data(bytes, SecretDataType::Password), attributes).await
                }
            })
        };
        if kind >= 2 {
            object.material = Material::Given { seed, length };
        }
        if kind == 4 {
            object.state = None;
        }
        self.in_flight = Some(InFlight::New(object.clone()));
        object.identifier = call(object.clone())?.0;
        self.touched.insert(self.objects.len());
        self.objects.push(object);
        Ok(true)
    }

    /// A Get: the material is what was acknowledged, and what one has seen stays.
    fn read(&mut self, client: &mut blocking::Client, index: usize, identifier: &UniqueIdentifier) -> Result<(), Failure> {
        let object = &mut self.objects[index];
        let answer = client.wait(async |client| client.get(identifier).await);
        if object.state == Some(State::Destroyed) {
            return match answer {
                Ok(_) => Err(Failure::Wrong(format!("{}: its material is given out after Destroy", object.name))),
                Err(Error::Operation(_)) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
        let answer = answer?;
        let Some(bytes) = material(&answer) else {
            return Err(Failure::Wrong(format!("{}: Get answers without material", object.name)));
        };
        let new = mark_of(bytes.expose());
        let right = match &mut object.material {
            Material::Made { length, mark } => {
                let same = *length == bytes.len() && mark.is_none_or(|mark| mark == new);
                *mark = Some(new);
                same
            }
            Material::Given { seed, length } => *bytes.expose() == Material::bytes(*seed, *length),
        };
        if right { Ok(()) } else { Err(Failure::Wrong(format!("{}: Get answers with other bytes", object.name))) }
    }
}

enum Failure {
    Call(Error),
    Wrong(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}
