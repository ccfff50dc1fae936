//! The four phases of the market that the policy tells apart.

/// Phase of one path on a closed bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing unusual: the base hedge.
    #[default]
    Calm,
    /// A fast rise while volatility is briefly compressed ("Big Top Temporal Theta Cash Press").
    Press,
    /// Volatility expands.
    Expansion,
    /// Volatility gives back what it gained.
    Normalisation,
}
