//! Which expiries and strikes were listed on a date.
//!
//! Listing is an exchange's decision, not a law: the tables below are its dated rules as far as public documents and
//! real chains show them. Each row says where it comes from; *unverified* marks what no document or data at hand
//! confirms. Where sources leave a choice the tables list less, not more, so that a book cannot trade what was not
//! there. Before a product existed its first rule applies and the marks flag the position as hypothetical.

use crate::calendar::{
    civil, from_civil, open_on_or_after, open_on_or_before, spx_am_expiry, third_friday, vix_expiry, vix_expiry_before,
    weekday,
};
use crate::instrument::{Day, Settlement};
use crate::marks::OptionProduct;

/// First day of VX futures.
pub const VX_FIRST_DAY: Day = from_civil(2004, 3, 26);
/// First day of VIX options.
pub const VIX_OPTIONS_FIRST_DAY: Day = from_civil(2006, 2, 24);
/// First day of weekly VIX options (Cboe, VIX Weeklys: Thursday 2015-10-08).
pub const VIX_WEEKLYS_FIRST_DAY: Day = from_civil(2015, 10, 8);
/// First day of PM-settled weekly SPX options; the Weeklys of 2005-10-28 to 2010-11 settled on the open, lived one
/// week and are not listed here. Unverified day.
pub const SPXW_FIRST_DAY: Day = from_civil(2010, 12, 2);

/// An expiry that could be traded on the date that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedExpiry {
    /// Expiry (settlement) day.
    pub day: Day,
    /// AM or PM settlement.
    pub settlement: Settlement,
    /// Weekly, as opposed to monthly, expiry.
    pub weekly: bool,
}

/// A dated rule for monthly contracts: the next `serial` months, then `cycle` more of a quarterly cycle.
struct MonthRule {
    from: Day,
    serial: usize,
    cycle: usize,
    /// Days after an expiry until the contract that takes its place is listed.
    lag: i32,
}

const fn months(from: Day, serial: usize, cycle: usize, lag: i32) -> MonthRule {
    MonthRule { from, serial, cycle, lag }
}

/// Cycle of VIX products: February, May, August, November.
const FEBRUARY: u32 = 2;
/// Cycle of SPX options: March, June, September, December.
const MARCH: u32 = 0;

/// VX futures, read off the first trade dates of the contract files 2004-2014; later rows do not exist: the product
/// specification has said nine serial months since.
const VX_RULES: [MonthRule; 8] = [
    months(VX_FIRST_DAY, 2, 2, 2),
    months(from_civil(2006, 3, 8), 2, 4, 2),
    months(from_civil(2006, 9, 21), 3, 3, 2),
    months(from_civil(2006, 10, 20), 6, 2, 2),
    months(from_civil(2008, 5, 21), 10, 0, 2),
    months(from_civil(2009, 2, 18), 7, 0, 0),
    months(from_civil(2009, 9, 16), 8, 0, 5),
    months(from_civil(2011, 8, 22), 9, 0, 5),
];

/// Months without a VX contract around and in the first two years.
const VX_SKIPPED: [(i32, u32); 5] = [(2004, 4), (2004, 12), (2005, 4), (2005, 7), (2005, 9)];

/// Contracts of 2004 that settled on the Wednesday before the third Friday of their own month: five weeks, not four,
/// separate the third Fridays, and the thirty-day rule came later. (Year, month, date.)
const VX_EARLY: [(i32, u32, u32); 2] = [(2004, 7, 14), (2004, 10, 13)];

/// VIX options. Three near months and three of the February cycle at the start: unverified. Six months: documented in
/// 2012, and what a chain of 2016-06-01 shows; the day it began and the nine months from 2019 are unverified.
const VIX_RULES: [MonthRule; 3] = [
    months(VIX_OPTIONS_FIRST_DAY, 3, 3, 0),
    months(from_civil(2010, 1, 4), 6, 0, 0),
    months(from_civil(2019, 1, 2), 9, 0, 0),
];

