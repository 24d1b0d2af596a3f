//! `cargo xtask clock`: the server's clock ten years ahead, ten years back, stopped, and jumping while it works.
//!
//! The real kmipd runs under libfaketime, which answers for the system's clock what a file says; the file changes while the
//! server runs. Its certificates are valid for twenty years on both sides of today, so that TLS has nothing to say. The dates in
//! the attributes and in the audit records prove that the server saw the false time.

use crate::dice::Dice;
use crate::options::Options;
use crate::server::{DevServer, free_port};
use crate::{Outcome, crash, log_chain, run};
use certs::{Authority, ClientProfile, KeyKind, ServerProfile, Validity};
use client::{AttributeList, Configuration, Error, blocking, material};
use kmip::attribute::{Attribute, AttributeReference, Attributes};
use kmip::enumerations::{CryptographicAlgorithm, RevocationReasonCode, State};
use kmip::identifier::UniqueIdentifier;
use kmip::{DateTime, ProtocolVersion, tag};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day, and of a year as libfaketime counts it.
const DAY: i64 = 24 * 3600;
const YEAR: i64 = 365 * DAY;
/// Clients that work while the clock jumps, and for how long.
const WORKERS: usize = 4;
const JUMPING: Duration = Duration::from_secs(3);
/// A busy machine may take so long from what the file says to what an attribute says, in seconds.
const TOLERANCE: i64 = 120;

/// A server under a clock of ours.
struct Bench {
    directory: PathBuf,
    port: u16,
    library: PathBuf,
}

/// No options but `--seed N`.
pub(crate) fn clock(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let seed: u64 = options.number("seed")?.unwrap_or_else(Dice::seed);
    options.end()?;
    let library = library()?;
    run::build_server()?;
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let bench = Bench { directory: directory.path().to_path_buf(), port: free_port()?, library };
    DevServer::start(&bench.directory, bench.port, &[])?.kill();
    long_lived(&bench.directory.join("dev"))?;

    let made = bench.at("the right time", Some(0), Keys::make)?;
    bench.at("ten years ahead", Some(10 * YEAR), |client, now| made.ahead(client, now))?;
    bench.at("ten years back", Some(-10 * YEAR), |client, now| made.back(client, now))?;
    bench.at("stopped", None, |client, now| made.stopped(client, now))?;
    bench.at("the right time again", Some(0), |client, now| made.again(client, now))?;
    let jumps = bench.jumping(seed)?;
    let (mut earliest, mut latest, mut backwards, mut previous) = (i64::MAX, i64::MIN, 0_usize, i64::MIN);
    let entries = log_chain::records(&bench.directory.join("dev"), |record| {
        earliest = earliest.min(record.time_us);
        latest = latest.max(record.time_us);
        backwards += usize::from(record.time_us < previous);
        previous = record.time_us;
    })?;
    let years = (latest - earliest) / (YEAR * 1_000_000);
    if years < 19 || backwards == 0 {
        return Err(format!(
            "the audit records span {years} years, and {backwards} are earlier than the one before: no false clock"
        ));
    }
    println!(
        "clock: {jumps} requests while it jumped; {entries} log entries in one chain without a gap, spanning {years} years, {backwards} of \
         them earlier than the one before"
    );
    Ok(())
}

/// Where Debian puts the library, whatever the processor.
fn library() -> Result<PathBuf, String> {
    let found = std::fs::read_dir("/usr/lib").ok().into_iter().flatten().flatten();
    let mut found = found.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).filter(|path| path.exists());
    found.next().ok_or_else(|| "libfaketimeMT.so.1 is missing: the package libfaketime (cargo xtask setup)".to_owned())
}

fn real_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}

