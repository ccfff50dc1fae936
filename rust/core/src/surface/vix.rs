//! VIX futures curve and VIX smile from settlements and index levels.
//!
//! The curve runs through spot VIX (a future that expires now settles on it) and through every settlement that is
//! known; log prices are interpolated in 1 - exp(-5 T), the shape of a mean-reverting forward, which is monotone
//! between nodes. Without settlements the nodes come from forward variance between the tenors of the VIX indices,
//! less half the variance of the future itself (VIX is a volatility, forward variance its second moment).
//!
//! The smile is a function of z = ln(K/F)/(sigma sqrt T), sigma the at-the-money volatility of the expiry. VIX options
//! are options on the future of their own expiry; different expiries have different underlyings, so total variance
//! may fall from one to the next and there is no calendar condition. All constants are printed, unrounded, by
//! `tools/estimate_vix_surface.py`; `docs/vix-surface.md` says on what data.

use crate::instrument::{Day, OPEN_SECONDS, years_between};
use crate::marks::flag;
use crate::math::{exp, ln, pow};

/// First session of VIX futures, 2004-03-26.
pub const FIRST_FUTURE_DAY: Day = 12_503;
/// First session of VIX options, 2006-02-24.
pub const FIRST_OPTION_DAY: Day = 13_203;

/// Spot and settlements that a curve can hold.
const MAX_NODES: usize = 24;
/// Rate of the interpolation clock 1 - exp(-k T): leave-one-contract-out error.
const CLOCK: f64 = 5.0;
/// Decay of the deviation from the average curve beyond the last node, per year.
const REVERSION: f64 = 1.0;
/// Fast and slow rate of the average curve, per year.
const AVERAGE_RATES: [f64; 2] = [10.0, 1.5];
/// ln F - ln VIX at VIX = 18, per unit of 1 - exp(-rate T).
const AVERAGE_BASIS: [f64; 2] = [0.09, 0.21];
/// Change of the same per unit of ln(VIX / 18).
const AVERAGE_SLOPE: [f64; 2] = [-0.20, -0.48];
/// VIX level at which the average relations are centred, points.
const PIVOT: f64 = 18.0;

const DAYS: f64 = 1.0 / 365.0;
/// Tenor of VIX and VVIX, years.
const MONTH: f64 = 30.0 * DAYS;
/// Window of VIX9D, days.
const NEAR_WINDOW: f64 = 9.0;
/// Windows of the indices, days: VIX, VIX3M, VIX6M.
const WINDOWS: [f64; 3] = [30.0, 93.0, 184.0];

/// VVIX at VIX = 18 and its elasticity to VIX, where no VVIX is given.
const VVIX_LEVEL: f64 = 88.0;
const VVIX_ELASTICITY: f64 = 0.25;
/// VVIX below this is a bad print (2006 has several under 30); treated as absent.
const VVIX_MIN: f64 = 40.0;

/// VVIX above this is taken as this and flagged: the smile is checked for arbitrage up to here.
const VVIX_MAX: f64 = 250.0;

/// Response of a future at infinite tenor relative to zero tenor, and its decay per year (Samuelson effect).
const SAMUELSON_FLOOR: f64 = 0.30;
const SAMUELSON_RATE: f64 = 4.0;
/// In calm markets the short end is damped: relative reduction at zero tenor, and its decay in years.
const CALM_DIP: f64 = 0.30;
const CALM_TENOR: f64 = 30.0 * DAYS;
/// The dip holds in full up to the first VIX level and is gone at the second.
const CALM_RANGE: (f64, f64) = (15.0, 25.0);

/// Slope of the smile in z at the money.
const SKEW: f64 = 0.25;
/// Saturation of the smile in z: left; right is `RIGHT` / (sigma^2 T) within `RIGHT_RANGE`.
const LEFT: f64 = 2.2;
const RIGHT: f64 = 0.22;
const RIGHT_RANGE: (f64, f64) = (0.3, 8.0);
/// Model-free volatility over at-the-money volatility at 30 days: constant and slope in the at-the-money volatility.
const VARIANCE_RATIO: (f64, f64) = (1.10, -0.075);
/// Tenors below one hour are taken as one hour: no volatility is quoted for less.
const TENOR_MIN: f64 = DAYS / 24.0;

