//! What a token before a stop abbreviates, in Arabic and in Latin script.

use super::{Words, words};
use std::sync::LazyLock;

/// What kind of abbreviation of the Arabic script a token before a stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Abbreviation {
    /// A title before a name (`د. أحمد`, `أ.د. سعاد`): never the end.
    Title,
    /// A unit, an era, a part of the day after a number (`٣٢٢ ق.م.`, `10 ص.`): the end unless the next word goes on.
    AfterNumber,
    /// Names a number that follows (`ص. 45`, `ج. 2`).
    BeforeNumber,
    /// A single letter of a name, or an abbreviation of several letters (`ج. ك. رولينغ`, `ا.ف.ب.`): goes on unless the next word starts.
    Letters,
    /// A unit of measure (`5 ملغ.`): usually no abbreviation point, so the end unless the next word belongs to the quantity.
    Unit,
    /// `إلخ.`: the end unless the next word goes on.
    AndSoOn,
}

/// Titles before a name: doctor, professor, engineer.
static TITLES: Words = words!("د ا ا.د ا.م.د ا.م م.د د.م ل.د");

/// Eras, parts of the day, and currencies, which stand after a number.
static AFTER_NUMBER: Words =
    words!("ق.م ق.ب ب.م ق.ه م ه ص ظ ق.ظ ب.ظ ع مساء ت ت.غ د.ا د.ك د.ج د.ع د.ت د.ب د.ل د.م ر.س ر.ق ر.ع ر.ي ل.س ل.ل ج.م ج.س");

/// Eras that mean nothing else, whatever stands before them.
static ERAS: Words = words!("ق.م ق.ه ق.ب ب.م");

/// Page, part, edition, number, telephone, post box.
static BEFORE_NUMBER: Words = words!("ص ج ط ع ق ت س م مج ح رقم هاتف تلفون فاكس جوال ص.ب ف مل ش ص.ص صص تح مح");

/// Units of measure.
static UNITS: Words = words!("كم سم مم ملم كغ كغم كجم كلغ غ غم جم ملغ ملغم مجم مل ل س د ث دق ساعة كلم ط م2 هكتار");

/// Names of Latin letters as Arabic writes them in foreign names.
static LETTER_NAMES: Words =
    words!("اي ايه بي سي دي اف جي جيه اتش كي كيه كاي ال ام ان او كيو ار اس تي يو دبليو دابليو اكس واي زد");

/// Whether a word is the name of a Latin letter.
pub(in crate::text) fn is_letter_name(word: &str) -> bool {
    LETTER_NAMES.contains(word)
}

/// Nouns that name a thing by a letter: the stop after `فيتامين د` ends the sentence.
static LABELLED: Words = words!(
    "فيتامين المجموعة مجموعة الفئة فئة الفقرة فقرة النقطة نقطة الشكل القسم الملحق الصف النوع نوع فصيلة الفصيلة القناة البند \
     بند حرف الحرف الكبد الخطة الخيار الجزء الجدول المرحلة القاعة المبني الدرجة العمود الطابق المستوي المحور الزاوية \
     النموذج الضلع"
);

