//! What a key may be used for: its state, its dates, its Cryptographic Usage Mask, its Cryptographic Parameters, and what is left of its
//! Usage Limits (2.1, sections 4.16, 4.18, 4.40, 4.41, 4.57 and 4.59).
//!
//! One row per use says which bit of the mask allows it, which objects can serve for it, and whether it protects something. What protects
//! is limited and needs an Active key; what processes the protected goes on after the key is Deactivated or Compromised, so that nobody
//! loses data with a key that is only out of use: the special permission of which section 4.57 speaks is the client's own
//! permission to use the key at all. Sensitive and Extractable restrict what leaves the server, and no use.

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{CryptographicAlgorithm as Algorithm, ObjectType, State, UsageLimitsUnit};
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::ManagedObject;
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicParameters, UsageLimits};

use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::Context;

macro_rules! uses {
    ($( $(#[$doc:meta])* $name:ident, $protects:literal, $mask:ident, [$($object_type:ident)*]; )*) => {
        /// What a key can be used for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(clippy::upper_case_acronyms)] // The standard spells MAC so.
        pub(crate) enum Use {
            $(
                #[doc = concat!(stringify!($name), ".")]
                $(#[$doc])*
                $name,
            )*
        }

        impl Use {
            /// Whether it protects something, and not processes what is protected.
            pub(crate) const fn protects(self) -> bool {
                match self { $(Self::$name => $protects,)* }
            }

            /// The bit of the Cryptographic Usage Mask that allows it.
            const fn mask(self) -> Mask {
                match self { $(Self::$name => Mask::$mask,)* }
            }

            /// Whether an object of a type can be used so.
            fn takes(self, object_type: ObjectType) -> bool {
                match self { $(Self::$name => [$(ObjectType::$object_type),*].contains(&object_type),)* }
            }
        }
    };
}

// Secret Data is used as a one-time pad, and as the key of a MAC.
uses! {
    Encrypt,         true,  Encrypt,     [SymmetricKey PublicKey Certificate SecretData];
    Decrypt,         false, Decrypt,     [SymmetricKey PrivateKey SecretData];
    Sign,            true,  Sign,        [PrivateKey];
    SignatureVerify, false, Verify,      [PublicKey Certificate];
    MAC,             true,  MACGenerate, [SymmetricKey SecretData];
    MACVerify,       false, MACVerify,   [SymmetricKey SecretData];
    WrapKey,         true,  WrapKey,     [SymmetricKey PublicKey Certificate];
    UnwrapKey,       false, UnwrapKey,   [SymmetricKey PrivateKey];
    DeriveKey,       true,  DeriveKey,   [SymmetricKey SecretData PrivateKey PublicKey];
}

/// The version and the time of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    /// The version of the request.
    pub(crate) version: ProtocolVersion,
    /// The time, in seconds since 1970.
    pub(crate) now: i64,
}

impl From<&Context<'_>> for At {
    fn from(context: &Context<'_>) -> Self {
        Self { version: context.version, now: context.now }
    }
}

/// Whether a key may be used in a way now, and the Cryptographic Parameters that hold for it: those of the request over the key's own,
/// with the Cryptographic Algorithm always there where the key has one.
///
/// # Errors
/// Invalid Object Type (in 1.x Permission Denied, but for what is no key and is to wrap), Wrong Key Lifecycle State, Incompatible Cryptographic Usage Mask, or Bad
/// Cryptographic Parameters.
pub(crate) fn check(
    object: &StoredObject,
    wanted: Use,
    requested: Option<&CryptographicParameters>,
    at: At,
) -> Result<CryptographicParameters> {
    check_use(object, wanted, at)?;
    parameters(object, wanted, requested)
}

/// Whether a key may be used in a way now, whatever the parameters.
///
/// # Errors
/// Those of [`check`] but the last.
pub(crate) fn check_use(object: &StoredObject, wanted: Use, at: At) -> Result<()> {
    if !wanted.takes(object.object_type) {
        let text = "An object of this type cannot be used so";
        return Err(match wanted {
            // Of a wrapping key that is no key at all, 1.x says more (1.4, section 11.12).
            Use::WrapKey | Use::UnwrapKey if !is_key(object.object_type) => Error::new(ResultReason::InvalidObjectType, text),
            _ => Error::new(wrong_type(at), text),
        });
    }
    check_time(object, wanted, at.now)?;
    let allowed = object.attributes().any(|attribute| match attribute {
        Attribute::CryptographicUsageMask(mask) => {
            // A key that wraps unwraps, too: the test cases of the standard have it so (TC-WRAP-2).
            let wraps = wanted == Use::UnwrapKey && mask.contains(Mask::WrapKey);
            mask.contains(wanted.mask()) || wraps || mask.contains(Mask::Unrestricted)
        }
        _ => false,
    });
    if !allowed {
        let text = "The Cryptographic Usage Mask of the object does not allow this use";
        return Err(Error::new(ResultReason::IncompatibleCryptographicUsageMask, text));
    }
    Ok(())
}

/// The reason for an object that is not able to be used so: 1.x has no other word for it (1.4, section 11.29 and after).
pub(crate) fn wrong_type(at: At) -> ResultReason {
    if at.version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidObjectType }
}

