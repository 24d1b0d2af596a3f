//! Random number generators.

enumeration! {
    /// Deterministic random bit generators.
    pub enum DRBGAlgorithm("DRBG Algorithm") in [DRBGAlgorithm] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => Dual_EC, "Dual-EC", V1_3..;
        0x03 => Hash, "Hash", V1_3..;
        0x04 => HMAC, "HMAC", V1_3..;
        0x05 => CTR, "CTR", V1_3..;
    }
}

enumeration! {
    /// Variants of the FIPS 186-2 generator.
    pub enum FIPS186Variation("FIPS186 Variation") in [FIPS186Variation] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => GPXOriginal, "GP x-Original", V1_3..;
        0x03 => GPXChangeNotice, "GP x-Change Notice", V1_3..;
        0x04 => XOriginal, "x-Original", V1_3..;
        0x05 => XChangeNotice, "x-Change Notice", V1_3..;
        0x06 => KOriginal, "k-Original", V1_3..;
        0x07 => KChangeNotice, "k-Change Notice", V1_3..;
    }
}

enumeration! {
    /// Families of random number generators.
    pub enum RNGAlgorithm("RNG Algorithm") in [RNGAlgorithm] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => FIPS186_2, "FIPS 186-2", V1_3..;
        0x03 => DRBG, "DRBG", V1_3..;
        0x04 => NRBG, "NRBG", V1_3..;
        0x05 => ANSIX9_31, "ANSI X9.31", V1_3..;
        0x06 => ANSIX9_62, "ANSI X9.62", V1_3..;
    }
}

enumeration! {
    /// Whether clients share one instance of the generator.
    pub enum RNGMode("RNG Mode") in [RNGMode] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => SharedInstantiation, "Shared Instantiation", V1_3..;
        0x03 => NonSharedInstantiation, "Non-Shared Instantiation", V1_3..;
    }
}
