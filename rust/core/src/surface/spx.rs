//! SPX smile from the level of the volatility indices.
//!
//! One smile shape `G` in standardised log-moneyness serves every tenor and every day:
//!
//! `w(k, theta) = theta G(phi(theta) k)`, `phi(theta) = eta (theta/theta_30)^e / sqrt(theta (1 + theta))`
//!
//! where `theta` is the at-the-money-forward total variance of the tenor, `k = ln(K/F)` and `G` a normalised
//! raw-SVI slice. It is the self-similar surface of Gatheral and Jacquier (2014, doi:10.1080/14697688.2013.819986)
//! with their `phi` of bounded power-law type and a free SVI slice in place of the SSVI one (Guo, Jacquier, Martini
//! and Neufcourt 2016, doi:10.1137/120900320): calendar total variance rises because `theta` does and
//! `-1 <= d ln phi / d ln theta <= 0`; butterflies are free of arbitrage for all `eta` up to [`ETA_CAP`].
//!
//! The level is not estimated. A volatility index is the strike of a variance swap (log contract), so `theta` of its
//! tenor is the one whose own strip of options returns the quoted index.
//!
//! The constants are printed by `tools/estimate_spx_smile.py`, which also measures them leave-one-chain-out.

use crate::math::{exp, exp_plain, ln, log_ratio_plain};

/// Facts about a fit that must reach the result.
pub mod flag {
    /// VIX9D absent: its average relation to VIX stands in.
    pub const NO_VIX9D: u32 = 1 << 0;
    /// VIX3M absent: its average relation to VIX stands in.
    pub const NO_VIX3M: u32 = 1 << 1;
    /// VIX6M absent: variance reverts to its long-run level from the last tenor known.
    pub const NO_VIX6M: u32 = 1 << 2;
    /// SKEW absent: its average at this VIX stands in.
    pub const NO_SKEW: u32 = 1 << 3;
    /// Term structure so inverted that total variance would have fallen; clamped.
    pub const CALENDAR_CLAMPED: u32 = 1 << 4;
    /// An index outside 5..150, or a smile steeper than the shape allows; clamped.
    pub const LEVEL_CLAMPED: u32 = 1 << 5;
    /// Rate or dividend yield absent: zero carry.
    pub const NO_CARRY: u32 = 1 << 6;
    /// No usable VIX: nothing can be said, every volatility is NaN.
    pub const NO_LEVEL: u32 = 1 << 7;
}

/// SVI slice `G(y) = 1 + B (R (y - M) + sqrt((y - M)^2 + S^2)) - const`, `G(0) = 1`.
const B: f64 = 0.625;
const R: f64 = -0.12;
const M: f64 = 1.37;
const S: f64 = 1.02;
/// Growth of standardised skew with total variance: at-the-money skew decays like `T^(-0.45)`.
const SKEW_GROWTH: f64 = 0.05;
/// Steepest smile for which the shape has no butterfly arbitrage.
pub const ETA_CAP: f64 = 1.4;
/// Flattest smile at 30 days.
const ETA_30_MIN: f64 = 0.55;
/// 30-day steepness by level, `ETA_STRESS + ETA_CALM (10/VIX)^1.5`: the one whose own strip has the average SKEW of
/// that VIX, scaled to the chains.
const ETA_STRESS: f64 = 0.62;
const ETA_CALM: f64 = 0.68;
/// Average SKEW at a VIX, `SKEW_STRESS + SKEW_CALM (10/VIX)^2`.
const SKEW_STRESS: f64 = 114.5;
const SKEW_CALM: f64 = 16.6;
/// Response of ln(eta) to a point of SKEW beyond that average: a quarter of what consistency alone
/// would ask for, because the far tail moves SKEW more than the strikes that condors use.
const SKEW_RESPONSE: f64 = 0.010;
/// Average ln(VIX3M/VIX) and ln(VIX9D/VIX): level at VIX = 20 and slope in ln(VIX/20).
const VIX3M_MEAN: f64 = 0.087;
const VIX3M_SLOPE: f64 = -0.178;
const VIX9D_MEAN: f64 = -0.009;
const VIX9D_SLOPE: f64 = 0.166;
/// Beyond the last index forward variance reverts to this level at this speed.
const LONG_RUN_VARIANCE: f64 = 0.055;
const REVERSION: f64 = 1.22;
/// Forward variance is at least this part of the average variance before it.
const FORWARD_FLOOR: f64 = 0.05;

