//! Signals from the columns that come with the market, at the close of a session.
//!
//! Every calculator skips a session on which its column has no value: a window holds the last n values that there
//! were, and the signal is absent on that session.

use crate::signals::window::{PairWindow, SortedWindow, Window, ratio};
use crate::signals::{RateSign, SignalConfig};

/// Basis points of a decimal.
const BASIS_POINTS: f64 = 1e4;

/// Advance-decline line: below its mean, or lagging behind a new high of the index.
#[derive(Debug, Clone)]
pub struct Breadth {
    line: f64,
    short: Window,
    long: Window,
}

impl Breadth {
    /// Empty windows.
    pub fn new(config: &SignalConfig) -> Self {
        Self { line: 0.0, short: Window::new(config.ad_mean), long: Window::new(config.ad_window) }
    }

    /// `at_high`: the index closed at its high.
    pub fn push(&mut self, config: &SignalConfig, net_advances: f64, at_high: bool) -> f64 {
        if !net_advances.is_finite() {
            return f64::NAN;
        }
        self.line += net_advances;
        self.short.push(self.line);
        self.long.push(self.line);
        if !self.short.is_full() || !self.long.is_full() {
            return f64::NAN;
        }
        let lags = self.line < self.long.max() - config.ad_divergence * self.long.deviation();
        f64::from(u8::from(self.line < self.short.mean() || (at_high && lags)))
    }
}

/// Relative change over a number of values.
#[derive(Debug, Clone)]
pub struct Change {
    values: Window,
}

impl Change {
    /// Over `n` values.
    pub fn new(n: usize) -> Self {
        Self { values: Window::new(n) }
    }

    /// The value over that of `n` values before, less 1; NaN where either is missing.
    pub fn push(&mut self, x: f64) -> f64 {
        if !(x.is_finite() && x > 0.0) {
            return f64::NAN;
        }
        self.values.push(x).map_or(f64::NAN, |before| x / before - 1.0)
    }
}

/// Change of the US-foreign differential of two-year yields in deviations of its daily changes.
#[derive(Debug, Clone)]
pub struct RateDifferential {
    last: f64,
    values: Window,
    changes: Window,
}

impl RateDifferential {
    /// Empty windows.
    pub fn new(config: &SignalConfig) -> Self {
        Self { last: f64::NAN, values: Window::new(config.rate_change), changes: Window::new(config.rate_window) }
    }

    /// The signal.
    pub fn push(&mut self, config: &SignalConfig, us: f64, foreign: f64) -> f64 {
        let differential = us - foreign;
        if !differential.is_finite() {
            return f64::NAN;
        }
        let before = self.values.push(differential).unwrap_or(f64::NAN);
        let scale = self.changes.deviation() * (config.rate_change as f64).sqrt();
        if self.last.is_finite() {
            self.changes.push(differential - self.last);
        }
        self.last = differential;
        let z = ratio(differential - before, scale);
        let size = match config.rate_sign {
            RateSign::Both => z.abs(),
            RateSign::Widening => z,
            RateSign::Narrowing => -z,
        };
        config.rate_differential.at(size)
    }
}

/// REIT return beyond its beta, against its own past.
#[derive(Debug, Clone)]
pub struct ReitLead {
    reit: Window,
    spot: Window,
    last: (f64, f64),
    returns: PairWindow,
    residuals: Window,
}

impl ReitLead {
    /// Empty windows.
    pub fn new(config: &SignalConfig) -> Self {
        Self {
            reit: Window::new(config.reit_change),
            spot: Window::new(config.reit_change),
            last: (f64::NAN, f64::NAN),
            returns: PairWindow::new(config.reit_window),
            residuals: Window::new(config.reit_window),
        }
    }