/// SPX AM options within a year: three near months and three of the March cycle (Cboe specification as quoted before
/// 2010); four near months in chains of 2013-2017, their first day unverified; twelve near months from 2018: allowed
/// by the specification, first day unverified.
const SPX_RULES: [MonthRule; 3] = [
    months(from_civil(1990, 1, 2), 3, 3, 0),
    months(from_civil(2012, 1, 3), 4, 3, 0),
    months(from_civil(2018, 1, 2), 12, 0, 0),
];

/// PM-settled third-Friday options: C2's SPXPM from 2011-10-04, on Cboe from 2013-02-19, SPXW from 2017-05-01.
const SPXPM_RULES: [MonthRule; 2] =
    [months(from_civil(2011, 10, 4), 4, 3, 0), months(from_civil(2018, 1, 2), 12, 0, 0)];

/// A weekday on which SPXW options expire: what to do on holidays, the first expiry, and how many are listed.
struct Weekly {
    weekday: u32,
    /// Monday expiries move to the next session, all others to the previous one (Cboe, launch notes 2016).
    forward: bool,
    first_expiry: Day,
    /// (from, number of consecutive expiries on and after the day).
    counts: &'static [(Day, usize)],
}

/// Weekly programmes. Launch days: Cboe notices of 2016-02-22 (Wednesdays; first expiry 2016-03-02), 2016-08-11
/// (Mondays), 2022 (Tuesdays 04-18, Thursdays 05-11). Fridays: one, then four, then six from RG14-010 (2014-01); six
/// Mondays and Wednesdays by 2017. First expiries of Fridays, Tuesdays and Thursdays, the step of 2012 and the five of
/// 2022 are unverified.
const WEEKLYS: [Weekly; 5] = [
    Weekly {
        weekday: 0,
        forward: true,
        first_expiry: from_civil(2016, 8, 22),
        counts: &[(from_civil(2016, 8, 15), 2), (from_civil(2017, 5, 1), 6)],
    },
    Weekly {
        weekday: 1,
        forward: false,
        first_expiry: from_civil(2022, 4, 26),
        counts: &[(from_civil(2022, 4, 18), 2), (from_civil(2022, 11, 1), 5)],
    },
    Weekly {
        weekday: 2,
        forward: false,
        first_expiry: from_civil(2016, 3, 2),
        counts: &[(from_civil(2016, 2, 23), 2), (from_civil(2016, 5, 24), 4), (from_civil(2017, 5, 1), 6)],
    },
    Weekly {
        weekday: 3,
        forward: false,
        first_expiry: from_civil(2022, 5, 19),
        counts: &[(from_civil(2022, 5, 11), 2), (from_civil(2022, 11, 1), 5)],
    },
    Weekly {
        weekday: 4,
        forward: false,
        first_expiry: from_civil(2010, 12, 10),
        counts: &[(SPXW_FIRST_DAY, 1), (from_civil(2012, 11, 15), 4), (from_civil(2014, 1, 15), 6)],
    },
];

/// End-of-quarter options (SPXQ, SPXW from 2014-07-03): launched in 2007, day and number unverified.
const QUARTERLY: (Day, usize) = (from_civil(2007, 7, 2), 4);
/// End-of-month options, listed for up to twelve months; six is unverified.
const END_OF_MONTH: (Day, usize) = (from_civil(2014, 7, 7), 6);

/// Weekly VIX options: a Wednesday is listed on the Thursday 34 days before (chain of 2016-06-01; Cboe: "new weekly
/// expirations are listed on Thursdays", at most six).
const VIX_WEEKLY_DAYS: i32 = 34;

/// The rule in force: the last that has begun, else the first (hypothetical).
fn in_force<T>(rules: &[T], on: Day, from: impl Fn(&T) -> Day) -> &T {
    &rules[rules.partition_point(|rule| from(rule) <= on).saturating_sub(1)]
}

/// Months from a day on, as (year, month), ascending.
fn months_from(day: Day) -> impl Iterator<Item = (i32, u32)> {
    let (year, month, _) = civil(day);
    (0..).map(move |ahead| (year + (month as i32 - 1 + ahead) / 12, ((month as i32 - 1 + ahead) % 12) as u32 + 1))
}

