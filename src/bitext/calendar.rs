//! Dates as the formats spell them, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment as year, month, day, hour, minute, second in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub year: i64,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Moment {
    /// Times before 1970 count as 1970.
    pub fn from_system(time: SystemTime) -> Self {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        Moment { year, month, day, hour: (rest / 3600) as u8, minute: (rest / 60 % 60) as u8, second: (rest % 60) as u8 }
    }

    /// `2026-11-25T13:59:18Z` (ISO 8601 extended: XLIFF, DOCX, HTML).
    pub fn extended(self) -> String {
        let Moment { year, month, day, hour, minute, second } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// `20261125T135918Z` (ISO 8601 basic: TMX).
    pub fn basic(self) -> String {
        self.extended().replace(['-', ':'], "")
    }

    /// `25 November 2026, 13:59 UTC`, for people.
    pub fn readable(self) -> String {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let Moment { year, month, day, hour, minute, .. } = self;
        format!("{day} {} {year}, {hour:02}:{minute:02} UTC", MONTHS[usize::from(month) - 1])
    }
}

/// Days since 1970-01-01 as a Gregorian date, by counting in 400-year eras that start on 1 March.
fn civil(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468; // since 0000-03-01
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_agree_with_a_day_by_day_count() {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1970, 1u8, 1u8);
        for days in 0..60_000 {
            assert_eq!(civil(days), (year, month, day));
            let last = match month {
                2 => 28 + u8::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn spellings() {
        let moment = Moment::from_system(UNIX_EPOCH + Duration::from_secs(1_795_615_158)); // date -u -d @1795615158
        assert_eq!(moment.extended(), "2026-11-25T13:59:18Z");
        assert_eq!(moment.basic(), "20261125T135918Z");
        assert_eq!(moment.readable(), "25 November 2026, 13:59 UTC");
    }
}
