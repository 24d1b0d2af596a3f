//! The program `kmipd`: the command line.

mod allocator;
mod commands;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// A key-management server that speaks KMIP over mutual TLS.
#[derive(Parser)]
#[command(name = "kmipd", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try it out: makes everything on the first start, then serves it on this machine.
    Dev(DevArguments),
    /// Make the files of a new server for production, without serving.
    Init(InitArguments),
    /// Serve.
    Serve(ConfigArguments),
    /// Check a configuration and its files, and show what is understood.
    CheckConfig(ConfigArguments),
    /// Clients' certificates.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Users with passwords.
    #[command(subcommand)]
    User(UserCommand),
    /// The whole store.
    #[command(subcommand)]
    Db(DbCommand),
    /// What was done, by whom, and proof of it.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// What keys there are, what is wrong with them, and what hangs on one.
    Report(ReportArguments),
    /// Who may do what.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The running server.
    #[command(subcommand)]
    Admin(AdminCommand),
}

#[derive(Args)]
struct DevArguments {
    /// The folder, made on the first start.
    #[arg(long, default_value = "kmip-dev")]
    dir: PathBuf,
    /// Where to listen [default: 127.0.0.1:5696, or what kmipd.toml says].
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Listen also on an address other machines can reach.
    #[arg(long)]
    allow_remote: bool,
}

#[derive(Args)]
struct InitArguments {
    /// The folder, which must not hold a server yet.
    #[arg(long)]
    dir: PathBuf,
    /// A name or address clients reach the server by; the first is the certificate's subject [default: this machine's names].
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Where the server will listen.
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:5696")]
    listen: SocketAddr,
}

