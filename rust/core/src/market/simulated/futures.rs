//! Listed VIX futures beside simulated paths, for those who read the term structure off the market.

use crate::calendar::listing::vx_expiries;
use crate::instrument::{Day, OPEN_SECONDS};
use crate::market::clock::BusinessClock;
use crate::market::state::{MarketSource, MarketState, ModelColumns, SettlementValue};
use crate::pricing::tables::{FutureTerms, ModelTables};
use crate::pricing::transform::State;

/// The first contracts: the fourth has 83 days to live at least, so that sixty days are always between two.
const CONTRACTS: usize = 4;

/// A source of paths whose states carry the model's futures.
///
/// They have the bits of the marks of the model, so that nothing but what reads `vx_price` can tell.
pub struct WithFutures<'a, S> {
    source: &'a mut S,
    tables: &'a ModelTables,
    clock: BusinessClock,
    /// Contracts of the latest day.
    listed: (Day, Vec<Day>),
    placed: ModelColumns,
    terms: FutureTerms,
    prices: Vec<f64>,
}

impl<'a, S: MarketSource> WithFutures<'a, S> {
    /// The futures of `tables` on `clock` beside the paths of `source`.
    pub fn new(source: &'a mut S, tables: &'a ModelTables, clock: BusinessClock) -> Self {
        let prices = vec![0.0; source.n_paths()];
        let (placed, terms) = (ModelColumns::default(), FutureTerms::default());
        Self { source, tables, clock, listed: (Day::MIN, Vec::new()), placed, terms, prices }
    }
}

impl<S: MarketSource> MarketSource for WithFutures<'_, S> {
    fn n_paths(&self) -> usize {
        self.source.n_paths()
    }

    fn n_steps(&self) -> usize {
        self.source.n_steps()
    }

    fn user_columns(&self) -> &[String] {
        self.source.user_columns()
    }

    fn fill(&mut self, step: usize, state: &mut MarketState) {
        self.source.fill(step, state);
        if self.listed.0 != state.day {
            let expiries = vx_expiries(state.day);
            self.listed = (state.day, expiries.iter().take(CONTRACTS).map(|expiry| expiry.day).collect());
        }
        let placed = &mut self.placed;
        for column in [&mut placed.v1, &mut placed.v2, &mut placed.intensity] {
            column.clear();
        }
        let model = &state.model;
        for ((&v1, &v2), &intensity) in model.v1.iter().zip(&model.v2).zip(&model.intensity) {
            let State { v1, v2, intensity } = self.tables.place(State { v1, v2, intensity }).state;
            placed.v1.push(v1);
            placed.v2.push(v2);
            placed.intensity.push(intensity);
        }
        for &expiry in &self.listed.1 {
            let years = self.clock.years(state.day, state.seconds, expiry, OPEN_SECONDS);
            self.tables.vix_futures(years, placed, &mut self.terms, &mut self.prices);
            for (path, price) in self.prices.iter().enumerate() {
                let moved = price * state.future_factor(path, expiry);
                state.vx_price.push(moved);
            }
            state.vx_expiry.push(expiry);
        }
    }

    fn spx_settlement(&self, step: usize, path: usize) -> SettlementValue {
        self.source.spx_settlement(step, path)
    }

    fn vix_settlement(&self, step: usize, path: usize) -> SettlementValue {
        self.source.vix_settlement(step, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::model::MarketConfig;
    use crate::market::simulated::{Agenda, LANES, SimulatedSource};
    use crate::signals::CarrySource;
    use crate::signals::carry::term_structure;
    use crate::simulate::InstructionSet;
    use crate::simulate::world::World;

    #[test]
    fn sixty_days_always_lie_between_two_futures_of_the_model() {
        let config = MarketConfig::preset("HSVCJ2F-2026").expect("preset");
        let world = World::from_json(
            r#"{"start":19724,"sessions":260,"steps_per_day":1,"spot":5000.0,"measure":"P","marks":"model"}"#,
        )
        .expect("world");
        let (agenda, tables) = (Agenda::new(&config, &world), ModelTables::empty(&config).expect("configuration"));
        let mut paths: SimulatedSource<'_, LANES> = SimulatedSource::new(&agenda, 3, 0, 5, InstructionSet::best());
        let mut source = WithFutures::new(&mut paths, &tables, world.clock());
        let mut state = MarketState::default();
        for step in 0..source.n_steps() {
            source.fill(step, &mut state);
            assert_eq!(state.vx_price.len(), CONTRACTS * 5);
            for path in 0..5 {
                let carry = term_structure(&state, path, CarrySource::ConstantMaturity);
                assert!(carry.is_finite() && carry.abs() < 1.0, "{step} {path}: {carry}");
                let model = &state.model;
                let hidden = State { v1: model.v1[path], v2: model.v2[path], intensity: model.intensity[path] };
                for (i, &expiry) in state.vx_expiry.iter().enumerate() {
                    let years = world.clock().years(state.day, state.seconds, expiry, OPEN_SECONDS);
                    let want = tables.vix_future(tables.place(hidden).state, years);
                    assert_eq!(state.vx_price[i * 5 + path].to_bits(), want.to_bits());
                }
            }
        }
    }
}
