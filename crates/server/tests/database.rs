//! The store as its operator meets it: checked, exported, imported into, on a full file system.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::tag;
use program::{Client, Program, find, get, kmipd, kmipd_ok, request, settings, text};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use ttlv_codec::{Tree, TreeValue};

fn folder(name: &str) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(name);
    (root, folder)
}

fn config(folder: &Path) -> String {
    folder.join("kmipd.toml").display().to_string()
}

fn connect(server: &Program, folder: &Path) -> Client {
    Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap()
}

/// Create of an AES-256 key with a name.
fn create_named(name: &str) -> Vec<u8> {
    request(1, None, |writer| {
        writer.enumeration(tag::ObjectType, 2);
        writer.structure(tag::TemplateAttribute, |writer| {
            let mut attribute = |name: &str, value: &dyn Fn(&mut ttlv_codec::Writer)| {
                writer.structure(tag::Attribute, |writer| {
                    writer.text_string(tag::AttributeName, name);
                    value(writer);
                });
            };
            attribute("Cryptographic Algorithm", &|writer| writer.enumeration(tag::AttributeValue, 3));
            attribute("Cryptographic Length", &|writer| writer.integer(tag::AttributeValue, 256));
            attribute("Cryptographic Usage Mask", &|writer| writer.integer(tag::AttributeValue, 12));
            attribute("Name", &|writer| write_name(writer, name));
        });
    })
}

fn write_name(writer: &mut ttlv_codec::Writer, name: &str) {
    writer.structure(tag::AttributeValue, |writer| {
        writer.text_string(tag::NameValue, name);
        writer.enumeration(tag::NameType, 1);
    });
}

fn locate(name: &str) -> Vec<u8> {
    request(8, None, |writer| {
        writer.structure(tag::Attribute, |writer| {
            writer.text_string(tag::AttributeName, "Name");
            write_name(writer, name);
        });
    })
}

fn material(client: &mut Client, identifier: &str) -> TreeValue {
    let got = client.exchange(&get(identifier)).unwrap();
    find(&got, tag::KeyMaterial).unwrap_or_else(|| panic!("{got:?}")).clone()
}

/// Makes a server's folder, and as many keys in it; their names, identifiers and bytes.
fn keys(folder: &Path, count: usize) -> Vec<(String, String, TreeValue)> {
    let mut server = Program::dev(folder);
    let mut client = connect(&server, folder);
    let made = (0..count).map(|number| {
        let name = format!("{} {number}", folder.file_name().unwrap().to_string_lossy());
        let answer = client.exchange(&create_named(&name)).unwrap();
        let identifier = text(&answer, tag::UniqueIdentifier).unwrap();
        let bytes = material(&mut client, &identifier);
        (name, identifier, bytes)
    });
    let made = made.collect();
    stop(&mut server);
    made
}

