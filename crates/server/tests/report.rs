//! `kmipd report`, on a server that runs and on its files when it has stopped.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::tag;
use program::{Client, Program, get, kmipd, kmipd_ok, request, settings, succeeded, text};
use std::path::Path;
use std::time::Duration;
use ttlv_codec::Writer;

const DERIVATION_BASE: u32 = 0x104;

/// Create of an AES-256 key: its name, its usage mask, a link.
fn create(name: &str, mask: i32, link: Option<(u32, &str)>) -> Vec<u8> {
    request(1, None, |writer| {
        writer.enumeration(tag::ObjectType, 2);
        writer.structure(tag::TemplateAttribute, |writer| {
            let mut attribute = |attribute: &str, value: &dyn Fn(&mut Writer)| {
                writer.structure(tag::Attribute, |writer| {
                    writer.text_string(tag::AttributeName, attribute);
                    value(writer);
                });
            };
            attribute("Cryptographic Algorithm", &|writer| writer.enumeration(tag::AttributeValue, 3));
            attribute("Cryptographic Length", &|writer| writer.integer(tag::AttributeValue, 256));
            attribute("Cryptographic Usage Mask", &|writer| writer.integer(tag::AttributeValue, mask));
            attribute("Activation Date", &|writer| writer.date_time(tag::AttributeValue, 1_500_000_000));
            attribute("Name", &|writer| {
                writer.structure(tag::AttributeValue, |writer| {
                    writer.text_string(tag::NameValue, name);
                    writer.enumeration(tag::NameType, 1);
                });
            });
            if let Some((kind, other)) = link {
                attribute("Link", &|writer| {
                    writer.structure(tag::AttributeValue, |writer| {
                        writer.enumeration(tag::LinkType, kind);
                        writer.text_string(tag::LinkedObjectIdentifier, other);
                    });
                });
            }
        });
    })
}

/// Get, wrapped with AES key wrap.
fn get_wrapped(identifier: &str, under: &str) -> Vec<u8> {
    request(10, None, |writer| {
        writer.text_string(tag::UniqueIdentifier, identifier);
        writer.structure(tag::KeyWrappingSpecification, |writer| {
            writer.enumeration(tag::WrappingMethod, 1);
            writer.structure(tag::EncryptionKeyInformation, |writer| {
                writer.text_string(tag::UniqueIdentifier, under);
                writer.structure(tag::CryptographicParameters, |writer| writer.enumeration(tag::BlockCipherMode, 0x0D));
            });
        });
    })
}

/// Register of an AES key that is wrapped.
fn register_wrapped(under: &str) -> Vec<u8> {
    request(3, None, |writer| {
        writer.enumeration(tag::ObjectType, 2);
        writer.structure(tag::TemplateAttribute, |writer| {
            writer.structure(tag::Attribute, |writer| {
                writer.text_string(tag::AttributeName, "Cryptographic Usage Mask");
                writer.integer(tag::AttributeValue, 12);
            });
        });
        writer.structure(tag::SymmetricKey, |writer| {
            writer.structure(tag::KeyBlock, |writer| {
                writer.enumeration(tag::KeyFormatType, 1);
                writer.byte_string(tag::KeyValue, &[7; 24]);
                writer.enumeration(tag::CryptographicAlgorithm, 3);
                writer.integer(tag::CryptographicLength, 128);
                writer.structure(tag::KeyWrappingData, |writer| {
                    writer.enumeration(tag::WrappingMethod, 1);
                    writer.structure(tag::EncryptionKeyInformation, |writer| writer.text_string(tag::UniqueIdentifier, under));
                });
            });
        });
    })
}

struct Made {
    base: String,
    derived: String,
    wrapping: String,
}

fn made(server: &Program, folder: &Path) -> Made {
    let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    let mut make = |request: &[u8]| {
        let answer = client.exchange(request).unwrap();
        text(&answer, tag::UniqueIdentifier).unwrap_or_else(|| panic!("{answer:?}"))
    };
    let base = make(&create("<base> & \u{1b}[31mco", 0x200, None));
    let derived = make(&create("derived", 12, Some((DERIVATION_BASE, &base))));
    let wrapping = make(&create("wrapping", 0x30, None));
    for asked in [get(&derived), get(&derived), get_wrapped(&derived, &wrapping)] {
        let answer = client.exchange(&asked).unwrap();
        assert!(succeeded(&answer), "{answer:?}");
    }
    // Reads are in the log within 50 ms.
    std::thread::sleep(Duration::from_millis(300));
    Made { base, derived, wrapping }
}

