//! A session of AWS Systems Manager as the way to the machine (anchors/packer.md 2.6).

use super::super::bake::SessionManager;
use super::super::options::Options;
use crate::source::Diagnostic;
use std::time::Duration;

/// What leads to the machine by itself.
const OTHER_WAYS: [&str; 3] = ["ssh_host", "ssh_bastion_host", "ssh_proxy_host"];
/// Options that say nothing without it.
const OWN: [&str; 2] = ["session_manager_port", "pause_before_ssm"];

/// Reads it where `ssh_interface` asks for it.
pub(super) fn read(options: &Options<'_>) -> Option<SessionManager> {
    let word = options
        .interpolator
        .quietly(|| options.text("ssh_interface"));
    let local_port = options.number("session_manager_port");
    let pause = options.duration("pause_before_ssm");
    let Some(word) = word.filter(|word| word.value == "session_manager") else {
        for name in OWN {
            unused(options, name);
        }
        return None;
    };
    for other in OTHER_WAYS {
        if !options.is_blank(other) {
            options.exclusive("ssh_interface", other);
        }
    }
    let profile = [
        "iam_instance_profile",
        "temporary_iam_instance_profile_policy_document",
    ];
    let written = |name: &&str| options.has(name) && !options.is_blank(name);
    if !profile.iter().any(written) && !options.meant(&profile) {
        let message = "Session Manager reaches only machines with an instance profile";
        options.report(
            Diagnostic::error("template::missing_option", message)
                .at_value(&word, "asked for here")
                .help(
                    "add `iam_instance_profile`, one whose role has AmazonSSMManagedInstanceCore, or \
                     `temporary_iam_instance_profile_policy_document`",
                ),
        );
    }
    Some(SessionManager {
        local_port: local_port.map(|port| port.value).filter(|port| *port != 0),
        pause: pause.map_or(Duration::ZERO, |pause| pause.value),
    })
}

fn unused(options: &Options<'_>, name: &str) {
    if let Some(json) = options.get(name).filter(|_| !options.is_blank(name)) {
        let message = format!("`{name}` has no effect: `ssh_interface` is not `session_manager`");
        options
            .report(Diagnostic::note("template::idle_option", message).at(json.span, "no effect"));
    }
}
