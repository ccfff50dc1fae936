//! When aggressors came: the events of a point process.

use std::ops::ControlFlow;

use super::{IgnitionConfig, walk_any};
use crate::error::Result;
use crate::events::{action, side};
use crate::tape::Tape;

/// Times of the aggressor events of a tape, ns, strictly ascending: prints of one nanosecond are one event.
///
/// `of` is `side::BID` for buyers, `side::ASK` for sellers, `side::NONE` for every trade, signed or not.
///
/// # Errors
/// Those of `detect` but `IGN005`: trades need no book.
pub fn arrivals(tape: &Tape, of: u8, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<i64>> {
    let mut times: Vec<i64> = Vec::new();
    walk_any(tape, &IgnitionConfig::default(), go_on, &mut |event, _| {
        let is_one = event.action == action::TRADE && (of == side::NONE || event.side == of);
        if is_one && times.last().is_none_or(|&last| event.ts > last) {
            times.push(event.ts);
        }
        ControlFlow::Continue(())
    })?;
    Ok(times)
}
