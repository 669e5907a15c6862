//! Questions of a server, answered by the user at the terminal.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};

use ssh2::{KeyboardInteractivePrompt, Prompt};

/// The process's own terminal, whatever its inputs and outputs are connected to.
const TERMINAL: &str = "/dev/tty";

/// What was answered, by question: whoever tries to connect again is not to be asked again.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<HashMap<String, String>>>);

impl Answers {
    fn known(&self, question: &str) -> Option<String> {
        self.0.lock().ok()?.get(question).cloned()
    }

    fn keep(&self, question: &str, answer: &str) {
        if let Ok(mut known) = self.0.lock() {
            known.insert(question.to_owned(), answer.to_owned());
        }
    }

    /// After a refusal they are worth nothing.
    pub(super) fn forget(&self) {
        if let Ok(mut known) = self.0.lock() {
            known.clear();
        }
    }
}

/// The user, as far as a server can ask one.
pub(super) struct User<'a> {
    terminal: File,
    answers: &'a Answers,
}

impl<'a> User<'a> {
    /// Errors where there is no terminal.
    pub fn new(answers: &'a Answers) -> io::Result<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
        Ok(Self { terminal, answers })
    }

    fn ask(&mut self, question: &str, echo: bool) -> io::Result<String> {
        self.terminal.write_all(question.as_bytes())?;
        let _hidden = (!echo).then(|| Hidden::new(&self.terminal)).transpose()?;
        let mut line = String::new();
        BufReader::new(&self.terminal).read_line(&mut line)?;
        if !echo {
            self.terminal.write_all(b"\n")?;
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl KeyboardInteractivePrompt for User<'_> {
    fn prompt(&mut self, _: &str, instructions: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        if !instructions.is_empty() {
            // That it cannot be shown is noticed with the questions.
            drop(writeln!(self.terminal, "{instructions}"));
        }
        let mut answers = Vec::new();
        for prompt in prompts {
            if let Some(answer) = self.answers.known(&prompt.text) {
                answers.push(answer);
                continue;
            }
            // No answer is a wrong one, which the server will say.
            let answer = self.ask(&prompt.text, prompt.echo).unwrap_or_default();
            self.answers.keep(&prompt.text, &answer);
            answers.push(answer);
        }
        answers
    }
}

/// Keeps what is typed from being shown, as long as it lives.
struct Hidden(File);

impl Hidden {
    fn new(terminal: &File) -> io::Result<Self> {
        let hidden = Self(terminal.try_clone()?);
        hidden.set("-echo")?;
        Ok(hidden)
    }

    fn set(&self, what: &str) -> io::Result<()> {
        let stty = Command::new("stty")
            .arg(what)
            .stdin(self.0.try_clone()?)
            .status()?;
        if stty.success() {
            return Ok(());
        }
        Err(io::Error::other("`stty` cannot hide what is typed"))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        drop(self.set("echo"));
    }
}
