//! Condors under the adaptive rules: trims in a cash press, rolls of what is threatened.

use super::tactics::inputs;
use super::{BookAccount, Condor, Snapshot, Step};
use crate::book::{Book, IronCondor};
use crate::calendar;
use crate::calendar::listing::Snap;
use crate::costs::OrderKind;
use crate::engine::orders::{self, OrderLeg};
use crate::engine::record::incident;
use crate::instrument::{Instrument, Right};
use crate::marks::Marks;
use crate::policy::memory::Memory;
use crate::policy::{AdaptivePolicy, Rules, Trim, rule};
use crate::positions::expiries;
use crate::positions::strikes::{CondorStrikes, Series};

/// Lots of the put and of the call vertical.
const SIDES: [[usize; 2]; 2] = [[0, 1], [2, 3]];

/// What happens to a condor on the next bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tactic {
    /// Buys back so many contracts of the put vertical.
    TrimPuts(i64),
    /// Buys back so many whole condors.
    TrimCondor(i64),
    /// Rolls to a few days.
    Out,
    /// Rolls back to its tenor.
    Back,
}

impl BookAccount {
    pub(super) fn plan_condors<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        memory: &Memory,
        step: &mut Step<'_, M>,
    ) {
        let Some(rule) = &book.condor else { return };
        let rolls = config.time_shift_condor && (memory.condors_out || memory.condors_back);
        let trims = config.trim && memory.press_cross;
        if !rolls && !trims {
            return;
        }
        for index in 0..self.condors.len() {
            let condor = &self.condors[index];
            if condor.exit.is_some() {
                continue;
            }
            let mut tactic = if rolls { self.roll_of(config, memory, step, condor) } else { None };
            if tactic.is_none() && trims {
                tactic = self.trim_of(config, rule, step, condor);
            }
            self.condors[index].tactic = tactic;
        }
    }

    fn roll_of<M: Marks>(
        &self,
        config: &AdaptivePolicy,
        memory: &Memory,
        step: &mut Step<'_, M>,
        condor: &Condor,
    ) -> Option<Tactic> {
        match condor.rolled {
            Some(since) => {
                let rested = sessions_between(since, step.state.day) >= i64::from(config.condor_roll_sessions);
                (memory.condors_back && rested).then_some(Tactic::Back)
            }
            None => {
                let long = condor.expiry.day - step.state.day > config.condor_roll_dte.1;
                let held = condor.opened < step.state.day;
                (memory.condors_out && long && held && self.is_threatened(config, step, condor)).then_some(Tactic::Out)
            }
        }
    }

    /// Spot has come within a share of a short strike's distance at entry, or the delta of a short strike is high.
    fn is_threatened<M: Marks>(&self, config: &AdaptivePolicy, step: &mut Step<'_, M>, condor: &Condor) -> bool {
        let spot = step.state.spot[step.path];
        let strike = |lot: usize| match step.legs.instrument(condor.lots[lot].slot) {
            Instrument::SpxOption { strike, .. } => strike,
            _ => f64::NAN,
        };
        let near_put = spot - strike(0) <= config.threatened_distance * condor.distance.0;
        let near_call = strike(2) - spot <= config.threatened_distance * condor.distance.1;
        near_put
            || near_call
            || [0, 2].into_iter().any(|lot| {
                let instrument = step.legs.instrument(condor.lots[lot].slot);
                step.marks.delta(step.state, step.path, instrument) >= config.threatened_delta
            })
    }

    /// What a bullish cross in a cash press buys back: puts win when the index rises fast.
    fn trim_of<M: Marks>(
        &self,
        config: &AdaptivePolicy,
        rule: &IronCondor,
        step: &Step<'_, M>,
        condor: &Condor,
    ) -> Option<Tactic> {
        let marked = condor.lots.iter().all(|lot| step.legs.quote(lot.slot).mid.is_finite());
        if !marked {
            return None;
        }
        let share = |contracts: i64| ((config.trim_share * contracts as f64).round() as i64).max(1).min(contracts);
        match config.trim_what {
            Trim::Side => {
                let [short, long] = SIDES[0].map(|lot| &condor.lots[lot]);
                let open = long.contracts;
                // Credit of what is still open, in proportion.
                let credit = condor.put_credit as f64 * open as f64 / condor.contracts.max(1) as f64;
                let earned = credit + (short.value + long.value) as f64;
                (open > 0 && earned >= config.trim_earned * credit && credit > 0.0)
                    .then(|| Tactic::TrimPuts(share(condor.contracts).min(open)))
            }
            Trim::Condor => {
                let open = condor.lots.iter().map(|lot| lot.contracts.abs()).min().unwrap_or(0);
                let value: i64 = condor.lots.iter().map(|lot| lot.value).sum();
                let gain = (condor.credit + condor.trimmed + value) as f64;
                let target = rule.profit_target.unwrap_or(1.0) * config.trim_earned * condor.credit as f64;
                (open > 1 && gain >= target).then(|| Tactic::TrimCondor(share(open).min(open - 1)))
            }
        }
    }

    pub(super) fn execute_condor_tactics<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, known: &Snapshot) {
        let Some(Rules::Adaptive(config)) = &book.rules else { return };
        let mut index = 0;
        while index < self.condors.len() {
            match self.condors[index].tactic.take() {
                Some(Tactic::TrimPuts(contracts)) => self.trim(book, step, index, contracts, &SIDES[0]),
                Some(Tactic::TrimCondor(contracts)) => self.trim(book, step, index, contracts, &[0, 1, 2, 3]),
                // The new condor is appended behind the others: the next one moves into this place.
                Some(way @ (Tactic::Out | Tactic::Back)) if self.roll_condor(book, config, step, known, index, way) => {
                    continue;
                }
                Some(Tactic::Out | Tactic::Back) | None => {}
            }
            index += 1;
        }
    }

    /// Buys back some contracts of some legs of a condor.
    fn trim<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, index: usize, contracts: i64, lots: &[usize]) {
        let condor = &self.condors[index];
        let order: Vec<OrderLeg> = lots
            .iter()
            .map(|&lot| OrderLeg {
                instrument: step.legs.instrument(condor.lots[lot].slot),
                contracts: -condor.lots[lot].contracts.signum() * contracts,
                quote: step.legs.quote(condor.lots[lot].slot),
            })
            .collect();
        let blocked = order.iter().any(|leg| {
            !leg.quote.mid.is_finite() || (leg.contracts < 0 && orders::has_no_bid(&book.costs, &leg.quote))
        });
        if blocked {
            self.note(step, incident::ZERO_BID, contracts as f64);
            return;
        }
        let before = condor.lots[lots[0]].contracts.abs();
        let position = condor.position;
        self.log(step, rule::TRIM, before as f64, (before - contracts) as f64, |vix, signals| {
            inputs(vix, signals, &[("position", position as f64)])
        });
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        for (&lot, (leg, fill)) in lots.iter().zip(order.iter().zip(&fills)) {
            let cash = self.account.cash;
            let held = &mut self.condors[index].lots[lot];
            let bucket = held.bucket;
            self.account.trade(held, true, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.condors[index].cash_flow += self.account.cash - cash;
            self.condors[index].trimmed -= leg.contracts * fill.price_cents;
            self.record_trade(step, leg, fill, bucket, position, rule::TRIM);
        }
        self.refresh_condor(step, index);
    }

    /// Requirement and size of a condor after some of its contracts are gone.
    fn refresh_condor<M: Marks>(&mut self, step: &Step<'_, M>, index: usize) {
        let condor = &mut self.condors[index];
        let legs = condor.lots.map(|lot| (step.legs.instrument(lot.slot), lot.contracts));
        condor.requirement = super::condor::requirement_of(&legs);
        condor.contracts = legs.iter().map(|leg| leg.1.abs()).max().unwrap_or(0);
    }

    /// Closes a condor and sells one of another tenor and of the same size; false: nothing was done.
    fn roll_condor<M: Marks>(
        &mut self,
        book: &Book,
        config: &AdaptivePolicy,
        step: &mut Step<'_, M>,
        known: &Snapshot,
        index: usize,
        way: Tactic,
    ) -> bool {
        let Some(condor_rule) = &book.condor else { return false };
        let today = step.state.day;
        let (rule, found) = match way {
            Tactic::Out => {
                let (least, most) = config.condor_roll_dte;
                (rule::CONDOR_OUT, expiries::within(&*step.marks, step.state, least, most, condor_rule.expiries))
            }
            _ => {
                let found = expiries::for_condor(&*step.marks, step.state, condor_rule.dte, condor_rule.expiries);
                (rule::CONDOR_BACK, found)
            }
        };
        let old = &self.condors[index];
        let (chain, contracts, old_dte) = (old.chain, old.contracts, old.expiry.day - today);
        let unmarked = old.lots.iter().any(|lot| !step.legs.quote(lot.slot).mid.is_finite());
        let Some((product, expiry)) = found.filter(|found| found.1.day != old.expiry.day && !unmarked) else {
            self.note(step, incident::SKIPPED_NO_EXPIRY, f64::from(old_dte));
            return false;
        };
        let offer = match self.offer(book, condor_rule, step, known, product, expiry) {
            Ok(offer) if offer.credit > 0 => offer,
            Ok(offer) => {
                self.note(step, incident::SKIPPED_CREDIT, offer.credit as f64 / 100.0);
                return false;
            }
            Err((kind, value)) => {
                self.note(step, kind, value);
                return false;
            }
        };
        self.log(step, rule, f64::from(old_dte), f64::from(expiry.day - today), |vix, signals| {
            inputs(vix, signals, &[("chain", chain as f64), ("contracts", contracts as f64)])
        });
        self.buy_back(book, step, index, rule, OrderKind::Package);
        let free = self.excess(book, step).max(0);
        let affordable = contracts.min(free / (offer.requirement - offer.credit + offer.fees).max(1));
        if affordable < contracts {
            self.note(step, incident::BUYING_POWER, (contracts - affordable) as f64);
        }
        if affordable > 0 {
            self.open_condor(book, step, &offer, affordable, rule, Some(chain));
            if let (Tactic::Out, Some(new)) = (way, self.condors.last_mut()) {
                new.rolled = Some(today);
            }
        }
        true
    }

    /// Strikes of a condor one step aside, where the grid has them.
    pub(super) fn shift_strikes<M: Marks>(
        &self,
        step: &Step<'_, M>,
        series: &Series<'_>,
        chosen: CondorStrikes,
        points: f64,
    ) -> CondorStrikes {
        let marks = &*step.marks;
        let at = |right, strike: f64| series.snap(marks, right, strike + points, Snap::Nearest);
        let shifted = CondorStrikes {
            long_put: at(Right::Put, chosen.long_put),
            short_put: at(Right::Put, chosen.short_put),
            short_call: at(Right::Call, chosen.short_call),
            long_call: at(Right::Call, chosen.long_call),
        };
        if shifted.is_condor() { shifted } else { chosen }
    }
}

/// Sessions from one day to a later one.
fn sessions_between(from: i32, to: i32) -> i64 {
    match (calendar::session_index(from), calendar::session_index(to)) {
        (Some(from), Some(to)) => to as i64 - from as i64,
        _ => i64::from(to - from),
    }
}
