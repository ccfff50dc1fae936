//! What a run leaves behind: a short outcome for every path, everything for the paths that are recorded.

use crate::error::{Error, Fault, Result};
use crate::instrument::{Day, Instrument};
use crate::statistics::METRICS;

/// Incidents that a result must mention; a result refers to them by index.
pub const INCIDENTS: [&str; 16] = [
    "margin_call",
    "forced_close",
    "entry_skipped_credit",
    "entry_skipped_vix",
    "entry_skipped_no_strikes",
    "entry_skipped_no_expiry",
    "risk_cap",
    "buying_power",
    "substitute_expiry",
    "roll_held",
    "no_sale_at_zero_bid",
    "settlement_proxy",
    "settlement_late",
    "unmarked_leg",
    "hypothetical_hedge",
    "caps_bind",
];

/// Index into [`INCIDENTS`].
pub mod incident {
    /// Cash less requirements fell below zero.
    pub const MARGIN_CALL: u16 = 0;
    /// A condor was closed because of a call.
    pub const FORCED_CLOSE: u16 = 1;
    /// The credit was below its minimum.
    pub const SKIPPED_CREDIT: u16 = 2;
    /// VIX was too high.
    pub const SKIPPED_VIX: u16 = 3;
    /// The grid had no such condor.
    pub const SKIPPED_NO_STRIKES: u16 = 4;
    /// No expiry was listed.
    pub const SKIPPED_NO_EXPIRY: u16 = 5;
    /// The risk of one entry cut the contracts.
    pub const RISK_CAP: u16 = 6;
    /// Margin cut the contracts.
    pub const BUYING_POWER: u16 = 7;
    /// No expiry beyond the roll date was listed: the longest was bought.
    pub const SUBSTITUTE_EXPIRY: u16 = 8;
    /// No later expiry was listed: the layer kept what it had.
    pub const ROLL_HELD: u16 = 9;
    /// A leg without a bid could not be sold and is held to settlement.
    pub const ZERO_BID: u16 = 10;
    /// A settlement rests on a stand-in (opening print, ETF, close).
    pub const SETTLEMENT_PROXY: u16 = 11;
    /// The expiry day has no data: settled on the next session.
    pub const SETTLEMENT_LATE: u16 = 12;
    /// A leg had no mark on a step and kept its last value.
    pub const UNMARKED: u16 = 13;
    /// A hedge trade before its instrument was listed.
    pub const HYPOTHETICAL: u16 = 14;
    /// The caps cut the hedge in a calm session, to this share.
    pub const CAPS_BIND: u16 = 15;
}

/// A fill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trade {
    /// Book index.
    pub book: u32,
    /// Session.
    pub day: Day,
    /// Time of day.
    pub seconds: i32,
    /// Contract.
    pub instrument: Instrument,
    /// Signed contracts.
    pub contracts: i64,
    /// Middle of the market, points.
    pub mid: f64,
    /// Fill, points.
    pub price: f64,
    /// Fees in cents.
    pub fee_cents: i64,
    /// Cost against the middle in cents (positive: paid).
    pub slippage_cents: i64,
    /// P&L bucket.
    pub bucket: u16,
    /// Position the fill belongs to.
    pub position: i64,
    /// Rule that ordered it.
    pub rule: u16,
    /// Mark flags.
    pub flags: u32,
}

/// A closed condor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedCondor {
    /// Book index.
    pub book: u32,
    /// Position.
    pub position: i64,
    /// Session of the entry.
    pub opened: Day,
    /// Session of the exit.
    pub closed: Day,
    /// Contracts.
    pub contracts: i64,
    /// Net credit received in cents, before fees.
    pub credit_cents: i64,
    /// P&L in cents after fees.
    pub pnl_cents: i64,
    /// Largest possible loss at entry in cents (width less credit).
    pub max_loss_cents: i64,
    /// Rule that closed it.
    pub rule: u16,
    /// Both break-evens were crossed within its life.
    pub double_breach: bool,
    /// Position of the first condor of its chain of rolls: its own unless it was rolled into.
    pub chain: i64,
}

/// A decision and what it changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Book index.
    pub book: u32,
    /// Session on which it was decided.
    pub day: Day,
    /// Time of day.
    pub seconds: i32,
    /// Rule.
    pub rule: u16,
    /// Contracts before.
    pub before: f64,
    /// Contracts wanted.
    pub after: f64,
    /// What it was decided on, as JSON.
    pub inputs: String,
}

/// Something that a result must mention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incident {
    /// Book index.
    pub book: u32,
    /// Session.
    pub day: Day,
    /// Time of day.
    pub seconds: i32,
    /// Kind.
    pub kind: u16,
    /// A number that says how much (contracts, cents, days).
    pub value: f64,
}

