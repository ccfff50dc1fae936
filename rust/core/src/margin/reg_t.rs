//! Strategy-based margin of option positions: the cheapest way to pair longs with shorts.
//!
//! Rules: Cboe Margin Manual (April 2000, index options) and Cboe Rule 10.3; FINRA Rule 4210(f)(2) is the same.

use super::payoff::{PayoffLeg, requirement_cents};
use crate::error::{Error, Fault, Result};
use crate::instrument::{CENTS_PER_POINT, Day, Right};

/// Largest strike, price or index level, points.
const MAX_POINTS: f64 = 1e6;
/// Largest number of contracts in one leg; with [`MAX_LEGS`] and [`MAX_POINTS`] all sums stay inside an i64.
const MAX_CONTRACTS: f64 = 1e5;
/// Largest number of legs.
const MAX_LEGS: usize = 256;
/// Pairings that are tried at most.
const MAX_PAIRINGS: u64 = 100_000;
/// Least risk of an uncovered short, in basis points of the index (calls) or of the strike (puts).
const NAKED_FLOOR_BP: i64 = 1_000;
/// Where faults are reported.
const SOURCE: &str = "option_margin";

/// One option position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionLeg {
    /// What it pays.
    pub payoff: PayoffLeg,
    /// Premium, cents per contract.
    pub price: i64,
    /// Expiry; equal numbers expire together.
    pub expiry: Day,
}

impl OptionLeg {
    /// A checked leg from points; `index` is its position in the error message.
    pub fn new(index: usize, right: &str, strike: f64, contracts: f64, price: f64, expiry: Day) -> Result<Self> {
        let fault = |code, field, value: String, rule| {
            Err(Error::data(Fault::new(code, SOURCE, field, value, rule).at(format!("legs[{index}]"))))
        };
        let right = match right.to_ascii_lowercase().as_str() {
            "c" | "call" => Right::Call,
            "p" | "put" => Right::Put,
            _ => return fault("MRG002", "right", format!("{right:?}"), "'C', 'P', 'call' or 'put'"),
        };
        if !(strike > 0.0 && strike <= MAX_POINTS) {
            return fault("MRG003", "strike", strike.to_string(), "0 < strike <= 1000000 points");
        }
        let whole = contracts.is_finite() && (contracts.round() - contracts).abs() < f64::MIN_POSITIVE;
        if !(whole && contracts.abs() >= 1.0 && contracts.abs() <= MAX_CONTRACTS) {
            return fault(
                "MRG004",
                "contracts",
                contracts.to_string(),
                "a whole number other than 0, at most 100000 either way",
            );
        }
        if !(0.0..=MAX_POINTS).contains(&price) {
            return fault("MRG005", "price", price.to_string(), "0 <= price <= 1000000 points");
        }
        Ok(Self {
            payoff: PayoffLeg { right, strike: points_to_cents(strike), contracts: contracts as i64 },
            price: points_to_cents(price),
            expiry,
        })
    }
}

/// Cents per contract of a price or strike in points.
pub fn points_to_cents(points: f64) -> i64 {
    (points * CENTS_PER_POINT).round() as i64
}

/// How the requirement is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Strategy-based: uncovered shorts by the index rule when the index level is known.
    RegT,
    /// Worst payoff only: no short is ever uncovered.
    Payoff,
}

/// What the uncovered-short rule needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Underlying {
    /// Index level, cents per contract.
    pub level: i64,
    /// Share of the index value in basis points: 1,500 for a broad-based index, 2,000 otherwise.
    pub rate_bp: i64,
}

impl Underlying {
    /// Checked, from points and a decimal rate.
    pub fn new(level: f64, rate: f64) -> Result<Self> {
        if !(level > 0.0 && level <= MAX_POINTS) {
            let rule = "0 < underlying <= 1000000 points";
            return Err(Error::data(Fault::new("MRG007", SOURCE, "underlying", level.to_string(), rule)));
        }
        if !(0.1..=1.0).contains(&rate) {
            let rule = "0.1 <= naked_rate <= 1";
            return Err(Error::data(Fault::new("MRG011", SOURCE, "naked_rate", rate.to_string(), rule)));
        }
        Ok(Self { level: points_to_cents(level), rate_bp: (rate * 10_000.0).round() as i64 })
    }

