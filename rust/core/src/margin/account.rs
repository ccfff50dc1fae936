//! The account identity: what is left after everything that must be reserved.

/// Everything the identity needs, cents. Marks of options do not enter: only cash and contracts do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountInput {
    /// Cash: deposits, realised profit, fees paid and all option credits received; without `long_cost_cents`.
    pub cash_cents: i64,
    /// Premiums paid for long options that stand on their own (hedges), not yet taken from `cash_cents`.
    pub long_cost_cents: i64,
    /// Sum of the payoff-scan requirements of the option positions.
    pub payoff_requirement_cents: i64,
    /// Initial margin of VIX futures.
    pub vx_initial_cents: i64,
    /// Variation of VIX futures not yet in cash: positive gained, negative lost.
    pub vx_variation_cents: i64,
}

/// Cash - cost of long options - payoff requirements - VX initial margin + unsettled VX variation.
///
/// At least zero: the account stands. Below zero: a margin call of that size. Because no option mark
/// enters, a condor that was fully reserved when sold never gets a call by marking. Saturates instead of overflowing.
pub fn excess_cents(account: &AccountInput) -> i64 {
    account
        .cash_cents
        .saturating_sub(account.long_cost_cents)
        .saturating_sub(account.payoff_requirement_cents)
        .saturating_sub(account.vx_initial_cents)
        .saturating_add(account.vx_variation_cents)
}

/// Size of the margin call, zero when there is none.
pub fn call_cents(account: &AccountInput) -> i64 {
    excess_cents(account).saturating_neg().max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::Right;
    use crate::margin::payoff::{PayoffLeg, requirement_cents};

    #[test]
    fn the_identity_and_its_call() {
        let account = AccountInput {
            cash_cents: 1_000_000,
            long_cost_cents: 200_000,
            payoff_requirement_cents: 500_000,
            vx_initial_cents: 250_000,
            vx_variation_cents: -60_000,
        };
        assert_eq!(excess_cents(&account), -10_000);
        assert_eq!(call_cents(&account), 10_000);
        assert_eq!(call_cents(&AccountInput { vx_variation_cents: 0, ..account }), 0);
    }

    #[test]
    fn a_fully_reserved_condor_never_gets_a_call() {
        // All cash is the reserve less the credit; whatever the index settles at, the account ends at zero or more,
        // and before expiry nothing in the identity moves.
        let leg = |right, strike: i64, contracts| PayoffLeg { right, strike: strike * 10_000, contracts };
        let condor =
            [leg(Right::Put, 90, 1), leg(Right::Put, 95, -1), leg(Right::Call, 105, -1), leg(Right::Call, 117, 1)];
        let credit = 15_000;
        let reserve = requirement_cents(&condor).unwrap();
        let deposit = reserve - credit;
        let account =
            AccountInput { cash_cents: deposit + credit, payoff_requirement_cents: reserve, ..AccountInput::default() };
        assert_eq!(excess_cents(&account), 0);
        for settlement in 0..200 {
            let payoff: i64 = condor
                .iter()
                .map(|leg| {
                    let sign = if leg.right == Right::Call { 1 } else { -1 };
                    leg.contracts * (sign * (settlement * 10_000 - leg.strike)).max(0)
                })
                .sum();
            assert!(account.cash_cents + payoff >= 0);
        }
    }
}
