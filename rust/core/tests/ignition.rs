//! The detector on small flows whose answer is known.

use alvh_core::events::{Event, Feed, Flaw, LEVELS, Level, NO_PRICE, action, flag, side};
use alvh_core::ignition::{Episode, IgnitionConfig, Outcome, Stage, Stream};

const START: i64 = 1_700_000_000_000_000_000;
const MS: i64 = 1_000_000;

/// A tape written by hand: ordinary seconds, bursts, pushes.
struct Flow {
    events: Vec<(Event, [Level; LEVELS])>,
    ts: i64,
    bid: i64,
    sizes: [i64; 2],
    seed: u64,
}

impl Flow {
    fn new() -> Self {
        Self { events: Vec::new(), ts: START, bid: 20_000, sizes: [100, 100], seed: 7 }
    }

    fn random(&mut self, below: u64) -> i64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.seed >> 33) % below) as i64
    }

    fn levels(&self) -> [Level; LEVELS] {
        std::array::from_fn(|k| Level {
            bid_price: self.bid - k as i64,
            ask_price: self.bid + 1 + k as i64,
            bid_size: self.sizes[0],
            ask_size: self.sizes[1],
        })
    }

    fn push(&mut self, action: u8, side: u8, price: i64, size: i64) {
        let event = Event { ts: self.ts, price, size, order_id: 0, participant: 0, action, side, flags: flag::LAST };
        self.events.push((event, self.levels()));
    }

    /// Quotes that flicker around 100 lots, a small trade now and then.
    fn calm(&mut self, seconds: i64) {
        for _ in 0..seconds * 50 {
            self.ts += 20 * MS;
            let which = self.random(2) as usize;
            self.sizes[which] = 90 + self.random(21);
            let of = [side::BID, side::ASK][which];
            self.push(action::MODIFY, of, self.bid, self.sizes[which]);
            if self.random(10) == 0 {
                let price = self.bid + which as i64;
                self.push(action::TRADE, of, price, 2);
            }
        }
        self.sizes = [100, 100];
    }

    /// Volume on both sides at an unchanged price.
    fn burst(&mut self, ms: i64) {
        for i in 0..ms / 5 {
            self.ts += 5 * MS;
            let which = (i % 2) as usize;
            self.push(action::TRADE, [side::BID, side::ASK][which], self.bid + which as i64, 4);
        }
    }

    /// Buyers (or sellers, when negative) take a level a step and the side thins out.
    fn push_price(&mut self, ticks: i64, step_ms: i64) {
        let way = usize::from(ticks > 0);
        for _ in 0..ticks.abs() {
            self.ts += step_ms * MS;
            let touch = self.bid + way as i64;
            self.push(action::TRADE, [side::ASK, side::BID][way], touch, 60);
            self.bid += ticks.signum();
            self.sizes = [100, 100];
            self.sizes[way] = 40;
            self.push(action::MODIFY, side::NONE, self.bid, 100);
        }
        self.sizes = [100, 100];
    }

    /// The price drifts back without trades.
    fn drift(&mut self, ticks: i64, step_ms: i64) {
        for _ in 0..ticks.abs() {
            self.ts += step_ms * MS;
            self.bid += ticks.signum();
            self.push(action::MODIFY, side::NONE, self.bid, 100);
        }
    }

    fn status(&mut self, action: u8) {
        self.push(action, side::NONE, NO_PRICE, 0);
    }
}

/// Two minutes of calm, so that the first clock is warm, then an ignition of 30 ticks (15 bp).
fn ignition(ticks: i64) -> Flow {
    let mut flow = Flow::new();
    flow.calm(120);
    flow.burst(1_500);
    flow.push_price(ticks, 15);
    flow
}

fn run(flow: &Flow, config: IgnitionConfig) -> Stream {
    let mut stream = Stream::new(config, Feed::Depth(LEVELS)).expect("valid").with_timeline();
    for (event, levels) in &flow.events {
        stream.event(event, levels).expect("plausible");
    }
    stream
}

fn first_clock(stream: &Stream) -> Vec<Episode> {
    stream.detector().episodes().iter().filter(|episode| episode.clock == 0).cloned().collect()
}

