//! A quantity in thousandths: cpus and gpus in thousandths of one, mem and disk in thousandths of
//! a MB, as the v1 API counts them.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Fixed-point, three decimals. On the wire and in JSON it is a number (`0.5`).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar(i64);

/// The largest magnitude, in thousandths: below 2^53, so that a double carries it exactly.
const MAX_MILLI: i64 = 1 << 52;

impl Scalar {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From thousandths.
    pub const fn from_milli(milli: i64) -> Self {
        Self(milli)
    }

    /// The nearest thousandth; `None` for what is not finite or is too large.
    pub fn from_f64(value: f64) -> Option<Self> {
        let milli = (value * 1000.0).round();
        (milli.abs() <= MAX_MILLI as f64).then_some(Self(milli as i64))
    }

    /// In thousandths.
    pub const fn milli(self) -> i64 {
        self.0
    }

    /// As a double, exact.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Greater than zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The difference, not below zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }
}

impl Add for Scalar {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Scalar {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Sub for Scalar {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Scalar {
    fn sub_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_sub(other.0);
    }
}

impl Sum for Scalar {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_f64(), f)
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_f64(), f)
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(d)?;
        Self::from_f64(value)
            .ok_or_else(|| serde::de::Error::custom(format!("{value} is not a quantity")))
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "multipleOf": 0.001 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_add_up_exactly() {
        let tenth = Scalar::from_f64(0.1).unwrap();
        assert_eq!((0..10).map(|_| tenth).sum::<Scalar>(), Scalar::from_milli(1000));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(Scalar::from_f64(bad), None);
        }
    }
}
