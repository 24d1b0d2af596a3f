//! Who of the local users may do what over the administrative socket: the user of this test in each role.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use program::{Program, kmipd, kmipd_ok};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PASSWORD: &str = "correct horse battery";

/// The user of this test, and how the audit log names it.
fn own() -> (String, String) {
    let user = server::local_users::own();
    (user.uid.to_string(), user.to_string())
}

fn configured(folder: &Path, plain: &str, admin: &str) {
    std::fs::write(folder.join("kmipd.toml"), format!("{plain}\n[admin]\n{admin}\n")).unwrap();
}

fn refused(arguments: &[&str], words: &str) {
    let output = kmipd(arguments, PASSWORD);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
}

#[test]
fn an_auditor_reads_and_an_administrator_changes_and_what_they_must_not_do_is_recorded() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    drop(Program::dev(&folder));
    let file = folder.join("kmipd.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    assert!(!plain.contains("[admin]"), "{plain}");
    let config = file.display().to_string();
    let (uid, name) = own();
    let out = root.path().join("out").display().to_string();
    let certificate = folder.join("clients/demo/cert.pem").display().to_string();
    let bundle = folder.join("clients/demo").display().to_string();
    let with = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        [&arguments[..], &["--config".to_owned(), config.clone()]].concat()
    };
    let ok = |arguments: &[&str]| kmipd_ok(&with(arguments).iter().map(String::as_str).collect::<Vec<_>>(), PASSWORD);
    let refused = |arguments: &[&str], words: &str| {
        refused(&with(arguments).iter().map(String::as_str).collect::<Vec<_>>(), words);
    };
    // The owner of a server where nobody is named.
    let server = Program::dev(&folder);
    ok(&["user", "add", "alice", "--password-stdin"]);
    assert!(ok(&["audit", "show"]).contains(&format!("\"administrator {name}\"  kmipd user add \"alice\"  done")));
    assert_eq!(std::fs::metadata(folder.join("kmipd.sock")).unwrap().permissions().mode() & 0o777, 0o600);
    drop(server);

    let changes: [&[&str]; 10] = [
        &["user", "add", "bob", "--password-stdin"],
        &["user", "remove", "alice"],
        &["user", "totp", "alice"],
        &["user", "unlock", "alice"],
        &["client", "add", "array-1", "--out", &out],
        &["client", "renew", "demo", "--out", &bundle],
        &["client", "revoke", &certificate],
        &["admin", "reload"],
        &["db", "check"],
        &["db", "export", "--out", &out],
    ];
    let either: [&[&str]; 6] = [
        &["user", "list"],
        &["client", "list"],
        &["client", "requests"],
        &["admin", "status"],
        &["audit", "verify"],
        &["report"],
    ];
    let reads: [&[&str]; 2] = [&["audit", "show"], &["report", "impact", "no-such-object"]];

    configured(&folder, &plain, &format!("auditors = [\"{uid}\"]"));
    let server = Program::dev(&folder);
    assert_eq!(std::fs::metadata(folder.join("kmipd.sock")).unwrap().permissions().mode() & 0o777, 0o666);
    for command in changes {
        refused(
            command,
            &format!("auditor {name} must not give kmipd {} {}: it is for administrators", command[0], told(command)),
        );
    }
    either.iter().for_each(|command| drop(ok(command)));
    let shown = ok(reads[0]);
    for command in changes {
        let line = format!("\"auditor {name}\"  kmipd {} {}", command[0], told(command));
        let found = shown.lines().find(|shown| shown.contains(&line)).unwrap_or_else(|| panic!("{line}: {shown}"));
        assert!(found.contains("refused: PermissionDenied"), "{found}");
    }
    assert!(ok(&["user", "list"]).contains("alice") && !ok(&["user", "list"]).contains("bob"));
    refused(reads[1], "no-such-object");
    drop(server);

    // The same on the files of a server that does not run.
    refused(&["user", "add", "carol", "--password-stdin"], "it is for administrators");
    refused(&["db", "check"], "it is for administrators");
    assert!(ok(&["audit", "show"]).contains("kmipd db check  refused"));

    configured(&folder, &plain, &format!("administrators = [\"{uid}\"]"));
    refused(&["audit", "show"], "for auditors to read");
    let server = Program::dev(&folder);
    reads.iter().for_each(|command| refused(command, "for auditors to read"));
    either.iter().for_each(|command| drop(ok(command)));
    ok(changes[0]);
    ok(changes[8]);
    drop(server);

    // Nobody here but an auditor who is somebody else: the owner administers.
    configured(&folder, &plain, "auditors = [\"4000000000\"]");
    let server = Program::dev(&folder);
    ok(changes[1]);
    refused(reads[0], "for auditors to read");
    drop(server);
    std::fs::write(&file, &plain).unwrap();
    let shown = ok(&["audit", "show"]);
    for line in [
        format!("\"administrator {name}\"  kmipd user add \"bob\"  done"),
        format!("\"administrator {name}\"  kmipd user remove \"alice\"  done"),
        format!("\"administrator {name}\"  kmipd audit show  refused: PermissionDenied"),
        format!("\"administrator {name}\"  kmipd report impact  refused: PermissionDenied"),
    ] {
        assert!(shown.contains(&line), "{line}: {shown}");
    }
}

/// The second word of a command as the audit log has it.
fn told<'a>(command: &[&'a str]) -> &'a str {
    match (command[0], command[1]) {
        // A bundle is made here, and its request signed there.
        ("client", "add") => "sign",
        (_, word) => word,
    }
}

#[test]
fn a_configuration_in_which_somebody_is_both_does_not_start() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    kmipd_ok(&["init", "--dir", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"], "");
    let file = folder.join("kmipd.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    let (uid, name) = own();
    let gid = rustix::process::getgid().as_raw();
    let config = file.display().to_string();
    configured(&folder, &plain, "administrators = [\"alice\"]\nauditors = [\"alice\"]");
    for command in ["serve", "check-config"] {
        refused(&[command, "--config", &config], "admin.administrators and admin.auditors both have \"alice\": nobody is both");
    }
    configured(&folder, &plain, &format!("administrators = [\"@{gid}\"]\nauditors = [\"{uid}\"]"));
    for command in ["serve", "check-config"] {
        let words = format!(
            "admin: {name} would be administrator (admin.administrators has \"@{gid}\") and auditor (admin.auditors has \"{uid}\")"
        );
        refused(&[command, "--config", &config], &words);
    }
    configured(&folder, &plain, "auditors = [\"no-such-user-here\"]");
    refused(&["check-config", "--config", &config], "does not know \"no-such-user-here\"");
    assert!(Program::serve(&folder).log().contains("does not know \"no-such-user-here\""));
}
