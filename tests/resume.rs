//! A run that was killed goes on where it stopped and ends with the files of an undisturbed one.
#![cfg(unix)]

use assert_cmd::cargo::cargo_bin;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn jisr(input: &Path, output: &Path) -> Command {
    let mut command = Command::new(cargo_bin("jisr"));
    command.args(["translate", "-m", "builtin", "--beam", "1", "--threads", "1", "-f", "jsonl"]).arg(input).arg("-o").arg(output);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A folder with enough distinct text for a run to be caught in its middle.
fn reports(folder: &Path) {
    let sample = include_str!("../samples/reports/01-conflict.txt");
    fs::create_dir_all(folder).unwrap();
    for report in 0..8 {
        let text = sample.replace('.', &format!(" رقم {report}."));
        fs::write(folder.join(format!("{report:02}.txt")), text).unwrap();
    }
}

fn tree(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Starts a run and stops it by `signal` once its journal has some lines; `false` where the run was faster.
fn stop_midway(input: &Path, output: &Path, signal: &str) -> Option<i32> {
    let mut child = jisr(input, output).spawn().unwrap();
    let journal = output.join(".jisr-journal");
    let deadline = Instant::now() + Duration::from_secs(120);
    while fs::read(&journal).map_or(0, |bytes| bytes.iter().filter(|&&b| b == b'\n').count()) < 6 {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "the run must last until it has been caught");
        std::thread::sleep(Duration::from_millis(2));
    }
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    child.wait().unwrap().code()
}

#[test]
fn killed_and_resumed_equals_undisturbed() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    reports(&input);
    let (undisturbed, resumed) = (folder.path().join("undisturbed"), folder.path().join("resumed"));
    assert!(jisr(&input, &undisturbed).status().unwrap().success());
    stop_midway(&input, &resumed, "-KILL");
    assert!(!resumed.join("00.jsonl").exists(), "nothing half-done is shown");
    let second = jisr(&input, &resumed).output().unwrap();
    let talk = String::from_utf8_lossy(&second.stderr);
    assert!(second.status.success() && talk.contains("resuming"), "{talk}");
    assert_eq!(tree(&resumed), tree(&undisturbed));
}

#[test]
fn an_interrupt_ends_with_130_and_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    reports(&input);
    assert_eq!(stop_midway(&input, &output, "-INT"), Some(130));
    assert!(output.join(".jisr-journal").is_file());
    let second = jisr(&input, &output).arg("--resume").output().unwrap();
    assert!(second.status.success() && String::from_utf8_lossy(&second.stderr).contains("resuming"));
    assert!(!output.join(".jisr-journal").exists() && output.join("07.jsonl").is_file());
}
