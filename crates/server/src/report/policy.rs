//! What keys are judged by: how strong they are and until when they may protect, and how long a key is used. A table that ships with
//! the server, and a file of the same form that changes it.

use kmip::enumerations::{CryptographicAlgorithm, Enumeration as _, ObjectType};
use kmip::masks::{CryptographicUsageMask, Mask as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// The table that ships with the server.
pub const BUILT_IN: &str = include_str!("policy.toml");

const DAY_S: i64 = 24 * 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default = "yes")]
    extends: bool,
    #[serde(default)]
    strength: Vec<StrengthRow>,
    #[serde(default)]
    period: Vec<PeriodRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrengthRow {
    algorithm: String,
    length: i32,
    bits: u32,
    until: Option<String>,
    #[serde(default = "yes")]
    approved: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeriodRow {
    #[serde(rename = "type")]
    object_type: String,
    usage: String,
    days: u32,
}

const fn yes() -> bool {
    true
}

/// How strong keys of an algorithm and a length are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// Security strength in bits.
    pub bits: u32,
    /// The moment after which they protect no more, in seconds since 1970.
    until: Option<i64>,
    approved: bool,
}

/// What the policy says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may protect.
    Acceptable,
    /// It may protect until a day that is known.
    Ending,
    /// The policy has no row for it.
    Unknown,
    /// The policy lists it as one that is not approved.
    NotApproved,
    /// It must not protect any more.
    Disallowed,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Acceptable => "acceptable",
            Self::Ending => "acceptable until",
            Self::Unknown => "unknown to the policy",
            Self::NotApproved => "not approved",
            Self::Disallowed => "disallowed",
        }
    }
}

/// The table.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What it is called.
    pub name: String,
    strength: BTreeMap<(u32, i32), Strength>,
    /// By type and bit of the usage mask, in seconds.
    periods: BTreeMap<(u32, u32), i64>,
}

impl Policy {
    /// The table that ships with the server, changed by a file, if there is one.
    ///
    /// # Errors
    /// What is wrong with which row of the file.
    pub fn read(file: Option<&str>) -> Result<Self, String> {
        let built_in = parse(BUILT_IN)?;
        let mut policy = Self { name: String::new(), strength: BTreeMap::new(), periods: BTreeMap::new() };
        match file.map(parse).transpose()? {
            None => policy.add(built_in)?,
            Some(file) => {
                if file.extends {
                    policy.add(built_in)?;
                }
                policy.add(file)?;
            }
        }
        Ok(policy)
    }

    fn add(&mut self, file: File) -> Result<(), String> {
        self.name = file.name;
        for row in file.strength {
            let algorithm = named(CryptographicAlgorithm::ROW, &row.algorithm)?;
            let until = row.until.as_deref().map(end_of_day).transpose()?;
            let strength = Strength { bits: row.bits, until, approved: row.approved };
            self.strength.insert((algorithm, row.length), strength);
        }
        for row in file.period {
            let object_type = named(ObjectType::ROW, &row.object_type)?;
            let usage = CryptographicUsageMask::ROW.by_xml_name(&row.usage);
            let usage = usage.ok_or_else(|| format!("the policy: {:?} is no Cryptographic Usage", row.usage))?;
            self.periods.insert((object_type, usage), i64::from(row.days) * DAY_S);
        }
        Ok(())
    }

    /// How strong keys of an algorithm and a length are; `None`: the policy does not say.
    #[must_use]
    pub fn strength(&self, algorithm: CryptographicAlgorithm, length: Option<i32>) -> Option<Strength> {
        let rows = self.strength.range((algorithm.0, i32::MIN)..=(algorithm.0, length.unwrap_or(0)));
        rows.last().map(|(_, strength)| *strength)
    }

    /// For how many seconds a key is used; `None`: the policy sets no end.
    #[must_use]
    pub fn period(&self, object_type: ObjectType, usage: CryptographicUsageMask) -> Option<i64> {
        let rows = self.periods.iter().filter(|((of, bit), _)| *of == object_type.0 && usage.0 & bit != 0);
        rows.map(|(_, seconds)| *seconds).filter(|seconds| *seconds > 0).min()
    }
}

impl Strength {
    /// What the policy says of a key at a moment, in seconds since 1970.
    #[must_use]
    pub fn verdict(&self, now: i64) -> Verdict {
        match self.until {
            Some(until) if until <= now => Verdict::Disallowed,
            _ if !self.approved => Verdict::NotApproved,
            Some(_) => Verdict::Ending,
            None => Verdict::Acceptable,
        }
    }

    /// The last day on which it may protect.
    #[must_use]
    pub fn until(&self) -> Option<String> {
        let last = OffsetDateTime::from_unix_timestamp(self.until?.saturating_sub(1)).ok()?;
        Some(last.date().to_string())
    }
}

fn parse(text: &str) -> Result<File, String> {
    toml::from_str(text).map_err(|error| format!("the policy: {error}"))
}

/// A value by its name in the XML encoding, or as the standard's tables spell it.
fn named(row: &kmip::enumerations::EnumerationRow, name: &str) -> Result<u32, String> {
    let spelled = || row.values.iter().find(|value| value.name == name).map(|value| value.value);
    row.by_xml_name(name).or_else(spelled).ok_or_else(|| format!("the policy: {name:?} is no {}", row.name))
}

