//! Who of the local users may do what over the administrative socket: administrators, auditors, and nobody both.
//!
//! Where the configuration names nobody, the owner of the server and root do everything, as whoever has the files can. Once it names an
//! auditor, the audit log is the auditors': the owner and root are administrators then, unless they are named themselves. Nothing here
//! asks the system; [`crate::local_users`] does.

use crate::config::AdminConfig;
use std::fmt;

/// Characters of a name in the configuration: the longest that systems allow.
const NAME_LENGTH_MAX: usize = 256;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Looks after the server: clients, users, the store. Does not read the audit log where there are auditors.
    Administrator,
    /// Reads what was done, and changes nothing.
    Auditor,
    /// The owner of the server, or root, where nobody is named.
    Everything,
}

/// Whose a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// It changes something, or hands out keys.
    Administrator,
    /// It shows who did what.
    Auditor,
    /// It tells how things are.
    Either,
}

impl Duty {
    /// Whether it lets its holder do that.
    #[must_use]
    pub const fn allows(self, needed: Needed) -> bool {
        match (self, needed) {
            (Self::Everything, _) | (_, Needed::Either) => true,
            (Self::Administrator, needed) => matches!(needed, Needed::Administrator),
            (Self::Auditor, needed) => matches!(needed, Needed::Auditor),
        }
    }

    /// How the audit log calls its holder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator | Self::Everything => "administrator",
            Self::Auditor => "auditor",
        }
    }
}

/// A group of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalGroup {
    /// Its number.
    pub gid: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
}

/// A user of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalUser {
    /// Its number.
    pub uid: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The groups it is in.
    pub groups: Vec<LocalGroup>,
}

impl fmt::Display for LocalUser {
    /// As the audit log names it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(formatter, "{} ", name.escape_debug())?;
        }
        write!(formatter, "(system user {})", self.uid)
    }
}

/// Who is named in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// `alice`
    User(String),
    /// `1000`
    Uid(u32),
    /// `@keyadmins`
    Group(String),
    /// `@1000`
    Gid(u32),
}

impl Named {
    fn read(key: &str, text: &str) -> Result<Self, String> {
        let (is_group, name) = text.strip_prefix('@').map_or((false, text), |name| (true, name));
        let is_bad = |letter: char| letter.is_control() || letter.is_whitespace() || matches!(letter, '@' | ':' | ',');
        if name.is_empty() || name.len() > NAME_LENGTH_MAX || name.contains(is_bad) {
            return Err(format!("admin.{key}: {text:?} is no local user (alice, 1000) or group (@keyadmins, @1000)"));
        }
        Ok(match (is_group, name.parse()) {
            (false, Ok(uid)) => Self::Uid(uid),
            (false, Err(_)) => Self::User(name.to_owned()),
            (true, Ok(gid)) => Self::Gid(gid),
            (true, Err(_)) => Self::Group(name.to_owned()),
        })
    }

    fn is(&self, user: &LocalUser) -> bool {
        match self {
            Self::User(name) => user.name.as_ref() == Some(name),
            Self::Uid(uid) => user.uid == *uid,
            Self::Group(name) => user.groups.iter().any(|group| group.name.as_ref() == Some(name)),
            Self::Gid(gid) => user.groups.iter().any(|group| group.gid == *gid),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(formatter, "{name}"),
            Self::Uid(uid) => write!(formatter, "{uid}"),
            Self::Group(name) => write!(formatter, "@{name}"),
            Self::Gid(gid) => write!(formatter, "@{gid}"),
        }
    }
}

/// Why somebody may do nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDuty {
    /// Nobody has named him.
    #[error("{0} is neither the owner of the server nor root, and not named in admin.administrators or admin.auditors")]
    Nobody(LocalUser),
    /// He is named twice.
    #[error(
        "{user} would be administrator (admin.administrators has {administrator:?}) and auditor (admin.auditors has {auditor:?}): \
         nobody is both"
    )]
    Both {
        /// Who.
        user: LocalUser,
        /// By what he is an administrator.
        administrator: String,
        /// By what he is an auditor.
        auditor: String,
    },
}

/// Who is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duties {
    administrators: Vec<Named>,
    auditors: Vec<Named>,
}

impl Duties {
    /// What a configuration says.
    ///
    /// # Errors
    /// When something is no name, or the same one is in both lists.
    pub fn read(config: &AdminConfig) -> Result<Self, String> {
        let read = |key, texts: &[String]| texts.iter().map(|text| Named::read(key, text)).collect::<Result<Vec<_>, _>>();
        let (administrators, auditors) = (read("administrators", &config.administrators)?, read("auditors", &config.auditors)?);
        if let Some(both) = administrators.iter().find(|named| auditors.contains(named)) {
            return Err(format!("admin.administrators and admin.auditors both have \"{both}\": nobody is both"));
        }
        Ok(Self { administrators, auditors })
    }

    /// Everybody who is named.
    pub fn named(&self) -> impl Iterator<Item = &Named> {
        self.administrators.iter().chain(&self.auditors)
    }

