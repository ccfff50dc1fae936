//! What the hedge may cost in calm markets: carry against what the condors yield above the cost of capital, and the
//! stressed beta that a cut may not exceed.

use super::tactics::Tactics;
use super::{BookAccount, Step};
use crate::book::{Book, LayeredHedge};
use crate::engine::ledger::unit_cents;
use crate::engine::legs::Slot;
use crate::engine::record::incident;
use crate::instrument::{Instrument, OPEN_SECONDS, years_between};
use crate::marks::Marks;
use crate::phase::Phase;
use crate::policy::caps::{self, Capital};
use crate::policy::{AdaptivePolicy, target};
use crate::surface::vix::pass_through;

/// Days over which a roll is foreseen, and how often that fits into a year.
const ROLL_DAYS: i32 = 30;
const ROLLS_PER_YEAR: f64 = 12.0;
const DAYS_PER_YEAR: f64 = 365.0;

impl BookAccount {
    /// Bounds the hedge on the close of a calm session; sets the bound aside in any other phase.
    pub(super) fn plan_caps<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        tactics: &mut Tactics,
        step: &mut Step<'_, M>,
    ) {
        let Some(hedge) = &book.hedge else { return };
        if !config.caps || !step.state.is_close {
            return;
        }
        let equity = self.equity();
        tactics.beta.push(config.beta_sessions as usize, equity as f64, step.state.spot[step.path]);
        if !step.signals.is_warm || step.signals.phase != Phase::Calm {
            tactics.memory.wanted.scale = 1.0;
            return;
        }
        let scale = self.cap_scale(config, hedge, tactics, step, equity as f64);
        tactics.memory.wanted.scale = scale;
        if scale < 1.0 {
            self.note(step, incident::CAPS_BIND, scale);
        }
    }

    /// Share of the hedge that the caps leave.
    fn cap_scale<M: Marks>(
        &self,
        config: &AdaptivePolicy,
        hedge: &LayeredHedge,
        tactics: &mut Tactics,
        step: &mut Step<'_, M>,
        equity: f64,
    ) -> f64 {
        let uncapped = target::Components { scale: 1.0, ..tactics.memory.wanted };
        target::multipliers(config, &uncapped, &tactics.base, &tactics.memory.exchange, &mut tactics.scratch);
        let layers = &self.layers;
        let contracts =
            |index: usize| layers[index].condors / hedge.per_condors * tactics.base[index] * tactics.scratch[index];
        let held = || {
            let sized = layers.iter().enumerate().filter(|(index, _)| tactics.base[*index] > 0.0);
            sized.filter_map(|(index, layer)| layer.lots.first().map(|lot| (index, lot.slot)))
        };
        let mut carry = 0.0;
        for (index, slot) in held() {
            carry += contracts(index) * carry_of(step, slot) * ROLLS_PER_YEAR;
        }
        let (mut risk, mut yearly) = (0.0, 0.0);
        for condor in &self.condors {
            let days = f64::from((condor.expiry.day - condor.opened).max(1));
            risk += condor.max_loss as f64;
            yearly += condor.credit as f64 * DAYS_PER_YEAR / days;
        }
        let capital = Capital { equity, debt: (-self.account.cash).max(0) as f64, rate: step.state.rate[step.path] };
        let wacc = caps::cost_of_capital(config, &capital, tactics.beta.value());
        let mut bound = config.carry_max * equity;
        if risk > 0.0 && config.carry_condors <= self.tally.condors && self.closed_credit > 0 {
            let lost = 1.0 - self.closed_pnl as f64 / self.closed_credit as f64;
            bound = bound.min((yearly * (1.0 - lost) / risk - wacc).max(0.0) * risk);
        }
        if carry <= bound {
            return 1.0;
        }
        let mut gain = 0.0;
        for (index, slot) in held() {
            gain += contracts(index) * stress_gain(step, slot, config.stress_vix);
        }
        let loss = self.stress_loss(step, config.stress_move);
        let limit = config.stressed_beta * -config.stress_move * equity;
        caps::scale(carry, bound, loss - limit, gain)
    }

    /// Loss of the condors in cents if they expired at the index of the stress scenario.
    fn stress_loss<M: Marks>(&self, step: &Step<'_, M>, relative_move: f64) -> f64 {
        let spot = step.state.spot[step.path] * (1.0 + relative_move);
        let lots = self.condors.iter().flat_map(|condor| condor.lots.iter());
        lots.map(|lot| {
            let instrument = step.legs.instrument(lot.slot);
            let Instrument::SpxOption { right, strike, .. } = instrument else { return 0.0 };
            (lot.value - lot.contracts * unit_cents(instrument, right.payoff(spot, strike))) as f64
        })
        .sum()
    }
}

/// What one contract loses in cents in a month in which nothing changes: the same strike a month shorter, today.
fn carry_of<M: Marks>(step: &mut Step<'_, M>, slot: Slot) -> f64 {
    let instrument = step.legs.instrument(slot);
    let Instrument::VixOption { right, strike, expiry } = instrument else { return 0.0 };
    let now = step.legs.quote(slot).mid;
    let shorter = expiry - ROLL_DAYS;
    let later = if shorter > step.state.day {
        let aged = Instrument::VixOption { right, strike, expiry: shorter };
        step.legs.peek(step.marks, step.state, step.path, aged).mid
    } else {
        right.payoff(step.state.vix[step.path], strike)
    };
    let lost = now - if later.is_finite() { later } else { 0.0 };
    if lost.is_finite() { unit_cents(instrument, lost) as f64 } else { 0.0 }
}

/// What one contract gains at least in cents when VIX rises: by its delta, or to what it is then worth at expiry.
fn stress_gain<M: Marks>(step: &mut Step<'_, M>, slot: Slot, d_vix: f64) -> f64 {
    let instrument = step.legs.instrument(slot);
    let Instrument::VixOption { right, strike, expiry } = instrument else { return 0.0 };
    let rise = pass_through(years_between(step.state.day, step.state.seconds, expiry, OPEN_SECONDS)) * d_vix;
    let now = step.legs.quote(slot).mid;
    let linear = step.marks.delta(step.state, step.path, instrument) * rise;
    let intrinsic = right.payoff(step.marks.forward(step.state, step.path, instrument) + rise, strike) - now;
    let gain = linear.max(intrinsic);
    if gain.is_finite() { unit_cents(instrument, gain) as f64 } else { 0.0 }
}
