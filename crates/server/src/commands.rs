//! What each command of `kmipd` does.

use crate::{AdminCommand, AuditCommand, ClientCommand, DbCommand, DevArguments, InitArguments, PolicyCommand, UserCommand};
use crate::{LifeArguments, ReportArguments, ReportCommand, ReportFormat, ReportOptions};
use certs::{Authority, ClientProfile, Issued, Validity};
use policy::{Permission, Unidentified};
use server::admin::{Command, Password, Reply, Who};
use server::attestation::Platforms;
use server::audit_trail::{Filter, read_moment};
use server::bundle::{self, Endpoint};
use server::config::{Config, StoreKind};
use server::database::Work;
use server::duties::Duties;
use server::policies::Policies;
use server::report::{About, Ask, Format};
use server::run::{self, Plan};
use server::setup;
use server::{enrolment, files, local_users, socket, tls, users};
use std::io::{BufRead, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use x509_parser::pem::parse_x509_pem;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a request on standard input.
const REQUEST_LENGTH_MAX: u64 = 64 * 1024;

/// Writes lines to standard output. Nobody may be listening; that is no reason to stop a server.
fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}

/// Writes a line to standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

pub(crate) fn dev(arguments: DevArguments) -> Result<(), String> {
    let file = arguments.dir.join("kmipd.toml");
    let listen = arguments.listen.unwrap_or_else(setup::default_listen);
    if !file.exists() {
        refuse_remote(listen, arguments.allow_remote)?;
        let hosts = setup::local_hosts(Some(listen.ip()));
        setup::create(&arguments.dir, &setup::Plan { hosts, listen, dev: true })?;
        complain(&format!("kmipd: made a new server in {}", arguments.dir.display()));
    }
    let as_written = Config::read(&file).map_err(text)?;
    let mut config = as_written.clone();
    config.protocol.interop = true;
    config.protocol.weak_passwords = true;
    config.listen = arguments.listen.unwrap_or(config.listen);
    refuse_remote(config.listen, arguments.allow_remote)?;
    if config.authority.is_some() && setup::renew_server(&config, &setup::local_hosts(Some(config.listen.ip())))? {
        complain("kmipd: made a new server certificate");
    }
    let demo = config.folder().join("clients").join(setup::DEMO_CLIENT);
    let shown = arguments.dir.join("clients").join(setup::DEMO_CLIENT);
    let for_endpoint = config.clone();
    let ready = Box::new(move |address: SocketAddr| {
        if demo.is_dir() {
            let endpoint = Endpoint::of(&for_endpoint, address.port())?;
            bundle::write_settings(&demo, &demo, &endpoint).map_err(text)?;
        }
        say(&format!("kmipd ready on {address}"));
        say(&paste(&shown, &demo));
        Ok(())
    });
    run::run(Plan { config, as_written, dev: true, ready })
}

fn refuse_remote(listen: SocketAddr, allow_remote: bool) -> Result<(), String> {
    if listen.ip().to_canonical().is_loopback() || allow_remote {
        return Ok(());
    }
    Err(format!("kmipd dev is for this machine only, and {} can be reached from others; --allow-remote lifts this", listen.ip()))
}

/// Lines to try the server with.
fn paste(shown: &Path, demo: &Path) -> String {
    let kmip = kmip_command();
    let client = quoted(&shown.join("client.toml"));
    let pykmip = demo.join("pykmip.conf");
    format!(
        "\nTry it with kmip:\n\n  {kmip} --config {client} create --name first-key\n  {kmip} --config {client} locate --name first-key\n\n\
         or with PyKMIP (pip install pykmip):\n\n\
         python3 - <<'END'\nfrom kmip.core import enums\nfrom kmip.pie.client import ProxyKmipClient\n\n\
         with ProxyKmipClient(config_file={:?}) as client:\n    \
         identifier = client.create(enums.CryptographicAlgorithm.AES, 256, name=\"second-key\")\n    \
         client.activate(identifier)\n    print(identifier, client.get(identifier).cryptographic_length, \"bits\")\nEND\n",
        pykmip.display().to_string(),
    )
}

