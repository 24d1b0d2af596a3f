//! The credential objects of 3.0. The credentials of message headers are in [`crate::credential`].

use crate::codec::{ByteString, Interval};
use crate::credential::SecretText;
use crate::enumerations::{CryptographicAlgorithm, HashingAlgorithm, OTPAlgorithm};
use crate::secret::Secret;

structure! {
    /// A password, in clear or salted and hashed.
    #[derive(Clone)]
    pub struct PasswordCredential {
        Password => password: Option<SecretText>, V3_0..;
        PasswordSalt => password_salt: Option<ByteString>, V3_0..;
        PasswordSaltAlgorithm => password_salt_algorithm: Option<CryptographicAlgorithm>, V3_0..;
        SaltedPassword => salted_password: Option<Secret>, V3_0..;
        IterationCount => iteration_count: Option<i32>, V3_0..;
    }
}

structure! {
    /// What identifies a device.
    #[derive(Clone, Default, Eq, Hash)]
    pub struct DeviceCredential {
        DeviceSerialNumber => device_serial_number: Option<String>, V3_0..;
        DeviceIdentifier => device_identifier: Option<String>, V3_0..;
        NetworkIdentifier => network_identifier: Option<String>, V3_0..;
        MachineIdentifier => machine_identifier: Option<String>, V3_0..;
        MediaIdentifier => media_identifier: Option<String>, V3_0..;
    }
}

structure! {
    /// What one-time passwords are made of.
    #[derive(Clone)]
    pub struct OTPCredential {
        OTPAlgorithm => otp_algorithm: OTPAlgorithm, V3_0..;
        OTPDigest => otp_digest: Option<CryptographicAlgorithm>, V3_0..;
        OTPSerial => otp_serial: Option<String>, V3_0..;
        OTPSeed => otp_seed: Option<Secret>, V3_0..;
        OTPInterval => otp_interval: Option<Interval>, V3_0..;
        OTPDigits => otp_digits: Option<i32>, V3_0..;
    }
}

structure! {
    /// Hashes over user name and password, in both orders.
    #[derive(Clone)]
    pub struct HashedPasswordCredential {
        HashingAlgorithm => hashing_algorithm: Option<HashingAlgorithm>, V3_0..;
        HashedUsernamePassword => hashed_username_password: Secret, V3_0..;
        HashedPasswordUsername => hashed_password_username: Secret, V3_0..;
    }
}
