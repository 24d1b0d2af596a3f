//! The life of an object (2.1, section 4.57): State x Event -> State, or the Result Reason of the refusal.
//!
//! A state is not stored. It follows from the dates of the object and the clock, so that a key becomes Active or
//! Deactivated by itself at the second its owner chose.

use kmip::ProtocolVersion;
use kmip::enumerations::State;
use kmip::result_reason::ResultReason;
use kmip::tag;
use ttlv_codec::Tag;

use crate::error::Error;

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Activate.
    Activate,
    /// Revoke for a reason other than a compromise.
    Deactivate,
    /// Revoke because the key, or its authority, was compromised.
    Compromise,
    /// Destroy.
    Destroy,
}

/// The states of the standard.
pub const STATES: [State; 6] =
    [State::PreActive, State::Active, State::Deactivated, State::Compromised, State::Destroyed, State::DestroyedCompromised];

/// The table. One line per state, one column per event.
///
/// A Pre-Active object may be revoked without having been active: clients clean up after themselves so, and no reading of it
/// remains possible that was not before.
///
/// # Errors
/// The reason, before the fallback for old versions: Wrong Key Lifecycle State, or Object Destroyed once it is gone.
pub fn next(state: State, event: Event) -> Result<State, ResultReason> {
    use State as S;
    const WRONG: Result<State, ResultReason> = Err(ResultReason::WrongKeyLifecycleState);
    const GONE: Result<State, ResultReason> = Err(ResultReason::ObjectDestroyed);
    #[rustfmt::skip]
    let line = match state {
        //                               Activate       Deactivate            Compromise                      Destroy
        S::PreActive =>            [Ok(S::Active), Ok(S::Deactivated), Ok(S::Compromised),          Ok(S::Destroyed)],
        S::Active =>               [WRONG,         Ok(S::Deactivated), Ok(S::Compromised),          WRONG],
        S::Deactivated =>          [WRONG,         WRONG,              Ok(S::Compromised),          Ok(S::Destroyed)],
        S::Compromised =>          [WRONG,         WRONG,              WRONG,                       Ok(S::DestroyedCompromised)],
        S::Destroyed =>            [GONE,          GONE,               Ok(S::DestroyedCompromised), GONE],
        _ =>                       [GONE,          GONE,               GONE,                        GONE],
    };
    line[event as usize]
}

/// The table, for a client of a version. Up to 1.4 an object that is gone is in a wrong state like any other (1.4, sections 11.20 and
/// 11.22); Get alone says that it cannot be found.
///
/// # Errors
/// Wrong Key Lifecycle State, Object Destroyed.
pub(crate) fn step(state: State, event: Event, version: ProtocolVersion, text: &'static str) -> Result<State, Error> {
    next(state, event).map_err(|reason| match reason {
        ResultReason::ObjectDestroyed if version.is_1x() => Error::new(ResultReason::WrongKeyLifecycleState, text),
        reason => Error::new(reason, text),
    })
}

/// The dates from which a state follows, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dates {
    /// Activation Date.
    pub activation: Option<i64>,
    /// Deactivation Date.
    pub deactivation: Option<i64>,
    /// Compromise Date.
    pub compromise: Option<i64>,
    /// Destroy Date.
    pub destroy: Option<i64>,
}

/// The state at a moment.
#[must_use]
pub fn state(dates: &Dates, now: i64) -> State {
    let reached = |date: Option<i64>| date.is_some_and(|date| date <= now);
    match (dates.destroy.is_some(), dates.compromise.is_some()) {
        (true, true) => State::DestroyedCompromised,
        (true, false) => State::Destroyed,
        (false, true) => State::Compromised,
        (false, false) if reached(dates.deactivation) => State::Deactivated,
        (false, false) if reached(dates.activation) => State::Active,
        (false, false) => State::PreActive,
    }
}

