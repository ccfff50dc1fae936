//! One error type for the whole core, one line per error.
//!
//! `<CODE> <source>[:<position>] <field>: got <value>, expected <rule>[; <hint>]`

use std::fmt;

/// Where something went wrong, what was found there and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fault {
    /// Stable identifier such as `CFG007`.
    pub code: &'static str,
    /// File, configuration class or argument that was read.
    pub source: String,
    /// Line, index or path inside the source; empty when there is none.
    pub position: String,
    /// Column, field or parameter.
    pub field: String,
    /// What was found.
    pub value: String,
    /// The rule it breaks.
    pub expected: String,
    /// A remedy; empty when there is none.
    pub hint: String,
}

impl Fault {
    /// A fault without position and hint.
    pub fn new(
        code: &'static str,
        source: impl Into<String>,
        field: impl Into<String>,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            code,
            source: source.into(),
            position: String::new(),
            field: field.into(),
            value: value.into(),
            expected: expected.into(),
            hint: String::new(),
        }
    }

    /// The same fault with a position.
    #[must_use]
    pub fn at(mut self, position: impl Into<String>) -> Self {
        self.position = position.into();
        self
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.source)?;
        if !self.position.is_empty() {
            write!(f, ":{}", self.position)?;
        }
        write!(f, " {}: got {}, expected {}", self.field, self.value, self.expected)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

/// Everything that can go wrong in the core; each variant is one Python exception class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A configuration field breaks its rule.
    #[error("{0}")]
    Config(Box<Fault>),
    /// Market data that cannot be used as it is.
    #[error("{0}")]
    Data(Box<Fault>),
    /// Bytes that are not what the format says.
    #[error("{0}")]
    Decode(Box<Fault>),
    /// A file that ends too early.
    #[error("{0}")]
    Truncated(Box<Fault>),
    /// Columns are missing, duplicated or of the wrong type.
    #[error("{0}")]
    Schema(Box<Fault>),
    /// A number that has no finite answer.
    #[error("{0}")]
    Numerical(Box<Fault>),
    /// A size beyond what is allowed; raised before anything is allocated.
    #[error("{0}")]
    Limit(Box<Fault>),
    /// Something tried to use data from its own future.
    #[error("{0}")]
    LookAhead(Box<Fault>),
    /// The caller interrupted a long call.
    #[error("interrupted")]
    Interrupted,
    /// A defect of the library itself.
    #[error("{0}")]
    Internal(Box<Fault>),
}

/// Result of the core.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! constructors {
    ($($name:ident => $variant:ident),+ $(,)?) => {
        impl Error {
            $(
                #[doc = concat!("`Error::", stringify!($variant), "` from a fault.")]
                pub fn $name(fault: Fault) -> Self {
                    Self::$variant(Box::new(fault))
                }
            )+
        }
    };
}

constructors! {
    config => Config,
    data => Data,
    decode => Decode,
    truncated => Truncated,
    schema => Schema,
    numerical => Numerical,
    limit => Limit,
    look_ahead => LookAhead,
    internal => Internal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_the_documented_shape() {
        let fault = Fault::new("CFG007", "HedgeLayer", "delta", "1.5", "0 < delta < 1");
        assert_eq!(fault.to_string(), "CFG007 HedgeLayer delta: got 1.5, expected 0 < delta < 1");
        let fault = fault.at("layers[1]").hint("use 0.5");
        assert_eq!(fault.to_string(), "CFG007 HedgeLayer:layers[1] delta: got 1.5, expected 0 < delta < 1; use 0.5");
    }
}
