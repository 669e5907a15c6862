//! Shows that the simulation can fail: deliberate defects, one at a time, each of which an invariant must find.
//!
//! A defect is lived through the same seeds as `seeds`, or those of them whose worlds can show it, until one of them finds it. `make sim` prints which did, by what.

mod calls;
mod list;
mod readings;

use std::fmt;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use list::{DEFECTS, Defect};

use super::seeds::live;

/// Seeds that a defect may take to be found, of those whose worlds can show it.
const SEEDS: usize = 300;

/// What became of a defect.
struct Caught {
    defect: &'static Defect,
    /// The seed, and what it found.
    by: Option<(u64, String)>,
}

impl Caught {
    /// Looks for the first seed that shows it by an invariant that is there for it. What else goes wrong with it is passed over.
    fn try_out(defect: &'static Defect) -> Self {
        let shown = |seed| {
            let found = live(seed, &defect.plant).found?;
            let mut breaks = defect.breaks.iter();
            let at = breaks.find_map(|one| found.find(&format!("{one}: ")))?;
            Some((seed, found[at..].to_owned()))
        };
        let worlds = (0..).filter(|seed| (defect.worlds)(*seed));
        Self {
            defect,
            by: worlds.take(SEEDS).find_map(shown),
        }
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((seed, found)) = &self.by else {
            return write!(f, "NOT FOUND {}", self.defect.name);
        };
        let found = found.lines().next().unwrap_or_default();
        let short: String = found.chars().take(100).collect();
        write!(f, "seed {seed:>3}  {}\n          {short}", self.defect.name)
    }
}

#[test]
fn every_defect_is_found() {
    let next = AtomicUsize::new(0);
    let caught = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(defect) = DEFECTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = Caught::try_out(defect);
                    caught.lock().unwrap().push(one);
                }
            });
        }
    });
    let mut caught = caught.into_inner().unwrap();
    let place = |one: &Caught| {
        DEFECTS
            .iter()
            .position(|defect| std::ptr::eq(defect, one.defect))
    };
    caught.sort_by_key(place);
    for one in &caught {
        writeln!(std::io::stderr(), "{one}").unwrap();
    }
    let wrong = caught.iter().filter(|one| one.by.is_none());
    let wrong: Vec<_> = wrong.map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