/// Shares of a year's variance by what it accrues with: calendar time, time in session, session openings.
const CLOCK: [f64; 3] = [0.30, 0.52, 0.18];
/// Sessions in a year and seconds in a session.
const SESSIONS: f64 = 252.0;
const SESSION_SECONDS: f64 = 23_400.0;

const NODES: usize = 6;
const YEARS: [f64; NODES] = [9.0 / 365.0, 30.0 / 365.0, 93.0 / 365.0, 184.0 / 365.0, 1.0, 2.0];
const MONTH: usize = 1;

/// Index levels of a moment; NaN where absent (`vix` is always needed).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpxInputs {
    /// S&P 500, points.
    pub spot: f64,
    /// Continuous money-market rate.
    pub rate: f64,
    /// Continuous dividend yield.
    pub dividend_yield: f64,
    /// VIX, points.
    pub vix: f64,
    /// Nine-day VIX, points.
    pub vix9d: f64,
    /// Three-month VIX, points.
    pub vix3m: f64,
    /// Six-month VIX, points.
    pub vix6m: f64,
    /// Cboe SKEW, points.
    pub skew: f64,
}

/// An arbitrage-free smile for every tenor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpxSurface {
    spot: f64,
    carry: f64,
    eta: f64,
    ln_theta_month: f64,
    theta: [f64; NODES],
    flags: u32,
}

impl SpxSurface {
    /// The smile whose strips of options return the quoted indices.
    pub fn fit(inputs: &SpxInputs) -> Self {
        let mut flags = 0;
        let carry = inputs.rate - inputs.dividend_yield;
        let carry = if carry.is_finite() {
            carry
        } else {
            flags |= flag::NO_CARRY;
            0.0
        };
        let Some(vix) = level(inputs.vix, &mut flags) else {
            return Self {
                spot: inputs.spot,
                carry,
                eta: f64::NAN,
                ln_theta_month: f64::NAN,
                theta: [f64::NAN; NODES],
                flags: flags | flag::NO_LEVEL,
            };
        };
        let stress = ln(vix / 20.0);
        let vix9d = level(inputs.vix9d, &mut flags).unwrap_or_else(|| {
            flags |= flag::NO_VIX9D;
            vix * exp(VIX9D_MEAN + VIX9D_SLOPE * stress)
        });
        let vix3m = level(inputs.vix3m, &mut flags).unwrap_or_else(|| {
            flags |= flag::NO_VIX3M;
            vix * exp(VIX3M_MEAN + VIX3M_SLOPE * stress)
        });

        let mut swap = [0.0; NODES];
        swap[0] = 1e-4 * vix9d * vix9d * YEARS[0];
        swap[1] = 1e-4 * vix * vix * YEARS[1];
        swap[2] = 1e-4 * vix3m * vix3m * YEARS[2];
        let mut known = 2;
        if let Some(vix6m) = level(inputs.vix6m, &mut flags) {
            swap[3] = 1e-4 * vix6m * vix6m * YEARS[3];
            known = 3;
        } else {
            flags |= flag::NO_VIX6M;
        }
        extend(&mut swap, known);

        let eta = steepness(vix, inputs.skew, &mut flags);
        // At 30 days the growth term is one by definition, so the month comes first.
        let mut theta = [0.0; NODES];
        let swap_month = swap[MONTH];
        let month = month_at_the_money(swap_month, eta);
        theta[MONTH] = month;
        let ln_theta_month = ln(month);
        let guess = swap.map(|swap| swap * month / swap_month);
        let solved = at_the_money_by_month(&swap, guess, month, eta);
        for i in 0..NODES {
            if i != MONTH {
                theta[i] = solved[i];
            }
        }
        if clamp_calendar(&mut theta) {
            flags |= flag::CALENDAR_CLAMPED;
        }
        Self { spot: inputs.spot, carry, eta, ln_theta_month, theta, flags }
    }

    /// Forward of the index, points.
    #[inline]
    pub fn forward(&self, years: f64) -> f64 {
        self.spot * exp(self.carry * years)
    }

    /// At-the-money-forward total variance.
    #[inline]
    pub fn at_the_money_variance(&self, years: f64) -> f64 {
        if years <= YEARS[0] {
            return self.theta[0] * years.max(0.0) / YEARS[0];
        }
        // Beyond the last node the last forward variance goes on.
        let mut i = 1;
        while i < NODES - 1 && years > YEARS[i] {
            i += 1;
        }
        let slope = (self.theta[i] - self.theta[i - 1]) / (YEARS[i] - YEARS[i - 1]);
        self.theta[i - 1] + slope * (years - YEARS[i - 1])
    }

