//! The first start: an authority, a server's certificate, a client bundle, a root key, a configuration, an empty sealed store.

use crate::bundle::{self, Endpoint};
use crate::checkpoints;
use crate::config::{Config, PORT};
use crate::enrolment::Register;
use crate::files::{self, DirectoryLock, FileError, PUBLIC, SECRET};
use certs::{Authority, ClientProfile, KeyKind, ServerProfile, Validity};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use store::sealing::RootKey;
use store_sled::{Options, SledStore};

/// Days the authority is valid: longer than the arrays it vouches for are in use.
const AUTHORITY_DAYS: u32 = 3650;
/// Days the server's certificate is valid.
const SERVER_DAYS: u32 = 825;
/// `kmipd dev` makes a new server certificate when the old one ends within this.
const RENEWAL_SECONDS: i64 = 30 * 24 * 3600;
/// The client every new server starts with.
pub const DEMO_CLIENT: &str = "demo";
/// What a first start makes, in the order it is moved to its place.
const PARTS: [&str; 13] = [
    "ca.pem",
    "ca-key.pem",
    "ca.crl",
    "enrolment.json",
    "server.pem",
    "server-key.pem",
    "root.key",
    "audit.key",
    "audit.pub",
    "data",
    "clients",
    "users.toml",
    "kmipd.toml",
];
/// The part that makes the others a server: made last, and moved last.
const LAST: &str = "kmipd.toml";
/// Where everything is made before it is moved to its place.
const WORKSHOP: &str = ".kmipd-new";

/// What `kmipd dev` does differently from `kmipd serve` on a configuration made by `kmipd init`: (what, dev, serve). The one list of
/// it; the operator guide repeats it and a test compares them.
pub const DEV_DIFFERENCES: [(&str, &str, &str); 6] = [
    (
        "Root key",
        "in the file `root.key` beside the data",
        "in the file `root.key` too, until a seal is configured; keep it on other media",
    ),
    ("Weak passwords", "accepted", "refused below 12 characters (`protocol.weak_passwords = false`)"),
    ("Interop operation", "answered", "refused (`protocol.interop = false`)"),
    ("Re-Provision operation", "answered", "refused (`authority.re_provision = false`)"),
    ("Addresses", "loopback only, unless `--allow-remote`", "any"),
    ("Server certificate", "made anew when it ends within 30 days or lacks a name", "never touched"),
];

/// What is set up.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names and addresses in the server's certificate, the most public first.
    pub hosts: Vec<String>,
    /// Where the server will listen.
    pub listen: SocketAddr,
    /// For trying things out: weak passwords and Interop on.
    pub dev: bool,
}

/// The default address of `kmipd dev`.
#[must_use]
pub fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))
}

/// Names that reach a server on this machine.
#[must_use]
pub fn local_hosts(listen: Option<IpAddr>) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let usable = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if usable {
        hosts.push(name);
    }
    hosts.extend(listen.filter(|address| !address.is_unspecified()).map(|address| address.to_string()));
    let mut seen = std::collections::BTreeSet::new();
    hosts.retain(|host| seen.insert(host.clone()));
    hosts
}

