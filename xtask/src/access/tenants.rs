//! `cargo xtask tenants`: one tenant tries what is another's, in every way a request can name it.
//!
//! Each attempt is made twice: with what the other tenant has, and with what nobody has, of the same length. The two answers must be the
//! same bytes but for identifiers and times. A control run, in which the other tenant asks itself, shows that the comparison would tell.

use super::requests::{MATERIAL, ON_OBJECTS, VERSION, about, message};
use super::site::{Client, Site, items};
use crate::Outcome;
use crate::options::Options;
use crate::run::{build_server, is_release};
use benches::statistics::median;
use kmip::ProtocolVersion;
use kmip::credential::{Authentication, Credential, TicketCredential};
use kmip::enumerations::AsynchronousIndicator;
use kmip::message::RequestHeader;
use kmip::payload::login::LoginResponse;
use kmip::result_reason::ResultReason;
use kmip::{codec::Value as _, tag};
use std::time::Instant;
use ttlv_codec::Writer;

/// Attempts in CI.
const FEW: usize = 4_000;
/// Connections at one time.
const CONNECTIONS: usize = 4;
/// Exchanges of each kind whose times are compared.
const TIMED: usize = 4_000;
/// How far the median time of a Get that is refused may be from that of one that is not, as a share of it.
const TIME_SHARE: f64 = 0.10;

/// The attacker may do everything in its own tenant.
const POLICY: &str = r#"
[[tenant]]
name = "elsewhere"
number = 1
[[role]]
name = "everything"
includes = ["user", "key-officer"]
tenant = ["all"]
[[rule]]
organizational_unit = "elsewhere"
tenant = "elsewhere"
[[rule]]
roles = ["everything"]
[[forbid]]
to.actors = ["stopwatch"]
permissions = ["Get"]
on.groups = ["closed"]
"#;

/// What there is to name.
#[derive(Clone)]
struct Target {
    identifier: String,
    name: String,
    group: String,
    /// An Asynchronous Correlation Value, in hexadecimal digits.
    correlation: String,
    /// A Ticket Value.
    ticket: Vec<u8>,
}

