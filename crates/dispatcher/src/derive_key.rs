//! Derive Key: a symmetric key or secret data computed from other objects (1.4, section 4.6; 2.1, sections 6.1.14 and 7.12).
//!
//! What each method takes:
//!
//! - PBKDF2: the password is the one object. SHA-1 is the hash, unless Cryptographic Parameters name another.
//!   Here and below they name a hash, or the HMAC that has it as Cryptographic Algorithm: both identify the pseudorandom function.
//! - HASH: the digest of the one object.
//! - HMAC, ENCRYPT, NIST800-108: the key is the one object that is no Secret Data, or the first of them. The data is Derivation Data
//!   or the Secret Data object beside the key, never both. The hash of HMAC is that of the key's algorithm; Cryptographic Parameters say it
//!   for a key that has none. An IV that is not given is zeros. For NIST800-108 the data is the label and the context: the counter (32 bits,
//!   unless Counter Length says otherwise; of 0 bits, none) is put before it, and the length of the derived key in 32 bits behind
//!   it, as SP 800-108 has it.
//! - Asymmetric Key: the secret that a private key and a public key agree on.
//! - AWS Signature Version 4: the secret access key is the object, the Derivation Data are date, region and service.
//! - HKDF: as section 7.12 says.
//!
//! What is wanted is the beginning of what the method gives.

use crypto::{CryptoError, Encryptor, Iteration, PseudorandomFunction};
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::enumerations::{
    BlockCipherMode, CryptographicAlgorithm as Algorithm, DerivationMethod as Method, Enumeration as _, HashingAlgorithm as Hash,
    KeyFormatType, LinkType, ObjectType, SecretDataType, UniqueIdentifierEnumeration,
};
use kmip::identifier::{ObjectReference, UniqueIdentifier};
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SecretData, SymmetricKey};
use kmip::payload::derive_key::{DeriveKeyRequest, DeriveKeyResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;
use policy::Permission;

use crate::authorise::Authorised;
use crate::create::SECRET_BITS;
use crate::creation::{self, Origin};
use crate::environment::Settings;
use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Material, Operation, Plan};
use crate::use_of_key::{self, Amount, Use};

/// Objects of one request: no method takes more.
const OBJECTS_MAX: usize = 2;

/// Bytes that a hash takes at a time; most of them take more.
const HASH_PIECE: usize = 64;

pub(crate) struct DeriveKey;

impl Operation for DeriveKey {
    type Request = DeriveKeyRequest;
    type Response = DeriveKeyResponse;
    type Prepared = Option<Secret>;

    const PERMISSION: Permission = Permission::DeriveKey;
    const HEAVY: bool = true;
    const PREPARES_FROM_OBJECTS: bool = true;
    const USES_FACTORY: bool = true;

    fn plan(request: &DeriveKeyRequest, context: &Context<'_>) -> Result<Plan> {
        if !matches!(request.object_type, ObjectType::SymmetricKey | ObjectType::SecretData) {
            let text = "Derive Key makes symmetric keys and secret data only";
            return Err(wrong_object(text, context.version.is_1x()));
        }
        if !request.derivation_method.known_in(context.version) {
            return Err(Error::invalid_field("The server does not know the Derivation Method"));
        }
        let mut objects: Vec<String> = Vec::new();
        for reference in &request.unique_identifiers {
            if let ObjectReference::Enumeration(UniqueIdentifierEnumeration::IDPlaceholder) = reference {
                return Err(Error::invalid_field("The ID Placeholder does not name what a key is derived from"));
            }
            let identifier = context.identifier(Some(reference))?;
            if objects.contains(&identifier) {
                return Err(Error::invalid_field("An object is named twice"));
            }
            objects.push(identifier);
        }
        if objects.is_empty() || objects.len() > OBJECTS_MAX {
            return Err(Error::invalid_field(format!("A key is derived from 1 to {OBJECTS_MAX} objects")));
        }
        Ok(Plan { objects, ..creation::plan(&[Some(&request.attributes)], context)? })
    }

