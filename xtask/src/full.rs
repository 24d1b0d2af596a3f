//! `cargo xtask full`: kmipd on a file system of its own that is filled to the last byte, and then has room again.
//!
//! The file system is a tmpfs of a few MiB, so the machine's own disks are left alone. Mounting it needs root.

use crate::server::{DevServer, free_port};
use crate::{Outcome, crash, run};
use client::{AttributeList, Error, blocking, material};
use kmip::ProtocolVersion;
use kmip::enumerations::CryptographicAlgorithm;
use kmip::identifier::UniqueIdentifier;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The file system, in MiB: what an empty server needs, the reserve, and a little.
const SIZE_MIB: u32 = 160;
/// Keys made before; each is read while the disk is full.
const KEYS: usize = 50;
/// How long after room was made the server may take to go on.
const RECOVERY: Duration = Duration::from_secs(5);

/// A mounted tmpfs, gone when dropped.
pub(crate) struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    /// Mounts one of so many KiB.
    ///
    /// # Errors
    /// When that is not allowed.
    pub(crate) fn new(path: &'a Path, kib: u32) -> Result<Self, String> {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(path);
        run::run(&mut mount).map_err(|error| format!("mounting a tmpfs, which needs root: {error}"))?;
        Ok(Self(path))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        if let Err(error) = run::run(std::process::Command::new("umount").arg(self.0)) {
            eprintln!("xtask: {} stays mounted: {error}", self.0.display());
        }
    }
}

/// Runs it.
pub(crate) fn full() -> Outcome {
    run::build_server()?;
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let place = directory.path().join("full");
    std::fs::create_dir(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    // The server is gone before the file system is.
    let _mount = Mount::new(&place, SIZE_MIB << 10)?;
    let port = free_port()?;
    let server = DevServer::start(&place, port, &[])?;
    let told = |error: String| format!("{error}; the log ends:\n{}", server.log_end());
    let mut keys = fill_and_free(&server, &place.join("ballast")).map_err(told)?;
    server.kill();
    let server = DevServer::start(&place, port, &[])?;
    let mut client = connect(&server)?;
    for (identifier, bytes) in keys.drain(..) {
        if read(&mut client, &identifier)? != bytes {
            return Err(format!("{} has other bytes after a restart", identifier.0));
        }
    }
    server.kill();
    Ok(())
}

type Key = (UniqueIdentifier, Vec<u8>);

fn connect(server: &DevServer) -> Result<blocking::Client, String> {
    let configuration = crash::configuration(server)?.with_version(ProtocolVersion::V2_1);
    blocking::Client::connect(&configuration).map_err(|error| error.to_string())
}

fn create(client: &mut blocking::Client) -> Result<UniqueIdentifier, Error> {
    client.wait(async |client| client.create_symmetric_key(CryptographicAlgorithm::AES, 256, AttributeList::new()).await)
}

fn read(client: &mut blocking::Client, identifier: &UniqueIdentifier) -> Result<Vec<u8>, String> {
    let object = client.wait(async |client| client.get(identifier).await);
    let object = object.map_err(|error| format!("Get of {}: {error}", identifier.0))?;
    material(&object).map(|bytes| bytes.expose().to_vec()).ok_or_else(|| format!("{} has no bytes", identifier.0))
}

/// Fills the file system, tries everything, and makes room. Returns all keys there must be.
fn fill_and_free(server: &DevServer, ballast: &Path) -> Result<Vec<Key>, String> {
    let mut client = connect(server)?;
    let mut keys = Vec::new();
    for _ in 0..KEYS {
        let identifier = create(&mut client).map_err(|error| error.to_string())?;
        let bytes = read(&mut client, &identifier)?;
        keys.push((identifier, bytes));
    }
    let file = |error: std::io::Error| format!("{}: {error}", ballast.display());
    let mut filler = File::create(ballast).map_err(file)?;
    let piece = vec![0x55; 64 << 10];
    let filled = loop {
        match filler.write(&piece) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => break filler.metadata().map_err(file)?.len(),
            Err(error) => return Err(file(error)),
        }
    };
    let mut refused = 0;
    for (identifier, bytes) in &keys {
        match create(&mut client) {
            Err(error) if error.to_string().contains("The server has no space left") => refused += 1,
            Err(error) => return Err(format!("a Create on a full disk: {error}")),
            Ok(_) => return Err("a Create on a full disk succeeded".to_owned()),
        }
        if read(&mut client, identifier)? != *bytes {
            return Err(format!("{} has other bytes while the disk is full", identifier.0));
        }
    }
    drop(filler);
    std::fs::remove_file(ballast).map_err(file)?;
    let begun = Instant::now();
    let identifier = loop {
        match create(&mut client) {
            Ok(identifier) => break identifier,
            Err(error) if begun.elapsed() > RECOVERY => return Err(format!("there is room again: {error}")),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let went_on = begun.elapsed();
    let bytes = read(&mut client, &identifier)?;
    keys.push((identifier, bytes));
    println!(
        "full: {} MiB filled to the last byte: {refused} Creates refused by name, {KEYS} Gets answered; it went on {} ms after there was room",
        filled >> 20,
        went_on.as_millis()
    );
    Ok(keys)
}
