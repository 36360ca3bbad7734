//! Translation memory in TMX 1.4b (<https://www.gala-global.org/tmx-14b>), for OmegaT, Okapi, Trados, the Translate Toolkit.
//!
//! One `tu` per segment. `creationid="MT!"` is what CAT tools look for when they rank machine translation below a person's. Model, document,
//! score and flags are `prop` elements; alternatives are not in the memory. A `seg` is never empty: a segment without source or translation has no
//! `tu`, and a note in the header says which ones are missing.

use super::calendar::Moment;
use super::language::language_tag;
use super::line::one_line;
use super::xml::{escape, escape_line};
use super::{Bitext, ExportContext, Exporter, Segment};
use std::io::{self, Write};

pub struct Tmx;

impl Exporter for Tmx {
    fn extension(&self, _: &str, _: &str) -> String {
        "tmx".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        let date = Moment::from_system(context.written).basic();
        let (source, target) = (language_tag(&bitext.source_lang), language_tag(&bitext.target_lang));
        let (source, target) = (escape(&source), escape(&target));
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tmx version=\"1.4\">")?;
        writeln!(
            out,
            "<header creationtool=\"jisr\" creationtoolversion=\"{}\" segtype=\"sentence\" o-tmf=\"jisr\" adminlang=\"en\" srclang=\"{source}\" \
             datatype=\"plaintext\" creationdate=\"{date}\" creationid=\"MT!\">",
            env!("CARGO_PKG_VERSION"),
        )?;
        let missing: Vec<String> = numbered(bitext, false).map(|(index, _)| (index + 1).to_string()).collect();
        if !missing.is_empty() {
            writeln!(out, "<note>Left out for want of a translation: segments {}.</note>", missing.join(", "))?;
        }
        writeln!(out, "<prop type=\"x-model\">{}</prop>", escape_line(&bitext.model))?;
        writeln!(out, "<prop type=\"x-document\">{}</prop>\n</header>\n<body>", escape_line(&bitext.document.name))?;
        for (index, segment) in numbered(bitext, true) {
            writeln!(out, "<tu tuid=\"{}\" creationdate=\"{date}\" creationid=\"MT!\">", index + 1)?;
            write_props(bitext, segment, out)?;
            writeln!(out, "<tuv xml:lang=\"{source}\"><seg>{}</seg></tuv>", escape_line(bitext.source(segment)))?;
            writeln!(
                out,
                "<tuv xml:lang=\"{target}\" creationdate=\"{date}\" creationid=\"MT!\"><seg>{}</seg></tuv>\n</tu>",
                escape_line(&segment.target)
            )?;
        }
        writeln!(out, "</body>\n</tmx>")
    }
}

/// Segments that have both sides, or those that lack one, with their running numbers.
fn numbered(bitext: &Bitext, whole: bool) -> impl Iterator<Item = (usize, &Segment)> {
    let filled = |text: &str| !escape(&one_line(text)).is_empty();
    bitext
        .segments
        .iter()
        .enumerate()
        .filter(move |(_, segment)| (filled(bitext.source(segment)) && filled(&segment.target)) == whole)
}

fn write_props(bitext: &Bitext, segment: &Segment, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<prop type=\"x-model\">{}</prop>", escape_line(&bitext.model))?;
    if let Some(score) = segment.finite_score() {
        writeln!(out, "<prop type=\"x-score\">{score:.4}</prop>")?;
    }
    if !segment.flags.is_empty() {
        writeln!(out, "<prop type=\"x-flags\">{}</prop>", segment.flag_names(","))?;
    }
    Ok(())
}
