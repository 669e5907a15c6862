//! `aws_polling` and its variables of old: how long a wait may take.
//!
//! kiln has one `timeout` a wait. Packer has a delay and a count, whose product is the limit, and the delay that it takes when
//! none is given went from 15 s to 2 s (anchors/packer.md 2.11): here the older one holds, which is what the counts in
//! people's templates were written for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::bake::Polling;
use super::super::local::Local;
use super::super::options::Options;
use super::keys;
use crate::source::Diagnostic;

/// The pause that a count stands for when none is given: the SDK's own of old.
const OLD_DELAY: Duration = Duration::from_secs(15);
/// Less than this fails for images of no more than a few GiB.
const SHORT: Duration = Duration::from_mins(5);
/// The environment can only give more time than this, which is what waits for instances have anyway: `AWS_MAX_ATTEMPTS`
/// is the SDKs' name for something else, too.
const AT_LEAST: Duration = Duration::from_mins(10);

/// Variables that Packer reads.
const DELAY: &str = "AWS_POLL_DELAY_SECONDS";
const ATTEMPTS: &str = "AWS_MAX_ATTEMPTS";
const TIMEOUT: &str = "AWS_TIMEOUT_SECONDS";

/// Reads the option, and the environment for what it does not say.
pub(super) fn read(options: &Options<'_>, local: &Local<'_>) -> Polling {
    let object = options.object("aws_polling", "`aws_polling`", keys::POLLING);
    let Some(polling) = &object else {
        return of_environment(options, local.environment);
    };
    for name in [DELAY, ATTEMPTS, TIMEOUT] {
        if local.environment.contains_key(name) {
            let text = format!("`{name}` has no effect: the template has `aws_polling`");
            options.report(Diagnostic::note("template::polling", text));
        }
    }
    let seconds = polling.number::<u32>("delay_seconds");
    let delay = seconds.map(|n| Duration::from_secs(n.value.into()));
    let attempts = polling.number::<u32>("max_attempts");
    let timeout = polling.duration("timeout");
    let limit = match (&timeout, &attempts) {
        (Some(timeout), None) => Some(timeout.value),
        (Some(timeout), Some(attempts)) => {
            let text = "`timeout` and `max_attempts` both say how long a wait may take";
            let finding = Diagnostic::warning("template::polling", text);
            let finding = finding.at_value(attempts, "has no effect");
            polling.report(finding.at_value(timeout, "this holds"));
            Some(timeout.value)
        }
        (None, Some(attempts)) => {
            let limit = delay.unwrap_or(OLD_DELAY) * attempts.value;
            if delay.is_none() {
                let text = format!(
                    "`max_attempts` without `delay_seconds`: kiln waits for up to {} s, at 15 s an attempt; \
                     Packer since 1.8 counts 2 s, before that 15 s",
                    limit.as_secs()
                );
                let finding = Diagnostic::warning("template::polling", text);
                let help = format!("say what is meant: \"timeout\": \"{}s\"", limit.as_secs());
                polling.report(finding.at_value(attempts, "counted here").help(help));
            }
            Some(limit)
        }
        (None, None) => None,
    };
    if let Some(limit) = limit.filter(|limit| *limit < SHORT) {
        let text = format!(
            "each wait ends after {} s, and the image of a few GiB takes minutes",
            limit.as_secs()
        );
        let finding = Diagnostic::warning("template::polling", text);
        let finding = match (&timeout, &attempts) {
            (Some(timeout), _) => finding.at_value(timeout, "too short"),
            (None, Some(attempts)) => finding.at_value(attempts, "too few"),
            (None, None) => finding,
        };
        polling.report(finding.help("leave it out: kiln waits for as long as a snapshot moves on"));
    }
    Polling { delay, limit }
}

/// What the environment asks for; it can only give waits more time.
fn of_environment(options: &Options<'_>, environment: &BTreeMap<String, String>) -> Polling {
    let note = |text: String| options.report(Diagnostic::note("template::polling", text));
    let number = |name: &str| {
        let text = environment.get(name).filter(|text| !text.is_empty())?;
        let number = text.parse::<u32>().ok().filter(|number| *number > 0);
        if number.is_none() {
            note(format!(
                "`{name}` has no effect: {text:?} is no number above 0"
            ));
        }
        number.map(|number| (name.to_owned(), number))
    };
    let (delay, attempts, timeout) = (number(DELAY), number(ATTEMPTS), number(TIMEOUT));
    let delay = delay.map(|(_, seconds)| Duration::from_secs(seconds.into()));
    let asked = match (attempts, timeout) {
        (Some((name, count)), other) => {
            if other.is_some() {
                note(format!(
                    "`{TIMEOUT}` has no effect beside `{ATTEMPTS}`, as in Packer"
                ));
            }
            Some((name, delay.unwrap_or(OLD_DELAY) * count))
        }
        (None, Some((name, seconds))) => Some((name, Duration::from_secs(seconds.into()))),
        (None, None) => None,
    };
    let limit = asked.and_then(|(name, limit)| {
        if limit <= AT_LEAST {
            let text = format!(
                "`{name}` has no effect: it comes to {} s a wait, and kiln waits longer anyway",
                limit.as_secs()
            );
            note(text);
            return None;
        }
        Some(limit)
    });
    Polling { delay, limit }
}
