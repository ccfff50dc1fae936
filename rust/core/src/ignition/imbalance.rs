//! Order-flow imbalance of every event of a tape, alone or over a trailing window and per unit of depth.

use std::collections::VecDeque;
use std::iter::zip;
use std::ops::ControlFlow;

use super::flow::{LEVEL_WEIGHTS, order_flow_imbalance};
use super::{IgnitionConfig, walk};
use crate::error::{Error, Fault, Result};
use crate::events::{Depth, Event, LEVELS, action, flag};
use crate::tape::Tape;

/// What an event does to the sequence of whole books.
enum Change {
    /// The book before it no longer counts: an open, a halt, a gap, a snapshot.
    Reset,
    /// It leaves no whole book.
    Nothing,
    /// A whole book, with its imbalance in 1/2520 contracts; 0 for the first of two sides.
    Book(f64),
}

/// The last whole book.
struct Books {
    levels: usize,
    before: Option<Depth>,
}

impl Books {
    fn step(&mut self, event: &Event, after: &Depth) -> Change {
        let is_status = matches!(event.action, action::HALT | action::RESUME | action::CLEAR);
        if is_status || event.flags & (flag::SNAPSHOT | flag::MAYBE_BAD_BOOK) != 0 {
            self.before = None;
            return Change::Reset;
        }
        if !event.is_last() {
            return Change::Nothing;
        }
        // Like the detector, it begins with a book of two sides; later a missing one is an infinitely bad price.
        let Some(before) = self.before.replace(*after) else {
            if after[0].is_two_sided() {
                return Change::Book(0.0);
            }
            self.before = None;
            return Change::Nothing;
        };
        let pairs = zip(&before, after).zip(LEVEL_WEIGHTS).take(self.levels);
        Change::Book(pairs.map(|((old, new), weight)| weight * order_flow_imbalance(old, new) as f64).sum())
    }
}

fn check_levels(levels: usize) -> Result<()> {
    if (1..=LEVELS).contains(&levels) {
        return Ok(());
    }
    let fault = Fault::new("IGN060", "order_flow_imbalance", "levels", levels.to_string(), "1 to 10");
    Err(Error::config(fault))
}

/// Order-flow imbalance of every event over the best `levels` levels, contracts: level k weighs 1/k. An event that does
/// not leave a whole book, and the first book after an open, a halt, a gap or a snapshot, have 0.
///
/// # Errors
/// `Error::Config` (`IGN060`) for another number of levels; those of `detect`.
pub fn imbalances(tape: &Tape, levels: usize, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<f64>> {
    check_levels(levels)?;
    let mut found = Vec::new();
    let mut books = Books { levels, before: None };
    walk(tape, &IgnitionConfig::default(), go_on, &mut |event, detector| {
        let sum = if let Change::Book(sum) = books.step(event, detector.depth()) { sum } else { 0.0 };
        found.push(sum / LEVEL_WEIGHTS[0]);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The whole books of a trailing window: their imbalances and depths, in sums that are exact.
#[derive(Default)]
struct Window {
    rows: VecDeque<(i64, i128, i128)>,
    imbalance: i128,
    depth: i128,
}

impl Window {
    fn clear(&mut self) {
        *self = Self { rows: std::mem::take(&mut self.rows), ..Self::default() };
        self.rows.clear();
    }

    fn push(&mut self, ts: i64, imbalance: i128, depth: i128) {
        self.rows.push_back((ts, imbalance, depth));
        self.imbalance += imbalance;
        self.depth += depth;
    }

    /// Forgets what is as old as `start` or older.
    fn forget(&mut self, start: i64) {
        while let Some(&(ts, imbalance, depth)) = self.rows.front() {
            if ts > start {
                break;
            }
            self.rows.pop_front();
            self.imbalance -= imbalance;
            self.depth -= depth;
        }
    }

    /// Imbalance over the mean depth of one side of one level; NaN without depth.
    fn ratio(&self, levels: usize) -> f64 {
        if self.depth <= 0 {
            return f64::NAN;
        }
        let sides = (2 * levels * self.rows.len()) as f64;
        (self.imbalance as f64 / LEVEL_WEIGHTS[0]) / (self.depth as f64 / sides)
    }
}

/// Order-flow imbalance per unit of depth at every event: the imbalances of the whole books in the trailing window
/// `(t - window, t]`, ns, over the mean depth of the same books.
///
/// The depth of a book is the mean size of a level and side over the best `levels` levels; a missing level has size 0.
/// A window begins anew after an open, a halt, a gap or a snapshot; one without a book, or without depth, is NaN. Cont,
/// Kukanov and Stoikov (2014), doi:10.1093/jjfinec/nbt003 (average depth) for the best level; Cont,
/// Cucuringu and Zhang (2023), doi:10.1080/14697688.2023.2236159 (scaling by the average over levels).
///
/// # Errors
/// `Error::Config`: `IGN060` for another number of levels, `IGN061` for a window that is not positive; those of `detect`.
pub fn normalised_imbalances(
    tape: &Tape,
    levels: usize,
    window: i64,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>> {
    check_levels(levels)?;
    if window <= 0 {
        let fault = Fault::new("IGN061", "order_flow_imbalance", "normalise", window.to_string(), "ns above 0");
        return Err(Error::config(fault));
    }
    let mut found = Vec::new();
    let mut books = Books { levels, before: None };
    let mut recent = Window::default();
    walk(tape, &IgnitionConfig::default(), go_on, &mut |event, detector| {
        // Orders of a snapshot carry the time they were placed; those of whole books ascend.
        match books.step(event, detector.depth()) {
            Change::Reset => recent.clear(),
            Change::Nothing => recent.forget(event.ts.saturating_sub(window)),
            Change::Book(sum) => {
                recent.forget(event.ts.saturating_sub(window));
                let sizes = detector.depth().iter().take(levels);
                let depth = sizes.map(|level| i128::from(level.bid_size) + i128::from(level.ask_size)).sum();
                recent.push(event.ts, sum as i128, depth);
            }
        }
        found.push(recent.ratio(levels));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_its_old_end_and_divides_by_mean_depth() {
        let mut window = Window::default();
        assert!(window.ratio(1).is_nan());
        window.push(10, 2_520 * 6, 8);
        window.push(20, 2_520 * -2, 4);
        // 4 contracts over a mean of 3 a side.
        assert!((window.ratio(1) - 4.0 / 3.0).abs() < 1e-15);
        window.forget(10);
        assert!((window.ratio(1) + 1.0).abs() < 1e-15, "the old end is open");
        window.clear();
        assert!(window.ratio(1).is_nan() && window.depth == 0);
    }
}
