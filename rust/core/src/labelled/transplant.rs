//! Ignitions put into real books.
//!
//! The events of a tape go on as they were, but in an episode their prices are shifted by the displacement and the
//! consumed side is shown thinner; between them come the orders of the igniter, which take what the book really held.
//! A sham does all of it with nothing: no displacement, no thinning, and an event that changes nothing in the place of
//! every order.

use super::baselines::walk;
use super::config::{EpisodePlan, Style};
use super::draw::Draw;
use super::label::{Labelled, measure};
use super::order_flow::Counts;
use super::script::{Kind, Script};
use crate::error::{Error, Fault, Result};
use crate::events::{Depth, Event, EventColumns, Feed, LEVELS, Level, NO_PRICE, action, flag, side};
use crate::rng::Domain;
use crate::tape::Tape;

const SECOND: f64 = 1e9;
/// Shortest time that an episode gets, units of its clock: volume, push and the larger part of the way back. Ours.
const SHORTEST: f64 = 45.0;
/// Step of the way back, units. Ours.
const STEP: f64 = 0.02;

/// What is put into a tape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Graft {
    /// Smallest and largest displacement, standard deviations of the mid over one unit; log-uniform.
    pub strengths: (f64, f64),
    /// Number of ignitions.
    pub ignitions: usize,
    /// Number of shams.
    pub shams: usize,
    /// Unit of the clock, seconds.
    pub unit: f64,
    /// Time within which the move comes back, seconds.
    pub window: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Own {
    /// One of the trades at the touch before the push.
    Volume { buyer: bool },
    /// A child order of the push.
    Child,
    /// The way back: prices follow; sometimes the igniter unwinds.
    Step,
}

/// Puts ignitions and shams into a tape.
///
/// # Errors
/// `Error::Config`: `LAB012` for a number that breaks its rule, `LAB013` for more episodes than the tape has room for;
/// as [`walk`].
pub fn transplant(tape: &Tape, graft: &Graft, seed: u64, go_on: &mut dyn FnMut() -> bool) -> Result<Labelled> {
    let Graft { strengths: (low, high), ignitions, shams, unit, window } = *graft;
    let fail = |code, field: &str, value: String, expected: String| {
        Err(Error::config(Fault::new(code, "transplant", field, value, expected)))
    };
    if !(low > 0.0 && low <= high && high <= 1e6) {
        return fail("LAB012", "strengths", format!("{low} to {high}"), "0 < low <= high <= 1e6".to_owned());
    }
    for (field, value) in [("unit", unit), ("window", window)] {
        if !(value > 0.0 && value <= 1e6) {
            return fail("LAB012", field, value.to_string(), "a number in (0, 1e6]".to_owned());
        }
    }
    let Some((first, last)) = tape.span() else {
        return fail("LAB013", "tape", "no events".to_owned(), "events".to_owned());
    };
    let count = ignitions + shams;
    // Ordinary rates have to be known before the first episode.
    let span = (last - first) as f64 / SECOND;
    let lead = (60.0 * unit).min(0.2 * span);
    let slot = (span - lead) / count.max(1) as f64;
    let shortest = SHORTEST * unit;
    if count == 0 || slot < shortest {
        let most = ((span - lead) / shortest) as usize;
        return fail("LAB013", "n", count.to_string(), format!("1 to {most} episodes in {span:.0} s"));
    }
    let mut draw = Draw::new(seed, Domain::Transplant, 0);
    let mut is_sham: Vec<bool> = (0..count).map(|i| i >= ignitions).collect();
    for i in (1..count).rev() {
        is_sham.swap(i, draw.below(i + 1));
    }
    let onsets: Vec<i64> = (0..count)
        .map(|i| {
            let room = slot - shortest;
            let start = lead + slot * i as f64 + room * draw.between(0.0, 0.5);
            first + libm::round(start * SECOND) as i64
        })
        .collect();
    let mut surgery = Surgery::new(tape.feed, draw);
    let mut next = 0;
    let window = window.min(slot - 12.0 * unit);
    walk(tape, go_on, &mut |event, depth| {
        if surgery.is_whole {
            if surgery.script.is_none() && next < count && event.ts >= onsets[next] && surgery.is_sound() {
                surgery.begin(onsets[next].max(surgery.last_ts), is_sham[next], graft, window);
                next += 1;
            }
            surgery.insert_until(event.ts);
        }
        surgery.forward(event, depth);
    })?;
    surgery.scripts.extend(surgery.script.take().filter(|script| script.end < last));
    let labels = measure(&surgery.path, &surgery.scripts);
    let source = format!("transplant({}, seed={seed})", tape.source);
    let mut made = Tape::of_columns(&source, &tape.symbol, tape.tick_size, tape.lot_size, surgery.out);
    made.quality = tape.quality;
    Ok(Labelled { tape: made, labels, path: surgery.path, counts: surgery.counts, span: (first, last) })
}

