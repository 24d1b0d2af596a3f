//! PKCS#12 files of OpenSSL are read, in every encryption that it writes them in; broken ones are errors.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use std::path::Path;
use std::process::Command;

use crypto::{CryptoError, read_pkcs12};
use kmip::enumerations::CryptographicAlgorithm;

fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output().expect("openssl is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A directory with a CA, and a key with its certificate.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| openssl(directory.path(), arguments);
    run(&["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "ca.key"]);
    run(&["req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=the CA", "-days", "2", "-out", "ca.pem"]);
    run(&["genrsa", "-out", "disk.key", "2048"]);
    run(&["req", "-new", "-key", "disk.key", "-subj", "/CN=disk", "-out", "disk.csr"]);
    run(&[
        "x509",
        "-req",
        "-in",
        "disk.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-out",
        "disk.pem",
    ]);
    directory
}

#[test]
fn what_openssl_writes_is_read() {
    let directory = directory();
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    openssl(directory.path(), &["x509", "-in", "disk.pem", "-outform", "DER", "-out", "disk.der"]);
    openssl(directory.path(), &["x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der"]);
    let chain = [read("disk.der"), read("ca.der")];
    let export = ["pkcs12", "-export", "-inkey", "disk.key", "-in", "disk.pem", "-certfile", "ca.pem", "-name", "Disk \u{e4}"];
    for options in [
        &[][..],
        &["-legacy"],
        &["-legacy", "-descert"],
        &["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC", "-macalg", "sha384"],
        &["-keypbe", "DES-EDE3-CBC", "-certpbe", "NONE", "-iter", "1", "-macalg", "sha512"],
        &["-keypbe", "NONE", "-certpbe", "NONE"],
        &["-nomac"],
    ] {
        let arguments: Vec<&str> =
            export.into_iter().chain(["-passout", "pass:p\u{e4}ss", "-out", "disk.p12"]).chain(options.iter().copied()).collect();
        openssl(directory.path(), &arguments);
        let file = read("disk.p12");
        let contents = read_pkcs12(&file, "p\u{e4}ss", None).unwrap_or_else(|error| panic!("{options:?}: {error}"));
        assert_eq!(contents.chain, chain, "{options:?}");
        assert_eq!(contents.friendly_name.as_deref(), Some("Disk \u{e4}"), "{options:?}");
        assert_eq!((contents.key.facts().algorithm, contents.key.facts().length), (CryptographicAlgorithm::RSA, 2048));
        assert!(read_pkcs12(&file, "p\u{e4}ss", Some("disk \u{c4}")).is_ok(), "a Friendly Name is found in any case");
        assert!(matches!(read_pkcs12(&file, "p\u{e4}ss", Some("other")), Err(CryptoError::InvalidKey { .. })));
        if !options.contains(&"NONE") && !options.contains(&"-nomac") {
            assert_eq!(read_pkcs12(&file, "pass", None).unwrap_err(), CryptoError::Refused, "{options:?}");
        }
        // Whatever is changed or cut off, nothing panics, and the authentication code tells.
        for at in (0..file.len()).step_by(97) {
            let mut broken = file.clone();
            broken[at] ^= 0x20;
            let _ = read_pkcs12(&broken, "p\u{e4}ss", None);
            assert!(read_pkcs12(&file[..at], "p\u{e4}ss", None).is_err(), "{options:?} {at}");
        }
    }
}

#[test]
fn a_file_does_not_say_how_much_work_it_is() {
    let directory = directory();
    let export = ["pkcs12", "-export", "-inkey", "disk.key", "-in", "disk.pem", "-passout", "pass:pass", "-out", "disk.p12"];
    let arguments: Vec<&str> = export.into_iter().chain(["-iter", "1500000", "-maciter"]).collect();
    openssl(directory.path(), &arguments);
    let file = std::fs::read(directory.path().join("disk.p12")).unwrap();
    assert!(matches!(read_pkcs12(&file, "pass", None), Err(CryptoError::UnsupportedParameters(_))));
}
