//! The users and groups of the system, as its database (files, or a directory service behind them) has them.

use crate::duties::{Duties, LocalGroup, LocalUser, Named, NoDuty};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use std::collections::BTreeSet;
use std::ffi::CString;

/// A user by its number. What the database does not tell is not there: such a user is in no group but `gid`. May wait for a directory
/// service: never on a thread that serves sockets.
#[must_use]
pub fn user(uid: u32, gid: Option<u32>) -> LocalUser {
    let known = User::from_uid(Uid::from_raw(uid)).unwrap_or_else(|error| {
        tracing::warn!(uid, %error, "the system does not tell who a user is");
        None
    });
    let mut gids: BTreeSet<u32> = gid.into_iter().collect();
    if let Some(known) = &known {
        gids.insert(known.gid.as_raw());
        let groups = CString::new(known.name.as_str()).ok().and_then(|name| getgrouplist(&name, known.gid).ok());
        gids.extend(groups.into_iter().flatten().map(Gid::as_raw));
    }
    let group = |gid| LocalGroup { gid, name: Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name) };
    LocalUser { uid, name: known.map(|known| known.name), groups: gids.into_iter().map(group).collect() }
}

/// The user that runs this process.
#[must_use]
pub fn own() -> LocalUser {
    let gid = rustix::process::getgid().as_raw();
    user(rustix::process::getuid().as_raw(), Some(gid))
}

/// Whether the users and groups of a configuration are there, and nobody of them is both; the sentences tell who is not there.
///
/// # Errors
/// Who is administrator and auditor, and by what.
pub fn check(duties: &Duties) -> Result<Vec<String>, NoDuty> {
    let owner = rustix::process::getuid().as_raw();
    let (mut absent, mut uids) = (Vec::new(), BTreeSet::from([0, owner]));
    for named in duties.named() {
        let of_group = |group: Option<Group>| {
            group.map(|group| {
                let members = group.mem.iter().filter_map(|name| User::from_name(name).ok().flatten());
                members.map(|user| user.uid.as_raw()).collect::<Vec<_>>()
            })
        };
        let found = match named {
            Named::User(name) => User::from_name(name).ok().flatten().map(|user| vec![user.uid.as_raw()]),
            Named::Uid(uid) => Some(vec![*uid]),
            Named::Group(name) => of_group(Group::from_name(name).ok().flatten()),
            Named::Gid(gid) => Some(of_group(Group::from_gid(Gid::from_raw(*gid)).ok().flatten()).unwrap_or_default()),
        };
        match found {
            Some(found) => uids.extend(found),
            None => absent.push(format!("the system does not know \"{named}\", which [admin] names: it lets nobody in")),
        }
    }
    for uid in uids {
        if let Err(both @ NoDuty::Both { .. }) = duties.of(&user(uid, None), owner) {
            return Err(both);
        }
    }
    Ok(absent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AdminConfig;

    #[test]
    fn the_system_tells_who_somebody_is() {
        let root = user(0, None);
        assert_eq!(root.name.as_deref(), Some("root"));
        assert!(root.groups.iter().any(|group| group.gid == 0 && group.name.as_deref() == Some("root")), "{root:?}");
        let nobody = user(3_999_999_999, Some(3_999_999_998));
        assert_eq!((nobody.name, nobody.groups.len()), (None, 1));
        assert_eq!(own().uid, rustix::process::getuid().as_raw());
    }

    #[test]
    fn one_who_is_both_by_two_names_is_found_and_so_is_one_who_is_not_there() {
        let duties = |administrators: &str, auditors: &str| {
            let (administrators, auditors) = (vec![administrators.to_owned()], vec![auditors.to_owned()]);
            Duties::read(&AdminConfig { administrators, auditors, ..AdminConfig::default() }).unwrap()
        };
        for (administrators, auditors) in [("root", "0"), ("0", "@root"), ("@0", "root")] {
            let error = check(&duties(administrators, auditors)).unwrap_err().to_string();
            assert!(error.starts_with("root (system user 0) would be administrator"), "{error}");
        }
        let absent = check(&duties("no-such-user-here", "@no-such-group")).unwrap();
        assert!(absent.len() == 2 && absent[1].contains("\"@no-such-group\""), "{absent:?}");
    }
}