/// Makes a new server's folder. It appears whole or not at all: everything is made in a folder inside, the workshop, then moved,
/// kmipd.toml last. What is there is on the disk when this returns.
///
/// A first start that was interrupted is finished when the workshop was complete: its root key may be the one that data in place
/// needs. Then what is there counts, not the plan. A workshop that was not complete held nothing that was ever in use, and is
/// made anew, unless parts are in place that it may belong to.
///
/// # Errors
/// When something is there already, or anything cannot be made.
pub fn create(folder: &Path, plan: &Plan) -> Result<PathBuf, String> {
    let text = |error: FileError| error.to_string();
    // Folders that are made on the way must keep their names, too.
    let missing = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).count();
    files::make_directory(folder).map_err(text)?;
    let folder = &folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    // Another first start may be at work here: its workshop is not one that was left.
    let Some(_lock) = DirectoryLock::take(folder).map_err(text)? else {
        return Err(format!("another kmipd works in {}", folder.display()));
    };
    let workshop = folder.join(WORKSHOP);
    if !finish_interrupted(&workshop, folder)? {
        if let Some(own) = PARTS.iter().map(|own| folder.join(own)).find(|own| is_there(own)) {
            return Err(format!("{} is there already; nothing is overwritten", own.display()));
        }
        files::make_directory(&workshop).map_err(text)?;
        fill(&workshop, folder, plan)?;
        move_parts(&workshop, folder)?;
    }
    // Empty by now, or a part is missing in the list.
    std::fs::remove_dir(&workshop).map_err(|error| format!("remove {}: {error}", workshop.display()))?;
    if missing == 0 {
        // It was there before: whoever made it may have forgotten to, and its parent may not be ours to read.
        let _ = files::sync_parent(folder);
    }
    folder.ancestors().take(missing).try_for_each(|made| files::sync_parent(made).map_err(text))?;
    Ok(folder.join(LAST))
}

/// Whether there is anything of this name, a link to nowhere included.
fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Goes on with a first start that was interrupted, if there was one; whether it was finished. What is begun anew is cleared.
fn finish_interrupted(workshop: &Path, folder: &Path) -> Result<bool, String> {
    // Only an empty one goes: then everything was moved.
    if std::fs::remove_dir(workshop).is_ok() || !is_there(workshop) {
        return Ok(false);
    }
    let is_moved = PARTS.iter().any(|name| is_there(&folder.join(name)));
    if is_there(&workshop.join(LAST)) {
        move_parts(workshop, folder)?;
        let (shown, workshop) = (folder.display(), workshop.display());
        // Nobody may be reading; that is no reason to stop.
        let _ = writeln!(std::io::stderr(), "kmipd: finished the first start in {shown} that was interrupted, from {workshop}");
        return Ok(true);
    }
    if is_moved {
        return Err(format!(
            "{} holds what a first start left, and parts of a server are in {} already: nothing is removed or overwritten; \
             move one of them elsewhere if it is not needed",
            workshop.display(),
            folder.display()
        ));
    }
    std::fs::remove_dir_all(workshop).map_err(|error| format!("remove {}: {error}", workshop.display()))?;
    Ok(false)
}

/// Moves what is in the workshop to its place, and brings that to the disk: kmipd.toml, which makes it a server, after all others.
fn move_parts(workshop: &Path, folder: &Path) -> Result<(), String> {
    let sync = || {
        let synced = files::sync_directory(folder).and_then(|()| files::sync_directory(workshop));
        synced.map_err(|error: FileError| error.to_string())
    };
    let waiting = || PARTS.iter().filter(|name| is_there(&workshop.join(name)));
    if let Some(name) = waiting().find(|name| is_there(&folder.join(name))) {
        return Err(format!("{} is there already; nothing is overwritten", folder.join(name).display()));
    }
    for name in waiting().filter(|name| **name != LAST).copied().collect::<Vec<_>>() {
        move_part(workshop, folder, name)?;
    }
    sync()?;
    move_part(workshop, folder, LAST)?;
    sync()
}

fn move_part(workshop: &Path, folder: &Path, name: &str) -> Result<(), String> {
    std::fs::rename(workshop.join(name), folder.join(name)).map_err(|error| format!("move {name} to its place: {error}"))
}

