//! The listings of every day, worked out once a process: books on many paths ask for the same day again and again.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::listing::{ListedExpiry, spx_expiries, spxw_expiries, vix_expiries};
use super::tables::{FIRST_DAY, LAST_DAY};
use super::{civil, session_index, spx_am_expiry, vix_expiry};
use crate::instrument::Day;

/// A family of options as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// SPX, AM-settled.
    Spx,
    /// SPXW, PM-settled.
    Spxw,
    /// Monthly VIX options.
    VixMonthly,
    /// VIX options, weekly ones included.
    VixWeekly,
}

const FAMILIES: usize = 4;
type Listing = OnceLock<Box<[ListedExpiry]>>;

/// What [`spx_expiries`], [`spxw_expiries`] or [`vix_expiries`] says of a day.
pub fn expiries(family: Family, on: Day) -> Cow<'static, [ListedExpiry]> {
    static LISTINGS: OnceLock<Vec<Listing>> = OnceLock::new();
    let listing = || match family {
        Family::Spx => spx_expiries(on),
        Family::Spxw => spxw_expiries(on),
        Family::VixMonthly => vix_expiries(on, false),
        Family::VixWeekly => vix_expiries(on, true),
    };
    if !(FIRST_DAY..=LAST_DAY).contains(&on) {
        return Cow::Owned(listing());
    }
    let days = (LAST_DAY - FIRST_DAY + 1) as usize;
    let all = LISTINGS.get_or_init(|| (0..FAMILIES * days).map(|_| OnceLock::new()).collect());
    let place = family as usize * days + (on - FIRST_DAY) as usize;
    Cow::Borrowed(all[place].get_or_init(|| listing().into_boxed_slice()))
}

/// What a schedule asks of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Today {
    /// Position among all sessions.
    pub session: Option<usize>,
    /// Monthly expiry day of AM-settled SPX options.
    pub is_spx_expiry: bool,
    /// Monthly expiry day of VIX options.
    pub is_vix_expiry: bool,
}

impl Today {
    /// The facts of a day.
    pub fn new(day: Day) -> Self {
        let (year, month, _) = civil(day);
        Self {
            session: session_index(day),
            is_spx_expiry: spx_am_expiry(year, month) == day,
            is_vix_expiry: vix_expiry(year, month) == day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::from_civil;

    #[test]
    fn the_listing_of_a_day_is_that_of_its_family_however_often_it_is_asked_for() {
        for on in [FIRST_DAY, from_civil(2016, 6, 1), from_civil(2024, 3, 15), LAST_DAY, LAST_DAY + 40] {
            for _ in 0..2 {
                assert_eq!(*expiries(Family::Spx, on), spx_expiries(on));
                assert_eq!(*expiries(Family::Spxw, on), spxw_expiries(on));
                assert_eq!(*expiries(Family::VixMonthly, on), vix_expiries(on, false));
                assert_eq!(*expiries(Family::VixWeekly, on), vix_expiries(on, true));
            }
        }
    }

    #[test]
    fn third_fridays_and_settlement_wednesdays_are_known() {
        let today = Today::new(from_civil(2024, 3, 15));
        assert!(today.is_spx_expiry && !today.is_vix_expiry && today.session.is_some());
        assert!(Today::new(from_civil(2024, 3, 20)).is_vix_expiry);
        assert_eq!(Today::new(from_civil(2024, 3, 16)).session, None);
    }
}
