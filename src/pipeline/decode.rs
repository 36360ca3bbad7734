//! Texts through the model: ids, parts of over-long segments, the engine, back to text, and a second attempt where the decoder failed.

use super::{Observer, PipelineError, Translator};
use crate::bitext::{Alternative, Flag, TokenIds};
use crate::engine::search::{self, DecodeOptions, Hypothesis};
use crate::review;
use crate::text;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// What became of one distinct source text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Translation {
    pub target: String,
    /// Mean log-probability per target token over all parts.
    pub score: Option<f32>,
    pub flags: Vec<Flag>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// Ids of the source and the target, one pair for every part that the model took at once.
    pub parts: Vec<TokenIds>,
    /// Filled by the alignment step, not kept in a journal: it is read off again.
    #[serde(skip)]
    pub alignment: Vec<(usize, usize)>,
}

impl Translation {
    /// Ids of all parts in a row.
    pub fn tokens(&self) -> TokenIds {
        let concat = |side: fn(&TokenIds) -> &Vec<u32>| self.parts.iter().flat_map(|part| side(part).iter().copied()).collect();
        TokenIds { source: concat(|part| &part.source), target: concat(|part| &part.target) }
    }
}

/// Hypotheses of one text's parts, best first for each, as they come in.
type Collected = Mutex<Vec<Option<Vec<Hypothesis>>>>;

/// An attempt that beats a loop: a wider beam that may not say any three tokens twice.
const RETRY_BEAM: usize = 4;
const RETRY_NGRAM: usize = 3;

impl Translator {
    /// Translates distinct cleaned texts; the result has their order. `counts[i]` says how many segments text `i` stands for.
    pub(super) fn decode(
        &self,
        sources: &[String],
        counts: &[usize],
        observer: &dyn Observer,
    ) -> Result<Vec<Translation>, PipelineError> {
        let results: Vec<Mutex<Option<Translation>>> = sources.iter().map(|source| Mutex::new(observer.known(source))).collect();
        let advance = |index: usize| (0..counts[index]).for_each(|_| observer.advance());
        let (mut waiting, mut failed) = (Vec::new(), Mutex::new(Vec::new()));
        for (index, result) in results.iter().enumerate() {
            let known = result.lock().expect("no panic while a result is held").is_some();
            if known { advance(index) } else { waiting.push(index) }
        }
        let finish = |index: usize, translation: Translation| -> Result<(), PipelineError> {
            observer.translated(&sources[index], &translation).map_err(PipelineError::Observer)?;
            *results[index].lock().expect("no panic while a result is held") = Some(translation);
            advance(index);
            Ok(())
        };
        self.attempt(sources, &waiting, &self.options, observer, &|index, translation| {
            if self.deserves_retry(&translation) {
                failed.lock().expect("no panic while noting a failure").push((index, translation));
                return Ok(());
            }
            finish(index, translation)
        })?;
        let mut failed = std::mem::take(failed.get_mut().expect("no panic while noting a failure"));
        failed.sort_by_key(|(index, _)| *index);
        let again: Vec<usize> = failed.iter().map(|(index, _)| *index).collect();
        self.attempt(sources, &again, &self.retry_options(), observer, &|index, second| {
            let at = failed.binary_search_by_key(&index, |(index, _)| *index).expect("only failed texts are tried again");
            finish(index, better(&failed[at].1, second))
        })?;
        let results = results.into_iter().map(|result| result.into_inner().expect("no panic while a result is held"));
        Ok(results.map(|result| result.expect("every text was known, finished or tried again")).collect())
    }

