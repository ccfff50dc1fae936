//! One account on one path: settles, marks, trades and decides, step by step.

use super::ledger::{Account, Lot, bucket, unit_cents};
use super::legs::LegTable;
use super::orders::{self, OrderLeg};
use super::record::{BookSeries, ClosedCondor, Decision, Incident, Outcome, Record, Trade, incident};
use crate::book::{
    Book, CondorSizing, EntrySchedule, HedgeLayer, LayerInstrument, LayerSizing, LayeredHedge, Rounding,
};
use crate::calendar;
use crate::calendar::listing::ListedExpiry;
use crate::costs::OrderKind;
use crate::instrument::{DAY_SECONDS, Day, Instrument, Right, Settlement};
use crate::margin::account::{AccountInput, excess_cents};
use crate::margin::futures::vx_initial_margin_cents;
use crate::margin::payoff::{self, PayoffLeg};
use crate::market::MarketState;
use crate::market::state::{SettlementSource, SettlementValue};
use crate::marks::{Marks, OptionProduct, Quote, flag};
use crate::math;
use crate::policy::{Policy, PolicyView, Targets, rule};
use crate::positions::expiries;
use crate::positions::strikes::{self, CondorStrikes, Series};

const YEAR_SECONDS: f64 = 365.0 * DAY_SECONDS as f64;
const DAYS_PER_MONTH: i32 = 30;

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
    /// AM settlement of SPX options; asked for only where a leg of the path has reached its expiry day.
    pub spx_settlement: SettlementValue,
    /// Settlement of VIX derivatives; as above.
    pub vix_settlement: SettlementValue,
    /// Annualised 20-session volatility of the path up to its last close, decimal.
    pub realised_vol: f64,
    /// Where a recorded path writes.
    pub record: Option<&'a mut Record>,
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
}

/// A hedge layer and what it holds.
#[derive(Debug, Clone, Default)]
struct Layer {
    lots: Vec<Lot>,
    expiry: Option<Day>,
    position: i64,
    contracts: i64,
    roll_due: bool,
    roll_held: bool,
}

/// The contracts of a layer with their signs, and their expiry.
type LayerChoice = (Vec<(Instrument, i64)>, Option<Day>);

/// What was known on the step before: orders are decided on it.
#[derive(Debug, Clone)]
struct Snapshot {
    day: Day,
    seconds: i32,
    equity: i64,
    vix: f64,
    vix9d: f64,
    rate: f64,
    dividend_yield: f64,
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
    stranded: Vec<Lot>,
    index: Option<Lot>,
    snapshot: Option<Snapshot>,
    targets: Targets,
    next_position: i64,
    entered: Option<Day>,
    hedged: Option<Day>,
    rebalance_due: bool,
    called: bool,
    collateral_contracts: i64,
    session_low_excess: i64,
    peak: i64,
    hedge_pnl: i64,
    outcome: Outcome,
    pnl_row: Vec<i64>,
}

impl BookAccount {
    /// A book before its first step. `layer_buckets` are the P&L buckets of its layers.
    pub fn new(book_index: u32, book: &Book, layer_buckets: Vec<u16>, n_buckets: usize) -> Self {
        let capital = (book.capital * 100.0).round() as i64;
        let n_layers = layer_buckets.len();
        Self {
            book_index,
            account: Account::new(capital, n_buckets),
            condors: Vec::new(),
            layers: vec![Layer::default(); n_layers],
            layer_buckets,
            stranded: Vec::new(),
            index: None,
            snapshot: None,
            targets: Targets::base(n_layers),
            next_position: 0,
            entered: None,
            hedged: None,
            rebalance_due: book.portfolio.is_some(),
            called: false,
            collateral_contracts: 0,
            session_low_excess: i64::MAX,
            peak: capital,
            hedge_pnl: 0,
            outcome: Outcome { final_equity: capital, ..Outcome::default() },
            pnl_row: Vec::new(),
        }
    }

    /// Cash plus the value of everything held, in cents.
    pub fn equity(&self) -> i64 {
        self.account.cash + self.lots().map(|lot| lot.value).sum::<i64>()
    }

    fn lots(&self) -> impl Iterator<Item = &Lot> {
        let condors = self.condors.iter().flat_map(|condor| condor.lots.iter());
        let layers = self.layers.iter().flat_map(|layer| layer.lots.iter());
        condors.chain(layers).chain(self.stranded.iter()).chain(self.index.iter())
    }

    /// Everything held: contract and signed number.
    pub fn held(&self, legs: &LegTable) -> Vec<(Instrument, i64)> {
        self.lots().map(|lot| (legs.instrument(lot.slot), lot.contracts)).collect()
    }

    fn open_contracts(&self) -> i64 {
        self.condors.iter().map(|condor| condor.contracts).sum()
    }

