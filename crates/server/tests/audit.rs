//! The audit log as an administrator meets it: `kmipd audit show` and `kmipd audit verify`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::tag;
use program::{Client, Program, get, kmipd, kmipd_ok, request, settings, text};
use std::path::Path;
use std::process::Output;

fn create() -> Vec<u8> {
    request(1, None, |writer| {
        writer.enumeration(tag::ObjectType, 2);
        writer.structure(tag::TemplateAttribute, |writer| {
            for (name, value) in [("Cryptographic Algorithm", 3), ("Cryptographic Length", 256), ("Cryptographic Usage Mask", 12)]
            {
                writer.structure(tag::Attribute, |writer| {
                    writer.text_string(tag::AttributeName, name);
                    match name {
                        "Cryptographic Algorithm" => writer.enumeration(tag::AttributeValue, value),
                        _ => writer.integer(tag::AttributeValue, value as i32),
                    }
                });
            }
        });
    })
}

/// A server's folder with a key that was obtained five times, and looked for under another name; the server has stopped.
fn used(folder: &Path) -> String {
    let mut server = Program::dev(folder);
    let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    let identifier = text(&client.exchange(&create()).unwrap(), tag::UniqueIdentifier).unwrap();
    client.exchange(&create()).unwrap();
    for _ in 0..5 {
        client.exchange(&get(&identifier)).unwrap();
    }
    client.exchange(&get("nobody-has-this")).unwrap();
    let config = folder.join("kmipd.toml").display().to_string();
    kmipd_ok(&["user", "add", "fred", "--config", &config, "--password-stdin"], "secret\n");
    let live = kmipd_ok(&["audit", "show", "--config", &config, "--actor", "demo"], "");
    assert_eq!(live.lines().count(), 4, "two Creates, Gets in one line, a refused one: {live}");
    assert!(kmipd_ok(&["audit", "verify", "--config", &config], "").contains("intact"));
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    identifier
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_life_of_a_key_is_on_one_screen() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let identifier = used(&folder);
    let config = folder.join("kmipd.toml").display().to_string();
    let show = |arguments: &[&str]| kmipd_ok(&[&["audit", "show", "--config", &config], arguments].concat(), "");

    let life = show(&["--key", &identifier]);
    let lines: Vec<&str> = life.lines().collect();
    assert_eq!(lines[0], format!("object {identifier:?}"));
    assert!(lines[1].starts_with("  Create, by \"demo\", 20"), "{life}");
    assert!(lines[2].starts_with("  Get 5 times, by \"demo\", 20") && lines[2].contains(" to 20"), "{life}");
    assert_eq!(lines.len(), 6, "a summary of two, an empty line, two lines: {life}");
    assert!(lines[5].contains("  Get  done  (5 times, until 20"), "{life}");

    let all = show(&[]);
    assert!(all.contains("Get \"nobody-has-this\"  refused: ") && all.contains("kmipd user add \"fred\"  done"), "{all}");
    assert_eq!(show(&["--since", "1h"]), all);
    assert_eq!(show(&["--until", "1h"]), "");
    assert_eq!(show(&["--since", "2099-01-01"]), "");
    let limited = show(&["--limit", "1"]);
    assert!(limited.starts_with("(8 older entries are left out") && limited.lines().count() == 2, "{limited}");

    let json = show(&["--json", "--actor", "demo"]);
    let records: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 8);
    assert_eq!(records[2]["operation"], "Get");
    assert_eq!(records[2]["objects"][0], identifier.as_str());
    assert_eq!((records[7]["result"].as_str(), records[7]["reason"].as_str().is_some()), (Some("failure"), true));
    let refused = kmipd(&["audit", "show", "--config", &config, "--since", "yesterday"], "");
    assert!(!refused.status.success() && said(&refused).contains("no moment"), "{refused:?}");
}

