//! HC-1, the reference workload of the simulation benchmark.
//!
//! 252 daily steps of a short iron condor with a ladder of VIX calls under stochastic variance with co-jumps and
//! self-exciting intensity; seven option prices a step. The arithmetic is defined by `tests/reference/hc1_numpy.py` and
//! described in `docs/simulation.md`; it is made for comparing speed, not for trading.
#![allow(clippy::needless_range_loop, reason = "the same lane of many arrays")]

use std::f64::consts::LN_10;

use alvh_simd::{InstructionSet, Kernel};

use super::lanes::{TimeValue, exp, inverses, larger, ln, ln_of_parts, normals, smaller, split, unit_interval};
use super::workers;
use crate::error::{Error, Fault, Result};
use crate::math;
use crate::rng::{Domain, Stream, philox4x32_wide};

/// Steps of a path.
pub const STEPS: usize = 252;
const ROLL: usize = 21;
const DT: f64 = 1.0 / 252.0;
const SPOT: f64 = 6_000.0;
const RATE: f64 = 0.04;
const CARRY: f64 = RATE - 0.013;
const KAPPA: f64 = 4.0;
const THETA: f64 = 0.025;
const SIGMA: f64 = 0.6;
const RHO: f64 = -0.7;
const V0: f64 = 0.022;
const LAMBDA_INF: f64 = 1.5;
const ALPHA: f64 = 6.0;
const BETA: f64 = 20.0;
const MU_S: f64 = -0.025;
const SIG_S: f64 = 0.025;
const RHO_J: f64 = -0.4;
const MU_V: f64 = 0.03;
const THETA_EFF: f64 = THETA + LAMBDA_INF / (1.0 - ALPHA / BETA) * MU_V / KAPPA;
const SKEW: f64 = -0.10;
const CURVE: f64 = 0.015;
const MONEYNESS: [f64; 4] = [-1.6, -1.0, 1.0, 1.6];
const MULTIPLIER: f64 = 100.0;
const CAPITAL: f64 = 100_000.0;
const FEE_OPEN: f64 = 1.0;
const FEE_CLOSE: f64 = 0.5;
const SLIPPAGE: f64 = 0.02;
const BUDGET: f64 = 0.05;
const MOST_CALLS: f64 = 50.0;
const OUT_OF_MONEY: f64 = 1.3;
const TAKE: f64 = 0.5;
const STOP: f64 = 3.0;
const MONETISE_VARIANCE: f64 = 0.35 * 0.35;
const CALM_VARIANCE: f64 = 0.40 * 0.40;
const CALM_INTENSITY: f64 = 12.0;
const SHORTEST: f64 = 1e-4;
/// Lanes of a block: enough to hide latency, few enough to stay in the first cache.
const LANES: usize = 64;
/// Paths of one unit of work.
const UNIT: usize = 16 * LANES;
/// More paths than this are refused: their results alone would take 32 GB.
pub const MOST_PATHS: usize = 1_000_000_000;

/// What depends on the steps since the roll only.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    weight: f64,
    root: f64,
    discount: f64,
    carry: f64,
    call_weight: [f64; 3],
    call_sd: [f64; 3],
    call_inverse_sd: [f64; 3],
    call_discount: [f64; 3],
}

/// Constants that take a function to compute.
#[derive(Debug, Clone)]
struct Tables {
    rows: [Row; ROLL + 1],
    kbar: f64,
    decay: f64,
    rho_bar: f64,
    vix_weight: f64,
    log_spot: f64,
    log_out_of_money: f64,
}

/// Weight of the current variance in its average over `years`.
fn mean_weight(years: f64) -> f64 {
    -math::exp_m1(-KAPPA * years) / (KAPPA * years)
}

