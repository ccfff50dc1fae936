//! Paths of the market model H-SVCJ-2F under the real-world or the pricing measure.
//!
//! Variances move by the quadratic-exponential scheme of Andersen (2008), Journal of Computational Finance 11(3),
//! doi:10.21314/JCF.2008.189, with switch at 1.5 and central weights; the log price by his scheme that is tied to the
//! variances. Jumps come by an exponential clock: the integral of the intensity, closed form between jumps, is spent
//! against unit exponentials, which is exact for self-exciting jumps whatever the step (Ozaki 1979,
//! doi:10.1007/BF02480272). A jump of the variance decays from its time to the end of the step, so that means are exact;
//! the price takes its jump at the end of the step.
#![allow(clippy::needless_range_loop, reason = "the same lane of many arrays")]

use std::ops::Range;

use alvh_simd::{InstructionSet, Kernel};

use super::lanes::{exp, inverses, larger, ln, normals, smaller, unit_interval};
use super::workers;
use crate::error::{Error, Fault, Result};
use crate::market::model::MarketConfig;
use crate::math;
use crate::pricing::transform::Factor;
use crate::rng::{Domain, Stream, philox4x32_wide};

/// Sessions of a model year.
pub const SESSIONS_PER_YEAR: f64 = 252.0;
/// Minutes of a session: a step is a whole number of them.
pub const MINUTES: usize = 390;
/// Most numbers in the four arrays of a result together: 4 GB.
pub const MOST_NUMBERS: usize = 500_000_000;
/// Most steps of all paths together: hours of work.
pub const MOST_STEPS: usize = 1_000_000_000_000;
const LANES: usize = 64;
/// Steps of a block between two looks at whether to go on: about a millisecond.
const CHUNK: usize = 512;

/// The measure whose law the paths have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Real world.
    P,
    /// Pricing.
    Q,
}

/// What to simulate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Number of paths.
    pub n_paths: usize,
    /// Index of the first: shards of a run differ in it only.
    pub first_path: u64,
    /// Trading sessions of a path.
    pub sessions: usize,
    /// Steps of a session, a divisor of 390.
    pub steps_per_day: usize,
    /// Steps between records, a divisor of all steps.
    pub record_every: usize,
    /// Spot at the start.
    pub spot: f64,
    /// Measure.
    pub measure: Measure,
    /// Paths 2k and 2k + 1 share jumps and mirror each other's other draws.
    pub antithetic: bool,
    /// Seed.
    pub seed: u64,
}

impl Plan {
    /// Checks every field and returns the number of records of a path.
    ///
    /// # Errors
    /// `Error::Config` naming the field; `Error::Limit` for sizes beyond [`MOST_NUMBERS`] or [`MOST_STEPS`].
    pub fn validate(&self) -> Result<usize> {
        let fault =
            |code, field: &str, value: String, expected: &str| Fault::new(code, "paths", field, value, expected);
        if self.n_paths == 0 {
            return Err(Error::config(fault("SIM002", "n_paths", "0".into(), "at least 1")));
        }
        if self.sessions == 0 {
            return Err(Error::config(fault("SIM003", "years", "0 sessions".into(), "at least one session of 1/252")));
        }
        if self.steps_per_day == 0 || !MINUTES.is_multiple_of(self.steps_per_day) {
            let value = self.steps_per_day.to_string();
            return Err(Error::config(fault(
                "SIM004",
                "steps_per_day",
                value,
                "a divisor of 390, such as 1, 13 or 78",
            )));
        }
        if !(self.spot > 0.0 && self.spot < 1e15) {
            return Err(Error::config(fault("SIM005", "spot", self.spot.to_string(), "above 0 and below 1e15")));
        }
        let steps = self.sessions.checked_mul(self.steps_per_day).filter(|&steps| steps <= u32::MAX as usize);
        let all = steps.and_then(|steps| steps.checked_mul(self.n_paths)).filter(|&all| all <= MOST_STEPS);
        let (Some(steps), Some(_)) = (steps, all) else {
            let value = format!("{} paths of {} sessions", self.n_paths, self.sessions);
            let expected = format!("at most {MOST_STEPS} steps of all paths and {} of one", u32::MAX);
            return Err(Error::limit(fault("SIM006", "n_paths", value, &expected)));
        };
        if self.record_every == 0 || !steps.is_multiple_of(self.record_every) {
            let value = self.record_every.to_string();
            return Err(Error::config(fault(
                "SIM007",
                "record_every",
                value,
                &format!("a divisor of the {steps} steps"),
            )));
        }
        let records = steps / self.record_every + 1;
        let numbers = records.checked_mul(self.n_paths).and_then(|numbers| numbers.checked_mul(4));
        if numbers.is_none_or(|numbers| numbers > MOST_NUMBERS) {
            let value = format!("{} paths of {records} records", self.n_paths);
            let fault = fault("SIM008", "n_paths", value, &format!("at most {MOST_NUMBERS} numbers in four arrays"));
            return Err(Error::limit(fault.hint("record less often or simulate in shards by first_path")));
        }
        Ok(records)
    }
}

