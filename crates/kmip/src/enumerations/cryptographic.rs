//! Algorithms, modes, curves and what they are combined with.

enumeration! {
    /// Modes of operation, key wrapping among them.
    pub enum BlockCipherMode("Block Cipher Mode") in [BlockCipherMode] {
        0x01 => CBC, "CBC", V1_0..;
        0x02 => ECB, "ECB", V1_0..;
        0x03 => PCBC, "PCBC", V1_0..;
        0x04 => CFB, "CFB", V1_0..;
        0x05 => OFB, "OFB", V1_0..;
        0x06 => CTR, "CTR", V1_0..;
        0x07 => CMAC, "CMAC", V1_0..;
        0x08 => CCM, "CCM", V1_0..;
        0x09 => GCM, "GCM", V1_0..;
        0x0A => CBC_MAC, "CBC-MAC", V1_0..;
        0x0B => XTS, "XTS", V1_0..;
        0x0C => AESKeyWrapPadding, "AESKeyWrapPadding", V1_0..;
        0x0D => NISTKeyWrap, "NISTKeyWrap", V1_0..;
        0x0E => X9_102AESKW, "X9.102 AESKW", V1_0..;
        0x0F => X9_102TDKW, "X9.102 TDKW", V1_0..;
        0x10 => X9_102AKW1, "X9.102 AKW1", V1_0..;
        0x11 => X9_102AKW2, "X9.102 AKW2", V1_0..;
        0x12 => AEAD, "AEAD", V1_4..;
    }
}

