//! Trading sessions, expiries and listings, 1990-2035.
//!
//! Sessions and early closes are static tables ([`tables`]); expiries follow the exchange's rules from them. Days
//! beyond the tables that a rule needs (the third Friday of January 2036) count as sessions when they are weekdays.
//! Unscheduled closures (2001-09-11, 2012-10-29, 2018-12-05, ...) are in the tables like any other holiday.

pub mod listed;
pub mod listing;
pub mod tables;

use std::sync::OnceLock;

use crate::error::{Error, Fault, Result};
use crate::instrument::{CLOSE_SECONDS, Day};
pub use tables::{FIRST_DAY, LAST_DAY};

/// Year, month (1-12) and day of month of a day (proleptic Gregorian).
pub fn civil(day: Day) -> (i32, u32, u32) {
    // Count from 0000-03-01 so that the leap day ends the year; all in i64, so that no day overflows.
    let z = i64::from(day) + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u32, date as u32)
}

/// The day of a civil date; months outside 1-12 carry into the year.
pub const fn from_civil(year: i32, month: u32, date: u32) -> Day {
    let months = year as i64 * 12 + month as i64 - 1;
    let year = months.div_euclid(12);
    let month = months.rem_euclid(12) + 1;
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + date as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) as Day
}

/// Day of the week, 0 = Monday.
pub fn weekday(day: Day) -> u32 {
    // 1970-01-01 was a Thursday.
    (i64::from(day) + 3).rem_euclid(7) as u32
}

/// The day when the tables cover it, else `CAL001`.
pub fn check_day(source: &str, field: &str, day: i64) -> Result<Day> {
    match Day::try_from(day) {
        Ok(day) if (FIRST_DAY..=LAST_DAY).contains(&day) => Ok(day),
        Ok(day) if (-9_999 * 366..=9_999 * 366).contains(&day) => {
            let (year, month, date) = civil(day);
            Err(Error::data(Fault::new("CAL001", source, field, format!("{year:04}-{month:02}-{date:02}"), RANGE)))
        }
        _ => Err(Error::data(Fault::new("CAL001", source, field, "no date", RANGE))),
    }
}

const RANGE: &str = "1990-01-02 <= date <= 2035-12-31";

/// All sessions, ascending.
pub fn sessions() -> &'static [Day] {
    static SESSIONS: OnceLock<Vec<Day>> = OnceLock::new();
    SESSIONS.get_or_init(|| (FIRST_DAY..=LAST_DAY).filter(|&day| is_session(day)).collect())
}

/// Whether the market opens on a day; false outside the tables.
pub fn is_session(day: Day) -> bool {
    (FIRST_DAY..=LAST_DAY).contains(&day) && weekday(day) < 5 && tables::HOLIDAYS.binary_search(&day).is_err()
}

/// Position of a session in [`sessions`].
pub fn session_index(day: Day) -> Option<usize> {
    sessions().binary_search(&day).ok()
}

/// The last session on or before a day.
pub fn session_on_or_before(day: Day) -> Option<Day> {
    sessions()[..sessions().partition_point(|&session| session <= day)].last().copied()
}

/// The first session on or after a day.
pub fn session_on_or_after(day: Day) -> Option<Day> {
    sessions().get(sessions().partition_point(|&session| session < day)).copied()
}

/// The first session after a day.
pub fn next_session(day: Day) -> Option<Day> {
    session_on_or_after(day.saturating_add(1))
}

/// The last session before a day.
pub fn previous_session(day: Day) -> Option<Day> {
    session_on_or_before(day.saturating_sub(1))
}

/// Number of sessions `s` with `a < s <= b`; zero when `b <= a`.
pub fn sessions_between(a: Day, b: Day) -> usize {
    let count = |day| sessions().partition_point(|&session| session <= day);
    count(b).saturating_sub(count(a))
}

/// Close of a session in seconds after midnight New York: 16:00, or the early close (13:00; 14:00 in 1990-92).
pub fn close_seconds(day: Day) -> i32 {
    match tables::EARLY_CLOSES.binary_search_by_key(&day, |&(early, _)| early) {
        Ok(at) => tables::EARLY_CLOSES[at].1,
        Err(_) => CLOSE_SECONDS,
    }
}

/// Early closes with `start <= day <= end`: day and close in seconds after midnight New York.
pub fn early_closes(start: Day, end: Day) -> &'static [(Day, i32)] {
    let from = tables::EARLY_CLOSES.partition_point(|&(day, _)| day < start);
    let to = tables::EARLY_CLOSES.partition_point(|&(day, _)| day <= end);
    &tables::EARLY_CLOSES[from..to.max(from)]
}

/// Third Friday of a month, holiday or not; months outside 1-12 carry into the year.
pub fn third_friday(year: i32, month: u32) -> Day {
    let first = from_civil(year, month, 1);
    first + (4 - weekday(first) as i32).rem_euclid(7) + 14
}

