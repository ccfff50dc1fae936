//! What the adaptive policy remembers of one account from step to step.

use super::AdaptivePolicy;
use super::limits::{Cause, ChangeLimits};
use super::target::{self, Components};
use crate::instrument::Day;
use crate::phase::Phase;
use crate::signals::Reading;

/// What one closed bar means to the rules, before anything about the account is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Session.
    pub day: Day,
    /// Seconds after midnight New York.
    pub seconds: i32,
    /// Last step of its session.
    pub is_close: bool,
    /// VIX as quoted.
    pub vix: f64,
}

/// State of the rules of one account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// Components behind the layers as they were last ordered.
    pub applied: Components,
    /// Components of the latest bar.
    pub wanted: Components,
    /// Outer contracts with the beta-vega of one contract of each layer, at the latest shift.
    pub exchange: Vec<f64>,
    /// Changes of the session.
    pub limits: ChangeLimits,
    /// Why a change would be made on the latest bar.
    pub cause: Option<Cause>,
    /// Added to the outer multiplier in the present cash press.
    press: f64,
    /// Beta-vega is shifted outward.
    shift: bool,
    /// A cash press saw a bullish cross on the latest bar.
    pub press_cross: bool,
    /// Phase of the bar before.
    pub phase: Phase,
    /// Volatility normalises and the layers are still to be struck anew.
    pub normalise_due: bool,
    /// Conditions to roll threatened condors to a few days hold.
    pub condors_out: bool,
    /// Conditions to roll them back hold.
    pub condors_back: bool,
    /// Steps of the sell ladder that were taken since the last calm.
    pub rungs: usize,
    /// Condors may be sold as far as the phase is concerned.
    pub gate_open: bool,
}

impl Memory {
    /// Takes in one bar. Every rule is silent until the warm-up is over.
    pub fn observe(&mut self, config: &AdaptivePolicy, reading: &Reading, bar: &Bar) {
        self.press_cross = false;
        self.gate_open = true;
        self.condors_out = false;
        self.condors_back = false;
        if !reading.is_warm {
            self.phase = reading.phase;
            return;
        }
        let alarm = &reading.alarm;
        let ignited = alarm.ignited || alarm.cascade;
        self.cause = Some(match (ignited, alarm.armed) {
            (true, _) => Cause::Ignited,
            (false, true) => Cause::Armed,
            (false, false) => Cause::Ordinary,
        });
        if reading.phase != Phase::Press {
            self.press = 0.0;
        } else if bar.is_close && reading.macd_cross > 0 {
            self.press_cross = true;
            self.press = (self.press + config.press_step).min(config.multiplier_max);
        }
        let pressed = bar.vix > config.shift_vix || reading.daily_range > config.shift_range;
        self.shift = (pressed || alarm.armed || ignited) && reading.phase != Phase::Normalisation;
        self.condors_out = pressed;
        self.condors_back = bar.vix <= config.shift_vix && reading.daily_range < config.shift_range;
        match reading.phase {
            Phase::Expansion => self.gate_open = bar.vix <= config.gate_vix,
            Phase::Normalisation => self.gate_open = bar.vix < config.gate_vix,
            Phase::Calm | Phase::Press => {}
        }
        match (self.phase, reading.phase) {
            (Phase::Expansion, Phase::Normalisation) => self.normalise_due = config.normalisation,
            (_, Phase::Calm | Phase::Press) => {
                self.normalise_due = false;
                self.rungs = 0;
            }
            (_, Phase::Expansion) => self.normalise_due = false,
            _ => {}
        }
        self.phase = reading.phase;
        let (vega, exception) =
            target::automatic_vega(config, reading.quick_ratio, reading.standing >= config.signals.quorum);
        self.wanted = Components {
            score: if config.sizing { reading.score } else { 0.0 },
            vega,
            exception,
            press: if config.press { self.press } else { 0.0 },
            shift: config.time_shift_hedge && self.shift,
            scale: self.wanted.scale,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::Alarm;

    fn bar(vix: f64) -> Bar {
        Bar { day: 1, seconds: 57_600, is_close: true, vix }
    }

    fn seen() -> Reading {
        Reading { is_warm: true, ..Reading::default() }
    }

    #[test]
    fn nothing_happens_in_the_warm_up() {
        let config = AdaptivePolicy::default();
        let mut memory = Memory::default();
        let early = Reading { is_warm: false, score: 1.0, standing: 5, ..seen() };
        memory.observe(&config, &early, &bar(40.0));
        assert_eq!(memory.wanted, Components::default());
        assert!(memory.gate_open && !memory.condors_out);
    }

    #[test]
    fn a_shift_comes_with_any_trigger_and_goes_back_when_volatility_normalises() {
        let config = AdaptivePolicy::default();
        let mut memory = Memory::default();
        let mut shifted = |reading: &Reading, vix: f64| {
            memory.observe(&config, reading, &bar(vix));
            memory.wanted.shift
        };
        assert!(!shifted(&seen(), 16.0));
        assert!(shifted(&seen(), 16.01));
        assert!(shifted(&Reading { daily_range: 0.95, ..seen() }, 12.0));
        assert!(shifted(&Reading { alarm: Alarm { armed: true, ..Alarm::default() }, ..seen() }, 12.0));
        assert!(shifted(&Reading { phase: Phase::Expansion, ..seen() }, 30.0));
        assert!(!shifted(&Reading { phase: Phase::Normalisation, ..seen() }, 30.0));
    }

    #[test]
    fn each_bullish_cross_of_a_press_adds_a_step_until_the_press_ends() {
        let config = AdaptivePolicy::default();
        let mut memory = Memory::default();
        let press = Reading { phase: Phase::Press, macd_cross: 1, ..seen() };
        memory.observe(&config, &press, &bar(14.0));
        memory.observe(&config, &press, &bar(14.0));
        assert!((memory.wanted.press - 0.5).abs() < 1e-12);
        assert!(memory.press_cross);
        memory.observe(&config, &press, &Bar { is_close: false, ..bar(14.0) });
        assert!(!memory.press_cross && memory.wanted.press > 0.4, "a cross is of a closed bar");
        memory.observe(&config, &seen(), &bar(14.0));
        assert!(memory.wanted.press < 1e-12);
    }
}
