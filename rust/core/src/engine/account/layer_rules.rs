//! Rules of single layers: strikes by points, sizes by premium, layers that wait for a rise of VIX.

use super::{BookAccount, Snapshot, Step};
use crate::book::{Book, HedgeLayer, LayeredHedge};
use crate::calendar::listing::{ListedExpiry, Snap};
use crate::costs::OrderKind;
use crate::engine::ledger::Lot;
use crate::engine::orders::{self, OrderLeg};
use crate::engine::record::incident;
use crate::instrument::{CENTS_PER_POINT, Day, Instrument, Right, Settlement};
use crate::marks::{Marks, OptionProduct, Quote};
use crate::policy::rule;
use crate::positions::strikes::{DEFAULT_WING, Series};

/// Price in points below which a premium does not buy more contracts.
const LEAST_PRICE: f64 = 0.01;
const DAYS_PER_YEAR: f64 = 365.0;
/// USD a point of one VIX future over those of one VIX option.
const FUTURE_TO_OPTION: f64 = 10.0;

/// Which layers are on: all without a rule, the others by the rise of VIX above its recent closes.
#[derive(Debug, Clone)]
pub struct Rises {
    closes: Vec<f64>,
    window: usize,
    on: Vec<bool>,
}

impl Rises {
    pub(super) fn new(book: &Book) -> Self {
        let layers = book.hedge.as_ref().map_or(&[][..], |hedge| &hedge.layers);
        let window = layers.iter().filter_map(|layer| layer.vix_rise).map(|rise| rise.sessions).max().unwrap_or(0);
        let on = layers.iter().map(|layer| layer.vix_rise.is_none()).collect();
        Self { closes: Vec::with_capacity(window), window, on }
    }

    /// Whether a layer is to be held.
    pub(super) fn is_on(&self, index: usize) -> bool {
        self.on[index]
    }

    /// Takes in the VIX of a closed step; an unknown VIX changes nothing.
    pub(super) fn update(&mut self, hedge: &LayeredHedge, vix: f64, is_close: bool) {
        if self.window == 0 || !vix.is_finite() {
            return;
        }
        if is_close {
            if self.closes.len() == self.window {
                self.closes.remove(0);
            }
            self.closes.push(vix);
        }
        for (on, layer) in self.on.iter_mut().zip(&hedge.layers) {
            let Some(rule) = layer.vix_rise else { continue };
            let first = self.closes.len().saturating_sub(rule.sessions);
            let rise = self.closes[first..].iter().fold(f64::NAN, |most, close| (vix - close).max(most));
            // A comparison with NaN, before the first close, leaves the layer off.
            *on = if *on { rise >= 0.5 * rule.points } else { rise >= rule.points };
        }
    }
}

impl BookAccount {
    /// Wing width times 100 times the condors that the hedge stands behind, in cents.
    pub(super) fn condor_notional(&self, book: &Book, known: &Snapshot) -> f64 {
        let width = book.condor.as_ref().and_then(|condor| condor.wing_width);
        width.unwrap_or(DEFAULT_WING * known.spot) * CENTS_PER_POINT * self.base_condors(book)
    }

    /// Whether a roll finds the very contracts that are held.
    pub(super) fn keeps<M: Marks>(
        &self,
        step: &Step<'_, M>,
        index: usize,
        instruments: &[(Instrument, i64)],
        wanted: i64,
    ) -> bool {
        let lots = &self.layers[index].lots;
        wanted > 0
            && lots.len() == instruments.len()
            && lots.iter().zip(instruments).all(|(lot, chosen)| step.legs.instrument(lot.slot) == chosen.0)
    }

    /// Sells what a layer holds because VIX gave back its rise; legs without a bid are kept to their expiry.
    pub(super) fn sell_layer<M: Marks>(&mut self, book: &Book, step: &mut Step<'_, M>, index: usize) {
        let quoted = |lot: &Lot| step.legs.quote(lot.slot).mid.is_finite();
        if self.layers[index].lots.is_empty() || !self.layers[index].lots.iter().all(quoted) {
            return;
        }
        let layer = std::mem::take(&mut self.layers[index]);
        let mut sold = Vec::with_capacity(layer.lots.len());
        let mut order = Vec::with_capacity(layer.lots.len());
        for lot in layer.lots {
            let quote = step.legs.quote(lot.slot);
            if lot.contracts > 0 && orders::has_no_bid(&book.costs, &quote) {
                self.note(step, incident::ZERO_BID, lot.contracts as f64);
                self.stranded.push(lot);
                continue;
            }
            order.push(OrderLeg { instrument: step.legs.instrument(lot.slot), contracts: -lot.contracts, quote });
            sold.push(lot);
        }
        self.decide(step, rule::LAYER_RESIZE, layer.contracts as f64, 0.0, || String::from("{\"vix_rise\":\"over\"}"));
        let fills = orders::fill(&book.costs, step.state.day, &order, OrderKind::Package);
        for (mut lot, (leg, fill)) in sold.into_iter().zip(order.iter().zip(&fills)) {
            let funded = leg.instrument.is_funded();
            self.account.trade(&mut lot, funded, leg.contracts, fill.mid_cents, fill.price_cents, fill.fee_cents);
            self.record_trade(step, leg, fill, lot.bucket, layer.position, rule::LAYER_RESIZE);
            step.legs.release(lot.slot);
        }
    }
}