/// How `kmip` is called from here: by its name, by its path beside this program, or through cargo in a working copy.
fn kmip_command() -> String {
    let Ok(program) = std::env::current_exe() else { return "kmip".to_owned() };
    let built_in = |root: &Path| root.join("Cargo.toml").is_file() && root.join("crates/client").is_dir();
    if let Some(root) = program.ancestors().nth(3).filter(|root| built_in(root)) {
        let release = if program.parent().is_some_and(|folder| folder.ends_with("release")) { " --release" } else { "" };
        return format!("cargo run -q{release} --manifest-path {} --bin kmip --", quoted(&root.join("Cargo.toml")));
    }
    let on_path =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("kmip").is_file()));
    let beside = program.with_file_name("kmip");
    if !on_path && beside.is_file() { quoted(&beside) } else { "kmip".to_owned() }
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-+,:@%".contains(letter));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

pub(crate) fn init(arguments: &InitArguments) -> Result<(), String> {
    let hosts = if arguments.host.is_empty() {
        // The machine's own name first: clients elsewhere have no use for localhost.
        let mut hosts = setup::local_hosts(Some(arguments.listen.ip()));
        let own = hosts.iter().position(|host| host != "localhost" && host.parse::<std::net::IpAddr>().is_err());
        if let Some(own) = own {
            let name = hosts.remove(own);
            hosts.insert(0, name);
        }
        hosts
    } else {
        arguments.host.clone()
    };
    let file = setup::create(&arguments.dir, &setup::Plan { hosts: hosts.clone(), listen: arguments.listen, dev: false })?;
    let config = quoted(&file);
    say(&format!(
        "made {} for {}\n\n  kmipd check-config --config {config}\n  kmipd serve --config {config}\n  kmipd client add NAME --config {config} --out DIR\n\n\
         Back up root.key, and not beside the data. Move ca-key.pem away when no client is being added.",
        arguments.dir.display(),
        hosts.join(", ")
    ));
    Ok(())
}

pub(crate) fn serve(file: &Path) -> Result<(), String> {
    let config = Config::read(file).map_err(text)?;
    let ready = Box::new(|address: SocketAddr| {
        say(&format!("kmipd ready on {address}"));
        Ok(())
    });
    run::run(Plan { as_written: config.clone(), config, dev: false, ready })
}

pub(crate) fn check_config(file: &Path) -> Result<(), String> {
    let config = Config::read(file).map_err(text)?;
    say(&format!("# as understood, with defaults and absolute paths\n{}", toml::to_string(&config).map_err(text)?));
    let mut faults = Vec::new();
    match tls::Trust::read(&config.tls, Arc::new(rustls::server::NoServerSessionStorage {}), 1) {
        Ok(trust) => {
            for expiry in &trust.expiries {
                let days = expiry.seconds_left().div_euclid(24 * 3600);
                say(&format!("# {} {} ends in {days} day(s)", expiry.what, expiry.path.display()));
                if days < 0 && expiry.what != "revocation list" {
                    faults.push(format!("{} {} has expired", expiry.what, expiry.path.display()));
                }
            }
        }
        Err(error) => faults.push(error.to_string()),
    }
    match users::Users::read(&config.users) {
        Ok(users) => {
            say(&format!("# {} user(s)", users.list().len()));
            for user in users.list().iter().filter(|user| user.totp.is_some()) {
                say(&format!("# the second factor of {:?} is in clear; the server seals it at its next start", user.name));
            }
        }
        Err(error) => faults.push(error.to_string()),
    }
    match Policies::read(&config) {
        Ok(policies) => {
            say(&format!("# {}", policies.current().summary()));
            match Platforms::read(&config, &policies.current()) {
                Ok(platforms) => say(&format!("# {} platform(s) whose attestations are evaluated", platforms.count())),
                Err(error) => faults.push(error.to_string()),
            }
        }
        Err(error) => faults.push(error.to_string()),
    }
    match local_users::check(&Duties::read(&config.admin)?) {
        Ok(absent) => faults.extend(absent),
        Err(both) => faults.push(format!("admin: {both}")),
    }
    if config.authority.is_some() {
        faults.extend(server::admin::read_authority(&config).err());
    }
    if config.store.kind == StoreKind::Sled {
        faults.extend(store::sealing::RootKey::read_file(&config.store.root_key).err().map(text));
        if !store_sled::SledStore::exists(&config.store.path) {
            faults.push(format!("{}: no store in it; kmipd init makes one", config.store.path.display()));
        }
    }
    let secrets = [Some(&config.tls.key), Some(&config.users), config.authority.as_ref().map(|authority| &authority.key)];
    for path in secrets.into_iter().flatten().filter(|path| files::is_exposed(path)) {
        faults.push(format!("{} can be read by others: chmod 600", path.display()));
    }
    if faults.is_empty() {
        say("# no faults found");
        return Ok(());
    }
    Err(faults.join("\nkmipd: "))
}

