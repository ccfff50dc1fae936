//! Levels of the S&P 500 VIX futures indices: a long position in VIX futures rolled a little every day.

use crate::error::{Error, Fault, Result};

/// Fee of the classic short-term note, per year (ACT/365).
pub const NOTE_FEE: f64 = 0.0089;

/// One day's roll of an index of adjacent VIX futures.
///
/// `weight` is the share of the first contract in the roll, dr/dt: business days left in the roll period over its
/// length. Short-term (two contracts): (w, 1 - w); mid-term (four): (w, 1, 1, 1 - w) / 3.
pub fn contract_weights(weight: f64, n_contracts: usize) -> Vec<f64> {
    let inner = n_contracts.saturating_sub(1).max(1) as f64;
    (0..n_contracts)
        .map(|i| {
            let w = if i == 0 {
                weight
            } else if i + 1 == n_contracts {
                1.0 - weight
            } else {
                1.0
            };
            w / inner
        })
        .collect()
}

/// Index levels from settlements, as of each day's close.
///
/// * `price`: settlements, day-major, `n_contracts` per day: the contracts held over that day's return, that is those
///   chosen at the previous close, priced today;
/// * `previous`: the same contracts priced at the previous close;
/// * `weight`: share dr/dt of the first contract decided at the previous close;
/// * `bill`: discount rate of the 91-day Treasury bill of the previous close, decimal;
/// * `days`: calendar days since the previous close;
/// * `fee`: per year, deducted daily; zero gives the total-return index.
///
/// The first day is the base: its level is `base`, its other inputs are not read. Sources: S&P Dow Jones Indices,
/// "S&P VIX Futures Indices Methodology" (contract daily return, roll weights, Treasury-bill return).
pub fn note_levels(
    price: &[f64],
    previous: &[f64],
    weight: &[f64],
    bill: &[f64],
    days: &[f64],
    n_contracts: usize,
    fee: f64,
    base: f64,
) -> Result<Vec<f64>> {
    let n = weight.len();
    let lengths_agree =
        price.len() == n * n_contracts && previous.len() == n * n_contracts && bill.len() == n && days.len() == n;
    if n_contracts < 2 || !lengths_agree {
        return Err(Error::data(Fault::new(
            "ROW701",
            "note_levels",
            "columns",
            format!(
                "{n} weights, {} and {} prices, {} bill rates, {} days, {n_contracts} contracts",
                price.len(),
                previous.len(),
                bill.len(),
                days.len()
            ),
            "one weight, rate and day count and one price of each of 2 or more contracts per day",
        )));
    }
    let mut level = base;
    let mut levels = Vec::with_capacity(n);
    for i in 0..n {
        if i > 0 {
            let (w, rate, gap) = (weight[i], bill[i], days[i]);
            let row = i * n_contracts..(i + 1) * n_contracts;
            if !(0.0..=1.0).contains(&w) {
                return Err(fault("ROW702", i, "weight", w, "0 <= weight <= 1"));
            }
            if !(gap > 0.0 && gap.is_finite()) {
                return Err(fault("ROW703", i, "days", gap, "> 0"));
            }
            if !rate.is_finite() || rate.abs() >= 1.0 {
                return Err(fault("ROW704", i, "bill", rate, "a decimal rate, -1 < rate < 1"));
            }
            let (mut now, mut before) = (0.0, 0.0);
            for ((&p, &q), w) in price[row.clone()].iter().zip(&previous[row]).zip(contract_weights(w, n_contracts)) {
                // A contract without weight may have expired and have no price.
                if w > 0.0 {
                    if !(p > 0.0 && p.is_finite() && q > 0.0 && q.is_finite()) {
                        return Err(fault("ROW705", i, "price", if p > 0.0 { q } else { p }, "> 0 and finite"));
                    }
                    now += w * p;
                    before += w * q;
                }
            }
            level *= now / before + bill_return(rate, gap) - fee * gap / 365.0;
        }
        levels.push(level);
    }
    Ok(levels)
}

/// Return of the 91-day Treasury bill over `days`, from its discount rate: (1 / (1 - 91 r / 360))^(days / 91) - 1.
fn bill_return(rate: f64, days: f64) -> f64 {
    crate::math::exp_m1(-days / 91.0 * crate::math::ln_1p(-91.0 / 360.0 * rate))
}

fn fault(code: &'static str, row: usize, field: &str, value: f64, expected: &str) -> Error {
    Error::data(Fault::new(code, "note_levels", field, value.to_string(), expected).at(row.to_string()))
}
