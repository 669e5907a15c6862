//! Variables of Go's form, `$x`: which are declared where an expression stands, and what the engine calls each. In Go one ends
//! with its block, and a block may declare another of the same name; the engine's last until their loop ends. So each
//! declaration makes a name of its own.

use super::super::engine::OURS;
use std::collections::BTreeMap;

/// The variables of a text.
#[derive(Debug, Default)]
pub(super) struct Variables {
    known: Vec<Variable>,
    /// How often each name has been declared, in ASCII, which is all that the engine takes.
    times: BTreeMap<String, usize>,
    /// The open blocks that forget at their end what is set in them, as their authors call them.
    pub scopes: Vec<&'static str>,
}

#[derive(Debug)]
struct Variable {
    /// Without `$`.
    name: String,
    made: String,
    /// So many scopes were open.
    scopes: usize,
}

/// Why a variable cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Undeclared,
    /// What is set in a scope is forgotten when it ends, or a loop's next round begins.
    OutsideOf(&'static str),
}

impl Variables {
    /// Declares one, and gives what the engine calls it.
    pub(super) fn declare(&mut self, name: &str) -> String {
        let plain = |character: char| if character.is_ascii() { character } else { '_' };
        let ascii: String = name.chars().map(plain).collect();
        let times = self.times.entry(ascii.clone()).or_default();
        *times += 1;
        let made = match *times {
            1 => format!("{OURS}v_{ascii}"),
            times => format!("{OURS}v{times}_{ascii}"),
        };
        self.known.push(Variable {
            name: name.to_owned(),
            made: made.clone(),
            scopes: self.scopes.len(),
        });
        made
    }

    /// What the engine calls one.
    pub(super) fn read(&self, name: &str) -> Option<&str> {
        let mut known = self.known.iter().rev();
        let found = known.find(|known| known.name == name);
        found.map(|found| found.made.as_str())
    }

    /// What the engine calls one that is to be set again.
    pub(super) fn set(&self, name: &str) -> Result<&str, Trouble> {
        let mut known = self.known.iter().rev();
        match (known.find(|known| known.name == name), self.scopes.last()) {
            (None, _) => Err(Trouble::Undeclared),
            (Some(found), Some(scope)) if found.scopes < self.scopes.len() => {
                Err(Trouble::OutsideOf(scope))
            }
            (Some(found), _) => Ok(&found.made),
        }
    }

    /// How many there are now, for [`forget`](Self::forget).
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// Forgets all but the first so many.
    pub(super) fn forget(&mut self, count: usize) {
        self.known.truncate(count);
    }
}
