//! Keys that all clients change at once.

use dispatcher::lifecycle::{Event as Change, next};
use kmip::ProtocolVersion;
use kmip::attribute::AttributeReference;
use kmip::enumerations::{RevocationReasonCode, State};
use kmip::operation::Operation;
use kmip::payload::get::GetResponse;
use kmip::payload::modify_attribute::ModifyAttributeResponse;
use kmip::result_reason::ResultReason;

use crate::client::{Client, aes_and, modify};
use crate::dice::Dice;
use crate::linear::{Entry, Model, check};
use crate::objects::symmetric_key;
use crate::server::{Done, Servers, counter, counter_of, number};

const KEYS: usize = 3;
const EACH: usize = 40;
const NOTES: usize = 3;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    state: State,
    /// Changed only from one number to the next, by clients that say which number they saw.
    counter: i32,
    /// Which notes it has.
    notes: [bool; NOTES],
}

type Answered = Result<(), ResultReason>;

#[derive(Debug)]
enum Event {
    Lifecycle(Change, Answered),
    Increment { from: i32, answered: Answered },
    Add(usize, Answered),
    Delete(usize, Answered),
    Get(Answered),
    Look(Key),
}

impl Model for Key {
    type Event = Event;

    fn after(&self, event: &Event) -> Option<Self> {
        let mut key = self.clone();
        let expected = match event {
            Event::Lifecycle(change, _) => next(self.state, *change).map(|state| key.state = state),
            Event::Increment { from, .. } if *from == self.counter => {
                key.counter += 1;
                Ok(())
            }
            Event::Increment { .. } => Err(ResultReason::AttributeInstanceNotFound),
            Event::Add(note, _) if self.notes[*note] => Err(ResultReason::InvalidAttributeValue),
            Event::Delete(note, _) if !self.notes[*note] => Err(ResultReason::AttributeNotFound),
            Event::Add(note, _) | Event::Delete(note, _) => {
                key.notes[*note] ^= true;
                Ok(())
            }
            Event::Get(_) if matches!(self.state, State::Destroyed | State::DestroyedCompromised) => {
                Err(ResultReason::ObjectDestroyed)
            }
            Event::Get(_) => Ok(()),
            Event::Look(seen) => return (seen == self).then_some(key),
        };
        let (Event::Lifecycle(_, answered)
        | Event::Increment { answered, .. }
        | Event::Add(_, answered)
        | Event::Delete(_, answered)
        | Event::Get(answered)) = event
        else {
            return None;
        };
        (expected.map_err(|reason| reason.at(ProtocolVersion::V2_1)) == *answered).then_some(key)
    }
}

fn look(client: &mut Client<'_>, identifier: &str) -> Key {
    let attributes = client.attributes(identifier);
    let has = |note: usize| attributes.iter().any(|attribute| *attribute == number(&format!("note {note}"), 1));
    let notes = std::array::from_fn(has);
    Key { state: *attributes.state().unwrap(), counter: counter_of(&attributes).unwrap(), notes }
}

