//! Hides secrets in text that people and files get to see.

/// What stands for a secret; Packer's own word (anchors/packer.md 1.3).
const HIDDEN: &str = "<sensitive>";

/// The values to hide, longest first, so that one that holds another goes whole.
#[derive(Clone, Debug, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Hides these values, and their spelling inside JSON.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut mask = Self::default();
        mask.add(secrets);
        mask
    }

    /// Hides these values, too.
    pub fn add(&mut self, secrets: impl IntoIterator<Item = String>) {
        let all = &mut self.0;
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            let spelled = serde_json::Value::from(secret.as_str()).to_string();
            all.push(spelled[1..spelled.len() - 1].to_owned());
            all.push(secret);
        }
        all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        all.dedup();
    }

    /// The text without them.
    pub fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        text
    }
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
}
