//! The two small fields of secret sharing (2.1, section 13.1), without tables: a table read by a secret is seen in the cache.

/// A field of characteristic two: subtraction is addition.
pub(super) trait Field: Copy {
    /// Bytes of an element.
    const BYTES: usize;
    /// The neutral element of addition.
    const ZERO: Self;
    /// The neutral element of multiplication.
    const ONE: Self;

    /// The element that a Key Part Identifier stands for.
    fn at(identifier: u32) -> Self;
    /// The element at the beginning of some bytes; missing ones are zero.
    fn read(bytes: &[u8]) -> Self;
    /// Writes an element.
    fn write(self, out: &mut [u8]);
    /// The sum.
    fn add(self, other: Self) -> Self;
    /// The product.
    fn multiply(self, other: Self) -> Self;
    /// The element that gives one with this; zero of zero.
    fn invert(self) -> Self;
}

/// GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gf256(u8);

impl Gf256 {
    const POLYNOMIAL: u8 = 0x1D;
}

impl Field for Gf256 {
    const BYTES: usize = 1;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn at(identifier: u32) -> Self {
        Self(identifier as u8)
    }

    fn read(bytes: &[u8]) -> Self {
        Self(bytes.first().copied().unwrap_or_default())
    }

    fn write(self, out: &mut [u8]) {
        out.fill(self.0);
    }

    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    fn multiply(self, other: Self) -> Self {
        let (mut power, mut product) = (self.0, 0);
        for bit in 0..8 {
            product ^= power & 0_u8.wrapping_sub(other.0 >> bit & 1);
            power = power << 1 ^ Self::POLYNOMIAL & 0_u8.wrapping_sub(power >> 7);
        }
        Self(product)
    }

    fn invert(self) -> Self {
        // The group has 255 elements: the inverse is the 254th power, the product of all squarings but the zeroth.
        let (mut square, mut inverse) = (self, Self::ONE);
        for _ in 1..8 {
            square = square.multiply(square);
            inverse = inverse.multiply(square);
        }
        inverse
    }
}

/// GF(2^16) over GF(2^8), with the polynomial y^2 + y + m: u y + v as the bytes u and v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gf65536 {
    u: Gf256,
    v: Gf256,
}

impl Gf65536 {
    const M: Gf256 = Gf256(0x3A);
}

impl Field for Gf65536 {
    const BYTES: usize = 2;
    const ZERO: Self = Self { u: Gf256(0), v: Gf256(0) };
    const ONE: Self = Self { u: Gf256(0), v: Gf256(1) };

    fn at(identifier: u32) -> Self {
        Self { u: Gf256((identifier >> 8) as u8), v: Gf256(identifier as u8) }
    }

    fn read(bytes: &[u8]) -> Self {
        Self { u: Gf256::read(bytes), v: Gf256::read(bytes.get(1..).unwrap_or_default()) }
    }

    fn write(self, out: &mut [u8]) {
        if let [u, v, ..] = out {
            (*u, *v) = (self.u.0, self.v.0);
        }
    }

    fn add(self, other: Self) -> Self {
        Self { u: self.u.add(other.u), v: self.v.add(other.v) }
    }

    fn multiply(self, other: Self) -> Self {
        let (high, low) = (self.u.multiply(other.u), self.v.multiply(other.v));
        let middle = self.u.add(self.v).multiply(other.u.add(other.v));
        Self { u: middle.add(low), v: high.multiply(Self::M).add(low) }
    }

    fn invert(self) -> Self {
        let sum = self.u.add(self.v);
        let norm = sum.multiply(self.v).add(Self::M.multiply(self.u.multiply(self.u))).invert();
        Self { u: self.u.multiply(norm), v: sum.multiply(norm) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_field_is_one() {
        let all = || (0..=255).map(Gf256);
        for one in all() {
            for other in all() {
                assert_eq!(one.multiply(other), other.multiply(one));
                // By hand: the product of polynomials, reduced by long division.
                let mut product =
                    (0..8).filter(|bit| other.0 >> bit & 1 == 1).fold(0_u16, |sum, bit| sum ^ u16::from(one.0) << bit);
                for bit in (8..16).rev() {
                    if product >> bit & 1 == 1 {
                        product ^= 0x11D << (bit - 8);
                    }
                }
                assert_eq!(one.multiply(other).0, product as u8);
            }
            let expected = if one == Gf256::ZERO { Gf256::ZERO } else { Gf256::ONE };
            assert_eq!(one.multiply(one.invert()), expected);
        }
    }

    #[test]
    fn every_element_of_the_large_field_has_an_inverse() {
        for number in 1..=65_535_u32 {
            let element = Gf65536::at(number);
            assert_eq!(element.multiply(element.invert()), Gf65536::ONE, "{number}");
        }
        // y squared is y + m.
        let y = Gf65536::at(0x100);
        assert_eq!(y.multiply(y), Gf65536::at(0x13A));
        let (one, two, three) = (Gf65536::at(0x1234), Gf65536::at(0xFEDC), Gf65536::at(0x8001));
        assert_eq!(one.multiply(two).multiply(three), one.multiply(two.multiply(three)));
        assert_eq!(one.add(two).multiply(three), one.multiply(three).add(two.multiply(three)));
    }
}