    // Nothing more is needed. But what may not be used is refused before any work is done with it.
    fn follow(request: &DeriveKeyRequest, loaded: &[Authorised], context: &Context<'_>) -> Result<Vec<String>> {
        let objects: Vec<&StoredObject> = loaded.iter().map(|object| &**object).collect();
        check_uses(request, &objects, context)?;
        Ok(Vec::new())
    }

    fn prepare(request: &DeriveKeyRequest, material: &Material<'_>) -> Result<Option<Secret>> {
        let given = creation::merged(Some(&request.attributes), &mut material.templates.iter(), material.settings)?;
        let mut shape = StoredObject::new(String::new(), String::new(), request.object_type, kmip::ProtocolVersion::V2_1);
        for instance in given {
            shape.add(instance.attribute);
        }
        material.factory.complete(&mut shape, material.settings)?;
        let wanted = Wanted::of(&shape)?;
        let objects: Vec<&StoredObject> = material.objects.iter().collect();
        derive(request, &objects, wanted.bytes, material).map(Some)
    }

    fn handle(
        request: &DeriveKeyRequest,
        loaded: Loaded,
        prepared: &Option<Secret>,
        context: &Context<'_>,
    ) -> Result<Done<DeriveKeyResponse>> {
        let derived = prepared.as_ref().ok_or_else(|| Error::general_failure("nothing was derived"))?;
        let mut bases: Vec<StoredObject> = loaded.objects.into_iter().map(Authorised::into_inner).collect();
        check_uses(request, &bases.iter().collect::<Vec<_>>(), context)?;
        let identifier = context.new_identifier()?;
        let owner = context.actor.name.clone();
        let mut object = StoredObject::new(identifier.clone(), owner, request.object_type, context.version);
        let given = creation::merged(Some(&request.attributes), &mut loaded.templates.iter(), context.settings)?;
        creation::apply(&mut object, given, context)?;
        context.factory.complete(&mut object, context.settings)?;
        let wanted = Wanted::of(&object)?;
        if wanted.bytes != derived.len() {
            return Err(Error::kept_changing());
        }
        object.object = Some(managed(request.object_type, derived, &wanted));
        for base in &bases {
            object.add(creation::link(LinkType::DerivationBaseObjectLink, &base.identifier));
        }
        creation::complete(&mut object, Origin::Generated, context)?;
        let response = DeriveKeyResponse { unique_identifier: UniqueIdentifier(identifier.clone()), template_attribute: None };
        let mut done = Done::reply(response);
        let amount = Amount { bytes: derived.len(), objects: 1 };
        for base in &mut bases {
            use_of_key::charge(base, Use::DeriveKey, amount, context.now)?;
            // Every derived key is known to its base, which therefore has no room for any number of them.
            let links = base.attributes().filter(|attribute| matches!(attribute, Attribute::Link(_))).count();
            creation::check_count(links + 1, context.settings)?;
            base.add(creation::link(LinkType::DerivedKeyLink, &identifier));
            base.touch(context.now);
            done = done.about(&base.identifier);
        }
        done.changes.extend(bases.into_iter().map(|base| Change::Write(Box::new(base))));
        Ok(done.with(Change::Write(Box::new(object))).returning(UniqueIdentifierEnumeration::DeriveKey, &identifier))
    }
}

/// Up to 1.4, an object that does not fit is an invalid field (1.4, section 11.7).
fn wrong_object(text: &'static str, is_1x: bool) -> Error {
    Error::new(if is_1x { ResultReason::InvalidField } else { ResultReason::InvalidObjectType }, text)
}

/// What is wanted of the derived object.
struct Wanted {
    algorithm: Option<Algorithm>,
    length: i32,
    bytes: usize,
}

