//! One step of the market for a block of paths, in structure-of-arrays form.

use crate::instrument::Day;
use crate::math::exp;
pub(crate) use crate::simulate::scheme::innovations::INNOVATIONS;

/// Facts about a step that must reach the result: bits of [`MarketState::flags`].
pub mod flag {
    /// The spot of this step is a proxy, not a quote (mid-morning from daily bars, open from SPY).
    pub const SPOT_PROXY: u32 = 1 << 0;
    /// The VIX of this step is a proxy (stale open, mid-morning).
    pub const VIX_PROXY: u32 = 1 << 1;
    /// VIX futures marks are a proxy (no settlement at this time of day, or none at all).
    pub const VX_PROXY: u32 = 1 << 2;
    /// Before VIX futures were listed (2004-03-26) or VIX options were (2006-02-24): the hedge is hypothetical.
    pub const HYPOTHETICAL_HEDGE: u32 = 1 << 3;
    /// Marks of one book carry different as-of times (VIX and VX at 16:15 beside SPX at 16:00).
    pub const ASYNCHRONOUS: u32 = 1 << 4;
    /// No interest rate was given; zero is used.
    pub const NO_RATE: u32 = 1 << 5;
}

/// The hidden state of the market model, one value a path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelColumns {
    /// Fast variance a year.
    pub v1: Vec<f64>,
    /// Slow variance a year.
    pub v2: Vec<f64>,
    /// Jump intensity a year under the pricing measure.
    pub intensity: Vec<f64>,
}

/// Calendar days of a month of a VIX future's life.
const MONTH: f64 = 365.0 / 12.0;

/// What an episode does to marks beside the hidden state, one value a path; empty outside of episodes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EpisodeColumns {
    /// What it adds to the fast variance for minutes: options on the index are marked with it.
    pub transient: Vec<f64>,
    /// VIX without that, points: derivatives on VIX are marked from it and follow the rest in part.
    pub vix_state: Vec<f64>,
    /// Shock on the first two VIX futures by the rebalancing of exchange-traded products, log points.
    pub rebalancing: Vec<f64>,
    /// Relative move of the first, second, ... future over that of VIX from `vix_state`.
    pub shares: [f64; 7],
}

impl EpisodeColumns {
    /// No episode.
    pub fn clear(&mut self) {
        for column in [&mut self.transient, &mut self.vix_state, &mut self.rebalancing] {
            column.clear();
        }
        self.shares = [0.0; 7];
    }
}

/// The state of the market at one step, for `n_paths` paths. History is a block of one path.
///
/// All slices have `n_paths` values; a quantity that is not known is NaN. Points for prices and volatility
/// indices, continuous decimals for rates.
#[derive(Debug, Clone, Default)]
pub struct MarketState {
    /// Session, days since 1970-01-01.
    pub day: Day,
    /// Time of day, seconds after midnight New York.
    pub seconds: i32,
    /// Calendar seconds since the step before (0 for the first).
    pub length_seconds: i64,
    /// Last step of its session.
    pub is_close: bool,
    /// First step of its session.
    pub is_open: bool,
    /// S&P 500.
    pub spot: Vec<f64>,
    /// Highest S&P 500 of the session, known at its close; NaN before.
    pub high: Vec<f64>,
    /// Lowest S&P 500 of the session, known at its close; NaN before.
    pub low: Vec<f64>,
    /// Spot VIX as quoted, including quote noise in an episode.
    pub vix_quoted: Vec<f64>,
    /// The VIX on which derivatives are marked.
    pub vix: Vec<f64>,
    /// Nine-day VIX.
    pub vix9d: Vec<f64>,
    /// Three-month VIX.
    pub vix3m: Vec<f64>,
    /// Six-month VIX.
    pub vix6m: Vec<f64>,
    /// Volatility of VIX.
    pub vvix: Vec<f64>,
    /// Cboe SKEW.
    pub skew: Vec<f64>,
    /// Continuous money-market rate.
    pub rate: Vec<f64>,
    /// Continuous dividend yield of the index.
    pub dividend_yield: Vec<f64>,
    /// Multiplier of all spreads (1 outside episodes).
    pub spread_multiplier: Vec<f64>,
    /// Expiries of the VIX futures that have a price, ascending.
    pub vx_expiry: Vec<Day>,
    /// VIX futures prices, expiry-major: `vx_price[i * n_paths + path]`.
    pub vx_price: Vec<f64>,
    /// Hidden state of the market model; empty where no model runs.
    pub model: ModelColumns,
    /// What an episode adds to it.
    pub episode: EpisodeColumns,
    /// What the step brought beyond its mean, where control variates are kept: see `simulate::scheme::innovations`.
    pub innovations: [Vec<f64>; INNOVATIONS],
    /// Inputs of signals that come with the market rather than from its prices, one column of `n_paths` values each in
    /// the order of `signals::INPUTS`, then those of users; marks do not read them. Empty where the source has none, and
    /// so is each column of it.
    pub signals: Vec<Vec<f64>>,
    /// Bits of [`flag`].
    pub flags: u32,
}