enumeration! {
    /// Algorithms a key is for.
    pub enum CryptographicAlgorithm("Cryptographic Algorithm") in [CryptographicAlgorithm, PasswordSaltAlgorithm, OTPDigest] {
        0x01 => DES, "DES", V1_0..;
        0x02 => DES3, "3DES", V1_0..;
        0x03 => AES, "AES", V1_0..;
        0x04 => RSA, "RSA", V1_0..;
        0x05 => DSA, "DSA", V1_0..;
        0x06 => ECDSA, "ECDSA", V1_0..;
        0x07 => HMAC_SHA1, "HMAC-SHA1", V1_0..;
        0x08 => HMAC_SHA224, "HMAC-SHA224", V1_0..;
        0x09 => HMAC_SHA256, "HMAC-SHA256", V1_0..;
        0x0A => HMAC_SHA384, "HMAC-SHA384", V1_0..;
        0x0B => HMAC_SHA512, "HMAC-SHA512", V1_0..;
        0x0C => HMAC_MD5, "HMAC-MD5", V1_0..;
        0x0D => DH, "DH", V1_0..;
        0x0E => ECDH, "ECDH", V1_0..;
        0x0F => ECMQV, "ECMQV", V1_0..;
        0x10 => Blowfish, "Blowfish", V1_0..;
        0x11 => Camellia, "Camellia", V1_0..;
        0x12 => CAST5, "CAST5", V1_0..;
        0x13 => IDEA, "IDEA", V1_0..;
        0x14 => MARS, "MARS", V1_0..;
        0x15 => RC2, "RC2", V1_0..;
        0x16 => RC4, "RC4", V1_0..;
        0x17 => RC5, "RC5", V1_0..;
        0x18 => SKIPJACK, "SKIPJACK", V1_0..;
        0x19 => Twofish, "Twofish", V1_0..;
        0x1A => EC, "EC", V1_2..;
        0x1B => OneTimePad, "One Time Pad", V1_3..;
        0x1C => ChaCha20, "ChaCha20", V1_4..;
        0x1D => Poly1305, "Poly1305", V1_4..;
        0x1E => ChaCha20Poly1305, "ChaCha20Poly1305", V1_4..;
        0x1F => SHA3_224, "SHA3-224", V1_4..;
        0x20 => SHA3_256, "SHA3-256", V1_4..;
        0x21 => SHA3_384, "SHA3-384", V1_4..;
        0x22 => SHA3_512, "SHA3-512", V1_4..;
        0x23 => HMAC_SHA3_224, "HMAC-SHA3-224", V1_4..;
        0x24 => HMAC_SHA3_256, "HMAC-SHA3-256", V1_4..;
        0x25 => HMAC_SHA3_384, "HMAC-SHA3-384", V1_4..;
        0x26 => HMAC_SHA3_512, "HMAC-SHA3-512", V1_4..;
        0x27 => SHAKE_128, "SHAKE-128", V1_4..;
        0x28 => SHAKE_256, "SHAKE-256", V1_4..;
        0x29 => ARIA, "ARIA", V2_0..;
        0x2A => SEED, "SEED", V2_0..;
        0x2B => SM2, "SM2", V2_0..;
        0x2C => SM3, "SM3", V2_0..;
        0x2D => SM4, "SM4", V2_0..;
        0x2E => GOSTR34_10_2012, "GOST R 34.10-2012", V2_0..;
        0x2F => GOSTR34_11_2012, "GOST R 34.11-2012", V2_0..;
        0x30 => GOSTR34_13_2015, "GOST R 34.13-2015", V2_0..;
        0x31 => GOST28147_89, "GOST 28147-89", V2_0..;
        0x32 => XMSS, "XMSS", V2_0..;
        0x33 => SPHINCS_256, "SPHINCS-256", V2_0..;
        0x34 => McEliece, "McEliece", V2_0..;
        0x35 => McEliece_6960119, "McEliece-6960119", V2_0..;
        0x36 => McEliece_8192128, "McEliece-8192128", V2_0..;
        0x37 => Ed25519, "Ed25519", V2_0..;
        0x38 => Ed448, "Ed448", V2_0..;
        0x39 => ML_KEM_512, "ML-KEM-512", V3_0..;
        0x3A => ML_KEM_768, "ML-KEM-768", V3_0..;
        0x3B => ML_KEM_1024, "ML-KEM-1024", V3_0..;
        0x3C => ML_DSA_44, "ML-DSA-44", V3_0..;
        0x3D => ML_DSA_65, "ML-DSA-65", V3_0..;
        0x3E => ML_DSA_87, "ML-DSA-87", V3_0..;
        0x3F => SLH_DSA_SHA2_128s, "SLH-DSA-SHA2-128s", V3_0..;
        0x40 => SLH_DSA_SHA2_128f, "SLH-DSA-SHA2-128f", V3_0..;
        0x41 => SLH_DSA_SHA2_192s, "SLH-DSA-SHA2-192s", V3_0..;
        0x42 => SLH_DSA_SHA2_192f, "SLH-DSA-SHA2-192f", V3_0..;
        0x43 => SLH_DSA_SHA2_256s, "SLH-DSA-SHA2-256s", V3_0..;
        0x44 => SLH_DSA_SHA2_256f, "SLH-DSA-SHA2-256f", V3_0..;
        0x45 => SLH_DSA_SHAKE_128s, "SLH-DSA-SHAKE-128s", V3_0..;
        0x46 => SLH_DSA_SHAKE_128f, "SLH-DSA-SHAKE-128f", V3_0..;
        0x47 => SLH_DSA_SHAKE_192s, "SLH-DSA-SHAKE-192s", V3_0..;
        0x48 => SLH_DSA_SHAKE_192f, "SLH-DSA-SHAKE-192f", V3_0..;
        0x49 => SLH_DSA_SHAKE_256s, "SLH-DSA-SHAKE-256s", V3_0..;
        0x4A => SLH_DSA_SHAKE_256f, "SLH-DSA-SHAKE-256f", V3_0..;
    }
}

enumeration! {
    /// How Derive Key computes a key.
    pub enum DerivationMethod("Derivation Method") in [DerivationMethod] {
        0x01 => PBKDF2, "PBKDF2", V1_0..;
        0x02 => HASH, "HASH", V1_0..;
        0x03 => HMAC, "HMAC", V1_0..;
        0x04 => ENCRYPT, "ENCRYPT", V1_0..;
        0x05 => NIST800_108_C, "NIST800-108-C", V1_0..;
        0x06 => NIST800_108_F, "NIST800-108-F", V1_0..;
        0x07 => NIST800_108_DPI, "NIST800-108-DPI", V1_0..;
        0x08 => AsymmetricKey, "Asymmetric Key", V1_4..;
        0x09 => AWSSignatureVersion4, "AWS Signature Version 4", V2_0..;
        0x0A => HKDF, "HKDF", V2_0..;
    }
}