    /// What a user may do; `owner` is the user of the server.
    ///
    /// # Errors
    /// [`NoDuty`].
    pub fn of(&self, user: &LocalUser, owner: u32) -> Result<Duty, NoDuty> {
        let by = |list: &[Named]| list.iter().find(|named| named.is(user)).map(ToString::to_string);
        match (by(&self.administrators), by(&self.auditors)) {
            (Some(administrator), Some(auditor)) => Err(NoDuty::Both { user: user.clone(), administrator, auditor }),
            (Some(_), None) => Ok(Duty::Administrator),
            (None, Some(_)) => Ok(Duty::Auditor),
            (None, None) if user.uid != owner && user.uid != 0 => Err(NoDuty::Nobody(user.clone())),
            (None, None) if self.auditors.is_empty() => Ok(Duty::Everything),
            (None, None) => Ok(Duty::Administrator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: u32 = 990;

    fn duties(administrators: &[&str], auditors: &[&str]) -> Result<Duties, String> {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Duties::read(&AdminConfig { administrators: texts(administrators), auditors: texts(auditors), ..AdminConfig::default() })
    }

    fn user(uid: u32, name: &str, groups: &[(u32, &str)]) -> LocalUser {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let groups = groups.iter().map(|(gid, name)| LocalGroup { gid: *gid, name: named(name) }).collect();
        LocalUser { uid, name: named(name), groups }
    }

    #[test]
    fn who_is_what() {
        use Duty::{Administrator, Auditor, Everything};
        let (root, owner) = (user(0, "root", &[(0, "root")]), user(OWNER, "kmipd", &[(OWNER, "kmipd")]));
        let alice = user(1000, "alice", &[(1000, "alice"), (50, "keyadmins")]);
        let bob = user(1001, "bob", &[(1001, "bob"), (60, "audit"), (70, "")]);
        let nameless = user(4_000_000_000, "", &[]);
        type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a LocalUser, Option<Duty>);
        let table: &[Row<'_>] = &[
            // Nobody is named.
            (&[], &[], &root, Some(Everything)),
            (&[], &[], &owner, Some(Everything)),
            (&[], &[], &alice, None),
            (&[], &[], &nameless, None),
            // Administrators alone: there is nobody else yet who reads the log.
            (&["alice"], &[], &alice, Some(Administrator)),
            (&["alice"], &[], &root, Some(Everything)),
            (&["alice"], &[], &owner, Some(Everything)),
            (&["alice"], &[], &bob, None),
            // Auditors: the log is theirs.
            (&[], &["bob"], &bob, Some(Auditor)),
            (&[], &["bob"], &root, Some(Administrator)),
            (&[], &["bob"], &owner, Some(Administrator)),
            (&[], &["bob"], &alice, None),
            (&[], &["root"], &root, Some(Auditor)),
            (&[], &["990"], &owner, Some(Auditor)),
            (&["@root"], &[], &root, Some(Administrator)),
            // By number, and by group.
            (&["1000"], &["1001"], &alice, Some(Administrator)),
            (&["1000"], &["1001"], &bob, Some(Auditor)),
            (&["@keyadmins"], &["@audit"], &alice, Some(Administrator)),
            (&["@keyadmins"], &["@audit"], &bob, Some(Auditor)),
            (&["@50"], &["@70"], &alice, Some(Administrator)),
            (&["@50"], &["@70"], &bob, Some(Auditor)),
            (&["4000000000"], &[], &nameless, Some(Administrator)),
            // A user is no group, a name no number, and no part of a name is one.
            (&["keyadmins", "@alice1"], &["50"], &alice, None),
            (&["ali", "alice2", "@1001"], &[], &alice, None),
            (&["@990"], &[], &nameless, None),
        ];
        for (administrators, auditors, user, expected) in table {
            let duty = duties(administrators, auditors).unwrap().of(user, OWNER);
            assert_eq!(duty.as_ref().ok(), expected.as_ref(), "{administrators:?} {auditors:?} {user}: {duty:?}");
        }
    }

    #[test]
    fn nobody_is_both() {
        let error = duties(&["alice", "bob"], &["carol", "bob"]).unwrap_err();
        assert_eq!(error, "admin.administrators and admin.auditors both have \"bob\": nobody is both");
        // By two names, which the system alone can tell.
        let carol = user(1002, "carol", &[(50, "keyadmins"), (60, "audit")]);
        for (administrators, auditors) in [("carol", "1002"), ("@keyadmins", "carol"), ("@50", "@60"), ("carol", "@audit")] {
            let error = duties(&[administrators], &[auditors]).unwrap().of(&carol, OWNER).unwrap_err().to_string();
            let expected = format!(
                "carol (system user 1002) would be administrator (admin.administrators has {administrators:?}) and auditor \
                 (admin.auditors has {auditors:?}): nobody is both"
            );
            assert_eq!(error, expected);
        }
        assert!(
            duties(&["@keyadmins"], &["@audit"]).unwrap().of(&user(0, "root", &[(50, "keyadmins"), (60, "audit")]), 0).is_err()
        );
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_key() {
        for bad in ["", "@", "a b", "a,b", "@@x", "a\n", "x:y"] {
            let error = duties(&[], &[bad]).unwrap_err();
            assert!(error.starts_with("admin.auditors: "), "{error}");
            assert!(duties(&[bad], &[]).unwrap_err().starts_with("admin.administrators: "));
        }
    }

    #[test]
    fn what_each_may_do() {
        for (duty, expected) in [
            (Duty::Administrator, [true, false, true]),
            (Duty::Auditor, [false, true, true]),
            (Duty::Everything, [true, true, true]),
        ] {
            let may = [Needed::Administrator, Needed::Auditor, Needed::Either].map(|needed| duty.allows(needed));
            assert_eq!(may, expected, "{duty:?}");
        }
    }
}
