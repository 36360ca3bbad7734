//! Loops of a decoder: the same words again and again.

/// Whether `text` says the same phrase over and over: a phrase of one to eight words that stands at least three times in a row (four times for
/// a single word), covering no less than a quarter of the text.
pub fn repeats(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (1..=8).any(|period| {
        let least = if period == 1 { 4 } else { 3 };
        longest_run(&words, period).is_some_and(|run| run >= least * period && run * 4 >= words.len())
    })
}

/// Words in the longest stretch in which every word equals the one `period` places before it, the first phrase included.
fn longest_run(words: &[&str], period: usize) -> Option<usize> {
    let (mut longest, mut run) = (0, 0);
    for pair in words.windows(period + 1) {
        run = if pair[0] == pair[period] { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    (longest > 0).then_some(longest + period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_seen() {
        assert!(repeats("the city of the city of the city of the city"));
        assert!(repeats("He said that very very very very"));
        assert!(repeats("no no no no"));
    }

    #[test]
    fn ordinary_text_is_not_a_loop() {
        assert!(!repeats("He said that the city of Aden and the city of Taiz had agreed"));
        assert!(!repeats("very very good"));
        assert!(!repeats(""));
        assert!(!repeats(
            "The long report mentions the word no no no no only once, then goes on to speak of many other things entirely, at length"
        ));
    }
}
