//! Numbers in a text, in a form that can be compared between languages.

use super::chars::{digit, is_digit};
use std::ops::Range;

/// A number as it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Byte range of its digits and separators.
    pub range: Range<usize>,
    /// Western digits, `.` as decimal point, no grouping, no leading zeros and no trailing zeros behind the point: `١٬٢٣٤٫٥٠` is `1234.5`.
    pub value: String,
    pub kind: NumberKind,
}

/// What a number is part of; a translation may write a month or an hour in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKind {
    Plain,
    Percent,
    /// Day, month or year of a date in figures, each a number of its own.
    Date,
    /// Hours, minutes or seconds of a time, each a number of its own.
    Time,
}

/// Finds the numbers of `text` in order: Western, Arabic-Indic and Persian digits with their separators.
///
/// A comma (also `،`) groups thousands where exactly three digits follow each one, else it is a decimal point; so is a single full stop.
/// Dates, times, ranges and scores (`12/5/2020`, `11:29`, `10-12`) give one number for each part.
pub fn numbers(text: &str) -> Vec<Number> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(is_digit) {
        let start = at + offset;
        let run = Run::read(text, start);
        at = run.end;
        run.emit(text, &mut numbers);
    }
    numbers
}

/// Digit groups and the separators between them: `12/5/2020` has three groups.
struct Run {
    groups: Vec<Range<usize>>,
    separators: Vec<char>,
    end: usize,
}

impl Run {
    fn read(text: &str, start: usize) -> Run {
        let mut run = Run { groups: Vec::new(), separators: Vec::new(), end: start };
        let mut at = start;
        loop {
            let rest = &text[at..];
            let end = at + rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
            run.groups.push(at..end);
            run.end = end;
            let mut chars = text[end..].chars();
            let (Some(separator), Some(next)) = (chars.next(), chars.next()) else { break };
            let separates =
                matches!(separator, '.' | ',' | '،' | '٫' | '٬' | '/' | ':' | '-' | '\u{A0}' | '\u{202F}' | '\u{2009}' | '\'');
            if !separates || !is_digit(next) {
                break;
            }
            run.separators.push(separator);
            at = end + separator.len_utf8();
        }
        run
    }

    fn emit(self, text: &str, out: &mut Vec<Number>) {
        if let Some(kind) = self.calendar(text) {
            for range in self.groups {
                out.push(Number { value: integer(&text[range.clone()]), range, kind });
            }
            return;
        }
        let percent = is_percent(text, self.groups[0].start, self.end);
        let mut first = 0;
        for index in 0..self.groups.len() {
            let joined = self.separators.get(index).is_some_and(|&separator| !matches!(separator, '/' | ':' | '-'));
            if joined {
                continue;
            }
            let range = self.groups[first].start..self.groups[index].end;
            let value = quantity(text, &self.groups[first..=index], &self.separators[first..index]);
            out.push(Number { range, value, kind: if percent { NumberKind::Percent } else { NumberKind::Plain } });
            first = index + 1;
        }
    }

    /// Whether the run is a date or a time.
    fn calendar(&self, text: &str) -> Option<NumberKind> {
        let values: Vec<u32> = self.groups.iter().map(|range| value(&text[range.clone()])).collect::<Option<_>>()?;
        let first = *self.separators.first()?;
        if !self.separators.iter().all(|&separator| separator == first) {
            return None;
        }
        match (first, values.as_slice()) {
            (':', [hour, minutes @ ..]) if *hour <= 24 && minutes.iter().all(|&minute| minute < 60) => Some(NumberKind::Time),
            ('/' | '.' | '-', &[a, b, c]) => {
                let day_and_month = |a: u32, b: u32| (1..=31).contains(&a) && (1..=31).contains(&b) && a.min(b) <= 12;
                let year = |range: &Range<usize>, value: u32| matches!(digits(&text[range.clone()]), 2 | 4) && value > 0;
                let date = day_and_month(a, b) && year(&self.groups[2], c) && (first != '.' || c > 31)
                    || digits(&text[self.groups[0].clone()]) == 4 && day_and_month(b, c);
                date.then_some(NumberKind::Date)
            }
            _ => None,
        }
    }
}

