//! A look at the detector after every event of a tape.

use std::ops::ControlFlow;

use super::records::run_dbn;
use super::{Detector, IgnitionConfig, Stream};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::tape::{Body, Tape};

/// Events between two questions whether to go on.
const BLOCK: usize = 4_096;

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
        Body::Dbn(records) => run_dbn(&mut stream, records, go_on)?,
    }
    Ok(())
}