/// Contracts that a month rule lists strictly after `on`; `expiry` gives `None` for months without a contract.
fn by_months(rule: &MonthRule, on: Day, cycle: u32, expiry: impl Fn(i32, u32) -> Option<Day>) -> Vec<Day> {
    // Within the lag after an expiry its slot is still empty.
    let counted_from = on - rule.lag;
    let (mut serial, mut quarterly) = (0, 0);
    let mut days = Vec::with_capacity(rule.serial + rule.cycle);
    for (year, month) in months_from(counted_from) {
        if serial == rule.serial && quarterly == rule.cycle {
            break;
        }
        let Some(day) = expiry(year, month).filter(|&day| day > counted_from) else { continue };
        if serial < rule.serial {
            serial += 1;
        } else if month % 3 == cycle % 3 {
            quarterly += 1;
        } else {
            continue;
        }
        if day > on {
            days.push(day);
        }
    }
    days
}

fn monthly(days: Vec<Day>, settlement: Settlement) -> Vec<ListedExpiry> {
    days.into_iter().map(|day| ListedExpiry { day, settlement, weekly: false }).collect()
}

/// AM-settled SPX options that could be traded on a day: expiries strictly after it, ascending.
///
/// Beyond the near months and the March cycle: June and December up to 24 months, December up to 36, and January up to
/// 13 months from 2015 (chains of 2014-12 to 2015-12).
pub fn spx_expiries(on: Day) -> Vec<ListedExpiry> {
    let rule = in_force(&SPX_RULES, on, |rule| rule.from);
    let mut days = by_months(rule, on, MARCH, |year, month| Some(spx_am_expiry(year, month)));
    let january_from = from_civil(2015, 1, 2);
    for (ahead, (year, month)) in months_from(on).take(37).enumerate() {
        let listed = match month {
            12 => true,
            6 => ahead <= 24,
            1 => ahead <= 13 && on >= january_from,
            _ => false,
        };
        let day = spx_am_expiry(year, month);
        if listed && day > on {
            days.push(day);
        }
    }
    days.sort_unstable();
    days.dedup();
    monthly(days, Settlement::Am)
}

impl Weekly {
    /// Expiry of the week that holds a day.
    fn expiry(&self, day: Day) -> (Day, Day) {
        let nominal = day - weekday(day) as i32 + self.weekday as i32;
        (nominal, if self.forward { open_on_or_after(nominal) } else { open_on_or_before(nominal) })
    }

    /// Third Fridays are standard, not weekly, expiries.
    fn is_standard(&self, nominal: Day) -> bool {
        let (year, month, _) = civil(nominal);
        self.weekday == 4 && nominal == third_friday(year, month)
    }

    fn listed(&self, on: Day, days: &mut Vec<(Day, bool)>) {
        if on < self.counts[0].0 {
            return;
        }
        let count = in_force(self.counts, on, |&(from, _)| from).1;
        let from = on.max(self.first_expiry);
        // A holiday can push last week's expiry into this week: start a week early.
        let expiries = (-1..)
            .map(|week| self.expiry(from + 7 * week))
            .filter(|&(nominal, day)| day >= from && !self.is_standard(nominal));
        days.extend(expiries.take(count).map(|(_, day)| (day, true)));
    }
}

/// Last session of each month, `every` months (3: quarter ends), on and after a day.
fn month_ends(on: Day, every: u32, count: usize) -> impl Iterator<Item = Day> {
    months_from(on)
        .filter(move |&(_, month)| month % every == 0)
        .map(|(year, month)| open_on_or_before(from_civil(year, month + 1, 1) - 1))
        .filter(move |&day| day >= on)
        .take(count)
}

