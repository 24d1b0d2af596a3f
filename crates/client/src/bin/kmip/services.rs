//! What the server computes with keys, for people and scripts.
//!
//! What was encrypted is one file: the IV that the server made, the ciphertext, and the tag of authenticated encryption. So nothing has to be
//! written down beside it. Data are sent and received in parts and never held whole.

use client::{AttributeList, Client, Error};
use kmip::attribute::AttributeReference;
use kmip::codec::ByteString;
use kmip::enumerations::{
    BlockCipherMode, CryptographicAlgorithm, EncodingOption, KeyFormatType, ObjectType, ValidityIndicator, WrappingMethod,
};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::object::ManagedObject;
use kmip::payload::{
    CreateSplitKeyRequest, DecryptRequest, DeriveKeyRequest, EncryptRequest, GetRequest, HashRequest, JoinSplitKeyRequest,
    MACRequest, MACVerifyRequest, RNGRetrieveRequest, SignRequest, SignatureVerifyRequest,
};
use kmip::structures::{CryptographicParameters, Data, DerivationParameters, EncryptionKeyInformation, KeyWrappingSpecification};
use kmip::{ProtocolVersion, Secret, tag};
use serde_json::json;
use zeroize::Zeroizing;

use crate::arguments::NewObject;
use crate::attribute_text::enumeration;
use crate::commands::{half_done, new_object, object_document};
use crate::input;
use crate::output::{self, Failure, Output};
use crate::service_arguments::{
    Cipher, Crypt, Derive, Destination, Hash, Input, Join, Mac, MacVerify, Parameters, Random, Sign, Split, Verify, Wrap,
};
use crate::streams::{Part, Sink, Source, send};

/// Random bytes that are asked for at a time.
const RANDOM_PART: u64 = 64 << 10;
/// The tag of authenticated encryption, in bytes, where nothing else is said.
const TAG: usize = 16;

fn parameters(arguments: &Parameters) -> Result<Option<CryptographicParameters>, Failure> {
    let Parameters { mode, padding, hash, used_with } = arguments;
    let given = CryptographicParameters {
        block_cipher_mode: mode.as_deref().map(enumeration).transpose()?,
        padding_method: padding.as_deref().map(enumeration).transpose()?,
        hashing_algorithm: hash.as_deref().map(enumeration).transpose()?,
        cryptographic_algorithm: used_with.as_deref().map(enumeration).transpose()?,
        ..CryptographicParameters::default()
    };
    Ok((given != CryptographicParameters::default()).then_some(given))
}

fn hex(text: &str, what: &str) -> Result<Vec<u8>, Failure> {
    let bytes = input::from_hex(text).ok_or_else(|| Failure::usage(format!("`{text}` is not {what} in hexadecimal digits")))?;
    Ok(bytes.to_vec())
}

fn not_before(version: ProtocolVersion, since: ProtocolVersion, what: &str) -> Result<(), Failure> {
    if version < since {
        return Err(Error::NotInVersion { what: what.to_owned(), version }.into());
    }
    Ok(())
}

fn lost_tag() -> Failure {
    Error::Mismatch("the tag or the IV is missing").into()
}

/// What stands around the ciphertext, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    iv: usize,
    tag: usize,
}

impl Layout {
    fn of(object_type: ObjectType, algorithm: Option<CryptographicAlgorithm>, effective: &CryptographicParameters) -> Self {
        use CryptographicAlgorithm as Algorithm;
        let bits = |bits: i32| usize::try_from(bits / 8).unwrap_or_default();
        let length = effective.tag_length.map_or(TAG, |length| usize::try_from(length).unwrap_or_default());
        let mode = effective.block_cipher_mode;
        let (iv, tag) = match (algorithm, mode) {
            _ if object_type != ObjectType::SymmetricKey => (0, 0),
            (Some(Algorithm::OneTimePad), _) | (_, Some(BlockCipherMode::ECB)) => (0, 0),
            (_, Some(BlockCipherMode::GCM | BlockCipherMode::CCM | BlockCipherMode::AEAD)) => (12, length),
            (Some(Algorithm::ChaCha20Poly1305), _) => (12, length),
            (Some(Algorithm::ChaCha20), _) => (12, 0),
            (Some(Algorithm::DES3), _) => (8, 0),
            _ => (16, 0),
        };
        Self { iv: effective.iv_length.filter(|_| iv > 0).map_or(iv, bits), tag }
    }
}

