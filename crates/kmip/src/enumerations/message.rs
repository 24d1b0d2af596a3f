//! Messages, batches and payloads.

enumeration! {
    /// How Adjust Attribute changes a value.
    pub enum AdjustmentType("Adjustment Type") in [AdjustmentType] {
        0x01 => Increment, "Increment", V2_0..;
        0x02 => Decrement, "Decrement", V2_0..;
        0x03 => Negate, "Negate", V2_0..;
    }
}

enumeration! {
    /// Whether the server may, must or must not answer later (a Boolean before 2.0).
    pub enum AsynchronousIndicator("Asynchronous Indicator") in [AsynchronousIndicator] {
        0x01 => Mandatory, "Mandatory", V2_0..;
        0x02 => Optional, "Optional", V2_0..;
        0x03 => Prohibited, "Prohibited", V2_0..;
    }
}

enumeration! {
    /// What happens to the rest of a batch when an item fails.
    pub enum BatchErrorContinuationOption("Batch Error Continuation Option") in [BatchErrorContinuationOption] {
        0x01 => Continue, "Continue", V1_0..;
        0x02 => Stop, "Stop", V1_0..;
        0x03 => Undo, "Undo", V1_0..;
    }
}

enumeration! {
    /// What became of the operation that Cancel named.
    pub enum CancellationResult("Cancellation Result") in [CancellationResult] {
        0x01 => Canceled, "Canceled", V1_0..;
        0x02 => UnableToCancel, "Unable to Cancel", V1_0..;
        0x03 => Completed, "Completed", V1_0..;
        0x04 => Failed, "Failed", V1_0..;
        0x05 => Unavailable, "Unavailable", V1_0..;
    }
}

enumeration! {
    /// Which output of an earlier batch item stands in for the Data of this one.
    pub enum DataEnumeration("Data") in [Data] {
        0x01 => Decrypt, "Decrypt", V2_0..;
        0x02 => Encrypt, "Encrypt", V2_0..;
        0x03 => Hash, "Hash", V2_0..;
        0x04 => MACMACData, "MAC MAC Data", V2_0..;
        0x05 => RNGRetrieve, "RNG Retrieve", V2_0..;
        0x06 => SignSignatureData, "Sign Signature Data", V2_0..;
        0x07 => SignatureVerify, "Signature Verify", V2_0..;
    }
}

enumeration! {
    /// Which end of the connection sends requests.
    pub enum EndpointRole("Endpoint Role") in [EndpointRole] {
        0x01 => Client, "Client", V2_0..;
        0x02 => Server, "Server", V2_0..;
    }
}

enumeration! {
    /// Which part of a response payload is left out (a Boolean before 3.0).
    pub enum Ephemeral("Ephemeral") in [Ephemeral] {
        0x01 => Data, "Data", V3_0..;
        0x02 => Empty, "Empty", V3_0..;
        0x03 => UniqueIdentifier, "Unique Identifier", V3_0..;
    }
}

enumeration! {
    /// What the Interop operation marks or resets.
    pub enum InteropFunction("Interop Function") in [InteropFunction] {
        0x01 => Begin, "Begin", V2_0..;
        0x02 => End, "End", V2_0..;
        0x03 => Reset, "Reset", V2_0..;
    }
}

enumeration! {
    /// The type byte of an item, where it appears as a value (Extension Type from 2.0 on).
    pub enum ItemTypeEnumeration("Item Type") in [ExtensionType] {
        0x01 => Structure, "Structure", V2_0..;
        0x02 => Integer, "Integer", V2_0..;
        0x03 => LongInteger, "Long Integer", V2_0..;
        0x04 => BigInteger, "Big Integer", V2_0..;
        0x05 => Enumeration, "Enumeration", V2_0..;
        0x06 => Boolean, "Boolean", V2_0..;
        0x07 => TextString, "Text String", V2_0..;
        0x08 => ByteString, "Byte String", V2_0..;
        0x09 => DateTime, "Date Time", V2_0..;
        0x0A => Interval, "Interval", V2_0..;
        0x0B => DateTimeExtended, "Date Time Extended", V2_0..;
        0x0C => Identifier, "Identifier", V3_0..;
        0x0D => Reference, "Reference", V3_0..;
        0x0E => NameReference, "Name Reference", V3_0..;
    }
}

enumeration! {
    /// How far an asynchronous request has come.
    pub enum ProcessingStage("Processing Stage") in [ProcessingStage] {
        0x01 => Submitted, "Submitted", V2_1..;
        0x02 => InProcess, "In Process", V2_1..;
        0x03 => Completed, "Completed", V2_1..;
    }
}

enumeration! {
    /// Whether a Put brings a new object or replaces one.
    pub enum PutFunction("Put Function") in [PutFunction] {
        0x01 => New, "New", V1_0..;
        0x02 => Replace, "Replace", V1_0..;
    }
}

enumeration! {
    /// How a batch item ended.
    pub enum ResultStatus("Result Status") in [ResultStatus] {
        0x00 => Success, "Success", V1_0..;
        0x01 => OperationFailed, "Operation Failed", V1_0..;
        0x02 => OperationPending, "Operation Pending", V1_0..;
        0x03 => OperationUndone, "Operation Undone", V1_0..;
    }
}

enumeration! {
    /// The verdict of Validate, Signature Verify and MAC Verify.
    pub enum ValidityIndicator("Validity Indicator") in [ValidityIndicator] {
        0x01 => Valid, "Valid", V1_0..;
        0x02 => Invalid, "Invalid", V1_0..;
        0x03 => Unknown, "Unknown", V1_0..;
    }
}
