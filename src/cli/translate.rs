//! `jisr translate`: read everything, translate it together, write each document to its place.

use super::decoding::DecodingArgs;
use super::model::ModelArgs;
use super::output::{Request, Target, Writer};
use super::progress::{Progress, ProgressMode, duration};
use super::{INTERRUPTED, SOME_FAILED, UsageError, say, warn};
use anyhow::Context;
use clap::ArgMatches;
use clap::parser::ValueSource;
use jisr::bitext::{Bitext, ExportError, Flag, Format};
use jisr::document::{self, Document, ReadOptions, Source};
use jisr::memory::{Fingerprint, Journal};
use jisr::pipeline::{Observer, PipelineError, Settings, Translation, Translator};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Text that is translated together before anything of it is written, in bytes: some thousand sentences, so that batches are full, and
/// so that a long run writes its first documents soon.
const TOGETHER: usize = 1 << 20;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Files, folders (walked recursively), or - for standard input
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    out: OutputArgs,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    model: ModelArgs,

    /// Language of the source: an ISO code, or the model family's own
    #[arg(long, value_name = "LANG", default_value = "ar", env = "JISR_FROM", help_heading = "Model and decoding")]
    from: String,

    /// Language of the translation
    #[arg(long, value_name = "LANG", default_value = "en", env = "JISR_TO", help_heading = "Model and decoding")]
    to: String,

    #[command(flatten)]
    decoding: DecodingArgs,

    /// Keep the N best translations of every segment (jsonl, html); raises the beam to N where it is smaller
    #[arg(long, value_name = "N", env = "JISR_NBEST", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "Model and decoding")]
    nbest: Option<u16>,

    #[command(flatten)]
    run: RunArgs,
}

/// What is written, and where.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// File, folder, or - for standard output (default: standard output for one input, the folder jisr-out for several)
    #[arg(short, long, value_name = "PATH", env = "JISR_OUTPUT")]
    output: Option<PathBuf>,

    /// One or more of tsv, jsonl, txt, md, html, docx, xlsx, tmx, xliff, xliff2, moses, same
    #[arg(short, long, value_name = "LIST", env = "JISR_FORMAT", value_delimiter = ',')]
    format: Vec<Format>,

    /// Add word alignments (Pharaoh: source-target, from 0)
    #[arg(long, env = "JISR_ALIGN", value_parser = clap::builder::FalseyValueParser::new())]
    align: bool,

    /// Add token ids to jsonl, exactly as the first attempt gave them: nothing is copied or retried
    #[arg(long, env = "JISR_TOKENS", value_parser = clap::builder::FalseyValueParser::new())]
    tokens: bool,
}

/// How inputs are read.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Input")]
struct InputArgs {
    /// Every input line is one segment; with -f txt one line out per line in
    #[arg(long, env = "JISR_LINES", value_parser = clap::builder::FalseyValueParser::new())]
    lines: bool,

    #[command(flatten)]
    read: super::reading::ReadArgs,
}

/// How the run goes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Run")]
struct RunArgs {
    /// Go on where an interrupted run to the same output stopped (the default where its settings were the same); the variable alone says nothing
    /// to a run that writes no files
    #[arg(long, env = "JISR_RESUME", conflicts_with = "restart", value_parser = clap::builder::FalseyValueParser::new())]
    resume: bool,

    /// `--resume` stands on the command line itself.
    #[arg(skip)]
    resume_flag: bool,

    /// Forget an interrupted run and start over
    #[arg(long, env = "JISR_RESTART", value_parser = clap::builder::FalseyValueParser::new())]
    restart: bool,

    /// Say nothing but errors
    #[arg(short, long, env = "JISR_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
    quiet: bool,

    /// When to show progress
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ProgressMode::Auto, env = "JISR_PROGRESS")]
    progress: ProgressMode,
}

