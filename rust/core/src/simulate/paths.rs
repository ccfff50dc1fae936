//! Paths of the market model H-SVCJ-2F under the real-world or the pricing measure.
//!
//! Steps of equal length by the scheme of [`super::scheme`], states recorded now and then.

use std::ops::Range;

use alvh_simd::{InstructionSet, Kernel};

use super::lanes::{exp, larger, smaller};
pub use super::scheme::Measure;
use super::scheme::{Block, Draws, Dynamics, Lane, Stride};
use super::workers;
use crate::error::{Error, Fault, Result};
use crate::market::model::MarketConfig;

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

/// The rows of one block in the four arrays of a result.
struct Rows<'a> {
    first: u64,
    columns: [&'a mut [f64]; 4],
}

/// Some steps of a block.
struct Advance<'a, 'b, const N: usize> {
    dynamics: &'a Dynamics,
    stride: &'a Stride,
    plan: &'a Plan,
    records: usize,
    block: &'a mut Block<N>,
    rows: &'a mut Rows<'b>,
    steps: Range<usize>,
}

impl<const N: usize> Advance<'_, '_, N> {
    #[inline(always)]
    fn record(&mut self, record: usize) {
        let block = &*self.block;
        let spot: Lane<N> = block.log_spot.map(|x| exp(smaller(larger(x, -690.0), 690.0)));
        let observed: Lane<N> = block.intensity.map(|x| x * self.dynamics.premium);
        let lanes = [&spot, &block.v1, &block.v2, &observed];
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
            self.block.step(self.dynamics, self.stride, step);
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
    let dynamics = Dynamics::new(market, plan.measure, plan.spot);
    let dt = 1.0 / (SESSIONS_PER_YEAR * plan.steps_per_day as f64);
    let stride = Stride::new(&dynamics, dt, dt);
    let draws = Draws { seed: plan.seed, antithetic: plan.antithetic };
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
        let mut block = Block::<N>::new(&dynamics, draws, rows.first);
        let mut done = 0;
        while done < steps && alive() {
            let next = steps.min(done + CHUNK);
            let (block, rows, dynamics, stride) = (&mut block, &mut rows, &dynamics, &stride);
            set.run(Advance { dynamics, stride, plan, records, block, rows, steps: done..next });
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
