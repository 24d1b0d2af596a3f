//! `cargo xtask powercut`: what was acknowledged survives a power cut.
//!
//! Eight threads write to a store on a file system that forgets what was not synced (volatile/). The power fails at a random
//! moment, also while the store is being opened again; then the store must open by itself, and everything that was
//! acknowledged must be in it, whole, and nothing else. The control run lets the fdatasync of the journal do nothing, and must
//! lose something: a test that finds nothing proves nothing before that.

use crate::Outcome;
use crate::store_worker::model::{Difference, Dump, Model};
use crate::store_worker::parent::{Next, Worker};
use crate::store_worker::protocol::Event;
use crate::store_worker::{Orders, Tuning, Work};
use crate::volatile::{Disk, MountPoint, Random, Survival, Volume};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Rounds that `cargo xtask test` runs.
pub(crate) const SHORT: u64 = 20;

/// Rounds of the control run.
const CONTROL: u64 = 5;

/// How long a store may take to open and to be read: these are small ones.
const OPENING: Duration = Duration::from_secs(60);

/// How long a round writes at most, when the power has not failed before.
const WRITING: Duration = Duration::from_secs(3);

/// How long a worker goes on against a disk without power, at most.
const WITHOUT_POWER: u64 = 20;

/// The directory in which the control run lets fdatasync do nothing.
const JOURNAL: &str = "journal";

/// When the power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Opening,
    Reading,
    Writing,
}

/// What is counted.
#[derive(Debug, Default)]
struct Counts {
    rounds: u64,
    stores: u64,
    opening: u64,
    reading: u64,
    writing: u64,
    nothing: u64,
    some: u64,
    all: u64,
    lost: usize,
    not_opened: u64,
    slowest_opening: u64,
}

/// Options of the command.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    rounds: u64,
    seed: Option<u64>,
    without_sync: bool,
    /// Where to leave what the disk held before a round that failed.
    keep: Option<PathBuf>,
}

impl Arguments {
    /// `[--rounds N] [--seed S] [--keep DIR] [--without-sync]`
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let mut arguments = Self { rounds: 50, seed: None, without_sync: false, keep: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if *word == "--keep" {
                arguments.keep = Some(words.next().ok_or("--keep needs a directory")?.into());
                continue;
            }
            let mut number = || {
                let value = words.next().ok_or(format!("{word} needs a number"))?;
                value.parse().map_err(|_| format!("not a number: {value}"))
            };
            match *word {
                "--rounds" => arguments.rounds = number()?,
                "--seed" => arguments.seed = Some(number()?),
                "--without-sync" => arguments.without_sync = true,
                other => return Err(format!("powercut does not know {other}")),
            }
        }
        Ok(arguments)
    }

    /// What `cargo xtask test` runs.
    pub(crate) const fn short() -> Self {
        Self { rounds: SHORT, seed: None, without_sync: false, keep: None }
    }
}

/// The rounds, and the control run; or the control run alone.
pub(crate) fn powercut(arguments: Arguments) -> Outcome {
    let seed = arguments.seed.unwrap_or_else(Random::any_seed);
    if arguments.without_sync {
        return control(seed, arguments.rounds.min(CONTROL));
    }
    println!("powercut: seed {seed}");
    let mut bench = Bench::new(seed)?;
    let begun = Instant::now();
    for number in 1..=arguments.rounds {
        if let Err(reason) = bench.round(number) {
            let kept = arguments.keep.as_deref().map_or(Ok(()), |directory| bench.keep(directory));
            let kept = kept.err().map_or(String::new(), |error| format!("\nwhat the disk held could not be kept: {error}"));
            let again = format!("cargo xtask powercut --rounds {number} --seed {seed}");
            return Err(format!("round {number}: {reason}\nto repeat it (threads permitting): {again}{kept}"));
        }
        if number % 10 == 0 || number == arguments.rounds {
            let (counts, commits, seconds) = (&bench.counts, bench.model.acknowledged + bench.before, begun.elapsed().as_secs());
            println!("powercut: {number} rounds in {seconds} s: {commits} acknowledged commits, {} lost", counts.lost);
        }
    }
    bench.report();
    if arguments.rounds > 0 && bench.model.acknowledged + bench.before == 0 {
        return Err("no commit was acknowledged: nothing was tested".to_owned());
    }
    control(seed, CONTROL)
}