/// What is known on one step. NaN: not known.
#[derive(Debug, Clone, Copy)]
pub struct VixInputs<'a> {
    /// Days since 1970-01-01.
    pub day: Day,
    /// Seconds after midnight New York.
    pub seconds: i32,
    /// Spot VIX, points.
    pub vix: f64,
    /// Nine-day VIX, points.
    pub vix9d: f64,
    /// Three-month VIX, points.
    pub vix3m: f64,
    /// Six-month VIX, points.
    pub vix6m: f64,
    /// VVIX, points.
    pub vvix: f64,
    /// Expiries with a futures price, ascending.
    pub vx_expiry: &'a [Day],
    /// Futures prices, points.
    pub vx_price: &'a [f64],
}

/// Price of a VIX future and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Future {
    /// Points.
    pub price: f64,
    /// Bits of [`flag`].
    pub flags: u32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    years: f64,
    clock: f64,
    log_price: f64,
    price: f64,
    /// `Day::MIN` for spot and for index tenors.
    expiry: Day,
}

const EMPTY: Node = Node { years: 0.0, clock: 0.0, log_price: 0.0, price: 0.0, expiry: Day::MIN };

/// Curve and smile of one step. Built on the stack, no allocation.
#[derive(Debug, Clone, Copy)]
pub struct VixSurface {
    day: Day,
    seconds: i32,
    /// Spot, or the front settlement where spot is missing.
    vix: f64,
    nodes: [Node; MAX_NODES],
    len: usize,
    /// Nodes are settlements, not index tenors.
    listed: bool,
    /// Flags of every volatility: VVIX on the average relation, or clamped.
    vol_flags: u32,
    /// At-the-money volatility at 30 days.
    level: f64,
    /// Share of the calm dip in force.
    calm: f64,
    /// ln(VIX / PIVOT) and ln VIX.
    log_vix: (f64, f64),
    /// Relative volatility of 30 days.
    month_shape: f64,
}

/// Options of one expiry: their future and what their volatilities share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VixSlice {
    /// Price of the future, points.
    pub forward: f64,
    /// What a volatility of the expiry rests on: bits of [`flag`].
    pub flags: u32,
    sigma: f64,
    total: f64,
}

impl VixSlice {
    /// Black-76 volatility at `ln(K/F)`.
    #[inline]
    pub fn implied_vol(&self, log_moneyness: f64) -> f64 {
        self.sigma * smile(log_moneyness / self.total, self.total)
    }
}

/// Response of a VIX future to one point of spot VIX, by its tenor.
///
/// `0.17 + 0.43 exp(-5 T) + 0.40 exp(-40 T)`: regression of daily changes of VX1..VX8 on those of VIX by tenor,
/// 2007-2017, between it and the ladder .623 .427 .328 .268 .230 .207 .192 of 2007-2021 for VX1..VX7.
pub fn pass_through(years: f64) -> f64 {
    let t = years.max(0.0);
    0.17 + 0.43 * exp(-5.0 * t) + 0.40 * exp(-40.0 * t)
}

/// A futures price of an earlier time, carried to now by the move of spot VIX since.
///
/// Linear upwards; downwards the exponential with the same tangent, so that the price stays positive.
pub fn moved_future(price: f64, beta: f64, d_vix: f64) -> f64 {
    let move_ = beta * d_vix;
    if move_ >= 0.0 { price + move_ } else { price * exp(move_ / price) }
}

fn usable(x: f64) -> bool {
    x.is_finite() && x > 0.0
}

fn clock(years: f64) -> f64 {
    1.0 - exp(-CLOCK * years)
}

/// ln of the average future of a tenor at ln(VIX / PIVOT) and ln VIX.
fn average_log((x, mut y): (f64, f64), years: f64) -> f64 {
    for i in 0..2 {
        y += (AVERAGE_BASIS[i] + AVERAGE_SLOPE[i] * x) * (1.0 - exp(-AVERAGE_RATES[i] * years));
    }
    y
}

/// Mean of (c + (1 - c) exp(-k x))^2 over the life: at-the-money variance of a future relative to spot.
fn samuelson(years: f64) -> f64 {
    let (c, k) = (SAMUELSON_FLOOR, SAMUELSON_RATE);
    let kt = k * years;
    c * c + 2.0 * c * (1.0 - c) * (1.0 - exp(-kt)) / kt + (1.0 - c) * (1.0 - c) * (1.0 - exp(-2.0 * kt)) / (2.0 * kt)
}

