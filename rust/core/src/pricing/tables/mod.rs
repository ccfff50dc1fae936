//! Prices of the market model at every step of simulated paths: tables of smiles, and VIX futures as short sums.
//!
//! What is stored is the total standard deviation (implied volatility times the root of time) in units that the model
//! has in closed form, over moneyness in such units, so that little is left to interpolate. docs/model.md has the errors.

mod futures;
mod grid;
mod smiles;
mod spx;
mod store;
mod vix;

use std::sync::Mutex;

use alvh_simd::InstructionSet;

use futures::FutureTable;
pub use futures::FutureTerms;
use grid::{Octaves, Stretched, Unit};
pub use smiles::Cell;
use smiles::{Linear, NODES, SmileTable, States, Times};
use vix::{Payoffs, Scales};

use crate::error::{Error, Fault, Result};
use crate::market::clock::SESSIONS_PER_YEAR;
use crate::market::model::MarketConfig;
use crate::market::state::ModelColumns;
use crate::math;
use crate::pricing::market_columns::VIX_WINDOW;
use crate::pricing::transform::{Affine, State};
use crate::pricing::vix_transform::Squared;
use crate::simulate::workers;

/// Index points of a decimal volatility.
const POINTS: f64 = 100.0;
/// Largest variances of the tables, a year.
const MOST_V1: f64 = 0.5;
const MOST_V2: f64 = 0.6;
/// Largest intensity of the tables: this, or what this many jumps in a row make of the least.
const MOST_INTENSITY: f64 = 14.0;
const MOST_JUMPS: f64 = 5.0;
/// Length of the first octave of levels, a variance of five volatility points, and nodes of an octave as a power of two.
const LEVEL_OFFSET: f64 = 0.0025;
const LEVEL_BITS: u32 = 2;
/// Length of the first octave of intensities in jumps.
const INTENSITY_OFFSET: f64 = 0.4;
const INTENSITY_BITS: u32 = 2;
/// Nodes of the share of fast variance.
const SHARES: usize = 6;
/// First and last time of index and of VIX options, sessions, and the logarithm of the ratio of neighbours.
const SPX_TIMES: (f64, f64, f64) = (0.1, 260.0, 0.25);
const VIX_TIMES: (f64, f64, f64) = (0.6, 260.0, 0.16);
/// Moneyness of index options, in standard deviations.
const SPX_MONEYNESS: (f64, f64) = (-16.0, 9.0);
/// Moneyness of VIX options, in standard deviations of ln(Y - floor).
const VIX_MONEYNESS: (f64, f64) = (-6.0, 14.0);

/// All that marks under one model need and that no state changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTables {
    config: MarketConfig,
    model: Affine,
    squared: Squared,
    limits: Limits,
    futures: FutureTable,
    spx: SmileTable,
    /// `None` where VIX has no exponential moments: its options have no price here.
    vix: Option<SmileTable>,
    /// Variance of VIX squared at every time of the VIX table.
    variances: Vec<Linear>,
    instructions: InstructionSet,
}

/// States that the tables reach.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limits {
    v1: f64,
    v2: f64,
    least_intensity: f64,
    most_intensity: f64,
}

/// A state inside the tables and where its intensity lies on their axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// The state, clamped.
    pub state: State,
    /// Whether it was clamped.
    pub is_clamped: bool,
    intensity: (usize, f32),
}

/// What index options of one expiry share on one step, whatever the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpxTime {
    variance: Linear,
    weights: [f64; 2],
    time: (usize, f32),
    /// The time lies beyond the tables.
    pub is_clamped: bool,
}

/// What VIX options of one expiry share on one step, whatever the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VixTime {
    scales: Scales,
    time: (usize, f32),
    /// The time lies beyond the tables.
    pub is_clamped: bool,
}

/// The smile of index options of one expiry and state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpxSmile {
    cell: Cell,
    time: (usize, f32),
    scale: f64,
}

/// The smile of VIX options of one expiry and state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VixSmile {
    cell: Cell,
    time: (usize, f32),
    floor: f64,
    above: f64,
    sd: f64,
}

