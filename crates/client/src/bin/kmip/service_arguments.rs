//! The command lines of what the server computes: encryption, signatures, codes, digests, derived, split and wrapped keys.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arguments::NewObject;

/// How bytes are written down where PEM makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Digits {
    /// As they are
    Raw,
    /// Hexadecimal digits
    Hex,
    /// Base64
    Base64,
}

/// Where data come from.
#[derive(Args)]
pub(crate) struct Input {
    /// The file with the data, - for standard input. It is sent in parts, so that it may have any length (KMIP 1.3 and later)
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// How the data are written
    #[arg(long, value_name = "ENCODING", default_value = "raw")]
    pub(crate) input_encoding: Digits,
}

/// Where a result goes.
#[derive(Args)]
pub(crate) struct Destination {
    /// Write the result to this new file, which only you may read
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// How to write it [default: raw to a file and for data, else hex]
    #[arg(long)]
    pub(crate) encoding: Option<Digits>,
}

/// What the key is used with. Without any, the key's own Cryptographic Parameters hold.
#[derive(Args)]
pub(crate) struct Parameters {
    /// Block Cipher Mode, such as GCM, CBC or CTR
    #[arg(long)]
    pub(crate) mode: Option<String>,
    /// Padding Method, such as PKCS5, OAEP or PSS
    #[arg(long)]
    pub(crate) padding: Option<String>,
    /// Hashing Algorithm, such as SHA-256
    #[arg(long)]
    pub(crate) hash: Option<String>,
    /// Cryptographic Algorithm, such as HMAC-SHA256, where it is not the key's
    #[arg(long = "with", value_name = "ALGORITHM")]
    pub(crate) used_with: Option<String>,
}

/// The IV and the tag of a cipher.
#[derive(Args)]
pub(crate) struct Cipher {
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    /// The IV, counter or nonce, as hexadecimal digits; it is then no part of the data
    #[arg(long, value_name = "HEX")]
    pub(crate) iv: Option<String>,
    /// A file with what is authenticated and not encrypted (1.4 and later)
    #[arg(long, value_name = "FILE")]
    pub(crate) additional_data: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Crypt {
    /// The key
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) cipher: Cipher,
    #[command(flatten)]
    pub(crate) from: Input,
    #[command(flatten)]
    pub(crate) to: Destination,
}

#[derive(Args)]
pub(crate) struct Sign {
    /// The private key
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    /// The data are the digest of what is signed (1.4 and later)
    #[arg(long)]
    pub(crate) digest: bool,
    #[command(flatten)]
    pub(crate) from: Input,
    #[command(flatten)]
    pub(crate) to: Destination,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The public key
    pub(crate) key: String,
    /// The file with the signature
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: PathBuf,
    /// How the signature is written
    #[arg(long, value_name = "ENCODING", default_value = "raw")]
    pub(crate) signature_encoding: Digits,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    /// The data are the digest of what was signed (1.4 and later)
    #[arg(long)]
    pub(crate) digest: bool,
    #[command(flatten)]
    pub(crate) from: Input,
}

#[derive(Args)]
pub(crate) struct Mac {
    /// The key
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    #[command(flatten)]
    pub(crate) from: Input,
    #[command(flatten)]
    pub(crate) to: Destination,
}

#[derive(Args)]
pub(crate) struct MacVerify {
    /// The key
    pub(crate) key: String,
    /// The code, as hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub(crate) mac: String,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    #[command(flatten)]
    pub(crate) from: Input,
}

#[derive(Args)]
pub(crate) struct Hash {
    /// Hashing Algorithm
    #[arg(long, default_value = "SHA-256")]
    pub(crate) hash: String,
    #[command(flatten)]
    pub(crate) from: Input,
    #[command(flatten)]
    pub(crate) to: Destination,
}

