//! Before anything is marked: interest, dividends and everything that has expired.

use super::{BookAccount, Layer, Step};
use crate::book::Book;
use crate::engine::ledger::{bucket, rounded, unit_cents};
use crate::engine::record::incident;
use crate::instrument::{Day, Instrument, Settlement, YEAR_SECONDS};
use crate::market::state::{SettlementSource, SettlementValue};
use crate::marks::Marks;
use crate::math;
use crate::policy::rule;

impl BookAccount {
    /// Interest and dividends since the step before.
    pub fn accrue<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>) {
        let Some(before) = step.before else { return };
        let years = step.state.length_seconds as f64 / YEAR_SECONDS;
        let rate = before.rate[step.path];
        if book.cash_earns_rate && rate.is_finite() {
            let interest = rounded(self.account.cash as f64 * step.growth.of(rate * years));
            self.account.credit(bucket::INTEREST, interest);
        }
        if let Some(lot) = &self.index {
            let held = (lot.contracts * unit_cents(Instrument::SpxIndex, before.spot[step.path])) as f64;
            let dividend = rounded(held * math::exp_m1(before.dividend_yield[step.path] * years));
            self.account.credit(bucket::PORTFOLIO, dividend);
        }
    }

    /// Everything that has expired.
    pub fn settle<M: Marks>(&mut self, step: &mut Step<'_, M>) {
        self.settle_condors(step);
        self.settle_layers(step);
        if let Some(mut lot) = self.sleeve.lot {
            let instrument = step.legs.instrument(lot.slot);
            if let Some((value, _)) = settlement_of(step, instrument) {
                let before = self.account.cash;
                self.account.settle(&mut lot, true, payoff_cents(instrument, value));
                self.sleeve.cash += self.account.cash - before;
                self.sleeve.lot = None;
                step.legs.release(lot.slot);
            }
        }
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

    pub(super) fn settle_condors<M: Marks>(&mut self, step: &mut Step<'_, M>) {
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

    pub(super) fn settle_layers<M: Marks>(&mut self, step: &mut Step<'_, M>) {
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

    pub(super) fn note_settlement<M: Marks>(&mut self, step: &mut Step<'_, M>, expiry: Day, source: SettlementSource) {
        match source {
            SettlementSource::Series | SettlementSource::Close | SettlementSource::Future => {}
            stand_in => self.note(step, incident::SETTLEMENT_PROXY, f64::from(stand_in as u8)),
        }
        if step.state.day > expiry {
            self.note(step, incident::SETTLEMENT_LATE, f64::from(step.state.day - expiry));
        }
    }
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