/// Four arrays of `n_paths` rows and [`Paths::records`] columns, row by row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Paths {
    /// Records of a path, the start included.
    pub records: usize,
    /// Spot.
    pub spot: Vec<f64>,
    /// Fast variance.
    pub v1: Vec<f64>,
    /// Slow variance.
    pub v2: Vec<f64>,
    /// Intensity in jumps a year under Q.
    pub intensity: Vec<f64>,
}

/// One variance factor over one step.
#[derive(Debug, Clone, Copy)]
struct Transition {
    /// Mean of the next variance: level + decay v.
    level: f64,
    decay: f64,
    /// Variance of the next variance: constant + slope v.
    constant: f64,
    slope: f64,
    /// Shock to the log price: weight (v' - v - pull + reversion I) with I the integrated variance.
    weight: f64,
    pull: f64,
    reversion: f64,
    /// 1 - rho^2: what the factor's own shock does not explain.
    independent: f64,
}

impl Transition {
    fn new(factor: Factor, dt: f64) -> Self {
        let Factor { kappa, theta, sigma, rho } = factor;
        let decay = math::exp(-kappa * dt);
        let gone = -math::exp_m1(-kappa * dt);
        // Without volatility of variance there is no shock to be correlated with.
        let (weight, rho) = if sigma > 0.0 { (rho / sigma, rho) } else { (0.0, 0.0) };
        Self {
            level: theta * gone,
            decay,
            constant: theta * sigma * sigma * gone * gone / (2.0 * kappa),
            slope: sigma * sigma * decay * gone / kappa,
            weight,
            pull: kappa * theta * dt,
            reversion: kappa,
            independent: 1.0 - rho * rho,
        }
    }

    /// The next variance from a standard normal and a uniform number, of which one is used.
    ///
    /// With r = 2/psi = 2 m^2/s^2: a (b + z)^2 where r >= 4/3, b^2 = r - 1 + sqrt(r (r - 1)), a = m/(1 + b^2); else zero
    /// or exponential, which is the positive part of m (2 + r)/(2 r) ln(2 r/((2 + r) u)).
    #[inline(always)]
    fn next(&self, v: f64, z: f64, u: f64) -> f64 {
        /// psi between 2e-20, noise of 1e-10, and 2e12, where nothing but zero is left.
        const RANGE: (f64, f64) = (1e-12, 1e20);
        let mean = self.level + self.decay * v;
        let variance = larger(self.constant + self.slope * v, 1e-300);
        let r = smaller(larger(2.0 * (mean * mean) / variance, RANGE.0), RANGE.1);
        let root = larger(r - 1.0, 0.0);
        let square = root + (r * root).sqrt();
        let sum = 2.0 + r;
        let [to_scale, to_log, to_half] = inverses([1.0 + square, sum * u, r]);
        let shifted = square.sqrt() + z;
        let quadratic = mean * to_scale * (shifted * shifted);
        let exponential = 0.5 * mean * sum * to_half * larger(ln(2.0 * r * to_log), 0.0);
        if r >= 4.0 / 3.0 { quadratic } else { exponential }
    }
}