/// Whether objects of a type are keys, or hold one.
fn is_key(object_type: ObjectType) -> bool {
    use ObjectType as Type;
    matches!(
        object_type,
        Type::SymmetricKey | Type::PublicKey | Type::PrivateKey | Type::SplitKey | Type::PGPKey | Type::Certificate
    )
}

/// The state, and the dates between which a key protects and processes.
fn check_time(object: &StoredObject, wanted: Use, now: i64) -> Result<()> {
    let wrong = |text: &'static str| Err(Error::new(ResultReason::WrongKeyLifecycleState, text));
    match (object.state(now), wanted.protects()) {
        (State::Active, _) | (State::Deactivated | State::Compromised, false) => {}
        (State::PreActive, _) => return wrong("The object is Pre-Active; it has to be activated first"),
        (State::Deactivated, true) => return wrong("The object is Deactivated; it protects nothing any more"),
        (State::Compromised, true) => return wrong("The object is Compromised; it protects nothing any more"),
        _ => return wrong("The object has been destroyed"),
    }
    for attribute in object.attributes() {
        match attribute {
            Attribute::ProtectStopDate(DateTime(date)) if wanted.protects() && *date <= now => {
                return wrong("The Protect Stop Date of the object has passed");
            }
            Attribute::ProcessStartDate(DateTime(date)) if !wanted.protects() && *date > now => {
                return wrong("The Process Start Date of the object has not come");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The parameters of a use. A key with Cryptographic Parameters is for these alone: a request that names some must agree with one set
/// of them, and gets from it what it leaves out; for one that names none it is the set with the lowest index. Only to verify a signature
/// is no use that other parameters could misuse a key for: whether it is one by those that the request names is a question with an
/// answer, and for another kind of key the answer is no (CS-AC-M-3, TC-ECDSA-SIGN-DIGESTEDDATA-1).
fn parameters(
    object: &StoredObject,
    wanted: Use,
    requested: Option<&CryptographicParameters>,
) -> Result<CryptographicParameters> {
    let mut own: Vec<(i32, &CryptographicParameters)> = Vec::new();
    for instance in &object.instances {
        if let Attribute::CryptographicParameters(parameters) = &instance.attribute {
            own.push((instance.index, parameters));
        }
    }
    own.sort_by_key(|(index, _)| *index);
    let mut merged = match requested {
        None => own.first().map(|(_, parameters)| (*parameters).clone()).unwrap_or_default(),
        Some(requested) if own.is_empty() => requested.clone(),
        Some(requested) if wanted == Use::SignatureVerify && !own.iter().any(|(_, own)| agree(own, requested)) => {
            requested.clone()
        }
        Some(requested) => {
            let agreeing = own.iter().find(|(_, own)| agree(own, requested));
            let (_, own) = agreeing.ok_or_else(|| {
                let text = "The Cryptographic Parameters of the request are none of those that the object is for";
                Error::new(ResultReason::BadCryptographicParameters, text)
            })?;
            merge(own, requested)
        }
    };
    let key = algorithm(object);
    match (merged.cryptographic_algorithm, key) {
        // Whoever chooses the data of a one-time pad reads the pad: it is one if it was made as one, and not because a request says so.
        (Some(Algorithm::OneTimePad), None) => {
            let text = "The object is no one-time pad: that is not its Cryptographic Algorithm";
            return Err(Error::new(ResultReason::BadCryptographicParameters, text));
        }
        (Some(of_use), Some(of_key)) if !serves(of_key, of_use, wanted) => {
            let text = "The Cryptographic Algorithm of the request is not one for a key of the object's algorithm";
            return Err(Error::new(ResultReason::BadCryptographicParameters, text));
        }
        (Some(_), _) => {}
        (None, of_key) => merged.cryptographic_algorithm = of_key,
    }
    Ok(merged)
}

/// The algorithm a key is for.
pub(crate) fn algorithm(object: &StoredObject) -> Option<Algorithm> {
    let attribute = object.first(|attribute| match attribute {
        Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
        _ => None,
    });
    attribute
        .or_else(|| object.object.as_ref().and_then(ManagedObject::key_block).and_then(|block| block.cryptographic_algorithm))
}

/// Whether a key of one algorithm serves for another: names of one kind of key, and HMAC, which takes any bytes (TC-STREAM-MAC-1 has it
/// with an AES key).
fn serves(key: Algorithm, wanted: Algorithm, of: Use) -> bool {
    const CURVE: [Algorithm; 4] = [Algorithm::EC, Algorithm::ECDSA, Algorithm::ECDH, Algorithm::ECMQV];
    const CHACHA: [Algorithm; 3] = [Algorithm::ChaCha20, Algorithm::ChaCha20Poly1305, Algorithm::Poly1305];
    of == Use::SignatureVerify
        || key == wanted
        || CURVE.contains(&key) && CURVE.contains(&wanted)
        || CHACHA.contains(&key) && CHACHA.contains(&wanted)
        || matches!(of, Use::MAC | Use::MACVerify | Use::DeriveKey) && is_hmac(wanted)
}

const fn is_hmac(algorithm: Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::HMAC_MD5
            | Algorithm::HMAC_SHA1
            | Algorithm::HMAC_SHA224
            | Algorithm::HMAC_SHA256
            | Algorithm::HMAC_SHA384
            | Algorithm::HMAC_SHA512
            | Algorithm::HMAC_SHA3_224
            | Algorithm::HMAC_SHA3_256
            | Algorithm::HMAC_SHA3_384
            | Algorithm::HMAC_SHA3_512
    )
}

/// Writes, for each field of Cryptographic Parameters, how two sets are compared and merged.
macro_rules! fields {
    ($( $field:ident $kind:ident; )*) => {
        /// Whether a request says nothing but what one set of a key's parameters says, or leaves open.
        fn agree(own: &CryptographicParameters, requested: &CryptographicParameters) -> bool {
            $(fields!(@agree $kind own requested $field) &&)* true
        }

        /// The parameters of a request, and those of the key where it says nothing.
        fn merge(own: &CryptographicParameters, requested: &CryptographicParameters) -> CryptographicParameters {
            CryptographicParameters { $($field: requested.$field.clone().or_else(|| own.$field.clone())),* }
        }
    };
    (@agree fixed $own:ident $requested:ident $field:ident) => {
        ($own.$field.is_none() || $requested.$field.is_none() || $own.$field == $requested.$field)
    };
    (@agree free $own:ident $requested:ident $field:ident) => { true };
}

// Fixed: what a key is for. Free: what belongs to one message.
fields! {
    block_cipher_mode fixed;
    padding_method fixed;
    hashing_algorithm fixed;
    key_role_type fixed;
    digital_signature_algorithm fixed;
    cryptographic_algorithm fixed;
    random_iv free;
    iv_length free;
    tag_length fixed;
    fixed_field_length free;
    invocation_field_length free;
    counter_length free;
    initial_counter_value free;
    salt_length fixed;
    mask_generator fixed;
    mask_generator_hashing_algorithm fixed;
    p_source free;
    trailer_field fixed;
}

/// What a use takes from the Usage Limits of its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// Bytes that are protected.
    pub(crate) bytes: usize,
    /// Objects that are protected: one, but for what continues an earlier request.
    pub(crate) objects: usize,
}

/// Whether enough is left of the Usage Limits for a use; what they are after it, where it takes anything.
///
/// # Errors
/// Permission Denied for Encrypt and Sign (2.1, sections 6.1.17 and 6.1.55), Usage Limit Exceeded for other uses.
pub(crate) fn allocation(object: &StoredObject, of: Use, amount: Amount) -> Result<Option<UsageLimits>> {
    let limits = object.attributes().find_map(|attribute| match attribute {
        Attribute::UsageLimits(limits) if of.protects() => Some(limits),
        _ => None,
    });
    let Some(limits) = limits else { return Ok(None) };
    let needed = match limits.usage_limits_unit {
        UsageLimitsUnit::Byte => amount.bytes,
        UsageLimitsUnit::Object => amount.objects,
        _ => {
            let text = "The server does not know the Usage Limits Unit of the object";
            return Err(Error::new(ResultReason::FeatureNotSupported, text));
        }
    };
    let needed = i64::try_from(needed).unwrap_or(i64::MAX);
    let left = limits.usage_limits_count.unwrap_or(limits.usage_limits_total);
    if needed > left {
        let reason = match of {
            Use::Encrypt | Use::Sign => ResultReason::PermissionDenied,
            _ => ResultReason::UsageLimitExceeded,
        };
        return Err(Error::new(reason, "The Usage Limits of the object do not allow as much"));
    }
    Ok((needed > 0).then(|| UsageLimits { usage_limits_count: Some(left - needed), ..limits.clone() }))
}

/// Takes a use from what is left, all or nothing; whether the object changed. The change is committed with the response, and refused where
/// the object changed meanwhile: the limit is never overdrawn, whichever servers ask.
///
/// # Errors
/// Those of [`allocation`].
pub(crate) fn charge(object: &mut StoredObject, of: Use, amount: Amount, now: i64) -> Result<bool> {
    let Some(limits) = allocation(object, of, amount)? else { return Ok(false) };
    object.set(Attribute::UsageLimits(limits));
    object.touch(now);
    Ok(true)
}
