//! Tokens that are cut out of a text before SentencePiece sees it: `</s>`, `<unk>`, `<pad>` and what else a checkpoint declares.
//!
//! transformers' Python tokenisers (`MarianTokenizer`, `M2M100Tokenizer`) do this with a trie over the characters; [`AddedTokens::split`]
//! cuts at the same places, overlapping tokens included.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// A declared token and how it takes the white space around it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct AddedToken {
    pub content: String,
    /// Takes the white space before it.
    #[serde(default)]
    pub lstrip: bool,
    /// Takes the white space after it.
    #[serde(default)]
    pub rstrip: bool,
    /// Matches only between spaces.
    #[serde(default)]
    pub single_word: bool,
    /// Matched in the normalised text (`tokenizers` only).
    #[serde(default)]
    pub normalized: bool,
    /// Skipped when decoding.
    #[serde(default)]
    pub special: bool,
}

impl AddedToken {
    /// A special token that takes no white space.
    pub fn special(content: impl Into<String>) -> Self {
        Self { content: content.into(), lstrip: false, rstrip: false, single_word: false, normalized: false, special: true }
    }
}

/// All added tokens of a tokeniser.
#[derive(Debug, Clone)]
pub struct AddedTokens {
    by_id: BTreeMap<u32, AddedToken>,
    ids: HashMap<String, u32>,
    /// States of the trie; the first is the root.
    trie: Vec<TrieNode>,
    /// First characters of the tokens.
    firsts: Vec<char>,
    any_flags: bool,
}

#[derive(Debug, Clone, Default)]
struct TrieNode {
    children: Vec<(char, usize)>,
    is_token: bool,
}

impl TrieNode {
    fn child(&self, char: char) -> Option<usize> {
        self.children.iter().find(|(label, _)| *label == char).map(|(_, node)| *node)
    }
}

/// A stretch of text between added tokens, or an added token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment<'a> {
    Text(Cow<'a, str>),
    Token(u32),
}

impl AddedTokens {
    /// From the tokens by id.
    pub fn new(by_id: BTreeMap<u32, AddedToken>) -> Self {
        let mut trie = vec![TrieNode::default()];
        let mut firsts = Vec::new();
        for token in by_id.values() {
            let mut node = 0;
            for char in token.content.chars() {
                node = match trie[node].child(char) {
                    Some(child) => child,
                    None => {
                        let child = trie.len();
                        trie.push(TrieNode::default());
                        trie[node].children.push((char, child));
                        child
                    }
                };
            }
            if let Some(first) = token.content.chars().next() {
                trie[node].is_token = true;
                if !firsts.contains(&first) {
                    firsts.push(first);
                }
            }
        }
        let ids = by_id.iter().map(|(id, token)| (token.content.clone(), *id)).collect();
        let any_flags = by_id.values().any(|token| token.lstrip || token.rstrip || token.single_word);
        Self { by_id, ids, trie, firsts, any_flags }
    }

    /// The id of an added token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The added token of an id.
    pub fn token(&self, id: u32) -> Option<&AddedToken> {
        self.by_id.get(&id)
    }

    /// Cuts `text` around added tokens and hands the parts to `take`, in order.
    pub fn split<'a>(&self, text: &'a str, mut take: impl FnMut(Fragment<'a>)) {
        if !text.contains(self.firsts.as_slice()) {
            if !text.is_empty() {
                take(Fragment::Text(Cow::Borrowed(text)));
            }
            return;
        }
        let mut parts = self.cut(text);
        if self.any_flags {
            self.apply_flags(&mut parts);
        }
        for part in parts {
            match self.id(&part) {
                Some(id) => take(Fragment::Token(id)),
                None if part.is_empty() => {}
                None => take(Fragment::Text(part)),
            }
        }
    }

