//! Go's time layouts: a date is written as the reference moment, Mon Jan 2 15:04:05 MST 2006, would be (package `time` of
//! Go, "Layout"). Moments are UTC throughout.

use jiff::Zoned;

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
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// The elements, each before those that begin it.
const ELEMENTS: &[&str] = &[
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "1",
    "__2",
    "_2",
    "2",
    "3",
    "4",
    "5",
    "PM",
    "pm",
    "Z07:00:00",
    "Z070000",
    "Z07:00",
    "Z0700",
    "Z07",
    "-07:00:00",
    "-070000",
    "-07:00",
    "-0700",
    "-07",
];

/// A moment in a layout.
pub(super) fn format(moment: &Zoned, layout: &str) -> String {
    let (mut rest, mut out) = (layout, String::new());
    while let Some(next) = rest.chars().next() {
        if let Some(element) = element_at(rest) {
            out.push_str(&render(moment, element));
            rest = &rest[element.len()..];
        } else if let Some(length) = fraction_length(rest) {
            out.push_str(&fraction(moment, &rest[..length]));
            rest = &rest[length..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

fn element_at(rest: &str) -> Option<&'static str> {
    if rest.starts_with("_2006") {
        return None;
    }
    let word_goes_on = |element: &str| {
        matches!(element, "Jan" | "Mon")
            && rest[element.len()..].starts_with(|c: char| c.is_ascii_lowercase())
    };
    ELEMENTS
        .iter()
        .find(|element| rest.starts_with(**element) && !word_goes_on(element))
        .copied()
}

fn render(moment: &Zoned, element: &str) -> String {
    let hour12 = match moment.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let month = MONTHS[usize::from(moment.month().unsigned_abs()) - 1];
    let day = DAYS[usize::from(moment.weekday().to_monday_zero_offset().unsigned_abs())];
    match element {
        "January" => month.to_owned(),
        "Jan" => month[..3].to_owned(),
        "Monday" => day.to_owned(),
        "Mon" => day[..3].to_owned(),
        "MST" => "UTC".to_owned(),
        "2006" => format!("{:04}", moment.year()),
        "06" => format!("{:02}", moment.year().rem_euclid(100)),
        "002" => format!("{:03}", moment.day_of_year()),
        "__2" => format!("{:3}", moment.day_of_year()),
        "01" => format!("{:02}", moment.month()),
        "1" => moment.month().to_string(),
        "02" => format!("{:02}", moment.day()),
        "_2" => format!("{:2}", moment.day()),
        "2" => moment.day().to_string(),
        "15" => format!("{:02}", moment.hour()),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{:02}", moment.minute()),
        "4" => moment.minute().to_string(),
        "05" => format!("{:02}", moment.second()),
        "5" => moment.second().to_string(),
        "PM" => if moment.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        "pm" => if moment.hour() < 12 { "am" } else { "pm" }.to_owned(),
        _ if element.starts_with('Z') => "Z".to_owned(),
        _ => element.replace("07", "00").replace('-', "+"),
    }
}

/// `.000` and `.999` (or with a comma): fractions of a second, when no other digit follows.
fn fraction_length(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['.', ','])?;
    let digit = after
        .chars()
        .next()
        .filter(|digit| matches!(digit, '0' | '9'))?;
    let length = after.chars().take_while(|next| *next == digit).count();
    (!after[length..].starts_with(|c: char| c.is_ascii_digit())).then_some(length + 1)
}

fn fraction(moment: &Zoned, element: &str) -> String {
    let digits = format!("{:09}", moment.subsec_nanosecond());
    let taken = &digits[..(element.len() - 1).min(9)];
    if element.ends_with('0') {
        return format!("{}{taken}", &element[..1]);
    }
    match taken.trim_end_matches('0') {
        "" => String::new(),
        some => format!("{}{some}", &element[..1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn at(moment: &str, layout: &str) -> String {
        format(
            &moment
                .parse::<jiff::Timestamp>()
                .unwrap()
                .to_zoned(TimeZone::UTC),
            layout,
        )
    }

    #[test]
    fn layouts_of_real_templates() {
        let moment = "2026-03-09T05:07:08.120Z";
        for (layout, text) in [
            ("2006-01-02", "2026-03-09"),
            ("20060102-1504", "20260309-0507"),
            ("2006-01-02T15:04:05Z07:00", "2026-03-09T05:07:08Z"),
            (
                "Mon Jan _2 15:04:05 MST 2006",
                "Mon Mar  9 05:07:08 UTC 2026",
            ),
            ("Monday, 02-Jan-06 3:04PM", "Monday, 09-Mar-26 5:07AM"),
            ("January 2, 002 -0700", "March 9, 068 +0000"),
            ("05.000|05.999|05,9", "08.120|08.12|08,1"),
            (".0|,000|.0000000000|.0001", ".1|,120|.120000000|.0003"),
            ("__2|___2|__2006|_2006|0002", " 68|_ 68| 68026|_2026|0068"),
            ("Z07:00|Z0700|Z07|Z07:00:00|Z070000", "Z|Z|Z|Z|Z"),
            ("-07:00|-0700|-07", "+00:00|+0000|+00"),
            ("-07:00:00|-070000", "+00:00:00|+000000"),
            ("v1é.Month", "v3é.Month"),
        ] {
            assert_eq!(at(moment, layout), text, "{layout}");
        }
        assert_eq!(at("2026-12-31T12:00:00Z", "3pm 1/2"), "12pm 12/31");
    }
}
