//! The layers of the hedge: when they trade, what they buy, and how much.

use super::layer_rules::{budget_of, contracts_for, futures_for, layer_strike, premium_of};
use super::margin::initial_margin;
use super::{BookAccount, Layer, LayerChoice, Snapshot, Step};
use crate::book::{Book, CondorSizing, HedgeLayer, LayerInstrument, LayerSizing, LayeredHedge, Rounding};
use crate::costs::OrderKind;
use crate::engine::ledger::Lot;
use crate::engine::orders::{self, OrderLeg};
use crate::engine::record::incident;
use crate::instrument::{CENTS_PER_USD, Day, Instrument, Right};
use crate::marks::{Marks, OptionProduct, Quote};
use crate::policy::rule;
use crate::positions::expiries;
use crate::positions::strikes::Series;

/// What a layer is to hold from now on.
pub(super) struct LayerChange {
    pub(super) instruments: Vec<(Instrument, i64)>,
    pub(super) quotes: Vec<Quote>,
    pub(super) expiry: Option<Day>,
    pub(super) wanted: i64,
    pub(super) rule: u16,
}

impl BookAccount {
    pub(super) fn base_condors(&self, book: &Book) -> f64 {
        let target = match book.condor.as_ref().map(|condor| condor.sizing) {
            Some(CondorSizing::Contracts(contracts)) => contracts,
            Some(CondorSizing::Collateral(_)) => self.collateral_contracts,
            None => 0,
        };
        self.open_contracts().max(target) as f64
    }

    pub(super) fn trade_layers<M: Marks>(
        &mut self,
        book: &Book,
        hedge: &LayeredHedge,
        step: &mut Step<'_, M>,
        known: &Snapshot,
    ) {
        for (index, layer) in hedge.layers.iter().enumerate() {
            let multiplier = known.targets.layer_multiplier.get(index).copied().unwrap_or(1.0);
            let held = !self.layers[index].lots.is_empty();
            if !self.rises.is_on(index) {
                self.sell_layer(book, step, index);
            } else if held && self.layers[index].roll_due {
                self.purchase(book, hedge, step, known, index, multiplier, None);
            } else if !held && (!matches!(layer.sizing, LayerSizing::PremiumByFuture(_)) || step.today.is_vix_expiry) {
                self.purchase(book, hedge, step, known, index, multiplier, None);
                self.rebalance_due |= book.portfolio.is_some();
            } else if held && matches!(layer.sizing, LayerSizing::EquityShare(_)) && step.today.is_vix_expiry {
                self.purchase(book, hedge, step, known, index, multiplier, Some(rule::LAYER_ROLL));
            } else if let (true, Some(rule), LayerSizing::Weight(weight)) = (held, known.targets.resize, &layer.sizing)
            {
                let wanted = layer_contracts(self.base_condors(book), hedge, *weight, multiplier);
                self.resize(book, step, index, wanted, rule);
            }
        }
    }