/// Without the journal's fdatasync, acknowledged commits must be lost.
fn control(seed: u64, rounds: u64) -> Outcome {
    let (mut lost, mut refused, mut commits) = (0, 0, 0);
    for number in 1..=rounds {
        // A new store each time: what has lost something is of no further use.
        let mut bench = Bench::new(seed.wrapping_add(number))?;
        bench.control = true;
        bench.round(1).map_err(|reason| format!("control run: {reason}"))?;
        commits += bench.model.acknowledged;
        lost += bench.counts.lost;
        refused += bench.counts.not_opened;
    }
    println!(
        "powercut: control run without the journal's fdatasync: {rounds} rounds, {commits} acknowledged commits, {lost} records lost; \
         {refused} stores noticed and did not open"
    );
    if lost == 0 {
        return Err("the control run lost nothing: this test would not notice a missing sync".to_owned());
    }
    Ok(())
}

/// A store, what is known of it, and the disk it is on.
struct Bench {
    point: MountPoint,
    key: PathBuf,
    disk: Disk,
    /// What the disk held when it was mounted last.
    found: Disk,
    model: Model,
    random: Random,
    counts: Counts,
    /// Acknowledged commits of earlier stores.
    before: u64,
    control: bool,
}

impl Bench {
    fn new(seed: u64) -> Result<Self, String> {
        let point = MountPoint::new()?;
        let key = point.beside().join("root.key");
        store::sealing::RootKey::create_file(&key).map_err(|error| error.to_string())?;
        let (model, random, counts) = (Model::default(), Random::new(seed), Counts { stores: 1, ..Counts::default() });
        Ok(Self { point, key, disk: Disk::new(), found: Disk::new(), model, random, counts, before: 0, control: false })
    }

    /// One power cut in the middle of everything, and as many more during the recovery as chance will have; then the
    /// comparison.
    fn round(&mut self, number: u64) -> Outcome {
        self.counts.rounds += 1;
        // Now and then a new store, whose making is cut off too.
        if !self.control && self.random.percent(5) {
            self.before += self.model.acknowledged;
            (self.disk, self.model) = (Disk::new(), Model::default());
            self.counts.stores += 1;
        }
        let mut attempt = number << 8;
        let early = !self.control && self.random.percent(20);
        self.live(attempt, early)?;
        loop {
            self.cut();
            attempt += 1;
            let again = !self.control && self.random.percent(25);
            if again {
                self.live(attempt, true)?;
            } else {
                return self.check(attempt);
            }
        }
    }

    /// What is found when the power is back.
    fn cut(&mut self) {
        let survival = match self.random.below(3) {
            _ if self.control => Survival::Nothing,
            0 => Survival::Nothing,
            1 => Survival::Some,
            _ => Survival::All,
        };
        match survival {
            Survival::Nothing => self.counts.nothing += 1,
            Survival::Some => self.counts.some += 1,
            Survival::All => self.counts.all += 1,
        }
        let mut random = Random::new(self.random.next());
        self.disk = self.disk.after_power_cut(survival, &mut random);
    }

    fn orders(&mut self, run: u64, work: Work) -> Orders {
        let tuning = if self.random.percent(50) { Tuning::Small } else { Tuning::Default };
        // A store that has never acknowledged anything may not have been finished.
        let may_create = self.model.acknowledged == 0 && self.model.records() == 0;
        Orders { may_create, tuning, run, seed: self.random.next(), work }
    }

    fn mount(&mut self) -> Result<Volume, String> {
        self.found = self.disk.clone();
        Volume::mount(std::mem::replace(&mut self.disk, Disk::new()), &self.point)
    }

    /// Opens the store and writes until the power fails.
    fn live(&mut self, run: u64, early: bool) -> Outcome {
        let changes = match early {
            true => self.random.below(40),
            // Late enough that something was acknowledged.
            false if self.control => 1000 + self.random.below(1000),
            // Opening alone takes about a hundred.
            false => 150 + self.random.magnitude(13),
        };
        let delay = Duration::from_millis(self.random.below(WITHOUT_POWER));
        let orders = self.orders(run, Work::Write);
        let volume = self.mount()?;
        if self.control {
            volume.disk().ignore_data_syncs_of(JOURNAL);
        }
        volume.disk().cut_after(changes);
        let expected = self.model.begin(run);
        let worker = Worker::start(&volume.path().join("data"), &self.key, &orders, &expected)?;
        let (begun, mut opened, mut dumped, mut dump) = (Instant::now(), false, None, Dump::default());
        while !volume.disk().is_off() {
            match worker.next(Duration::from_millis(2)) {
                Next::Event(Event::Opened { milliseconds }) => {
                    opened = true;
                    self.counts.slowest_opening = self.counts.slowest_opening.max(milliseconds);
                }
                Next::Event(Event::Dumped) => {
                    dumped = Some(Instant::now());
                    self.compare(std::mem::take(&mut dump))?;
                }
                Next::Event(event) if dumped.is_some() => self.model.take(event),
                Next::Event(event) => dump.take(event),
                Next::End => return self.ended(worker, volume, opened),
                Next::Silence => {}
            }
            if dumped.is_some_and(|since| since.elapsed() > WRITING) {
                volume.disk().cut_now();
            }
            if dumped.is_none() && begun.elapsed() > OPENING {
                return Err(format!("opening and reading took more than {} s", OPENING.as_secs()));
            }
        }
        // The program notices before it ends, or ends at once.
        std::thread::sleep(delay);
        let ending = worker.end()?;
        let moment = self.rest(ending.events, opened, dumped.is_some(), dump)?;
        match moment {
            Moment::Opening => self.counts.opening += 1,
            Moment::Reading => self.counts.reading += 1,
            Moment::Writing => self.counts.writing += 1,
        }
        self.model.end();
        self.disk = volume.unmount()?;
        Ok(())
    }

