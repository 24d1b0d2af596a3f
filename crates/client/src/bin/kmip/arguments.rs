//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::service_arguments as service;

/// A client for KMIP key-management servers.
#[derive(Parser)]
#[command(name = "kmip", version, max_term_width = 120, after_help = EXIT_STATUSES)]
pub(crate) struct Arguments {
    /// Where the server is and who this client is [default: the file that KMIP_CONFIG names]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Speak this version of KMIP, such as 1.4, instead of the newest that the server knows
    #[arg(long, global = true, value_name = "VERSION")]
    pub(crate) protocol: Option<String>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUSES: &str = "Exit status: 0 done; 1 failed, and the reason was printed; 2 wrong command line.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a symmetric key
    Create(Create),
    /// Create a private key and its public key
    CreateKeyPair(CreateKeyPair),
    /// Register a key, certificate or secret that you have
    Register(Register),
    /// Print an object's key, certificate or value, or write it to a file
    Get(Get),
    /// Find objects; all of yours without a filter
    Locate(Locate),
    /// Look at and change the attributes of an object
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Attributes {
        #[command(subcommand)]
        command: Attributes,
    },
    /// Put a new key, or key pair, in place of one: name its symmetric or private key
    ReKey(ReKey),
    /// List the keys that the server rotates, those that are due next first (2.1 and later)
    Rotations,
    /// Make objects Active
    Activate(Identifiers),
    /// Revoke objects: Deactivated, or Compromised if that is the reason
    Revoke(Revoke),
    /// Destroy objects for good
    Destroy(Identifiers),
    /// Ask whether a key may be used for something
    Check(Check),
    /// Encrypt data; the result is the IV, the ciphertext and the tag
    Encrypt(service::Crypt),
    /// Decrypt what encrypt made
    Decrypt(service::Crypt),
    /// Sign data
    Sign(service::Sign),
    /// Verify a signature
    Verify(service::Verify),
    /// Make a message authentication code of data
    Mac(service::Mac),
    /// Verify a message authentication code
    MacVerify(service::MacVerify),
    /// Make the digest of data
    Hash(service::Hash),
    /// Print random bytes
    Random(service::Random),
    /// Derive a key or secret data from keys
    Derive(service::Derive),
    /// Split a key into parts
    Split(service::Split),
    /// Make a key of its parts
    Join(service::Join),
    /// Print a key wrapped under another
    Wrap(service::Wrap),
    /// Ask the server what it is and can do
    Query(Query),
    /// Ask the server which versions of KMIP it speaks
    Versions,
    /// Mark the begin or end of a test case, or remove your own objects (2.0 and later, servers under test only)
    Interop(Interop),
    /// Look into TTLV messages
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Ttlv {
        #[command(subcommand)]
        command: Ttlv,
    },
    /// Print a completion script for a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
pub(crate) struct NewObject {
    /// A name for it
    #[arg(long)]
    pub(crate) name: Vec<String>,
    /// An object group to put it in
    #[arg(long)]
    pub(crate) group: Vec<String>,
    /// What it may be used for, separated by commas, such as encrypt,decrypt
    #[arg(long, value_name = "USAGES")]
    pub(crate) usage: Option<String>,
    /// Any other attribute
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) attribute: Vec<String>,
    /// Make it Active at once
    #[arg(long)]
    pub(crate) activate: bool,
}

#[derive(Args)]
pub(crate) struct Create {
    /// Algorithm, such as AES, ChaCha20 or HMAC-SHA256
    #[arg(long, default_value = "AES")]
    pub(crate) algorithm: String,
    /// Length in bits
    #[arg(long, default_value_t = 256)]
    pub(crate) length: i32,
    #[command(flatten)]
    pub(crate) object: NewObject,
}

#[derive(Args)]
pub(crate) struct CreateKeyPair {
    /// Algorithm: RSA, ECDSA, ECDH or EC
    #[arg(long, default_value = "RSA")]
    pub(crate) algorithm: String,
    /// Length in bits [default: 2048 for RSA, else 256]
    #[arg(long)]
    pub(crate) length: Option<i32>,
    /// A name for the private key
    #[arg(long)]
    pub(crate) private_name: Option<String>,
    /// A name for the public key
    #[arg(long)]
    pub(crate) public_name: Option<String>,
    /// An object group for both
    #[arg(long)]
    pub(crate) group: Vec<String>,
    /// Any other attribute of both
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) attribute: Vec<String>,
    /// Make both Active at once
    #[arg(long)]
    pub(crate) activate: bool,
}

/// What to register.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectKind {
    /// A symmetric key (needs --algorithm unless it is AES)
    SymmetricKey,
    /// A password
    Password,
    /// A seed
    Seed,
    /// Bytes the server does not look into
    Opaque,
    /// An X.509 certificate
    Certificate,
    /// A private key in PKCS#8, PKCS#1 or SEC 1
    PrivateKey,
    /// A public key in X.509 (Subject Public Key Info) or PKCS#1
    PublicKey,
}

/// How bytes are written down.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// As they are
    Raw,
    /// Hexadecimal digits
    Hex,
    /// Base64
    Base64,
    /// PEM, for certificates and asymmetric keys
    Pem,
}

