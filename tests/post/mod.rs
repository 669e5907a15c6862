//! Post-processors on files of this host: what they write is held against the programs that others read it with.

mod archives;
mod ends;
mod places;
mod sums;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln::post::{self, Artifact, Built, Ending, Extent, Step};
use kiln::run::{Event, Events, Stop, SystemClock};
use serde_json::{Map, Value, json};

use crate::language::Case;

/// A folder with files, and what was said.
struct Bench {
    folder: tempfile::TempDir,
    said: RefCell<Vec<Event>>,
    stop: Stop,
}

impl Events for Bench {
    fn emit(&self, event: Event) {
        self.said.borrow_mut().push(event);
    }
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            said: RefCell::default(),
            stop: Stop::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names in a folder of it.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// Runs a template's post-processors on an image.
    async fn process(&self, posts: &Value) -> Vec<Step> {
        let builder = json!({
            "type": "amazon-ebs", "name": "web", "ami_name": "web-1", "source_ami": "ami-1",
            "instance_type": "t3.small", "ssh_username": "admin"
        });
        let template = json!({ "builders": [builder], "post-processors": posts }).to_string();
        let mut case = Case::new().file("web.json", &template);
        let (template, _) = case
            .bake()
            .unwrap_or_else(|found| panic!("{}", case.draw(&found)));
        let built = Built {
            name: "web",
            kind: "amazon-ebs",
            run: "r".to_owned(),
            call: "r".to_owned(),
            artifact: Artifact::Image("eu-central-1:ami-2".to_owned()),
            data: Map::new(),
            afresh: false,
            clock: &SystemClock,
        };
        let chains = &template.builds[0].post_processors;
        post::process(chains, &built, Extent::Whole, &self.stop, self).await
    }

    /// Runs a chain of `artifice` and one more, which must do well.
    async fn after_artifice(&self, files: &[&str], post: Value) -> Step {
        let files: Vec<_> = files.iter().map(|name| self.text(name)).collect();
        let artifice = json!({ "type": "artifice", "files": files });
        let steps = self.process(&json!([[artifice, post]])).await;
        let last = steps.into_iter().next_back().unwrap();
        assert_eq!(last.result, Ending::Done, "{:?}", last.reason);
        last
    }
}

/// A program's standard output; it must end well.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Vec<u8> {
    let mut command = Command::new(program);
    let done = command.args(arguments).current_dir(folder).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {arguments:?}: {said}");
    done.stdout
}

/// Bytes that are neither all alike nor all different, over several blocks of any format.
fn bytes() -> Vec<u8> {
    let mut state = 1_u32;
    let step = |at: u32| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        if at.is_multiple_of(3) {
            state.to_be_bytes()[1]
        } else {
            b'a'
        }
    };
    (0..300_000).map(step).collect()
}
