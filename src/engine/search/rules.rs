//! Which tokens a hypothesis may not take next: minimum length, repeated n-grams, bad words, suppressed tokens.
//!
//! Each rule is one of transformers' logits processors (`generation/logits_process.py`), followed in what counts as context: n-grams and
//! multi-token bad words see the start token too.

use super::DecodeOptions;

/// The rules of a run, split into tokens that are never allowed and those that depend on the hypothesis.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    options: &'a DecodeOptions,
    /// Banned at every step, sorted.
    always: Vec<u32>,
    /// Bad words of two and more tokens.
    phrases: Vec<&'a [u32]>,
}

impl<'a> Rules<'a> {
    pub fn new(options: &'a DecodeOptions) -> Self {
        let words = options.bad_words.iter().map(Vec::as_slice);
        let mut always: Vec<u32> = words.clone().filter(|word| word.len() == 1).map(|word| word[0]).collect();
        always.extend(&options.suppress);
        always.sort_unstable();
        always.dedup();
        Self { options, always, phrases: words.filter(|word| word.len() > 1).collect() }
    }

    pub fn always(&self) -> &[u32] {
        &self.always
    }

    /// Whether any rule can depend on the hypothesis at all.
    pub fn depend_on_row(&self) -> bool {
        let options = self.options;
        options.min_length > 0 || options.no_repeat_ngram > 0 || !self.phrases.is_empty() || !options.begin_suppress.is_empty()
    }

    /// Appends what a hypothesis with these generated tokens may not take next.
    pub fn banned(&self, generated: &[u32], banned: &mut Vec<u32>) {
        let options = self.options;
        // The end of sentence is itself counted in the minimum.
        if generated.len() + 1 < options.min_length {
            banned.extend(&options.eos);
        }
        if generated.len() == options.prefix.len() {
            banned.extend(&options.begin_suppress);
        }
        // Position 0 is the start token.
        let length = generated.len() + 1;
        let token = |position: usize| if position == 0 { options.decoder_start } else { generated[position - 1] };
        let n = options.no_repeat_ngram;
        if n > 0 && length >= n {
            // Positions where the last n - 1 tokens occur, followed by a token.
            banned.extend(
                (0..=length - n)
                    .filter(|&start| (0..n - 1).all(|i| token(start + i) == token(length + 1 - n + i)))
                    .map(|start| token(start + n - 1)),
            );
        }
        for phrase in &self.phrases {
            let (last, prefix) = phrase.split_last().expect("phrases have two tokens and more");
            if prefix.len() <= length && prefix.iter().enumerate().all(|(i, &want)| token(length - prefix.len() + i) == want) {
                banned.push(*last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EarlyStopping;

    fn options() -> DecodeOptions {
        DecodeOptions {
            beams: 1,
            nbest: 1,
            max_length: 20,
            min_length: 0,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::No,
            prefix: vec![],
            forced_eos: vec![],
            bad_words: vec![],
            suppress: vec![],
            begin_suppress: vec![],
            renormalize: false,
            no_repeat_ngram: 0,
            decoder_start: 9,
            eos: vec![0],
        }
    }

    fn banned(options: &DecodeOptions, generated: &[u32]) -> Vec<u32> {
        let mut banned = Vec::new();
        Rules::new(options).banned(generated, &mut banned);
        banned.sort_unstable();
        banned.dedup();
        banned
    }

    #[test]
    fn minimum_length_counts_the_end() {
        let options = DecodeOptions { min_length: 3, ..options() };
        assert_eq!(banned(&options, &[]), [0]);
        assert_eq!(banned(&options, &[5]), [0]);
        assert!(banned(&options, &[5, 6]).is_empty());
    }

    #[test]
    fn n_grams_see_the_start_token() {
        let bigrams = DecodeOptions { no_repeat_ngram: 2, ..options() };
        assert!(banned(&bigrams, &[]).is_empty());
        assert_eq!(banned(&bigrams, &[5, 6, 5]), [6]);
        assert_eq!(banned(&bigrams, &[5, 9]), [5]);
        let trigrams = DecodeOptions { no_repeat_ngram: 3, ..options() };
        assert_eq!(banned(&trigrams, &[1, 2, 3, 1, 2]), [3]);
        let unigrams = DecodeOptions { no_repeat_ngram: 1, ..options() };
        assert_eq!(banned(&unigrams, &[1, 2]), [1, 2, 9]);
    }

    #[test]
    fn phrases_ban_their_last_token() {
        let options = DecodeOptions { bad_words: vec![vec![4], vec![5, 6], vec![9, 7]], ..options() };
        assert_eq!(Rules::new(&options).always(), [4]);
        assert_eq!(banned(&options, &[]), [7]);
        assert_eq!(banned(&options, &[5]), [6]);
        assert!(banned(&options, &[5, 1]).is_empty());
    }
}