    /// Total implied variance at `ln(K/F)`.
    #[inline]
    pub fn total_variance(&self, log_moneyness: f64, years: f64) -> f64 {
        self.slice(years).total_variance(log_moneyness)
    }

    /// The smile of one tenor, for several strikes.
    #[inline]
    pub fn slice(&self, years: f64) -> SpxSlice {
        let theta = self.at_the_money_variance(years);
        let eta = if theta > 0.0 {
            (self.eta * exp(SKEW_GROWTH * (ln(theta) - self.ln_theta_month))).min(ETA_CAP)
        } else {
            0.0
        };
        SpxSlice { theta, eta, root: (theta * (1.0 + theta)).sqrt() }
    }

    /// Implied volatility of a strike, variance accruing with calendar time.
    #[inline]
    pub fn implied_vol(&self, strike: f64, years: f64) -> f64 {
        self.implied_vol_by_clock(strike, years, years)
    }

    /// Implied volatility (annualised by calendar time, as everywhere) of a strike when [`variance_years`] go by
    /// until expiry; tenors below three seconds count as three seconds.
    #[inline]
    pub fn implied_vol_by_clock(&self, strike: f64, years: f64, variance_years: f64) -> f64 {
        let floor = 1e-7;
        let years = years.max(floor);
        let log_moneyness = ln(strike / self.spot) - self.carry * years;
        (self.total_variance(log_moneyness, variance_years.max(floor)) / years).sqrt()
    }

    /// Bits of [`flag`].
    pub fn flags(&self) -> u32 {
        self.flags
    }
}

/// The smile of one tenor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpxSlice {
    theta: f64,
    eta: f64,
    root: f64,
}

impl SpxSlice {
    /// Total implied variance at `ln(K/F)`.
    #[inline]
    pub fn total_variance(&self, log_moneyness: f64) -> f64 {
        if self.theta <= 0.0 {
            return self.theta;
        }
        self.theta * shape(log_moneyness * self.eta / self.root)
    }
}

/// Years of variance until expiry: what matters below two weeks, where five quiet hours of a night are not five
/// hours of a session and a weekend is not three days.
///
/// `session_seconds` are spent in regular sessions until expiry, `openings` is the number of openings until then
/// (an AM settlement counts its own). The weights are three quarters of what SPY's open-to-close, overnight and
/// weekend variance 1998-2017 say (7, 69 and 24 %) and one quarter calendar time, because quotes discount
/// non-trading time only in part (Jones and Shemesh 2018, doi:10.1111/jofi.12603).
#[inline]
pub fn variance_years(years: f64, session_seconds: f64, openings: f64) -> f64 {
    CLOCK[0] * years + CLOCK[1] * session_seconds / (SESSIONS * SESSION_SECONDS) + CLOCK[2] * openings / SESSIONS
}

/// An index level inside the region the surface is built for; `None` when it is absent.
fn level(index: f64, flags: &mut u32) -> Option<f64> {
    if !index.is_finite() || index <= 0.0 {
        return None;
    }
    if !(5.0..=150.0).contains(&index) {
        *flags |= flag::LEVEL_CLAMPED;
    }
    Some(index.clamp(5.0, 150.0))
}

/// 30-day steepness from level and SKEW.
fn steepness(vix: f64, skew: f64, flags: &mut u32) -> f64 {
    let calm = 10.0 / vix;
    let mut eta = ETA_STRESS + ETA_CALM * calm * calm.sqrt();
    if skew.is_finite() && skew > 0.0 {
        let excess = skew - SKEW_STRESS - SKEW_CALM * (calm * calm).min(1.0);
        eta *= exp(SKEW_RESPONSE * excess.clamp(-30.0, 30.0));
    } else {
        *flags |= flag::NO_SKEW;
    }
    if !(ETA_30_MIN..=ETA_CAP).contains(&eta) {
        *flags |= flag::LEVEL_CLAMPED;
    }
    eta.clamp(ETA_30_MIN, ETA_CAP)
}

/// Fills the total variance swaps beyond index `known` by reversion of the forward variance.
fn extend(swap: &mut [f64; NODES], known: usize) {
    let years = |i: usize| YEARS[i] - YEARS[i - 1];
    let last = ((swap[known] - swap[known - 1]) / years(known)).max(FORWARD_FLOOR * swap[known] / YEARS[known]);
    let from = 0.5 * (YEARS[known] + YEARS[known - 1]);
    let mut begin = exp(-REVERSION * (YEARS[known] - from));
    for i in known + 1..NODES {
        let end = exp(-REVERSION * (YEARS[i] - from));
        let forward = LONG_RUN_VARIANCE * years(i) + (last - LONG_RUN_VARIANCE) * (begin - end) / REVERSION;
        swap[i] = swap[i - 1] + forward;
        begin = end;
    }
}

