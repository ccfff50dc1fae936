//! Rules: once a step and account a policy sees what is known and says what it wants.
//!
//! The schedule of a book ([`StaticPolicy`]) always applies. A book with [`Rules`] has the adaptive rules on top of it,
//! each with an identifier in [`RULES`], a switch of its own and a line in the log for everything that it changes.
//! Where two rules want different things of the same position on the same bar, the earlier one in this order wins:
//!
//! 1. a margin call closes what it must;
//! 2. stop, profit target and days to expiry close a condor; what is closed is neither rolled nor trimmed;
//! 3. a threatened condor rolls; what rolls is not trimmed;
//! 4. cash: no purchase of the hedge spends what is not there, not even to keep the core;
//! 5. striking all layers anew (normalisation) goes before recycling, recycling before the sell ladder, that before a
//!    change of size; a layer whose roll is due on the same bar rolls into its new size instead;
//! 6. sizes: score, automatic vega, press, shift of time, caps; the core of half the base bounds them all; then
//!    rounding, hysteresis and the limits on changes;
//! 7. gates (VIX of the tier, expansion) forbid entries; nothing opens them for each other;
//! 8. the sleeve trades last, with its own money.

pub mod caps;
pub mod config;
pub mod limits;
pub mod memory;
pub mod target;

pub use config::{AdaptivePolicy, BreakoutPolicy, MotionPolicy, Rules, Trim};
pub use memory::Memory;

use crate::book::{Book, Tier, VixGate};
use crate::market::MarketState;
use crate::signals::{Reading, SignalConfig};

/// Identifiers of the rules; a result refers to them by index.
pub const RULES: [&str; 34] = [
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
    "hedge.sizing",
    "hedge.automatic_vega",
    "hedge.automatic_vega_exception",
    "hedge.press",
    "hedge.time_shift",
    "hedge.time_shift_back",
    "hedge.caps",
    "hedge.recycle",
    "hedge.sell_ladder",
    "hedge.normalise",
    "condor.trim",
    "condor.time_shift",
    "condor.time_shift_back",
    "condor.expansion_gate",
    "condor.fair_value",
    "sleeve.feed",
    "sleeve.buy",
    "sleeve.sell",
    "motion.restrike",
    "condor.breakout",
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
    /// Size of the layers by the hedge score.
    pub const HEDGE_SIZING: u16 = 14;
    /// Size by the quick ratio, with the quorum.
    pub const AUTOMATIC_VEGA: u16 = 15;
    /// Size by the quick ratio, without the quorum.
    pub const VEGA_EXCEPTION: u16 = 16;
    /// Outer layer grows in a cash press.
    pub const PRESS: u16 = 17;
    /// Beta-vega moves into the outer layer.
    pub const TIME_SHIFT: u16 = 18;
    /// Beta-vega moves back into the longer layers.
    pub const TIME_SHIFT_BACK: u16 = 19;
    /// Carry and stressed beta bound the hedge.
    pub const CAPS: u16 = 20;
    /// Outer gain is realised and recycled.
    pub const RECYCLE: u16 = 21;
    /// Outer contracts are sold at a level of VIX.
    pub const SELL_LADDER: u16 = 22;
    /// All layers are struck anew as volatility normalises.
    pub const NORMALISE: u16 = 23;
    /// Winning side is bought back in a cash press.
    pub const TRIM: u16 = 24;
    /// Threatened condor rolls to a few days.
    pub const CONDOR_OUT: u16 = 25;
    /// Rolled condor goes back to its tenor.
    pub const CONDOR_BACK: u16 = 26;
    /// No entry while volatility expands.
    pub const EXPANSION_GATE: u16 = 27;
    /// Short strikes move away from a stretched valuation.
    pub const FAIR_VALUE: u16 = 28;
    /// Share of a realised gain goes to the sleeve.
    pub const SLEEVE_FEED: u16 = 29;
    /// Sleeve buys calls.
    pub const SLEEVE_BUY: u16 = 30;
    /// Sleeve sells its calls.
    pub const SLEEVE_SELL: u16 = 31;
    /// Layer follows delta and beta-vega on every bar.
    pub const MOTION: u16 = 32;
    /// Condor is sold anew around the index.
    pub const BREAKOUT: u16 = 33;
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
    /// Signals and phase of the path.
    pub signals: &'a Reading,
}

/// What a policy wants from the next step on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Targets {
    /// New condors may be sold.
    pub entries_open: bool,
    /// Multiplier on each layer's base size.
    pub layer_multiplier: Vec<f64>,
    /// Rule that asks for a size change between rolls; `None` leaves layers alone until they roll.
    pub resize: Option<u16>,
    /// Points by which the strikes of a new condor move from where their rule puts them.
    pub strike_shift: f64,
}

impl Targets {
    /// Base sizes, entries open.
    pub fn base(n_layers: usize) -> Self {
        Self { entries_open: true, layer_multiplier: vec![1.0; n_layers], resize: None, strike_shift: 0.0 }
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

/// The schedule: layers roll and re-strike on their dates and do not resize. What a book's [`Rules`] change on top of it
/// happens in its account; the policy only says which signals they read.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaticPolicy;

impl Policy for StaticPolicy {
    fn signals<'a>(&'a self, book: &'a Book) -> Option<&'a SignalConfig> {
        book.rules.as_ref().and_then(Rules::signals)
    }

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
