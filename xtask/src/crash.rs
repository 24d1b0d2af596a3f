//! `cargo xtask crash`: what was acknowledged survives the server's sudden end.
//!
//! Two parts, because neither proves the other. kill -9 at a random moment during a stream of Creates and Registers: after
//! a restart every acknowledged key is there with its bytes. That alone would pass without a single fsync, the kernel
//! still has the pages; so a trace of the system calls must show that what an acknowledgement promises was synced before
//! it left (trace.rs).

use crate::run::root;
use crate::server::{DevServer, free_port};
use crate::{Outcome, pykmip, trace};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Clients that create at the same time, so that a kill meets several requests in flight.
const STREAMS: usize = 3;

/// Keys created under the tracer.
const TRACED: usize = 20;

/// Rounds that `cargo xtask test` runs; more by hand with `cargo xtask crash ROUNDS`.
pub(crate) const SHORT: usize = 4;

/// How long the first acknowledgement of a round may take: three Pythons start on a busy machine.
const FIRST: Duration = Duration::from_secs(60);

/// How long a server that was killed may take until it serves again.
const RESTART: Duration = Duration::from_secs(10);

/// Both parts.
pub(crate) fn crash(rounds: usize) -> Outcome {
    kill(rounds)?;
    traced()
}

/// kill -9 and restart, `rounds` times on the same data.
fn kill(rounds: usize) -> Outcome {
    let python = pykmip::environment()?;
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let port = free_port()?;
    let mut acknowledged: Vec<String> = Vec::new();
    let mut server = DevServer::start(directory.path(), port, &[])?;
    for round in 1..=rounds {
        let config = server.bundle().join("pykmip.conf");
        let (sender, lines) = mpsc::channel();
        let streams: Result<Vec<Child>, String> = (0..STREAMS).map(|_| start_stream(&python, &config, &sender)).collect();
        let streams = streams?;
        drop(sender);
        // However long Python takes to start, the kill comes in the middle of the stream.
        let first = lines.recv_timeout(FIRST).map_err(|_| format!("no key was acknowledged in {} s", FIRST.as_secs()))?;
        let moment = Duration::from_millis(100 + RandomState::new().hash_one(round) % 1000);
        std::thread::sleep(moment);
        server.kill();
        for mut stream in streams {
            stream.wait().map_err(|error| format!("stream: {error}"))?;
        }
        let before = acknowledged.len();
        acknowledged.extend(std::iter::once(first).chain(lines));
        let new = acknowledged.len() - before;
        let begun = Instant::now();
        server = DevServer::start(directory.path(), port, &[])?;
        let restart = begun.elapsed();
        let (moment, restart_ms) = (moment.as_millis(), restart.as_millis());
        println!("crash: round {round}: {new} acknowledgements, killed after {moment} ms, ready again after {restart_ms} ms");
        if restart > RESTART {
            return Err(format!("the server needed {} s to start again", restart.as_secs()));
        }
        verify(&python, &config, &acknowledged).map_err(|lost| format!("round {round}: {lost}"))?;
    }
    Ok(())
}

/// Starts a client; its acknowledgements arrive as whole lines until it ends.
fn start_stream(python: &Path, config: &Path, sender: &mpsc::Sender<String>) -> Result<Child, String> {
    let stream = client(python, config).arg("stream").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut stream = stream.map_err(|error| format!("stream: {error}"))?;
    let Some(output) = stream.stdout.take() else { return Err("stream: no standard output".to_owned()) };
    let (mut output, sender) = (BufReader::new(output), sender.clone());
    std::thread::spawn(move || {
        let mut line = String::new();
        // A line that was cut off by the end of its process was never printed as a whole, and is not a promise.
        while output.read_line(&mut line).is_ok_and(|length| length > 0) && line.ends_with('\n') {
            let _ = sender.send(std::mem::take(&mut line));
        }
    });
    Ok(stream)
}

/// Every acknowledged key must be there with its bytes; none at all is a failure too.
fn verify(python: &Path, config: &Path, acknowledged: &[String]) -> Outcome {
    let mut command = client(python, config);
    let verify = command.arg("verify").stdin(Stdio::piped()).spawn();
    let mut verify = verify.map_err(|error| format!("verify: {error}"))?;
    let Some(mut input) = verify.stdin.take() else { return Err("verify: no standard input".to_owned()) };
    input.write_all(acknowledged.concat().as_bytes()).map_err(|error| format!("verify: {error}"))?;
    drop(input);
    let status = verify.wait().map_err(|error| format!("verify: {error}"))?;
    if status.success() { Ok(()) } else { Err("acknowledged keys are lost".to_owned()) }
}

/// A stream under strace: an fsync or fdatasync between the last write to the data files and each acknowledgement.
fn traced() -> Outcome {
    let python = pykmip::environment()?;
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let port = free_port()?;
    // The first start makes keys and certificates; it is over before the trace begins.
    DevServer::start(directory.path(), port, &[])?.kill();
    let file = directory.path().join("trace");
    let Some(path) = file.to_str() else { return Err("the temporary directory is not UTF-8".to_owned()) };
    let server = DevServer::start(directory.path(), port, &trace::strace(path))?;
    let config = server.bundle().join("pykmip.conf");
    let mut stream = client(&python, &config);
    let output = stream.args(["stream", "--count", &TRACED.to_string()]).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("stream: {error}"))?;
    if !output.status.success() {
        return Err(format!("the traced server did not serve {TRACED} keys; its log ends:\n{}", server.log_end()));
    }
    server.kill();
    let text = finished(&file).map_err(|error| format!("{path}: {error}"))?;
    // The records. (The anchor beside them follows later on purpose; it says less when it is behind, never anything wrong.)
    let data = directory.path().join("dev").join("data").join("objects");
    let verdict = trace::judge(&text, &data.to_string_lossy(), port)?;
    println!("crash: trace: {} acknowledgements, each after a sync of everything written", verdict.synced);
    if verdict.synced < TRACED {
        return Err(format!("{TRACED} keys were acknowledged, but only {} answers followed a sync", verdict.synced));
    }
    Ok(())
}

/// The text of a file once its writer, which is not our child, has stopped writing.
fn finished(file: &Path) -> std::io::Result<String> {
    loop {
        let length = std::fs::metadata(file)?.len();
        std::thread::sleep(Duration::from_millis(500));
        if std::fs::metadata(file)?.len() == length {
            return std::fs::read_to_string(file);
        }
    }
}

fn client(python: &Path, config: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(root().join("xtask/crash/stream.py")).arg("--config").arg(config);
    command
}