/// The parameters that a request names, and what stands around the ciphertext by those that hold: the request's over the key's own. An AES
/// key for which neither says anything is used with GCM.
async fn cipher(
    client: &mut Client,
    key: &UniqueIdentifier,
    arguments: &Cipher,
) -> Result<(Option<CryptographicParameters>, Layout), Failure> {
    let mut requested = parameters(&arguments.parameters)?;
    let asked = [tag::ObjectType, tag::CryptographicAlgorithm, tag::CryptographicParameters];
    let attributes = client.get_attributes(key, &asked.map(AttributeReference::Standard)).await?;
    let object_type = attributes.object_type().copied().unwrap_or(ObjectType::SymmetricKey);
    let own = attributes.cryptographic_parameters().cloned();
    let algorithm = requested.as_ref().and_then(|requested| requested.cryptographic_algorithm);
    let algorithm = algorithm.or(attributes.cryptographic_algorithm().copied());
    let has_mode = |parameters: &Option<CryptographicParameters>| {
        parameters.as_ref().is_some_and(|parameters| parameters.block_cipher_mode.is_some())
    };
    let is_aes = object_type == ObjectType::SymmetricKey && algorithm == Some(CryptographicAlgorithm::AES);
    if is_aes && !has_mode(&requested) && !has_mode(&own) {
        let parameters = requested.get_or_insert_default();
        parameters.block_cipher_mode = Some(BlockCipherMode::GCM);
        parameters.tag_length = Some(16);
    }
    let own = own.unwrap_or_default();
    let given = requested.clone().unwrap_or_default();
    let effective = CryptographicParameters {
        block_cipher_mode: given.block_cipher_mode.or(own.block_cipher_mode),
        iv_length: own.iv_length,
        tag_length: given.tag_length.or(own.tag_length),
        ..CryptographicParameters::default()
    };
    Ok((requested, Layout::of(object_type, algorithm, &effective)))
}

fn additional_data(arguments: &Cipher, version: ProtocolVersion) -> Result<Option<ByteString>, Failure> {
    let Some(file) = &arguments.additional_data else { return Ok(None) };
    // Before 1.4 there is no field for it, and what is not sent is not authenticated.
    not_before(version, ProtocolVersion::V1_4, "--additional-data")?;
    Ok(Some(ByteString(input::read(file)?.to_vec())))
}

fn to_file_only(output: Output, to: &Destination) -> Result<(), Failure> {
    match output.json && to.out.is_none() {
        true => Err(Failure::usage("with --json, the result goes to a file: name it with --out")),
        false => Ok(()),
    }
}

fn written(output: Output, key: Option<&str>, to: &Destination) {
    if output.json {
        output::line(format_args!("{:#}", json!({ "unique_identifier": key, "file": to.out })));
    }
}

/// Encrypt.
pub(crate) async fn encrypt(client: &mut Client, output: Output, arguments: Crypt) -> Result<(), Failure> {
    to_file_only(output, &arguments.to)?;
    let version = client.version();
    let key: UniqueIdentifier = arguments.key.as_str().into();
    let given_iv = arguments.cipher.iv.as_deref().map(|iv| hex(iv, "an IV")).transpose()?;
    let aad = additional_data(&arguments.cipher, version)?;
    let mut source = Source::open(&arguments.from)?;
    let (mut requested, layout) = cipher(client, &key, &arguments.cipher).await?;
    let is_made = layout.iv > 0 && given_iv.is_none();
    if is_made {
        requested.get_or_insert_default().random_iv = Some(true);
    }
    let mut sink = Sink::open(&arguments.to, true)?;
    let (mut iv_is_written, mut tag) = (!is_made, None);
    let request = |part: Part| EncryptRequest {
        unique_identifier: Some(key.clone().into()),
        cryptographic_parameters: requested.clone().filter(|_| part.is_first),
        data: part.data,
        iv_counter_nonce: given_iv.clone().map(ByteString).filter(|_| part.is_first),
        correlation_value: part.correlation_value,
        init_indicator: part.init_indicator,
        final_indicator: part.final_indicator,
        authenticated_encryption_additional_data: aad.clone().filter(|_| part.is_first),
    };
    let take = |answer: kmip::payload::EncryptResponse| {
        if let (Some(iv), false) = (&answer.iv_counter_nonce, iv_is_written) {
            sink.write(&iv.0)?;
            iv_is_written = true;
        }
        if let Some(data) = answer.data.as_ref().and_then(Data::bytes) {
            if !iv_is_written {
                return Err(lost_tag());
            }
            sink.write(data.expose())?;
        }
        tag = answer.authenticated_encryption_tag.or(tag.take());
        Ok(answer.correlation_value)
    };
    send(client, &mut source, 0, request, take).await?;
    // Before 1.4 the tag is the end of the data.
    if layout.tag > 0 && version >= ProtocolVersion::V1_4 {
        sink.write(&tag.ok_or_else(lost_tag)?.0)?;
    }
    sink.finish()?;
    written(output, Some(&arguments.key), &arguments.to);
    Ok(())
}