/// One book over the sessions of a recorded path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookSeries {
    /// Equity at the close in cents.
    pub equity: Vec<i64>,
    /// Cash at the close in cents.
    pub cash: Vec<i64>,
    /// Requirement at the close in cents.
    pub margin: Vec<i64>,
    /// Smallest excess (cash less requirement) of the session in cents.
    pub excess: Vec<i64>,
    /// Requirement of the portfolio scan at the close in cents; empty when the run does not scan.
    pub portfolio_margin: Vec<i64>,
    /// Condor contracts open at the close.
    pub open_contracts: Vec<i64>,
    /// P&L per session and bucket in cents, session-major.
    pub pnl: Vec<i64>,
}

/// Everything about one recorded path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Path.
    pub path: u64,
    /// Sessions.
    pub day: Vec<Day>,
    /// One series per book.
    pub books: Vec<BookSeries>,
    /// Fills.
    pub trades: Vec<Trade>,
    /// Closed condors.
    pub condors: Vec<ClosedCondor>,
    /// Decisions.
    pub decisions: Vec<Decision>,
    /// Incidents.
    pub incidents: Vec<Incident>,
}

/// What is kept of every path and book.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Equity at the end in cents.
    pub final_equity: i64,
    /// Largest requirement at a close in cents.
    pub margin_max: i64,
    /// Smallest cash less requirement in cents.
    pub min_excess: i64,
    /// P&L of the worst session in cents.
    pub worst_session: i64,
    /// P&L of every bucket in cents.
    pub pnl: Vec<i64>,
    /// Statistics of the daily P&L, in the order of [`METRICS`].
    pub statistics: [f64; METRICS.len()],
    /// Value of everything bought and sold in USD.
    pub traded: f64,
    /// Condors sold.
    pub entries: u32,
    /// Closed condors.
    pub condors: u32,
    /// Closed condors with a gain after costs.
    pub winners: u32,
    /// Double breaches.
    pub double_breaches: u32,
    /// Incidents by kind, in the order of [`INCIDENTS`].
    pub incidents: [u32; INCIDENTS.len()],
}

/// Counts of an outcome that are no incidents.
const TALLIES: [&str; 4] = ["entries", "condors", "winners", "double_breaches"];

impl Outcome {
    /// Names of the amounts, in the order of [`Outcome::cents`].
    pub const CENTS: [&str; 4] = ["final_equity", "margin_max", "min_excess", "worst_session"];

    /// Amounts in cents.
    pub fn cents(&self) -> [i64; Self::CENTS.len()] {
        [self.final_equity, self.margin_max, self.min_excess, self.worst_session]
    }

    /// Names of the counts, in the order of [`Outcome::counts`].
    pub fn count_names() -> impl Iterator<Item = &'static str> {
        TALLIES.into_iter().chain(INCIDENTS)
    }

    /// Counts.
    pub fn counts(&self) -> impl Iterator<Item = u32> {
        [self.entries, self.condors, self.winners, self.double_breaches].into_iter().chain(self.incidents)
    }

    /// Names of the other numbers, in the order of [`Outcome::floats`].
    pub fn float_names() -> impl Iterator<Item = &'static str> {
        METRICS.into_iter().chain(["traded"])
    }

    /// The other numbers.
    pub fn floats(&self) -> impl Iterator<Item = f64> {
        self.statistics.into_iter().chain([self.traded])
    }

    /// How many numbers an outcome has beside the P&L of the buckets.
    pub const fn numbers() -> usize {
        Self::CENTS.len() + TALLIES.len() + INCIDENTS.len() + METRICS.len() + 1
    }
}

/// Results of some paths; parts from anywhere merge into the same whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Partial {
    /// Outcomes by path, `n_books` each, in path order.
    pub outcomes: Vec<(u64, Vec<Outcome>)>,
    /// Control variates by path, in path order: those of the source, then those of every book; empty where none are kept.
    pub controls: Vec<(u64, Vec<f64>)>,
    /// Recorded paths in path order.
    pub records: Vec<Record>,
    /// Steps of all paths.
    pub steps: u64,
    /// Marks of legs whose state had to be clamped to what the marks were built for.
    pub clamped: u64,
}

impl Partial {
    /// Both parts in path order.
    ///
    /// # Errors
    /// `Data` when a path is in both parts.
    pub fn merge(mut self, other: Self) -> Result<Self> {
        self.outcomes.extend(other.outcomes);
        self.outcomes.sort_by_key(|entry| entry.0);
        if let Some(pair) = self.outcomes.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let path = pair[0].0.to_string();
            return Err(Error::data(Fault::new("RES001", "merge", "path", path, "every path in one part only")));
        }
        self.controls.extend(other.controls);
        self.controls.sort_by_key(|entry| entry.0);
        self.records.extend(other.records);
        self.records.sort_by_key(|record| record.path);
        self.steps += other.steps;
        self.clamped += other.clamped;
        Ok(self)
    }
}