/// PM-settled SPX options that could be traded on a day: expiries on and after it, ascending; empty before 2007.
///
/// `weekly` is false for third-Friday expiries only.
pub fn spxw_expiries(on: Day) -> Vec<ListedExpiry> {
    let mut days: Vec<(Day, bool)> = Vec::new();
    for weekly in &WEEKLYS {
        weekly.listed(on, &mut days);
    }
    for ((from, count), every) in [(QUARTERLY, 3), (END_OF_MONTH, 1)] {
        if on >= from {
            days.extend(month_ends(on, every, count).map(|day| (day, true)));
        }
    }
    if on >= SPXPM_RULES[0].from {
        let rule = in_force(&SPXPM_RULES, on, |rule| rule.from);
        let third_fridays = by_months(rule, on - 1, MARCH, |year, month| Some(spx_am_expiry(year, month)));
        days.extend(third_fridays.into_iter().map(|day| (day, false)));
    }
    // Of two programmes that meet on a day the monthly one stays.
    days.sort_unstable();
    days.dedup_by_key(|&mut (day, _)| day);
    days.into_iter().map(|(day, weekly)| ListedExpiry { day, settlement: Settlement::Pm, weekly }).collect()
}

/// Weekly VIX expiries with nominal Wednesdays in `from..=to`, monthly ones left out.
fn vix_weeklys(from: Day, to: Day) -> impl Iterator<Item = Day> {
    let wednesday = from + (2 - weekday(from) as i32).rem_euclid(7);
    (wednesday..=to).step_by(7).filter_map(|wednesday| {
        let friday = wednesday + 30;
        let (year, month, _) = civil(friday);
        (friday != third_friday(year, month)).then(|| vix_expiry_before(friday))
    })
}

/// VIX options that could be traded on a day: expiries strictly after it, ascending; weekly ones only when asked for.
pub fn vix_expiries(on: Day, weekly: bool) -> Vec<ListedExpiry> {
    let rule = in_force(&VIX_RULES, on, |rule| rule.from);
    let mut expiries =
        monthly(by_months(rule, on, FEBRUARY, |year, month| Some(vix_expiry(year, month))), Settlement::Am);
    if weekly && on >= VIX_WEEKLYS_FIRST_DAY {
        let weeklys = vix_weeklys(on, on + VIX_WEEKLY_DAYS).filter(|&day| day > on);
        expiries.extend(weeklys.map(|day| ListedExpiry { day, settlement: Settlement::Am, weekly: true }));
        expiries.sort_unstable_by_key(|expiry| expiry.day);
    }
    expiries
}

/// Settlement day of the VX contract of a month; `None` for the five months that were skipped.
pub fn vx_expiry(year: i32, month: u32) -> Option<Day> {
    if VX_SKIPPED.contains(&(year, month)) {
        return None;
    }
    let early = VX_EARLY.iter().find(|&&(y, m, _)| (y, m) == (year, month));
    Some(early.map_or_else(|| vix_expiry(year, month), |&(y, m, date)| from_civil(y, m, date)))
}

/// VX futures that could be traded on a day: settlement days strictly after it, ascending.
pub fn vx_expiries(on: Day) -> Vec<ListedExpiry> {
    let rule = in_force(&VX_RULES, on, |rule| rule.from);
    monthly(by_months(rule, on, FEBRUARY, vx_expiry), Settlement::Am)
}

/// Expiries of a product with `start <= day <= end`, ascending.
fn between(start: Day, end: Day, expiry: impl Fn(i32, u32) -> Option<Day>) -> Vec<Day> {
    // A month's contract never expires outside its month by more than the few days a holiday takes.
    months_from(start - 7)
        .take_while(|&(year, month)| from_civil(year, month, 1) <= end.saturating_add(7))
        .filter_map(|(year, month)| expiry(year, month))
        .filter(|day| (start..=end).contains(day))
        .collect()
}

/// AM-settled SPX expiries with `start <= day <= end`.
pub fn spx_expiries_between(start: Day, end: Day) -> Vec<Day> {
    between(start, end, |year, month| Some(spx_am_expiry(year, month)))
}