impl Wanted {
    fn of(object: &StoredObject) -> Result<Self> {
        let algorithm = object.first(|attribute| match attribute {
            Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
            _ => None,
        });
        let length = object.first(|attribute| match attribute {
            Attribute::CryptographicLength(length) => Some(*length),
            _ => None,
        });
        let length = length.ok_or_else(|| Error::invalid_field("Cryptographic Length is missing"))?;
        let bytes = if object.object_type == ObjectType::SymmetricKey {
            let algorithm = algorithm.ok_or_else(|| Error::invalid_field("Cryptographic Algorithm is missing"))?;
            crypto::symmetric_bytes(algorithm, length)?
        } else if length > 0 && length % 8 == 0 && length <= SECRET_BITS {
            usize::try_from(length / 8).unwrap_or_default()
        } else {
            return Err(Error::invalid_field("Cryptographic Length of secret data must be a multiple of 8 up to 65536"));
        };
        Ok(Self { algorithm, length, bytes })
    }
}

fn managed(object_type: ObjectType, derived: &Secret, wanted: &Wanted) -> ManagedObject {
    let is_key = object_type == ObjectType::SymmetricKey;
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Raw,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(derived.clone()), attributes: None })),
        cryptographic_algorithm: wanted.algorithm.filter(|_| is_key),
        cryptographic_length: Some(wanted.length),
        key_wrapping_data: None,
    };
    if is_key {
        ManagedObject::SymmetricKey(SymmetricKey { key_block })
    } else {
        ManagedObject::SecretData(SecretData { secret_data_type: SecretDataType::Seed, key_block })
    }
}

/// The objects of a request by what they are for: the key, and the Secret Data that is derivation data.
fn roles<'a>(method: Method, objects: &[&'a StoredObject]) -> Result<(&'a StoredObject, Option<&'a StoredObject>)> {
    match *objects {
        [key] => Ok((key, None)),
        [one, other] if method == Method::AsymmetricKey => {
            Ok(if one.object_type == ObjectType::PrivateKey { (one, Some(other)) } else { (other, Some(one)) })
        }
        [data, key] if data.object_type == ObjectType::SecretData && key.object_type != ObjectType::SecretData => {
            Ok((key, Some(data)))
        }
        [key, data] if data.object_type == ObjectType::SecretData => Ok((key, Some(data))),
        _ => Err(Error::invalid_field("A key is derived from one key, with derivation data or a Secret Data object")),
    }
}

/// Whether the objects may be derived from now.
fn check_uses(request: &DeriveKeyRequest, objects: &[&StoredObject], context: &Context<'_>) -> Result<()> {
    let (key, beside) = roles(request.derivation_method, objects)?;
    // The parameters of HMAC are the key's (section 7.12), those of the others the request's over the key's.
    let method = request.derivation_method;
    let takes_parameters = !matches!(method, Method::HMAC | Method::PBKDF2 | Method::HASH);
    let requested = request.derivation_parameters.cryptographic_parameters.as_ref().filter(|_| takes_parameters);
    for (object, requested) in [(Some(key), requested), (beside, None)] {
        let Some(object) = object else { continue };
        let asymmetric = matches!(object.object_type, ObjectType::PrivateKey | ObjectType::PublicKey);
        if asymmetric != (method == Method::AsymmetricKey) {
            return Err(wrong_object("The Derivation Method does not take an object of this type", context.version.is_1x()));
        }
        use_of_key::check(object, Use::DeriveKey, requested, context.into()).map_err(|error| match error.reason {
            ResultReason::IncompatibleCryptographicUsageMask if context.version.is_1x() => {
                Error { reason: ResultReason::InvalidField, ..error }
            }
            _ => error,
        })?;
        object.material()?;
    }
    match beside {
        Some(secret) if method == Method::ENCRYPT => check_may_leave(secret),
        _ => Ok(()),
    }
}

/// ENCRYPT gives back what was encrypted to whoever has the key: it is no derivation of a secret that must not leave the server, but a
/// way out. The other methods cannot be turned round.
fn check_may_leave(secret: &StoredObject) -> Result<()> {
    match secret.must_not_leave() {
        true => {
            let text = "The Secret Data must not leave the server, and the derived key would be no more than its encryption";
            Err(Error::new(ResultReason::PermissionDenied, text))
        }
        false => Ok(()),
    }
}

