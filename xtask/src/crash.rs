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
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clients that create at the same time, so that a kill meets several requests in flight.
const STREAMS: usize = 3;

/// Keys created under the tracer.
const TRACED: usize = 20;

/// Rounds that `cargo xtask test` runs; more by hand with `cargo xtask crash ROUNDS`.
pub(crate) const SHORT: usize = 4;

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
    let mut acknowledged = String::new();
    let mut server = DevServer::start(directory.path(), port, &[])?;
    for round in 1..=rounds {
        let config = server.bundle().join("pykmip.conf");
        let streams: Result<Vec<Child>, String> = (0..STREAMS).map(|_| start_stream(&python, &config)).collect();
        let streams = streams?;
        // Python needs a moment to start; then any moment is as good as another.
        let moment = 1500 + RandomState::new().hash_one(round) % 1000;
        std::thread::sleep(Duration::from_millis(moment));
        server.kill();
        for stream in streams {
            let output = stream.wait_with_output().map_err(|error| format!("stream: {error}"))?;
            let lines = String::from_utf8_lossy(&output.stdout);
            // A line that was cut off by the end of its process was never printed as a whole, and is not a promise.
            acknowledged.extend(lines.split_inclusive('\n').filter(|line| line.ends_with('\n')));
        }
        let begun = Instant::now();
        server = DevServer::start(directory.path(), port, &[])?;
        let restart = begun.elapsed();
        println!("crash: round {round}: killed after {moment} ms, ready again after {} ms", restart.as_millis());
        if restart > RESTART {
            return Err(format!("the server needed {} s to start again", restart.as_secs()));
        }
        verify(&python, &config, &acknowledged).map_err(|lost| format!("round {round}: {lost}"))?;
    }
    Ok(())
}

fn start_stream(python: &Path, config: &Path) -> Result<Child, String> {
    let stream = client(python, config).arg("stream").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    stream.map_err(|error| format!("stream: {error}"))
}

/// Every acknowledged key must be there with its bytes; none at all is a failure too.
fn verify(python: &Path, config: &Path, acknowledged: &str) -> Outcome {
    let mut command = client(python, config);
    let verify = command.arg("verify").stdin(Stdio::piped()).spawn();
    let mut verify = verify.map_err(|error| format!("verify: {error}"))?;
    let Some(mut input) = verify.stdin.take() else { return Err("verify: no standard input".to_owned()) };
    input.write_all(acknowledged.as_bytes()).map_err(|error| format!("verify: {error}"))?;
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
    let data = directory.path().join("dev").join("data");
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