/// A way to name it.
struct Way {
    version: ProtocolVersion,
    items: Vec<(&'static str, String)>,
    /// Whether the request comes with the ticket.
    with_ticket: bool,
    /// Whether an owner gets another answer for what it has than for what nobody has.
    is_told: bool,
}

fn ways() -> Vec<Way> {
    let way = |items: &[(&'static str, &str)]| Way {
        version: VERSION,
        items: items.iter().map(|(operation, payload)| (*operation, (*payload).to_owned())).collect(),
        with_ticket: false,
        is_told: true,
    };
    let mut ways: Vec<Way> = ON_OBJECTS.iter().map(|(_, operation, payload)| way(&[(*operation, *payload)])).collect();
    let name = "<s Attributes><s Name><t NameValue>NAME</t><e NameType>UninterpretedTextString</e></s></s>";
    let group = "<s Attributes><t ObjectGroup>GROUP</t></s>";
    let new_key = |attribute: &str| {
        format!(
            "<e ObjectType>SymmetricKey</e><s Attributes><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n>\
             <n CryptographicUsageMask>Encrypt</n>{attribute}</s>"
        )
    };
    // Names and groups.
    ways.push(way(&[("Locate", name)]));
    ways.push(way(&[("Locate", group)]));
    ways.push(way(&[("Locate", &format!("<e ObjectGroupMember>GroupMemberFresh</e>{group}"))]));
    ways.push(way(&[("Create", &new_key("<s Name><t NameValue>NAME</t><e NameType>UninterpretedTextString</e></s>"))]));
    ways.push(Way { is_told: false, ..way(&[("Create", &new_key("<t ObjectGroup>GROUP</t>"))]) });
    ways.push(way(&[("AddAttribute", &name.replace("<s Attributes>", "<i>OWN</i><s NewAttribute>"))]));
    let template = "<e ObjectType>SymmetricKey</e><s TemplateAttribute><s Name><t NameValue>NAME</t>\
                    <e NameType>UninterpretedTextString</e></s></s>";
    ways.push(Way { version: ProtocolVersion::V1_4, is_told: false, ..way(&[("Create", template)]) });
    // Links, and operations that follow them.
    for kind in
        ["PublicKeyLink", "PrivateKeyLink", "CertificateLink", "ReplacedObjectLink", "DerivationBaseObjectLink", "ParentLink"]
    {
        let link = format!("<i>OWN</i><s NewAttribute><s Link><e LinkType>{kind}</e><t LinkedObjectIdentifier>ID</t></s></s>");
        for (operation, payload) in [
            ("ReKey", "<i>OWN</i>"),
            ("ReKeyKeyPair", "<t PrivateKeyUniqueIdentifier>OWN</t>"),
            ("Get", "<i>OWN</i><e KeyFormatType>PKCS_12</e>"),
            ("Destroy", "<i>OWN</i>"),
        ] {
            ways.push(Way { is_told: false, ..way(&[("AddAttribute", &link), (operation, payload)]) });
        }
    }
    // Batches.
    ways.push(way(&[("Locate", name), ("Get", "")]));
    ways.push(way(&[("Get", "<i>ID</i>"), ("Activate", "")]));
    ways.push(way(&[("GetAttributes", "<i>OWN</i>"), ("Destroy", "<i>ID</i>"), ("Get", "<i>ID</i>")]));
    ways.push(way(&[("JoinSplitKey", "<e ObjectType>SymmetricKey</e><i>OWN</i><i>ID</i>")]));
    // Requests that are answered later, and tickets.
    for operation in ["Poll", "Cancel", "Process"] {
        ways.push(way(&[(operation, "<b AsynchronousCorrelationValue>CORRELATION</b>")]));
    }
    ways.push(way(&[(
        "QueryAsynchronousRequests",
        "<s AsynchronousCorrelationValues><b AsynchronousCorrelationValue>CORRELATION</b></s>",
    )]));
    ways.push(Way { with_ticket: true, ..way(&[("Get", "<i>ID</i>")]) });
    ways
}

impl Way {
    fn request(&self, target: &Target, own: &str) -> Result<Vec<u8>, String> {
        let fill = |payload: &str| {
            let payload = about(payload, &target.identifier, own);
            let payload =
                payload.replace(">NAME<", &format!(">{}<", target.name)).replace(">GROUP<", &format!(">{}<", target.group));
            payload.replace(">CORRELATION<", &format!(">{}<", target.correlation))
        };
        let mut items: Vec<(&str, String)> = self.items.iter().map(|(operation, payload)| (*operation, fill(payload))).collect();
        // What succeeds is undone.
        items.push(("Get", "<i>there is no such object</i>".to_owned()));
        let request = message(self.version, &items)?;
        if !self.with_ticket {
            return Ok(request);
        }
        let ticket = kmip::credential::Ticket {
            ticket_type: kmip::enumerations::TicketType::Login,
            ticket_value: kmip::Secret::from_slice(&target.ticket),
        };
        let credentials = vec![Credential::Ticket(TicketCredential { ticket })];
        with_header(&request, |header| header.authentication = Some(Authentication { credentials }))
    }

    fn names(&self) -> String {
        self.items.iter().map(|(operation, _)| *operation).collect::<Vec<_>>().join(", ")
    }
}

/// A request with another header.
fn with_header(request: &[u8], change: impl FnOnce(&mut RequestHeader)) -> Result<Vec<u8>, String> {
    let message =
        kmip::message::RequestMessage::read(request, &ttlv_codec::Limits::default(), 64).map_err(|error| format!("{error:?}"))?;
    let mut header = message.header.clone();
    change(&mut header);
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        header.write(writer, tag::RequestHeader, message.version);
        for item in &message.items {
            writer.structure(tag::BatchItem, |writer| {
                writer.enumeration(tag::Operation, item.operation.0);
                writer.raw(item.payload.raw());
            });
        }
    });
    Ok(writer.finish())
}