pub(crate) fn client(command: ClientCommand) -> Result<(), String> {
    match command {
        ClientCommand::Add { name, config, out, life } => {
            let config = Config::read(&config.config).map_err(text)?;
            let (issued, authority_pem) = make_client(&config, &name, |request_pem| {
                Ok(Command::SignClient { request_pem, name: None, valid_s: seconds(&life)? })
            })?;
            bundle::write_certificates(&out, &authority_pem, &issued).map_err(text)?;
            finish_bundle(&config, &out, &authority_pem, &issued, &name)
        }
        ClientCommand::Renew { name, config, csr: None, out, life } => {
            let config = Config::read(&config.config).map_err(text)?;
            if !out.join("cert.pem").is_file() {
                return Err(format!("{}: no bundle in it; kmipd client add makes one", out.display()));
            }
            let (issued, authority_pem) = make_client(&config, &name, |request_pem| {
                Ok(Command::RenewClient { request_pem, name: name.clone(), valid_s: seconds(&life)? })
            })?;
            bundle::replace_certificates(&out, &authority_pem, &issued).map_err(text)?;
            finish_bundle(&config, &out, &authority_pem, &issued, &name)
        }
        ClientCommand::Renew { name, config, csr: Some(csr), out, life } => {
            let request_pem = read_request(&csr)?;
            sign(&config.config, &out, Command::RenewClient { request_pem, name, valid_s: seconds(&life)? })
        }
        ClientCommand::Sign { csr, config, out, name, life } => {
            let request_pem = read_request(&csr)?;
            sign(&config.config, &out, Command::SignClient { request_pem, name, valid_s: seconds(&life)? })
        }
        ClientCommand::Approve { identifier, config, out, name, as_requested, life } => {
            let valid_s = seconds(&life)?;
            sign(&config.config, &out, Command::ApproveRequest { identifier, name, valid_s, as_requested })
        }
        ClientCommand::Revoke { certificate, config } => {
            let certificate_pem = files::read_text(&certificate).map_err(text)?;
            show(&config.config, Command::RevokeClient { certificate_pem })
        }
        ClientCommand::Request { csr, config } => {
            show(&config.config, Command::RequestClient { request_pem: read_request(&csr)? })
        }
        ClientCommand::Requests(list) => show_as(&list.config.config, Command::ClientRequests, list.json),
        ClientCommand::Reject { identifier, config } => show(&config.config, Command::RejectRequest { identifier }),
        ClientCommand::List(list) => show_as(&list.config.config, Command::ClientList, list.json),
    }
}

