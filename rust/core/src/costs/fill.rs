//! At what price an order fills: part of the half-spread against the trader, on the tick, never in the middle.

use super::tick::{Side, next_against, round_against};

/// One leg of an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FillLeg {
    /// Middle of the market, points.
    pub mid: f64,
    /// Half of ask - bid, points.
    pub half_spread: f64,
    /// Contracts per package, positive to buy and negative to sell; not zero.
    pub ratio: i64,
}

/// Prices of a filled order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFill {
    /// Price of each leg, hundredths of a point.
    pub legs: Vec<i64>,
    /// Net price of the package, hundredths of a point: positive is paid, negative received. The sum of
    /// ratio times leg price, exactly.
    pub net: i64,
}

/// Why an order does not fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The leg to be sold has no bid.
    NoBid {
        /// Index of the leg.
        leg: usize,
    },
    /// A leg has no usable mark (NaN, infinite or negative) or a ratio of zero.
    BadMark {
        /// Index of the leg.
        leg: usize,
    },
    /// No leg can carry the rounding of the package price (ratios without a leg that divides it, prices near zero).
    Unallocatable,
}

/// Fills an order of one or more legs at `fraction` of the summed half-spreads against the trader.
///
/// The net price is rounded to `tick` (hundredths of a point) against the trader and, when `fraction > 0`, is at
/// least the next tick worse than the middle. Each leg gets its own share of the spread rounded to 0.01, and what the
/// rounding of the net price leaves over goes to one leg: the most expensive one that can take it (the first
/// among equals), so that the legs sum to the net price exactly. No leg trades below 0.01.
pub fn package_fill(legs: &[FillLeg], fraction: f64, tick: i64) -> Result<PackageFill, Refusal> {
    for (leg, data) in legs.iter().enumerate() {
        let usable = data.mid.is_finite() && data.mid >= 0.0 && data.half_spread.is_finite() && data.half_spread >= 0.0;
        if !usable || data.ratio == 0 {
            return Err(Refusal::BadMark { leg });
        }
        if data.ratio < 0 && data.mid - data.half_spread <= 0.0 {
            return Err(Refusal::NoBid { leg });
        }
    }
    if legs.is_empty() {
        return Ok(PackageFill { legs: Vec::new(), net: 0 });
    }
    // A package of (2, -2) trades as two packages of (1, -1).
    let unit = legs.iter().fold(0, |unit, leg| gcd(unit, leg.ratio.abs()));
    let ratios: Vec<i64> = legs.iter().map(|leg| leg.ratio / unit).collect();
    let middle: f64 = legs.iter().zip(&ratios).map(|(leg, &ratio)| leg.mid * ratio as f64).sum();
    let slip: f64 = legs.iter().zip(&ratios).map(|(leg, &ratio)| leg.half_spread * ratio.abs() as f64).sum();
    // A net price is a purchase at a signed price: paying more and receiving less are both "up".
    let mut net = round_against(middle + fraction * slip, tick, Side::Buy);
    if fraction > 0.0 {
        net = net.max(next_against(middle, tick, Side::Buy));
    }
    let shares: Vec<i64> = legs
        .iter()
        .map(|leg| {
            let against = fraction * leg.half_spread * leg.ratio.signum() as f64;
            ((100.0 * (leg.mid + against)).round() as i64).max(1)
        })
        .collect();
    let mut by_price: Vec<usize> = (0..legs.len()).collect();
    by_price.sort_by(|&a, &b| legs[b].mid.total_cmp(&legs[a].mid).then(a.cmp(&b)));
    let summed: i64 = shares.iter().zip(&ratios).map(|(price, ratio)| price * ratio).sum();
    let widest = ratios.iter().map(|ratio| ratio.abs()).max().unwrap_or(1);
    for _ in 0..=widest {
        if let Some(prices) = allocate(&shares, &ratios, &by_price, net - summed, widest) {
            return Ok(PackageFill { legs: prices, net: net * unit });
        }
        net += tick;
    }
    // An order that only sells and rounds to nothing has no bid in effect: its cheapest leg has none.
    match by_price.last() {
        Some(&leg) if legs.iter().all(|leg| leg.ratio < 0) => Err(Refusal::NoBid { leg }),
        _ => Err(Refusal::Unallocatable),
    }
}

