//! Which listed expiry a condor or a layer takes.

use std::borrow::Cow;

use crate::book::Expiries;
use crate::calendar::listed::{self, Family};
use crate::calendar::listing::ListedExpiry;
use crate::instrument::Day;
use crate::market::MarketState;
use crate::marks::{Marks, OptionProduct};

/// The listed expiry nearest `target_dte` calendar days; ties go to the later one.
pub fn nearest(candidates: impl Iterator<Item = ListedExpiry>, today: Day, target_dte: i32) -> Option<ListedExpiry> {
    candidates.fold(None, |best: Option<ListedExpiry>, candidate| match best {
        Some(held) if (candidate.day - today - target_dte).abs() > (held.day - today - target_dte).abs() => Some(held),
        _ => Some(candidate),
    })
}

/// Expiry of a new condor.
pub fn for_condor<M: Marks>(
    marks: &M,
    state: &MarketState,
    dte: i32,
    which: Expiries,
) -> Option<(OptionProduct, ListedExpiry)> {
    let today = state.day;
    let of = |product: OptionProduct| -> Option<(OptionProduct, ListedExpiry)> {
        // The expiry of today itself may be traded only where it settles on the close, and before the close.
        let is_open = dte == 0 && product == OptionProduct::Spxw && !state.is_close;
        let usable = |expiry: &ListedExpiry| expiry.day > today || is_open;
        let found = match marks.listed_expiries(state, product) {
            Some(listed) => nearest(listed.iter().copied().filter(usable), today, dte),
            None => {
                let family = if product == OptionProduct::Spxw { Family::Spxw } else { Family::Spx };
                nearest(listed::expiries(family, today).iter().copied().filter(usable), today, dte)
            }
        };
        found.map(|expiry| (product, expiry))
    };
    let monthly = of(OptionProduct::Spx);
    if which == Expiries::Monthly {
        return monthly;
    }
    let distance = |choice: &(OptionProduct, ListedExpiry)| (choice.1.day - today - dte).abs();
    match (monthly, of(OptionProduct::Spxw)) {
        (Some(am), Some(pm)) => Some(if distance(&pm) <= distance(&am) { pm } else { am }),
        (am, pm) => am.or(pm),
    }
}

/// The latest listed expiry whose days from today lie in a range.
pub fn within<M: Marks>(
    marks: &M,
    state: &MarketState,
    least: i32,
    most: i32,
    which: Expiries,
) -> Option<(OptionProduct, ListedExpiry)> {
    // Nearest to the far end from below: whatever lies beyond the range is asked for again from further in.
    (least..=most).rev().find_map(|dte| {
        for_condor(marks, state, dte, which).filter(|found| (least..=most).contains(&(found.1.day - state.day)))
    })
}

/// Expiry of a layer, and whether it had to take a substitute.
///
/// Among the listed expiries beyond the roll date and later than the one sold, the nearest to the target. Where none
/// is listed beyond the roll date, the longest listed one is the substitute; a roll takes it only if it is later than
/// what is held, so that the layer holds the longest and rolls when a longer one lists. `None`: nothing to do.
pub fn for_layer<M: Marks>(
    marks: &M,
    state: &MarketState,
    dte: i32,
    roll_dte: i32,
    which: Expiries,
    sold: Option<Day>,
) -> Option<(ListedExpiry, bool)> {
    let today = state.day;
    let weekly = which == Expiries::Weekly;
    let family = if weekly { Family::VixWeekly } else { Family::VixMonthly };
    let from_chain = marks.listed_expiries(state, OptionProduct::Vix).map(Cow::Borrowed);
    let listed = from_chain.unwrap_or_else(|| listed::expiries(family, today));
    let usable = |expiry: &ListedExpiry| expiry.day > today && (weekly || !expiry.weekly);
    let beyond = listed.iter().copied().filter(usable).filter(|expiry| expiry.day - today > roll_dte);
    let later = beyond.filter(|expiry| sold.is_none_or(|day| expiry.day > day));
    if let Some(expiry) = nearest(later, today, dte) {
        return Some((expiry, false));
    }
    let longest = listed.iter().copied().filter(usable).max_by_key(|expiry| expiry.day)?;
    sold.is_none_or(|day| longest.day > day).then_some((longest, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::Settlement;

    fn listed(days: &[Day]) -> impl Iterator<Item = ListedExpiry> {
        days.iter().map(|&day| ListedExpiry { day, settlement: Settlement::Am, weekly: false })
    }

    #[test]
    fn nearest_takes_the_later_of_two_equally_near() {
        assert_eq!(nearest(listed(&[10, 20, 40]), 0, 15).map(|e| e.day), Some(20));
        assert_eq!(nearest(listed(&[10, 20, 40]), 0, 14).map(|e| e.day), Some(10));
        assert_eq!(nearest(listed(&[10, 20, 40]), 0, 500).map(|e| e.day), Some(40));
        assert_eq!(nearest(listed(&[]), 0, 15), None);
    }
}
