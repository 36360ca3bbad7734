//! `jisr models`: which models there are, on this machine and beyond.

use super::model::{DownloadTalk, HubArgs};
use super::verify::Opinion;
use super::{SOME_FAILED, UsageError, say};
use anyhow::Context;
use clap::Subcommand;
use jisr::hub::{BUILTIN, Cached, Entry, FileSource, Hub, ModelFiles, Named, Place, Verdict, bytes_for_people};
use serde::Serialize;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use unicode_width::UnicodeWidthStr;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Known models with licence, size and quality, and what is on disk
    List {
        /// Print a JSON array
        #[arg(long, env = "JISR_JSON", value_parser = clap::builder::FalseyValueParser::new())]
        json: bool,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Fetch a model, or what is new of it
    Pull {
        /// A known name or ORG/REPO[@REVISION]
        model: String,
        /// Use it where no model is named
        #[arg(long, env = "JISR_PULL_DEFAULT", value_parser = clap::builder::FalseyValueParser::new())]
        default: bool,
        /// Show no progress
        #[arg(short, long, env = "JISR_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
        quiet: bool,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// All that is known of a model
    Info {
        /// A known name, ORG/REPO[@REVISION], or a folder
        model: String,
        /// Print a JSON object
        #[arg(long, env = "JISR_JSON", value_parser = clap::builder::FalseyValueParser::new())]
        json: bool,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Check a model's files against the hub's hashes, and its numbers against another implementation
    Verify {
        /// A known name, ORG/REPO[@REVISION], or a folder
        model: String,
        /// Check the hashes alone
        #[arg(long, env = "JISR_VERIFY_HASHES", value_parser = clap::builder::FalseyValueParser::new())]
        hashes: bool,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Delete a model from the cache
    Remove {
        /// A known name, ORG/REPO[@REVISION], or a folder
        model: String,
        /// Do not ask
        #[arg(short, long, env = "JISR_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Print the folder of a model on disk
    Path {
        /// A known name, ORG/REPO[@REVISION], or a folder
        model: String,
        #[command(flatten)]
        hub: HubArgs,
    },
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List { json, hub } => list(&hub.open()?, json),
        Command::Pull { model, default, quiet, hub } => pull(&hub.open()?, &model, default, quiet),
        Command::Info { model, json, hub } => info(&hub.open()?, &model, json),
        Command::Verify { model, hashes, hub } => verify(&hub.open()?, &model, hashes),
        Command::Remove { model, yes, hub } => remove(&hub.open()?, &model, yes),
        Command::Path { model, hub } => path(&hub.open()?, &model),
    }
}

/// A model as `list` and `info` show it.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    entry: Entry,
    non_commercial: bool,
    default: bool,
    /// Whether it can be used without a network.
    on_disk: bool,
    path: Option<PathBuf>,
    commit: Option<String>,
}

impl Row {
    fn new(hub: &Hub, model: &Named) -> Row {
        let files = hub.find(model).ok().flatten();
        let folder = files.as_ref().and_then(folder);
        let blank = || Entry { name: model.name.clone(), ..Entry::default() };
        let mut entry = Entry { name: model.name.clone(), ..model.entry.clone().unwrap_or_else(blank) };
        if let (None, Some(folder)) = (entry.size, folder) {
            entry.size = Some(jisr::hub::size_of(folder));
        }
        if let (None, Place::Hub { repo, revision }) = (&entry.hub, &model.place) {
            (entry.hub, entry.revision) = (Some(repo.clone()), Some(revision.clone()));
        }
        Row {
            non_commercial: entry.is_non_commercial(),
            default: hub.default_model().as_deref() == Some(&model.name),
            on_disk: files.is_some(),
            path: folder.map(Path::to_owned),
            commit: files.as_ref().and_then(|files| files.commit()).map(str::to_owned),
            entry,
        }
    }

    fn place(&self) -> &'static str {
        match () {
            _ if self.entry.name == BUILTIN => "built in",
            _ if self.on_disk => "on disk",
            _ => "-",
        }
    }
}

fn list(hub: &Hub, json: bool) -> anyhow::Result<ExitCode> {
    let known = hub.registry().entries().iter().filter_map(|entry| hub.resolve(&entry.name).ok());
    let mut rows: Vec<Row> = known.map(|model| Row::new(hub, &model)).collect();
    // What others have put into the cache, and revisions that were pulled by name.
    let unknown = hub.cache().models().into_iter().filter(|cached| !rows.iter().any(|row| is_row_of(row, cached)));
    let unknown: Vec<Row> = unknown.map(|cached| cached_row(hub, cached)).collect();
    rows.extend(unknown);
    let mut out = anstream::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &rows)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["NAME", "FAMILY", "SIZE", "LICENCE", "QUALITY", "WHERE"].map(str::to_owned);
    let cells = |row: &Row| {
        let entry = &row.entry;
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
        [
            format!("{}{}", entry.name, if row.default { " (default)" } else { "" }),
            text(&entry.family),
            entry.size.map_or("?".to_owned(), bytes_for_people),
            text(&entry.licence),
            entry.quality().unwrap_or_else(|| "-".to_owned()),
            row.place().to_owned(),
        ]
    };
    let table: Vec<[String; 6]> = std::iter::once(header).chain(rows.iter().map(cells)).collect();
    print_table(&mut out, &table)?;
    if rows.iter().any(|row| row.non_commercial) {
        writeln!(out, "\nCC-BY-NC: not for commercial use.")?;
    }
    if hub.default_model().is_none() {
        writeln!(out, "Default: {}, from the cache or the hub; builtin where neither can be had.", jisr::hub::DEFAULT)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_row_of(row: &Row, cached: &Cached) -> bool {
    row.path.as_ref() == Some(&cached.folder)
}

fn cached_row(hub: &Hub, cached: Cached) -> Row {
    let revision = cached.refs.first().unwrap_or(&cached.commit);
    let name = match revision.as_str() {
        "main" => cached.repo.clone(),
        revision => format!("{}@{revision}", cached.repo),
    };
    let family = match cached.model_type.as_str() {
        "m2m_100" => "m2m100",
        other => other,
    };
    let entry = Entry {
        name: name.clone(),
        hub: Some(cached.repo.clone()),
        revision: Some(revision.clone()),
        family: Some(family.to_owned()),
        size: Some(cached.size),
        ..Entry::default()
    };
    Row {
        entry,
        non_commercial: false,
        default: hub.default_model() == Some(name),
        on_disk: true,
        path: Some(cached.folder),
        commit: Some(cached.commit),
    }
}

/// Columns as wide as their widest cell; sizes to the right.
fn print_table(out: &mut impl Write, table: &[[String; 6]]) -> std::io::Result<()> {
    const SIZE: usize = 2;
    let width = |column: usize| table.iter().map(|row| row[column].width()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    for row in table {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.width());
            line += &if column == SIZE { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn pull(hub: &Hub, name: &str, default: bool, quiet: bool) -> anyhow::Result<ExitCode> {
    let model = hub.resolve(name)?;
    let mut talk = DownloadTalk::new(quiet);
    let files = hub.pull(&model, &mut talk);
    talk.finish();
    let files = files?;
    let said = |text: &str| {
        if !quiet {
            say(text)
        }
    };
    match folder(&files) {
        Some(folder) => said(&format!("{name} is in {}", folder.display())),
        None => said(&format!("{name} is compiled into jisr: there is nothing to fetch")),
    }
    if default {
        let kept = match &model.place {
            // A folder is found again from any working directory.
            Place::Folder(folder) if model.entry.is_none() => std::path::absolute(folder)?.display().to_string(),
            _ => model.name.clone(),
        };
        hub.set_default_model(Some(&kept))?;
        said(&format!("{kept} is the default now"));
    }
    Ok(ExitCode::SUCCESS)
}

fn info(hub: &Hub, name: &str, json: bool) -> anyhow::Result<ExitCode> {
    let row = Row::new(hub, &hub.resolve(name)?);
    let mut out = anstream::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &row)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let entry = &row.entry;
    let mut line = |label: &str, value: Option<String>| match value {
        Some(value) => writeln!(out, "{label:<11} {value}"),
        None => Ok(()),
    };
    line("name", Some(format!("{}{}", entry.name, if row.default { " (default)" } else { "" })))?;
    line("about", entry.about.clone())?;
    line("family", entry.family.clone())?;
    line("parameters", entry.parameters.map(|n| format!("{:.1} million", n as f64 / 1e6)))?;
    line("size", entry.size.map(bytes_for_people))?;
    let note = entry.licence_note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    line("licence", entry.licence.as_ref().map(|licence| format!("{licence}{note}")))?;
    if row.non_commercial {
        line("", Some("not for commercial use".to_owned()))?;
    }
    for score in &entry.scores {
        line("quality", Some(format!("{}; source: {}", score.text(), score.source)))?;
    }
    let revision = entry.revision.as_deref().unwrap_or("main");
    line("hub", entry.hub.as_ref().map(|hub| format!("{hub}, revision {revision}")))?;
    line("commit", row.commit.clone())?;
    let place = row.path.as_ref().map(|path| path.display().to_string());
    let elsewhere = if row.on_disk { "compiled into jisr".to_owned() } else { format!("not on disk; jisr models pull {name}") };
    line("place", Some(place.unwrap_or(elsewhere)))?;
    Ok(ExitCode::SUCCESS)
}

/// The model's files, which must be on this machine.
fn on_disk(hub: &Hub, name: &str) -> anyhow::Result<ModelFiles> {
    let files = hub.find(&hub.resolve(name)?)?;
    files.with_context(|| format!("{name} is not on this machine\nhint: jisr models pull {name}"))
}

fn verify(hub: &Hub, name: &str, hashes_only: bool) -> anyhow::Result<ExitCode> {
    let files = on_disk(hub, name)?;
    let mut out = anstream::stdout().lock();
    let mut changed = 0;
    for check in files.verify()? {
        let verdict = match &check.verdict {
            Verdict::Matches { kind } => format!("ok ({kind})"),
            Verdict::Differs { kind, expected, found } => {
                changed += 1;
                format!("CHANGED: its {kind} should be {expected} and is {found}")
            }
            Verdict::Unknown { sha256 } => format!("no hash to compare with; SHA-256 {sha256}"),
            Verdict::CompiledIn => "ok (compiled in)".to_owned(),
        };
        writeln!(out, "{:<26} {:>9}  {verdict}", check.file, bytes_for_people(check.size))?;
    }
    if changed > 0 {
        let again = format!("hint: jisr models remove {name} --yes, then jisr models pull {name}");
        super::report(&anyhow::anyhow!("{changed} of its files changed after they were fetched\n{again}"));
        return Ok(ExitCode::from(SOME_FAILED));
    }
    if hashes_only {
        return Ok(ExitCode::SUCCESS);
    }
    match super::verify::compare(&files)? {
        Opinion::NotSupported(reason) => {
            writeln!(out, "logits: not compared, candle-transformers' Marian does not know {reason}")?;
        }
        Opinion::Compared { lines, agrees } => {
            for line in lines {
                writeln!(out, "logits: {line}")?;
            }
            if !agrees {
                let hint = "hint: please report it with the output of `jisr doctor`; JISR_CPU_ISA=scalar avoids this processor's kernels";
                super::report(&anyhow::anyhow!(
                    "the logits are not those of candle-transformers' Marian: do not trust translations\n{hint}"
                ));
                return Ok(ExitCode::from(SOME_FAILED));
            }
            writeln!(out, "ok: the same numbers as candle-transformers' own Marian")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(hub: &Hub, name: &str, yes: bool) -> anyhow::Result<ExitCode> {
    let model = hub.resolve(name)?;
    let Place::Hub { repo, revision } = &model.place else {
        let why = match &model.place {
            Place::Folder(folder) => format!("{} is your own folder: jisr only removes what is in its cache", folder.display()),
            _ => format!("{name} is compiled into jisr and can't be removed"),
        };
        return Err(UsageError(why).into());
    };
    // A snapshot that is not whole can be removed too.
    let commit = hub.cache().commit(repo, revision);
    let commit = commit.with_context(|| format!("{name} is not in the cache ({})", hub.cache().root().display()))?;
    if !yes && !confirmed(&format!("Remove {repo} ({commit}) from {}?", hub.cache().root().display()))? {
        say("nothing was removed");
        return Ok(ExitCode::SUCCESS);
    }
    let freed = hub.cache().remove(repo, &commit)?;
    say(&format!("removed {name}, {} freed", bytes_for_people(freed)));
    if hub.default_model().as_deref() == Some(name) {
        hub.set_default_model(None)?;
        say("it was the default; there is none of your own now");
    }
    Ok(ExitCode::SUCCESS)
}

fn confirmed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(UsageError(format!("{question}\nhint: --yes removes it without asking")).into());
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn path(hub: &Hub, name: &str) -> anyhow::Result<ExitCode> {
    let files = on_disk(hub, name)?;
    let folder = folder(&files).with_context(|| format!("{name} is compiled into jisr: it has no folder"))?;
    writeln!(std::io::stdout(), "{}", folder.display())?;
    Ok(ExitCode::SUCCESS)
}

fn folder(files: &ModelFiles) -> Option<&Path> {
    match &files.source {
        FileSource::Folder(folder) => Some(folder),
        FileSource::Embedded(_) => None,
    }
}
