//! A request for every operation, as short as it can be and yet reach the question whether the client may do it.

use kmip::ProtocolVersion;
use kmip::enumerations::Enumeration as _;
use kmip::message::RequestHeader;
use kmip::operation::Operation;
use kmip::text::xml::Element;
use kmip::{codec::Value as _, enumerations::BatchErrorContinuationOption, tag};
use ttlv_codec::{Limits, Writer};

/// The version of the requests, unless they say otherwise.
pub(crate) const VERSION: ProtocolVersion = ProtocolVersion::V2_1;

/// A permission, the operation that needs it, and its payload. `ID` is the object, `OWN` one of the client's own.
pub(crate) const ON_OBJECTS: &[(&str, &str, &str)] = &[
    ("ReKey", "ReKey", "<i>ID</i>"),
    (
        "DeriveKey",
        "DeriveKey",
        "<e ObjectType>SymmetricKey</e><i>ID</i><e DerivationMethod>HASH</e><s DerivationParameters><s CryptographicParameters>\
         <e HashingAlgorithm>SHA_256</e></s></s><s Attributes><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n>\
         <n CryptographicUsageMask>Encrypt</n></s>",
    ),
    ("Locate", "Locate", "<n StorageStatusMask>OnLineStorage DestroyedStorage</n><s Attributes><i>ID</i></s>"),
    ("Check", "Check", "<i>ID</i>"),
    ("Get", "Get", "<i>ID</i>"),
    ("GetAttributes", "GetAttributes", "<i>ID</i>"),
    ("GetAttributeList", "GetAttributeList", "<i>ID</i>"),
    ("AddAttribute", "AddAttribute", "<i>ID</i><s NewAttribute><t Comment>x</t></s>"),
    ("ModifyAttribute", "ModifyAttribute", "<i>ID</i><s NewAttribute><t Comment>x</t></s>"),
    ("DeleteAttribute", "DeleteAttribute", "<i>ID</i><e AttributeReference>Comment</e>"),
    ("ObtainLease", "ObtainLease", "<i>ID</i>"),
    ("GetUsageAllocation", "GetUsageAllocation", "<i>ID</i><l UsageLimitsCount>1</l>"),
    ("Activate", "Activate", "<i>ID</i>"),
    ("Revoke", "Revoke", "<i>ID</i><s RevocationReason><e RevocationReasonCode>Unspecified</e></s>"),
    ("Destroy", "Destroy", "<i>ID</i>"),
    ("Archive", "Archive", "<i>ID</i>"),
    ("Recover", "Recover", "<i>ID</i>"),
    ("ReKeyKeyPair", "ReKeyKeyPair", "<t PrivateKeyUniqueIdentifier>ID</t>"),
    ("Encrypt", "Encrypt", "<i>ID</i><b Data>00112233445566778899aabbccddeeff</b>"),
    ("Decrypt", "Decrypt", "<i>ID</i><b Data>00112233445566778899aabbccddeeff</b>"),
    ("Sign", "Sign", "<i>ID</i><b Data>00</b>"),
    ("SignatureVerify", "SignatureVerify", "<i>ID</i><b Data>00</b><b SignatureData>00</b>"),
    ("MAC", "MAC", "<i>ID</i><b Data>00</b>"),
    ("MACVerify", "MACVerify", "<i>ID</i><b Data>00</b><b MACData>00</b>"),
    (
        "CreateSplitKey",
        "CreateSplitKey",
        "<e ObjectType>SplitKey</e><i>ID</i><n SplitKeyParts>3</n><n SplitKeyThreshold>3</n><e SplitKeyMethod>XOR</e><s Attributes></s>",
    ),
    ("JoinSplitKey", "JoinSplitKey", "<e ObjectType>SymmetricKey</e><i>ID</i><i>OWN</i>"),
    // It is there already, which is found out after whether the client may know.
    ("Import", "Import", "<i>ID</i><e ObjectType>SymmetricKey</e><s Attributes></s><s SymmetricKey>KEY</s>"),
    ("Export", "Export", "<i>ID</i>"),
    ("AdjustAttribute", "AdjustAttribute", "<i>ID</i><e AttributeReference>ProtectionPeriod</e><e AdjustmentType>Increment</e>"),
    ("SetAttribute", "SetAttribute", "<i>ID</i><s NewAttribute><t Comment>x</t></s>"),
    (
        "WrapKey",
        "Get",
        "<i>OWN</i><s KeyWrappingSpecification><e WrappingMethod>Encrypt</e><s EncryptionKeyInformation><i>ID</i></s></s>",
    ),
    (
        "UnwrapKey",
        "Import",
        "<i></i><e ObjectType>SymmetricKey</e><e KeyWrapType>NotWrapped</e><s Attributes></s><s SymmetricKey>WRAPPED</s>",
    ),
];

