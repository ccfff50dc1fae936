//! One account on one path: settles, marks, trades and decides, step by step.

mod caps;
mod condor;
mod condor_tactics;
mod controls;
mod hedge_tactics;
mod index;
mod layer_rules;
mod layers;
mod margin;
mod recycling;
mod settle;
mod sleeve;
mod tactics;
mod tally;

use tally::Tally;

use crate::book::Book;
use crate::calendar::listed::Today;
use crate::calendar::listing::ListedExpiry;
use crate::costs::OrderKind;
use crate::engine::ledger::{Account, Lot, bucket};
use crate::engine::legs::{LegMark, LegTable};
use crate::engine::orders::{self, OrderLeg};
use crate::engine::record::{BookSeries, Decision, Incident, Outcome, Record, Trade, incident};
use crate::instrument::{Day, Instrument};
use crate::market::MarketState;
use crate::market::state::SettlementValue;
use crate::marks::{Marks, flag};
use crate::math;
use crate::policy::{Policy, PolicyView, Targets, rule};
use crate::signals::Reading;

/// What all accounts of a path share on one step.
pub struct Step<'a, M: Marks> {
    /// The market.
    pub state: &'a MarketState,
    /// Path of the block.
    pub path: usize,
    /// Marks.
    pub marks: &'a mut M,
    /// Legs of the block.
    pub legs: &'a mut LegTable,
    /// What schedules ask of the day.
    pub today: &'a Today,
    /// Growth of cash since the step before.
    pub growth: &'a mut Growth,
    /// The step before; `None` on the first.
    pub before: Option<&'a MarketState>,
    /// AM settlement of SPX options; asked for only where a leg of the path has reached its expiry day.
    pub spx_settlement: SettlementValue,
    /// Settlement of VIX derivatives; as above.
    pub vix_settlement: SettlementValue,
    /// Annualised 20-session volatility of the path up to the last close that the step before knew, decimal.
    pub realised_vol: f64,
    /// Signals and phase of the path on this step.
    pub signals: &'a Reading,
    /// Where a recorded path writes.
    pub record: Option<&'a mut Record>,
}

/// exp(x) - 1 of the latest x: accounts of one market share it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Growth {
    exponent: f64,
    value: f64,
}

impl Growth {
    fn of(&mut self, exponent: f64) -> f64 {
        if exponent.to_bits() != self.exponent.to_bits() {
            *self = Self { exponent, value: math::exp_m1(exponent) };
        }
        self.value
    }
}

/// An open condor.
#[derive(Debug, Clone)]
struct Condor {
    position: i64,
    lots: [Lot; 4],
    contracts: i64,
    opened: Day,
    expiry: ListedExpiry,
    credit: i64,
    cash_flow: i64,
    requirement: i64,
    max_loss: i64,
    break_even: (f64, f64),
    crossed: (bool, bool),
    exit: Option<u16>,
    /// Position of the first condor of a chain of rolls.
    chain: i64,
    /// Distances of the short put and the short call from spot at entry, points.
    distance: (f64, f64),
    /// Credit of the put vertical in cents.
    put_credit: i64,
    /// Cash of partial closings in cents, before fees.
    trimmed: i64,
    /// Session in which it was rolled to a few days.
    rolled: Option<Day>,
    tactic: Option<condor_tactics::Tactic>,
}

/// A hedge layer and what it holds.
#[derive(Debug, Clone, Default)]
struct Layer {
    lots: Vec<Lot>,
    expiry: Option<Day>,
    position: i64,
    contracts: i64,
    bought: Day,
    roll_due: bool,
    roll_held: bool,
    /// Cents paid for what is held, fees aside.
    cost: i64,
    /// Condors behind the size at the latest purchase.
    condors: f64,
    /// Contracts bought from recycled gains on top of the size.
    extra: i64,
}

/// The contracts of a layer with their signs, and their expiry.
type LayerChoice = (Vec<(Instrument, i64)>, Option<Day>);

/// What was known on the step before: orders are decided on it.
#[derive(Debug)]
struct Snapshot {
    day: Day,
    seconds: i32,
    equity: i64,
    vix: f64,
    vix9d: f64,
    spot: f64,
    realised_vol: f64,
    targets: Targets,
}

/// One book on one path.
pub struct BookAccount {
    book_index: u32,
    account: Account,
    condors: Vec<Condor>,
    layers: Vec<Layer>,
    layer_buckets: Vec<u16>,
    rises: layer_rules::Rises,
    stranded: Vec<Lot>,
    index: Option<Lot>,
    targets: Targets,
    /// Equity at the end of the step before.
    known_equity: i64,
    next_position: i64,
    entered: Option<Day>,
    hedged: Option<Day>,
    rebalance_due: bool,
    called: bool,
    collateral_contracts: i64,
    session_low_excess: i64,
    tally: Tally,
    /// Buckets at the latest close of a recorded path.
    recorded_pnl: Vec<i64>,
    sleeve: sleeve::Sleeve,
    /// Credit and P&L of closed condors in cents.
    closed_credit: i64,
    closed_pnl: i64,
    /// What the adaptive rules remember; `None` in books without them.
    tactics: Option<Box<tactics::Tactics>>,
}

