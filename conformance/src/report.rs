//! What a run says: a line per case, a summary, and the same as JSON.

use std::fmt;

use crate::run::Failure;

/// The outcome of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The name of the case.
    pub name: String,
    /// Why it failed; none if it passed.
    pub failure: Option<Failure>,
    /// Why it is known to fail, if it is listed.
    pub known: Option<String>,
}

impl Outcome {
    /// Whether the outcome is an error: a failure that is not listed, or a listed case that passes.
    #[must_use]
    pub fn is_unexpected(&self) -> bool {
        self.failure.is_some() != self.known.is_some()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.failure, &self.known) {
            (None, None) => write!(f, "PASS {}", self.name),
            (None, Some(_)) => write!(f, "PASS {} (listed as known to fail: take it off the list)", self.name),
            (Some(failure), known) => {
                write!(f, "FAIL {}: step {}: {}", self.name, failure.step, failure.difference)?;
                match known {
                    Some(reason) => write!(f, " (known: {reason})"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The last line of a run.
#[must_use]
pub fn summary(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    format!("{} passed, {failed} failed", outcomes.len() - failed)
}

/// The outcomes as JSON.
#[must_use]
pub fn json(outcomes: &[Outcome]) -> String {
    let cases: Vec<serde_json::Value> = outcomes
        .iter()
        .map(|outcome| {
            serde_json::json!({
                "name": outcome.name,
                "passed": outcome.failure.is_none(),
                "step": outcome.failure.as_ref().map(|failure| failure.step),
                "difference": outcome.failure.as_ref().map(|failure| &failure.difference),
                "known_failure": outcome.known,
            })
        })
        .collect();
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    format!("{:#}\n", serde_json::json!({ "passed": outcomes.len() - failed, "failed": failed, "cases": cases }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(failure: Option<&str>, known: Option<&str>) -> Outcome {
        let failure = failure.map(|difference| Failure { step: 2, difference: difference.to_owned() });
        Outcome { name: "TC-1".into(), failure, known: known.map(str::to_owned) }
    }

    #[test]
    fn the_list_of_known_failures_works_in_both_directions() {
        let rows = [
            (outcome(None, None), false, "PASS TC-1"),
            (outcome(Some("x"), None), true, "FAIL TC-1: step 2: x"),
            (outcome(Some("x"), Some("later")), false, "FAIL TC-1: step 2: x (known: later)"),
            (outcome(None, Some("later")), true, "PASS TC-1 (listed as known to fail: take it off the list)"),
        ];
        for (outcome, unexpected, line) in rows {
            assert_eq!((outcome.is_unexpected(), outcome.to_string().as_str()), (unexpected, line));
        }
    }

    #[test]
    fn the_summary_counts() {
        let outcomes = [outcome(None, None), outcome(Some("x"), None), outcome(Some("x"), Some("later"))];
        assert_eq!(summary(&outcomes), "1 passed, 2 failed");
        let json: serde_json::Value = serde_json::from_str(&json(&outcomes)).unwrap();
        assert_eq!((&json["passed"], &json["cases"][1]["difference"]), (&1.into(), &"x".into()));
    }
}
