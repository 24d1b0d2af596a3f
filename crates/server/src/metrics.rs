//! Counters of the server, in the text format of Prometheus.
//!
//! A dozen counters and one histogram need no library: operation and result are small fixed vocabularies of the standard.

use crate::service::Measure;
use crate::tls::Expiry;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the latency buckets, in microseconds: from a Get in memory to the request time-outs.
const BUCKETS_US: [u64; 12] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// Distinct (operation, result) pairs counted; more would mean that something unbounded is used as a label.
const SERIES_MAX: usize = 1_000;

/// The counters.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(String, String), u64>>,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    buckets: [AtomicU64; BUCKETS_US.len()],
    latency_count: AtomicU64,
    latency_sum_us: AtomicU64,
    /// Connections that are open now.
    pub connections_open: AtomicI64,
    /// Connections accepted since the start.
    pub connections_accepted: AtomicU64,
    /// Connections closed at once because of a limit.
    pub connections_refused: AtomicU64,
    /// Handshakes that resumed a session.
    pub handshakes_resumed: AtomicU64,
    /// Full handshakes.
    pub handshakes_full: AtomicU64,
    /// Requests that were no KMIP, too long, cut or slow.
    pub bad_frames: AtomicU64,
    /// Certificates of clients that are to be renewed.
    pub clients_ending: AtomicI64,
    /// Those that have ended, and were not renewed.
    pub clients_ended: AtomicI64,
    /// Requests that are being answered now.
    pub(crate) in_hand: AtomicUsize,
}

/// A request that is being answered.
pub(crate) struct InHand<'a>(&'a AtomicUsize);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Metrics {
    /// Counts a request as long as what is returned lives.
    pub(crate) fn in_hand(&self) -> InHand<'_> {
        self.in_hand.fetch_add(1, SeqCst);
        InHand(&self.in_hand)
    }

    /// Counts one batch item.
    pub fn count_item(&self, operation: &str, result: &str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = requests.get_mut(&(operation.to_owned(), result.to_owned())) {
            *count += 1;
        } else if requests.len() < SERIES_MAX {
            requests.insert((operation.to_owned(), result.to_owned()), 1);
        }
    }

    /// Counts a TLS failure by its kind.
    pub fn count_tls_failure(&self, kind: &'static str) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// Counts the time one request took, from its last byte to the response's.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(index) = BUCKETS_US.iter().position(|bound| micros <= *bound) {
            self.buckets[index].fetch_add(1, Relaxed);
        }
        self.latency_count.fetch_add(1, Relaxed);
        self.latency_sum_us.fetch_add(micros, Relaxed);
    }

    /// Requests answered since the start.
    #[must_use]
    pub fn requests_answered(&self) -> u64 {
        self.latency_count.load(Relaxed)
    }

    /// All counters as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        header(&mut text, "kmipd_requests_total", "counter", "Batch items by operation and result.");
        for ((operation, result), count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let (operation, result) = (escaped(operation), escaped(result));
            line(&mut text, &format!("kmipd_requests_total{{operation=\"{operation}\",result=\"{result}\"}}"), count);
        }
        header(&mut text, "kmipd_tls_failures_total", "counter", "Connections refused by TLS, by kind.");
        for (kind, count) in self.failures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            line(&mut text, &format!("kmipd_tls_failures_total{{kind=\"{kind}\"}}"), count);
        }
        let simple: [(&str, &str, &str, i64); 8] = [
            ("kmipd_connections", "gauge", "Open connections.", self.connections_open.load(Relaxed)),
            ("kmipd_connections_total", "counter", "Accepted connections.", signed(&self.connections_accepted)),
            ("kmipd_connections_refused_total", "counter", "Connections beyond a limit.", signed(&self.connections_refused)),
            ("kmipd_handshakes_full_total", "counter", "Full TLS handshakes.", signed(&self.handshakes_full)),
            ("kmipd_handshakes_resumed_total", "counter", "Resumed TLS handshakes.", signed(&self.handshakes_resumed)),
            (
                "kmipd_client_certificates_ending",
                "gauge",
                "Certificates of clients in the last part of their life.",
                self.clients_ending.load(Relaxed),
            ),
            (
                "kmipd_client_certificates_ended",
                "gauge",
                "Certificates of clients that ended and were not renewed.",
                self.clients_ended.load(Relaxed),
            ),
            ("kmipd_bad_frames_total", "counter", "Requests not KMIP, too long, cut or slow.", signed(&self.bad_frames)),
        ];
        for (name, kind, help, value) in simple {
            header(&mut text, name, kind, help);
            line(&mut text, name, value);
        }
        header(&mut text, "kmipd_request_seconds", "histogram", "Time from a request's last byte to its response's.");
        let mut below = 0;
        for (bound, count) in BUCKETS_US.iter().zip(&self.buckets) {
            below += count.load(Relaxed);
            line(&mut text, &format!("kmipd_request_seconds_bucket{{le=\"{}\"}}", seconds(*bound)), below);
        }
        let count = self.latency_count.load(Relaxed);
        line(&mut text, "kmipd_request_seconds_bucket{le=\"+Inf\"}", count);
        line(&mut text, "kmipd_request_seconds_sum", seconds(self.latency_sum_us.load(Relaxed)));
        line(&mut text, "kmipd_request_seconds_count", count);
        text
    }
}