fn fill(workshop: &Path, folder: &Path, plan: &Plan) -> Result<(), String> {
    let text = |error: FileError| error.to_string();
    let minted = |error: certs::CertificateError| error.to_string();
    let name = plan.hosts.first().ok_or("a server needs at least one name")?;
    // A name of its own: with two authorities of one name, a client of the other would be told of a bad signature.
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| "no random bytes for the authority's name".to_owned())?;
    let common_name = format!("kmipd authority {:08x}", u32::from_be_bytes(random));
    let authority = Authority::mint(&common_name, KeyKind::EcdsaP256, Validity::days(AUTHORITY_DAYS)).map_err(minted)?;
    let list = authority.revocation_list(&[], 1, crate::admin::LIST_DAYS).map_err(minted)?;
    files::write_new(&workshop.join("ca.crl"), list.pem.as_bytes(), PUBLIC).map_err(text)?;
    files::write_new(&workshop.join("ca.pem"), authority.certificate_pem().as_bytes(), PUBLIC).map_err(text)?;
    files::write_new(&workshop.join("ca-key.pem"), authority.key_pem().as_bytes(), SECRET).map_err(text)?;
    let server = issue_server(&authority, &plan.hosts)?;
    files::write_new(&workshop.join("server.pem"), server.certificate_pem.as_bytes(), PUBLIC).map_err(text)?;
    files::write_new(&workshop.join("server-key.pem"), server.key_pem.as_bytes(), SECRET).map_err(text)?;
    files::write_new(&workshop.join("users.toml"), b"", SECRET).map_err(text)?;

    let bundle = Path::new("clients").join(DEMO_CLIENT);
    let client =
        authority.client(&ClientProfile::named(DEMO_CLIENT, Validity::days(crate::admin::CLIENT_DAYS))).map_err(minted)?;
    let mut register = Register::default();
    register.note(&client.certificate_pem)?;
    files::write_new(&workshop.join("enrolment.json"), register.text()?.as_bytes(), SECRET).map_err(text)?;
    bundle::write_certificates(&workshop.join(&bundle), authority.certificate_pem(), &client).map_err(text)?;
    let host = if plan.listen.ip().is_unspecified() { name.clone() } else { plan.listen.ip().to_string() };
    let port = if plan.listen.port() == 0 { PORT } else { plan.listen.port() };
    let endpoint = Endpoint { host, port, server_name: name.clone() };
    bundle::write_settings(&workshop.join(&bundle), &folder.join(&bundle), &endpoint).map_err(text)?;

    checkpoints::create_key(&workshop.join("audit.key"))?;
    let key = RootKey::create_file(&workshop.join("root.key")).map_err(|error| error.to_string())?;
    drop(SledStore::create(&workshop.join("data"), &key, &Options::default()).map_err(|error| error.to_string())?);
    // That it is there says that all others are.
    files::sync_tree(workshop).map_err(text)?;
    files::write_new(&workshop.join(LAST), configuration(plan).as_bytes(), SECRET).map_err(text)
}

fn configuration(plan: &Plan) -> String {
    let listen = plan.listen;
    let protocol = if plan.dev {
        "# For trying things out only: kmipd dev made this file.\ninterop = true\nweak_passwords = true\n"
    } else {
        "interop = false\nweak_passwords = false\n"
    };
    format!(
        "# kmipd: every key, its default and its reason are in docs/operator-guide.md. Paths are relative to this file.\n\
         # kmipd check-config --config FILE shows what is understood.\n\
         listen = \"{listen}\"\nusers = \"users.toml\"\n\n\
         [protocol]\n{protocol}\n\
         [tls]\ncertificate = \"server.pem\"\nkey = \"server-key.pem\"\nclient_ca = \"ca.pem\"\n\
         # Which part of a client's certificate names the actor: common-name, san-dns, san-email, san-uri, organizational-unit,\n\
         # subject, fingerprint. The first that gives a name decides.\nidentity = [\"common-name\"]\ncrls = [\"ca.crl\"]\n\n\
         # What kmipd client signs with. Keep the key elsewhere when no client is being added.\n\
         [authority]\ncertificate = \"ca.pem\"\nkey = \"ca-key.pem\"\ncrl = \"ca.crl\"\n\
         # Whether clients replace their certificates themselves (Re-Provision); needs the key here.\nre_provision = {}\n\n\
         [store]\nkind = \"sled\"\npath = \"data\"\n# Without it the data cannot be read. Back it up, and not beside the data.\nroot_key = \"root.key\"\n\n\
         # Health checks and metrics over plain HTTP: loopback or a management network.\n# [monitoring]\n# listen = \"127.0.0.1:9696\"\n",
        plan.dev
    )
}

