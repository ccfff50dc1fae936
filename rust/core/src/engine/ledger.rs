//! Cash and P&L of one account in integer cents: what a bucket earned always sums to the change of equity.

use crate::instrument::Instrument;

/// Fixed P&L buckets; hedge layers follow behind them.
pub mod bucket {
    /// Short put of condors.
    pub const SHORT_PUT: u16 = 0;
    /// Long put of condors.
    pub const LONG_PUT: u16 = 1;
    /// Short call of condors.
    pub const SHORT_CALL: u16 = 2;
    /// Long call of condors.
    pub const LONG_CALL: u16 = 3;
    /// Index holding.
    pub const PORTFOLIO: u16 = 4;
    /// Interest on cash.
    pub const INTEREST: u16 = 5;
    /// Commissions and exchange fees.
    pub const FEES: u16 = 6;
    /// Fill against the middle of the market.
    pub const SLIPPAGE: u16 = 7;
    /// First hedge layer.
    pub const FIRST_LAYER: u16 = 8;
}

/// Value of one contract in cents at a price in points.
#[inline]
pub fn unit_cents(instrument: Instrument, points: f64) -> i64 {
    rounded(points * instrument.multiplier() * 100.0)
}

/// The nearest whole number, half away from zero; as `x.round() as i64`, without a call where there is no instruction.
#[inline]
pub fn rounded(x: f64) -> i64 {
    let whole = x as i64;
    // Exact below 2^53; what lies beyond has no fraction.
    let rest = x - whole as f64;
    whole.saturating_add(i64::from(rest >= 0.5) - i64::from(rest <= -0.5))
}

/// A number of contracts of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    /// Leg.
    pub slot: super::legs::Slot,
    /// Signed number of contracts.
    pub contracts: i64,
    /// P&L bucket.
    pub bucket: u16,
    /// Value in cents that equity includes: contracts times the mark for what was paid for up front, the
    /// variation not yet paid for futures.
    pub value: i64,
    /// Futures: cents a contract up to which variation has been paid.
    pub reference: i64,
}

/// Cash and bucketed P&L.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Cash in cents.
    pub cash: i64,
    /// Cents earned per bucket since the start.
    pub pnl: Vec<i64>,
}

impl Account {
    /// An account with starting cash and `n_buckets` empty buckets.
    pub fn new(cash: i64, n_buckets: usize) -> Self {
        Self { cash, pnl: vec![0; n_buckets] }
    }

    #[inline]
    fn earn(&mut self, bucket: u16, cents: i64) {
        self.pnl[bucket as usize] += cents;
    }

    /// Books cash that is earned outside of any leg (interest, dividends).
    #[inline]
    pub fn credit(&mut self, bucket: u16, cents: i64) {
        self.cash += cents;
        self.earn(bucket, cents);
    }

    /// Buys (`contracts` > 0) or sells. `mid` and `fill` are cents a contract, `fee` cents in total.
    pub fn trade(&mut self, lot: &mut Lot, funded: bool, contracts: i64, mid: i64, fill: i64, fee: i64) {
        self.credit(bucket::FEES, -fee);
        self.earn(bucket::SLIPPAGE, contracts * (mid - fill));
        if funded {
            // What is held is valued at the middle: the trade moves cash at the fill and value at the mid.
            self.cash -= contracts * fill;
            let before = lot.value;
            lot.contracts += contracts;
            lot.value = lot.contracts * mid;
            self.earn(lot.bucket, lot.value - before - contracts * mid);
        } else {
            // A future costs nothing: pay the variation on what is held, then the new contracts start at the fill.
            let variation = lot.contracts * (mid - lot.reference) - lot.value;
            self.earn(lot.bucket, variation);
            self.cash += lot.value + variation + contracts * (mid - fill);
            lot.contracts += contracts;
            lot.reference = mid;
            lot.value = 0;
        }
    }

    /// Marks a lot at `mid` cents a contract.
    #[inline]
    pub fn mark(&mut self, lot: &mut Lot, funded: bool, mid: i64) {
        let value = if funded { lot.contracts * mid } else { lot.contracts * (mid - lot.reference) };
        self.earn(lot.bucket, value - lot.value);
        lot.value = value;
    }

