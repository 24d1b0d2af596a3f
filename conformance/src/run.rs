//! Runs a case: sends each request and judges each response.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use kmip::text::xml::Element;
use ttlv_codec::{Limits, Tree};

use crate::bindings::Bindings;
use crate::case::{Case, Step, version_of};
use crate::compare::{Synchronous, compare_bytes, compare_items, compare_messages};
use crate::connection::Exchange;
use crate::text;

/// How long a step marked `[REPEAT]`, or a Poll that is still pending, is sent again: the longest wait of a published case is two minutes.
pub const REPEAT_FOR: Duration = Duration::from_secs(200);
const REPEAT_PAUSE: Duration = Duration::from_secs(1);
/// What a response may cost.
const RESPONSE_LIMITS: Limits = Limits { length: 16 << 20, depth: 32, items: 1 << 18 };

/// Why a case failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step, counted from 0 as the cases count.
    pub step: usize,
    /// The first difference.
    pub difference: String,
}

/// Runs the steps of one case.
///
/// # Errors
/// The first step that failed.
pub fn run_case(case: &Case, bindings: &mut Bindings, endpoint: &mut impl Exchange, repeat_for: Duration) -> Result<(), Failure> {
    bindings.start_case();
    let mut waiting = VecDeque::new();
    for (number, step) in case.steps.iter().enumerate() {
        let failed = |difference: String| Failure { step: number, difference };
        if let Some(synchronous) = waiting.front()
            && is_follow_up(step)
        {
            collect(step, synchronous, bindings).map_err(failed)?;
            waiting.pop_front();
            continue;
        }
        let synchronous = run_step(step, case, bindings, endpoint, repeat_for).map_err(failed)?;
        waiting.extend(synchronous);
    }
    Ok(())
}

/// Whether a step asks for the result of an asynchronous operation.
fn is_follow_up(step: &Step) -> bool {
    let item = step.request.child("BatchItem");
    matches!(item.and_then(|item| text(item, "Operation")), Some("Poll" | "Cancel"))
}

/// A Poll after an operation that was answered at once: what it would have returned is compared. A Cancel has nothing to cancel.
fn collect(step: &Step, synchronous: &Synchronous, bindings: &mut Bindings) -> Result<(), String> {
    let Some(expected) = step
        .response
        .child("BatchItem")
        .filter(|item| text(item, "Operation") != Some("Cancel") && text(item, "ResultStatus") != Some("OperationPending"))
    else {
        return Ok(());
    };
    let filled = bindings.fill(&synchronous.request);
    compare_items(bindings, Some(&synchronous.request), Some(&filled), expected, &synchronous.response)
        .map_err(|difference| difference.to_string())
}

fn run_step(
    step: &Step,
    case: &Case,
    bindings: &mut Bindings,
    endpoint: &mut impl Exchange,
    repeat_for: Duration,
) -> Result<Vec<Synchronous>, String> {
    bindings.note_request(&step.request);
    let started = Instant::now();
    loop {
        let filled = bindings.fill(&step.request);
        let request = filled.to_tree().map_err(|error| format!("the request is not KMIP: {error}"))?;
        let bytes = endpoint.exchange(&step.client, &request.to_bytes()).map_err(|error| format!("no response: {error}"))?;
        let response = Tree::parse(&bytes, &RESPONSE_LIMITS).map_err(|error| format!("the response is not TTLV: {error}"))?;
        let actual = Element::from_tree(&response, version_of(&filled).unwrap_or(case.version));
        if actual.name != "ResponseMessage" {
            return Err(format!("expected ResponseMessage, got {}", actual.name));
        }
        let mut learnt = bindings.clone();
        let verdict = if case.exact {
            compare_bytes(&mut learnt, &filled, &step.response, &bytes, &actual).map(|()| Vec::new())
        } else {
            compare_messages(&mut learnt, &step.request, &filled, &step.response, &actual)
        };
        match verdict {
            Ok(synchronous) => {
                *bindings = learnt;
                return Ok(synchronous);
            }
            Err(_) if (step.repeat || still_pending(step, &actual)) && started.elapsed() < repeat_for => {
                std::thread::sleep(REPEAT_PAUSE);
            }
            Err(difference) => {
                // What was made is known all the same, so that it can be removed.
                *bindings = learnt;
                return Err(difference.to_string());
            }
        }
    }
}

