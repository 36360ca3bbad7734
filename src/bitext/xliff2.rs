//! XLIFF 2.1 (<https://docs.oasis-open.org/xliff/xliff-core/v2.1/os/xliff-core-v2.1-os.html>).
//!
//! One `unit` per block and one `segment` per segment, as the standard means them: a tool that joins segments joins those of one paragraph.
//! White space between two segments is an `ignorable`. `state="translated"` with `subState="jisr:mt"` is a translation that nobody has reviewed, and
//! a segment without one is `initial`. Model, score and flags are in the Metadata module; alternatives in the Translation Candidates module, and
//! flags are notes as well, since tools show those.

use super::calendar::Moment;
use super::language::language_tag;
use super::xliff::block_name;
use super::xml::{escape, escape_line};
use super::{Bitext, BlockView, ExportContext, Exporter, Segment};
use std::io::{self, Write};

pub struct Xliff2;

impl Exporter for Xliff2 {
    fn extension(&self, _: &str, _: &str) -> String {
        "xliff2.xlf".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xliff version=\"2.1\" xmlns=\"urn:oasis:names:tc:xliff:document:2.0\" \
             xmlns:mda=\"urn:oasis:names:tc:xliff:metadata:2.0\" xmlns:mtc=\"urn:oasis:names:tc:xliff:matches:2.0\" srcLang=\"{}\" trgLang=\"{}\">",
            escape(&language_tag(&bitext.source_lang)),
            escape(&language_tag(&bitext.target_lang)),
        )?;
        writeln!(out, "<file id=\"f1\" original=\"{}\">", escape(&bitext.document.name))?;
        writeln!(out, "<mda:metadata>\n<mda:metaGroup category=\"jisr\">")?;
        write_meta("tool", concat!("jisr ", env!("CARGO_PKG_VERSION")), out)?;
        write_meta("model", &escape_line(&bitext.model), out)?;
        write_meta("date", &Moment::from_system(context.written).extended(), out)?;
        writeln!(out, "</mda:metaGroup>\n</mda:metadata>")?;
        let mut units = 0;
        for (block, view) in bitext.blocks().enumerate() {
            if !view.segments.is_empty() {
                write_unit(bitext, block, view, out)?;
                units += 1;
            }
        }
        if units == 0 {
            // A file needs a unit, and a unit a segment.
            writeln!(out, "<unit id=\"b0\" translate=\"no\">\n<segment>\n<source/>\n</segment>\n</unit>")?;
        }
        writeln!(out, "</file>\n</xliff>")
    }
}

fn write_unit(bitext: &Bitext, block: usize, view: BlockView<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<unit id=\"b{}\" type=\"jisr:{}\">", block + 1, block_name(view.block.kind))?;
    write_candidates(bitext, view, out)?;
    write_metadata(view, out)?;
    write_notes(view, out)?;
    let mut end = None;
    for (index, segment) in view.numbered() {
        if end.is_some_and(|end| end < segment.range.start) {
            writeln!(out, "<ignorable>\n<source> </source>\n<target> </target>\n</ignorable>")?;
        }
        end = Some(segment.range.end);
        let text = escape_line(&segment.target);
        let state = if text.is_empty() { "state=\"initial\"" } else { "state=\"translated\" subState=\"jisr:mt\"" };
        writeln!(out, "<segment id=\"s{}\" {state}>\n<source>{}</source>", index + 1, escape_line(bitext.source(segment)))?;
        if !text.is_empty() {
            writeln!(out, "<target>{text}</target>")?;
        }
        writeln!(out, "</segment>")?;
    }
    writeln!(out, "</unit>")
}

fn write_candidates(bitext: &Bitext, view: BlockView<'_>, out: &mut dyn Write) -> io::Result<()> {
    if view.segments.iter().all(|segment| segment.alternatives.is_empty()) {
        return Ok(());
    }
    writeln!(out, "<mtc:matches>")?;
    for (index, segment) in view.numbered() {
        for other in &segment.alternatives {
            writeln!(
                out,
                "<mtc:match ref=\"#s{}\" type=\"mt\" origin=\"jisr\">\n<source>{}</source>\n<target>{}</target>\n</mtc:match>",
                index + 1,
                escape_line(bitext.source(segment)),
                escape_line(&other.target),
            )?;
        }
    }
    writeln!(out, "</mtc:matches>")
}

/// Score and flags of every segment, in a group that bears the segment's id.
fn write_metadata(view: BlockView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let known = |segment: &Segment| segment.finite_score().is_some() || !segment.flags.is_empty();
    if !view.segments.iter().any(known) {
        return Ok(());
    }
    writeln!(out, "<mda:metadata>")?;
    for (index, segment) in view.numbered().filter(|(_, segment)| known(segment)) {
        writeln!(out, "<mda:metaGroup category=\"s{}\">", index + 1)?;
        if let Some(score) = segment.finite_score() {
            write_meta("score", &format!("{score:.4}"), out)?;
        }
        if !segment.flags.is_empty() {
            write_meta("flags", &segment.flag_names(","), out)?;
        }
        writeln!(out, "</mda:metaGroup>")?;
    }
    writeln!(out, "</mda:metadata>")
}

fn write_meta(kind: &str, escaped: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<mda:meta type=\"{kind}\">{escaped}</mda:meta>")
}

fn write_notes(view: BlockView<'_>, out: &mut dyn Write) -> io::Result<()> {
    if view.segments.iter().all(|segment| segment.flags.is_empty()) {
        return Ok(());
    }
    writeln!(out, "<notes>")?;
    for (index, segment) in view.numbered() {
        for flag in &segment.flags {
            let priority = if flag.is_doubt() { 1 } else { 3 };
            writeln!(
                out,
                "<note category=\"{}\" priority=\"{priority}\">Segment {}: {}</note>",
                flag.name(),
                index + 1,
                escape(flag.description())
            )?;
        }
    }
    writeln!(out, "</notes>")
}
