//! Protocol versions and the ranges of them that every table row carries.

use std::fmt;

/// A version of the protocol, ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ProtocolVersion {
    /// KMIP 1.0.
    V1_0,
    /// KMIP 1.1.
    V1_1,
    /// KMIP 1.2.
    V1_2,
    /// KMIP 1.3.
    V1_3,
    /// KMIP 1.4.
    V1_4,
    /// KMIP 2.0.
    V2_0,
    /// KMIP 2.1.
    V2_1,
    /// KMIP 3.0.
    V3_0,
}

impl ProtocolVersion {
    /// Every version, the oldest first.
    pub const ALL: [Self; 8] = [Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3, Self::V1_4, Self::V2_0, Self::V2_1, Self::V3_0];

    /// The numbers on the wire: major, minor.
    #[must_use]
    pub const fn numbers(self) -> (i32, i32) {
        match self {
            Self::V1_0 => (1, 0),
            Self::V1_1 => (1, 1),
            Self::V1_2 => (1, 2),
            Self::V1_3 => (1, 3),
            Self::V1_4 => (1, 4),
            Self::V2_0 => (2, 0),
            Self::V2_1 => (2, 1),
            Self::V3_0 => (3, 0),
        }
    }

    /// The version with these numbers, if there is one.
    #[must_use]
    pub fn from_numbers(major: i32, minor: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.numbers() == (major, minor))
    }

    /// Whether this is one of 1.0 to 1.4, whose spelling of attributes differs from all later versions.
    #[must_use]
    pub const fn is_1x(self) -> bool {
        (self as u8) < (Self::V2_0 as u8)
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.numbers();
        write!(f, "{major}.{minor}")
    }
}

/// The versions from `since` up to, not including, `until`; without `until` to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first version of the range.
    pub since: ProtocolVersion,
    /// The first version after the range.
    pub until: Option<ProtocolVersion>,
}

impl Versions {
    /// Whether `version` is in the range.
    #[must_use]
    pub const fn contains(self, version: ProtocolVersion) -> bool {
        (version as u8) >= (self.since as u8)
            && match self.until {
                Some(until) => (version as u8) < (until as u8),
                None => true,
            }
    }
}

/// `versions!(V1_2 ..)` or `versions!(V1_0 .. V2_0)`: a [`Versions`] constant.
#[macro_export]
macro_rules! versions {
    ($since:ident ..) => {
        $crate::version::Versions { since: $crate::version::ProtocolVersion::$since, until: None }
    };
    ($since:ident .. $until:ident) => {
        $crate::version::Versions {
            since: $crate::version::ProtocolVersion::$since,
            until: Some($crate::version::ProtocolVersion::$until),
        }
    };
}
