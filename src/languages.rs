//! Languages by their codes: what a user writes (`ar`, `arz`, `arb_Arab`, `Egyptian Arabic`), what each model family calls it, and the name and
//! script that the writers need.
//!
//! The table holds the languages of NLLB-200 (NLLB Team, *No Language Left Behind*, 2022) by their FLORES-200 codes, with the ISO 639-1
//! code, or the one that M2M100 uses, and the English name. A second one holds what reports are written in beyond these.

/// One language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// FLORES-200 code: ISO 639-3 and script.
    pub nllb: &'static str,
    /// Two-letter code, or M2M100's own, or empty.
    pub short: &'static str,
    pub name: &'static str,
}

impl Language {
    /// The ISO 639-3 code.
    pub fn iso3(&self) -> &'static str {
        &self.nllb[..3]
    }

    /// The ISO 15924 code of the script.
    pub fn script(&self) -> &'static str {
        &self.nllb[4..]
    }
}

/// The language of NLLB-200 that a user means: a FLORES-200 code, an ISO 639-1 or 639-3 code with or without a region or script, or an English name.
/// Case does not matter.
pub fn find(code: &str) -> Option<&'static Language> {
    find_in(TABLE, code)
}

/// As [`find`], among the languages too that no model knows.
pub fn describe(code: &str) -> Option<&'static Language> {
    find(code).or_else(|| find_in(BEYOND_NLLB, code))
}

fn find_in(table: &'static [Language], code: &str) -> Option<&'static Language> {
    let wanted = code.trim().to_lowercase().replace('-', "_");
    let exact = |test: &dyn Fn(&Language) -> bool| table.iter().find(|language| test(language));
    let (base, region) = wanted.split_once('_').unwrap_or((&wanted, ""));
    if base == "zh" && ["hant", "tw", "hk"].iter().any(|part| region.starts_with(part)) {
        return exact(&|language| language.nllb == "zho_Hant");
    }
    let macro_language = MACRO_LANGUAGES.iter().find(|(code, _)| *code == base).map(|(_, nllb)| *nllb);
    // Names last: comparing them takes longest.
    exact(&|language| language.nllb.eq_ignore_ascii_case(&wanted))
        .or_else(|| macro_language.and_then(|nllb| exact(&|language| language.nllb == nllb)))
        .or_else(|| exact(&|language| !language.short.is_empty() && language.short == base))
        .or_else(|| exact(&|language| language.iso3() == base && !language.name.ends_with(" script)")))
        .or_else(|| exact(&|language| plain(language.name).eq(plain(&wanted))))
}

/// A name in small letters, its words joined.
fn plain(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_lowercase).map(|c| if matches!(c, '-' | ' ') { '_' } else { c })
}

/// The codes by which models may know a language, the user's own spelling first: `ar`, `arb`, `ara`, `arb_Arab`.
pub fn spellings(code: &str) -> Vec<&str> {
    let mut codes = vec![code];
    if let Some(language) = find(code) {
        let groups = MACRO_LANGUAGES.iter().filter(|(_, member)| *member == language.nllb).map(|(group, _)| *group);
        codes.extend([language.iso3(), language.short, language.nllb].into_iter().chain(groups).filter(|code| !code.is_empty()));
    }
    codes
}

