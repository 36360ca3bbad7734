//! The backend against plain f32 arithmetic on small random models, against itself in every batch, and its packed files against damage.

use super::cache;
use super::layout::Layout;
use super::storage::Storage;
use super::*;
use crate::engine::kernel::{Level, available};
use crate::engine::search::{DecodeOptions, Hypothesis, translate};
use crate::engine::{Candidate, MemoryId, Row, StepRules};
use crate::hub::FileSource;
use reference::Reference;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

mod random_model;
mod reference;

use random_model::{Shape, write_model};

const MARIAN: Shape = Shape { d: 24, heads: 3, ffn: 40, encoder: 2, decoder: 2, vocab: 150, m2m: false, activation: "swish" };
const M2M: Shape = Shape { d: 32, heads: 2, ffn: 50, encoder: 1, decoder: 2, vocab: 130, m2m: true, activation: "relu" };

struct Case {
    _folder: tempfile::TempDir,
    files: ModelFiles,
    checkpoint: Checkpoint,
}

fn case(shape: Shape) -> Case {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), shape);
    let files = ModelFiles { name: "random".into(), source: FileSource::Folder(folder.path().into()) };
    let checkpoint = Checkpoint::open(&files).unwrap();
    Case { _folder: folder, files, checkpoint }
}

impl Case {
    fn model(&self, kernels: &'static Kernels) -> Int8Model {
        Int8Model::load_with(kernels, &self.files, &self.checkpoint, None).unwrap()
    }
}

fn fastest() -> &'static Kernels {
    available()[0]
}

/// Sources of 1 to 40 tokens.
fn sources(vocab: u32) -> Vec<Vec<u32>> {
    let mut state = 7u32;
    let mut next = |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % n
    };
    (0..12).map(|_| (0..1 + next(40)).map(|_| 3 + next(vocab - 4)).collect()).collect()
}

fn close(a: &[f32], b: &[f32]) -> f32 {
    let error: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    let size: f32 = b.iter().map(|b| b.powi(2)).sum();
    (error / size).sqrt()
}

#[test]
fn logits_are_those_of_f32_arithmetic_but_for_the_quantisation() {
    for shape in [MARIAN, M2M] {
        let case = case(shape);
        let model = case.model(fastest());
        let reference = Reference::new(&case.checkpoint);
        let mut session = model.session().unwrap();
        let mut worst = 0f32;
        for source in sources(shape.vocab as u32) {
            let target: Vec<u32> = source.iter().rev().map(|t| (t * 7 + 3) % (shape.vocab as u32 - 1)).collect();
            let got = session.logits(&source, &target).unwrap();
            let (want, attention) = reference.run(&source, &target);
            assert_eq!(got.len(), target.len());
            for (got, want) in got.iter().zip(&want) {
                worst = worst.max(close(got, want));
            }
            let weights = session.attention(&source, &target).unwrap();
            assert_eq!((weights.source_len, weights.target_len, weights.layers), (source.len(), target.len(), shape.decoder));
            for (row, want) in weights.weights.chunks_exact(source.len()).zip(attention.chunks_exact(source.len())) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
                assert!(close(row, want) < 0.1, "{row:?} {want:?}");
            }
        }
        // int8 weights and activations err by about 1 % in each of a dozen matrices.
        assert!(worst < 0.08 && worst > 1e-4, "{worst}");
    }
}

/// Feeds `target` token by token and returns the candidates of every step.
fn stepwise(session: &mut dyn Session, memory: MemoryId, start: u32, target: &[u32], k: usize) -> Vec<Vec<Candidate>> {
    let mut row = Row { memory, parent: None, token: start };
    let mut all = Vec::new();
    for token in target {
        let mut out = Vec::new();
        session.step(&[row], k, &StepRules::default(), &mut out).unwrap();
        all.push(out);
        row = Row { memory, parent: Some(0), token: *token };
    }
    all
}

