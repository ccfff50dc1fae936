//! Half the width of the market where there are no quotes.

use super::InstrumentKind;
use super::tick::tick_hundredths;
use crate::instrument::{Day, Settlement};
use crate::math::pow;

/// Half-spread of an SPX option worth one point with the index at [`SPX_REFERENCE`] and VIX at [`CALM_VIX`].
///
/// From SPXW quotes of 2018 (more than five days to expiry, out of the money), rounded.
const SPX_COEFFICIENT: f64 = 0.055;
/// Half-spread of an AM-settled SPX option worth one point with the index at [`SPX_REFERENCE`] while one market-maker
/// quoted it from the floor: the chain of 2013-04-19 (`tools/estimate_spreads.py`), rounded. VIX is not an input: those
/// widths were bounded by differentials that the exchange set per price. The rule's 0.54 for an option of 7.5 points
/// with the index at 1,040 is what traders saw in autumn 2003 (1.00 wide "for a few years", then 1.20, between 5 and
/// 10 points), through a VIX of 16 to 45. Electronic widths take over where stress makes them the wider ones.
const SPX_FLOOR_COEFFICIENT: f64 = 0.32;
/// 2017-04-24: first day on which the fragments of 2017 (one far put) quote one tick wide. What changed on that day is
/// not known: SPX left the system with one quoting market-maker (Hybrid 3.0) in 2018 (SR-CBOE-2018-029).
const SPX_ELECTRONIC_DAY: Day = 17_280;
/// Index level at which [`SPX_COEFFICIENT`] was measured.
const SPX_REFERENCE: f64 = 2_750.0;
/// Half-spread of a VIX option worth one point with VIX at [`CALM_VIX`]: the chain of 2016-06-01, rounded.
const VIX_COEFFICIENT: f64 = 0.03;
/// Half-spread of a VIX future in calm, points.
const VX_CALM: f64 = 0.025;
/// Ceiling of the half-spread of a VIX future, points: the range seen in stress is 0.05 to 0.15.
const VX_STRESS: f64 = 0.15;
/// VIX at which the multiplier is one.
const CALM_VIX: f64 = 12.0;
/// Elasticity of spreads to VIX: 3.2 times as wide at a VIX of 33 (week of 2018-02-05).
pub const VIX_ELASTICITY: f64 = 1.15;
/// Half-spread of the note and of an index fund, as a share of the price: one cent on a 50 USD share.
const SHARE_FRACTION: f64 = 1e-4;

/// A leg whose spread is wanted. The price carries moneyness and tenor: by delta the measured widths follow its
/// square root, so neither is an input of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpreadLeg {
    /// Instrument family.
    pub kind: InstrumentKind,
    /// Middle of the market, points.
    pub mid: f64,
    /// Of SPX options: AM-settled SPX or PM-settled SPXW. Others ignore it.
    pub settlement: Settlement,
    /// S&P 500.
    pub spot: f64,
    /// Session.
    pub day: Day,
    /// VIX without quote noise, points.
    pub vix: f64,
}

/// Multiplier of all spreads for a level of VIX, 1 at 12; NaN for a negative or unknown level.
pub fn vix_multiplier(vix: f64) -> f64 {
    pow(vix / CALM_VIX, VIX_ELASTICITY)
}

/// Half of ask - bid in points.
///
/// Options pay a coefficient times the square root of the price (the width grows slower than the price), times
/// [`vix_multiplier`] (floor-quoted SPX: see [`SPX_FLOOR_COEFFICIENT`]), never less than half a tick. Only the VIX option's price part scales with the multiplier, as
/// its tick does not. NaN where an input that the rule needs is NaN.
pub fn half_spread(leg: &SpreadLeg) -> f64 {
    half_spread_at(leg, vix_multiplier(leg.vix))
}