    /// The signal.
    pub fn push(&mut self, config: &SignalConfig, reit: f64, spot: f64) -> f64 {
        if !(reit.is_finite() && reit > 0.0) {
            return f64::NAN;
        }
        let beta = self.returns.slope();
        if self.last.0.is_finite() {
            self.returns.push(spot / self.last.1 - 1.0, reit / self.last.0 - 1.0);
        }
        self.last = (reit, spot);
        let (Some(reit_before), Some(spot_before)) = (self.reit.push(reit), self.spot.push(spot)) else {
            return f64::NAN;
        };
        let residual = (reit / reit_before - 1.0) - beta * (spot / spot_before - 1.0);
        if residual.is_nan() {
            return f64::NAN;
        }
        let z = self.residuals.z(residual);
        self.residuals.push(residual);
        config.reit_lead.at(z)
    }
}

/// Deviation of the rate implied by the chain from the money market.
pub fn implied_rate(config: &SignalConfig, implied: f64, error: f64, money_market: f64) -> f64 {
    if error * BASIS_POINTS < config.implied_rate_error {
        config.implied_rate.at((implied - money_market).abs() * BASIS_POINTS)
    } else {
        f64::NAN
    }
}

/// On-chain extracted value over its median, where crypto moves with VIX.
#[derive(Debug, Clone)]
pub struct DexFlow {
    values: SortedWindow,
    last: (f64, f64),
    changes: PairWindow,
}

impl DexFlow {
    /// Empty windows.
    pub fn new(config: &SignalConfig) -> Self {
        Self {
            values: SortedWindow::new(config.dex_window),
            last: (f64::NAN, f64::NAN),
            changes: PairWindow::new(config.dex_correlation_window),
        }
    }

    /// The signal; absent where the correlation is too low.
    pub fn push(&mut self, config: &SignalConfig, value: f64, crypto_vol: f64, vix: f64) -> f64 {
        if crypto_vol.is_finite() {
            if self.last.0.is_finite() {
                self.changes.push(crypto_vol - self.last.0, vix - self.last.1);
            }
            self.last = (crypto_vol, vix);
        }
        if !value.is_finite() {
            return f64::NAN;
        }
        let median = self.values.median();
        self.values.push(value);
        if self.changes.correlation() >= config.dex_correlation {
            config.dex_flow.at(ratio(value, median))
        } else {
            f64::NAN
        }
    }
}

/// Factor of ETF flows and IPO proceeds on the ignition score.
#[derive(Debug, Clone)]
pub struct Amplifier {
    flows: Window,
    proceeds: Window,
}

impl Amplifier {
    /// Empty windows.
    pub fn new(config: &SignalConfig) -> Self {
        Self { flows: Window::new(config.flow_window), proceeds: Window::new(config.ipo_window) }
    }

    /// The factor; an unknown part adds nothing.
    pub fn push(&mut self, config: &SignalConfig, flow: f64, proceeds: f64) -> f64 {
        let z = |window: &mut Window, x: f64| {
            if !x.is_finite() {
                return 0.0;
            }
            let z = window.z(x);
            window.push(x);
            if z.is_nan() { 0.0 } else { z }
        };
        let factor =
            1.0 + config.flow_weight * z(&mut self.flows, flow) + config.ipo_weight * z(&mut self.proceeds, proceeds);
        factor.clamp(config.amplifier.0, config.amplifier.1)
    }
}

/// Quick ratio without a book: the median spread of the sessions before over the spread of this one.
#[derive(Debug, Clone)]
pub struct SpreadRatio {
    spreads: SortedWindow,
}

impl SpreadRatio {
    /// An empty window.
    pub fn new(config: &SignalConfig) -> Self {
        Self { spreads: SortedWindow::new(config.spread_window) }
    }

    /// The ratio.
    pub fn push(&mut self, spread: f64) -> f64 {
        if !(spread.is_finite() && spread > 0.0) {
            return f64::NAN;
        }
        let median = self.spreads.median();
        self.spreads.push(spread);
        ratio(median, spread)
    }
}