impl Tables {
    fn new() -> Self {
        let vix_weight = mean_weight(30.0 / 365.0);
        let rows = std::array::from_fn(|j| {
            let years = (42 - j) as f64 / 252.0;
            let rungs = [21_i32, 42, 63].map(|steps| (f64::from(steps - j as i32) / 252.0).max(SHORTEST));
            let call_sd = rungs.map(|years| (0.6 + 0.9 * math::exp(-3.0 * years)) * years.sqrt());
            Row {
                weight: mean_weight(years),
                root: years.sqrt(),
                discount: math::exp(-RATE * years),
                carry: CARRY * years,
                call_weight: rungs.map(|years| math::exp(-KAPPA * years) * vix_weight),
                call_sd,
                call_inverse_sd: call_sd.map(|sd| 1.0 / sd),
                call_discount: rungs.map(|years| math::exp(-RATE * years)),
            }
        });
        Self {
            rows,
            kbar: math::exp(MU_S + 0.5 * SIG_S * SIG_S) / (1.0 - RHO_J * MU_V) - 1.0,
            decay: math::exp(-BETA * DT),
            rho_bar: (1.0 - RHO * RHO).sqrt(),
            vix_weight,
            log_spot: math::ln(SPOT),
            log_out_of_money: math::ln(OUT_OF_MONEY),
        }
    }
}

/// One number for every path of a block.
type Lane<const N: usize> = [f64; N];

/// The state of a block of paths.
struct Block<const N: usize> {
    log_spot: Lane<N>,
    v: Lane<N>,
    plus: Lane<N>,
    intensity: Lane<N>,
    words: [[u64; N]; 3],
    normal: [Lane<N>; 2],
    uniform: Lane<N>,
    jumps: [u64; N],
    log_forward: Lane<N>,
    forward: Lane<N>,
    unit: Lane<N>,
    vix_forward: [Lane<N>; 3],
    exponent: [Lane<N>; 3],
    mantissa: [Lane<N>; 3],
    /// ln(forward/strike) over the total standard deviation, four legs and three calls, up to the sign.
    moneyness: [Lane<N>; 7],
    half_sd: [Lane<N>; 4],
    numerator: [Lane<N>; 7],
    denominator: [Lane<N>; 7],
    log_strike: [Lane<N>; 4],
    strike: [Lane<N>; 4],
    legs: [Lane<N>; 4],
    log_vix_strike: [Lane<N>; 3],
    vix_strike: [Lane<N>; 3],
    calls: [Lane<N>; 3],
    held: [Lane<N>; 3],
    credit: Lane<N>,
    /// One while the condor is open, else zero.
    open: Lane<N>,
    /// One until half the calls were sold, then zero.
    whole: Lane<N>,
    cash: Lane<N>,
    equity: Lane<N>,
    peak: Lane<N>,
    drawdown: Lane<N>,
    margin: Lane<N>,
    stops: Lane<N>,
}

/// Price of a put or call from that of the out-of-the-money one.
#[inline(always)]
fn with_intrinsic(put: bool, forward: f64, strike: f64, unit_value: f64) -> f64 {
    let intrinsic = larger(if put { strike - forward } else { forward - strike }, 0.0);
    intrinsic + smaller(forward, strike) * unit_value
}

impl<const N: usize> Block<N> {
    fn new(tables: &Tables) -> Self {
        let zero = [0.0; N];
        Self {
            log_spot: [tables.log_spot; N],
            v: [V0; N],
            plus: [V0; N],
            intensity: [LAMBDA_INF; N],
            words: [[0; N]; 3],
            normal: [zero; 2],
            uniform: zero,
            jumps: [0; N],
            log_forward: zero,
            forward: zero,
            unit: zero,
            vix_forward: [zero; 3],
            exponent: [zero; 3],
            mantissa: [zero; 3],
            moneyness: [zero; 7],
            half_sd: [zero; 4],
            numerator: [zero; 7],
            denominator: [zero; 7],
            log_strike: [zero; 4],
            strike: [zero; 4],
            legs: [zero; 4],
            log_vix_strike: [zero; 3],
            vix_strike: [zero; 3],
            calls: [zero; 3],
            held: [zero; 3],
            credit: zero,
            open: zero,
            whole: zero,
            cash: [CAPITAL; N],
            equity: zero,
            peak: [CAPITAL; N],
            drawdown: zero,
            margin: zero,
            stops: zero,
        }
    }