/// What a derivation computes with.
struct Input<'a> {
    request: &'a DeriveKeyRequest,
    key: &'a StoredObject,
    parameters: CryptographicParameters,
    /// Derivation Data, or the Secret Data object in its place.
    data: Vec<Secret>,
    length: usize,
}

fn derive(request: &DeriveKeyRequest, objects: &[&StoredObject], length: usize, material: &Material<'_>) -> Result<Secret> {
    let (key, beside) = roles(request.derivation_method, objects)?;
    let given = &request.derivation_parameters;
    let method = request.derivation_method;
    if method == Method::AsymmetricKey {
        let other = beside.ok_or_else(|| Error::invalid_field("Asymmetric Key needs a private key and a public key"))?;
        return beginning(agree(key, other)?, length);
    }
    let mut data = given.derivation_data.clone();
    if let Some(beside) = beside {
        if !data.is_empty() {
            return Err(ambiguous());
        }
        data.push(key_material::symmetric(beside)?);
    }
    // Where the request names none, those of the key with the lowest index (1.4, section 4.6).
    let parameters = given.cryptographic_parameters.clone().or_else(|| own_parameters(key)).unwrap_or_default();
    let input = Input { request, key, parameters, data, length };
    match method {
        Method::PBKDF2 => pbkdf2(&input, material.settings),
        Method::HASH => {
            let hash = input.parameters.hashing_algorithm.ok_or_else(|| Error::invalid_field("Hashing Algorithm is missing"))?;
            let secret = input.only_the_object()?;
            beginning(Secret::new(crypto::digest(hash, secret.expose())?), length)
        }
        Method::HMAC => {
            let hash = input.hmac_hash()?;
            let mut mac = crypto::Mac::hmac(hash, key_material::symmetric(key)?.expose())?;
            mac.update(input.one()?.expose());
            beginning(Secret::new(mac.finish()), length)
        }
        Method::ENCRYPT => encrypt(&input, material),
        Method::NIST800_108_C | Method::NIST800_108_F | Method::NIST800_108_DPI => nist_800_108(&input, material.settings),
        Method::AWSSignatureVersion4 => {
            let [date, region, service] = input.data.as_slice() else {
                return Err(Error::invalid_field("Derivation Data must be date, region and service"));
            };
            let secret = key_material::symmetric(key)?;
            let scope = [date.expose(), region.expose(), service.expose()];
            beginning(crypto::aws_signature_version_4(secret.expose(), scope)?, length)
        }
        Method::HKDF => hkdf(&input, material.settings),
        _ => Err(Error::invalid_field("The server does not know the Derivation Method")),
    }
}

impl Input<'_> {
    /// The derivation data of a method that takes one.
    fn one(&self) -> Result<&Secret> {
        match self.data.as_slice() {
            [data] => Ok(data),
            [] => Err(Error::invalid_field("Derivation Data is missing")),
            _ => Err(Error::invalid_field("The Derivation Method takes one Derivation Data")),
        }
    }

    /// The object of a method that takes nothing beside it.
    fn only_the_object(&self) -> Result<Secret> {
        if self.data.is_empty() { key_material::symmetric(self.key) } else { Err(ambiguous()) }
    }

    /// The hash of HMAC: the key's own, before that of the parameters.
    fn hmac_hash(&self) -> Result<Hash> {
        if let Some(own) = algorithm(self.key).and_then(hmac_hash) {
            return Ok(own);
        }
        let named = self.named_hash()?;
        named.ok_or_else(|| Error::invalid_field("Hashing Algorithm is missing, and the key is for no HMAC"))
    }

    /// The hash of the pseudorandom function that the parameters name: as a hash, or as the HMAC that has it (2.1, section 7.12).
    fn named_hash(&self) -> Result<Option<Hash>> {
        let hash = self.parameters.hashing_algorithm;
        match (hash, self.parameters.cryptographic_algorithm.and_then(hmac_hash)) {
            (Some(hash), Some(of_hmac)) if hash != of_hmac => {
                let text = "Hashing Algorithm is not the hash of the HMAC that Cryptographic Algorithm names";
                Err(Error::new(ResultReason::BadCryptographicParameters, text))
            }
            (hash, of_hmac) => Ok(hash.or(of_hmac)),
        }
    }
}

