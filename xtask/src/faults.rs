//! `cargo xtask faults`: each write, fsync, rename and open of a scripted run fails once, in every way it can.
//!
//! A run opens a small store, makes some dozens of commits and closes it; another begins with making the store. The first run
//! counts the operations; then, for each of them and each way to fail, the run is repeated from the same image with that one
//! fault. Whatever the store then
//! answers: the process does not panic or hang, and after a power cut every acknowledged commit is there, every refused one
//! entirely or not at all. After a full disk has room again, commits are accepted again by the same process.

use crate::Outcome;
use crate::store_worker::model::{Dump, Model};
use crate::store_worker::parent::{Ending, Next, Worker};
use crate::store_worker::protocol::{Event, Expected};
use crate::store_worker::{Orders, Tuning, Work};
use crate::volatile::{CLASSES, Class, Disk, Fault, Kind, MountPoint, Random, Survival, Volume};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Commits of the run: enough for several segments, applies, saved indexes and snapshots.
const COMMITS: u64 = 40;

/// Commits of the image that these runs begin with.
const BEFORE: u64 = 20;

/// Commits of the runs that begin with making the store.
const NEW: u64 = 5;

/// How soon after an error that is over commits must be accepted again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same after the disk was full for everything: sled may have to be made again, which is tried every 30 s.
const PATIENCE_WHEN_FULL: Duration = Duration::from_secs(60);

/// How long a run may take in all.
const HANG: Duration = Duration::from_secs(150);

/// The stride of `cargo xtask test`.
pub(crate) const STRIDE: u64 = 25;

/// Room on a disk that is about to be full, beyond what is used, in bytes: it ends at different moments.
const ROOMS: [u64; 3] = [256 << 10, 2 << 20, 5 << 20];

/// Refused commits until there is room again.
const REFUSALS: u64 = 40;

/// Commits on such a disk: more than fit into any of these rooms, whatever sizes the seed gives them.
const COMMITS_WHEN_FULL: u64 = 16 * COMMITS;

/// Failures shown.
const SHOWN: usize = 20;

/// The run number of the report after a fault.
const AFTERWARDS: u64 = 3;

/// Options of the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments {
    every: u64,
    seed: u64,
    only: Option<(Class, u64)>,
}

impl Arguments {
    /// `[--every K] [--seed S] [--only CLASS N]`
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let mut arguments = Self { every: 1, seed: Random::any_seed(), only: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().ok_or(format!("{word} needs a value"));
            let number = |value: &str| value.parse::<u64>().map_err(|_| format!("not a number: {value}"));
            match *word {
                "--every" => arguments.every = number(value()?)?.max(1),
                "--seed" => arguments.seed = number(value()?)?,
                "--only" => {
                    let name = value()?;
                    let class = CLASSES.into_iter().find(|class| class.to_string() == name);
                    let class = class.ok_or(format!("not a class of operations: {name}"))?;
                    arguments.only = Some((class, number(value()?)?));
                }
                other => return Err(format!("faults does not know {other}")),
            }
        }
        Ok(arguments)
    }

    /// What `cargo xtask test` runs.
    pub(crate) fn short() -> Self {
        Self { every: STRIDE, seed: Random::any_seed(), only: None }
    }
}

/// One row of the table.
#[derive(Debug, Default)]
struct Row {
    runs: u64,
    not_reached: u64,
    acknowledged: u64,
    refused: u64,
    not_opened: u64,
    recovered: u64,
    alone: u64,
    failures: u64,
}

/// Counts, breaks everything once, and prints the table.
pub(crate) fn faults(arguments: Arguments) -> Outcome {
    let begun = Instant::now();
    let bench = Bench::new(arguments.seed)?;
    println!("faults: seed {}, every {}", arguments.seed, arguments.every);
    let old = bench.start_with_image()?;
    let new = Start { name: "new", image: Disk::new(), model: Model::default(), commits: NEW };
    let mut failures = Vec::new();
    for start in [&old, &new] {
        failures.extend(bench.break_everything(start, &arguments)?);
    }
    if arguments.only.is_none() {
        for room in ROOMS {
            bench.full_disk(&old, room)?;
        }
    }
    println!("faults: {:.1} s", begun.elapsed().as_secs_f64());
    if failures.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = failures.iter().take(SHOWN).map(String::as_str).collect();
    Err(format!("{} runs failed (seed {}):\n{}", failures.len(), arguments.seed, lines.join("\n")))
}

/// What runs begin with.
struct Start {
    name: &'static str,
    image: Disk,
    model: Model,
    commits: u64,
}

/// Where the runs happen.
struct Bench {
    point: MountPoint,
    key: PathBuf,
    seed: u64,
}

/// What a worker did.
struct Lived {
    ending: Ending,
    dump: Dump,
    dumped: bool,
    open_failures: Vec<String>,
    refusals: Vec<String>,
    recovered: bool,
    stuck: Option<String>,
    closed: bool,
    /// Frames that the thread of their commit wrote.
    alone: u64,
}

