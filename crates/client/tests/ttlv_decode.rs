//! `kmip ttlv decode` and `encode`, as a person uses them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::kmipd::kmip;
use kmip::attribute::{Attribute, TemplateAttribute};
use kmip::codec::Value;
use kmip::enumerations::{CryptographicAlgorithm, ObjectType};
use kmip::masks::CryptographicUsageMask;
use kmip::message::{RequestHeader, write_request_item};
use kmip::operation::Operation;
use kmip::payload::CreateRequest;
use kmip::structures::Name;
use kmip::{ProtocolVersion, tag};
use ttlv_codec::Writer;

/// A Create as 1.2 spells it.
fn create() -> Vec<u8> {
    let version = ProtocolVersion::V1_2;
    let attributes = [
        Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES),
        Attribute::CryptographicLength(256),
        Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt),
        Attribute::Name(Name::text("disk\u{1b}[2J")),
    ];
    let request = CreateRequest {
        object_type: ObjectType::SymmetricKey,
        attributes: TemplateAttribute { names: Vec::new(), attributes: attributes.into_iter().collect() },
        protection_storage_masks: None,
    };
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        RequestHeader::new(version, 1).write(writer, tag::RequestHeader, version);
        write_request_item(writer, version, Operation::Create, None, &request);
    });
    writer.finish()
}

const TREE: &str = r#"  0  RequestMessage
  8    RequestHeader
 16      ProtocolVersion
 24        ProtocolVersionMajor Integer 1
 40        ProtocolVersionMinor Integer 2
 56      BatchCount Integer 1
 72    BatchItem
 80      Operation Enumeration Create (0x00000001)
 96      RequestPayload
104        ObjectType Enumeration SymmetricKey (0x00000002)
120        TemplateAttribute
128          Attribute
136            AttributeName TextString "Cryptographic Algorithm"
168            AttributeValue Enumeration AES (0x00000003)
184          Attribute
192            AttributeName TextString "Cryptographic Length"
224            AttributeValue Integer 256
240          Attribute
248            AttributeName TextString "Cryptographic Usage Mask"
280            AttributeValue Integer Encrypt Decrypt
296          Attribute
304            AttributeName TextString "Name"
320            AttributeValue
328              NameValue TextString "disk\u{1b}[2J"
344              NameType Enumeration UninterpretedTextString (0x00000001)
"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_tree_of_digits_of_a_file_and_of_a_file_of_digits() {
    let folder = tempfile::tempdir().unwrap();
    let digits = hex(&create());
    let (binary, dump) = (folder.path().join("message.bin"), folder.path().join("message.txt"));
    std::fs::write(&binary, create()).unwrap();
    let lines: Vec<&str> = digits.as_bytes().chunks(32).map(|line| std::str::from_utf8(line).unwrap()).collect();
    std::fs::write(&dump, lines.join("\n")).unwrap();
    for input in [digits.as_str(), binary.to_str().unwrap(), dump.to_str().unwrap()] {
        let output = kmip(None, &["ttlv", "decode", input]);
        assert_eq!(text(output.stdout), TREE);
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn json_has_offsets_names_and_numbers() {
    let output = kmip(None, &["--json", "ttlv", "decode", &hex(&create())]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let item = &document["messages"][0]["value"][1]["value"][0];
    assert_eq!((&item["tag"], &item["value"], &item["number"]), (&"Operation".into(), &"Create".into(), &1.into()));
    assert_eq!((&item["offset"], &item["code"], &item["type"]), (&80.into(), &"0x42005C".into(), &"Enumeration".into()));
    assert!(document["error"].is_null());
}

#[test]
fn a_broken_message_is_shown_up_to_the_break() {
    let mut bytes = create();
    bytes[280 + 3] = 0xFF;
    let output = kmip(None, &["ttlv", "decode", &hex(&bytes)]);
    let shown: String = TREE.lines().take(19).map(|line| format!("{line}\n")).collect();
    assert_eq!(text(output.stdout), shown);
    let complaint = text(output.stderr);
    assert!(complaint.contains("0xFF is not an item type at byte 280"), "{complaint}");
    assert!(complaint.contains("RequestPayload / TemplateAttribute / Attribute"), "{complaint}");
    assert_eq!(output.status.code(), Some(1));

    let output = kmip(None, &["--json", "ttlv", "decode", &hex(&bytes)]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["error"]["offset"], &document["error"]["path"][0]), (&280.into(), &"RequestMessage".into()));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn xml_goes_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let mut message = create();
    // XML cannot carry the escape character of the name.
    message[328 + 8 + 4] = b'-';
    let output = kmip(None, &["ttlv", "decode", "--xml", &hex(&message)]);
    let file = folder.path().join("message.xml");
    std::fs::write(&file, &output.stdout).unwrap();
    assert!(text(output.stdout).contains("<Operation type=\"Enumeration\" value=\"Create\"/>"));
    let output = kmip(None, &["ttlv", "encode", file.to_str().unwrap()]);
    assert_eq!(text(output.stdout).trim().to_uppercase(), hex(&message));
}

#[test]
fn wrong_input_and_wrong_command_lines() {
    for (arguments, status, words) in [
        (&["ttlv", "decode", "hello"][..], 2, "neither a file nor hexadecimal digits"),
        (&["ttlv", "decode", "4200"], 1, "cut off at byte 0"),
        (&["get"], 2, "required"),
        (&["locate"], 2, "--config"),
        (&["--config", "/nowhere/client.toml", "locate"], 1, "/nowhere/client.toml"),
        (&["teleport"], 2, "teleport"),
        (&["--protocol", "1.7", "ttlv", "decode", "hello"], 2, "hello"),
    ] {
        let output = kmip(None, arguments);
        let complaint = text(output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {complaint}");
        assert!(complaint.contains(words), "{arguments:?}: {complaint}");
    }
}

#[test]
fn completions_for_three_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let output = kmip(None, &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(output.stdout).contains("create-key-pair"), "{shell}");
    }
}