    /// Risk part (without the premium) of one uncovered short contract: `rate` of the index less the out-of-the-money
    /// amount, at least 10 % of the index (call) or of the strike (put).
    fn naked_risk(self, leg: &PayoffLeg) -> i64 {
        let (out_of_the_money, base) = match leg.right {
            Right::Call => ((leg.strike - self.level).max(0), self.level),
            Right::Put => ((self.level - leg.strike).max(0), leg.strike),
        };
        (basis_points(self.level, self.rate_bp) - out_of_the_money).max(basis_points(base, NAKED_FLOOR_BP))
    }
}

/// Share of an amount, rounded up to the cent.
fn basis_points(cents: i64, share: i64) -> i64 {
    (cents * share + 9_999) / 10_000
}

/// Net premium received, cents; negative when paid.
pub fn net_credit_cents(legs: &[OptionLeg]) -> i64 {
    -legs.iter().map(|leg| leg.payoff.contracts * leg.price).sum::<i64>()
}

/// Requirement in cents.
///
/// The structural requirement is the least over all pairings. A net debit is paid in full on top of it (long options
/// have no loan value); a net credit reduces it, not below zero, when `apply_credit`.
pub fn option_margin_cents(
    legs: &[OptionLeg],
    apply_credit: bool,
    method: Method,
    underlying: Option<Underlying>,
) -> Result<i64> {
    let naked = match method {
        Method::RegT => underlying,
        Method::Payoff => None,
    };
    let structural = structural_cents(legs, naked)?;
    let credit = net_credit_cents(legs);
    Ok(if apply_credit { (structural - credit).max(0) } else { structural + (-credit).max(0) })
}

/// The least requirement over all pairings, before any premium is credited.
///
/// Shorts of one expiry form a group that needs its worst payoff. Each long helps one group that expires no later than
/// itself, and within it counts with its payoff. With the index level known a short may instead stand
/// uncovered. All assignments of single contracts are tried, or, when these are more than 100,000, of blocks of the
/// greatest common divisor of all sizes; more than that is [`Error::Limit`].
pub fn structural_cents(legs: &[OptionLeg], naked: Option<Underlying>) -> Result<i64> {
    let limit = |value: String, rule| {
        let hint = "pass the books one by one: the sum of their requirements is an upper bound";
        Err(Error::limit(Fault::new("MRG010", SOURCE, "legs", value, rule).hint(hint)))
    };
    if legs.len() > MAX_LEGS {
        return limit(legs.len().to_string(), "at most 256 legs");
    }
    let shorts: Vec<&OptionLeg> = legs.iter().filter(|leg| leg.payoff.contracts < 0).collect();
    let longs: Vec<&OptionLeg> = legs.iter().filter(|leg| leg.payoff.contracts > 0).collect();
    let mut expiries: Vec<Day> = shorts.iter().map(|leg| leg.expiry).collect();
    expiries.sort_unstable();
    expiries.dedup();
    let mut search = Search { shorts, longs, expiries, naked, block: 1, best: None };
    if search.pairings() > MAX_PAIRINGS {
        search.block = legs.iter().fold(0, |block, leg| gcd(block, leg.payoff.contracts.abs()));
    }
    let pairings = search.pairings();
    if pairings > MAX_PAIRINGS {
        return limit(format!("{pairings} pairings"), "at most 100000 pairings");
    }
    let mut choice = Choice {
        uncovered: vec![0; search.shorts.len()],
        given: vec![vec![0; search.expiries.len()]; search.longs.len()],
    };
    search.choose_uncovered(0, &mut choice);
    search.best.ok_or_else(|| {
        let rule = "every short call covered by a long call that expires no earlier";
        Error::data(Fault::new("MRG009", SOURCE, "legs", "uncovered short calls", rule).hint(match naked {
            None => "method \"reg_t\" with underlying= margins uncovered shorts",
            Some(_) => "",
        }))
    })
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One assignment: contracts left uncovered per short, contracts given to each group per long.
struct Choice {
    uncovered: Vec<i64>,
    given: Vec<Vec<i64>>,
}

/// Depth-first over the assignments, shorts first.
struct Search<'a> {
    shorts: Vec<&'a OptionLeg>,
    longs: Vec<&'a OptionLeg>,
    expiries: Vec<Day>,
    naked: Option<Underlying>,
    block: i64,
    best: Option<i64>,
}

