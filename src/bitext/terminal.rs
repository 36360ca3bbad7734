//! The bilingual view on a terminal, when no output file or format was asked for.
//!
//! ```text
//!   1  هدنة إنسانية ليومين في مدينة بابنوسة السودانية
//!      Two-day humanitarian truce in the Sudanese city of Babanusa
//!
//!   2  …
//! ```
//!
//! Each line of right-to-left text stands between RIGHT-TO-LEFT ISOLATE and POP DIRECTIONAL ISOLATE (UAX #9), so a terminal that knows about
//! bidi shows its stops and numbers where they belong and the rest of the line is not touched; it is set flush right in the column, as it is
//! read. Lines are broken by display width (UAX #11), never inside a word that fits.

use super::language::{has_right_to_left, is_right_to_left};
use super::line::one_line;
use super::{Bitext, Segment};
use crate::document::BlockKind;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How wide the terminal is and whether it shows colours.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Columns of the terminal.
    pub width: usize,
    pub colour: bool,
}

/// A line longer than this is tiring to read.
const WIDEST_TEXT: usize = 88;
const NARROWEST_TEXT: usize = 20;

const QUIET: Style = Style::new().dimmed();
const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
const HEADING: Style = Style::new().bold();

impl View {
    /// Writes the document, segment by segment.
    pub fn write(&self, bitext: &Bitext, out: &mut dyn Write) -> io::Result<()> {
        let digits = bitext.segments.len().to_string().len().max(2);
        let gutter = digits + 3;
        let measure = self.width.saturating_sub(gutter + 1).clamp(NARROWEST_TEXT, WIDEST_TEXT);
        let indent = " ".repeat(gutter);
        let name = printable(bitext.title());
        writeln!(out, "{} {}\n", self.paint(HEADING, &name), self.paint(QUIET, &format!("· {}", printable(&bitext.model))))?;
        for view in bitext.blocks() {
            if view.segments.is_empty() {
                let text = view.text(bitext);
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    writeln!(out, "{indent}{}", self.paint(QUIET, &printable(line)))?;
                }
                if !text.trim().is_empty() {
                    writeln!(out)?;
                }
                continue;
            }
            let style = if matches!(view.block.kind, BlockKind::Heading(_)) { HEADING } else { Style::new() };
            let bullet = if view.block.kind == BlockKind::ListItem { "•" } else { " " };
            for (position, (index, segment)) in view.numbered().enumerate() {
                let mark = if position == 0 { bullet } else { " " };
                let number = format!("{:>digits$} {mark} ", index + 1);
                self.write_segment(bitext, segment, [&number, &indent], measure, style, out)?;
            }
        }
        Ok(())
    }

    fn write_segment(
        &self,
        bitext: &Bitext,
        segment: &Segment,
        [number, indent]: [&str; 2],
        measure: usize,
        style: Style,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let rtl = is_right_to_left(&bitext.source_lang) && has_right_to_left(bitext.source(segment));
        for (index, line) in wrap(&printable(bitext.source(segment)), measure).iter().enumerate() {
            let margin = if index == 0 { self.paint(QUIET, number) } else { indent.to_string() };
            if rtl {
                let space = " ".repeat(measure.saturating_sub(line.width()));
                writeln!(out, "{margin}{space}{}", self.paint(style, &isolate(line, &bitext.source_lang)))?;
            } else {
                writeln!(out, "{margin}{}", self.paint(style, line))?;
            }
        }
        for line in wrap(&printable(&segment.target), measure) {
            writeln!(out, "{indent}{}", self.paint(style, &line))?;
        }
        for other in &segment.alternatives {
            for (index, line) in wrap(&printable(&other.target), measure.saturating_sub(2)).iter().enumerate() {
                writeln!(out, "{indent}{}", self.paint(QUIET, &format!("{} {line}", if index == 0 { "~" } else { " " })))?;
            }
        }
        if !segment.flags.is_empty() {
            let doubt = segment.flags.iter().any(|flag| flag.is_doubt());
            let score = segment.finite_score().map(|score| format!("  {score:.2}")).unwrap_or_default();
            let flags = format!("{} {}", if doubt { "⚠" } else { "·" }, segment.flag_names(", "));
            writeln!(out, "{indent}{}{}", self.paint(if doubt { DOUBT } else { QUIET }, &flags), self.paint(QUIET, &score))?;
        }
        writeln!(out)
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// `text` between RLI and PDI where the language is written from right to left, else as it is.
pub(super) fn isolate(text: &str, language: &str) -> String {
    if is_right_to_left(language) && !text.is_empty() { format!("\u{2067}{text}\u{2069}") } else { text.to_string() }
}

/// On one line, without what could steer a terminal or break out of an isolate: control characters and bidi controls.
fn printable(text: &str) -> String {
    let steers = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    one_line(text).chars().filter(|&c| !steers(c)).collect()
}

/// Lines of at most `measure` columns, broken at spaces, or inside a word that alone is wider.
fn wrap(text: &str, measure: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let word_width = word.width();
        if width > 0 && width + 1 + word_width > measure {
            lines.push(std::mem::take(&mut line));
            width = 0;
        }
        if width > 0 {
            line.push(' ');
            width += 1;
        }
        if width + word_width <= measure {
            line.push_str(word);
            width += word_width;
            continue;
        }
        for c in word.chars() {
            let char_width = c.width().unwrap_or(0);
            if width + char_width > measure && width > 0 {
                lines.push(std::mem::take(&mut line));
                width = 0;
            }
            line.push(c);
            width += char_width;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitext::sample;
    use proptest::prelude::*;

    fn shown(bitext: &Bitext, width: usize, colour: bool) -> String {
        let mut out = Vec::new();
        View { width, colour }.write(bitext, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_line_fits_and_every_isolate_closes_on_its_line() {
        let bitext = sample::small();
        for width in [30, 50, 80, 200] {
            for line in shown(&bitext, width, false).lines().skip(2) {
                assert!(line.width() < width, "{width}: {line:?}");
                assert_eq!(line.matches('\u{2067}').count(), line.matches('\u{2069}').count(), "{line:?}");
            }
        }
        assert!(shown(&bitext, 80, false).contains("⚠ numbers, split  -0.38"));
    }

    #[test]
    fn colours_only_where_wanted_and_no_escape_from_the_text() {
        let mut bitext = sample::small();
        bitext.segments[0].target = "\u{1b}[31mred\u{202e}\u{2069}".into();
        assert!(!shown(&bitext, 80, false).contains('\u{1b}'));
        let coloured = shown(&bitext, 80, true);
        assert!(coloured.contains('\u{1b}') && !coloured.contains("\u{1b}[31m") && !coloured.contains('\u{202e}'));
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_word(words in prop::collection::vec("[a-zأ-ي]{1,12}", 0..30), measure in 14usize..60) {
            let text = words.join(" ");
            let lines = wrap(&text, measure);
            prop_assert_eq!(lines.join(" "), text);
            prop_assert!(lines.iter().all(|line| line.width() <= measure));
        }
    }
}