#[test]
fn a_move_that_comes_back_is_an_event() {
    for sign in [1, -1] {
        let mut flow = ignition(30 * sign);
        flow.calm(1);
        flow.drift(-20 * sign, 200);
        flow.calm(20);
        let stream = run(&flow, IgnitionConfig::default());
        let episodes = first_clock(&stream);
        assert_eq!(episodes.len(), 1, "{episodes:#?}");
        let episode = &episodes[0];
        assert_eq!((episode.side, episode.outcome, episode.was_armed), (sign as i8, Outcome::Reverted, true));
        assert!(episode.onset.ts < episode.detected.ts && episode.detected.ts <= episode.cascade.ts);
        assert!(episode.cascade.ts <= episode.peak.ts && episode.peak.ts < episode.end.ts);
        // The push began 120 s + 1.5 s after the start; the alarm came while it was going on.
        let delay = episode.detected.ts - (START + 121_500 * MS);
        assert!((0..400 * MS).contains(&delay), "{delay}");
        assert!(episode.retrace >= 0.5 && episode.score > 0.0 && episode.push_z >= 5.0);
        let stages: Vec<Stage> =
            stream.detector().transitions().iter().filter(|t| t.clock == 0).map(|t| t.stage).collect();
        assert!(stages.ends_with(&[Stage::Armed, Stage::Ignited, Stage::Cascade, Stage::Idle]), "{stages:?}");
    }
}

#[test]
fn a_move_that_stays_is_not_an_event() {
    let mut flow = ignition(30);
    flow.calm(70);
    let episodes = first_clock(&run(&flow, IgnitionConfig::default()));
    assert_eq!(episodes.len(), 1, "{episodes:#?}");
    assert_eq!(episodes[0].outcome, Outcome::Continued);
}

#[test]
fn a_small_move_expires() {
    let mut flow = ignition(12);
    flow.calm(20);
    let config = IgnitionConfig { cascade_bp: 10.0, ..IgnitionConfig::default() };
    let episodes = first_clock(&run(&flow, config));
    assert_eq!(episodes.iter().map(|e| e.outcome).collect::<Vec<_>>(), [Outcome::Expired], "{episodes:#?}");
}

#[test]
fn nothing_is_scored_before_the_warm_up_in_masks_and_halts() {
    let flow = ignition(30);
    let episodes = |config| first_clock(&run(&flow, config)).len();
    assert_eq!(episodes(IgnitionConfig::default()), 1);
    assert_eq!(episodes(IgnitionConfig { warm_up: 3.0, ..IgnitionConfig::default() }), 0);
    let around = vec![(START + 100_000 * MS, START + 200_000 * MS)];
    assert_eq!(episodes(IgnitionConfig { masks: around, ..IgnitionConfig::default() }), 0);
    let before = vec![(START, START + 100_000 * MS)];
    assert_eq!(episodes(IgnitionConfig { masks: before, ..IgnitionConfig::default() }), 1);

    let mut halted = Flow::new();
    halted.calm(60);
    halted.status(action::HALT);
    halted.calm(60);
    halted.burst(1_500);
    halted.push_price(30, 15);
    let stream = run(&halted, IgnitionConfig::default());
    assert_eq!((first_clock(&stream).len(), stream.quality().count(Flaw::Halt)), (0, 1));
    let mut reopened = Flow::new();
    reopened.status(action::RESUME);
    reopened.calm(200);
    reopened.burst(1_500);
    reopened.push_price(30, 15);
    assert_eq!(first_clock(&run(&reopened, IgnitionConfig::default())).len(), 0);
    assert_eq!(first_clock(&run(&reopened, IgnitionConfig { open_mask: 60.0, ..IgnitionConfig::default() })).len(), 1);
}

#[test]
fn a_gap_suspends_scoring_until_the_book_is_whole_and_warm_again() {
    let mut flow = ignition(30);
    let middle = flow.events.len() / 2;
    flow.events[middle].0.flags |= flag::MAYBE_BAD_BOOK;
    let stream = run(&flow, IgnitionConfig::default());
    assert_eq!((first_clock(&stream).len(), stream.quality().count(Flaw::Gap)), (0, 1));
    flow.events[middle + 500].0.flags |= flag::SNAPSHOT;
    let stream = run(&flow, IgnitionConfig::default());
    assert_eq!((first_clock(&stream).len(), stream.quality().count(Flaw::Snapshot)), (1, 1));
}

