//! Arrays of a user as event columns: every value is checked once, on the way in.

use super::{EventColumns, Flaw, LEVELS, Level, NO_PRICE, Quality, action, flag, side};
use crate::error::{Error, Fault, Result};

/// Largest price in ticks and size in lots: sums over the levels of a book and over a long tape stay far from 2^63.
pub const LARGEST: i64 = 1 << 45;
/// Times of a tape lie from 1990 ...
pub const EARLIEST_NS: i64 = 631_152_000_000_000_000;
/// ... to before 2100.
pub const LATEST_NS: i64 = 4_102_444_800_000_000_000;
/// A missing integer, as frames with a mask hand it over.
pub const MISSING: i64 = i64::MIN;

/// A column of integers (ticks, lots) or of floats (currency, units), which must lie on the grid.
#[derive(Debug, Clone, Copy)]
pub enum Numbers<'a> {
    /// Ticks or lots as they are.
    Integers(&'a [i64]),
    /// Multiples of the step, within 1e-9 of the value and a thousandth of the step.
    Floats(&'a [f64]),
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }
}

/// What is to be done about one kind of anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// An error that names the place.
    Raise,
    /// Kept and counted.
    Flag,
    /// Left out and counted.
    Drop,
}

impl Policy {
    /// The policy of that name.
    ///
    /// # Errors
    /// `Error::Config` for another name.
    pub fn parse(name: &str, field: &str) -> Result<Self> {
        match name {
            "raise" => Ok(Self::Raise),
            "flag" => Ok(Self::Flag),
            "drop" => Ok(Self::Drop),
            _ => {
                let fault = Fault::new("EVT001", "policy", field, format!("{name:?}"), "raise, flag or drop");
                Err(Error::config(fault))
            }
        }
    }
}

/// Levels after each event, row by row: n x k values each.
#[derive(Debug, Clone, Copy)]
pub struct LevelArrays<'a> {
    /// Levels a side.
    pub k: usize,
    /// Bids, best first.
    pub bid_price: Numbers<'a>,
    /// Asks, best first.
    pub ask_price: Numbers<'a>,
    /// Size at each bid; 0 is no level.
    pub bid_size: Numbers<'a>,
    /// Size at each ask; 0 is no level.
    pub ask_size: Numbers<'a>,
}

/// Columns as they come from a user.
#[derive(Debug, Clone, Copy)]
pub struct Arrays<'a> {
    /// What errors call the data.
    pub source: &'a str,
    /// Times in units of `unit` since the epoch (UTC).
    pub ts: &'a [i64],
    /// Nanoseconds in a unit of `ts`.
    pub unit: i64,
    /// Letters of `events::action`.
    pub action: &'a [u8],
    /// Letters of `events::side`.
    pub side: &'a [u8],
    /// Price.
    pub price: Numbers<'a>,
    /// Size.
    pub size: Numbers<'a>,
    /// Bits of `events::flag`; without them every event is whole.
    pub flags: Option<&'a [u8]>,
    /// Order ids.
    pub order_id: Option<&'a [u64]>,
    /// Participant ids.
    pub participant: Option<&'a [u64]>,
    /// The book after each event.
    pub levels: Option<LevelArrays<'a>>,
    /// One tick in units of the price's currency.
    pub tick_size: f64,
    /// One lot in units of the instrument.
    pub lot_size: f64,
    /// Times before their predecessor's.
    pub backwards: Policy,
    /// Prices and sizes that break their rule: raise or drop.
    pub values: Policy,
}

/// Why a number cannot be used.
enum Wrong {
    Missing,
    NotFinite,
    OffGrid,
    Beyond,
}

impl Numbers<'_> {
    #[inline]
    fn steps(&self, i: usize, step: f64) -> std::result::Result<i64, Wrong> {
        match self {
            Self::Integers(values) => match values[i] {
                MISSING | NO_PRICE => Err(Wrong::Missing),
                value if value.unsigned_abs() > LARGEST as u64 => Err(Wrong::Beyond),
                value => Ok(value),
            },
            Self::Floats(values) => float_steps(values[i], step),
        }
    }

    fn shown(&self, i: usize) -> String {
        match self {
            Self::Integers(values) if matches!(values[i], MISSING | NO_PRICE) => "no value".to_owned(),
            Self::Integers(values) => values[i].to_string(),
            Self::Floats(values) => format!("{:?}", values[i]),
        }
    }
}

