//! Folds the steps of one path into a reading.

use std::sync::Arc;

use crate::market::MarketState;
use crate::market::state::flag;
use crate::math;
use crate::phase::{Bar, PhaseBar, PhaseMachine};
use crate::positions::strikes::expected_daily_range;
use crate::signals::carry::term_structure;
use crate::signals::exogenous::{
    Amplifier, Breadth, Change, DexFlow, RateDifferential, ReitLead, SpreadRatio, implied_rate,
};
use crate::signals::indicators::{Macd, Rsi};
use crate::signals::input::{self, input_at, is_given};
use crate::signals::valuation::Valuation;
use crate::signals::window::{Window, ratio};
use crate::signals::{Alarm, GROUP_START, GROUPS, INPUTS, MAX_USER_SIGNALS, Reading, SIGNALS, SignalConfig, signal};

/// Sessions of a year of volatility, and closes behind the realised part of the expected daily range (HV20).
const SESSIONS_PER_YEAR: f64 = 252.0;
const RANGE_WINDOW: usize = 20;
/// Times of day that a machine on steps tells apart.
const MAX_SLOTS: usize = 128;

/// What follows from a configuration once.
#[derive(Debug)]
struct Rules {
    config: SignalConfig,
    weights: [f64; GROUPS.len()],
    is_off: [bool; SIGNALS.len() + MAX_USER_SIGNALS],
    user_group: [usize; MAX_USER_SIGNALS],
    /// Column of each signal of a user; beyond all columns where the market has none of that name.
    user_column: [usize; MAX_USER_SIGNALS],
}

impl Rules {
    fn new(config: &SignalConfig, user_columns: &[String]) -> Self {
        let mut is_off = [false; SIGNALS.len() + MAX_USER_SIGNALS];
        for index in config.off.iter().filter_map(|name| config.index_of(name)) {
            is_off[index] = true;
        }
        let mut user_group = [0; MAX_USER_SIGNALS];
        let mut user_column = [usize::MAX; MAX_USER_SIGNALS];
        for (index, user) in config.user.iter().enumerate() {
            user_group[index] = GROUPS.iter().position(|group| *group == user.group).unwrap_or_default();
            if let Some(place) = user_columns.iter().position(|name| *name == user.column) {
                user_column[index] = INPUTS.len() + place;
            }
        }
        Self { config: config.clone(), weights: config.weights.values(), is_off, user_group, user_column }
    }
}

/// Moves of the index over bars of one time of day.
#[derive(Debug, Clone)]
struct Slot {
    seconds: i32,
    moves: Window,
}

/// The signals of one path. Strictly causal: after `push` of a step the reading holds what is known at that step.
#[derive(Debug, Clone)]
pub struct Tracker {
    rules: Arc<Rules>,
    fold: Fold,
}

impl Tracker {
    /// A tracker before its first step. `user_columns` are those of the market; a signal of a user whose column is not
    /// among them is absent.
    pub fn new(config: &SignalConfig, user_columns: &[String]) -> Self {
        Self { rules: Arc::new(Rules::new(config, user_columns)), fold: Fold::new(config) }
    }

    /// Reads one step.
    pub fn push(&mut self, state: &MarketState, path: usize) {
        self.fold.push(&self.rules, state, path);
    }

    /// What is known after the last step.
    pub fn reading(&self) -> &Reading {
        &self.fold.reading
    }
}

/// What the steps so far have left behind.
#[derive(Debug, Clone)]
struct Fold {
    reading: Reading,
    last_close: f64,
    /// Log returns of sessions: expected range, realised volatility, move of a session.
    range_returns: Window,
    realised_returns: Window,
    move_returns: Window,
    realised: f64,
    /// HV20, decimal.
    range_vol: f64,
    highs: Window,
    ad_highs: Window,
    last_vix: f64,
    average: Window,
    slow_average: Window,
    rsi_spx: Rsi,
    rsi_vix: Rsi,
    macd: Macd,
    carries: Window,
    breadth: Breadth,
    cap: Change,
    spread: SpreadRatio,
    daily_quick_ratio: f64,
    rates: RateDifferential,
    reit: ReitLead,
    dex: DexFlow,
    amplifier: Amplifier,
    valuation: Valuation,
    machine: PhaseMachine,
    /// Index and VIX of the last step whose prices are quotes, for bars that are steps.
    last_step: (f64, f64),
    slots: Vec<Slot>,
}

fn switch(is_on: bool) -> f64 {
    f64::from(u8::from(is_on))
}