/// The dates that an object in a state has at a moment, each with the latest that it can be. Other objects may have them, too:
/// this narrows a search.
#[must_use]
pub fn needed(state: State, now: i64) -> Vec<(Tag, i64)> {
    match state {
        State::Active => vec![(tag::ActivationDate, now)],
        State::Deactivated => vec![(tag::DeactivationDate, now)],
        State::Compromised => vec![(tag::CompromiseDate, i64::MAX)],
        State::Destroyed => vec![(tag::DestroyDate, i64::MAX)],
        State::DestroyedCompromised => vec![(tag::DestroyDate, i64::MAX), (tag::CompromiseDate, i64::MAX)],
        // What has not happened has no date.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell() {
        use Event::{Activate, Compromise, Deactivate, Destroy};
        use ResultReason as R;
        use State as S;
        let wrong = Err(R::WrongKeyLifecycleState);
        let gone = Err(R::ObjectDestroyed);
        for (state, event, expected) in [
            (S::PreActive, Activate, Ok(S::Active)),
            (S::PreActive, Deactivate, Ok(S::Deactivated)),
            (S::PreActive, Compromise, Ok(S::Compromised)),
            (S::PreActive, Destroy, Ok(S::Destroyed)),
            (S::Active, Activate, wrong),
            (S::Active, Deactivate, Ok(S::Deactivated)),
            (S::Active, Compromise, Ok(S::Compromised)),
            (S::Active, Destroy, wrong),
            (S::Deactivated, Activate, wrong),
            (S::Deactivated, Deactivate, wrong),
            (S::Deactivated, Compromise, Ok(S::Compromised)),
            (S::Deactivated, Destroy, Ok(S::Destroyed)),
            (S::Compromised, Activate, wrong),
            (S::Compromised, Deactivate, wrong),
            (S::Compromised, Compromise, wrong),
            (S::Compromised, Destroy, Ok(S::DestroyedCompromised)),
            (S::Destroyed, Activate, gone),
            (S::Destroyed, Deactivate, gone),
            (S::Destroyed, Compromise, Ok(S::DestroyedCompromised)),
            (S::Destroyed, Destroy, gone),
            (S::DestroyedCompromised, Activate, gone),
            (S::DestroyedCompromised, Deactivate, gone),
            (S::DestroyedCompromised, Compromise, gone),
            (S::DestroyedCompromised, Destroy, gone),
        ] {
            assert_eq!(next(state, event), expected, "{state:?} {event:?}");
        }
    }

    #[test]
    fn states_follow_the_dates() {
        let dates = Dates { activation: Some(10), deactivation: Some(20), ..Dates::default() };
        for (now, expected) in [
            (9, State::PreActive),
            (10, State::Active),
            (19, State::Active),
            (20, State::Deactivated),
            (i64::MAX, State::Deactivated),
        ] {
            assert_eq!(state(&dates, now), expected, "{now}");
        }
        assert_eq!(state(&Dates { compromise: Some(5), ..dates }, 15), State::Compromised);
        assert_eq!(state(&Dates { destroy: Some(5), ..dates }, 0), State::Destroyed);
        assert_eq!(state(&Dates { destroy: Some(5), compromise: Some(5), ..dates }, 0), State::DestroyedCompromised);
        assert_eq!(state(&Dates::default(), i64::MAX), State::PreActive);
    }

    #[test]
    fn an_object_has_the_dates_that_its_state_needs() {
        let possible = [None, Some(i64::MIN), Some(9), Some(10), Some(11), Some(i64::MAX)];
        for activation in possible {
            for deactivation in possible {
                for compromise in possible {
                    for destroy in possible {
                        let dates = Dates { activation, deactivation, compromise, destroy };
                        for (tag, latest) in needed(state(&dates, 10), 10) {
                            let date = match tag {
                                tag::ActivationDate => activation,
                                tag::DeactivationDate => deactivation,
                                tag::CompromiseDate => compromise,
                                _ => destroy,
                            };
                            assert!(date.is_some_and(|date| date <= latest), "{dates:?}");
                        }
                    }
                }
            }
        }
    }
}
