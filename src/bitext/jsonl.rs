//! JSON Lines: one object per segment, with everything known about it.
//!
//! ```json
//! {"doc":"a/report.txt","block":0,"seg":0,"start":0,"end":38,"source":"…","target":"…","score":-0.41,"alignment":"0-0 1-2","flags":["numbers"],"model":"…"}
//! ```
//!
//! `block` and `seg` count from 0 in the document; `start` and `end` are byte offsets in the extracted text, and `source` is exactly what lies
//! between them. `score` is the mean log-probability per target token, `null` where no model ran. `alignment` is Pharaoh over whitespace words,
//! empty without `--align`. `nbest` (further translations, best first) and `source_ids`/`target_ids` are there when they were asked for.

use super::{Bitext, ExportContext, Exporter, Segment};
use serde::Serialize;
use std::io::{self, Write};

pub struct Jsonl;

/// A record; the order of the fields is part of the contract.
#[derive(Serialize)]
struct Record<'a> {
    doc: &'a str,
    block: usize,
    seg: usize,
    start: usize,
    end: usize,
    source: &'a str,
    target: &'a str,
    score: Option<f32>,
    alignment: String,
    flags: Vec<&'static str>,
    model: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nbest: Vec<Hypothesis<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ids: Option<&'a [u32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_ids: Option<&'a [u32]>,
}

#[derive(Serialize)]
struct Hypothesis<'a> {
    target: &'a str,
    score: f32,
}

/// The record of segment number `seg`, without a line break at its end.
pub fn record(bitext: &Bitext, seg: usize, segment: &Segment) -> serde_json::Result<String> {
    serde_json::to_string(&Record {
        doc: &bitext.document.name,
        block: segment.block,
        seg,
        start: segment.range.start,
        end: segment.range.end,
        source: bitext.source(segment),
        target: &segment.target,
        score: segment.finite_score(),
        alignment: segment.pharaoh(),
        flags: segment.flags.iter().map(|flag| flag.name()).collect(),
        model: &bitext.model,
        nbest: segment.alternatives.iter().map(|other| Hypothesis { target: &other.target, score: other.score }).collect(),
        source_ids: segment.tokens.as_ref().map(|tokens| tokens.source.as_slice()),
        target_ids: segment.tokens.as_ref().map(|tokens| tokens.target.as_slice()),
    })
}

impl Exporter for Jsonl {
    fn extension(&self, _: &str, _: &str) -> String {
        "jsonl".into()
    }

    fn write(&self, bitext: &Bitext, _: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        for (seg, segment) in bitext.segments.iter().enumerate() {
            writeln!(out, "{}", record(bitext, seg, segment)?)?;
        }
        Ok(())
    }
}