/// Volatility over at-the-money volatility at z, for at-the-money total volatility sigma sqrt T.
fn smile(z: f64, total: f64) -> f64 {
    let bound = if z < 0.0 { LEFT } else { (RIGHT / (total * total)).clamp(RIGHT_RANGE.0, RIGHT_RANGE.1) };
    let u = z / bound;
    1.0 + SKEW * z / (1.0 + u * u).sqrt()
}

impl VixSurface {
    /// Builds curve and smile from what is known on a step.
    pub fn fit(inputs: &VixInputs<'_>) -> Self {
        // Where spot is missing, the front settlement says how calm the market is.
        let front = inputs.vx_price.iter().copied().find(|&price| usable(price));
        let spot_known = usable(inputs.vix);
        let vix = if spot_known { inputs.vix } else { front.unwrap_or(f64::NAN) };
        let vvix_known = inputs.vvix.is_finite() && inputs.vvix >= VVIX_MIN;
        let vvix = if vvix_known { inputs.vvix } else { VVIX_LEVEL * pow(vix / PIVOT, VVIX_ELASTICITY) };
        // The root of v = level (a + b level) that tends to v / a.
        let (a, b) = VARIANCE_RATIO;
        let v = vvix.min(VVIX_MAX) / 100.0;
        let level = 2.0 * v / (a + (a * a + 4.0 * b * v).sqrt());
        let mut surface = Self {
            day: inputs.day,
            seconds: inputs.seconds,
            vix,
            nodes: [EMPTY; MAX_NODES],
            len: 0,
            listed: false,
            vol_flags: if vvix_known && spot_known { 0 } else { flag::PROXY }
                | if vvix > VVIX_MAX { flag::CLAMPED } else { 0 },
            level,
            calm: ((CALM_RANGE.1 - vix) / (CALM_RANGE.1 - CALM_RANGE.0)).clamp(0.0, 1.0),
            log_vix: (ln(vix / PIVOT), ln(vix)),
            month_shape: f64::NAN,
        };
        surface.month_shape = surface.shape(MONTH);
        if spot_known {
            surface.push(0.0, inputs.vix, Day::MIN);
        }
        for (&expiry, &price) in inputs.vx_expiry.iter().zip(inputs.vx_price) {
            let years = years_between(inputs.day, inputs.seconds, expiry, OPEN_SECONDS);
            if years > 0.0 && usable(price) {
                surface.push(years, price, expiry);
                surface.listed = true;
            }
        }
        if !surface.listed {
            surface.push_index_tenors(inputs);
        }
        surface
    }

    fn push(&mut self, years: f64, price: f64, expiry: Day) {
        if self.len < MAX_NODES {
            self.nodes[self.len] = Node { years, clock: clock(years), log_price: ln(price), price, expiry };
            self.len += 1;
        }
    }

    /// Forward variance between the windows of VIX, VIX3M and VIX6M, put where a future's own 30-day window has the
    /// same centre, less half the variance of the future over its life.
    fn push_index_tenors(&mut self, inputs: &VixInputs<'_>) {
        let indices = [inputs.vix, inputs.vix3m, inputs.vix6m];
        if !usable(indices[0]) {
            return;
        }
        let mut near = 0;
        for far in 1..3 {
            if !usable(indices[far]) {
                continue;
            }
            let (t0, t1) = (WINDOWS[near], WINDOWS[far]);
            let (v0, v1) = (indices[near], indices[far]);
            // A steep inversion can ask for negative forward variance; a quarter of the longer window's is the least.
            let forward = ((t1 * v1 * v1 - t0 * v0 * v0) / (t1 - t0)).max(0.25 * v1 * v1);
            if near == 0 && usable(inputs.vix9d) {
                // The window of a future that expires when VIX9D's ends: VIX's, less VIX9D's, plus as many days after it.
                let window = (t0 * v0 * v0 + NEAR_WINDOW * (forward - inputs.vix9d * inputs.vix9d)) / t0;
                self.push_variance(NEAR_WINDOW * DAYS, window.max(0.25 * v0 * v0));
            }
            self.push_variance((0.5 * (t0 + t1) - 0.5 * WINDOWS[0]) * DAYS, forward);
            near = far;
        }
    }