#[derive(Args)]
pub(crate) struct Register {
    /// What it is [default: what the PEM says]
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<ObjectKind>,
    /// The file that holds it, - for standard input. Material is not taken from the command line, where others could see it
    pub(crate) file: PathBuf,
    /// How the file is written [default: PEM if it looks so, else raw]
    #[arg(long)]
    pub(crate) encoding: Option<Encoding>,
    /// Algorithm of a symmetric key
    #[arg(long, default_value = "AES")]
    pub(crate) algorithm: String,
    #[command(flatten)]
    pub(crate) object: NewObject,
}

#[derive(Args)]
pub(crate) struct Get {
    /// The object
    pub(crate) identifier: String,
    /// How to write it [default: raw to a file, else hex]
    #[arg(long)]
    pub(crate) encoding: Option<Encoding>,
    /// Write it to this new file, which only you may read
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Ask for this key format, such as Raw or PKCS_8
    #[arg(long, value_name = "FORMAT")]
    pub(crate) key_format: Option<String>,
}

#[derive(Args)]
pub(crate) struct Locate {
    /// By name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// By object type, such as SymmetricKey
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) object_type: Option<String>,
    /// By object group
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// By state, such as Active
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// By algorithm
    #[arg(long)]
    pub(crate) algorithm: Option<String>,
    /// By length in bits
    #[arg(long)]
    pub(crate) length: Option<i32>,
    /// By any other attribute
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) attribute: Vec<String>,
    /// At most this many
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max: Option<i32>,
    /// Leave out this many (1.3 and later)
    #[arg(long, value_name = "NUMBER")]
    pub(crate) offset: Option<i32>,
}

#[derive(Args)]
pub(crate) struct Identifiers {
    /// The objects
    #[arg(required = true, value_name = "IDENTIFIER")]
    pub(crate) identifiers: Vec<String>,
}

#[derive(Args)]
pub(crate) struct ReKey {
    /// The key
    pub(crate) identifier: String,
    /// The new key becomes active so many seconds from now, and its other dates are moved by as much
    #[arg(long, value_name = "SECONDS")]
    pub(crate) offset: Option<u32>,
}

#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) objects: Identifiers,
    /// Why: unspecified, key-compromise, ca-compromise, affiliation-changed, superseded, cessation-of-operation, privilege-withdrawn
    #[arg(long, default_value = "unspecified")]
    pub(crate) reason: String,
    /// Why, in words
    #[arg(long)]
    pub(crate) message: Option<String>,
    /// Since when it is compromised, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Also all that was derived, wrapped, certified or made from them; shows what that is, and asks
    #[arg(long)]
    pub(crate) cascade: bool,
    /// With --cascade: do not ask
    #[arg(long, requires = "cascade", conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// With --cascade: only show what would be revoked
    #[arg(long, requires = "cascade")]
    pub(crate) dry_run: bool,
    /// With --cascade: also what the administrator's report says (kmipd report impact --format json), which knows what was given out wrapped
    #[arg(long, requires = "cascade", value_name = "FILE")]
    pub(crate) impact: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Attributes {
    /// Print attributes with their values; all without a name
    Get {
        /// The object
        identifier: String,
        /// Names, such as State or "Object Group"
        names: Vec<String>,
    },
    /// Print the names of the attributes that an object has
    List {
        /// The object
        identifier: String,
    },
    /// Add a value of an attribute
    Add {
        /// The object
        identifier: String,
        /// Its name; x-SOMETHING for one of your own
        name: String,
        /// The value; FIELD=VALUE,... for structures
        value: String,
    },
    /// Change the value of an attribute
    Modify {
        /// The object
        identifier: String,
        /// Its name
        name: String,
        /// The new value
        value: String,
        /// Which of several values to change: its index (1.x)
        #[arg(long)]
        index: Option<i32>,
        /// Which of several values to change: the value (2.x)
        #[arg(long)]
        current: Option<String>,
    },
    /// Delete an attribute or one of its values
    Delete {
        /// The object
        identifier: String,
        /// Its name
        name: String,
        /// Which of several values to delete: its index (1.x)
        #[arg(long)]
        index: Option<i32>,
        /// Which of several values to delete: the value (2.x)
        #[arg(long)]
        current: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Check {
    /// The object
    pub(crate) identifier: String,
    /// May it be used for this, separated by commas, such as encrypt,decrypt
    #[arg(long, value_name = "USAGES")]
    pub(crate) usage: Option<String>,
    /// May it be used for so many units more
    #[arg(long, value_name = "NUMBER")]
    pub(crate) count: Option<i64>,
}

#[derive(Args)]
pub(crate) struct Query {
    /// Only this, such as QueryOperations [default: everything that the version knows]
    #[arg(value_name = "FUNCTION")]
    pub(crate) functions: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Interop {
    /// begin, end or reset
    pub(crate) function: String,
    /// The name of the test case
    pub(crate) test_case: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Ttlv {
    /// Print a message as a tree, with names and byte offsets
    Decode {
        /// Hexadecimal digits, or a file with the bytes or their digits; - for standard input
        #[arg(default_value = "-")]
        input: String,
        /// Show long values whole
        #[arg(long)]
        full: bool,
        /// Hide key material and passwords, for tickets and chats
        #[arg(long)]
        redact: bool,
        /// Print XML
        #[arg(long, conflicts_with_all = ["redact", "json"])]
        xml: bool,
    },
    /// Turn XML into a message, printed as hexadecimal digits
    Encode {
        /// A file, - for standard input
        #[arg(default_value = "-")]
        file: PathBuf,
        /// Write the bytes as they are
        #[arg(long)]
        raw: bool,
    },
}