fn stop(server: &mut Program) {
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn check(folder: &Path) -> Output {
    kmipd(&["db", "check", "--config", &config(folder)], "")
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn keys_go_from_one_server_to_another_with_another_root_key() {
    let (root, from) = folder("from");
    let to = root.path().join("to");
    let mut exported = keys(&from, 30);
    let own = keys(&to, 2);
    let out = root.path().join("out.kmipd").display().to_string();
    let (from_config, to_config, to_key) = (config(&from), config(&to), to.join("root.key").display().to_string());
    let export = ["db", "export", "--config", &from_config, "--out", &out, "--for-root-key", &to_key];
    let import = ["db", "import", "--config", &to_config, "--in", &out];

    let printed = kmipd_ok(&export, "");
    assert!(printed.contains("30 record(s)"), "{printed}");
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&out).unwrap()) & 0o777, 0o600);
    let again = kmipd(&export, "");
    assert!(!again.status.success() && said(&again).contains("exists"), "it is not overwritten: {again:?}");

    // Any damage, and nothing is imported.
    let whole = std::fs::read(&out).unwrap();
    for at in [20, whole.len() / 2, whole.len() - 1] {
        flip(Path::new(&out), at);
        let refused = kmipd(&import, "");
        assert!(!refused.status.success() && said(&refused).contains("nothing was imported"), "byte {at}: {refused:?}");
        std::fs::write(&out, &whole).unwrap();
    }
    std::fs::write(&out, &whole[..whole.len() - 30]).unwrap();
    assert!(said(&kmipd(&import, "")).contains("nothing was imported"));
    std::fs::write(&out, &whole).unwrap();
    let other = kmipd(&["db", "import", "--config", &from_config, "--in", &out], "");
    assert!(said(&other).contains("sealed under root key"), "{other:?}");
    assert!(kmipd_ok(&["db", "check", "--config", &to_config], "").contains("records:     2\n"));

    let printed = kmipd_ok(&import, "");
    assert!(printed.contains("30 record(s) imported"), "{printed}");
    let again = kmipd(&import, "");
    assert!(!again.status.success() && said(&again).contains("exists already"), "{again:?}");
    assert!(said(&again).contains(&exported[0].1) && said(&again).contains("29 more"), "{again:?}");
    let skipped = kmipd_ok(&[&import[..], &["--skip-existing"]].concat(), "");
    assert!(skipped.contains("0 record(s) imported, 30 existed"), "{skipped}");

    let mut server = Program::dev(&to);
    let mut client = connect(&server, &to);
    exported.extend(own);
    for (name, identifier, bytes) in &exported {
        assert_eq!(material(&mut client, identifier), *bytes, "{name}");
        let located = client.exchange(&locate(name)).unwrap();
        assert_eq!(text(&located, tag::UniqueIdentifier).as_ref(), Some(identifier), "{name}: {located:?}");
    }
    // The newest first: what was imported later is newer, in the order in which it was created.
    let located = client.exchange(&request(8, None, |_| ())).unwrap();
    let order: Vec<_> =
        exported[..30].iter().rev().chain(exported[30..].iter().rev()).map(|(_, identifier, _)| identifier).collect();
    assert_eq!(identifiers(&located).iter().collect::<Vec<_>>(), order);
    stop(&mut server);

    let key = store::sealing::RootKey::read_file(&to.join("root.key")).unwrap();
    let data = store_sled::SledStore::open(&to.join("data"), &key, &store_sled::Options::default()).unwrap();
    let entries = tokio::runtime::Runtime::new().unwrap().block_on(store::Store::read_log(&data, 1, 1_000)).unwrap();
    let records = entries.iter().map(|entry| audit::AuditRecord::decode(&entry.entry).unwrap());
    let import: Vec<_> =
        records.filter(|record| record.action == audit::Action::Administrative("db import".to_owned())).collect();
    assert_eq!(import.len(), 1);
    assert!(import[0].identifiers.iter().eq(exported[..30].iter().map(|(_, identifier, _)| identifier)), "{}", import[0]);
    assert!(import[0].actor.starts_with(&format!("administrator {}", server::local_users::own())), "{}", import[0]);
}

