//! Long random lives of many keys, in versions that change with every request, against a model of a few lines.

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{RevocationReasonCode, State, UsageLimitsUnit};
use kmip::masks::StorageStatusMask;
use kmip::payload::get::GetResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::UsageLimits;

use crate::client::{aes_and, locate};
use crate::server::{START, Server, VERSIONS};

/// What is known of a key, and nothing else.
#[derive(Clone, Copy, Debug)]
struct Key {
    activation: Option<i64>,
    deactivation: Option<i64>,
    compromised: bool,
    destroyed: bool,
    archived: bool,
    /// What is left of its Usage Limits.
    left: i64,
}

/// The Usage Limits of every key.
const TOTAL: i64 = 20;

impl Key {
    fn state(self, now: i64) -> State {
        let past = |date: Option<i64>| date.is_some_and(|date| date <= now);
        if self.destroyed {
            return if self.compromised { State::DestroyedCompromised } else { State::Destroyed };
        }
        if self.compromised {
            return State::Compromised;
        }
        if past(self.deactivation) {
            return State::Deactivated;
        }
        if past(self.activation) { State::Active } else { State::PreActive }
    }

    /// Why something cannot be done to it.
    fn refusal(self, version: ProtocolVersion) -> ResultReason {
        // Up to 1.4 what is gone is in a wrong state like any other.
        let gone = self.destroyed && !version.is_1x();
        if gone { ResultReason::ObjectDestroyed } else { ResultReason::WrongKeyLifecycleState }.at(version)
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

#[test]
fn random_lives_follow_the_model() {
    for seed in 0..24 {
        let server = Server::new();
        let mut dice = Dice(seed);
        let mut now = START;
        let mut keys: Vec<(String, Key)> = Vec::new();
        for step in 0..160 {
            let version = dice.one_of(&VERSIONS);
            let mut client = server.client("fred", version);
            let shown = format!("seed {seed} step {step} in {version}");
            if keys.is_empty() || dice.below(8) == 0 {
                let (activation, deactivation) = (None, None);
                let mut key =
                    Key { activation, deactivation, compromised: false, destroyed: false, archived: false, left: TOTAL };
                let mut attributes = aes_and([Attribute::UsageLimits(UsageLimits {
                    usage_limits_total: TOTAL,
                    usage_limits_count: None,
                    usage_limits_unit: UsageLimitsUnit::Object,
                })]);
                if dice.below(2) == 0 {
                    key.activation = Some(now + dice.below(60) as i64 - 20);
                    attributes.push(Attribute::ActivationDate(DateTime(key.activation.unwrap())));
                }
                keys.push((client.create(attributes), key));
                continue;
            }
            let at = dice.below(keys.len() as u64) as usize;
            let (identifier, key) = &mut keys[at];
            let state = key.state(now);
            let what = dice.below(10);
            let amount = 1 + dice.below(6) as i64;
            if key.archived && matches!(what, 1..=5 | 7 | 9) {
                // Whatever its state is: it has to be recovered first.
                let done = match what {
                    1 => client.activate(identifier).map(drop),
                    2 => client.revoke(identifier, RevocationReasonCode::Superseded).map(drop),
                    3 => client.revoke(identifier, RevocationReasonCode::KeyCompromise).map(drop),
                    4 => client.destroy(identifier).map(drop),
                    5 => client.get(identifier).result::<GetResponse>().map(drop),
                    7 => client.archive(identifier).map(drop),
                    _ => client.allocate(identifier, amount).map(drop),
                };
                assert_eq!(done, Err(ResultReason::ObjectArchived), "{shown} {what} {key:?}");
                continue;
            }
            let (done, may): (Result<(), ResultReason>, bool) = match what {
                0 => {
                    now += dice.below(30) as i64;
                    server.set_time(now);
                    continue;
                }
                1 => {
                    let may = state == State::PreActive;
                    let done = client.activate(identifier).map(drop);
                    if may {
                        key.activation = Some(now);
                    }
                    (done, may)
                }
                2 => {
                    let may = matches!(state, State::PreActive | State::Active);
                    let done = client.revoke(identifier, RevocationReasonCode::Superseded).map(drop);
                    if may {
                        key.deactivation = Some(now);
                    }
                    (done, may)
                }
                3 => {
                    let may = !key.compromised;
                    let done = client.revoke(identifier, RevocationReasonCode::KeyCompromise).map(drop);
                    key.compromised = true;
                    (done, may)
                }
                4 => {
                    let may = matches!(state, State::PreActive | State::Deactivated | State::Compromised);
                    let refusal = key.refusal(version);
                    let done = client.destroy(identifier).map(drop);
                    key.destroyed |= may;
                    assert_eq!(done, if may { Ok(()) } else { Err(refusal) }, "{shown} {key:?}");
                    continue;
                }
                5 => {
                    let answer = client.get(identifier);
                    let got = answer.result::<GetResponse>().map(drop);
                    let expected = if key.destroyed { Err(ResultReason::ObjectDestroyed.at(version)) } else { Ok(()) };
                    assert_eq!(got, expected, "{shown} {key:?}");
                    continue;
                }
                7 => {
                    let done = client.archive(identifier).map(drop);
                    let expected = if key.destroyed { Err(ResultReason::ObjectDestroyed.at(version)) } else { Ok(()) };
                    assert_eq!(done, expected, "{shown} {key:?}");
                    key.archived = !key.destroyed;
                    continue;
                }
                8 => {
                    assert_eq!(client.recover(identifier).map(drop), Ok(()), "{shown} {key:?}");
                    key.archived = false;
                    continue;
                }
                9 => {
                    let done = client.allocate(identifier, amount).map(drop);
                    let expected = match state {
                        State::Active if amount <= key.left => Ok(()),
                        State::Active => Err(ResultReason::UsageLimitExceeded.at(version)),
                        _ => Err(ResultReason::PermissionDenied),
                    };
                    assert_eq!(done, expected, "{shown} {key:?}");
                    key.left -= if done.is_ok() { amount } else { 0 };
                    continue;
                }
                _ => {
                    assert_eq!(client.state(identifier), state, "{shown} {key:?}");
                    let attributes = client.attributes(identifier);
                    assert_eq!(attributes.usage_limits().unwrap().usage_limits_count, Some(key.left), "{shown} {key:?}");
                    assert_eq!(attributes.archive_date().is_some(), key.archived, "{shown} {key:?}");
                    continue;
                }
            };
            let expected = if may { Ok(()) } else { Err(key.refusal(version)) };
            assert_eq!(done, expected, "{shown} {key:?}");
        }
        // In the end everybody is what the model says, and is found by it.
        let mut client = server.client("fred", ProtocolVersion::V2_1);
        for state in [State::PreActive, State::Active, State::Deactivated, State::Compromised] {
            for (archived, kept) in [(false, StorageStatusMask::OnLineStorage), (true, StorageStatusMask::ArchivalStorage)] {
                let is_meant = |key: &Key| key.state(now) == state && key.archived == archived;
                let meant = keys.iter().filter(|(_, key)| is_meant(key));
                let mut expected: Vec<&str> = meant.map(|(identifier, _)| identifier.as_str()).collect();
                expected.reverse();
                let mut request = locate(client.version, vec![Attribute::State(state)]);
                request.storage_status_mask = Some(kept);
                assert_eq!(client.locate_with(request), expected, "seed {seed} {state:?} {kept:?}");
            }
        }
        assert_eq!(server.objects(), keys.len());
    }
}
