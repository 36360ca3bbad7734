//! `jisr bench`: how fast a model translates on this machine.

use super::decoding::DecodingArgs;
use super::model::ModelArgs;
use anyhow::Context;
use jisr::engine::search;
use jisr::pipeline::Translator;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// Text whose lines are translated, or - for standard input
    #[arg(long, value_name = "FILE", env = "JISR_BENCH_INPUT")]
    input: PathBuf,

    #[arg(long, value_name = "LANG", default_value = "ar", env = "JISR_FROM")]
    from: String,

    #[arg(long, value_name = "LANG", default_value = "en", env = "JISR_TO")]
    to: String,

    #[command(flatten)]
    decoding: DecodingArgs,

    /// Times the lines are translated after a warm-up; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, env = "JISR_BENCH_REPEAT", value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,

    /// Print one JSON object
    #[arg(long, env = "JISR_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Measurement {
    segments: usize,
    source_tokens: usize,
    /// End of sentence included.
    target_tokens: usize,
    /// Median over the repetitions.
    seconds: f64,
    /// Target tokens per second.
    tokens_per_second: f64,
    load_seconds: f64,
    /// Peak resident memory of the process; `null` where the system does not tell.
    peak_rss_mib: Option<f64>,
    precision: String,
    kernel: String,
    threads: usize,
    beam: usize,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (text, name) = if args.input == Path::new("-") {
        (std::io::read_to_string(std::io::stdin().lock()), "standard input".to_owned())
    } else {
        (std::fs::read_to_string(&args.input), args.input.display().to_string())
    };
    let text = text.with_context(|| format!("cannot read {name}"))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    anyhow::ensure!(!lines.is_empty(), "{name} has no lines to translate");
    let files = args.model.resolve(args.json)?;
    let mut settings = args.decoding.settings()?;
    (settings.from, settings.to) = (args.from.clone(), args.to.clone());
    let started = Instant::now();
    let translator = Translator::load(&files, settings)?;
    let load_seconds = started.elapsed().as_secs_f64();
    let limit = translator.model().architecture().max_positions;
    let sources: Vec<Vec<u32>> = lines
        .iter()
        .map(|line| {
            let mut ids = translator.tokenizer().encode_source(jisr::text::clean(line).as_ref());
            ids.truncate(limit);
            ids
        })
        .collect();
    let mut target_tokens = 0;
    let mut seconds = Vec::new();
    for round in 0..=args.repeat {
        let (took, tokens) = translate(&translator, &sources)?;
        target_tokens = tokens;
        if round > 0 {
            seconds.push(took);
        }
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let measurement = Measurement {
        segments: sources.len(),
        source_tokens: sources.iter().map(Vec::len).sum(),
        target_tokens,
        seconds: median,
        tokens_per_second: target_tokens as f64 / median,
        load_seconds,
        peak_rss_mib: peak_rss_mib(),
        precision: translator.model().precision().to_string(),
        kernel: translator.model().kernel(),
        threads: translator.settings().threads,
        beam: translator.options().beams,
    };
    if args.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&measurement)?)?;
    } else {
        print(translator.name(), &measurement)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Seconds and target tokens of one pass over all lines.
fn translate(translator: &Translator, sources: &[Vec<u32>]) -> anyhow::Result<(f64, usize)> {
    let tokens = AtomicUsize::new(0);
    let settings = translator.settings();
    let started = Instant::now();
    search::translate(
        translator.model(),
        sources,
        translator.options(),
        settings.threads,
        settings.max_batch_tokens,
        &|_, hypotheses| {
            tokens.fetch_add(hypotheses[0].ids.len(), Ordering::Relaxed);
        },
        &AtomicBool::new(false),
    )?;
    Ok((started.elapsed().as_secs_f64(), tokens.into_inner()))
}

fn print(model: &str, m: &Measurement) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "model      {model}, {} ({})", m.precision, m.kernel)?;
    writeln!(out, "decoding   beam {}, {} thread{}", m.beam, m.threads, if m.threads == 1 { "" } else { "s" })?;
    writeln!(out, "text       {} segments, {} source tokens, {} target tokens", m.segments, m.source_tokens, m.target_tokens)?;
    writeln!(out, "speed      {:.0} target tokens/s, {:.1} segments/s", m.tokens_per_second, m.segments as f64 / m.seconds)?;
    let memory = m.peak_rss_mib.map_or("unknown".into(), |mib| format!("{mib:.0} MiB"));
    writeln!(out, "start      {:.2} s to load; peak memory {memory}", m.load_seconds)
}

/// Peak resident memory of this process as Linux counts it.
fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
