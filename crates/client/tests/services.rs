//! What the program has the server compute, against the real server.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::process::Output;

use common::kmipd::Kmipd;
use serde_json::Value as Json;

/// More than three parts, and no whole number of anything.
const LONG: usize = 900_001;

fn stdout(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

fn json(output: &Output) -> Json {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[track_caller]
fn fails(output: &Output, status: i32, expected: &str) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{complaint}");
    assert!(complaint.contains(expected), "{complaint}");
}

/// A file in the server's directory.
struct Folder<'a>(&'a Kmipd);

impl Folder<'_> {
    fn name(&self, name: &str) -> String {
        self.0.scratch(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.0.scratch(name), bytes).unwrap();
        self.name(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.scratch(name)).unwrap()
    }
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 251) as u8).collect()
}

#[test]
fn data_of_any_length_are_encrypted_and_decrypted() {
    let kmipd = Kmipd::start();
    let folder = Folder(&kmipd);
    let long = data(LONG);
    let clear = folder.write("clear", &long);
    let aad = folder.write("aad", b"for whom it is");
    for version in ["1.3", "1.4", "2.0", "2.1"] {
        let run = |arguments: &[&str]| kmipd.kmip(&[&["--protocol", version], arguments].concat());
        let key = stdout(&run(&["create", "--activate"]));
        for (options, around) in [
            (&[][..], 12 + 16),
            (&["--mode", "CTR"], 16),
            (&["--mode", "CBC", "--padding", "PKCS5"], 16 + 16 - LONG % 16),
            (&["--mode", "ECB", "--padding", "PKCS5"], 16 - LONG % 16),
            (&["--mode", "CTR", "--iv", "000102030405060708090a0b0c0d0e0f"], 0),
        ] {
            let (sealed, opened) = (folder.name("sealed"), folder.name("opened"));
            let both = |command: &str, from: &str, to: &str| {
                stdout(&run(&[&[command, &key, from, "--out", to, "--force"], options].concat()));
            };
            both("encrypt", &clear, &sealed);
            assert_eq!(folder.read("sealed").len(), LONG + around, "{version} {options:?}");
            both("decrypt", &sealed, &opened);
            assert!(folder.read("opened") == long, "{version} {options:?}");
        }
        // What was changed on the way is not given out, and leaves no file.
        let (sealed, lost) = (folder.name("sealed"), folder.name("lost"));
        stdout(&run(&["encrypt", &key, &clear, "--out", &sealed, "--force"]));
        let mut changed = folder.read("sealed");
        changed[LONG / 2] ^= 1;
        let changed = folder.write("changed", &changed);
        fails(&run(&["decrypt", &key, &changed, "--out", &lost]), 1, "Cryptographic Failure");
        assert!(!kmipd.scratch("lost").exists());
        if version >= "1.4" {
            let with = ["--additional-data", &aad];
            stdout(&run(&[&["encrypt", &key, &clear, "--out", &sealed, "--force"], &with[..]].concat()));
            fails(&run(&["decrypt", &key, &sealed, "--out", &lost]), 1, "Cryptographic Failure");
            stdout(&run(&[&["decrypt", &key, &sealed, "--out", &lost], &with[..]].concat()));
            assert!(folder.read("lost") == long);
            std::fs::remove_file(kmipd.scratch("lost")).unwrap();
        } else {
            let refused = run(&["encrypt", &key, &clear, "--out", &lost, "--additional-data", &aad]);
            fails(&refused, 1, "--additional-data");
        }
    }
    // 1.2 has no streams, and encrypts what fits into a request.
    let run = |arguments: &[&str]| kmipd.kmip(&[&["--protocol", "1.2"], arguments].concat());
    let key = stdout(&run(&["create", "--activate"]));
    fails(&run(&["encrypt", &key, &clear, "--out", &folder.name("lost")]), 1, "1.2");
    let short = folder.write("short", b"no more than this");
    stdout(&run(&["encrypt", &key, &short, "--out", &folder.name("sealed 1.2")]));
    let opened = run(&["decrypt", &key, &folder.name("sealed 1.2")]);
    assert_eq!(opened.stdout, b"no more than this", "{}", String::from_utf8_lossy(&opened.stderr));
}

#[test]
fn texts_go_in_and_out_and_files_are_not_replaced_by_accident() {
    let kmipd = Kmipd::start();
    let folder = Folder(&kmipd);
    let key = stdout(&kmipd.kmip(&["create", "--activate"]));
    let sealed = kmipd.kmip_reading(b"secret", &["encrypt", &key, "--encoding", "base64"]);
    let sealed = stdout(&sealed);
    let opened = kmipd.kmip_reading(sealed.as_bytes(), &["decrypt", &key, "--input-encoding", "base64"]);
    assert_eq!((opened.status.code(), opened.stdout.as_slice()), (Some(0), &b"secret"[..]));
    let short = kmipd.kmip_reading(b"short", &["decrypt", &key]);
    fails(&short, 1, "too short");
    fails(&kmipd.kmip_reading(b"no hex", &["decrypt", &key, "--input-encoding", "hex"]), 1, "--input-encoding");
    let there = folder.write("there", b"something");
    fails(&kmipd.kmip_reading(b"a", &["encrypt", &key, "--out", &there]), 1, "--force");
    assert_eq!(folder.read("there"), b"something");
    fails(&kmipd.kmip_reading(b"a", &["--json", "encrypt", &key]), 2, "--out");
    let document = json(&kmipd.kmip_reading(b"a", &["--json", "encrypt", &key, "--out", &folder.name("new")]));
    assert_eq!(document["unique_identifier"], key.as_str());
    fails(&kmipd.kmip_reading(b"a", &["encrypt", "no such key"]), 1, "Not Found");
    fails(&kmipd.kmip_reading(b"a", &["encrypt", &key, "--mode", "none of them"]), 2, "none of them");

    let random = stdout(&kmipd.kmip(&["random", "100"]));
    assert_eq!(random.len(), 200);
    stdout(&kmipd.kmip(&["random", "200000", "--out", &folder.name("random")]));
    assert_eq!(folder.read("random").len(), 200_000);
}

