//! Options from the environment.

use assert_cmd::Command;
use std::collections::BTreeSet;

fn jisr(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("jisr").unwrap();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("JISR_") {
            command.env_remove(&name);
        }
    }
    command.args(arguments);
    command
}

/// The variables that a subcommand's help names.
fn variables(subcommand: &[&str]) -> BTreeSet<String> {
    let help = jisr(&[subcommand, &["--help"]].concat()).env("JISR_OFFLINE", "").assert().success();
    let help = String::from_utf8(help.get_output().stdout.clone()).unwrap();
    help.split("[env: ").skip(1).map(|rest| rest.split('=').next().unwrap().to_owned()).collect()
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines.txt");
    std::fs::write(&lines, "وصلت القافلة.\n").unwrap();
    let lines = lines.to_str().unwrap();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["translate"], &["-m", "builtin", "--beam", "1", "-f", "tsv", "-"]),
        (&["split"], &["-"]),
        (&["tokenize"], &["-m", "builtin", "-"]),
        (&["bench"], &["-m", "builtin", "--beam", "1", "--repeat", "1", "--input", lines]),
        (&["models", "list"], &[]),
        (&["models", "info"], &["builtin"]),
    ];
    for (subcommand, arguments) in cases {
        let variables = variables(subcommand);
        assert!(variables.contains("JISR_OFFLINE") || subcommand == ["split"], "{variables:?}");
        let mut command = jisr(&[subcommand, arguments].concat());
        command.envs(variables.iter().map(|name| (name, ""))).write_stdin("وصلت القافلة.").assert().success();
    }
    // Options that the commands above give themselves.
    let mut command = jisr(&["translate", "-m", "builtin", "--max-length", "9", "-"]);
    command.env("JISR_BEAM", "").env("JISR_FORMAT", "").write_stdin("وصلت القافلة.").assert().success();
}

/// A default of the environment is for the runs that can follow it; `--resume` itself is an error where it cannot be followed.
#[test]
fn a_wish_to_resume_in_the_environment_is_no_error_on_standard_output() {
    let run = || jisr(&["translate", "-m", "builtin", "--beam", "1", "-f", "tsv", "-"]);
    run().env("JISR_RESUME", "1").write_stdin("وصلت القافلة.").assert().success();
    run().arg("--resume").write_stdin("وصلت القافلة.").assert().code(2);
    run().arg("--resume").env("JISR_RESUME", "1").write_stdin("وصلت القافلة.").assert().code(2);
}
