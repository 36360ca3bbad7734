//! `jisr tokenize`: lines of text to pieces or ids, exactly as the model gets them, and back.

use super::UsageError;
use super::model::ModelArgs;
use anyhow::Context;
use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;
use jisr::tokenizer::{self, Tokenizer, TokenizerError};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Files to read line by line; - or nothing reads standard input
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    /// Take the target side's tokens instead of the source side's
    #[arg(long, env = "JISR_TARGET", value_parser = FalseyValueParser::new())]
    target: bool,
    /// Turn pieces (or ids, with --ids) into text
    #[arg(long, env = "JISR_DECODE", value_parser = FalseyValueParser::new())]
    decode: bool,
    /// Print (or read) ids instead of pieces
    #[arg(long, env = "JISR_IDS", value_parser = FalseyValueParser::new())]
    ids: bool,
    /// Language of the source: an ISO code, or the model family's own
    #[arg(long, value_name = "LANG", default_value = "ar", env = "JISR_FROM")]
    from: String,
    /// Language of the target (default: English; Marian models for several languages then take the one that the text names, as in >>fra<<)
    #[arg(long, value_name = "LANG", env = "JISR_TO")]
    to: Option<String>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let files = args.model.resolve_tokenizer(false)?;
    let tokenizer = tokenizer::load(&files, Some(&args.from), args.to.as_deref()).map_err(|error| match error {
        TokenizerError::Language(message) => UsageError(message).into(),
        error => anyhow::Error::new(error),
    })?;
    let inputs = if args.inputs.is_empty() { vec!["-".into()] } else { args.inputs.clone() };
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut failed = false;
    for path in &inputs {
        let outcome = open(path).and_then(|input| args.convert(&*tokenizer, input, path, &mut out));
        match outcome {
            Err(error) if !super::is_broken_pipe(&error) => {
                failed = true;
                super::report(&error);
            }
            outcome => outcome?,
        }
    }
    out.flush()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

impl Args {
    /// One line out for every line in. A line ends with a line feed and nothing else; bytes that are not UTF-8 become U+FFFD.
    fn convert(
        &self,
        tokenizer: &dyn Tokenizer,
        mut input: impl BufRead,
        path: &Path,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            let read = input.read_until(b'\n', &mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
            if read == 0 {
                break;
            }
            let line = String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(&bytes));
            let converted = if self.decode { self.to_text(tokenizer, &line) } else { Ok(self.to_tokens(tokenizer, &line)) };
            let converted = converted.with_context(|| format!("line {number} of {}", path.display()))?;
            writeln!(out, "{converted}")?;
        }
        Ok(())
    }

    fn to_tokens(&self, tokenizer: &dyn Tokenizer, line: &str) -> String {
        let ids = if self.target { tokenizer.encode_target(line) } else { tokenizer.encode_source(line) };
        let mut tokens = String::new();
        for (index, id) in ids.into_iter().enumerate() {
            if index > 0 {
                tokens.push(' ');
            }
            match (self.ids, self.target) {
                (true, _) => tokens.push_str(&id.to_string()),
                (false, true) => tokens.push_str(tokenizer.target_piece(id)),
                (false, false) => tokens.push_str(tokenizer.source_piece(id)),
            }
        }
        tokens
    }

    fn to_text(&self, tokenizer: &dyn Tokenizer, line: &str) -> anyhow::Result<String> {
        let token_id = |token: &str| {
            if self.ids {
                return token.parse().with_context(|| format!("{token:?} is not an id\nhint: without --ids, pieces are read"));
            }
            let id = if self.target { tokenizer.target_id(token) } else { tokenizer.source_id(token) };
            id.with_context(|| format!("the vocabulary has no piece {token:?}\nhint: with --ids, ids are read"))
        };
        let tokens = line.trim_end_matches('\r').split([' ', '\t']).filter(|token| !token.is_empty());
        let ids = tokens.map(token_id).collect::<anyhow::Result<Vec<u32>>>()?;
        Ok(if self.target { tokenizer.decode_target(&ids) } else { tokenizer.decode_source(&ids) })
    }
}