fn end_of_day(text: &str) -> Result<i64, String> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let day = day.map_err(|_| format!("the policy: {text:?} is no day such as 2030-12-31"))?;
    Ok(day.midnight().assume_utc().unix_timestamp() + DAY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT_IN_2026: i64 = 1_780_000_000;

    #[test]
    fn the_table_says_what_nist_says() {
        use CryptographicAlgorithm as A;
        use Verdict as V;
        let policy = Policy::read(None).unwrap();
        for (algorithm, length, bits, verdict, until) in [
            (A::AES, Some(128), 128, V::Acceptable, None),
            (A::AES, Some(256), 256, V::Acceptable, None),
            (A::RSA, Some(1024), 80, V::Disallowed, Some("2013-12-31")),
            (A::RSA, Some(2048), 112, V::Ending, Some("2030-12-31")),
            (A::RSA, Some(4096), 128, V::Acceptable, None),
            (A::DES3, Some(112), 80, V::Disallowed, Some("2015-12-31")),
            (A::DES3, Some(168), 112, V::Disallowed, Some("2023-12-31")),
            (A::EC, Some(521), 256, V::Acceptable, None),
            (A::ECDSA, Some(192), 80, V::Disallowed, Some("2013-12-31")),
            (A::Ed25519, None, 128, V::Acceptable, None),
            (A::HMAC_SHA256, Some(80), 0, V::Disallowed, Some("2013-12-31")),
            (A::ChaCha20, Some(256), 256, V::NotApproved, None),
            (A::RC4, Some(128), 0, V::NotApproved, None),
        ] {
            let strength = policy.strength(algorithm, length).unwrap();
            let found = (strength.bits, strength.verdict(MOMENT_IN_2026), strength.until());
            assert_eq!(found, (bits, verdict, until.map(str::to_owned)), "{algorithm:?} {length:?}");
        }
        assert!(policy.strength(A::AES, Some(64)).is_none());
        assert!(policy.strength(A::GOST28147_89, Some(256)).is_none());
        let end_of_2030 = end_of_day("2030-12-31").unwrap();
        let rsa = policy.strength(A::RSA, Some(2048)).unwrap();
        assert_eq!((rsa.verdict(end_of_2030 - 1), rsa.verdict(end_of_2030)), (V::Ending, V::Disallowed));
    }

    #[test]
    fn the_shortest_period_counts() {
        use CryptographicUsageMask as U;
        let policy = Policy::read(None).unwrap();
        let days = |object_type, usage| policy.period(object_type, usage).map(|seconds| seconds / DAY_S);
        assert_eq!(days(ObjectType::SymmetricKey, U::Encrypt | U::Decrypt), Some(730));
        assert_eq!(days(ObjectType::SymmetricKey, U::Encrypt | U::DeriveKey), Some(365));
        assert_eq!(days(ObjectType::SymmetricKey, U::Decrypt), None);
        assert_eq!(days(ObjectType::PublicKey, U::Verify), None);
        assert_eq!(days(ObjectType::PrivateKey, U::Sign), Some(1095));
    }

    #[test]
    fn a_file_changes_rows_or_stands_alone_and_tells_what_is_wrong() {
        let own = "name = \"ours\"\nstrength = [{ algorithm = \"3DES\", length = 168, bits = 112, until = \"2040-01-01\" }]\n\
                   period = [{ type = \"SymmetricKey\", usage = \"Encrypt\", days = 0 }]";
        let policy = Policy::read(Some(own)).unwrap();
        let verdict = |policy: &Policy, algorithm, length| {
            policy.strength(algorithm, Some(length)).map(|strength| strength.verdict(MOMENT_IN_2026))
        };
        assert_eq!(policy.name, "ours");
        assert_eq!(verdict(&policy, CryptographicAlgorithm::DES3, 168), Some(Verdict::Ending));
        assert_eq!(verdict(&policy, CryptographicAlgorithm::AES, 128), Some(Verdict::Acceptable));
        assert_eq!(policy.period(ObjectType::SymmetricKey, CryptographicUsageMask::Encrypt), None);
        let alone = Policy::read(Some(&format!("extends = false\n{own}"))).unwrap();
        assert_eq!(verdict(&alone, CryptographicAlgorithm::AES, 128), None);
        for (file, words) in [
            ("name = \"x\"\nstrenght = []", "strenght"),
            ("name = \"x\"\nstrength = [{ algorithm = \"AEZ\", length = 1, bits = 1 }]", "\"AEZ\" is no Cryptographic Algorithm"),
            ("name = \"x\"\nstrength = [{ algorithm = \"AES\", length = 1, bits = 1, until = \"soon\" }]", "\"soon\" is no day"),
            ("name = \"x\"\nperiod = [{ type = \"Key\", usage = \"Sign\", days = 1 }]", "\"Key\" is no Object Type"),
            (
                "name = \"x\"\nperiod = [{ type = \"PrivateKey\", usage = \"Fly\", days = 1 }]",
                "\"Fly\" is no Cryptographic Usage",
            ),
        ] {
            let error = Policy::read(Some(file)).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
