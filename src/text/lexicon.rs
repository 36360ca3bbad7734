//! Words that decide what a stop means: abbreviations of Arabic and Latin script, and what the next word says about going on.
//!
//! Arabic has no capital letters, so where a stop may belong to an abbreviation the word after it must decide: a preposition or a relative
//! pronoun goes on, `وقال` starts anew. All entries are folded as [`super::chars::fold`] does: no marks, bare alif, `ي` for `ى`.

/// What a word at the start of a possible sentence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    /// Names the speaker of a quotation before it: `قال`, `سألت`.
    Attribution,
    /// Belongs to what stands before it: `في`, `التي`, `ثم`.
    Continues,
    /// Opens a sentence: `وقال`, `هل`, `لذلك`.
    Starts,
    Neutral,
}

/// Judges a folded word.
pub(super) fn cue(word: &str) -> Cue {
    if SPEECH.contains(&word) {
        return Cue::Attribution;
    }
    if CONTINUES.contains(&word) {
        return Cue::Continues;
    }
    if STARTS.contains(&word) {
        return Cue::Starts;
    }
    // `فقال` starts, but `فإن` and `فقد` are the second half of what stands before them.
    if word.strip_prefix(['و', 'ف']).is_some_and(|rest| SPEECH.contains(&rest)) {
        return Cue::Starts;
    }
    match word.strip_prefix('و') {
        Some(rest) if rest.chars().count() >= 2 && !is_waw_noun(word) => Cue::Starts,
        _ => Cue::Neutral,
    }
}

/// Whether `و` is the first letter of the word itself and not "and".
fn is_waw_noun(word: &str) -> bool {
    WAW_NOUNS.iter().any(|noun| word.starts_with(noun))
}

const SPEECH: &[&str] = &[
    "قال",
    "قالت",
    "قالوا",
    "قالا",
    "يقول",
    "تقول",
    "يقولون",
    "قلت",
    "قلنا",
    "اضاف",
    "اضافت",
    "يضيف",
    "تضيف",
    "سال",
    "سالت",
    "سالني",
    "سالته",
    "سالها",
    "سالهم",
    "سالتني",
    "يسال",
    "تسال",
    "تساءل",
    "تساءلت",
    "يتساءل",
    "اجاب",
    "اجابت",
    "اجابه",
    "اجابها",
    "اجبت",
    "يجيب",
    "رد",
    "ردت",
    "يرد",
    "صاح",
    "صاحت",
    "صرخ",
    "صرخت",
    "يصرخ",
    "هتف",
    "هتفت",
    "هتفوا",
    "همس",
    "همست",
    "علق",
    "علقت",
    "كتب",
    "كتبت",
    "يكتب",
    "اكد",
    "اكدت",
    "تابع",
    "تابعت",
    "استطرد",
    "ختم",
    "غرد",
    "غردت",
    "صرح",
    "صرحت",
    "اوضح",
    "اوضحت",
    "تمتم",
    "تمتمت",
    "نادي",
    "نادت",
    "اعلن",
    "اعلنت",
    "اردف",
    "اردفت",
    "هكذا",
];

const CONTINUES: &[&str] = &[
    "في",
    "من",
    "الي",
    "علي",
    "عن",
    "مع",
    "حتي",
    "منذ",
    "خلال",
    "عبر",
    "ضد",
    "بين",
    "لدي",
    "عند",
    "تحت",
    "فوق",
    "حول",
    "دون",
    "بدون",
    "نحو",
    "ان",
    "انه",
    "انها",
    "انهم",
    "بان",
    "التي",
    "الذي",
    "الذين",
    "اللذين",
    "اللتين",
    "اللواتي",
    "او",
    "ام",
    "ثم",
    "كي",
    "لكي",
    "حيث",
    "وهو",
    "وهي",
    "وهم",
    "والتي",
    "والذي",
    "والذين",
    "بما",
    "مما",
    "عما",
    "فيما",
    "بينما",
    "تقريبا",
    "فقط",
    "ايضا",
    "مثلا",
    "الموافق",
    "الموافقة",
    "وغيرها",
    "وغيره",
    "وغيرهم",
    "بسبب",
    "لدي",
    "قبل",
    "بعد",
    "امام",
    "وراء",
    "داخل",
    "خارج",
    "بواسطة",
    "حسب",
    "بحسب",
    "وفق",
    "وفقا",
    "فيها",
    "منها",
    "منهم",
    "فيه",
    "منه",
    "له",
    "لها",
    "لهم",
    "به",
    "بها",
    "عليه",
    "عليها",
    "اليه",
    "اليها",
    "الخاص",
    "الخاصة",
    "المذكور",
    "المذكورة",
    "والي",
    "وحتي",
    "والا",
    "او",
    "يوم",
    "سنة",
    "عام",
    "شهر",
];