enumeration! {
    /// Signature algorithm and hash in one.
    pub enum DigitalSignatureAlgorithm("Digital Signature Algorithm") in [DigitalSignatureAlgorithm] {
        0x01 => MD2WithRSAEncryptionPKCS_1V1_5, "MD2 with RSA Encryption (PKCS#1 v1.5)", V1_1..V2_0;
        0x01 => MD2WithRSAEncryption, "MD2 with RSA Encryption", V2_0..;
        0x02 => MD5WithRSAEncryptionPKCS_1V1_5, "MD5 with RSA Encryption (PKCS#1 v1.5)", V1_1..V2_0;
        0x02 => MD5WithRSAEncryption, "MD5 with RSA Encryption", V2_0..;
        0x03 => SHA_1WithRSAEncryptionPKCS_1V1_5, "SHA-1 with RSA Encryption (PKCS#1 v1.5)", V1_1..V2_0;
        0x03 => SHA_1WithRSAEncryption, "SHA-1 with RSA Encryption", V2_0..;
        0x04 => SHA_224WithRSAEncryptionPKCS_1V1_5, "SHA-224 with RSA Encryption (PKCS#1 v1.5)", V1_1..V2_0;
        0x04 => SHA_224WithRSAEncryption, "SHA-224 with RSA Encryption", V2_0..;
        0x05 => SHA_256WithRSAEncryptionPKCS_1V1_5, "SHA-256 with RSA Encryption (PKCS#1 v1.5)", V1_1..V2_0;
        0x05 => SHA_256WithRSAEncryption, "SHA-256 with RSA Encryption", V2_0..;
        0x06 => SHA_384WithRSAEncryptionPKCS_1V1_5, "SHA-384 with RSA Encryption (PKCS#1 v1.5)", V1_1..V2_0;
        0x06 => SHA_384WithRSAEncryption, "SHA-384 with RSA Encryption", V2_0..;
        0x07 => SHA_512WithRSAEncryptionPKCS_1V1_5, "SHA-512 with RSA Encryption (PKCS#1 v1.5)", V1_1..V2_0;
        0x07 => SHA_512WithRSAEncryption, "SHA-512 with RSA Encryption", V2_0..;
        0x08 => RSASSA_PSSPKCS_1V2_1, "RSASSA-PSS (PKCS#1 v2.1)", V1_1..V2_0;
        0x08 => RSASSA_PSS, "RSASSA-PSS", V2_0..;
        0x09 => DSAWithSHA_1, "DSA with SHA-1", V1_1..;
        0x0A => DSAWithSHA224, "DSA with SHA224", V1_1..;
        0x0B => DSAWithSHA256, "DSA with SHA256", V1_1..;
        0x0C => ECDSAWithSHA_1, "ECDSA with SHA-1", V1_1..;
        0x0D => ECDSAWithSHA224, "ECDSA with SHA224", V1_1..;
        0x0E => ECDSAWithSHA256, "ECDSA with SHA256", V1_1..;
        0x0F => ECDSAWithSHA384, "ECDSA with SHA384", V1_1..;
        0x10 => ECDSAWithSHA512, "ECDSA with SHA512", V1_1..;
        0x11 => SHA3_256WithRSAEncryption, "SHA3-256 with RSA Encryption", V1_4..;
        0x12 => SHA3_384WithRSAEncryption, "SHA3-384 with RSA Encryption", V1_4..;
        0x13 => SHA3_512WithRSAEncryption, "SHA3-512 with RSA Encryption", V1_4..;
    }
}

