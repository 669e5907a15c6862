//! Hides secrets in text that people and files get to see.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// What stands for a secret; Packer's own word (anchors/packer.md 1.3).
const HIDDEN: &str = "<sensitive>";

/// Shorter ones are hidden only as they are: a few letters of base64 are in every text.
const LONG: usize = 6;

/// The values to hide, longest first, so that one that holds another goes whole. What is added to one is hidden by its
/// clones, too: secrets may come while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Mask(Arc<RwLock<Vec<String>>>);

impl Mask {
    /// Hides these values, and their spelling inside JSON.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mask = Self::default();
        mask.add(secrets);
        mask
    }

    /// Hides these values, too.
    pub fn add(&self, secrets: impl IntoIterator<Item = String>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            all.extend(spellings(&secret));
            let lines = secret
                .lines()
                .map(str::trim)
                .filter(|line| line.len() >= LONG);
            all.extend(lines.flat_map(spellings));
        }
        all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        all.dedup();
    }

    /// The text without them.
    pub fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for secret in all.iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        text
    }
}

impl Mask {
    /// The document without them: its texts are hidden, its keys and numbers are kiln's own and stay, so that it is JSON of the
    /// same shape.
    pub fn hide_in(&self, document: &Value) -> Value {
        match document {
            Value::String(text) => Value::from(self.hide(text)),
            Value::Array(items) => items.iter().map(|item| self.hide_in(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, member)| (key.clone(), self.hide_in(member)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => document.clone(),
        }
    }
}

/// What a secret looks like in JSON, in a shell's quotes, in a URL, and within base64 of something longer.
fn spellings(secret: &str) -> Vec<String> {
    let json = Value::from(secret).to_string();
    let json = &json[1..json.len() - 1];
    let mut all = vec![
        secret.to_owned(),
        json.to_owned(),
        secret.replace('\'', "'\\''"),
        // As Python's `shlex.quote` has it.
        secret.replace('\'', "'\"'\"'"),
    ];
    // As Python, PHP and others print JSON; some escape `/`, too.
    for upper in [false, true] {
        let ascii = ascii(json, upper);
        all.push(ascii.replace('/', "\\/"));
        all.push(ascii);
    }
    all.push(json.replace('/', "\\/"));
    if secret.len() < LONG {
        return all;
    }
    // What each tool leaves as it is: paths keep `/` (as Python's `quote` does), and JavaScript more.
    for kept in ["", "/", "!'()*", "!'()*;,/?:@&=+$#"] {
        let escaped = escaped(secret, kept);
        all.push(escaped.replace("%20", "+"));
        all.push(lower(&escaped));
        all.push(lower(&escaped).replace("%20", "+"));
        all.push(escaped);
    }
    // Where the secret begins within a group of three bytes decides how it looks; letters that it shares with what stands
    // before or after it are left out.
    for (before, skip) in [(0, 0), (1, 2), (2, 3)] {
        let text = [&[0; 2][..before], secret.as_bytes()].concat();
        let whole = text.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            all.push(engine.encode(&text)[skip..whole].to_owned());
        }
    }
    all
}

/// The inside of a string of JSON in ASCII.
fn ascii(json: &str, upper: bool) -> String {
    let mut text = String::new();
    for unit in json.encode_utf16() {
        // Writing to a string cannot fail.
        match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(byte) => text.push(char::from(byte)),
            None if upper => write!(text, "\\u{unit:04X}").unwrap_or_default(),
            None => write!(text, "\\u{unit:04x}").unwrap_or_default(),
        }
    }
    text
}

/// Escaped for URLs ("RFC 3986", unreserved characters and those of `kept` as they are).
fn escaped(secret: &str, kept: &str) -> String {
    let mut text = String::new();
    for byte in secret.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || kept.as_bytes().contains(&byte)
        {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(text, "%{byte:02X}").unwrap_or_default();
        }
    }
    text
}

/// The same with escapes in lower case.
fn lower(escaped: &str) -> String {
    let mut parts = escaped.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2.min(part.len()));
        text.push('%');
        text.push_str(&code.to_lowercase());
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_whole_and_in_its_json_spelling() {
        let mask = Mask::new(["pass".to_owned(), "pass\"word".to_owned(), String::new()]);
        assert_eq!(
            mask.hide("my pass\"word, pass"),
            "my <sensitive>, <sensitive>"
        );
        let json = serde_json::json!({ "text": "pass\"word" }).to_string();
        assert_eq!(mask.hide(&json), r#"{"text":"<sensitive>"}"#);
    }

    #[test]
    fn a_secret_is_hidden_within_base64_and_urls_too() {
        let mask = Mask::new(["pass word/1".to_owned()]);
        for text in [
            "q=pass%20word%2F1",
            "q=pass+word%2f1",
            "dTpwYXNzIHdvcmQvMQ==",
            "cGFzcyB3b3JkLzE=",
        ] {
            let hidden = mask.hide(text);
            assert!(hidden.contains(HIDDEN), "{text}: {hidden}");
        }
        let mask = Mask::new(["a".to_owned()]);
        assert_eq!(mask.hide("YQ== b"), "YQ== b");
    }

    #[test]
    fn a_secret_is_hidden_as_other_tools_write_it() {
        let mask = Mask::new(["Ü/it's 😀!".to_owned()]);
        for text in [
            // `urllib.parse.quote` and `quote_plus`
            "u=%C3%9C/it%27s%20%F0%9F%98%80%21&",
            "u=%C3%9C%2Fit%27s+%F0%9F%98%80%21&",
            "u=%c3%9c/it%27s%20%f0%9f%98%80%21&",
            // `encodeURIComponent` and `encodeURI`
            "u=%C3%9C%2Fit's%20%F0%9F%98%80!&",
            "u=%C3%9C/it's%20%F0%9F%98%80!&",
            // `shlex.quote`
            "u='Ü/it'\"'\"'s 😀!'&",
            // `json.dumps`, and PHP's `json_encode`
            "u=\\u00dc/it's \\ud83d\\ude00!&",
            "u=\\u00DC/it's \\uD83D\\uDE00!&",
            "u=\\u00dc\\/it's \\ud83d\\ude00!&",
        ] {
            let hidden = mask.hide(text).replace('\'', "");
            assert_eq!(hidden, format!("u={HIDDEN}&"), "{text}");
        }
    }

    #[test]
    fn a_document_keeps_its_shape_whatever_is_secret() {
        let secrets = ["1", "format", "done"].map(str::to_owned);
        let document = serde_json::json!({ "format": 1, "result": "done", "all": ["x1"] });
        let hidden =
            serde_json::json!({ "format": 1, "result": HIDDEN, "all": [format!("x{HIDDEN}")] });
        assert_eq!(Mask::new(secrets).hide_in(&document), hidden);
    }

    #[test]
    fn a_line_of_a_secret_is_hidden_by_itself() {
        let mask = Mask::new(["-----BEGIN-----\n  c2VjcmV0LWxpbmU=\nx\n".to_owned()]);
        let hidden = mask.hide("it is c2VjcmV0LWxpbmU= x");
        assert_eq!(hidden, format!("it is {HIDDEN} x"));
    }
}