#[test]
fn steps_give_the_best_of_the_forced_logits() {
    for shape in [MARIAN, M2M] {
        let case = case(shape);
        let model = case.model(fastest());
        let mut session = model.session().unwrap();
        for source in sources(shape.vocab as u32) {
            let target: Vec<u32> = source.iter().map(|t| (t * 5 + 1) % (shape.vocab as u32 - 1)).collect();
            let logits = session.logits(&source, &target).unwrap();
            let memory = session.encode(&[&source]).unwrap()[0];
            let steps = stepwise(session.as_mut(), memory, case.checkpoint.special.decoder_start, &target, 5);
            session.release(memory);
            for (logits, best) in logits.iter().zip(steps) {
                let total: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
                let mut order: Vec<usize> = (0..logits.len()).collect();
                order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
                for (candidate, id) in best.iter().zip(order) {
                    assert_eq!(candidate.token as usize, id);
                    let want = f64::from(logits[id]) - total.ln();
                    assert!((f64::from(candidate.log_prob) - want).abs() < 1e-4, "{} {want}", candidate.log_prob);
                }
            }
        }
    }
}

#[test]
fn rules_ban_tokens_and_renormalise() {
    let case = case(MARIAN);
    let model = case.model(fastest());
    let mut session = model.session().unwrap();
    let memory = session.encode(&[&[5, 6, 7]]).unwrap()[0];
    let row = Row { memory, parent: None, token: case.checkpoint.special.decoder_start };
    let mut step = |rules: &StepRules, k| {
        let mut out = Vec::new();
        session.step(&[row], k, rules, &mut out).unwrap();
        out
    };
    let free = step(&StepRules::default(), 6);
    let by_row = vec![vec![free[3].token]];
    let banned = [free[0].token, free[1].token];
    let rules = StepRules { banned: &banned, banned_by_row: &by_row, renormalize: false };
    let left = step(&rules, 3);
    assert_eq!(left, [free[2], free[4], free[5]], "log-probabilities are over the whole vocabulary");
    let renormalised = step(&StepRules { renormalize: true, ..rules }, 3);
    let gone: f64 = [0, 1, 3].iter().map(|i| f64::from(free[*i].log_prob).exp()).sum();
    for (a, b) in renormalised.iter().zip(&left) {
        assert_eq!(a.token, b.token);
        assert!((f64::from(a.log_prob) - (f64::from(b.log_prob) - (1.0 - gone).ln())).abs() < 1e-4);
    }
    // Fewer allowed tokens than asked for.
    let all: Vec<u32> = (0..MARIAN.vocab as u32).filter(|id| *id != 9).collect();
    let one = step(&StepRules { banned: &all, banned_by_row: &[], renormalize: true }, 2);
    assert_eq!((one[0].token, one[1].log_prob), (9, f32::NEG_INFINITY));
    assert!(one[0].log_prob.abs() < 1e-4);
}

fn options(case: &Case, beams: usize) -> DecodeOptions {
    let settings = DecodeOptions::new(&case.checkpoint.generation, &case.checkpoint.special);
    DecodeOptions { beams, nbest: beams, max_length: 40, min_length: 20, ..settings }
}

fn run(model: &Int8Model, sources: &[Vec<u32>], options: &DecodeOptions, threads: usize, budget: usize) -> Vec<Vec<Hypothesis>> {
    let done = Mutex::new(vec![Vec::new(); sources.len()]);
    let on_done = |index: usize, hypotheses| done.lock().unwrap()[index] = hypotheses;
    translate(model, sources, options, threads, Some(budget), &on_done, &AtomicBool::new(false)).unwrap();
    done.into_inner().unwrap()
}

#[test]
fn translations_do_not_depend_on_batch_order_threads_or_level() {
    for shape in [MARIAN, M2M] {
        let case = case(shape);
        let sources = sources(shape.vocab as u32);
        for beams in [1, 4] {
            let options = options(&case, beams);
            let expected = run(&case.model(fastest()), &sources, &options, 1, 1 << 20);
            for (threads, budget) in [(1, 1), (1, 60), (2, 100), (2, 1 << 20)] {
                assert_eq!(run(&case.model(fastest()), &sources, &options, threads, budget), expected, "{threads} {budget}");
            }
            let reversed: Vec<_> = sources.iter().rev().cloned().collect();
            let mut got = run(&case.model(fastest()), &reversed, &options, 1, 150);
            got.reverse();
            assert_eq!(got, expected);
            for kernels in available() {
                assert_eq!(run(&case.model(kernels), &sources, &options, 1, 200), expected, "{}", kernels.level);
            }
        }
    }
}

