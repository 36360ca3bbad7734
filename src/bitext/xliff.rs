//! XLIFF 1.2 (<https://docs.oasis-open.org/xliff/v1.2/os/xliff-core.html>), the format that every CAT tool reads.
//!
//! One `trans-unit` per segment, grouped by block. Targets say what they are: `state="needs-review-translation"`
//! `state-qualifier="leveraged-mt"`; a copied segment has no qualifier, one without a translation is `needs-translation`. Alternatives are
//! `alt-trans`; score, flags and model are notes. Nothing needs a schema of its own, so the files validate against the strict schema too.

use super::calendar::Moment;
use super::language::language_tag;
use super::xml::{escape, escape_line};
use super::{Bitext, ExportContext, Exporter, Flag, Segment};
use crate::document::BlockKind;
use std::io::{self, Write};

pub struct Xliff;

impl Exporter for Xliff {
    fn extension(&self, _: &str, _: &str) -> String {
        "xlf".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        let date = Moment::from_system(context.written).extended();
        let (source, target) = (language_tag(&bitext.source_lang), language_tag(&bitext.target_lang));
        writeln!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xliff version=\"1.2\" xmlns=\"urn:oasis:names:tc:xliff:document:1.2\">\n\
             <file original=\"{}\" source-language=\"{}\" target-language=\"{}\" datatype=\"plaintext\" date=\"{date}\" tool-id=\"jisr\">",
            escape(&bitext.document.name),
            escape(&source),
            escape(&target),
        )?;
        writeln!(
            out,
            "<header>\n<tool tool-id=\"jisr\" tool-name=\"jisr\" tool-version=\"{}\"/>\n\
             <note from=\"jisr\">Machine translation by {}</note>\n</header>\n<body>",
            env!("CARGO_PKG_VERSION"),
            escape_line(&bitext.model),
        )?;
        for (block, view) in bitext.blocks().enumerate() {
            if view.segments.is_empty() {
                continue;
            }
            writeln!(out, "<group id=\"b{}\" restype=\"x-{}\">", block + 1, block_name(view.block.kind))?;
            for (index, segment) in view.numbered() {
                write_unit(bitext, index, segment, [&escape(&source), &escape(&target)], out)?;
            }
            writeln!(out, "</group>")?;
        }
        writeln!(out, "</body>\n</file>\n</xliff>")
    }
}

fn write_unit(
    bitext: &Bitext,
    index: usize,
    segment: &Segment,
    [source, target]: [&str; 2],
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "<trans-unit id=\"{}\" approved=\"no\">", index + 1)?;
    writeln!(out, "<source xml:lang=\"{source}\">{}</source>", escape_line(bitext.source(segment)))?;
    let text = escape_line(&segment.target);
    let state = if text.is_empty() {
        "state=\"needs-translation\""
    } else if segment.flags.contains(&Flag::Copied) {
        "state=\"needs-review-translation\""
    } else {
        "state=\"needs-review-translation\" state-qualifier=\"leveraged-mt\""
    };
    writeln!(out, "<target xml:lang=\"{target}\" {state}>{text}</target>")?;
    for other in &segment.alternatives {
        let quality = if other.score.is_finite() { format!(" match-quality=\"{:.4}\"", other.score) } else { String::new() };
        let text = escape_line(&other.target);
        writeln!(out, "<alt-trans origin=\"jisr\"{quality}><target xml:lang=\"{target}\">{text}</target></alt-trans>")?;
    }
    if let Some(score) = segment.finite_score() {
        writeln!(out, "<note from=\"jisr\">score: {score:.4}</note>")?;
    }
    for flag in &segment.flags {
        let priority = if flag.is_doubt() { 1 } else { 3 };
        writeln!(out, "<note from=\"jisr\" priority=\"{priority}\">{}: {}</note>", flag.name(), escape(flag.description()))?;
    }
    writeln!(out, "</trans-unit>")
}

/// What a block is, as a name for extensible attributes.
pub(super) fn block_name(kind: BlockKind) -> &'static str {
    match kind {
        BlockKind::Heading(_) => "heading",
        BlockKind::Paragraph => "paragraph",
        BlockKind::ListItem => "listitem",
        BlockKind::Cell { .. } => "cell",
        BlockKind::Cue { .. } => "cue",
        BlockKind::Quote => "quote",
        BlockKind::Verbatim => "verbatim",
    }
}