/// Codes among `known` that look like `code`, the likeliest first, at most five.
pub fn near_matches<'a>(code: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = code.to_lowercase();
    let mut scored: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|candidate| {
            let plain = candidate.trim_matches(['_', '>', '<']).to_lowercase();
            let prefix = plain.split('_').next().unwrap_or_default();
            let name =
                find(candidate.trim_matches(['_', '>', '<'])).map_or(String::new(), |language| language.name.to_lowercase());
            let word = name.split([' ', ',']).map(|word| strsim::levenshtein(&wanted, word)).min().unwrap_or(usize::MAX);
            let contained = if wanted.len() > 3 && name.contains(&wanted) { 0 } else { usize::MAX };
            let base = wanted.split(['_', '-']).next().unwrap_or_default();
            let score = contained.min(strsim::levenshtein(&wanted, &plain)).min(strsim::levenshtein(base, prefix)).min(word);
            (score * 2 <= wanted.len().max(3)).then_some((score, candidate))
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    let best = scored.first().map_or(0, |(score, _)| *score);
    scored.retain(|(score, _)| *score <= best + 1);
    scored.into_iter().take(5).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// Codes of groups of languages, and the member that is meant.
const MACRO_LANGUAGES: [(&str, &str); 23] = [
    ("ara", "arb_Arab"),
    ("aze", "azj_Latn"),
    ("az", "azj_Latn"),
    ("bho", "bho_Deva"),
    ("est", "est_Latn"),
    ("fas", "pes_Arab"),
    ("per", "pes_Arab"),
    ("kur", "kmr_Latn"),
    ("ku", "kmr_Latn"),
    ("lav", "lvs_Latn"),
    ("mlg", "plt_Latn"),
    ("mon", "khk_Cyrl"),
    ("msa", "zsm_Latn"),
    ("nep", "npi_Deva"),
    ("nor", "nob_Latn"),
    ("nb", "nob_Latn"),
    ("orm", "gaz_Latn"),
    ("pus", "pbt_Arab"),
    ("sqi", "als_Latn"),
    ("swa", "swh_Latn"),
    ("uzb", "uzn_Latn"),
    ("yid", "ydd_Hebr"),
    ("zho", "zho_Hans"),
];

macro_rules! languages {
    ($($nllb:literal $short:literal $name:literal)*) => {
        &[$(Language { nllb: $nllb, short: $short, name: $name }),*]
    };
}

/// The languages of NLLB-200, in the order of their ids in its checkpoints.
pub const TABLE: &[Language] = languages! {
    "ace_Arab" "" "Acehnese (Arabic script)"
    "ace_Latn" "" "Acehnese"
    "acm_Arab" "" "Mesopotamian Arabic"
    "acq_Arab" "" "Ta'izzi-Adeni Arabic"
    "aeb_Arab" "" "Tunisian Arabic"
    "afr_Latn" "af" "Afrikaans"
    "ajp_Arab" "" "South Levantine Arabic"
    "aka_Latn" "ak" "Akan"
    "amh_Ethi" "am" "Amharic"
    "apc_Arab" "" "North Levantine Arabic"
    "arb_Arab" "ar" "Arabic"
    "ars_Arab" "" "Najdi Arabic"
    "ary_Arab" "" "Moroccan Arabic"
    "arz_Arab" "" "Egyptian Arabic"
    "asm_Beng" "as" "Assamese"
    "ast_Latn" "ast" "Asturian"
    "awa_Deva" "" "Awadhi"
    "ayr_Latn" "ay" "Central Aymara"
    "azb_Arab" "" "South Azerbaijani"
    "azj_Latn" "az" "Azerbaijani"
    "bak_Cyrl" "ba" "Bashkir"
    "bam_Latn" "bm" "Bambara"
    "ban_Latn" "" "Balinese"
    "bel_Cyrl" "be" "Belarusian"
    "bem_Latn" "" "Bemba"
    "ben_Beng" "bn" "Bengali"
    "bho_Deva" "" "Bhojpuri"
    "bjn_Arab" "" "Banjar (Arabic script)"
    "bjn_Latn" "" "Banjar"
    "bod_Tibt" "bo" "Tibetan"
    "bos_Latn" "bs" "Bosnian"
    "bug_Latn" "" "Buginese"
    "bul_Cyrl" "bg" "Bulgarian"
    "cat_Latn" "ca" "Catalan"
    "ceb_Latn" "ceb" "Cebuano"
    "ces_Latn" "cs" "Czech"
    "cjk_Latn" "" "Chokwe"
    "ckb_Arab" "" "Central Kurdish"
    "crh_Latn" "" "Crimean Tatar"
    "cym_Latn" "cy" "Welsh"
    "dan_Latn" "da" "Danish"
    "deu_Latn" "de" "German"
    "dik_Latn" "" "Southwestern Dinka"
    "dyu_Latn" "" "Dyula"
    "dzo_Tibt" "dz" "Dzongkha"
    "ell_Grek" "el" "Greek"
    "eng_Latn" "en" "English"
    "epo_Latn" "eo" "Esperanto"
    "est_Latn" "et" "Estonian"
    "eus_Latn" "eu" "Basque"
    "ewe_Latn" "ee" "Ewe"
    "fao_Latn" "fo" "Faroese"
    "pes_Arab" "fa" "Persian"
    "fij_Latn" "fj" "Fijian"
    "fin_Latn" "fi" "Finnish"
    "fon_Latn" "" "Fon"
    "fra_Latn" "fr" "French"
    "fur_Latn" "" "Friulian"
    "fuv_Latn" "ff" "Nigerian Fulfulde"
    "gla_Latn" "gd" "Scottish Gaelic"
    "gle_Latn" "ga" "Irish"
    "glg_Latn" "gl" "Galician"
    "grn_Latn" "gn" "Guarani"
    "guj_Gujr" "gu" "Gujarati"
    "hat_Latn" "ht" "Haitian Creole"
    "hau_Latn" "ha" "Hausa"
    "heb_Hebr" "he" "Hebrew"
    "hin_Deva" "hi" "Hindi"
    "hne_Deva" "" "Chhattisgarhi"
    "hrv_Latn" "hr" "Croatian"
    "hun_Latn" "hu" "Hungarian"
    "hye_Armn" "hy" "Armenian"
    "ibo_Latn" "ig" "Igbo"
    "ilo_Latn" "ilo" "Ilocano"
    "ind_Latn" "id" "Indonesian"
    "isl_Latn" "is" "Icelandic"
    "ita_Latn" "it" "Italian"
    "jav_Latn" "jv" "Javanese"
    "jpn_Jpan" "ja" "Japanese"
    "kab_Latn" "" "Kabyle"
    "kac_Latn" "" "Jingpho"
    "kam_Latn" "" "Kamba"
    "kan_Knda" "kn" "Kannada"
    "kas_Arab" "" "Kashmiri (Arabic script)"
    "kas_Deva" "ks" "Kashmiri"
    "kat_Geor" "ka" "Georgian"
    "knc_Arab" "" "Central Kanuri (Arabic script)"
    "knc_Latn" "" "Central Kanuri"
    "kaz_Cyrl" "kk" "Kazakh"
    "kbp_Latn" "" "Kabiye"
    "kea_Latn" "" "Kabuverdianu"
    "khm_Khmr" "km" "Khmer"
    "kik_Latn" "ki" "Kikuyu"
    "kin_Latn" "rw" "Kinyarwanda"
    "kir_Cyrl" "ky" "Kyrgyz"
    "kmb_Latn" "" "Kimbundu"
    "kon_Latn" "kg" "Kikongo"
    "kor_Hang" "ko" "Korean"
    "kmr_Latn" "" "Northern Kurdish"
    "lao_Laoo" "lo" "Lao"
    "lvs_Latn" "lv" "Latvian"
    "lij_Latn" "" "Ligurian"
    "lim_Latn" "li" "Limburgish"
    "lin_Latn" "ln" "Lingala"
    "lit_Latn" "lt" "Lithuanian"
    "lmo_Latn" "" "Lombard"
    "ltg_Latn" "" "Latgalian"
    "ltz_Latn" "lb" "Luxembourgish"
    "lua_Latn" "" "Luba-Kasai"
    "lug_Latn" "lg" "Ganda"
    "luo_Latn" "" "Luo"
    "lus_Latn" "" "Mizo"
    "mag_Deva" "" "Magahi"
    "mai_Deva" "" "Maithili"
    "mal_Mlym" "ml" "Malayalam"
    "mar_Deva" "mr" "Marathi"
    "min_Latn" "" "Minangkabau"
    "mkd_Cyrl" "mk" "Macedonian"
    "plt_Latn" "mg" "Malagasy"
    "mlt_Latn" "mt" "Maltese"
    "mni_Beng" "" "Meitei"
    "khk_Cyrl" "mn" "Mongolian"
    "mos_Latn" "" "Mossi"
    "mri_Latn" "mi" "Maori"
    "zsm_Latn" "ms" "Malay"
    "mya_Mymr" "my" "Burmese"
    "nld_Latn" "nl" "Dutch"
    "nno_Latn" "nn" "Norwegian Nynorsk"
    "nob_Latn" "no" "Norwegian"
    "npi_Deva" "ne" "Nepali"
    "nso_Latn" "ns" "Northern Sotho"
    "nus_Latn" "" "Nuer"
    "nya_Latn" "ny" "Nyanja"
    "oci_Latn" "oc" "Occitan"
    "gaz_Latn" "om" "Oromo"
    "ory_Orya" "or" "Odia"
    "pag_Latn" "" "Pangasinan"
    "pan_Guru" "pa" "Punjabi"
    "pap_Latn" "" "Papiamento"
    "pol_Latn" "pl" "Polish"
    "por_Latn" "pt" "Portuguese"
    "prs_Arab" "" "Dari"
    "pbt_Arab" "ps" "Pashto"
    "quy_Latn" "qu" "Quechua"
    "ron_Latn" "ro" "Romanian"
    "run_Latn" "rn" "Rundi"
    "rus_Cyrl" "ru" "Russian"
    "sag_Latn" "sg" "Sango"
    "san_Deva" "sa" "Sanskrit"
    "sat_Beng" "" "Santali"
    "scn_Latn" "" "Sicilian"
    "shn_Mymr" "" "Shan"
    "sin_Sinh" "si" "Sinhala"
    "slk_Latn" "sk" "Slovak"
    "slv_Latn" "sl" "Slovenian"
    "smo_Latn" "sm" "Samoan"
    "sna_Latn" "sn" "Shona"
    "snd_Arab" "sd" "Sindhi"
    "som_Latn" "so" "Somali"
    "sot_Latn" "st" "Southern Sotho"
    "spa_Latn" "es" "Spanish"
    "als_Latn" "sq" "Albanian"
    "srd_Latn" "sc" "Sardinian"
    "srp_Cyrl" "sr" "Serbian"
    "ssw_Latn" "ss" "Swati"
    "sun_Latn" "su" "Sundanese"
    "swe_Latn" "sv" "Swedish"
    "swh_Latn" "sw" "Swahili"
    "szl_Latn" "" "Silesian"
    "tam_Taml" "ta" "Tamil"
    "tat_Cyrl" "tt" "Tatar"
    "tel_Telu" "te" "Telugu"
    "tgk_Cyrl" "tg" "Tajik"
    "tgl_Latn" "tl" "Tagalog"
    "tha_Thai" "th" "Thai"
    "tir_Ethi" "ti" "Tigrinya"
    "taq_Latn" "" "Tamasheq"
    "taq_Tfng" "" "Tamasheq (Tifinagh script)"
    "tpi_Latn" "" "Tok Pisin"
    "tsn_Latn" "tn" "Tswana"
    "tso_Latn" "ts" "Tsonga"
    "tuk_Latn" "tk" "Turkmen"
    "tum_Latn" "" "Tumbuka"
    "tur_Latn" "tr" "Turkish"
    "twi_Latn" "tw" "Twi"
    "tzm_Tfng" "" "Central Atlas Tamazight"
    "uig_Arab" "ug" "Uyghur"
    "ukr_Cyrl" "uk" "Ukrainian"
    "umb_Latn" "" "Umbundu"
    "urd_Arab" "ur" "Urdu"
    "uzn_Latn" "uz" "Uzbek"
    "vec_Latn" "" "Venetian"
    "vie_Latn" "vi" "Vietnamese"
    "war_Latn" "" "Waray"
    "wol_Latn" "wo" "Wolof"
    "xho_Latn" "xh" "Xhosa"
    "ydd_Hebr" "yi" "Yiddish"
    "yor_Latn" "yo" "Yoruba"
    "yue_Hant" "" "Cantonese"
    "zho_Hans" "zh" "Chinese"
    "zho_Hant" "" "Chinese (traditional)"
    "zul_Latn" "zu" "Zulu"
};

/// Languages, all written from right to left, that NLLB-200 lacks.
const BEYOND_NLLB: &[Language] = languages! {
    "aec_Arab" "" "Saidi Arabic"
    "afb_Arab" "" "Gulf Arabic"
    "apd_Arab" "" "Sudanese Arabic"
    "ayl_Arab" "" "Libyan Arabic"
    "div_Thaa" "dv" "Dhivehi"
    "syr_Syrc" "" "Syriac"
};

#[cfg(test)]
mod tests {
    use super::*;

    fn nllb(code: &str) -> Option<&'static str> {
        find(code).map(|language| language.nllb)
    }

    #[test]
    fn finds_what_users_write() {
        for (code, expected) in [
            ("ar", "arb_Arab"),
            ("AR", "arb_Arab"),
            ("ara", "arb_Arab"),
            ("ar-EG", "arb_Arab"),
            ("arb_Arab", "arb_Arab"),
            ("arabic", "arb_Arab"),
            ("arz", "arz_Arab"),
            ("apc", "apc_Arab"),
            ("Egyptian Arabic", "arz_Arab"),
            ("en_US", "eng_Latn"),
            ("fa", "pes_Arab"),
            ("zh-Hant", "zho_Hant"),
            ("zh_CN", "zho_Hans"),
            ("ku", "kmr_Latn"),
            ("ckb", "ckb_Arab"),
            ("kas", "kas_Deva"),
            ("ace", "ace_Latn"),
            ("taq", "taq_Latn"),
        ] {
            assert_eq!(nllb(code), Some(expected), "{code}");
        }
        assert_eq!(nllb("xx"), None);
        assert_eq!(nllb(""), None);
    }

    #[test]
    fn codes_and_names_are_unambiguous() {
        for language in TABLE {
            assert_eq!(nllb(language.nllb), Some(language.nllb));
            assert_eq!(nllb(language.name), Some(language.nllb), "{}", language.name);
            if !language.short.is_empty() {
                assert_eq!(nllb(language.short), Some(language.nllb), "{}", language.short);
            }
        }
        for (group, member) in MACRO_LANGUAGES {
            assert!(TABLE.iter().any(|language| language.nllb == member), "{group}");
        }
    }

    #[test]
    fn suggests_what_is_near() {
        let codes = || TABLE.iter().map(|language| language.nllb);
        assert_eq!(near_matches("arx", codes())[0], "arb_Arab");
        assert!(near_matches("egyptian", codes()).contains(&"arz_Arab".to_owned()));
        assert!(near_matches("levantine", codes()).contains(&"apc_Arab".to_owned()));
        assert_eq!(near_matches("eng_Lat", codes())[0], "eng_Latn");
        assert!(near_matches("qqqqqqqq", codes()).is_empty());
    }
}
