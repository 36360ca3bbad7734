//! The special tokens that a checkpoint declares beside its vocabulary, as transformers reads them.
//!
//! `tokenizer_config.json` names them (`eos_token`, …) and, written by newer versions, lists all added tokens by id
//! (`added_tokens_decoder`); where it does not, `special_tokens_map.json` and `added_tokens.json` are read too.

use super::added_tokens::{AddedToken, AddedTokens};
use super::vocab::Vocab;
use super::{Result, TokenizerError};
use crate::hub::ModelFiles;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Names in the order in which transformers adds the tokens that a vocabulary lacks.
const NAMES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// What a checkpoint says about its special tokens.
#[derive(Debug, Clone, Default)]
pub struct SpecialTokens {
    /// `tokenizer_config.json`, empty where there is none.
    pub config: Map<String, Value>,
    /// By name (`eos_token`), in the order of adding.
    named: Vec<(String, AddedToken)>,
    /// Further ones (`extra_special_tokens`, formerly `additional_special_tokens`).
    pub extra: Vec<AddedToken>,
    /// Added tokens whose ids the checkpoint gives.
    pub by_id: BTreeMap<u32, AddedToken>,
}

impl SpecialTokens {
    /// Reads what lies beside a checkpoint; `defaults` are the tokeniser class's own names and tokens.
    pub fn read(files: &ModelFiles, defaults: &[(&str, &str)]) -> Result<Self> {
        let mut config = read_object(files, "tokenizer_config.json")?.unwrap_or_default();
        if !config.contains_key("extra_special_tokens")
            && let Some(tokens) = config.get("additional_special_tokens").cloned()
        {
            config.insert("extra_special_tokens".to_owned(), tokens);
        }
        let mut by_id = BTreeMap::new();
        if let Some(Value::Object(tokens)) = config.get("added_tokens_decoder") {
            for (id, token) in tokens {
                let id = id.parse::<u32>().map_err(|_| damaged(files, format!("added token id {id:?}")))?;
                by_id.insert(id, parse(files, token)?);
            }
        } else {
            Self::read_legacy(files, &mut config, &mut by_id)?;
        }
        let mut special = Self { config, named: Vec::new(), extra: Vec::new(), by_id };
        special.name_tokens(files, defaults)?;
        Ok(special)
    }

    fn read_legacy(files: &ModelFiles, config: &mut Map<String, Value>, by_id: &mut BTreeMap<u32, AddedToken>) -> Result<()> {
        for (key, mut value) in read_object(files, "special_tokens_map.json")?.unwrap_or_default() {
            if let Value::Object(token) = &mut value {
                token.insert("special".to_owned(), Value::Bool(true));
            }
            let key = if key == "additional_special_tokens" { "extra_special_tokens".to_owned() } else { key };
            config.insert(key, value);
        }
        for (token, id) in read_object(files, "added_tokens.json")?.unwrap_or_default() {
            let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let id = id.ok_or_else(|| damaged(files, format!("the id of {token:?} in added_tokens.json")))?;
            let named = config.iter().any(|(key, value)| key.ends_with("_token") && content(value) == Some(&token));
            let extra = config.get("extra_special_tokens").and_then(Value::as_array);
            let special = named || extra.is_some_and(|tokens| tokens.iter().any(|value| content(value) == Some(&token)));
            by_id.insert(id, AddedToken { special, normalized: !special, ..AddedToken::special(token) });
        }
        Ok(())
    }

    fn name_tokens(&mut self, files: &ModelFiles, defaults: &[(&str, &str)]) -> Result<()> {
        let own = self.config.keys().filter(|key| key.ends_with("_token") && !NAMES.contains(&key.as_str()));
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).chain(own.cloned()).collect();
        for name in names {
            let token = match self.config.get(&name) {
                Some(Value::Null | Value::Bool(_)) => continue,
                Some(value) => parse(files, value)?,
                None => match defaults.iter().find(|(default, _)| *default == name) {
                    Some((_, token)) => AddedToken::special(*token),
                    None => continue,
                },
            };
            let known = self.by_id.values().find(|known| known.content == token.content);
            self.named.push((name, known.cloned().unwrap_or(token)));
        }
        match self.config.get("extra_special_tokens") {
            Some(Value::Array(tokens)) => {
                for token in tokens {
                    self.extra.push(parse(files, token)?);
                }
            }
            Some(Value::Object(tokens)) => {
                for (name, token) in tokens {
                    self.named.push((name.clone(), parse(files, token)?));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The token of a name, as text.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, token)| token.content.as_str())
    }

    /// A flag of `tokenizer_config.json`.
    pub fn flag(&self, name: &str) -> bool {
        self.config.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A string of `tokenizer_config.json`.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.config.get(name).and_then(Value::as_str)
    }

    /// All special tokens in the order of adding, without repetitions.
    pub fn all(&self) -> Vec<&AddedToken> {
        let mut all: Vec<&AddedToken> = Vec::new();
        for token in self.named.iter().map(|(_, token)| token).chain(&self.extra) {
            if all.iter().all(|known| known.content != token.content) {
                all.push(token);
            }
        }
        all
    }

    /// The added tokens of a Python tokeniser over `vocab`: those that the checkpoint gives ids, then the special ones; one that the
    /// vocabulary lacks gets the next id after it.
    pub fn added_tokens(&self, vocab: &Vocab) -> AddedTokens {
        let mut by_id = self.by_id.clone();
        let beside = by_id.values().filter(|token| vocab.id(&token.content).is_none()).count();
        let mut next = (vocab.len() + beside) as u32;
        for token in self.all() {
            if by_id.values().any(|known| known.content == token.content) || token.content.is_empty() {
                continue;
            }
            let id = vocab.id(&token.content).unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            by_id.insert(id, token.clone());
        }
        AddedTokens::new(by_id)
    }
}

/// A JSON object among the model's files, `None` where there is no such file.
pub(super) fn read_object(files: &ModelFiles, file: &str) -> Result<Option<Map<String, Value>>> {
    let Some(bytes) = super::read(files, file)? else { return Ok(None) };
    let object = serde_json::from_slice(&bytes).map_err(|error| TokenizerError::damaged(files, file, error))?;
    Ok(Some(object))
}

fn content(value: &Value) -> Option<&String> {
    match value {
        Value::String(content) => Some(content),
        Value::Object(token) => match token.get("content") {
            Some(Value::String(content)) => Some(content),
            _ => None,
        },
        _ => None,
    }
}

fn parse(files: &ModelFiles, value: &Value) -> Result<AddedToken> {
    match value {
        Value::String(content) => Ok(AddedToken::special(content)),
        value => serde_json::from_value(value.clone()).map_err(|error| damaged(files, error)),
    }
}

fn damaged(files: &ModelFiles, reason: impl std::fmt::Display) -> TokenizerError {
    TokenizerError::damaged(files, "tokenizer_config.json", reason)
}
