//! The table of permissions: one row per KMIP operation.

/// What a permission is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The operation concerns no stored object: it makes a new one, or none is involved.
    Server,
    /// The operation works on a stored object.
    Object,
    /// Asked once before the operation runs and again for each stored object it would touch.
    Both,
}

macro_rules! permissions {
    ($( $(#[$doc:meta])* $name:ident, $scope:ident; )*) => {
        /// The right to perform one KMIP operation, or to use a key in one. The names are those of the XML encoding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(non_camel_case_types)] // The XML encoding spells PKCS_11 so.
        pub enum Permission {
            $(
                #[doc = concat!("The right to perform ", stringify!($name), ".")]
                $(#[$doc])*
                $name,
            )*
        }

        impl Permission {
            /// All permissions, in the order of the standard's operation codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The operation's name in the XML encoding.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What the permission is asked about.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope,)* }
            }
        }
    };
}

impl Permission {
    /// Whether the default operation policy of certificates and public keys allows it to all (1.4, section 3.18.2.2).
    pub const fn is_open_to_all(self) -> bool {
        matches!(self, Self::Locate | Self::Check | Self::Get | Self::GetAttributes | Self::GetAttributeList | Self::ObtainLease)
    }
}

permissions! {
    Create, Server;
    CreateKeyPair, Server;
    Register, Server;
    ReKey, Object;
    DeriveKey, Object;
    Certify, Object;
    ReCertify, Object;
    /// Whether to search at all, then whether each match may be reported.
    Locate, Both;
    Check, Object;
    Get, Object;
    GetAttributes, Object;
    GetAttributeList, Object;
    AddAttribute, Object;
    ModifyAttribute, Object;
    DeleteAttribute, Object;
    ObtainLease, Object;
    GetUsageAllocation, Object;
    Activate, Object;
    Revoke, Object;
    Destroy, Object;
    Archive, Object;
    Recover, Object;
    /// Certificates to judge come by identifier or in the request itself.
    Validate, Both;
    Query, Server;
    Cancel, Server;
    Poll, Server;
    Notify, Server;
    Put, Server;
    ReKeyKeyPair, Object;
    DiscoverVersions, Server;
    Encrypt, Object;
    Decrypt, Object;
    Sign, Object;
    SignatureVerify, Object;
    MAC, Object;
    MACVerify, Object;
    RNGRetrieve, Server;
    RNGSeed, Server;
    Hash, Server;
    /// Splits a stored key, or one made for the purpose.
    CreateSplitKey, Both;
    JoinSplitKey, Object;
    /// Makes an object under an identifier of the client's choice, and may replace the one that is there.
    Import, Both;
    Export, Object;
    Log, Server;
    Login, Server;
    Logout, Server;
    DelegatedLogin, Server;
    AdjustAttribute, Object;
    SetAttribute, Object;
    SetEndpointRole, Server;
    PKCS_11, Both;
    /// Reset removes the caller's own objects, each of which is asked for.
    Interop, Both;
    ReProvision, Server;
    SetDefaults, Server;
    SetConstraints, Server;
    GetConstraints, Server;
    QueryAsynchronousRequests, Server;
    Process, Server;
    Ping, Server;
    CreateGroup, Server;
    Obliterate, Object;
    CreateUser, Server;
    CreateCredential, Server;
    Deactivate, Object;
    /// No operation: to use a key to wrap others, which an operation on these names.
    WrapKey, Object;
    /// No operation: to use a key to unwrap others.
    UnwrapKey, Object;
}
