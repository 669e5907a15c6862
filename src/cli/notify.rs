//! Tells those whom the service file names how a roll ended. Whoever cannot be told changes nothing of that end.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::cli::Context;
use crate::roll::{Notice, Verdict};
use crate::run::{Stop, listen, with_causes};
use crate::template::service::{Recipient, RecipientKind};

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The same where somebody has asked to stop.
const STOPPED: Duration = Duration::from_secs(2);

/// Tells all who want to hear of it, and says who was told. A signal ends it.
pub async fn tell(recipients: &[Recipient], notice: &Notice, context: &Context) -> Vec<Value> {
    let limit = match notice.verdict {
        Verdict::Stopped => STOPPED,
        _ => LIMIT,
    };
    let stop = &Stop::default();
    let numbered = recipients.iter().enumerate();
    let meant = numbered.filter(|(_, one)| one.on.contains(&notice.outcome));
    let all = join_all(meant.map(|(at, one)| async move {
        let sent = tokio::time::timeout(limit, post(one, notice, context));
        let told = tokio::select! {
            biased;
            () = stop.asked.cancelled() => Err("ended by a signal".to_owned()),
            sent = sent => sent.unwrap_or_else(|_| {
                Err(format!("no answer within {} s", limit.as_secs()))
            }),
        };
        outcome(at + 1, one, told, context)
    }));
    let listening = async {
        // Without signal handlers it ends by its limit.
        listen(stop).await.unwrap_or_default();
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        told = all => told,
        never = listening => match never {},
    }
}

/// What the result document says of one; whoever was not told is warned of.
fn outcome(number: usize, of: &Recipient, told: Result<(), String>, context: &Context) -> Value {
    let to = of.kind.key();
    let Err(why) = told else {
        return json!({ "number": number, "to": to, "told": true });
    };
    context.say(&format!(
        "warning: `notify` {number} ({to}) is not told: {why}"
    ));
    json!({ "number": number, "to": to, "told": false, "why": why })
}

/// Sends it. Errors with a reason that says nothing of the address.
async fn post(to: &Recipient, notice: &Notice, context: &Context) -> Result<(), String> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().map_err(|error| with_causes(&error))?;
    let body = match to.kind {
        RecipientKind::Slack => json!({ "text": escaped(&notice.to_string()) }),
        RecipientKind::Webhook => json!(notice),
    };
    let body = context.mask().hide_in(&body).to_string();
    let request = client.post(to.url.text().unwrap_or_default());
    let request = request.header("content-type", "application/json");
    let answer = request.body(body).send().await;
    let answer = answer.map_err(|error| with_causes(&error.without_url()))?;
    let status = answer.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("the answer has status {}", status.as_u16()))
    }
}

/// What Slack reads as its own signs ("Formatting text for app surfaces").
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