    /// What the worker had still said when the power failed.
    fn rest(&mut self, events: Vec<Event>, mut opened: bool, mut dumped: bool, mut dump: Dump) -> Result<Moment, String> {
        for event in events {
            match event {
                Event::Opened { .. } => opened = true,
                Event::Dumped => {
                    dumped = true;
                    self.compare(std::mem::take(&mut dump))?;
                }
                event if dumped => self.model.take(event),
                event => dump.take(event),
            }
        }
        Ok(match (opened, dumped) {
            (_, true) => Moment::Writing,
            (true, false) => Moment::Reading,
            (false, false) => Moment::Opening,
        })
    }

    /// The worker ended although the power had not failed, or as it did.
    fn ended(&mut self, mut worker: Worker, volume: Volume, opened: bool) -> Outcome {
        let ending = worker.finish()?;
        self.model.end();
        let off = volume.disk().is_off();
        self.disk = volume.unmount()?;
        if off {
            self.counts.opening += 1;
            return Ok(());
        }
        let what = if opened { "the worker ended" } else { "the store did not open" };
        Err(format!("{what}: {}: {}", ending.status, ending.errors.trim()))
    }

    /// The store opens by itself, and holds what it must.
    fn check(&mut self, run: u64) -> Outcome {
        if self.model.acknowledged == 0 && self.model.records() == 0 {
            // The next round begins by making it.
            return Ok(());
        }
        let orders = self.orders(run, Work::Report);
        let volume = self.mount()?;
        let expected = self.model.begin(run);
        let mut worker = Worker::start(&volume.path().join("data"), &self.key, &orders, &expected)?;
        let (begun, mut dump, mut opened, mut dumped) = (Instant::now(), Dump::default(), false, false);
        loop {
            match worker.next(Duration::from_millis(100)) {
                Next::Event(Event::Opened { milliseconds }) => {
                    opened = true;
                    self.counts.slowest_opening = self.counts.slowest_opening.max(milliseconds);
                }
                Next::Event(Event::Dumped) => dumped = true,
                Next::Event(event) => dump.take(event),
                Next::End => break,
                Next::Silence if begun.elapsed() > OPENING => {
                    return Err(format!("opening and reading took more than {} s", OPENING.as_secs()));
                }
                Next::Silence => {}
            }
        }
        let ending = worker.finish()?;
        self.disk = volume.unmount()?;
        if !opened && self.control {
            // It noticed; no record of it can be read.
            println!("powercut: control run: {}", ending.errors.trim());
            self.counts.not_opened += 1;
            self.counts.lost += self.model.records();
            return Ok(());
        }
        if !dumped || !ending.status.success() || ending.panic().is_some() {
            let what = if opened { "the store opened, but" } else { "the store did not open:" };
            return Err(format!("{what} {}: {}", ending.status, ending.errors.trim()));
        }
        self.compare(dump)
    }

    fn compare(&mut self, dump: Dump) -> Outcome {
        let difference: Difference = self.model.verify(dump);
        self.counts.lost += difference.lost.len();
        if difference.is_empty() || self.control { Ok(()) } else { Err(difference.to_string()) }
    }

    /// Leaves the store as the last opening found it, and its root key, for whoever looks into a failure.
    fn keep(&self, directory: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        std::fs::copy(&self.key, directory.join("root.key"))?;
        self.found.export(&directory.join("disk"))
    }

    fn report(&self) {
        let Counts { rounds, stores, opening, reading, writing, nothing, some, all, lost, not_opened, slowest_opening } =
            &self.counts;
        let (commits, records) = (self.model.acknowledged + self.before, self.model.records());
        println!(
            "powercut: {rounds} rounds on {stores} stores, {commits} acknowledged commits, {lost} lost, {not_opened} not opened; \
             {records} records at the end, slowest opening {slowest_opening} ms"
        );
        println!(
            "powercut: cuts while opening {opening}, reading {reading}, writing {writing}; of what was not synced survived \
             nothing {nothing} times, some {some} times, all {all} times"
        );
    }
}
