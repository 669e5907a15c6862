//! `kiln approve`: yes or no to what a roll asks, and the same question at kiln's own terminal.

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::json;

use crate::cli::service::Name;
use crate::cli::{Context, Exit, failure};
use crate::roll::{self, Answer, Ask, HttpProbe, NoAnswer, Probe, Ran};
use crate::run::{Clock as _, Events, with_causes};
use crate::ssh::Target;

/// Answer what a roll asks (a `manual` check)
///
/// From any host: the question stands in a tag of the group, and the roll that waits reads the answer there within seconds.
/// A roll that is held for want of an answer goes on when it is started again.
#[derive(Args, Debug)]
pub struct Approve {
    #[command(flatten)]
    name: Name,
    /// Say no: the check fails
    #[arg(long)]
    reject: bool,
    /// Why; it stands with the answer
    #[arg(long, default_value = "")]
    reason: String,
}

impl Approve {
    /// Answers.
    pub fn run(&self, context: &Context) -> Exit {
        let user = context.environment.vars.get("USER");
        let by = user.map_or_else(String::new, |user| format!(" by {user}"));
        // Tags have no room for parts of a second that nobody reads.
        let since = context.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let note = format!("{since}{by} {}", self.reason);
        context.block_on(async {
            let aws = match self.name.connect(context).await {
                Ok(aws) => aws,
                Err(exit) => return exit,
            };
            match roll::approve(&aws, &self.name.service, !self.reject, note.trim()).await {
                Err(error) => failure::say(&with_causes(&error), Exit::Failed, context),
                Ok(answered) => {
                    let word = if answered.approved { "yes" } else { "no" };
                    let text = format!("{} {word}", answered.question);
                    context.document(&text, &json!(answered));
                    Exit::Done
                }
            }
        })
    }
}

/// What checks ask, with the person at this terminal where there is one.
pub struct Desk<'a>(pub &'a Context);

impl Probe for Desk<'_> {
    async fn ask(&self, ask: &Ask) -> Result<Answer, NoAnswer> {
        HttpProbe.ask(ask).await
    }

    async fn consult(&self, question: &str) -> Option<bool> {
        let on_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !on_terminal {
            return std::future::pending().await;
        }
        loop {
            let answer = self.0.ask(&format!("{question} [yes/no] ")).await;
            match answer.as_deref() {
                Some("y" | "yes") => return Some(true),
                Some("n" | "no") => return Some(false),
                Some(_) => {}
                None => return std::future::pending().await,
            }
        }
    }

    async fn run(
        &self,
        words: &[String],
        environment: &[(String, String)],
        events: &dyn Events,
    ) -> Result<Ran, NoAnswer> {
        HttpProbe.run(words, environment, events).await
    }

    async fn on_machine(
        &self,
        target: Target,
        command: &str,
        events: &dyn Events,
    ) -> Result<Ran, NoAnswer> {
        HttpProbe.on_machine(target, command, events).await
    }
}
