//! How much a text may multiply what it makes. The engine counts every byte of text that is made; a list that holds another
//! twice costs it nothing, and doubled sixty times it can be neither printed nor compared in any time. So what a name stands
//! for may have each earlier value in it a thousand times at most, and a hundred deep.

use std::collections::BTreeMap;

/// So often may one value be part of another.
const MOST_TIMES: u64 = 1_000;
/// So deep may values be in each other.
const DEEPEST: u64 = 100;

/// What the names of a text stand for.
#[derive(Debug, Default)]
pub(super) struct Growth {
    names: BTreeMap<String, Size>,
}

#[derive(Debug, Clone, Copy)]
struct Size {
    times: u64,
    depth: u64,
}

impl Growth {
    /// Takes in a statement; whether it multiplies too much.
    pub(super) fn is_too_much(&mut self, statement: &str) -> bool {
        let statement = statement.trim_start_matches(['-', '+']);
        let words = words(statement);
        let (targets, parts) = match words.split_first() {
            Some((first, rest)) if first == "set" && statement.contains('=') => {
                let targets = statement
                    .split('=')
                    .next()
                    .map_or(0, |head| self::words(head).len());
                rest.split_at(targets.saturating_sub(1))
            }
            Some((first, rest)) if first == "for" => {
                let at = rest
                    .iter()
                    .position(|word| word == "in")
                    .unwrap_or(rest.len());
                rest.split_at(at)
            }
            // All names of a `with` stand for all that it says, which is more than they do.
            Some((first, rest)) if first == "with" => (rest, rest),
            _ => return false,
        };
        let known = parts.iter().filter_map(|word| self.names.get(word));
        let (times, depth) = known.fold((0_u64, 0), |(times, depth), size| {
            (times.saturating_add(size.times), depth.max(size.depth))
        });
        let size = Size {
            times: times.max(1),
            depth: depth + 1,
        };
        for target in targets {
            self.names.insert(target.clone(), size);
        }
        size.times > MOST_TIMES || size.depth > DEEPEST
    }
}

/// The words of a statement, strings aside.
pub(super) fn words(code: &str) -> Vec<String> {
    let mut quote = None;
    let mut escaped = false;
    let mut plain = String::new();
    for character in code.chars() {
        let inside = quote.is_some();
        match character {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' | '\'' if !inside => quote = Some(character),
            _ if quote == Some(character) => quote = None,
            _ => {}
        }
        plain.push(if inside { ' ' } else { character });
    }
    let words = plain.split(|character: char| !character.is_alphanumeric() && character != '_');
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