/// One number of several groups: decides which separators group and which one is the decimal point.
fn quantity(text: &str, groups: &[Range<usize>], separators: &[char]) -> String {
    let length = |index: usize| digits(&text[groups[index].clone()]);
    let grouping = |separator: char| -> bool {
        let places: Vec<usize> = (0..separators.len()).filter(|&index| separators[index] == separator).collect();
        match separator {
            '٬' | '\'' | '\u{A0}' | '\u{202F}' | '\u{2009}' => true,
            '٫' => false,
            // `3.125` has a fraction, `1.234,5` and `1.234.567` have thousands.
            '.' if places.len() < 2 && !separators[places[0]..].contains(&',') => false,
            _ => places.iter().all(|&index| length(index + 1) == 3) && (1..=3).contains(&length(places[0])),
        }
    };
    let (mut whole, mut fraction) = (String::new(), None::<String>);
    for (index, range) in groups.iter().enumerate() {
        let part = western(&text[range.clone()]);
        if index > 0 && !grouping(separators[index - 1]) {
            match &mut fraction {
                None => fraction = Some(part),
                // `1.2.3`: not a quantity; kept with its points.
                Some(rest) => {
                    rest.push('.');
                    rest.push_str(&part);
                }
            }
        } else {
            fraction.as_mut().unwrap_or(&mut whole).push_str(&part);
        }
    }
    let whole = strip_zeros(&whole);
    match fraction {
        Some(fraction) if fraction.contains('.') => format!("{whole}.{fraction}"),
        Some(fraction) if !fraction.trim_end_matches('0').is_empty() => format!("{whole}.{}", fraction.trim_end_matches('0')),
        _ => whole,
    }
}

fn is_percent(text: &str, start: usize, end: usize) -> bool {
    let sign = |c: char| matches!(c, '%' | '٪' | '﹪' | '％' | '‰');
    let after = text[end..].trim_start_matches([' ', '\u{A0}', '\u{200E}', '\u{200F}']);
    let before = text[..start].trim_end_matches(['\u{200E}', '\u{200F}']);
    after.starts_with(sign) || before.ends_with(sign) && !before.trim_end_matches(sign).ends_with(is_digit)
}

fn digits(text: &str) -> usize {
    text.chars().count()
}

fn western(text: &str) -> String {
    text.chars().filter_map(digit).filter_map(|value| char::from_digit(value, 10)).collect()
}

fn strip_zeros(digits: &str) -> String {
    let stripped = digits.trim_start_matches('0');
    if stripped.is_empty() { "0".to_owned() } else { stripped.to_owned() }
}

fn integer(text: &str) -> String {
    strip_zeros(&western(text))
}

fn value(text: &str) -> Option<u32> {
    western(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{NumberKind, numbers};

    fn values(text: &str) -> Vec<String> {
        numbers(text).into_iter().map(|number| number.value).collect()
    }

    #[test]
    fn one_form_for_all_scripts_and_separators() {
        for text in ["1234.5", "1,234.5", "١٬٢٣٤٫٥", "١٢٣٤٫٥٠", "1،234.5", "1\u{A0}234,5", "۱۲۳۴٫۵", "1.234,5", "01234.50"]
        {
            assert_eq!(values(text), ["1234.5"], "{text}");
        }
        assert_eq!(values("1,000,000 و1.000.000 و3.5 و103,7 و0.05"), ["1000000", "1000000", "3.5", "103.7", "0.05"]);
        assert_eq!(values("2,500"), ["2500"]);
        assert_eq!(values("الإصدار 1.2.3"), ["1.2.3"]);
        assert_eq!(values("عام 2020. وقال"), ["2020"]);
        assert_eq!(values("كوفيد-19 وH1N1"), ["19", "1", "1"]);
        assert_eq!(values("لا شيء"), Vec::<String>::new());
    }

    #[test]
    fn dates_times_ranges() {
        let parts = |text: &str| numbers(text).into_iter().map(|number| (number.value, number.kind)).collect::<Vec<_>>();
        for text in ["12/05/2020", "12.5.2020", "12-5-2020", "١٢/٥/٢٠٢٠"] {
            assert_eq!(parts(text), ["12", "5", "2020"].map(|value| (value.to_owned(), NumberKind::Date)), "{text}");
        }
        assert_eq!(parts("2020-05-12")[0], ("2020".to_owned(), NumberKind::Date));
        assert_eq!(parts("11:29"), ["11", "29"].map(|value| (value.to_owned(), NumberKind::Time)));
        assert_eq!(parts("1939-1945"), ["1939", "1945"].map(|value| (value.to_owned(), NumberKind::Plain)));
        assert_eq!(parts("نسبة 50% و٪٢٥ و12.5 ٪"), ["50", "25", "12.5"].map(|value| (value.to_owned(), NumberKind::Percent)));
        assert_eq!(parts("50%20")[1].1, NumberKind::Plain);
    }

    #[test]
    fn ranges_are_the_digits() {
        let text = "بلغ ١٬٢٣٤ ثم 5.";
        let found: Vec<&str> = numbers(text).into_iter().map(|number| &text[number.range]).collect();
        assert_eq!(found, ["١٬٢٣٤", "5"]);
    }
}