#[test]
fn a_report_tells_the_same_of_a_server_that_runs_and_of_one_that_has_stopped() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let mut server = Program::dev(&folder);
    let Made { base, derived, wrapping } = made(&server, &folder);
    let config = folder.join("kmipd.toml").display().to_string();
    let policy = root.path().join("policy.toml");
    std::fs::write(
        &policy,
        "name = \"ours\"\nstrength = [{ algorithm = \"AES\", length = 256, bits = 256, until = \"2020-06-30\" }]",
    )
    .unwrap();
    let policy = policy.display().to_string();
    let report = |arguments: &[&str]| kmipd_ok(&[&["report", "--config", &config], arguments].concat(), "");
    let read = |arguments: &[&str]| {
        let all = [&["--format", "json", "--orphan-days", "0"], arguments].concat();
        let mut document: serde_json::Value = serde_json::from_str(&report(&all)).unwrap();
        document.as_object_mut().unwrap().remove("generated").unwrap();
        document
    };

    let running = read(&[]);
    assert_eq!((&running["version"], &running["report"], &running["objects"]), (&1.into(), &"inventory".into(), &3.into()));
    assert_eq!(running["states"]["Active"], 3);
    let kind = &running["kinds"][0];
    assert_eq!(
        (kind["algorithm"].as_str(), kind["length"].as_i64(), kind["strength"].as_i64()),
        (Some("AES"), Some(256), Some(256))
    );
    assert_eq!((&kind["verdict"], &kind["objects"]), (&"acceptable".into(), &3.into()));
    assert_eq!(running["weak"]["count"], 0);
    assert_eq!(running["overdue"]["count"], 3, "active since 2017: {running}");
    assert_eq!(running["overdue"]["shown"][0]["object"]["identifier"], base.as_str(), "a base of derivation has a year");
    assert_eq!((&running["owners"][0]["owner"], &running["owners"][0]["overdue"]), (&"demo".into(), &3.into()));
    let orphans = running["orphans"]["shown"].as_array().unwrap();
    assert_eq!(orphans[0]["object"]["identifier"], base.as_str(), "never seen comes first");
    assert!(orphans[0]["last_seen"].is_null() && orphans[0]["never_obtained"] == true);
    let seen = orphans.iter().find(|orphan| orphan["object"]["identifier"] == derived.as_str()).unwrap();
    assert!(seen["last_seen"].is_string() && seen["never_obtained"] == false);
    let used = orphans.iter().find(|orphan| orphan["object"]["identifier"] == wrapping.as_str()).unwrap();
    assert!(used["last_seen"].is_string() && used["never_obtained"] == true);
    assert_eq!(read(&["--limit", "1"])["orphans"]["shown"].as_array().unwrap().len(), 1);
    let strict = read(&["--policy", &policy]);
    assert_eq!((&strict["policy"], &strict["weak"]["count"]), (&"ours".into(), &3.into()));
    assert_eq!(strict["weak"]["shown"][0]["verdict"], "disallowed");

    let words = report(&["--policy", &policy]);
    assert!(words.contains("disallowed since 2020-06-30") && words.contains("Overdue for rotation"), "{words}");
    assert!(!words.contains('\u{1b}'), "{words}");
    let page = root.path().join("report.html");
    report(&["--format", "html", "--out", page.to_str().unwrap()]);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("&lt;base&gt; &amp; ") && !html.contains("<base>") && !html.contains("<script"), "{html}");
    let checked = kmipd(&["report", "--config", &config, "--check"], "");
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&checked.stderr).contains("3 overdue for rotation"), "{checked:?}");
    let wrong = kmipd(&["report", "--config", &config, "--policy", &config], "");
    assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("the policy"), "{wrong:?}");
    assert!(kmipd_ok(&["report", "policy"], "").contains("SP 800-57"));

    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert_eq!(read(&[]), running);
}

#[test]
fn the_impact_of_a_key_names_what_hangs_on_it_and_who_has_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let mut server = Program::dev(&folder);
    let Made { base, derived, wrapping } = made(&server, &folder);
    let config = folder.join("kmipd.toml").display().to_string();
    let impact =
        |key: &str, arguments: &[&str]| kmipd_ok(&[&["report", "impact", key, "--config", &config], arguments].concat(), "");
    let read = |key: &str| serde_json::from_str::<serde_json::Value>(&impact(key, &["--format", "json"])).unwrap();

    let of_base = read(&base);
    assert_eq!((&of_base["version"], &of_base["affected_count"]), (&1.into(), &1.into()));
    let below = &of_base["affected"][0];
    assert_eq!((&below["identifier"], &below["relation"]), (&derived.as_str().into(), &"derived-from".into()));
    assert_eq!((&below["obtained_by"][0]["actor"], &below["obtained_by"][0]["times"]), (&"demo".into(), &3.into()));
    assert!(of_base["key"]["obtained_by"].as_array().unwrap().is_empty());
    assert_eq!(read(&derived)["comes_from"][0]["identifier"], base.as_str());
    // The bytes that were given out, and its key, are as good as the object; and so is what the object is wrapped by here.
    let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    let registered = client.exchange(&register_wrapped(&wrapping)).unwrap();
    let registered = text(&registered, tag::UniqueIdentifier).unwrap_or_else(|| panic!("{registered:?}"));
    drop(client);
    let of_wrapping = read(&wrapping);
    let hanging: Vec<_> =
        of_wrapping["affected"].as_array().unwrap().iter().map(|node| (&node["identifier"], &node["relation"])).collect();
    assert_eq!(
        hanging,
        [(&registered.as_str().into(), &"wrapped-by".into()), (&derived.as_str().into(), &"given-out-wrapped-by".into())]
    );
    let given = &of_wrapping["given_out_wrapped"][0];
    assert_eq!(
        (&given["object"], &given["under"], &given["times"]),
        (&derived.as_str().into(), &wrapping.as_str().into(), &1.into())
    );
    let words = impact(&base, &[]);
    assert!(words.contains(&format!("derived from {base}")) && words.contains("demo 3 times"), "{words}");
    assert!(impact(&base, &["--format", "html"]).starts_with("<!DOCTYPE html>"));

    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert_eq!(read(&base)["affected"], of_base["affected"]);
    let unknown = kmipd(&["report", "impact", "nobody-has-this", "--config", &config], "");
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("no object"), "{unknown:?}");
}
