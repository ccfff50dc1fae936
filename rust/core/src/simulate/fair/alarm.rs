//! The order book's alarm on a session of a path: true ones by measured skill, false ones and ARMED by chance.

use super::skill::Skill;
use super::{FairConfig, Morning};
use crate::instrument::OPEN_SECONDS;
use crate::labelled::draw::Draw;
use crate::math::{exp, ln};
use crate::signals::Alarm;

/// 90 % quantile of the standard normal.
const NINETY: f64 = 1.281_551_565_544_6;
/// Length of the session that rates refer to, seconds.
const SESSION: f64 = 23_400.0;

/// A fast move as far as it has come.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// Onset, seconds after midnight New York.
    pub onset: i32,
    /// Displacement so far, log points.
    pub displacement: f64,
}

/// What becomes of one fast move; its numbers are drawn when it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fate {
    /// It is found where the recall is above this.
    chance: f64,
    /// Log of its delay over the median, in standard deviations.
    delay: f64,
    score: f64,
    /// Displacement at its extreme, and when that was.
    extreme: f64,
    extreme_at: f64,
    /// When the alarm is known; infinite before that is decided.
    known: f64,
    ended: bool,
    cascade: bool,
}

impl Fate {
    fn new(skill: &Skill, draw: &mut Draw) -> Self {
        let [low, high] = skill.score;
        Self {
            chance: draw.uniform(),
            delay: draw.normal(),
            score: draw.between(low, high),
            extreme: 0.0,
            extreme_at: 0.0,
            known: f64::INFINITY,
            ended: false,
            cascade: false,
        }
    }
}

/// Alarms of one session.
#[derive(Debug, Clone)]
pub struct AlarmSession {
    draw: Draw,
    fates: Vec<Fate>,
    /// Start, score and side of false alarms.
    false_alarms: Vec<(f64, f64, i8)>,
    /// Starts of spells in which the clock is armed.
    armed: Vec<f64>,
    unit_deviation: f64,
    /// Time of the step before.
    before: f64,
}

impl AlarmSession {
    /// Draws what does not depend on the path from `draw`; `moves` is for the fast moves as they begin.
    pub fn new(config: &FairConfig, morning: &Morning<'_>, mut draw: Draw, moves: Draw) -> Self {
        let skill = &config.skill;
        let (open, close) = (f64::from(OPEN_SECONDS), f64::from(morning.close));
        let length = close - open;
        let [low, high] = skill.score;
        let count = draw.poisson(skill.false_alarms_at(morning.vix) * length / SESSION);
        let false_alarms = (0..count)
            .map(|_| (draw.between(open, close), draw.between(low, high), if draw.happens(0.5) { 1 } else { -1 }))
            .collect();
        let count = draw.poisson(skill.armed_per_day * length / SESSION);
        let mut armed: Vec<f64> = (0..count).map(|_| draw.between(open, close)).collect();
        if config.foresight > 0.0 {
            // So that P(armed before a move) less P(armed in any such window) is the knob.
            let by_chance = 1.0 - exp(-skill.armed_per_day * config.foresight_seconds / SESSION);
            let extra = (config.foresight / (1.0 - by_chance)).min(1.0);
            for &onset in morning.ahead {
                let at = f64::from(onset) - config.foresight_seconds;
                if draw.happens(extra) && at >= open {
                    armed.push(at);
                }
            }
        }
        Self {
            draw: moves,
            fates: Vec::new(),
            false_alarms,
            armed,
            unit_deviation: morning.unit_deviation,
            before: open,
        }
    }

    /// The alarm on a step. Flags are those of its time, the score is the largest since the step before.
    pub fn step(&mut self, skill: &Skill, seconds: i32, moves: &[Seen]) -> Alarm {
        let now = f64::from(seconds);
        let patience = skill.cool_down * skill.unit;
        let mut alarm = Alarm::default();
        let mut raise = |score: f64, side: i8, cascade: bool, is_on: bool| {
            if score > alarm.score {
                alarm.score = score;
                alarm.side = side;
            }
            alarm.ignited |= is_on;
            alarm.cascade |= is_on && cascade;
        };
        for &(start, score, side) in &self.false_alarms {
            let end = start + patience;
            if start <= now && end > self.before {
                raise(score, side, false, now < end);
            }
        }
        while self.fates.len() < moves.len() {
            self.fates.push(Fate::new(skill, &mut self.draw));
        }
        for (seen, fate) in moves.iter().zip(&mut self.fates) {
            if fate.ended {
                continue;
            }
            let size = seen.displacement.abs() / self.unit_deviation;
            if size > fate.extreme {
                (fate.extreme, fate.extreme_at) = (size, now);
            }
            if fate.known.is_infinite()
                && let Some(row) = skill.row(fate.extreme).filter(|row| fate.chance < row.recall)
            {
                let spread = ln(row.delay_p90 / row.delay) / NINETY;
                fate.known = (f64::from(seen.onset) + row.delay * exp(spread * fate.delay)).max(now);
            }
            if fate.known > now {
                continue;
            }
            let since = (fate.extreme_at).max(fate.known);
            fate.cascade |= fate.extreme >= skill.cascade && now > fate.known;
            fate.ended = now - since >= patience;
            raise(fate.score, if seen.displacement < 0.0 { -1 } else { 1 }, fate.cascade, !fate.ended);
        }
        alarm.armed =
            !alarm.ignited && self.armed.iter().any(|&start| start <= now && now < start + skill.armed_seconds);
        self.before = now;
        alarm
    }
}
