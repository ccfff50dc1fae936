//! Marks that remember the strikes found on a step, since books on one path look for the same ones.

use crate::calendar::listing::ListedExpiry;
use crate::instrument::{Day, Right};
use crate::market::MarketState;
use crate::marks::{LegBatch, Marks, OptionProduct, Quote};
use crate::{instrument::Instrument, marks::StrikeSearch};

/// Marks with the searches of the current path and step.
pub struct SharedMarks<'a, M: Marks> {
    marks: &'a mut M,
    path: usize,
    found: Vec<(StrikeSearch, f64)>,
}

impl<'a, M: Marks> SharedMarks<'a, M> {
    /// Marks without a search yet.
    pub fn new(marks: &'a mut M) -> Self {
        Self { marks, path: 0, found: Vec::new() }
    }
}

impl<M: Marks> Marks for SharedMarks<'_, M> {
    fn prepare(&mut self, state: &MarketState) {
        self.found.clear();
        self.marks.prepare(state);
    }

    fn quote(&mut self, state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>) {
        self.marks.quote(state, legs, quotes);
    }

    fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        self.marks.delta(state, path, instrument)
    }

    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        self.marks.forward(state, path, instrument)
    }

    fn listed_strikes(&self, state: &MarketState, product: OptionProduct, expiry: Day, right: Right) -> Option<&[f64]> {
        self.marks.listed_strikes(state, product, expiry, right)
    }

    fn listed_expiries(&self, state: &MarketState, product: OptionProduct) -> Option<&[ListedExpiry]> {
        self.marks.listed_expiries(state, product)
    }

    fn known_strike(&self, path: usize, search: &StrikeSearch) -> Option<f64> {
        let found = if path == self.path { &self.found[..] } else { &[] };
        found.iter().find(|known| known.0 == *search).map(|known| known.1)
    }

    fn keep_strike(&mut self, path: usize, search: StrikeSearch, strike: f64) {
        if path != self.path {
            self.path = path;
            self.found.clear();
        }
        self.found.push((search, strike));
    }
}