impl Bench {
    fn new(seed: u64) -> Result<Self, String> {
        let point = MountPoint::new()?;
        let key = point.beside().join("root.key");
        store::sealing::RootKey::create_file(&key).map_err(|error| error.to_string())?;
        Ok(Self { point, key, seed })
    }

    /// A store with something in it.
    fn start_with_image(&self) -> Result<Start, String> {
        let (mut model, volume) = (Model::default(), Volume::mount(Disk::new(), &self.point)?);
        let expected = model.begin(1);
        let orders = self.orders(1, true, Work::Script { commits: BEFORE, patience: Duration::ZERO });
        let lived = self.live(&volume, &orders, &expected, &mut model, |_, _| {})?;
        whole(&lived).map_err(|reason| format!("without a fault: {reason}"))?;
        let image = volume.unmount()?;
        // What it holds is known only after it was read once.
        self.check(image.clone(), &mut model).map_err(|reason| format!("without a fault: {reason}"))?;
        Ok(Start { name: "existing", image, model, commits: COMMITS })
    }

    /// Every operation fails once, in every way. Returns what went wrong.
    fn break_everything(&self, start: &Start, arguments: &Arguments) -> Result<Vec<String>, String> {
        let (counts, name) = (self.count(start)?, start.name);
        let shown: Vec<String> = CLASSES.iter().map(|class| format!("{class} {}", counts[*class as usize])).collect();
        println!("faults: {name} store, {} commits; operations of the run: {}", start.commits, shown.join(", "));
        println!("class    kind      runs  acked  refused reopened  recovered  unreached  failures");
        let step = usize::try_from(arguments.every).unwrap_or(usize::MAX);
        let (mut failures, mut written_alone) = (Vec::new(), 0);
        for class in CLASSES {
            for kind in [Kind::InputOutput, Kind::NoSpace, Kind::Short] {
                if kind == Kind::Short && class != Class::Write {
                    continue;
                }
                let mut row = Row::default();
                for number in (1..=counts[class as usize]).step_by(step) {
                    if arguments.only.is_some_and(|only| only != (class, number)) {
                        continue;
                    }
                    if let Err(reason) = self.run(start, Fault { class, number, kind }, &mut row) {
                        row.failures += 1;
                        let line = format!("{name} store, {class} {number} {kind}: {reason}");
                        println!("faults: {line}");
                        failures.push(line);
                    }
                }
                written_alone += row.alone;
                let Row { runs, not_reached, acknowledged, refused, not_opened, recovered, failures, alone: _ } = row;
                println!(
                    "{class:8} {kind:8} {runs:5} {acknowledged:6} {refused:8} {not_opened:8} {recovered:10} {not_reached:10} \
                     {failures:9}"
                );
            }
        }
        println!("faults: {name} store: {written_alone} frames were written by the thread of their commit");
        if written_alone == 0 && arguments.only.is_none() {
            failures.push(format!("{name} store: no frame was written by the thread of its commit: that way was not tested"));
        }
        Ok(failures)
    }

    fn orders(&self, run: u64, may_create: bool, work: Work) -> Orders {
        Orders { may_create, tuning: Tuning::Small, run, seed: self.seed.wrapping_add(run), work }
    }

    /// Operations of a run without a fault, by class.
    fn count(&self, start: &Start) -> Result<[u64; CLASSES.len()], String> {
        let (volume, mut model) = (Volume::mount(start.image.clone(), &self.point)?, start.model.clone());
        volume.disk().arm(None);
        let expected = model.begin(2);
        let lived = self.live(&volume, &self.script(start), &expected, &mut model, |_, _| {})?;
        whole(&lived).map_err(|reason| format!("without a fault: {reason}"))?;
        let counts = volume.disk().counts();
        volume.unmount()?;
        Ok(counts)
    }

    fn script(&self, start: &Start) -> Orders {
        self.orders(2, start.model.acknowledged == 0, Work::Script { commits: start.commits, patience: PATIENCE })
    }

    /// The run with one fault, and the comparison after a power cut.
    fn run(&self, start: &Start, fault: Fault, row: &mut Row) -> Outcome {
        row.runs += 1;
        let (volume, mut model) = (Volume::mount(start.image.clone(), &self.point)?, start.model.clone());
        let before = (model.acknowledged, model.refused);
        volume.disk().arm(Some(fault));
        let expected = model.begin(2);
        let no_space = fault.kind != Kind::InputOutput && fault.class != Class::Sync;
        let mut orders = self.script(start);
        if !no_space {
            // Nobody promises that such a store takes anything again before it is opened anew.
            orders.work = Work::Script { commits: start.commits, patience: Duration::from_millis(100) };
        }
        let lived = self.live(&volume, &orders, &expected, &mut model, |_, _| {})?;
        let fired = volume.disk().fired().join("; ");
        let disk = volume.unmount()?;
        row.acknowledged += model.acknowledged - before.0;
        row.refused += model.refused - before.1;
        row.recovered += u64::from(lived.recovered);
        row.alone += lived.alone;
        row.not_opened += u64::from(!lived.open_failures.is_empty());
        row.not_reached += u64::from(fired.is_empty());
        let story = || {
            let words = lived.open_failures.iter().chain(&lived.refusals).take(2).cloned().collect::<Vec<_>>().join("; ");
            format!("[{fired}] [{words}]")
        };
        if let Some(panic) = lived.ending.panic() {
            return Err(format!("a thread panicked {}: {panic}", story()));
        }
        if lived.stuck.is_none() || no_space {
            whole(&lived).map_err(|reason| format!("{reason} {}", story()))?;
        }
        model.end();
        let survival = match fault.number % 3 {
            0 => Survival::Some,
            _ => Survival::Nothing,
        };
        let disk = disk.after_power_cut(survival, &mut Random::new(self.seed ^ fault.number));
        self.check(disk, &mut model).map_err(|reason| format!("{reason} {}", story()))
    }

