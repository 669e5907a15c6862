//! Secrets that would stand where others read them: in what AWS keeps of a bake or roll, in a file, on a command line. A
//! text that a sensitive variable has part in is refused there, at the text and with the reason.

use super::late::Late;
use super::options::Options;
use super::vars::secret_of;
use crate::source::json::Text;
use crate::source::{Diagnostic, Span};

const CODE: &str = "template::secret_in_clear";

/// What becomes of an option that holds a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes nowhere else, or to who must have it.
    Kept,
    /// It names what AWS has already, so that AWS knows it; worth a note.
    Named,
    /// It is taken all the same: who else will read it.
    Exposed(&'static str),
    /// Who would read it.
    Refused(&'static str),
}

/// `kiln`'s own keys.
pub(super) fn of_family(option: &str) -> Fate {
    match option {
        "family" | "version" => Fate::Refused("it becomes a tag of the image"),
        "verify" => Fate::Refused("command lines of the machine are everybody's to read"),
        _ => Fate::Kept,
    }
}

/// A post-processor's: a manifest is a file for others, and so is the name of any file.
pub(super) fn of_post_processor(option: &str) -> Fate {
    match option {
        "custom_data" => Fate::Refused("a manifest is a file for others to read"),
        "output" => Fate::Refused("names of files are everybody's to read"),
        other => of_provisioner("shell-local", other),
    }
}

/// A provisioner's: what ends on a command line. `execute_command` does not, where text for a shell can go into a file.
pub(super) fn of_provisioner(kind: &str, option: &str) -> Fate {
    match (kind, option) {
        ("reboot", "command")
        | ("shell" | "shell-local", "inline_shebang" | "env_var_format")
        | ("ansible" | "ansible-local", "command" | "galaxy_command" | "ansible_ssh_extra_args") => {
            Fate::Refused("command lines are everybody's to read")
        }
        ("shell", "remote_folder" | "remote_file" | "remote_path")
        | ("shell-local", "tempfile_extension")
        | ("file", "destination")
        | ("ansible-local", "staging_directory") => {
            Fate::Exposed("names of files are everybody's to read, and stand on command lines")
        }
        _ => Fate::Kept,
    }
}

/// Refuses a word of a command that shows a secret.
pub(super) fn refuse_word(options: &Options<'_>, name: &str, word: &Late) {
    let message = format!(
        "`{name}` would hold a secret in clear: command lines of this host are everybody's to read"
    );
    let label = if word.is_secret() {
        "holds a secret"
    } else {
        "`Command` is the script, which holds a secret"
    };
    let finding = Diagnostic::error(CODE, message).help(
        "hand it over by `environment_vars`, or end in one text for a shell, which goes into a file: \
         [\"/bin/sh\", \"-c\", \"…\"]",
    );
    options.report(match word.place() {
        Some(place) => finding.at_place(place, label),
        None => finding,
    });
}

/// Refuses an argument of Ansible's that shows a secret.
pub(super) fn refuse_argument(options: &Options<'_>, argument: &Late, instead: &str) {
    let message =
        "`extra_arguments` would hold a secret in clear: command lines are everybody's to read";
    let finding = Diagnostic::error(CODE, message).help(format!(
        "values of `--extra-vars`, `name=value` in quotes and in an argument that has nothing else, go into a file that only \
         its owner may read{instead}"
    ));
    options.report(match argument.place() {
        // Where the variable is set nothing is wrong.
        Some(place) => finding.at(place.used.unwrap_or(place.set), "holds a secret"),
        None => finding,
    });
}

/// What a service's group and machines are given.
pub(super) fn of_service(option: &str) -> Fate {
    match option {
        "tags" => Fate::Refused("AWS keeps it where others read it"),
        _ => Fate::Kept,
    }
}

/// Who else reads user data.
pub(super) const USER_DATA: Fate = Fate::Exposed(
    "every process on the machine, and who may describe it in the account, reads it there",
);

/// A file that is rendered to user data.
pub(super) fn check_user_data(options: &Options<'_>, text: &Text) {
    if let Some(secret) = options.interpolator.secret_of(text) {
        let found = (text.span.first_byte(), secret);
        options
            .interpolator
            .report(finding("user_data", USER_DATA, found));
    }
}

/// Reports secrets in an object's options by what becomes of each.
pub(super) fn check(options: &Options<'_>, fate: impl Fn(&str) -> Fate) {
    for member in options.members() {
        let fate = fate(&member.key.value.to_ascii_lowercase());
        if fate != Fate::Kept
            && let Some(found) = secret_of(&member.value, options.interpolator)
        {
            options.report(finding(&member.key.value, fate, found));
        }
    }
}

fn finding(name: &str, fate: Fate, (span, secret): (Span, String)) -> Diagnostic {
    let help = "take it out, or hand it to a provisioner's environment; what is no secret belongs neither in a \
                credential nor in `sensitive-variables` nor in a store of secrets";
    let finding = match fate {
        Fate::Kept | Fate::Named => {
            Diagnostic::note(CODE, format!("`{name}` holds a secret, and says it to AWS"))
        }
        Fate::Exposed(who) => Diagnostic::warning(CODE, format!("`{name}` holds a secret: {who}")),
        Fate::Refused(who) => Diagnostic::error(
            CODE,
            format!("`{name}` would hold a secret in clear: {who}"),
        ),
    };
    let label = format!("`{secret}` is secret");
    finding.at(span, label).help(help)
}