/// Constants of a simulation.
#[derive(Debug, Clone)]
struct Dynamics {
    factors: [Transition; 2],
    dt: f64,
    /// (r - q) dt.
    carry: f64,
    /// gamma - 1/2 under P, -1/2 under Q.
    variance_drift: f64,
    /// Mean relative jump under Q per jump of this measure.
    compensator: f64,
    beta: f64,
    lambda_inf: f64,
    eta: f64,
    decay: f64,
    /// Integral of exp(-beta t) over a step.
    spent: f64,
    mu_x: f64,
    delta: f64,
    mu_v: f64,
    rho_j: f64,
    /// Intensity under Q over intensity under this measure.
    premium: f64,
    start: [f64; 4],
}

impl Dynamics {
    fn new(market: &MarketConfig, plan: &Plan) -> Self {
        let dt = 1.0 / (SESSIONS_PER_YEAR * plan.steps_per_day as f64);
        let pricing = market.pricing();
        let (affine, premium, gamma) = match plan.measure {
            Measure::P => (market.real_world(), market.intensity_premium, market.gamma),
            Measure::Q => (pricing, 1.0, 0.0),
        };
        let (jumps, start) = (affine.jumps, market.start());
        Self {
            factors: affine.factors.map(|factor| Transition::new(factor, dt)),
            dt,
            carry: (market.r - market.q) * dt,
            variance_drift: gamma - 0.5,
            compensator: pricing.mean_jump() * premium,
            beta: jumps.beta,
            lambda_inf: jumps.lambda_inf,
            eta: jumps.eta,
            decay: math::exp(-jumps.beta * dt),
            spent: -math::exp_m1(-jumps.beta * dt) / jumps.beta,
            mu_x: jumps.mu_x,
            delta: jumps.delta,
            mu_v: jumps.mu_v,
            rho_j: jumps.rho_j,
            premium,
            start: [math::ln(plan.spot), start.v1, start.v2, start.intensity / premium],
        }
    }

    /// Integral of the intensity over `h` without a jump.
    fn hazard(&self, intensity: f64, h: f64) -> f64 {
        self.lambda_inf * h - (intensity - self.lambda_inf) * math::exp_m1(-self.beta * h) / self.beta
    }

    /// When the integral of the intensity reaches `clock`, which it does before `h`.
    ///
    /// Newton's method between bounds that close in: the integral increases and bends one way.
    fn time_of(&self, intensity: f64, clock: f64, h: f64) -> f64 {
        let (mut low, mut high) = (0.0, h);
        let mut time = h * clock / self.hazard(intensity, h);
        for _ in 0..60 {
            let miss = self.hazard(intensity, time) - clock;
            if miss > 0.0 {
                high = time
            } else {
                low = time
            }
            let slope = self.lambda_inf + (intensity - self.lambda_inf) * math::exp(-self.beta * time);
            let newton = time - miss / slope;
            let next = if newton >= low && newton <= high { newton } else { 0.5 * (low + high) };
            if (next - time).abs() <= 1e-15 * h {
                return next;
            }
            time = next;
        }
        time
    }
}

/// One number for every path of a block.
type Lane<const N: usize> = [f64; N];

struct Block<const N: usize> {
    log_spot: Lane<N>,
    v1: Lane<N>,
    v2: Lane<N>,
    intensity: Lane<N>,
    /// What is left of the exponential clock of the next jump.
    clock: Lane<N>,
    hazard: Lane<N>,
    next_intensity: Lane<N>,
    jumps: [u32; N],
    jumped: [u64; N],
    words: [[u64; N]; 4],
    uniform: [Lane<N>; 2],
    normal: [Lane<N>; 4],
    spot: Lane<N>,
    observed: Lane<N>,
    stream: [u64; N],
    sign: Lane<N>,
    /// Zero, or one for the mirrored path of a pair: a uniform u becomes |offset - u|.
    offset: Lane<N>,
}

impl<const N: usize> Block<N> {
    fn new(dynamics: &Dynamics, plan: &Plan, first: u64) -> Self {
        let zero = [0.0; N];
        let path: [u64; N] = std::array::from_fn(|i| first.wrapping_add(i as u64));
        let mirrored = path.map(|path| plan.antithetic && path & 1 == 1);
        let stream = path.map(|path| if plan.antithetic { path >> 1 } else { path });
        let [log_spot, v1, v2, intensity] = dynamics.start;
        let clock = stream.map(|stream| {
            let [a, ..] = Stream::new(plan.seed, Domain::ModelJumps, stream).block(0);
            -ln(unit_interval(a.into()))
        });
        Self {
            log_spot: [log_spot; N],
            v1: [v1; N],
            v2: [v2; N],
            intensity: [intensity; N],
            clock,
            hazard: zero,
            next_intensity: zero,
            jumps: [0; N],
            jumped: [0; N],
            words: [[0; N]; 4],
            uniform: [zero; 2],
            normal: [zero; 4],
            spot: zero,
            observed: zero,
            stream,
            sign: mirrored.map(|mirrored| if mirrored { -1.0 } else { 1.0 }),
            offset: mirrored.map(|mirrored| if mirrored { 1.0 } else { 0.0 }),
        }
    }

