//! The flow of a run: documents in, bitexts out.
//!
//! A [`Translator`] is a loaded model with its tokeniser and settings. [`Translator::translate`] takes a batch of documents and goes through
//! four steps, one a file:
//!
//! 1. [`plan`]: sentences of every block, cleaned; equal ones are translated once; what needs no model is marked.
//! 2. [`decode`]: ids, parts of over-long segments, the engine, and back to text; a decoder that failed gets a second attempt.
//! 3. alignment, where asked for: the finished target is forced once more and its cross-attention read.
//! 4. [`Translator::translate`] itself puts the results back in their places and has [`crate::review`] look at them.
//!
//! An [`Observer`] is told of every finished segment (progress, journal) and asked for what is known already (resume).

mod alignment;
mod decode;
mod plan;

use crate::bitext::{Bitext, Segment};
use crate::document::Document;
use crate::engine::search::DecodeOptions;
use crate::engine::{self, DeviceChoice, EngineError, Precision, Seq2Seq};
use crate::hub::ModelFiles;
use crate::model::ModelError;
use crate::review;
use crate::tokenizer::{self, Tokenizer, TokenizerError};
use plan::{Plan, Treatment};
use std::sync::atomic::{AtomicBool, Ordering};

pub use decode::Translation;

/// What a [`Translator`] is asked for, beyond the model itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Language codes: ISO (`ar`, `en`) or the model family's own (`arb_Arab`).
    pub from: String,
    pub to: String,
    pub device: DeviceChoice,
    /// `None` takes what suits the device: int8 on a CPU.
    pub precision: Option<Precision>,
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Tokens in flight for each worker; changes speed and memory, never a translation.
    pub max_batch_tokens: Option<usize>,
    /// Overrides of the model's own decoding settings.
    pub decoding: DecodingOverrides,
    /// Every line of a document is one segment.
    pub lines: bool,
    /// Word alignment of every segment.
    pub align: bool,
    /// Keep token ids, and keep them as the first attempt gave them: nothing is retried and every segment goes to the model.
    pub tokens: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            from: "ar".into(),
            to: "en".into(),
            device: DeviceChoice::Auto,
            precision: None,
            threads: num_cpus::get_physical().max(1),
            max_batch_tokens: None,
            decoding: DecodingOverrides::default(),
            lines: false,
            align: false,
            tokens: false,
        }
    }
}

/// Decoding settings that replace the model's own where given.
#[derive(Debug, Clone, Default)]
pub struct DecodingOverrides {
    pub beam: Option<usize>,
    pub nbest: Option<usize>,
    pub length_penalty: Option<f64>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub no_repeat_ngram: Option<usize>,
}

impl DecodingOverrides {
    /// The model's own options with these in their place.
    pub fn apply(&self, mut options: DecodeOptions) -> DecodeOptions {
        options.nbest = self.nbest.unwrap_or(1);
        options.beams = self.beam.unwrap_or(options.beams).max(options.nbest);
        options.length_penalty = self.length_penalty.unwrap_or(options.length_penalty);
        options.min_length = self.min_length.unwrap_or(options.min_length);
        options.max_length = self.max_length.unwrap_or(options.max_length);
        options.no_repeat_ngram = self.no_repeat_ngram.unwrap_or(options.no_repeat_ngram);
        options
    }
}

/// What can go wrong between a document and its bitext.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The observer could not keep a result (the journal's disk is full).
    #[error("{0}")]
    Observer(String),
    #[error("interrupted")]
    Cancelled,
}

/// What a run tells its caller while it goes. Called from worker threads.
pub trait Observer: Sync {
    /// The segments a batch has, before any is translated.
    fn expect(&self, _segments: usize) {}
    /// One more segment has its translation; repeats of a sentence count each.
    fn advance(&self) {}
    /// A cleaned source text that an earlier run translated.
    fn known(&self, _source: &str) -> Option<Translation> {
        None
    }
    /// A cleaned source text that was just translated. An error stops the run.
    fn translated(&self, _source: &str, _translation: &Translation) -> Result<(), String> {
        Ok(())
    }
    /// Set to stop as soon as possible.
    fn cancelled(&self) -> &AtomicBool;
}

/// An [`Observer`] that lets the run go and hears nothing.
#[derive(Debug, Default)]
pub struct Unobserved(AtomicBool);

impl Observer for Unobserved {
    fn cancelled(&self) -> &AtomicBool {
        &self.0
    }
}

/// A loaded model with its tokeniser and settings.
///
/// ```
/// use jisr::{document::Document, hub, pipeline::{Settings, Translator}};
///
/// let translator = Translator::load(&hub::builtin().expect("compiled in"), Settings::default())?;
/// let bitext = translator.translate_text("وصلت القافلة إلى المدينة. وقال الطبيب إن الأدوية نفدت.")?;
/// assert_eq!(bitext.segments.len(), 2);
/// for segment in &bitext.segments {
///     println!("{}\t{}", bitext.source(segment), segment.target);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Translator {
    name: String,
    tokenizer: Box<dyn Tokenizer>,
    model: Box<dyn Seq2Seq>,
    options: DecodeOptions,
    settings: Settings,
    warnings: Vec<String>,
}