impl ModelTables {
    /// The tables of a model, with `threads` threads; `go_on` is asked every few milliseconds whether to.
    ///
    /// # Errors
    /// `Error::Config` for a configuration that breaks a rule, `Error::Numerical` where a price does not converge,
    /// `Error::Interrupted`.
    pub fn build(config: &MarketConfig, threads: usize, go_on: &mut dyn FnMut() -> bool) -> Result<Self> {
        let mut tables = Self::empty(config)?;
        let payoffs = match &tables.vix {
            Some(table) => {
                Payoffs::new(&tables.model, tables.squared, table.times.node(table.times.len - 1), tables.has_jumps())
            }
            None => None,
        };
        let spx = tables.spx.times.len;
        let vix = tables.vix.as_ref().map_or(0, |table| table.times.len);
        let slices: Vec<Mutex<Option<Result<Vec<f32>>>>> = (0..spx + vix).map(|_| Mutex::new(None)).collect();
        workers::run(threads, 0..spx + vix, go_on, |unit, go_on| {
            let slice = if unit < spx {
                tables.spx_slice(unit, go_on)
            } else {
                tables.vix_slice(unit - spx, payoffs.as_ref(), go_on)
            };
            if let Ok(mut place) = slices[unit].lock() {
                *place = Some(slice);
            }
        })?;
        let mut values = [Vec::new(), Vec::new()];
        for (unit, slice) in slices.into_iter().enumerate() {
            let slice = slice.into_inner().ok().flatten().unwrap_or(Err(Error::Interrupted))?;
            values[usize::from(unit >= spx)].extend(slice);
        }
        let [spx_values, vix_values] = values;
        tables.spx.values = spx_values;
        if let Some(table) = &mut tables.vix {
            table.values = vix_values;
        }
        Ok(tables)
    }

    /// All but the values of the smiles.
    pub(crate) fn empty(config: &MarketConfig) -> Result<Self> {
        config.validate()?;
        let model = config.pricing();
        let squared = model.vix_squared(VIX_WINDOW);
        let start = config.start();
        let [first, second] = &model.factors;
        let jumps = &model.jumps;
        let has_jumps = jumps.lambda_inf > 0.0 || start.intensity > 0.0;
        let moves = [
            first.theta > 0.0 || start.v1 > 0.0 || (has_jumps && jumps.mu_v > 0.0),
            second.theta > 0.0 || start.v2 > 0.0,
        ];
        if !(moves[0] || moves[1]) {
            let fault = Fault::new("MKT040", "Market", "theta1", "0".to_owned(), "a variance factor that is not zero");
            return Err(Error::config(fault));
        }
        let least = jumps.lambda_inf.min(start.intensity);
        let varies = has_jumps && (jumps.eta > 0.0 || start.intensity - jumps.lambda_inf != 0.0);
        let most = if varies { MOST_INTENSITY.max(least + MOST_JUMPS * jumps.eta).max(start.intensity) } else { least };
        let limits = Limits {
            v1: if moves[0] { MOST_V1 } else { 0.0 },
            v2: if moves[1] { MOST_V2 } else { 0.0 },
            least_intensity: least,
            most_intensity: most,
        };
        let offset = if varies { (INTENSITY_OFFSET * jumps.eta).max(0.01 * most) } else { 0.0 };
        let states = States {
            level: Octaves::new(0.0, limits.v1 + limits.v2, LEVEL_OFFSET, LEVEL_BITS),
            share: Unit { len: if moves[0] && moves[1] { SHARES } else { 1 } },
            intensity: Octaves::new(least, most, offset, INTENSITY_BITS),
            only_share: if moves[0] { 1.0 } else { 0.0 },
        };
        let table = |(from, until, step): (f64, f64, f64), (low, high)| {
            let len = (math::ln(until / from) / step).ceil() as usize + 1;
            let times = Times { first: from / SESSIONS_PER_YEAR, step, len };
            SmileTable::new(states, Stretched::new(low, high, NODES), times)
        };
        let (spx, vix) = (table(SPX_TIMES, SPX_MONEYNESS), table(VIX_TIMES, VIX_MONEYNESS));
        let longest = vix.times.node(vix.times.len - 1);
        let futures = FutureTable::new(&model, squared, has_jumps, longest);
        let variances =
            (0..vix.times.len).map(|i| futures::moments(&model, squared, vix.times.node(i), has_jumps).1).collect();
        let has_options = crate::pricing::vix_transform::contour(&model, &squared, longest, has_jumps).is_some();
        let vix = has_options.then_some(vix);
        Ok(Self {
            config: config.clone(),
            model,
            squared,
            limits,
            futures,
            spx,
            vix,
            variances,
            instructions: InstructionSet::best(),
        })
    }