    #[inline(always)]
    fn draw(&mut self, seed: u64, first: u64, step: usize) {
        let key = [seed as u32, (seed >> 32) as u32];
        for i in 0..N {
            let path = first.wrapping_add(i as u64);
            let counter = [step as u64, Domain::ReferenceSteps as u64, path & 0xffff_ffff, path >> 32];
            let [a, b, c, d] = philox4x32_wide(counter, key);
            self.words[0][i] = a;
            self.words[1][i] = b;
            self.words[2][i] = d;
            self.uniform[i] = unit_interval(c);
        }
        for i in 0..N {
            let (x, y) = normals(self.words[0][i], self.words[2][i], self.words[1][i]);
            self.normal[0][i] = x;
            self.normal[1][i] = y;
        }
    }

    #[inline(always)]
    fn evolve(&mut self, tables: &Tables, seed: u64, first: u64, step: usize) {
        let mut any = 0;
        for i in 0..N {
            let (plus, lambda) = (self.plus[i], self.intensity[i]);
            let s = (plus * DT).sqrt();
            let (z1, z2) = (self.normal[0][i], self.normal[1][i]);
            let drift = (CARRY - tables.kbar * lambda - 0.5 * plus) * DT;
            self.log_spot[i] = self.log_spot[i] + drift + s * (RHO * z1 + tables.rho_bar * z2);
            self.v[i] += KAPPA * (THETA - plus) * DT + SIGMA * s * z1;
            self.intensity[i] = LAMBDA_INF + (lambda - LAMBDA_INF) * tables.decay;
            let jump = u64::from(self.uniform[i] < lambda * DT);
            self.jumps[i] = jump;
            any |= jump;
        }
        if any != 0 {
            self.jump(seed, first, step);
        }
        for i in 0..N {
            self.plus[i] = larger(self.v[i], 0.0);
        }
    }

    /// Sizes of the rare jumps, one path after the other.
    #[cold]
    #[inline(never)]
    fn jump(&mut self, seed: u64, first: u64, step: usize) {
        for i in 0..N {
            if self.jumps[i] != 0 {
                let stream = Stream::new(seed, Domain::ReferenceJumps, first.wrapping_add(i as u64));
                let [a, b, c, d] = stream.block(step as u32).map(u64::from);
                let size = -MU_V * ln(unit_interval(d));
                self.log_spot[i] += MU_S + RHO_J * size + SIG_S * normals(a, b, c).0;
                self.v[i] += size;
                self.intensity[i] += ALPHA;
            }
        }
    }