/// The tape in the making.
struct Surgery {
    out: EventColumns,
    path: Vec<(i64, i64)>,
    draw: Draw,
    /// The real book, and whether the last event left it whole.
    book: Depth,
    is_whole: bool,
    first_ts: i64,
    last_ts: i64,
    /// Ticks that prices are away from the real ones.
    shift: i64,
    /// What earlier episodes left.
    base: i64,
    script: Option<Script>,
    scripts: Vec<Script>,
    is_sham: bool,
    /// The igniter's orders, the next one last.
    own: Vec<(i64, Own)>,
    trades: u64,
    variance: f64,
    second: i64,
    second_mid: f64,
    counts: Counts,
}

impl Surgery {
    fn new(feed: Feed, draw: Draw) -> Self {
        let depth_levels = if let Feed::Depth(levels) = feed { levels.min(LEVELS) } else { LEVELS };
        Self {
            out: EventColumns { depth_levels, ..EventColumns::default() },
            path: Vec::new(),
            draw,
            book: [Level::EMPTY; LEVELS],
            is_whole: false,
            first_ts: i64::MIN,
            last_ts: i64::MIN,
            shift: 0,
            base: 0,
            script: None,
            scripts: Vec::new(),
            is_sham: false,
            own: Vec::new(),
            trades: 0,
            variance: 0.0,
            second: i64::MIN,
            second_mid: f64::NAN,
            counts: Counts::default(),
        }
    }

    fn is_sound(&self) -> bool {
        self.book[0].is_two_sided() && self.book[0].bid_price < self.book[0].ask_price
    }

    fn begin(&mut self, onset: i64, is_sham: bool, graft: &Graft, window: f64) {
        let plan =
            EpisodePlan { true_share: 1.0, displacement: graft.strengths, ..EpisodePlan::of_clock(graft.unit, window) };
        let number = self.scripts.len() as u64;
        let sigma = self.variance.sqrt().max(0.5);
        let mut script = Script::draw(&plan, Style::A, onset, sigma, 0.0, number, &mut self.draw);
        let seconds = ((self.last_ts - self.first_ts) as f64 / SECOND).max(1.0);
        let ordinary = (self.trades as f64 / seconds).max(0.2 / graft.unit);
        let between = |from: i64, to: i64| (to - from) as f64 / SECOND;
        let mut own = Vec::new();
        let volume = script.volume_factor * ordinary * between(script.onset, script.ignition);
        for _ in 0..self.draw.poisson(volume.min(2_000.0)) {
            let at = self.draw.between(script.onset as f64, script.ignition as f64) as i64;
            own.push((at, Own::Volume { buyer: self.draw.happens(0.5) }));
        }
        let push = script.push_factor * ordinary * between(script.ignition, script.push_end);
        for _ in 0..self.draw.poisson(push.min(2_000.0)).max(12) {
            let at = self.draw.between(script.ignition as f64, script.push_end as f64) as i64;
            own.push((at, Own::Child));
        }
        own.push((script.push_end, Own::Child));
        let mut at = script.push_end;
        while at < script.end {
            at += (STEP * graft.unit * SECOND) as i64;
            own.push((at, Own::Step));
        }
        // Sorted by time, last first; equal times keep their order.
        own.sort_by_key(|item| item.0);
        own.reverse();
        if is_sham {
            script.kind = Kind::Sham;
            script.amplitude = 0.0;
            script.thinning = 1.0;
        }
        self.own = own;
        self.is_sham = is_sham;
        self.script = Some(script);
    }

    /// The igniter's orders before `ts`.
    fn insert_until(&mut self, ts: i64) {
        while let Some(&(at, own)) = self.own.last() {
            if at >= ts {
                return;
            }
            self.own.pop();
            if self.is_sound() {
                self.play(at.max(self.last_ts), own);
            }
        }
        if let Some(script) = self.script.take() {
            self.base = self.shift;
            self.scripts.push(script);
        }
    }

