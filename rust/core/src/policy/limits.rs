//! How often the hedge may change: at most a few times a session, with time between, and one change kept for an
//! ignition.

use super::AdaptivePolicy;
use crate::instrument::Day;

/// Why a change is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Anything but an alarm.
    Ordinary,
    /// The order book's alarm is armed, nothing more.
    Armed,
    /// An ignition or its cascade.
    Ignited,
}

/// Changes of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangeLimits {
    session: Day,
    ordinary: u32,
    armed: u32,
    reserved: u32,
    last: Option<i32>,
}

impl ChangeLimits {
    /// Whether a change may be made now. A session starts with an empty count.
    pub fn admits(&self, config: &AdaptivePolicy, cause: Cause, day: Day, seconds: i32) -> bool {
        let today = if self.session == day { *self } else { Self::default() };
        if cause == Cause::Ignited && today.reserved < config.reserved_changes {
            return true;
        }
        let rested = today.last.is_none_or(|last| seconds - last >= 60 * config.minutes_between as i32);
        let open = today.ordinary + config.reserved_changes < config.changes;
        rested && open && (cause != Cause::Armed || today.armed < config.armed_changes)
    }

    /// Counts a change that was admitted.
    pub fn count(&mut self, config: &AdaptivePolicy, cause: Cause, day: Day, seconds: i32) {
        if self.session != day {
            *self = Self { session: day, ..Self::default() };
        }
        if cause == Cause::Ignited && self.reserved < config.reserved_changes {
            self.reserved += 1;
        } else {
            self.ordinary += 1;
        }
        self.armed += u32::from(cause == Cause::Armed);
        self.last = Some(seconds);
    }
}

/// Whether a change of contracts is worth an order: at least one contract and the share `hysteresis` of what is held.
pub fn is_worth(held: i64, wanted: i64, hysteresis: f64) -> bool {
    let change = (wanted - held).abs() as f64;
    change >= 1.0 && change >= hysteresis * held as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_a_session_one_of_them_for_an_ignition() {
        let config = AdaptivePolicy::default();
        let mut limits = ChangeLimits::default();
        let mut change = |cause, seconds| {
            let admitted = limits.admits(&config, cause, 10, seconds);
            if admitted {
                limits.count(&config, cause, 10, seconds);
            }
            admitted
        };
        assert!(change(Cause::Armed, 36_000));
        assert!(!change(Cause::Ordinary, 36_899), "fifteen minutes between changes");
        assert!(!change(Cause::Armed, 40_000), "armed once a session");
        assert!(change(Cause::Ignited, 36_060), "an ignition need not wait");
        assert!(change(Cause::Ordinary, 40_000));
        assert!(!change(Cause::Ordinary, 50_000) && !change(Cause::Ignited, 50_000), "three in all");
        assert!(limits.admits(&config, Cause::Armed, 11, 34_200), "a new session");
    }

    #[test]
    fn ten_per_cent_and_a_contract() {
        assert!(is_worth(4, 5, 0.1) && is_worth(0, 1, 0.1) && is_worth(10, 9, 0.1));
        assert!(!is_worth(11, 12, 0.1) && !is_worth(4, 4, 0.0));
    }
}
