//! `docs/complaints.md`: what users complain about elsewhere, row by row, with the test that shows it does not happen here.
//! A row that names a test that is not there, or nothing at all, fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rows there are.
const ROWS: std::ops::RangeInclusive<u32> = 1..=75;
/// How a row begins that names no test: the two honest answers.
const CANNOT: &str = "cannot happen: ";
const NOT_YET: &str = "not proved yet: needs ";
/// Where tests are, with what their paths begin with.
const ROOTS: [(&str, &str); 4] = [
    ("tests", ""),
    ("src", ""),
    ("localcloud/src", "localcloud::"),
    ("localcloud/tests", "localcloud::"),
];

/// What stands behind a complaint.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Tests(Vec<String>),
    Cannot,
    NotYet,
    Nothing,
}

/// Number, complaint, answer of each row of the table.
fn rows(page: &str) -> Vec<(u32, Answer)> {
    let cells = page.lines().filter_map(|line| {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let [number, complaint, answer] = line.split(" | ").collect::<Vec<_>>()[..] else {
            return None;
        };
        let number = number.parse().ok()?;
        assert!(!complaint.trim().is_empty(), "row {number}");
        Some((number, answer_of(answer)))
    });
    cells.collect()
}

fn answer_of(text: &str) -> Answer {
    if let Some(reason) = text.strip_prefix(CANNOT) {
        return if reason.is_empty() {
            Answer::Nothing
        } else {
            Answer::Cannot
        };
    }
    if let Some(what) = text.strip_prefix(NOT_YET) {
        return if what.is_empty() {
            Answer::Nothing
        } else {
            Answer::NotYet
        };
    }
    let named = text.split('`').skip(1).step_by(2);
    let tests: Vec<String> = named
        .filter(|name| name.contains("::"))
        .map(ToOwned::to_owned)
        .collect();
    if tests.is_empty() {
        Answer::Nothing
    } else {
        Answer::Tests(tests)
    }
}

/// The names of all tests, as `cargo test` prints them.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for (folder, prefix) in ROOTS {
        walk(&root.join(folder), prefix, &mut found);
    }
    assert!(found.len() > 500, "{} tests", found.len());
    found
}

fn walk(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            walk(&path, &format!("{prefix}{name}::"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = match name.as_str() {
                "mod" | "main" | "lib" => prefix.to_owned(),
                name => format!("{prefix}{name}::"),
            };
            found.extend(
                tests_in(&fs::read_to_string(&path).unwrap())
                    .into_iter()
                    .map(|test| format!("{module}{test}")),
            );
        }
    }
}

/// The functions behind a test's attribute; those of a module `tests` in the same file with its name before them.
fn tests_in(source: &str) -> Vec<String> {
    let (mut found, mut marked, mut inside) = (Vec::new(), false, "");
    for line in source.lines() {
        let line = line.trim_start();
        if line == "mod tests {" {
            inside = "tests::";
        }
        marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let line = line.strip_prefix("async ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("fn ") {
            if marked {
                let name = rest.split('(').next().unwrap();
                found.push(format!("{inside}{name}"));
            }
            marked = false;
        }
    }
    found
}

#[test]
fn every_complaint_has_a_test_or_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/complaints.md")).unwrap();
    let there = tests();
    let mut seen = BTreeMap::new();
    let (mut proved, mut cannot, mut open) = (0, 0, Vec::new());
    for (number, answer) in rows(&page) {
        assert!(ROWS.contains(&number), "there is no row {number}");
        match &answer {
            Answer::Tests(names) => {
                let lost: Vec<_> = names.iter().filter(|name| !there.contains(*name)).collect();
                assert!(
                    lost.is_empty(),
                    "row {number} names {lost:?}, which are no tests"
                );
                proved += 1;
            }
            Answer::Cannot => cannot += 1,
            Answer::NotYet => open.push(number),
            Answer::Nothing => panic!("row {number} has neither a test nor a reason"),
        }
        assert!(
            seen.insert(number, answer).is_none(),
            "row {number} stands twice"
        );
    }
    let missing: Vec<_> = ROWS.filter(|number| !seen.contains_key(number)).collect();
    assert_eq!(missing, [0; 0], "rows that are missing");
    eprintln!(
        "complaints: {proved} with a test, {cannot} that cannot happen, {} not proved yet {open:?}",
        open.len()
    );
}

#[test]
fn a_row_without_an_answer_is_seen() {
    let page = "| # | elsewhere | here |\n|---|---|---|\n\
        | 1 | a | `roll::x::works`, `roll::y::too` |\n| 2 | b | cannot happen: there is none |\n\
        | 3 | c | not proved yet: needs `pair` |\n| 4 | d | soon |\n| 5 | e | cannot happen:  |\n";
    let answers: Vec<_> = rows(page).into_iter().map(|(_, answer)| answer).collect();
    let named = ["roll::x::works", "roll::y::too"].map(str::to_owned);
    assert_eq!(
        answers,
        [
            Answer::Tests(named.to_vec()),
            Answer::Cannot,
            Answer::NotYet,
            Answer::Nothing,
            Answer::Nothing
        ]
    );
    let source = "fn helper() {}\n#[tokio::test(start_paused = true)]\nasync fn one() {}\nmod tests {\n    #[test]\n    fn two() {}\n    fn three() {}\n}\n";
    assert_eq!(tests_in(source), ["one", "tests::two"]);
}
