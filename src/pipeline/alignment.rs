//! Word alignment of finished translations: each target is forced once more and the decoder's attention read.

use super::{PipelineError, Translation, Translator};
use crate::align::{WordOfToken, links, words_of_pieces};
use crate::bitext::TokenIds;
use crate::engine::{EngineError, Session};
use crate::text;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

impl Translator {
    /// Fills [`Translation::alignment`], workers side by side.
    pub(super) fn align(
        &self,
        sources: &[String],
        translations: &mut [Translation],
        cancelled: &AtomicBool,
    ) -> Result<(), PipelineError> {
        let next = AtomicUsize::new(0);
        let slots: Vec<Mutex<&mut Translation>> = translations.iter_mut().map(Mutex::new).collect();
        let work = || -> Result<(), EngineError> {
            let mut session = self.model.session()?;
            while !cancelled.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = slots.get(at) else { break };
                let mut translation = slot.lock().expect("each slot is taken once");
                translation.alignment = self.word_links(&mut *session, &sources[at], &translation)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.settings.threads.max(1)).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })?;
        Ok(())
    }

    fn word_links(
        &self,
        session: &mut dyn Session,
        source: &str,
        translation: &Translation,
    ) -> Result<Vec<(usize, usize)>, EngineError> {
        let source_total = source.split_whitespace().count();
        let target_total = translation.target.split_whitespace().count();
        let (mut source_base, mut target_base) = (0, 0);
        let mut all = Vec::new();
        for part in &translation.parts {
            let (sources, targets) = self.words(part);
            let attention = session.attention(&part.source, &part.target)?;
            all.extend(links(&attention, &sources, &targets).into_iter().map(|(s, t)| (s + source_base, t + target_base)));
            source_base += count(&sources);
            target_base += count(&targets);
        }
        // Normalisation can change the number of words (`ﷺ` is one in the text and four to the model): scale, so that every index exists.
        let fit = |index: usize, had: usize, has: usize| if had == has { index } else { index * has / had.max(1) };
        let mut links: Vec<_> =
            all.into_iter().map(|(s, t)| (fit(s, source_base, source_total), fit(t, target_base, target_total))).collect();
        links.retain(|&(s, t)| s < source_total && t < target_total);
        links.sort_unstable();
        links.dedup();
        Ok(links)
    }

    /// The word of every token. What decodes to nothing (end of sentence, language codes) belongs to none; unknown text does.
    fn words(&self, part: &TokenIds) -> (WordOfToken, WordOfToken) {
        let tokenizer = &*self.tokenizer;
        let is_text =
            |id: u32, piece: &str, text: String| id == tokenizer.unknown() || piece.starts_with('▁') || !text.is_empty();
        let sources = part.source.iter().map(|&id| {
            let piece = tokenizer.source_piece(id);
            (piece, !is_text(id, piece, tokenizer.decode_source(&[id])))
        });
        let targets = part.target.iter().map(|&id| {
            let piece = tokenizer.target_piece(id);
            (piece, !is_text(id, piece, tokenizer.decode_target(&[id])))
        });
        (words_of_pieces(sources), words_of_pieces(targets))
    }
}

/// Links over the words of a cleaned text as links over the white-space words of the raw one: a word of invisible characters only is none to the
/// model, one with a zero-width space inside is two.
pub(super) fn on_raw_words(links: &[(usize, usize)], raw: &str) -> Vec<(usize, usize)> {
    if links.is_empty() {
        return Vec::new();
    }
    let raw_of_clean: Vec<usize> = raw
        .split_whitespace()
        .enumerate()
        .flat_map(|(index, word)| std::iter::repeat_n(index, text::clean(word).split_whitespace().count()))
        .collect();
    let mut mapped: Vec<_> = links.iter().filter_map(|&(source, target)| Some((*raw_of_clean.get(source)?, target))).collect();
    mapped.sort_unstable();
    mapped.dedup();
    mapped
}

fn count(words: &WordOfToken) -> usize {
    words.iter().flatten().max().map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::on_raw_words;

    #[test]
    fn invisible_words_are_counted_and_zero_width_spaces_are_not() {
        assert_eq!(on_raw_words(&[(0, 0), (1, 1)], "وصل \u{200F} الوفد"), [(0, 0), (2, 1)]);
        assert_eq!(on_raw_words(&[(0, 0), (1, 1), (2, 2)], "وصل\u{200B}الوفد إلى"), [(0, 0), (0, 1), (1, 2)]);
    }
}