impl Fold {
    fn new(config: &SignalConfig) -> Self {
        Self {
            reading: Reading::default(),
            last_close: f64::NAN,
            range_returns: Window::new(RANGE_WINDOW),
            realised_returns: Window::new(config.phase.realised_window),
            move_returns: Window::new(config.phase.move_window),
            realised: f64::NAN,
            range_vol: f64::NAN,
            highs: Window::new(config.phase.high_window),
            ad_highs: Window::new(config.ad_window),
            last_vix: f64::NAN,
            average: Window::new(config.phase.average),
            slow_average: Window::new(config.phase.slow_average),
            rsi_spx: Rsi::new(config.rsi_period),
            rsi_vix: Rsi::new(config.rsi_period),
            macd: Macd::new(config.macd_fast, config.macd_slow, config.macd_signal),
            carries: Window::new(config.carry_sessions),
            breadth: Breadth::new(config),
            cap: Change::new(config.cap_window),
            spread: SpreadRatio::new(config),
            daily_quick_ratio: f64::NAN,
            rates: RateDifferential::new(config),
            reit: ReitLead::new(config),
            dex: DexFlow::new(config),
            amplifier: Amplifier::new(config),
            valuation: Valuation::new(config),
            machine: PhaseMachine::new(&config.phase),
            last_step: (f64::NAN, f64::NAN),
            slots: Vec::new(),
        }
    }

    fn push(&mut self, rules: &Rules, state: &MarketState, path: usize) {
        let config = &rules.config;
        self.reading.macd_cross = 0;
        self.read_alarm(config, state, path);
        let is_quoted = state.flags & (flag::SPOT_PROXY | flag::VIX_PROXY) == 0;
        // An estimate of a price within its session rests on the bar of that session, whose close is not known yet.
        if state.is_close || is_quoted {
            let vix_before = self.last_vix;
            if state.is_close {
                self.close(rules, state, path);
            }
            self.read_prices(config, state, path);
            self.read_phase(config, state, path, vix_before);
        } else if config.phase.bar == PhaseBar::Step {
            self.last_step = (f64::NAN, f64::NAN);
            self.reading.move_z = f64::NAN;
        }
        let of_book = input_at(state, input::QUICK_RATIO_RELATIVE, path);
        self.reading.quick_ratio = if of_book.is_nan() { self.daily_quick_ratio } else { of_book };
        self.score(rules);
    }

    /// Order book and events: known on every step.
    fn read_alarm(&mut self, config: &SignalConfig, state: &MarketState, path: usize) {
        let column = |index| input_at(state, index, path);
        let reading = &mut self.reading;
        let side = column(input::IGNITION_SIDE);
        reading.alarm = Alarm {
            armed: column(input::ARMED) >= 0.5,
            ignited: column(input::IGNITED) >= 0.5,
            cascade: column(input::CASCADE) >= 0.5,
            score: column(input::IGNITION_SCORE),
            side: i8::from(side > 0.0) - i8::from(side < 0.0),
        };
        reading.event = column(input::SESSIONS_TO_EVENT) <= f64::from(config.event_sessions);
        reading.value[signal::EVENT_WINDOW] =
            if is_given(state, input::SESSIONS_TO_EVENT) { switch(reading.event) } else { f64::NAN };
    }

