//! The table of permissions: one row per KMIP operation. Its columns say what the operation is asked about, and which set it
//! belongs to; what a role may do is told in sets (`role.rs`), so that an operation without a row is in no role, and does not compile.

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

/// Names of sets of permissions, for roles and for policy files.
macro_rules! sets {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a permission is good for. Each permission is in one set.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Set { $($(#[$doc])* $name,)* }

        impl Set {
            /// All sets.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in a policy file.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

sets! {
    /// Makes new objects.
    Creation = "create";
    /// Tells what there is, and all of it but material.
    Reading = "read";
    /// Hands out material.
    Release = "release";
    /// Uses a key, or other material, inside of the server.
    Use = "use";
    /// Changes attributes.
    Attributes = "attributes";
    /// Moves objects through their life, to their end and to their replacement.
    LifeCycle = "life-cycle";
    /// Concerns the client's own connection, requests and tickets, and what everybody may know of the server.
    Session = "session";
    /// Computes without an object.
    Service = "services";
    /// Lays down what holds for the client's own new objects.
    Rules = "rules";
    /// Makes users, groups and credentials.
    Administration = "administer";
    /// Resets a server between tests.
    Test = "test";
}

macro_rules! permissions {
    ($( $(#[$doc:meta])* $name:ident, $scope:ident, $set:ident; )*) => {
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

            /// What it is good for.
            pub const fn set(self) -> Set {
                match self { $(Self::$name => Set::$set,)* }
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
    Create, Server, Creation;
    CreateKeyPair, Server, Creation;
    Register, Server, Creation;
    ReKey, Object, LifeCycle;
    DeriveKey, Object, Use;
    Certify, Object, Use;
    ReCertify, Object, Use;
    /// Whether to search at all, then whether each match may be reported.
    Locate, Both, Reading;
    Check, Object, Reading;
    Get, Object, Release;
    GetAttributes, Object, Reading;
    GetAttributeList, Object, Reading;
    AddAttribute, Object, Attributes;
    ModifyAttribute, Object, Attributes;
    DeleteAttribute, Object, Attributes;
    ObtainLease, Object, Use;
    GetUsageAllocation, Object, Use;
    Activate, Object, LifeCycle;
    Revoke, Object, LifeCycle;
    Destroy, Object, LifeCycle;
    Archive, Object, LifeCycle;
    Recover, Object, LifeCycle;
    /// Certificates to judge come by identifier or in the request itself.
    Validate, Both, Use;
    Query, Server, Session;
    Cancel, Server, Session;
    Poll, Server, Session;
    Notify, Server, Session;
    Put, Server, Session;
    ReKeyKeyPair, Object, LifeCycle;
    DiscoverVersions, Server, Session;
    Encrypt, Object, Use;
    Decrypt, Object, Use;
    Sign, Object, Use;
    SignatureVerify, Object, Use;
    MAC, Object, Use;
    MACVerify, Object, Use;
    RNGRetrieve, Server, Service;
    RNGSeed, Server, Service;
    Hash, Server, Service;
    /// Splits a stored key, or one made for the purpose.
    CreateSplitKey, Both, Creation;
    JoinSplitKey, Object, Creation;
    /// Makes an object under an identifier of the client's choice, and may replace the one that is there.
    Import, Both, Creation;
    Export, Object, Release;
    Log, Server, Session;
    Login, Server, Session;
    Logout, Server, Session;
    DelegatedLogin, Server, Session;
    AdjustAttribute, Object, Attributes;
    SetAttribute, Object, Attributes;
    SetEndpointRole, Server, Session;
    PKCS_11, Both, Use;
    /// Reset removes the caller's own objects, each of which is asked for.
    Interop, Both, Test;
    ReProvision, Server, Session;
    SetDefaults, Server, Rules;
    SetConstraints, Server, Rules;
    GetConstraints, Server, Session;
    QueryAsynchronousRequests, Server, Session;
    Process, Server, Session;
    Ping, Server, Session;
    CreateGroup, Server, Administration;
    Obliterate, Object, LifeCycle;
    CreateUser, Server, Administration;
    CreateCredential, Server, Administration;
    Deactivate, Object, LifeCycle;
    /// No operation: to use a key to wrap others, which an operation on these names.
    WrapKey, Object, Use;
    /// No operation: to use a key to unwrap others.
    UnwrapKey, Object, Use;
}

/// Some of the permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u128);

// One bit each.
const _: () = assert!(Permission::ALL.len() <= 128);

impl Permissions {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Whether a permission is one of them.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | 1 << permission as u32)
    }

    /// These and others.
    #[must_use]
    pub const fn union(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// All permissions of some sets.
    pub const fn of(sets: &[Set]) -> Self {
        let mut all = Self::NONE;
        let (mut at, mut permission) = (0, 0);
        while at < sets.len() {
            while permission < Permission::ALL.len() {
                if Permission::ALL[permission].set() as u32 == sets[at] as u32 {
                    all = all.with(Permission::ALL[permission]);
                }
                permission += 1;
            }
            permission = 0;
            at += 1;
        }
        all
    }

    /// Those of a name in a policy file: of a permission, of a set, or `all`.
    pub fn named(name: &str) -> Option<Self> {
        if name == "all" {
            return Some(Self::of(Set::ALL));
        }
        let set = Set::ALL.iter().find(|set| set.name() == name).map(|set| Self::of(&[*set]));
        set.or_else(|| Permission::named(name).map(|permission| Self::NONE.with(permission)))
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl Permission {
    /// The permission of a name in the XML encoding.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }
}
