//! Lines of a plain text and what each looks like; [`super::blocks`] decides from these how lines belong together.

use super::chars::*;
use std::ops::Range;

/// One line without its line break.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// From the first visible character to the last one.
    pub range: Range<usize>,
    /// Columns of white space before it (a tab counts four).
    pub indent: usize,
    /// Characters (Unicode scalar values) up to the last visible one, indentation included: what text wrappers count.
    pub width: usize,
    /// Characters of the first word.
    pub first_word: usize,
    pub kind: LineKind,
}

/// What a line is by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Nothing visible.
    Blank,
    Text,
    /// Starts with a bullet or a list number; `sure` where nothing else can be meant.
    Item {
        sure: bool,
    },
    /// `# …` with this many number signs.
    Heading(u8),
    /// `> …`
    Quote,
    /// A rule, an underline, a frame: no letter or digit.
    Rule,
    /// A code fence.
    Fence,
    /// Cells divided by tabs or by `|`.
    Table,
}

/// Walks over the lines of a text: LF, CR LF, CR, VT, FF, NEL, LS and PS end a line.
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lines { text, at: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start;
        let after = loop {
            match bytes.get(end) {
                None => break end,
                Some(b'\r') if bytes.get(end + 1) == Some(&b'\n') => break end + 2,
                Some(b'\n' | b'\r' | 0x0B | 0x0C) => break end + 1,
                Some(0xC2) if bytes[end + 1] == 0x85 => break end + 2,
                Some(0xE2) if bytes[end + 1] == 0x80 && matches!(bytes[end + 2], 0xA8 | 0xA9) => break end + 3,
                _ => end += 1,
            }
        };
        self.at = after;
        Some(measure(self.text, start..end))
    }
}

fn measure(text: &str, raw: Range<usize>) -> Line {
    let whole = &text[raw.clone()];
    let content = whole.trim_matches(is_blank);
    if content.is_empty() {
        return Line { range: raw.start..raw.start, indent: 0, width: 0, first_word: 0, kind: LineKind::Blank };
    }
    let lead = &whole[..content.as_ptr() as usize - whole.as_ptr() as usize];
    let start = raw.start + lead.len();
    let indent = lead.chars().map(|c| if c == '\t' { 4 } else { usize::from(c.is_whitespace()) }).sum();
    Line {
        range: start..start + content.len(),
        indent,
        width: characters(lead) + characters(content),
        first_word: content.chars().take_while(|c| !c.is_whitespace()).count(),
        kind: kind(content),
    }
}

/// Counts scalar values: the bytes that do not continue one.
fn characters(text: &str) -> usize {
    text.bytes().filter(|&byte| byte & 0xC0 != 0x80).count()
}

fn kind(content: &str) -> LineKind {
    if content.starts_with("```") {
        return LineKind::Fence;
    }
    if !content.chars().take(200).any(|c| c.is_alphanumeric() || is_emoji(c)) && content.len() <= 400 {
        return LineKind::Rule;
    }
    let hashes = content.bytes().take_while(|&byte| byte == b'#').count();
    if (1..=6).contains(&hashes) && content[hashes..].starts_with([' ', '\u{A0}', '\t']) {
        return LineKind::Heading(hashes as u8);
    }
    if content.starts_with('>') {
        return LineKind::Quote;
    }
    let item = marker(content);
    let tabs = content.bytes().filter(|&byte| byte == b'\t').take(2).count();
    if tabs > usize::from(item.is_some()) || (content.starts_with('|') && content.ends_with('|') && content.len() > 2) {
        return LineKind::Table;
    }
    match item {
        Some(sure) => LineKind::Item { sure },
        None => LineKind::Text,
    }
}

