//! Complex numbers whose functions give the same bits on every platform.
//!
//! The crate `num-complex` takes exponentials and angles from the platform as soon as any other crate of a build asks
//! for its `std` feature; this type has only [`crate::math`] below it.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::math;

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Complex {
    /// Zero.
    pub const ZERO: Self = Self::real(0.0);
    /// One.
    pub const ONE: Self = Self::real(1.0);
    /// The imaginary unit.
    pub const I: Self = Self::new(0.0, 1.0);

    /// re + i im.
    #[inline]
    pub const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    /// A real number.
    #[inline]
    pub const fn real(re: f64) -> Self {
        Self { re, im: 0.0 }
    }

    /// Both parts are finite.
    #[inline]
    pub fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }

    /// Square of the modulus.
    #[inline]
    pub fn norm_squared(self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    /// Modulus.
    #[inline]
    pub fn norm(self) -> f64 {
        self.norm_squared().sqrt()
    }

    /// 1 / z.
    #[inline]
    pub fn inverse(self) -> Self {
        let scale = 1.0 / self.norm_squared();
        Self::new(self.re * scale, -self.im * scale)
    }

    /// Exponential.
    #[inline]
    pub fn exp(self) -> Self {
        let size = math::exp(self.re);
        if self.im == 0.0 {
            return Self::real(size);
        }
        let (sin, cos) = math::sin_cos(self.im);
        Self::new(size * cos, size * sin)
    }

    /// Logarithm of 1 + z, the angle in (-pi, pi].
    #[inline]
    pub fn ln_1p(self) -> Self {
        let shifted = self + 1.0;
        let log = if self.norm_squared() < 0.25 {
            math::ln_1p(2.0 * self.re + self.norm_squared())
        } else {
            math::ln(shifted.norm_squared())
        };
        Self::new(0.5 * log, math::atan2(shifted.im, shifted.re))
    }

    /// Square root with a real part that is not negative.
    #[inline]
    pub fn sqrt(self) -> Self {
        let size = (0.5 * (self.norm() + self.re.abs())).sqrt();
        if size == 0.0 {
            return Self::ZERO;
        }
        let other = 0.5 * self.im / size;
        if self.re >= 0.0 {
            Self::new(size, other)
        } else {
            Self::new(other.abs(), if self.im < 0.0 { -size } else { size })
        }
    }
}

impl Add for Complex {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self::new(self.re + other.re, self.im + other.im)
    }
}

impl Sub for Complex {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self::new(self.re - other.re, self.im - other.im)
    }
}

impl Mul for Complex {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        Self::new(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)
    }
}

impl Div for Complex {
    type Output = Self;
    #[inline]
    fn div(self, other: Self) -> Self {
        let scale = 1.0 / other.norm_squared();
        Self::new((self.re * other.re + self.im * other.im) * scale, (self.im * other.re - self.re * other.im) * scale)
    }
}

impl Neg for Complex {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self::new(-self.re, -self.im)
    }
}

impl Add<f64> for Complex {
    type Output = Self;
    #[inline]
    fn add(self, other: f64) -> Self {
        Self::new(self.re + other, self.im)
    }
}

impl Sub<f64> for Complex {
    type Output = Self;
    #[inline]
    fn sub(self, other: f64) -> Self {
        Self::new(self.re - other, self.im)
    }
}

impl Mul<f64> for Complex {
    type Output = Self;
    #[inline]
    fn mul(self, other: f64) -> Self {
        Self::new(self.re * other, self.im * other)
    }
}

impl Sub<Complex> for f64 {
    type Output = Complex;
    #[inline]
    fn sub(self, other: Complex) -> Complex {
        Complex::new(self - other.re, -other.im)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Complex, b: Complex) {
        assert!((a - b).norm() <= 8.0 * f64::EPSILON * (1e-300 + b.norm()), "{a:?} {b:?}");
    }

    #[test]
    fn functions_invert_each_other() {
        let mut checked = 0;
        for i in -20..=20 {
            for k in -20..=20 {
                let z = Complex::new(f64::from(i) * 0.149, f64::from(k) * 0.149);
                let root = z.sqrt();
                assert!(root.re >= 0.0);
                close(root * root, z);
                if z.norm() > 0.0 {
                    close(z.inverse() * z, Complex::ONE);
                    close((z.exp() - 1.0).ln_1p(), z);
                    checked += 1;
                }
            }
        }
        assert_eq!(checked, 41 * 41 - 1);
    }

    #[test]
    fn the_logarithm_keeps_small_arguments() {
        let z = Complex::new(3e-12, -4e-13);
        let series = z - z * z * 0.5;
        close(z.ln_1p(), series);
    }
}