impl MarketState {
    /// Number of paths in the block.
    #[inline]
    pub fn n_paths(&self) -> usize {
        self.spot.len()
    }

    /// What an episode adds to the fast variance of a path.
    #[inline]
    pub fn transient_variance(&self, path: usize) -> f64 {
        self.episode.transient.get(path).copied().unwrap_or(0.0)
    }

    /// Factor by which an episode moves the VIX future of an expiry from where the hidden state puts it.
    ///
    /// The first future has half a month to live on average: shares lie on a line between contracts.
    pub fn future_factor(&self, path: usize, expiry: Day) -> f64 {
        let Some(&vix_state) = self.episode.vix_state.get(path) else { return 1.0 };
        let shares = &self.episode.shares;
        let months = f64::from(expiry - self.day) / MONTH;
        let rank = (months - 0.5).clamp(0.0, (shares.len() - 1) as f64);
        let (below, above) = (rank as usize, (rank as usize + 1).min(shares.len() - 1));
        let share = shares[below] + (shares[above] - shares[below]) * (rank - below as f64);
        let passed = 1.0 + share * (self.vix[path] / vix_state - 1.0);
        // Products hold the first two contracts.
        let shock = self.episode.rebalancing[path];
        if shock != 0.0 && months < 2.0 { passed * exp(shock) } else { passed }
    }
}

/// Settlement value of an expiry and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SettlementValue {
    /// Points; NaN when the source knows none.
    pub value: f64,
    /// Where the value comes from.
    pub source: SettlementSource,
}

/// What a settlement value rests on, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementSource {
    /// An official settlement series (SET, VRO).
    Series,
    /// The official close (PM settlement).
    Close,
    /// The last settlement of the expiring VX contract.
    Future,
    /// A live opening print standing in for the settlement.
    Open,
    /// The prior close carried by SPY's overnight move.
    EtfOpen,
    /// No usable value: the close of the day stands in.
    CloseFallback,
}

/// A driver of the engine: history or simulation.
pub trait MarketSource {
    /// Number of paths in this block.
    fn n_paths(&self) -> usize;
    /// Number of steps.
    fn n_steps(&self) -> usize;
    /// Names of the columns that users added, in their order in `MarketState::signals` after `signals::INPUTS`.
    fn user_columns(&self) -> &[String] {
        &[]
    }
    /// Sums of the innovations of a path over all steps, where they are kept.
    fn path_controls(&self, path: usize, out: &mut Vec<f64>) {
        let _ = (path, out);
    }
    /// Writes step `step` into `state`.
    fn fill(&mut self, step: usize, state: &mut MarketState);
    /// AM settlement of SPX options on the session of step `step`, the one filled last, for one path.
    fn spx_settlement(&self, step: usize, path: usize) -> SettlementValue;
    /// Settlement of VIX options and futures on the session of step `step`, for one path.
    fn vix_settlement(&self, step: usize, path: usize) -> SettlementValue;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_follow_an_episode_by_their_rank() {
        let mut state = MarketState { day: 17_567, vix: vec![30.0], ..MarketState::default() };
        assert!((state.future_factor(0, state.day + 10) - 1.0).abs() < 1e-15);
        let shares = [0.45, 0.30, 0.25, 0.18, 0.15, 0.12, 0.10];
        state.episode = EpisodeColumns { transient: vec![0.01], vix_state: vec![20.0], rebalancing: vec![0.4], shares };
        let factor = |days: i32| state.future_factor(0, state.day + days);
        assert!((factor(5) - 1.225 * exp(0.4)).abs() < 1e-12);
        assert!((factor(40) - (1.0 + 0.5 * (0.45 - 0.15 * (40.0 / MONTH - 0.5))) * exp(0.4)).abs() < 1e-12);
        assert!((factor(61) - (1.0 + 0.5 * (0.30 - 0.05 * (61.0 / MONTH - 1.5)))).abs() < 1e-12);
        assert!((factor(300) - 1.05).abs() < 1e-12);
        assert!((state.transient_variance(0) - 0.01).abs() < 1e-15);
    }
}