const STARTS: &[&str] = &[
    "هل",
    "لماذا",
    "كيف",
    "متي",
    "اين",
    "ماذا",
    "ما",
    "كما",
    "لكن",
    "ولكن",
    "لذلك",
    "لذا",
    "هذا",
    "هذه",
    "هؤلاء",
    "ذلك",
    "تلك",
    "هو",
    "هي",
    "هم",
    "انا",
    "نحن",
    "انت",
    "كان",
    "كانت",
    "قد",
    "لقد",
    "لم",
    "لن",
    "ليس",
    "ليست",
    "لا",
    "اما",
    "غير",
    "رغم",
    "بالرغم",
    "ان",
    "تم",
    "يتم",
    "عندما",
    "اذا",
    "لو",
    "يمكن",
    "يجب",
    "هناك",
    "هنا",
    "نعم",
    "كلا",
    "اليوم",
    "الان",
    "يا",
    "ايها",
    "ربما",
    "يعتبر",
    "تعتبر",
    "يعد",
    "تعد",
    "يقع",
    "تقع",
    "بدا",
    "بدات",
    "انتهي",
    "انتهت",
    "توفي",
    "توفيت",
    "ولد",
    "ولدت",
    "عاد",
    "عادت",
    "يعيش",
    "تعيش",
    "شارك",
    "شاركت",
    "تاسس",
    "تاسست",
];

const WAW_NOUNS: &[&str] = &[
    "وزير",
    "وزار",
    "وزراء",
    "واحد",
    "وكال",
    "وكيل",
    "وفد",
    "وفود",
    "وقت",
    "ولاي",
    "وطن",
    "وسط",
    "وسائ",
    "وسيل",
    "وجه",
    "وجود",
    "ورق",
    "ورش",
    "وثيق",
    "وثائق",
    "وادي",
    "والد",
    "والي",
    "وليد",
    "وائل",
    "وسيم",
    "وحد",
    "وحيد",
    "وظيف",
    "وظائف",
    "ورد",
    "وعد",
    "وعي",
    "وفا",
    "وصف",
    "وصول",
    "وضع",
    "وقف",
    "وقود",
    "واقع",
    "واسع",
    "واضح",
    "واشنطن",
    "واتس",
    "واجب",
    "وارد",
    "واد",
    "وادى",
    "ويكي",
    "ويليام",
    "وليام",
    "ويندوز",
    "ويب",
    "وزن",
    "ولد",
    "وباء",
    "وتر",
    "وتيرة",
    "وحش",
    "وديع",
    "وراث",
    "وراء",
    "وريث",
    "وسام",
    "وشاح",
    "وصي",
    "وصفة",
    "وفق",
    "وفير",
    "وقائ",
    "وهم",
    "ووتر",
    "ويلز",
    "وولف",
    "وود",
    "ونستون",
    "وارسو",
    "والت",
    "وال",
    "وجدي",
    "وصال",
    "وداد",
    "وهبي",
    "وهاب",
    "وزّ",
];