/// Judges a folded token before a stop. `previous` is the folded word before it, `after_number` whether a number stands right before the letters.
pub(in crate::text) fn arabic_abbreviation(
    token: &str,
    previous: &str,
    after_number: bool,
    next_is_digit: bool,
) -> Option<Abbreviation> {
    // `وم. عمر`: "and" before the abbreviation.
    let token = match token.strip_prefix('و') {
        Some(rest) if rest.split('.').all(|piece| piece.chars().count() == 1) => rest,
        _ => token,
    };
    if matches!(token, "الخ" | "ا.ل.خ") {
        return Some(Abbreviation::AndSoOn);
    }
    let pieces: Vec<&str> = token.split('.').filter(|piece| !piece.is_empty()).collect();
    let letters_only = pieces.iter().all(|piece| piece.chars().count() == 1);
    if after_number && AFTER_NUMBER.contains(token) {
        return Some(Abbreviation::AfterNumber);
    }
    if next_is_digit && BEFORE_NUMBER.contains(token) {
        return Some(Abbreviation::BeforeNumber);
    }
    if ERAS.contains(token) {
        return Some(Abbreviation::AfterNumber);
    }
    if after_number && UNITS.contains(token) {
        return Some(Abbreviation::Unit);
    }
    if letters_only && pieces.len() == 1 && LABELLED.contains(previous) {
        return Some(Abbreviation::AfterNumber);
    }
    if TITLES.contains(token) {
        return Some(Abbreviation::Title);
    }
    // `بي.بي.سي.`
    if pieces.len() > 1 && pieces.iter().all(|piece| is_letter_name(piece)) {
        return Some(Abbreviation::Letters);
    }
    // `جون إف. كينيدي` is an initial, `بي بي سي.` an acronym at the end of its sentence.
    let initial = LETTER_NAMES.contains(token) && !LETTER_NAMES.contains(previous);
    (letters_only || initial).then_some(Abbreviation::Letters)
}

/// What kind of abbreviation of the Latin script a token before a stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum LatinAbbreviation {
    /// Something always follows: `Dr.`, `vs.`, `e.g.`
    Open,
    /// A number follows or the word is no abbreviation: `No. 5`, `Fig. 2`.
    BeforeNumber,
    /// May end a sentence: `Inc.`, `U.S.`
    MayEnd,
    /// `et al.`: goes on unless the next word starts.
    AndOthers,
    /// A single capital letter: an initial before Latin script, the end before Arabic (`فيتامين C.`).
    Initial,
    /// A part of the day: the end unless the next word goes on.
    Time,
}

/// Titles and words that something always follows.
static LATIN_OPEN: Words = words!(
    "mr mrs ms dr prof rev hon st ste gen col sgt capt lt maj adm gov sen rep pres messrs mt ft vs v e.g eg i.e ie cf viz \
     approx ca c ed eds op cit ibid var subsp f mme mlle vgl resp incl esp"
);

/// Figure, page, volume, months.
static LATIN_BEFORE_NUMBER: Words = words!(
    "no nos nr fig figs vol pp p pg eq eqs ref refs tab ch chap sec sect art para app ver jan feb mar apr jun jul aug sep \
     sept oct nov dec tel ext suppl ex"
);

/// Companies, countries, degrees.
static LATIN_MAY_END: Words =
    words!("inc ltd co corp llc plc bros jr sr u.s u.s.a u.k u.n e.u ph.d m.d b.a b.sc m.a m.sc d.c s.a gmbh dept univ assn esq");

/// Judges a Latin token (lower case) before a stop; `original` is the same token as written.
pub(in crate::text) fn latin_abbreviation(token: &str, original: &str) -> Option<LatinAbbreviation> {
    if token == "al" {
        return Some(LatinAbbreviation::AndOthers);
    }
    if matches!(token, "a.m" | "p.m") {
        return Some(LatinAbbreviation::Time);
    }
    if matches!(token, "etc" | "spp" | "sp") {
        return Some(LatinAbbreviation::MayEnd);
    }
    let mut letters = original.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_uppercase()
    {
        return Some(LatinAbbreviation::Initial);
    }
    if LATIN_MAY_END.contains(token) {
        return Some(LatinAbbreviation::MayEnd);
    }
    if LATIN_BEFORE_NUMBER.contains(token) {
        return Some(LatinAbbreviation::BeforeNumber);
    }
    if LATIN_OPEN.contains(token) {
        return Some(LatinAbbreviation::Open);
    }
    let dotted = token.contains('.') && token.split('.').all(|piece| piece.chars().count() == 1);
    dotted.then_some(LatinAbbreviation::MayEnd)
}