/// Does one thing and says what came of it.
fn act(client: &mut Client<'_>, identifier: &str, last_seen: &mut i32, dice: &mut Dice) -> (Event, Option<Operation>) {
    let note = dice.below(NOTES as u64) as usize;
    let noted = number(&format!("note {note}"), 1);
    let done = |event: Event, operation: Operation, answered: &Answered| (event, answered.is_ok().then_some(operation));
    match dice.below(100) {
        0..30 => {
            let from = *last_seen;
            let request = modify(Some(identifier), Some(counter(from)), counter(from + 1).into());
            let answered = client.ask(Operation::ModifyAttribute, &request).result::<ModifyAttributeResponse>().map(drop);
            if answered.is_ok() {
                *last_seen += 1;
            }
            done(Event::Increment { from, answered }, Operation::ModifyAttribute, &answered)
        }
        30..45 => {
            let answered = client.add(identifier, noted).map(drop);
            done(Event::Add(note, answered), Operation::AddAttribute, &answered)
        }
        45..57 => {
            let reference =
                AttributeReference::Vendor { vendor_identification: "x".to_owned(), attribute_name: format!("note {note}") };
            let answered = client.delete(identifier, reference).map(drop);
            done(Event::Delete(note, answered), Operation::DeleteAttribute, &answered)
        }
        57..63 => {
            let answered = client.activate(identifier).map(drop);
            done(Event::Lifecycle(Change::Activate, answered), Operation::Activate, &answered)
        }
        63..65 => {
            let answered = client.revoke(identifier, RevocationReasonCode::Superseded).map(drop);
            done(Event::Lifecycle(Change::Deactivate, answered), Operation::Revoke, &answered)
        }
        65..67 => {
            let answered = client.revoke(identifier, RevocationReasonCode::KeyCompromise).map(drop);
            done(Event::Lifecycle(Change::Compromise, answered), Operation::Revoke, &answered)
        }
        67..70 => {
            let answered = client.destroy(identifier).map(drop);
            done(Event::Lifecycle(Change::Destroy, answered), Operation::Destroy, &answered)
        }
        70..78 => {
            let answered = client.get(identifier).result::<GetResponse>().map(|got| assert_eq!(got.object, symmetric_key()));
            done(Event::Get(answered), Operation::Get, &answered)
        }
        _ => {
            let seen = look(client, identifier);
            *last_seen = seen.counter;
            (Event::Look(seen), Some(Operation::GetAttributes))
        }
    }
}

/// What a client did with each key, and what it was told is done.
type Life = Vec<(usize, Entry<Event>, Option<Operation>)>;

/// Random acts of all clients at once; then one more look at every key through either dispatcher.
fn live(servers: &Servers, identifiers: &[String], seed: u64) -> Vec<Life> {
    let mut lives = servers.together(|number, client| {
        let mut dice = Dice::new(seed * 100 + number as u64);
        let mut last_seen = [0; KEYS];
        let one = |_| {
            let key = dice.below(KEYS as u64) as usize;
            let began = servers.moment();
            let (event, operation) = act(client, &identifiers[key], &mut last_seen[key], &mut dice);
            (key, Entry { began, ended: servers.moment(), event }, operation)
        };
        (0..EACH).map(one).collect::<Life>()
    });
    for number in 0..2 {
        let last = |key: usize| {
            let began = servers.moment();
            let event = Event::Look(look(&mut servers.client(number), &identifiers[key]));
            (key, Entry { began, ended: servers.moment(), event }, Some(Operation::GetAttributes))
        };
        lives.push((0..KEYS).map(last).collect());
    }
    lives
}

#[test]
fn clients_of_two_dispatchers_change_keys_in_one_order() {
    for seed in 1..=5 {
        let servers = Servers::new(seed);
        let mut done = Done::default();
        let register = || servers.client(0).register(symmetric_key(), aes_and([counter(0)]));
        let identifiers: Vec<String> = (0..KEYS).map(|_| register()).collect();
        identifiers.iter().for_each(|identifier| done.count(Operation::Register, identifier));
        let mut histories: [Vec<Vec<Entry<Event>>>; KEYS] = Default::default();
        for life in live(&servers, &identifiers, seed) {
            histories.iter_mut().for_each(|history| history.push(Vec::new()));
            for (key, entry, operation) in life {
                operation.iter().for_each(|operation| done.count(*operation, &identifiers[key]));
                histories[key].last_mut().unwrap().push(entry);
            }
        }
        for clients in &histories {
            check(Key { state: State::PreActive, counter: 0, notes: [false; NOTES] }, clients);
        }
        // One entry in the log for each change, and at least one for each read.
        let mut logged = servers.logged();
        assert!(logged.reads().covers(&done.reads()), "seed {seed}: a read is not logged");
        assert_eq!(logged, done, "seed {seed}");
        let mut expected = identifiers;
        expected.sort();
        assert_eq!(servers.objects(), expected, "seed {seed}");
    }
}