fn own_parameters(key: &StoredObject) -> Option<CryptographicParameters> {
    let own = key.instances.iter().filter_map(|instance| match &instance.attribute {
        Attribute::CryptographicParameters(own) => Some((instance.index, own)),
        _ => None,
    });
    own.min_by_key(|(index, _)| *index).map(|(_, own)| own.clone())
}

fn algorithm(key: &StoredObject) -> Option<Algorithm> {
    key.first(|attribute| match attribute {
        Attribute::CryptographicAlgorithm(algorithm) => Some(*algorithm),
        _ => None,
    })
}

fn hmac_hash(algorithm: Algorithm) -> Option<Hash> {
    crypto::MACS.iter().find(|row| row.algorithm == algorithm).and_then(|row| match row.function {
        crypto::MacFunction::Hmac(hash) => Some(hash),
        crypto::MacFunction::Cmac => None,
    })
}

/// The standard's answer to both (1.4, section 11.7).
fn ambiguous() -> Error {
    let text = "Derivation data is given both as Derivation Data and as an object, or beside an object that takes none";
    Error::new(ResultReason::InvalidMessage, text)
}

/// The beginning of what a method gave.
fn beginning(given: Secret, length: usize) -> Result<Secret> {
    given.expose().get(..length).map(Secret::from_slice).ok_or_else(too_long)
}

fn too_long() -> Error {
    Error::new(ResultReason::CryptographicFailure, "Cryptographic Length exceeds what the Derivation Method gives")
}

/// That blocks, each of which is computed from all of the data, are not more work than is allowed: `piece` bytes are one step of it.
fn check_work(blocks: usize, data: usize, piece: usize, settings: &Settings) -> Result<()> {
    let steps = blocks.saturating_mul(data / piece + 1);
    if steps as u64 > settings.derivation_iterations {
        return Err(Error::invalid_field("The derivation data are too long for a derived key of this length"));
    }
    Ok(())
}

fn pbkdf2(input: &Input<'_>, settings: &Settings) -> Result<Secret> {
    let given = &input.request.derivation_parameters;
    let password = input.only_the_object()?;
    let salt = given.salt.as_ref().ok_or_else(|| Error::invalid_field("Salt is missing"))?;
    let iterations = given.iteration_count.ok_or_else(|| Error::invalid_field("Iteration Count is missing"))?;
    let iterations = u32::try_from(iterations).ok().filter(|count| *count > 0);
    let iterations = iterations.ok_or_else(|| Error::invalid_field("Iteration Count must be at least 1"))?;
    let hash = input.named_hash()?.unwrap_or(Hash::SHA_1);
    let blocks = input.length.div_ceil(crypto::digest(hash, b"")?.len().max(1));
    check_work(blocks, salt.0.len(), HASH_PIECE, settings)?;
    if u64::from(iterations) * blocks as u64 > settings.derivation_iterations {
        let text = format!(
            "Iteration Count is too large: the server performs at most {} iterations for all blocks of a key",
            settings.derivation_iterations
        );
        return Err(Error::invalid_field(text));
    }
    Ok(crypto::pbkdf2(hash, password.expose(), &salt.0, iterations, input.length)?)
}