    /// Prices of the four legs and of the three calls, with two divisions for all of them.
    #[inline(always)]
    fn price(&mut self, row: &Row) {
        for i in 0..N {
            self.log_forward[i] = self.log_spot[i] + row.carry;
            self.forward[i] = exp(self.log_forward[i]);
            self.unit[i] = (THETA_EFF + (self.plus[i] - THETA_EFF) * row.weight).sqrt() * row.root;
        }
        for rung in 0..3 {
            for i in 0..N {
                let variance = THETA_EFF + (self.plus[i] - THETA_EFF) * row.call_weight[rung];
                let (k, m) = split(variance);
                self.vix_forward[rung][i] = 100.0 * variance.sqrt();
                self.exponent[rung][i] = k;
                self.mantissa[rung][i] = m;
            }
        }
        for i in 0..N {
            let unit = self.unit[i];
            let distance: [f64; 4] = std::array::from_fn(|leg| self.log_strike[leg][i] - self.log_forward[i]);
            // unit^2 (1 + SKEW m + CURVE m^2) with m = distance/unit.
            let shape = distance.map(|d| unit * unit + d * (SKEW * unit + CURVE * d));
            let m: [f64; 3] = std::array::from_fn(|rung| self.mantissa[rung][i]);
            let inverse = inverses([unit, shape[0], shape[1], shape[2], shape[3], m[0] + 1.0, m[1] + 1.0, m[2] + 1.0]);
            for leg in 0..4 {
                self.moneyness[leg][i] = distance[leg] * unit * inverse[1 + leg];
                self.half_sd[leg][i] = 0.5 * shape[leg] * inverse[0];
            }
            for rung in 0..3 {
                let log_variance = ln_of_parts(self.exponent[rung][i], (m[rung] - 1.0) * inverse[5 + rung]);
                let distance = 0.5 * log_variance + 2.0 * LN_10 - self.log_vix_strike[rung][i];
                self.moneyness[4 + rung][i] = distance * row.call_inverse_sd[rung];
            }
        }
        for option in 0..4 {
            for i in 0..N {
                let value = TimeValue::new(self.moneyness[option][i], self.half_sd[option][i]);
                self.numerator[option][i] = value.numerator;
                self.denominator[option][i] = value.denominator;
            }
        }
        for rung in 0..3 {
            let half = 0.5 * row.call_sd[rung];
            for i in 0..N {
                let value = TimeValue::new(self.moneyness[4 + rung][i], half);
                self.numerator[4 + rung][i] = value.numerator;
                self.denominator[4 + rung][i] = value.denominator;
            }
        }
        for i in 0..N {
            let inverse = inverses::<7>(std::array::from_fn(|option| self.denominator[option][i]));
            for leg in 0..4 {
                let unit_value = self.numerator[leg][i] * inverse[leg];
                let price = with_intrinsic(leg < 2, self.forward[i], self.strike[leg][i], unit_value);
                self.legs[leg][i] = row.discount * price;
            }
            for rung in 0..3 {
                let unit_value = self.numerator[4 + rung][i] * inverse[4 + rung];
                let price = with_intrinsic(false, self.vix_forward[rung][i], self.vix_strike[rung][i], unit_value);
                self.calls[rung][i] = row.call_discount[rung] * price;
            }
        }
    }

    /// Value of the condor to buy back and the sum of its four prices.
    #[inline(always)]
    fn condor(&self, i: usize) -> (f64, f64) {
        let [a, b, c, d] = [self.legs[0][i], self.legs[1][i], self.legs[2][i], self.legs[3][i]];
        (b - a + c - d, a + b + c + d)
    }

    /// Cash for one call sold.
    #[inline(always)]
    fn sale(&self, rung: usize, i: usize) -> f64 {
        MULTIPLIER * self.calls[rung][i] * (1.0 - SLIPPAGE) - FEE_CLOSE
    }