enumeration! {
    /// Hash functions.
    pub enum HashingAlgorithm("Hashing Algorithm") in [HashingAlgorithm, MaskGeneratorHashingAlgorithm] {
        0x01 => MD2, "MD2", V1_0..;
        0x02 => MD4, "MD4", V1_0..;
        0x03 => MD5, "MD5", V1_0..;
        0x04 => SHA_1, "SHA-1", V1_0..;
        0x05 => SHA_224, "SHA-224", V1_0..;
        0x06 => SHA_256, "SHA-256", V1_0..;
        0x07 => SHA_384, "SHA-384", V1_0..;
        0x08 => SHA_512, "SHA-512", V1_0..;
        0x09 => RIPEMD_160, "RIPEMD-160", V1_0..;
        0x0A => Tiger, "Tiger", V1_0..;
        0x0B => Whirlpool, "Whirlpool", V1_0..;
        0x0C => SHA_512_224, "SHA-512/224", V1_2..;
        0x0D => SHA_512_256, "SHA-512/256", V1_2..;
        0x0E => SHA_3_224, "SHA-3-224", V1_4..V2_0;
        0x0E => SHA3_224, "SHA3-224", V2_0..;
        0x0F => SHA_3_256, "SHA-3-256", V1_4..V2_0;
        0x0F => SHA3_256, "SHA3-256", V2_0..;
        0x10 => SHA_3_384, "SHA-3-384", V1_4..V2_0;
        0x10 => SHA3_384, "SHA3-384", V2_0..;
        0x11 => SHA_3_512, "SHA-3-512", V1_4..V2_0;
        0x11 => SHA3_512, "SHA3-512", V2_0..;
    }
}

enumeration! {
    /// Payment-industry roles of a key.
    pub enum KeyRoleType("Key Role Type") in [KeyRoleType] {
        0x01 => BDK, "BDK", V1_0..;
        0x02 => CVK, "CVK", V1_0..;
        0x03 => DEK, "DEK", V1_0..;
        0x04 => MKAC, "MKAC", V1_0..;
        0x05 => MKSMC, "MKSMC", V1_0..;
        0x06 => MKSMI, "MKSMI", V1_0..;
        0x07 => MKDAC, "MKDAC", V1_0..;
        0x08 => MKDN, "MKDN", V1_0..;
        0x09 => MKCP, "MKCP", V1_0..;
        0x0A => MKOTH, "MKOTH", V1_0..;
        0x0B => KEK, "KEK", V1_0..;
        0x0C => MAC16609, "MAC16609", V1_0..;
        0x0D => MAC97971, "MAC97971", V1_0..;
        0x0E => MAC97972, "MAC97972", V1_0..;
        0x0F => MAC97973, "MAC97973", V1_0..;
        0x10 => MAC97974, "MAC97974", V1_0..;
        0x11 => MAC97975, "MAC97975", V1_0..;
        0x12 => ZPK, "ZPK", V1_0..;
        0x13 => PVKIBM, "PVKIBM", V1_0..;
        0x14 => PVKPVV, "PVKPVV", V1_0..;
        0x15 => PVKOTH, "PVKOTH", V1_0..;
        0x16 => DUKPT, "DUKPT", V1_4..;
        0x17 => IV, "IV", V1_4..;
        0x18 => TRKBK, "TRKBK", V1_4..;
    }
}

enumeration! {
    /// Mask generation functions of OAEP and PSS. 2.0 and later print MFG1, the test cases write MGF1.
    pub enum MaskGenerator("Mask Generator") in [MaskGenerator] {
        0x01 => MGF1, "MGF1", V1_4..V2_0;
        0x01 => MFG1, "MFG1", V2_0..;
    }
}

enumeration! {
    /// Key types of NIST SP 800-57 part 1.
    pub enum NISTKeyType("NIST Key Type") in [NISTKeyType] {
        0x01 => PrivateSignatureKey, "Private signature key", V2_0..;
        0x02 => PublicSignatureVerificationKey, "Public signature verification key", V2_0..;
        0x03 => SymmetricAuthenticationKey, "Symmetric authentication key", V2_0..;
        0x04 => PrivateAuthenticationKey, "Private authentication key", V2_0..;
        0x05 => PublicAuthenticationKey, "Public authentication key", V2_0..;
        0x06 => SymmetricDataEncryptionKey, "Symmetric data encryption key", V2_0..;
        0x07 => SymmetricKeyWrappingKey, "Symmetric key wrapping key", V2_0..;
        0x08 => SymmetricRandomNumberGenerationKey, "Symmetric random number generation key", V2_0..;
        0x09 => SymmetricMasterKey, "Symmetric master key", V2_0..;
        0x0A => PrivateKeyTransportKey, "Private key transport key", V2_0..;
        0x0B => PublicKeyTransportKey, "Public key transport key", V2_0..;
        0x0C => SymmetricKeyAgreementKey, "Symmetric key agreement key", V2_0..;
        0x0D => PrivateStaticKeyAgreementKey, "Private static key agreement key", V2_0..;
        0x0E => PublicStaticKeyAgreementKey, "Public static key agreement key", V2_0..;
        0x0F => PrivateEphemeralKeyAgreementKey, "Private ephemeral key agreement key", V2_0..;
        0x10 => PublicEphemeralKeyAgreementKey, "Public ephemeral key agreement key", V2_0..;
        0x11 => SymmetricAuthorizationKey, "Symmetric authorization key", V2_0..;
        0x12 => PrivateAuthorizationKey, "Private authorization key", V2_0..;
        0x13 => PublicAuthorizationKey, "Public authorization key", V2_0..;
    }
}

