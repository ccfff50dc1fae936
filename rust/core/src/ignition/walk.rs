//! A look at the detector after every event of a tape.

use std::cell::Cell;
use std::iter::zip;
use std::ops::ControlFlow;

use super::flow::{LEVEL_WEIGHTS, order_flow_imbalance};
use super::{Detector, IgnitionConfig, Stream};
use crate::decode::dbn::for_each;
use crate::error::{Error, Fault, Result};
use crate::events::{Depth, Event, Feed, action, flag};
use crate::tape::{Body, Tape};

/// Events between two questions whether to go on.
const BLOCK: usize = 4_096;

/// Refuses a tape whose events come without a book: trades alone.
///
/// # Errors
/// `Error::Schema` (`IGN005`).
pub fn require_book(tape: &Tape) -> Result<()> {
    if tape.feed != Feed::Depth(0) {
        return Ok(());
    }
    let expected = "orders, price levels or quotes: the detector looks at the book";
    Err(Error::schema(Fault::new("IGN005", &tape.source, "schema", "trades without a book", expected)))
}

/// Steps a stream over a tape, as a detection does, and lets `look` see every event and the detector after it;
/// `look` may end the walk.
///
/// # Errors
/// Those of `detect`.
pub fn walk(
    tape: &Tape,
    config: &IgnitionConfig,
    go_on: &mut dyn FnMut() -> bool,
    look: &mut dyn FnMut(&Event, &Detector) -> ControlFlow<()>,
) -> Result<()> {
    require_book(tape)?;
    let mut stream = Stream::new(config.clone(), tape.feed)?;
    match &tape.body {
        Body::Columns(events) => {
            for i in 0..events.len() {
                if i % BLOCK == 0 && !go_on() {
                    return Err(Error::Interrupted);
                }
                let event = events.event(i);
                stream.event(&event, events.levels(i))?;
                if look(&event, stream.detector()).is_break() {
                    break;
                }
            }
        }
        Body::Dbn(records) => {
            let is_over = Cell::new(false);
            let mut failure = Ok(());
            let answer = for_each(records, &mut || !is_over.get() && go_on(), &mut |event, levels| {
                if !is_over.get() {
                    match stream.event(event, levels) {
                        Ok(()) => is_over.set(look(event, stream.detector()).is_break()),
                        Err(error) => (failure, _) = (Err(error), is_over.set(true)),
                    }
                }
            });
            failure?;
            // The reader is stopped like an interrupted one when the walk is over.
            if !is_over.get() {
                answer?;
            }
        }
    }
    Ok(())
}

/// Order-flow imbalance of every event over the best `levels` levels, contracts: level k weighs 1/k. An event that does
/// not leave a whole book, and the first book after an open, a halt, a gap or a snapshot, have 0.
///
/// # Errors
/// Those of `detect`.
pub fn imbalances(tape: &Tape, levels: usize, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<f64>> {
    let mut found = Vec::new();
    let mut before: Option<Depth> = None;
    walk(tape, &IgnitionConfig::default(), go_on, &mut |event, detector| {
        let mut sum = 0.0;
        let is_status = matches!(event.action, action::HALT | action::RESUME | action::CLEAR);
        if is_status || event.flags & (flag::SNAPSHOT | flag::MAYBE_BAD_BOOK) != 0 {
            before = None;
        } else if event.is_last() {
            let after = *detector.depth();
            if let Some(before) = before {
                let pairs = zip(&before, &after).zip(LEVEL_WEIGHTS).take(levels);
                sum = pairs.map(|((old, new), weight)| weight * order_flow_imbalance(old, new) as f64).sum();
            }
            // Like the detector, it begins with a book of two sides; later a missing one is an infinitely bad price.
            if before.is_some() || after[0].is_two_sided() {
                before = Some(after);
            }
        }
        found.push(sum / LEVEL_WEIGHTS[0]);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