/// New certificates for a server made by `kmipd dev`, valid twenty years before and after today.
fn long_lived(folder: &Path) -> Outcome {
    let text = |error: certs::CertificateError| error.to_string();
    let after = Validity::days(20 * 365);
    let validity = Validity { not_before: after.not_before - (after.not_after - after.not_before), ..after };
    let authority = Authority::mint("clock authority", KeyKind::default(), validity).map_err(text)?;
    let hosts = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let hosts =
        ["localhost", "127.0.0.1", "::1", hosts.trim()].map(ToOwned::to_owned).into_iter().filter(|host| !host.is_empty());
    let profile = ServerProfile { hosts: hosts.collect(), crl_uris: Vec::new(), key: KeyKind::default(), validity };
    let server = authority.server(&profile).map_err(text)?;
    let client = authority.client(&ClientProfile::named("demo", validity)).map_err(text)?;
    let list = authority.revocation_list(&[], 1, 20 * 365).map_err(text)?;
    let (key, authority_pem) = (authority.key_pem(), authority.certificate_pem());
    for (name, contents) in [
        ("ca.pem", authority_pem),
        ("ca-key.pem", key.as_str()),
        ("ca.crl", &list.pem),
        ("server.pem", &server.certificate_pem),
        ("server-key.pem", server.key_pem.as_str()),
        ("clients/demo/ca.pem", authority_pem),
        ("clients/demo/cert.pem", &client.certificate_pem),
        ("clients/demo/key.pem", client.key_pem.as_str()),
    ] {
        std::fs::write(folder.join(name), contents).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

impl Bench {
    fn file(&self) -> PathBuf {
        self.directory.join("time")
    }

    /// Sets the clock: seconds beside the right time, or stopped at this moment.
    fn set(&self, offset: Option<i64>) -> Outcome {
        // Whole seconds in UTC, which libfaketime reads in the server's time zone: we start it in UTC.
        let text = match offset {
            Some(offset) => format!("{offset:+}"),
            None => run::read(std::process::Command::new("date").args(["-u", "+%Y-%m-%d %H:%M:%S"]))?.trim().to_owned(),
        };
        let new = self.file().with_extension("new");
        // Moved to its place whole: the server reads it at any moment.
        let written = std::fs::write(&new, text + "\n").and_then(|()| std::fs::rename(&new, self.file()));
        written.map_err(|error| format!("{}: {error}", self.file().display()))
    }

    fn start(&self) -> Result<DevServer, String> {
        let preload = format!("LD_PRELOAD={}", self.library.display());
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", self.file().display());
        // Intervals stay true, as they do when somebody sets a clock; so do the times of files.
        let prefix =
            ["env", "TZ=UTC", &preload, &file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"];
        DevServer::start(&self.directory, self.port, &prefix)
    }

    /// Starts the server under a clock, does something and kills it.
    fn at<T>(
        &self,
        what: &str,
        offset: Option<i64>,
        work: impl FnOnce(&mut blocking::Client, i64) -> Result<T, String>,
    ) -> Result<T, String> {
        self.set(offset)?;
        let server = self.start().map_err(|error| format!("{what}: {error}"))?;
        let configuration = crash::configuration(&server)?.with_version(ProtocolVersion::V2_1);
        let mut client = blocking::Client::connect(&configuration).map_err(|error| format!("{what}: {error}"))?;
        let now = real_now() + offset.unwrap_or(0);
        let done = work(&mut client, now).map_err(|error| format!("{what}: {error}; the log ends:\n{}", server.log_end()))?;
        server.kill();
        println!("clock: {what}: as expected");
        Ok(done)
    }

    /// Clients work while the clock jumps; how many requests were answered, all of them with success.
    fn jumping(&self, seed: u64) -> Result<usize, String> {
        self.set(Some(0))?;
        let server = self.start()?;
        let configuration = crash::configuration(&server)?.with_version(ProtocolVersion::V2_1);
        let (done, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let outcome = std::thread::scope(|scope| {
            let work = |number: usize| work(&configuration, number, &done, &over);
            let workers: Vec<_> = (0..WORKERS).map(|number| scope.spawn(move || work(number))).collect();
            let begun = std::time::Instant::now();
            let mut dice = Dice::new(seed);
            let mut set = Ok(());
            while set.is_ok() && begun.elapsed() < JUMPING {
                let offset = [Some(10 * YEAR), Some(-10 * YEAR), Some(0), Some(DAY), Some(-DAY), None][dice.below(6)];
                set = self.set(offset);
                std::thread::sleep(Duration::from_millis(20 + dice.below(60) as u64));
            }
            over.store(true, Ordering::SeqCst);
            let joined = workers.into_iter().map(|worker| worker.join().map_err(|_| "a worker panicked".to_owned())?);
            joined.fold(set, |all, one| all.and(one))
        });
        outcome.map_err(|error| format!("while it jumped: {error}; the log ends:\n{}", server.log_end()))?;
        server.kill();
        println!("clock: jumping: as expected");
        Ok(done.into_inner())
    }
}

/// One client's work under a clock that jumps. Now and then it connects anew.
fn work(configuration: &Configuration, number: usize, done: &AtomicUsize, over: &AtomicBool) -> Outcome {
    let text = |error: Error| error.to_string();
    let mut round = 0;
    while !over.load(Ordering::SeqCst) {
        let mut client = blocking::Client::connect(configuration).map_err(text)?;
        for _ in 0..20 {
            round += 1;
            let name = format!("jump {number} {round}");
            let key = create(&mut client, AttributeList::new().name(&name)).map_err(text)?;
            let found = client.wait(async |client| client.locate(AttributeList::new().name(&name), None).await).map_err(text)?;
            if found.unique_identifiers != [key.clone()] {
                return Err(format!("{name}: Locate finds {:?}", found.unique_identifiers));
            }
            let comment = Attribute::ContactInformation(name.clone());
            client.wait(async |client| client.add_attribute(&key, comment.clone()).await).map_err(text)?;
            if attributes(&mut client, &key)?.contact_information() != Some(&name) {
                return Err(format!("{name}: what was added is not there"));
            }
            usable(&mut client, &key)?;
            client.wait(async |client| client.destroy(&key).await).map_err(text)?;
            done.fetch_add(6, Ordering::SeqCst);
        }
    }
    Ok(())
}

/// Keys whose lives are followed through all times.
struct Keys {
    /// Active, until a year from now.
    until: UniqueIdentifier,
    /// Pre-Active, until a year from now.
    from: UniqueIdentifier,
    /// Active, without an end.
    active: UniqueIdentifier,
    compromised: UniqueIdentifier,
    destroyed: UniqueIdentifier,
}

impl Keys {
    fn make(client: &mut blocking::Client, now: i64) -> Result<Self, String> {
        let text = |error: Error| error.to_string();
        let mut key = |attributes| create(client, attributes).map_err(text);
        let active = || AttributeList::new().with(Attribute::ActivationDate(DateTime(now - 10)));
        let keys = Self {
            until: key(active().with(Attribute::DeactivationDate(DateTime(now + YEAR))))?,
            from: key(AttributeList::new().with(Attribute::ActivationDate(DateTime(now + YEAR))))?,
            active: key(active())?,
            compromised: key(active())?,
            destroyed: key(AttributeList::new())?,
        };
        client
            .wait(async |client| {
                let reason = RevocationReasonCode::KeyCompromise;
                client.revoke(&keys.compromised, reason, None, Some(DateTime(now - 5))).await?;
                client.destroy(&keys.destroyed).await
            })
            .map_err(text)?;
        keys.states(client, State::Active, State::PreActive, State::Active)?;
        Ok(keys)
    }

    /// The states now. What was compromised or destroyed stays so at any time: these are events, not dates to come.
    fn states(&self, client: &mut blocking::Client, until: State, from: State, active: State) -> Outcome {
        for (what, key, expected) in [
            ("Active until a year from now", &self.until, until),
            ("Active from a year from now on", &self.from, from),
            ("Active", &self.active, active),
            ("compromised", &self.compromised, State::Compromised),
            ("destroyed", &self.destroyed, State::Destroyed),
        ] {
            let state = attributes(client, key)?.state().copied();
            if state != Some(expected) {
                return Err(format!("the key made to be {what} is {state:?}, not {expected:?}"));
            }
        }
        Ok(())
    }

    fn ahead(&self, client: &mut blocking::Client, now: i64) -> Outcome {
        self.states(client, State::Deactivated, State::Active, State::Active)?;
        changed(client, &self.active, "ahead", now)?;
        made(client, "ahead", now)?;
        // What the client says to be in the past by its own clock is in the past here, too.
        usable(client, &self.until)
    }

    fn back(&self, client: &mut blocking::Client, now: i64) -> Outcome {
        // No Activation Date is reached: by this clock all of them are to come (2.1, section 4.57: the states follow the dates).
        self.states(client, State::PreActive, State::PreActive, State::PreActive)?;
        for key in [&self.until, &self.from, &self.active] {
            usable(client, key)?;
        }
        // Last Change Date is when the last change was, by the clock of that moment: before Initial Date now.
        changed(client, &self.active, "back", now)?;
        let key = find(client, "ahead")?;
        let attributes = attributes(client, &key)?;
        if attributes.state() != Some(&State::PreActive) {
            return Err(format!("a key activated ten years from now is {:?}", attributes.state()));
        }
        usable(client, &key)?;
        changed(client, &key, "back", now)?;
        made(client, "back", now)
    }

    fn stopped(&self, client: &mut blocking::Client, now: i64) -> Outcome {
        self.states(client, State::Active, State::PreActive, State::Active)?;
        for round in 0..20 {
            let name = format!("stopped {round}");
            made(client, &name, now)?;
            changed(client, &self.active, &name, now)?;
        }
        Ok(())
    }

    fn again(&self, client: &mut blocking::Client, now: i64) -> Outcome {
        self.states(client, State::Active, State::PreActive, State::Active)?;
        for (name, expected) in [("ahead", State::PreActive), ("back", State::Active), ("stopped 7", State::Active)] {
            let key = find(client, name)?;
            let state = attributes(client, &key)?.state().copied();
            if state != Some(expected) {
                return Err(format!("the key {name:?} is {state:?}, not {expected:?}"));
            }
            usable(client, &key)?;
            changed(client, &key, "again", now)?;
        }
        Ok(())
    }
}

fn create(client: &mut blocking::Client, attributes: AttributeList) -> Result<UniqueIdentifier, Error> {
    client.wait(async |client| client.create_symmetric_key(CryptographicAlgorithm::AES, 256, attributes).await)
}

fn attributes(client: &mut blocking::Client, key: &UniqueIdentifier) -> Result<Attributes, String> {
    let wanted = [tag::State, tag::InitialDate, tag::LastChangeDate, tag::ActivationDate, tag::ContactInformation];
    let wanted = wanted.map(AttributeReference::Standard);
    client.wait(async |client| client.get_attributes(key, &wanted).await).map_err(|error| format!("{}: {error}", key.0))
}

/// A key that is made and activated: its dates are the server's, its state follows at once.
fn made(client: &mut blocking::Client, name: &str, now: i64) -> Outcome {
    let text = |error: Error| format!("{name}: {error}");
    let key = create(client, AttributeList::new().name(name)).map_err(text)?;
    client.wait(async |client| client.activate(&key).await).map_err(text)?;
    let attributes = attributes(client, &key)?;
    if attributes.state() != Some(&State::Active) {
        return Err(format!("{name}: after Activate it is {:?}", attributes.state()));
    }
    near(name, "Initial Date", attributes.initial_date(), now)?;
    near(name, "Activation Date", attributes.activation_date(), now)?;
    near(name, "Last Change Date", attributes.last_change_date(), now)?;
    usable(client, &key)
}

/// A change of an attribute: it is there, and Last Change Date says now.
fn changed(client: &mut blocking::Client, key: &UniqueIdentifier, contact: &str, now: i64) -> Outcome {
    let current = attributes(client, key)?.contact_information().cloned();
    let new = Attribute::ContactInformation(contact.to_owned());
    let call = client.wait(async |client| match current {
        None => client.add_attribute(key, new).await,
        Some(current) => client.modify_attribute(key, new, None, Some(Attribute::ContactInformation(current))).await,
    });
    call.map_err(|error| format!("{contact}: {error}"))?;
    let attributes = attributes(client, key)?;
    if attributes.contact_information().map(String::as_str) != Some(contact) {
        return Err(format!("{}: the change is not there", key.0));
    }
    near(contact, "Last Change Date", attributes.last_change_date(), now)
}

fn near(name: &str, what: &str, date: Option<&DateTime>, now: i64) -> Outcome {
    match date {
        Some(date) if (date.0 - now).abs() <= TOLERANCE => Ok(()),
        date => Err(format!("{name}: its {what} is {date:?}, the server's clock says {now}")),
    }
}

fn find(client: &mut blocking::Client, name: &str) -> Result<UniqueIdentifier, String> {
    let found = client.wait(async |client| client.locate(AttributeList::new().name(name), None).await);
    let found = found.map_err(|error| format!("{name}: {error}"))?.unique_identifiers;
    let [one] = found.as_slice() else { return Err(format!("{} keys are called {name:?}", found.len())) };
    Ok(one.clone())
}

/// Its owner gets the material.
fn usable(client: &mut blocking::Client, key: &UniqueIdentifier) -> Outcome {
    let object = client.wait(async |client| client.get(key).await).map_err(|error| format!("{}: {error}", key.0))?;
    match material(&object) {
        Some(bytes) if bytes.len() == 32 => Ok(()),
        _ => Err(format!("{}: Get answers without its 32 bytes", key.0)),
    }
}