/// The same for operations that need no object: an object that may be named is not.
pub(crate) const WITHOUT_OBJECT: &[(&str, &str)] = &[
    (
        "Create",
        "<e ObjectType>SymmetricKey</e><s Attributes><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n>\
         <n CryptographicUsageMask>Encrypt</n></s>",
    ),
    (
        "CreateKeyPair",
        "<s CommonAttributes><e CryptographicAlgorithm>EC</e><s CryptographicDomainParameters><e RecommendedCurve>P_256</e></s></s>\
         <s PrivateKeyAttributes><n CryptographicUsageMask>Sign</n></s><s PublicKeyAttributes><n CryptographicUsageMask>Verify</n></s>",
    ),
    ("Register", "<e ObjectType>SymmetricKey</e><s Attributes><n CryptographicUsageMask>Encrypt</n></s><s SymmetricKey>KEY</s>"),
    ("Locate", ""),
    ("Query", "<e QueryFunction>QueryOperations</e>"),
    ("Cancel", "<b AsynchronousCorrelationValue>0102030405060708</b>"),
    ("Poll", "<b AsynchronousCorrelationValue>0102030405060708</b>"),
    ("DiscoverVersions", ""),
    ("RNGRetrieve", "<n DataLength>8</n>"),
    ("RNGSeed", "<b Data>00</b>"),
    ("Hash", "<s CryptographicParameters><e HashingAlgorithm>SHA_256</e></s><b Data>00</b>"),
    (
        "CreateSplitKey",
        "<e ObjectType>SplitKey</e><n SplitKeyParts>3</n><n SplitKeyThreshold>3</n><e SplitKeyMethod>XOR</e>\
         <s Attributes><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n><n CryptographicUsageMask>Encrypt</n></s>",
    ),
    ("Import", "<i></i><e ObjectType>SymmetricKey</e><s Attributes></s><s SymmetricKey>KEY</s>"),
    ("Log", "<t LogMessage>x</t>"),
    ("Login", ""),
    ("Logout", "<s Ticket><e TicketType>Login</e><b TicketValue>00</b></s>"),
    ("DelegatedLogin", "<s Rights><s Right></s></s>"),
    ("SetEndpointRole", "<e EndpointRole>Server</e>"),
    ("ReProvision", ""),
    ("Interop", "<e InteropFunction>Begin</e>"),
    ("SetDefaults", "<s DefaultsInformation></s>"),
    ("SetConstraints", "<s Constraints></s>"),
    ("GetConstraints", ""),
    ("QueryAsynchronousRequests", ""),
    ("Process", "<b AsynchronousCorrelationValue>0102030405060708</b>"),
    ("Ping", ""),
];

/// The bytes of the key that is registered: what nobody else may ever receive.
pub(crate) const MATERIAL: &str = "8f1c77a25be3094d66d0b1e54a39c2f7";

/// Writes a message of such requests. With several items, they are done as one change or not at all.
///
/// # Errors
/// When a payload is misspelt.
pub(crate) fn message(version: ProtocolVersion, items: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let mut payloads = Vec::with_capacity(items.len());
    for (operation, payload) in items {
        let value = Operation::ROW.by_xml_name(operation).ok_or_else(|| format!("{operation} is no operation"))?;
        let xml = xml(&format!("<s RequestPayload>{payload}</s>"));
        let limits = Limits { length: 1 << 20, ..Limits::default() };
        let tree = Element::parse(&xml, &limits).and_then(|element| element.to_tree());
        payloads.push((value, tree.map_err(|error| format!("{operation}: {error}: {xml}"))?));
    }
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        let mut header = RequestHeader::new(version, i32::try_from(payloads.len()).unwrap_or(i32::MAX));
        if payloads.len() > 1 {
            header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
        }
        header.write(writer, tag::RequestHeader, version);
        for (operation, payload) in &payloads {
            writer.structure(tag::BatchItem, |writer| {
                writer.enumeration(tag::Operation, *operation);
                payload.write(writer);
            });
        }
    });
    Ok(writer.finish())
}

/// The XML of the short spelling: `<t Name>x</t>` is a text string, `i` a Unique Identifier, `e` an enumeration, `n` an integer, `l` a long
/// one, `b` bytes, `s` a structure.
fn xml(short: &str) -> String {
    let block = format!(
        "<s KeyBlock><e KeyFormatType>Raw</e><s KeyValue><b KeyMaterial>{MATERIAL}</b></s><e CryptographicAlgorithm>AES</e>\
         <n CryptographicLength>128</n></s>"
    );
    let mut rest = short.replace("<s SymmetricKey>KEY</s>", &format!("<s SymmetricKey>{block}</s>"));
    let mut xml = String::new();
    let mut open = Vec::new();
    while let Some((before, after)) = rest.split_once('<') {
        let value = before.trim();
        let (inside, next) = after.split_once('>').unwrap_or((after, ""));
        match (inside.strip_prefix('/'), open.last()) {
            (Some("s"), _) => {
                let name: String = open.pop().unwrap_or_default();
                xml.push_str(&format!("</{name}>"));
            }
            (Some(_), _) => xml.push_str(&format!(" value=\"{value}\"/>")),
            (None, _) => {
                let (kind, name) = inside.split_once(' ').unwrap_or((inside, "UniqueIdentifier"));
                let item_type = match kind {
                    "s" => {
                        open.push(name.to_owned());
                        xml.push_str(&format!("<{name}>"));
                        rest = next.to_owned();
                        continue;
                    }
                    "e" => "Enumeration",
                    "n" => "Integer",
                    "l" => "LongInteger",
                    "b" => "ByteString",
                    _ => "TextString",
                };
                xml.push_str(&format!("<{name} type=\"{item_type}\""));
            }
        }
        rest = next.to_owned();
    }
    xml
}

/// A payload about an object.
pub(crate) fn about(payload: &str, identifier: &str, own: &str) -> String {
    let filled = payload.replace(">OWN<", &format!(">{own}<")).replace("<s SymmetricKey>WRAPPED</s>", WRAPPED);
    // Not in names of tags.
    filled.replace(">ID<", &format!(">{identifier}<"))
}

/// A key that the object has wrapped.
const WRAPPED: &str = "<s SymmetricKey><s KeyBlock><e KeyFormatType>Raw</e>\
    <b KeyValue>00112233445566778899aabbccddeeff0011223344556677</b><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n>\
    <s KeyWrappingData><e WrappingMethod>Encrypt</e><s EncryptionKeyInformation><i>ID</i></s></s></s></s>";