    /// Four normals (the fourth is not used) and two uniform numbers for every path.
    #[inline(always)]
    fn draw(&mut self, seed: u64, step: usize) {
        let key = [seed as u32, (seed >> 32) as u32];
        for half in 0..2 {
            let domain = if half == 0 { Domain::ModelVariance } else { Domain::ModelPrice } as u64;
            for i in 0..N {
                let counter = [step as u64, domain, self.stream[i] & 0xffff_ffff, self.stream[i] >> 32];
                let words = philox4x32_wide(counter, key);
                for (lanes, word) in self.words.iter_mut().zip(words) {
                    lanes[i] = word;
                }
            }
            for i in 0..N {
                let (x, y) = normals(self.words[0][i], self.words[3][i], self.words[1][i]);
                self.normal[2 * half][i] = self.sign[i] * x;
                self.normal[2 * half + 1][i] = self.sign[i] * y;
                self.uniform[half][i] = (self.offset[i] - unit_interval(self.words[2][i])).abs();
            }
        }
    }

    #[inline(always)]
    fn step(&mut self, dynamics: &Dynamics, seed: u64) {
        let mut any = 0;
        for i in 0..N {
            let above = self.intensity[i] - dynamics.lambda_inf;
            let hazard = dynamics.lambda_inf * dynamics.dt + above * dynamics.spent;
            self.hazard[i] = hazard;
            self.next_intensity[i] = dynamics.lambda_inf + above * dynamics.decay;
            let jumped = u64::from(self.clock[i] <= hazard);
            self.jumped[i] = jumped;
            any |= jumped;
            self.clock[i] -= if jumped == 0 { hazard } else { 0.0 };
        }
        // Where there is a jump: the exact intensity and its integral, and the sizes, in these lanes.
        let (mut price, mut variance, mut extra) = ([0.0; N], [0.0; N], [0.0; N]);
        if any != 0 {
            self.jump(dynamics, seed, &mut price, &mut variance, &mut extra);
        }
        let [fast, slow] = &dynamics.factors;
        for i in 0..N {
            let (v1, v2) = (self.v1[i], self.v2[i]);
            let w1 = fast.next(v1, self.normal[0][i], self.uniform[0][i]);
            let w2 = slow.next(v2, self.normal[1][i], self.uniform[1][i]);
            let half = 0.5 * dynamics.dt;
            let (i1, i2) = (half * (v1 + w1), half * (v2 + w2));
            let shock1 = fast.weight * (w1 - v1 - fast.pull + fast.reversion * i1);
            let shock2 = slow.weight * (w2 - v2 - slow.pull + slow.reversion * i2);
            let rest = (fast.independent * i1 + slow.independent * i2 + extra[i]).sqrt() * self.normal[2][i];
            let integral = i1 + i2 + extra[i];
            let drift = dynamics.carry + dynamics.variance_drift * integral - dynamics.compensator * self.hazard[i];
            self.log_spot[i] += drift + (shock1 + shock2) + rest + price[i];
            self.v1[i] = w1 + variance[i];
            self.v2[i] = w2;
            self.intensity[i] = self.next_intensity[i];
        }
    }

