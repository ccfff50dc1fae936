//! A look at the detector after every event of a tape.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{Detector, IgnitionConfig, Stream};
use crate::decode::dbn::for_each;
use crate::error::{Error, Fault, Result};
use crate::events::{Event, Feed};
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
    walk_any(tape, config, go_on, look)
}

/// [`walk`] that takes tapes of trades alone, too: for what does not look at the book.
///
/// # Errors
/// Those of `detect` but `IGN005`.
pub fn walk_any(
    tape: &Tape,
    config: &IgnitionConfig,
    go_on: &mut dyn FnMut() -> bool,
    look: &mut dyn FnMut(&Event, &Detector) -> ControlFlow<()>,
) -> Result<()> {
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