    fn spx_slice(&self, time: usize, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<f32>> {
        let table = &self.spx;
        spx::slice(&self.model, &table.states, &table.moneyness, table.times.node(time), self.has_jumps(), go_on)
    }

    fn vix_slice(&self, time: usize, payoffs: Option<&Payoffs>, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<f32>> {
        let (Some(table), Some(payoffs)) = (&self.vix, payoffs) else { return Ok(Vec::new()) };
        let years = table.times.node(time);
        vix::slice(
            &self.model,
            self.squared,
            &table.states,
            &table.moneyness,
            payoffs,
            &self.futures,
            years,
            self.has_jumps(),
            go_on,
        )
    }

    fn has_jumps(&self) -> bool {
        self.limits.most_intensity > 0.0
    }

    /// The model.
    pub fn config(&self) -> &MarketConfig {
        &self.config
    }

    /// Values of the tables of index and of VIX options.
    fn lengths(&self) -> [usize; 2] {
        [self.spx.len(), self.vix.as_ref().map_or(0, SmileTable::len)]
    }

    /// Bytes of the values.
    pub fn size(&self) -> usize {
        4 * self.lengths().iter().sum::<usize>()
    }

    /// The VIX of a state, points.
    #[inline]
    pub fn vix(&self, state: State) -> f64 {
        POINTS * self.squared.at(state).sqrt()
    }

    /// A state inside the tables.
    #[inline]
    pub fn place(&self, state: State) -> Placed {
        let Limits { v1, v2, least_intensity, most_intensity } = self.limits;
        let inside = State {
            v1: state.v1.clamp(0.0, v1),
            v2: state.v2.clamp(0.0, v2),
            intensity: state.intensity.clamp(least_intensity, most_intensity),
        };
        Placed {
            state: inside,
            is_clamped: inside != state,
            intensity: self.spx.states.intensity.locate(inside.intensity),
        }
    }

    /// The sum behind VIX futures that settle in `years` of model time, into `out`.
    pub fn future_terms(&self, years: f64, out: &mut FutureTerms) {
        self.futures.fill(years, out);
    }

    /// The VIX future of a state, points.
    #[inline]
    pub fn future_at(&self, terms: &FutureTerms, state: State) -> f64 {
        POINTS * self.futures.price(terms, state)
    }

    /// The VIX future of a state that settles in `years` of model time, points. The sum over its terms costs a tenth of
    /// what they cost: take [`ModelTables::vix_futures`] or [`ModelTables::future_at`] for many states.
    pub fn vix_future(&self, state: State, years: f64) -> f64 {
        let mut terms = FutureTerms::default();
        self.future_terms(years, &mut terms);
        self.future_at(&terms, state)
    }

    /// VIX futures of all states of a block that settle in `years` of model time, points; `terms` is scratch.
    ///
    /// Each has the bits of [`ModelTables::vix_future`] of its state, on every instruction set.
    pub fn vix_futures(&self, years: f64, states: &ModelColumns, terms: &mut FutureTerms, out: &mut [f64]) {
        self.future_terms(years, terms);
        self.instructions.run(futures::Batch { table: &self.futures, terms, states, scale: POINTS, out });
    }

    /// What index options that settle in `years` of model time, above 0, share.
    pub fn spx_time(&self, years: f64) -> SpxTime {
        let (index, share, is_clamped) = self.spx.times.locate(years);
        SpxTime {
            variance: spx::variance(&self.model, years),
            weights: spx::weights(&self.model, years),
            time: (index, share as f32),
            is_clamped,
        }
    }

    /// The smile of index options.
    #[inline]
    pub fn spx_smile(&self, time: &SpxTime, placed: &Placed) -> SpxSmile {
        let cell = self.spx.cell(placed.state, time.weights, placed.intensity);
        SpxSmile { cell, time: time.time, scale: time.variance.at(placed.state).sqrt() }
    }

    /// Total standard deviation, implied volatility times the root of time, at ln(strike/forward).
    #[inline]
    pub fn spx_total_sd(&self, smile: &SpxSmile, log_moneyness: f64) -> f64 {
        smile.scale * self.spx.value(smile.time, &smile.cell, log_moneyness / smile.scale)
    }

    /// What VIX options that settle in `years` of model time, above 0, share; `None` where the model has none.
    pub fn vix_time(&self, years: f64) -> Option<VixTime> {
        let table = self.vix.as_ref()?;
        let (index, share, is_clamped) = table.times.locate(years);
        let variance = self.variances[index].towards(&self.variances[index + 1], share);
        let scales = Scales::with_variance(&self.model, self.squared, years, variance);
        Some(VixTime { scales, time: (index, share as f32), is_clamped })
    }

    /// The smile of VIX options.
    #[inline]
    pub fn vix_smile(&self, time: &VixTime, placed: &Placed) -> VixSmile {
        let (floor, above, sd) = time.scales.of(placed.state);
        let cell = self.spx.cell(placed.state, time.scales.weights, placed.intensity);
        VixSmile { cell, time: time.time, floor, above, sd }
    }

    /// Total standard deviation of a VIX option with a strike in points of the model; 0 at strikes that VIX cannot go below.
    #[inline]
    pub fn vix_total_sd(&self, smile: &VixSmile, strike: f64) -> f64 {
        let Some(table) = &self.vix else { return f64::NAN };
        let distance = strike * strike / (POINTS * POINTS) - smile.floor;
        if distance <= 0.0 {
            return 0.0;
        }
        let VixSmile { floor, above, sd, .. } = *smile;
        let z = math::log_ratio(distance, above) / sd;
        0.5 * sd * above / (floor + above) * table.value(smile.time, &smile.cell, z)
    }
}

#[cfg(test)]
mod tests;