    /// The rare jumps, one path after the other: to the log price, to the fast variance at the end of the step, and to
    /// its integral over the step.
    #[cold]
    #[inline(never)]
    fn jump(
        &mut self,
        dynamics: &Dynamics,
        seed: u64,
        price: &mut Lane<N>,
        variance: &mut Lane<N>,
        extra: &mut Lane<N>,
    ) {
        let kappa = dynamics.factors[0].reversion;
        for i in 0..N {
            if self.jumped[i] == 0 {
                continue;
            }
            let stream = Stream::new(seed, Domain::ModelJumps, self.stream[i]);
            let (mut left, mut intensity, mut hazard) = (dynamics.dt, self.intensity[i], 0.0);
            loop {
                let rest = dynamics.hazard(intensity, left);
                if rest < self.clock[i] {
                    self.clock[i] -= rest;
                    hazard += rest;
                    break;
                }
                let time = dynamics.time_of(intensity, self.clock[i], left);
                hazard += self.clock[i];
                left = (left - time).max(0.0);
                intensity = dynamics.lambda_inf
                    + (intensity - dynamics.lambda_inf) * math::exp(-dynamics.beta * time)
                    + dynamics.eta;
                self.jumps[i] += 1;
                let [a, b, c, d] = stream.block(self.jumps[i]).map(u64::from);
                self.clock[i] = -ln(unit_interval(a));
                let size = -dynamics.mu_v * ln(unit_interval(b));
                price[i] += dynamics.mu_x + dynamics.rho_j * size + dynamics.delta * normals(c, 1 << 31, d).0;
                let gone = -math::exp_m1(-kappa * left);
                variance[i] += size * (1.0 - gone);
                extra[i] += size * gone / kappa;
            }
            self.hazard[i] = hazard;
            self.next_intensity[i] =
                dynamics.lambda_inf + (intensity - dynamics.lambda_inf) * math::exp(-dynamics.beta * left);
        }
    }
}

/// The rows of one block in the four arrays of a result.
struct Rows<'a> {
    first: u64,
    columns: [&'a mut [f64]; 4],
}

/// Some steps of a block.
struct Advance<'a, 'b, const N: usize> {
    dynamics: &'a Dynamics,
    plan: &'a Plan,
    records: usize,
    block: &'a mut Block<N>,
    rows: &'a mut Rows<'b>,
    steps: Range<usize>,
}

impl<const N: usize> Advance<'_, '_, N> {
    #[inline(always)]
    fn record(&mut self, record: usize) {
        let block = &mut *self.block;
        for i in 0..N {
            block.spot[i] = exp(smaller(larger(block.log_spot[i], -690.0), 690.0));
            block.observed[i] = block.intensity[i] * self.dynamics.premium;
        }
        let lanes = [&block.spot, &block.v1, &block.v2, &block.observed];
        for (rows, lanes) in self.rows.columns.iter_mut().zip(lanes) {
            for (row, value) in rows.chunks_exact_mut(self.records).zip(lanes) {
                row[record] = *value;
            }
        }
    }
}

impl<const N: usize> Kernel for Advance<'_, '_, N> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        if self.steps.start == 0 {
            self.record(0);
        }
        for step in self.steps.clone() {
            self.block.draw(self.plan.seed, step);
            self.block.step(self.dynamics, self.plan.seed);
            if (step + 1).is_multiple_of(self.plan.record_every) {
                self.record((step + 1) / self.plan.record_every);
            }
        }
    }
}