    /// Buys a layer anew, selling in the same package what it holds.
    pub(super) fn purchase<M: Marks>(
        &mut self,
        book: &Book,
        hedge: &LayeredHedge,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        index: usize,
        multiplier: f64,
        anew: Option<u16>,
    ) -> i64 {
        let layer = &hedge.layers[index];
        let sold = self.layers[index].expiry.filter(|_| !self.layers[index].lots.is_empty());
        // Struck anew by a rule, a layer may keep its expiry, as in a roll by the calendar; one at its days to expiry
        // goes to a later one.
        let later_than = match anew {
            Some(_) => None,
            None if layer.roll_every.is_some() => sold.map(|day| day - 1),
            None => sold,
        };
        let (instruments, expiry) = match self.choose_layer(step, layer, index, later_than) {
            Some(choice) => choice,
            None => return 0,
        };
        let mut quotes = Vec::with_capacity(2);
        for &(instrument, _) in &instruments {
            quotes.push(step.legs.peek(step.marks, step.state, step.path, instrument));
        }
        if quotes.iter().any(|quote| !quote.mid.is_finite()) {
            self.note(step, incident::UNMARKED, index as f64);
            return 0;
        }
        let wanted = match &layer.sizing {
            LayerSizing::Weight(weight) => layer_contracts(self.base_condors(book), hedge, *weight, multiplier),
            LayerSizing::PremiumByFuture(rows) => {
                let future = step.marks.forward(step.state, step.path, instruments[0].0);
                let share = rows.iter().find(|row| future <= row.0).map_or(0.0, |row| row.1);
                contracts_for(share * known.equity as f64, premium_of(&instruments, &quotes))
            }
            LayerSizing::NotionalShare(share) => {
                let premium = share * multiplier * self.condor_notional(book, known);
                contracts_for(premium, premium_of(&instruments, &quotes))
            }
            LayerSizing::EquityShare(share) => {
                let each = premium_of(&instruments, &quotes) * instruments[0].0.multiplier() * CENTS_PER_USD;
                (share * multiplier * known.equity as f64 / each.max(1.0)).floor() as i64
            }
            LayerSizing::BudgetShare(share) => {
                let premium = share * multiplier * budget_of(hedge, layer, known, step.state.day, expiry);
                match (layer.instrument, expiry) {
                    (LayerInstrument::VixFuture, Some(day)) => futures_for(step, layer, premium, day),
                    _ => contracts_for(premium, premium_of(&instruments, &quotes)),
                }
            }
        };
        let wanted = self.affordable(book, step, layer, &instruments, &quotes, index, wanted);
        let may_keep = layer.roll_every.is_some() || anew.is_some();
        if may_keep && self.keeps(step, index, &instruments, wanted) {
            self.layers[index].bought = step.state.day;
            self.layers[index].roll_due = false;
            // Sized anew like a layer that is bought anew: what recycling had added is not rebought later.
            self.layers[index].extra = 0;
            return self.resize(book, step, index, wanted, anew.unwrap_or(rule::LAYER_ROLL));
        }
        if wanted == 0 && self.layers[index].lots.is_empty() && layer.instrument == LayerInstrument::SpxPut {
            // A budget that buys no put today is asked again tomorrow: nothing was decided.
            return 0;
        }
        let scheduled = if sold.is_some() { rule::LAYER_ROLL } else { rule::LAYER_OPEN };
        let change = LayerChange { instruments, quotes, expiry, wanted, rule: anew.unwrap_or(scheduled) };
        self.exchange(book, step, known, index, &change)
    }

