//! From an order to fills and fees in cents, by the cost assumptions of a book.

use super::ledger::unit_cents;
use crate::costs::fees::fee_cents;
use crate::costs::fill::{FillLeg, package_fill};
use crate::costs::tick::{PACKAGE_TICK, tick_hundredths};
use crate::costs::{CostConfig, InstrumentKind, OrderKind};
use crate::instrument::{Day, Instrument};
use crate::marks::{Quote, flag};

/// One leg of an order with the quote it meets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderLeg {
    /// Contract.
    pub instrument: Instrument,
    /// Signed contracts; not zero.
    pub contracts: i64,
    /// Market at the time of the fill.
    pub quote: Quote,
}

/// What one leg filled at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LegFill {
    /// Points.
    pub price: f64,
    /// The price in cents a contract.
    pub price_cents: i64,
    /// The middle of the market in cents a contract, as the ledger marks it.
    pub mid_cents: i64,
    /// Fees of the leg in cents.
    pub fee_cents: i64,
}

/// Whether a leg can only be bought.
pub fn has_no_bid(costs: &CostConfig, quote: &Quote) -> bool {
    quote.flags & flag::ZERO_BID != 0 || quote.mid - costs.spread_scale * quote.half_spread <= 0.0
}

/// Fills an order; every leg that is sold must have a bid and every leg a mark.
///
/// Legs in equal numbers trade as one package at one net price. Anything else (a roll into another size) trades leg by
/// leg, each on its own tick.
pub fn fill(costs: &CostConfig, day: Day, legs: &[OrderLeg], kind: OrderKind) -> Vec<LegFill> {
    let fraction = costs.fraction(kind);
    let size = legs.first().map_or(0, |leg| leg.contracts.abs());
    let package = legs.len() > 1 && legs.iter().all(|leg| leg.contracts.abs() == size);
    let as_fill = |leg: &OrderLeg, ratio: i64| FillLeg {
        mid: leg.quote.mid,
        half_spread: leg.quote.half_spread * costs.spread_scale,
        ratio,
    };
    if package {
        let parts: Vec<FillLeg> = legs.iter().map(|leg| as_fill(leg, leg.contracts.signum())).collect();
        // A package of VIX options trades in their own increment once that is finer than a nickel.
        let finest = legs.iter().map(|leg| tick_hundredths(leg.instrument.into(), day, 0.0)).min();
        let tick = finest.unwrap_or(PACKAGE_TICK).min(PACKAGE_TICK);
        if let Ok(filled) = package_fill(&parts, fraction, tick) {
            let prices = filled.legs.iter();
            return legs
                .iter()
                .zip(prices)
                .map(|(leg, &hundredths)| leg_fill(costs, day, leg, hundredths, true))
                .collect();
        }
    }
    legs.iter()
        .map(|leg| {
            let tick = tick_hundredths(leg.instrument.into(), day, leg.quote.mid);
            let alone = package_fill(&[as_fill(leg, leg.contracts.signum())], fraction, tick);
            // A sale never fills below one tick: a leg without a bid does not get this far.
            let hundredths = alone.map_or(tick, |filled| filled.legs[0]);
            leg_fill(costs, day, leg, hundredths, false)
        })
        .collect()
}

fn leg_fill(costs: &CostConfig, day: Day, leg: &OrderLeg, hundredths: i64, complex: bool) -> LegFill {
    let price = hundredths as f64 / 100.0;
    let kind = InstrumentKind::from(leg.instrument);
    LegFill {
        price,
        price_cents: unit_cents(leg.instrument, price),
        mid_cents: unit_cents(leg.instrument, leg.quote.mid),
        fee_cents: fee_cents(costs.fee_preset, kind, day, price, leg.contracts.abs(), complex),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::fees::FeePreset;
    use crate::instrument::{Right, Settlement};

    fn leg(strike: f64, contracts: i64, mid: f64) -> OrderLeg {
        let instrument =
            Instrument::SpxOption { right: Right::Put, strike, expiry: 17_000, settlement: Settlement::Am };
        OrderLeg { instrument, contracts, quote: Quote { mid, half_spread: 0.1, flags: 0 } }
    }

    #[test]
    fn a_spread_pays_its_share_of_both_half_spreads_and_fees_on_both_legs() {
        let costs = CostConfig { fee_preset: FeePreset::None, ..CostConfig::default() };
        let order = [leg(1_000.0, -10, 5.0), leg(950.0, 10, 3.0)];
        let fills = fill(&costs, 16_000, &order, OrderKind::Package);
        let net: i64 = order.iter().zip(&fills).map(|(leg, fill)| leg.contracts * fill.price_cents).sum();
        // 2.00 less 0.4 x 0.20, on the nickel: 1.90 received, ten times a hundred dollars.
        assert_eq!(net, -190_000);
        let forced = fill(&costs, 16_000, &order, OrderKind::Forced);
        let net: i64 = order.iter().zip(&forced).map(|(leg, fill)| leg.contracts * fill.price_cents).sum();
        assert_eq!(net, -180_000);
    }

    #[test]
    fn unequal_sizes_trade_leg_by_leg() {
        let fills =
            fill(&CostConfig::default(), 16_000, &[leg(1_000.0, -3, 5.0), leg(950.0, 7, 2.0)], OrderKind::Package);
        assert_eq!(fills[0].price_cents, 49_000);
        assert_eq!(fills[1].price_cents, 20_500);
    }
}
