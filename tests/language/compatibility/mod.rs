//! docs/compatibility.md: what becomes of every option of Packer's. Each name in the fixture is put into a template, and what kiln says of
//! it is the page; so a name that kiln does not know fails here, and nothing is silently ignored.

mod ask;
mod tables;

use ask::{Standing, standing};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Where the names are.
const NAMES: &str = "tests/fixtures/packer/options.txt";
const PAGE: &str = "docs/compatibility.md";
/// What nobody would call an option: a table that takes it is not asked.
const NONSENSE: &str = "no_option_has_this_name";

const HEAD: &str = "\
# Compatibility with Packer

What becomes of each option of Packer's legacy JSON templates. `make compatibility` writes this page from what kiln says of each
name in tests/fixtures/packer/options.txt, and a test fails when it is stale. Nothing is silently ignored: what is refused is an error with its
place, unless its value is empty; what has no effect is noted.
";

pub struct Section {
    pub place: String,
    pub title: String,
    pub names: Vec<Entry>,
}

pub struct Entry {
    pub name: String,
    /// An expression that uses it, where it is no option.
    pub sample: String,
    pub own: bool,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn sections() -> Vec<Section> {
    let text = fs::read_to_string(root().join(NAMES)).unwrap();
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(heading) = line.strip_prefix('[') {
            // A `[]` within a place is a list.
            let mut ends = heading.match_indices("] ").map(|(at, _)| at);
            let end = ends.find(|at| !heading[..*at].ends_with('[')).unwrap();
            let (place, title) = (&heading[..end], &heading[end + 2..]);
            sections.push(Section {
                place: place.to_owned(),
                title: title.to_owned(),
                names: Vec::new(),
            });
        } else if !line.is_empty() {
            let own = line.starts_with('+');
            let (name, sample) = line.split_once(' ').unwrap_or((line, ""));
            sections.last_mut().unwrap().names.push(Entry {
                name: name.trim_start_matches('+').to_owned(),
                sample: sample.to_owned(),
                own,
            });
        }
    }
    sections
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in sections() {
        write!(page, "\n## {}\n\n", section.title).unwrap();
        let rows: Vec<_> = section
            .names
            .iter()
            .map(|name| (shown(name), said(&standing(&section.place, name))))
            .collect();
        let alike = rows.iter().all(|(_, said)| *said == rows[0].1);
        if alike && rows.len() > 1 {
            let names: Vec<_> = rows.iter().map(|(name, _)| name.as_str()).collect();
            writeln!(page, "{}\n\nAll {}.", names.join(", "), rows[0].1).unwrap();
            continue;
        }
        page.push_str("| | |\n|---|---|\n");
        for (name, said) in rows {
            writeln!(page, "| {name} | {said} |").unwrap();
        }
    }
    page
}

fn shown(name: &Entry) -> String {
    let own = if name.own { " (kiln's own)" } else { "" };
    let text = if name.sample.is_empty() {
        format!("`{}`", name.name)
    } else {
        format!("`` {} ``", name.sample.replace('|', "\\|"))
    };
    text + own
}

fn said(standing: &Standing) -> String {
    match standing {
        Standing::Supported => "supported".to_owned(),
        Standing::Idle(why) => format!("accepted, without effect: {why}"),
        Standing::Refused(why) => format!("refused: {why}"),
        Standing::Unknown(why) => format!("unknown: {why}"),
    }
}

#[test]
fn the_page_says_what_kiln_does() {
    let page = page();
    let path = root().join(PAGE);
    let rewrite = std::env::var_os("KILN_REWRITE").is_some();
    if rewrite {
        fs::write(path, page).unwrap();
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    let stale: Vec<_> = page
        .lines()
        .filter(|line| !written.contains(line))
        .collect();
    assert!(
        page == written,
        "{PAGE} is stale; `make compatibility` writes it anew. What kiln says now:\n{}",
        stale.join("\n")
    );
}

#[test]
fn no_option_of_packers_is_unknown() {
    for section in sections() {
        for name in &section.names {
            let standing = standing(&section.place, name);
            assert!(
                !matches!(standing, Standing::Unknown(_)),
                "[{}] {}: {standing:?}. Carry it out, or give it a row in the table of its object that says why not",
                section.place,
                name.name
            );
        }
    }
}

/// Without this, an object that the question never reaches would pass for one that takes everything.
#[test]
fn a_name_that_is_none_is_found_out_wherever_options_are_asked_for() {
    let nonsense = Entry {
        name: NONSENSE.to_owned(),
        sample: "{{no_option_has_this_name}}{{.no_option_has_this_name}}".to_owned(),
        own: false,
    };
    let types = |place: &str| place.ends_with("-types");
    for Section { place, .. } in sections() {
        let options = ["root", "builder", "provisioner", "post-processor"]
            .contains(&place.split(' ').next().unwrap());
        let name = Entry {
            sample: if options || types(&place) {
                String::new()
            } else {
                nonsense.sample.clone()
            },
            name: nonsense.name.clone(),
            own: false,
        };
        let standing = standing(&place, &name);
        assert_ne!(standing, Standing::Supported, "[{place}]");
    }
}
