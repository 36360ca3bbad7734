//! Bilingual Markdown: headings as in the source, and between them tables with number, source, translation, score and flags.
//!
//! Source text in a right-to-left script stands between U+2067 and U+2069 (RIGHT-TO-LEFT ISOLATE … POP DIRECTIONAL ISOLATE), so that its stops
//! and brackets lie on the right side both in an editor and on a rendered page.

use super::calendar::Moment;
use super::language::language_name;
use super::line::one_line;
use super::terminal::isolate;
use super::{Bitext, BlockView, ExportContext, Exporter};
use crate::document::BlockKind;
use std::io::{self, Write};

pub struct Markdown;

impl Exporter for Markdown {
    fn extension(&self, _: &str, _: &str) -> String {
        "md".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# {}\n", escape(bitext.title()))?;
        writeln!(
            out,
            "*Machine translation from {} to {} by {}, {}; {} segments, {} flagged.*",
            escape(&language_name(&bitext.source_lang)),
            escape(&language_name(&bitext.target_lang)),
            escape(&bitext.model),
            Moment::from_system(context.written).readable(),
            bitext.segments.len(),
            bitext.flagged().count(),
        )?;
        let mut in_table = false;
        for view in bitext.blocks() {
            match view.block.kind {
                BlockKind::Heading(level) if !view.segments.is_empty() => {
                    write_heading(bitext, view, level, out)?;
                    in_table = false;
                }
                _ if view.segments.is_empty() => {
                    in_table &= !write_verbatim(bitext, view, out)?;
                }
                _ => {
                    if !in_table {
                        writeln!(
                            out,
                            "\n| # | {} | {} | Score | Flags |",
                            escape(&language_name(&bitext.source_lang)),
                            escape(&language_name(&bitext.target_lang))
                        )?;
                        writeln!(out, "|--:|--:|:--|--:|:--|")?;
                        in_table = true;
                    }
                    write_rows(bitext, view, out)?;
                }
            }
        }
        Ok(())
    }

    fn write_next(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out)?;
        self.write(bitext, context, out)
    }
}

/// The translation as a heading one level below the title, and under it the source with the number, score and flags of its segments.
fn write_heading(bitext: &Bitext, view: BlockView<'_>, level: u8, out: &mut dyn Write) -> io::Result<()> {
    let target = super::txt::block_text(bitext, view);
    let source: Vec<_> = view.segments.iter().map(|segment| one_line(bitext.source(segment))).collect();
    let level = usize::from(level.clamp(1, 5)) + 1;
    writeln!(out, "\n{} {}\n", "#".repeat(level), escape(if target.is_empty() { "—" } else { &target }))?;
    write!(out, "{}", escape(&isolate(&source.join(" "), &bitext.source_lang)))?;
    for (index, segment) in view.numbered() {
        let score = segment.finite_score().map(|score| format!(", {score:.2}")).unwrap_or_default();
        let flags = if segment.flags.is_empty() { String::new() } else { format!(", **{}**", segment.flag_names(", ")) };
        write!(out, " ({}{score}{flags})", index + 1)?;
    }
    writeln!(out)
}

fn write_rows(bitext: &Bitext, view: BlockView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let bullet = if view.block.kind == BlockKind::ListItem { "• " } else { "" };
    for (position, (index, segment)) in view.numbered().enumerate() {
        let target = one_line(&segment.target);
        let bullet = if position == 0 && !super::txt::has_list_marker(&target) { bullet } else { "" };
        let score = segment.finite_score().map(|score| format!("{score:.2}")).unwrap_or_default();
        writeln!(
            out,
            "| {} | {} | {bullet}{} | {score} | {} |",
            index + 1,
            escape(&isolate(&one_line(bitext.source(segment)), &bitext.source_lang)),
            escape(&target),
            segment.flag_names(", "),
        )?;
    }
    Ok(())
}

/// A block that was not translated, as code; says whether anything was written (it ends a table).
fn write_verbatim(bitext: &Bitext, view: BlockView<'_>, out: &mut dyn Write) -> io::Result<bool> {
    let text = view.text(bitext);
    if text.trim().is_empty() {
        return Ok(false);
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(out, "\n{fence}\n{}\n{fence}", text.trim_end())?;
    Ok(true)
}

/// Characters that Markdown would take for markup, escaped.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitext::sample;

    #[test]
    fn every_segment_stands_in_it_once_and_no_cell_breaks() {
        let mut bitext = sample::small();
        bitext.segments[1].target = "a | b\n<b> *c* `d`".into();
        let text = sample::written(&Markdown, &bitext);
        assert!(text.contains("a \\| b \\<b\\> \\*c\\* \\`d\\`"), "{text}");
        for segment in &bitext.segments {
            assert_eq!(text.matches(&*one_line(bitext.source(segment))).count(), 1, "{text}");
        }
        for line in text.lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
        }
        assert!(text.contains("numbers, split"));
        assert!(text.contains("\n## Truce in Babanusa\n"), "{text}");
        assert!(text.contains("\n```\nlet x = 1;\n```\n"), "{text}");
    }
}