/// Puts `rest` (hundredths of a point of the package) on one leg, keeping every price at 0.01 or more. Where no single
/// leg divides it or can bear it, one other leg first moves by the fewest hundredths that make it fit.
fn allocate(shares: &[i64], ratios: &[i64], by_price: &[usize], rest: i64, widest: i64) -> Option<Vec<i64>> {
    let carrier = |rest: i64, other: Option<usize>| {
        let fits = |&i: &usize| Some(i) != other && rest % ratios[i] == 0 && shares[i] + rest / ratios[i] >= 1;
        by_price.iter().copied().find(fits)
    };
    let mut prices = shares.to_vec();
    if let Some(i) = carrier(rest, None) {
        prices[i] += rest / ratios[i];
        return Some(prices);
    }
    for size in 1..=widest {
        for &j in by_price {
            for nudge in [size, -size] {
                let left = rest - nudge * ratios[j];
                if shares[j] + nudge < 1 {
                    continue;
                }
                if let Some(i) = carrier(left, Some(j)) {
                    prices[j] += nudge;
                    prices[i] += left / ratios[i];
                    return Some(prices);
                }
            }
        }
    }
    None
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(mid: f64, half_spread: f64, ratio: i64) -> FillLeg {
        FillLeg { mid, half_spread, ratio }
    }

    #[test]
    fn a_condor_gives_up_two_fifths_of_the_half_spreads() {
        let legs = [leg(1.0, 0.05, 1), leg(2.0, 0.10, -1), leg(1.8, 0.10, -1), leg(0.7, 0.05, 1)];
        let fill = package_fill(&legs, 0.4, 5).unwrap();
        // Middle -2.10 plus 0.4 x 0.30 is -1.98: 1.95 received.
        assert_eq!(fill.net, -195);
        assert_eq!(fill.legs[0] - fill.legs[1] - fill.legs[2] + fill.legs[3], -195);
        assert_eq!(package_fill(&legs, 0.0, 5).unwrap().net, -210);
        assert_eq!(package_fill(&legs, 1.0, 5).unwrap().net, -180);
    }

    #[test]
    fn never_the_middle() {
        assert_eq!(package_fill(&[leg(1.0, 0.001, 1)], 0.4, 5).unwrap().net, 105);
        assert_eq!(package_fill(&[leg(1.0, 0.001, -1)], 0.4, 5).unwrap().net, -95);
    }

    #[test]
    fn no_sale_without_a_bid() {
        assert_eq!(package_fill(&[leg(0.05, 0.05, -1)], 0.8, 5), Err(Refusal::NoBid { leg: 0 }));
        // A bid of 0.02 does not survive rounding to a tick of 0.05.
        assert_eq!(package_fill(&[leg(0.04, 0.02, -1)], 0.8, 5), Err(Refusal::NoBid { leg: 0 }));
        assert!(package_fill(&[leg(0.05, 0.05, 1)], 0.8, 5).is_ok());
        assert_eq!(package_fill(&[leg(f64::NAN, 0.05, 1)], 0.8, 5), Err(Refusal::BadMark { leg: 0 }));
        assert_eq!(package_fill(&[leg(1.0, 0.05, 0)], 0.8, 5), Err(Refusal::BadMark { leg: 0 }));
    }

    #[test]
    fn multiples_and_odd_ratios_sum_exactly() {
        let twice = package_fill(&[leg(1.0, 0.05, 2), leg(2.0, 0.1, -2)], 0.4, 5).unwrap();
        assert_eq!(2 * twice.legs[0] - 2 * twice.legs[1], twice.net);
        let odd = package_fill(&[leg(1.03, 0.05, 2), leg(2.02, 0.1, -3)], 0.4, 5).unwrap();
        assert_eq!(2 * odd.legs[0] - 3 * odd.legs[1], odd.net);
    }
}
