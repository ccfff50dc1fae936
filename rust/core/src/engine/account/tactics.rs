//! The rules of a book at work on one account: planned on one bar, carried out on the next.

use std::collections::VecDeque;

use super::{BookAccount, Snapshot, Step};
use crate::book::{Book, LayerSizing};
use crate::engine::record::Decision;
use crate::marks::Marks;
use crate::policy::caps::Beta;
use crate::policy::memory::{Bar, Memory};
use crate::policy::target::Components;
use crate::policy::{AdaptivePolicy, Rules, rule};
use crate::signals::Reading;

/// What the hedge does on the next bar.
#[derive(Debug, Clone, Default)]
pub(super) struct HedgeOrders {
    /// Every layer is struck anew and the outer gain recycled.
    pub(super) normalise: bool,
    /// The outer layer is struck anew and its gain recycled.
    pub(super) recycle: bool,
    /// Outer contracts to sell on the ladder.
    pub(super) ladder: i64,
    /// Contracts of each layer and the rule behind them; `None`: left alone.
    pub(super) sizes: Vec<Option<(i64, u16)>>,
}

impl HedgeOrders {
    fn is_empty(&self) -> bool {
        !self.normalise && !self.recycle && self.ladder == 0 && self.sizes.iter().all(Option::is_none)
    }
}

/// Memory of the rules of one account.
#[derive(Debug)]
pub(super) struct Tactics {
    pub(super) memory: Memory,
    /// Weights of the layers; 0 for layers that the rules do not size.
    pub(super) base: Vec<f64>,
    pub(super) orders: HedgeOrders,
    pub(super) multipliers: Vec<f64>,
    pub(super) scratch: Vec<f64>,
    /// Returns behind the beta of the account.
    pub(super) beta: Beta,
    /// Closes of the index behind the range of the breakout.
    pub(super) closes: VecDeque<f64>,
    /// The latest close was outside of the range.
    pub(super) outside: bool,
    /// A condor is sold on the next bar whatever the schedule.
    pub(super) enter_now: bool,
    /// The expansion keeps condors away that the tier would let in.
    gate_shut: bool,
    strike_shift: f64,
}

impl Tactics {
    /// Memory for a book with rules.
    pub(super) fn new(book: &Book) -> Option<Box<Self>> {
        book.rules.as_ref()?;
        let layers = book.hedge.as_ref().map_or(&[][..], |hedge| &hedge.layers);
        let weight = |sizing: &LayerSizing| match sizing {
            LayerSizing::Weight(weight) => *weight,
            _ => 0.0,
        };
        Some(Box::new(Self {
            memory: Memory::default(),
            base: layers.iter().map(|layer| weight(&layer.sizing)).collect(),
            orders: HedgeOrders { sizes: vec![None; layers.len()], ..HedgeOrders::default() },
            multipliers: vec![1.0; layers.len()],
            scratch: Vec::with_capacity(layers.len()),
            beta: Beta::default(),
            closes: VecDeque::new(),
            outside: false,
            enter_now: false,
            gate_shut: false,
            strike_shift: 0.0,
        }))
    }
}

