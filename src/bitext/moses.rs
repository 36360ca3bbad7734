//! Two line-aligned text files, as Moses and every toolkit after it read a parallel corpus: line *n* of `report.en` translates line *n* of
//! `report.ar`.
//!
//! The format has no place for flags, scores or the model: ask for `jsonl` beside it. A segment without a translation is an empty line, so the
//! two files stay aligned.

use super::language::language_tag;
use super::line::one_line;
use super::{Bitext, ExportContext, Exporter};
use std::io::{self, Write};

/// One of the two files.
#[derive(Debug, Clone, Copy)]
pub enum Moses {
    Source,
    Target,
}

impl Exporter for Moses {
    fn extension(&self, source_lang: &str, target_lang: &str) -> String {
        match self {
            Moses::Source => language_tag(source_lang),
            Moses::Target => language_tag(target_lang),
        }
    }

    fn write(&self, bitext: &Bitext, _: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        for segment in &bitext.segments {
            let text = match self {
                Moses::Source => bitext.source(segment),
                Moses::Target => &segment.target,
            };
            writeln!(out, "{}", one_line(text))?;
        }
        Ok(())
    }
}