    /// Pays the variation of a futures lot into cash.
    #[inline]
    pub fn pay_variation(&mut self, lot: &mut Lot, mid: i64) {
        self.cash += lot.value;
        lot.value = 0;
        lot.reference = mid;
    }

    /// Settles a lot at `settlement` cents a contract: it is worth nothing afterwards and cash has its payoff.
    pub fn settle(&mut self, lot: &mut Lot, funded: bool, settlement: i64) {
        self.mark(lot, funded, settlement);
        self.cash += lot.value;
        lot.value = 0;
        lot.contracts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(bucket: u16) -> Lot {
        Lot { slot: 0, contracts: 0, bucket, value: 0, reference: 0 }
    }

    /// A small linear congruential generator: scenario noise, nothing more.
    struct Noise(u64);
    impl Noise {
        fn below(&mut self, n: u64) -> i64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) % n) as i64
        }
    }

    #[test]
    fn buckets_sum_to_the_change_of_equity_in_ten_thousand_scenarios() {
        let mut noise = Noise(7);
        for _ in 0..10_000 {
            let start = noise.below(1_000_000_000);
            let mut account = Account::new(start, 9);
            let mut lots = [lot(bucket::SHORT_PUT), lot(bucket::FIRST_LAYER), lot(bucket::LONG_CALL)];
            for _ in 0..noise.below(40) {
                let which = noise.below(3) as usize;
                let funded = which != 1;
                let mid = noise.below(2_000_000);
                match noise.below(5) {
                    0 | 1 => {
                        let contracts = noise.below(41) - 20;
                        let fill = mid + noise.below(2_001) - 1_000;
                        account.trade(&mut lots[which], funded, contracts, mid, fill, noise.below(5_000));
                    }
                    2 => account.settle(&mut lots[which], funded, mid),
                    3 => account.credit(bucket::INTEREST, noise.below(1_000) - 500),
                    _ => account.mark(&mut lots[which], funded, mid),
                }
                if which == 1 && noise.below(2) == 0 {
                    account.mark(&mut lots[1], false, mid);
                    account.pay_variation(&mut lots[1], mid);
                }
                let equity = account.cash + lots.iter().map(|lot| lot.value).sum::<i64>();
                assert_eq!(equity - start, account.pnl.iter().sum::<i64>());
            }
        }
    }

    #[test]
    fn cents_are_rounded_half_away_from_zero() {
        let mut noise = Noise(3);
        let check = |x: f64| assert_eq!(rounded(x), x.round() as i64, "{x}");
        for x in [0.0, -0.0, 0.5, -0.5, 0.499_999_999_999_999_94, 1.5, -2.5, 1e15 + 0.5, 9e18, -9e18, 1e300, f64::NAN] {
            check(x);
            check(-x);
        }
        for _ in 0..100_000 {
            check(noise.below(1 << 30) as f64 * 0.015_625 - 1e6);
        }
    }

    #[test]
    fn a_round_trip_at_the_mid_costs_the_fees_and_the_slippage() {
        let mut account = Account::new(0, 9);
        let mut held = lot(bucket::FIRST_LAYER);
        account.trade(&mut held, true, 4, 10_000, 10_500, 260);
        assert_eq!(account.cash, -42_260);
        assert_eq!(held.value, 40_000);
        account.trade(&mut held, true, -4, 12_000, 11_500, 260);
        assert_eq!(account.cash, -42_260 + 46_000 - 260);
        assert_eq!(account.pnl[bucket::FIRST_LAYER as usize], 8_000);
        assert_eq!(account.pnl[bucket::SLIPPAGE as usize], -4_000);
        assert_eq!(account.pnl[bucket::FEES as usize], -520);
    }

    #[test]
    fn a_future_moves_cash_by_its_variation_only() {
        let mut account = Account::new(1_000_000, 9);
        let mut held = lot(bucket::FIRST_LAYER);
        account.trade(&mut held, false, 2, 1_500_000, 1_502_500, 0);
        assert_eq!(account.cash, 1_000_000 - 5_000);
        account.mark(&mut held, false, 1_600_000);
        account.pay_variation(&mut held, 1_600_000);
        assert_eq!(account.cash, 1_000_000 - 5_000 + 200_000);
        account.settle(&mut held, false, 1_550_000);
        assert_eq!(account.cash, 1_000_000 - 5_000 + 100_000);
    }
}
