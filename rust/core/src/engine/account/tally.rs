//! What is kept of a book on every path, counted session by session.

use crate::engine::ledger::bucket;
use crate::engine::record::{INCIDENTS, Outcome};
use crate::statistics::{PathMetrics, Session};

const CENTS_PER_USD: f64 = 100.0;
/// A session is an event from this fall of the index on, close to close.
const EVENT_FALL: f64 = 0.03;
/// Sessions after an event that still belong to it: the two weeks for which history watches an event of one day.
const EVENT_SESSIONS: usize = 10;

/// Counters of one book on one path.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    pub(super) condors: u32,
    pub(super) winners: u32,
    pub(super) double_breaches: u32,
    pub(super) entries: u32,
    pub(super) incidents: [u32; INCIDENTS.len()],
    equity: i64,
    credit: i64,
    layer_costs: i64,
    traded: f64,
    margin_max: i64,
    min_excess: i64,
    worst_session: i64,
    /// Of the buckets at the last close.
    interest: i64,
    layers: i64,
    metrics: PathMetrics,
    last_spot: f64,
    since_fall: usize,
}

impl Tally {
    /// A book before its first session; `capital` in cents.
    pub(super) fn new(capital: i64) -> Self {
        Self {
            condors: 0,
            winners: 0,
            double_breaches: 0,
            entries: 0,
            incidents: [0; INCIDENTS.len()],
            equity: capital,
            credit: 0,
            layer_costs: 0,
            traded: 0.0,
            margin_max: 0,
            min_excess: i64::MAX,
            worst_session: i64::MAX,
            interest: 0,
            layers: 0,
            metrics: PathMetrics::new(capital as f64 / CENTS_PER_USD),
            last_spot: f64::NAN,
            since_fall: usize::MAX,
        }
    }

    /// Counts the credit of a condor, in cents.
    pub(super) fn enter(&mut self, credit: i64) {
        self.entries += 1;
        self.credit += credit;
    }

    /// Counts a fill: its bucket, its fees with its slippage in cents, its value at the fill in USD.
    pub(super) fn fill(&mut self, filled: u16, cost: i64, value: f64) {
        if filled >= bucket::FIRST_LAYER {
            self.layer_costs += cost;
        }
        self.traded += value;
    }

    /// Closes a session: cents by bucket since the start; equity, requirement and smallest excess in cents; spot of the index.
    pub(super) fn close(&mut self, pnl: &[i64], equity: i64, requirement: i64, excess: i64, spot: f64) {
        let fell = spot <= (1.0 - EVENT_FALL) * self.last_spot;
        self.since_fall = if fell { 0 } else { self.since_fall.saturating_add(1) };
        self.last_spot = spot;
        let layers = pnl[bucket::FIRST_LAYER as usize..].iter().sum::<i64>();
        let interest = pnl[bucket::INTEREST as usize];
        let hedge = (layers - self.layers - self.layer_costs) as f64 / CENTS_PER_USD;
        self.metrics.push(&Session {
            pnl: (equity - self.equity) as f64 / CENTS_PER_USD,
            interest: (interest - self.interest) as f64 / CENTS_PER_USD,
            credit: self.credit as f64 / CENTS_PER_USD,
            hedge,
            hedge_calm: if self.since_fall <= EVENT_SESSIONS { 0.0 } else { hedge },
        });
        (self.layer_costs, self.credit, self.interest, self.layers) = (0, 0, interest, layers);
        self.worst_session = self.worst_session.min(equity - self.equity);
        self.equity = equity;
        self.margin_max = self.margin_max.max(requirement);
        self.min_excess = self.min_excess.min(excess);
    }

    /// What is kept; `pnl` is what every bucket earned, in cents.
    pub(super) fn outcome(mut self, pnl: Vec<i64>) -> Outcome {
        Outcome {
            final_equity: self.equity,
            statistics: self.metrics.finish(),
            pnl,
            incidents: self.incidents,
            margin_max: self.margin_max,
            min_excess: self.min_excess,
            worst_session: self.worst_session,
            traded: self.traded,
            entries: self.entries,
            condors: self.condors,
            winners: self.winners,
            double_breaches: self.double_breaches,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Metric;

    fn close(tally: &mut Tally, hedge: i64, spot: f64) {
        let mut pnl = vec![0; bucket::FIRST_LAYER as usize + 1];
        pnl[bucket::FIRST_LAYER as usize] = tally.layers + hedge;
        tally.close(&pnl, tally.equity + hedge, 0, 0, spot);
    }

    #[test]
    fn hedge_cost_on_event_days_is_not_charged_to_the_credit() {
        let mut tally = Tally::new(1_000_000);
        tally.enter(10_000);
        close(&mut tally, -1_000, 100.0);
        close(&mut tally, 5_000, 97.0);
        for _ in 0..EVENT_SESSIONS {
            close(&mut tally, -100, 97.0);
        }
        close(&mut tally, -500, 97.0);
        let outcome = tally.outcome(Vec::new());
        assert!((outcome.statistics[Metric::CreditKept as usize] - 0.85).abs() < 1e-12);
        assert!((outcome.statistics[Metric::Pnl as usize] - 25.0).abs() < 1e-9);
    }

    #[test]
    fn fees_and_slippage_of_layers_belong_to_the_hedge_and_those_of_condors_do_not() {
        let mut tally = Tally::new(1_000_000);
        tally.fill(bucket::FIRST_LAYER, 300, 100.0);
        tally.fill(bucket::SHORT_PUT, 700, 50.0);
        close(&mut tally, 0, 100.0);
        let outcome = tally.outcome(Vec::new());
        let cost = outcome.statistics[Metric::HedgeCost as usize];
        assert!((cost - 3.0 / 10_000.0 * 252.0).abs() < 1e-12, "{cost}");
        assert!((outcome.traded - 150.0).abs() < 1e-12);
    }
}
