//! Streams: cryptographic operations whose data come in several requests (2.1, section 6.1).
//!
//! What an operation has computed so far lives in the memory of the server between the requests, found by the random Correlation Value
//! that the client was given; the standard wants no more than that, and writing the inside of a half-done encryption anywhere would be
//! a risk without a use. So a stream goes on with the server that began it, and not after a restart. A stream belongs to the client, the
//! operation and the key it was begun with: for any other it is not there. While a request works on it nobody else finds it, and
//! whoever's request fails has lost it: half of what was to be done may have been done. What is dropped wipes itself.
//!
//! There can be so many streams of one client and of all, that keep so much in memory, and one that nobody continues ends after a while.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kmip::codec::ByteString;
use kmip::operation::Operation as Code;
use kmip::result_reason::ResultReason;
use policy::Actor;

use crate::environment::StreamSettings;
use crate::error::{Error, Result};

/// Bytes of a Correlation Value.
const CORRELATION_LENGTH: usize = 16;

/// All streams that wait for their next part.
#[derive(Default)]
pub(crate) struct Streams {
    waiting: Mutex<HashMap<[u8; CORRELATION_LENGTH], Stream>>,
    counts: Arc<Mutex<Counts>>,
}

/// How many streams there are, those that are worked on included.
#[derive(Default)]
struct Counts {
    by_client: HashMap<Actor, usize>,
    all: usize,
    bytes: usize,
}

/// A stream.
pub(crate) struct Stream {
    correlation: [u8; CORRELATION_LENGTH],
    operation: Code,
    /// The Unique Identifier of its key; of a Hash there is none.
    key: Option<String>,
    /// What was computed so far.
    pub(crate) state: Box<dyn Any + Send>,
    place: Place,
    expires: i64,
}

/// A place among the streams, given back when it is dropped.
struct Place {
    actor: Actor,
    counts: Arc<Mutex<Counts>>,
    bytes: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.all -= 1;
        counts.bytes -= self.bytes;
        if let Some(own) = counts.by_client.get_mut(&self.actor) {
            *own -= 1;
            if *own == 0 {
                counts.by_client.remove(&self.actor);
            }
        }
    }
}

fn unknown() -> Error {
    Error::new(ResultReason::InvalidCorrelationValue, "There is no stream with this Correlation Value, or not any more")
}

impl Streams {
    /// Begins a stream, which waits once it is kept.
    ///
    /// # Errors
    /// Server Limit Exceeded.
    pub(crate) fn begin(
        &self,
        actor: &Actor,
        operation: Code,
        key: Option<String>,
        state: Box<dyn Any + Send>,
        now: i64,
        settings: &StreamSettings,
        random: &dyn crypto::Random,
    ) -> Result<Stream> {
        self.sweep(now);
        let mut correlation = [0; CORRELATION_LENGTH];
        random.fill(&mut correlation).map_err(Error::general_failure)?;
        {
            let mut counts = lock(&self.counts);
            let own = counts.by_client.get(actor).copied().unwrap_or_default();
            if own >= settings.streams_per_client || counts.all >= settings.streams {
                let text = "There are too many streams; end one, or wait until one expires";
                return Err(Error::new(ResultReason::ServerLimitExceeded, text));
            }
            counts.all += 1;
            *counts.by_client.entry(actor.clone()).or_default() += 1;
        }
        let place = Place { actor: actor.clone(), counts: Arc::clone(&self.counts), bytes: 0 };
        Ok(Stream { correlation, operation, key, state, place, expires: 0 })
    }

    /// The key of a stream, as long as the stream waits for its client.
    ///
    /// # Errors
    /// Invalid Correlation Value.
    pub(crate) fn key(&self, value: &ByteString, actor: &Actor, operation: Code, now: i64) -> Result<Option<String>> {
        let waiting = lock(&self.waiting);
        let stream = waiting.get(value.0.as_slice()).ok_or_else(unknown)?;
        if stream.is_for(actor, operation, now) { Ok(stream.key.clone()) } else { Err(unknown()) }
    }

    /// Takes a stream out, to work on it.
    ///
    /// # Errors
    /// Invalid Correlation Value.
    pub(crate) fn take(&self, value: &ByteString, actor: &Actor, operation: Code, now: i64) -> Result<Stream> {
        self.sweep(now);
        let mut waiting = lock(&self.waiting);
        // What is another's stays as it is.
        if !waiting.get(value.0.as_slice()).is_some_and(|stream| stream.is_for(actor, operation, now)) {
            return Err(unknown());
        }
        waiting.remove(value.0.as_slice()).ok_or_else(unknown)
    }

    /// Lets a stream wait for its next part.
    pub(crate) fn keep(&self, stream: Stream) {
        lock(&self.waiting).insert(stream.correlation, stream);
    }

    /// Ends the streams that nobody has continued in time.
    pub(crate) fn sweep(&self, now: i64) {
        let mut expired = Vec::new();
        {
            let mut waiting = lock(&self.waiting);
            expired.extend(waiting.extract_if(|_, stream| stream.expires <= now).map(|(_, stream)| stream));
        }
        // Wiped without the lock.
        drop(expired);
    }
}

