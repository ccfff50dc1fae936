//! The hedge under the adaptive rules: how large each layer should be, and the orders that make it so.

use super::layers::layer_contracts;
use super::tactics::{HedgeOrders, Tactics, component_steps, layer_inputs};
use super::{BookAccount, Snapshot, Step};
use crate::book::{Book, LayeredHedge};
use crate::costs::InstrumentKind;
use crate::costs::fees::fee_cents;
use crate::engine::ledger::unit_cents;
use crate::instrument::{Instrument, OPEN_SECONDS, years_between};
use crate::marks::{Marks, Quote};
use crate::policy::limits::{Cause, is_worth};
use crate::policy::{AdaptivePolicy, target};
use crate::surface::vix::pass_through;

/// Points that rounding to the tick can add to a fill beyond the whole half-spread.
const TICK_ROOM: f64 = 0.1;

impl BookAccount {
    /// Decides on normalising, recycling, the ladder or a change of sizes; at most one of them a bar.
    pub(super) fn plan_hedge<M: Marks>(
        &mut self,
        config: &AdaptivePolicy,
        hedge: &LayeredHedge,
        tactics: &mut Tactics,
        step: &mut Step<'_, M>,
    ) {
        let Some(cause) = tactics.memory.cause else { return };
        let (day, seconds) = (step.state.day, step.state.seconds);
        let admitted = |tactics: &Tactics| tactics.memory.limits.admits(config, cause, day, seconds);
        if self.plan_recycling(config, hedge, tactics, step, cause) {
            return;
        }
        if tactics.memory.wanted == tactics.memory.applied {
            return;
        }
        if tactics.memory.wanted.shift && !tactics.memory.applied.shift {
            self.exchange_ratios(step, &mut tactics.memory.exchange);
        }
        let memory = &tactics.memory;
        target::multipliers(config, &memory.wanted, &tactics.base, &memory.exchange, &mut tactics.scratch);
        let wanted = |layer: usize, multiplier: f64| {
            let held = &self.layers[layer];
            layer_contracts(held.condors, hedge, tactics.base[layer], multiplier) + held.extra
        };
        let worth: Vec<bool> = (0..self.layers.len())
            .map(|layer| {
                let held = self.layers[layer].contracts;
                let sized = tactics.base[layer] > 0.0 && held > 0;
                sized && is_worth(held, wanted(layer, tactics.scratch[layer]), config.hysteresis)
            })
            .collect();
        if !worth.contains(&true) || !admitted(tactics) {
            return;
        }
        let mut before: Vec<i64> = self.layers.iter().map(|layer| layer.contracts).collect();
        let mut sizes = vec![None; before.len()];
        let mut last = tactics.memory.applied;
        for (rule, components) in component_steps(&tactics.memory.applied, &tactics.memory.wanted) {
            // A rule that wants what it wanted before explains nothing, not even contracts that are missing.
            if components == last {
                continue;
            }
            last = components;
            let memory = &tactics.memory;
            target::multipliers(config, &components, &tactics.base, &memory.exchange, &mut tactics.multipliers);
            for layer in (0..before.len()).filter(|&layer| worth[layer]) {
                let held = &self.layers[layer];
                let after =
                    layer_contracts(held.condors, hedge, tactics.base[layer], tactics.multipliers[layer]) + held.extra;
                if after != before[layer] {
                    let multiplier = tactics.multipliers[layer];
                    self.log(step, rule, before[layer] as f64, after as f64, |vix, signals| {
                        layer_inputs(&hedge.layers[layer].name, vix, signals, &[("multiplier", multiplier)])
                    });
                    before[layer] = after;
                    sizes[layer] = Some((after, rule));
                }
            }
        }
        tactics.memory.applied = tactics.memory.wanted;
        tactics.memory.limits.count(config, cause, day, seconds);
        tactics.orders.sizes = sizes;
    }

    /// Counts a change of the hedge if the limits admit one now.
    pub(super) fn admit<M: Marks>(
        config: &AdaptivePolicy,
        tactics: &mut Tactics,
        step: &Step<'_, M>,
        cause: Cause,
    ) -> bool {
        let (day, seconds) = (step.state.day, step.state.seconds);
        let admitted = tactics.memory.limits.admits(config, cause, day, seconds);
        if admitted {
            tactics.memory.limits.count(config, cause, day, seconds);
        }
        admitted
    }

    /// Outer contracts with the beta-vega of one contract of each layer, by what is held; NaN where nothing is.
    fn exchange_ratios<M: Marks>(&self, step: &mut Step<'_, M>, out: &mut Vec<f64>) {
        out.clear();
        for layer in &self.layers {
            let beta_vega: f64 = layer
                .lots
                .iter()
                .map(|lot| {
                    let instrument = step.legs.instrument(lot.slot);
                    let contracts = (lot.contracts / layer.contracts.max(1)) as f64;
                    contracts * beta_vega(step, instrument)
                })
                .sum();
            out.push(if layer.lots.is_empty() { f64::NAN } else { beta_vega });
        }
        let outer = out.first().copied().unwrap_or(f64::NAN);
        out.iter_mut().for_each(|ratio| *ratio = if outer > 0.0 { *ratio / outer } else { f64::NAN });
    }