    /// Liquidates at the last prices and opens anew.
    #[inline(always)]
    fn roll(&mut self, tables: &Tables) {
        let row = &tables.rows[0];
        for i in 0..N {
            let (value, paid) = self.condor(i);
            let mut cash = self.cash[i] - self.open[i] * (MULTIPLIER * (value + SLIPPAGE * paid) + 4.0 * FEE_CLOSE);
            for rung in 0..3 {
                cash += self.held[rung][i] * self.sale(rung, i);
            }
            self.cash[i] = cash;
            let unit = (THETA_EFF + (self.plus[i] - THETA_EFF) * row.weight).sqrt() * row.root;
            for (leg, moneyness) in MONEYNESS.into_iter().enumerate() {
                self.log_strike[leg][i] = self.log_spot[i] + row.carry + moneyness * unit;
                self.strike[leg][i] = exp(self.log_strike[leg][i]);
            }
            for rung in 0..3 {
                let variance = THETA_EFF + (self.plus[i] - THETA_EFF) * row.call_weight[rung];
                self.vix_strike[rung][i] = OUT_OF_MONEY * 100.0 * variance.sqrt();
                self.log_vix_strike[rung][i] = 0.5 * ln(variance) + 2.0 * LN_10 + tables.log_out_of_money;
            }
        }
        self.price(row);
        for i in 0..N {
            let vix_variance = THETA_EFF + (self.plus[i] - THETA_EFF) * tables.vix_weight;
            let stressed = (self.intensity[i] > CALM_INTENSITY) | (vix_variance > CALM_VARIANCE);
            let enter = if stressed { 0.0 } else { 1.0 };
            let (credit, paid) = self.condor(i);
            let mut cash = self.cash[i] + enter * (MULTIPLIER * (credit - SLIPPAGE * paid) - 4.0 * FEE_OPEN);
            for rung in 0..3 {
                let price = self.calls[rung][i];
                let held = enter * smaller(BUDGET * credit / price, MOST_CALLS);
                cash -= held * (MULTIPLIER * price * (1.0 + SLIPPAGE) + FEE_OPEN);
                self.held[rung][i] = held;
            }
            self.cash[i] = cash;
            self.credit[i] = credit;
            self.open[i] = enter;
            self.whole[i] = 1.0;
            let width = larger(self.strike[1][i] - self.strike[0][i], self.strike[3][i] - self.strike[2][i]);
            self.margin[i] = larger(self.margin[i], enter * MULTIPLIER * width);
        }
    }

    /// Exits, half the calls on a spike, equity and drawdown at the prices of the step.
    #[inline(always)]
    fn settle(&mut self, tables: &Tables) {
        for i in 0..N {
            let (value, paid) = self.condor(i);
            let (open, credit) = (self.open[i], self.credit[i]);
            let stop = if value >= STOP * credit { open } else { 0.0 };
            let leave = if value <= TAKE * credit { open } else { stop };
            self.stops[i] += stop;
            let open = open - leave;
            self.open[i] = open;
            let mut cash = self.cash[i] - leave * (MULTIPLIER * (value + SLIPPAGE * paid) + 4.0 * FEE_CLOSE);
            let vix_variance = THETA_EFF + (self.plus[i] - THETA_EFF) * tables.vix_weight;
            let spike = if vix_variance > MONETISE_VARIANCE { self.whole[i] } else { 0.0 };
            self.whole[i] -= spike;
            let mut worth = 0.0;
            for rung in 0..3 {
                let sold = 0.5 * spike * self.held[rung][i];
                cash += sold * self.sale(rung, i);
                let held = self.held[rung][i] - sold;
                self.held[rung][i] = held;
                worth += held * self.calls[rung][i];
            }
            self.cash[i] = cash;
            let equity = cash + MULTIPLIER * (worth - open * value);
            self.equity[i] = equity;
            self.peak[i] = larger(self.peak[i], equity);
            self.drawdown[i] = larger(self.drawdown[i], self.peak[i] - equity);
        }
    }
}

/// A block of paths from the first step to the last.
struct Simulate<'a, const N: usize> {
    tables: &'a Tables,
    seed: u64,
    first: u64,
}

impl<const N: usize> Kernel for Simulate<'_, N> {
    type Output = Block<N>;

    #[inline(always)]
    fn run(self) -> Block<N> {
        let mut block = Block::new(self.tables);
        for step in 0..STEPS {
            let since = step % ROLL;
            if since == 0 {
                block.roll(self.tables);
            }
            block.draw(self.seed, self.first, step);
            block.evolve(self.tables, self.seed, self.first, step);
            let row = &self.tables.rows[since + 1];
            block.price(row);
            block.settle(self.tables);
        }
        block
    }
}

/// Results of each path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    /// Cash and positions at the last prices, USD; every path begins with 100,000.
    pub equity: Vec<f64>,
    /// Largest fall of equity below its peak, USD.
    pub max_drawdown: Vec<f64>,
    /// Largest margin of a condor, USD.
    pub max_margin: Vec<f64>,
    /// Condors closed at three times their credit.
    pub stops: Vec<f64>,
}