/// Whether the server is still working on what a Poll expects to be done.
fn still_pending(step: &Step, actual: &Element) -> bool {
    let pending =
        |message: &Element| message.child("BatchItem").and_then(|item| text(item, "ResultStatus")) == Some("OperationPending");
    is_follow_up(step) && pending(actual) && !pending(&step.response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::path::Path;

    /// Answers with one message after the other.
    struct Canned(VecDeque<String>, usize);

    impl Exchange for Canned {
        fn exchange(&mut self, _: &str, _: &[u8]) -> io::Result<Vec<u8>> {
            self.1 += 1;
            let answer = self.0.pop_front().ok_or_else(|| io::Error::other("no more answers"))?;
            Ok(Element::parse(&answer, &Limits::default()).unwrap().to_tree().unwrap().to_bytes())
        }
    }

    const VERSION: &str = r#"<ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
        <ProtocolVersionMinor type="Integer" value="2"/></ProtocolVersion>"#;

    fn request(operation: &str) -> String {
        format!(
            r#"<RequestMessage><RequestHeader>{VERSION}</RequestHeader><BatchItem>
            <Operation type="Enumeration" value="{operation}"/><RequestPayload/></BatchItem></RequestMessage>"#
        )
    }

    fn response(operation: &str, status: &str, inside: &str) -> String {
        format!(
            r#"<ResponseMessage><ResponseHeader>{VERSION}</ResponseHeader><BatchItem>
            <Operation type="Enumeration" value="{operation}"/><ResultStatus type="Enumeration" value="{status}"/>{inside}
            </BatchItem></ResponseMessage>"#
        )
    }

    fn payload(identifier: &str) -> String {
        format!(r#"<ResponsePayload><UniqueIdentifier type="TextString" value="{identifier}"/></ResponsePayload>"#)
    }

    fn run(file: &str, answers: &[String]) -> (Result<(), Failure>, usize) {
        let case = Case::parse("X".into(), Path::new("X"), &format!("<KMIP>{file}</KMIP>")).unwrap();
        let mut endpoint = Canned(answers.iter().cloned().collect(), 0);
        (run_case(&case, &mut Bindings::default(), &mut endpoint, Duration::from_millis(1500)), endpoint.1)
    }

    #[test]
    fn the_failing_step_is_named() {
        let file = request("Activate") + &response("Activate", "Success", &payload("$UNIQUE_IDENTIFIER_0"));
        let good = response("Activate", "Success", &payload("a"));
        let bad = response("Activate", "Success", &payload("b"));
        assert_eq!(run(&file.repeat(2), &[good.clone(), good.clone()]).0, Ok(()));
        let failure = run(&file.repeat(2), &[good.clone(), bad]).0.unwrap_err();
        assert_eq!(failure.step, 1);
        assert!(failure.difference.contains("UniqueIdentifier: expected $UNIQUE_IDENTIFIER_0 = a, got \"b\""), "{failure:?}");
        assert!(run(&file, &[]).0.unwrap_err().difference.contains("no response"));
    }

    #[test]
    fn an_operation_answered_at_once_skips_poll_and_cancel() {
        let pending = request("Locate") + &response("Locate", "OperationPending", "");
        let poll = |identifier: &str| request("Poll") + &response("Locate", "Success", &payload(identifier));
        let cancel = request("Cancel") + &response("Cancel", "Success", "");
        let answer = response("Locate", "Success", &payload("a"));
        let (verdict, sent) = run(&(pending.clone() + &poll("$UNIQUE_IDENTIFIER_0")), std::slice::from_ref(&answer));
        assert_eq!((verdict, sent), (Ok(()), 1));
        let (verdict, sent) = run(&(pending.clone() + &cancel), std::slice::from_ref(&answer));
        assert_eq!((verdict, sent), (Ok(()), 1));
        // What Poll would have returned is judged.
        let nothing = response("Locate", "Success", "<ResponsePayload/>");
        let (verdict, _) = run(&(pending + &poll("$UNIQUE_IDENTIFIER_0")), &[nothing]);
        assert_eq!(verdict.unwrap_err().step, 1);
    }

    #[test]
    fn a_step_marked_repeat_is_sent_again() {
        let step = request("Get") + &response("Get", "Success", &payload("$UNIQUE_IDENTIFIER_0"));
        let answers = [response("Get", "OperationFailed", ""), response("Get", "Success", &payload("a"))];
        assert_eq!(run(&format!("# [REPEAT]\n{step}"), &answers), (Ok(()), 2));
        assert_eq!(run(&step, &answers).0.unwrap_err().step, 0);
    }

    #[test]
    fn a_poll_that_is_pending_is_sent_again() {
        let step = request("Poll") + &response("Locate", "Success", &payload("$UNIQUE_IDENTIFIER_0"));
        let answers = [response("Poll", "OperationPending", ""), response("Locate", "Success", &payload("a"))];
        assert_eq!(run(&step, &answers), (Ok(()), 2));
    }
}
