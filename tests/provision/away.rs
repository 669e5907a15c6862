//! Machines that are away for a while, restart or never answer again: a double that answers as a test has written it down, in
//! virtual time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use kiln::run::Silent;
use kiln::ssh::{Chunk, Command, ConnectError, Error, Exit, Remote, Stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Bench;

#[derive(Clone, Copy)]
enum Answer {
    Says(&'static str),
    Ends(i32),
    /// The connection breaks in the middle.
    Lost,
    /// There is no connection.
    Away,
}

use Answer::{Away, Ends, Lost, Says};

/// Answers one command after the other; those that nothing is written down for end well and say nothing.
struct Machine {
    answers: RefCell<VecDeque<Answer>>,
    commands: RefCell<Vec<String>>,
}

impl Remote for Machine {
    async fn exec(
        &self,
        command: Command,
        chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Exit, Error> {
        self.commands.borrow_mut().push(command.text);
        let answer = self.answers.borrow_mut().pop_front();
        match answer.unwrap_or(Says("")) {
            Says(text) => {
                chunk(Chunk::Data(Stream::Out, text.as_bytes()));
                Ok(Exit::Code(0))
            }
            Ends(code) => Ok(Exit::Code(code)),
            Lost => Err(Error::Lost {
                host: "web".to_owned(),
                source: None,
            }),
            Away => Err(Error::Unreachable(ConnectError::Unreachable {
                address: "web:22".to_owned(),
                source: ErrorKind::ConnectionRefused.into(),
            })),
        }
    }

    async fn close(&self) {}
}

/// What became of provisioners, in which `HERE` stands for the folder of two scripts, the commands that the machine was given, and how long it took.
async fn run(
    provisioners: &Value,
    answers: &[Answer],
) -> (Result<(), String>, Vec<String>, Duration) {
    let bench = Bench::new();
    for name in ["one.sh", "two.sh"] {
        bench.write(name, "#!/bin/sh\n");
    }
    let here = provisioners.to_string().replace("HERE", &bench.path(""));
    let provisioners = bench.read(serde_json::from_str(&here).unwrap());
    let machine = Machine {
        answers: RefCell::new(answers.iter().copied().collect()),
        commands: RefCell::default(),
    };
    let began = Instant::now();
    let result = kiln::provision::apply(&provisioners, &machine, &bench.context, &Silent).await;
    let result = result.map_err(|failure| super::chain(&failure));
    assert!(machine.answers.borrow().is_empty(), "{result:?}");
    (result, machine.commands.into_inner(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_up_again_when_it_shows_another_boot_id() {
    let reboot = json!([{ "type": "reboot", "command": "own-reboot {{build `ID`}}" }]);
    let answers = [Says("one"), Says(""), Says("one"), Lost, Away, Says("two")];
    let (result, commands, _) = run(&reboot, &answers).await;
    result.unwrap();
    assert!(commands[1].ends_with("; own-reboot i-123"), "{commands:?}");
    let (result, ..) = run(&reboot, &[Says("")]).await;
    assert!(result.unwrap_err().contains("no boot id"));
}

#[tokio::test(start_paused = true)]
async fn scripts_behind_one_that_ends_the_connection_run_too() {
    let shell = json!([{ "type": "shell", "scripts": ["HEREone.sh", "HEREtwo.sh"], "expect_disconnect": true }]);
    let (result, commands, _) = run(&shell, &[Says(""), Lost]).await;
    result.unwrap();
    let ran = |number: usize| {
        let name = format!("-{number}-script.sh");
        let runs = |command: &&String| command.starts_with(": ") && command.contains(&name);
        commands.iter().filter(runs).count()
    };
    assert_eq!((ran(0), ran(1)), (1, 1), "{commands:?}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_an_expected_end_waits_until_the_machine_is_back() {
    let provisioners = json!([
        { "type": "shell", "inline": ["true"], "expect_disconnect": true },
        { "type": "file", "content": "x", "destination": "/tmp/x" }
    ]);
    let answers = [Says(""), Lost, Says(""), Away, Away, Says("")];
    let (result, commands, _) = run(&provisioners, &answers).await;
    result.unwrap();
    assert_eq!(commands.len(), 7, "{commands:?}");
}

#[tokio::test(start_paused = true)]
async fn a_script_is_begun_for_as_long_as_start_retry_timeout_says() {
    let shell = json!([{ "type": "shell", "inline": ["true"], "start_retry_timeout": "9s" }]);
    run(&shell, &[Away, Away, Says(""), Away, Says("")])
        .await
        .0
        .unwrap();
    let (result, _, took) = run(&shell, &[Away; 5]).await;
    assert!(result.unwrap_err().contains("cannot be reached again"));
    assert!(took < Duration::from_secs(9), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn each_pause_between_attempts_is_twice_as_long() {
    let shell = json!([{ "type": "shell", "inline": ["false"], "max_retries": 3 }]);
    let failing = [Says(""), Ends(1)].repeat(4);
    let (result, _, took) = run(&shell, &failing).await;
    assert!(result.unwrap_err().ends_with("exit code 1"));
    assert_eq!(took.as_secs(), 2 + 4 + 8);
}
