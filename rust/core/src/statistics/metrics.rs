//! The statistics of one daily P&L series of a fixed-capital account.

use crate::{Error, Fault, Result, math};

/// Sessions in a year, for annualising.
pub const SESSIONS_PER_YEAR: f64 = 252.0;

/// Position of each statistic in [`METRICS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Metric {
    /// Total P&L, USD.
    Pnl,
    /// Compound annual growth rate, per year.
    Cagr,
    /// Standard deviation of daily returns (ddof = 1) times sqrt 252, per year.
    Volatility,
    /// Mean over standard deviation of daily excess returns, times sqrt 252.
    Sharpe,
    /// Mean over downside deviation (target 0) of daily excess returns, times sqrt 252.
    Sortino,
    /// Mean loss of the worst 5 % of daily returns, positive when a loss.
    ExpectedShortfall95,
    /// Mean loss of the worst 1 % of daily returns, positive when a loss.
    ExpectedShortfall99,
    /// Largest fall from a peak as a fraction of that peak, in [0, 1].
    MaxDrawdown,
    /// Largest fall from a peak, USD.
    MaxDrawdownUsd,
    /// Sessions from the peak before the maximum drawdown to its recovery, or to the end.
    DrawdownSessions,
    /// Credit collected, USD.
    Credit,
    /// Net loss of the hedge layers per year as a fraction of the capital.
    HedgeCost,
    /// (credit - hedge cost on non-event days) / credit.
    CreditKept,
}

/// Names of the statistics, in the order of their values.
pub const METRICS: [&str; 13] = [
    "pnl",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "expected_shortfall_95",
    "expected_shortfall_99",
    "max_drawdown",
    "max_drawdown_usd",
    "drawdown_sessions",
    "credit",
    "hedge_cost",
    "credit_kept",
];

/// Daily series of one book, all of one length and in USD.
#[derive(Debug, Clone, Copy)]
pub struct BookSeries<'a> {
    /// Fixed capital of the account.
    pub capital: f64,
    /// Change of the equity.
    pub pnl: &'a [f64],
    /// The part of it that is interest on cash; excess returns leave it out.
    pub interest: &'a [f64],
    /// Credit of the condors opened on the day.
    pub credit: &'a [f64],
    /// P&L of the hedge layers after their fees and slippage.
    pub hedge: &'a [f64],
    /// The same on non-event days, zero on event days.
    pub hedge_calm: &'a [f64],
}

impl BookSeries<'_> {
    /// Refuses unequal lengths, numbers that are not finite, an empty series and capital that is not positive.
    pub fn validate(&self, source: &str) -> Result<()> {
        if !(self.capital > 0.0 && self.capital.is_finite()) {
            let value = self.capital.to_string();
            return Err(Error::data(Fault::new("STA001", source, "capital", value, "a finite number > 0")));
        }
        if self.pnl.is_empty() {
            return Err(Error::data(Fault::new("STA002", source, "pnl", "0 sessions", "at least 1")));
        }
        let columns = [
            ("pnl", self.pnl),
            ("interest", self.interest),
            ("credit", self.credit),
            ("hedge", self.hedge),
            ("hedge_calm", self.hedge_calm),
        ];
        for (field, values) in columns {
            if values.len() != self.pnl.len() {
                let (got, expected) = (values.len().to_string(), format!("{} values as in pnl", self.pnl.len()));
                return Err(Error::data(Fault::new("STA003", source, field, got, expected)));
            }
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                let fault = Fault::new("STA004", source, field, values[index].to_string(), "a finite number");
                return Err(Error::data(fault.at(format!("[{index}]"))));
            }
        }
        Ok(())
    }
}