impl BookAccount {
    /// Decides what the rules want, on everything known at this step.
    pub(super) fn plan_tactics<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let (Some(rules), Some(mut tactics)) = (&book.rules, self.tactics.take()) else { return };
        match rules {
            Rules::Adaptive(config) => self.plan_adaptive(book, config, &mut tactics, step),
            Rules::Motion(_) => {}
            Rules::Breakout(config) => self.plan_breakout(config, &mut tactics, step),
        }
        self.tactics = Some(tactics);
    }

    fn plan_adaptive<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        tactics: &mut Tactics,
        step: &mut Step<'_, M>,
    ) {
        let state = step.state;
        let bar =
            Bar { day: state.day, seconds: state.seconds, is_close: state.is_close, vix: state.vix_quoted[step.path] };
        tactics.memory.observe(config, step.signals, &bar);
        self.plan_condors(book, config, &tactics.memory, step);
        if let Some(hedge) = &book.hedge {
            self.plan_caps(book, config, tactics, step);
            self.plan_hedge(config, hedge, tactics, step);
            self.targets.layer_multiplier.clone_from(&tactics.multipliers);
        }
        self.plan_entries(book, config, tactics, step);
        self.plan_sleeve(config, tactics, step);
    }

    /// What the phase and the valuation say about new condors.
    fn plan_entries<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        tactics: &mut Tactics,
        step: &mut Step<'_, M>,
    ) {
        if book.condor.is_none() {
            return;
        }
        let shut = config.expansion_gate && !tactics.memory.gate_open && self.targets.entries_open;
        if shut {
            self.targets.entries_open = false;
        }
        if shut != tactics.gate_shut {
            tactics.gate_shut = shut;
            let (before, after) = (f64::from(u8::from(shut)), f64::from(u8::from(!shut)));
            self.log(step, rule::EXPANSION_GATE, before, after, |vix, signals| inputs(vix, signals, &[]));
        }
        let stretch = step.signals.stretch;
        let warm = step.signals.is_warm;
        let shift = if config.fair_value_shift && warm && stretch.abs() > config.fair_value_stretch {
            -config.fair_value_step * stretch.signum()
        } else {
            0.0
        };
        self.targets.strike_shift = shift;
        if shift.to_bits() != tactics.strike_shift.to_bits() {
            let before = std::mem::replace(&mut tactics.strike_shift, shift);
            self.log(step, rule::FAIR_VALUE, before, shift, |vix, signals| {
                inputs(vix, signals, &[("stretch", stretch)])
            });
        }
    }

    /// Carries out what was planned on the step before.
    pub(super) fn execute_tactics<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, known: &Snapshot) {
        if self.tactics.is_none() {
            return;
        }
        self.execute_condor_tactics(book, step, known);
        if let Some(Rules::Adaptive(config)) = &book.rules {
            self.execute_sleeve(book, config, step);
        }
        let Some(hedge) = &book.hedge else { return };
        if let Some(Rules::Motion(config)) = &book.rules {
            self.execute_motion(book, config, hedge, step, known);
            return;
        }
        let Some(tactics) = &mut self.tactics else { return };
        if tactics.orders.is_empty() {
            return;
        }
        let empty = HedgeOrders { sizes: vec![None; hedge.layers.len()], ..HedgeOrders::default() };
        let orders = std::mem::replace(&mut tactics.orders, empty);
        if let Some(Rules::Adaptive(config)) = &book.rules {
            self.execute_hedge_orders(book, config, hedge, step, known, &orders);
        }
    }

    /// Writes a decision whose inputs are already text.
    pub(super) fn log<M: Marks>(
        &self,
        step: &mut Step<'_, M>,
        rule: u16,
        before: f64,
        after: f64,
        inputs: impl FnOnce(f64, &Reading) -> String,
    ) {
        let (vix, signals) = (step_vix(step), step.signals);
        let (day, seconds) = (step.state.day, step.state.seconds);
        if let Some(record) = step.record.as_deref_mut() {
            let inputs = inputs(vix, signals);
            record.decisions.push(Decision { book: self.book_index, day, seconds, rule, before, after, inputs });
        }
    }
}

fn step_vix<M: Marks>(step: &Step<'_, M>) -> f64 {
    step.state.vix_quoted[step.path]
}

/// A number as JSON: what is not known is null.
pub(super) fn number(x: f64) -> String {
    if x.is_finite() { x.to_string() } else { String::from("null") }
}

/// What a rule looked at, as a JSON object; `more` comes first.
pub(super) fn inputs(vix: f64, signals: &Reading, more: &[(&str, f64)]) -> String {
    use std::fmt::Write;
    let mut text = String::from("{");
    for (name, value) in more {
        let _ = write!(text, "\"{name}\":{},", number(*value));
    }
    let alarm = &signals.alarm;
    let state = match (alarm.cascade, alarm.ignited, alarm.armed) {
        (true, _, _) => "cascade",
        (_, true, _) => "ignited",
        (_, _, true) => "armed",
        _ => "none",
    };
    let _ = write!(
        text,
        "\"vix\":{},\"daily_range\":{},\"score\":{},\"standing\":{},\"quick_ratio\":{},\"phase\":\"{:?}\",\"alarm\":\"{state}\"}}",
        number(vix),
        number(signals.daily_range),
        number(signals.score),
        signals.standing,
        number(signals.quick_ratio),
        signals.phase,
    );
    text.replace(&format!("{:?}", signals.phase), &format!("{:?}", signals.phase).to_lowercase())
}

/// The same with the layer that it is about.
pub(super) fn layer_inputs(layer: &str, vix: f64, signals: &Reading, more: &[(&str, f64)]) -> String {
    format!("{{\"layer\":\"{layer}\",{}", &inputs(vix, signals, more)[1..])
}

/// The components one rule after the other, in the order in which they apply: each step and its rule.
pub(super) fn component_steps(from: &Components, to: &Components) -> [(u16, Components); 6] {
    let mut now = *from;
    let mut take = |rule: u16, set: fn(&mut Components, &Components)| {
        set(&mut now, to);
        (rule, now)
    };
    [
        take(rule::HEDGE_SIZING, |now, to| now.score = to.score),
        take(rule::AUTOMATIC_VEGA, |now, to| now.vega = to.vega),
        take(rule::VEGA_EXCEPTION, |now, to| now.exception = to.exception),
        take(rule::PRESS, |now, to| now.press = to.press),
        take(if to.shift { rule::TIME_SHIFT } else { rule::TIME_SHIFT_BACK }, |now, to| now.shift = to.shift),
        take(rule::CAPS, |now, to| now.scale = to.scale),
    ]
}
