//! The index holding beside the hedge.

use super::{BookAccount, Step};
use crate::book::Book;
use crate::costs::OrderKind;
use crate::engine::ledger::{Lot, bucket, unit_cents};
use crate::engine::orders::{self, OrderLeg};
use crate::instrument::Instrument;
use crate::marks::Marks;
use crate::policy::rule;

impl BookAccount {
    pub(super) fn rebalance<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(portfolio) = &book.portfolio else { return };
        if !self.rebalance_due || !step.state.is_close {
            return;
        }
        self.rebalance_due = false;
        let instrument = Instrument::SpxIndex;
        let quote = step.legs.peek(step.marks, step.state, step.path, instrument);
        if !quote.mid.is_finite() {
            return;
        }
        let held = self.index.map_or(0, |lot| lot.contracts);
        let index_value = self.index.map_or(0, |lot| lot.value);
        // What the hedge holds is paid for: the index gets its share of the rest.
        let free = self.account.cash + index_value;
        let price = unit_cents(instrument, quote.mid + quote.half_spread).max(1);
        let wanted = (portfolio.weight * free as f64 / price as f64).floor().max(0.0) as i64;
        let change = wanted - held;
        if change == 0 {
            return;
        }
        self.decide(step, rule::REBALANCE, held as f64, wanted as f64, || {
            format!("{{\"free\":{}}}", free as f64 / 100.0)
        });
        let order = [OrderLeg { instrument, contracts: change, quote }];
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let mut lot = match self.index.take() {
            Some(lot) => lot,
            None => Lot {
                slot: step.legs.acquire(step.marks, step.state, step.path, instrument),
                contracts: 0,
                bucket: bucket::PORTFOLIO,
                value: 0,
                reference: 0,
            },
        };
        let fill = &fills[0];
        self.account.trade(&mut lot, true, change, fill.mid_cents, fill.price_cents, fill.fee_cents);
        self.record_trade(step, &order[0], fill, bucket::PORTFOLIO, 0, rule::REBALANCE);
        self.index = Some(lot);
    }
}