#[derive(Args)]
pub(crate) struct Random {
    /// How many bytes
    pub(crate) bytes: u64,
    #[command(flatten)]
    pub(crate) to: Destination,
}

#[derive(Args)]
pub(crate) struct Derive {
    /// The key or secret to derive from; for the method AsymmetricKey a private key and a public key
    #[arg(required = true, num_args = 1..=2, value_name = "IDENTIFIER")]
    pub(crate) bases: Vec<String>,
    /// Derivation Method, such as HKDF, PBKDF2, HMAC, NIST800-108-C or AsymmetricKey
    #[arg(long, default_value = "HKDF")]
    pub(crate) method: String,
    /// Length of the derived key in bits
    #[arg(long, default_value_t = 256)]
    pub(crate) length: i32,
    /// Algorithm of the derived key
    #[arg(long, default_value = "AES", conflicts_with = "secret_data")]
    pub(crate) algorithm: String,
    /// Derive secret data and no key
    #[arg(long)]
    pub(crate) secret_data: bool,
    /// Salt, as hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub(crate) salt: Option<String>,
    /// Iteration Count of PBKDF2
    #[arg(long, value_name = "NUMBER")]
    pub(crate) iterations: Option<i32>,
    /// Derivation Data (of HKDF: the info), as hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub(crate) data: Vec<String>,
    /// Initialization Vector, as hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub(crate) iv: Option<String>,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    #[command(flatten)]
    pub(crate) object: NewObject,
}

#[derive(Args)]
pub(crate) struct Split {
    /// The key [default: a new one, which exists in parts alone]
    pub(crate) key: Option<String>,
    /// How many parts
    #[arg(long, default_value_t = 3)]
    pub(crate) parts: i32,
    /// How many of them are needed [default: 2, with XOR all]
    #[arg(long)]
    pub(crate) threshold: Option<i32>,
    /// XOR, PolynomialSharingGF2_8, PolynomialSharingGF2_16 or PolynomialSharingPrimeField
    #[arg(long, default_value = "PolynomialSharingGF2_8")]
    pub(crate) method: String,
    /// Algorithm of a new key
    #[arg(long, default_value = "AES", conflicts_with = "key")]
    pub(crate) algorithm: String,
    /// Length of a new key in bits
    #[arg(long, default_value_t = 256, conflicts_with = "key")]
    pub(crate) length: i32,
    #[command(flatten)]
    pub(crate) object: NewObject,
}

#[derive(Args)]
pub(crate) struct Join {
    /// The parts, at least as many as are needed
    #[arg(required = true, value_name = "PART")]
    pub(crate) parts: Vec<String>,
    /// What they make: symmetric-key, private-key or secret-data
    #[arg(long = "type", value_name = "TYPE", default_value = "symmetric-key")]
    pub(crate) object_type: String,
    #[command(flatten)]
    pub(crate) object: NewObject,
}

#[derive(Args)]
pub(crate) struct Wrap {
    /// The key to be wrapped
    pub(crate) key: String,
    /// The key that wraps it
    #[arg(long = "under", value_name = "IDENTIFIER")]
    pub(crate) wrapping_key: String,
    /// Block Cipher Mode, such as NISTKeyWrap or AESKeyWrapPadding [default: the wrapping key's own]
    #[arg(long)]
    pub(crate) mode: Option<String>,
    /// Padding Method of a public key that wraps, such as OAEP
    #[arg(long)]
    pub(crate) padding: Option<String>,
    /// Hashing Algorithm of that padding
    #[arg(long)]
    pub(crate) hash: Option<String>,
    /// Wrap the Key Value as KMIP encodes it, and not the bytes of the key alone
    #[arg(long)]
    pub(crate) ttlv: bool,
    /// Ask for this key format before it is wrapped, such as Raw or PKCS_8
    #[arg(long, value_name = "FORMAT")]
    pub(crate) key_format: Option<String>,
    #[command(flatten)]
    pub(crate) to: Destination,
}