/// PM-settled SPX expiries with `start <= day <= end` that were ever listed.
pub fn spxw_expiries_between(start: Day, end: Day) -> Vec<Day> {
    (start..=end)
        .filter(|&day| spxw_expiries(day).first().is_some_and(|expiry| expiry.day == day))
        // What begins to trade on a day does not expire on it.
        .filter(|&day| spxw_expiries(day - 1).iter().any(|expiry| expiry.day == day))
        .collect()
}

/// VIX option expiries with `start <= day <= end`; weekly ones from their first listing when asked for.
pub fn vix_expiries_between(start: Day, end: Day, weekly: bool) -> Vec<Day> {
    let mut days = between(start, end, |year, month| Some(vix_expiry(year, month)));
    if weekly {
        let from = start.max(VIX_WEEKLYS_FIRST_DAY);
        days.extend(vix_weeklys(from, end.saturating_add(7)).filter(|day| (from..=end).contains(day)));
        days.sort_unstable();
    }
    days
}

/// VX settlement days with `start <= day <= end`.
pub fn vx_expiries_between(start: Day, end: Day) -> Vec<Day> {
    between(start, end, vx_expiry)
}

/// Direction in which a wanted strike moves to a listed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snap {
    /// The nearest listed strike; of two equally near the lower.
    Nearest,
    /// The highest listed strike at or below.
    Down,
    /// The lowest listed strike at or above.
    Up,
}

/// Strikes that are multiples of `step` from `low` to `high`; a grid is the union of its zones.
#[derive(Debug, Clone, Copy)]
struct Zone {
    low: f64,
    high: f64,
    step: f64,
}

const fn zone(low: f64, high: f64, step: f64) -> Zone {
    Zone { low, high, step }
}

/// Zones by days to expiry: up to this many days, these zones.
type Tenors = &'static [(i32, &'static [Zone])];

/// SPX grids, bounds as fractions of spot.
///
/// Read off a chain 62 days before expiry (2013-04-19) and off the strikes quoted on 2015-12-22 and -23 at 24 to 1,094
/// days; five points near the money and 25 in far months is the specification. The narrower five-point zone before 2005
/// is unverified. Weekly expiries use the grid of the standard ones.
const SPX_GRIDS: [(Day, Tenors); 2] = [
    (
        from_civil(1990, 1, 2),
        &[(65, &[zone(0.90, 1.10, 5.0), zone(0.85, 1.12, 10.0), zone(0.60, 1.20, 25.0), WIDE, FAR]), (i32::MAX, &LONG)],
    ),
    (
        from_civil(2005, 1, 3),
        &[
            (65, &[zone(0.68, 1.11, 5.0), zone(0.66, 1.13, 10.0), zone(0.62, 1.19, 25.0), WIDE, FAR]),
            (100, &[zone(0.965, 1.06, 5.0), zone(0.67, 1.13, 10.0), zone(0.62, 1.19, 25.0), WIDE, FAR]),
            (i32::MAX, &LONG),
        ],
    ),
];

/// Fifty points, as far as every chain at hand has them.
const WIDE: Zone = zone(0.32, 1.24, 50.0);
/// A hundred points beyond.
const FAR: Zone = zone(0.06, 1.33, 100.0);
/// More than a hundred days out.
const LONG: [Zone; 3] = [zone(0.40, 1.25, 25.0), zone(0.26, 1.45, 50.0), zone(0.14, 1.72, 100.0)];