    fn play(&mut self, ts: i64, own: Own) {
        let Some(script) = &self.script else { return };
        let (up, participant) = (script.side > 0, script.participant);
        let wanted = self.base + libm::round(script.displacement(ts)) as i64;
        if self.is_sham {
            if own != Own::Step {
                let event = Event { price: NO_PRICE, size: 0, ..self.blank(ts, action::NONE, side::NONE, 0) };
                let shown = self.shown(ts);
                self.write(&event, &shown);
            }
            return;
        }
        match own {
            Own::Volume { buyer } => {
                let share = self.draw.between(0.05, 0.5);
                self.take(ts, buyer, share, self.shift, participant);
            }
            Own::Child => {
                let share = self.draw.between(0.3, 1.0);
                self.take(ts, up, share, wanted, participant);
            }
            Own::Step if wanted != self.shift => {
                if self.draw.happens(0.2) {
                    let share = self.draw.between(0.05, 0.4);
                    self.take(ts, !up, share, wanted, participant);
                } else {
                    self.shift = wanted;
                    let shown = self.shown(ts);
                    let (of, price, size) = if up {
                        (side::ASK, shown[0].ask_price, shown[0].ask_size)
                    } else {
                        (side::BID, shown[0].bid_price, shown[0].bid_size)
                    };
                    let event = Event { price, size, ..self.blank(ts, action::MODIFY, of, 0) };
                    self.write(&event, &shown);
                }
            }
            Own::Step => {}
        }
    }

    fn blank(&self, ts: i64, what: u8, of: u8, participant: u64) -> Event {
        Event { ts, price: NO_PRICE, size: 0, order_id: 0, participant, action: what, side: of, flags: flag::LAST }
    }

    /// An aggressor takes every level that the new shift leaves behind, or a share of the best one.
    fn take(&mut self, ts: i64, buyer: bool, share: f64, wanted: i64, participant: u64) {
        self.counts.planned += 1;
        let before = self.shown(ts);
        let aggressor = if buyer { side::BID } else { side::ASK };
        let consumed = if buyer { side::ASK } else { side::BID };
        let of = |level: &Level| {
            if buyer { (level.ask_price, level.ask_size) } else { (level.bid_price, level.bid_size) }
        };
        let (best, touch) = of(&before[0]);
        let moved = wanted - self.shift;
        // Prices better than where the best one is going to be.
        let is_left = |price: i64| if buyer { price < best + moved } else { price > best + moved };
        let mut rows: Vec<(i64, i64)> =
            before.iter().map(of).filter(|&(price, size)| size > 0 && is_left(price)).collect();
        let is_partial = rows.is_empty();
        if is_partial {
            rows.push((best, ((touch as f64 * share) as i64).clamp(1, (touch - 1).max(1))));
        }
        for &(price, size) in &rows {
            let event = Event { price, size, flags: 0, ..self.blank(ts, action::TRADE, aggressor, participant) };
            self.write(&event, &before);
        }
        self.shift = wanted;
        let mut after = self.shown(ts);
        if is_partial && moved == 0 && touch > 1 {
            let size = rows[0].1;
            if buyer {
                after[0].ask_size -= size;
            } else {
                after[0].bid_size -= size;
            }
        }
        let (price, size) = of(&after[0]);
        let event = Event { price, size, ..self.blank(ts, action::MODIFY, consumed, participant) };
        self.write(&event, &after);
    }

    /// The real book as the tape shows it: shifted, the consumed side thinner.
    fn shown(&self, ts: i64) -> Depth {
        let mut book = self.book;
        let (factor, up) = match &self.script {
            Some(script) => (script.thinning_at(ts), script.side > 0),
            None => (1.0, true),
        };
        let thin = |size: i64| ((size as f64 * factor) as i64).max(1);
        for level in &mut book {
            if level.bid_size > 0 {
                level.bid_price += self.shift;
                level.bid_size = if up { level.bid_size } else { thin(level.bid_size) };
            }
            if level.ask_size > 0 {
                level.ask_price += self.shift;
                level.ask_size = if up { thin(level.ask_size) } else { level.ask_size };
            }
        }
        book
    }