impl Stream {
    fn is_for(&self, actor: &Actor, operation: Code, now: i64) -> bool {
        self.place.actor == *actor && self.operation == operation && self.expires > now
    }

    /// What the client calls it.
    pub(crate) fn correlation_value(&self) -> ByteString {
        ByteString(self.correlation.to_vec())
    }

    /// Notes how much it keeps in memory, and until when it waits.
    ///
    /// # Errors
    /// Server Limit Exceeded, if that is more than all streams may keep.
    pub(crate) fn renew(&mut self, held: usize, now: i64, settings: &StreamSettings) -> Result<()> {
        let mut counts = lock(&self.place.counts);
        let others = counts.bytes - self.place.bytes;
        if others.saturating_add(held) > settings.stream_memory {
            drop(counts);
            let text = "The streams keep too much in memory; send less in one stream, or try again later";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        counts.bytes = others + held;
        self.place.bytes = held;
        drop(counts);
        self.expires = now.saturating_add(i64::try_from(settings.stream_expiry_s).unwrap_or(i64::MAX));
        Ok(())
    }
}

/// A stream on its way back: it waits again only if what its part changed was committed.
pub(crate) struct Parked(Mutex<Option<Stream>>);

impl Parked {
    /// Parks a stream.
    pub(crate) const fn new(stream: Option<Stream>) -> Self {
        Self(Mutex::new(stream))
    }

    /// Takes it out.
    pub(crate) fn take(&self) -> Option<Stream> {
        lock(&self.0).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> StreamSettings {
        StreamSettings { streams_per_client: 2, streams: 3, stream_memory: 100, stream_expiry_s: 10 }
    }

    fn begin(streams: &Streams, name: &str, now: i64) -> Result<Stream> {
        let random = crypto::SystemRandom::new();
        let key = Some("key".to_owned());
        streams.begin(&Actor::new(name), Code::Encrypt, key, Box::new(()), now, &settings(), &random)
    }

    /// A stream that waits; what it is called.
    fn waiting(streams: &Streams, name: &str, held: usize, now: i64) -> ByteString {
        let mut stream = begin(streams, name, now).unwrap();
        stream.renew(held, now, &settings()).unwrap();
        let value = stream.correlation_value();
        streams.keep(stream);
        value
    }

    #[test]
    fn a_stream_is_found_by_those_it_belongs_to() {
        let streams = Streams::default();
        let value = waiting(&streams, "fred", 1, 0);
        let (fred, barney) = (Actor::new("fred"), Actor::new("barney"));
        let elsewhere = Actor::of("fred", 1);
        for (actor, operation, now) in
            [(&barney, Code::Encrypt, 0), (&elsewhere, Code::Encrypt, 0), (&fred, Code::Decrypt, 0), (&fred, Code::Encrypt, 10)]
        {
            let error = streams.key(&value, actor, operation, now).unwrap_err();
            assert_eq!(error.reason, ResultReason::InvalidCorrelationValue, "{actor:?} {operation:?} {now}");
        }
        assert!(streams.take(&value, &barney, Code::Encrypt, 0).is_err());
        assert_eq!(streams.key(&value, &fred, Code::Encrypt, 9).unwrap().as_deref(), Some("key"));
        let stream = streams.take(&value, &fred, Code::Encrypt, 9).unwrap();
        assert!(streams.take(&value, &fred, Code::Encrypt, 9).is_err(), "somebody works on it");
        streams.keep(stream);
        assert!(streams.take(&value, &fred, Code::Encrypt, 9).is_ok());
        assert!(streams.key(&ByteString(vec![1; 3]), &fred, Code::Encrypt, 0).is_err());
    }

    #[test]
    fn limits_hold_and_places_come_back() {
        let streams = Streams::default();
        let reason = |result: Result<Stream>| result.map(drop).unwrap_err().reason;
        let first = begin(&streams, "fred", 0).unwrap();
        waiting(&streams, "fred", 1, 0);
        assert_eq!(reason(begin(&streams, "fred", 0)), ResultReason::ServerLimitExceeded, "his own");
        waiting(&streams, "barney", 1, 0);
        assert_eq!(reason(begin(&streams, "wilma", 0)), ResultReason::ServerLimitExceeded, "all");
        drop(first);
        let mut stream = begin(&streams, "wilma", 0).unwrap();
        assert_eq!(stream.renew(99, 0, &settings()).unwrap_err().reason, ResultReason::ServerLimitExceeded, "memory");
        stream.renew(98, 0, &settings()).unwrap();
        stream.renew(97, 0, &settings()).unwrap();
        drop(stream);
        // What has expired makes room.
        begin(&streams, "betty", 10).unwrap();
        assert_eq!(lock(&streams.counts).all, 0);
        assert_eq!(lock(&streams.counts).bytes, 0);
        assert!(lock(&streams.counts).by_client.is_empty());
    }
}