    pub(super) fn execute_hedge_orders<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        hedge: &LayeredHedge,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        orders: &HedgeOrders,
    ) {
        self.execute_recycling(book, config, hedge, step, known, orders);
        let trades =
            self.hedged != Some(step.state.day) && (step.state.is_close || step.state.seconds >= hedge.trade_seconds);
        for (index, size) in orders.sizes.iter().enumerate() {
            // A roll on this very bar takes the new size with it.
            if let (Some((wanted, rule)), false) = (size, trades && self.layers[index].roll_due) {
                self.resize(book, step, index, *wanted, *rule);
            }
        }
    }

    /// How many of the wanted contracts a book with rules can pay for out of free cash, what the layer sells included.
    pub(super) fn paid_for<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        instruments: &[(Instrument, i64)],
        quotes: &[Quote],
        index: usize,
        wanted: i64,
    ) -> i64 {
        if self.tactics.is_none() {
            return wanted;
        }
        let scale = book.costs.spread_scale;
        let sold: i64 = self.layers[index]
            .lots
            .iter()
            .map(|lot| {
                let (instrument, quote) = (step.legs.instrument(lot.slot), step.legs.quote(lot.slot));
                let away = (quote.half_spread * scale + TICK_ROOM) * lot.contracts.signum() as f64;
                lot.contracts * unit_cents(instrument, quote.mid - away).max(0)
                    - self.most_fee(book, step, instrument, quote.mid, lot.contracts)
            })
            .sum();
        let each: i64 = instruments
            .iter()
            .zip(quotes)
            .map(|(&(instrument, sign), quote)| {
                let price = quote.mid + sign as f64 * (quote.half_spread * scale + TICK_ROOM);
                sign * unit_cents(instrument, price) + self.most_fee(book, step, instrument, price, 1)
            })
            .sum();
        let free = (self.excess(book, step) - self.sleeve.cash + sold).max(0);
        self.within_cash(step, wanted, 0, free / each.max(1))
    }

    /// The size of a layer after a change that free cash carries.
    pub(super) fn carried<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, index: usize, wanted: i64) -> i64 {
        let held = self.layers[index].contracts;
        if self.tactics.is_none() || wanted <= held || held == 0 {
            return wanted;
        }
        let each = self.unit_cost(book, step, index);
        let free = (self.excess(book, step) - self.sleeve.cash).max(0);
        self.within_cash(step, wanted, held, free / each.max(1))
    }

    fn within_cash<M: Marks>(&mut self, step: &mut Step<'_, M>, wanted: i64, held: i64, more: i64) -> i64 {
        let contracts = wanted.min(held + more);
        if contracts < wanted {
            self.note(step, crate::engine::record::incident::BUYING_POWER, (wanted - contracts) as f64);
        }
        contracts
    }

    /// The most that one more contract of what a layer holds can cost in cents.
    pub(super) fn unit_cost<M: Marks>(&self, book: &Book, step: &Step<'_, M>, index: usize) -> i64 {
        let layer = &self.layers[index];
        let scale = book.costs.spread_scale;
        layer
            .lots
            .iter()
            .map(|lot| {
                let (instrument, quote) = (step.legs.instrument(lot.slot), step.legs.quote(lot.slot));
                let sign = lot.contracts / layer.contracts.max(1);
                let price = quote.mid + sign as f64 * (quote.half_spread * scale + TICK_ROOM);
                sign * unit_cents(instrument, price) + self.most_fee(book, step, instrument, price, 1)
            })
            .sum()
    }

    /// The most that one contract can cost in cents.
    pub(super) fn most_cost<M: Marks>(
        &self,
        book: &Book,
        step: &Step<'_, M>,
        instrument: Instrument,
        quote: &Quote,
    ) -> i64 {
        let price = quote.mid + quote.half_spread * book.costs.spread_scale + TICK_ROOM;
        unit_cents(instrument, price) + self.most_fee(book, step, instrument, price, 1)
    }

    fn most_fee<M: Marks>(
        &self,
        book: &Book,
        step: &Step<'_, M>,
        instrument: Instrument,
        price: f64,
        contracts: i64,
    ) -> i64 {
        let kind = InstrumentKind::from(instrument);
        let fee = |complex| fee_cents(book.costs.fee_preset, kind, step.state.day, price, contracts.abs(), complex);
        fee(false).max(fee(true))
    }
}

/// Response of one contract to a point of spot VIX in USD: delta times the pass-through of its future.
pub(super) fn beta_vega<M: Marks>(step: &mut Step<'_, M>, instrument: Instrument) -> f64 {
    let Some(expiry) = instrument.expiry() else { return f64::NAN };
    let beta = pass_through(years_between(step.state.day, step.state.seconds, expiry, OPEN_SECONDS));
    let delta = match instrument {
        Instrument::VixOption { .. } => step.marks.delta(step.state, step.path, instrument),
        Instrument::VixFuture { .. } => 1.0,
        _ => f64::NAN,
    };
    instrument.multiplier() * delta * beta
}
