//! PKCS#11 over KMIP.

enumeration! {
    /// PKCS#11 functions, numbered as in the function list of PKCS#11.
    pub enum PKCS_11Function("PKCS#11 Function") in [PKCS_11Function] {
        0x01 => C_Initialize, "C_Initialize", V2_0..;
        0x02 => C_Finalize, "C_Finalize", V2_0..;
        0x03 => C_GetInfo, "C_GetInfo", V2_0..;
        0x04 => C_GetFunctionList, "C_GetFunctionList", V2_0..;
        0x05 => C_GetSlotList, "C_GetSlotList", V2_0..;
        0x06 => C_GetSlotInfo, "C_GetSlotInfo", V2_0..;
        0x07 => C_GetTokenInfo, "C_GetTokenInfo", V2_0..;
        0x08 => C_GetMechanismList, "C_GetMechanismList", V2_0..;
        0x09 => C_GetMechanismInfo, "C_GetMechanismInfo", V2_0..;
        0x0A => C_InitToken, "C_InitToken", V2_0..;
        0x0B => C_InitPIN, "C_InitPIN", V2_0..;
        0x0C => C_SetPIN, "C_SetPIN", V2_0..;
        0x0D => C_OpenSession, "C_OpenSession", V2_0..;
        0x0E => C_CloseSession, "C_CloseSession", V2_0..;
        0x0F => C_CloseAllSessions, "C_CloseAllSessions", V2_0..;
        0x10 => C_GetSessionInfo, "C_GetSessionInfo", V2_0..;
        0x11 => C_GetOperationState, "C_GetOperationState", V2_0..;
        0x12 => C_SetOperationState, "C_SetOperationState", V2_0..;
        0x13 => C_Login, "C_Login", V2_0..;
        0x14 => C_Logout, "C_Logout", V2_0..;
        0x15 => C_CreateObject, "C_CreateObject", V2_0..;
        0x16 => C_CopyObject, "C_CopyObject", V2_0..;
        0x17 => C_DestroyObject, "C_DestroyObject", V2_0..;
        0x18 => C_GetObjectSize, "C_GetObjectSize", V2_0..;
        0x19 => C_GetAttributeValue, "C_GetAttributeValue", V2_0..;
        0x1A => C_SetAttributeValue, "C_SetAttributeValue", V2_0..;
        0x1B => C_FindObjectsInit, "C_FindObjectsInit", V2_0..;
        0x1C => C_FindObjects, "C_FindObjects", V2_0..;
        0x1D => C_FindObjectsFinal, "C_FindObjectsFinal", V2_0..;
        0x1E => C_EncryptInit, "C_EncryptInit", V2_0..;
        0x1F => C_Encrypt, "C_Encrypt", V2_0..;
        0x20 => C_EncryptUpdate, "C_EncryptUpdate", V2_0..;
        0x21 => C_EncryptFinal, "C_EncryptFinal", V2_0..;
        0x22 => C_DecryptInit, "C_DecryptInit", V2_0..;
        0x23 => C_Decrypt, "C_Decrypt", V2_0..;
        0x24 => C_DecryptUpdate, "C_DecryptUpdate", V2_0..;
        0x25 => C_DecryptFinal, "C_DecryptFinal", V2_0..;
        0x26 => C_DigestInit, "C_DigestInit", V2_0..;
        0x27 => C_Digest, "C_Digest", V2_0..;
        0x28 => C_DigestUpdate, "C_DigestUpdate", V2_0..;
        0x29 => C_DigestKey, "C_DigestKey", V2_0..;
        0x2A => C_DigestFinal, "C_DigestFinal", V2_0..;
        0x2B => C_SignInit, "C_SignInit", V2_0..;
        0x2C => C_Sign, "C_Sign", V2_0..;
        0x2D => C_SignUpdate, "C_SignUpdate", V2_0..;
        0x2E => C_SignFinal, "C_SignFinal", V2_0..;
        0x2F => C_SignRecoverInit, "C_SignRecoverInit", V2_0..;
        0x30 => C_SignRecover, "C_SignRecover", V2_0..;
        0x31 => C_VerifyInit, "C_VerifyInit", V2_0..;
        0x32 => C_Verify, "C_Verify", V2_0..;
        0x33 => C_VerifyUpdate, "C_VerifyUpdate", V2_0..;
        0x34 => C_VerifyFinal, "C_VerifyFinal", V2_0..;
        0x35 => C_VerifyRecoverInit, "C_VerifyRecoverInit", V2_0..;
        0x36 => C_VerifyRecover, "C_VerifyRecover", V2_0..;
        0x37 => C_DigestEncryptUpdate, "C_DigestEncryptUpdate", V2_0..;
        0x38 => C_DecryptDigestUpdate, "C_DecryptDigestUpdate", V2_0..;
        0x39 => C_SignEncryptUpdate, "C_SignEncryptUpdate", V2_0..;
        0x3A => C_DecryptVerifyUpdate, "C_DecryptVerifyUpdate", V2_0..;
        0x3B => C_GenerateKey, "C_GenerateKey", V2_0..;
        0x3C => C_GenerateKeyPair, "C_GenerateKeyPair", V2_0..;
        0x3D => C_WrapKey, "C_WrapKey", V2_0..;
        0x3E => C_UnwrapKey, "C_UnwrapKey", V2_0..;
        0x3F => C_DeriveKey, "C_DeriveKey", V2_0..;
        0x40 => C_SeedRandom, "C_SeedRandom", V2_0..;
        0x41 => C_GenerateRandom, "C_GenerateRandom", V2_0..;
        0x42 => C_GetFunctionStatus, "C_GetFunctionStatus", V2_0..;
        0x43 => C_CancelFunction, "C_CancelFunction", V2_0..;
        0x44 => C_WaitForSlotEvent, "C_WaitForSlotEvent", V2_0..;
        0x45 => C_GetInterfaceList, "C_GetInterfaceList", V2_0..;
        0x46 => C_GetInterface, "C_GetInterface", V2_0..;
        0x47 => C_LoginUser, "C_LoginUser", V2_0..;
        0x48 => C_SessionCancel, "C_SessionCancel", V2_0..;
    }
}

enumeration! {
    /// What a PKCS#11 function returned.
    pub enum PKCS_11ReturnCode("PKCS#11 Return Code") in [PKCS_11ReturnCode] {
        0x00 => OK, "OK", V2_0..;
    }
}