/// Words that never end a sentence: a line that breaks off after one goes on in the next line.
pub(super) fn leaves_open(word: &str) -> bool {
    matches!(
        word,
        "في" | "من"
            | "الي"
            | "علي"
            | "عن"
            | "حتي"
            | "منذ"
            | "بين"
            | "ان"
            | "بان"
            | "التي"
            | "الذي"
            | "الذين"
            | "او"
            | "ام"
            | "ثم"
            | "كي"
            | "لكي"
            | "لم"
            | "لن"
            | "قد"
            | "وقد"
            | "هو"
            | "هي"
            | "بعد"
            | "قبل"
            | "خلال"
            | "عند"
            | "كل"
            | "مع"
            | "هذا"
            | "هذه"
            | "غير"
            | "سوف"
            | "كان"
            | "كانت"
            | "قال"
            | "وقال"
            | "يا"
            | "اي"
            | "اذا"
            | "وفي"
            | "ومن"
            | "وعلي"
            | "والي"
            | "لدي"
            | "عبر"
            | "ضد"
            | "حول"
            | "دون"
            | "نحو"
            | "فوق"
            | "تحت"
            | "ولا"
            | "لا"
            | "و"
            | "the"
            | "of"
            | "and"
            | "in"
            | "to"
            | "a"
    )
}

/// What kind of abbreviation of the Arabic script a token before a stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abbreviation {
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

/// Titles written out with a stop, several letters long.
const TITLES: &[&str] = &["د", "ا", "ا.د", "ا.م.د", "ا.م", "م.د", "د.م", "ل.د"];

const AFTER_NUMBER: &[&str] = &[
    "ق.م", "ق.ب", "ب.م", "ق.ه", "م", "ه", "ص", "ظ", "ق.ظ", "ب.ظ", "ع", "مساء", "ت", "ت.غ",
    // Currencies.
    "د.ا", "د.ك", "د.ج", "د.ع", "د.ت", "د.ب", "د.ل", "د.م", "ر.س", "ر.ق", "ر.ع", "ر.ي", "ل.س", "ل.ل", "ج.م", "ج.س",
];

const BEFORE_NUMBER: &[&str] = &[
    "ص",
    "ج",
    "ط",
    "ع",
    "ق",
    "ت",
    "س",
    "م",
    "مج",
    "ح",
    "رقم",
    "هاتف",
    "تلفون",
    "فاكس",
    "جوال",
    "ص.ب",
    "ف",
    "مل",
    "ش",
    "ص.ص",
    "صص",
    "تح",
    "مح",
];

const UNITS: &[&str] = &[
    "كم",
    "سم",
    "مم",
    "ملم",
    "كغ",
    "كغم",
    "كجم",
    "كلغ",
    "غ",
    "غم",
    "جم",
    "ملغ",
    "ملغم",
    "مجم",
    "مل",
    "ل",
    "س",
    "د",
    "ث",
    "دق",
    "ساعة",
    "كلم",
    "ط",
    "م2",
    "هكتار",
];

/// Whether a word belongs to a quantity before it: `5 ملغ. يومياً`.
pub(super) fn follows_unit(word: &str) -> bool {
    matches!(
        word,
        "يوميا" | "اسبوعيا" | "شهريا" | "سنويا" | "تقريبا" | "لكل" | "مربع" | "مربعة" | "مكعب" | "مكعبة" | "طولا" | "عرضا" | "ارتفاعا" | "من" | "علي" | "الي" | "و"
    ) || word.starts_with("لل")
}

/// Whether a word goes on after an era, an hour or a sum of money: `15 هـ. بقيادة خالد`, but `1908 م. وهي من أقدم الجامعات`.
pub(super) fn follows_era(word: &str) -> bool {
    matches!(word, "بقيادة" | "برئاسة" | "بحضور" | "بمشاركة" | "بمدينة" | "بمناسبة" | "بهدف" | "بيد" | "باسم" | "لكل" | "يوميا" | "شهريا" | "سنويا")
        || word.starts_with("لل")
        || (cue(word) == Cue::Continues && !matches!(word, "وهو" | "وهي" | "وهم"))
}