#[test]
fn a_log_that_does_not_have_what_was_signed_is_found() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    // The state of before, as somebody would put it back who wants to hide the rest.
    drop(used(&folder));
    let config = folder.join("kmipd.toml").display().to_string();
    let verify = |arguments: &[&str]| kmipd(&[&["audit", "verify", "--config", &config], arguments].concat(), "");
    let intact = verify(&[]);
    assert!(intact.status.success() && said(&intact).contains("since the newest checkpoint: 0 entries"), "{intact:?}");

    let checkpoints = folder.join("audit.checkpoints");
    let older = std::fs::read_to_string(&checkpoints).unwrap();
    let data = root.path().join("data");
    copy(&folder.join("data"), &data);
    let mut server = Program::dev(&folder);
    let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    client.exchange(&create()).unwrap();
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert!(verify(&[]).status.success());
    let newer = std::fs::read_to_string(&checkpoints).unwrap();
    assert!(newer.len() > older.len() && newer.starts_with(&older), "{newer}");

    // The end of the log is gone, and the newest checkpoint is not; a copy of the checkpoints elsewhere is as good.
    std::fs::remove_dir_all(folder.join("data")).unwrap();
    std::fs::rename(&data, folder.join("data")).unwrap();
    let copy = root.path().join("elsewhere").display().to_string();
    std::fs::copy(&checkpoints, &copy).unwrap();
    for arguments in [&[][..], &["--checkpoints", &copy]] {
        let found = verify(arguments);
        assert!(!found.status.success() && said(&found).contains("is known to have been written"), "{found:?}");
    }
    std::fs::write(&checkpoints, &older).unwrap();
    assert!(verify(&[]).status.success());
    assert!(!verify(&["--checkpoints", &copy]).status.success());

    // A checkpoint that somebody made up, and the key of another server.
    let changed = older.replacen("sequence=", "sequence=1", 1);
    std::fs::write(&checkpoints, changed).unwrap();
    let found = verify(&[]);
    assert!(!found.status.success() && said(&found).contains("not a checkpoint that key"), "{found:?}");
    std::fs::write(&checkpoints, &older[..older.len() - 5]).unwrap();
    assert!(verify(&[]).status.success(), "a line that a power cut did not let be finished");
    let another = root.path().join("another");
    kmipd_ok(&["init", "--dir", &another.display().to_string()], "");
    std::fs::write(&checkpoints, &older).unwrap();
    let found = verify(&["--public-key", &another.join("audit.pub").display().to_string()]);
    assert!(!found.status.success() && said(&found).contains("not a checkpoint that key"), "{found:?}");
    assert!(!verify(&["--checkpoints", "no-such-file"]).status.success());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_copy_of_the_audit_log_that_fails_stops_reads_of_keys_until_it_is_back_and_lacks_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    drop(Program::dev(&folder));
    let copies = root.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    let lines = copies.join("audit.jsonl");
    let file = folder.join("kmipd.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let sink = format!("[[audit.sink]]\nname = \"copy\"\nkind = \"file\"\npath = \"{}\"\nfrom_start = true\n", lines.display());
    std::fs::write(&file, format!("{config}\n[monitoring]\nlisten = \"127.0.0.1:0\"\n\n{sink}")).unwrap();
    let mut server = Program::dev(&folder);
    let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    let identifier = text(&client.exchange(&create()).unwrap(), tag::UniqueIdentifier).unwrap();
    let mut until = |what: &str, wanted: fn(&ttlv_codec::Tree) -> bool| {
        let begun = std::time::Instant::now();
        loop {
            let answer = client.exchange(&get(&identifier)).unwrap();
            if wanted(&answer) {
                return;
            }
            assert!(begun.elapsed().as_secs() < 30, "{what}: {answer:?}\n{}", server.log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    let refused = |answer: &ttlv_codec::Tree| {
        program::reason(answer) == Some(0x100) && text(answer, tag::ResultMessage).unwrap().contains("audit trail")
    };
    until("it works", program::succeeded);
    std::fs::rename(&copies, root.path().join("away")).unwrap();
    until("its folder is gone", refused);
    server.logged("an audit sink has failed");
    let mut other = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    assert!(program::succeeded(&other.exchange(&create()).unwrap()), "a change has its record in the store");
    std::fs::rename(root.path().join("away"), &copies).unwrap();
    until("it is back", program::succeeded);
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    // At the end, the copy has what the store has.
    let shown = kmipd_ok(&["audit", "show", "--config", file.to_str().unwrap(), "--json", "--limit", "100000"], "");
    let copied = std::fs::read_to_string(&lines).unwrap();
    // What is recorded when the server ends may come after the copies have ended; the next start delivers it.
    assert!(!copied.is_empty() && shown.starts_with(&copied), "{copied}\n\n{shown}");
    assert!(shown.lines().count() <= copied.lines().count() + 1);
}
