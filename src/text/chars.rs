//! Character classes of Arabic and mixed text: the marks that end sentences, what may stand behind them, and what cannot be seen.

/// Question and exclamation marks of every script met in Arabic text.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, '!' | '?' | '؟' | '‼' | '⁇' | '⁈' | '⁉' | '‽' | '⸮' | '！' | '？' | '﹖' | '﹗')
}

/// Full stops: ASCII, the Arabic (Urdu) one, fullwidth and ideographic.
pub(super) fn is_stop(c: char) -> bool {
    matches!(c, '.' | '۔' | '．' | '。' | '｡')
}

/// Any character that can end a sentence.
pub(super) fn is_terminator(c: char) -> bool {
    is_stop(c) || is_mark(c) || c == '…'
}

/// Quotation marks of any direction: Arabic typography uses `“ ”` and `« »` both ways round, so direction is decided by the neighbours.
pub(super) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '«' | '»' | '“' | '”' | '„' | '‟' | '‹' | '›' | '‘' | '’' | '\'' | '＂' | '❝' | '❞' | '`')
}

pub(super) fn is_open_bracket(c: char) -> bool {
    matches!(c, '(' | '[' | '{' | '（' | '［' | '﴿')
}

pub(super) fn is_close_bracket(c: char) -> bool {
    matches!(c, ')' | ']' | '}' | '）' | '］' | '﴾')
}

/// Marks that continue a sentence when they follow a stop: commas, semicolons, colons.
pub(super) fn is_pause(c: char) -> bool {
    matches!(c, ',' | '،' | ';' | '؛' | ':' | '/' | '\\' | '٬' | '﹐' | '，')
}

pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '–' | '—' | '―' | '‐' | '‑' | '−')
}

/// Format characters without any shape of their own: bidi controls, joiners, zero-width spaces, byte order marks, soft hyphens, tags.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// White space, or something between words that shows as nothing or as white space.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

/// Harakat, Quranic annotation and other combining marks of Arabic, and tatweel: a word is the same word without them.
pub(super) fn is_arabic_mark(c: char) -> bool {
    matches!(c, '\u{0610}'..='\u{061A}' | '\u{0640}' | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06DC}'
        | '\u{06DF}'..='\u{06E8}' | '\u{06EA}'..='\u{06ED}' | '\u{08D3}'..='\u{08FF}')
}

/// A letter of the Arabic script, presentation forms included (marks and digits are not letters).
pub fn is_arabic_letter(c: char) -> bool {
    matches!(c, '\u{0620}'..='\u{063F}' | '\u{0641}'..='\u{064A}' | '\u{066E}' | '\u{066F}' | '\u{0671}'..='\u{06D3}' | '\u{06D5}'
        | '\u{06EE}' | '\u{06EF}' | '\u{06FA}'..='\u{06FC}' | '\u{06FF}' | '\u{0750}'..='\u{077F}' | '\u{0870}'..='\u{0887}'
        | '\u{08A0}'..='\u{08C9}' | '\u{FB50}'..='\u{FBB1}' | '\u{FBD3}'..='\u{FD3D}' | '\u{FD50}'..='\u{FDFB}'
        | '\u{FE70}'..='\u{FEFC}')
}

pub(super) fn is_latin_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || (matches!(c, '\u{00C0}'..='\u{024F}' | '\u{1E00}'..='\u{1EFF}') && c.is_alphabetic())
}

/// A decimal digit of the scripts in use: Western, Arabic-Indic, Extended Arabic-Indic, fullwidth. Its value is 0–9.
pub(super) fn digit(c: char) -> Option<u32> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{0660}'..='\u{0669}' => '\u{0660}',
        '\u{06F0}'..='\u{06F9}' => '\u{06F0}',
        '\u{FF10}'..='\u{FF19}' => '\u{FF10}',
        _ => return None,
    };
    Some(c as u32 - zero as u32)
}

pub(super) fn is_digit(c: char) -> bool {
    digit(c).is_some()
}

/// Pictographs and what joins them; an emoji behind a stop belongs to the sentence before it.
pub(super) fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{FE0F}' | '\u{2B50}' | '\u{2B55}' | '\u{20E3}')
        && !matches!(c, '❝' | '❞')
}

/// Superscript digits, as footnote marks are written.
pub(super) fn is_superscript(c: char) -> bool {
    matches!(c, '¹' | '²' | '³' | '⁰' | '⁴'..='⁹')
}

/// Bullets that cannot be mistaken for a dash or a number.
pub(super) fn is_bullet(c: char) -> bool {
    matches!(
        c,
        '•' | '●'
            | '○'
            | '◦'
            | '▪'
            | '▫'
            | '■'
            | '□'
            | '◆'
            | '◇'
            | '►'
            | '▶'
            | '‣'
            | '⁃'
            | '·'
            | '✓'
            | '✔'
            | '➢'
            | '➤'
            | '❖'
            | '∙'
            | '\u{F0B7}'
    )
}

/// A word as it is looked up: without marks and invisible characters, hamza carriers and final forms folded, Latin in lower case.
pub(super) fn fold(word: &str) -> String {
    word.chars()
        .filter(|&c| !is_arabic_mark(c) && !is_invisible(c))
        .map(|c| match c {
            'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
            'ى' | 'ی' => 'ي',
            'ک' => 'ك',
            _ => c.to_ascii_lowercase(),
        })
        .collect()
}