#[derive(Args)]
struct ConfigArguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Args)]
struct ListArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum ClientCommand {
    /// Make a key and a certificate, with settings for kmip and PyKMIP.
    Add {
        /// The client's name: the actor that owns what it creates.
        name: String,
        #[command(flatten)]
        config: ConfigArguments,
        /// The folder to make.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        life: LifeArguments,
    },
    /// Make another certificate for a client that has one, before that ends. The old one holds until then.
    Renew {
        /// The client's name.
        name: String,
        #[command(flatten)]
        config: ConfigArguments,
        /// A new request made on the device (PKCS#10, PEM) [default: a new key is made here].
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
        /// The folder of the bundle, whose key and certificate are replaced; with --csr, the file to write.
        #[arg(long, value_name = "PATH")]
        out: PathBuf,
        #[command(flatten)]
        life: LifeArguments,
    },
    /// List the certificates that were issued, when they end, and whether they were revoked.
    List(ListArguments),
    /// Hand in a request made on a device, for somebody else to decide about.
    Request {
        /// The request (PKCS#10, PEM); - reads standard input.
        csr: PathBuf,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// List the requests that wait, with what they ask for and their fingerprints.
    Requests(ListArguments),
    /// Sign a request that waits. Compare the fingerprint with what the device shows first.
    Approve {
        /// The request, by the beginning of its fingerprint.
        identifier: String,
        #[command(flatten)]
        config: ConfigArguments,
        /// The file to write the certificate to, followed by the authority's.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The client's name, if not the request's common name.
        #[arg(long)]
        name: Option<String>,
        /// Put the rest of the subject and the alternative names in the certificate as the request has them.
        #[arg(long)]
        as_requested: bool,
        #[command(flatten)]
        life: LifeArguments,
    },
    /// Take a request out of the queue without a certificate.
    Reject {
        /// The request, by the beginning of its fingerprint.
        identifier: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Revoke a certificate: for new, resumed and open connections at once.
    Revoke {
        /// The certificate (PEM), such as cert.pem of a bundle.
        certificate: PathBuf,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Sign a request made on a device.
    Sign {
        /// The request (PKCS#10, PEM).
        csr: PathBuf,
        #[command(flatten)]
        config: ConfigArguments,
        /// The file to write the certificate to, followed by the authority's.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The client's name, if not the request's common name.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        life: LifeArguments,
    },
}

#[derive(Args)]
struct LifeArguments {
    /// How long the certificate is valid: 90d, 24h or 30m.
    #[arg(long, value_name = "TIME", conflicts_with = "days")]
    valid: Option<String>,
    /// The same in days.
    #[arg(long, default_value_t = server::admin::CLIENT_DAYS)]
    days: u32,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Add a user, or change one.
    Add {
        /// The user's name: the actor that owns what it creates.
        name: String,
        #[command(flatten)]
        config: ConfigArguments,
        /// A role, kept for policies.
        #[arg(long)]
        role: Option<String>,
        /// The Device Serial Number of its Device credential.
        #[arg(long, value_name = "S")]
        device_serial: Option<String>,
        /// Accept hashed passwords (KMIP 2.0 and later), too, made with one of these hash functions [default: SHA_256]. What the server
        /// keeps for that is sealed, and weaker than the hash of the password if the root key is lost with it.
        #[arg(
            long,
            value_name = "ALGORITHM",
            num_args = 0..,
            require_equals = true,
            value_delimiter = ',',
            default_missing_value = "SHA_256"
        )]
        hashed_password: Option<Vec<String>>,
        /// Read the password from standard input (one line).
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Give a user a one-time password by the time (TOTP) as a second factor: prints its secret once.
    Totp {
        /// The user's name.
        name: String,
        #[command(flatten)]
        config: ConfigArguments,
        /// Take it away.
        #[arg(long)]
        remove: bool,
    },
    /// End the delays after a user's failures to authenticate.
    Unlock {
        /// The user's name.
        name: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// List the users.
    List(ListArguments),
    /// Remove a user.
    Remove {
        /// The user's name.
        name: String,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

#[derive(Subcommand)]
enum DbCommand {
    /// Read everything and tell what is not as it was written. Exit status 1 if there is anything. Changes nothing.
    Check(ConfigArguments),
    /// Write all objects to a new file, sealed under a root key.
    Export {
        #[command(flatten)]
        config: ConfigArguments,
        /// The file to make.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The root key of the server that will import it [default: this server's own].
        #[arg(long, value_name = "FILE")]
        for_root_key: Option<PathBuf>,
        /// Leave out objects that are damaged, and name them. Exit status 1 if there are any.
        #[arg(long)]
        skip_damaged: bool,
        /// Export even if the audit log takes no record of it, as when the store is read-only.
        #[arg(long)]
        unrecorded: bool,
    },
    /// Take over the objects of an export. All of it is verified before anything is written.
    Import {
        #[command(flatten)]
        config: ConfigArguments,
        /// The export, sealed under this server's root key.
        #[arg(long = "in", value_name = "FILE")]
        file: PathBuf,
        /// Leave out objects whose identifier exists already.
        #[arg(long)]
        skip_existing: bool,
        /// Import objects whose name another object of their owner has: Locate by the name finds both.
        #[arg(long)]
        double_names: bool,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Recompute the chain of the audit log and compare it with the signed checkpoints. Exit status 1 if anything is wrong.
    Verify {
        #[command(flatten)]
        config: ConfigArguments,
        /// A file of checkpoints, such as a copy that was kept elsewhere [default: the server's own].
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
        /// The public key that signed them [default: the server's own].
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
    },
    /// Show what was done: the life of a key, or the acts of an actor, the oldest first.
    Show {
        #[command(flatten)]
        config: ConfigArguments,
        /// Only what concerned this object, with a summary of its life.
        #[arg(long, value_name = "ID")]
        key: Option<String>,
        /// Only what this client, user or administrator did.
        #[arg(long, value_name = "NAME")]
        actor: Option<String>,
        /// Only from this moment on: 2026-01-31, 2026-01-31T12:00:00Z, or 90s, 15m, 2h, 7d for so long ago.
        #[arg(long, value_name = "T")]
        since: Option<String>,
        /// Only before this moment.
        #[arg(long, value_name = "T")]
        until: Option<String>,
        /// The newest so many records.
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        limit: usize,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct ReportArguments {
    #[command(flatten)]
    options: ReportOptions,
    /// Rows that change the policy; kmipd report policy prints it.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Tell what ends within so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    expiring_days: u32,
    /// Tell what nobody has obtained, used or looked for in so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    orphan_days: u32,
    /// Exit status 1 if anything is wrong.
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    command: Option<ReportCommand>,
}

#[derive(Args)]
struct ReportOptions {
    /// The configuration file.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Write it to a file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Rows of each table.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReportFormat {
    /// For a terminal.
    Text,
    /// One JSON document.
    Json,
    /// One HTML file that needs nothing else.
    Html,
}

#[derive(Subcommand)]
enum ReportCommand {
    /// Show all that was derived, wrapped, certified or made from an object, and who obtained it.
    Impact {
        /// The object's identifier.
        key: String,
        #[command(flatten)]
        options: ReportOptions,
    },
    /// Print the table that keys are judged by.
    Policy,
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Check the policy file, whether or not a server runs.
    Check(ConfigArguments),
    /// Show the tenants, the roles and what they may do.
    Show(ConfigArguments),
    /// Tell why the running server lets somebody do something with an object, or does not.
    Explain {
        #[command(flatten)]
        config: ConfigArguments,
        /// The client, by its certificate (PEM).
        #[arg(long, value_name = "FILE", required_unless_present = "user", conflicts_with = "user")]
        certificate: Option<PathBuf>,
        /// The user that a credential proves.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// The tenant of the client that the user comes over.
        #[arg(long, value_name = "NAME", default_value = "default", requires = "user")]
        tenant: String,
        /// The operation, such as Get, or WrapKey and UnwrapKey.
        #[arg(long, value_name = "NAME")]
        operation: String,
        /// The object's Unique Identifier; for an operation that concerns a stored object.
        #[arg(long, value_name = "ID")]
        object: Option<String>,
        /// As if a credential were shown beside the certificate; for a user, one always is.
        #[arg(long)]
        second_factor: bool,
        /// As if the platform were attested.
        #[arg(long)]
        attested: bool,
    },
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Tell how the running server is.
    Status(ConfigArguments),
    /// Read certificates, revocation lists, identity rules and users again (as SIGHUP does).
    Reload(ConfigArguments),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if matches!(command, Command::Dev(_) | Command::Serve(_)) {
        allocator::set_up();
    }
    let result = match command {
        Command::Dev(arguments) => commands::dev(arguments),
        Command::Init(arguments) => commands::init(&arguments),
        Command::Serve(arguments) => commands::serve(&arguments.config),
        Command::CheckConfig(arguments) => commands::check_config(&arguments.config),
        Command::Client(command) => commands::client(command),
        Command::User(command) => commands::user(command),
        Command::Db(command) => commands::db(command),
        Command::Audit(command) => commands::audit(command),
        Command::Report(arguments) => commands::report(arguments),
        Command::Policy(command) => commands::policy(command),
        Command::Admin(command) => commands::admin(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::complain(&format!("kmipd: {error}"));
            ExitCode::FAILURE
        }
    }
}
