//! Credentials in messages (2.1, section 3.6 and 9.8): who the client says it is, beside its certificate.

use ttlv_codec::{Item, Tag, Tree, Writer};

use crate::codec::{ByteString, DateTimeExtended, DecodeError, Fields, Member, Result, Value};
use crate::enumerations::{AttestationType, CredentialType, HashingAlgorithm, TicketType};
use crate::secret::Secret;
use crate::tag;
use crate::version::ProtocolVersion;

/// A secret text: a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretText(pub Secret);

impl Value for SecretText {
    fn read(item: &Item<'_>, _version: ProtocolVersion) -> Result<Self> {
        match item.value {
            ttlv_codec::Value::TextString(text) => Ok(Self(Secret::from_slice(text.as_bytes()))),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
        writer.text_string(tag, &String::from_utf8_lossy(self.0.expose()));
    }
}

structure! {
    /// The credentials of a request.
    #[derive(Clone, Default)]
    pub struct Authentication {
        Credential => credentials: Vec<Credential>, V1_0..;
    }
}

structure! {
    /// A user name and a password.
    #[derive(Clone)]
    pub struct UsernameAndPassword {
        Username => username: String, V1_0..;
        Password => password: Option<SecretText>, V1_0..;
    }
}

structure! {
    /// What identifies a device (since 1.1).
    #[derive(Clone)]
    pub struct Device {
        DeviceSerialNumber => device_serial_number: Option<String>, V1_1..;
        Password => password: Option<SecretText>, V1_1..;
        DeviceIdentifier => device_identifier: Option<String>, V1_1..;
        NetworkIdentifier => network_identifier: Option<String>, V1_1..;
        MachineIdentifier => machine_identifier: Option<String>, V1_1..;
        MediaIdentifier => media_identifier: Option<String>, V1_1..;
    }
}

structure! {
    /// A value the server made, to prove that an attestation is fresh.
    #[derive(Clone)]
    pub struct Nonce {
        NonceID => nonce_id: ByteString, V1_2..;
        NonceValue => nonce_value: ByteString, V1_2..;
    }
}

structure! {
    /// A platform's attestation (since 1.2).
    #[derive(Clone)]
    pub struct Attestation {
        Nonce => nonce: Nonce, V1_2..;
        AttestationType => attestation_type: AttestationType, V1_2..;
        AttestationMeasurement => attestation_measurement: Option<ByteString>, V1_2..;
        AttestationAssertion => attestation_assertion: Option<ByteString>, V1_2..;
    }
}

structure! {
    /// A one-time password (since 2.0).
    #[derive(Clone)]
    pub struct OneTimePassword {
        Username => username: String, V2_0..;
        Password => password: Option<SecretText>, V2_0..;
        OneTimePassword => one_time_password: SecretText, V2_0..;
    }
}

structure! {
    /// A hash over a password and a time (since 2.0).
    #[derive(Clone)]
    pub struct HashedPassword {
        Username => username: String, V2_0..;
        TimeStamp => timestamp: DateTimeExtended, V2_0..;
        HashingAlgorithm => hashing_algorithm: Option<HashingAlgorithm>, V2_0..;
        HashedPassword => hashed_password: Secret, V2_0..;
    }
}

structure! {
    /// What a Login returned (since 2.0).
    #[derive(Clone)]
    pub struct Ticket {
        TicketType => ticket_type: TicketType, V2_0..;
        TicketValue => ticket_value: Secret, V2_0..;
    }
}

structure! {
    /// A ticket as a credential.
    #[derive(Clone)]
    pub struct TicketCredential {
        Ticket => ticket: Ticket, V2_0..;
    }
}

/// A credential.
#[derive(Clone, Debug, PartialEq)]
pub enum Credential {
    /// A user name and a password.
    UsernameAndPassword(UsernameAndPassword),
    /// A device.
    Device(Device),
    /// An attestation.
    Attestation(Attestation),
    /// A one-time password.
    OneTimePassword(OneTimePassword),
    /// A hashed password.
    HashedPassword(HashedPassword),
    /// A ticket.
    Ticket(TicketCredential),
    /// A type that this version of the standard does not define.
    Other(CredentialType, Tree),
}

impl Credential {
    /// Its Credential Type.
    #[must_use]
    pub const fn credential_type(&self) -> CredentialType {
        match self {
            Self::UsernameAndPassword(_) => CredentialType::UsernameAndPassword,
            Self::Device(_) => CredentialType::Device,
            Self::Attestation(_) => CredentialType::Attestation,
            Self::OneTimePassword(_) => CredentialType::OneTimePassword,
            Self::HashedPassword(_) => CredentialType::HashedPassword,
            Self::Ticket(_) => CredentialType::Ticket,
            Self::Other(credential_type, _) => *credential_type,
        }
    }
}

impl Value for Credential {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        let mut fields = Fields::of(item, version)?;
        let credential_type = CredentialType::read_member(&mut fields, tag::CredentialType, true)?;
        let value = fields.take(tag::CredentialValue)?.ok_or(fields.missing(tag::CredentialValue))?;
        fields.end()?;
        let since_1_1 = version >= ProtocolVersion::V1_1;
        let since_1_2 = version >= ProtocolVersion::V1_2;
        let since_2_0 = version >= ProtocolVersion::V2_0;
        Ok(match credential_type {
            CredentialType::UsernameAndPassword => Self::UsernameAndPassword(Value::read(&value, version)?),
            CredentialType::Device if since_1_1 => Self::Device(Value::read(&value, version)?),
            CredentialType::Attestation if since_1_2 => Self::Attestation(Value::read(&value, version)?),
            CredentialType::OneTimePassword if since_2_0 => Self::OneTimePassword(Value::read(&value, version)?),
            CredentialType::HashedPassword if since_2_0 => Self::HashedPassword(Value::read(&value, version)?),
            CredentialType::Ticket if since_2_0 => Self::Ticket(Value::read(&value, version)?),
            _ => Self::Other(credential_type, Tree::read(&value)?),
        })
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        writer.structure(tag, |writer| {
            self.credential_type().write(writer, tag::CredentialType, version);
            let tag = tag::CredentialValue;
            match self {
                Self::UsernameAndPassword(value) => value.write(writer, tag, version),
                Self::Device(value) => value.write(writer, tag, version),
                Self::Attestation(value) => value.write(writer, tag, version),
                Self::OneTimePassword(value) => value.write(writer, tag, version),
                Self::HashedPassword(value) => value.write(writer, tag, version),
                Self::Ticket(value) => value.write(writer, tag, version),
                Self::Other(_, value) => value.write(writer),
            }
        });
    }
}