fn encrypt(input: &Input<'_>, material: &Material<'_>) -> Result<Secret> {
    let key = key_material::symmetric(input.key)?;
    let mut parameters = input.parameters.clone();
    parameters.cryptographic_algorithm = parameters.cryptographic_algorithm.or_else(|| algorithm(input.key));
    // The same request has to give the same key.
    parameters.random_iv = None;
    let iv = input.request.derivation_parameters.initialization_vector.as_ref().map(|iv| iv.0.as_slice());
    let begin = |iv: Option<&[u8]>| Encryptor::new(&parameters, key.expose(), iv, None, material.random);
    let mut encryptor = match begin(iv) {
        Err(CryptoError::MissingIv) => {
            let block = if parameters.cryptographic_algorithm == Some(Algorithm::DES3) { 8 } else { 16 };
            let chains = matches!(
                parameters.block_cipher_mode,
                Some(BlockCipherMode::CBC | BlockCipherMode::CFB | BlockCipherMode::OFB | BlockCipherMode::CTR)
            );
            begin(chains.then_some(&[0; 16][..block]))?
        }
        begun => begun?,
    };
    let mut derived = encryptor.update(input.one()?.expose())?;
    derived.extend(encryptor.finish()?.0);
    beginning(Secret::new(derived), input.length)
}

fn nist_800_108(input: &Input<'_>, settings: &Settings) -> Result<Secret> {
    let cipher = input.parameters.cryptographic_algorithm.or_else(|| algorithm(input.key));
    let function = match (input.parameters.block_cipher_mode, input.hmac_hash(), cipher) {
        (Some(BlockCipherMode::CMAC), _, Some(cipher)) => PseudorandomFunction::Cmac(cipher),
        (_, Ok(hash), _) => PseudorandomFunction::Hmac(hash),
        (_, Err(error), _) => return Err(error),
    };
    let iv = input.request.derivation_parameters.initialization_vector.as_ref().map_or(&[][..], |iv| &iv.0);
    let iteration = match input.request.derivation_method {
        Method::NIST800_108_F => Iteration::Feedback { iv },
        Method::NIST800_108_DPI => Iteration::DoublePipeline,
        _ => Iteration::Counter,
    };
    let counter_bits = match input.parameters.counter_length {
        None => Some(32),
        Some(0) => None,
        Some(bits) => Some(u32::try_from(bits).map_err(|_| Error::invalid_field("Counter Length must not be negative"))?),
    };
    let key = key_material::symmetric(input.key)?;
    // Label, zero byte and context are the client's; the length of all that is derived belongs behind them.
    let bits = u32::try_from(input.length * 8).map_err(|_| too_long())?;
    let fixed = Secret::new([input.one()?.expose(), &bits.to_be_bytes()].concat());
    let (block, piece) = match function {
        PseudorandomFunction::Hmac(hash) => (crypto::digest(hash, b"")?.len().max(1), HASH_PIECE),
        PseudorandomFunction::Cmac(Algorithm::DES3) => (8, 8),
        PseudorandomFunction::Cmac(_) => (16, 16),
    };
    check_work(input.length.div_ceil(block), fixed.len() + iv.len(), piece, settings)?;
    if counter_bits == Some(8) && input.length > 255 * 16 {
        return Err(too_long());
    }
    Ok(crypto::nist_800_108(iteration, function, key.expose(), fixed.expose(), counter_bits, input.length)?)
}

fn hkdf(input: &Input<'_>, settings: &Settings) -> Result<Secret> {
    let hash = input.named_hash()?.unwrap_or(Hash::SHA_256);
    let block = crypto::digest(hash, b"")?.len().max(1);
    if input.length > 255 * block {
        return Err(too_long());
    }
    let salt = input.request.derivation_parameters.salt.as_ref().map_or(&[][..], |salt| &salt.0);
    let info = if input.data.is_empty() { &[][..] } else { input.one()?.expose() };
    check_work(input.length.div_ceil(block), info.len(), HASH_PIECE, settings)?;
    let key = key_material::symmetric(input.key)?;
    Ok(crypto::hkdf(hash, key.expose(), salt, info, input.length)?)
}

/// The secret that the halves of two pairs agree on.
fn agree(private: &StoredObject, public: &StoredObject) -> Result<Secret> {
    Ok(crypto::agree(&key_material::private(private)?, &key_material::public(public)?)?)
}
