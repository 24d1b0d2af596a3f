//! Where the tables differ from the CSV files on purpose: the difference, in which `*` stands for any text, and why.

pub(super) const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "tag AttributeValue item types: *",
        "\"Varies, depending on attribute\" (2.1, section 4.60), and vendor attributes are of any type",
    ),
    ("tag CustomAttribute item types: *", "the file says \"any\" in words; the table lists the ten item types of 1.x"),
    ("tag LinkedObjectIdentifier item types: *", "an Enumeration or an Integer too in 2.x (2.1, section 4.31)"),
    (
        "tag Certificate*: the table has \"1.0 to 1.4\", the standard \"1.0 to 1.0\"",
        "deprecated in 1.1, but in the tag tables up to 1.4 (1.4, section 9.1.3.1); reserved from 2.0 on",
    ),
    ("tag Issuer versions: the table has \"1.0 to 1.4\"*", "as the tags of the certificate names above"),
    ("tag SerialNumber versions: the table has \"1.0 to 1.4\"*", "as the tags of the certificate names above"),
    ("structure Always Sensitive: not in the table", "an attribute of a simple type: its table prints a structure by mistake"),
    ("structure Comment: not in the table", "an attribute of a simple type"),
    ("structure Correlation Value (*): not in the table", "a header field of a simple type"),
    ("structure PKCS#11 *: not in the table", "fields of simple types, in the payloads of PKCS#11"),
    ("structure Certificate Attributes: not in the table", "a group of attributes, each of which has its own row"),
    (
        "structure *: no tag for the field \"Any attribute in §4 - Object Attributes\"",
        "whatever attributes the version has: types Attributes and AttributeInstance",
    ),
    (
        "structure Attribute: not in the table",
        "name, index and value in 1.x (kmip::v1), vendor attribute in 2.x (VendorAttribute): the name decides the type of the value",
    ),
    ("structure Attribute Reference: not in the table", "an Enumeration or a structure: type AttributeReference"),
    (
        "structure Template-Attribute, *: not in the table",
        "names of templates and attributes in 1.x, attributes in 2.x: type TemplateAttribute",
    ),
    ("structure Credential: not in the table", "the type decides what the value is: type Credential"),
    ("structure Re* Message: not in the table", "header and items are read apart: types RequestMessage and ResponseMessage"),
    (
        "structure Re* Batch Item: not in the table",
        "the payload is decoded when the item runs: types RequestBatchItem and ResponseBatchItem",
    ),
    ("structure Derivation Parameters #2: not in the table", "the PBKDF2 form of 1.x: one type for both forms"),
    ("structure Derivation Parameters: * is not in the standard", "Salt and Iteration Count belong to the PBKDF2 form of 1.x"),
    (
        "structure Derivation Parameters: DerivationData is repeated, unlike in the standard",
        "repeated since 2.0 only; one type for all versions",
    ),
    (
        "structure Asynchronous Correlation Values: AsynchronousCorrelationValue is repeated*",
        "\"zero or more\" (2.1, section 6.1.41)",
    ),
    ("structure Authentication: Credential is repeated*", "repeated since 1.2 only; one type for all versions"),
    ("structure Object Defaults: *", "Object Type or Object Types: one row each"),
    (
        "structure Usage Limits: UsageLimitsCount is optional, in the standard required",
        "a client sets total and unit only (attribute rules; CS-BC-M-7)",
    ),
    (
        "payload Add Attribute request: CurrentAttribute is not in the standard",
        "seven published test cases of 2.0 send it in place of New Attribute",
    ),
    ("payload Add Attribute request: NewAttribute is optional, in the standard required", "the same test cases"),
    (
        "payload Add Attribute request: Attribute is optional, in the standard required",
        "the same test cases: one type for all versions",
    ),
    ("payload Create Credential*", "<credential object> stands for one of several fields: one row each"),
    (
        "payload Export response: 0x000000 is optional, in the standard required",
        "2.1, section 6.1.18: of a destroyed object the key material is not returned",
    ),
    ("payload Interop request: InteropIdentifier is optional, in the standard required", "Reset has no use for it"),
    ("payload Locate request: TemplateAttribute is not in the standard", "some clients of 1.x (FortiGate) wrap the attributes"),
    (
        "payload Query response: CapabilityInformation is repeated, unlike in the standard",
        "one at most in 3.0; one type for all versions",
    ),
    (
        "payload Register request: 0x000000 is required, in the standard optional",
        "optional in 1.0 and 1.1 only, for objects that the server would have to make up",
    ),
    (
        "payload Set Constraints request: Constraints is optional, in the standard required",
        "without it the constraints are cleared (TC-MD-24 of 2.1)",
    ),
    (
        "attribute Certificate* versions: the table has \"1.4 on\", the standard \"2.0 on\"",
        "the tags are there since 1.4 (1.4, section 9.1.3.1), and TC-CERTATTR-1 of 1.4 expects them as attributes",
    ),
    ("attribute Certificate*DN versions: *", "the file has one row for the parts of certificate names; these two are new in 3.0"),
    ("attribute *Counter applies to: *", "\"Cryptographic Objects\" in words"),
    ("attribute CredentialType applies to: *", "\"Credential Objects\" in words; they are no managed objects here yet"),
    ("attribute Custom Attribute: not in the table", "VENDOR_ATTRIBUTE_RULES: its name is not a tag's"),
    ("attribute SplitKeyPolynomial implicitly set by: *", "the file says Join Key, which is Join Split Key"),
    (
        "error reason \"*\": not in the table",
        "misprints of the tables (Not Extractble), and words that are no reason (N/A, See tables above)",
    ),
    (
        "payload * request: *Data is optional, in the standard required",
        "a stream begins or ends without data (published test cases TC-STREAM), and verifies at its end",
    ),
    ("payload * response: *Data is optional, in the standard required", "no result while a stream goes on"),
    ("payload * Verify response: ValidityIndicator is optional, in the standard required", "no result while a stream goes on"),
];