#[test]
fn pages_are_given_back() {
    let case = case(MARIAN);
    let model = case.model(fastest());
    let mut session = session::Int8Session::new(&model);
    let sources = sources(MARIAN.vocab as u32);
    let batch: Vec<&[u32]> = sources.iter().map(Vec::as_slice).collect();
    let memories = session.encode(&batch).unwrap();
    let start = case.checkpoint.special.decoder_start;
    let mut rows: Vec<Row> =
        memories.iter().flat_map(|memory| [Row { memory: *memory, parent: None, token: start }; 2]).collect();
    let mut out = Vec::new();
    for step in 0..40 {
        session.step(&rows, 2, &StepRules::default(), &mut out).unwrap();
        for (i, row) in rows.iter_mut().enumerate() {
            // Both rows of a pair go on from one of them, now the first, now the second.
            row.parent = Some((i / 2 * 2 + step % 2) as u32);
            row.token = out[i * 2].token;
        }
    }
    session.step(&[], 1, &StepRules::default(), &mut out).unwrap();
    memories.into_iter().for_each(|memory| session.release(memory));
    assert_eq!((session.pool.in_use(), session.encoder_pool.in_use()), (0, 0));
}

#[test]
fn what_cannot_be_run_is_an_error() {
    let case = case(MARIAN);
    let model = case.model(fastest());
    let mut session = model.session().unwrap();
    let limit = model.architecture().max_positions;
    assert!(matches!(session.encode(&[&vec![5; limit + 1]]), Err(EngineError::SourceTooLong { .. })));
    assert!(session.encode(&[&[]]).is_err());
    assert!(session.encode(&[&[MARIAN.vocab as u32]]).is_err());
    let memory = session.encode(&[&vec![5; limit]]).unwrap()[0];
    let row = |parent, token| Row { memory, parent, token };
    let mut out = Vec::new();
    assert!(session.step(&[row(None, MARIAN.vocab as u32)], 1, &StepRules::default(), &mut out).is_err());
    assert!(session.step(&[row(Some(3), 1)], 1, &StepRules::default(), &mut out).is_err());
    session.release(memory);
    assert!(session.step(&[row(None, 1)], 1, &StepRules::default(), &mut out).is_err());
}

fn storage_bytes(layout: &Layout, storage: &Storage) -> Vec<u32> {
    (0..layout.size / 4).map(|i| storage.array(super::layout::Array { offset: i * 4, len: 1 })[0].to_bits()).collect()
}

#[test]
fn packed_files_are_mapped_and_damaged_ones_packed_anew() {
    let case = case(M2M);
    let layout = Layout::new(&case.checkpoint);
    let packed = Storage::pack(&case.checkpoint, &layout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper").join("model.packed");
    assert!(cache::map(&path, &layout).is_none());
    let written = cache::write(&path, &case.checkpoint, &layout).unwrap().expect("the folder can be written");
    let mapped = cache::map(&path, &layout).expect("the file is whole");
    let expected = storage_bytes(&layout, &packed);
    assert_eq!(storage_bytes(&layout, &written), expected);
    assert_eq!(storage_bytes(&layout, &mapped), expected);

    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let mut other_version = whole.clone();
    other_version[12] ^= 1;
    let mut last = whole.clone();
    *last.last_mut().unwrap() ^= 0x80;
    let mut longer = whole.clone();
    longer.extend([0; 64]);
    for damaged in [&whole[..whole.len() - 1], &whole[..100], &[], &flipped, &other_version, &last, &longer] {
        std::fs::write(&path, damaged).unwrap();
        assert!(cache::map(&path, &layout).is_none());
    }
    cache::write(&path, &case.checkpoint, &layout).unwrap().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    // A place that cannot be written: a file stands where the folder should be.
    assert!(cache::write(&path.join("x.packed"), &case.checkpoint, &layout).unwrap().is_none());
}

#[test]
fn two_writers_at_once_leave_a_whole_file() {
    let case = case(MARIAN);
    let layout = Layout::new(&case.checkpoint);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.packed");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    cache::write(&path, &case.checkpoint, &layout).unwrap().unwrap();
                    assert!(cache::map(&path, &layout).is_some());
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn scalar_code_is_always_there() {
    assert_eq!(case(MARIAN).model(Level::Scalar.kernels().unwrap()).kernel(), "scalar");
}