/// Simulates paths `first .. first + n` of a seed.
///
/// # Errors
/// `LimitError` for more than [`MOST_PATHS`] paths, before anything is allocated; interrupted when `go_on` says so.
pub fn simulate(
    n: usize,
    first: u64,
    seed: u64,
    threads: usize,
    set: InstructionSet,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Outcomes> {
    simulate_blocks::<LANES>(n, first, seed, threads, set, go_on)
}

fn simulate_blocks<const N: usize>(
    n: usize,
    first: u64,
    seed: u64,
    threads: usize,
    set: InstructionSet,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Outcomes> {
    if n > MOST_PATHS {
        let expected = format!("at most {MOST_PATHS}");
        return Err(Error::limit(Fault::new("SIM001", "reference_workload", "n_paths", n.to_string(), expected)));
    }
    let tables = Tables::new();
    let mut out =
        Outcomes { equity: vec![0.0; n], max_drawdown: vec![0.0; n], max_margin: vec![0.0; n], stops: vec![0.0; n] };
    let columns = out.equity.chunks_mut(UNIT).zip(out.max_drawdown.chunks_mut(UNIT));
    let columns = columns.zip(out.max_margin.chunks_mut(UNIT).zip(out.stops.chunks_mut(UNIT)));
    workers::run(threads, columns.enumerate(), go_on, |(unit, ((equity, drawdown), (margin, stops))), _| {
        let mut start = 0;
        while start < equity.len() {
            let count = N.min(equity.len() - start);
            let first = first.wrapping_add((unit * UNIT + start) as u64);
            let block = set.run(Simulate::<N> { tables: &tables, seed, first });
            let range = start..start + count;
            equity[range.clone()].copy_from_slice(&block.equity[..count]);
            drawdown[range.clone()].copy_from_slice(&block.drawdown[..count]);
            margin[range.clone()].copy_from_slice(&block.margin[..count]);
            stops[range].copy_from_slice(&block.stops[..count]);
            start += count;
        }
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<const N: usize>(n: usize, first: u64, threads: usize, set: InstructionSet) -> Outcomes {
        simulate_blocks::<N>(n, first, 3, threads, set, &mut || true).expect("outcomes")
    }

    #[test]
    fn block_size_threads_and_instructions_change_no_bit() {
        let want = run::<64>(1_200, 0, 1, InstructionSet::BASELINE);
        assert!(want.stops.iter().sum::<f64>() > 100.0);
        for set in InstructionSet::available() {
            assert_eq!(run::<64>(1_200, 0, 2, set), want, "{}", set.name());
            assert_eq!(run::<16>(1_200, 0, 1, set), want, "{}", set.name());
        }
    }

    #[test]
    fn shards_put_together_are_the_whole() {
        let set = InstructionSet::best();
        let whole = run::<64>(300, 5, 1, set);
        let parts = [run::<64>(1, 5, 1, set), run::<64>(200, 6, 1, set), run::<64>(99, 206, 1, set)];
        assert_eq!(parts.iter().flat_map(|part| part.equity.clone()).collect::<Vec<_>>(), whole.equity);
        assert_eq!(parts.iter().flat_map(|part| part.max_drawdown.clone()).collect::<Vec<_>>(), whole.max_drawdown);
    }

    #[test]
    fn too_many_paths_are_refused_and_an_interrupt_is_answered() {
        let set = InstructionSet::best();
        let error = simulate(MOST_PATHS + 1, 0, 1, 1, set, &mut || true).expect_err("limit").to_string();
        assert!(error.starts_with("SIM001 reference_workload n_paths: got 1000000001, expected at most "), "{error}");
        for threads in [1, 2] {
            assert_eq!(simulate(50_000, 0, 1, threads, set, &mut || false), Err(Error::Interrupted));
        }
    }
}