    /// Sells what a layer holds and buys something else in the same package; returns the realised gain in cents.
    pub(super) fn exchange<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        index: usize,
        change: &LayerChange,
    ) -> i64 {
        let LayerChange { instruments, quotes, expiry, wanted, rule } = change;
        let (expiry, wanted, rule) = (*expiry, *wanted, *rule);
        let before = self.layers[index].contracts;
        let condors = self.base_condors(book);
        let mut realised = -self.layers[index].cost;
        let mut cost = 0;
        let mut order = Vec::with_capacity(4);
        let mut old = Vec::with_capacity(2);
        for lot in std::mem::take(&mut self.layers[index].lots) {
            let quote = step.legs.quote(lot.slot);
            if lot.contracts > 0 && orders::has_no_bid(&book.costs, &quote) {
                self.note(step, incident::ZERO_BID, lot.contracts as f64);
                self.stranded.push(lot);
                continue;
            }
            order.push(OrderLeg { instrument: step.legs.instrument(lot.slot), contracts: -lot.contracts, quote });
            old.push(lot);
        }
        for (&(instrument, sign), quote) in instruments.iter().zip(quotes) {
            if wanted > 0 {
                order.push(OrderLeg { instrument, contracts: sign * wanted, quote: *quote });
            }
        }
        let position = self.new_position();
        self.decide(step, rule, before as f64, wanted as f64, || {
            let expiry = expiry.map_or_else(|| String::from("null"), |day| day.to_string());
            format!("{{\"decided\":[{},{}],\"vix\":{},\"expiry\":{expiry}}}", known.day, known.seconds, known.vix)
        });
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let mut new_lots = Vec::with_capacity(2);
        for (place, (leg, fill)) in order.iter().zip(&fills).enumerate() {
            let bucket = self.layer_buckets[index];
            let mut lot = match old.get(place) {
                Some(lot) => *lot,
                None => Lot {
                    slot: step.legs.acquire(step.marks, step.state, step.path, leg.instrument),
                    contracts: 0,
                    bucket,
                    value: 0,
                    reference: 0,
                },
            };
            let funded = leg.instrument.is_funded();
            self.account.trade(&mut lot, funded, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.record_trade(step, leg, fill, bucket, position, rule);
            if place < old.len() {
                realised -= leg.contracts * fill.price_cents;
                step.legs.release(lot.slot);
            } else {
                cost += leg.contracts * fill.price_cents;
                new_lots.push(lot);
            }
        }
        let held = if new_lots.is_empty() { None } else { expiry };
        let contracts = if new_lots.is_empty() { 0 } else { wanted };
        self.layers[index] = Layer {
            lots: new_lots,
            expiry: held,
            position,
            contracts,
            bought: step.state.day,
            roll_due: false,
            roll_held: false,
            cost,
            condors,
            extra: 0,
        };
        self.realise(book, step, realised);
        realised
    }

    /// The contracts of a layer with their signs and their expiry.
    pub(super) fn choose_layer<M: Marks>(
        &mut self,
        step: &mut Step<'_, M>,
        layer: &HedgeLayer,
        index: usize,
        sold: Option<Day>,
    ) -> Option<LayerChoice> {
        if layer.instrument == LayerInstrument::VixNote {
            return Some((vec![(Instrument::VixNote, 1)], None));
        }
        if layer.instrument == LayerInstrument::SpxPut {
            let (product, expiry) = expiries::for_condor(&*step.marks, step.state, layer.dte, layer.expiries)?;
            let series = Series { state: step.state, path: step.path, product, expiry };
            let strike = series.by_delta(step.marks, Right::Put, layer.delta);
            return Some((vec![(series.option(Right::Put, strike), 1)], Some(expiry.day)));
        }
        let chosen = expiries::for_layer(&*step.marks, step.state, layer.dte, layer.roll_dte, layer.expiries, sold);
        let Some((expiry, substitute)) = chosen else {
            if !self.layers[index].roll_held {
                self.layers[index].roll_held = true;
                self.note(step, incident::ROLL_HELD, index as f64);
            }
            return None;
        };
        if substitute {
            self.note(step, incident::SUBSTITUTE_EXPIRY, f64::from(expiry.day - step.state.day));
        }
        let series = Series { state: step.state, path: step.path, product: OptionProduct::Vix, expiry };
        let legs = match layer.instrument {
            LayerInstrument::VixFuture => vec![(Instrument::VixFuture { expiry: expiry.day }, 1)],
            LayerInstrument::VixCallSpread(short_delta) => {
                let long = layer_strike(step, &series, layer);
                let short = series.by_delta(step.marks, Right::Call, short_delta);
                if short <= long {
                    return None;
                }
                vec![(series.option(Right::Call, long), 1), (series.option(Right::Call, short), -1)]
            }
            LayerInstrument::VixCall | LayerInstrument::VixNote | LayerInstrument::SpxPut => {
                let strike = layer_strike(step, &series, layer);
                vec![(series.option(Right::Call, strike), 1)]
            }
        };
        Some((legs, Some(expiry.day)))
    }

    /// Changes the size of a layer in the contracts that it already holds.
    pub(super) fn resize<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        index: usize,
        wanted: i64,
        rule: u16,
    ) -> i64 {
        let wanted = self.carried(book, step, index, wanted);
        let change = wanted - self.layers[index].contracts;
        if change == 0 || self.layers[index].contracts == 0 {
            return 0;
        }
        let per_contract = self.layers[index].contracts;
        let mut lots = std::mem::take(&mut self.layers[index].lots);
        let order: Vec<OrderLeg> = lots
            .iter()
            .map(|lot| OrderLeg {
                instrument: step.legs.instrument(lot.slot),
                contracts: lot.contracts / per_contract * change,
                quote: step.legs.quote(lot.slot),
            })
            .collect();
        let blocked = order.iter().any(|leg| leg.contracts < 0 && orders::has_no_bid(&book.costs, &leg.quote));
        if blocked || order.iter().any(|leg| !leg.quote.mid.is_finite()) {
            self.layers[index].lots = lots;
            self.note(step, incident::ZERO_BID, change as f64);
            return 0;
        }
        if self.tactics.is_none() {
            self.decide(step, rule, per_contract as f64, wanted as f64, || String::from("{}"));
        }
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let paid: i64 = order.iter().zip(&fills).map(|(leg, fill)| leg.contracts * fill.price_cents).sum();
        for (lot, (leg, fill)) in lots.iter_mut().zip(order.iter().zip(&fills)) {
            let funded = leg.instrument.is_funded();
            self.account.trade(lot, funded, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.record_trade(step, leg, fill, lot.bucket, self.layers[index].position, rule);
        }
        let layer = &mut self.layers[index];
        layer.lots = lots;
        layer.contracts = wanted;
        if change > 0 {
            layer.cost += paid;
            return 0;
        }
        let cost_sold = (layer.cost as f64 * (-change as f64 / per_contract as f64)).round() as i64;
        layer.cost -= cost_sold;
        let realised = -paid - cost_sold;
        self.realise(book, step, realised);
        realised
    }

    /// Futures are bought only as far as free cash carries their initial margin, what the layer sells included.
    pub(super) fn affordable<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        layer: &HedgeLayer,
        instruments: &[(Instrument, i64)],
        quotes: &[Quote],
        index: usize,
        wanted: i64,
    ) -> i64 {
        if layer.instrument != LayerInstrument::VixFuture {
            return self.paid_for(book, step, instruments, quotes, index, wanted);
        }
        let own: i64 = self.layers[index].lots.iter().map(|lot| self.futures_margin(book, step, lot)).sum();
        let free = (self.excess(book, step) + own).max(0);
        let days_out = instruments[0].0.expiry().map_or(0, |expiry| expiry - step.state.day);
        let each = initial_margin(book, step.state.day, quotes[0].mid, days_out);
        let contracts = wanted.min(free / each.max(1));
        if contracts < wanted {
            self.note(step, incident::BUYING_POWER, (wanted - contracts) as f64);
        }
        contracts
    }

    pub(super) fn trigger_rolls<M: Marks>(&mut self, book: &Book, step: &Step<'_, M>) {
        let Some(hedge) = &book.hedge else { return };
        self.rises.update(hedge, step.state.vix_quoted[step.path], step.state.is_close);
        for (layer, rule) in self.layers.iter_mut().zip(&hedge.layers) {
            let dte = layer.expiry.map(|expiry| expiry - step.state.day);
            layer.roll_due |= rule.roll_dte > 0 && dte.is_some_and(|dte| dte <= rule.roll_dte);
            let held = !layer.lots.is_empty();
            layer.roll_due |= held && rule.roll_every.is_some_and(|days| step.state.day - layer.bought >= days);
        }
    }
}

/// Contracts of a layer: condors over the base, times weight and multiplier; at least one where the layer is active.
pub(super) fn layer_contracts(condors: f64, hedge: &LayeredHedge, weight: f64, multiplier: f64) -> i64 {
    let exact = condors / hedge.per_condors * weight * multiplier;
    if exact <= 0.0 {
        return 0;
    }
    let rounded = match hedge.rounding {
        Rounding::Nearest => exact.round(),
        Rounding::Ceil => exact.ceil(),
    };
    (rounded as i64).max(1)
}
