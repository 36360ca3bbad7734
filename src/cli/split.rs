//! `jisr split`: sentences of a text, one a line or as JSONL.

use super::reading::ReadArgs;
use clap::{Args as ClapArgs, ValueEnum};
use jisr::document::{self, Block};
use jisr::text;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Files or folders to split; - or nothing reads standard input
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Txt, env = "JISR_SPLIT_FORMAT")]
    format: Format,
    /// Print JSONL records {"block","start","end","text"} (the same as --format jsonl)
    #[arg(long, visible_alias = "jsonl", env = "JISR_JSON", value_parser = clap::builder::FalseyValueParser::new())]
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
    let inputs = if args.inputs.is_empty() { vec!["-".into()] } else { args.inputs };
    let options = args.read.options()?;
    let walk = document::walk(&inputs, options.max_bytes);
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut failed = !walk.problems.is_empty();
    walk.problems.into_iter().for_each(|problem| super::report(&anyhow::anyhow!("{problem}")));
    let mut first_block = true;
    for source in &walk.sources {
        match document::read(source, &options) {
            Ok(documents) => {
                for document in documents {
                    write(&mut out, &document.text, &document.blocks, format, &mut first_block)?;
                }
            }
            Err(error) => {
                failed = true;
                super::report(&anyhow::anyhow!("{error}"));
            }
        }
    }
    out.flush()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
