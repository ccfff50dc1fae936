//! A calendar of scheduled events for any year: the rhythm of FOMC, CPI and PPI, not their dates.
//!
//! Announcements of years to come are not known. The Federal Open Market Committee meets eight times a year on a
//! Wednesday; consumer prices come on about the eighth session of a month and producer prices on the session after.
//! docs/episodes.md says what this leaves out.

use crate::calendar;
use crate::instrument::Day;

/// Months of a meeting, and which Wednesday of the month it is on; 5 is the last.
const MEETINGS: [(u32, u32); 8] = [(1, 5), (3, 3), (5, 1), (6, 3), (7, 5), (9, 3), (11, 1), (12, 2)];
/// Sessions of a month on which consumer and producer prices come.
const PRICES: [usize; 2] = [8, 9];

/// Year, month and day of a day.
fn civil(day: Day) -> (i32, u32, u32) {
    // Days since 0000-03-01 in the proleptic Gregorian calendar; eras of 146,097 days.
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i32::from(month <= 2), month as u32, of_month as u32)
}

/// Whether a session has a scheduled event.
pub fn is_event(day: Day) -> bool {
    let (_, month, of_month) = civil(day);
    let last_week = civil(day + 7).1 != month;
    let week = (of_month - 1) / 7 + 1;
    let meets = MEETINGS.iter().any(|&(m, which)| m == month && if which == 5 { last_week } else { week == which });
    if calendar::weekday(day) == 2 && meets {
        return true;
    }
    let sessions = calendar::sessions();
    let first = day - (of_month as i32 - 1);
    let number = sessions.partition_point(|&s| s <= day) - sessions.partition_point(|&s| s < first);
    PRICES.contains(&number)
}

/// 0 on the session of an event, 1 on the session before one, else NaN.
pub fn sessions_to_event(day: Day) -> f64 {
    if is_event(day) {
        return 0.0;
    }
    let sessions = calendar::sessions();
    match sessions.get(sessions.partition_point(|&session| session <= day)) {
        Some(&next) if is_event(next) => 1.0,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(16_860), (2016, 2, 29));
        assert_eq!(civil(17_567), (2018, 2, 5));
    }

    #[test]
    fn a_year_has_eight_meetings_and_twenty_four_price_days() {
        let sessions = calendar::sessions();
        for year in [2016, 2027, 2033] {
            let events: Vec<Day> =
                sessions.iter().copied().filter(|&day| civil(day).0 == year && is_event(day)).collect();
            // A meeting may fall on a price day, or on a holiday.
            assert!((29..=32).contains(&events.len()), "{year}: {}", events.len());
            let before = sessions.partition_point(|&day| day < events[3]) - 1;
            assert!(sessions_to_event(sessions[before]) <= 1.0);
            assert!(sessions_to_event(events[3]) < 0.5);
        }
    }
}