    /// A real event, with its prices where they are now.
    fn forward(&mut self, event: &Event, depth: &Depth) {
        if self.first_ts == i64::MIN {
            self.first_ts = event.ts;
        }
        self.book = *depth;
        self.is_whole = event.is_last();
        self.trades += u64::from(event.action == action::TRADE);
        let price = if event.price == NO_PRICE { NO_PRICE } else { event.price + self.shift };
        // The levels that come with the event are the book; ids of orders would be read as another feed.
        let shown = self.shown(event.ts);
        self.write(&Event { price, order_id: 0, ..*event }, &shown);
        let second = event.ts.div_euclid(1_000_000_000);
        if second != self.second && self.is_sound() {
            let mid = 0.5 * (self.book[0].bid_price + self.book[0].ask_price) as f64;
            if self.second != i64::MIN {
                let moved = mid - self.second_mid;
                // The mean over the first 300 s, then an exponential one; silent seconds are no change.
                let seconds = (event.ts - self.first_ts) as f64 / SECOND;
                let silent = (second - self.second) as f64;
                let weight = 1.0 / seconds.clamp(silent, 300.0_f64.max(silent));
                self.variance += (moved * moved / silent - self.variance) * (weight * silent).min(1.0);
            }
            (self.second, self.second_mid) = (second, mid);
        }
    }

    fn write(&mut self, event: &Event, book: &Depth) {
        self.last_ts = event.ts;
        self.out.push_with_depth(event, book);
        let best = &book[0];
        if event.is_last() && best.is_two_sided() && best.bid_price < best.ask_price {
            let mid = best.bid_price + best.ask_price;
            if self.path.last().is_none_or(|last| last.1 != mid) {
                self.path.push((event.ts, mid));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labelled::{FlowConfig, order_flow};

    /// Ordinary flow whose price goes nowhere, so that every move is the transplant's.
    fn quiet(feed: Feed) -> Tape {
        let still = FlowConfig {
            episodes: Vec::new(),
            volatility: 0.0,
            impact: 0.0,
            news: (0.0, 0.0),
            ..FlowConfig::preset("stock").expect("preset")
        };
        let config = FlowConfig { parent_orders: 0.0, ..still };
        order_flow(&config, 11, 0.4, feed, false, &mut || true).expect("flow").tape
    }

    fn graft(ignitions: usize, shams: usize) -> Graft {
        Graft { strengths: (4.0, 20.0), ignitions, shams, unit: 1.0, window: 60.0 }
    }

    #[test]
    fn shams_change_nothing_but_add_silent_events() {
        let tape = quiet(Feed::Depth(LEVELS));
        let made = transplant(&tape, &graft(0, 6), 3, &mut || true).expect("shams");
        let (before, after) = (tape.columns().expect("columns"), made.tape.columns().expect("columns"));
        let mut kept = EventColumns { depth_levels: LEVELS, ..EventColumns::default() };
        for i in 0..after.len() {
            if after.action[i] == action::NONE {
                assert!(i > 0 && after.levels(i) == after.levels(i - 1));
            } else {
                kept.push_with_depth(&after.event(i), after.levels(i));
            }
        }
        assert!(after.len() > kept.len() + 50);
        assert_eq!(&kept, before);
        assert!(made.labels.iter().all(|label| label.kind == Kind::Sham) && made.labels.len() == 6);
    }

    #[test]
    fn ignitions_move_the_price_by_their_strength_and_bring_it_back() {
        for feed in [Feed::Depth(LEVELS), Feed::Levels, Feed::Orders] {
            let tape = quiet(feed);
            let made = transplant(&tape, &graft(8, 0), 5, &mut || true).expect("ignitions");
            assert_eq!((made.labels.len(), made.tape.feed), (8, Feed::Depth(LEVELS)));
            for label in &made.labels {
                assert!(label.displacement_sigma > 2.0, "{label:?}");
                assert!(label.retrace > 0.5 && label.half_back > 0, "{label:?}");
            }
            let columns = made.tape.columns().expect("columns");
            assert!(columns.ts.is_sorted());
            for i in 0..columns.len() {
                let best = columns.levels(i)[0];
                assert!(best.bid_price < best.ask_price, "row {i}");
            }
        }
    }

    #[test]
    fn rules_and_room_are_checked() {
        let tape = quiet(Feed::Levels);
        let code = |graft: &Graft| {
            let error = transplant(&tape, graft, 1, &mut || true).expect_err("refused").to_string();
            error[..6].to_owned()
        };
        assert_eq!(code(&Graft { strengths: (5.0, 2.0), ..graft(1, 0) }), "LAB012");
        assert_eq!(code(&Graft { unit: f64::NAN, ..graft(1, 0) }), "LAB012");
        assert_eq!(code(&graft(40, 0)), "LAB013");
        assert_eq!(code(&graft(0, 0)), "LAB013");
    }
}