enumeration! {
    /// How a message is filled up to a whole block.
    pub enum PaddingMethod("Padding Method") in [PaddingMethod] {
        0x01 => None, "None", V1_0..;
        0x02 => OAEP, "OAEP", V1_0..;
        0x03 => PKCS5, "PKCS5", V1_0..;
        0x04 => SSL3, "SSL3", V1_0..;
        0x05 => Zeros, "Zeros", V1_0..;
        0x06 => ANSIX9_23, "ANSI X9.23", V1_0..;
        0x07 => ISO10126, "ISO 10126", V1_0..;
        0x08 => PKCS1V1_5, "PKCS1 v1.5", V1_0..;
        0x09 => X9_31, "X9.31", V1_0..;
        0x0A => PSS, "PSS", V1_0..;
    }
}

enumeration! {
    /// Elliptic curves.
    pub enum RecommendedCurve("Recommended Curve") in [RecommendedCurve] {
        0x01 => P_192, "P-192", V1_0..;
        0x02 => K_163, "K-163", V1_0..;
        0x03 => B_163, "B-163", V1_0..;
        0x04 => P_224, "P-224", V1_0..;
        0x05 => K_233, "K-233", V1_0..;
        0x06 => B_233, "B-233", V1_0..;
        0x07 => P_256, "P-256", V1_0..;
        0x08 => K_283, "K-283", V1_0..;
        0x09 => B_283, "B-283", V1_0..;
        0x0A => P_384, "P-384", V1_0..;
        0x0B => K_409, "K-409", V1_0..;
        0x0C => B_409, "B-409", V1_0..;
        0x0D => P_521, "P-521", V1_0..;
        0x0E => K_571, "K-571", V1_0..;
        0x0F => B_571, "B-571", V1_0..;
        0x10 => SECP112R1, "SECP112R1", V1_2..;
        0x11 => SECP112R2, "SECP112R2", V1_2..;
        0x12 => SECP128R1, "SECP128R1", V1_2..;
        0x13 => SECP128R2, "SECP128R2", V1_2..;
        0x14 => SECP160K1, "SECP160K1", V1_2..;
        0x15 => SECP160R1, "SECP160R1", V1_2..;
        0x16 => SECP160R2, "SECP160R2", V1_2..;
        0x17 => SECP192K1, "SECP192K1", V1_2..;
        0x18 => SECP224K1, "SECP224K1", V1_2..;
        0x19 => SECP256K1, "SECP256K1", V1_2..;
        0x1A => SECT113R1, "SECT113R1", V1_2..;
        0x1B => SECT113R2, "SECT113R2", V1_2..;
        0x1C => SECT131R1, "SECT131R1", V1_2..;
        0x1D => SECT131R2, "SECT131R2", V1_2..;
        0x1E => SECT163R1, "SECT163R1", V1_2..;
        0x1F => SECT193R1, "SECT193R1", V1_2..;
        0x20 => SECT193R2, "SECT193R2", V1_2..;
        0x21 => SECT239K1, "SECT239K1", V1_2..;
        0x22 => ANSIX9P192V2, "ANSIX9P192V2", V1_2..;
        0x23 => ANSIX9P192V3, "ANSIX9P192V3", V1_2..;
        0x24 => ANSIX9P239V1, "ANSIX9P239V1", V1_2..;
        0x25 => ANSIX9P239V2, "ANSIX9P239V2", V1_2..;
        0x26 => ANSIX9P239V3, "ANSIX9P239V3", V1_2..;
        0x27 => ANSIX9C2PNB163V1, "ANSIX9C2PNB163V1", V1_2..;
        0x28 => ANSIX9C2PNB163V2, "ANSIX9C2PNB163V2", V1_2..;
        0x29 => ANSIX9C2PNB163V3, "ANSIX9C2PNB163V3", V1_2..;
        0x2A => ANSIX9C2PNB176V1, "ANSIX9C2PNB176V1", V1_2..;
        0x2B => ANSIX9C2TNB191V1, "ANSIX9C2TNB191V1", V1_2..;
        0x2C => ANSIX9C2TNB191V2, "ANSIX9C2TNB191V2", V1_2..;
        0x2D => ANSIX9C2TNB191V3, "ANSIX9C2TNB191V3", V1_2..;
        0x2E => ANSIX9C2PNB208W1, "ANSIX9C2PNB208W1", V1_2..;
        0x2F => ANSIX9C2TNB239V1, "ANSIX9C2TNB239V1", V1_2..;
        0x30 => ANSIX9C2TNB239V2, "ANSIX9C2TNB239V2", V1_2..;
        0x31 => ANSIX9C2TNB239V3, "ANSIX9C2TNB239V3", V1_2..;
        0x32 => ANSIX9C2PNB272W1, "ANSIX9C2PNB272W1", V1_2..;
        0x33 => ANSIX9C2PNB304W1, "ANSIX9C2PNB304W1", V1_2..;
        0x34 => ANSIX9C2TNB359V1, "ANSIX9C2TNB359V1", V1_2..;
        0x35 => ANSIX9C2PNB368W1, "ANSIX9C2PNB368W1", V1_2..;
        0x36 => ANSIX9C2TNB431R1, "ANSIX9C2TNB431R1", V1_2..;
        0x37 => BRAINPOOLP160R1, "BRAINPOOLP160R1", V1_2..;
        0x38 => BRAINPOOLP160T1, "BRAINPOOLP160T1", V1_2..;
        0x39 => BRAINPOOLP192R1, "BRAINPOOLP192R1", V1_2..;
        0x3A => BRAINPOOLP192T1, "BRAINPOOLP192T1", V1_2..;
        0x3B => BRAINPOOLP224R1, "BRAINPOOLP224R1", V1_2..;
        0x3C => BRAINPOOLP224T1, "BRAINPOOLP224T1", V1_2..;
        0x3D => BRAINPOOLP256R1, "BRAINPOOLP256R1", V1_2..;
        0x3E => BRAINPOOLP256T1, "BRAINPOOLP256T1", V1_2..;
        0x3F => BRAINPOOLP320R1, "BRAINPOOLP320R1", V1_2..;
        0x40 => BRAINPOOLP320T1, "BRAINPOOLP320T1", V1_2..;
        0x41 => BRAINPOOLP384R1, "BRAINPOOLP384R1", V1_2..;
        0x42 => BRAINPOOLP384T1, "BRAINPOOLP384T1", V1_2..;
        0x43 => BRAINPOOLP512R1, "BRAINPOOLP512R1", V1_2..;
        0x44 => BRAINPOOLP512T1, "BRAINPOOLP512T1", V1_2..;
        0x45 => CURVE25519, "CURVE25519", V2_0..;
        0x46 => CURVE448, "CURVE448", V2_0..;
    }
}

enumeration! {
    /// How a key is divided into parts.
    pub enum SplitKeyMethod("Split Key Method") in [SplitKeyMethod] {
        0x01 => XOR, "XOR", V1_0..;
        0x02 => PolynomialSharingGF2_16, "Polynomial Sharing GF(2^16)", V1_0..;
        0x03 => PolynomialSharingPrimeField, "Polynomial Sharing Prime Field", V1_0..;
        0x04 => PolynomialSharingGF2_8, "Polynomial Sharing GF (2^8)", V1_2..;
    }
}

enumeration! {
    /// The reduction polynomial of the GF(2^8) method.
    pub enum SplitKeyPolynomial("Split Key Polynomial") in [SplitKeyPolynomial] {
        0x01 => Polynomial_283, "Polynomial-283", V3_0..;
        0x02 => Polynomial_285, "Polynomial-285", V3_0..;
    }
}