    /// The cuts that transformers' `Trie.split` makes.
    fn cut<'a>(&self, text: &'a str) -> Vec<Cow<'a, str>> {
        let chars: Vec<char> = text.chars().collect();
        let length = chars.len();
        // Tokens begun and not yet complete or refuted: first character, state in the trie; in order of the first character.
        let mut states: Vec<(usize, usize)> = Vec::new();
        let mut cuts = Vec::new();
        let mut skip = 0;
        for (current, &char) in chars.iter().enumerate() {
            if current < skip {
                continue;
            }
            let mut found = None;
            let mut kept = Vec::with_capacity(states.len() + 1);
            for index in 0..states.len() {
                let (start, node) = states[index];
                if self.trie[node].is_token {
                    found = Some(self.look_ahead(&chars, &states, start, current, &mut skip));
                    break;
                }
                if let Some(child) = self.trie[node].child(char) {
                    states[index].1 = child;
                    kept.push((start, child));
                }
            }
            states = match found {
                Some((start, end)) => {
                    cuts.extend([start, end]);
                    Vec::new()
                }
                None => kept,
            };
            if current >= skip
                && let Some(child) = self.trie[0].child(char)
            {
                states.push((current, child));
            }
        }
        if let Some(&(start, _)) = states.iter().find(|(_, node)| self.trie[*node].is_token) {
            cuts.extend([start, length]);
        }
        cuts.push(length);
        let mut byte_offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).collect();
        byte_offsets.push(text.len());
        let mut parts = Vec::new();
        let mut start = 0;
        for end in cuts {
            if end > start {
                parts.push(Cow::Borrowed(&text[byte_offsets[start]..byte_offsets[end]]));
                start = end;
            }
        }
        parts
    }

    /// A token that began at `start` is complete before `current`: the longest token among it and those that began earlier.
    fn look_ahead(
        &self,
        chars: &[char],
        states: &[(usize, usize)],
        mut start: usize,
        current: usize,
        skip: &mut usize,
    ) -> (usize, usize) {
        let mut end = current;
        for &(other, mut node) in states {
            if other > start {
                break;
            }
            // A state that began earlier was already moved over the current character.
            let mut ahead = if other < start { current + 1 } else { current };
            end = ahead;
            loop {
                if self.trie[node].is_token {
                    (start, end, *skip) = (other, ahead, ahead);
                }
                let Some(child) = chars.get(ahead).and_then(|&next| self.trie[node].child(next)) else { break };
                node = child;
                ahead += 1;
            }
        }
        (start, end)
    }

    /// White space and word boundaries around the tokens found.
    fn apply_flags(&self, parts: &mut [Cow<str>]) {
        for index in 0..parts.len() {
            let Some(token) = self.id(&parts[index]).and_then(|id| self.by_id.get(&id)) else { continue };
            let left = index.checked_sub(1).map(|left| parts[left].to_string()).filter(|left| !left.is_empty());
            let right = parts.get(index + 1).map(|right| right.to_string()).filter(|right| !right.is_empty());
            if token.rstrip
                && let Some(right) = &right
            {
                parts[index + 1] = Cow::Owned(right.trim_start_matches(is_python_space).to_owned());
            }
            if token.lstrip
                && let Some(left) = &left
            {
                parts[index - 1] = Cow::Owned(left.trim_end_matches(is_python_space).to_owned());
            }
            if token.single_word {
                if left.is_some_and(|left| !left.ends_with(' ')) {
                    parts[index - 1] = Cow::Owned(format!("{}{}", parts[index - 1], token.content));
                    parts[index] = Cow::Borrowed("");
                } else if right.is_some_and(|right| !right.starts_with(' ')) {
                    parts[index + 1] = Cow::Owned(format!("{}{}", token.content, parts[index + 1]));
                    parts[index] = Cow::Borrowed("");
                }
            }
        }
    }
}

/// What Python's `str.isspace` takes for white space: Unicode's, and the four separators U+001C–U+001F.
pub(super) fn is_python_space(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(tokens: &[&str], text: &str) -> Vec<String> {
        let by_id = (0..).zip(tokens.iter().map(|token| AddedToken::special(*token))).collect();
        let added = AddedTokens::new(by_id);
        let mut parts = Vec::new();
        added.split(text, |fragment| {
            parts.push(match fragment {
                Fragment::Text(text) => text.into_owned(),
                Fragment::Token(id) => format!("[{}]", tokens[id as usize]),
            });
        });
        parts
    }

    // The expected cuts are those of transformers 5.24, `transformers.tokenization_python.Trie.split`.
    #[test]
    fn cuts_like_transformers() {
        assert_eq!(split(&["</s>"], "a </s> b"), ["a ", "[</s>]", " b"]);
        assert_eq!(split(&["</s>"], "</s></s>"), ["[</s>]", "[</s>]"]);
        assert_eq!(split(&["</s>", "<s>"], "<</s>><s"), ["<", "[</s>]", "><s"]);
        assert_eq!(split(&["[CLS]", "extra_id_1", "extra_id_100"], "[CLS] a extra_id_100"), ["[[CLS]]", " a ", "[extra_id_100]"]);
        assert_eq!(split(&["blowing", "lower"], "blower"), ["b", "[lower]"]);
        assert_eq!(split(&["abcd", "bc"], "abce"), ["a", "[bc]", "e"]);
        assert_eq!(split(&["</s>"], ""), [""; 0]);
    }
}
