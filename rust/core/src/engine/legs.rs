//! The legs that are held anywhere in a block, as columns; a leg shared by several books is marked once.

use super::ledger::unit_cents;
use crate::instrument::{Day, Instrument};
use crate::market::MarketState;
use crate::marks::{LegBatch, Marks, Quote, flag};

/// Index of a leg in the table.
pub type Slot = u32;

const UNMARKED: Quote = Quote { mid: f64::NAN, half_spread: f64::NAN, flags: 0 };

/// What accounts need of a leg on every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegMark {
    /// Cents a contract; `None`: no mark on this step.
    pub cents: Option<i64>,
    /// Paid for up front.
    pub is_funded: bool,
}

impl LegMark {
    fn new(instrument: Instrument, quote: &Quote) -> Self {
        let cents = quote.mid.is_finite().then(|| unit_cents(instrument, quote.mid));
        Self { cents, is_funded: instrument.is_funded() }
    }
}

/// All live legs of a block of paths.
#[derive(Debug, Default)]
pub struct LegTable {
    batch: LegBatch,
    quotes: Vec<Quote>,
    marks: Vec<LegMark>,
    holders: Vec<u32>,
    free: Vec<Slot>,
    by_path: Vec<Vec<Slot>>,
    /// First expiry of the legs of a path.
    first_expiry: Vec<Day>,
    scratch: LegBatch,
    scratch_quotes: Vec<Quote>,
}

impl LegTable {
    /// An empty table for `n_paths` paths.
    pub fn new(n_paths: usize) -> Self {
        Self { by_path: vec![Vec::new(); n_paths], first_expiry: vec![Day::MAX; n_paths], ..Self::default() }
    }

    /// The contract of a slot.
    #[inline]
    pub fn instrument(&self, slot: Slot) -> Instrument {
        self.batch.instrument[slot as usize]
    }

    /// The latest mark of a slot in cents.
    #[inline]
    pub fn cents(&self, slot: Slot) -> LegMark {
        self.marks[slot as usize]
    }

    /// All legs, free slots among them.
    pub(super) fn batch(&self) -> &LegBatch {
        &self.batch
    }

    /// The latest mark of a slot.
    #[inline]
    pub fn quote(&self, slot: Slot) -> Quote {
        self.quotes[slot as usize]
    }

    /// One more holder of a leg: its slot, marked on the current step if it is new.
    pub fn acquire<M: Marks>(
        &mut self,
        marks: &mut M,
        state: &MarketState,
        path: usize,
        instrument: Instrument,
    ) -> Slot {
        let held = self.by_path[path].iter().copied().find(|&slot| self.batch.instrument[slot as usize] == instrument);
        if let Some(slot) = held {
            self.holders[slot as usize] += 1;
            return slot;
        }
        let quote = self.peek(marks, state, path, instrument);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.batch.path[slot as usize] = path as u32;
                self.batch.instrument[slot as usize] = instrument;
                self.quotes[slot as usize] = quote;
                self.marks[slot as usize] = LegMark::new(instrument, &quote);
                self.holders[slot as usize] = 1;
                slot
            }
            None => {
                self.batch.path.push(path as u32);
                self.batch.instrument.push(instrument);
                self.quotes.push(quote);
                self.marks.push(LegMark::new(instrument, &quote));
                self.holders.push(1);
                (self.holders.len() - 1) as Slot
            }
        };
        self.by_path[path].push(slot);
        self.first_expiry[path] = self.first_expiry[path].min(instrument.expiry().unwrap_or(Day::MAX));
        slot
    }

    /// The mark of a leg on the current step without holding it.
    pub fn peek<M: Marks>(&mut self, marks: &mut M, state: &MarketState, path: usize, instrument: Instrument) -> Quote {
        self.scratch.path.clear();
        self.scratch.instrument.clear();
        self.scratch.path.push(path as u32);
        self.scratch.instrument.push(instrument);
        marks.quote(state, &self.scratch, &mut self.scratch_quotes);
        self.scratch_quotes.first().copied().unwrap_or(UNMARKED)
    }

    /// Whether a leg of the path has reached its expiry day.
    #[inline]
    pub fn settles(&self, path: usize, day: Day) -> bool {
        self.first_expiry[path] <= day
    }

    /// One holder less; the slot is free when none is left.
    pub fn release(&mut self, slot: Slot) {
        let index = slot as usize;
        self.holders[index] -= 1;
        if self.holders[index] == 0 {
            let path = self.batch.path[index] as usize;
            self.by_path[path].retain(|&other| other != slot);
            let expiries = self.by_path[path].iter().filter_map(|&other| self.instrument(other).expiry());
            self.first_expiry[path] = expiries.min().unwrap_or(Day::MAX);
            // A free slot stays in the batch until it is used again: marking the index costs nothing.
            self.batch.instrument[index] = Instrument::SpxIndex;
            self.free.push(slot);
        }
    }

    /// Marks every leg on the current step and returns how many marks were clamped.
    pub fn mark<M: Marks>(&mut self, marks: &mut M, state: &MarketState) -> u64 {
        marks.quote(state, &self.batch, &mut self.quotes);
        for ((mark, &instrument), quote) in self.marks.iter_mut().zip(&self.batch.instrument).zip(&self.quotes) {
            *mark = LegMark::new(instrument, quote);
        }
        self.quotes.iter().map(|quote| u64::from(quote.flags & flag::CLAMPED != 0)).sum()
    }
}