impl Search<'_> {
    /// Groups that a long can help: those that expire no later.
    fn groups_of(&self, long: usize) -> usize {
        self.expiries.partition_point(|&expiry| expiry <= self.longs[long].expiry)
    }

    /// Number of assignments, saturating.
    fn pairings(&self) -> u64 {
        let mut count: u64 = 1;
        if self.naked.is_some() {
            for short in &self.shorts {
                count = count.saturating_mul((short.payoff.contracts.abs() / self.block) as u64 + 1);
            }
        }
        for (index, long) in self.longs.iter().enumerate() {
            // Compositions of n blocks into k groups: C(n + k - 1, k - 1).
            let blocks = (long.payoff.contracts / self.block) as u64;
            let groups = self.groups_of(index) as u64;
            let mut ways: u64 = 1;
            for i in 1..groups {
                ways = ways.saturating_mul(blocks + i);
                if ways == u64::MAX {
                    return ways;
                }
                ways /= i;
            }
            count = count.saturating_mul(ways);
        }
        count
    }

    fn choose_uncovered(&mut self, short: usize, choice: &mut Choice) {
        if short == self.shorts.len() {
            self.choose_group(0, choice);
            return;
        }
        let all = if self.naked.is_some() { -self.shorts[short].payoff.contracts } else { 0 };
        let mut uncovered = 0;
        while uncovered <= all {
            choice.uncovered[short] = uncovered;
            self.choose_uncovered(short + 1, choice);
            uncovered += self.block;
        }
    }

    fn choose_group(&mut self, long: usize, choice: &mut Choice) {
        if long == self.longs.len() {
            if let Some(cost) = self.cost(choice)
                && self.best.is_none_or(|best| cost < best)
            {
                self.best = Some(cost);
            }
            return;
        }
        let contracts = self.longs[long].payoff.contracts;
        self.split(long, 0, contracts, choice);
    }

    /// Gives the `left` contracts of a long to the groups from `group` on; all of them, as a long never hurts.
    fn split(&mut self, long: usize, group: usize, left: i64, choice: &mut Choice) {
        let groups = self.groups_of(long);
        if group + 1 >= groups {
            if groups > 0 {
                choice.given[long][groups - 1] = left;
            }
            self.choose_group(long + 1, choice);
            return;
        }
        let mut given = 0;
        while given <= left {
            choice.given[long][group] = given;
            self.split(long, group + 1, left - given, choice);
            given += self.block;
        }
    }

    /// Requirement of one assignment; `None` when a covered group can lose without bound.
    fn cost(&self, choice: &Choice) -> Option<i64> {
        let mut total = 0;
        let mut group_legs = Vec::with_capacity(self.shorts.len() + self.longs.len());
        for (group, &expiry) in self.expiries.iter().enumerate() {
            group_legs.clear();
            for (short, &uncovered) in self.shorts.iter().zip(&choice.uncovered) {
                if short.expiry == expiry {
                    group_legs.push(PayoffLeg { contracts: short.payoff.contracts + uncovered, ..short.payoff });
                }
            }
            for (long, given) in self.longs.iter().zip(&choice.given) {
                group_legs.push(PayoffLeg { contracts: given[group], ..long.payoff });
            }
            total += requirement_cents(&group_legs)?;
        }
        Some(total + self.naked.map_or(0, |rule| self.uncovered_cents(rule, &choice.uncovered)))
    }

    /// Uncovered shorts: premium plus risk each; a put and a call together need the larger risk and both premiums.
    /// The largest risks are matched with each other, which saves the most.
    fn uncovered_cents(&self, rule: Underlying, uncovered: &[i64]) -> i64 {
        let mut premium = 0;
        let (mut puts, mut calls) = (Vec::new(), Vec::new());
        for (short, &contracts) in self.shorts.iter().zip(uncovered) {
            if contracts > 0 {
                premium += contracts * short.price;
                let side = if short.payoff.right == Right::Put { &mut puts } else { &mut calls };
                side.push((rule.naked_risk(&short.payoff), contracts));
            }
        }
        puts.sort_unstable_by(|a, b| b.cmp(a));
        calls.sort_unstable_by(|a, b| b.cmp(a));
        let (mut put, mut call, mut risk) = (0, 0, 0);
        while put < puts.len() && call < calls.len() {
            let matched = puts[put].1.min(calls[call].1);
            risk += matched * puts[put].0.max(calls[call].0);
            puts[put].1 -= matched;
            calls[call].1 -= matched;
            put += usize::from(puts[put].1 == 0);
            call += usize::from(calls[call].1 == 0);
        }
        let alone: i64 = puts[put..].iter().chain(&calls[call..]).map(|&(risk, contracts)| risk * contracts).sum();
        premium + risk + alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(right: &str, strike: f64, contracts: f64, price: f64, expiry: Day) -> OptionLeg {
        OptionLeg::new(0, right, strike, contracts, price, expiry).unwrap()
    }

    #[test]
    fn condor_with_unequal_wings() {
        let condor = [
            leg("P", 2_690.0, 1.0, 4.0, 0),
            leg("P", 2_700.0, -1.0, 5.0, 0),
            leg("C", 2_800.0, -1.0, 6.0, 0),
            leg("C", 2_832.0, 1.0, 2.0, 0),
        ];
        let margin = |credit| option_margin_cents(&condor, credit, Method::RegT, None).unwrap();
        assert_eq!((margin(false), margin(true)), (320_000, 320_000 - 50_000));
    }

    #[test]
    fn uncovered_index_shorts() {
        // 15 % of 500 x 100 = 7,500 less 10 points out of the money = 1,000, plus the premium of 300.
        let rule = Some(Underlying::new(500.0, 0.15).unwrap());
        let margin = |legs: &[OptionLeg]| option_margin_cents(legs, false, Method::RegT, rule).unwrap();
        let call = leg("C", 510.0, -1.0, 3.0, 0);
        let put = leg("P", 480.0, -1.0, 2.0, 0);
        assert_eq!(margin(&[call]), 680_000);
        assert_eq!(margin(&[put]), 570_000);
        // Together: the call's requirement and the put's premium.
        assert_eq!(margin(&[call, put]), 700_000);
        // Far out of the money the 10 % floor holds: of the index for calls, of the strike for puts.
        assert_eq!(margin(&[leg("C", 700.0, -1.0, 0.1, 0)]), 501_000);
        assert_eq!(margin(&[leg("P", 300.0, -1.0, 0.1, 0)]), 301_000);
    }

    #[test]
    fn a_later_long_covers_and_an_earlier_one_does_not() {
        let short = leg("C", 100.0, -1.0, 3.0, 10);
        let later = leg("C", 105.0, 1.0, 4.0, 20);
        let earlier = leg("C", 105.0, 1.0, 1.0, 9);
        let margin = |legs: &[OptionLeg]| option_margin_cents(legs, false, Method::RegT, None);
        assert_eq!(margin(&[short, later]).unwrap(), 50_000 + 10_000);
        assert!(margin(&[short, earlier]).unwrap_err().to_string().starts_with("MRG009 option_margin legs: "));
    }

    #[test]
    fn one_large_search_is_refused_before_it_starts() {
        let legs: Vec<OptionLeg> = (0..8)
            .flat_map(|i| [leg("C", 100.0, -99.0, 1.0, i), leg("C", 101.0 + f64::from(i), 97.0 + f64::from(i), 1.0, 9)])
            .collect();
        assert!(matches!(structural_cents(&legs, None), Err(Error::Limit(_))));
    }
}
