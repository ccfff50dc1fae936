//! VPIN with bulk classification: buyers and sellers told apart by how the price moved, not by who took.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::{IgnitionConfig, walk_any};
use crate::error::{Error, Fault, Result};
use crate::events::{NO_PRICE, action};
use crate::math::normal_cdf;
use crate::tape::Tape;

/// How volume is cut and averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkPlan {
    /// Lots of a bucket.
    pub bucket: i64,
    /// Buckets of the mean.
    pub buckets: usize,
    /// Bars that a bucket is classified in.
    pub bars: usize,
}

impl BulkPlan {
    fn check(&self) -> Result<()> {
        let fail =
            |code, field, value: String, rule| Err(Error::config(Fault::new(code, "bulk_vpin", field, value, rule)));
        if !(1..=crate::events::LARGEST).contains(&self.bucket) {
            return fail("IGN062", "bucket", self.bucket.to_string(), "1 to 2^53 lots");
        }
        if !(1..=1_000).contains(&self.buckets) {
            return fail("IGN063", "buckets", self.buckets.to_string(), "1 to 1000");
        }
        if !(1..=100).contains(&self.bars) || self.bars as i64 > self.bucket {
            return fail("IGN064", "bars", self.bars.to_string(), "1 to 100, at most one a lot of the bucket");
        }
        Ok(())
    }
}

/// A bucket that is full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Time of the print that filled it, ns.
    pub ts: i64,
    /// Number of that event.
    pub event: i64,
    /// Share of its volume that counts as bought.
    pub bought: f64,
    /// Mean of |bought - sold| over the volume of the last buckets; NaN before there are enough.
    pub vpin: f64,
}

/// Volume bars, their price changes, and the buckets they add up to.
struct Bulk {
    plan: BulkPlan,
    /// Lots in the bucket, and bars of it that are closed.
    filled: i64,
    closed: usize,
    bought: f64,
    /// Price at the end of the last bar.
    price: Option<i64>,
    changes: VecDeque<i64>,
    sum: i128,
    squares: i128,
    gaps: VecDeque<f64>,
}

impl Bulk {
    fn new(plan: BulkPlan) -> Self {
        Self {
            plan,
            filled: 0,
            closed: 0,
            bought: 0.0,
            price: None,
            changes: VecDeque::new(),
            sum: 0,
            squares: 0,
            gaps: VecDeque::new(),
        }
    }

    /// Lots of the bucket at which its bar number `bar` ends: whole lots, as equal as they can be.
    fn edge(&self, bar: usize) -> i64 {
        (i128::from(self.plan.bucket) * bar as i128 / self.plan.bars as i128) as i64
    }

    /// Share of a bar that was bought, by its change of price, ticks.
    fn share(&mut self, change: i64) -> f64 {
        let square = |x: i64| i128::from(x) * i128::from(x);
        self.changes.push_back(change);
        self.sum += i128::from(change);
        self.squares += square(change);
        if self.changes.len() > self.plan.buckets * self.plan.bars {
            let old = self.changes.pop_front().unwrap_or_default();
            self.sum -= i128::from(old);
            self.squares -= square(old);
        }
        if change == 0 {
            return 0.5;
        }
        let n = self.changes.len() as f64;
        let spread = self.squares as f64 - self.sum as f64 * (self.sum as f64 / n);
        if n < 2.0 || spread <= 0.0 {
            // The limit of a deviation of nothing.
            return if change > 0 { 1.0 } else { 0.0 };
        }
        normal_cdf(change as f64 / (spread / (n - 1.0)).sqrt())
    }

    /// One print.
    fn print(&mut self, ts: i64, event: i64, size: i64, price: i64, found: &mut Vec<Bucket>) {
        // A print of more than the window leaves what a print of exactly the window does.
        let most = self.plan.bucket.saturating_mul(self.plan.buckets as i64 + 2);
        let mut left = if size > most { most + size % self.plan.bucket } else { size };
        while left > 0 {
            let edge = self.edge(self.closed + 1);
            let part = left.min(edge - self.filled);
            self.filled += part;
            left -= part;
            if self.filled < edge {
                return;
            }
            // The first bar has no change of price: it is split evenly.
            let share = self.price.map_or(0.5, |before| self.share(price.saturating_sub(before)));
            self.bought += share * (edge - self.edge(self.closed)) as f64;
            self.price = Some(price);
            self.closed += 1;
            if self.closed == self.plan.bars {
                let bought = self.bought / self.plan.bucket as f64;
                self.gaps.push_back((2.0 * bought - 1.0).abs());
                if self.gaps.len() > self.plan.buckets {
                    self.gaps.pop_front();
                }
                let is_full = self.gaps.len() == self.plan.buckets;
                let vpin = if is_full { self.gaps.iter().sum::<f64>() / self.plan.buckets as f64 } else { f64::NAN };
                found.push(Bucket { ts, event, bought, vpin });
                (self.filled, self.closed, self.bought) = (0, 0, 0.0);
            }
        }
    }
}

