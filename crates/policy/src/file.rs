//! The policy file: its tables and keys, and errors that name line and key.

use std::fmt;
use std::ops::Range;

use kmip::enumerations::{Enumeration, ObjectType, State};
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use toml::Spanned;

use crate::condition::Condition;
use crate::identity::Part;
use crate::permission::Permissions;

/// A text and where it stands.
pub(crate) type Text = Spanned<String>;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The roles of whoever no rule gives one.
    pub(crate) default_roles: Option<Vec<Text>>,
    /// JSON files of PyKMIP with the policies that objects name themselves.
    #[serde(default)]
    pub(crate) operation_policies: Vec<Text>,
    #[serde(default, rename = "tenant")]
    pub(crate) tenants: Vec<TenantRow>,
    #[serde(default, rename = "role")]
    pub(crate) roles: Vec<RoleRow>,
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<RuleRow>,
    #[serde(default, rename = "grant")]
    pub(crate) grants: Vec<GrantRow>,
    #[serde(default, rename = "forbid")]
    pub(crate) forbids: Vec<GrantRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantRow {
    pub(crate) name: Text,
    pub(crate) number: Spanned<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRow {
    pub(crate) name: Text,
    /// Roles whose rights it has, too.
    #[serde(default)]
    pub(crate) includes: Vec<Text>,
    /// What its holders may do without an object.
    #[serde(default)]
    pub(crate) server: Vec<Text>,
    /// With their own objects.
    #[serde(default)]
    pub(crate) own: Vec<Text>,
    /// With all objects of their tenant.
    #[serde(default)]
    pub(crate) tenant: Vec<Text>,
}

/// Who a client or user is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct RuleRow {
    pub(crate) common_name: Option<Text>,
    pub(crate) organization: Option<Text>,
    pub(crate) organizational_unit: Option<Text>,
    pub(crate) san_dns: Option<Text>,
    pub(crate) san_email: Option<Text>,
    pub(crate) san_uri: Option<Text>,
    pub(crate) subject: Option<Text>,
    pub(crate) issuer: Option<Text>,
    pub(crate) fingerprint: Option<Text>,
    /// The user that a credential of a message proves.
    pub(crate) user: Option<Text>,
    pub(crate) tenant: Option<Text>,
    /// The actor's name.
    pub(crate) actor: Option<Text>,
    /// Which parts of the certificate name the actor.
    pub(crate) actor_from: Option<Vec<Part>>,
    #[serde(default)]
    pub(crate) groups: Vec<Text>,
    #[serde(default)]
    pub(crate) roles: Vec<Text>,
}

/// A grant, or what is forbidden.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantRow {
    pub(crate) to: To,
    pub(crate) permissions: Spanned<Vec<Text>>,
    #[serde(default)]
    pub(crate) on: On,
    #[serde(default)]
    pub(crate) when: When,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct To {
    pub(crate) tenant: Option<Text>,
    #[serde(default)]
    pub(crate) actors: Vec<Text>,
    #[serde(default)]
    pub(crate) groups: Vec<Text>,
    #[serde(default)]
    pub(crate) roles: Vec<Text>,
    #[serde(default)]
    pub(crate) everybody: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct On {
    #[serde(default)]
    pub(crate) objects: Vec<String>,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default)]
    pub(crate) own: bool,
    #[serde(default)]
    pub(crate) all: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    #[serde(default)]
    states: Vec<Text>,
    #[serde(default)]
    object_types: Vec<Text>,
    hours: Option<Text>,
    #[serde(default)]
    days: Vec<Text>,
    from: Option<Text>,
    until: Option<Text>,
    second_factor: Option<bool>,
    attested: Option<bool>,
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// The line, from 1; 0: it is about another file.
    pub line: usize,
    /// What is wrong, with the key it is about.
    pub text: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.text),
            line => write!(formatter, "line {line}: {}", self.text),
        }
    }
}

/// Knows on which line a place is.
pub(crate) struct Lines<'a>(pub(crate) &'a str);

impl Lines<'_> {
    pub(crate) fn of(&self, span: &Range<usize>) -> usize {
        let before = &self.0.as_bytes()[..span.start.min(self.0.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// An error about a value.
    pub(crate) fn error<T>(&self, at: &Spanned<T>, text: impl Into<String>) -> PolicyError {
        PolicyError { line: self.of(&at.span()), text: text.into() }
    }

    /// All permissions that a list names.
    pub(crate) fn permissions(&self, key: &str, names: &[Text]) -> Result<Permissions, PolicyError> {
        let mut all = Permissions::NONE;
        for name in names {
            let named = Permissions::named(name.get_ref());
            all = all.union(
                named.ok_or_else(|| self.error(name, format!("{key}: {:?} is no permission and no set", name.get_ref())))?,
            );
        }
        Ok(all)
    }

    pub(crate) fn condition(&self, when: &When) -> Result<Condition, PolicyError> {
        Ok(Condition {
            states: self.enumerations("states", &when.states, State::ROW.values)?,
            object_types: self.enumerations("object_types", &when.object_types, ObjectType::ROW.values)?,
            hours: when.hours.as_ref().map(|text| self.hours(text)).transpose()?,
            days: match when.days.as_slice() {
                [] => None,
                days => Some(days.iter().try_fold(0, |days, day| self.day(day).map(|bit| days | bit))?),
            },
            from: when.from.as_ref().map(|text| self.moment("from", text)).transpose()?,
            until: when.until.as_ref().map(|text| self.moment("until", text)).transpose()?,
            second_factor: when.second_factor,
            attested: when.attested,
        })
    }

    fn enumerations<E: Enumeration>(
        &self,
        key: &str,
        names: &[Text],
        rows: &[kmip::enumerations::ValueRow],
    ) -> Result<Vec<E>, PolicyError> {
        let value = |name: &Text| {
            let row = rows.iter().find(|row| row.xml_name == name.get_ref());
            let known: Vec<&str> = rows.iter().map(|row| row.xml_name).collect();
            let text = || format!("{key}: {:?} is none of {}", name.get_ref(), known.join(", "));
            row.map(|row| E::from_value(row.value)).ok_or_else(|| self.error(name, text()))
        };
        names.iter().map(value).collect()
    }

    /// `08:00-18:00`.
    fn hours(&self, text: &Text) -> Result<(u32, u32), PolicyError> {
        let minutes = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour <= 24 && minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
        };
        let span = text.get_ref().split_once('-').and_then(|(from, until)| Some((minutes(from)?, minutes(until)?)));
        span.filter(|(from, until)| from != until)
            .ok_or_else(|| self.error(text, format!("hours: {:?} is not like \"08:00-18:00\"", text.get_ref())))
    }

    fn day(&self, text: &Text) -> Result<u8, PolicyError> {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let at = DAYS.iter().position(|day| day == text.get_ref());
        at.map(|at| 1 << at).ok_or_else(|| self.error(text, format!("days: {:?} is none of {}", text.get_ref(), DAYS.join(", "))))
    }

    /// `2026-01-31` or `2026-01-31T12:00:00Z`, in seconds since 1970.
    fn moment(&self, key: &str, text: &Text) -> Result<i64, PolicyError> {
        let full = if text.get_ref().len() == 10 { format!("{}T00:00:00Z", text.get_ref()) } else { text.get_ref().clone() };
        let parsed = time::OffsetDateTime::parse(&full, &Rfc3339);
        let error = |_| self.error(text, format!("{key}: {:?} is not like 2026-01-31 or 2026-01-31T12:00:00Z", text.get_ref()));
        parsed.map(time::OffsetDateTime::unix_timestamp).map_err(error)
    }
}
