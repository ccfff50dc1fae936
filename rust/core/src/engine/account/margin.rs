//! What positions reserve, and what is closed when cash does not carry it.

use super::{BookAccount, Layer, Step};
use crate::book::Book;
use crate::costs::OrderKind;
use crate::engine::ledger::Lot;
use crate::engine::orders::{self, OrderLeg};
use crate::engine::record::incident;
use crate::instrument::Day;
use crate::margin::account::{AccountInput, excess_cents};
use crate::margin::futures::vx_initial_margin_cents;
use crate::marks::Marks;
use crate::policy::rule;

/// Days to one expiry of VIX futures, to count months out.
const DAYS_PER_MONTH: i32 = 30;

impl BookAccount {
    /// Cash less requirements in cents, with the variation of futures that is not in cash yet (Reg-T account identity).
    pub(super) fn excess<M: Marks>(&self, book: &Book, step: &Step<'_, M>) -> i64 {
        self.requirement_and_excess(book, step).1
    }

    /// What positions reserve, and the excess over it.
    pub(super) fn requirement_and_excess<M: Marks>(&self, book: &Book, step: &Step<'_, M>) -> (i64, i64) {
        let (mut initial, mut variation) = (0, 0);
        for lot in self.layers.iter().flat_map(|layer| layer.lots.iter()) {
            if !step.legs.cents(lot.slot).is_funded {
                initial += self.futures_margin(book, step, lot);
                variation += lot.value;
            }
        }
        let condors = self.condor_requirement();
        let excess = excess_cents(&AccountInput {
            cash_cents: self.account.cash,
            // Premiums of long options have left the cash already.
            long_cost_cents: 0,
            payoff_requirement_cents: condors,
            vx_initial_cents: initial,
            vx_variation_cents: variation,
        });
        (condors + initial, excess)
    }

    pub(super) fn condor_requirement(&self) -> i64 {
        self.condors.iter().map(|condor| condor.requirement).sum()
    }

    /// Initial margin of a lot of futures in cents; nothing for what is paid in full.
    pub(super) fn futures_margin<M: Marks>(&self, book: &Book, step: &Step<'_, M>, lot: &Lot) -> i64 {
        let instrument = step.legs.instrument(lot.slot);
        if instrument.is_funded() {
            return 0;
        }
        let days_out = instrument.expiry().map_or(0, |expiry| expiry - step.state.day);
        lot.contracts.abs() * initial_margin(book, step.state.day, step.legs.quote(lot.slot).mid, days_out)
    }

    pub(super) fn forced_close<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        while self.excess(book, step) < 0 && !self.condors.is_empty() {
            let newest = self.condors.len() - 1;
            let contracts = self.condors[newest].contracts as f64;
            self.note(step, incident::FORCED_CLOSE, contracts);
            self.decide(step, rule::FORCED_CLOSE, contracts, 0.0, || String::from("{\"excess\":\"negative\"}"));
            self.buy_back(book, step, newest, rule::FORCED_CLOSE, OrderKind::Forced);
        }
        // What is left on margin is futures: the layer with the shortest tenor goes first.
        for index in 0..self.layers.len() {
            if self.excess(book, step) >= 0 {
                break;
            }
            self.sell_futures(book, step, index);
        }
        self.called = false;
    }

    /// Sells a layer of futures because of a margin call; it may be bought again on its next trading time.
    pub(super) fn sell_futures<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, index: usize) {
        let Some(lot) = self.layers[index].lots.first().copied() else { return };
        let (instrument, quote) = (step.legs.instrument(lot.slot), step.legs.quote(lot.slot));
        if instrument.is_funded() || !quote.mid.is_finite() {
            return;
        }
        let contracts = lot.contracts as f64;
        self.note(step, incident::FORCED_CLOSE, contracts);
        self.decide(step, rule::FORCED_CLOSE, contracts, 0.0, || String::from("{\"excess\":\"negative\"}"));
        let order = [OrderLeg { instrument, contracts: -lot.contracts, quote }];
        let fill = orders::fill(&book.costs, step.state.day, &order, OrderKind::Forced)[0];
        let mut sold = lot;
        self.account.trade(&mut sold, false, -lot.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
        self.record_trade(step, &order[0], &fill, lot.bucket, self.layers[index].position, rule::FORCED_CLOSE);
        step.legs.release(lot.slot);
        self.layers[index] = Layer::default();
    }
}

/// Initial margin of one VIX future in cents, with the stress factor of the book.
pub(super) fn initial_margin(book: &Book, day: Day, price: f64, days_out: i32) -> i64 {
    let months_out = (days_out / DAYS_PER_MONTH + 1).max(1) as u32;
    (vx_initial_margin_cents(day, price, months_out) as f64 * book.margin_stress).ceil() as i64
}
