//! The clock of the market model: 1/252 of a year from close to close, split at the open.
//!
//! Paths, the remaining life of options under the model, and discounting under the model run on it, so that an option
//! loses exactly the variance that the path realises, nights and weekends included. Quotes keep calendar time.

use crate::calendar;
use crate::instrument::{Day, OPEN_SECONDS};

/// Sessions of a model year.
pub const SESSIONS_PER_YEAR: f64 = 252.0;

/// How the time of a session is split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BusinessClock {
    /// Share of a session that passes from the close to the open of the next calendar day.
    pub overnight: f64,
    /// The same where a weekend or a holiday lies between.
    pub weekend: f64,
}

impl Default for BusinessClock {
    /// Shares of the variance of SPY, 1998 to 2017, that came before the open: .284 +- .016 (3,865 nights) and .386 +- .036
    /// (1,087 weekends and holidays); errors by leaving out a year at a time. `tools/compare_marks.py` prints them.
    fn default() -> Self {
        Self { overnight: 0.28, weekend: 0.39 }
    }
}

impl BusinessClock {
    /// Whether a weekend or a holiday lies before a session.
    pub fn is_after_weekend(day: Day) -> bool {
        calendar::previous_session(day).is_some_and(|before| day - before > 1)
    }

    /// Share of the session's time that has passed at its open.
    pub fn share_at_open(&self, day: Day) -> f64 {
        if Self::is_after_weekend(day) { self.weekend } else { self.overnight }
    }

    /// Sessions since the start of the calendar: a whole number at a close. Before the open of a session it is the
    /// time of its open, on a day without a session that of the close before.
    pub fn position(&self, day: Day, seconds: i32) -> f64 {
        let Some(index) = calendar::session_index(day) else {
            return calendar::session_on_or_before(day)
                .and_then(calendar::session_index)
                .map_or(0.0, |i| (i + 1) as f64);
        };
        let open = self.share_at_open(day);
        let close = calendar::close_seconds(day);
        let passed =
            f64::from((seconds - OPEN_SECONDS).clamp(0, close - OPEN_SECONDS)) / f64::from(close - OPEN_SECONDS);
        index as f64 + open + (1.0 - open) * passed
    }

    /// Model years between two times; never negative.
    pub fn years(&self, day: Day, seconds: i32, to_day: Day, to_seconds: i32) -> f64 {
        ((self.position(to_day, to_seconds) - self.position(day, seconds)) / SESSIONS_PER_YEAR).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::CLOSE_SECONDS;

    #[test]
    fn a_session_is_a_unit_and_a_weekend_none() {
        let clock = BusinessClock::default();
        // 2016-01-08 was a Friday.
        let friday = 16_808;
        assert_eq!(calendar::weekday(friday), 4);
        let week = clock.position(friday, CLOSE_SECONDS) - clock.position(friday - 7, CLOSE_SECONDS);
        assert!((week - 5.0).abs() < 1e-12);
        assert!((clock.position(friday + 1, 0) - clock.position(friday, CLOSE_SECONDS)).abs() < 1e-12);
        let monday = clock.position(friday + 3, OPEN_SECONDS) - clock.position(friday, CLOSE_SECONDS);
        assert!((monday - clock.weekend).abs() < 1e-12);
        let tuesday = clock.position(friday + 4, OPEN_SECONDS) - clock.position(friday + 3, CLOSE_SECONDS);
        assert!((tuesday - clock.overnight).abs() < 1e-12);
    }
}