/// The answer without what may differ: identifiers and times.
fn masked(response: &[u8]) -> Vec<u8> {
    let identifiers = [tag::UniqueIdentifier, tag::PrivateKeyUniqueIdentifier, tag::PublicKeyUniqueIdentifier];
    let mut masked = response.to_vec();
    let mut at = 0;
    while at + 8 <= masked.len() {
        let head = u32::from_be_bytes([masked[at], masked[at + 1], masked[at + 2], masked[at + 3]]);
        let length = u32::from_be_bytes([masked[at + 4], masked[at + 5], masked[at + 6], masked[at + 7]]) as usize;
        let (item, kind) = (head >> 8, head & 0xFF);
        let is_hidden = kind == 9
            || (kind == 7 && identifiers.iter().any(|tag| tag.0 == item))
            // What a Cancel was asked about is told again.
            || (kind == 8 && item == tag::AsynchronousCorrelationValue.0);
        if kind != 1 && is_hidden {
            let end = (at + 8 + length).min(masked.len());
            masked[at + 8..end].fill(0);
        }
        at += match kind {
            1 => 8,
            _ => 8 + length.next_multiple_of(8),
        };
    }
    masked
}

/// What a victim has.
struct Victim {
    targets: Vec<Target>,
    attributes: Vec<Vec<u8>>,
}

fn prepare(victim: &mut Client) -> Result<Victim, String> {
    let mut targets = Vec::new();
    let correlation = {
        let create = "<e ObjectType>SymmetricKey</e><s Attributes><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n>\
                      <n CryptographicUsageMask>Encrypt</n></s>";
        let request = message(VERSION, &[("Create", create.to_owned())])?;
        let request = with_header(&request, |header| {
            header.asynchronous_indicator = Some(kmip::message::AsynchronousPreference(AsynchronousIndicator::Mandatory))
        })?;
        let limits = ttlv_codec::Limits::default();
        let response = victim.send(&request)?;
        let response = kmip::message::ResponseMessage::read(response, &limits).map_err(|error| format!("{error:?}"))?;
        let value = response.items.into_iter().next().and_then(|item| item.asynchronous_correlation_value);
        value.ok_or("no correlation value")?.0
    };
    let ticket = {
        let item = victim.ask(VERSION, "Login", "")?;
        let payload =
            ttlv_codec::Reader::new(&item.payload).next_item().map_err(|error| error.to_string())?.ok_or("no ticket")?;
        let response: LoginResponse = kmip::codec::from_bytes(payload.raw(), VERSION).map_err(|error| error.to_string())?;
        response.ticket.ticket_value.expose().to_vec()
    };
    for number in 0..8 {
        let (name, group) = (format!("a victim's name {number}"), format!("a victim's group {number}"));
        let attributes = format!(
            "<s Attributes><n CryptographicUsageMask>Encrypt Decrypt DeriveKey WrapKey UnwrapKey MACGenerate MACVerify</n>\
             <s Name><t NameValue>{name}</t><e NameType>UninterpretedTextString</e></s><t ObjectGroup>{group}</t></s>"
        );
        let identifier =
            victim.make(VERSION, "Register", &format!("<e ObjectType>SymmetricKey</e>{attributes}<s SymmetricKey>KEY</s>"))?;
        if number % 2 == 0 {
            victim.act("Activate", &about("<i>ID</i>", &identifier, ""))?;
        }
        let correlation = correlation.iter().map(|byte| format!("{byte:02x}")).collect();
        targets.push(Target { identifier, name, group, correlation, ticket: ticket.clone() });
    }
    let attributes = told(victim, &targets)?;
    Ok(Victim { targets, attributes })
}

/// What the victim is told of each object.
fn told(victim: &mut Client, targets: &[Target]) -> Result<Vec<Vec<u8>>, String> {
    targets
        .iter()
        .map(|target| Ok(victim.ask(VERSION, "GetAttributes", &about("<i>ID</i>", &target.identifier, ""))?.payload))
        .collect()
}

