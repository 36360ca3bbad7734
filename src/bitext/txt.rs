//! The translation alone, laid out as the source: sentences of a block joined by a space, a blank line between blocks, list items and table rows
//! on lines of their own, cells divided by tabs. What was not translated (code, numbers) stands as it is.
//!
//! With `--lines` there is exactly one line out per line in, empty ones included, and nothing else: the file can be put beside its source.
//!
//! Flags have no place inside plain text, so they follow it: where segments are flagged, the file ends with a rule, a line that counts the flags,
//! and a list with the number, the flags and the first words of each segment to check. With `--lines` that list is left out; the run's summary
//! and the other formats have it.

use super::line::one_line;
use super::{Bitext, BlockView, ExportContext, Exporter, Flag};
use crate::document::BlockKind;
use std::io::{self, Write};

pub struct Txt;

impl Exporter for Txt {
    fn extension(&self, _: &str, _: &str) -> String {
        "txt".into()
    }

    fn write(&self, bitext: &Bitext, _: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        if bitext.lines { write_lines(bitext, out) } else { write_blocks(bitext, out) }
    }

    fn write_next(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        if !bitext.lines {
            writeln!(out)?;
        }
        self.write(bitext, context, out)
    }
}

/// One line for every line of the text: the segments that begin in it, or the line itself where it holds none.
fn write_lines(bitext: &Bitext, out: &mut dyn Write) -> io::Result<()> {
    let mut segments = bitext.segments.iter().peekable();
    let mut start = 0;
    for line in bitext.document.text.split_inclusive('\n') {
        let end = start + line.len();
        let mut targets = Vec::new();
        let mut found = false;
        while let Some(segment) = segments.next_if(|segment| segment.range.start < end) {
            found = true;
            targets.push(one_line(&segment.target));
        }
        targets.retain(|target| !target.is_empty());
        writeln!(out, "{}", if found { targets.join(" ").into() } else { one_line(line) })?;
        start = end;
    }
    Ok(())
}

fn write_blocks(bitext: &Bitext, out: &mut dyn Write) -> io::Result<()> {
    let mut previous = None;
    for view in bitext.blocks() {
        let text = block_text(bitext, view);
        let in_table = matches!(view.block.kind, BlockKind::Cell { .. });
        if text.is_empty() && !in_table {
            continue;
        }
        if let Some(previous) = previous {
            write!(out, "{}", separator(previous, view.block.kind))?;
        }
        write!(out, "{text}")?;
        previous = Some(view.block.kind);
    }
    if previous.is_some() {
        writeln!(out)?;
    }
    write_flags(bitext, out)
}

/// The block in the target language on one line; a block without segments as it is.
pub(super) fn block_text(bitext: &Bitext, view: BlockView<'_>) -> String {
    if view.segments.is_empty() {
        let text = view.text(bitext);
        return match view.block.kind {
            BlockKind::Verbatim => text.trim_end().to_string(),
            _ => one_line(text).into_owned(),
        };
    }
    let targets: Vec<_> =
        view.segments.iter().map(|segment| one_line(&segment.target)).filter(|target| !target.is_empty()).collect();
    let text = targets.join(" ");
    match view.block.kind {
        BlockKind::ListItem if !text.is_empty() && !has_list_marker(&text) => format!("- {text}"),
        _ => text,
    }
}

/// Whether a text already starts as a list item does: a bullet, or a number with a stop or bracket after it.
pub(super) fn has_list_marker(text: &str) -> bool {
    const BULLETS: &[char] = &['-', '–', '—', '•', '*', '·', '▪', '●', '○', '◦', '■', '□', '▸', '►', '➢', '✓', '٭'];
    if let Some(rest) = text.strip_prefix(BULLETS) {
        return rest.starts_with(char::is_whitespace);
    }
    let rest = text.strip_prefix('(').unwrap_or(text);
    let digits = rest.chars().take_while(|c| c.is_numeric()).count();
    let after = rest.chars().nth(digits);
    (1..=3).contains(&digits)
        && matches!(after, Some('.' | ')' | '-' | '،'))
        && rest.chars().nth(digits + 1).is_none_or(|c| c == ' ')
}