impl Translator {
    /// Opens the model's files. Shapes, missing tensors and unsupported configurations are found here, not later.
    pub fn load(files: &ModelFiles, settings: Settings) -> Result<Self, PipelineError> {
        let tokenizer = tokenizer::load(files, Some(&settings.from), Some(&settings.to))?;
        let loaded = engine::load(files, settings.device, settings.precision)?;
        let mut options = settings.decoding.apply(loaded.options);
        let mut warnings = loaded.warnings;
        warnings.extend(other_pair(files, &settings));
        let positions = loaded.model.architecture().max_positions;
        if options.max_length > positions {
            if settings.decoding.max_length.is_some() {
                warnings
                    .push(format!("--max-length {} is more than the model has positions: {positions} it is", options.max_length));
            }
            options.max_length = positions;
        }
        options.min_length = options.min_length.min(options.max_length);
        if let Some(language) = tokenizer.forced_bos() {
            options.prefix = vec![language];
        }
        Ok(Self { name: files.name.clone(), tokenizer, model: loaded.model, options, settings, warnings })
    }

    /// What a user should know of the model and the settings before a run.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The model's name, as every record carries it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn model(&self) -> &dyn Seq2Seq {
        &*self.model
    }

    pub fn tokenizer(&self) -> &dyn Tokenizer {
        &*self.tokenizer
    }

    /// The decoding options in force: the model's own with the overrides.
    pub fn options(&self) -> &DecodeOptions {
        &self.options
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Translates a text that is at hand; `blocks` are found as in a plain-text file.
    pub fn translate_text(&self, text: &str) -> Result<Bitext, PipelineError> {
        let document = Document { name: "-".into(), text: text.into(), blocks: crate::text::blocks(text), ..Document::default() };
        let mut bitexts = self.translate(vec![document], &Unobserved::default())?;
        Ok(bitexts.remove(0))
    }

    /// Translates a batch of documents together: the more there are, the fuller the engine's batches. The result has the same order, and every
    /// segment of a document is in it exactly once.
    pub fn translate(&self, documents: Vec<Document>, observer: &dyn Observer) -> Result<Vec<Bitext>, PipelineError> {
        let plan = Plan::new(&documents, &self.settings);
        observer.expect(plan.segments());
        let mut translations = self.decode(&plan.sources, &plan.counts, observer)?;
        if self.settings.align {
            self.align(&plan.sources, &mut translations, observer.cancelled())?;
        }
        if observer.cancelled().load(Ordering::Relaxed) {
            return Err(PipelineError::Cancelled);
        }
        let planned = plan.into_planned();
        let bitext = |(document, planned): (Document, Vec<plan::Planned>)| {
            let segments = planned.into_iter().map(|segment| self.segment(&document, segment, &translations, observer)).collect();
            Bitext {
                document,
                segments,
                model: self.name.clone(),
                source_lang: self.settings.from.clone(),
                target_lang: self.settings.to.clone(),
                lines: self.settings.lines,
            }
        };
        Ok(documents.into_iter().zip(planned).map(bitext).collect())
    }

    fn segment(
        &self,
        document: &Document,
        planned: plan::Planned,
        translations: &[Translation],
        observer: &dyn Observer,
    ) -> Segment {
        let segment = Segment { block: planned.block, range: planned.range, ..Segment::default() };
        let source = &document.text[segment.range.clone()];
        match planned.treatment {
            Treatment::Keep { target, flags } => {
                observer.advance();
                Segment { target, flags, ..segment }
            }
            Treatment::Translate { index, mut flags } => {
                let translation = &translations[index];
                flags.extend(&translation.flags);
                flags.extend(review::check(source, &translation.target));
                flags.sort_unstable();
                flags.dedup();
                Segment {
                    target: translation.target.clone(),
                    score: translation.score,
                    alignment: alignment::on_raw_words(&translation.alignment, source),
                    alternatives: translation.alternatives.clone(),
                    tokens: self.settings.tokens.then(|| translation.tokens()),
                    flags,
                    ..segment
                }
            }
        }
    }
}

/// A warning where a model for one pair of languages is asked for another: its files say which pair that is.
fn other_pair(files: &ModelFiles, settings: &Settings) -> Option<String> {
    let config: serde_json::Value = serde_json::from_slice(&files.read("tokenizer_config.json").ok()??).ok()?;
    let plain = |key: &str| config[key].as_str().filter(|code| code.len() == 2);
    let (from, to) = (plain("source_lang")?, plain("target_lang")?);
    let same = |model: &str, asked: &str| asked.starts_with(model) || (model == "ar" && plan::is_arabic(asked));
    (!same(from, &settings.from) || !same(to, &settings.to)).then(|| {
        format!("{} translates from {from} to {to}, not from {} to {}: expect nonsense", files.name, settings.from, settings.to)
    })
}