/// Decrypt.
pub(crate) async fn decrypt(client: &mut Client, output: Output, arguments: Crypt) -> Result<(), Failure> {
    to_file_only(output, &arguments.to)?;
    let version = client.version();
    let key: UniqueIdentifier = arguments.key.as_str().into();
    let given_iv = arguments.cipher.iv.as_deref().map(|iv| hex(iv, "an IV")).transpose()?;
    let aad = additional_data(&arguments.cipher, version)?;
    let mut source = Source::open(&arguments.from)?;
    let (requested, layout) = cipher(client, &key, &arguments.cipher).await?;
    let iv = match given_iv {
        Some(iv) => Some(iv),
        None if layout.iv > 0 => Some(source.first(layout.iv, "IV")?),
        None => None,
    };
    let tail = if version >= ProtocolVersion::V1_4 { layout.tag } else { 0 };
    let mut sink = Sink::open(&arguments.to, true)?;
    let request = |part: Part| DecryptRequest {
        unique_identifier: Some(key.clone().into()),
        cryptographic_parameters: requested.clone().filter(|_| part.is_first),
        data: part.data,
        iv_counter_nonce: iv.clone().map(ByteString).filter(|_| part.is_first),
        correlation_value: part.correlation_value,
        init_indicator: part.init_indicator,
        final_indicator: part.final_indicator,
        authenticated_encryption_additional_data: aad.clone().filter(|_| part.is_first),
        authenticated_encryption_tag: part.tail.map(ByteString),
    };
    let take = |answer: kmip::payload::DecryptResponse| {
        if let Some(data) = answer.data.as_ref().and_then(Data::bytes) {
            sink.write(data.expose())?;
        }
        Ok(answer.correlation_value)
    };
    send(client, &mut source, tail, request, take).await?;
    sink.finish()?;
    written(output, Some(&arguments.key), &arguments.to);
    Ok(())
}

/// A short result: a signature, a code or a digest.
fn short(output: Output, to: &Destination, key: Option<&str>, name: &str, bytes: Option<&[u8]>) -> Result<(), Failure> {
    let bytes = bytes.ok_or(Error::Mismatch("the result is missing"))?;
    if output.json && to.out.is_none() {
        let mut document = json!({ (format!("{name}_hex")): input::to_hex(bytes).as_str() });
        if let Some(key) = key {
            document["unique_identifier"] = json!(key);
        }
        output::line(format_args!("{document:#}"));
        return Ok(());
    }
    let mut sink = Sink::open(to, false)?;
    sink.write(bytes)?;
    sink.finish()?;
    written(output, key, to);
    Ok(())
}

/// What is signed: data in parts, or their digest in one.
fn digest(source: &mut Source, is_digest: bool, version: ProtocolVersion) -> Result<Option<ByteString>, Failure> {
    if !is_digest {
        return Ok(None);
    }
    not_before(version, ProtocolVersion::V1_4, "--digest")?;
    Ok(Some(ByteString(source.whole()?.expose().to_vec())))
}

/// Sign.
pub(crate) async fn sign(client: &mut Client, output: Output, arguments: Sign) -> Result<(), Failure> {
    let cryptographic_parameters = parameters(&arguments.parameters)?;
    let mut source = Source::open(&arguments.from)?;
    let digested_data = digest(&mut source, arguments.digest, client.version())?;
    let mut signature = None;
    let request = |part: Part| SignRequest {
        unique_identifier: Some(arguments.key.as_str().into()),
        cryptographic_parameters: cryptographic_parameters.clone().filter(|_| part.is_first),
        data: part.data.filter(|_| digested_data.is_none()),
        digested_data: digested_data.clone(),
        correlation_value: part.correlation_value,
        init_indicator: part.init_indicator,
        final_indicator: part.final_indicator,
    };
    let take = |answer: kmip::payload::SignResponse| {
        signature = answer.signature_data;
        Ok(answer.correlation_value)
    };
    send(client, &mut source, 0, request, take).await?;
    let signature = signature.as_ref().map(|signature| signature.0.as_slice());
    short(output, &arguments.to, Some(&arguments.key), "signature", signature)
}