/// Settlement day of the AM SPX options of a month: the third Friday, or the session before it when it is a holiday.
///
/// Until 2015-01 the contracts nominally expired on the Saturday after; settlement was on the Friday's opening prints
/// all the same. Source: Cboe SPX options product specification.
pub fn spx_am_expiry(year: i32, month: u32) -> Day {
    open_on_or_before(third_friday(year, month))
}

/// Settlement day of the VIX options and futures of a month.
///
/// The Wednesday thirty days before the third Friday of the following month; when that Friday or that Wednesday is a
/// holiday, the business day before the Wednesday. Source: Cboe VIX options product specification; CFE rule 1202.
pub fn vix_expiry(year: i32, month: u32) -> Day {
    vix_expiry_before(third_friday(year, month + 1))
}

/// Settlement day of the VIX options and futures that look at the SPX options of a Friday.
pub(crate) fn vix_expiry_before(friday: Day) -> Day {
    let wednesday = friday - 30;
    if is_open(friday) && is_open(wednesday) { wednesday } else { open_on_or_before(wednesday - 1) }
}

/// A session, or beyond the tables a weekday.
fn is_open(day: Day) -> bool {
    if (FIRST_DAY..=LAST_DAY).contains(&day) { is_session(day) } else { weekday(day) < 5 }
}

pub(crate) fn open_on_or_before(mut day: Day) -> Day {
    while !is_open(day) {
        day -= 1;
    }
    day
}

pub(crate) fn open_on_or_after(mut day: Day) -> Day {
    while !is_open(day) {
        day += 1;
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_round_trip() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(from_civil(2000, 2, 29), 11_016);
        assert_eq!(from_civil(2019, 13, 1), from_civil(2020, 1, 1));
        for day in -800_000..800_000 {
            let (year, month, date) = civil(day);
            assert_eq!(from_civil(year, month, date), day);
        }
        assert_eq!(from_civil(1990, 1, 2), FIRST_DAY);
        assert_eq!(from_civil(2035, 12, 31), LAST_DAY);
        assert_eq!(weekday(from_civil(2024, 6, 17)), 0);
    }

    #[test]
    fn sessions_are_counted_and_searched() {
        assert_eq!(sessions().len(), 11_577);
        assert_eq!((sessions()[0], *sessions().last().unwrap()), (FIRST_DAY, LAST_DAY));
        let attack = from_civil(2001, 9, 11);
        assert!(!is_session(attack));
        assert_eq!(session_on_or_before(attack), Some(from_civil(2001, 9, 10)));
        assert_eq!(session_on_or_after(attack), Some(from_civil(2001, 9, 17)));
        assert_eq!(next_session(from_civil(2001, 9, 10)), Some(from_civil(2001, 9, 17)));
        assert_eq!(previous_session(from_civil(2001, 9, 17)), Some(from_civil(2001, 9, 10)));
        assert_eq!(sessions_between(from_civil(2001, 9, 10), from_civil(2001, 9, 17)), 1);
        assert_eq!(sessions_between(5, 4), 0);
        assert_eq!(next_session(LAST_DAY), None);
        assert_eq!(next_session(i32::MAX), None);
        assert_eq!(previous_session(FIRST_DAY), None);
        assert_eq!(session_index(FIRST_DAY), Some(0));
        assert_eq!(session_index(attack), None);
    }

    #[test]
    fn early_closes() {
        assert_eq!(close_seconds(from_civil(2013, 7, 3)), 46_800);
        assert_eq!(close_seconds(from_civil(1990, 12, 24)), 50_400);
        assert_eq!(close_seconds(from_civil(2013, 7, 5)), 57_600);
        assert_eq!(super::early_closes(from_civil(2013, 1, 1), from_civil(2013, 12, 31)).len(), 3);
        assert!(super::early_closes(LAST_DAY, FIRST_DAY).is_empty());
    }

    #[test]
    fn am_expiries_move_to_the_session_before() {
        for (year, month, date) in [(2008, 3, 20), (2014, 4, 17), (2019, 4, 18), (2000, 4, 20), (2013, 6, 21)] {
            assert_eq!(spx_am_expiry(year, month), from_civil(year, month, date));
        }
    }

    #[test]
    fn vix_golden_dates() {
        let goldens = [(2008, 2, 19), (2014, 3, 18), (2019, 3, 19), (2022, 3, 15), (2024, 6, 18)];
        for (year, month, date) in goldens.into_iter().chain([(2025, 3, 18), (2026, 5, 19), (2007, 12, 19)]) {
            assert_eq!(vix_expiry(year, month), from_civil(year, month, date), "{year}-{month}");
        }
    }

    #[test]
    fn days_outside_the_tables_are_refused() {
        assert_eq!(check_day("sessions", "start", 7_306).unwrap(), FIRST_DAY);
        let message = check_day("sessions", "end", i64::from(LAST_DAY) + 1).unwrap_err().to_string();
        assert_eq!(message, "CAL001 sessions end: got 2036-01-01, expected 1990-01-02 <= date <= 2035-12-31");
        assert!(check_day("sessions", "end", i64::MIN).unwrap_err().to_string().contains("got no date"));
    }
}
