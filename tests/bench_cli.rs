//! `jisr bench` through the binary, with the built-in model.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn bench(input: &str) -> Command {
    let mut command = Command::cargo_bin("jisr").unwrap();
    command.args(["bench", "-m", "builtin", "--beam", "1", "--repeat", "1", "--json", "--input", input]);
    command
}

#[test]
fn lines_come_from_a_file_or_from_standard_input() {
    let text = "وصلت القافلة إلى المدينة.\n\nوقال الطبيب إن الأدوية نفدت.\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.txt");
    std::fs::write(&file, text).unwrap();
    let measured = |assert: assert_cmd::assert::Assert| -> Vec<serde_json::Value> {
        let result: serde_json::Value = serde_json::from_slice(&assert.success().get_output().stdout).unwrap();
        ["segments", "source_tokens", "target_tokens"].map(|key| result[key].clone()).into()
    };
    let from_file = measured(bench(file.to_str().unwrap()).assert());
    assert_eq!(from_file[0], 2);
    assert_eq!(measured(bench("-").write_stdin(text).assert()), from_file);
    let refused = bench("-").write_stdin("\n \n").assert().code(1);
    refused.stderr(contains("standard input has no lines").and(contains("-:").not()));
}
