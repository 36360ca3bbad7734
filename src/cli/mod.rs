//! The command line. Only this folder prints.
//!
//! One file a subcommand; each has an `Args` (clap) and `run(args) -> anyhow::Result<ExitCode>`. One definition of a flag gives its help, its
//! environment variable and its completion.

mod bench;
mod decoding;
mod doctor;
mod model;
mod models;
mod output;
mod progress;
mod reading;
mod split;
mod tokenize;
mod translate;
mod verify;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use jisr::hub::HubError;
use jisr::pipeline::PipelineError;
use jisr::tokenizer::TokenizerError;
use std::io::Write;
use std::process::ExitCode;

/// Some input failed; everything else is done and written.
const SOME_FAILED: u8 = 1;
/// The command line asks for what cannot be.
const USAGE: u8 = 2;
/// Interrupted; what was translated is kept.
const INTERRUPTED: u8 = 130;

/// Translate batches of Arabic reports into English, with aligned bilingual output.
#[derive(Parser)]
#[command(name = "jisr", version, max_term_width = 100, args_override_self = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  jisr translate report.txt                       read it on the terminal, Arabic beside English
  jisr translate reports/ -o english/ -f html,tmx a folder in, a folder with the same tree out
  cat lines.ar | jisr translate - --lines -f txt  one line in, one line out
  jisr models list                                which models there are, how good, how large

Every option can also be set by an environment variable, shown in its help; an empty one counts as unset.";

#[derive(Subcommand)]
enum Command {
    /// Translate files, folders or standard input
    Translate(Box<translate::Args>),
    /// Show, fetch, check and remove models
    Models(models::Args),
    /// Split text into sentences, one a line, a blank line between blocks
    Split(split::Args),
    /// Show how a model cuts text into tokens, or turn tokens into text
    Tokenize(tokenize::Args),
    /// Measure the speed of a model on this machine
    Bench(bench::Args),
    /// Look at what jisr finds on this machine
    Doctor(doctor::Args),
    /// Print a completion script for a shell
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
}

/// Parses the arguments, runs the subcommand and maps its outcome to an exit code.
pub fn run() -> ExitCode {
    let matches = matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match cli.command {
        Command::Translate(mut args) => {
            args.note_sources(matches.subcommand_matches("translate"));
            translate::run(*args)
        }
        Command::Models(args) => models::run(args),
        Command::Split(args) => split::run(args),
        Command::Tokenize(args) => tokenize::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "jisr", &mut script);
            std::io::stdout().write_all(&script).map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::from)
        }
    };
    outcome.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        report(&error);
        ExitCode::from(if is_usage(&error) { USAGE } else { SOME_FAILED })
    })
}

/// The arguments and the environment. An empty variable counts as unset whatever its option is, which no option has to know.
fn matches() -> ArgMatches {
    without_empty_variables(Cli::command()).try_get_matches().unwrap_or_else(|error| match error.kind() {
        // Help names every variable.
        ErrorKind::DisplayHelp => Cli::command().get_matches(),
        _ => error.exit(),
    })
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    command.mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg }).mut_subcommands(without_empty_variables)
}

/// A command line that cannot be carried out: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Whether the command line asked for what cannot be: a model's name that is none and a language that the model lacks count too.
fn is_usage(error: &anyhow::Error) -> bool {
    let language = |error: &PipelineError| matches!(error, PipelineError::Tokenizer(TokenizerError::Language(_)));
    let model = |error: &HubError| matches!(error, HubError::UnknownModel { .. });
    error.is::<UsageError>() || error.downcast_ref().is_some_and(language) || error.downcast_ref().is_some_and(model)
}

/// Prints an error and its causes on standard error; `hint:` lines inside are set apart.
fn report(error: &anyhow::Error) {
    let is_hint = |line: &&str| line.trim_start().starts_with("hint:");
    let (mut message, mut hints) = (String::new(), Vec::new());
    for cause in error.chain() {
        let cause = cause.to_string();
        let (advice, lines): (Vec<&str>, Vec<&str>) = cause.lines().partition(is_hint);
        let lines = lines.join("\n");
        hints.extend(advice.into_iter().map(str::to_owned));
        // Many errors quote their cause, with more or less of its detail.
        let core = lines.split(" (os error").next().unwrap_or(&lines);
        if !message.is_empty() && message.to_lowercase().contains(&core.to_lowercase()) {
            continue;
        }
        message = if message.is_empty() { lines } else { format!("{message}: {lines}") };
    }
    let mut err = anstream::stderr().lock();
    let (red, cyan) = (style(anstyle::AnsiColor::Red), style(anstyle::AnsiColor::Cyan));
    let _ = writeln!(err, "{red}error:{red:#} {message}");
    hints.dedup();
    for hint in hints {
        let _ = writeln!(err, "{cyan}hint:{cyan:#}{}", hint.trim_start().trim_start_matches("hint:"));
    }
}

/// Prints a warning on standard error.
fn warn(message: &str) {
    let yellow = style(anstyle::AnsiColor::Yellow);
    let _ = writeln!(anstream::stderr().lock(), "{yellow}warning:{yellow:#} {message}");
}

/// Prints a line of talk on standard error.
fn say(message: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{message}");
}

fn style(colour: anstyle::AnsiColor) -> anstyle::Style {
    colour.on_default().bold()
}

/// The reader of our output has gone (`jisr … | head`): nothing to complain about.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