    fn note<M: Marks>(&self, step: &mut Step<'_, M>, kind: u16, value: f64) {
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

    // ---- what happens before anything is marked: interest, dividends, settlements

    /// Interest and dividends since the step before, then everything that has expired.
    pub fn accrue_and_settle<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        if let Some(known) = &self.snapshot {
            let years = step.state.length_seconds as f64 / YEAR_SECONDS;
            if book.cash_earns_rate && known.rate.is_finite() {
                let interest = (self.account.cash as f64 * math::exp_m1(known.rate * years)).round() as i64;
                self.account.credit(bucket::INTEREST, interest);
            }
            if let Some(lot) = &self.index {
                let held = (lot.contracts * unit_cents(Instrument::SpxIndex, known.spot)) as f64;
                let dividend = (held * math::exp_m1(known.dividend_yield * years)).round() as i64;
                self.account.credit(bucket::PORTFOLIO, dividend);
            }
        }
        self.settle_condors(step);
        self.settle_layers(step);
        let mut stranded = std::mem::take(&mut self.stranded);
        stranded.retain_mut(|lot| {
            let instrument = step.legs.instrument(lot.slot);
            match settlement_of(step, instrument) {
                Some((value, _)) => {
                    self.account.settle(lot, instrument.is_funded(), payoff_cents(instrument, value));
                    step.legs.release(lot.slot);
                    false
                }
                None => true,
            }
        });
        self.stranded = stranded;
    }

    fn settle_condors<M: Marks>(&mut self, step: &mut Step<'_, M>) {
        let mut index = 0;
        while index < self.condors.len() {
            let first = step.legs.instrument(self.condors[index].lots[0].slot);
            let Some((value, source)) = settlement_of(step, first) else {
                index += 1;
                continue;
            };
            let mut condor = self.condors.remove(index);
            self.note_settlement(step, condor.expiry.day, source);
            for lot in &mut condor.lots {
                let instrument = step.legs.instrument(lot.slot);
                let cash = self.account.cash;
                self.account.settle(lot, true, payoff_cents(instrument, value));
                condor.cash_flow += self.account.cash - cash;
                step.legs.release(lot.slot);
            }
            self.close_condor(step, condor, rule::SETTLEMENT);
        }
    }

    fn settle_layers<M: Marks>(&mut self, step: &mut Step<'_, M>) {
        for index in 0..self.layers.len() {
            let Some(first) = self.layers[index].lots.first().copied() else { continue };
            let instrument = step.legs.instrument(first.slot);
            let Some((value, source)) = settlement_of(step, instrument) else { continue };
            let expiry = self.layers[index].expiry.unwrap_or(step.state.day);
            self.note_settlement(step, expiry, source);
            let mut lots = std::mem::take(&mut self.layers[index].lots);
            for lot in &mut lots {
                let instrument = step.legs.instrument(lot.slot);
                self.account.settle(lot, instrument.is_funded(), payoff_cents(instrument, value));
                step.legs.release(lot.slot);
            }
            let before = self.layers[index].contracts as f64;
            self.decide(step, rule::LAYER_SETTLEMENT, before, 0.0, || format!("{{\"settlement\":{value}}}"));
            self.layers[index] = Layer::default();
        }
    }

    fn note_settlement<M: Marks>(&self, step: &mut Step<'_, M>, expiry: Day, source: SettlementSource) {
        match source {
            SettlementSource::Series | SettlementSource::Close | SettlementSource::Future => {}
            stand_in => self.note(step, incident::SETTLEMENT_PROXY, f64::from(stand_in as u8)),
        }
        if step.state.day > expiry {
            self.note(step, incident::SETTLEMENT_LATE, f64::from(step.state.day - expiry));
        }
    }

    fn close_condor<M: Marks>(&mut self, step: &mut Step<'_, M>, condor: Condor, rule: u16) {
        self.outcome.condors += 1;
        self.outcome.winners += u32::from(condor.cash_flow > 0);
        let double_breach = condor.crossed == (true, true);
        self.outcome.double_breaches += u32::from(double_breach);
        if let Some(record) = step.record.as_deref_mut() {
            record.condors.push(ClosedCondor {
                book: self.book_index,
                position: condor.position,
                opened: condor.opened,
                closed: step.state.day,
                contracts: condor.contracts,
                credit_cents: condor.credit,
                pnl_cents: condor.cash_flow,
                max_loss_cents: condor.max_loss,
                rule,
                double_breach,
            });
        }
    }

    // ---- marking

    /// Marks everything held at the quotes of the step.
    pub fn mark<M: Marks>(&mut self, step: &mut Step<'_, M>) {
        let Self { account, condors, layers, stranded, index, .. } = self;
        let mut unmarked = 0;
        let mut mark = |lot: &mut Lot| {
            let instrument = step.legs.instrument(lot.slot);
            let quote = step.legs.quote(lot.slot);
            if quote.mid.is_finite() {
                account.mark(lot, instrument.is_funded(), unit_cents(instrument, quote.mid));
                if !instrument.is_funded() && step.state.is_close {
                    account.pay_variation(lot, unit_cents(instrument, quote.mid));
                }
            } else {
                unmarked += 1;
            }
        };
        condors.iter_mut().flat_map(|condor| condor.lots.iter_mut()).for_each(&mut mark);
        layers.iter_mut().flat_map(|layer| layer.lots.iter_mut()).for_each(&mut mark);
        stranded.iter_mut().chain(index.iter_mut()).for_each(&mut mark);
        if unmarked > 0 {
            self.note(step, incident::UNMARKED, f64::from(unmarked));
        }
        let (state, path) = (step.state, step.path);
        let extreme = |column: &[f64]| column.get(path).copied().filter(|x| x.is_finite()).unwrap_or(state.spot[path]);
        let (low, high) = (extreme(&state.low).min(state.spot[path]), extreme(&state.high).max(state.spot[path]));
        for condor in &mut self.condors {
            if condor.opened < state.day {
                condor.crossed.0 |= low < condor.break_even.0;
                condor.crossed.1 |= high > condor.break_even.1;
            }
        }
    }