/// How long a certificate is to be valid, in seconds.
fn seconds(life: &LifeArguments) -> Result<u64, String> {
    let Some(valid) = &life.valid else { return Ok(u64::from(life.days) * 86_400) };
    let unit = valid.chars().last().and_then(|unit| match unit {
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    });
    let seconds = unit.and_then(|unit| valid[..valid.len() - 1].parse::<u32>().ok().map(|number| u64::from(number) * unit));
    seconds.ok_or_else(|| format!("--valid {valid:?} is no time such as 90d, 24h or 30m"))
}

/// A request made elsewhere; `-` is standard input.
fn read_request(path: &Path) -> Result<String, String> {
    if path != Path::new("-") {
        return files::read_text(path).map_err(text);
    }
    let mut request = String::new();
    std::io::stdin().lock().take(REQUEST_LENGTH_MAX).read_to_string(&mut request).map_err(|error| format!("read it: {error}"))?;
    Ok(request)
}

/// Makes a key here, from where it never travels, and has its request signed.
fn make_client(
    config: &Config,
    name: &str,
    command: impl FnOnce(String) -> Result<Command, String>,
) -> Result<(Issued, String), String> {
    let requested = Authority::request(&ClientProfile::named(name, Validity::days(1))).map_err(text)?;
    let command = command(requested.request_pem.clone())?;
    let Reply::Certificate { certificate_pem, authority_pem, .. } = socket::give(config, command).map_err(text)? else {
        return Err("the server gave another reply than a certificate".to_owned());
    };
    Ok((requested.complete(certificate_pem).map_err(text)?, authority_pem))
}

fn finish_bundle(config: &Config, out: &Path, authority_pem: &str, issued: &Issued, name: &str) -> Result<(), String> {
    let (_, authority) = parse_x509_pem(authority_pem.as_bytes()).map_err(text)?;
    bundle::write_pkcs12(out, &authority.contents, issued, name)?;
    let folder = out.canonicalize().map_err(text)?;
    bundle::write_settings(out, &folder, &Endpoint::of(config, config.listen.port())?).map_err(text)?;
    say(&format!("{}: ca.pem cert.pem key.pem client.p12 client.p12.password client.toml pykmip.conf", out.display()));
    Ok(())
}

/// Has a certificate made for a request that was made elsewhere, and writes it.
fn sign(file: &Path, out: &Path, command: Command) -> Result<(), String> {
    let config = Config::read(file).map_err(text)?;
    // Before the certificate is made: nobody has it if it cannot be written.
    if out.exists() {
        return Err(format!("{} exists; nothing is overwritten", out.display()));
    }
    let Reply::Certificate { name, certificate_pem, authority_pem } = socket::give(&config, command).map_err(text)? else {
        return Err("the server gave another reply than a certificate".to_owned());
    };
    files::write_new(out, format!("{certificate_pem}{authority_pem}").as_bytes(), files::PUBLIC).map_err(text)?;
    say(&format!("{}: the certificate of {name:?}, then the authority's", out.display()));
    Ok(())
}

pub(crate) fn user(command: UserCommand) -> Result<(), String> {
    let (file, command) = match command {
        UserCommand::Add { name, config, role, device_serial, hashed_password, password_stdin: _ } => {
            let hashed_password = hashed_password.unwrap_or_default();
            (config.config, Command::UserAdd { name, role, device_serial, hashed_password, password: read_password()? })
        }
        UserCommand::Totp { name, config, remove } => (config.config, Command::UserTotp { name, remove }),
        UserCommand::Unlock { name, config } => (config.config, Command::UserUnlock { name }),
        UserCommand::List(list) => return show_as(&list.config.config, Command::UserList, list.json),
        UserCommand::Remove { name, config } => (config.config, Command::UserRemove { name }),
    };
    show(&file, command)
}

