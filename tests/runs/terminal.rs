//! `kiln bake` at a real terminal: `--on-error=ask`, `-debug`, and Ctrl-C at a question. util-linux's `script` keeps the
//! terminal; what is typed goes into its stdin, what kiln says comes out of its stdout.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::bakery::Bakery;

/// Far more than a bake on moto takes; a question that never comes fails its test instead of hanging it.
const LONGEST: Duration = Duration::from_mins(2);

const QUESTION: &str = "[k] keep the machine? ";

struct Terminal {
    script: Child,
    keys: ChildStdin,
    screen: Receiver<Vec<u8>>,
    said: String,
    /// Up to where of `said` a test has looked.
    seen: usize,
}

impl Terminal {
    fn open(bakery: &Bakery, line: &str) -> Self {
        let mut command = bakery.kiln(&[]);
        let kiln = command.get_program().to_str().unwrap().to_owned();
        let envs: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command = std::process::Command::new("script");
        let mut script = command
            .args([
                "-qefc",
                &format!("exec {kiln} {line} > printed"),
                "/dev/null",
            ])
            .env_clear()
            .envs(envs)
            .current_dir(bakery.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = script.stdout.take().unwrap();
        let (send, screen) = channel();
        std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut block) {
                if send.send(block[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keys: script.stdin.take().unwrap(),
            script,
            screen,
            said: String::new(),
            seen: 0,
        }
    }

    /// Reads on until `text` is on the screen, and gives what came before it.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.said[self.seen..].find(text) {
                let before = self.said[self.seen..self.seen + at].to_owned();
                self.seen += at + text.len();
                return before;
            }
            assert!(self.read_on(), "no `{text}` after:\n{}", self.said);
        }
    }

    /// False when kiln has ended.
    #[track_caller]
    fn read_on(&mut self) -> bool {
        match self.screen.recv_timeout(LONGEST) {
            Ok(block) => self.said.push_str(&String::from_utf8_lossy(&block)),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("nothing more after:\n{}", self.said),
        }
        true
    }

    fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit code, and what was said since a test looked last.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, String) {
        while self.read_on() {}
        let code = self.script.wait().unwrap().code();
        let seen = self.seen;
        (code, self.said.split_off(seen))
    }
}

impl Drop for Terminal {
    /// A test that failed at a question hangs up, and kiln ends by that.
    fn drop(&mut self) {
        drop(self.script.kill());
        self.script.wait().unwrap();
    }
}

/// A bake whose only command is this one, at the question that it leads to.
fn asked(bakery: &Bakery, command: &str) -> Terminal {
    bakery.template("web.json", &[bakery.builder("web")], command);
    let mut terminal = Terminal::open(bakery, "bake -on-error=ask --result=r.json web.json");
    let before = terminal.until(QUESTION);
    let why = "web: failed to provision: ";
    assert!(before.contains(why), "no `{why}` in:\n{before}");
    terminal
}

fn build(bakery: &Bakery) -> Value {
    bakery.document("r.json")["builds"][0].clone()
}

#[test]
fn whoever_answers_c_has_everything_taken_back_and_what_is_no_answer_is_asked_again() {
    let bakery = Bakery::open();
    let mut terminal = asked(&bakery, "exit 7");
    assert_eq!(bakery.scratch().len(), 2, "nothing goes while it is asked");
    terminal.type_in("what?\n");
    terminal.until(QUESTION);
    terminal.type_in("c\n");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("taken back: instance i-"), "{said}");
    assert_eq!(bakery.scratch(), [""; 0]);
    let build = build(&bakery);
    assert_eq!(
        (&build["result"], &build["left"]),
        (&json!("failed"), &json!([]))
    );
}

#[test]
fn whoever_answers_a_keeps_everything_and_is_told_what_that_is_and_how_it_goes() {
    let bakery = Bakery::open();
    let mut terminal = asked(&bakery, "exit 7");
    terminal.type_in("a\n");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("left on purpose:"), "{said}");
    let build = build(&bakery);
    let left = build["left"].to_string();
    let scratch = bakery.scratch();
    assert_eq!(scratch.len(), 2, "{scratch:?}");
    for id in &scratch {
        assert!(said.contains(id), "no {id} in:\n{said}");
        assert!(left.contains(id), "no {id} in {left}");
    }
    let run = build["run"].as_str().unwrap();
    assert!(said.contains(&format!("`kiln sweep --run {run}` removes it")));
    let swept = bakery.run(&["sweep", "--run", run]);
    assert_eq!(swept.status.code(), Some(0));
    assert_eq!(bakery.scratch(), [""; 0]);
}

#[test]
fn whoever_answers_r_has_the_step_tried_again_on_the_same_machine() {
    let bakery = Bakery::open();
    let here = bakery.folder.path().display();
    let command = format!("echo tried >> {here}/tries; test -e {here}/mended");
    let mut terminal = asked(&bakery, &command);
    let machine = bakery.scratch();
    terminal.type_in("r\n");
    terminal.until(QUESTION);
    bakery.write("mended", "");
    terminal.type_in("r\n");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("made instance"), "{said}");
    let gone = machine.iter().filter(|id| id.starts_with("i-"));
    for id in gone {
        assert!(
            said.contains(&format!("taken back: instance {id}")),
            "{said}"
        );
    }
    assert_eq!(bakery.read("tries").lines().count(), 3);
    assert!(bakery.read("printed").starts_with("ami-"));
    assert_eq!(bakery.scratch(), [""; 0]);
}

