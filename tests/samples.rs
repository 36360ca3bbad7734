//! `samples/output/` is what `samples/reports/` gives. After a change that means to change it:
//! `JISR_UPDATE_SAMPLES=1 cargo test --test samples`, then look at the difference.

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The date that dated formats carry, so that they are the same every day: 2026-01-01.
const WRITTEN: &str = "1767225600";

fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn samples_give_what_lies_beside_them() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let folder = tempfile::tempdir().unwrap();
    Command::cargo_bin("jisr")
        .unwrap()
        .args(["translate", "-m", "builtin", "-f", "tsv,md,html", "--align"])
        .arg(samples.join("reports"))
        .arg("-o")
        .arg(folder.path())
        .env("SOURCE_DATE_EPOCH", WRITTEN)
        .assert()
        .success();
    let (fresh, kept) = (tree(folder.path()), samples.join("output"));
    assert!(fresh.len() >= 9, "{:?}", fresh.keys());
    if std::env::var_os("JISR_UPDATE_SAMPLES").is_some() {
        let _ = fs::remove_dir_all(&kept);
        for (name, bytes) in &fresh {
            let path = kept.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let kept = tree(&kept);
    let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&fresh), names(&kept));
    for (name, bytes) in &fresh {
        assert!(bytes == &kept[name], "samples/output/{name} is not what the samples give now");
    }
}

/// Three segments of a sample as the README shows them.
fn readme_sample(tsv: &str) -> String {
    let mut table = String::from("| | source | translation | score | flags |\n|---|---|---|---|---|\n");
    for line in tsv.lines().skip(1).take(3) {
        let fields: Vec<&str> = line.split('\t').collect();
        table += &format!("| {} | {} | {} | {} | {} |\n", fields[0], fields[1], fields[2], fields[3], fields[4]);
    }
    table
}

#[test]
fn the_readme_shows_what_the_sample_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (begin, end) = ("<!-- sample:begin -->\n", "<!-- sample:end -->");
    let start = readme.find(begin).unwrap() + begin.len();
    let stop = start + readme[start..].find(end).unwrap();
    let sample = readme_sample(&fs::read_to_string(root.join("samples/output/05-humanitarian.tsv")).unwrap());
    if std::env::var_os("JISR_UPDATE_SAMPLES").is_some() {
        fs::write(root.join("README.md"), format!("{}{sample}{}", &readme[..start], &readme[stop..])).unwrap();
        return;
    }
    assert_eq!(&readme[start..stop], sample);
}