fn judged(output: Output, key: &str, indicator: Option<ValidityIndicator>) -> Result<(), Failure> {
    let valid = indicator == Some(ValidityIndicator::Valid);
    let text = if valid { "valid" } else { "not valid" };
    output.result(text, || json!({ "unique_identifier": key, "valid": valid }));
    if valid { Ok(()) } else { Err(Failure::Reported) }
}

/// Signature Verify.
pub(crate) async fn verify(client: &mut Client, output: Output, arguments: Verify) -> Result<(), Failure> {
    let cryptographic_parameters = parameters(&arguments.parameters)?;
    let (file, input_encoding) = (arguments.signature.clone(), arguments.signature_encoding);
    let signature = Source::open(&Input { file, input_encoding })?.whole()?;
    let mut source = Source::open(&arguments.from)?;
    let digested_data = digest(&mut source, arguments.digest, client.version())?;
    let mut indicator = None;
    let request = |part: Part| SignatureVerifyRequest {
        unique_identifier: Some(arguments.key.as_str().into()),
        cryptographic_parameters: cryptographic_parameters.clone().filter(|_| part.is_first),
        data: part.data.filter(|_| digested_data.is_none()),
        digested_data: digested_data.clone(),
        signature_data: Some(ByteString(signature.expose().to_vec())),
        correlation_value: part.correlation_value,
        init_indicator: part.init_indicator,
        final_indicator: part.final_indicator,
    };
    let take = |answer: kmip::payload::SignatureVerifyResponse| {
        indicator = answer.validity_indicator;
        Ok(answer.correlation_value)
    };
    send(client, &mut source, 0, request, take).await?;
    judged(output, &arguments.key, indicator)
}

/// MAC.
pub(crate) async fn mac(client: &mut Client, output: Output, arguments: Mac) -> Result<(), Failure> {
    let cryptographic_parameters = parameters(&arguments.parameters)?;
    let mut source = Source::open(&arguments.from)?;
    let mut code = None;
    let request = |part: Part| MACRequest {
        unique_identifier: Some(arguments.key.as_str().into()),
        cryptographic_parameters: cryptographic_parameters.clone().filter(|_| part.is_first),
        data: part.data,
        correlation_value: part.correlation_value,
        init_indicator: part.init_indicator,
        final_indicator: part.final_indicator,
    };
    let take = |answer: kmip::payload::MACResponse| {
        code = answer.mac_data;
        Ok(answer.correlation_value)
    };
    send(client, &mut source, 0, request, take).await?;
    short(output, &arguments.to, Some(&arguments.key), "mac", code.as_ref().map(|code| code.0.as_slice()))
}

/// MAC Verify.
pub(crate) async fn mac_verify(client: &mut Client, output: Output, arguments: MacVerify) -> Result<(), Failure> {
    let cryptographic_parameters = parameters(&arguments.parameters)?;
    let code = hex(&arguments.mac, "a code")?;
    let mut source = Source::open(&arguments.from)?;
    let mut indicator = None;
    let request = |part: Part| MACVerifyRequest {
        unique_identifier: Some(arguments.key.as_str().into()),
        cryptographic_parameters: cryptographic_parameters.clone().filter(|_| part.is_first),
        data: part.data,
        mac_data: Some(ByteString(code.clone())),
        correlation_value: part.correlation_value,
        init_indicator: part.init_indicator,
        final_indicator: part.final_indicator,
    };
    let take = |answer: kmip::payload::MACVerifyResponse| {
        indicator = answer.validity_indicator;
        Ok(answer.correlation_value)
    };
    send(client, &mut source, 0, request, take).await?;
    judged(output, &arguments.key, indicator)
}

/// Hash.
pub(crate) async fn hash(client: &mut Client, output: Output, arguments: Hash) -> Result<(), Failure> {
    let hashing_algorithm = Some(enumeration(&arguments.hash)?);
    let cryptographic_parameters = CryptographicParameters { hashing_algorithm, ..CryptographicParameters::default() };
    let mut source = Source::open(&arguments.from)?;
    let mut digest = None;
    let request = |part: Part| HashRequest {
        cryptographic_parameters: cryptographic_parameters.clone(),
        data: part.data,
        correlation_value: part.correlation_value,
        init_indicator: part.init_indicator,
        final_indicator: part.final_indicator,
    };
    let take = |answer: kmip::payload::HashResponse| {
        digest = answer.data;
        Ok(answer.correlation_value)
    };
    send(client, &mut source, 0, request, take).await?;
    let digest = digest.as_ref().and_then(Data::bytes).map(Secret::expose);
    short(output, &arguments.to, None, "digest", digest)
}

