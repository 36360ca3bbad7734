//! Tab-separated values: one segment a line, one header line, for spreadsheets and data frames.
//!
//! The columns that people look at come first, the others say where the segment lies and what made it:
//! `number source target score flags doc block start end alignment model`. `number` counts from 1, as in every format for people; `block`,
//! `start`, `end`, `score` and `alignment` are those of [`super::jsonl`]. There is a header because eleven columns explain themselves to nobody,
//! and because Excel, pandas, DuckDB and `csvkit` take the first line for one.
//!
//! A record is always one line and a tab always divides two fields: white space within a text, line breaks and tabs included, is one space here
//! (JSONL has the exact text). A field that *begins* with a double quote is quoted and its quotes doubled, as in CSV, since readers that know
//! about quotes would otherwise swallow the lines up to the next one; every other field stands as it is, so `cut -f2,3` works.

use super::line::one_line;
use super::{Bitext, ExportContext, Exporter};
use std::borrow::Cow;
use std::io::{self, Write};

pub struct Tsv;

const HEADER: &str = "number\tsource\ttarget\tscore\tflags\tdoc\tblock\tstart\tend\talignment\tmodel";

impl Exporter for Tsv {
    fn extension(&self, _: &str, _: &str) -> String {
        "tsv".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{HEADER}")?;
        self.write_next(bitext, context, out)
    }

    fn write_next(&self, bitext: &Bitext, _: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        let (doc, model) = (field(&bitext.document.name), field(&bitext.model));
        for (index, segment) in bitext.segments.iter().enumerate() {
            let score = segment.finite_score().map(|score| format!("{score:.4}")).unwrap_or_default();
            writeln!(
                out,
                "{}\t{}\t{}\t{score}\t{}\t{doc}\t{}\t{}\t{}\t{}\t{model}",
                index + 1,
                field(bitext.source(segment)),
                field(&segment.target),
                segment.flag_names(","),
                segment.block,
                segment.range.start,
                segment.range.end,
                segment.pharaoh(),
            )?;
        }
        Ok(())
    }
}

fn field(text: &str) -> Cow<'_, str> {
    let line = one_line(text);
    if line.starts_with('"') { Cow::Owned(format!("\"{}\"", line.replace('"', "\"\""))) } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitext::sample;

    #[test]
    fn quotes_at_the_start_swallow_nothing() {
        let mut bitext = sample::small();
        bitext.segments[1].target = "\"We will\tgo\", he said.".into();
        bitext.segments[2].target = "He said \"no".into();
        let text = sample::written(&Tsv, &bitext);
        let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), bitext.segments.len());
        assert_eq!(&rows[1][2], "\"We will go\", he said.");
        assert_eq!(&rows[2][2], "He said \"no");
        assert_eq!(text.lines().count(), bitext.segments.len() + 1);
        assert!(text.lines().all(|line| line.matches('\t').count() == HEADER.matches('\t').count()), "{text}");
    }

    #[test]
    fn a_second_document_repeats_no_header() {
        let bitext = sample::small();
        let mut out = Vec::new();
        Tsv.write(&bitext, &sample::CONTEXT, &mut out).unwrap();
        Tsv.write_next(&bitext, &sample::CONTEXT, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches(HEADER).count(), 1);
        assert_eq!(text.lines().count(), 2 * bitext.segments.len() + 1);
    }
}