/// Whether a line starts with a bullet or a list number, and whether that is sure: a wrapped line can begin with a dash or with `2020. `.
fn marker(content: &str) -> Option<bool> {
    let mut chars = content.chars().filter(|&c| !is_invisible(c)).peekable();
    let first = chars.next()?;
    if is_bullet(first) {
        return Some(true);
    }
    if first == '*' || is_dash(first) {
        let next = chars.next();
        return next.is_some_and(|c| c.is_whitespace()).then_some(false);
    }
    let mut c = first;
    let bracketed = is_open_bracket(c);
    if bracketed {
        c = chars.next()?;
    }
    let mut length = 1;
    if is_digit(c) {
        while chars.peek().copied().is_some_and(is_digit) {
            chars.next();
            length += 1;
        }
        // `1.2.3 ` numbers sections.
        while chars.peek() == Some(&'.') {
            let mut ahead = chars.clone();
            ahead.next();
            if !ahead.peek().copied().is_some_and(is_digit) {
                break;
            }
            chars = ahead;
            while chars.peek().copied().is_some_and(is_digit) {
                chars.next();
            }
        }
    } else if !(is_arabic_letter(c) || c.is_ascii_alphabetic()) {
        return None;
    }
    while chars.peek() == Some(&'\u{0640}') {
        chars.next();
    }
    let mut close = chars.next()?;
    if close.is_whitespace() && is_digit(c) && !bracketed {
        // `1 - مقدمة`
        close = chars.next()?;
        return (is_dash(close) && chars.next().is_some_and(char::is_whitespace)).then_some(false);
    }
    let closes = if bracketed { is_close_bracket(close) } else { matches!(close, '.' | ')' | '-' | '–' | '/' | ':') };
    if !closes || length > 3 {
        return None;
    }
    let letter = !is_digit(c);
    match chars.next() {
        // `د. أحمد` and `م. علي` are titles, `أ. مقدمة` and `أ- مقدمة` are items.
        Some(next) if next.is_whitespace() => {
            if letter && close == '.' && !matches!(c, 'أ' | 'ا' | 'ب' | 'ج' | 'a'..='h' | 'A'..='H') {
                return None;
            }
            (close != '/' && close != ':').then_some(false)
        }
        Some(next) if !letter && matches!(close, '.' | ')' | '-') && is_arabic_letter(next) => Some(false),
        Some(next)
            if letter && (is_dash(close) || close == ')' || bracketed) && is_arabic_letter(next) && is_arabic_letter(c) =>
        {
            Some(false)
        }
        _ => None,
    }
}

/// The last visible character that is not a closing quote or bracket.
pub(super) fn last_character(text: &str) -> Option<char> {
    text.chars().rev().find(|&c| !is_blank(c) && !is_quote(c) && !is_close_bracket(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_ends_a_line() {
        let text = "أ\r\nب\rج\nد\u{85}ه\u{2028}و\u{2029}ز\u{0B}ح\u{0C}ط";
        let lines: Vec<_> = Lines::new(text).map(|line| &text[line.range]).collect();
        assert_eq!(lines, ["أ", "ب", "ج", "د", "ه", "و", "ز", "ح", "ط"]);
    }

    #[test]
    fn list_markers() {
        let kind = |text: &str| Lines::new(text).next().unwrap().kind;
        for item in [
            "• بند",
            "- بند",
            "1. بند",
            "١- بند",
            "٢) بند",
            "(3) بند",
            "أ- بند",
            "أ) بند",
            "(ب) بند",
            "1.2. بند",
            "1.مقدمة",
            "1 - بند",
        ] {
            assert!(matches!(kind(item), LineKind::Item { .. }), "{item}");
        }
        for text in ["د. أحمد العلي", "2020 عام صعب", "3.5 مليون", "-5 درجات", "1998-1995", "كلمة - كلمة", "10:30 صباحاً"]
        {
            assert_eq!(kind(text), LineKind::Text, "{text}");
        }
        assert_eq!(kind("=======").clone(), LineKind::Rule);
        assert_eq!(kind("## عنوان"), LineKind::Heading(2));
        assert_eq!(kind("#وسم جديد"), LineKind::Text);
        assert_eq!(kind("الاسم\tالعمر"), LineKind::Table);
        assert_eq!(kind("\u{200F}\u{FEFF} "), LineKind::Blank);
    }
}
