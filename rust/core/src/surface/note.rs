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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_the_methodology() {
        assert_eq!(contract_weights(0.25, 2), [0.25, 0.75]);
        let mid = contract_weights(0.4, 4);
        for (w, expected) in mid.iter().zip([0.4 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.6 / 3.0]) {
            assert!((w - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn one_day_by_hand() {
        // 0.5 of each: (12 + 13) / (10 + 12) - 1 = 3/22; three days of bills at 5 % discount.
        let levels = note_levels(
            &[0.0, 0.0, 12.0, 13.0],
            &[0.0, 0.0, 10.0, 12.0],
            &[0.0, 0.5],
            &[0.0, 0.05],
            &[0.0, 3.0],
            2,
            0.0,
            100.0,
        )
        .unwrap();
        let bill = 0.000_419_410_095; // (1 / (1 - .05 * 91 / 360))^(3 / 91) - 1
        assert!((levels[1] - 100.0 * (25.0 / 22.0 + bill)).abs() < 1e-9, "{levels:?}");
    }

    #[test]
    fn faults_name_the_row() {
        let bad = |price: &[f64], weight: f64, days: f64, bill: f64| {
            note_levels(price, &[1.0; 4], &[0.0, weight], &[0.0, bill], &[0.0, days], 2, 0.0, 1.0)
                .map_err(|error| error.to_string())
        };
        assert!(bad(&[1.0; 4], 0.5, 1.0, 0.0).is_ok());
        assert_eq!(
            bad(&[1.0; 4], 1.5, 1.0, 0.0).unwrap_err(),
            "ROW702 note_levels:1 weight: got 1.5, expected 0 <= weight <= 1"
        );
        assert!(bad(&[1.0; 4], 0.5, 0.0, 0.0).unwrap_err().starts_with("ROW703 note_levels:1 days"));
        assert!(bad(&[1.0; 4], 0.5, 1.0, 5.0).unwrap_err().starts_with("ROW704 note_levels:1 bill"));
        assert!(bad(&[1.0, 1.0, 1.0, f64::NAN], 0.5, 1.0, 0.0).unwrap_err().starts_with("ROW705 note_levels:1 price"));
        assert!(bad(&[1.0, 1.0, 1.0, f64::NAN], 1.0, 1.0, 0.0).is_ok());
        assert!(bad(&[1.0; 3], 0.5, 1.0, 0.0).unwrap_err().starts_with("ROW701"));
    }
}