    /// Daily bars and daily columns.
    fn close(&mut self, rules: &Rules, state: &MarketState, path: usize) {
        let config = &rules.config;
        let column = |index| input_at(state, index, path);
        let (spot, vix) = (state.spot[path], state.vix_quoted[path]);
        let reading = &mut self.reading;
        reading.sessions += 1;
        reading.is_warm = reading.sessions >= config.warm_up;
        if self.last_close.is_finite() {
            let step = math::ln(spot / self.last_close);
            if config.phase.bar == PhaseBar::Session {
                reading.move_z = ratio(step, self.move_returns.deviation());
            }
            self.range_returns.push(step);
            self.realised_returns.push(step);
            self.move_returns.push(step);
        }
        self.last_close = spot;
        self.realised = self.realised_returns.deviation() * SESSIONS_PER_YEAR.sqrt();
        self.range_vol = self.range_returns.deviation() * SESSIONS_PER_YEAR.sqrt();
        self.highs.push(spot);
        self.ad_highs.push(spot);
        self.last_vix = vix;
        self.average.push(vix);
        self.slow_average.push(vix);
        reading.rsi_spx = self.rsi_spx.push(spot);
        reading.rsi_vix = self.rsi_vix.push(vix);
        let had_line = reading.macd_signal.is_finite();
        (reading.macd, reading.macd_signal) = self.macd.push(vix);
        let is_bullish = reading.macd > reading.macd_signal;
        if had_line {
            reading.macd_cross =
                i8::from(is_bullish && !reading.macd_bullish) - i8::from(!is_bullish && reading.macd_bullish);
        }
        reading.macd_bullish = is_bullish;
        let value = &mut reading.value;
        value[signal::VIX_MACD] = if reading.macd_signal.is_finite() { switch(is_bullish) } else { f64::NAN };
        value[signal::VIX_RSI] = config.vix_rsi.at(reading.rsi_vix);
        value[signal::RSI_SPX] = config.rsi_spx_high.at(reading.rsi_spx).max(config.rsi_spx_low.at(reading.rsi_spx));
        let at_high = spot >= self.ad_highs.max();
        value[signal::AD_LINE] = self.breadth.push(config, column(input::NET_ADVANCES), at_high);
        let cap = if is_given(state, input::FLOAT_CAP) { column(input::FLOAT_CAP) } else { spot };
        value[signal::CAP_CONTRACTION] = config.cap_contraction.at(self.cap.push(cap));
        value[signal::RATE_DIFFERENTIAL] = self.rates.push(config, column(input::US_2Y), column(input::FOREIGN_2Y));
        value[signal::REIT_LEAD] = self.reit.push(config, column(input::REIT), spot);
        let money_market = if state.flags & flag::NO_RATE == 0 { state.rate[path] } else { f64::NAN };
        value[signal::IMPLIED_RATE] =
            implied_rate(config, column(input::IMPLIED_RATE), column(input::IMPLIED_RATE_ERROR), money_market);
        value[signal::DEX_FLOW] =
            self.dex.push(config, column(input::EXTRACTED_VALUE), column(input::CRYPTO_REALISED_VOL), vix);
        reading.amplifier = self.amplifier.push(config, column(input::ETF_FLOW), column(input::IPO_PROCEEDS));
        (value[signal::PRICE_TO_CASH_FLOW], value[signal::FAIR_VALUE], reading.stretch) =
            self.valuation.push(config, state, path);
        self.daily_quick_ratio = self.spread.push(column(input::SPREAD));
        for (index, user) in config.user.iter().enumerate() {
            reading.user[index] = user.ramp.at(column(rules.user_column[index]));
        }
    }

    /// What may move within a session.
    fn read_prices(&mut self, config: &SignalConfig, state: &MarketState, path: usize) {
        let reading = &mut self.reading;
        reading.value[signal::VIX_LEVEL] = config.vix_level.at(state.vix_quoted[path]);
        reading.daily_range = config.edr_multiple * expected_daily_range(state.vix9d[path], 100.0 * self.range_vol);
        reading.value[signal::EDR] = config.edr.at(reading.daily_range);
        let carry = term_structure(state, path, config.carry_source);
        reading.term_structure = carry;
        reading.value[signal::TERM_STRUCTURE] = config.term_structure.at(carry);
        let before = self.carries.back(config.carry_sessions - 1);
        reading.collapse = carry < config.carry_floor || before - carry >= config.carry_fall;
        if state.is_close {
            self.carries.push(carry);
        }
    }

    /// `vix_before`: VIX at the close before, which is the bar before where bars are sessions.
    fn read_phase(&mut self, config: &SignalConfig, state: &MarketState, path: usize, vix_before: f64) {
        let (spot, vix) = (state.spot[path], state.vix_quoted[path]);
        let mut vix_change = vix - vix_before;
        if config.phase.bar == PhaseBar::Step {
            let (last_spot, last_vix) = std::mem::replace(&mut self.last_step, (spot, vix));
            vix_change = vix - last_vix;
            self.reading.move_z = self.slot_z(config, state.seconds, spot / last_spot);
        } else if !state.is_close {
            return;
        }
        let high = self.highs.max();
        let distance = if high.is_nan() { f64::NAN } else { 1.0 - spot / high.max(spot) };
        let reading = &mut self.reading;
        let bar = Bar {
            is_close: state.is_close,
            vix,
            vix_change,
            move_z: reading.move_z,
            rsi_spx: reading.rsi_spx,
            average: self.average.mean(),
            slow_average: self.slow_average.mean(),
            premium: ratio(vix, 100.0 * self.realised) - 1.0,
            carry: reading.term_structure,
            distance,
            daily_range: reading.daily_range,
            macd_bullish: reading.macd_signal.is_finite().then_some(reading.macd_bullish),
            event: reading.event,
        };
        reading.phase = self.machine.push(&config.phase, &bar);
        reading.phase_sessions = self.machine.sessions();
        reading.event_driven = self.machine.event_driven();
    }

