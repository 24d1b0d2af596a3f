//! A server under attack: its memory stays, and an honest client is served meanwhile.

use super::program::{Client, Program, create, discover_versions, settings, succeeded};
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the memory of the server may grow by.
pub const GROWTH_MAX: u64 = 64 * 1024 * 1024;

/// A server under attack, with an honest client beside it.
pub struct Attacked {
    pub server: Program,
    pub settings: Arc<ClientConfig>,
    /// Its resident memory before the attack.
    pub memory: u64,
    honest: Honest,
    _root: tempfile::TempDir,
}

/// A client that makes an honest request ten times a second over connections of its own, and notes how long each took.
struct Honest {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Honest {
    fn start(address: SocketAddr, settings: &Arc<ClientConfig>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (stop, settings) = (Arc::clone(&stop), Arc::clone(settings));
            move || {
                let mut times = Vec::new();
                while !stop.load(Relaxed) {
                    let begun = Instant::now();
                    let mut client = Client::connect(address, &settings).expect("an honest client connects");
                    assert!(succeeded(&client.exchange(&discover_versions()).expect("an honest client is answered")));
                    times.push(begun.elapsed());
                    std::thread::sleep(Duration::from_millis(100));
                }
                times
            }
        });
        Self { stop, thread }
    }

    /// The longest of its requests.
    fn worst(self) -> Duration {
        self.stop.store(true, Relaxed);
        let times = self.thread.join().expect("the honest client was served throughout");
        assert!(!times.is_empty());
        times.into_iter().max().unwrap()
    }
}

impl Attacked {
    /// Starts a server and the honest client.
    pub fn begin() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("kmip-dev");
        let server = Program::dev(&folder);
        let settings = settings(&folder.join("clients/demo"));
        let mut client = Client::connect(server.address, &settings).unwrap();
        // Warm, so that what is measured later is growth.
        for _ in 0..20 {
            assert!(succeeded(&client.exchange(&create(None)).unwrap()));
        }
        let memory = server.memory();
        let honest = Honest::start(server.address, &settings);
        Self { server, settings, memory, honest, _root: root }
    }

    /// The honest client was served in time, and the memory has not grown.
    pub fn end(self) {
        let worst = self.honest.worst();
        let grown = self.server.memory().saturating_sub(self.memory);
        assert!(grown <= GROWTH_MAX, "memory grew by {} MiB", grown >> 20);
        assert!(worst < Duration::from_secs(5), "an honest request took {worst:?}");
        assert!(!self.server.log().contains("panicked"), "{}", self.server.log());
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.server.address, &self.settings).unwrap()
    }
}
