//! The `tokenizers` crate's reading of a SentencePiece [`Charsmap`], which NLLB's tokeniser uses and which is not SentencePiece's.
//!
//! Text is taken by grapheme clusters: one below six bytes that *starts with* a rule's source is replaced as a whole by the shortest such
//! rule; any other is replaced character by character. `é` written as two characters so keeps or loses its accent by how long it is.
//! NLLB was released with that behaviour, so it has to be followed; then runs of spaces become one.

use super::charsmap::Charsmap;
use unicode_segmentation::UnicodeSegmentation;

/// Longer grapheme clusters are replaced character by character.
const MAX_CLUSTER: usize = 6;

/// Normalises `text` by `charsmap` into `out`, which is cleared first; spaces are not merged.
pub fn normalize_into(charsmap: &Charsmap, text: &str, out: &mut String) {
    out.clear();
    let mut rest = text;
    while !rest.is_empty() {
        let run = plain_run(charsmap, rest);
        out.push_str(&rest[..run]);
        rest = &rest[run..];
        // Clusters up to the next two characters that certainly don't belong together.
        let end = cluster_end(rest);
        for cluster in rest[..end].graphemes(true) {
            match replacement(charsmap, cluster).filter(|_| cluster.len() < MAX_CLUSTER) {
                Some(replaced) => out.push_str(replaced),
                None => {
                    for (start, char) in cluster.char_indices() {
                        match replacement(charsmap, &cluster[start..start + char.len_utf8()]) {
                            Some(replaced) => out.push_str(replaced),
                            None => out.push(char),
                        }
                    }
                }
            }
        }
        rest = &rest[end..];
    }
}

fn replacement<'a>(charsmap: &'a Charsmap, text: &str) -> Option<&'a str> {
    // A replacement that is not text is no replacement; model files hold none.
    charsmap.shortest_match(text.as_bytes()).and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// Length of the longest start of `text` in which every character is a cluster by itself and no rule matches.
fn plain_run(charsmap: &Charsmap, text: &str) -> usize {
    let mut end = 0;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if !stands_alone(char) || chars.peek().is_some_and(|next| !stands_alone(*next)) {
            break;
        }
        let next = end + char.len_utf8();
        if charsmap.shortest_match(&text.as_bytes()[end..next]).is_some() {
            break;
        }
        end = next;
    }
    end
}

/// Where, at or after the end of the first character, two characters meet that stand alone: always a cluster boundary.
fn cluster_end(text: &str) -> usize {
    let mut before = false;
    for (start, char) in text.char_indices() {
        let alone = stands_alone(char);
        if before && alone {
            return start;
        }
        before = alone;
    }
    text.len()
}

/// Characters that never join a neighbour of their kind in a grapheme cluster (Grapheme_Cluster_Break=Other and not pictographic): the common
/// ones of Latin and Arabic text, not all.
fn stands_alone(char: char) -> bool {
    matches!(char,
        ' '..='~'
        | '\u{A1}'..='\u{A8}' | '\u{AA}'..='\u{AC}' | '\u{AF}'..='\u{2FF}'
        | '\u{60C}'..='\u{60F}' | '\u{61B}' | '\u{61D}'..='\u{64A}' | '\u{660}'..='\u{66F}' | '\u{671}'..='\u{6D5}'
        | '\u{2018}'..='\u{201F}' | '\u{2581}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_said_to_stand_alone_do() {
        let alone: Vec<char> = ('\0'..='\u{2FFF}').filter(|char| stands_alone(*char)).collect();
        assert!(alone.len() > 500);
        for &a in &alone {
            for b in ['a', 'ب', '\u{A1}', '▁', a] {
                let pair: String = [a, b, a].iter().collect();
                assert_eq!(pair.graphemes(true).count(), 3, "{pair:?}");
            }
        }
    }
}
