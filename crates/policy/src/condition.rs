//! When a right holds: by the state and type of the object, the time, and how the actor proved who it is.

use kmip::enumerations::{ObjectType, State};

/// What must be so for a right to hold. Empty: it always does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The object is in one of these states; empty: in any.
    pub states: Vec<State>,
    /// The object is of one of these types; empty: of any.
    pub object_types: Vec<ObjectType>,
    /// The time of day in minutes since midnight (UTC): from the first on, before the second. A second that is less than the first
    /// is one of the next day.
    pub hours: Option<(u32, u32)>,
    /// The days of the week (UTC), a bit each, Monday the lowest. A span of hours over midnight belongs to the day it begins on.
    pub days: Option<u8>,
    /// Seconds since 1970 from which on.
    pub from: Option<i64>,
    /// Seconds since 1970 until which, not included.
    pub until: Option<i64>,
    /// Whether the actor proved who it is by more than its certificate.
    pub second_factor: Option<bool>,
    /// Whether it showed what its platform is.
    pub attested: Option<bool>,
}

/// What an actor showed beside its certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Something else that proves who it is.
    pub second_factor: bool,
    /// What its platform is.
    pub attested: bool,
}

/// Minutes of a day.
const DAY: i64 = 24 * 60;

impl Condition {
    /// Whether it always holds.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it asks about an object.
    pub const fn is_about_objects(&self) -> bool {
        !self.states.is_empty() || !self.object_types.is_empty()
    }

    /// Whether it holds but for what it asks about an object, at a moment in seconds since 1970.
    pub fn holds_at(&self, now: i64, shown: Shown) -> bool {
        self.second_factor.is_none_or(|wanted| wanted == shown.second_factor)
            && self.attested.is_none_or(|wanted| wanted == shown.attested)
            && self.from.is_none_or(|from| now >= from)
            && self.until.is_none_or(|until| now < until)
            && self.holds_on_the_clock(now)
    }

    /// What is not as it asks, but for what it asks about an object, in words.
    pub(crate) fn lacks(&self, now: i64, shown: Shown) -> Vec<String> {
        let mut lacks = Vec::new();
        match self.second_factor {
            Some(true) if !shown.second_factor => lacks.push("no second factor is shown".to_owned()),
            Some(false) if shown.second_factor => lacks.push("a second factor is shown".to_owned()),
            _ => {}
        }
        match self.attested {
            Some(true) if !shown.attested => lacks.push("the platform is not attested".to_owned()),
            Some(false) if shown.attested => lacks.push("the platform is attested".to_owned()),
            _ => {}
        }
        if self.from.is_some_and(|from| now < from) {
            lacks.push("it begins later".to_owned());
        }
        if self.until.is_some_and(|until| now >= until) {
            lacks.push("it has ended".to_owned());
        }
        if !self.holds_on_the_clock(now) {
            const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
            let minutes = now.div_euclid(60);
            let (day, minute) = (minutes.div_euclid(DAY), minutes.rem_euclid(DAY));
            let name = usize::try_from((day + 3).rem_euclid(7)).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"?");
            lacks.push(format!("it is {name} {:02}:{:02} UTC", minute / 60, minute % 60));
        }
        lacks
    }

    fn holds_on_the_clock(&self, now: i64) -> bool {
        if self.hours.is_none() && self.days.is_none() {
            return true;
        }
        let minutes = now.div_euclid(60);
        let (mut day, minute) = (minutes.div_euclid(DAY), minutes.rem_euclid(DAY));
        if let Some((from, until)) = self.hours.map(|(from, until)| (i64::from(from), i64::from(until))) {
            let is_within = if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until };
            if !is_within {
                return false;
            }
            if from > until && minute < until {
                day -= 1;
            }
        }
        // The first of January 1970 was a Thursday.
        self.days.is_none_or(|days| days & (1 << (day + 3).rem_euclid(7)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2 March 2026, 00:00 UTC.
    const MONDAY: i64 = 1_772_409_600;
    const HOUR: i64 = 3_600;

    #[test]
    fn hours_and_days() {
        let working = Condition { hours: Some((8 * 60, 18 * 60)), days: Some(0b001_1111), ..Condition::default() };
        for (hour, holds) in [(8, true), (7, false), (17, true), (18, false), (24 * 4 + 9, true), (24 * 5 + 9, false)] {
            assert_eq!(working.holds_at(MONDAY + hour * HOUR, Shown::default()), holds, "{hour} hours after the week began");
        }
        assert!(!working.holds_at(MONDAY + 8 * HOUR - 1, Shown::default()));
        // The night of Monday ends on Tuesday.
        let night = Condition { hours: Some((22 * 60, 6 * 60)), days: Some(1), ..Condition::default() };
        for (hour, holds) in [(21, false), (22, true), (24 + 5, true), (24 + 6, false), (24 + 22, false), (5, false)] {
            assert_eq!(night.holds_at(MONDAY + hour * HOUR, Shown::default()), holds, "{hour} hours after the week began");
        }
    }

    #[test]
    fn dates_and_factors() {
        let condition = Condition { from: Some(10), until: Some(20), second_factor: Some(true), ..Condition::default() };
        for (now, second_factor, holds) in
            [(9, true, false), (10, true, true), (19, true, true), (20, true, false), (15, false, false)]
        {
            let shown = Shown { second_factor, ..Shown::default() };
            assert_eq!(condition.holds_at(now, shown), holds, "{now} {second_factor}");
        }
        for (wanted, attested, holds) in [(true, true, true), (true, false, false), (false, true, false), (false, false, true)] {
            let condition = Condition { attested: Some(wanted), ..Condition::default() };
            for second_factor in [true, false] {
                assert_eq!(condition.holds_at(0, Shown { second_factor, attested }), holds, "{wanted} {attested}");
            }
        }
    }
}