/// Strike of a layer's long call: by level, by points above VIX, or by delta.
pub(super) fn layer_strike<M: Marks>(step: &mut Step<'_, M>, series: &Series<'_>, layer: &HedgeLayer) -> f64 {
    let target = match (layer.strike_level, layer.strike_offset) {
        (Some(level), _) => level,
        (None, Some(offset)) => (series.state.vix_quoted[series.path] + offset).max(1.0),
        (None, None) => return series.by_delta(step.marks, Right::Call, layer.delta),
    };
    series.snap(&*step.marks, Right::Call, target, Snap::Nearest)
}

/// Price of one unit of a layer at the middle of the market, points.
pub(super) fn premium_of(instruments: &[(Instrument, i64)], quotes: &[Quote]) -> f64 {
    instruments.iter().zip(quotes).map(|(leg, quote)| leg.1 as f64 * quote.mid).sum()
}

/// Whole contracts that a premium in cents pays for.
pub(super) fn contracts_for(premium: f64, price: f64) -> i64 {
    (premium / (price.max(LEAST_PRICE) * CENTS_PER_POINT)).floor() as i64
}

/// What the yearly budget leaves for the days until the roll, in cents.
pub(super) fn budget_of(
    hedge: &LayeredHedge,
    layer: &HedgeLayer,
    known: &Snapshot,
    today: Day,
    expiry: Option<Day>,
) -> f64 {
    let to_roll = expiry.map_or(0, |expiry| expiry - today - layer.roll_dte);
    let days = layer.roll_every.map_or(to_roll, |every| to_roll.min(every)).max(1);
    hedge.budget.unwrap_or(0.0) * known.equity as f64 * f64::from(days) / DAYS_PER_YEAR
}

/// Futures with the delta of the calls that a premium in cents would buy: a future costs no premium.
pub(super) fn futures_for<M: Marks>(step: &mut Step<'_, M>, layer: &HedgeLayer, premium: f64, expiry: Day) -> i64 {
    let listed = ListedExpiry { day: expiry, settlement: Settlement::Am, weekly: false };
    let series = Series { state: step.state, path: step.path, product: OptionProduct::Vix, expiry: listed };
    let strike = series.by_delta(step.marks, Right::Call, layer.delta);
    let call = series.option(Right::Call, strike);
    let delta = step.marks.delta(step.state, step.path, call);
    let price = step.legs.peek(step.marks, step.state, step.path, call).mid;
    let calls = premium / (price.max(LEAST_PRICE) * CENTS_PER_POINT);
    (calls * delta / FUTURE_TO_OPTION).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::VixRise;

    fn rises(sessions: usize) -> (Rises, LayeredHedge) {
        let json = format!(
            r#"{{"layers":[{{"name":"always","instrument":"vix_future","dte":30,"delta":0.5,"sizing":{{"weight":1.0}},
            "roll_dte":5,"expiries":"monthly"}},{{"name":"staged","instrument":"vix_future","dte":30,"delta":0.5,
            "sizing":{{"weight":1.0}},"roll_dte":5,"expiries":"monthly","vix_rise":{{"points":4.0,"sessions":{sessions}}}}}],
            "per_condors":10.0,"rounding":"nearest","trade_seconds":57600}}"#
        );
        let hedge: LayeredHedge = serde_json::from_str(&json).unwrap();
        let book = Book { hedge: Some(hedge.clone()), ..crate::book::parse_book(SIMPLE).unwrap() };
        assert_eq!(hedge.layers[1].vix_rise, Some(VixRise { points: 4.0, sessions }));
        (Rises::new(&book), hedge)
    }

    const SIMPLE: &str = r#"{"name":"a","capital":1000000.0,"condor":null,"hedge":null,"portfolio":{"weight":1.0},
        "costs":{},"margin_stress":1.0,"cash_earns_rate":true}"#;

    #[test]
    fn a_layer_is_on_from_its_rise_to_half_of_it() {
        let (mut rises, hedge) = rises(20);
        let mut on = Vec::new();
        for vix in [14.0, 17.9, 18.0, 16.0, 15.9, 17.9] {
            rises.update(&hedge, vix, true);
            on.push((rises.is_on(0), rises.is_on(1)));
        }
        assert_eq!(on, [(true, false), (true, false), (true, true), (true, true), (true, false), (true, false)]);
    }

    #[test]
    fn the_window_forgets_and_an_unknown_vix_changes_nothing() {
        let (mut rises, hedge) = rises(2);
        rises.update(&hedge, 14.0, true);
        rises.update(&hedge, 17.0, true);
        rises.update(&hedge, f64::NAN, true);
        assert!(!rises.is_on(1));
        // The lowest of the last two closes is 17 and 17.5 now, not 14.
        rises.update(&hedge, 17.5, true);
        rises.update(&hedge, 18.5, true);
        assert!(!rises.is_on(1));
        // Inside a session it rises against closes only.
        rises.update(&hedge, 21.5, false);
        assert!(rises.is_on(1));
    }

    #[test]
    fn a_premium_buys_whole_contracts_and_no_free_ones() {
        assert_eq!(contracts_for(50_000.0, 2.0), 2);
        assert_eq!(contracts_for(39_999.0, 2.0), 1);
        assert_eq!(contracts_for(10_000.0, 0.0), 100);
        assert_eq!(contracts_for(0.0, 2.0), 0);
    }
}
