//! A weight file that was cut or damaged gives an error that names it, never a panic and never numbers from nowhere.
//!
//! The files are the fixtures of `tests/fixtures/parity/make.py`: safetensors, sharded, `pytorch_model.bin` as zip and in the older format.

use jisr::hub::{FileSource, ModelFiles};
use jisr::model::{Checkpoint, ModelError};
use std::path::Path;

/// Opens a checkpoint and reads every tensor, as a backend would.
fn read(folder: &Path) -> Result<(), ModelError> {
    let checkpoint = Checkpoint::open(&ModelFiles { name: "damaged".to_owned(), source: FileSource::Folder(folder.to_owned()) })?;
    let names: Vec<String> = checkpoint.weights().names().map(str::to_owned).collect();
    names.iter().try_for_each(|name| checkpoint.tensor(name).map(drop))
}

/// A copy of a fixture and the name and content of its (last) weight file.
fn copy(name: &str) -> (tempfile::TempDir, String, Vec<u8>) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity").join(name);
    let folder = tempfile::tempdir().unwrap();
    let mut weights = None;
    for entry in std::fs::read_dir(&from).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        std::fs::copy(&path, folder.path().join(&file)).unwrap();
        if file.ends_with(".safetensors") || file.ends_with(".bin") {
            weights = weights.max(Some(file));
        }
    }
    let weights = weights.unwrap();
    let content = std::fs::read(folder.path().join(&weights)).unwrap();
    (folder, weights, content)
}

const KINDS: [&str; 4] = ["marian-tied", "marian-sharded", "marian-bin", "marian-bin-fp16-legacy"];

#[test]
fn whole_files_are_read() {
    for kind in KINDS {
        let (folder, ..) = copy(kind);
        read(folder.path()).unwrap();
    }
}

#[test]
fn a_cut_file_is_an_error_that_names_it() {
    for kind in KINDS {
        let (folder, file, content) = copy(kind);
        for end in (0..content.len()).step_by(content.len() / 61).chain([content.len() - 1]) {
            std::fs::write(folder.path().join(&file), &content[..end]).unwrap();
            let error = read(folder.path()).expect_err(&format!("{kind} cut at {end}")).to_string();
            assert!(error.contains(&file), "{kind} cut at {end}: {error}");
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    for kind in KINDS {
        let (folder, file, content) = copy(kind);
        // The directory of a file lies at its start or end; data in between.
        let places = (0..4000).step_by(37).chain((content.len() - 4000..content.len()).step_by(41));
        for place in places.filter(|&place| place < content.len()) {
            let mut damaged = content.clone();
            damaged[place] ^= 0x55;
            std::fs::write(folder.path().join(&file), damaged).unwrap();
            // Some bytes are numbers, whose damage only a checksum can see.
            let _ = read(folder.path());
        }
    }
}

/// What a clone without Git LFS leaves in the place of a large file.
const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

#[test]
fn a_git_lfs_pointer_is_called_one() {
    let expect = |error: String, file: &str, folder: &Path| {
        let (message, hint) = error.split_once('\n').unwrap();
        assert!(message.contains(file) && message.contains("Git LFS pointer") && !message.contains("damaged"), "{error}");
        assert_eq!(hint, format!("hint: run `git lfs pull` in {}", folder.display()));
    };
    for kind in KINDS {
        let (folder, file, _) = copy(kind);
        std::fs::write(folder.path().join(&file), POINTER).unwrap();
        expect(read(folder.path()).unwrap_err().to_string(), &file, folder.path());
    }
    for (file, others) in [("source.spm", &["vocab.json"][..]), ("tokenizer.json", &[]), ("sentencepiece.bpe.model", &[])] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), POINTER).unwrap();
        for other in others {
            std::fs::write(folder.path().join(other), r#"{"</s>": 0, "<unk>": 1, "<pad>": 2}"#).unwrap();
        }
        let files = ModelFiles { name: "cloned".to_owned(), source: FileSource::Folder(folder.path().to_owned()) };
        let error = jisr::tokenizer::load(&files, Some("ar"), Some("en")).err().unwrap();
        expect(error.to_string(), file, folder.path());
    }
}

#[test]
fn a_missing_shard_is_named() {
    let (folder, file, _) = copy("marian-sharded");
    std::fs::remove_file(folder.path().join(&file)).unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains(&file), "{error}");
}

#[test]
fn a_pickle_that_calls_anything_else_is_refused_by_name() {
    let (folder, file, content) = copy("marian-bin-fp16-legacy");
    let name = b"torch._utils\n_rebuild_tensor_v2\n";
    let place = content.windows(name.len()).position(|window| window == name).unwrap();
    let mut evil = content.clone();
    evil[place..place + name.len()].copy_from_slice(b"torch._utilx\n_rebuild_tensor_v2\n");
    std::fs::write(folder.path().join(&file), evil).unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("torch._utilx._rebuild_tensor_v2"), "{error}");
}