fn separator(previous: BlockKind, next: BlockKind) -> &'static str {
    match (previous, next) {
        (BlockKind::ListItem, BlockKind::ListItem) => "\n",
        (BlockKind::Cell { row: before, .. }, BlockKind::Cell { row, .. }) if row == before => "\t",
        (BlockKind::Cell { row: before, .. }, BlockKind::Cell { row, .. }) if row > before => "\n",
        _ => "\n\n",
    }
}

/// How often each flag occurs, then the segments that someone should look at; one that is copied or translated in parts shows that itself.
fn write_flags(bitext: &Bitext, out: &mut dyn Write) -> io::Result<()> {
    let count = |flag: Flag| bitext.segments.iter().filter(|segment| segment.flags.contains(&flag)).count();
    let counts: Vec<String> = Flag::ALL
        .into_iter()
        .map(|flag| (flag, count(flag)))
        .filter(|(_, count)| *count > 0)
        .map(|(flag, count)| format!("{count} {}", flag.name()))
        .collect();
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n---\nMachine translation by {}; flags in {} segments: {}",
        bitext.model,
        bitext.segments.len(),
        counts.join(", ")
    )?;
    for (index, segment) in bitext.flagged().filter(|(_, segment)| segment.flags.iter().any(|flag| flag.is_doubt())) {
        let text = one_line(if segment.target.trim().is_empty() { bitext.source(segment) } else { &segment.target });
        writeln!(out, "{}. {}: {}", index + 1, segment.flag_names(", "), first_words(&text))?;
    }
    Ok(())
}

/// Up to 60 characters of a text, cut between words.
fn first_words(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_string();
    }
    let cut: String = text.chars().take(MOST).collect();
    let end = cut.rfind(' ').filter(|&end| end > MOST / 2).unwrap_or(cut.len());
    format!("{}…", &cut[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitext::sample;

    #[test]
    fn blocks_are_laid_out_as_in_the_source() {
        let mut bitext = sample::small();
        bitext.segments.iter_mut().for_each(|segment| segment.flags.clear());
        assert_eq!(
            sample::written(&Txt, &bitext),
            "Truce in Babanusa\n\nThe two sides agreed a 48-hour truce. It begins at dawn.\n\n- Two roads are opened\n- Shelling stops\n\nlet x = 1;\n"
        );
    }

    #[test]
    fn flags_follow_the_text() {
        let bitext = sample::small();
        let text = sample::written(&Txt, &bitext);
        let (_, list) = text.split_once("\n---\n").expect("a list of flags");
        assert!(list.contains("2. numbers, split: The two sides agreed"), "{list}");
    }

    #[test]
    fn one_line_out_per_line_in() {
        for (text, expected) in
            [("واحد\n\nاثنان\n", "T\n\nT\n"), ("واحد\r\n  \r\nاثنان", "T\n\nT\n"), ("", ""), ("\n\n", "\n\n"), ("واحد\n", "T\n")]
        {
            let bitext = sample::by_lines(text, "T");
            assert_eq!(sample::written(&Txt, &bitext), expected, "{text:?}");
        }
        let mut bitext = sample::by_lines("واحد\nاثنان\n", "two\nlines\u{2028}here");
        bitext.segments[1].target.clear();
        bitext.segments[1].flags.push(Flag::Empty);
        assert_eq!(sample::written(&Txt, &bitext), "two lines here\n\n");
    }

    #[test]
    fn table_cells_and_lists() {
        assert!(has_list_marker("- a") && has_list_marker("12. a") && has_list_marker("(3) a") && has_list_marker("• a"));
        assert!(
            !has_list_marker("2024 was")
                && !has_list_marker("-5 degrees")
                && !has_list_marker("1.5 million")
                && !has_list_marker("")
        );
        let cell = |row, column| BlockKind::Cell { row, column };
        assert_eq!(separator(cell(0, 0), cell(0, 1)), "\t");
        assert_eq!(separator(cell(0, 1), cell(1, 0)), "\n");
        assert_eq!(separator(cell(4, 1), cell(0, 0)), "\n\n");
    }
}
