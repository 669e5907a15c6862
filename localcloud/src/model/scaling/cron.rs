//! Recurrences of scheduled actions: five cron fields, read in the schedule's time zone.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// A recurrence such as `0 9 * * MON-FRI`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    /// 0 is Sunday.
    weekdays: Vec<i8>,
    /// Whether each of the two day fields was given: with both, either may match.
    by_day: bool,
    by_weekday: bool,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A date like 29 February on a given weekday comes back within 40 years.
const DAYS_AHEAD: i32 = 366 * 40;

impl Cron {
    /// Reads five fields of numbers, names, `*`, lists, ranges and steps.
    pub(super) fn read(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return None;
        };
        let mut of_week = field(weekdays, 0, 7, &WEEKDAYS, 0)?;
        for day in &mut of_week {
            *day %= 7;
        }
        Some(Self {
            minutes: field(minutes, 0, 59, &[], 0)?,
            hours: field(hours, 0, 23, &[], 0)?,
            days: field(days, 1, 31, &[], 0)?,
            months: field(months, 1, 12, &MONTHS, 1)?,
            weekdays: of_week,
            by_day: *days != "*",
            by_weekday: *weekdays != "*",
        })
    }

    /// The first time after `after`; nothing when there is none within four decades.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut date = after.to_zoned(zone.clone()).date();
        for _ in 0..DAYS_AHEAD {
            if self.falls_on(date)
                && let Some(at) = self.times(date, zone).find(|at| *at > after)
            {
                return Some(at);
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn falls_on(&self, date: Date) -> bool {
        let weekday = self
            .weekdays
            .contains(&date.weekday().to_sunday_zero_offset());
        let day = self.days.contains(&date.day());
        let day_fits = if self.by_day && self.by_weekday {
            day || weekday
        } else {
            day && weekday
        };
        self.months.contains(&date.month()) && day_fits
    }

    fn times<'a>(&'a self, date: Date, zone: &'a TimeZone) -> impl Iterator<Item = Timestamp> + 'a {
        let minutes = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        minutes.filter_map(move |(hour, minute)| {
            Some(
                date.at(hour, minute, 0, 0)
                    .to_zoned(zone.clone())
                    .ok()?
                    .timestamp(),
            )
        })
    }
}

fn field(text: &str, low: i8, high: i8, names: &[&str], base: i8) -> Option<Vec<i8>> {
    let value = |text: &str| {
        let index = names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let value = index
            .and_then(|index| i8::try_from(index).ok())
            .map(|index| index + base);
        value
            .or_else(|| text.parse().ok())
            .filter(|value| (low..=high).contains(value))
    };
    let mut values = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (value(from)?, value(to)?),
            None if range == "*" => (low, high),
            None if part.contains('/') => (value(range)?, high),
            None => (value(range)?, value(range)?),
        };
        values.extend((from..=to).step_by(step));
    }
    values.sort_unstable();
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        Cron::read(cron)
            .unwrap()
            .next(after.parse().unwrap(), &zone)
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_next_time_follows_the_fields() {
        assert_eq!(
            next("30 9 * * *", "2026-03-02T09:30:00Z", "UTC"),
            "2026-03-03T09:30:00Z"
        );
        assert_eq!(
            next("0 0 1 * *", "2026-03-02T00:00:00Z", "UTC"),
            "2026-04-01T00:00:00Z"
        );
        assert_eq!(
            next("*/20 8-9 * * MON-FRI", "2026-03-06T09:45:00Z", "UTC"),
            "2026-03-09T08:00:00Z"
        );
        assert_eq!(
            next("0 0 29 2 *", "2026-03-01T00:00:00Z", "UTC"),
            "2028-02-29T00:00:00Z"
        );
        // Both day fields given: either is enough.
        assert_eq!(
            next("0 0 15 * SUN", "2026-03-02T00:00:00Z", "UTC"),
            "2026-03-08T00:00:00Z"
        );
    }

    #[test]
    fn the_time_zone_and_its_summer_time_count() {
        assert_eq!(
            next("0 9 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin"),
            "2026-03-29T07:00:00Z"
        );
        assert_eq!(
            next("0 9 * * *", "2026-03-27T12:00:00Z", "Europe/Berlin"),
            "2026-03-28T08:00:00Z"
        );
    }

    #[test]
    fn what_is_no_recurrence_is_refused() {
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "* * * FOO *",
            "5-1 * * * *",
        ] {
            assert_eq!(Cron::read(bad), None, "{bad}");
        }
    }
}