    /// The move of a bar against those of the same time of day; NaN where the bar before has no price.
    fn slot_z(&mut self, config: &SignalConfig, seconds: i32, growth: f64) -> f64 {
        if growth.is_nan() {
            return f64::NAN;
        }
        let index = match self.slots.iter().position(|slot| slot.seconds == seconds) {
            Some(index) => index,
            None if self.slots.len() < MAX_SLOTS => {
                self.slots.push(Slot { seconds, moves: Window::new(config.phase.move_window) });
                self.slots.len() - 1
            }
            None => return f64::NAN,
        };
        let step = math::ln(growth);
        let moves = &mut self.slots[index].moves;
        let z = moves.z(step);
        moves.push(step);
        z
    }

    /// Signals of the order book, groups and score.
    fn score(&mut self, rules: &Rules) {
        let config = &rules.config;
        let reading = &mut self.reading;
        reading.value[signal::IGNITION] = config.ignition.at(reading.alarm.score * reading.amplifier);
        reading.value[signal::QUICK_RATIO] = config.quick_ratio.at(reading.quick_ratio);
        let mut seen = reading.seen;
        let mut sum = [0.0; GROUPS.len()];
        let mut present = [0_u32; GROUPS.len()];
        let mut add = |group: usize, index: usize, value: &mut f64| {
            if rules.is_off[index] {
                *value = f64::NAN;
            }
            if !value.is_nan() {
                seen |= 1 << index;
                sum[group] += *value;
                present[group] += 1;
            }
        };
        for group in 0..GROUPS.len() {
            for index in GROUP_START[group]..GROUP_START[group + 1] {
                add(group, index, &mut reading.value[index]);
            }
        }
        for index in 0..config.user.len() {
            add(rules.user_group[index], SIGNALS.len() + index, &mut reading.user[index]);
        }
        reading.seen = seen;
        (reading.raw_score, reading.standing) = (0.0, 0);
        for group in 0..GROUPS.len() {
            let mean = if present[group] > 0 { sum[group] / f64::from(present[group]) } else { f64::NAN };
            reading.group[group] = mean;
            if present[group] > 0 && rules.weights[group] > 0.0 {
                reading.raw_score += rules.weights[group] * mean;
                reading.standing += u32::from(mean >= config.standing);
            }
        }
        reading.score = if reading.standing >= config.quorum { reading.raw_score } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(vix: f64, is_close: bool, flags: u32) -> MarketState {
        MarketState {
            day: 15_000,
            seconds: if is_close { 57_600 } else { 39_600 },
            is_close,
            flags,
            spot: vec![1_000.0],
            vix: vec![vix],
            vix_quoted: vec![vix],
            vix9d: vec![vix],
            rate: vec![0.0],
            ..MarketState::default()
        }
    }

    #[test]
    fn an_estimated_price_moves_nothing_and_a_quote_does() {
        let config = SignalConfig::default();
        let mut tracker = Tracker::new(&config, &[]);
        tracker.push(&step(16.0, true, 0), 0);
        let known = tracker.reading().clone();
        for flags in [flag::SPOT_PROXY, flag::VIX_PROXY] {
            tracker.push(&step(40.0, false, flags), 0);
            assert_eq!(tracker.reading().value[signal::VIX_LEVEL].to_bits(), known.value[signal::VIX_LEVEL].to_bits());
            assert_eq!(tracker.reading().sessions, 1);
        }
        tracker.push(&step(40.0, false, flag::VX_PROXY), 0);
        assert_eq!(tracker.reading().value[signal::VIX_LEVEL].to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn the_alarm_is_read_on_every_step_and_amplified() {
        let mut tracker = Tracker::new(&SignalConfig::default(), &[]);
        let mut state = step(16.0, false, flag::SPOT_PROXY);
        state.signals = vec![Vec::new(); INPUTS.len()];
        state.signals[input::IGNITION_SCORE] = vec![70.0];
        state.signals[input::ARMED] = vec![1.0];
        state.signals[input::IGNITION_SIDE] = vec![-1.0];
        tracker.push(&state, 0);
        let reading = tracker.reading();
        assert!((reading.value[signal::IGNITION] - 0.5).abs() < 1e-12);
        assert!(reading.alarm.armed && !reading.alarm.ignited && reading.alarm.side == -1);
        assert_eq!(reading.seen, 1 << signal::IGNITION);
        state.signals.clear();
        tracker.push(&state, 0);
        assert!(tracker.reading().value[signal::IGNITION].is_nan() && !tracker.reading().alarm.armed);
    }
}
