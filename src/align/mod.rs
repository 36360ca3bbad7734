//! Word alignment from cross-attention.
//!
//! While a target token is predicted, the decoder looks at the source tokens that it translates. [`links`] reads the attention of the layer
//! that looks most sharply, takes each target word's strongest source word, and each source word's strongest target word where they agree
//! or nothing else is known: "grow from the intersection" in its simplest form (Och & Ney 2003). Quality depends on the model; no
//! aligner is trained.

use crate::engine::Attention;

/// For every token of a sequence the whitespace word it belongs to; `None` for tokens outside the text (`</s>`, language codes).
pub type WordOfToken = Vec<Option<usize>>;

/// Words of pieces as SentencePiece spells them: a piece that starts with `▁` begins a word; `skip` says which tokens are no text.
pub fn words_of_pieces<'a>(pieces: impl Iterator<Item = (&'a str, bool)>) -> WordOfToken {
    let mut word: Option<usize> = None;
    let mut open = true;
    pieces
        .map(|(piece, skip)| {
            if skip {
                return None;
            }
            let body = piece.trim_start_matches('▁');
            open |= body.len() < piece.len();
            if body.is_empty() {
                // A lone space belongs to the word that it opens.
                return Some(word.map_or(0, |w| w + 1));
            }
            if open {
                word = Some(word.map_or(0, |w| w + 1));
                open = false;
            }
            word
        })
        .collect()
}

/// Source–target word pairs, sorted. `sources` and `targets` give the word of every token; token `t` of the target is predicted by row `t` of
/// the attention.
pub fn links(attention: &Attention, sources: &WordOfToken, targets: &WordOfToken) -> Vec<(usize, usize)> {
    let source_words = count(sources);
    let target_words = count(targets);
    if source_words == 0 || target_words == 0 {
        return Vec::new();
    }
    let weights = word_weights(attention, sources, targets, source_words, target_words);
    let row = |t: usize| &weights[t * source_words..(t + 1) * source_words];
    let best_source: Vec<usize> = (0..target_words).map(|t| strongest(row(t).iter().copied())).collect();
    let best_target: Vec<usize> = (0..source_words).map(|s| strongest((0..target_words).map(|t| row(t)[s]))).collect();
    let mut links: Vec<(usize, usize)> = best_source.iter().enumerate().map(|(t, &s)| (s, t)).collect();
    // A source word that no target word chose is linked to its strongest target word, if that one looks at it about as much as at its own choice.
    for (s, &t) in best_target.iter().enumerate() {
        if !best_source.contains(&s) && row(t)[s] >= 0.5 * row(t)[best_source[t]] {
            links.push((s, t));
        }
    }
    links.sort_unstable();
    links
}

fn count(words: &WordOfToken) -> usize {
    words.iter().flatten().max().map_or(0, |last| last + 1)
}

fn strongest(weights: impl Iterator<Item = f32>) -> usize {
    weights.enumerate().fold((0, f32::MIN), |best, (i, weight)| if weight > best.1 { (i, weight) } else { best }).0
}

/// Attention summed over the tokens of words, shape `[target_words, source_words]`, of the sharpest layer.
fn word_weights(
    attention: &Attention,
    sources: &WordOfToken,
    targets: &WordOfToken,
    source_words: usize,
    target_words: usize,
) -> Vec<f32> {
    let layer = |l: usize| {
        let mut sums = vec![0.0; source_words * target_words];
        for (t, target) in targets.iter().enumerate().take(attention.target_len) {
            let Some(target) = target else { continue };
            let start = (l * attention.target_len + t) * attention.source_len;
            let row = &attention.weights[start..start + attention.source_len];
            for (weight, source) in row.iter().zip(sources) {
                if let Some(source) = source {
                    sums[target * source_words + source] += weight;
                }
            }
        }
        sums
    };
    // Sharpness: how much of each word's attention lies on one source word. End-of-sentence attention is left out, so a layer that mostly
    // rests there has little mass and loses.
    let sharpness = |sums: &[f32]| -> f32 { sums.chunks(source_words).map(|row| row.iter().copied().fold(0.0, f32::max)).sum() };
    (0..attention.layers)
        .map(layer)
        .max_by(|a, b| sharpness(a).total_cmp(&sharpness(b)))
        .unwrap_or_else(|| vec![0.0; source_words * target_words])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_counted_into_words() {
        let pieces = [("▁the", false), ("▁ci", false), ("ty", false), ("▁", false), ("48", false), ("</s>", true)];
        assert_eq!(words_of_pieces(pieces.into_iter()), [Some(0), Some(1), Some(1), Some(2), Some(2), None]);
    }

    #[test]
    fn links_follow_the_sharpest_layer() {
        // Two layers over 2 source words + end and 2 target words + end; the first looks at the end of the sentence, the second crosses over.
        let blurred = [0.2, 0.1, 0.7, 0.1, 0.2, 0.7, 0.1, 0.1, 0.8];
        let crossed = [0.1, 0.8, 0.1, 0.9, 0.05, 0.05, 0.1, 0.1, 0.8];
        let attention = Attention { source_len: 3, target_len: 3, layers: 2, weights: [blurred, crossed].concat() };
        let words = vec![Some(0), Some(1), None];
        assert_eq!(links(&attention, &words, &words), [(0, 1), (1, 0)]);
    }

    #[test]
    fn nothing_is_linked_where_there_are_no_words() {
        let attention = Attention { source_len: 1, target_len: 1, layers: 1, weights: vec![1.0] };
        assert_eq!(links(&attention, &vec![None], &vec![Some(0)]), []);
    }
}
