//! `kmipd policy explain` as an administrator meets it: of a running server, with real certificates, users and objects.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::tag;
use program::{Client, Program, create, kmipd, kmipd_ok, settings, text};

const POLICY: &str = "[[tenant]]
name = \"acme\"
number = 1

[[rule]]
user = \"alice\"
roles = [\"key-officer\"]

[[grant]]
to.actors = [\"bob\"]
permissions = [\"Get\"]
on.all = true
when = { states = [\"Active\"] }

[[forbid]]
to.everybody = true
permissions = [\"Destroy\"]
on.all = true
when.second_factor = false
";

#[test]
fn an_administrator_learns_why_somebody_may_do_something_or_not_and_what_would_change_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let mut server = Program::dev(&folder);
    let config = folder.join("kmipd.toml").display().to_string();
    let demo = folder.join("clients/demo");
    let made = Client::connect(server.address, &settings(&demo)).unwrap().exchange(&create(None)).unwrap();
    let identifier = text(&made, tag::UniqueIdentifier).unwrap();
    std::fs::write(folder.join("policy.toml"), POLICY).unwrap();
    kmipd_ok(&["admin", "reload", "--config", &config], "");
    kmipd_ok(&["user", "add", "bob", "--config", &config, "--password-stdin"], "correct horse battery");
    let certificate = demo.join("cert.pem").display().to_string();
    let arguments = |more: &[&str]| -> Vec<String> {
        [&["policy", "explain", "--config", &config], more].concat().iter().map(|argument| (*argument).to_owned()).collect()
    };
    let explain = |more: &[&str]| {
        let arguments = arguments(more);
        kmipd_ok(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let object = ["--object", identifier.as_str()];
    let of_demo = |operation: &str, more: &[&str]| {
        explain(&[&["--certificate", &certificate, "--operation", operation], &object[..], more].concat())
    };
    let of_user = |name: &str, operation: &str| explain(&[&["--user", name, "--operation", operation], &object[..]].concat());

    assert_eq!(
        of_demo("Get", &[]),
        [
            "allowed: \"demo\" may Get the object",
            "the actor has shown a certificate alone; tenant number 0; roles: user; groups: none",
            "the object is a SymmetricKey, PreActive, and belongs to the actor",
            "its roles allow Get with its own objects, as this is one",
            "its roles do not allow Get with all objects of the tenant",
        ]
    );
    let forbidden = of_demo("destroy", &[]);
    assert_eq!(forbidden[0], "denied: \"demo\" must not Destroy the object: the policy forbids it");
    assert_eq!(forbidden.last().unwrap(), "forbid on line 17 of the policy (all objects, on conditions) applies");
    let allowed = of_demo("Destroy", &["--second-factor"]);
    assert_eq!(allowed[0], "allowed: \"demo\" may Destroy the object");
    let words = "forbid on line 17 of the policy (all objects, on conditions) does not apply: a second factor is shown";
    assert_eq!(allowed.last().unwrap(), words);

    let bob = of_user("bob", "Get");
    assert_eq!(bob[0], "denied: \"bob\" must not Get the object: the object belongs to somebody else");
    assert!(bob[1].starts_with("the actor has shown a certificate and a credential; "), "{bob:?}");
    assert_eq!(bob[2], "the object is a SymmetricKey, PreActive, and belongs to \"demo\"");
    assert_eq!(
        bob.last().unwrap(),
        "grant on line 11 of the policy (all objects, on conditions) does not apply: the object is PreActive"
    );
    let alice = of_user("alice", "Activate");
    assert!(alice[0].starts_with("allowed: ") && alice[1].ends_with("roles: key-officer; groups: none"), "{alice:?}");
    assert!(alice.last().unwrap().starts_with("there is no user \"alice\""), "{alice:?}");

    // Without an object, in another tenant, and of what is not there.
    let created = explain(&["--certificate", &certificate, "--operation", "Create"]);
    assert_eq!(created[0], "allowed: \"demo\" may Create");
    let elsewhere = explain(&["--user", "bob", "--tenant", "acme", "--operation", "Get", "--object", &identifier]);
    assert_eq!(elsewhere, ["absent: the tenant of the actor has no such object"]);

    let key = demo.join("key.pem").display().to_string();
    for (more, words) in [
        (&["--user", "bob", "--operation", "Fetch", "--object", "x"][..], "\"Fetch\" is no operation by its name in XML"),
        (&["--user", "bob", "--operation", "Create", "--object", "x"], "Create concerns no stored object: leave --object away"),
        (&["--user", "bob", "--operation", "Get"], "Get concerns an object: --object tells which"),
        (&["--user", "bob", "--tenant", "nix", "--operation", "Get", "--object", "x"], "there is no tenant \"nix\""),
        (&["--certificate", &key, "--operation", "Get", "--object", "x"], "it is no certificate, but a PRIVATE KEY"),
        (&["--certificate", &config, "--operation", "Get", "--object", "x"], "it is no certificate in PEM"),
    ] {
        let arguments = arguments(more);
        let output = kmipd(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(words), "{more:?}: {said}");
    }
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    let arguments = arguments(&["--user", "bob", "--operation", "Get", "--object", "x"]);
    let output = kmipd(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no server is running"), "{output:?}");
}
