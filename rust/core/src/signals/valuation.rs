//! Price to cash flow and the fair-value band: monthly windows, known with the lag of reporting.

use crate::calendar;
use crate::market::MarketState;
use crate::math;
use crate::signals::SignalConfig;
use crate::signals::input::{
    BUYBACKS, CASH_FLOW, CASH_FLOW_INDICES, DIVIDENDS, EARNINGS, LONG_RATE, MARKET_CAP, input_at, is_given,
};
use crate::signals::window::{SortedWindow, Window};

const MONTHS_PER_YEAR: f64 = 12.0;

/// A figure of a period, usable so many months after it.
#[derive(Debug, Clone)]
struct Reported {
    months: Window,
    lag: usize,
    now: f64,
}

impl Reported {
    fn new(lag: usize) -> Self {
        Self { months: Window::new(lag.max(1)), lag, now: f64::NAN }
    }

    fn roll(&mut self) {
        self.months.push(self.now);
    }

    /// What had been reported by now.
    fn usable(&self) -> f64 {
        if self.lag == 0 { self.now } else { self.months.back(self.lag - 1) }
    }
}

/// The valuation signals of one path; moves at the close of a session.
#[derive(Debug, Clone)]
pub struct Valuation {
    month: i32,
    cash_flow: [Reported; CASH_FLOW_INDICES],
    log_ratio: [f64; CASH_FLOW_INDICES],
    log_ratios: [Window; CASH_FLOW_INDICES],
    payout: Reported,
    payouts: Window,
    earnings: Reported,
    price_to_earnings: f64,
    price_to_earnings_months: SortedWindow,
    stretch: f64,
    stretches: SortedWindow,
}

impl Valuation {
    /// Empty windows.
    pub fn new(config: &SignalConfig) -> Self {
        let (months, lag) = (config.valuation_months, config.reporting_lag);
        Self {
            month: i32::MIN,
            cash_flow: std::array::from_fn(|_| Reported::new(lag)),
            log_ratio: [f64::NAN; CASH_FLOW_INDICES],
            log_ratios: std::array::from_fn(|_| Window::new(months)),
            payout: Reported::new(lag),
            payouts: Window::new(months),
            earnings: Reported::new(lag),
            price_to_earnings: f64::NAN,
            price_to_earnings_months: SortedWindow::new(months),
            stretch: f64::NAN,
            stretches: SortedWindow::new(months),
        }
    }

    /// Reads a close. Returns the two signals and the stretch, NaN where absent.
    pub fn push(&mut self, config: &SignalConfig, state: &MarketState, path: usize) -> (f64, f64, f64) {
        let has_ratios = (0..CASH_FLOW_INDICES).any(|index| is_given(state, MARKET_CAP + index));
        let has_band = is_given(state, DIVIDENDS) || is_given(state, EARNINGS);
        if !has_ratios && !has_band {
            return (f64::NAN, f64::NAN, f64::NAN);
        }
        let (year, month, _) = calendar::civil(state.day);
        let month = 12 * year + month as i32;
        if month != self.month {
            if self.month != i32::MIN {
                self.roll();
            }
            self.month = month;
        }
        let ratio = self.price_to_cash_flow(config, state, path);
        let (fair, stretch) = if has_band { self.fair_value(config, state, path) } else { (f64::NAN, f64::NAN) };
        (ratio, fair, stretch)
    }

    /// The month is over: its last values join the windows.
    fn roll(&mut self) {
        for (ratio, months) in self.log_ratio.iter().zip(&mut self.log_ratios) {
            if ratio.is_finite() {
                months.push(*ratio);
            }
        }
        self.cash_flow.iter_mut().for_each(Reported::roll);
        // A month without a figure stays in its place: growth is measured from the same month.
        self.payouts.push(self.payout.usable());
        self.payout.roll();
        self.earnings.roll();
        if self.price_to_earnings.is_finite() {
            self.price_to_earnings_months.push(self.price_to_earnings);
        }
        if self.stretch.is_finite() {
            self.stretches.push(self.stretch);
        }
    }

    fn price_to_cash_flow(&mut self, config: &SignalConfig, state: &MarketState, path: usize) -> f64 {
        let (mut present, mut dear) = (0, 0);
        for index in 0..CASH_FLOW_INDICES {
            let reported = &mut self.cash_flow[index];
            reported.now = input_at(state, CASH_FLOW + index, path);
            let (cap, flow) = (input_at(state, MARKET_CAP + index, path), reported.usable());
            self.log_ratio[index] = if cap > 0.0 && flow > 0.0 { math::ln(cap / flow) } else { f64::NAN };
            let z = self.log_ratios[index].z(self.log_ratio[index]);
            present += usize::from(z.is_finite());
            dear += usize::from(z > config.cash_flow_z);
        }
        if present < config.cash_flow_count { f64::NAN } else { f64::from(u8::from(dear >= config.cash_flow_count)) }
    }

    /// Hull of the payout band, D1/(r - g) with growth half a band either way, and of the earnings band, trailing
    /// earnings times the quantiles of price to earnings (M. Gordon, "Dividends, Earnings, and Stock Prices", 1959,
    /// doi:10.2307/1927792).
    fn fair_value(&mut self, config: &SignalConfig, state: &MarketState, path: usize) -> (f64, f64) {
        let spot = state.spot[path];
        let buybacks = if is_given(state, BUYBACKS) { input_at(state, BUYBACKS, path) } else { 0.0 };
        self.payout.now = input_at(state, DIVIDENDS, path) + buybacks;
        self.earnings.now = input_at(state, EARNINGS, path);
        let (payout, earnings) = (self.payout.usable(), self.earnings.usable());
        self.price_to_earnings = if earnings > 0.0 { spot / earnings } else { f64::NAN };
        let mut band: Option<(f64, f64)> = None;
        let mut widen = |low: f64, high: f64| {
            band = Some(band.map_or((low, high), |(least, most)| (least.min(low), most.max(high))));
        };
        if is_given(state, DIVIDENDS) {
            let long = input_at(state, LONG_RATE, path);
            let rate = if long.is_nan() { state.rate[path] } else { long };
            let years = config.valuation_months as f64 / MONTHS_PER_YEAR;
            let before = if self.payouts.is_full() { self.payouts.back(config.valuation_months - 1) } else { f64::NAN };
            if !(payout > 0.0 && before > 0.0) {
                return self.unknown();
            }
            let growth = (math::pow(payout / before, 1.0 / years) - 1.0).min(rate);
            let required = rate + config.index_beta * config.equity_premium;
            let next = payout * (1.0 + growth);
            let value = |growth: f64| next / (required - growth).max(config.least_excess);
            widen(value(growth - config.growth_margin), value(growth + config.growth_margin));
        }
        if is_given(state, EARNINGS) {
            let (low, high) = config.earnings_quantiles;
            let months = &self.price_to_earnings_months;
            let (low, high) = (earnings * months.quantile(low), earnings * months.quantile(high));
            if !(low > 0.0 && high.is_finite()) {
                return self.unknown();
            }
            widen(low, high);
        }
        let Some((low, high)) = band else { return self.unknown() };
        let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0);
        if half <= 0.0 {
            return self.unknown();
        }
        self.stretch = (spot - middle) / half;
        (config.fair_value.at(self.stretch - self.stretches.median()), self.stretch)
    }

    fn unknown(&mut self) -> (f64, f64) {
        self.stretch = f64::NAN;
        (f64::NAN, f64::NAN)
    }
}
