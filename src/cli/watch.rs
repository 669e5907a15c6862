//! `kiln status --watch`: looks again and again. A terminal shows the newest look in place; elsewhere each change is printed.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::cli::{Context, Exit, failure};
use crate::cloud::TargetGroupArn;
use crate::roll::{self, Serving, Status};
use crate::run::{Clock as _, with_causes};

/// One look at a service.
struct Seen {
    status: Status,
    /// Of the newest minute; empty where nobody counts them, or they may not be asked for.
    requests: BTreeMap<TargetGroupArn, f64>,
}

/// Looks every so often, until it is interrupted or nobody reads any more. A look that fails in passing is told and made again.
pub async fn watch(aws: &Aws, service: &str, every: Duration, context: &Context) -> Exit {
    let mut shown = Shown::new(context);
    loop {
        let now = context.clock.now();
        let told = match look(aws, service, now).await {
            Ok(seen) => shown.show(&seen, now),
            Err(roll::Error::Cloud(error)) if error.is_passing() => {
                context.say(&format!("cannot look: {error}"));
                Ok(())
            }
            Err(error) => return failure::say(&with_causes(&error), Exit::Failed, context),
        };
        // Who reads it has gone.
        if told.is_err() {
            return Exit::Done;
        }
        tokio::time::sleep(every).await;
    }
}

async fn look(aws: &Aws, service: &str, now: Timestamp) -> Result<Seen, roll::Error> {
    let status = roll::status(aws, service, now).await?;
    // Without the right to read metrics the rest is worth seeing too.
    let requests = roll::requests(aws, service, now).await.unwrap_or_default();
    Ok(Seen { status, requests })
}

/// What was shown last, and how.
struct Shown<'c> {
    context: &'c Context,
    /// At a terminal.
    place: Option<ProgressBar>,
    last: Option<Value>,
}

impl<'c> Shown<'c> {
    fn new(context: &'c Context) -> Self {
        let place = (io::stdout().is_terminal() && !context.json).then(|| {
            let target = ProgressDrawTarget::stdout();
            let style = ProgressStyle::with_template("{msg}");
            let bar = ProgressBar::with_draw_target(None, target);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self {
            context,
            place,
            last: None,
        }
    }

    fn show(&mut self, seen: &Seen, now: Timestamp) -> io::Result<()> {
        let time = now.strftime("%H:%M:%SZ");
        if let Some(bar) = &self.place {
            let text = format!("{time} {}{}", seen.status, requests(seen));
            bar.set_message(self.context.mask().hide(&text));
            bar.tick();
            return Ok(());
        }
        let document = json!({ "status": seen.status, "requests": seen.requests });
        if self.last.as_ref() == Some(&document) {
            return Ok(());
        }
        let text = if self.context.json {
            let mut line = document.clone();
            line["at"] = json!(now.to_string());
            self.context.mask().hide_in(&line).to_string()
        } else {
            let text = format!("{time} {}{}", seen.status, requests(seen));
            self.context.mask().hide(&text)
        };
        self.last = Some(document);
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text.trim_end())?;
        out.flush()
    }
}

/// A line for each group whose requests are counted.
fn requests(seen: &Seen) -> String {
    let status = &seen.status;
    let canary = status.canary.iter().map(|(one, _)| one);
    let groups = status.live.iter().chain(canary).chain(&status.previous);
    let of = |one: &Serving| {
        let count = seen.requests.get(one.target_group.as_ref()?)?;
        Some(format!("  requests  {count} a minute to {}\n", one.group))
    };
    groups.filter_map(of).collect()
}
