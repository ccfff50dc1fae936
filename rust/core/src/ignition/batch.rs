//! Detection over a whole tape.

use super::detector::TimelineRow;
use super::records::run_dbn;
use super::stream::Stream;
use super::walk::require_book;
use super::{Episode, IgnitionConfig, Transition};
use crate::error::{Error, Result};
use crate::events::{EventColumns, Quality};
use crate::tape::{Body, Tape};

/// Events between two questions whether to go on.
const BLOCK: usize = 65_536;

/// What a tape gave.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Every alarm and what became of it.
    pub episodes: Vec<Episode>,
    /// Every change of stage.
    pub transitions: Vec<Transition>,
    /// One row a unit of the first clock.
    pub timeline: Vec<TimelineRow>,
    /// What the reader, the book and the detector flagged or dropped.
    pub quality: Quality,
    /// Number of events.
    pub events: i64,
    /// Time of the last event, ns since the epoch.
    pub end: i64,
}

/// Detects over a tape. `go_on` is asked now and then.
///
/// # Errors
/// `Error::Config` for the configuration, `Error::Schema` for a tape without a book, the reader's errors for a file
/// that is read on the way, `Error::Interrupted` when `go_on` says no.
pub fn detect(tape: &Tape, config: &IgnitionConfig, go_on: &mut dyn FnMut() -> bool) -> Result<Detection> {
    require_book(tape)?;
    let mut stream = Stream::new(config.clone(), tape.feed)?.with_timeline();
    let mut quality = tape.quality;
    match &tape.body {
        Body::Columns(events) => run_columns(&mut stream, events, go_on)?,
        Body::Dbn(records) => run_dbn(&mut stream, records, go_on)?,
    }
    quality.merge(&stream.quality());
    let detector = stream.detector();
    Ok(Detection {
        episodes: detector.episodes().to_vec(),
        transitions: detector.transitions().to_vec(),
        timeline: detector.timeline().to_vec(),
        quality,
        events: detector.events(),
        end: detector.last_ts(),
    })
}

fn run_columns(stream: &mut Stream, events: &EventColumns, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
    for i in 0..events.len() {
        if i % BLOCK == 0 && !go_on() {
            return Err(Error::Interrupted);
        }
        stream.event(&events.event(i), events.levels(i))?;
    }
    Ok(())
}
