//! Prices of the market model at every step of simulated paths.

use crate::error::Result;
use crate::instrument::Right;
use crate::market::model::MarketConfig;
use crate::market::state::ModelColumns;
use crate::pricing::cos_method::PutPricer;
use crate::pricing::implied_vol::implied_vol;
use crate::pricing::market_columns::VIX_WINDOW;
use crate::pricing::transform::{Affine, State};
use crate::pricing::vix_transform::{CallPricer, FuturePricer, Squared};

/// Index points of a decimal volatility.
const POINTS: f64 = 100.0;

/// All that marks under one model need and that no state changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTables {
    config: MarketConfig,
    model: Affine,
    squared: Squared,
}

impl ModelTables {
    /// The tables of a model, with `threads` threads; `go_on` is asked every few milliseconds whether to.
    ///
    /// # Errors
    /// `Error::Numerical` where a price does not converge, `Error::Interrupted`.
    pub fn build(config: &MarketConfig, _threads: usize, _go_on: &mut dyn FnMut() -> bool) -> Result<Self> {
        config.validate()?;
        let model = config.pricing();
        let squared = model.vix_squared(VIX_WINDOW);
        Ok(Self { config: config.clone(), model, squared })
    }

    /// The model.
    pub fn config(&self) -> &MarketConfig {
        &self.config
    }

    /// The VIX of a state, points.
    pub fn vix(&self, state: State) -> f64 {
        POINTS * self.squared.at(state).sqrt()
    }

    fn has_jumps(&self, state: State) -> bool {
        self.model.jumps.lambda_inf > 0.0 || state.intensity > 0.0
    }

    /// The VIX future of a state that settles in `years` of model time, points.
    pub fn vix_future(&self, state: State, years: f64) -> f64 {
        POINTS * FuturePricer::new(&self.model, self.squared, years, self.has_jumps(state)).price(state)
    }

    /// VIX futures of all states of a block, points.
    pub fn vix_futures(&self, years: f64, states: &ModelColumns, out: &mut [f64]) {
        let parts = states.v1.iter().zip(&states.v2).zip(&states.intensity);
        for (out, ((&v1, &v2), &intensity)) in out.iter_mut().zip(parts) {
            *out = self.vix_future(State { v1, v2, intensity }, years);
        }
    }

    /// Total standard deviation, implied volatility times the root of `years`, of an index option whose strike is
    /// `moneyness` times the forward; NaN where there is none.
    pub fn spx_total_sd(&self, state: State, years: f64, moneyness: f64) -> f64 {
        let mut puts = PutPricer::new(&self.model, years, self.has_jumps(state));
        let price = puts.price(moneyness, state, &mut || true).unwrap_or(f64::NAN);
        implied_vol(Right::Put, price, 1.0, moneyness, 1.0, 0.0).0
    }

    /// The same of a VIX option whose strike is `moneyness` times the future.
    pub fn vix_total_sd(&self, state: State, years: f64, moneyness: f64) -> f64 {
        let future = self.vix_future(state, years) / POINTS;
        let mut calls = CallPricer::new(&self.model, self.squared, years, self.has_jumps(state));
        let call = calls.price(moneyness * future, future, state, &mut || true).unwrap_or(f64::NAN);
        implied_vol(Right::Call, call / future, 1.0, moneyness, 1.0, 0.0).0
    }
}
