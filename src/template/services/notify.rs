//! `notify`: who is told how a roll ended, and of which ends.

use super::super::late::Late;
use super::super::near;
use super::super::options::{Key, Options, on};
use super::super::service::{Outcome, Recipient, RecipientKind};
use super::secret;
use crate::source::Diagnostic;
use std::collections::BTreeSet;

const RECIPIENT: &[Key] = &[on("slack"), on("webhook"), on("on")];
const SLACK: &[Key] = &[on("webhook")];
const WEBHOOK: &[Key] = &[on("url")];

pub(super) fn read(root: &Options<'_>) -> Vec<Recipient> {
    let all = root.objects("notify", "an entry of `notify`", RECIPIENT);
    all.iter().filter_map(recipient).collect()
}

fn recipient(entry: &Options<'_>) -> Option<Recipient> {
    entry.exclusive("webhook", "slack");
    let on = ends(entry);
    let (kind, url) = if entry.has("slack") {
        let slack = entry.object("slack", "`slack`", SLACK)?;
        (RecipientKind::Slack, address(&slack, "webhook")?)
    } else if entry.has("webhook") {
        let webhook = entry.object("webhook", "`webhook`", WEBHOOK)?;
        (RecipientKind::Webhook, address(&webhook, "url")?)
    } else {
        let help = "\"slack\": { \"webhook\": \"{{ user `slack_webhook` }}\" }, or \"webhook\": { \"url\": … }";
        entry.missing_all(&["slack", "webhook"], help);
        return None;
    };
    Some(Recipient { kind, url, on })
}

/// Findings say nothing of the address itself.
fn address(options: &Options<'_>, name: &str) -> Option<Late> {
    if !options.has(name) {
        options.missing(
            name,
            "it is a secret: take it from a variable that is listed under `sensitive-variables`",
        );
        return None;
    }
    let late = secret::read(options, name, "slack_webhook")?;
    let text = late.text().unwrap_or_default();
    let rest = text.strip_prefix("https://");
    let rest = rest.or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    if host.is_some_and(|host| !host.is_empty()) && !text.contains(char::is_whitespace) {
        return Some(late);
    }
    let finding = Diagnostic::error(
        "template::wrong_value",
        format!("`{name}` is no address of a server"),
    );
    let finding = match late.place() {
        Some(place) => finding.at_place(place, "this one"),
        None => finding,
    };
    options.report(finding.help("it begins with `https://` or `http://`, and names a host"));
    None
}

/// The ends that it hears of; all of them where it does not say.
fn ends(entry: &Options<'_>) -> BTreeSet<Outcome> {
    let all = Outcome::ALL.iter().map(|(_, outcome)| *outcome);
    let Some(words) = entry.some_list("on") else {
        return all.collect();
    };
    let refused = |text: String| Diagnostic::error("template::wrong_value", text);
    let known = || Outcome::ALL.iter().map(|(word, _)| *word);
    let others = format!("they are {}", near::list(known()));
    if let (true, Some(json)) = (words.is_empty(), entry.get("on")) {
        let finding = refused("`on` names no end to be told of".to_owned());
        entry.report(finding.at(json.span, "empty").help(others.as_str()));
    }
    let mut ends = BTreeSet::new();
    for word in words {
        if let Some((_, outcome)) = Outcome::ALL.iter().find(|(known, _)| *known == *word) {
            ends.insert(*outcome);
        } else {
            let help = near::or_else(&word, known(), &others);
            let finding = refused(format!("no roll ends as `{word}`"));
            entry.report(finding.at_value(&word, "this one").help(help));
        }
    }
    ends
}
