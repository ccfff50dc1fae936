//! What a simulated world is made of beside its market model: dates, steps, measure, marks. Validated here.

use serde::{Deserialize, Serialize};

use super::episodes::config::IntradayConfig;
use super::fair::FairConfig;
use super::paths::{MINUTES, MOST_STEPS};
use super::scheme::Measure;
use crate::calendar;
use crate::error::{Error, Fault, Result};
use crate::instrument::Day;
use crate::market::clock::BusinessClock;

/// Most numbers that the outcomes of one call may take: 4 GB.
const MOST_NUMBERS: usize = 500_000_000;
/// Most steps of recorded paths in one call, all books together: a recorded path keeps everything.
const MOST_RECORDED: usize = 50_000_000;

/// What marks legs on simulated paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// The market model at the state of the path, from its tables.
    Model,
    /// The smiles that history uses, fitted to the path's volatility indices.
    Surface,
}

/// A world for paths of the market model on the calendar of sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Books begin at the first session on or after this day.
    pub start: Day,
    /// Sessions of the books.
    pub sessions: usize,
    /// Sessions of a path before the start, on which the market moves and signals are taken but no book trades.
    #[serde(default)]
    pub warm_up: usize,
    /// Steps of a session, a divisor of 390; with more than one the open is a step as well.
    pub steps_per_day: usize,
    /// Spot at the start.
    pub spot: f64,
    /// Measure.
    pub measure: Measure,
    /// Paths 2k and 2k + 1 share jumps and mirror each other's other draws.
    #[serde(default)]
    pub antithetic: bool,
    /// Share of jumps between close and open; `None`: that of the variance.
    #[serde(default)]
    pub overnight_jump_share: Option<f64>,
    /// Share of a session's variance between close and open; `None`: the estimate of the clock.
    #[serde(default)]
    pub overnight: Option<f64>,
    /// The same over a weekend or a holiday.
    #[serde(default)]
    pub weekend: Option<f64>,
    /// Control variates are kept of every path: see `docs/simulation.md`.
    #[serde(default)]
    pub controls: bool,
    /// What marks legs.
    pub marks: MarkKind,
    /// Marks of the model scale the volatility of VIX options to what the market asked.
    #[serde(default)]
    pub overlay: bool,
    /// Episodes inside a day; `None`: none.
    #[serde(default)]
    pub intraday: Option<IntradayConfig>,
    /// Signals beside prices, which come with episodes.
    #[serde(default)]
    pub fair: FairConfig,
}

/// Most of a session that may pass before its open.
const MOST_OVERNIGHT: f64 = 0.95;

impl World {
    /// The world from its JSON, validated.
    ///
    /// # Errors
    /// `Error::Config` for unknown or missing fields and for fields that break their rule.
    pub fn from_json(text: &str) -> Result<Self> {
        let world: Self = serde_json::from_str(text).map_err(|error| {
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            Error::config(Fault::new("SIM020", "world", "fields", text, "the documented fields"))
        })?;
        world.validate()?;
        Ok(world)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `Error::Config` with the first field that breaks its rule; `Error::Data` for a day beyond the calendar.
    pub fn validate(&self) -> Result<()> {
        let fail = |code, field: &str, value: String, expected: &str| {
            Err(Error::config(Fault::new(code, "world", field, value, expected)))
        };
        calendar::check_day("world", "start", self.start.into())?;
        if self.sessions == 0 {
            return fail("SIM021", "sessions", "0".into(), "at least 1");
        }
        let (before, left) = self.days();
        if self.warm_up > before {
            let expected = format!("at most {before}, the sessions of the calendar before the start");
            return fail("SIM032", "warm_up", self.warm_up.to_string(), &expected);
        }
        if self.sessions > left {
            let expected = format!("at most {left}, the sessions of the calendar from the start on");
            return fail("SIM022", "sessions", self.sessions.to_string(), &expected);
        }
        if self.steps_per_day == 0 || !MINUTES.is_multiple_of(self.steps_per_day) {
            let expected = "a divisor of 390, such as 1, 13 or 78";
            return fail("SIM023", "steps_per_day", self.steps_per_day.to_string(), expected);
        }
        if !(1.0..=1e7).contains(&self.spot) {
            return fail("SIM024", "spot", self.spot.to_string(), "1..1e7 points");
        }
        let shares = [("overnight", self.overnight), ("weekend", self.weekend)];
        if let Some((field, Some(value))) =
            shares.into_iter().find(|share| share.1.is_some_and(|value| !(0.0..=MOST_OVERNIGHT).contains(&value)))
        {
            return fail("SIM025", field, value.to_string(), "0..0.95 of a session");
        }
        if let Some(intraday) = &self.intraday {
            intraday.validate()?;
        }
        self.fair.validate()?;
        match self.overnight_jump_share {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                fail("SIM026", "overnight_jump_share", share.to_string(), "0..1")
            }
            _ => Ok(()),
        }
    }

    /// Sessions of the calendar before the start, and from it on.
    fn days(&self) -> (usize, usize) {
        let all = calendar::sessions();
        let before = all.partition_point(|&day| day < self.start);
        (before, all.len() - before)
    }

    /// Sessions of a path, those of the warm-up first.
    pub fn calendar_days(&self) -> &'static [Day] {
        let (before, left) = self.days();
        &calendar::sessions()[before.saturating_sub(self.warm_up)..before + self.sessions.min(left)]
    }

    /// The clock of the model.
    pub fn clock(&self) -> BusinessClock {
        let estimate = BusinessClock::default();
        BusinessClock {
            overnight: self.overnight.unwrap_or(estimate.overnight),
            weekend: self.weekend.unwrap_or(estimate.weekend),
        }
    }

    /// Steps that an account sees of a session.
    pub fn account_steps(&self) -> usize {
        if self.steps_per_day == 1 { 1 } else { self.steps_per_day + 1 }
    }

    /// Refuses sizes that nobody can mean before anything is allocated. `numbers` are kept of every path, `n_books`
    /// books are recorded on `recorded` paths.
    ///
    /// # Errors
    /// `Error::Limit`; `Error::Config` for no path at all.
    pub fn check_size(&self, n_paths: usize, numbers: usize, n_books: usize, recorded: usize) -> Result<()> {
        if n_paths == 0 {
            return Err(Error::config(Fault::new("SIM027", "simulate", "n_paths", "0", "at least 1")));
        }
        let refuse = |code, field: &str, value: String, expected: String| {
            let fault = Fault::new(code, "simulate", field, value, expected);
            Err(Error::limit(fault.hint("simulate in shards by first_path")))
        };
        let steps = self.sessions.saturating_add(self.warm_up).saturating_mul(self.account_steps());
        if steps.saturating_mul(n_paths) > MOST_STEPS {
            let value = format!("{n_paths} paths of {steps} steps");
            return refuse("SIM028", "n_paths", value, format!("at most {MOST_STEPS} steps"));
        }
        if numbers.saturating_mul(n_paths) > MOST_NUMBERS {
            let value = format!("{n_paths} paths with outcomes of {numbers} numbers");
            return refuse("SIM029", "n_paths", value, format!("at most {MOST_NUMBERS} numbers"));
        }
        if steps.saturating_mul(recorded.min(n_paths)).saturating_mul(n_books) > MOST_RECORDED {
            let value = format!("{recorded} paths of {steps} steps and {n_books} books");
            return refuse("SIM030", "record_paths", value, format!("at most {MOST_RECORDED} recorded steps"));
        }
        Ok(())
    }
}
