//! Prices of whole columns under the market model.
//!
//! Rows are taken by time to expiry, since the transform depends on it and not on the state; a price depends on its
//! own row only, whatever stands beside it.

use super::columns::Column;
use super::cos_method::PutPricer;
use super::transform::{Affine, State};
use super::vix_transform::{CallPricer, FuturePricer, Squared};
use crate::error::{Error, Fault, Result};
use crate::math;

/// Days of a year.
const YEAR: f64 = 365.0;
/// Window of VIX, years.
pub const VIX_WINDOW: f64 = 30.0 / YEAR;
/// Rows of one call at most.
const MAX_ROWS: usize = 10_000_000;
/// Longest time to expiry, years.
const MAX_YEARS: f64 = 50.0;
/// Index points of a decimal volatility.
const POINTS: f64 = 100.0;

/// A model with rates.
#[derive(Debug, Clone, Copy)]
pub struct Pricing {
    /// Dynamics under the pricing measure.
    pub model: Affine,
    /// Interest rate, continuous decimal.
    pub rate: f64,
    /// Dividend yield, continuous decimal.
    pub dividend_yield: f64,
}

/// States of rows.
#[derive(Debug, Clone, Copy)]
pub struct States<'a> {
    /// Fast variance.
    pub v1: Column<'a, f64>,
    /// Slow variance.
    pub v2: Column<'a, f64>,
    /// Intensity.
    pub intensity: Column<'a, f64>,
}

impl States<'_> {
    fn at(&self, row: usize) -> State {
        State { v1: self.v1.at(row), v2: self.v2.at(row), intensity: self.intensity.at(row) }
    }
}

/// Whether to go on, asked between rows.
pub type GoOn<'a> = &'a mut dyn FnMut() -> bool;

/// A named column with the range that its values must lie in.
struct Checked<'a> {
    name: &'static str,
    column: Column<'a, f64>,
    least: f64,
    most: f64,
    expected: &'static str,
}

fn check(function: &str, n: usize, columns: &[Checked<'_>]) -> Result<()> {
    if n > MAX_ROWS {
        let expected = format!("at most {MAX_ROWS} in one call");
        return Err(Error::limit(Fault::new("MKT012", function, "rows", n.to_string(), expected)));
    }
    for row in 0..n {
        for Checked { name, column, least, most, expected } in columns {
            let value = column.at(row);
            if !(*least..=*most).contains(&value) {
                let fault = Fault::new("MKT011", function, *name, value.to_string(), *expected);
                return Err(Error::data(fault.at(format!("[{row}]"))));
            }
        }
    }
    Ok(())
}

fn positive<'a>(name: &'static str, column: Column<'a, f64>) -> Checked<'a> {
    Checked { name, column, least: f64::MIN_POSITIVE, most: 1e15, expected: "a price in (0, 1e15]" }
}

fn time<'a>(column: Column<'a, f64>) -> Checked<'a> {
    Checked { name: "years", column, least: 0.0, most: MAX_YEARS, expected: "0..50 years" }
}

fn state<'a>(states: &States<'a>) -> [Checked<'a>; 3] {
    [("v1", states.v1, 10.0), ("v2", states.v2, 10.0), ("intensity", states.intensity, 1e3)].map(
        |(name, column, most)| Checked {
            name,
            column,
            least: 0.0,
            most,
            expected: if most > 10.0 { "0..1000 jumps a year" } else { "a variance of 0..10 a year" },
        },
    )
}

/// Rows by time to expiry, apart by whether jumps can come; within such a group in their own order.
fn groups(model: &Affine, n: usize, years: Column<'_, f64>, states: &States<'_>) -> Vec<(f64, bool, Vec<usize>)> {
    let has_jumps = |row: usize| model.jumps.lambda_inf > 0.0 || states.intensity.at(row) > 0.0;
    let key = |row: usize| (years.at(row).to_bits(), has_jumps(row));
    let mut rows: Vec<usize> = (0..n).collect();
    rows.sort_by_key(|&row| key(row));
    rows.chunk_by(|&a, &b| key(a) == key(b))
        .map(|rows| (years.at(rows[0]), has_jumps(rows[0]), rows.to_vec()))
        .collect()
}

/// Fills the rows group by group.
fn by_group(
    pricing: &Pricing,
    n: usize,
    years: Column<'_, f64>,
    states: &States<'_>,
    mut fill: impl FnMut(f64, bool, &[usize], &mut [f64]) -> Result<()>,
) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; n];
    for (years, jumps, rows) in groups(&pricing.model, n, years, states) {
        fill(years, jumps, &rows, &mut out)?;
    }
    Ok(out)
}