/// Words that label a part of a document; `الفصل الأول.` and `شكل 2.` at the start of a sentence are followed by their title.
pub(super) fn labels_part(word: &str) -> bool {
    matches!(
        word,
        "الفصل"
            | "الباب"
            | "المبحث"
            | "المطلب"
            | "القسم"
            | "الدرس"
            | "الوحدة"
            | "المادة"
            | "مادة"
            | "الجدول"
            | "جدول"
            | "الشكل"
            | "شكل"
            | "الملحق"
            | "ملحق"
            | "البند"
            | "المحور"
            | "صورة"
            | "الصورة"
            | "الخريطة"
            | "خريطة"
            | "table"
            | "figure"
            | "fig"
            | "chapter"
            | "section"
    )
}

/// Names of Latin letters as Arabic writes them in foreign names.
const LETTER_NAMES: &[&str] = &[
    "اي",
    "ايه",
    "بي",
    "سي",
    "دي",
    "اف",
    "جي",
    "جيه",
    "اتش",
    "كي",
    "كيه",
    "كاي",
    "ال",
    "ام",
    "ان",
    "او",
    "كيو",
    "ار",
    "اس",
    "تي",
    "يو",
    "دبليو",
    "دابليو",
    "اكس",
    "واي",
    "زد",
];

/// Nouns that name a thing by a letter: the stop after `فيتامين د` ends the sentence.
const LABELLED: &[&str] = &[
    "فيتامين",
    "المجموعة",
    "مجموعة",
    "الفئة",
    "فئة",
    "الفقرة",
    "فقرة",
    "النقطة",
    "نقطة",
    "الشكل",
    "القسم",
    "الملحق",
    "الصف",
    "النوع",
    "نوع",
    "فصيلة",
    "الفصيلة",
    "القناة",
    "البند",
    "بند",
    "حرف",
    "الحرف",
    "الكبد",
    "الخطة",
    "الخيار",
    "الجزء",
    "الجدول",
    "المرحلة",
    "القاعة",
    "المبني",
    "الدرجة",
    "العمود",
    "الطابق",
    "المستوي",
    "المحور",
    "الزاوية",
    "النموذج",
    "الضلع",
];

/// Judges a folded token before a stop. `previous` is the folded word before it, `after_number` whether a number stands right before the letters.
pub(super) fn arabic_abbreviation(token: &str, previous: &str, after_number: bool, next_is_digit: bool) -> Option<Abbreviation> {
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
    if after_number && (AFTER_NUMBER.contains(&token)) {
        return Some(Abbreviation::AfterNumber);
    }
    if next_is_digit && BEFORE_NUMBER.contains(&token) {
        return Some(Abbreviation::BeforeNumber);
    }
    if matches!(token, "ق.م" | "ق.ه" | "ق.ب" | "ب.م") {
        return Some(Abbreviation::AfterNumber);
    }
    if after_number && UNITS.contains(&token) {
        return Some(Abbreviation::Unit);
    }
    if letters_only && pieces.len() == 1 && LABELLED.contains(&previous) {
        return Some(Abbreviation::AfterNumber);
    }
    if TITLES.contains(&token) {
        return Some(Abbreviation::Title);
    }
    // `جون إف. كينيدي` is an initial, `بي بي سي.` an acronym at the end of its sentence.
    let initial = LETTER_NAMES.contains(&token) && !LETTER_NAMES.contains(&previous);
    (letters_only || initial).then_some(Abbreviation::Letters)
}

/// What kind of abbreviation of the Latin script a token before a stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LatinAbbreviation {
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

