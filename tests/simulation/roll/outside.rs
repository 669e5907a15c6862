//! What checks ask besides machines and AWS: a test says what answers, by what is asked and how much traffic `V2` takes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{V2, invariants};
use crate::simulation::cloud::Cloud;

/// An answer, whatever is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Yes,
    No,
    Nothing,
    /// It never ends.
    Silence,
}

type Says = dyn Fn(&str, u32) -> Option<Word>;

/// Answers as the test says; nothing by itself.
#[derive(Clone, Default)]
pub struct Outside {
    says: Rc<RefCell<Option<Box<Says>>>>,
    asked: Rc<Cell<u32>>,
    /// Where rolls keep the state of the service, by their own account.
    pub bucket: Rc<RefCell<Option<String>>>,
    /// The environment of the last program.
    pub environment: Rc<RefCell<BTreeMap<String, String>>>,
    /// Programs that were started.
    pub ran: Rc<RefCell<Vec<String>>>,
}

impl Outside {
    /// From now on `says` answers what is asked, with the percent of production traffic that `V2` takes.
    pub fn says(&self, says: impl Fn(&str, u32) -> Option<Word> + 'static) {
        *self.says.borrow_mut() = Some(Box::new(says));
    }

    pub fn note(&self, words: &[String], environment: &[(String, String)]) {
        *self.environment.borrow_mut() = environment.iter().cloned().collect();
        self.ran.borrow_mut().extend(words.last().cloned());
    }

    /// How often it was asked for what the test answers.
    pub fn asked(&self) -> u32 {
        self.asked.get()
    }

    pub fn ask(&self, what: &str, cloud: &Cloud) -> Option<Word> {
        let says = self.says.borrow();
        let word = says.as_ref()?(what, share(cloud))?;
        self.asked.set(self.asked.get() + 1);
        Some(word)
    }
}

/// The percent of production traffic that goes to machines of `V2`.
pub fn share(cloud: &Cloud) -> u32 {
    let world = cloud.world();
    let images = invariants::images(&world.model);
    let (mut all, mut own) = (0, 0);
    for reach in invariants::production(&world.model)
        .iter()
        .flat_map(|rule| &rule.reach)
    {
        all += reach.weight;
        if reach.targets.iter().any(|target| images[target] == V2) {
            own += reach.weight;
        }
    }
    own * 100 / all.max(1)
}
