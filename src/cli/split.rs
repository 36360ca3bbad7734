//! `jisr split`: sentences of a text, one a line or as JSONL.

use anyhow::Context;
use clap::{Args as ClapArgs, ValueEnum};
use jisr::document::Block;
use jisr::text;
use std::io::{BufWriter, Read, Write};
use std::process::ExitCode;

/// Splits Arabic text into sentences: one sentence a line, a blank line between blocks.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Files to split; - or nothing reads standard input
    #[arg(value_name = "INPUT")]
    inputs: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Txt, env = "JISR_SPLIT_FORMAT")]
    format: Format,
    /// Print JSONL records {"block","start","end","text"} (the same as --format jsonl)
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One sentence a line, a blank line between blocks
    Txt,
    /// One JSON object a line; offsets are bytes of the text, blocks count from 0
    Jsonl,
}

#[derive(serde::Serialize)]
struct Record<'a> {
    block: usize,
    start: usize,
    end: usize,
    text: &'a str,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let format = if args.json { Format::Jsonl } else { args.format };
    let inputs = if args.inputs.is_empty() { vec!["-".to_owned()] } else { args.inputs };
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut failed = false;
    let mut first_block = true;
    for input in inputs {
        match read(&input) {
            Ok(text) => write(&mut out, &text, &text::blocks(&text), format, &mut first_block)?,
            Err(error) => {
                anstream::eprintln!("error: {error:#}");
                failed = true;
            }
        }
    }
    out.flush()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(input: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if input == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).context("can't read standard input")?;
    } else {
        bytes = std::fs::read(input).with_context(|| format!("can't read {input}"))?;
    }
    String::from_utf8(bytes).with_context(|| format!("{input} is not UTF-8"))
}

fn write(out: &mut impl Write, text: &str, blocks: &[Block], format: Format, first_block: &mut bool) -> std::io::Result<()> {
    for (block, Block { range, .. }) in blocks.iter().enumerate() {
        let sentences = text::sentences(text, range.clone());
        match format {
            Format::Txt => {
                if !std::mem::take(first_block) {
                    out.write_all(b"\n")?;
                }
                for range in sentences {
                    for (index, word) in text[range].split_whitespace().enumerate() {
                        if index > 0 {
                            out.write_all(b" ")?;
                        }
                        out.write_all(word.as_bytes())?;
                    }
                    out.write_all(b"\n")?;
                }
            }
            Format::Jsonl => {
                for range in sentences {
                    serde_json::to_writer(&mut *out, &Record { block, start: range.start, end: range.end, text: &text[range] })?;
                    out.write_all(b"\n")?;
                }
            }
        }
    }
    Ok(())
}
