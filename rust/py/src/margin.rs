//! Conversion for the margin and cost functions of the core.

use crate::arrays::finished;
use crate::errors::IntoPyResult;
use alvh_core::costs::InstrumentKind;
use alvh_core::costs::fees::{self, FeePreset};
use alvh_core::costs::fill::{self, FillLeg, Refusal};
use alvh_core::costs::spread::{self, SpreadLeg};
use alvh_core::costs::tick::{self, Side};
use alvh_core::instrument::Settlement;
use alvh_core::margin::futures;
use alvh_core::margin::reg_t::{self, Method, OptionLeg, Underlying};
use alvh_core::{Error, Fault, Result};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

fn named<T: Copy>(names: &[(&str, T)], code: &'static str, source: &str, field: &str, value: &str) -> Result<T> {
    names.iter().find(|(name, _)| *name == value).map(|&(_, item)| item).ok_or_else(|| {
        let rule = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        Error::config(Fault::new(code, source, field, format!("{value:?}"), format!("one of {rule}")))
    })
}

fn kind(value: &str) -> Result<InstrumentKind> {
    named(&InstrumentKind::NAMES, "CFG204", "costs", "kind", value)
}

fn checked_tick(tick: i64) -> Result<i64> {
    if tick > 0 {
        return Ok(tick);
    }
    Err(Error::config(Fault::new("CFG206", "costs", "tick", tick.to_string(), "tick >= 1 hundredth of a point")))
}

/// Requirement of option legs in cents.
#[pyfunction]
fn option_margin_cents(
    py: Python<'_>,
    legs: Vec<(String, f64, f64, f64, i32)>,
    apply_credit: bool,
    method: &str,
    underlying: Option<f64>,
    naked_rate: f64,
) -> PyResult<i64> {
    py.detach(|| {
        let methods = [("reg_t", Method::RegT), ("payoff", Method::Payoff)];
        let method = named(&methods, "MRG008", "option_margin", "method", method)?;
        let underlying = underlying.map(|level| Underlying::new(level, naked_rate)).transpose()?;
        let legs = legs
            .iter()
            .enumerate()
            .map(|(index, (right, strike, contracts, price, expiry))| {
                OptionLeg::new(index, right, *strike, *contracts, *price, *expiry)
            })
            .collect::<Result<Vec<_>>>()?;
        reg_t::option_margin_cents(&legs, apply_credit, method, underlying)
    })
    .into_py_result(py)
}

/// Half-spreads of options, futures or notes of one kind.
#[pyfunction]
fn half_spread<'py>(
    py: Python<'py>,
    kind: &str,
    mid: PyReadonlyArray1<'py, f64>,
    am_settled: bool,
    spot: f64,
    day: i32,
    vix: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let kind = self::kind(kind).into_py_result(py)?;
    let settlement = if am_settled { Settlement::Am } else { Settlement::Pm };
    let leg = |mid| SpreadLeg { kind, mid, settlement, spot, day, vix };
    let widths: Vec<f64> = mid.as_slice()?.iter().map(|&mid| spread::half_spread(&leg(mid))).collect();
    Ok(finished(py, widths))
}

/// Minimum increment in hundredths of a point.
#[pyfunction]
fn tick_hundredths(py: Python<'_>, kind: &str, day: i32, price: f64) -> PyResult<i64> {
    Ok(tick::tick_hundredths(self::kind(kind).into_py_result(py)?, day, price))
}

/// The nearest tick that is no better for the trader, in hundredths of a point.
#[pyfunction]
fn round_against(py: Python<'_>, price: f64, tick: i64, buy: bool) -> PyResult<i64> {
    let tick = checked_tick(tick).into_py_result(py)?;
    Ok(tick::round_against(price, tick, if buy { Side::Buy } else { Side::Sell }))
}

/// Fee of one leg in cents.
#[pyfunction]
fn fee_cents(
    py: Python<'_>,
    preset: &str,
    kind: &str,
    day: i32,
    price: f64,
    contracts: i64,
    complex: bool,
) -> PyResult<i64> {
    let preset = named(&FeePreset::NAMES, "CFG205", "costs", "fee_preset", preset).into_py_result(py)?;
    Ok(fees::fee_cents(preset, self::kind(kind).into_py_result(py)?, day, price, contracts, complex))
}

/// Leg prices and net price of a filled order, in hundredths of a point.
#[pyfunction]
fn package_fill(
    py: Python<'_>,
    mid: Vec<f64>,
    half_spread: Vec<f64>,
    ratio: Vec<i64>,
    fraction: f64,
    tick: i64,
) -> PyResult<(Vec<i64>, i64)> {
    let tick = checked_tick(tick).into_py_result(py)?;
    if half_spread.len() != mid.len() || ratio.len() != mid.len() {
        let found = format!("{} mids, {} half-spreads, {} ratios", mid.len(), half_spread.len(), ratio.len());
        let fault = Fault::new("COL904", "package_fill", "columns", found, "one of each per leg");
        return Err(Error::schema(fault)).into_py_result(py);
    }
    let legs: Vec<FillLeg> = mid
        .iter()
        .zip(&half_spread)
        .zip(&ratio)
        .map(|((&mid, &half_spread), &ratio)| FillLeg { mid, half_spread, ratio })
        .collect();
    match fill::package_fill(&legs, fraction, tick) {
        Ok(fill) => Ok((fill.legs, fill.net)),
        Err(refusal) => {
            let fault = match refusal {
                Refusal::NoBid { leg } => {
                    Fault::new("PRC201", "package_fill", "bid", "0", "a bid to sell to").at(format!("legs[{leg}]"))
                }
                Refusal::BadMark { leg } => {
                    let rule = "finite mid >= 0 and half_spread >= 0, ratio other than 0";
                    Fault::new("PRC202", "package_fill", "mark", format!("{:?}", legs[leg]), rule)
                        .at(format!("legs[{leg}]"))
                }
                Refusal::Unallocatable => {
                    let rule = "a leg whose ratio divides what tick rounding leaves over";
                    Fault::new("PRC203", "package_fill", "ratio", format!("{ratio:?}"), rule)
                }
            };
            Err(Error::data(fault)).into_py_result(py)
        }
    }
}

/// Initial margin of one VX contract in cents.
#[pyfunction]
fn vx_initial_margin_cents(day: i32, price: f64, months_out: u32) -> i64 {
    futures::vx_initial_margin_cents(day, price, months_out)
}

/// Adds the margin and cost functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(option_margin_cents, module)?)?;
    module.add_function(wrap_pyfunction!(half_spread, module)?)?;
    module.add_function(wrap_pyfunction!(tick_hundredths, module)?)?;
    module.add_function(wrap_pyfunction!(round_against, module)?)?;
    module.add_function(wrap_pyfunction!(fee_cents, module)?)?;
    module.add_function(wrap_pyfunction!(package_fill, module)?)?;
    module.add_function(wrap_pyfunction!(vx_initial_margin_cents, module)?)?;
    Ok(())
}