/// RNG Retrieve.
pub(crate) async fn random(client: &mut Client, output: Output, arguments: Random) -> Result<(), Failure> {
    to_file_only(output, &arguments.to)?;
    let mut sink = Sink::open(&arguments.to, false)?;
    let mut left = arguments.bytes;
    while left > 0 {
        let wanted = left.min(RANDOM_PART);
        let data_length = i32::try_from(wanted).unwrap_or(i32::MAX);
        let answer = client.call(&RNGRetrieveRequest { data_length }).await?;
        let bytes = answer.data.as_ref().and_then(Data::bytes).map(Secret::expose).unwrap_or_default();
        // A server may give fewer than it was asked for.
        if bytes.is_empty() || bytes.len() as u64 > wanted {
            return Err(Error::Mismatch("the number of random bytes").into());
        }
        sink.write(bytes)?;
        left -= bytes.len() as u64;
    }
    sink.finish()?;
    written(output, None, &arguments.to);
    Ok(())
}

/// Activates what was made, if that was asked for, and says what it is.
async fn made(client: &mut Client, output: Output, object: &NewObject, identifier: &UniqueIdentifier) -> Result<(), Failure> {
    if object.activate {
        client.activate(identifier).await.map_err(|error| half_done(identifier, &error))?;
    }
    output.result(identifier, || json!({ "unique_identifier": identifier.0 }));
    Ok(())
}

/// What a new key may be used for when nobody says otherwise.
fn usable(attributes: AttributeList, object: &NewObject) -> AttributeList {
    match object.usage {
        Some(_) => attributes,
        None => attributes.usage(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt),
    }
}

/// Derive Key.
pub(crate) async fn derive(client: &mut Client, output: Output, arguments: Derive) -> Result<(), Failure> {
    let bytes = |text: &Option<String>, what| text.as_deref().map(|text| hex(text, what)).transpose();
    let mut attributes = usable(new_object(&arguments.object)?, &arguments.object).length(arguments.length);
    if !arguments.secret_data {
        attributes = attributes.algorithm(enumeration(&arguments.algorithm)?);
    }
    let data = arguments.data.iter().map(|text| Ok(Secret::new(hex(text, "derivation data")?)));
    let request = DeriveKeyRequest {
        object_type: if arguments.secret_data { ObjectType::SecretData } else { ObjectType::SymmetricKey },
        unique_identifiers: arguments.bases.iter().map(|base| base.as_str().into()).collect(),
        derivation_method: enumeration(&arguments.method)?,
        derivation_parameters: DerivationParameters {
            cryptographic_parameters: parameters(&arguments.parameters)?,
            initialization_vector: bytes(&arguments.iv, "an IV")?.map(ByteString),
            derivation_data: data.collect::<Result<_, Failure>>()?,
            salt: bytes(&arguments.salt, "a salt")?.map(ByteString),
            iteration_count: arguments.iterations,
        },
        attributes: attributes.template(client.version())?,
    };
    let identifier = client.call(&request).await?.unique_identifier;
    made(client, output, &arguments.object, &identifier).await
}

/// Create Split Key.
pub(crate) async fn split(client: &mut Client, output: Output, arguments: Split) -> Result<(), Failure> {
    let split_key_method = enumeration(&arguments.method)?;
    let is_xor = split_key_method == kmip::enumerations::SplitKeyMethod::XOR;
    let mut attributes = new_object(&arguments.object)?;
    if arguments.key.is_none() {
        attributes = usable(attributes, &arguments.object);
        attributes = attributes.algorithm(enumeration(&arguments.algorithm)?).length(arguments.length);
    }
    let request = CreateSplitKeyRequest {
        object_type: ObjectType::SplitKey,
        unique_identifier: arguments.key.as_deref().map(Into::into),
        split_key_parts: arguments.parts,
        split_key_threshold: arguments.threshold.unwrap_or(if is_xor { arguments.parts } else { 2 }),
        split_key_method,
        prime_field_size: None,
        attributes: attributes.template(client.version())?,
        protection_storage_masks: None,
    };
    let parts = client.call(&request).await?.unique_identifiers;
    if arguments.object.activate {
        for part in &parts {
            client.activate(part).await.map_err(|error| half_done(part, &error))?;
        }
    }
    let parts: Vec<String> = parts.into_iter().map(|part| part.0).collect();
    output.result(parts.join("\n"), || json!({ "unique_identifiers": parts }));
    Ok(())
}

