//! Condors: entry, what makes one leave, and its closing.

use super::{BookAccount, Condor, Snapshot, Step};
use crate::book::{Book, CondorSizing, EntrySchedule, IronCondor};
use crate::calendar::listed::Today;
use crate::calendar::listing::ListedExpiry;
use crate::costs::OrderKind;
use crate::engine::ledger::{Lot, bucket};
use crate::engine::orders::{self, OrderLeg};
use crate::engine::record::{ClosedCondor, incident};
use crate::instrument::{CENTS_PER_POINT, CENTS_PER_USD, Instrument, Right};
use crate::margin::payoff::{self, PayoffLeg};
use crate::margin::reg_t::points_to_cents;
use crate::marks::{Marks, OptionProduct};
use crate::policy::rule;
use crate::positions::strikes::{CondorStrikes, Series};
use crate::positions::{expiries, strikes};

/// Volatility points per unit of volatility.
const PERCENT: f64 = 100.0;

/// One condor that could be sold: strikes, legs with their quotes, credit, fees and requirement in cents.
pub(super) struct Offer {
    pub(super) strikes: CondorStrikes,
    pub(super) expiry: ListedExpiry,
    pub(super) order: Vec<OrderLeg>,
    pub(super) credit: i64,
    pub(super) fees: i64,
    pub(super) requirement: i64,
}

impl BookAccount {
    pub(super) fn entry_due(&self, schedule: EntrySchedule, today: &Today) -> bool {
        match schedule {
            EntrySchedule::Session => true,
            EntrySchedule::Every(n) => today.session.is_some_and(|index| index % n as usize == 0),
            EntrySchedule::Roll => today.is_spx_expiry,
            EntrySchedule::Flat => self.condors.is_empty(),
        }
    }