const LATIN_OPEN: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "rev", "hon", "st", "ste", "gen", "col", "sgt", "capt", "lt", "maj", "adm", "gov", "sen",
    "rep", "pres", "messrs", "mt", "ft", "vs", "v", "e.g", "eg", "i.e", "ie", "cf", "viz", "approx", "ca", "c", "ed", "eds",
    "op", "cit", "ibid", "var", "subsp", "f", "mme", "mlle", "vgl", "resp", "incl", "esp",
];
const LATIN_BEFORE_NUMBER: &[&str] = &[
    "no", "nos", "nr", "fig", "figs", "vol", "pp", "p", "pg", "eq", "eqs", "ref", "refs", "tab", "ch", "chap", "sec", "sect",
    "art", "para", "app", "ver", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "tel",
    "ext", "suppl", "ex",
];
const LATIN_MAY_END: &[&str] = &[
    "inc", "ltd", "co", "corp", "llc", "plc", "bros", "jr", "sr", "u.s", "u.s.a", "u.k", "u.n", "e.u", "ph.d", "m.d", "b.a",
    "b.sc", "m.a", "m.sc", "d.c", "s.a", "gmbh", "dept", "univ", "assn", "esq",
];

/// Judges a Latin token (lower case) before a stop; `original` is the same token as written.
pub(super) fn latin_abbreviation(token: &str, original: &str) -> Option<LatinAbbreviation> {
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
    if LATIN_MAY_END.contains(&token) {
        return Some(LatinAbbreviation::MayEnd);
    }
    if LATIN_BEFORE_NUMBER.contains(&token) {
        return Some(LatinAbbreviation::BeforeNumber);
    }
    if LATIN_OPEN.contains(&token) {
        return Some(LatinAbbreviation::Open);
    }
    let dotted = token.contains('.') && token.split('.').all(|piece| piece.chars().count() == 1);
    dotted.then_some(LatinAbbreviation::MayEnd)
}

/// Month names that follow a day number with a stop (`12. مايو`).
pub(super) fn is_month(word: &str) -> bool {
    const MONTHS: &[&str] = &[
        "يناير",
        "فبراير",
        "مارس",
        "ابريل",
        "مايو",
        "يونيو",
        "يوليو",
        "اغسطس",
        "سبتمبر",
        "اكتوبر",
        "نوفمبر",
        "ديسمبر",
        "كانون",
        "شباط",
        "اذار",
        "نيسان",
        "ايار",
        "حزيران",
        "تموز",
        "اب",
        "ايلول",
        "تشرين",
        "محرم",
        "صفر",
        "رجب",
        "شعبان",
        "رمضان",
        "شوال",
        "جانفي",
        "فيفري",
        "افريل",
        "ماي",
        "جوان",
        "جويلية",
        "اوت",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    MONTHS.contains(&word)
}

/// Endings of file names and of internet names, so that `تقرير.pdf` stays one word.
pub(super) fn is_name_ending(piece: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "csv", "jpg", "jpeg", "png", "gif", "mp3", "mp4", "avi",
        "zip", "rar", "exe", "html", "htm", "php", "xml", "json", "odt", "rtf", "epub", "apk", "com", "net", "org", "edu", "gov",
        "info", "io", "tv", "me", "co", "ae", "sa", "eg", "ar", "js", "py", "md", "كوم", "نت", "شبكة",
    ];
    ENDINGS.contains(&piece)
}

/// Words that announce an internet name in Arabic letters.
pub(super) fn announces_address(word: &str) -> bool {
    matches!(
        word,
        "موقع"
            | "الموقع"
            | "موقعنا"
            | "موقعها"
            | "الرابط"
            | "رابط"
            | "النطاق"
            | "نطاق"
            | "الالكتروني"
            | "العنوان"
            | "عنوان"
    )
}

/// Names that are written with an exclamation mark.
pub(super) fn has_own_mark(word: &str) -> bool {
    matches!(word, "ياهو" | "yahoo" | "جيوباردي" | "jeopardy" | "واها")
}

/// English words that open sentences, for stops without a space after them.
pub(super) fn opens_english(word: &str) -> bool {
    matches!(
        word,
        "The"
            | "This"
            | "That"
            | "These"
            | "It"
            | "In"
            | "A"
            | "An"
            | "He"
            | "She"
            | "We"
            | "They"
            | "I"
            | "You"
            | "But"
            | "And"
            | "However"
    )
}