impl BookAccount {
    /// A book before its first step. `layer_buckets` are the P&L buckets of its layers.
    pub fn new(book_index: u32, book: &Book, layer_buckets: Vec<u16>, n_buckets: usize) -> Self {
        let capital = (book.capital * 100.0).round() as i64;
        let n_layers = book.hedge.as_ref().map_or(0, |hedge| hedge.layers.len());
        Self {
            book_index,
            account: Account::new(capital, n_buckets),
            condors: Vec::new(),
            layers: vec![Layer::default(); n_layers],
            layer_buckets,
            rises: layer_rules::Rises::new(book),
            stranded: Vec::new(),
            index: None,
            targets: Targets::base(n_layers),
            known_equity: capital,
            next_position: 0,
            entered: None,
            hedged: None,
            rebalance_due: book.portfolio.is_some(),
            called: false,
            collateral_contracts: 0,
            session_low_excess: i64::MAX,
            tally: Tally::new(capital),
            recorded_pnl: Vec::new(),
            sleeve: sleeve::Sleeve::default(),
            closed_credit: 0,
            closed_pnl: 0,
            tactics: tactics::Tactics::new(book),
        }
    }

    /// Cash plus the value of everything held, in cents.
    pub fn equity(&self) -> i64 {
        self.account.cash + self.lots().map(|lot| lot.value).sum::<i64>()
    }

    fn lots(&self) -> impl Iterator<Item = &Lot> {
        let condors = self.condors.iter().flat_map(|condor| condor.lots.iter());
        let layers = self.layers.iter().flat_map(|layer| layer.lots.iter());
        condors.chain(layers).chain(self.stranded.iter()).chain(self.index.iter()).chain(self.sleeve.lot.iter())
    }

    /// Everything held: contract and signed number.
    pub fn held(&self, legs: &LegTable) -> Vec<(Instrument, i64)> {
        self.lots().map(|lot| (legs.instrument(lot.slot), lot.contracts)).collect()
    }

    /// Sum over everything held of what each slot has for one contract.
    pub(super) fn sensitivity<const K: usize>(&self, slots: &[[f64; K]]) -> [f64; K] {
        let mut sums = [0.0; K];
        for lot in self.lots() {
            let one = &slots[lot.slot as usize];
            sums.iter_mut().zip(one).for_each(|(sum, value)| *sum += lot.contracts as f64 * value);
        }
        sums
    }

    fn open_contracts(&self) -> i64 {
        self.condors.iter().map(|condor| condor.contracts).sum()
    }

    fn note<M: Marks>(&mut self, step: &mut Step<'_, M>, kind: u16, value: f64) {
        self.tally.incidents[kind as usize] += 1;
        if let Some(record) = step.record.as_deref_mut() {
            let (day, seconds) = (step.state.day, step.state.seconds);
            record.incidents.push(Incident { book: self.book_index, day, seconds, kind, value });
        }
    }

    fn decide<M: Marks>(
        &self,
        step: &mut Step<'_, M>,
        rule: u16,
        before: f64,
        after: f64,
        inputs: impl FnOnce() -> String,
    ) {
        if let Some(record) = step.record.as_deref_mut() {
            let (day, seconds) = (step.state.day, step.state.seconds);
            let decision = Decision { book: self.book_index, day, seconds, rule, before, after, inputs: inputs() };
            record.decisions.push(decision);
        }
    }

    /// Marks everything held at the quotes of the step.
    pub fn mark<M: Marks>(&mut self, step: &mut Step<'_, M>) {
        let Self { account, condors, layers, stranded, index, sleeve, .. } = self;
        let mut unmarked = 0;
        let mut mark = |lot: &mut Lot| {
            let LegMark { cents, is_funded } = step.legs.cents(lot.slot);
            let Some(cents) = cents else {
                unmarked += 1;
                return;
            };
            account.mark(lot, is_funded, cents);
            if !is_funded && step.state.is_close {
                account.pay_variation(lot, cents);
            }
        };
        condors.iter_mut().flat_map(|condor| condor.lots.iter_mut()).for_each(&mut mark);
        layers.iter_mut().flat_map(|layer| layer.lots.iter_mut()).for_each(&mut mark);
        stranded.iter_mut().chain(index.iter_mut()).chain(sleeve.lot.iter_mut()).for_each(&mut mark);
        if unmarked > 0 {
            self.note(step, incident::UNMARKED, f64::from(unmarked));
        }
        let (state, path) = (step.state, step.path);
        let extreme = |column: &[f64]| column.get(path).copied().filter(|x| x.is_finite()).unwrap_or(state.spot[path]);
        if self.condors.is_empty() {
            return;
        }
        let (low, high) = (extreme(&state.low).min(state.spot[path]), extreme(&state.high).max(state.spot[path]));
        for condor in &mut self.condors {
            if condor.opened < state.day {
                condor.crossed.0 |= low < condor.break_even.0;
                condor.crossed.1 |= high > condor.break_even.1;
            }
        }
    }