pub(crate) fn db(command: DbCommand) -> Result<(), String> {
    let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()));
    let (arguments, work) = match command {
        DbCommand::Check(config) => (config, Work::Check),
        DbCommand::Export { config, out, for_root_key, skip_damaged, unrecorded } => {
            let for_root_key = for_root_key.map(absolute).transpose()?;
            (config, Work::Export { out: absolute(out)?, for_root_key, skip_damaged, unrecorded })
        }
        DbCommand::Import { config, file, skip_existing, double_names } => {
            (config, Work::Import { file: absolute(file)?, skip_existing, double_names })
        }
    };
    perform(&arguments.config, work)
}

pub(crate) fn audit(command: AuditCommand) -> Result<(), String> {
    let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()));
    let (arguments, work) = match command {
        AuditCommand::Verify { config, checkpoints, public_key } => {
            let checkpoints = checkpoints.map(absolute).transpose()?;
            (config, Work::AuditVerify { checkpoints, public_key: public_key.map(absolute).transpose()? })
        }
        AuditCommand::Show { config, key, actor, since, until, limit, json } => {
            let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now_us = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
            let moment = |text: Option<String>| text.map(|text| read_moment(&text, now_us)).transpose();
            let filter = Filter { key, actor, since_us: moment(since)?, until_us: moment(until)?, limit, json };
            (config, Work::AuditShow { filter })
        }
    };
    perform(&arguments.config, work)
}

fn perform(file: &Path, work: Work) -> Result<(), String> {
    let config = Config::read(file).map_err(text)?;
    let outcome = socket::work_on_store(&config, work).map_err(text)?;
    outcome.messages.iter().for_each(|message| say(message));
    outcome.found.map_or(Ok(()), Err)
}

pub(crate) fn report(arguments: ReportArguments) -> Result<(), String> {
    let ReportArguments { options, check, expiring_days, orphan_days, policy, command } = arguments;
    let (options, about) = match command {
        Some(ReportCommand::Policy) => {
            say(server::report::policy::BUILT_IN.trim_end());
            return Ok(());
        }
        Some(ReportCommand::Impact { key, options }) => (options, About::Impact { key }),
        None => {
            let policy = policy.map(|file| files::read_text(&file)).transpose().map_err(text)?;
            (options, About::Inventory { policy, expiring_days, orphan_days })
        }
    };
    let ReportOptions { config, format, out, limit } = options;
    let format = match format {
        ReportFormat::Text => Format::Text,
        ReportFormat::Json => Format::Json,
        ReportFormat::Html => Format::Html,
    };
    let config = Config::read(&config.ok_or("--config FILE is missing")?).map_err(text)?;
    let outcome = socket::work_on_store(&config, Work::Report { ask: Ask { about, format, limit } }).map_err(text)?;
    match out {
        None => outcome.messages.iter().for_each(|message| say(message)),
        Some(out) => {
            let mut bytes = outcome.messages.join("\n");
            bytes.push('\n');
            // It tells who owns what: not for everybody.
            files::replace(&out, bytes.as_bytes(), files::SECRET).map_err(text)?;
            complain(&format!("kmipd: {} written", out.display()));
        }
    }
    if check { outcome.found.map_or(Ok(()), Err) } else { Ok(()) }
}