/// [`half_spread`] where the [`vix_multiplier`] of the leg's VIX is known already: legs of one step share it.
pub fn half_spread_at(leg: &SpreadLeg, multiplier: f64) -> f64 {
    let half_tick = tick_hundredths(leg.kind, leg.day, leg.mid) as f64 / 200.0;
    let mid = if leg.mid < 0.0 { 0.0 } else { leg.mid };
    let width = match leg.kind {
        InstrumentKind::SpxOption => {
            // The square root in units of the reference index, so that the rule is homogeneous in (mid, spot).
            let scale = leg.spot / SPX_REFERENCE;
            let floor_traded = leg.settlement == Settlement::Am && leg.day < SPX_ELECTRONIC_DAY;
            let electronic = SPX_COEFFICIENT * multiplier;
            // An unknown VIX stays unknown: f64::max would drop the NaN.
            let coefficient =
                if floor_traded && electronic < SPX_FLOOR_COEFFICIENT { SPX_FLOOR_COEFFICIENT } else { electronic };
            coefficient * (mid * scale).sqrt()
        }
        InstrumentKind::VixOption => VIX_COEFFICIENT * mid.sqrt() * multiplier,
        InstrumentKind::VixFuture => {
            if multiplier.is_nan() {
                return f64::NAN;
            }
            (VX_CALM * multiplier).clamp(VX_CALM, VX_STRESS)
        }
        InstrumentKind::VixNote | InstrumentKind::SpxIndex => SHARE_FRACTION * mid,
    };
    if width.is_nan() { f64::NAN } else { width.max(half_tick) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(kind: InstrumentKind, mid: f64, vix: f64) -> SpreadLeg {
        SpreadLeg { kind, mid, settlement: Settlement::Pm, spot: 2_750.0, day: 17_600, vix }
    }

    #[test]
    fn golden_values_of_the_rule() {
        let h = |kind, mid, vix| half_spread(&leg(kind, mid, vix));
        assert!((h(InstrumentKind::SpxOption, 9.0, 12.0) - 0.165).abs() < 1e-12);
        assert!((vix_multiplier(33.0) - 3.2).abs() < 0.01);
        assert!((h(InstrumentKind::VixOption, 4.0, 12.0) - 0.06).abs() < 1e-12);
        assert!((h(InstrumentKind::VixOption, 0.3, 12.0) - 0.025).abs() < 1e-12);
        assert!((h(InstrumentKind::SpxOption, 0.05, 12.0) - 0.025).abs() < 1e-12);
        assert!((h(InstrumentKind::VixFuture, 15.0, 10.0) - 0.025).abs() < 1e-12);
        assert!((h(InstrumentKind::VixFuture, 15.0, 80.0) - 0.15).abs() < 1e-12);
    }

    #[test]
    fn floor_traded_options_are_wider() {
        let pm = leg(InstrumentKind::SpxOption, 9.0, 12.0);
        let am = SpreadLeg { settlement: Settlement::Am, ..pm };
        assert!((half_spread(&am) - half_spread(&pm)).abs() < 1e-15);
        let before = |leg: SpreadLeg| half_spread(&SpreadLeg { day: SPX_ELECTRONIC_DAY - 1, ..leg });
        assert!((before(am) - 0.96).abs() < 1e-12);
        assert!((before(pm) - 0.165).abs() < 1e-12);
        // Floor quotes do not move with VIX until electronic ones are wider.
        assert!((before(SpreadLeg { vix: 40.0, ..am }) - 0.96).abs() < 1e-12);
        assert!((before(SpreadLeg { vix: 80.0, ..am }) - before(SpreadLeg { vix: 80.0, ..pm })).abs() < 1e-12);
        assert!(before(SpreadLeg { vix: f64::NAN, ..am }).is_nan());
    }

    #[test]
    fn homogeneous_in_price_and_index_above_the_tick() {
        let at = |scale: f64| {
            let mut leg = leg(InstrumentKind::SpxOption, 9.0 * scale, 20.0);
            leg.spot *= scale;
            half_spread(&leg) / scale
        };
        assert!((at(2.0) - at(1.0)).abs() < 1e-12);
    }

    #[test]
    fn unknown_inputs_stay_unknown() {
        assert!(half_spread(&leg(InstrumentKind::SpxOption, f64::NAN, 20.0)).is_nan());
        assert!(half_spread(&leg(InstrumentKind::SpxOption, 5.0, f64::NAN)).is_nan());
        assert!(half_spread(&leg(InstrumentKind::VixFuture, 15.0, f64::NAN)).is_nan());
    }
}