pub fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    if args.inputs.is_empty() {
        if std::io::stdin().is_terminal() {
            let hint = "hint: jisr translate FILE, or - to type or paste text and end it with Ctrl-D";
            return Err(UsageError(format!("nothing to translate: no input was given\n{hint}")).into());
        }
        args.inputs.push("-".into());
    }
    let single = matches!(&args.inputs[..], [one] if !one.is_dir());
    let terminal = std::io::stdout().is_terminal();
    let request = Request { output: args.out.output.as_deref(), formats: &args.out.format, single, terminal };
    let target = Target::choose(&request)?;
    let read_options = ReadOptions { lines: args.input.lines, ..args.input.read.options()? };
    let mut walk = document::walk(&args.inputs, read_options.max_bytes);
    leave_out_own_output(&mut walk.sources, &args.inputs, &target)?;
    let mut failures = Failures::default();
    walk.problems.into_iter().for_each(|problem| failures.add(anyhow::anyhow!("{problem}")));
    if walk.sources.is_empty() {
        if failures.count == 0 {
            warn("the input holds no files");
        }
        return Ok(failures.exit_code());
    }
    let started = Instant::now();
    let files = args.model.resolve(args.run.quiet)?;
    let writer = Writer::new(target, &walk.sources, (&args.from, &args.to), read_options.clone())?;
    let translator = Translator::load(&files, args.settings()?)?;
    if !args.run.quiet {
        translator.warnings().iter().for_each(|warning| warn(warning));
    }
    let journal = open_journal(&args, writer.target(), &translator, &files.identity())?;
    let progress = Progress::new(args.run.progress, args.run.quiet);
    // Only now: before, Ctrl-C just ends the process, and a download is resumed by the next one.
    let cancelled = cancel_on_interrupt();
    let mut run = Run {
        quiet: args.run.quiet,
        arabic_expected: args.from == "ar",
        read_options,
        translator: &translator,
        writer,
        failures,
        totals: Totals::default(),
        watch: Watch { journal, progress, cancelled },
    };
    let outcome = run.all(&walk.sources);
    run.watch.progress.finish();
    match outcome {
        Ok(()) => {}
        Err(error) if matches!(error.downcast_ref(), Some(PipelineError::Cancelled)) => {
            let resumable = run.watch.journal.is_some();
            let next = if resumable { "; the same command goes on from here" } else { "" };
            say(&format!("interrupted{next}"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(error) => return Err(error),
    }
    if !args.run.quiet {
        run.summary(started.elapsed().as_secs_f64());
    }
    let code = run.failures.exit_code();
    match run.watch.journal {
        // What could not be written is not lost: the next run only writes.
        Some(_) if run.failures.unwritten && !args.run.quiet => {
            say("the translations are kept: when the files can be written, the same command only writes them");
        }
        Some(journal) if !run.failures.unwritten => journal.finish(),
        _ => {}
    }
    Ok(code)
}

impl Args {
    /// Keeps what the parsed values don't say: an option of the environment is a default, one on the command line is asked for.
    pub fn note_sources(&mut self, matches: Option<&ArgMatches>) {
        self.run.resume_flag =
            matches.is_some_and(|matches| self.run.resume && matches.value_source("resume") == Some(ValueSource::CommandLine));
    }

    fn settings(&self) -> Result<Settings, UsageError> {
        let mut settings = self.decoding.settings()?;
        settings.from = self.from.clone();
        settings.to = self.to.clone();
        settings.decoding.nbest = self.nbest.map(usize::from);
        settings.lines = self.input.lines;
        settings.align = self.out.align;
        settings.tokens = self.out.tokens;
        Ok(settings)
    }
}

/// A run over all documents.
struct Run<'a> {
    quiet: bool,
    arabic_expected: bool,
    read_options: ReadOptions,
    translator: &'a Translator,
    writer: Writer,
    failures: Failures,
    totals: Totals,
    watch: Watch,
}

impl Run<'_> {
    /// Reads documents until enough text is together, translates and writes it, and so on.
    fn all(&mut self, sources: &[Source]) -> anyhow::Result<()> {
        let mut waiting: Vec<(usize, Document)> = Vec::new();
        let mut size = 0;
        for (index, source) in sources.iter().enumerate() {
            if self.watch.cancelled.load(Ordering::Relaxed) {
                return Err(PipelineError::Cancelled.into());
            }
            match document::read(source, &self.read_options) {
                Ok(documents) => {
                    for document in documents {
                        size += document.text.len();
                        waiting.push((index, self.prepare(document)));
                    }
                }
                Err(error) => self.watch.progress.pause(|| self.failures.add(anyhow::anyhow!("{error}"))),
            }
            if size >= TOGETHER {
                self.together(sources, std::mem::take(&mut waiting))?;
                size = 0;
            }
        }
        self.together(sources, waiting)
    }

    fn prepare(&mut self, document: Document) -> Document {
        for warning in &document.warnings {
            if !self.quiet {
                self.watch.progress.pause(|| warn(&format!("{}: {warning}", document.name)));
            }
        }
        if self.arabic_expected && !document.has_arabic() && !document.text.trim().is_empty() {
            let hint = "hint: what is in Latin script is copied as it is; --from says another source language";
            self.watch.progress.pause(|| self.failures.add(anyhow::anyhow!("{}: no Arabic text in it\n{hint}", document.name)));
        }
        document
    }

    fn together(&mut self, sources: &[Source], documents: Vec<(usize, Document)>) -> anyhow::Result<()> {
        let (indices, documents): (Vec<usize>, Vec<Document>) = documents.into_iter().unzip();
        let bitexts = self.translator.translate(documents, &self.watch)?;
        for (index, bitext) in indices.into_iter().zip(bitexts) {
            self.totals.add(&bitext);
            for error in self.watch.progress.pause(|| self.writer.write(index, &sources[index], &bitext)) {
                // The rest of a stream would be as useless as this part; a file that cannot be written is one failure among others.
                if matches!(self.writer.target(), Target::Terminal | Target::Stdout(_)) {
                    return Err(error).context("cannot write to standard output");
                }
                self.failures.unwritten = true;
                self.watch.progress.pause(|| self.failures.add(error));
            }
        }
        Ok(())
    }

    fn summary(&self, seconds: f64) {
        let totals = &self.totals;
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let place = self.writer.target().describe().map(|place| format!(" → {place}")).unwrap_or_default();
        say(&format!(
            "{}, {} in {} with {} ({}){place}",
            count(totals.documents, "document"),
            count(totals.segments, "segment"),
            duration(seconds),
            self.translator.name(),
            self.translator.model().kernel(),
        ));
        if !totals.flags.is_empty() {
            let flags: Vec<String> = totals.flags.iter().map(|(flag, n)| format!("{n} {}", flag.name())).collect();
            say(&format!("flagged: {}", flags.join(", ")));
        }
        if self.failures.count > 0 {
            say(&format!("{} failed, see above", count(self.failures.count, "input")));
        }
        if let Some(note) = super::model::quality_note(self.translator.name()) {
            say(&note);
        }
    }
}