/// The deepest fall of an equity curve from a peak; the start of the account counts as the first peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawdown {
    /// Largest fall as a fraction of its peak; at most 1, also when the equity falls below zero.
    pub fraction: f64,
    /// Largest fall in USD, which may be another episode than the largest fraction.
    pub usd: f64,
    /// Session of the peak before the largest fraction; -1 is the start of the account.
    pub peak: i64,
    /// Session of the lowest equity of that episode.
    pub trough: i64,
    /// First session at or above the peak again; `None` when the series ends before.
    pub recovery: Option<i64>,
    /// Sessions from the peak to the recovery, or to the last session.
    pub sessions: i64,
}

/// The maximum drawdown of a fixed-capital account.
pub fn drawdown(capital: f64, pnl: &[f64]) -> Drawdown {
    let mut tracker = DrawdownTracker::new(capital);
    let mut equity = capital;
    for (day, change) in pnl.iter().enumerate() {
        equity += change;
        tracker.update(day as i64, equity);
    }
    tracker.finish(pnl.len() as i64 - 1)
}

#[derive(Debug, Clone)]
struct DrawdownTracker {
    peak: f64,
    peak_day: i64,
    /// Peak minus equity and peak of the worst episode so far, compared as a fraction without dividing each day.
    fall: f64,
    base: f64,
    found: Drawdown,
    /// The episode under way is the worst one.
    open: bool,
}

impl DrawdownTracker {
    /// Before the first session.
    fn new(capital: f64) -> Self {
        let found = Drawdown { fraction: 0.0, usd: 0.0, peak: -1, trough: -1, recovery: None, sessions: 0 };
        Self { peak: capital, peak_day: -1, fall: 0.0, base: capital, found, open: false }
    }

    /// The next session, whose number is `day`.
    #[inline]
    fn update(&mut self, day: i64, equity: f64) {
        if equity >= self.peak {
            if self.open {
                self.found.recovery = Some(day);
                self.open = false;
            }
            self.peak = equity;
            self.peak_day = day;
            return;
        }
        let fall = self.peak - equity;
        self.found.usd = self.found.usd.max(fall);
        if fall * self.base > self.fall * self.peak {
            self.fall = fall;
            self.base = self.peak;
            self.found.peak = self.peak_day;
            self.found.trough = day;
            self.found.recovery = None;
            self.open = true;
        }
    }

    fn finish(&self, last: i64) -> Drawdown {
        let mut found = self.found;
        if self.fall > 0.0 {
            found.fraction = (self.fall / self.base).min(1.0);
            found.sessions = found.recovery.unwrap_or(last) - found.peak;
        }
        found
    }
}

/// USD of one session of one book.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Session {
    /// Change of the equity.
    pub pnl: f64,
    /// The part of it that is interest on cash.
    pub interest: f64,
    /// Credit of the condors opened.
    pub credit: f64,
    /// P&L of the hedge layers after their fees and slippage.
    pub hedge: f64,
    /// The same, zero on event days.
    pub hedge_calm: f64,
}

/// The statistics of one book, session by session.
#[derive(Debug, Clone)]
pub struct PathMetrics {
    capital: f64,
    equity: f64,
    lowest: f64,
    credit: f64,
    hedge: f64,
    hedge_calm: f64,
    tracker: DrawdownTracker,
    returns: Vec<f64>,
    excess: Vec<f64>,
}

impl PathMetrics {
    /// An account before its first session.
    pub fn new(capital: f64) -> Self {
        Self {
            capital,
            equity: capital,
            lowest: capital,
            credit: 0.0,
            hedge: 0.0,
            hedge_calm: 0.0,
            tracker: DrawdownTracker::new(capital),
            returns: Vec::new(),
            excess: Vec::new(),
        }
    }

    /// Starts again with another account in the same room.
    pub(super) fn restart(&mut self, capital: f64) {
        let (mut returns, mut excess) = (std::mem::take(&mut self.returns), std::mem::take(&mut self.excess));
        returns.clear();
        excess.clear();
        *self = Self { returns, excess, ..Self::new(capital) };
    }

