//! Term structure of the VIX futures of one path.

use crate::market::MarketState;
use crate::signals::CarrySource;

/// Tenors of the constant-maturity futures, calendar days.
const NEAR_DAYS: f64 = 30.0;
const FAR_DAYS: f64 = 60.0;

/// The price at `days` from now, straight between the listed futures; spot VIX stands at zero days, which futures
/// approach as they expire. NaN beyond the last future.
fn at_tenor(state: &MarketState, path: usize, days: f64) -> f64 {
    let n = state.n_paths();
    let (mut before, mut price_before) = (0.0, state.vix[path]);
    for (index, &expiry) in state.vx_expiry.iter().enumerate() {
        let (tenor, price) = (f64::from(expiry - state.day), state.vx_price[index * n + path]);
        if tenor <= before || !price.is_finite() {
            continue;
        }
        if tenor >= days {
            return price_before + (price - price_before) * ((days - before) / (tenor - before));
        }
        (before, price_before) = (tenor, price);
    }
    f64::NAN
}

/// VX60/VX30 - 1, or second over first future less 1; NaN where the futures do not reach that far.
pub fn term_structure(state: &MarketState, path: usize, source: CarrySource) -> f64 {
    match source {
        CarrySource::ConstantMaturity => at_tenor(state, path, FAR_DAYS) / at_tenor(state, path, NEAR_DAYS) - 1.0,
        CarrySource::Raw => {
            let n = state.n_paths();
            let listed = state.vx_expiry.iter().enumerate().filter(|&(_, &expiry)| expiry > state.day);
            let mut prices =
                listed.map(|(index, _)| state.vx_price[index * n + path]).filter(|price| price.is_finite());
            match (prices.next(), prices.next()) {
                (Some(first), Some(second)) => second / first - 1.0,
                _ => f64::NAN,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_maturity_lies_between_the_listed_futures() {
        let state = MarketState {
            day: 10_000,
            spot: vec![0.0; 2],
            vix: vec![14.0, 30.0],
            vx_expiry: vec![10_000, 10_020, 10_050, 10_080],
            vx_price: vec![14.0, 30.0, 15.0, 28.0, 16.5, 27.0, 17.1, f64::NAN],
            ..MarketState::default()
        };
        let constant = |path| term_structure(&state, path, CarrySource::ConstantMaturity);
        assert!((constant(0) - ((16.5 + 0.6 / 3.0) / (15.0 + 1.5 / 3.0) - 1.0)).abs() < 1e-12);
        assert!(constant(1).is_nan());
        let raw = |path| term_structure(&state, path, CarrySource::Raw);
        assert!((raw(0) - 0.1).abs() < 1e-12 && (raw(1) - (27.0 / 28.0 - 1.0)).abs() < 1e-12);
    }

    #[test]
    fn a_front_month_beyond_thirty_days_leans_on_spot_vix() {
        let state = MarketState {
            spot: vec![0.0],
            vix: vec![20.0],
            vx_expiry: vec![40, 70],
            vx_price: vec![24.0, 27.0],
            ..MarketState::default()
        };
        let got = term_structure(&state, 0, CarrySource::ConstantMaturity);
        assert!((got - (26.0 / 23.0 - 1.0)).abs() < 1e-12);
    }
}
