//! How key material is written and wrapped.

enumeration! {
    /// Whether the wrapped Key Value is TTLV or bare key material.
    pub enum EncodingOption("Encoding Option") in [EncodingOption] {
        0x01 => NoEncoding, "No Encoding", V1_1..;
        0x02 => TTLVEncoding, "TTLV Encoding", V1_1..;
    }
}

enumeration! {
    /// How the point of an EC public key is written.
    pub enum KeyCompressionType("Key Compression Type") in [KeyCompressionType] {
        0x01 => ECPublicKeyTypeUncompressed, "EC Public Key Type Uncompressed", V1_0..;
        0x02 => ECPublicKeyTypeX9_62CompressedPrime, "EC Public Key Type X9.62 Compressed Prime", V1_0..;
        0x03 => ECPublicKeyTypeX9_62CompressedChar2, "EC Public Key Type X9.62 Compressed Char2", V1_0..;
        0x04 => ECPublicKeyTypeX9_62Hybrid, "EC Public Key Type X9.62 Hybrid", V1_0..;
    }
}

enumeration! {
    /// How key material is encoded.
    pub enum KeyFormatType("Key Format Type") in [KeyFormatType] {
        0x01 => Raw, "Raw", V1_0..;
        0x02 => Opaque, "Opaque", V1_0..;
        0x03 => PKCS_1, "PKCS#1", V1_0..;
        0x04 => PKCS_8, "PKCS#8", V1_0..;
        0x05 => X_509, "X.509", V1_0..;
        0x06 => ECPrivateKey, "ECPrivateKey", V1_0..;
        0x07 => TransparentSymmetricKey, "Transparent Symmetric Key", V1_0..;
        0x08 => TransparentDSAPrivateKey, "Transparent DSA Private Key", V1_0..;
        0x09 => TransparentDSAPublicKey, "Transparent DSA Public Key", V1_0..;
        0x0A => TransparentRSAPrivateKey, "Transparent RSA Private Key", V1_0..;
        0x0B => TransparentRSAPublicKey, "Transparent RSA Public Key", V1_0..;
        0x0C => TransparentDHPrivateKey, "Transparent DH Private Key", V1_0..;
        0x0D => TransparentDHPublicKey, "Transparent DH Public Key", V1_0..;
        0x0E => TransparentECDSAPrivateKey, "Transparent ECDSA Private Key", V1_0..V2_0;
        0x0F => TransparentECDSAPublicKey, "Transparent ECDSA Public Key", V1_0..V2_0;
        0x10 => TransparentECDHPrivateKey, "Transparent ECDH Private Key", V1_0..V2_0;
        0x11 => TransparentECDHPublicKey, "Transparent ECDH Public Key", V1_0..V2_0;
        0x12 => TransparentECMQVPrivateKey, "Transparent ECMQV Private Key", V1_0..V2_0;
        0x13 => TransparentECMQVPublicKey, "Transparent ECMQV Public Key", V1_0..V2_0;
        0x14 => TransparentECPrivateKey, "Transparent EC Private Key", V1_3..;
        0x15 => TransparentECPublicKey, "Transparent EC Public Key", V1_3..;
        0x16 => PKCS_12, "PKCS#12", V1_4..;
        0x17 => PKCS_10, "PKCS#10", V2_0..;
    }
}

enumeration! {
    /// What kind of text a Key Value Location holds.
    pub enum KeyValueLocationType("Key Value Location Type") in [KeyValueLocationType] {
        0x01 => UninterpretedTextString, "Uninterpreted Text String", V1_2..;
        0x02 => URI, "URI", V1_2..;
    }
}

enumeration! {
    /// Whether Get returns a key wrapped as it was registered.
    pub enum KeyWrapType("Key Wrap Type") in [KeyWrapType] {
        0x01 => NotWrapped, "Not Wrapped", V1_4..;
        0x02 => AsRegistered, "As Registered", V1_4..;
    }
}

enumeration! {
    /// How a Key Value is protected.
    pub enum WrappingMethod("Wrapping Method") in [WrappingMethod] {
        0x01 => Encrypt, "Encrypt", V1_0..;
        0x02 => MACSign, "MAC/sign", V1_0..;
        0x03 => EncryptThenMACSign, "Encrypt then MAC/sign", V1_0..;
        0x04 => MACSignThenEncrypt, "MAC/sign then encrypt", V1_0..;
        0x05 => TR_31, "TR-31", V1_0..;
    }
}
