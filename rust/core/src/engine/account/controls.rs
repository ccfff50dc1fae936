//! Controls beside the adaptive hedge: a hedge in constant motion, and a seller that chases breakouts.

use super::layers::LayerChange;
use super::tactics::{Tactics, layer_inputs};
use super::{BookAccount, Snapshot, Step};
use crate::book::{Book, LayerInstrument, LayeredHedge};
use crate::calendar::listing::ListedExpiry;
use crate::instrument::{Instrument, OPEN_SECONDS, Right, Settlement, years_between};
use crate::marks::{Marks, OptionProduct};
use crate::policy::{BreakoutPolicy, MotionPolicy, rule};
use crate::positions::strikes::Series;
use crate::surface::vix::pass_through;

const DAYS_PER_YEAR: f64 = 365.0;

impl BookAccount {
    /// Strikes every layer of calls anew, in as many contracts as its base beta-vega needs.
    pub(super) fn execute_motion<M: Marks>(
        &mut self,
        book: &Book,
        config: &MotionPolicy,
        hedge: &LayeredHedge,
        step: &mut Step<'_, M>,
        known: &Snapshot,
    ) {
        for (index, layer) in hedge.layers.iter().enumerate() {
            let base = self.tactics.as_ref().map_or(0.0, |tactics| tactics.base[index]);
            let held = self.layers[index].lots.first().copied();
            let (Some(lot), Some(day)) = (held, self.layers[index].expiry) else { continue };
            if layer.instrument != LayerInstrument::VixCall || base <= 0.0 || self.layers[index].roll_due {
                continue;
            }
            let old = step.legs.instrument(lot.slot);
            let delta = step.marks.delta(step.state, step.path, old);
            let expiry = ListedExpiry { day, settlement: Settlement::Am, weekly: false };
            let series = Series { state: step.state, path: step.path, product: OptionProduct::Vix, expiry };
            let new = if (delta - layer.delta).abs() <= config.delta_tolerance {
                old
            } else {
                let strike = series.by_delta(step.marks, Right::Call, layer.delta);
                series.option(Right::Call, strike)
            };
            let delta = step.marks.delta(step.state, step.path, new);
            let beta = pass_through(years_between(step.state.day, step.state.seconds, day, OPEN_SECONDS));
            let target = layer.delta * pass_through(f64::from(layer.dte) / DAYS_PER_YEAR);
            let exact = self.layers[index].condors / hedge.per_condors * base * target / (delta * beta);
            if !exact.is_finite() {
                continue;
            }
            let wanted = (exact.round() as i64).max(1);
            let before = self.layers[index].contracts;
            if new == old && wanted == before {
                continue;
            }
            self.log(step, rule::MOTION, before as f64, wanted as f64, |vix, signals| {
                layer_inputs(&layer.name, vix, signals, &[("delta", delta)])
            });
            if new == old {
                self.resize(book, step, index, wanted, rule::MOTION);
            } else {
                self.restrike(book, step, known, index, new, wanted);
            }
        }
    }

    fn restrike<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        index: usize,
        new: Instrument,
        wanted: i64,
    ) {
        let quote = step.legs.peek(step.marks, step.state, step.path, new);
        if !quote.mid.is_finite() {
            return;
        }
        let (instruments, quotes) = (vec![(new, 1)], vec![quote]);
        let wanted = self.paid_for(book, step, &instruments, &quotes, index, wanted);
        let (expiry, condors) = (self.layers[index].expiry, self.layers[index].condors);
        let change = LayerChange { instruments, quotes, expiry, wanted, rule: rule::MOTION };
        self.exchange(book, step, known, index, &change);
        // The base is that of the latest roll: only beta-vega moves the size in between.
        self.layers[index].condors = condors;
    }

    /// Closes every condor and sells anew when the index closes outside of its range.
    pub(super) fn plan_breakout<M: Marks>(
        &mut self,
        config: &BreakoutPolicy,
        tactics: &mut Tactics,
        step: &mut Step<'_, M>,
    ) {
        let spot = step.state.spot[step.path];
        if !step.state.is_close || !spot.is_finite() {
            return;
        }
        let (high, low) = tactics
            .closes
            .iter()
            .fold((f64::NAN, f64::NAN), |(high, low): (f64, f64), &close| (high.max(close), low.min(close)));
        let full = tactics.closes.len() == config.range_sessions as usize;
        if full {
            tactics.closes.pop_front();
        }
        tactics.closes.push_back(spot);
        let outside = full && (spot > high || spot < low);
        // A breakout is the first close outside; a trend that goes on is not another one.
        tactics.enter_now = outside && !std::mem::replace(&mut tactics.outside, outside);
        tactics.outside = outside;
        if !tactics.enter_now {
            return;
        }
        for index in 0..self.condors.len() {
            if self.condors[index].exit.is_none() {
                let contracts = self.condors[index].contracts as f64;
                self.condors[index].exit = Some(rule::BREAKOUT);
                self.log(step, rule::BREAKOUT, contracts, 0.0, |_, _| {
                    format!("{{\"spot\":{spot},\"low\":{low},\"high\":{high}}}")
                });
            }
        }
    }
}