/// Options on the index; `sign` is +1 for a call.
///
/// # Errors
/// `Error::Data` for values out of range, `Error::Numerical` where a price does not converge, `Error::Limit` for too
/// many rows, `Error::Interrupted`.
pub fn option_prices(
    pricing: &Pricing,
    n: usize,
    spot: Column<'_, f64>,
    strike: Column<'_, f64>,
    years: Column<'_, f64>,
    sign: Column<'_, i8>,
    states: &States<'_>,
    go_on: GoOn<'_>,
) -> Result<Vec<f64>> {
    let [v1, v2, intensity] = state(states);
    let columns = [positive("spot", spot), positive("strike", strike), time(years), v1, v2, intensity];
    check("option_price", n, &columns)?;
    by_group(pricing, n, years, states, |years, jumps, rows, out| {
        let discount = math::exp(-pricing.rate * years);
        let growth = math::exp((pricing.rate - pricing.dividend_yield) * years);
        let mut puts = (years > 0.0).then(|| PutPricer::new(&pricing.model, years, jumps));
        for &row in rows {
            let forward = spot.at(row) * growth;
            let moneyness = strike.at(row) / forward;
            let put = match &mut puts {
                Some(puts) => puts.price(moneyness, states.at(row), go_on)?,
                None => (moneyness - 1.0).max(0.0),
            };
            let unit = if sign.at(row) > 0 { (put + 1.0 - moneyness).max(0.0) } else { put };
            out[row] = discount * forward * unit;
        }
        Ok(())
    })
}

/// VIX futures, points.
///
/// # Errors
/// As [`option_prices`].
pub fn vix_futures(
    pricing: &Pricing,
    n: usize,
    years: Column<'_, f64>,
    states: &States<'_>,
    go_on: GoOn<'_>,
) -> Result<Vec<f64>> {
    let [v1, v2, intensity] = state(states);
    check("vix_future", n, &[time(years), v1, v2, intensity])?;
    let squared = pricing.model.vix_squared(VIX_WINDOW);
    by_group(pricing, n, years, states, |years, jumps, rows, out| {
        let futures = FuturePricer::new(&pricing.model, squared, years, jumps);
        for &row in rows {
            goes_on(go_on)?;
            out[row] = POINTS * futures.price(states.at(row));
        }
        Ok(())
    })
}

/// Options on VIX, points; `sign` is +1 for a call.
///
/// # Errors
/// As [`option_prices`].
pub fn vix_options(
    pricing: &Pricing,
    n: usize,
    strike: Column<'_, f64>,
    years: Column<'_, f64>,
    sign: Column<'_, i8>,
    states: &States<'_>,
    go_on: GoOn<'_>,
) -> Result<Vec<f64>> {
    let [v1, v2, intensity] = state(states);
    check("vix_option_price", n, &[positive("strike", strike), time(years), v1, v2, intensity])?;
    let squared = pricing.model.vix_squared(VIX_WINDOW);
    by_group(pricing, n, years, states, |years, jumps, rows, out| {
        let discount = math::exp(-pricing.rate * years);
        let futures = FuturePricer::new(&pricing.model, squared, years, jumps);
        let mut calls = (years > 0.0).then(|| CallPricer::new(&pricing.model, squared, years, jumps));
        for &row in rows {
            let (strike, state) = (strike.at(row) / POINTS, states.at(row));
            let future = futures.price(state);
            let call = match &mut calls {
                Some(calls) => calls.price(strike, future, state, go_on)?,
                None => (future - strike).max(0.0),
            };
            let unit = if sign.at(row) > 0 { call } else { (call - (future - strike)).max(0.0) };
            out[row] = POINTS * discount * unit;
        }
        Ok(())
    })
}

/// Volatility indices of windows of `days`, points.
///
/// # Errors
/// `Error::Data` for values out of range, `Error::Limit` for too many rows.
pub fn vix_levels(pricing: &Pricing, n: usize, days: Column<'_, f64>, states: &States<'_>) -> Result<Vec<f64>> {
    let [v1, v2, intensity] = state(states);
    let window = Checked { name: "days", column: days, least: 1.0, most: 3_650.0, expected: "1..3650 days" };
    check("vix", n, &[window, v1, v2, intensity])?;
    let mut known: Option<(f64, Squared)> = None;
    Ok((0..n)
        .map(|row| {
            let days = days.at(row);
            let squared = match known {
                Some((before, squared)) if before.to_bits() == days.to_bits() => squared,
                _ => pricing.model.vix_squared(days / YEAR),
            };
            known = Some((days, squared));
            POINTS * squared.at(states.at(row)).sqrt()
        })
        .collect())
}

/// VVIX: the volatility index of 30-day options on VIX, points.
///
/// # Errors
/// As [`option_prices`].
pub fn vvix_levels(pricing: &Pricing, n: usize, states: &States<'_>, go_on: GoOn<'_>) -> Result<Vec<f64>> {
    check("vvix", n, &state(states))?;
    let squared = pricing.model.vix_squared(VIX_WINDOW);
    let window = [VIX_WINDOW];
    by_group(pricing, n, Column::new(&window), states, |years, jumps, rows, out| {
        let futures = FuturePricer::new(&pricing.model, squared, years, jumps);
        for &row in rows {
            goes_on(go_on)?;
            let state = states.at(row);
            let future = futures.price(state);
            // A VIX that stays at zero does not move either.
            let gap = if future > 0.0 { math::ln(future) - futures.mean_log(state) } else { 0.0 };
            out[row] = POINTS * (2.0 / years * gap).max(0.0).sqrt();
        }
        Ok(())
    })
}

/// Stops where the caller wants to.
pub(super) fn goes_on(go_on: GoOn<'_>) -> Result<()> {
    if go_on() { Ok(()) } else { Err(Error::Interrupted) }
}