    fn push_variance(&mut self, years: f64, variance: f64) {
        let sigma = self.at_the_money(years);
        self.push(years, variance.sqrt() * exp(-0.5 * sigma * sigma * years), Day::MIN);
    }

    /// Time to the opening of an expiry day, years; not below zero.
    pub fn years(&self, expiry: Day) -> f64 {
        years_between(self.day, self.seconds, expiry, OPEN_SECONDS).max(0.0)
    }

    /// The VIX future of an expiry: its settlement where there is one.
    pub fn future(&self, expiry: Day) -> Future {
        let mut flags = 0;
        if self.day < FIRST_FUTURE_DAY {
            flags |= flag::HYPOTHETICAL;
        }
        if !self.listed {
            flags |= flag::PROXY;
        }
        let nodes = &self.nodes[..self.len];
        let years = self.years(expiry);
        let Some(last) = nodes.last() else {
            return Future { price: f64::NAN, flags: flags | flag::PROXY };
        };
        let after = nodes.partition_point(|node| node.years < years);
        if let Some(node) = nodes.get(after) {
            // A node of this very day, or spot itself at no time left.
            if node.expiry == expiry || after == 0 {
                // Without spot nothing is known before the first settlement but the settlement itself.
                let blind = if years < node.years { flag::PROXY } else { 0 };
                return Future { price: node.price, flags: flags | blind };
            }
            let before = nodes[after - 1];
            let share = (clock(years) - before.clock) / (node.clock - before.clock);
            let log_price = before.log_price + (node.log_price - before.log_price) * share;
            return Future { price: exp(log_price), flags };
        }
        let deviation = last.log_price - average_log(self.log_vix, last.years);
        let log_price = average_log(self.log_vix, years) + deviation * exp(-REVERSION * (years - last.years));
        Future { price: exp(log_price), flags: flags | flag::PROXY }
    }

    /// At-the-money volatility of a tenor.
    pub fn at_the_money(&self, years: f64) -> f64 {
        self.level * self.shape(years.max(TENOR_MIN)) / self.month_shape
    }

    fn shape(&self, years: f64) -> f64 {
        samuelson(years).sqrt() * (1.0 - CALM_DIP * self.calm * exp(-years / CALM_TENOR))
    }

    /// Black-76 volatility of an option on the VIX future of the same expiry; NaN for a strike that is not positive.
    pub fn implied_vol(&self, strike: f64, expiry: Day) -> f64 {
        if !usable(strike) {
            return f64::NAN;
        }
        let slice = self.slice(expiry);
        slice.implied_vol(ln(strike / slice.forward))
    }

    /// The options of an expiry, for several strikes.
    pub fn slice(&self, expiry: Day) -> VixSlice {
        let future = self.future(expiry);
        let years = self.years(expiry).max(TENOR_MIN);
        let sigma = self.at_the_money(years);
        let hypothetical = if self.day < FIRST_OPTION_DAY { flag::HYPOTHETICAL } else { 0 };
        let flags = future.flags | self.vol_flags | hypothetical;
        VixSlice { forward: future.price, flags, sigma, total: sigma * years.sqrt() }
    }

    /// What a volatility of an expiry rests on: bits of [`flag`].
    pub fn option_flags(&self, expiry: Day) -> u32 {
        self.slice(expiry).flags
    }

    /// Response of the future of an expiry to one point of spot VIX.
    pub fn beta(&self, expiry: Day) -> f64 {
        pass_through(self.years(expiry))
    }