    // ---- orders, at the quotes of this step, decided on the step before

    /// Fills what was decided before: closings, rolls, purchases, entries, rebalancing.
    pub fn execute<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(known) = self.snapshot.take() else { return };
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
        self.snapshot = Some(known);
    }

    fn forced_close<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        while self.excess(book, step) < 0 && !self.condors.is_empty() {
            let newest = self.condors.len() - 1;
            let contracts = self.condors[newest].contracts as f64;
            self.note(step, incident::FORCED_CLOSE, contracts);
            self.decide(step, rule::FORCED_CLOSE, contracts, 0.0, || String::from("{\"excess\":\"negative\"}"));
            self.buy_back(book, step, newest, rule::FORCED_CLOSE, OrderKind::Forced);
        }
        // What is left on margin is futures: the layer with the shortest tenor goes first.
        for index in 0..self.layers.len() {
            if self.excess(book, step) >= 0 {
                break;
            }
            self.sell_futures(book, step, index);
        }
        self.called = false;
    }

    /// Sells a layer of futures because of a margin call; it may be bought again on its next trading time.
    fn sell_futures<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, index: usize) {
        let Some(lot) = self.layers[index].lots.first().copied() else { return };
        let (instrument, quote) = (step.legs.instrument(lot.slot), step.legs.quote(lot.slot));
        if instrument.is_funded() || !quote.mid.is_finite() {
            return;
        }
        let contracts = lot.contracts as f64;
        self.note(step, incident::FORCED_CLOSE, contracts);
        self.decide(step, rule::FORCED_CLOSE, contracts, 0.0, || String::from("{\"excess\":\"negative\"}"));
        let order = [OrderLeg { instrument, contracts: -lot.contracts, quote }];
        let fill = orders::fill(&book.costs, step.state.day, &order, OrderKind::Forced)[0];
        let mut sold = lot;
        self.account.trade(&mut sold, false, -lot.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
        self.record_trade(step, &order[0], &fill, lot.bucket, self.layers[index].position, rule::FORCED_CLOSE);
        step.legs.release(lot.slot);
        self.layers[index] = Layer::default();
    }

    /// Closes one condor as a package; a long leg without a bid is left to settle.
    fn buy_back<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, index: usize, rule: u16, kind: OrderKind) {
        let mut condor = self.condors.remove(index);
        let mut order = Vec::with_capacity(4);
        let mut parts = Vec::with_capacity(4);
        for lot in &condor.lots {
            let quote = step.legs.quote(lot.slot);
            if lot.contracts > 0 && orders::has_no_bid(&book.costs, &quote) {
                self.note(step, incident::ZERO_BID, lot.contracts as f64);
                self.stranded.push(*lot);
                continue;
            }
            order.push(OrderLeg { instrument: step.legs.instrument(lot.slot), contracts: -lot.contracts, quote });
            parts.push(*lot);
        }
        let fills = orders::fill(&book.costs, step.state.day, &order, kind);
        for (lot, (leg, fill)) in parts.iter_mut().zip(order.iter().zip(&fills)) {
            let cash = self.account.cash;
            self.account.trade(lot, true, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            condor.cash_flow += self.account.cash - cash;
            self.record_trade(step, leg, fill, lot.bucket, condor.position, rule);
            step.legs.release(lot.slot);
        }
        self.close_condor(step, condor, rule);
    }

    fn record_trade<M: Marks>(
        &self,
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
                slippage_cents: leg.contracts * (fill.price_cents - fill.mid_cents),
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

    // ---- the condor

    fn entry_due(&self, schedule: EntrySchedule, day: Day) -> bool {
        match schedule {
            EntrySchedule::Session => true,
            EntrySchedule::Every(n) => calendar::session_index(day).is_some_and(|index| index % n as usize == 0),
            EntrySchedule::Roll => {
                let (year, month, _) = calendar::civil(day);
                calendar::spx_am_expiry(year, month) == day
            }
            EntrySchedule::Flat => self.condors.is_empty(),
        }
    }

    fn enter<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, known: &Snapshot) {
        let Some(rule) = &book.condor else { return };
        if !self.entry_due(rule.entry, step.state.day) {
            return;
        }
        if !known.targets.entries_open {
            self.note(step, incident::SKIPPED_VIX, known.vix);
            return;
        }
        let Some((product, expiry)) = expiries::for_condor(&*step.marks, step.state, rule.dte, rule.expiries) else {
            self.note(step, incident::SKIPPED_NO_EXPIRY, f64::from(rule.dte));
            return;
        };
        let miss = (expiry.day - step.state.day - rule.dte).abs();
        if rule.dte_tolerance.is_some_and(|tolerance| miss > tolerance) {
            self.note(step, incident::SKIPPED_NO_EXPIRY, f64::from(expiry.day - step.state.day));
            return;
        }
        let nine_day = if known.vix9d.is_finite() { known.vix9d } else { known.vix };
        let daily_range = strikes::expected_daily_range(nine_day, 100.0 * known.realised_vol);
        let series = Series { state: step.state, path: step.path, product, expiry };
        let Some(chosen) = strikes::condor(step.marks, &series, rule, daily_range) else {
            self.note(step, incident::SKIPPED_NO_STRIKES, known.vix);
            return;
        };
        let legs = chosen.legs(&series);
        let mut order = Vec::with_capacity(4);
        for (instrument, sign) in legs {
            let quote = step.legs.peek(step.marks, step.state, step.path, instrument);
            order.push(OrderLeg { instrument, contracts: sign, quote });
        }
        if order
            .iter()
            .any(|leg| !leg.quote.mid.is_finite() || (leg.contracts < 0 && orders::has_no_bid(&book.costs, &leg.quote)))
        {
            self.note(step, incident::SKIPPED_NO_STRIKES, known.vix);
            return;
        }
        // Fill of one condor first: its credit decides whether and how many are sold.
        let unit = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let credit = -order.iter().zip(&unit).map(|(leg, fill)| leg.contracts * fill.price_cents).sum::<i64>();
        let fees: i64 = unit.iter().map(|fill| fill.fee_cents).sum();
        let requirement = requirement_cents(&chosen);
        let width = (chosen.width() * 10_000.0).round() as i64;
        if credit <= 0 || (credit as f64) < rule.min_credit * width as f64 {
            self.note(step, incident::SKIPPED_CREDIT, credit as f64 / 100.0);
            return;
        }
        let loss = (requirement - credit).max(1);
        let wanted = match rule.sizing {
            CondorSizing::Contracts(contracts) => contracts,
            CondorSizing::Collateral(multiple) => {
                let contracts = (known.equity as f64 / (multiple * loss as f64)).floor().max(0.0) as i64;
                self.collateral_contracts = contracts;
                contracts
            }
        };
        let allowed = (rule.max_risk * known.equity as f64 / loss as f64).floor().max(0.0) as i64;
        if allowed < wanted {
            self.note(step, incident::RISK_CAP, (wanted - allowed) as f64);
        }
        let within_risk = wanted.min(allowed);
        let free = self.excess(book, step).max(0);
        let need = (requirement - credit + fees).max(1);
        let contracts = within_risk.min(free / need);
        if contracts < within_risk {
            self.note(step, incident::BUYING_POWER, (within_risk - contracts) as f64);
        }
        self.decide(step, rule::ENTRY, 0.0, contracts as f64, || {
            format!(
                "{{\"decided\":[{},{}],\"vix\":{},\"equity\":{},\"credit\":{},\"wanted\":{wanted}}}",
                known.day,
                known.seconds,
                known.vix,
                known.equity as f64 / 100.0,
                credit as f64 / 10_000.0
            )
        });
        if contracts > 0 {
            order.iter_mut().for_each(|leg| leg.contracts *= contracts);
            self.open_condor(book, step, &chosen, expiry, &order, contracts);
        }
    }

    fn open_condor<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        chosen: &CondorStrikes,
        expiry: ListedExpiry,
        order: &[OrderLeg],
        contracts: i64,
    ) {
        let position = self.new_position();
        let fills = orders::fill(&book.costs, step.state.day, order, OrderKind::Package);
        let buckets = [bucket::SHORT_PUT, bucket::LONG_PUT, bucket::SHORT_CALL, bucket::LONG_CALL];
        let mut lots = [Lot { slot: 0, contracts: 0, bucket: 0, value: 0, reference: 0 }; 4];
        let before = self.account.cash;
        for (index, (leg, fill)) in order.iter().zip(&fills).enumerate() {
            let lot = &mut lots[index];
            lot.slot = step.legs.acquire(step.marks, step.state, step.path, leg.instrument);
            lot.bucket = buckets[index];
            self.account.trade(lot, true, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.record_trade(step, leg, fill, buckets[index], position, rule::ENTRY);
        }
        let credit = -order.iter().zip(&fills).map(|(leg, fill)| leg.contracts * fill.price_cents).sum::<i64>();
        self.outcome.credit += credit;
        let points = credit as f64 / (10_000.0 * contracts as f64);
        let requirement = requirement_cents(chosen) * contracts;
        self.condors.push(Condor {
            position,
            lots,
            contracts,
            opened: step.state.day,
            expiry,
            credit,
            cash_flow: self.account.cash - before,
            requirement,
            max_loss: requirement - credit,
            break_even: (chosen.short_put - points, chosen.short_call + points),
            crossed: (false, false),
            exit: None,
        });
    }

    // ---- the hedge

    fn base_condors(&self, book: &Book) -> f64 {
        let target = match book.condor.as_ref().map(|condor| condor.sizing) {
            Some(CondorSizing::Contracts(contracts)) => contracts,
            Some(CondorSizing::Collateral(_)) => self.collateral_contracts,
            None => 0,
        };
        self.open_contracts().max(target) as f64
    }

    fn trade_layers<M: Marks>(&mut self, book: &Book, hedge: &LayeredHedge, step: &mut Step<'_, M>, known: &Snapshot) {
        let day = step.state.day;
        let is_premium_day = || {
            let (year, month, _) = calendar::civil(day);
            calendar::vix_expiry(year, month) == day
        };
        for (index, layer) in hedge.layers.iter().enumerate() {
            let multiplier = known.targets.layer_multiplier.get(index).copied().unwrap_or(1.0);
            let held = !self.layers[index].lots.is_empty();
            if held && self.layers[index].roll_due {
                self.purchase(book, hedge, step, known, index, multiplier);
            } else if !held && (matches!(layer.sizing, LayerSizing::Weight(_)) || is_premium_day()) {
                self.purchase(book, hedge, step, known, index, multiplier);
                self.rebalance_due |= book.portfolio.is_some();
            } else if let (true, Some(rule), LayerSizing::Weight(weight)) = (held, known.targets.resize, &layer.sizing)
            {
                let wanted = layer_contracts(self.base_condors(book), hedge, *weight, multiplier);
                self.resize(book, step, index, wanted, rule);
            }
        }
    }

    /// Buys a layer anew, selling in the same package what it holds.
    fn purchase<M: Marks>(
        &mut self,
        book: &Book,
        hedge: &LayeredHedge,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        index: usize,
        multiplier: f64,
    ) {
        let layer = &hedge.layers[index];
        let sold = self.layers[index].expiry.filter(|_| !self.layers[index].lots.is_empty());
        let (instruments, expiry) = match self.choose_layer(step, layer, index, sold) {
            Some(choice) => choice,
            None => return,
        };
        let mut quotes = Vec::with_capacity(2);
        for &(instrument, _) in &instruments {
            quotes.push(step.legs.peek(step.marks, step.state, step.path, instrument));
        }
        if quotes.iter().any(|quote| !quote.mid.is_finite()) {
            self.note(step, incident::UNMARKED, index as f64);
            return;
        }
        let wanted = match &layer.sizing {
            LayerSizing::Weight(weight) => layer_contracts(self.base_condors(book), hedge, *weight, multiplier),
            LayerSizing::PremiumByFuture(rows) => {
                let future = step.marks.forward(step.state, step.path, instruments[0].0);
                let share = rows.iter().find(|row| future <= row.0).map_or(0.0, |row| row.1);
                let price: f64 = instruments.iter().zip(&quotes).map(|(leg, quote)| leg.1 as f64 * quote.mid).sum();
                (share * known.equity as f64 / (price.max(0.01) * 10_000.0)).floor() as i64
            }
        };
        let wanted = self.affordable(book, step, layer, &instruments, &quotes, index, wanted);
        let before = self.layers[index].contracts;
        let rule = if sold.is_some() { rule::LAYER_ROLL } else { rule::LAYER_OPEN };
        let mut order = Vec::with_capacity(4);
        let mut old = Vec::with_capacity(2);
        for lot in std::mem::take(&mut self.layers[index].lots) {
            let quote = step.legs.quote(lot.slot);
            if lot.contracts > 0 && orders::has_no_bid(&book.costs, &quote) {
                self.note(step, incident::ZERO_BID, lot.contracts as f64);
                self.stranded.push(lot);
                continue;
            }
            order.push(OrderLeg { instrument: step.legs.instrument(lot.slot), contracts: -lot.contracts, quote });
            old.push(lot);
        }
        for (&(instrument, sign), quote) in instruments.iter().zip(&quotes) {
            if wanted > 0 {
                order.push(OrderLeg { instrument, contracts: sign * wanted, quote: *quote });
            }
        }
        let position = self.new_position();
        self.decide(step, rule, before as f64, wanted as f64, || {
            format!("{{\"decided\":[{},{}],\"vix\":{},\"expiry\":{expiry:?}}}", known.day, known.seconds, known.vix)
        });
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let mut new_lots = Vec::with_capacity(2);
        for (place, (leg, fill)) in order.iter().zip(&fills).enumerate() {
            let bucket = self.layer_buckets[index];
            let mut lot = match old.get(place) {
                Some(lot) => *lot,
                None => Lot {
                    slot: step.legs.acquire(step.marks, step.state, step.path, leg.instrument),
                    contracts: 0,
                    bucket,
                    value: 0,
                    reference: 0,
                },
            };
            let funded = leg.instrument.is_funded();
            self.account.trade(&mut lot, funded, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.record_trade(step, leg, fill, bucket, position, rule);
            if place < old.len() {
                step.legs.release(lot.slot);
            } else {
                new_lots.push(lot);
            }
        }
        let held = if new_lots.is_empty() { None } else { expiry };
        let contracts = if new_lots.is_empty() { 0 } else { wanted };
        self.layers[index] =
            Layer { lots: new_lots, expiry: held, position, contracts, roll_due: false, roll_held: false };
    }

    /// Futures are bought only as far as free cash carries their initial margin, what the layer sells included.
    fn affordable<M: Marks>(
        &self,
        book: &Book,
        step: &mut Step<'_, M>,
        layer: &HedgeLayer,
        instruments: &[(Instrument, i64)],
        quotes: &[Quote],
        index: usize,
        wanted: i64,
    ) -> i64 {
        if layer.instrument != LayerInstrument::VixFuture {
            return wanted;
        }
        let own: i64 = self.layers[index].lots.iter().map(|lot| self.futures_margin(book, step, lot)).sum();
        let free = (self.excess(book, step) + own).max(0);
        let days_out = instruments[0].0.expiry().map_or(0, |expiry| expiry - step.state.day);
        let each = initial_margin(book, step.state.day, quotes[0].mid, days_out);
        let contracts = wanted.min(free / each.max(1));
        if contracts < wanted {
            self.note(step, incident::BUYING_POWER, (wanted - contracts) as f64);
        }
        contracts
    }

    /// Initial margin of a lot of futures in cents; nothing for what is paid in full.
    fn futures_margin<M: Marks>(&self, book: &Book, step: &Step<'_, M>, lot: &Lot) -> i64 {
        let instrument = step.legs.instrument(lot.slot);
        if instrument.is_funded() {
            return 0;
        }
        let days_out = instrument.expiry().map_or(0, |expiry| expiry - step.state.day);
        lot.contracts.abs() * initial_margin(book, step.state.day, step.legs.quote(lot.slot).mid, days_out)
    }

    /// The contracts of a layer with their signs and their expiry.
    fn choose_layer<M: Marks>(
        &mut self,
        step: &mut Step<'_, M>,
        layer: &HedgeLayer,
        index: usize,
        sold: Option<Day>,
    ) -> Option<LayerChoice> {
        if layer.instrument == LayerInstrument::VixNote {
            return Some((vec![(Instrument::VixNote, 1)], None));
        }
        let chosen = expiries::for_layer(&*step.marks, step.state, layer.dte, layer.roll_dte, layer.expiries, sold);
        let Some((expiry, substitute)) = chosen else {
            if !self.layers[index].roll_held {
                self.layers[index].roll_held = true;
                self.note(step, incident::ROLL_HELD, index as f64);
            }
            return None;
        };
        if substitute {
            self.note(step, incident::SUBSTITUTE_EXPIRY, f64::from(expiry.day - step.state.day));
        }
        let series = Series { state: step.state, path: step.path, product: OptionProduct::Vix, expiry };
        let legs = match layer.instrument {
            LayerInstrument::VixFuture => vec![(Instrument::VixFuture { expiry: expiry.day }, 1)],
            LayerInstrument::VixCallSpread(short_delta) => {
                let long = series.by_delta(step.marks, Right::Call, layer.delta);
                let short = series.by_delta(step.marks, Right::Call, short_delta);
                if short <= long {
                    return None;
                }
                vec![(series.option(Right::Call, long), 1), (series.option(Right::Call, short), -1)]
            }
            LayerInstrument::VixCall | LayerInstrument::VixNote => {
                let strike = series.by_delta(step.marks, Right::Call, layer.delta);
                vec![(series.option(Right::Call, strike), 1)]
            }
        };
        Some((legs, Some(expiry.day)))
    }

    /// Changes the size of a layer in the contracts that it already holds.
    fn resize<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, index: usize, wanted: i64, rule: u16) {
        let change = wanted - self.layers[index].contracts;
        if change == 0 || self.layers[index].contracts == 0 {
            return;
        }
        let per_contract = self.layers[index].contracts;
        let mut lots = std::mem::take(&mut self.layers[index].lots);
        let order: Vec<OrderLeg> = lots
            .iter()
            .map(|lot| OrderLeg {
                instrument: step.legs.instrument(lot.slot),
                contracts: lot.contracts / per_contract * change,
                quote: step.legs.quote(lot.slot),
            })
            .collect();
        let blocked = order.iter().any(|leg| leg.contracts < 0 && orders::has_no_bid(&book.costs, &leg.quote));
        if blocked || order.iter().any(|leg| !leg.quote.mid.is_finite()) {
            self.layers[index].lots = lots;
            self.note(step, incident::ZERO_BID, change as f64);
            return;
        }
        self.decide(step, rule, per_contract as f64, wanted as f64, || String::from("{}"));
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        for (lot, (leg, fill)) in lots.iter_mut().zip(order.iter().zip(&fills)) {
            let funded = leg.instrument.is_funded();
            self.account.trade(lot, funded, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.record_trade(step, leg, fill, lot.bucket, self.layers[index].position, rule);
        }
        self.layers[index].lots = lots;
        self.layers[index].contracts = wanted;
    }

    // ---- the index holding

    fn rebalance<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(portfolio) = &book.portfolio else { return };
        if !self.rebalance_due || !step.state.is_close {
            return;
        }
        self.rebalance_due = false;
        let instrument = Instrument::SpxIndex;
        let quote = step.legs.peek(step.marks, step.state, step.path, instrument);
        if !quote.mid.is_finite() {
            return;
        }
        let held = self.index.map_or(0, |lot| lot.contracts);
        let index_value = self.index.map_or(0, |lot| lot.value);
        // What the hedge holds is paid for: the index gets its share of the rest.
        let free = self.account.cash + index_value;
        let price = unit_cents(instrument, quote.mid + quote.half_spread).max(1);
        let wanted = (portfolio.weight * free as f64 / price as f64).floor().max(0.0) as i64;
        let change = wanted - held;
        if change == 0 {
            return;
        }
        self.decide(step, rule::REBALANCE, held as f64, wanted as f64, || {
            format!("{{\"free\":{}}}", free as f64 / 100.0)
        });
        let order = [OrderLeg { instrument, contracts: change, quote }];
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let mut lot = match self.index.take() {
            Some(lot) => lot,
            None => Lot {
                slot: step.legs.acquire(step.marks, step.state, step.path, instrument),
                contracts: 0,
                bucket: bucket::PORTFOLIO,
                value: 0,
                reference: 0,
            },
        };
        let fill = &fills[0];
        self.account.trade(&mut lot, true, change, fill.mid_cents, fill.price_cents, fill.fee_cents);
        self.record_trade(step, &order[0], fill, bucket::PORTFOLIO, 0, rule::REBALANCE);
        self.index = Some(lot);
    }

    // ---- margin, decisions, the close

    /// Cash less requirements in cents, with the variation of futures that is not in cash yet (Reg-T account identity).
    fn excess<M: Marks>(&self, book: &Book, step: &Step<'_, M>) -> i64 {
        let lots = self.layers.iter().flat_map(|layer| layer.lots.iter());
        let variation = lots.filter(|lot| !step.legs.instrument(lot.slot).is_funded()).map(|lot| lot.value).sum();
        excess_cents(&AccountInput {
            cash_cents: self.account.cash,
            // Premiums of long options have left the cash already.
            long_cost_cents: 0,
            payoff_requirement_cents: self.condor_requirement(),
            vx_initial_cents: self.futures_requirement(book, step),
            vx_variation_cents: variation,
        })
    }

    fn condor_requirement(&self) -> i64 {
        self.condors.iter().map(|condor| condor.requirement).sum()
    }

    fn futures_requirement<M: Marks>(&self, book: &Book, step: &Step<'_, M>) -> i64 {
        let lots = self.layers.iter().flat_map(|layer| layer.lots.iter());
        lots.map(|lot| self.futures_margin(book, step, lot)).sum()
    }

    /// Margin, triggers and targets, on everything known at this step; what they want is done on the next.
    pub fn conclude<M: Marks, P: Policy>(&mut self, book: &Book, policy: &mut P, step: &mut Step<'_, M>) {
        let requirement = self.condor_requirement() + self.futures_requirement(book, step);
        let excess = self.excess(book, step);
        self.session_low_excess = self.session_low_excess.min(excess);
        // A call needs something to be closed: cash that is short without a position on margin is a debit balance.
        if excess < 0 && requirement > 0 {
            self.called = true;
            self.outcome.margin_calls += 1;
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
            realised_vol: step.realised_vol,
        };
        policy.decide(book, &view, &mut self.targets);
        let (state, path) = (step.state, step.path);
        // The vector of the step before is used again.
        let mut targets = self.snapshot.take().map_or_else(|| Targets::base(0), |known| known.targets);
        targets.clone_from(&self.targets);
        self.snapshot = Some(Snapshot {
            day: state.day,
            seconds: state.seconds,
            equity,
            vix: state.vix_quoted[path],
            vix9d: state.vix9d[path],
            rate: state.rate[path],
            dividend_yield: state.dividend_yield[path],
            spot: state.spot[path],
            realised_vol: step.realised_vol,
            targets,
        });
        if state.is_close {
            self.close_session(step, equity, requirement);
        }
    }

    fn trigger_exits<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(rule) = &book.condor else { return };
        for index in 0..self.condors.len() {
            let condor = &self.condors[index];
            if condor.exit.is_some() {
                continue;
            }
            let marked = condor.lots.iter().all(|lot| step.legs.quote(lot.slot).mid.is_finite());
            let value: i64 = condor.lots.iter().map(|lot| lot.value).sum();
            let gain = (condor.credit + value) as f64;
            let credit = condor.credit as f64;
            let dte = condor.expiry.day - step.state.day;
            let exit = if marked && rule.stop.is_some_and(|stop| gain <= -stop * credit) {
                Some(rule::STOP)
            } else if marked && rule.profit_target.is_some_and(|target| gain >= target * credit) {
                Some(rule::PROFIT_TARGET)
            } else if rule.exit_dte.is_some_and(|exit| dte <= exit) {
                Some(rule::EXIT_DTE)
            } else {
                None
            };
            if let Some(why) = exit {
                let contracts = condor.contracts as f64;
                self.condors[index].exit = Some(why);
                self.decide(step, why, contracts, 0.0, || {
                    format!("{{\"gain\":{},\"credit\":{},\"dte\":{dte}}}", gain / 100.0, credit / 100.0)
                });
            }
        }
    }

    fn trigger_rolls<M: Marks>(&mut self, book: &Book, step: &Step<'_, M>) {
        let Some(hedge) = &book.hedge else { return };
        for (layer, rule) in self.layers.iter_mut().zip(&hedge.layers) {
            let dte = layer.expiry.map(|expiry| expiry - step.state.day);
            layer.roll_due |= rule.roll_dte > 0 && dte.is_some_and(|dte| dte <= rule.roll_dte);
        }
    }

    fn close_session<M: Marks>(&mut self, step: &mut Step<'_, M>, equity: i64, requirement: i64) {
        let mut pnl = std::mem::take(&mut self.pnl_row);
        self.account.take_pnl(&mut pnl);
        self.hedge_pnl += self.layer_buckets.iter().map(|&bucket| pnl[bucket as usize]).sum::<i64>();
        self.peak = self.peak.max(equity);
        self.outcome.max_drawdown = self.outcome.max_drawdown.max(self.peak - equity);
        self.outcome.final_equity = equity;
        self.outcome.hedge_pnl = self.hedge_pnl;
        if let Some(record) = step.record.as_deref_mut() {
            let series: &mut BookSeries = &mut record.books[self.book_index as usize];
            series.equity.push(equity);
            series.cash.push(self.account.cash);
            series.margin.push(requirement);
            series.excess.push(self.session_low_excess);
            series.open_contracts.push(self.condors.iter().map(|condor| condor.contracts).sum());
            series.pnl.extend_from_slice(&pnl);
        }
        self.session_low_excess = i64::MAX;
        self.pnl_row = pnl;
    }

    /// What is kept of this book.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