#[test]
fn ctrl_c_and_a_closed_terminal_end_a_question_and_everything_is_taken_back() {
    // What a terminal makes an interrupt of, and what it makes an end of file of.
    for key in ["\u{3}", "\u{4}"] {
        let bakery = Bakery::open();
        let mut terminal = asked(&bakery, "exit 7");
        terminal.type_in(key);
        let (code, said) = terminal.end();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("taken back: instance i-"), "{said}");
        assert_eq!(bakery.scratch(), [""; 0]);
    }
}

#[test]
fn debug_waits_for_enter_before_each_step() {
    let bakery = Bakery::open();
    bakery.template("web.json", &[bakery.builder("web")], "true");
    let mut terminal = Terminal::open(&bakery, "bake -debug --result=r.json web.json");
    let mut steps = Vec::new();
    let prompt = "web: press Enter for `";
    loop {
        while terminal.said[terminal.seen..].find(prompt).is_none() {
            if !terminal.read_on() {
                break;
            }
        }
        if terminal.said[terminal.seen..].find(prompt).is_none() {
            break;
        }
        terminal.until(prompt);
        let step = terminal.until("` ");
        match step.as_str() {
            "launch instance" => assert!(!bakery.scratch().iter().any(|id| id.starts_with("i-"))),
            "provision" => assert!(bakery.scratch().iter().any(|id| id.starts_with("i-"))),
            _ => {}
        }
        steps.push(step);
        terminal.type_in("\n");
    }
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    let all = [
        "create security group",
        "launch instance",
        "connect",
        "wait for cloud-init",
        "provision",
        "clean up the machine",
        "stop instance",
        "instance stopped",
        "note volumes",
        "create image",
        "image available",
        "check image",
        "begin to publish",
        "publish",
    ];
    assert_eq!(steps, all);
}

#[test]
fn ctrl_c_while_debug_waits_takes_everything_back() {
    let bakery = Bakery::open();
    bakery.template("web.json", &[bakery.builder("web")], "true");
    let mut terminal = Terminal::open(&bakery, "bake -debug --result=r.json web.json");
    while terminal.until("` ").rsplit('`').next() != Some("provision") {
        terminal.type_in("\n");
    }
    terminal.type_in("\u{3}");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("stopped on request at `provision`"), "{said}");
    assert_eq!(bakery.scratch(), [""; 0]);
}

#[test]
fn several_that_fail_are_asked_about_one_after_the_other() {
    let bakery = Bakery::open();
    let builders = [bakery.builder("web"), bakery.builder("api")];
    bakery.template("all.json", &builders, "exit 7");
    let mut terminal = Terminal::open(&bakery, "bake -on-error=ask --result=r.json all.json");
    terminal.until(QUESTION);
    let both = |said: &str| said.matches("provision: failed after").count() == 2;
    while !both(&terminal.said) {
        assert!(terminal.read_on());
    }
    assert_eq!(
        terminal.said.matches(QUESTION).count(),
        1,
        "{}",
        terminal.said
    );
    terminal.type_in("c\n");
    terminal.until(QUESTION);
    terminal.type_in("c\n");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(bakery.scratch(), [""; 0]);
}

#[test]
fn a_question_hides_what_is_sensitive() {
    let bakery = Bakery::open();
    let secret = "hunter2-hunter2-hunter2";
    let fetch = json!({
        "type": "file", "direction": "download", "source": "/nowhere/{{user `token`}}", "destination": "here"
    });
    let template = json!({
        "variables": { "token": secret }, "sensitive-variables": ["token"],
        "builders": [bakery.builder("web")], "provisioners": [fetch]
    });
    bakery.write("web.json", &template.to_string());
    let mut terminal = Terminal::open(&bakery, "bake -on-error=ask web.json");
    terminal.until(QUESTION);
    terminal.type_in("c\n");
    terminal.until("taken back: instance i-");
    assert!(terminal.said.contains("/nowhere/"), "{}", terminal.said);
    assert!(!terminal.said.contains(secret), "{}", terminal.said);
    terminal.end();
}

#[test]
fn a_breakpoint_waits_for_enter_on_the_running_machine() {
    let bakery = Bakery::open();
    let here = bakery.folder.path().display();
    let shell = json!({ "type": "shell", "inline": [format!("touch {here}/went-on")] });
    let template = json!({
        "builders": [bakery.builder("web")],
        "provisioners": [{ "type": "breakpoint", "note": "look at it" }, shell]
    });
    bakery.write("web.json", &template.to_string());
    let mut terminal = Terminal::open(&bakery, "bake web.json");
    terminal.until("breakpoint: look at it; press Enter to go on");
    assert_eq!(bakery.scratch().len(), 2);
    assert!(!bakery.folder.path().join("went-on").exists());
    terminal.type_in("\n");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(bakery.folder.path().join("went-on").exists());
}

#[test]
fn a_terminal_that_goes_away_takes_everything_back() {
    let bakery = Bakery::open();
    let here = bakery.folder.path().display();
    let busy = format!("echo begun; while test -e {here}; do sleep 0.2; done");
    bakery.template("web.json", &[bakery.builder("web")], &busy);
    let mut terminal = Terminal::open(&bakery, "bake --result=r.json web.json");
    terminal.until(" begun");
    assert_eq!(bakery.scratch().len(), 2);
    drop(terminal);
    let began = Instant::now();
    // It is nobody's child any more: its document tells when it has ended.
    while bakery.document("r.json")["exit"].is_null() {
        assert!(began.elapsed() < LONGEST, "it goes on");
        std::thread::yield_now();
    }
    assert_eq!(bakery.document("r.json")["exit"], 6);
    assert_eq!(bakery.scratch(), [""; 0]);
}