/// What an earlier run wrote is not what this one reads: a target folder inside an input is left out, one that is an input is refused.
fn leave_out_own_output(sources: &mut Vec<Source>, inputs: &[PathBuf], target: &Target) -> Result<(), UsageError> {
    let Target::Folder(_, root) = target else { return Ok(()) };
    let Ok(root) = root.canonicalize() else { return Ok(()) };
    if inputs.iter().any(|input| input.is_dir() && input.canonicalize().is_ok_and(|input| input == root)) {
        return Err(UsageError(format!(
            "the output folder {} is the input folder: the next run would read what this one writes\nhint: give another --output",
            root.display()
        )));
    }
    let folders: Vec<PathBuf> =
        inputs.iter().filter(|input| input.is_dir()).filter_map(|input| input.canonicalize().ok()).collect();
    if folders.iter().any(|folder| root.starts_with(folder)) {
        sources.retain(|source| {
            !source.path().and_then(|path| path.canonicalize().ok()).is_some_and(|path| path.starts_with(&root))
        });
    }
    Ok(())
}

/// Inputs that could not be read or written; each is said at once, all are counted.
#[derive(Default)]
struct Failures {
    count: usize,
    /// A translation is there, but a file for it could not be written.
    unwritten: bool,
}

impl Failures {
    fn add(&mut self, problem: anyhow::Error) {
        self.count += 1;
        super::report(&problem);
    }

    fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.count > 0 { SOME_FAILED } else { 0 })
    }
}

#[derive(Default)]
struct Totals {
    documents: usize,
    segments: usize,
    flags: BTreeMap<Flag, usize>,
}

impl Totals {
    fn add(&mut self, bitext: &Bitext) {
        self.documents += 1;
        self.segments += bitext.segments.len();
        for flag in bitext.segments.iter().flat_map(|segment| &segment.flags) {
            *self.flags.entry(*flag).or_default() += 1;
        }
    }
}

/// What goes on beside the translation: progress, the journal, the wish to stop.
struct Watch {
    journal: Option<Journal<Translation>>,
    progress: Progress,
    cancelled: Arc<AtomicBool>,
}

impl Observer for Watch {
    fn expect(&self, segments: usize) {
        self.progress.expect(segments as u64);
    }

    fn advance(&self) {
        self.progress.advance();
    }

    fn known(&self, source: &str) -> Option<Translation> {
        self.journal.as_ref()?.get(source).cloned()
    }

    fn translated(&self, source: &str, translation: &Translation) -> Result<(), String> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.append(source, translation.clone()).map_err(|error| error.to_string())
    }

    fn cancelled(&self) -> &AtomicBool {
        &self.cancelled
    }
}

fn open_journal(
    args: &Args,
    target: &Target,
    translator: &Translator,
    identity: &str,
) -> anyhow::Result<Option<Journal<Translation>>> {
    let Some(path) = target.journal() else {
        if args.run.resume_flag {
            let hint = "hint: give --output, so that there is something to resume";
            return Err(UsageError(format!("--resume goes with a run that writes files\n{hint}")).into());
        }
        return Ok(None);
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| ExportError { path: folder.to_owned(), source })?;
    let settings = translator.settings();
    let fingerprint = Fingerprint {
        version: 1,
        model: format!("{} {identity}", translator.name()),
        settings: format!(
            "{:?} {:?} {} {} tokens={}",
            translator.model().precision(),
            translator.options(),
            settings.from,
            settings.to,
            settings.tokens
        ),
    };
    if args.run.resume && Journal::<Translation>::matches(&path, &fingerprint) == Some(false) {
        let hint = "hint: run it with the settings it was started with, or start over with --restart";
        return Err(UsageError(format!(
            "the interrupted run in {} had another model or other settings\n{hint}",
            folder.display()
        ))
        .into());
    }
    let journal = Journal::open(&path, &fingerprint, args.run.restart)?;
    if journal.replaced_foreign() && !args.run.quiet {
        warn("an interrupted run of another model or other settings lay here; it is given up");
    }
    if !journal.is_empty() && !args.run.quiet {
        say(&format!("resuming: {} segments are already translated (--restart starts over)", journal.len()));
    }
    Ok(Some(journal))
}

/// The first Ctrl-C asks the run to stop, the second one stops it.
fn cancel_on_interrupt() -> Arc<AtomicBool> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = cancelled.clone();
    // Without a handler Ctrl-C ends the process at once, which the journal survives too.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    cancelled
}