/// When certificates and revocation lists end, as text.
#[must_use]
pub fn of_expiries(expiries: &[Expiry]) -> String {
    let mut text = String::new();
    let name = "kmipd_certificate_expiry_timestamp_seconds";
    header(&mut text, name, "gauge", "When the server's certificate, an authority or a revocation list ends, since 1970.");
    // Several authorities may be in one file: the first that ends counts.
    let mut ends: BTreeMap<(&str, String), i64> = BTreeMap::new();
    for expiry in expiries {
        let end = ends.entry((expiry.what, expiry.path.display().to_string())).or_insert(expiry.not_after);
        *end = expiry.not_after.min(*end);
    }
    for ((what, path), end) in ends {
        line(&mut text, &format!("{name}{{what=\"{what}\",file=\"{}\"}}", escaped(&path)), end);
    }
    text
}

/// What a service tells of itself, as text.
#[must_use]
pub fn of_service(measures: &[Measure]) -> String {
    let mut text = String::new();
    for Measure { name, kind, help, value } in measures {
        header(&mut text, name, kind, help);
        line(&mut text, name, value);
    }
    text
}

fn signed(counter: &AtomicU64) -> i64 {
    i64::try_from(counter.load(Relaxed)).unwrap_or(i64::MAX)
}

fn header(text: &mut String, name: &str, kind: &str, help: &str) {
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name} {value}");
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_counts_what_happened() {
        let metrics = Metrics::default();
        metrics.count_item("Get", "Success");
        metrics.count_item("Get", "Success");
        metrics.count_item("Get", "Item Not Found");
        metrics.count_tls_failure("expired");
        metrics.observe(Duration::from_micros(300));
        metrics.observe(Duration::from_secs(100));
        let text = metrics.text();
        for line in [
            "kmipd_requests_total{operation=\"Get\",result=\"Success\"} 2",
            "kmipd_requests_total{operation=\"Get\",result=\"Item Not Found\"} 1",
            "kmipd_tls_failures_total{kind=\"expired\"} 1",
            "kmipd_request_seconds_bucket{le=\"0.00025\"} 0",
            "kmipd_request_seconds_bucket{le=\"0.0005\"} 1",
            "kmipd_request_seconds_bucket{le=\"10\"} 1",
            "kmipd_request_seconds_bucket{le=\"+Inf\"} 2",
            "kmipd_request_seconds_sum 100.0003",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn labels_do_not_grow_without_bound() {
        let metrics = Metrics::default();
        for index in 0..2 * SERIES_MAX {
            metrics.count_item(&index.to_string(), "Success");
        }
        assert_eq!(metrics.requests.lock().unwrap().len(), SERIES_MAX);
    }
}