    /// The same surface after a move of spot VIX: every node moves by its pass-through, volatilities stay.
    #[must_use]
    pub fn shift(&self, d_vix: f64) -> Self {
        let mut moved = *self;
        for node in &mut moved.nodes[..self.len] {
            node.price = moved_future(node.price, pass_through(node.years), d_vix);
            node.log_price = ln(node.price);
        }
        moved.vix = moved_future(self.vix, 1.0, d_vix);
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEDNESDAY: Day = 16_953; // 2016-06-01
    const CLOSE: i32 = 58_500;

    fn inputs<'a>(expiry: &'a [Day], price: &'a [f64]) -> VixInputs<'a> {
        VixInputs {
            day: WEDNESDAY,
            seconds: CLOSE,
            vix: 14.2,
            vix9d: f64::NAN,
            vix3m: f64::NAN,
            vix6m: f64::NAN,
            vvix: 78.93,
            vx_expiry: expiry,
            vx_price: price,
        }
    }

    #[test]
    fn settlements_come_back_to_the_bit_and_between_them_the_curve_is_monotone() {
        let expiry = [16_967, 17_002, 17_030];
        let price = [15.275, 17.525, 18.275];
        let surface = VixSurface::fit(&inputs(&expiry, &price));
        for (&e, &p) in expiry.iter().zip(&price) {
            assert_eq!(surface.future(e), Future { price: p, flags: 0 });
        }
        let mut last = 14.2;
        for day in WEDNESDAY + 1..17_030 {
            let future = surface.future(day);
            assert!(future.price >= last && future.flags == 0, "{day} {future:?}");
            last = future.price;
        }
        let beyond = surface.future(17_058);
        assert!(beyond.flags == flag::PROXY && beyond.price > 18.275 && beyond.price < 20.0, "{beyond:?}");
    }

    #[test]
    fn the_future_tends_to_spot_and_the_past_is_spot() {
        let surface = VixSurface::fit(&inputs(&[], &[]));
        let tomorrow = surface.future(WEDNESDAY + 1);
        assert!((tomorrow.price - 14.2).abs() < 0.2 && tomorrow.flags == flag::PROXY);
        assert!((surface.future(WEDNESDAY).price - 14.2).abs() < 1e-12);
        assert!((surface.future(WEDNESDAY - 9).price - 14.2).abs() < 1e-12);
    }

    #[test]
    fn flags_follow_the_listing_dates() {
        let mut early = inputs(&[], &[]);
        early.day = FIRST_FUTURE_DAY - 1;
        let surface = VixSurface::fit(&early);
        assert_eq!(surface.future(early.day + 30).flags, flag::PROXY | flag::HYPOTHETICAL);
        early.day = FIRST_OPTION_DAY - 1;
        let surface = VixSurface::fit(&early);
        assert_eq!(surface.future(early.day + 30).flags, flag::PROXY);
        assert_eq!(surface.option_flags(early.day + 30), flag::PROXY | flag::HYPOTHETICAL);
        early.day = FIRST_OPTION_DAY;
        early.vvix = 15.71;
        let expiry = [early.day + 30];
        early.vx_expiry = &expiry;
        early.vx_price = &[15.0];
        let surface = VixSurface::fit(&early);
        assert_eq!((surface.future(expiry[0]).flags, surface.option_flags(expiry[0])), (0, flag::PROXY));
        early.vvix = 251.0;
        assert_eq!(VixSurface::fit(&early).option_flags(expiry[0]), flag::CLAMPED);
    }

    #[test]
    fn without_spot_or_anything_nothing_is_invented() {
        let mut bare = inputs(&[], &[]);
        bare.vix = f64::NAN;
        let nothing = VixSurface::fit(&bare).future(WEDNESDAY + 30);
        assert!(nothing.price.is_nan() && nothing.flags == flag::PROXY);
        bare.vx_expiry = &[WEDNESDAY + 14];
        bare.vx_price = &[15.0];
        let one = VixSurface::fit(&bare);
        assert_eq!(one.future(WEDNESDAY + 7), Future { price: 15.0, flags: flag::PROXY });
        assert_eq!(one.future(WEDNESDAY + 14), Future { price: 15.0, flags: 0 });
        assert!(one.implied_vol(15.0, WEDNESDAY + 14) > 0.3 && one.option_flags(WEDNESDAY + 14) == flag::PROXY);
        assert!(one.future(WEDNESDAY + 44).price > 15.0);
        assert!(one.implied_vol(0.0, WEDNESDAY + 14).is_nan() && one.implied_vol(-1.0, WEDNESDAY + 14).is_nan());
    }

    #[test]
    fn a_shift_moves_the_ladder_and_stays_positive() {
        let expiry = [16_967, 17_002];
        let surface = VixSurface::fit(&inputs(&expiry, &[15.275, 17.525]));
        let up = surface.shift(10.0);
        for (&e, p) in expiry.iter().zip([15.275, 17.525]) {
            assert!((up.future(e).price - p - 10.0 * surface.beta(e)).abs() < 1e-12);
            let down = surface.shift(-60.0).future(e).price;
            assert!(down > 0.0 && down < p);
        }
        assert!((moved_future(20.0, 0.5, -0.01) - 19.995).abs() < 1e-6);
    }
}