/// Turns of the iteration for the at-the-money variance: each leaves less than a tenth of the error.
const TURNS: usize = 4;

/// At-the-money total variance of 30 days whose strip is worth `swap`.
fn month_at_the_money(swap: f64, eta: f64) -> f64 {
    let mut theta = swap / 1.25;
    for _ in 0..TURNS {
        theta = swap / strip_ratio([eta.min(ETA_CAP)], [theta.sqrt()])[0];
    }
    theta
}

/// The same of all tenors, given that of 30 days: all at once, so that the turns of one hide the latency of another.
fn at_the_money_by_month(swap: &[f64; NODES], guess: [f64; NODES], month: f64, eta: f64) -> [f64; NODES] {
    let mut theta = guess;
    for _ in 0..TURNS {
        let (mut steepness, mut root) = ([0.0; NODES], [0.0; NODES]);
        for i in 0..NODES {
            // Total variances of indices between 5 and 150: far from the ends of what the plain functions hold for.
            let growth = exp_plain(SKEW_GROWTH * log_ratio_plain(theta[i], month));
            steepness[i] = (eta * growth).min(ETA_CAP);
            root[i] = theta[i].sqrt();
        }
        let ratio = strip_ratio(steepness, root);
        for i in 0..NODES {
            theta[i] = swap[i] / ratio[i];
        }
    }
    theta
}

/// Keeps total variance rising. VIX rules: a nine-day variance above it gives way.
fn clamp_calendar(theta: &mut [f64; NODES]) -> bool {
    let mut clamped = false;
    let most = theta[MONTH] / (1.0 + FORWARD_FLOOR * (YEARS[MONTH] - YEARS[0]) / YEARS[0]);
    if theta[0] > most {
        theta[0] = most;
        clamped = true;
    }
    for i in MONTH + 1..NODES {
        let least = theta[i - 1] * (1.0 + FORWARD_FLOOR * (YEARS[i] - YEARS[i - 1]) / YEARS[i - 1]);
        if theta[i] < least {
            theta[i] = least;
            clamped = true;
        }
    }
    clamped
}

/// The normalised smile.
#[inline]
fn shape(y: f64) -> f64 {
    let at_zero = B * ((M * M + S * S).sqrt() - R * M);
    let z = y - M;
    1.0 - at_zero + B * (R * z + (z * z + S * S).sqrt())
}