/// VPIN of a tape with bulk classification, a row a full bucket.
///
/// Volume is cut into bars of equal lots; of a bar whose last price is `d` ticks from that of the bar before, the share
/// Phi(d / sigma) counts as bought, where sigma is the standard deviation of the changes of the last
/// `buckets * bars` bars, this one included: the published sigma of the whole sample would look ahead. Easley, Lopez de
/// Prado and O'Hara (2012), doi:10.1093/rfs/hhs053. Trades without a price are left out.
///
/// # Errors
/// `Error::Config` (`IGN062` to `IGN064`) for a plan that breaks its rules; those of `detect` but `IGN005`: trades need
/// no book.
pub fn bulk_vpin(tape: &Tape, plan: BulkPlan, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<Bucket>> {
    plan.check()?;
    let mut found = Vec::new();
    let mut bulk = Bulk::new(plan);
    let mut number = 0;
    walk_any(tape, &IgnitionConfig::default(), go_on, &mut |event, _| {
        if event.action == action::TRADE && event.price != NO_PRICE {
            bulk.print(event.ts, number, event.size, event.price, &mut found);
        }
        number += 1;
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prints(plan: BulkPlan, prints: &[(i64, i64)]) -> Vec<Bucket> {
        let (mut bulk, mut found) = (Bulk::new(plan), Vec::new());
        for (i, &(size, price)) in prints.iter().enumerate() {
            bulk.print(i as i64, i as i64, size, price, &mut found);
        }
        found
    }

    #[test]
    fn a_steady_rise_is_all_bought_and_a_flat_price_is_split() {
        let plan = BulkPlan { bucket: 10, buckets: 2, bars: 2 };
        let flat = prints(plan, &[(5, 100); 8]);
        assert_eq!(flat.len(), 4);
        assert!(flat[0].vpin.is_nan() && flat[3].vpin.abs() < 1e-15);
        let rise: Vec<(i64, i64)> = (0..8).map(|i| (5, 100 + i)).collect();
        // No deviation at all: the limit.
        assert!((prints(plan, &rise)[3].vpin - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_change_is_held_against_the_deviation_of_the_last_bars() {
        let plan = BulkPlan { bucket: 2, buckets: 2, bars: 2 };
        let found = prints(plan, &[(1, 100), (1, 103), (1, 102), (1, 102)]);
        // Changes 3, -1, 0: at the second, deviation sqrt(8) and share Phi(-1/sqrt(8)).
        let share = 0.5 * (normal_cdf(-1.0 / 8.0_f64.sqrt()) + 0.5);
        assert!((found[0].bought - 0.75).abs() < 1e-15, "the first bar has no change");
        assert!((found[1].bought - share).abs() < 1e-15);
    }

    #[test]
    fn a_print_beyond_the_window_ends_where_the_window_does() {
        let plan = BulkPlan { bucket: 7, buckets: 3, bars: 2 };
        let found = prints(plan, &[(7, 5), (i64::MAX / 2, 9), (20, 11)]);
        assert!(found.len() < 12 && found[5].vpin.abs() < 1e-15);
    }

    #[test]
    fn plans_are_checked() {
        let good = BulkPlan { bucket: 10, buckets: 50, bars: 10 };
        assert!(good.check().is_ok());
        for (code, plan) in [
            ("IGN062", BulkPlan { bucket: 0, ..good }),
            ("IGN063", BulkPlan { buckets: 0, ..good }),
            ("IGN064", BulkPlan { bars: 11, ..good }),
        ] {
            assert!(plan.check().expect_err(code).to_string().starts_with(code));
        }
    }
}