    /// Opens the store without faults and compares.
    fn check(&self, disk: Disk, model: &mut Model) -> Outcome {
        let volume = Volume::mount(disk, &self.point)?;
        let expected = model.begin(AFTERWARDS);
        // A store that was made and never acknowledged anything may be gone.
        let orders = self.orders(AFTERWARDS, model.acknowledged == 0, Work::Report);
        let lived = self.live(&volume, &orders, &expected, model, |_, _| {})?;
        volume.unmount()?;
        whole(&lived).map_err(|reason| format!("afterwards: {reason}"))?;
        let difference = model.verify(lived.dump);
        if difference.is_empty() { Ok(()) } else { Err(format!("afterwards: {difference}")) }
    }

    /// Runs a worker to its end. `heard` is told of everything it says.
    fn live(
        &self,
        volume: &Volume,
        orders: &Orders,
        expected: &Expected,
        model: &mut Model,
        heard: impl Fn(&Volume, &Event),
    ) -> Result<Lived, String> {
        let mut worker = Worker::start(&volume.path().join("data"), &self.key, orders, expected)?;
        let begun = Instant::now();
        let (mut dump, mut dumped, mut closed, mut recovered) = (Dump::default(), false, false, false);
        let (mut open_failures, mut refusals, mut stuck, mut alone) = (Vec::new(), Vec::new(), None, 0);
        loop {
            let event = match worker.next(Duration::from_millis(100)) {
                Next::Event(event) => event,
                Next::End => break,
                Next::Silence if begun.elapsed() > HANG => {
                    return Err(format!("it hangs: no end after {} s [{}]", HANG.as_secs(), volume.disk().fired().join("; ")));
                }
                Next::Silence => continue,
            };
            heard(volume, &event);
            match event {
                Event::Dumped => dumped = true,
                Event::Closed => closed = true,
                Event::Alone { frames } => alone = frames,
                Event::Recovered { .. } => recovered = true,
                Event::Stuck(reason) => stuck = Some(reason),
                Event::OpenFailed(reason) => open_failures.push(reason),
                event if dumped => {
                    if let Event::Failed { reason, .. } = &event {
                        refusals.push(reason.clone());
                    }
                    model.take(event);
                }
                event => dump.take(event),
            }
        }
        let ending = worker.finish()?;
        Ok(Lived { ending, dump, dumped, open_failures, refusals, recovered, stuck, closed, alone })
    }

    /// A disk that is full for a while: commits are refused, and taken again when there is room.
    fn full_disk(&self, start: &Start, room: u64) -> Outcome {
        let (volume, mut model) = (Volume::mount(start.image.clone(), &self.point)?, start.model.clone());
        let expected = model.begin(2);
        let orders = self.orders(2, false, Work::Script { commits: COMMITS_WHEN_FULL, patience: PATIENCE_WHEN_FULL });
        let refusals = std::cell::Cell::new(0);
        let lived = self.live(&volume, &orders, &expected, &mut model, |volume, event| match event {
            Event::Dumped => volume.disk().set_room(room),
            Event::Failed { .. } => {
                refusals.set(refusals.get() + 1);
                if refusals.get() == REFUSALS {
                    volume.disk().enlarge();
                }
            }
            _ => {}
        })?;
        let disk = volume.unmount()?;
        let reason = lived.refusals.first().cloned().unwrap_or_default();
        let taken = model.acknowledged - start.model.acknowledged;
        println!("faults: full disk, {room} bytes of room: {taken} commits taken, {} refused ({reason})", model.refused);
        whole(&lived).map_err(|failure| format!("full disk: {failure}"))?;
        if lived.refusals.is_empty() {
            return Err("the disk was never full: nothing was tested".to_owned());
        }
        model.end();
        let disk = disk.after_power_cut(Survival::Nothing, &mut Random::new(self.seed));
        self.check(disk, &mut model).map_err(|reason| format!("full disk: {reason}"))
    }
}

/// The worker came to its end as it should.
fn whole(lived: &Lived) -> Outcome {
    if let Some(panic) = lived.ending.panic() {
        return Err(format!("a thread panicked: {panic}"));
    }
    if let Some(reason) = &lived.stuck {
        return Err(format!("no commit was accepted in good time after the error was over: {reason}"));
    }
    if !lived.dumped || !lived.closed || !lived.ending.status.success() {
        return Err(format!("the worker ended with {}: {}", lived.ending.status, lived.ending.errors.trim()));
    }
    Ok(())
}