/// Variance-swap strike over at-the-money total variance of a slice with steepness `eta` (before the damping by
/// `1/sqrt(1 + theta)`) and `root = sqrt(theta)`: Chebyshev fit, relative error below 1e-4 for `root <= 3`.
fn strip_ratio<const N: usize>(eta: [f64; N], root: [f64; N]) -> [f64; N] {
    const ROWS: usize = 6;
    const COLUMNS: usize = 10;
    const C: [[f64; COLUMNS]; ROWS] = [
        [
            1.42336888,
            0.11553278,
            -0.06758888,
            -0.00458289,
            0.00940554,
            0.00075049,
            -0.00122578,
            -0.00013926,
            0.00015276,
            0.00002337,
        ],
        [
            0.36745093,
            0.07155559,
            -0.06863573,
            -0.00607413,
            0.01039644,
            0.00149244,
            -0.00140057,
            -0.00028975,
            0.00017635,
            0.00004826,
        ],
        [
            0.06147739,
            0.01344317,
            -0.01572672,
            -0.00420859,
            0.00257208,
            0.00103833,
            -0.00033351,
            -0.00019195,
            0.00003705,
            0.00003094,
        ],
        [
            0.00717382,
            0.00451563,
            -0.00185634,
            -0.00158764,
            0.00022969,
            0.00035965,
            -0.00000374,
            -0.0000631,
            -0.00000536,
            0.00000971,
        ],
        [
            0.0008738,
            0.00075817,
            -0.0000826,
            -0.00029165,
            -0.00003215,
            0.00005977,
            0.00001752,
            -0.00000889,
            -0.00000476,
            0.00000099,
        ],
        [
            0.00008156,
            0.00015486,
            -0.00001257,
            -0.00003615,
            -0.00000966,
            0.00000446,
            0.0000041,
            0.00000014,
            -0.00000094,
            -0.00000025,
        ],
    ];
    let a = eta.map(|eta| (eta - 0.95) / 0.5);
    let b = root.map(|root| 2.0 * root / (root + 1.5) / (3.5 / 5.0) - 1.0);
    let mut columns = [[1.0; N]; COLUMNS];
    columns[1] = b;
    for j in 2..COLUMNS {
        for lane in 0..N {
            columns[j][lane] = 2.0 * b[lane] * columns[j - 1][lane] - columns[j - 2][lane];
        }
    }
    let (mut before, mut row) = ([1.0; N], [1.0; N]);
    let mut sum = [0.0; N];
    for (i, coefficients) in C.iter().enumerate() {
        let mut inner = [0.0; N];
        for (c, column) in coefficients.iter().zip(&columns) {
            for lane in 0..N {
                inner[lane] += c * column[lane];
            }
        }
        for lane in 0..N {
            sum[lane] += inner[lane] * row[lane];
            let next = if i == 0 { a[lane] } else { 2.0 * a[lane] * row[lane] - before[lane] };
            before[lane] = row[lane];
            row[lane] = next;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::normal_pdf;

    fn inputs(vix9d: f64, vix: f64, vix3m: f64, vix6m: f64) -> SpxInputs {
        SpxInputs { spot: 2000.0, rate: 0.02, dividend_yield: 0.018, vix, vix9d, vix3m, vix6m, skew: f64::NAN }
    }

    /// Variance-swap strike of the surface itself: the integral of w(k) against the density of d2
    /// (Fukasawa 2012, Mathematical Finance 22(4), arXiv:1008.5055).
    fn index(surface: &SpxSurface, years: f64) -> f64 {
        let root = surface.at_the_money_variance(years).sqrt();
        let d2 = |k: f64| {
            let w = surface.total_variance(k, years).sqrt();
            -k / w - 0.5 * w
        };
        let mut sum = 0.0;
        let n = 40_000;
        let step = 100.0 * root / f64::from(n);
        for i in 0..n {
            let k = -60.0 * root + (f64::from(i) + 0.5) * step;
            let slope = d2(k - 0.5 * step) - d2(k + 0.5 * step);
            sum += surface.total_variance(k, years) * normal_pdf(d2(k)) * slope;
        }
        100.0 * (sum / years).sqrt()
    }

    #[test]
    fn strips_return_the_quoted_indices() {
        for (vix9d, vix, vix3m, vix6m) in
            [(8.0, 9.2, 12.0, 14.0), (15.0, 17.0, 19.0, 20.5), (33.0, 30.0, 27.0, 26.0), (90.0, 80.0, 65.0, 55.0)]
        {
            let surface = SpxSurface::fit(&inputs(vix9d, vix, vix3m, vix6m));
            assert_eq!(surface.flags(), flag::NO_SKEW);
            for (days, quoted) in [(9.0, vix9d), (30.0, vix), (93.0, vix3m), (184.0, vix6m)] {
                let own = index(&surface, days / 365.0);
                assert!((own / quoted - 1.0).abs() < 1e-4, "{days} days: {own} for {quoted}");
            }
        }
    }

    #[test]
    fn absent_and_odd_inputs_are_flagged_never_fatal() {
        let nan = f64::NAN;
        let surface = SpxSurface::fit(&SpxInputs { rate: nan, ..inputs(nan, 20.0, nan, nan) });
        let absent = flag::NO_VIX9D | flag::NO_VIX3M | flag::NO_VIX6M | flag::NO_SKEW | flag::NO_CARRY;
        assert_eq!(surface.flags(), absent);
        assert!(surface.implied_vol(1900.0, 0.1) > surface.implied_vol(2000.0, 0.1));

        let surface = SpxSurface::fit(&inputs(60.0, 30.0, 20.0, nan));
        assert_ne!(surface.flags() & flag::CALENDAR_CLAMPED, 0);
        assert!((index(&surface, 30.0 / 365.0) - 30.0).abs() < 0.01);

        for vix in [nan, 0.0, -3.0] {
            let surface = SpxSurface::fit(&inputs(nan, vix, nan, nan));
            assert_ne!(surface.flags() & flag::NO_LEVEL, 0);
            assert!(surface.implied_vol(2000.0, 0.1).is_nan());
        }
        assert_ne!(SpxSurface::fit(&inputs(nan, 400.0, nan, nan)).flags() & flag::LEVEL_CLAMPED, 0);
        assert!(SpxSurface::fit(&inputs(nan, 20.0, nan, nan)).implied_vol(2000.0, 0.0).is_finite());
    }
}
