//! What takes liquidity: the background's orders, and everything that was planned.

use super::{Action, Planned, TICK, World};
use crate::labelled::arrivals::{BUYER, SELLER};
use crate::labelled::config::Style;
use crate::labelled::script::Kind;

impl World<'_> {
    pub(super) fn taker(&mut self) -> u64 {
        // A few takers trade often.
        21 + self.draw.geometric(30.0) as u64
    }

    /// A marketable order of the background; value moves with it.
    pub(super) fn background_trade(&mut self, buyer: bool) {
        let against = usize::from(buyer);
        let size = self.trade_size();
        let best = self.ladder.best(against);
        let (size, limit) = if self.draw.happens(0.85) {
            (size.min(self.ladder.touch(against)), best)
        } else {
            (size, best - (4.0 * self.config.level_gap) as i64)
        };
        let taker = self.taker();
        let taken = self.ladder.take(self.now, against, size, limit, taker);
        self.deepen(against);
        self.impact(buyer, taken);
    }

    /// Value moves with the square root of what was taken.
    pub(super) fn impact(&mut self, buyer: bool, taken: i64) {
        let direction = if buyer { 1.0 } else { -1.0 };
        let size = (taken as f64 / self.config.trade_size.0).sqrt().min(5.0);
        let (stays, goes) = (self.config.impact * size, self.config.transient_impact.0 * size);
        // What an informed move draws after it stays, too.
        let is_informed = self.script.as_ref().is_some_and(|s| s.kind == Kind::Informed && self.now >= s.ignition);
        self.move_value(direction * if is_informed { stays + goes } else { stays });
        if !is_informed {
            self.transient += direction * goes;
        }
    }

    /// Moves value for good, unless that made the label of the episode untrue: then the other way.
    pub(super) fn move_value(&mut self, step: f64) {
        let after = self.value() + step;
        let now = self.now;
        let is_refused = self
            .script
            .as_mut()
            .is_some_and(|script| !script.anchor.is_nan() && script.refuses(now, after - script.anchor, step));
        self.permanent += if is_refused { -step } else { step };
    }

    /// A marketable order of a share of the touch, which moves nothing but the book.
    pub(super) fn take_touch(&mut self, buyer: bool, share: f64, who: u64) -> (i64, i64) {
        let against = usize::from(buyer);
        let rank = self.ladder.best(against);
        let size = ((self.ladder.touch(against) as f64 * share) as i64).max(1);
        let who = if who == 0 { self.taker() } else { who };
        let taken = self.ladder.take(self.now, against, size, rank, who);
        self.deepen(against);
        (rank, taken)
    }

    pub(super) fn plan(&mut self, at: i64, action: Action) {
        self.planned += 1;
        self.agenda.push(Planned { at, number: self.planned, action });
    }

    /// Some time before the next tick.
    pub(super) fn soon(&mut self) -> i64 {
        self.now + 1 + (self.draw.uniform() * (TICK - 2) as f64) as i64
    }

    pub(super) fn delay(&mut self, low_ms: f64, high_ms: f64) -> i64 {
        self.now + (self.draw.log_between(low_ms, high_ms) * 1e6) as i64
    }

    pub(super) fn act(&mut self, action: Action) {
        self.counts.planned += 1;
        let igniter = self.script.as_ref().map_or(0, |script| script.participant);
        match action {
            Action::Wash { buyer } => {
                let share = self.draw.between(0.05, 0.5);
                let who = if self.draw.happens(0.5) { igniter } else { 0 };
                let (rank, taken) = self.take_touch(buyer, share, who);
                let at = self.delay(2.0, 60.0);
                let size = (taken as f64 * self.draw.between(0.7, 1.3)) as i64 + 1;
                self.plan(at, Action::Refill { of: usize::from(buyer), rank, size });
            }
            Action::Refill { of, rank, size } => {
                let most = -self.ladder.best(1 - of) - 1;
                if rank <= most && (rank as f64) <= self.fair(of) + self.tolerance() + 1.0 {
                    self.add(of, rank, size);
                }
            }
            Action::Child { buyer } => {
                let share = self.draw.between(0.2, 1.1).min(1.0);
                self.take_touch(buyer, share, igniter);
                self.arrivals.excite(if buyer { BUYER } else { SELLER });
            }
            Action::Unwind { buyer } => {
                let share = self.draw.between(0.05, 0.4);
                self.take_touch(buyer, share, igniter);
                self.arrivals.excite_quotes(BUYER);
            }
            Action::Stop { buyer } => {
                let against = usize::from(buyer);
                let size = (self.config.touch_depth * self.draw.log_between(0.3, 3.0)) as i64;
                let limit = self.ladder.best(against) - (4.0 * self.config.level_gap) as i64;
                let taker = self.taker();
                self.ladder.take(self.now, against, size.max(1), limit, taker);
                self.deepen(against);
                self.arrivals.excite(if buyer { BUYER } else { SELLER });
            }
            Action::Parent { buyer } => {
                let share = self.draw.between(0.1, 0.6);
                let (_, taken) = self.take_touch(buyer, share, 0);
                self.impact(buyer, taken);
                self.arrivals.excite_quotes(BUYER);
            }
            Action::Pull { of } => {
                let level = self.draw.below(5);
                if self.ladder.rungs(of) > 6 {
                    match self.config.style {
                        Style::A => self.cancel(of, level),
                        Style::B => self.cancel_level(of),
                    }
                    self.deepen(of);
                }
            }
            Action::Sweep { buyer, levels } => {
                let against = usize::from(buyer);
                let levels = (levels as usize).min(self.ladder.rungs(against) - 2);
                let limit = self.ladder.rung(against, levels).map_or(0, |rung| rung.rank) + 1;
                self.ladder.take(self.now, against, i64::MAX / 4, limit, igniter);
                self.deepen(against);
                self.arrivals.excite(if buyer { BUYER } else { SELLER });
            }
        }
    }
}
