//! The slot for rules: once a step and account a policy sees what is known and says what it wants.

use crate::book::{Book, Tier, VixGate};
use crate::market::MarketState;
use crate::signals::{Reading, SignalConfig};

/// Identifiers of the rules; a result refers to them by index.
pub const RULES: [&str; 14] = [
    "condor.entry",
    "condor.profit_target",
    "condor.stop",
    "condor.exit_dte",
    "condor.settlement",
    "condor.vix_gate",
    "condor.risk_cap",
    "condor.buying_power",
    "layer.open",
    "layer.roll",
    "layer.resize",
    "layer.settlement",
    "portfolio.rebalance",
    "margin.forced_close",
];

/// Index into [`RULES`].
pub mod rule {
    /// Scheduled sale of a condor.
    pub const ENTRY: u16 = 0;
    /// Profit target reached.
    pub const PROFIT_TARGET: u16 = 1;
    /// Stop reached.
    pub const STOP: u16 = 2;
    /// Days to expiry at the exit.
    pub const EXIT_DTE: u16 = 3;
    /// Settlement of a condor.
    pub const SETTLEMENT: u16 = 4;
    /// VIX too high for a new condor.
    pub const VIX_GATE: u16 = 5;
    /// Contracts cut by the risk of one entry.
    pub const RISK_CAP: u16 = 6;
    /// Contracts cut by margin.
    pub const BUYING_POWER: u16 = 7;
    /// Purchase of a layer that holds nothing.
    pub const LAYER_OPEN: u16 = 8;
    /// Scheduled roll of a layer.
    pub const LAYER_ROLL: u16 = 9;
    /// Change of a layer's size between rolls.
    pub const LAYER_RESIZE: u16 = 10;
    /// Settlement of a layer.
    pub const LAYER_SETTLEMENT: u16 = 11;
    /// Index holding back to its weight.
    pub const REBALANCE: u16 = 12;
    /// Forced closing after a margin call.
    pub const FORCED_CLOSE: u16 = 13;
}

/// What a policy may look at: one path on one closed step.
#[derive(Debug, Clone, Copy)]
pub struct PolicyView<'a> {
    /// The market of the step.
    pub state: &'a MarketState,
    /// Path of the block.
    pub path: usize,
    /// Equity in cents.
    pub equity: i64,
    /// Condor contracts open.
    pub open_contracts: i64,
    /// Annualised 20-session close-to-close volatility; NaN before 21 closes.
    pub realised_vol: f64,
    /// Signals and phase of the path.
    pub signals: &'a Reading,
}

/// What a policy wants from the next step on.
#[derive(Debug, PartialEq)]
pub struct Targets {
    /// New condors may be sold.
    pub entries_open: bool,
    /// Multiplier on each layer's base size.
    pub layer_multiplier: Vec<f64>,
    /// Rule that asks for a size change between rolls; `None` leaves layers alone until they roll.
    pub resize: Option<u16>,
}

impl Targets {
    /// Base sizes, entries open.
    pub fn base(n_layers: usize) -> Self {
        Self { entries_open: true, layer_multiplier: vec![1.0; n_layers], resize: None }
    }
}

impl Clone for Targets {
    fn clone(&self) -> Self {
        let Self { entries_open, ref layer_multiplier, resize } = *self;
        Self { entries_open, layer_multiplier: layer_multiplier.clone(), resize }
    }

    /// Keeps the vector: targets are copied once a step and account.
    fn clone_from(&mut self, source: &Self) {
        self.entries_open = source.entries_open;
        self.layer_multiplier.clone_from(&source.layer_multiplier);
        self.resize = source.resize;
    }
}

/// A set of rules. Called once per step and account, after the step is marked; what it wants is done on the
/// next step, never on the one that triggered it.
pub trait Policy {
    /// Writes the targets.
    fn decide(&mut self, book: &Book, view: &PolicyView<'_>, targets: &mut Targets);

    /// The signals that it reads for a book; `None` where it reads none, so that none are computed. Books with equal
    /// configurations share their trackers.
    fn signals<'a>(&'a self, book: &'a Book) -> Option<&'a SignalConfig> {
        let _ = book;
        None
    }
}

/// Schedule only: layers roll and re-strike on their dates and never resize.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaticPolicy;

impl Policy for StaticPolicy {
    fn decide(&mut self, book: &Book, view: &PolicyView<'_>, targets: &mut Targets) {
        targets.entries_open = book
            .condor
            .as_ref()
            .is_none_or(|condor| gate_open(condor.vix_gate, condor.tier, view.state.vix_quoted[view.path]));
    }
}

/// Whether a tier may open condors at a VIX level. An unknown VIX opens nothing but an ungated book.
pub fn gate_open(gate: VixGate, tier: Tier, vix: f64) -> bool {
    match gate {
        VixGate::None => true,
        VixGate::Lenient => vix < 20.0,
        VixGate::Strict => vix < 15.0 || (vix <= 20.0 && tier != Tier::Aggressive),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_risk_scaling() {
        for (vix, conservative, balanced, aggressive) in [
            (14.99, true, true, true),
            (15.0, true, true, false),
            (20.0, true, true, false),
            (20.01, false, false, false),
        ] {
            assert_eq!(gate_open(VixGate::Strict, Tier::Conservative, vix), conservative);
            assert_eq!(gate_open(VixGate::Strict, Tier::Balanced, vix), balanced);
            assert_eq!(gate_open(VixGate::Strict, Tier::Aggressive, vix), aggressive);
        }
        assert!(gate_open(VixGate::Lenient, Tier::Aggressive, 19.99));
        assert!(!gate_open(VixGate::Lenient, Tier::Conservative, 20.0));
        assert!(!gate_open(VixGate::Strict, Tier::Balanced, f64::NAN));
        assert!(gate_open(VixGate::None, Tier::Balanced, f64::NAN));
    }
}
