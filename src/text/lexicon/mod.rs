//! Words that decide what a stop means: [`cue`] judges the word after it, `abbreviations.rs` the token before it.
//!
//! Arabic has no capital letters, so where a stop may belong to an abbreviation the word after it must decide: a preposition or a relative
//! pronoun goes on, `وقال` starts anew. All entries are folded as [`super::chars::fold`] does: no marks, bare alif, `ي` for `ى`.

mod abbreviations;

pub(super) use abbreviations::{Abbreviation, LatinAbbreviation, arabic_abbreviation, is_letter_name, latin_abbreviation};

use std::collections::HashSet;
use std::sync::LazyLock;

/// A list of words, read from one string at the first use.
type Words = LazyLock<HashSet<&'static str>>;

macro_rules! words {
    ($list:literal) => {
        LazyLock::new(|| $list.split_whitespace().collect())
    };
}
use words;

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
    if is_speech(word) {
        return Cue::Attribution;
    }
    if CONTINUES.contains(word) {
        return Cue::Continues;
    }
    if STARTS.contains(word) {
        return Cue::Starts;
    }
    // `فقال` starts, but `فإن` and `فقد` are the second half of what stands before them.
    if word.strip_prefix(['و', 'ف']).is_some_and(is_speech) {
        return Cue::Starts;
    }
    match word.strip_prefix('و') {
        Some(rest) if rest.chars().count() >= 2 && !is_waw_noun(word) => Cue::Starts,
        _ => Cue::Neutral,
    }
}

/// A verb of speech, with or without an object pronoun (`سأله`, `أجابتها`).
fn is_speech(word: &str) -> bool {
    let with_pronoun = ["هما", "ها", "هم", "ني", "نا", "ه", "ك"];
    SPEECH.contains(word)
        || with_pronoun
            .iter()
            .any(|pronoun| word.strip_suffix(pronoun).is_some_and(|verb| verb != "قال" && SPEECH.contains(verb)))
}

/// Whether `و` is the first letter of the word itself and not "and".
fn is_waw_noun(word: &str) -> bool {
    WAW_NOUNS.iter().any(|noun| word.starts_with(noun))
}

/// Verbs that introduce or follow a quotation.
static SPEECH: Words = words!(
    "قال قالت قالوا قالا يقول تقول يقولون قلت قلنا اضاف اضافت يضيف تضيف سال سالت سالني سالته سالها سالهم سالتني يسال تسال \
     تساءل تساءلت يتساءل اجاب اجابت اجابه اجابها اجبت يجيب رد ردت يرد صاح صاحت صرخ صرخت يصرخ هتف هتفت هتفوا همس همست علق \
     علقت كتب كتبت يكتب اكد اكدت تابع تابعت استطرد ختم غرد غردت صرح صرحت اوضح اوضحت تمتم تمتمت نادي نادت اعلن اعلنت اردف \
     اردفت هكذا"
);

/// Prepositions, relative pronouns and other words that go on with what stands before them.
static CONTINUES: Words = words!(
    "في من الي علي عن مع حتي منذ خلال عبر ضد بين لدي عند تحت فوق حول دون بدون نحو ان انه انها انهم بان التي الذي الذين \
     اللذين اللتين اللواتي او ام ثم كي لكي حيث وهو وهي وهم والتي والذي والذين بما مما عما فيما بينما تقريبا فقط ايضا مثلا \
     الموافق الموافقة وغيرها وغيره وغيرهم بسبب قبل بعد امام وراء داخل خارج بواسطة حسب بحسب وفق وفقا فيها منها منهم فيه منه \
     له لها لهم به بها عليه عليها اليه اليها الخاص الخاصة المذكور المذكورة والي وحتي والا يوم سنة عام شهر"
);

/// Question words, demonstratives, auxiliaries and verbs that often open a sentence.
static STARTS: Words = words!(
    "هل لماذا كيف متي اين ماذا ما كما لكن ولكن لذلك لذا هذا هذه هؤلاء ذلك تلك هو هي هم انا نحن انت كان كانت قد لقد لم لن \
     ليس ليست لا اما غير رغم بالرغم ان تم يتم عندما اذا لو يمكن يجب هناك هنا نعم كلا اليوم الان يا ايها ربما يعتبر تعتبر \
     يعد تعد يقع تقع بدا بدات انتهي انتهت توفي توفيت ولد ولدت عاد عادت يعيش تعيش شارك شاركت تاسس تاسست"
);

/// Beginnings of nouns and names whose own first letter is `و`.
static WAW_NOUNS: Words = words!(
    "وزير وزار وزراء واحد وكال وكيل وفد وفود وقت ولاي وطن وسط وسائ وسيل وجه وجود ورق ورش وثيق وثائق وادي والد والي وليد \
     وائل وسيم وحد وحيد وظيف وظائف ورد وعد وعي وفا وصف وصول وضع وقف وقود واقع واسع واضح واشنطن واتس واجب وارد واد وادى ويكي \
     ويليام وليام ويندوز ويب وزن ولد وباء وتر وتيرة وحش وديع وراث وراء وريث وسام وشاح وصي وصفة وفق وفير وقائ وهم ووتر ويلز \
     وولف وود ونستون وارسو والت وال وجدي وصال وداد وهبي وهاب وزّ"
);

