//! Names that all clients want at once.

use kmip::attribute::AttributeReference;
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::register::RegisterResponse;
use kmip::result_reason::ResultReason;
use kmip::tag;

use crate::client::{Client, aes, aes_and, create, name, register};
use crate::dice::Dice;
use crate::linear::{Entry, Model, check};
use crate::objects::symmetric_key;
use crate::server::{Done, Servers};

const NAMES: [&str; 2] = ["left", "right"];
const EACH: usize = 40;

/// Who has a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held(Option<String>);

#[derive(Debug)]
enum Event {
    /// An object got the name.
    Taken(String),
    /// Another has it.
    Refused,
    /// The object gave it away, or was destroyed.
    Released(String),
    /// Locate found these.
    Found(Vec<String>),
}

impl Model for Held {
    type Event = Event;

    fn after(&self, event: &Event) -> Option<Self> {
        match event {
            Event::Taken(identifier) => self.0.is_none().then(|| Self(Some(identifier.clone()))),
            Event::Refused => self.0.is_some().then(|| self.clone()),
            Event::Released(identifier) => (self.0.as_ref() == Some(identifier)).then_some(Self(None)),
            Event::Found(found) => self.0.iter().eq(found).then(|| self.clone()),
        }
    }
}

/// What one client did.
#[derive(Default)]
struct Life {
    /// With each name.
    entries: [Vec<Entry<Event>>; NAMES.len()],
    done: Vec<(Operation, String)>,
    made: Vec<String>,
    /// Its objects that have a name.
    named: Vec<(usize, String)>,
    /// Its objects that have none.
    nameless: Vec<String>,
}

impl Life {
    fn act(&mut self, servers: &Servers, client: &mut Client<'_>, dice: &mut Dice) {
        let at = dice.below(NAMES.len() as u64) as usize;
        let wanted = name(NAMES[at]);
        let began = servers.moment();
        let (at, event) = match dice.below(10) {
            kind @ 0..3 => {
                let result = if kind == 0 {
                    let made = client.ask(Operation::Register, &register(symmetric_key(), aes_and([wanted])));
                    made.result::<RegisterResponse>().map(|made| (Operation::Register, made.unique_identifier.0))
                } else {
                    let made = client.ask(Operation::Create, &create(aes_and([wanted])));
                    made.result::<CreateResponse>().map(|made| (Operation::Create, made.unique_identifier.0))
                };
                self.made.extend(result.iter().map(|(_, identifier)| identifier.clone()));
                (at, self.taken(at, result))
            }
            3 | 4 => {
                let Some(identifier) = self.nameless.pop() else {
                    let identifier = client.create(aes());
                    self.done.push((Operation::Create, identifier.clone()));
                    self.made.push(identifier.clone());
                    return self.nameless.push(identifier);
                };
                let added = client.add(&identifier, wanted).map(|_| (Operation::AddAttribute, identifier.clone()));
                if added.is_err() {
                    self.nameless.push(identifier);
                }
                (at, self.taken(at, added))
            }
            5 | 6 => {
                let Some((at, identifier)) = self.named.pop() else { return };
                client.delete(&identifier, AttributeReference::Standard(tag::Name)).unwrap();
                self.done.push((Operation::DeleteAttribute, identifier.clone()));
                self.nameless.push(identifier.clone());
                (at, Event::Released(identifier))
            }
            7 => {
                let Some((at, identifier)) = self.named.pop() else { return };
                client.destroy(&identifier).unwrap();
                self.done.push((Operation::Destroy, identifier.clone()));
                (at, Event::Released(identifier))
            }
            _ => (at, Event::Found(client.locate(vec![wanted]))),
        };
        self.entries[at].push(Entry { began, ended: servers.moment(), event });
    }

    fn taken(&mut self, at: usize, result: Result<(Operation, String), ResultReason>) -> Event {
        match result {
            Ok((operation, identifier)) => {
                self.done.push((operation, identifier.clone()));
                self.named.push((at, identifier.clone()));
                Event::Taken(identifier)
            }
            Err(reason) => {
                assert_eq!(reason, ResultReason::NonUniqueNameAttribute);
                Event::Refused
            }
        }
    }
}

#[test]
fn a_name_of_two_dispatchers_is_in_one_place_at_every_moment() {
    let mut taken = 0;
    for seed in 1..=5 {
        let servers = Servers::new(100 + seed);
        let mut lives = servers.together(|number, client| {
            let mut dice = Dice::new(seed * 100 + number as u64);
            let mut life = Life::default();
            (0..EACH).for_each(|_| life.act(&servers, client, &mut dice));
            life
        });
        let mut last = Life::default();
        for (at, wanted) in NAMES.into_iter().enumerate() {
            let began = servers.moment();
            let event = Event::Found(servers.client(1).locate(vec![name(wanted)]));
            last.entries[at].push(Entry { began, ended: servers.moment(), event });
        }
        lives.push(last);
        let mut histories: [Vec<Vec<Entry<Event>>>; NAMES.len()] = Default::default();
        let (mut done, mut made) = (Done::default(), Vec::new());
        for life in lives {
            histories.iter_mut().zip(life.entries).for_each(|(history, entries)| history.push(entries));
            life.done.iter().for_each(|(operation, identifier)| done.count(*operation, identifier));
            made.extend(life.made);
        }
        taken += histories.iter().flatten().flatten().filter(|entry| matches!(entry.event, Event::Taken(_))).count();
        histories.iter().for_each(|clients| check(Held(None), clients));
        let mut logged = servers.logged();
        logged.reads();
        assert_eq!(logged, done, "seed {seed}");
        made.sort();
        assert_eq!(servers.objects(), made, "seed {seed}");
    }
    // How many succeed in one run depends on how the threads meet.
    assert!(taken > 10, "only {taken}");
}