/// VIX grids, bounds in VIX points.
///
/// A chain of 2016-06-01 (half points below 15 up to 49 days out, none at 77) and listings quoted in 2012-02 (10, then
/// points from 15 to 30) and 2013-01 (points from 10). The 2.5-point grid of the first years and the day half points
/// began are unverified.
const VIX_GRIDS: [(Day, Tenors); 4] = [
    (VIX_OPTIONS_FIRST_DAY, &[(i32::MAX, &[zone(10.0, 50.0, 2.5), VIX_HIGH])]),
    (
        from_civil(2008, 1, 2),
        &[(i32::MAX, &[zone(10.0, 15.0, 5.0), zone(15.0, 30.0, 1.0), zone(30.0, 50.0, 2.5), VIX_HIGH])],
    ),
    (from_civil(2013, 1, 2), &[(i32::MAX, &[zone(10.0, 30.0, 1.0), zone(30.0, 50.0, 2.5), VIX_HIGH])]),
    (
        VIX_WEEKLYS_FIRST_DAY,
        &[
            (60, &[zone(10.0, 15.0, 0.5), zone(10.0, 30.0, 1.0), zone(30.0, 50.0, 2.5), VIX_HIGH]),
            (i32::MAX, &[zone(10.0, 30.0, 1.0), zone(30.0, 50.0, 2.5), VIX_HIGH]),
        ],
    ),
];

/// Five points above 50; the highest strike moved with the market (70 in 2016, 100 in 2012).
const VIX_HIGH: Zone = zone(50.0, 100.0, 5.0);

/// The strikes of one expiry on one day.
struct Grid {
    zones: &'static [Zone],
    scale: f64,
}

impl Grid {
    fn new(product: OptionProduct, on: Day, expiry: Day, spot: f64) -> Self {
        let (grids, scale): (&[(Day, Tenors)], f64) = match product {
            OptionProduct::Spx | OptionProduct::Spxw => (&SPX_GRIDS, spot),
            OptionProduct::Vix => (&VIX_GRIDS, 1.0),
        };
        let tenors = in_force(grids, on, |&(from, _)| from).1;
        let dte = expiry.saturating_sub(on);
        let (_, zones) = tenors[tenors.partition_point(|&(up_to, _)| up_to < dte)];
        Self { zones, scale }
    }

    /// First and last multiple of the step inside a zone.
    fn ends(&self, zone: &Zone) -> (f64, f64) {
        (
            (zone.low * self.scale / zone.step).ceil() * zone.step,
            (zone.high * self.scale / zone.step).floor() * zone.step,
        )
    }

    /// Smallest step whose zone holds a strike; the widest beyond the grid.
    fn step(&self, strike: f64) -> f64 {
        let widest = self.zones[self.zones.len() - 1];
        let holds = |zone: &&Zone| (zone.low * self.scale..=zone.high * self.scale).contains(&strike);
        self.zones.iter().find(holds).unwrap_or(&widest).step
    }

    /// Highest strike at or below a price.
    fn down(&self, price: f64) -> Option<f64> {
        let in_zone = |zone: &Zone| {
            let (first, last) = self.ends(zone);
            let strike = ((price / zone.step).floor() * zone.step).min(last);
            (strike >= first).then_some(strike)
        };
        self.zones.iter().filter_map(in_zone).reduce(f64::max)
    }

    /// Lowest strike at or above a price.
    fn up(&self, price: f64) -> Option<f64> {
        let in_zone = |zone: &Zone| {
            let (first, last) = self.ends(zone);
            let strike = ((price / zone.step).ceil() * zone.step).max(first);
            (strike <= last).then_some(strike)
        };
        self.zones.iter().filter_map(in_zone).reduce(f64::min)
    }
}

/// Distance between neighbouring strikes around a strike, points.
///
/// `spot` is the index level of the day; the VIX grid does not depend on it.
pub fn strike_step(product: OptionProduct, on: Day, expiry: Day, spot: f64, strike: f64) -> f64 {
    Grid::new(product, on, expiry, spot).step(strike)
}

/// The listed strike that stands for a wanted one; beyond the grid its end. NaN when `target` or `spot` is not finite
/// or `spot` leaves no strike.
pub fn snap_strike(product: OptionProduct, on: Day, expiry: Day, spot: f64, target: f64, snap: Snap) -> f64 {
    if !(target.is_finite() && spot.is_finite()) {
        return f64::NAN;
    }
    let grid = Grid::new(product, on, expiry, spot);
    match (grid.down(target), grid.up(target)) {
        (Some(below), Some(above)) => match snap {
            Snap::Down => below,
            Snap::Up => above,
            Snap::Nearest if above - target < target - below => above,
            Snap::Nearest => below,
        },
        (Some(end), None) | (None, Some(end)) => end,
        (None, None) => f64::NAN,
    }
}

