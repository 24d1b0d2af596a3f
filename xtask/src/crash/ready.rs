//! How soon a server with many objects serves again after kill -9.

use super::rounds::{configuration, load};
use super::writer::Writer;
use crate::Outcome;
use crate::dice::Dice;
use crate::run::is_release;
use crate::server::{DevServer, free_port};
use benches::connection::{Connection, Identity};
use benches::fill::{Fill, VERSION, fill};
use benches::messages::{get_payload, request, success};
use kmip::operation::Operation;
use kmip::payload::get::GetResponse;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writers while the server is killed.
const WRITERS: usize = 8;
/// Kills that are measured.
const KILLS: usize = 5;
/// How long the load goes on before each.
const LOAD: Duration = Duration::from_secs(2);
/// What the design allows from the start of the program to the first answer.
const TARGET: Duration = Duration::from_secs(1);
/// Connections that fill the store.
const CONNECTIONS: usize = 32;

/// The client's side of the server's bundle `demo`.
pub(crate) fn identity(bundle: &Path) -> Identity {
    Identity { authorities: bundle.join("ca.pem"), certificate: bundle.join("cert.pem"), key: bundle.join("key.pem") }
}

/// Fills a store, kills the server under load, and measures from exec to the ready line and to the first Get.
///
/// # Errors
/// When it takes longer than a second. A build without optimisation is measured and not judged.
pub(crate) fn ready(objects: usize, seed: u64) -> Outcome {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let directory = directory.path();
    let port = free_port()?;
    let endpoint = format!("127.0.0.1:{port}");
    let mut server = DevServer::start(directory, port, &[])?;
    let client = identity(&server.bundle()).client().map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let order = Fill { endpoint: endpoint.clone(), numbers: 0..objects, connections: CONNECTIONS, read: false };
    let identifiers = fill(&order, &client, |_| {}).map_err(|error| format!("fill: {error}"))?;
    println!("crash: {objects} objects made in {:.1} s", begun.elapsed().as_secs_f64());
    let configuration = configuration(&server)?;
    let mut dice = Dice::new(seed);
    // Numbers that no writer of the rounds has: names stay unique.
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, Dice::new(dice.bits()))).collect();
    let mut worst = Duration::ZERO;
    for kill in 1..=KILLS {
        let done = load(&configuration, &mut writers, server, LOAD)?;
        let begun = Instant::now();
        server = DevServer::start(directory, port, &[])?;
        let line = begun.elapsed();
        let get = request(VERSION, Operation::Get, &get_payload(&identifiers[dice.below(objects)]));
        let mut response = Vec::new();
        let answer = Connection::open(&client, &endpoint).and_then(|mut connection| connection.exchange(&get, &mut response));
        answer.map_err(|error| format!("the first Get after kill {kill}: {error}"))?;
        success::<GetResponse>(&response).map_err(|error| format!("the first Get after kill {kill}: {error}"))?;
        let answered = begun.elapsed();
        worst = worst.max(answered);
        println!(
            "crash: kill {kill} after {done} changes in {} s: ready line {} ms after exec, first Get answered after {} ms",
            LOAD.as_secs(),
            line.as_millis(),
            answered.as_millis()
        );
        super::rounds::verify(&configuration, &mut writers, false)?;
    }
    let worst_ms = worst.as_millis();
    println!(
        "crash: {objects} objects: ready within {worst_ms} ms of exec, the worst of {KILLS}; the target is {} ms",
        TARGET.as_millis()
    );
    match worst > TARGET {
        false => Ok(()),
        true if !is_release() => {
            println!("crash: this is a build without optimisation: measured, not judged (cargo xtask runs the release build)");
            Ok(())
        }
        true => Err(format!("{worst_ms} ms from exec to the first answer are more than {} ms", TARGET.as_millis())),
    }
}