fn identifiers(answer: &Tree) -> Vec<String> {
    fn collect(tree: &Tree, found: &mut Vec<String>) {
        match &tree.value {
            TreeValue::TextString(text) if tree.tag == tag::UniqueIdentifier => found.push(text.clone()),
            TreeValue::Structure(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(answer, &mut found);
    found
}

#[test]
fn an_import_gives_no_second_object_a_name_that_is_taken() {
    let (root, from) = folder("from");
    let to = root.path().join("to");
    let exported = keys(&from, 3);
    let mut server = Program::dev(&from);
    let mut client = connect(&server, &from);
    let make = |client: &mut Client, name: &str| {
        let answer = client.exchange(&create_named(name)).unwrap();
        text(&answer, tag::UniqueIdentifier).unwrap_or_else(|| panic!("{answer:?}"))
    };
    // Clients of 1.x may give a name twice: so it stays.
    let again = make(&mut client, "from 0");
    stop(&mut server);
    let mut server = Program::dev(&to);
    let mut client = connect(&server, &to);
    let here = make(&mut client, "from 2");
    let gone = make(&mut client, "from 1");
    let destroyed = client.exchange(&request(20, None, |writer| writer.text_string(tag::UniqueIdentifier, &gone))).unwrap();
    assert!(program::succeeded(&destroyed), "{destroyed:?}");
    let before = identifiers(&client.exchange(&request(8, None, |_| ())).unwrap());

    let out = root.path().join("out.kmipd").display().to_string();
    let (from_config, to_config, to_key) = (config(&from), config(&to), to.join("root.key").display().to_string());
    kmipd_ok(&["db", "export", "--config", &from_config, "--out", &out, "--for-root-key", &to_key], "");
    let import = ["db", "import", "--config", &to_config, "--in", &out];
    for more in [&[][..], &["--skip-existing"]] {
        let refused = kmipd(&[&import[..], more].concat(), "");
        let told = said(&refused);
        assert!(!refused.status.success() && told.contains("nothing was imported"), "{told}");
        let taken = format!("{:?} has the name \"from 2\", which belongs to {here:?} here; both are \"demo\"'s", exported[2].1);
        assert!(told.contains(&taken) && told.contains("--double-names") && !told.contains("more"), "{told}");
    }
    assert_eq!(client.exchange(&request(8, None, |_| ())).map(|all| identifiers(&all)).unwrap(), before, "nothing was changed");

    // Another name makes room. What was imported before is no obstacle to what shares a name with it.
    let renamed = request(14, None, |writer| {
        writer.text_string(tag::UniqueIdentifier, &here);
        writer.structure(tag::Attribute, |writer| {
            writer.text_string(tag::AttributeName, "Name");
            write_name(writer, "moved");
        });
    });
    let renamed = client.exchange(&renamed).unwrap();
    assert!(program::succeeded(&renamed), "{renamed:?}");
    let printed = kmipd_ok(&import, "");
    assert!(printed.contains("4 record(s) imported"), "{printed}");
    let printed = kmipd_ok(&[&import[..], &["--skip-existing"]].concat(), "");
    assert!(printed.contains("0 record(s) imported, 4 existed"), "{printed}");
    let shared = client.exchange(&locate("from 0")).unwrap();
    assert_eq!(identifiers(&shared), [again.as_str(), exported[0].1.as_str()]);
    stop(&mut server);

    // With leave, both have it.
    let third = root.path().join("third");
    let mut server = Program::dev(&third);
    let mut client = connect(&server, &third);
    let here = make(&mut client, "from 2");
    let (out, key) = (root.path().join("out.third").display().to_string(), third.join("root.key").display().to_string());
    kmipd_ok(&["db", "export", "--config", &from_config, "--out", &out, "--for-root-key", &key], "");
    let third_config = config(&third);
    kmipd_ok(&["db", "import", "--config", &third_config, "--in", &out, "--double-names"], "");
    let both = client.exchange(&locate("from 2")).unwrap();
    assert_eq!(identifiers(&both), [exported[2].1.as_str(), here.as_str()]);
    stop(&mut server);
}

#[test]
fn a_running_server_is_checked_exported_and_imported_into() {
    let (root, from) = folder("running");
    let to = root.path().join("to");
    let mut exported = keys(&from, 5);
    let (mut server, mut other) = (Program::dev(&from), Program::dev(&to));
    let mut client = connect(&server, &from);
    let identifier = text(&client.exchange(&create_named("fresh")).unwrap(), tag::UniqueIdentifier).unwrap();
    exported.push(("fresh".to_owned(), identifier.clone(), material(&mut client, &identifier)));
    // Written all the time.
    let stream = std::thread::spawn(move || {
        for number in 0..100 {
            assert!(program::succeeded(&client.exchange(&create_named(&format!("meanwhile {number}"))).unwrap()));
        }
    });
    let clean = check(&from);
    assert!(clean.status.success() && said(&clean).contains("clean: everything is as it was written"), "{clean:?}");
    let (out, to_key) = (root.path().join("out"), to.join("root.key"));
    let (from_config, to_config) = (config(&from), config(&to));
    let export =
        ["db", "export", "--config", &from_config, "--out", out.to_str().unwrap(), "--for-root-key", to_key.to_str().unwrap()];
    kmipd_ok(&export, "");
    stream.join().unwrap();
    let again = kmipd(&export, "");
    assert!(!again.status.success() && said(&again).contains("exists"), "{again:?}");
    let printed = kmipd_ok(&["db", "import", "--config", &to_config, "--in", out.to_str().unwrap()], "");
    assert!(printed.contains("record(s) imported"), "{printed}");
    let mut client = connect(&other, &to);
    for (name, identifier, bytes) in &exported {
        assert_eq!(material(&mut client, identifier), *bytes, "{name}");
        let located = client.exchange(&locate(name)).unwrap();
        assert_eq!(text(&located, tag::UniqueIdentifier).as_ref(), Some(identifier), "{name}: {located:?}");
    }

    // What lies on the disk is read, not what is in memory.
    let journal = files(&from.join("data/journal")).remove(0);
    flip(&journal, 2 * 4096 + 100);
    let damaged = check(&from);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert!(
        said(&damaged).contains("at byte 8192") && said(&damaged).contains("a snapshot was written that does not need it"),
        "{damaged:?}"
    );
    let begun = std::time::Instant::now();
    while journal.exists() {
        assert!(begun.elapsed().as_secs() < 60, "it is not left behind");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(check(&from).status.success());
    stop(&mut server);
    stop(&mut other);

    let key = store::sealing::RootKey::read_file(&from.join("root.key")).unwrap();
    let data = store_sled::SledStore::open(&from.join("data"), &key, &store_sled::Options::default()).unwrap();
    let entries = tokio::runtime::Runtime::new().unwrap().block_on(store::Store::read_log(&data, 1, 10_000)).unwrap();
    let records = entries.iter().map(|entry| audit::AuditRecord::decode(&entry.entry).unwrap());
    let export: Vec<_> =
        records.filter(|record| record.action == audit::Action::Administrative("db export".to_owned())).collect();
    assert!(
        export[0].identifiers == [out.display().to_string()] && export[0].actor.starts_with("administrator"),
        "{}",
        export[0]
    );
}

#[test]
fn a_check_tells_what_is_damaged_and_whether_it_heals() {
    let (_root, folder) = folder("checked");
    let made = keys(&folder, 40);
    let data = folder.join("data");
    let clean = check(&folder);
    assert!(clean.status.success(), "{clean:?}");
    let told = said(&clean);
    assert!(told.contains("records:     40\n") && told.contains("sled:        40 record(s)\n"), "{told}");
    assert!(told.contains("log stream:  80 entries\n") && told.ends_with("clean: everything is as it was written\n"), "{told}");

    let copy = folder.with_extension("copy");
    copy_all(&data, &copy);
    let restore = || {
        std::fs::remove_dir_all(&data).unwrap();
        copy_all(&copy, &data);
    };
    let found = |words: &[&str]| {
        let before = listing(&data);
        let output = check(&folder);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(words.iter().all(|words| told.contains(words)), "{words:?} in {told}");
        assert_eq!(listing(&data), before, "a check changes nothing");
    };

    // A journal that is damaged before whole frames, in a store without a snapshot.
    let journal = files(&data.join("journal")).remove(0);
    flip(&journal, 3 * 4096 + 100);
    found(&["FOUND the journal segment", "at byte 12288", "not all of them heal"]);
    restore();
    // The log stream.
    let log = files(&data.join("log")).remove(0);
    flip(&log, 300);
    // The journal still has all of it.
    found(&["FOUND the log stream: ", &log.display().to_string(), "at byte 233", "heals by itself", "no key is lost"]);
    restore();
    let bytes = std::fs::read(&log).unwrap();
    std::fs::write(&log, &bytes[..bytes.len() - 10]).unwrap();
    found(&["the log stream: ", "at its end are not whole", "heals by itself", "no key is lost"]);
    restore();
    // The key file: one of its copies, and both.
    flip(&data.join("keys"), 60);
    found(&["FOUND a copy of the key file", "heals by itself", "no key is lost"]);
    flip(&data.join("keys.copy"), 60);
    found(&["FOUND the key file of the store", "nothing else can be read", "needs a backup"]);
    restore();
    // sled.
    flip_half(&data.join("objects/db"));
    found(&["sled", "heals by itself at the next start", "no key is lost"]);
    std::fs::remove_dir_all(data.join("objects")).unwrap();
    found(&["FOUND sled's files: they are missing (heals by itself at the next start)", "no key is lost"]);

    // And it does heal.
    let mut server = Program::dev(&folder);
    let mut client = connect(&server, &folder);
    for (name, identifier, bytes) in &made {
        assert_eq!(material(&mut client, identifier), *bytes, "{name}");
    }
    stop(&mut server);
    let healed = check(&folder);
    assert!(healed.status.success(), "{healed:?}");
}

/// Flips a bit in each block of the first half of a file that holds something.
fn flip_half(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[..used / 2].chunks_mut(512).for_each(|block| block[7] ^= 1);
    std::fs::write(path, bytes).unwrap();
}

/// Every file with its bytes, but sled's own, which it may tidy up.
fn listing(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in files(data) {
        if path.is_dir() && !path.ends_with("objects") {
            found.extend(listing(&path));
        } else if path.is_file() {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for path in files(from) {
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &copy);
        } else {
            std::fs::copy(&path, copy).unwrap();
        }
    }
}

/// Room that is left above the reserve, and what is then taken of it: other programs of the machine may use some meanwhile.
const MARGIN: u64 = 1 << 30;
const BALLAST: u64 = 2 << 30;

#[test]
fn a_full_disk_refuses_writes_by_name_and_is_over_without_a_restart() {
    let (root, folder) = folder("full");
    let before = keys(&folder, 3);
    let status = rustix::fs::statvfs(root.path()).unwrap();
    let free = status.f_bavail * status.f_frsize;
    assert!(free > 2 * BALLAST, "this test needs {BALLAST} bytes of {}, which has {free}", root.path().display());
    let file = folder.join("kmipd.toml");
    let text_before = std::fs::read_to_string(&file).unwrap();
    let reserve = format!("[store]\nreserve_mib = {}\n", (free - MARGIN) >> 20);
    let monitored = text_before.replace("[store]\n", &reserve) + "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(&file, monitored).unwrap();

    let mut server = Program::dev(&folder);
    let mut client = connect(&server, &folder);
    let mut create = |name: &str| client.exchange(&create_named(name)).unwrap();
    let made = create("before");
    let identifier = text(&made, tag::UniqueIdentifier).unwrap_or_else(|| panic!("{made:?}"));
    assert!(fetch(&server, "/readyz").contains("store: ok\n"));

    let ballast = std::fs::File::create(root.path().join("ballast")).unwrap();
    rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, BALLAST).unwrap();
    for _ in 0..3 {
        let refused = create("during");
        // 0x100: General Failure.
        assert_eq!(program::reason(&refused), Some(0x100), "{refused:?}");
        assert_eq!(text(&refused, tag::ResultMessage).as_deref(), Some("The server has no space left"));
    }
    let ready = fetch(&server, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("store: failed (full since "), "{ready}");
    assert!(fetch(&server, "/metrics").contains("\nkmipd_store_writable 0\n"));
    let mut reader = connect(&server, &folder);
    for (name, identifier, bytes) in &before {
        assert_eq!(material(&mut reader, identifier), *bytes, "{name}");
        assert_eq!(text(&reader.exchange(&locate(name)).unwrap(), tag::UniqueIdentifier).as_ref(), Some(identifier));
    }

    drop(ballast);
    std::fs::remove_file(root.path().join("ballast")).unwrap();
    let begun = std::time::Instant::now();
    while !program::succeeded(&create("after")) {
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "the file system has room again: {}", server.log());
    }
    server.logged("the store takes writes again; it was full");
    assert!(
        fetch(&server, "/readyz").contains("store: ok\n") && fetch(&server, "/metrics").contains("\nkmipd_store_writable 1\n")
    );
    material(&mut reader, &identifier);
    assert!(find(&reader.exchange(&locate("during")).unwrap(), tag::UniqueIdentifier).is_none(), "what was refused is not there");
    stop(&mut server);
    assert_eq!(server.log().matches("the store is full").count(), 1, "once, not for each request: {}", server.log());
    assert!(check(&folder).status.success());
}

fn fetch(server: &Program, path: &str) -> String {
    use std::io::{Read, Write};
    server.logged("health and metrics");
    let log = server.log();
    let line = log.lines().rfind(|line| line.contains("health and metrics")).unwrap();
    let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut tcp = std::net::TcpStream::connect(address).unwrap();
    write!(tcp, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer
}
