//! The worst that a set of options on one underlying can pay at one expiry.

use crate::instrument::Right;

/// A position in one option, terms in cents per contract (ten-thousandths of a point).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayoffLeg {
    /// Call or put.
    pub right: Right,
    /// Strike, cents per contract.
    pub strike: i64,
    /// Positive long, negative short.
    pub contracts: i64,
}

/// Worst payoff in cents over every settlement value from zero up, `None` when it is unbounded.
///
/// The payoff is piecewise linear, so its minimum lies at zero, at a strike, or in the upper tail, whose slope is
/// the net number of calls. This is the maximum loss before premiums, with any wings: a short condor with a 10-point
/// put wing and a 32-point call wing can pay -3,200 USD.
pub fn worst_payoff_cents(legs: &[PayoffLeg]) -> Option<i64> {
    let slope: i64 = legs.iter().filter(|leg| leg.right == Right::Call).map(|leg| leg.contracts).sum();
    if slope < 0 {
        return None;
    }
    let mut worst = payoff_at(legs, 0);
    for leg in legs {
        worst = worst.min(payoff_at(legs, leg.strike));
    }
    Some(worst)
}

fn payoff_at(legs: &[PayoffLeg], settlement: i64) -> i64 {
    legs.iter()
        .map(|leg| {
            let intrinsic = match leg.right {
                Right::Call => settlement - leg.strike,
                Right::Put => leg.strike - settlement,
            };
            leg.contracts * intrinsic.max(0)
        })
        .sum()
}

/// What must be reserved for the worst payoff: its loss, or nothing when it cannot lose. `None` when unbounded.
pub fn requirement_cents(legs: &[PayoffLeg]) -> Option<i64> {
    worst_payoff_cents(legs).map(|worst| (-worst).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(right: Right, strike: i64, contracts: i64) -> PayoffLeg {
        PayoffLeg { right, strike: strike * 10_000, contracts }
    }

    #[test]
    fn unequal_wings_need_the_wider_one() {
        let condor = [
            leg(Right::Put, 2_690, 1),
            leg(Right::Put, 2_700, -1),
            leg(Right::Call, 2_800, -1),
            leg(Right::Call, 2_832, 1),
        ];
        assert_eq!(worst_payoff_cents(&condor), Some(-320_000));
        assert_eq!(requirement_cents(&condor), Some(320_000));
    }

    #[test]
    fn tails() {
        assert_eq!(worst_payoff_cents(&[leg(Right::Call, 100, -1)]), None);
        assert_eq!(worst_payoff_cents(&[leg(Right::Put, 100, -1)]), Some(-1_000_000));
        assert_eq!(worst_payoff_cents(&[leg(Right::Call, 100, -2), leg(Right::Call, 110, 1)]), None);
        assert_eq!(requirement_cents(&[leg(Right::Call, 100, 1)]), Some(0));
        assert_eq!(requirement_cents(&[]), Some(0));
        // Ratio spread whose worst point is neither a wing nor a tail: one short body between.
        let butterfly = [leg(Right::Call, 90, -1), leg(Right::Call, 100, 2), leg(Right::Call, 110, -1)];
        assert_eq!(worst_payoff_cents(&butterfly), Some(-100_000));
    }
}