/// Join Split Key.
pub(crate) async fn join(client: &mut Client, output: Output, arguments: Join) -> Result<(), Failure> {
    let request = JoinSplitKeyRequest {
        object_type: enumeration(&arguments.object_type)?,
        unique_identifiers: arguments.parts.iter().map(|part| part.as_str().into()).collect(),
        secret_data_type: None,
        attributes: Some(new_object(&arguments.object)?.template(client.version())?),
        protection_storage_masks: None,
    };
    let identifier = client.call(&request).await?.unique_identifier;
    made(client, output, &arguments.object, &identifier).await
}

/// Get, of a key under another.
pub(crate) async fn wrap(client: &mut Client, output: Output, arguments: Wrap) -> Result<(), Failure> {
    let Wrap { mode, padding, hash, .. } = &arguments;
    let named = Parameters { mode: mode.clone(), padding: padding.clone(), hash: hash.clone(), used_with: None };
    let key_format_type: Option<KeyFormatType> = arguments.key_format.as_deref().map(enumeration).transpose()?;
    let encoding = if arguments.ttlv { EncodingOption::TTLVEncoding } else { EncodingOption::NoEncoding };
    if !arguments.ttlv {
        not_before(client.version(), ProtocolVersion::V1_1, "wrapping the bytes of a key alone (take --ttlv)")?;
    }
    let request = GetRequest {
        unique_identifier: Some(arguments.key.as_str().into()),
        key_format_type,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: Some(KeyWrappingSpecification {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: Some(EncryptionKeyInformation {
                unique_identifier: arguments.wrapping_key.as_str().into(),
                cryptographic_parameters: parameters(&named)?,
            }),
            mac_signature_key_information: None,
            attribute_names: Vec::new(),
            attribute_references: Vec::new(),
            encoding_option: Some(encoding),
        }),
    };
    let answer = client.call(&request).await?;
    if output.json && arguments.to.out.is_none() {
        let document = object_document(&answer.unique_identifier, &answer.object, client.version());
        output::line(format_args!("{document:#}"));
        return Ok(());
    }
    let wrapped = wrapped_bytes(&answer.object).ok_or(Error::Mismatch("the key is not wrapped"))?;
    let mut sink = Sink::open(&arguments.to, false)?;
    sink.write(&wrapped)?;
    sink.finish()?;
    written(output, Some(&arguments.key), &arguments.to);
    Ok(())
}

/// The wrapped bytes, behind the IV if there is one.
fn wrapped_bytes(object: &ManagedObject) -> Option<Zeroizing<Vec<u8>>> {
    let data = object.key_block()?.key_wrapping_data.as_ref()?;
    let iv = data.iv_counter_nonce.as_ref().map_or(&[][..], |iv| &iv.0);
    Some(Zeroizing::new([iv, client::material(object)?.expose()].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_ciphertext() {
        use BlockCipherMode as Mode;
        use CryptographicAlgorithm as Algorithm;
        for (algorithm, mode, iv, tag) in [
            (Algorithm::AES, Some(Mode::GCM), 12, 16),
            (Algorithm::AES, Some(Mode::CBC), 16, 0),
            (Algorithm::AES, Some(Mode::ECB), 0, 0),
            (Algorithm::DES3, Some(Mode::CBC), 8, 0),
            (Algorithm::ChaCha20Poly1305, None, 12, 16),
            (Algorithm::ChaCha20, None, 12, 0),
            (Algorithm::OneTimePad, None, 0, 0),
        ] {
            let parameters = CryptographicParameters { block_cipher_mode: mode, ..CryptographicParameters::default() };
            let layout = Layout::of(ObjectType::SymmetricKey, Some(algorithm), &parameters);
            assert_eq!(layout, Layout { iv, tag }, "{algorithm:?} {mode:?}");
        }
        let cut = CryptographicParameters {
            block_cipher_mode: Some(Mode::GCM),
            iv_length: Some(128),
            tag_length: Some(12),
            ..CryptographicParameters::default()
        };
        let layout = Layout::of(ObjectType::SymmetricKey, Some(Algorithm::AES), &cut);
        assert_eq!(layout, Layout { iv: 16, tag: 12 });
        assert_eq!(Layout::of(ObjectType::PublicKey, Some(Algorithm::RSA), &cut), Layout { iv: 0, tag: 0 });
    }
}
