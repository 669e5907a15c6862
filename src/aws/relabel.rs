//! What names the previous group or its target group names the next one's: dimensions, expressions and labels of metrics.
//! The load balancer is the same.

use crate::cloud::{Copying, TargetGroupArn};

/// The value that a dimension of this name has in the copy; `None` where it stays.
pub(super) fn dimension(
    name: Option<&str>,
    value: Option<&str>,
    copying: &Copying,
) -> Option<String> {
    let (from, to) = match name? {
        "AutoScalingGroupName" => (copying.from.as_str(), copying.to.as_str()),
        "TargetGroup" => target_groups(copying)?,
        _ => return None,
    };
    (value == Some(from)).then(|| to.to_owned())
}

/// The same in a query (`SELECT … WHERE AutoScalingGroupName = 'web-v001'`, `SEARCH`) or a label
/// (`app/web/1/targetgroup/web-a/2`): whole words only.
pub(super) fn text(text: &str, copying: &Copying) -> String {
    let text = swapped(text, copying.from.as_str(), copying.to.as_str());
    match target_groups(copying) {
        Some((from, to)) => swapped(&text, from, to),
        None => text,
    }
}

/// Both target groups as dimensions have them.
fn target_groups(copying: &Copying) -> Option<(&str, &str)> {
    let (from, to) = copying.target_groups.as_ref()?;
    Some((tail(from), tail(to)))
}

/// `targetgroup/web-a/73e2d6bc24d8a067` of an ARN.
pub(super) fn tail(arn: &TargetGroupArn) -> &str {
    arn.as_str().rsplit(':').next().unwrap_or_default()
}

fn swapped(text: &str, from: &str, to: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, behind) = (&rest[..at], &rest[at + from.len()..]);
        let last = before.chars().next_back().or(out.chars().next_back());
        let whole = !last.is_some_and(is_word) && !behind.starts_with(is_word);
        out.push_str(before);
        out.push_str(if whole { to } else { from });
        rest = behind;
    }
    out.push_str(rest);
    out
}
