//! Initial margin of VIX futures.

use crate::instrument::Day;

/// One row of the dated table.
struct Row {
    /// First day it applies.
    from: Day,
    /// Least margin of the front contract, cents.
    floor_cents: i64,
    /// Stress move as a share of the price of the front contract.
    stress: f64,
}

/// APPROXIMATION. Exchange minimums changed by circular, often weekly in stress; these rows are rounded to a few
/// public numbers and carry the stress factor between them.
///
/// * 2004-03-26: unverified; the move of two to three standard deviations in calm, as the later levels imply.
/// * 2013-06-28: initial margin 2,860 (far) to 4,015 USD (near), CFE circular RG13-019, at futures near 17 to 18.
/// * 2018-02-06: after 2018-02-05 broker tables showed 6,837 to 10,945 USD at futures of 14 to 20, and
///   26,614 USD in spring 2020 at futures near 45 (dates of these pages unverified): about half the price.
const TABLE: [Row; 3] = [
    Row { from: 12_503, floor_cents: 250_000, stress: 0.20 },
    Row { from: 15_884, floor_cents: 400_000, stress: 0.25 },
    Row { from: 17_568, floor_cents: 650_000, stress: 0.50 },
];

/// Share of the front margin by months to expiry (1, 2, 3, 4 and more): 2,860 of 4,015 at the far end in 2013.
const BY_MONTH: [f64; 4] = [1.0, 0.9, 0.8, 0.7];

/// Initial margin of one VX contract, long or short, in cents: the larger of the table's floor and a stress move of
/// `price` points at 1,000 USD a point, both falling with `months_out` (1 is the front contract).
///
/// Before the first row (the future did not exist, the position is hypothetical) the first row applies. A price that
/// is not a number or negative counts as zero: the floor remains.
pub fn vx_initial_margin_cents(day: Day, price: f64, months_out: u32) -> i64 {
    let row = TABLE.iter().rev().find(|row| day >= row.from).unwrap_or(&TABLE[0]);
    let share = BY_MONTH[(months_out.max(1) as usize - 1).min(BY_MONTH.len() - 1)];
    let move_cents = row.stress * price.max(0.0) * 100_000.0;
    // Subtract what binary fractions add before rounding up to the cent.
    ((row.floor_cents as f64).max(move_cents) * share - 1e-6).ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_the_public_numbers() {
        assert_eq!(vx_initial_margin_cents(15_884, 16.0, 1), 400_000);
        assert_eq!(vx_initial_margin_cents(15_884, 16.0, 6), 280_000);
        assert_eq!(vx_initial_margin_cents(18_350, 45.0, 1), 2_250_000);
        assert_eq!(vx_initial_margin_cents(18_000, 20.0, 1), 1_000_000);
        assert_eq!(vx_initial_margin_cents(0, f64::NAN, 0), 250_000);
    }

    #[test]
    fn monotone_in_price_and_falling_with_tenor() {
        for day in [12_503, 15_883, 15_884, 17_567, 17_568] {
            for price in 1..100 {
                let price = f64::from(price);
                assert!(vx_initial_margin_cents(day, price + 1.0, 1) >= vx_initial_margin_cents(day, price, 1));
                for month in 1..6 {
                    let here = vx_initial_margin_cents(day, price, month);
                    assert!(vx_initial_margin_cents(day, price, month + 1) <= here);
                }
            }
        }
    }
}
