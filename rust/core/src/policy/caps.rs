//! Cost of capital and the bounds on the carry of the hedge.

use std::collections::VecDeque;

use super::AdaptivePolicy;

/// What stands behind an account on a close, cents and a year's rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capital {
    /// Equity.
    pub equity: f64,
    /// Debit balance.
    pub debt: f64,
    /// Continuous money-market rate.
    pub rate: f64,
}

/// Slope of the account's daily returns on those of the index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beta {
    last: Option<(f64, f64)>,
    returns: VecDeque<(f64, f64)>,
}

impl Beta {
    /// Takes in a close: equity and index.
    pub fn push(&mut self, window: usize, equity: f64, index: f64) {
        if let Some((equity_before, index_before)) = self.last
            && equity_before > 0.0
            && index_before > 0.0
        {
            if self.returns.len() == window {
                self.returns.pop_front();
            }
            self.returns.push_back((equity / equity_before - 1.0, index / index_before - 1.0));
        }
        self.last = Some((equity, index));
    }

    /// Covariance over variance; 0 before there are two different returns of the index.
    pub fn value(&self) -> f64 {
        let n = self.returns.len() as f64;
        let (own, index) = self.returns.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        let (own, index) = (own / n, index / n);
        let (mut covariance, mut variance) = (0.0, 0.0);
        for pair in &self.returns {
            covariance += (pair.0 - own) * (pair.1 - index);
            variance += (pair.1 - index) * (pair.1 - index);
        }
        if variance > 0.0 { covariance / variance } else { 0.0 }
    }
}

/// WACC = E/V r_e + D/V r_d with r_e = r_f + beta ERP and r_d = r_f + spread.
pub fn cost_of_capital(config: &AdaptivePolicy, capital: &Capital, beta: f64) -> f64 {
    let rate = if capital.rate.is_finite() { capital.rate } else { 0.0 };
    let equity = capital.equity.max(0.0);
    let all = equity + capital.debt;
    if all <= 0.0 {
        return rate + config.debt_spread;
    }
    (equity * (rate + beta * config.equity_premium) + capital.debt * (rate + config.debt_spread)) / all
}

/// Share of the hedge that is left when its carry may not exceed `bound`, but a cut may not let the stressed loss beyond
/// its limit, `shortfall`, exceed what the hedge gains in the stress scenario. 1: no cap binds.
pub fn scale(carry: f64, bound: f64, shortfall: f64, gain: f64) -> f64 {
    let by_carry = if carry > bound { bound.max(0.0) / carry } else { 1.0 };
    let by_stress = if shortfall <= 0.0 {
        0.0
    } else if gain > 0.0 {
        (shortfall / gain).min(1.0)
    } else {
        1.0
    };
    by_carry.max(by_stress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_is_the_slope_of_the_last_returns() {
        let mut beta = Beta::default();
        assert!(beta.value().abs() < 1e-12);
        let (mut equity, mut index) = (100.0, 1_000.0);
        beta.push(60, equity, index);
        for step in 0..200 {
            let up = if step % 3 == 0 { 0.01 } else { -0.004 };
            equity *= 1.0 + 0.3 * up + 0.001;
            index *= 1.0 + up;
            beta.push(60, equity, index);
        }
        assert_eq!(beta.returns.len(), 60);
        assert!((beta.value() - 0.3).abs() < 1e-9);
    }

    #[test]
    fn cost_of_capital_by_hand() {
        let config = AdaptivePolicy::default();
        let own = Capital { equity: 100.0, debt: 0.0, rate: 0.03 };
        assert!((cost_of_capital(&config, &own, 0.2) - 0.04).abs() < 1e-12);
        let levered = Capital { equity: 75.0, debt: 25.0, rate: 0.03 };
        assert!((cost_of_capital(&config, &levered, 0.2) - (0.75 * 0.04 + 0.25 * 0.04)).abs() < 1e-12);
    }

    #[test]
    fn carry_cuts_and_stress_holds_against_it() {
        assert!((scale(10.0, 20.0, 5.0, 1.0) - 1.0).abs() < 1e-12, "nothing binds");
        assert!((scale(10.0, 5.0, -1.0, 3.0) - 0.5).abs() < 1e-12);
        assert!((scale(10.0, 5.0, 2.4, 3.0) - 0.8).abs() < 1e-12, "the stress scenario needs four fifths");
        assert!((scale(10.0, 5.0, 1.0, 0.0) - 1.0).abs() < 1e-12);
        assert!(scale(10.0, -5.0, -1.0, 3.0).abs() < 1e-12);
        assert!((scale(-2.0, 0.0, -1.0, 3.0) - 1.0).abs() < 1e-12, "a hedge that earns is not cut");
    }
}