/// Simulates the paths of a plan.
///
/// # Errors
/// Those of [`MarketConfig::validate`] and [`Plan::validate`]; interrupted when `go_on` says so.
pub fn simulate(
    market: &MarketConfig,
    plan: &Plan,
    threads: usize,
    set: InstructionSet,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Paths> {
    simulate_blocks::<LANES>(market, plan, threads, set, go_on)
}

fn simulate_blocks<const N: usize>(
    market: &MarketConfig,
    plan: &Plan,
    threads: usize,
    set: InstructionSet,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Paths> {
    market.validate()?;
    let records = plan.validate()?;
    let dynamics = Dynamics::new(market, plan);
    let column = || vec![0.0; plan.n_paths * records];
    let mut out = Paths { records, spot: column(), v1: column(), v2: column(), intensity: column() };
    let unit = N * records;
    let columns = out.spot.chunks_mut(unit).zip(out.v1.chunks_mut(unit));
    let columns = columns.zip(out.v2.chunks_mut(unit).zip(out.intensity.chunks_mut(unit)));
    let rows = columns.enumerate().map(|(index, ((spot, v1), (v2, intensity)))| {
        let first = plan.first_path.wrapping_add((index * N) as u64);
        Rows { first, columns: [spot, v1, v2, intensity] }
    });
    let steps = plan.sessions * plan.steps_per_day;
    workers::run(threads, rows, go_on, |mut rows, alive| {
        let mut block = Block::<N>::new(&dynamics, plan, rows.first);
        let mut done = 0;
        while done < steps && alive() {
            let next = steps.min(done + CHUNK);
            let (block, rows, dynamics) = (&mut block, &mut rows, &dynamics);
            set.run(Advance { dynamics, plan, records, block, rows, steps: done..next });
            done = next;
        }
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::model::PRESETS;

    fn plan() -> Plan {
        Plan {
            n_paths: 150,
            first_path: 0,
            sessions: 30,
            steps_per_day: 2,
            record_every: 1,
            spot: 100.0,
            measure: Measure::P,
            antithetic: false,
            seed: 11,
        }
    }

    fn market() -> MarketConfig {
        // Jumps often enough that every block has some, several in one step included.
        MarketConfig { lambda_inf: 40.0, eta: 60.0, beta: 100.0, ..MarketConfig::preset(PRESETS[0]).expect("preset") }
    }

    fn run<const N: usize>(plan: &Plan, threads: usize, set: InstructionSet) -> Paths {
        simulate_blocks::<N>(&market(), plan, threads, set, &mut || true).expect("paths")
    }

    #[test]
    fn block_size_threads_and_instructions_change_no_bit() {
        let want = run::<64>(&plan(), 1, InstructionSet::BASELINE);
        assert!(want.intensity.iter().any(|&intensity| intensity > 150.0));
        for set in InstructionSet::available() {
            assert_eq!(run::<64>(&plan(), 1, set), want, "{}", set.name());
            assert_eq!(run::<16>(&plan(), 3, set), want, "{}", set.name());
        }
    }

    #[test]
    fn shards_put_together_are_the_whole() {
        let set = InstructionSet::best();
        let whole = run::<64>(&plan(), 2, set);
        let mut spot = Vec::new();
        for (first_path, n_paths) in [(0, 1), (1, 69), (70, 80)] {
            spot.extend(run::<64>(&Plan { first_path, n_paths, ..plan() }, 1, set).spot);
        }
        assert_eq!(spot, whole.spot);
    }

    #[test]
    fn records_are_the_same_steps() {
        let set = InstructionSet::best();
        let (all, some) = (run::<64>(&plan(), 1, set), run::<64>(&Plan { record_every: 20, ..plan() }, 1, set));
        for path in 0..plan().n_paths {
            for record in 0..some.records {
                let (a, b) = (path * all.records + 20 * record, path * some.records + record);
                assert_eq!((all.spot[a], all.v1[a]), (some.spot[b], some.v1[b]));
            }
        }
    }

    #[test]
    fn the_time_of_a_jump_spends_the_clock() {
        let dynamics = Dynamics::new(&market(), &plan());
        for intensity in [0.0, 1.0, 30.0, 500.0] {
            for share in [1e-9, 0.1, 0.5, 0.999_999] {
                let clock = share * dynamics.hazard(intensity, 0.01);
                let time = dynamics.time_of(intensity, clock, 0.01);
                assert!((dynamics.hazard(intensity, time) / clock - 1.0).abs() < 1e-6, "{intensity} {share} {time}");
            }
        }
    }

    #[test]
    fn absurd_sizes_are_refused_before_anything_is_allocated() {
        for plan in [
            Plan { n_paths: usize::MAX, ..plan() },
            Plan { sessions: usize::MAX, ..plan() },
            Plan { n_paths: 10_000_000, ..plan() },
        ] {
            let error = simulate(&market(), &plan, 1, InstructionSet::best(), &mut || true).expect_err("limit");
            assert!(matches!(error, Error::Limit(_)), "{error}");
        }
    }

    #[test]
    fn a_long_path_is_interrupted_on_every_number_of_threads() {
        let long = Plan { sessions: 1_000_000, record_every: 2_000_000, ..plan() };
        for threads in [1, 2] {
            let mut asked = 0;
            let mut go_on = || {
                asked += 1;
                asked < 3
            };
            let error = simulate(&market(), &long, threads, InstructionSet::best(), &mut go_on).expect_err("stop");
            assert_eq!(error, Error::Interrupted);
        }
    }
}