pub(crate) fn policy(command: PolicyCommand) -> Result<(), String> {
    match command {
        PolicyCommand::Check(arguments) => {
            let config = Config::read(&arguments.config).map_err(text)?;
            let rules = Policies::read(&config).map_err(text)?.current();
            let users = users::Users::read(&config.users).map_err(text)?;
            say(&format!("# {}", rules.summary()));
            for user in users.list().iter() {
                if let Some(role) = user.role.as_deref().filter(|role| !rules.has_role(role)) {
                    say(&format!("# the policy has no role {role:?}, which the user {:?} has: it gives nothing", user.name));
                }
                // A user that is in another tenant than this one is let in there.
                let who = rules.tenants().map(|(_, tenant)| rules.user(&user.name, user.role.as_deref(), tenant));
                if let Some(error) = who.filter_map(Result::err).find(|error| matches!(error, Unidentified::BothDuties(_))) {
                    return Err(error.to_string());
                }
            }
            say("# no faults found");
            Ok(())
        }
        PolicyCommand::Show(arguments) => {
            let config = Config::read(&arguments.config).map_err(text)?;
            let rules = Policies::read(&config).map_err(text)?.current();
            say(&format!("# {}", rules.summary()));
            for (name, number) in rules.tenants() {
                say(&format!("tenant {name} has the number {number}"));
            }
            for (name, rights) in rules.roles() {
                for (what, permissions) in
                    [("without an object", rights.server), ("own objects", rights.own), ("all objects", rights.tenant)]
                {
                    let names: Vec<_> = permissions.iter().map(Permission::name).collect();
                    let names = if names.len() == Permission::ALL.len() { vec!["all"] } else { names };
                    if !names.is_empty() {
                        say(&format!("role {name}, {what}: {}", names.join(" ")));
                    }
                }
            }
            Ok(())
        }
        PolicyCommand::Explain { config, certificate, user, tenant, operation, object, second_factor, attested } => {
            let who = match (certificate, user) {
                (Some(file), _) => Who::Certificate { certificate_pem: files::read_text(&file).map_err(text)? },
                (None, name) => Who::User { name: name.unwrap_or_default(), tenant },
            };
            show(&config.config, Command::PolicyExplain { who, permission: operation, object, second_factor, attested })
        }
    }
}

pub(crate) fn admin(command: &AdminCommand) -> Result<(), String> {
    match command {
        AdminCommand::Status(config) => show(&config.config, Command::Status),
        AdminCommand::Reload(config) => show(&config.config, Command::Reload),
    }
}

fn show(file: &Path, command: Command) -> Result<(), String> {
    show_as(file, command, false)
}

/// Gives a command and writes what it lists: a line for each, or with `json` an object.
fn show_as(file: &Path, command: Command, json: bool) -> Result<(), String> {
    let config = Config::read(file).map_err(text)?;
    match socket::give(&config, command).map_err(text)? {
        Reply::Done { messages } => messages.iter().for_each(|message| say(message)),
        Reply::Users { users } => {
            for user in users {
                if json {
                    say(&serde_json::to_string(&user).map_err(text)?);
                    continue;
                }
                let of = |what: &str, value: Option<String>| value.map_or(String::new(), |value| format!("  {what} {value}"));
                let totp = if user.totp { "  totp" } else { "" };
                let hashed = Some(user.hashed_password.join(",")).filter(|hashes| !hashes.is_empty());
                let (role, serial) = (of("role", user.role), of("device-serial", user.device_serial));
                say(&format!("{}{role}{serial}{totp}{}", user.name, of("hashed-password", hashed)));
            }
        }
        Reply::Issued { issued } => {
            let now = tls::now();
            issued.iter().for_each(|issued| say(&if json { issued.json(now).to_string() } else { issued.line(now) }));
        }
        Reply::Waiting { waiting } if json => waiting.iter().for_each(|waiting| say(&waiting.json().to_string())),
        Reply::Waiting { waiting } => waiting.iter().flat_map(enrolment::lines).for_each(|line| say(&line)),
        Reply::Certificate { certificate_pem, .. } => say(&certificate_pem),
        Reply::Db { outcome } => outcome.messages.iter().for_each(|message| say(message)),
        Reply::Progress { line } => say(&line),
        Reply::Refused { error } => return Err(error),
    }
    Ok(())
}

/// One line of standard input, without its end.
fn read_password() -> Result<Password, String> {
    let limit = u64::try_from(users::PASSWORD_LENGTH_MAX).unwrap_or(u64::MAX) + 3;
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().take(limit).read_line(&mut line).map_err(|error| format!("read the password: {error}"))?;
    let password = Password(line.trim_end_matches(['\n', '\r']).to_owned());
    line.zeroize();
    Ok(password)
}