/// Initial margin of one VIX future in cents, with the stress factor of the book.
fn initial_margin(book: &Book, day: Day, price: f64, days_out: i32) -> i64 {
    let months_out = (days_out / DAYS_PER_MONTH + 1).max(1) as u32;
    (vx_initial_margin_cents(day, price, months_out) as f64 * book.margin_stress).ceil() as i64
}

/// Contracts of a layer: condors over the base, times weight and multiplier; at least one where the layer is active.
fn layer_contracts(condors: f64, hedge: &LayeredHedge, weight: f64, multiplier: f64) -> i64 {
    let exact = condors / hedge.per_condors * weight * multiplier;
    if exact <= 0.0 {
        return 0;
    }
    let rounded = match hedge.rounding {
        Rounding::Nearest => exact.round(),
        Rounding::Ceil => exact.ceil(),
    };
    (rounded as i64).max(1)
}

/// Requirement of one condor in cents: its worst payoff over all kinks and tails.
fn requirement_cents(strikes: &CondorStrikes) -> i64 {
    let leg =
        |right, strike: f64, contracts| PayoffLeg { right, strike: (strike * 10_000.0).round() as i64, contracts };
    let legs = [
        leg(Right::Put, strikes.short_put, -1),
        leg(Right::Put, strikes.long_put, 1),
        leg(Right::Call, strikes.short_call, -1),
        leg(Right::Call, strikes.long_call, 1),
    ];
    // As many long calls as short ones: the worst payoff is bounded.
    payoff::requirement_cents(&legs).unwrap_or(i64::MAX / 4)
}