/// Steps nearest to a value, if it lies on the grid as closely as a float can tell.
#[inline]
fn float_steps(value: f64, step: f64) -> std::result::Result<i64, Wrong> {
    if value.is_nan() {
        return Err(Wrong::Missing);
    }
    if value.is_infinite() {
        return Err(Wrong::NotFinite);
    }
    let steps = libm::round(value / step);
    if steps.abs() > LARGEST as f64 {
        return Err(Wrong::Beyond);
    }
    let tolerance = (1e-9 * value.abs()).min(1e-3 * step);
    if (value - steps * step).abs() > tolerance { Err(Wrong::OffGrid) } else { Ok(steps as i64) }
}

/// Whether an event needs a price and a size to mean anything.
fn is_priced(action: u8) -> bool {
    matches!(action, action::ADD | action::CANCEL | action::MODIFY | action::TRADE | action::FILL | action::CROSS)
}

impl Arrays<'_> {
    /// The columns as events, and what the policies flagged or dropped.
    ///
    /// # Errors
    /// `Error::Schema` for lengths, `Error::Config` for tick and lot, `Error::Data` with the index of the event for
    /// everything else.
    pub fn events(&self) -> Result<(EventColumns, Quality)> {
        self.check_shapes()?;
        let n = self.ts.len();
        let mut events = EventColumns { depth_levels: self.levels.map_or(0, |levels| levels.k), ..Default::default() };
        events.reserve(n);
        let mut quality = Quality::default();
        let mut last = i64::MIN;
        for i in 0..n {
            let flags = self.flags.map_or(flag::LAST, |flags| flags[i]);
            let mut ts = self.time(i)?;
            if ts < last {
                // Orders of a snapshot carry the time they were placed: the clock stands still for them.
                if flags & flag::SNAPSHOT == 0 {
                    match self.backwards {
                        Policy::Raise => return Err(self.time_backwards(i, ts, last)),
                        Policy::Flag => quality.add(Flaw::TimeBackwards),
                        Policy::Drop => {
                            quality.add(Flaw::TimeBackwards);
                            drop_row(&mut events, flags, &mut quality);
                            continue;
                        }
                    }
                }
                ts = last;
            }
            match self.row(i, flags, &mut events) {
                Ok(()) => {
                    last = ts;
                    events.ts.push(ts);
                }
                Err(Error::Data(_)) if self.values == Policy::Drop => {
                    events.truncate(events.ts.len());
                    drop_row(&mut events, flags, &mut quality);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((events, quality))
    }

    /// Appends everything of a row but its time, which goes last: a row that fails on the way is cut off again.
    #[inline]
    fn row(&self, i: usize, flags: u8, events: &mut EventColumns) -> Result<()> {
        let (what, side) = (self.action[i], self.side[i]);
        if !(is_priced(what) || matches!(what, action::CLEAR | action::NONE | action::HALT | action::RESUME)) {
            return Err(self.letter(i, "action", what, "A, C, M, T, F, R, N, H, O or X"));
        }
        if !matches!(side, side::BID | side::ASK | side::NONE) {
            return Err(self.letter(i, "side", side, "B, A or N"));
        }
        let (price, size) = if is_priced(what) {
            let removes = self.order_id.is_none() && matches!(what, action::ADD | action::CANCEL | action::MODIFY);
            (
                self.positive(&self.price, "price", i, i, self.tick_size, false)?,
                self.positive(&self.size, "size", i, i, self.lot_size, removes)?,
            )
        } else {
            (NO_PRICE, 0)
        };
        events.action.push(what);
        events.side.push(side);
        events.flags.push(flags);
        events.price.push(price);
        events.size.push(size);
        if let Some(ids) = self.order_id {
            events.order_id.push(ids[i]);
        }
        if let Some(ids) = self.participant {
            events.participant.push(ids[i]);
        }
        if let Some(levels) = &self.levels {
            let start = events.depth.len();
            for k in 0..levels.k {
                let at = i * levels.k + k;
                let mut level = Level::EMPTY;
                if let Some((price, size)) =
                    self.level(&levels.bid_price, &levels.bid_size, ["bid_price", "bid_size"], at, i)?
                {
                    (level.bid_price, level.bid_size) = (price, size);
                }
                if let Some((price, size)) =
                    self.level(&levels.ask_price, &levels.ask_size, ["ask_price", "ask_size"], at, i)?
                {
                    (level.ask_price, level.ask_size) = (price, size);
                }
                if k > 0 {
                    let better = events.depth[start + k - 1];
                    // A hole is an infinitely bad price: nothing may follow it.
                    if level.bid_price >= better.bid_price && level.bid_price != i64::MIN {
                        return Err(self.order(i, k, "bid_price", level.bid_price, better.bid_price, "below"));
                    }
                    if level.ask_price <= better.ask_price && level.ask_price != i64::MAX {
                        return Err(self.order(i, k, "ask_price", level.ask_price, better.ask_price, "above"));
                    }
                }
                events.depth.push(level);
            }
        }
        Ok(())
    }

    #[inline]
    fn time(&self, i: usize) -> Result<i64> {
        let given = self.ts[i];
        match given.checked_mul(self.unit) {
            Some(ts) if (EARLIEST_NS..LATEST_NS).contains(&ts) => Ok(ts),
            _ => Err(wrong_time(self.source, i, given, self.unit)),
        }
    }

    #[inline]
    fn positive(&self, of: &Numbers<'_>, field: &str, at: usize, row: usize, step: f64, zero: bool) -> Result<i64> {
        match of.steps(at, step) {
            Ok(steps) if steps > 0 || (zero && steps == 0) => Ok(steps),
            wrong => Err(self.value(of, field, at, row, step, zero, wrong.err())),
        }
    }

    /// One side of a level: `None` where there is none.
    #[inline]
    fn level(
        &self,
        price: &Numbers<'_>,
        size: &Numbers<'_>,
        names: [&str; 2],
        at: usize,
        row: usize,
    ) -> Result<Option<(i64, i64)>> {
        match size.steps(at, self.lot_size) {
            Ok(0) | Err(Wrong::Missing) => Ok(None),
            Ok(size) if size > 0 => match price.steps(at, self.tick_size) {
                Err(Wrong::Missing) => Ok(None),
                Ok(price) if price > 0 => Ok(Some((price, size))),
                wrong => Err(self.value(price, names[0], at, row, self.tick_size, false, wrong.err())),
            },
            wrong => Err(self.value(size, names[1], at, row, self.lot_size, true, wrong.err())),
        }
    }

    fn check_shapes(&self) -> Result<()> {
        for (field, step) in [("tick_size", self.tick_size), ("lot_size", self.lot_size)] {
            if !(step.is_finite() && step > 0.0) {
                let fault = Fault::new("EVT002", self.source, field, format!("{step:?}"), "a finite number above 0");
                return Err(Error::config(fault));
            }
        }
        if self.values == Policy::Flag {
            let fault = Fault::new("EVT003", "policy", "bad_value", "\"flag\"", "raise or drop");
            return Err(Error::config(fault.hint("a value that breaks its rule has no place in a book")));
        }
        let n = self.ts.len();
        if n == 0 {
            return Err(Error::data(Fault::new("ARR001", self.source, "ts", "0 events", "at least one event")));
        }
        let mut lengths = vec![
            ("action", self.action.len(), n),
            ("side", self.side.len(), n),
            ("price", self.price.len(), n),
            ("size", self.size.len(), n),
            ("flags", self.flags.map_or(n, <[u8]>::len), n),
            ("order_id", self.order_id.map_or(n, <[u64]>::len), n),
            ("participant", self.participant.map_or(n, <[u64]>::len), n),
        ];
        if let Some(levels) = &self.levels {
            if !(1..=LEVELS).contains(&levels.k) {
                let fault = Fault::new("ARR003", self.source, "bid_price", format!("{} levels", levels.k), "1 to 10");
                return Err(Error::schema(fault));
            }
            let values = n.saturating_mul(levels.k);
            lengths.extend([
                ("bid_price", levels.bid_price.len(), values),
                ("ask_price", levels.ask_price.len(), values),
                ("bid_size", levels.bid_size.len(), values),
                ("ask_size", levels.ask_size.len(), values),
            ]);
        }
        match lengths.into_iter().find(|(_, length, expected)| length != expected) {
            None => Ok(()),
            Some((field, length, expected)) => {
                let expected = format!("{expected}, as ts has {n} rows");
                Err(Error::schema(Fault::new("ARR002", self.source, field, format!("{length} values"), expected)))
            }
        }
    }

    #[cold]
    fn letter(&self, i: usize, field: &str, code: u8, expected: &str) -> Error {
        let shown = format!("{:?}", char::from(code));
        Error::data(Fault::new("ARR004", self.source, field, shown, expected).at(i.to_string()))
    }

    #[cold]
    fn order(&self, i: usize, k: usize, field: &str, price: i64, better: i64, which: &str) -> Error {
        let expected = match better {
            i64::MIN | i64::MAX => format!("no level after a missing level {}", k - 1),
            _ => format!("{which} {better}, the level before it (ticks)"),
        };
        let fault = Fault::new("ARR010", self.source, format!("{field}[{k}]"), price.to_string(), expected);
        Error::data(fault.at(i.to_string()))
    }

    #[cold]
    fn value(
        &self,
        of: &Numbers<'_>,
        field: &str,
        at: usize,
        row: usize,
        step: f64,
        zero: bool,
        wrong: Option<Wrong>,
    ) -> Error {
        let field = if at == row {
            field.to_owned()
        } else {
            format!("{field}[{}]", at - row * self.levels.map_or(1, |l| l.k))
        };
        let rule = if zero { "at least 0" } else { "above 0" };
        let (code, expected) = match wrong {
            Some(Wrong::Missing) => ("ARR005", format!("a value {rule}")),
            Some(Wrong::NotFinite) => ("ARR006", "finite".to_owned()),
            Some(Wrong::OffGrid) => ("ARR007", format!("a multiple of {step:?}")),
            Some(Wrong::Beyond) => ("ARR008", format!("at most 2^45 steps of {step:?}")),
            None => ("ARR009", rule.to_owned()),
        };
        Error::data(Fault::new(code, self.source, field, of.shown(at), expected).at(row.to_string()))
    }

    #[cold]
    fn time_backwards(&self, i: usize, ts: i64, last: i64) -> Error {
        let expected = format!("at least {last}, the time before it");
        let fault = Fault::new("TIM014", self.source, "ts", ts.to_string(), expected).at(i.to_string());
        Error::data(fault.hint("sort by time yourself if that is right, or pass policy={\"time_backwards\": ...}"))
    }
}

/// A dropped row closes its group where it was the last of it.
fn drop_row(events: &mut EventColumns, flags: u8, quality: &mut Quality) {
    quality.add(Flaw::Dropped);
    if let Some(before) = events.flags.last_mut() {
        *before |= flags & flag::LAST;
    }
}

/// The error of a time that is not of this age, with the unit it may be in.
#[cold]
pub fn wrong_time(source: &str, i: usize, given: i64, unit: i64) -> Error {
    let names = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
    let fits = |scale: i64| given.checked_mul(scale).is_some_and(|ts| (EARLIEST_NS..LATEST_NS).contains(&ts));
    let shown = if given == MISSING { "NaT".to_owned() } else { given.to_string() };
    let fault = Fault::new("TIM013", source, "ts", shown, "1990..2100").at(i.to_string());
    let long = |name| match name {
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        _ => "nanoseconds",
    };
    Error::data(match names.iter().find(|(_, scale)| *scale != unit && fits(*scale)) {
        Some((name, _)) => fault.hint(format!("looks like {}, pass unit=\"{name}\"", long(*name))),
        None => fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_704_187_800_000_000_000;

    fn arrays<'a>(ts: &'a [i64], price: &'a [f64], size: &'a [f64]) -> Arrays<'a> {
        Arrays {
            source: "arrays",
            ts,
            unit: 1,
            action: &b"MMMM"[..ts.len()],
            side: &b"BABA"[..ts.len()],
            price: Numbers::Floats(price),
            size: Numbers::Floats(size),
            flags: None,
            order_id: None,
            participant: None,
            levels: None,
            tick_size: 0.01,
            lot_size: 1.0,
            backwards: Policy::Raise,
            values: Policy::Raise,
        }
    }

    #[test]
    fn floats_become_ticks_without_rounding_anything_away() {
        for ticks in (1..2_000_000_i64).step_by(997) {
            let price = ticks as f64 * 0.01;
            assert!(matches!(float_steps(price, 0.01), Ok(found) if found == ticks));
            assert!(matches!(float_steps(ticks as f64 / 100.0, 0.01), Ok(found) if found == ticks));
            assert!(matches!(float_steps(price + 0.001, 0.01), Err(Wrong::OffGrid)));
        }
        // A tick too fine for the price cannot be told from its neighbours.
        assert!(matches!(float_steps(60_000.000_000_014, 1e-8), Err(Wrong::OffGrid)));
    }

    #[test]
    fn errors_name_the_index_and_the_rule() {
        let (ts, size) = ([T, T, T + 5, T + 4], [1.0, 2.0, 3.0, 0.0]);
        let text = |of: &Arrays<'_>| of.events().expect_err("wrong").to_string();
        let good = [100.0, 100.01, 99.99, 100.02];
        assert!(text(&arrays(&ts, &good, &size)).starts_with("TIM014 arrays:3 ts: got 1704187800000000004"));
        let off = [100.0, 100.005, 1.0, 1.0];
        assert_eq!(text(&arrays(&ts, &off, &size)), "ARR007 arrays:1 price: got 100.005, expected a multiple of 0.01");
        let mut short = arrays(&ts, &good[..3], &size);
        assert_eq!(text(&short), "ARR002 arrays price: got 3 values, expected 4, as ts has 4 rows");
        short = arrays(&ts, &good, &size);
        short.order_id = Some(&[1, 2, 3, 4]);
        short.backwards = Policy::Flag;
        assert_eq!(text(&short), "ARR009 arrays:3 size: got 0.0, expected above 0");
        let micro = [T / 1_000];
        assert_eq!(
            text(&arrays(&micro, &good[..1], &size[..1])),
            "TIM013 arrays:0 ts: got 1704187800000000, expected 1990..2100; looks like microseconds, pass unit=\"us\""
        );
    }

    #[test]
    fn a_dropped_row_closes_its_group() {
        let (ts, price, size) = ([T, T, T, T + 1], [100.0, 99.0, f64::NAN, 98.0], [1.0, 1.0, 1.0, 1.0]);
        let mut given = arrays(&ts, &price, &size);
        given.flags = Some(&[0, 0, flag::LAST, flag::LAST]);
        given.values = Policy::Drop;
        let (events, quality) = given.events().expect("dropped");
        assert_eq!(events.price, [10_000, 9_900, 9_800]);
        assert_eq!(events.flags, [0, flag::LAST, flag::LAST]);
        assert_eq!(quality.count(Flaw::Dropped), 1);
    }

    #[test]
    fn levels_are_sorted_and_holes_are_last() {
        let (ts, price, size) = ([T, T + 1], [100.0, 100.0], [1.0, 1.0]);
        let mut given = arrays(&ts, &price, &size);
        let (bids, asks) = ([100.0, 99.99, f64::NAN, f64::NAN], [100.01, 100.02, 100.01, 0.0]);
        let (bid_size, ask_size) = ([5.0, 5.0, 5.0, 5.0], [1.0, f64::NAN, 1.0, 0.0]);
        let levels = |bids, asks, bid_size, ask_size| {
            Some(LevelArrays {
                k: 2,
                bid_price: Numbers::Floats(bids),
                ask_price: Numbers::Floats(asks),
                bid_size: Numbers::Floats(bid_size),
                ask_size: Numbers::Floats(ask_size),
            })
        };
        given.levels = levels(&bids, &asks, &bid_size, &ask_size);
        let (events, _) = given.events().expect("levels");
        assert_eq!(events.levels(0)[1], Level { bid_price: 9_999, bid_size: 5, ..Level::EMPTY });
        assert_eq!(events.levels(1)[0], Level { ask_price: 10_001, ask_size: 1, ..Level::EMPTY });
        let holes = [f64::NAN, 99.99, 100.0, 100.0];
        given.levels = levels(&holes, &asks, &bid_size, &ask_size);
        let text = given.events().expect_err("hole").to_string();
        assert_eq!(text, "ARR010 arrays:0 bid_price[1]: got 9999, expected no level after a missing level 0");
    }
}