/// The same lengths and alphabets, and nobody has it.
fn absent(target: &Target, number: usize) -> Target {
    let turned = |text: &str| {
        let digits = format!("{number:08x}");
        let kept = text.len().saturating_sub(digits.len());
        format!("{}{digits}", &text[..kept])
    };
    let mut ticket = target.ticket.clone();
    ticket[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Target {
        identifier: turned(&target.identifier),
        name: turned(&target.name),
        group: turned(&target.group),
        correlation: turned(&target.correlation),
        ticket,
    }
}

#[derive(Debug, Default)]
struct Count {
    attempts: usize,
    released: usize,
    told: Vec<String>,
}

/// Makes attempts from one number to another.
fn attack(client: &mut Client, own: &str, targets: &[Target], numbers: std::ops::Range<usize>) -> Result<Count, String> {
    let ways = ways();
    let material: Vec<u8> =
        (0..MATERIAL.len()).step_by(2).filter_map(|at| u8::from_str_radix(&MATERIAL[at..at + 2], 16).ok()).collect();
    let mut count = Count::default();
    for number in numbers {
        let (way, target) = (&ways[number % ways.len()], &targets[number / ways.len() % targets.len()]);
        let response = client.send(&way.request(target, own)?)?;
        count.released += usize::from(response.windows(material.len()).any(|part| part == material));
        let got = masked(response);
        let nobodys = masked(client.send(&way.request(&absent(target, number), own)?)?);
        if got != nobodys {
            let texts = [items(&got)?, items(&nobodys)?].map(|items| items.into_iter().map(|item| item.text).collect::<Vec<_>>());
            count.told.push(format!("{}: {texts:?}", way.names()));
        }
        count.attempts += 1;
    }
    Ok(count)
}

/// `--attempts N`: 100,000 by hand. Then the times are judged, too: no run of the tests depends on what else its machine does.
pub(crate) fn tenants(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let by_hand = options.number("attempts")?;
    let attempts = by_hand.unwrap_or(FEW);
    options.end()?;
    build_server()?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let site = Site::start(directory.path(), POLICY)?;
    let mut victim = site.client("array", Some("elsewhere"))?;
    let Victim { targets, attributes } = prepare(&mut victim)?;
    control(&mut victim, &targets)?;

    let begun = Instant::now();
    let share = attempts.div_ceil(CONNECTIONS);
    let mut attackers = Vec::new();
    for number in 0..CONNECTIONS {
        // The second half has the victim's very name.
        let name = if number % 2 == 0 { format!("attacker-{number}") } else { "array".to_owned() };
        attackers.push(site.client(&name, None)?);
    }
    let counts = std::thread::scope(|scope| {
        let targets = &targets;
        let threads = attackers.into_iter().enumerate().map(|(number, mut client)| {
            scope.spawn(move || {
                let own = own_key(&mut client)?;
                attack(&mut client, &own, targets, number * share..(number + 1) * share)
            })
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "an attacker panicked".to_owned())?)
            .collect::<Result<Vec<_>, String>>()
    })?;
    let count = counts.into_iter().fold(Count::default(), |mut all, one| {
        all.attempts += one.attempts;
        all.released += one.released;
        all.told.extend(one.told);
        all
    });
    for told in count.told.iter().take(20) {
        println!("tenants: an answer that tells: {told}");
    }
    let unchanged = told(&mut victim, &targets)? == attributes;
    println!(
        "tenants: {} attempts in {} ways in {:.1} s: {} released material, {} answers differed from those for what nobody has; the objects {}",
        count.attempts,
        ways().len(),
        begun.elapsed().as_secs_f64(),
        count.released,
        count.told.len(),
        if unchanged { "are as they were" } else { "HAVE CHANGED" }
    );
    let is_close = times(&site, &targets[0])?;
    if count.released > 0 || !count.told.is_empty() || !unchanged {
        return Err("one tenant learnt of another".to_owned());
    }
    match is_close {
        false if by_hand.is_some() && is_release() => Err("the time of a refusal is not near that of a Get".to_owned()),
        _ => Ok(()),
    }
}

pub(super) fn own_key(client: &mut Client) -> Result<String, String> {
    let payload = "<e ObjectType>SymmetricKey</e><s Attributes><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n>\
                   <n CryptographicUsageMask>Encrypt Decrypt WrapKey</n></s>";
    let identifier = client.make(VERSION, "Create", payload)?;
    client.act("Activate", &about("<i>ID</i>", &identifier, ""))?;
    client.act("Get", &about("<i>ID</i>", &identifier, ""))?;
    Ok(identifier)
}

/// The victim asks itself: in each way, its answers are others than those for what nobody has.
fn control(victim: &mut Client, targets: &[Target]) -> Outcome {
    let own = own_key(victim)?;
    for way in ways().iter().filter(|way| way.is_told) {
        let got = masked(victim.send(&way.request(&targets[0], &own)?)?);
        let nobodys = masked(victim.send(&way.request(&absent(&targets[0], 0), &own)?)?);
        if got == nobodys {
            let texts: Vec<String> = items(&got)?.into_iter().map(|item| item.text).collect();
            return Err(format!("the control run: {} tells an owner nothing ({texts:?})", way.names()));
        }
    }
    Ok(())
}

/// The median times of a Get, and of those that are refused: for what is another tenant's, for what nobody has, and for what the policy
/// forbids within the tenant. Whether they are close.
fn times(site: &Site, target: &Target) -> Result<bool, String> {
    let mut client = site.client("stopwatch", None)?;
    let own = own_key(&mut client)?;
    let closed = site.client("keeper", None)?.make(
        VERSION,
        "Create",
        "<e ObjectType>SymmetricKey</e><s Attributes><e CryptographicAlgorithm>AES</e><n CryptographicLength>128</n>\
         <n CryptographicUsageMask>Encrypt Decrypt WrapKey</n><t ObjectGroup>closed</t></s>",
    )?;
    let nobodys = absent(target, 1);
    let (absent, denied) = (Some(ResultReason::ObjectNotFound.0), Some(ResultReason::PermissionDenied.0));
    let kinds = [
        ("a Get", own.as_str(), None),
        ("of what is another tenant's", &target.identifier, absent),
        ("of what nobody has", &nobodys.identifier, absent),
        ("of what the policy forbids", &closed, denied),
    ];
    let mut requests = Vec::new();
    for (what, identifier, reason) in kinds {
        let payload = about("<i>ID</i>", identifier, "");
        let item = client.ask(VERSION, "Get", &payload)?;
        if item.reason != reason {
            return Err(format!("{what}: {:?} {}", item.reason, item.text));
        }
        requests.push(message(VERSION, &[("Get", payload)])?);
    }
    let mut times = kinds.map(|_| Vec::with_capacity(TIMED));
    for number in 0..TIMED {
        // In turn, so that whatever else the machine does meets all of them; there and back, so that none always follows the same.
        let there = number % 2 == 0;
        for step in 0..requests.len() {
            let at = if there { step } else { requests.len() - 1 - step };
            let begun = Instant::now();
            client.send(&requests[at])?;
            if number > TIMED / 10 {
                times[at].push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let medians = times.map(median);
    let ratio = |median: &f64| median / medians[0];
    let told: Vec<String> =
        kinds.iter().zip(&medians).map(|((what, ..), median)| format!("{what} {median:.1} ({:.2})", ratio(median))).collect();
    println!(
        "tenants: medians in us, and as a part of a Get's: {}; target {:.2} to {:.2}",
        told.join(", "),
        1.0 - TIME_SHARE,
        1.0 + TIME_SHARE
    );
    Ok(medians.iter().all(|median| (ratio(median) - 1.0).abs() <= TIME_SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_well_formed_and_names_the_target() {
        let target = Target {
            identifier: "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
            name: "the name of a key".to_owned(),
            group: "the group of a key".to_owned(),
            correlation: "000102030405060708090a0b0c0d0e0f1011".to_owned(),
            ticket: vec![7; 48],
        };
        for way in ways() {
            let (one, other) = (way.request(&target, "own").unwrap(), way.request(&absent(&target, 9), "own").unwrap());
            assert_eq!(one.len(), other.len(), "{}", way.names());
            assert_ne!(one, other, "{}", way.names());
        }
    }

    #[test]
    fn times_and_identifiers_are_masked_and_nothing_else() {
        let write = |identifier: &str, time: i64, text: &str| {
            let mut writer = Writer::new();
            writer.structure(tag::ResponseMessage, |writer| {
                writer.date_time(tag::TimeStamp, time);
                writer.text_string(tag::UniqueIdentifier, identifier);
                writer.text_string(tag::ResultMessage, text);
            });
            masked(&writer.finish())
        };
        assert_eq!(write("abc", 1, "x"), write("xyz", 2, "x"));
        assert_ne!(write("abc", 1, "x"), write("abc", 1, "y"));
        assert_ne!(write("abc", 1, "x"), write("abcdefghi", 1, "x"));
    }
}