    pub(super) fn enter<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, known: &Snapshot) {
        let Some(rule) = &book.condor else { return };
        let at_once = self.tactics.as_ref().is_some_and(|tactics| tactics.enter_now);
        if !at_once && !self.entry_due(rule.entry, step.today) {
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
        let offer = match self.offer(book, rule, step, known, product, expiry) {
            Ok(offer) => offer,
            Err((kind, value)) => {
                self.note(step, kind, value);
                return;
            }
        };
        let Offer { credit, fees, requirement, .. } = offer;
        let width = points_to_cents(offer.strikes.width());
        if credit <= 0 || (credit as f64) < rule.min_credit * width as f64 {
            self.note(step, incident::SKIPPED_CREDIT, credit as f64 / CENTS_PER_USD);
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
                known.equity as f64 / CENTS_PER_USD,
                credit as f64 / CENTS_PER_POINT
            )
        });
        if contracts > 0 {
            self.open_condor(book, step, &offer, contracts, rule::ENTRY, None);
        }
    }

    /// What one condor of an expiry would be and bring; or why there is none, as an incident.
    pub(super) fn offer<M: Marks>(
        &self,
        book: &Book,
        rule: &IronCondor,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        product: OptionProduct,
        expiry: ListedExpiry,
    ) -> Result<Offer, (u16, f64)> {
        let no_strikes = (incident::SKIPPED_NO_STRIKES, known.vix);
        let nine_day = if known.vix9d.is_finite() { known.vix9d } else { known.vix };
        let daily_range = strikes::expected_daily_range(nine_day, PERCENT * known.realised_vol);
        let series = Series { state: step.state, path: step.path, product, expiry };
        let chosen = strikes::condor(step.marks, &series, rule, daily_range).ok_or(no_strikes)?;
        let strikes = match known.targets.strike_shift {
            0.0 => chosen,
            points => self.shift_strikes(step, &series, chosen, points),
        };
        let mut order = Vec::with_capacity(4);
        for (instrument, sign) in strikes.legs(&series) {
            let quote = step.legs.peek(step.marks, step.state, step.path, instrument);
            order.push(OrderLeg { instrument, contracts: sign, quote });
        }
        if order
            .iter()
            .any(|leg| !leg.quote.mid.is_finite() || (leg.contracts < 0 && orders::has_no_bid(&book.costs, &leg.quote)))
        {
            return Err(no_strikes);
        }
        // Fill of one condor first: its credit decides whether and how many are sold.
        let unit = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let credit = -order.iter().zip(&unit).map(|(leg, fill)| leg.contracts * fill.price_cents).sum::<i64>();
        let fees: i64 = unit.iter().map(|fill| fill.fee_cents).sum();
        Ok(Offer { strikes, expiry, order, credit, fees, requirement: requirement_cents(&strikes) })
    }

    pub(super) fn open_condor<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        offer: &Offer,
        contracts: i64,
        rule: u16,
        chain: Option<i64>,
    ) {
        let position = self.new_position();
        let order: Vec<OrderLeg> =
            offer.order.iter().map(|leg| OrderLeg { contracts: leg.contracts * contracts, ..*leg }).collect();
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        let buckets = [bucket::SHORT_PUT, bucket::LONG_PUT, bucket::SHORT_CALL, bucket::LONG_CALL];
        let mut lots = [Lot { slot: 0, contracts: 0, bucket: 0, value: 0, reference: 0 }; 4];
        let before = self.account.cash;
        for (index, (leg, fill)) in order.iter().zip(&fills).enumerate() {
            let lot = &mut lots[index];
            lot.slot = step.legs.acquire(step.marks, step.state, step.path, leg.instrument);
            lot.bucket = buckets[index];
            self.account.trade(lot, true, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.record_trade(step, leg, fill, buckets[index], position, rule);
        }
        let credit = -order.iter().zip(&fills).map(|(leg, fill)| leg.contracts * fill.price_cents).sum::<i64>();
        self.tally.enter(credit);
        let points = credit as f64 / (CENTS_PER_POINT * contracts as f64);
        let requirement = offer.requirement * contracts;
        let (strikes, spot) = (&offer.strikes, step.state.spot[step.path]);
        self.condors.push(Condor {
            position,
            lots,
            contracts,
            opened: step.state.day,
            expiry: offer.expiry,
            credit,
            cash_flow: self.account.cash - before,
            requirement,
            max_loss: requirement - credit,
            break_even: (strikes.short_put - points, strikes.short_call + points),
            crossed: (false, false),
            exit: None,
            chain: chain.unwrap_or(position),
            distance: (spot - strikes.short_put, strikes.short_call - spot),
            put_credit: -order
                .iter()
                .zip(&fills)
                .take(2)
                .map(|(leg, fill)| leg.contracts * fill.price_cents)
                .sum::<i64>(),
            trimmed: 0,
            rolled: None,
            tactic: None,
        });
    }

    pub(super) fn trigger_exits<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(rule) = &book.condor else { return };
        for index in 0..self.condors.len() {
            let condor = &self.condors[index];
            if condor.exit.is_some() {
                continue;
            }
            let marked = condor.lots.iter().all(|lot| step.legs.cents(lot.slot).cents.is_some());
            let value: i64 = condor.lots.iter().map(|lot| lot.value).sum();
            let gain = (condor.credit + condor.trimmed + value) as f64;
            let credit = condor.credit as f64;
            let dte = condor.expiry.day - step.state.day;
            let exit = if marked && rule.stop.is_some_and(|stop| gain <= -stop * credit) {
                Some(rule::STOP)
            } else if marked && rule.profit_target.is_some_and(|target| gain >= target * credit) {
                Some(rule::PROFIT_TARGET)
            } else if condor.rolled.is_none() && rule.exit_dte.is_some_and(|exit| dte <= exit) {
                Some(rule::EXIT_DTE)
            } else {
                None
            };
            if let Some(why) = exit {
                let contracts = condor.contracts as f64;
                self.condors[index].exit = Some(why);
                self.decide(step, why, contracts, 0.0, || {
                    format!("{{\"gain\":{},\"credit\":{},\"dte\":{dte}}}", gain / CENTS_PER_USD, credit / CENTS_PER_USD)
                });
            }
        }
    }

    /// Closes one condor as a package; a long leg without a bid is left to settle.
    pub(super) fn buy_back<M: Marks>(
        &mut self,
        book: &Book,
        step: &mut Step<'_, M>,
        index: usize,
        rule: u16,
        kind: OrderKind,
    ) {
        let mut condor = self.condors.remove(index);
        let mut order = Vec::with_capacity(4);
        let mut parts = Vec::with_capacity(4);
        for lot in &condor.lots {
            if lot.contracts == 0 {
                step.legs.release(lot.slot);
                continue;
            }
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

    pub(super) fn close_condor<M: Marks>(&mut self, step: &mut Step<'_, M>, condor: Condor, rule: u16) {
        self.closed_credit += condor.credit;
        self.closed_pnl += condor.cash_flow;
        self.tally.condors += 1;
        self.tally.winners += u32::from(condor.cash_flow > 0);
        let double_breach = condor.crossed == (true, true);
        self.tally.double_breaches += u32::from(double_breach);
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
                chain: condor.chain,
            });
        }
    }
}

/// Requirement of one condor in cents: its worst payoff over all kinks and tails.
fn requirement_cents(strikes: &CondorStrikes) -> i64 {
    worst_payoff(&[
        (Right::Put, strikes.short_put, -1),
        (Right::Put, strikes.long_put, 1),
        (Right::Call, strikes.short_call, -1),
        (Right::Call, strikes.long_call, 1),
    ])
}

/// The same of four legs in any numbers.
pub(super) fn requirement_of(legs: &[(Instrument, i64); 4]) -> i64 {
    worst_payoff(&legs.map(|(instrument, contracts)| match instrument {
        Instrument::SpxOption { right, strike, .. } => (right, strike, contracts),
        _ => (Right::Put, 0.0, 0),
    }))
}

fn worst_payoff(legs: &[(Right, f64, i64); 4]) -> i64 {
    let legs = legs.map(|(right, strike, contracts)| PayoffLeg { right, strike: points_to_cents(strike), contracts });
    // As many long calls as short ones: the worst payoff is bounded.
    payoff::requirement_cents(&legs).unwrap_or(i64::MAX / 4)
}