/// The listed strike `n_steps` places above (negative: below) a listed strike; it stops at the end of the grid.
pub fn step_strike(product: OptionProduct, on: Day, expiry: Day, spot: f64, strike: f64, n_steps: i32) -> f64 {
    if !(strike.is_finite() && spot.is_finite()) {
        return f64::NAN;
    }
    let grid = Grid::new(product, on, expiry, spot);
    // Strikes are multiples of 0.5: a quarter point lies between any two.
    const BETWEEN: f64 = 0.25;
    let mut strike = strike;
    for _ in 0..n_steps.unsigned_abs() {
        let next = if n_steps > 0 { grid.up(strike + BETWEEN) } else { grid.down(strike - BETWEEN) };
        match next {
            Some(next) => strike = next,
            None => break,
        }
    }
    strike
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "strikes are exact")]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        let part = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap();
        from_civil(part(0..4) as i32, part(5..7), part(8..10))
    }

    fn dates(expiries: &[ListedExpiry]) -> Vec<String> {
        let text = |expiry: &ListedExpiry| {
            let (year, month, date) = civil(expiry.day);
            format!("{year}-{month:02}-{date:02}{}", if expiry.weekly { "w" } else { "" })
        };
        expiries.iter().map(text).collect()
    }

    #[test]
    fn spx_months_of_december_2015() {
        let listed = dates(&spx_expiries(day("2015-12-23")));
        let chain = "2016-01-15 2016-02-19 2016-03-18 2016-04-15 2016-06-17 2016-09-16 2016-12-16 2017-01-20 2017-06-16 \
                     2017-12-15 2018-12-21";
        assert_eq!(listed.join(" "), chain);
    }

    #[test]
    fn am_products_do_not_trade_on_their_expiry_and_pm_products_do() {
        let third_friday = day("2016-01-15");
        assert!(spx_expiries(third_friday).iter().all(|expiry| expiry.day > third_friday));
        assert_eq!(spxw_expiries(third_friday)[0].day, third_friday);
        let wednesday = day("2016-06-15");
        assert_eq!(dates(&vix_expiries(wednesday, false))[0], "2016-07-20");
    }

    #[test]
    fn spxw_around_the_launch_of_mondays() {
        // Cboe's own table of the launch week, from 2016-08-15, without the AM-settled third Fridays.
        let listed: Vec<String> = dates(&spxw_expiries(day("2016-08-15")))
            .into_iter()
            .filter(|date| date.ends_with('w') && date.as_str() <= "2016-09-31")
            .collect();
        let table = "2016-08-17w 2016-08-22w 2016-08-24w 2016-08-26w 2016-08-29w 2016-08-31w 2016-09-02w 2016-09-07w \
                     2016-09-09w 2016-09-23w 2016-09-30w";
        assert_eq!(listed.join(" "), table);
        assert!(spxw_expiries_between(day("2016-08-10"), day("2016-08-16")).iter().all(|&day| weekday(day) != 0));
        // Labour Day: Monday's options expire on Tuesday; Good Friday: Friday's on Thursday.
        assert!(spxw_expiries_between(day("2016-09-01"), day("2016-09-08")).contains(&day("2016-09-06")));
        let easter = spxw_expiries_between(day("2018-03-26"), day("2018-04-02"));
        assert!(easter.contains(&day("2018-03-29")) && !easter.contains(&day("2018-03-30")));
    }

    #[test]
    fn spxw_begins_with_quarter_ends_and_grows_to_every_session() {
        assert!(spxw_expiries(day("2006-06-30")).is_empty());
        assert_eq!(spxw_expiries_between(day("2009-01-01"), day("2009-12-31")).len(), 4);
        let year = (day("2023-01-01"), day("2023-12-31"));
        let sessions = crate::calendar::sessions_between(year.0 - 1, year.1);
        assert_eq!(spxw_expiries_between(year.0, year.1).len(), sessions);
    }

    #[test]
    fn vix_months_and_weeks_of_june_2016() {
        let listed = dates(&vix_expiries(day("2016-06-01"), true));
        let chain =
            "2016-06-08w 2016-06-15 2016-06-22w 2016-06-29w 2016-07-20 2016-08-17 2016-09-21 2016-10-19 2016-11-16";
        assert_eq!(listed.join(" "), chain);
        assert!(vix_expiries(day("2015-10-07"), true).iter().all(|expiry| !expiry.weekly));
        let weeks = vix_expiries_between(day("2015-10-01"), day("2015-10-31"), true);
        assert_eq!(weeks, ["2015-10-14", "2015-10-21", "2015-10-28"].map(day));
        // The Friday is Christmas Day: the Wednesday thirty days before gives way to its Tuesday.
        assert!(vix_expiries_between(day("2015-11-20"), day("2015-11-27"), true).contains(&day("2015-11-24")));
    }

    #[test]
    fn vx_of_the_first_months() {
        assert_eq!(
            dates(&vx_expiries(day("2004-03-26"))).join(" "),
            "2004-05-19 2004-06-16 2004-08-18 2004-11-17",
            "the April contract was never listed"
        );
        assert_eq!(vx_expiry(2004, 10), Some(day("2004-10-13")));
        assert_eq!(vx_expiry(2004, 12), None);
        assert_eq!(vx_expiries(day("2013-06-03")).len(), 9);
    }

    #[test]
    fn spx_strikes() {
        let (on, expiry, spot) = (day("2013-04-19"), day("2013-06-21"), 1_555.25);
        let snap = |target, how| snap_strike(OptionProduct::Spx, on, expiry, spot, target, how);
        assert_eq!(snap(1_552.6, Snap::Nearest), 1_555.0);
        assert_eq!(snap(1_552.5, Snap::Nearest), 1_550.0);
        assert_eq!(snap(1_552.6, Snap::Down), 1_550.0);
        assert_eq!(snap(1_550.1, Snap::Up), 1_555.0);
        assert_eq!(snap(1_765.0, Snap::Down), 1_750.0);
        assert_eq!(snap(1_765.0, Snap::Up), 1_775.0);
        assert_eq!(snap(1.0, Snap::Down), 100.0);
        assert_eq!(snap(9_999.0, Snap::Up), 2_000.0);
        assert!(snap(f64::NAN, Snap::Up).is_nan());
        assert_eq!(strike_step(OptionProduct::Spx, on, expiry, spot, 1_500.0), 5.0);
        assert_eq!(strike_step(OptionProduct::Spx, on, day("2014-06-20"), spot, 1_500.0), 25.0);
        assert_eq!(step_strike(OptionProduct::Spx, on, expiry, spot, 1_500.0, -3), 1_485.0);
        assert_eq!(step_strike(OptionProduct::Spx, on, expiry, spot, 1_725.0, 2), 1_740.0);
    }

    #[test]
    fn vix_strikes() {
        let on = day("2016-06-01");
        let snap = |expiry, target| snap_strike(OptionProduct::Vix, on, day(expiry), 14.2, target, Snap::Nearest);
        assert_eq!(snap("2016-07-20", 13.6), 13.5);
        assert_eq!(snap("2016-08-17", 13.6), 14.0);
        assert_eq!(snap("2016-07-20", 31.0), 30.0);
        assert_eq!(snap("2016-07-20", 52.0), 50.0);
        assert_eq!(snap("2016-07-20", 2.0), 10.0);
        assert_eq!(step_strike(OptionProduct::Vix, on, day("2016-07-20"), 14.2, 14.5, 2), 16.0);
        assert_eq!(step_strike(OptionProduct::Vix, on, day("2016-07-20"), 14.2, 100.0, 5), 100.0);
        let early =
            |target| snap_strike(OptionProduct::Vix, day("2007-03-01"), day("2007-04-18"), 11.0, target, Snap::Up);
        assert_eq!(early(13.0), 15.0);
    }
}
