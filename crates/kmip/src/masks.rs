//! Bit masks: one table per mask, one row per bit. On the wire a mask is an Integer.

use ttlv_codec::{Item, Tag, Writer};

use crate::codec::{self, DecodeError, Value};
use crate::enumerations::ValueRow;
use crate::tag;
use crate::version::ProtocolVersion;

/// One mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskRow {
    /// The name as the standard spells it, `Cryptographic Usage Mask`.
    pub name: &'static str,
    /// The tag of the Integer that holds it.
    pub tag: Tag,
    /// Its bits in ascending order.
    pub bits: &'static [ValueRow],
}

impl MaskRow {
    /// The bit with this name of the XML encoding in any version, spellings of published test cases included.
    #[must_use]
    pub fn by_xml_name(&self, xml_name: &str) -> Option<u32> {
        // TC-PKCS12-1 leaves the parenthesis of Content Commitment (Non Repudiation) out.
        let xml_name = match xml_name {
            "ContentCommitment" => "ContentCommitmentNonRepudiation",
            other => other,
        };
        self.bits.iter().find(|row| row.xml_name == xml_name).map(|row| row.value)
    }

    /// The row of one bit; where `version` does not define it, that of another version.
    #[must_use]
    pub fn by_value(&self, bit: u32, version: ProtocolVersion) -> Option<&'static ValueRow> {
        let rows = || self.bits.iter().filter(|row| row.value == bit);
        rows().find(|row| row.versions.contains(version)).or_else(|| rows().next_back())
    }

    /// The bits that `version` defines.
    #[must_use]
    pub fn known_in(&self, version: ProtocolVersion) -> u32 {
        self.bits.iter().filter(|row| row.versions.contains(version)).fold(0, |bits, row| bits | row.value)
    }

    /// The rows of the bits that are set in `value`, in ascending order.
    pub fn rows_of(&self, value: u32) -> impl Iterator<Item = &'static ValueRow> {
        self.bits.iter().filter(move |row| value & row.value != 0)
    }
}

/// A mask as a Rust type.
pub trait Mask: Copy + Eq {
    /// What the standard says about it.
    const ROW: &'static MaskRow;

    /// The mask with these bits.
    fn from_bits(bits: u32) -> Self;

    /// Its bits.
    fn bits(self) -> u32;
}

