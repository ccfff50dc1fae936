//! The second engine: a sleeve that lives on its share of realised hedge gains and can lose nothing else.

use super::tactics::{Tactics, inputs};
use super::{BookAccount, Step};
use crate::book::{Book, Expiries};
use crate::costs::OrderKind;
use crate::engine::ledger::{Lot, unit_cents};
use crate::engine::orders::{self, OrderLeg};
use crate::instrument::{CENTS_PER_USD, Right};
use crate::marks::{Marks, OptionProduct};
use crate::phase::Phase;
use crate::policy::{AdaptivePolicy, Rules, rule};
use crate::positions::expiries;
use crate::positions::strikes::Series;

/// What the sleeve does on the next bar.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    /// Decided on this expected daily range.
    Buy(f64),
    Sell,
}

/// Money and calls of the second engine.
#[derive(Debug, Clone, Default)]
pub(super) struct Sleeve {
    /// Cents of the account's cash that are the sleeve's.
    pub(super) cash: i64,
    /// Its calls.
    pub(super) lot: Option<Lot>,
    order: Option<Order>,
}

impl Sleeve {
    fn value(&self) -> i64 {
        self.cash + self.lot.map_or(0, |lot| lot.value)
    }
}

impl BookAccount {
    /// Takes the sleeve's share of a gain that the hedge realised.
    pub(super) fn realise<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, cents: i64) {
        let Some(Rules::Adaptive(config)) = &book.rules else { return };
        if !book.has_sleeve() || cents <= 0 || !step.signals.is_warm {
            return;
        }
        let room = config.sleeve_max * self.equity() as f64 - self.sleeve.value() as f64;
        let fed = (config.sleeve_feed * cents as f64).min(room).floor() as i64;
        if fed <= 0 {
            return;
        }
        let before = self.sleeve.cash as f64 / CENTS_PER_USD;
        self.sleeve.cash += fed;
        let after = self.sleeve.cash as f64 / CENTS_PER_USD;
        self.log(step, rule::SLEEVE_FEED, before, after, |vix, signals| {
            inputs(vix, signals, &[("gain", cents as f64 / CENTS_PER_USD)])
        });
    }

    pub(super) fn plan_sleeve<M: Marks>(&mut self, config: &AdaptivePolicy, tactics: &Tactics, step: &Step<'_, M>) {
        self.sleeve.order = match self.sleeve.lot {
            Some(_) => (tactics.memory.phase == Phase::Normalisation).then_some(Order::Sell),
            None => {
                let buys = self.sleeve.cash > 0 && step.signals.daily_range > config.sleeve_range;
                (config.second_engine && step.signals.is_warm && buys).then_some(Order::Buy(step.signals.daily_range))
            }
        };
    }

    pub(super) fn execute_sleeve<M: Marks>(&mut self, book: &Book, config: &AdaptivePolicy, step: &mut Step<'_, M>) {
        match self.sleeve.order.take() {
            Some(Order::Buy(range)) => self.buy_sleeve(book, config, step, range),
            Some(Order::Sell) => self.sell_sleeve(book, step),
            None => {}
        }
    }

    fn buy_sleeve<M: Marks>(&mut self, book: &Book, config: &AdaptivePolicy, step: &mut Step<'_, M>, range: f64) {
        let (least, most) = config.sleeve_dte;
        let chosen = expiries::for_layer(&*step.marks, step.state, most, least - 1, Expiries::Monthly, None);
        let Some((expiry, false)) = chosen.filter(|found| found.0.day - step.state.day <= most) else { return };
        let series = Series { state: step.state, path: step.path, product: OptionProduct::Vix, expiry };
        let strike = series.by_delta(step.marks, Right::Call, config.sleeve_delta);
        let instrument = series.option(Right::Call, strike);
        let quote = step.legs.peek(step.marks, step.state, step.path, instrument);
        if !quote.mid.is_finite() {
            return;
        }
        let each = self.most_cost(book, step, instrument, &quote);
        let free = self.sleeve.cash.min(self.excess(book, step)).max(0);
        let forward = step.marks.forward(step.state, step.path, instrument);
        let delta = step.marks.delta(step.state, step.path, instrument);
        let notional = (unit_cents(instrument, forward) as f64 * delta).max(1.0);
        let gross = (config.sleeve_gross * self.sleeve.value() as f64 / notional).floor() as i64;
        let contracts = (free / each.max(1)).min(gross);
        if contracts <= 0 {
            return;
        }
        self.log(step, rule::SLEEVE_BUY, 0.0, contracts as f64, |vix, signals| {
            inputs(vix, signals, &[("decided_on_range", range)])
        });
        let bucket = self.sleeve_bucket();
        let mut lot = Lot {
            slot: step.legs.acquire(step.marks, step.state, step.path, instrument),
            contracts: 0,
            bucket,
            value: 0,
            reference: 0,
        };
        self.trade_sleeve(book, step, &mut lot, contracts, rule::SLEEVE_BUY);
        self.sleeve.lot = Some(lot);
    }

    fn sell_sleeve<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(mut lot) = self.sleeve.lot else { return };
        let quote = step.legs.quote(lot.slot);
        if !quote.mid.is_finite() || orders::has_no_bid(&book.costs, &quote) {
            return;
        }
        self.log(step, rule::SLEEVE_SELL, lot.contracts as f64, 0.0, |vix, signals| inputs(vix, signals, &[]));
        let contracts = -lot.contracts;
        self.trade_sleeve(book, step, &mut lot, contracts, rule::SLEEVE_SELL);
        step.legs.release(lot.slot);
        self.sleeve.lot = None;
    }

    fn trade_sleeve<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        lot: &mut Lot,
        contracts: i64,
        rule: u16,
    ) {
        let instrument = step.legs.instrument(lot.slot);
        let order = [OrderLeg { instrument, contracts, quote: step.legs.quote(lot.slot) }];
        let fill = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package)[0];
        let before = self.account.cash;
        self.account.trade(lot, true, contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
        self.sleeve.cash += self.account.cash - before;
        self.record_trade(step, &order[0], &fill, lot.bucket, 0, rule);
    }

    /// The bucket behind those of the layers.
    fn sleeve_bucket(&self) -> u16 {
        self.layer_buckets.last().copied().unwrap_or_default()
    }
}