    /// Fills what was decided before: closings, rolls, purchases, entries, rebalancing.
    pub fn execute<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(before) = step.before else { return };
        let known = Snapshot {
            day: before.day,
            seconds: before.seconds,
            equity: self.known_equity,
            vix: before.vix_quoted[step.path],
            vix9d: before.vix9d[step.path],
            spot: before.spot[step.path],
            realised_vol: step.realised_vol,
            // Nothing decides before the step is concluded.
            targets: std::mem::take(&mut self.targets),
        };
        if self.called {
            self.forced_close(book, step);
        }
        let mut index = 0;
        while index < self.condors.len() {
            match self.condors[index].exit {
                Some(rule) => {
                    let kind = if rule == rule::STOP { OrderKind::Stop } else { OrderKind::Package };
                    self.buy_back(book, step, index, rule, kind);
                }
                None => index += 1,
            }
        }
        self.execute_tactics(book, step, &known);
        let session_time = |seconds: i32| step.state.seconds >= seconds || step.state.is_close;
        let (hedge_time, entry_time) = (
            book.hedge.as_ref().is_some_and(|hedge| session_time(hedge.trade_seconds)),
            book.condor.as_ref().is_some_and(|condor| session_time(condor.entry_seconds)),
        );
        if hedge_time && self.hedged != Some(step.state.day) {
            self.hedged = Some(step.state.day);
            if let Some(hedge) = &book.hedge {
                self.trade_layers(book, hedge, step, &known);
            }
        }
        if entry_time && self.entered != Some(step.state.day) {
            self.entered = Some(step.state.day);
            self.enter(book, step, &known);
        }
        self.rebalance(book, step);
        self.targets = known.targets;
    }

    /// Margin, triggers and targets, on everything known at this step; what they want is done on the next.
    pub fn conclude<M: Marks, P: Policy>(&mut self, book: &Book, policy: &mut P, step: &mut Step<'_, M>) {
        let (requirement, excess) = self.requirement_and_excess(book, step);
        self.session_low_excess = self.session_low_excess.min(excess);
        // A call needs something to be closed: cash that is short without a position on margin is a debit balance.
        if excess < 0 && requirement > 0 {
            self.called = true;
            self.note(step, incident::MARGIN_CALL, excess as f64 / 100.0);
        }
        self.trigger_exits(book, step);
        self.trigger_rolls(book, step);
        let equity = self.equity();
        let view = PolicyView {
            state: step.state,
            path: step.path,
            equity,
            open_contracts: self.open_contracts(),
            signals: step.signals,
        };
        policy.decide(book, &view, &mut self.targets);
        self.plan_tactics(book, step);
        self.known_equity = equity;
        if step.state.is_close {
            self.close_session(step, equity, requirement);
        }
    }

    fn close_session<M: Marks>(&mut self, step: &mut Step<'_, M>, equity: i64, requirement: i64) {
        let excess = self.session_low_excess;
        self.tally.close(&self.account.pnl, equity, requirement, excess, step.state.spot[step.path]);
        if let Some(record) = step.record.as_deref_mut() {
            let series: &mut BookSeries = &mut record.books[self.book_index as usize];
            series.equity.push(equity);
            series.cash.push(self.account.cash);
            series.margin.push(requirement);
            series.excess.push(self.session_low_excess);
            series.open_contracts.push(self.condors.iter().map(|condor| condor.contracts).sum());
            let now = &self.account.pnl;
            self.recorded_pnl.resize(now.len(), 0);
            series.pnl.extend(now.iter().zip(&self.recorded_pnl).map(|(now, before)| now - before));
            self.recorded_pnl.copy_from_slice(now);
        }
        self.session_low_excess = i64::MAX;
    }

    fn record_trade<M: Marks>(
        &mut self,
        step: &mut Step<'_, M>,
        leg: &OrderLeg,
        fill: &orders::LegFill,
        bucket: u16,
        position: i64,
        rule: u16,
    ) {
        let hypothetical = bucket >= bucket::FIRST_LAYER && leg.quote.flags & flag::HYPOTHETICAL != 0;
        if hypothetical {
            self.note(step, incident::HYPOTHETICAL, leg.contracts as f64);
        }
        let slippage_cents = leg.contracts * (fill.price_cents - fill.mid_cents);
        let value = leg.contracts.abs() as f64 * fill.price.abs() * leg.instrument.multiplier();
        self.tally.fill(bucket, fill.fee_cents + slippage_cents, value);
        if let Some(record) = step.record.as_deref_mut() {
            record.trades.push(Trade {
                book: self.book_index,
                day: step.state.day,
                seconds: step.state.seconds,
                instrument: leg.instrument,
                contracts: leg.contracts,
                mid: leg.quote.mid,
                price: fill.price,
                fee_cents: fill.fee_cents,
                slippage_cents,
                bucket,
                position,
                rule,
                flags: leg.quote.flags,
            });
        }
    }

    fn new_position(&mut self) -> i64 {
        self.next_position += 1;
        self.next_position
    }

    /// What is kept of this book.
    pub fn outcome(self) -> Outcome {
        self.tally.outcome(self.account.pnl)
    }
}