    /// Adds a session.
    #[inline]
    pub fn push(&mut self, session: &Session) {
        let scale = 1.0 / self.equity;
        self.tracker.update(self.returns.len() as i64, self.equity + session.pnl);
        self.returns.push(session.pnl * scale);
        self.excess.push((session.pnl - session.interest) * scale);
        self.equity += session.pnl;
        self.lowest = self.lowest.min(self.equity);
        self.credit += session.credit;
        self.hedge += session.hedge;
        self.hedge_calm += session.hedge_calm;
    }

    /// All statistics of the sessions so far, in the order of [`METRICS`]; only [`Self::restart`] may follow.
    pub fn finish(&mut self) -> [f64; METRICS.len()] {
        let n = self.returns.len();
        let years = n as f64 / SESSIONS_PER_YEAR;
        let worst = self.tracker.finish(n as i64 - 1);
        let mut values = [f64::NAN; METRICS.len()];
        values[Metric::Pnl as usize] = self.equity - self.capital;
        values[Metric::MaxDrawdown as usize] = worst.fraction;
        values[Metric::MaxDrawdownUsd as usize] = worst.usd;
        values[Metric::DrawdownSessions as usize] = worst.sessions as f64;
        values[Metric::Credit as usize] = self.credit;
        values[Metric::HedgeCost as usize] = 0.0 - self.hedge / self.capital / years;
        if self.credit > 0.0 {
            values[Metric::CreditKept as usize] = (self.credit + self.hedge_calm) / self.credit;
        }
        // A return on equity that is not positive means nothing.
        if self.lowest > 0.0 {
            let annual = SESSIONS_PER_YEAR.sqrt();
            values[Metric::Cagr as usize] = math::pow(self.equity / self.capital, 1.0 / years) - 1.0;
            let (_, deviation) = mean_and_deviation(&self.returns);
            values[Metric::Volatility as usize] = deviation * annual;
            let (mean, deviation) = mean_and_deviation(&self.excess);
            if deviation > flat_below(&self.excess) {
                values[Metric::Sharpe as usize] = mean / deviation * annual;
            }
            let downside = self.excess.iter().map(|r| r.min(0.0) * r.min(0.0)).sum::<f64>() / n as f64;
            if downside > 0.0 && n > 1 {
                values[Metric::Sortino as usize] = mean / downside.sqrt() * annual;
            }
            if n > 1 {
                let (es95, es99) = expected_shortfalls(&mut self.returns);
                values[Metric::ExpectedShortfall95 as usize] = es95;
                values[Metric::ExpectedShortfall99 as usize] = es99;
            }
        }
        values
    }
}

/// All statistics of one book, in the order of [`METRICS`].
pub fn metrics(series: &BookSeries<'_>) -> [f64; METRICS.len()] {
    path_metrics(series, 0..series.pnl.len(), &mut PathMetrics::new(series.capital))
}

/// The statistics of the path that visits `days` of the series in that order.
pub(super) fn path_metrics(
    series: &BookSeries<'_>,
    days: impl Iterator<Item = usize>,
    path: &mut PathMetrics,
) -> [f64; METRICS.len()] {
    path.restart(series.capital);
    for day in days {
        path.push(&Session {
            pnl: series.pnl[day],
            interest: series.interest[day],
            credit: series.credit[day],
            hedge: series.hedge[day],
            hedge_calm: series.hedge_calm[day],
        });
    }
    path.finish()
}

/// Mean and standard deviation (ddof = 1; NaN for one value), in two passes.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    (mean, if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { f64::NAN })
}

/// A standard deviation that rounding alone can produce: such a series is flat.
fn flat_below(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    16.0 * f64::EPSILON * largest
}