fn issue_server(authority: &Authority, hosts: &[String]) -> Result<certs::Issued, String> {
    let validity = Validity::days(SERVER_DAYS);
    let profile = ServerProfile { hosts: hosts.to_vec(), crl_uris: Vec::new(), key: KeyKind::EcdsaP256, validity };
    authority.server(&profile).map_err(|error| error.to_string())
}

/// For `kmipd dev`: a new server certificate when the old one ends soon or lacks one of the names. Whether one was made.
///
/// # Errors
/// When the files cannot be read or written.
pub fn renew_server(config: &Config, hosts: &[String]) -> Result<bool, String> {
    if lasts(&config.tls.certificate, hosts)? {
        return Ok(false);
    }
    let authority = crate::admin::read_authority(config)?;
    let server = issue_server(&authority, hosts)?;
    // The key first: certificate and key that do not match are refused at the next start, which then makes both anew.
    files::replace(&config.tls.key, server.key_pem.as_bytes(), SECRET).map_err(|error| error.to_string())?;
    files::replace(&config.tls.certificate, server.certificate_pem.as_bytes(), PUBLIC).map_err(|error| error.to_string())?;
    Ok(true)
}

fn lasts(certificate: &Path, hosts: &[String]) -> Result<bool, String> {
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::{FromDer, X509Certificate};
    let text = files::read_text(certificate).map_err(|error| error.to_string())?;
    let (_, block) = x509_parser::pem::parse_x509_pem(text.as_bytes()).map_err(|error| error.to_string())?;
    let (_, parsed) = X509Certificate::from_der(&block.contents).map_err(|error| error.to_string())?;
    let names = parsed.subject_alternative_name().ok().flatten().map(|names| &names.value.general_names);
    let has = |host: &String| {
        let address = host.parse::<IpAddr>().ok().map(|address| match address {
            IpAddr::V4(four) => four.octets().to_vec(),
            IpAddr::V6(six) => six.octets().to_vec(),
        });
        names.into_iter().flatten().any(|name| match (name, &address) {
            (GeneralName::IPAddress(bytes), Some(address)) => *bytes == address.as_slice(),
            (GeneralName::DNSName(name), None) => name == host,
            _ => false,
        })
    };
    let left = parsed.validity().time_to_expiration().map_or(0, |left| left.whole_seconds());
    Ok(left > RENEWAL_SECONDS && hosts.iter().all(has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    const GUIDE: &str = include_str!("../../../docs/operator-guide.md");

    #[test]
    fn the_guide_tells_every_difference_of_dev() {
        for (what, dev, serve) in DEV_DIFFERENCES {
            let row = format!("| {what} | {dev} | {serve} |");
            assert!(GUIDE.contains(&row), "{row}");
        }
    }

    #[test]
    fn the_guide_names_every_key() {
        let file = Path::new("/etc/kmipd/kmipd.toml");
        let plan = Plan { hosts: Vec::new(), listen: default_listen(), dev: true };
        let mut config = Config::parse(&configuration(&plan), file).unwrap();
        config.monitoring = Some(crate::config::MonitoringConfig { listen: default_listen() });
        let table: toml::Table = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        for (section, value) in &table {
            let keys = match value {
                toml::Value::Table(keys) => keys.keys().map(|key| format!("{section}.{key}")).collect(),
                _ => vec![section.clone()],
            };
            for key in keys {
                let named = format!("`{}`", key.strip_prefix("limits.").unwrap_or(&key));
                assert!(GUIDE.contains(&named), "{named}");
            }
        }
        assert_eq!(toml::Table::try_from(Limits::default()).unwrap().len(), 22, "the guide's table of limits has as many rows");
    }

    fn plan() -> Plan {
        Plan { hosts: vec!["localhost".to_owned()], listen: default_listen(), dev: true }
    }

    /// Names and contents of all files of a server that is complete, by their paths.
    fn contents(folder: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
        let mut found = std::collections::BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    #[test]
    fn a_first_start_that_was_not_complete_is_begun_anew() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(WORKSHOP).join("data")).unwrap();
        std::fs::write(root.path().join(WORKSHOP).join("ca.pem"), "half").unwrap();
        let file = create(root.path(), &plan()).unwrap();
        assert!(Config::read(&file).is_ok() && !root.path().join(WORKSHOP).exists());
        assert!(create(root.path(), &plan()).unwrap_err().contains("nothing is overwritten"));
    }

    #[test]
    fn two_first_starts_at_once_are_one() {
        let root = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::take(root.path()).unwrap().unwrap();
        std::fs::create_dir(root.path().join(WORKSHOP)).unwrap();
        std::fs::write(root.path().join(WORKSHOP).join("root.key"), "being made").unwrap();
        let refused = create(root.path(), &plan()).unwrap_err();
        assert!(refused.contains("another kmipd works in"), "{refused}");
        assert!(root.path().join(WORKSHOP).join("root.key").exists());
        drop(lock);
        create(root.path(), &plan()).unwrap();
    }

    /// Whatever was moved when the power failed, in whatever order the file system kept it: the same server comes out, and its root
    /// key opens its store.
    #[test]
    fn a_first_start_that_was_interrupted_between_the_moves_is_finished() {
        let made = tempfile::tempdir().unwrap();
        create(made.path(), &plan()).unwrap();
        let expected = contents(made.path());
        let others: Vec<&str> = PARTS.into_iter().filter(|name| *name != LAST).collect();
        let first = |count: usize| others[..count].to_vec();
        let mut states: Vec<Vec<&str>> = (0..=others.len()).map(first).collect();
        states.extend(others.iter().map(|name| vec![*name]));
        for moved in states {
            let folder = made.path();
            std::fs::create_dir(folder.join(WORKSHOP)).unwrap();
            for name in PARTS.iter().filter(|name| !moved.contains(name)) {
                std::fs::rename(folder.join(name), folder.join(WORKSHOP).join(name)).unwrap();
            }
            let file = create(folder, &Plan { hosts: vec!["other".to_owned()], ..plan() }).unwrap();
            assert!(contents(folder) == expected && file.exists() && !folder.join(WORKSHOP).exists(), "{moved:?} were moved");
        }
        let key = RootKey::read_file(&made.path().join("root.key")).unwrap();
        SledStore::open(&made.path().join("data"), &key, &Options::default()).unwrap();
    }

    #[test]
    fn a_workshop_beside_parts_that_are_not_its_own_is_never_removed() {
        for complete in [true, false] {
            let root = tempfile::tempdir().unwrap();
            create(root.path(), &plan()).unwrap();
            let workshop = root.path().join(WORKSHOP);
            std::fs::create_dir(&workshop).unwrap();
            for name in ["root.key", "data", LAST].into_iter().filter(|name| complete || *name != LAST) {
                std::fs::rename(root.path().join(name), workshop.join(name)).unwrap();
            }
            std::fs::write(root.path().join("root.key"), "somebody's own").unwrap();
            std::fs::write(root.path().join("users.toml"), "").unwrap();
            let before = contents(root.path());
            let refused = create(root.path(), &plan()).unwrap_err();
            assert!(refused.contains("overwritten"), "{refused}");
            assert!(contents(root.path()) == before, "nothing is moved or removed");
        }
    }

    #[test]
    fn a_server_certificate_is_renewed_only_when_it_lacks_a_name() {
        let root = tempfile::tempdir().unwrap();
        let plan = Plan { hosts: vec!["localhost".to_owned()], listen: default_listen(), dev: true };
        let config = Config::read(&create(root.path(), &plan).unwrap()).unwrap();
        assert!(!renew_server(&config, &plan.hosts).unwrap());
        let more = ["localhost".to_owned(), "127.0.0.2".to_owned()];
        assert!(renew_server(&config, &more).unwrap());
        assert!(!renew_server(&config, &more).unwrap());
    }
}