#[test]
fn signatures_codes_and_digests() {
    let kmipd = Kmipd::start();
    let folder = Folder(&kmipd);
    let long = folder.write("long", &data(LONG));
    let other = folder.write("other", &data(LONG - 1));
    let signature = folder.name("signature");
    for (algorithm, options) in [("ecdsa", &[][..]), ("rsa", &["--padding", "PSS", "--hash", "SHA-384"])] {
        let pair = json(&kmipd.kmip(&["--json", "create-key-pair", "--algorithm", algorithm, "--activate"]));
        let half = |name: &str| pair[name].as_str().unwrap().to_owned();
        let (private, public) = (half("private_key_unique_identifier"), half("public_key_unique_identifier"));
        stdout(&kmipd.kmip(&[&["sign", &private, &long, "--out", &signature, "--force"], options].concat()));
        let verify = |file: &str| kmipd.kmip(&[&["verify", &public, "--signature", &signature, file], options].concat());
        assert_eq!(stdout(&verify(&long)), "valid", "{algorithm}");
        let wrong = verify(&other);
        assert_eq!((wrong.status.code(), wrong.stdout.as_slice()), (Some(1), &b"not valid\n"[..]));
        // The digest that the server made is signed in place of the data.
        let hash = options.last().copied().unwrap_or("SHA-256");
        stdout(&kmipd.kmip(&["hash", "--hash", hash, &long, "--out", &folder.name("digest"), "--force"]));
        let digest = folder.name("digest");
        let of_digest = kmipd.kmip(&[&["sign", &private, &digest, "--digest", "--encoding", "hex"], options].concat());
        let of_digest = folder.write("of digest", stdout(&of_digest).as_bytes());
        let encoded = ["--signature", &of_digest, "--signature-encoding", "hex"];
        assert_eq!(stdout(&kmipd.kmip(&[&["verify", &public, &long], &encoded[..], options].concat())), "valid");
    }

    let key = stdout(&kmipd.kmip(&["create", "--algorithm", "HMAC-SHA256", "--activate"]));
    let code = json(&kmipd.kmip(&["--json", "mac", &key, &long]));
    let code = code["mac_hex"].as_str().unwrap();
    assert_eq!(stdout(&kmipd.kmip(&["mac", &key, &long])), code);
    assert_eq!(stdout(&kmipd.kmip(&["mac-verify", &key, &long, "--mac", code])), "valid");
    let wrong = kmipd.kmip(&["--json", "mac-verify", &key, &other, "--mac", code]);
    assert_eq!(wrong.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Json>(&wrong.stdout).unwrap()["valid"], false);

    let digest = stdout(&kmipd.kmip_reading(b"abc", &["hash"]));
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let empty = stdout(&kmipd.kmip_reading(b"", &["hash", "--hash", "sha-1"]));
    assert_eq!(empty, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

#[test]
fn keys_are_derived_split_joined_and_wrapped() {
    let kmipd = Kmipd::start();
    let folder = Folder(&kmipd);
    for version in ["1.2", "1.4", "2.1"] {
        let run = |arguments: &[&str]| kmipd.kmip(&[&["--protocol", version], arguments].concat());
        folder.write("base", &[7; 32]);
        let base = ["register", &folder.name("base"), "--kind", "symmetric-key", "--usage", "derive-key", "--activate"];
        let base = stdout(&run(&base));
        let derive = ["derive", &base, "--method", "PBKDF2", "--salt", "0102", "--iterations", "1000", "--length", "128"];
        let (one, two) = (stdout(&run(&derive)), stdout(&run(&derive)));
        assert_ne!(one, two);
        let material = |key: &str| stdout(&run(&["get", key]));
        assert_eq!((material(&one).len(), material(&one)), (32, material(&two)), "{version}");
        fails(&run(&["derive", &base, "--method", "PBKDF2"]), 1, "Salt");

        let parts = stdout(&run(&["split", &one, "--parts", "4", "--threshold", "2"]));
        let parts: Vec<&str> = parts.lines().collect();
        assert_eq!(parts.len(), 4, "{version}");
        let again = stdout(&run(&["join", parts[3], parts[1], "--activate"]));
        assert_eq!(material(&again), material(&one), "{version}");
        fails(&run(&["join", parts[0]]), 1, "needs 2");
        let new = json(&run(&["--json", "split", "--method", "XOR", "--parts", "2"]));
        let new: Vec<&str> = new["unique_identifiers"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        let new = stdout(&run(&["join", new[0], new[1]]));
        assert_eq!(material(&new).len(), 64);

        let under = stdout(&run(&["create", "--usage", "wrap-key,unwrap-key", "--activate"]));
        let wrap = |mode: &str| run(&["wrap", &one, "--under", &under, "--mode", mode]);
        assert_eq!(stdout(&wrap("NISTKeyWrap")).len(), 2 * (16 + 8), "{version}");
        assert_eq!(stdout(&wrap("AESKeyWrapPadding")).len(), 2 * (16 + 8));
        // The IV, the key and the tag.
        assert_eq!(stdout(&wrap("GCM")).len(), 2 * (12 + 16 + 16));
        let document = json(&run(&["--json", "wrap", &one, "--under", &under, "--ttlv"]));
        assert_eq!(document["wrapped"], true);
        fails(&run(&["wrap", &one, "--under", &base]), 1, "Usage Mask");
    }
}