/// Prepositions, conjunctions, particles.
static OPEN: Words = words!(
    "في من الي علي عن حتي منذ بين ان بان التي الذي الذين او ام ثم كي لكي لم لن قد وقد هو هي بعد قبل خلال عند كل مع هذا هذه \
     غير سوف كان كانت قال وقال يا اي اذا وفي ومن وعلي والي لدي عبر ضد حول دون نحو فوق تحت و the of and in to a"
);

/// Words that never end a sentence: a line that breaks off after one goes on in the next line.
pub(super) fn leaves_open(word: &str) -> bool {
    OPEN.contains(word)
}

/// Parts of a book, a law, a paper.
static PARTS: Words = words!(
    "الفصل الباب المبحث المطلب القسم الدرس الوحدة المادة مادة الجدول جدول الشكل شكل الملحق ملحق البند المحور صورة الصورة \
     الخريطة خريطة الخطوة خطوة السؤال سؤال التمرين تمرين المثال مثال الحلقة table figure fig chapter section step question"
);

/// Words that label a part of a document; `الفصل الأول.` and `شكل 2.` at the start of a sentence are followed by their title.
pub(super) fn labels_part(word: &str) -> bool {
    PARTS.contains(word)
}

/// Words that go on with a quantity.
static QUANTITY: Words = words!("يوميا اسبوعيا شهريا سنويا تقريبا لكل مربع مربعة مكعب مكعبة طولا عرضا ارتفاعا من علي الي و");

/// Whether a word belongs to a quantity before it: `5 ملغ. يومياً`.
pub(super) fn follows_unit(word: &str) -> bool {
    QUANTITY.contains(word) || word.starts_with("لل")
}

/// Words with an attached preposition that go on after a date.
static ERA: Words = words!("بتوقيت بالتوقيت بقيادة برئاسة بحضور بمشاركة بمدينة بمناسبة بهدف بيد باسم لكل يوميا شهريا سنويا");

/// Whether a word goes on after an era, an hour or a sum of money: `15 هـ. بقيادة خالد`, but `1908 م. وهي من أقدم الجامعات`.
pub(super) fn follows_era(word: &str) -> bool {
    ERA.contains(word) || word.starts_with("لل") || (cue(word) == Cue::Continues && !matches!(word, "وهو" | "وهي" | "وهم" | "ثم"))
}

/// Months of the Gregorian (Egyptian, Levantine, Maghrebi) and Islamic calendars.
static MONTHS: Words = words!(
    "يناير فبراير مارس ابريل مايو يونيو يوليو اغسطس سبتمبر اكتوبر نوفمبر ديسمبر كانون شباط اذار نيسان ايار حزيران تموز اب \
     ايلول تشرين محرم صفر رجب شعبان رمضان شوال جانفي فيفري افريل ماي جوان جويلية اوت january february march april may june \
     july august september october november december"
);

/// Month names that follow a day number with a stop (`12. مايو`).
pub(super) fn is_month(word: &str) -> bool {
    MONTHS.contains(word)
}

/// Extensions and top-level domains.
static ENDINGS: Words = words!(
    "pdf doc docx xls xlsx ppt pptx txt csv jpg jpeg png gif mp3 mp4 avi zip rar exe html htm php xml json odt rtf epub apk \
     com net org edu gov info io tv me co ae sa eg ar js py md كوم نت شبكة"
);

/// Endings of file names and of internet names, so that `تقرير.pdf` stays one word.
pub(super) fn is_name_ending(word: &str) -> bool {
    ENDINGS.contains(word)
}

/// Words for a site, a link, a domain.
static ANNOUNCES: Words = words!("موقع الموقع موقعنا موقعها الرابط رابط النطاق نطاق الالكتروني العنوان عنوان");

/// Words that announce an internet name in Arabic letters.
pub(super) fn announces_address(word: &str) -> bool {
    ANNOUNCES.contains(word)
}

/// `Yahoo!`, `Jeopardy!`, `Wahaha!`
static OWN_MARK: Words = words!("ياهو yahoo جيوباردي jeopardy واها");

/// Names that are written with an exclamation mark.
pub(super) fn has_own_mark(word: &str) -> bool {
    OWN_MARK.contains(word)
}

/// Function words with a capital letter.
static ENGLISH: Words = words!("The This That These It In A An He She We They I You But And However");

/// English words that open sentences, for stops without a space after them.
pub(super) fn opens_english(word: &str) -> bool {
    ENGLISH.contains(word)
}