    /// One pass of the texts in `indices` through the model; `done` gets each as soon as its last part is finished.
    fn attempt(
        &self,
        sources: &[String],
        indices: &[usize],
        options: &DecodeOptions,
        observer: &dyn Observer,
        done: &(dyn Fn(usize, Translation) -> Result<(), PipelineError> + Sync),
    ) -> Result<(), PipelineError> {
        // All parts in one row for the engine; `spans[job]` are those of one text, `jobs[part]` is the way back.
        let (mut ids, mut spans, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
        for (job, &index) in indices.iter().enumerate() {
            let start = ids.len();
            ids.extend(self.parts(&sources[index]));
            spans.push(start..ids.len());
            jobs.resize(ids.len(), job);
        }
        let collected: Vec<Collected> = spans.iter().map(|span| Mutex::new(vec![None; span.len()])).collect();
        let failure = Mutex::new(None);
        let collect = |unit: usize, hypotheses: Vec<Hypothesis>| {
            let (job, span) = (jobs[unit], &spans[jobs[unit]]);
            let mut collected = collected[job].lock().expect("no panic while hypotheses are held");
            collected[unit - span.start] = Some(hypotheses);
            let Some(complete) = collected.iter().cloned().collect::<Option<Vec<_>>>() else { return };
            let translation = self.assemble(&sources[indices[job]], &ids[span.clone()], &complete);
            if let Err(error) = done(indices[job], translation) {
                *failure.lock().expect("no panic while noting a failure") = Some(error);
                observer.cancelled().store(true, Ordering::Relaxed);
            }
        };
        let outcome = search::translate(
            &*self.model,
            &ids,
            options,
            self.settings.threads,
            self.settings.max_batch_tokens,
            &collect,
            observer.cancelled(),
        );
        if let Some(error) = failure.into_inner().expect("no panic while noting a failure") {
            return Err(error);
        }
        outcome?;
        if observer.cancelled().load(Ordering::Relaxed) { Err(PipelineError::Cancelled) } else { Ok(()) }
    }

    /// Source ids of a text: one part where the model takes it whole, else clauses that fit.
    fn parts(&self, source: &str) -> Vec<Vec<u32>> {
        let limit = self.model.architecture().max_positions;
        let whole = self.tokenizer.encode_source(source);
        if whole.len() <= limit {
            return vec![whole];
        }
        let fits = |clause: &str| self.tokenizer.encode_source(clause).len() <= limit;
        text::clauses(source, &fits).into_iter().map(|range| self.tokenizer.encode_source(&source[range])).collect()
    }

    /// One translation of the hypotheses of a text's parts.
    fn assemble(&self, source: &str, ids: &[Vec<u32>], parts: &[Vec<Hypothesis>]) -> Translation {
        let joined = |rank: usize| {
            let texts: Vec<String> = parts.iter().map(|part| self.tokenizer.decode_target(&part[rank].ids)).collect();
            let texts: Vec<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
            unescape(source, texts.join(" "))
        };
        let score = |rank: usize| {
            let sum: f32 = parts.iter().map(|part| part[rank].log_prob).sum();
            let tokens: usize = parts.iter().map(|part| part[rank].ids.len()).sum();
            sum / tokens.max(1) as f32
        };
        let target = joined(0);
        let mut flags = review::decoding(source, &target, parts.iter().all(|part| part[0].finished));
        if parts.len() > 1 {
            flags.push(Flag::Split);
        }
        if ids.iter().flatten().any(|&id| id == self.tokenizer.unknown()) {
            flags.push(Flag::Unknown);
        }
        let ranks = parts.iter().map(Vec::len).min().unwrap_or(0);
        let pairs = ids.iter().zip(parts);
        Translation {
            score: Some(score(0)),
            alternatives: (1..ranks).map(|rank| Alternative { target: joined(rank), score: score(rank) }).collect(),
            parts: pairs.map(|(source, part)| TokenIds { source: source.clone(), target: part[0].ids.clone() }).collect(),
            alignment: Vec::new(),
            target,
            flags,
        }
    }

    fn deserves_retry(&self, translation: &Translation) -> bool {
        let cut_by_user = self.settings.decoding.max_length.is_some();
        !self.settings.tokens
            && translation.flags.iter().any(|flag| match flag {
                Flag::Repetition | Flag::Empty => true,
                Flag::Truncated => !cut_by_user,
                _ => false,
            })
    }

    fn retry_options(&self) -> DecodeOptions {
        let mut options = self.options.clone();
        options.beams = options.beams.max(RETRY_BEAM);
        options.no_repeat_ngram = RETRY_NGRAM;
        // Two tokens: one besides the end of sentence, so that the translation is not empty.
        options.min_length = options.min_length.max(2);
        options
    }
}

/// The second attempt where it has fewer failures, else the first; either way the record says that there was one.
fn better(first: &Translation, second: Translation) -> Translation {
    let failures = |translation: &Translation| {
        translation.flags.iter().filter(|flag| matches!(flag, Flag::Repetition | Flag::Empty | Flag::Truncated)).count()
    };
    let mut chosen = if failures(&second) < failures(first) { second } else { first.clone() };
    chosen.flags.push(Flag::Retried);
    chosen
}

/// OPUS-MT emits HTML entities (`&apos;`, `&quot;`) that stood in its training data; a source that has entities itself keeps them.
fn unescape(source: &str, target: String) -> String {
    if target.contains('&') && !source.contains('&') { html_escape::decode_html_entities(&target).into_owned() } else { target }
}