/// Settlement value of a leg that has expired by this step, and what it rests on.
fn settlement_of<M: Marks>(step: &Step<'_, M>, instrument: Instrument) -> Option<(f64, SettlementSource)> {
    let state = step.state;
    let expiry = instrument.expiry()?;
    if state.day < expiry {
        return None;
    }
    let spot = SettlementValue { value: state.spot[step.path], source: SettlementSource::Close };
    let settled = match instrument {
        Instrument::SpxOption { settlement: Settlement::Am, .. } => step.spx_settlement,
        Instrument::SpxOption { settlement: Settlement::Pm, .. } if state.day == expiry && !state.is_close => {
            return None;
        }
        Instrument::SpxOption { settlement: Settlement::Pm, .. } => spot,
        _ => step.vix_settlement,
    };
    if settled.value.is_finite() {
        return Some((settled.value, settled.source));
    }
    let stand_in = match instrument {
        Instrument::SpxOption { .. } => state.spot[step.path],
        _ => state.vix[step.path],
    };
    Some((stand_in, SettlementSource::CloseFallback))
}

/// Cents a contract pays at a settlement value.
fn payoff_cents(instrument: Instrument, settlement: f64) -> i64 {
    let points = match instrument {
        Instrument::SpxOption { right, strike, .. } | Instrument::VixOption { right, strike, .. } => {
            right.payoff(settlement, strike)
        }
        Instrument::VixFuture { .. } | Instrument::VixNote | Instrument::SpxIndex => settlement,
    };
    unit_cents(instrument, points)
}
