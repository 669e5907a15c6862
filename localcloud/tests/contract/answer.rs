//! An answer as texts by their paths, `AutoScalingGroups.0.MinSize`, whatever it came in.

use std::collections::BTreeMap;

use localcloud::model::Tree;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::rest::entry;

/// What was answered.
#[derive(Debug, Default)]
pub struct Answer(BTreeMap<String, String>);

impl Answer {
    /// The text at a path; empty where there is none.
    pub fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    /// How many entries a list has.
    pub fn count(&self, list: &str) -> usize {
        let inside = self
            .0
            .keys()
            .filter_map(|key| key.strip_prefix(list)?.strip_prefix('.'));
        let index = |path: &str| path.split('.').next()?.parse::<usize>().ok();
        inside.filter_map(index).max().map_or(0, |last| last + 1)
    }

    /// The texts at `field` of every entry of a list.
    pub fn all(&self, list: &str, field: &str) -> Vec<String> {
        let path = |at| match field {
            "" => format!("{list}.{at}"),
            _ => format!("{list}.{at}.{field}"),
        };
        let all = 0..self.count(list);
        all.map(|at| self.text(&path(at)).to_owned()).collect()
    }

    pub fn of_tree(tree: &Tree) -> Self {
        let mut answer = Self::default();
        answer.add("", tree);
        answer
    }

    fn add(&mut self, path: &str, tree: &Tree) {
        let below = |name: &str| match path {
            "" => name.to_owned(),
            _ => format!("{path}.{name}"),
        };
        match tree {
            Tree::List(list) => {
                for (at, entry) in list.iter().enumerate() {
                    self.add(&below(&at.to_string()), entry);
                }
            }
            Tree::Map(fields) => {
                for (name, value) in fields {
                    self.add(&below(name), value);
                }
            }
            leaf => {
                let text = leaf.text().unwrap_or_default();
                self.0.insert(path.to_owned(), text);
            }
        }
    }

    /// Reads the XML of an answer; the code of a refusal is its error.
    pub fn of_xml(xml: &str) -> Result<Self, String> {
        let mut answer = Self::default();
        let mut path: Vec<String> = Vec::new();
        // How many entries each open element has had so far.
        let mut at: Vec<usize> = Vec::new();
        let mut reader = Reader::from_str(xml);
        loop {
            match reader
                .read_event()
                .map_err(|error| format!("{error}: {xml}"))?
            {
                Event::Start(start) => {
                    let name = start.name().as_ref().to_owned();
                    let is_entry = matches!(name.as_str(), "member" | "item")
                        || path.last().is_some_and(|list| entry(list) == Some(&name));
                    path.push(match at.last_mut() {
                        Some(next) if is_entry => {
                            *next += 1;
                            (*next - 1).to_string()
                        }
                        _ => name,
                    });
                    at.push(0);
                }
                Event::Text(text) if !text.trim().is_empty() => {
                    answer.0.insert(inner(&path), text.to_string());
                }
                Event::End(_) => {
                    path.pop();
                    at.pop();
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let code = answer
            .0
            .iter()
            .find(|(path, _)| path.ends_with("Code") && path.contains("Error"));
        match code {
            Some((_, code)) if xml.contains("<Error>") => Err(code.clone()),
            _ => Ok(answer),
        }
    }
}

/// Without the elements that the protocols wrap an answer in.
fn inner(path: &[String]) -> String {
    let wraps = |name: &&String| name.ends_with("Response") || name.ends_with("Result");
    let path = path.iter().skip_while(wraps);
    path.map(String::as_str).collect::<Vec<_>>().join(".")
}
