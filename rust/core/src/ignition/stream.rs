//! The detector behind a feed: the book is rebuilt, time is checked, each event is one step.

use serde::{Deserialize, Serialize};

use super::{Detector, IgnitionConfig};
use crate::error::{Error, Fault, Result};
use crate::events::{Depth, Event, Feed, LARGEST, LEVELS, Level, Quality, TIMES, flag};
use crate::orderbook::{Levels, OrderBook, Orders};

/// The book that the events of a feed make.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Book {
    Orders(Box<Orders>),
    Levels(Box<Levels>),
    Depth(Box<Depth>),
}

/// A detector fed event by event: batch detection is the loop over it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stream {
    detector: Detector,
    book: Book,
    last_ts: i64,
}

impl Stream {
    /// A detector for events that describe the book as `feed` says.
    ///
    /// # Errors
    /// `Error::Config` when the configuration breaks a rule.
    pub fn new(config: IgnitionConfig, feed: Feed) -> Result<Self> {
        let book = match feed {
            Feed::Orders => Book::Orders(Box::default()),
            Feed::Levels => Book::Levels(Box::default()),
            Feed::Depth(_) => Book::Depth(Box::new([Level::EMPTY; LEVELS])),
        };
        Ok(Self { detector: Detector::new(config)?, book, last_ts: i64::MIN })
    }

    /// The same, keeping the timeline.
    #[must_use]
    pub fn with_timeline(mut self) -> Self {
        self.detector = self.detector.with_timeline();
        self
    }

    /// One event; `levels` are the best levels after it for a feed of depths (missing ones are empty), else unused.
    ///
    /// # Errors
    /// `Error::Data`, with the detector unchanged: `IGN001` when time goes back, `IGN002` for a time, size or price
    /// beyond what is taken and for an action or side outside the vocabulary, `IGN003` for such a level.
    #[inline]
    pub fn event(&mut self, event: &Event, levels: &[Level]) -> Result<()> {
        if !event.is_plausible() {
            return Err(self.implausible(event));
        }
        if event.ts < self.last_ts {
            if event.flags & flag::SNAPSHOT == 0 {
                return Err(self.backwards(event));
            }
            // Orders of a snapshot carry the time they were placed: the tape's clock stands still for them.
            let mut late = *event;
            late.ts = self.last_ts;
            return self.event(&late, levels);
        }
        match &mut self.book {
            Book::Orders(book) => {
                let first = book.apply(event);
                self.detector.step(event, first, book.depth());
            }
            Book::Levels(book) => {
                let first = book.apply(event);
                self.detector.step(event, first, book.depth());
            }
            Book::Depth(depth) => {
                if let Some(k) = levels.iter().position(|level| !level.is_plausible()) {
                    let at = self.detector.events();
                    return Err(implausible_level(k, &levels[k], at));
                }
                let mut first = LEVELS;
                for k in (0..LEVELS).rev() {
                    let new = levels.get(k).copied().unwrap_or(Level::EMPTY);
                    if new != depth[k] {
                        depth[k] = new;
                        first = k;
                    }
                }
                self.detector.step(event, first, depth);
            }
        }
        self.last_ts = event.ts;
        Ok(())
    }

    #[cold]
    fn backwards(&self, event: &Event) -> Error {
        let expected = format!("at least {}, the time before it", self.last_ts);
        Error::data(
            Fault::new("IGN001", "events", "ts", event.ts.to_string(), expected)
                .at(self.detector.events().to_string())
                .hint("sort the events yourself if that is right"),
        )
    }

    #[cold]
    fn implausible(&self, event: &Event) -> Error {
        let (field, value, expected) = if !event.is_spelled() {
            let shown = |byte: u8| (byte as char).escape_default().to_string();
            let value = format!("{} {}", shown(event.action), shown(event.side));
            let at = self.detector.events().to_string();
            let expected = "an action of A C M T F R N H O X and a side of B A N";
            return Error::data(Fault::new("IGN002", "events", "action, side", value, expected).at(at));
        } else if !TIMES.contains(&event.ts) {
            ("ts", event.ts, "ns since the epoch, 1990..2100")
        } else if (0..=LARGEST).contains(&event.size) {
            ("price", event.price, "ticks within 2^53 of zero, or no price")
        } else {
            ("size", event.size, "0 to 2^53 lots")
        };
        let at = self.detector.events().to_string();
        Error::data(Fault::new("IGN002", "events", field, value.to_string(), expected).at(at))
    }

    /// The detector: stage, score, features, episodes.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// The detector itself, for records that carry the book with them.
    pub(super) fn detector_mut(&mut self) -> &mut Detector {
        &mut self.detector
    }

    /// The book of orders and the detector, for records of orders; `None` when the feed is another.
    pub(super) fn orders_mut(&mut self) -> Option<(&mut Orders, &mut Detector)> {
        match &mut self.book {
            Book::Orders(book) => Some((book, &mut self.detector)),
            _ => None,
        }
    }

    /// What the book and the detector flagged.
    pub fn quality(&self) -> Quality {
        let mut quality = *self.detector.quality();
        match &self.book {
            Book::Orders(book) => quality.merge(book.quality()),
            Book::Levels(book) => quality.merge(book.quality()),
            Book::Depth(_) => {}
        }
        quality
    }
}

#[cold]
fn implausible_level(k: usize, level: &Level, event: i64) -> Error {
    let value = format!("{} x {} at {} x {}", level.bid_size, level.ask_size, level.bid_price, level.ask_price);
    let expected = "sizes of 0 to 2^53 lots, prices within 2^53 ticks of zero";
    Error::data(Fault::new("IGN003", "events", format!("levels[{k}]"), value, expected).at(event.to_string()))
}