#[test]
fn a_night_is_not_a_volatile_second() {
    let mut flow = Flow::new();
    flow.calm(120);
    flow.ts += 60_000 * 1_000 * MS;
    flow.bid += 500;
    flow.calm(120);
    flow.burst(1_500);
    flow.push_price(30, 15);
    let stream = run(&flow, IgnitionConfig::default());
    assert_eq!(first_clock(&stream).len(), 1);
    assert!(first_clock(&stream)[0].sigma < 2.0);
    assert_eq!(stream.quality().count(Flaw::Stale), 1);
}

#[test]
fn what_is_known_does_not_depend_on_what_follows() {
    let mut flow = ignition(30);
    flow.calm(2);
    flow.drift(-20, 100);
    flow.calm(5);
    let whole = run(&flow, IgnitionConfig::default());
    let mut stream = Stream::new(IgnitionConfig::default(), Feed::Depth(LEVELS)).expect("valid").with_timeline();
    let mut seen = 0;
    for (event, levels) in &flow.events {
        stream.event(event, levels).expect("plausible");
        let now = stream.detector().transitions().len();
        if now > seen {
            assert_eq!(stream.detector().transitions(), &whole.detector().transitions()[..now]);
            seen = now;
        }
    }
    assert!(seen >= 4);
    let rows = stream.detector().timeline();
    assert_eq!(format!("{rows:?}"), format!("{:?}", whole.detector().timeline()));
}

#[test]
fn implausible_events_are_refused_in_one_line_and_change_nothing() {
    let mut stream = Stream::new(IgnitionConfig::default(), Feed::Depth(LEVELS)).expect("valid");
    let flow = ignition(30);
    let (good, levels) = flow.events[0];
    stream.event(&good, &levels).expect("plausible");
    let refused: [(&str, Event); 7] = [
        ("IGN002", Event { action: b'Z', ..good }),
        ("IGN002", Event { side: b'\n', ..good }),
        ("IGN001", Event { ts: good.ts - 1, ..good }),
        ("IGN002", Event { ts: good.ts / 1_000, ..good }),
        ("IGN002", Event { size: -1, ..good }),
        ("IGN002", Event { size: i64::MAX, ..good }),
        ("IGN002", Event { price: i64::MIN, ..good }),
    ];
    for (code, event) in refused {
        let error = stream.event(&event, &levels).expect_err(code).to_string();
        assert!(error.starts_with(&format!("{code} events:1 ")) && !error.contains('\n'), "{error}");
    }
    let mut bad = levels;
    bad[3].ask_size = -7;
    let error = stream.event(&good, &bad).expect_err("a level").to_string();
    assert!(error.starts_with("IGN003 events:1 levels[3]: got ") && error.contains(" x -7 at "), "{error}");
    assert_eq!(stream.detector().events(), 1);
}

#[test]
fn absurd_durations_do_not_overflow() {
    let mut flow = ignition(30);
    flow.calm(70);
    flow.status(action::RESUME);
    flow.calm(1);
    let absurd = [
        IgnitionConfig { warm_up: 1e15, ..IgnitionConfig::default() },
        IgnitionConfig { cool_down: 1e15, ..IgnitionConfig::default() },
        IgnitionConfig { open_mask: 1e15, ..IgnitionConfig::default() },
        IgnitionConfig { stale_after: 1e6, arm_hold: 1e6, arm_timeout: 1e6, ..IgnitionConfig::default() },
    ];
    for config in absurd {
        assert!(first_clock(&run(&flow, config)).len() <= 1);
    }
}

#[test]
fn a_change_after_a_snapshot_of_the_same_book_counts() {
    let mut flow = Flow::new();
    flow.calm(60);
    let last = flow.events.len() - 1;
    flow.push(action::MODIFY, side::BID, flow.bid, 100);
    flow.events[last + 1].0.flags |= flag::SNAPSHOT;
    let imbalance = |flow: &Flow| run(flow, IgnitionConfig::default()).detector().features(0).order_flow_imbalance;
    flow.ts += 20 * MS;
    flow.push(action::NONE, side::NONE, NO_PRICE, 0);
    let before = imbalance(&flow);
    flow.sizes[0] += 50;
    flow.push(action::MODIFY, side::BID, flow.bid, 150);
    flow.ts += 20 * MS;
    flow.push(action::NONE, side::NONE, NO_PRICE, 0);
    assert!(imbalance(&flow) > before + 40.0, "{before} {}", imbalance(&flow));
}
