//! Users, as their file and their clients have them.

use super::*;

const PASSWORD: &str = "correct horse battery";

fn proves(users: &Users, claim: Claim<'_>, password: &[u8]) -> Option<String> {
    users.verify(claim, Proof { password, code: None }, 59).ok()
}

fn open(directory: &tempfile::TempDir, root: u8) -> Users {
    let root = store::sealing::RootKey::from_bytes(Zeroizing::new([root; 32]));
    Users::open(&directory.path().join("users.toml"), Ok(SecretSeal::of(&root).unwrap()), &CredentialsConfig::default()).unwrap()
}

fn users() -> (tempfile::TempDir, Users) {
    let directory = tempfile::tempdir().unwrap();
    let users = open(&directory, 1);
    (directory, users)
}

#[test]
fn a_password_proves_its_user_and_no_other_does() {
    let (_directory, users) = users();
    users.add("alice", Some("operator"), Some("SN-1"), PASSWORD, &[], false).unwrap();
    assert_eq!(proves(&users, Claim::Username("alice"), PASSWORD.as_bytes()).as_deref(), Some("alice"));
    assert_eq!(proves(&users, Claim::DeviceSerial("SN-1"), PASSWORD.as_bytes()).as_deref(), Some("alice"));
    for (claim, password) in [
        (Claim::Username("alice"), "wrong"),
        (Claim::Username("alice"), ""),
        (Claim::Username("bob"), PASSWORD),
        (Claim::Username("bob"), "decoy"),
        (Claim::DeviceSerial("alice"), PASSWORD),
        (Claim::Username("SN-1"), PASSWORD),
    ] {
        assert_eq!(proves(&users, claim, password.as_bytes()), None);
    }
}