/// Mean loss of the worst floor((n - 1) / 20) + 1 and floor((n - 1) / 100) + 1 returns, both positive when losses.
///
/// The counts are those of the historical estimator of Acerbi and Tasche (2002), doi:10.1016/S0378-4266(02)00283-2,
/// with the tail rounded to whole observations. Reorders `returns`.
fn expected_shortfalls(returns: &mut [f64]) -> (f64, f64) {
    let last = returns.len() - 1;
    let (wide, narrow) = (last / 20, last / 100);
    returns.select_nth_unstable_by(wide, f64::total_cmp);
    let tail = &mut returns[..=wide];
    let es95 = -tail.iter().sum::<f64>() / (wide + 1) as f64;
    tail.select_nth_unstable_by(narrow, f64::total_cmp);
    let es99 = -tail[..=narrow].iter().sum::<f64>() / (narrow + 1) as f64;
    (es95, es99)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: [f64; 6] = [0.0; 6];

    fn series(pnl: &[f64]) -> BookSeries<'_> {
        let zero = &ZERO[..pnl.len()];
        BookSeries { capital: 100.0, pnl, interest: zero, credit: zero, hedge: zero, hedge_calm: zero }
    }

    #[test]
    fn names_and_positions_agree() {
        assert_eq!(METRICS[Metric::Pnl as usize], "pnl");
        assert_eq!(METRICS[Metric::ExpectedShortfall99 as usize], "expected_shortfall_99");
        assert_eq!(METRICS[Metric::DrawdownSessions as usize], "drawdown_sessions");
        assert_eq!(Metric::CreditKept as usize + 1, METRICS.len());
    }

    #[test]
    fn drawdown_finds_peak_trough_and_recovery() {
        // Equity 110, 88, 99, 110, 120, 108: the fall of 20 % from 110 is worse than the 10 % from 120.
        let found = drawdown(100.0, &[10.0, -22.0, 11.0, 11.0, 10.0, -12.0]);
        assert_eq!((found.peak, found.trough, found.recovery, found.sessions), (0, 1, Some(3), 3));
        assert!((found.fraction - 0.2).abs() < 1e-15 && (found.usd - 22.0).abs() < 1e-12);
        // Never recovered, from the start.
        let found = drawdown(100.0, &[-5.0, 1.0]);
        assert_eq!((found.peak, found.trough, found.recovery, found.sessions), (-1, 0, None, 2));
        // None at all.
        assert_eq!(drawdown(100.0, &[1.0]).fraction.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn undefined_statistics_are_nan_and_nothing_is_infinite() {
        for pnl in [&[0.0, 0.0, 0.0][..], &[1.0], &[-150.0, 10.0, 3.0], &[-100.0, 0.0], &[5.0, 5.25, 5.5125]] {
            let values = metrics(&series(pnl));
            assert!(values.iter().all(|value| !value.is_infinite()), "{pnl:?} {values:?}");
            assert!(values[Metric::Sharpe as usize].is_nan(), "{pnl:?} {values:?}");
            assert!((0.0..=1.0).contains(&values[Metric::MaxDrawdown as usize]));
        }
        let ruined = metrics(&series(&[-150.0, 10.0, 3.0]));
        assert!(ruined[Metric::Cagr as usize].is_nan() && ruined[Metric::Volatility as usize].is_nan());
        assert!((ruined[Metric::MaxDrawdownUsd as usize] - 150.0).abs() < 1e-12);
    }

    #[test]
    fn bad_series_are_refused_in_one_line() {
        let mut bad = series(&[1.0, f64::NAN]);
        assert_eq!(
            bad.validate("books[a]").unwrap_err().to_string(),
            "STA004 books[a]:[1] pnl: got NaN, expected a finite number"
        );
        bad.capital = 0.0;
        assert!(bad.validate("x").unwrap_err().to_string().starts_with("STA001 x capital: got 0"));
        assert!(series(&[]).validate("x").unwrap_err().to_string().starts_with("STA002"));
        let short = BookSeries { credit: &[], ..series(&[1.0]) };
        assert!(short.validate("x").unwrap_err().to_string().starts_with("STA003 x credit: got 0"));
    }
}
