//! Gains of the outer layer: when they are realised, and what is bought with them.

use super::tactics::{HedgeOrders, Tactics, layer_inputs};
use super::{BookAccount, Snapshot, Step};
use crate::book::{Book, LayerInstrument, LayeredHedge};
use crate::instrument::CENTS_PER_USD;
use crate::marks::Marks;
use crate::policy::limits::Cause;
use crate::policy::{AdaptivePolicy, rule};

impl BookAccount {
    /// Gain of the outer layer over what its strike cost; NaN where nothing is held.
    fn outer_gain<M: Marks>(&self, step: &Step<'_, M>) -> f64 {
        let Some(layer) = self.layers.first() else { return f64::NAN };
        let is_call = layer.lots.iter().all(|lot| step.legs.instrument(lot.slot).is_funded());
        if layer.lots.is_empty() || layer.cost <= 0 || !is_call {
            return f64::NAN;
        }
        let value: i64 = layer.lots.iter().map(|lot| lot.value).sum();
        value as f64 / layer.cost as f64 - 1.0
    }

    /// Whether one of the rules on gains acts on the next bar.
    pub(super) fn plan_recycling<M: Marks>(
        &mut self,
        config: &AdaptivePolicy,
        hedge: &LayeredHedge,
        tactics: &mut Tactics,
        step: &mut Step<'_, M>,
        cause: Cause,
    ) -> bool {
        let gain = self.outer_gain(step);
        let name = &hedge.layers[0].name;
        if tactics.memory.normalise_due {
            if !Self::admit(config, tactics, step, cause) {
                return false;
            }
            tactics.memory.normalise_due = false;
            tactics.orders.normalise = true;
            let contracts = self.layers[0].contracts as f64;
            self.log(step, rule::NORMALISE, contracts, contracts, |vix, signals| {
                layer_inputs(name, vix, signals, &[("gain", gain)])
            });
            return true;
        }
        if config.recycling && gain >= config.recycle_gain {
            if !Self::admit(config, tactics, step, cause) {
                return false;
            }
            tactics.orders.recycle = true;
            let contracts = self.layers[0].contracts as f64;
            self.log(step, rule::RECYCLE, contracts, contracts, |vix, signals| {
                layer_inputs(name, vix, signals, &[("gain", gain)])
            });
            return true;
        }
        let vix = step.state.vix_quoted[step.path];
        let rung = tactics.memory.rungs;
        let reached = config.ladder_levels.get(rung).is_some_and(|&level| vix >= level);
        if config.sell_ladder && reached && gain > 0.0 {
            let held = &self.layers[0];
            let core = (config.core_share * held.condors / hedge.per_condors * tactics.base[0]).ceil() as i64;
            let share = (config.ladder_share * held.contracts as f64).round() as i64;
            let sold = share.max(1).min(held.contracts - core.max(1)).max(0);
            if sold == 0 || !Self::admit(config, tactics, step, cause) {
                return false;
            }
            tactics.memory.rungs += 1;
            tactics.orders.ladder = sold;
            let (before, after) = (held.contracts as f64, (held.contracts - sold) as f64);
            self.log(step, rule::SELL_LADDER, before, after, |vix, signals| {
                layer_inputs(name, vix, signals, &[("gain", gain), ("level", config.ladder_levels[rung])])
            });
            return true;
        }
        false
    }

    pub(super) fn execute_recycling<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        hedge: &LayeredHedge,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        orders: &HedgeOrders,
    ) {
        let multiplier = |index: usize| known.targets.layer_multiplier.get(index).copied().unwrap_or(1.0);
        if orders.normalise {
            let mut gain = 0;
            for index in 0..hedge.layers.len() {
                if !self.layers[index].lots.is_empty() {
                    let realised =
                        self.purchase(book, hedge, step, known, index, multiplier(index), Some(rule::NORMALISE));
                    if index == 0 {
                        gain = realised;
                    }
                }
            }
            self.recycle(book, config, hedge, step, gain, rule::NORMALISE);
        } else if orders.recycle {
            let gain = self.purchase(book, hedge, step, known, 0, multiplier(0), Some(rule::RECYCLE));
            self.recycle(book, config, hedge, step, gain, rule::RECYCLE);
        } else if orders.ladder > 0 {
            let wanted = self.layers[0].contracts - orders.ladder;
            let gain = self.resize(book, step, 0, wanted, rule::SELL_LADDER);
            self.recycle(book, config, hedge, step, gain, rule::SELL_LADDER);
        }
    }

    /// Buys calls of the longer layers with a share of a realised gain, by their weights.
    fn recycle<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        hedge: &LayeredHedge,
        step: &mut Step<'_, M>,
        gain: i64,
        rule: u16,
    ) {
        let base = |account: &Self, index: usize| account.tactics.as_ref().map_or(0.0, |tactics| tactics.base[index]);
        let calls: Vec<usize> = (1..hedge.layers.len())
            .filter(|&index| hedge.layers[index].instrument == LayerInstrument::VixCall)
            .filter(|&index| !self.layers[index].lots.is_empty() && base(self, index) > 0.0)
            .collect();
        let weights: f64 = calls.iter().map(|&index| base(self, index)).sum();
        if gain <= 0 || weights <= 0.0 {
            return;
        }
        let budget = config.recycle_share * gain as f64;
        for index in calls {
            let own = budget * base(self, index) / weights;
            let each = self.unit_cost(book, step, index).max(1);
            let more = (own / each as f64).floor() as i64;
            let held = self.layers[index].contracts;
            let wanted = self.carried(book, step, index, held + more);
            if wanted > held {
                self.log(step, rule, held as f64, wanted as f64, |vix, signals| {
                    layer_inputs(&hedge.layers[index].name, vix, signals, &[("gain", gain as f64 / CENTS_PER_USD)])
                });
                self.resize(book, step, index, wanted, rule);
                self.layers[index].extra += wanted - held;
            }
        }
    }
}