#[test]
fn the_file_holds_no_password_and_is_private() {
    let (directory, users) = users();
    users.add("alice", None, None, PASSWORD, &[], false).unwrap();
    let path = directory.path().join("users.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains(PASSWORD));
    assert!(!files::is_exposed(&path));
    let again = Users::read(&path).unwrap();
    assert_eq!(proves(&again, Claim::Username("alice"), PASSWORD.as_bytes()).as_deref(), Some("alice"));
}

#[test]
fn what_is_removed_proves_nothing_and_bad_files_change_nothing() {
    let (directory, users) = users();
    users.add("alice", None, None, PASSWORD, &[], false).unwrap();
    users.add("bob", None, Some("SN-2"), PASSWORD, &[], false).unwrap();
    let generation = users.generation();
    users.remove("alice").unwrap();
    assert!(users.generation() > generation);
    assert!(users.remove("alice").is_err());
    assert_eq!(proves(&users, Claim::Username("alice"), PASSWORD.as_bytes()), None);
    std::fs::write(directory.path().join("users.toml"), "[[user]]\nname = \"x\"\npassword_hash = \"plain\"\n").unwrap();
    assert!(users.reload().unwrap_err().to_string().contains("Argon2id"));
    assert_eq!(users.list().len(), 1, "the users before the bad file stay");
}

#[test]
fn a_hash_that_would_stop_the_server_is_refused() {
    let (directory, users) = users();
    users.add("alice", None, None, PASSWORD, &[], false).unwrap();
    let path = directory.path().join("users.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    assert!(good.contains("m=19456,t=2,p=1"), "{good}");
    for parameters in ["m=4194304,t=2,p=1", "m=19456,t=1000000,p=1", "m=19456,t=2,p=255"] {
        std::fs::write(&path, good.replace("m=19456,t=2,p=1", parameters)).unwrap();
        let error = users.reload().unwrap_err().to_string();
        assert!(error.contains("alice") && error.contains("is more than"), "{error}");
    }
    std::fs::write(&path, good.replace("m=19456,t=2,p=1", "m=65536,t=3,p=4")).unwrap();
    users.reload().unwrap();
}

#[test]
fn refusals() {
    let (_directory, users) = users();
    assert!(users.add("alice", None, None, "short", &[], false).is_err());
    users.add("alice", None, Some("SN"), "short", &[], true).unwrap();
    assert!(users.add("bob", None, Some("SN"), PASSWORD, &[], false).is_err(), "a serial number names one user");
    assert!(users.add("", None, None, PASSWORD, &[], false).is_err());
    assert!(users.add("a\nb", None, None, PASSWORD, &[], false).is_err());
    assert!(users.add("a", None, None, &"x".repeat(1025), &[], false).is_err());
}

#[test]
fn a_second_factor_is_asked_for_and_a_code_proves_once() {
    // RFC 6238, appendix B: at 59 s, the code is 287082.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let (directory, users) = users();
    users.add("alice", None, Some("SN-1"), PASSWORD, &[], false).unwrap();
    users.add("bob", None, None, PASSWORD, &[], false).unwrap();
    users.set_totp("alice", Some(SECRET)).unwrap();
    assert!(users.set_totp("carol", Some(SECRET)).is_err() && users.set_totp("bob", Some("short")).is_err());
    let alice = Claim::Username("alice");
    let verify = |users: &Users, claim, password: &str, code: Option<&str>, now_s| {
        users.verify(claim, Proof { password: password.as_bytes(), code: code.map(str::as_bytes) }, now_s)
    };
    let with_code = format!("{PASSWORD}287082");
    for (claim, password, code) in [
        (alice, PASSWORD, None),
        (alice, PASSWORD, Some("287083")),
        (alice, "wrong", Some("287082")),
        (alice, "287082", None),
        (alice, &format!("{PASSWORD}287083"), None),
        (Claim::Username("bob"), PASSWORD, Some("287082")),
        (Claim::Username("carol"), PASSWORD, Some("287082")),
    ] {
        assert_eq!(verify(&users, claim, password, code, 59), Err(Unproved::Wrong), "{password}");
    }
    assert_eq!(verify(&users, alice, PASSWORD, Some("287082"), 59).as_deref(), Ok("alice"));
    for users in [&users, &open(&directory, 1)] {
        for claim in [alice, Claim::DeviceSerial("SN-1")] {
            assert_eq!(verify(users, claim, &with_code, None, 60), Err(Unproved::Replayed), "also after a restart");
        }
    }
    assert!(!std::fs::read_to_string(directory.path().join("users.used")).unwrap().contains(SECRET));
    // The next step's code, at the end of the line: 081804 at 1,111,111,109 s.
    assert_eq!(
        verify(&users, Claim::DeviceSerial("SN-1"), &format!("{PASSWORD}081804"), None, 1_111_111_109).as_deref(),
        Ok("alice")
    );
    users.add("alice", None, None, "another password", &[], false).unwrap();
    assert_eq!(verify(&users, alice, "another password", None, 59), Err(Unproved::Wrong), "the second factor stays");
    users.set_totp("alice", None).unwrap();
    assert_eq!(verify(&users, alice, "another password", None, 59).as_deref(), Ok("alice"));
    assert_eq!(proves(&users, Claim::Username("bob"), PASSWORD.as_bytes()).as_deref(), Some("bob"));
}

#[test]
fn a_secret_in_clear_is_sealed_once_and_good_for_its_user_and_root_key_alone() {
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let (directory, users) = users();
    users.add("alice", None, None, PASSWORD, &[], false).unwrap();
    let path = directory.path().join("users.toml");
    let text = || std::fs::read_to_string(&path).unwrap();
    let old = format!("{}totp = \"{SECRET}\"\n", text());
    std::fs::write(&path, &old).unwrap();
    // Whoever only looks changes nothing.
    assert!(Users::read(&path).unwrap().list()[0].has_totp() && text() == old);
    let proved = |users: &Users| {
        users.verify(Claim::Username("alice"), Proof { password: PASSWORD.as_bytes(), code: Some(b"287082") }, 59)
    };
    let again = open(&directory, 1);
    let sealed = text();
    assert!(!sealed.contains(SECRET) && sealed.contains("totp_sealed = ") && !files::is_exposed(&path), "{sealed}");
    assert_eq!(proved(&open(&directory, 2)), Err(Unproved::Sealed), "another root key");
    assert_eq!(proved(&again).as_deref(), Ok("alice"));
    assert_eq!(text(), sealed, "it is sealed once");
    std::fs::write(&path, &old).unwrap();
    users.reload().unwrap();
    assert!(!text().contains(SECRET));
    std::fs::write(&path, &old).unwrap();
    users.add("bob", None, None, PASSWORD, &[], false).unwrap();
    assert!(!text().contains(SECRET));
    // Who has alice's secret does not have it as bob.
    std::fs::write(&path, sealed.replace("\"alice\"", "\"carol\"")).unwrap();
    let carol = Claim::Username("carol");
    let found = open(&directory, 1).verify(carol, Proof { password: PASSWORD.as_bytes(), code: Some(b"287082") }, 59);
    assert_eq!(found, Err(Unproved::Sealed));
    let no_key = Users::read(&path).unwrap();
    assert!(no_key.set_totp("carol", Some(SECRET)).is_err() && no_key.set_totp("carol", None).is_ok());
}