/// Writes the type, its constants, its operators and its row.
macro_rules! mask {
    (
        $(#[$doc:meta])*
        pub struct $type:ident($name:literal) in $tag:ident {
            $($value:literal => $xml_name:ident, $bit_name:literal, $since:ident .. $($until:ident)?;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $type(pub u32);

        #[allow(non_upper_case_globals)]
        impl $type {
            $(
                #[doc = concat!("`", stringify!($value), "` ", $bit_name, ".")]
                pub const $xml_name: Self = Self($value);
            )*

            /// Whether every bit of `other` is set here.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any bit of `other` is set here.
            #[must_use]
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Whether no bit is set.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl Mask for $type {
            const ROW: &'static MaskRow = &MaskRow {
                name: $name,
                tag: tag::$tag,
                bits: &[$(ValueRow {
                    value: $value,
                    xml_name: stringify!($xml_name),
                    name: $bit_name,
                    versions: $crate::versions!($since .. $($until)?),
                },)*],
            };

            fn from_bits(bits: u32) -> Self {
                Self(bits)
            }

            fn bits(self) -> u32 {
                self.0
            }
        }

        impl std::ops::BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::ops::BitAnd for $type {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl Value for $type {
            fn read(item: &Item<'_>, _version: ProtocolVersion) -> codec::Result<Self> {
                match item.value {
                    // The sign bit is a bit like the others.
                    ttlv_codec::Value::Integer(value) => Ok(Self(value.cast_unsigned())),
                    _ => Err(DecodeError::wrong_type(item)),
                }
            }

            fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
                writer.integer(tag, self.0.cast_signed());
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                debug(*self, f)
            }
        }
    };
}

/// The names of the bits; bits without a name in hexadecimal.
fn debug<M: Mask>(mask: M, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut separator = "";
    let mut unnamed = mask.bits();
    for row in M::ROW.rows_of(mask.bits()) {
        write!(f, "{separator}{}", row.xml_name)?;
        separator = " | ";
        unnamed &= !row.value;
    }
    if unnamed != 0 || mask.bits() == 0 {
        write!(f, "{separator}0x{unnamed:08X}")?;
    }
    Ok(())
}

mask! {
    /// What a key may be used for.
    pub struct CryptographicUsageMask("Cryptographic Usage Mask") in CryptographicUsageMask {
        0x00000001 => Sign, "Sign", V1_0..;
        0x00000002 => Verify, "Verify", V1_0..;
        0x00000004 => Encrypt, "Encrypt", V1_0..;
        0x00000008 => Decrypt, "Decrypt", V1_0..;
        0x00000010 => WrapKey, "Wrap Key", V1_0..;
        0x00000020 => UnwrapKey, "Unwrap Key", V1_0..;
        0x00000040 => Export, "Export", V1_0..V2_0;
        0x00000080 => MACGenerate, "MAC Generate", V1_0..;
        0x00000100 => MACVerify, "MAC Verify", V1_0..;
        0x00000200 => DeriveKey, "Derive Key", V1_0..;
        0x00000400 => ContentCommitmentNonRepudiation, "Content Commitment (Non Repudiation)", V1_0..V2_0;
        0x00000800 => KeyAgreement, "Key Agreement", V1_0..;
        0x00001000 => CertificateSign, "Certificate Sign", V1_0..;
        0x00002000 => CRLSign, "CRL Sign", V1_0..;
        0x00004000 => GenerateCryptogram, "Generate Cryptogram", V1_0..V2_0;
        0x00008000 => ValidateCryptogram, "Validate Cryptogram", V1_0..V2_0;
        0x00010000 => TranslateEncrypt, "Translate Encrypt", V1_0..V2_0;
        0x00020000 => TranslateDecrypt, "Translate Decrypt", V1_0..V2_0;
        0x00040000 => TranslateWrap, "Translate Wrap", V1_0..V2_0;
        0x00080000 => TranslateUnwrap, "Translate Unwrap", V1_0..V2_0;
        0x00100000 => Authenticate, "Authenticate", V2_0..;
        0x00200000 => Unrestricted, "Unrestricted", V2_0..;
        0x00400000 => FPEEncrypt, "FPE Encrypt", V2_0..;
        0x00800000 => FPEDecrypt, "FPE Decrypt", V2_0..;
    }
}

mask! {
    /// Which classes of objects Locate searches.
    pub struct ObjectClassMask("Object Class Mask") in ObjectClassMask {
        0x00000001 => User, "User", V3_0..;
        0x00000002 => System, "System", V3_0..;
    }
}

mask! {
    /// Where and how an object may be kept.
    pub struct ProtectionStorageMask("Protection Storage Mask") in ProtectionStorageMask {
        0x00000001 => Software, "Software", V2_0..;
        0x00000002 => Hardware, "Hardware", V2_0..;
        0x00000004 => OnProcessor, "On Processor", V2_0..;
        0x00000008 => OnSystem, "On System", V2_0..;
        0x00000010 => OffSystem, "Off System", V2_0..;
        0x00000020 => Hypervisor, "Hypervisor", V2_0..;
        0x00000040 => OperatingSystem, "Operating System", V2_0..;
        0x00000080 => Container, "Container", V2_0..;
        0x00000100 => OnPremises, "On Premises", V2_0..;
        0x00000200 => OffPremises, "Off Premises", V2_0..;
        0x00000400 => SelfManaged, "Self Managed", V2_0..;
        0x00000800 => Outsourced, "Outsourced", V2_0..;
        0x00001000 => Validated, "Validated", V2_0..;
        0x00002000 => SameJurisdiction, "Same Jurisdiction", V2_0..;
    }
}

mask! {
    /// Where Locate searches; without it, on-line storage only.
    pub struct StorageStatusMask("Storage Status Mask") in StorageStatusMask {
        0x00000001 => OnLineStorage, "On-line storage", V1_0..;
        0x00000002 => ArchivalStorage, "Archival storage", V1_0..;
        0x00000004 => DestroyedStorage, "Destroyed storage", V2_0..;
    }
}

/// Every mask of every version.
pub const ALL: &[&MaskRow] =
    &[CryptographicUsageMask::ROW, ObjectClassMask::ROW, ProtectionStorageMask::ROW, StorageStatusMask::ROW];

/// The mask that a tag carries.
#[must_use]
pub fn of_tag(tag: Tag) -> Option<&'static MaskRow> {
    ALL.iter().find(|row| row.tag == tag).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_single_ascending_and_named_once() {
        for row in ALL {
            assert!(row.bits.iter().all(|bit| bit.value.is_power_of_two()), "{}", row.name);
            assert!(row.bits.windows(2).all(|pair| pair[0].value < pair[1].value), "{}", row.name);
            assert!(row.bits.iter().all(|bit| row.by_xml_name(bit.xml_name) == Some(bit.value)), "{}", row.name);
            assert_eq!(of_tag(row.tag), Some(*row));
        }
    }

    #[test]
    fn bits_and_names() {
        let mask = CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt;
        assert_eq!(mask.0, 12);
        assert!(mask.contains(CryptographicUsageMask::Encrypt) && !mask.contains(CryptographicUsageMask::Sign));
        assert!(mask.intersects(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Sign));
        assert_eq!(format!("{mask:?}"), "Encrypt | Decrypt");
        assert_eq!(format!("{:?}", CryptographicUsageMask(0x8000_0001)), "Sign | 0x80000000");
        assert_eq!(format!("{:?}", CryptographicUsageMask(0)), "0x00000000");
        let row = CryptographicUsageMask::ROW;
        assert_eq!(row.by_xml_name("ContentCommitment"), Some(0x400));
        assert_eq!(row.known_in(ProtocolVersion::V1_0) & 0x0010_0040, 0x40);
        assert_eq!(row.known_in(ProtocolVersion::V2_0) & 0x0010_0040, 0x0010_0000);
    }
}
