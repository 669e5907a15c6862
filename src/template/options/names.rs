//! Which names an object has: those that no table knows, those without effect, and those that must be there and are not.

use super::super::near;
use super::{Key, Options, Status};
use crate::source::Diagnostic;
use crate::source::json::{Member, Text};

/// So many names are listed where no near one can be suggested.
const FEW: usize = 12;

impl Options<'_> {
    /// Reports a key that is not read, and gives the name that an unknown one was meant to be.
    pub(super) fn check_key(
        &self,
        Member { key, value }: &Member,
        table: &[&[Key]],
    ) -> Option<&'static str> {
        let known = || table.iter().copied().flatten();
        let status = known()
            .find(|known| known.is(&key.value))
            .map(|known| known.status);
        let component = known().any(|known| known.name == "type");
        let finding = match status {
            Some(Status::Read) => return None,
            // Packer puts keys of these names into what it hands to its plugins, over those that are there.
            None if component && key.value.starts_with("packer_") => Diagnostic::note(
                "template::idle_option",
                format!(
                    "`{}` has no effect: Packer sets names like this itself",
                    key.value
                ),
            )
            .at(key.span, "no effect"),
            Some(Status::Deprecated(why)) => Diagnostic::note(
                "template::deprecated",
                format!("`{}` is deprecated: {why}", key.value),
            )
            .at(key.span, "has no effect"),
            Some(Status::Idle(why)) => Diagnostic::note(
                "template::idle_option",
                format!("`{}` has no effect: {why}", key.value),
            )
            .at(key.span, "no effect"),
            Some(Status::Refused(_)) if self.is_idle(value) => return None,
            // The communicator is reported.
            Some(Status::Refused(_)) if key.value.starts_with("winrm_") && self.says_winrm() => {
                return None;
            }
            Some(Status::Refused(why)) => Diagnostic::error(
                "template::refused",
                format!("`{}` is refused: {why}", key.value),
            )
            .at(key.span, "cannot be carried out")
            .help("leave it out, or bake this one with Packer"),
            None => {
                let names = known()
                    .filter(|known| known.status == Status::Read)
                    .map(|known| known.name);
                let meant = near::nearest(&key.value, names.clone());
                self.report(self.unknown(key, meant, names));
                return meant;
            }
        };
        self.report(finding);
        None
    }

    fn says_winrm(&self) -> bool {
        let settle = |json| self.interpolator.settle_all(json);
        let communicator = self.get("communicator");
        let communicator = communicator.and_then(|json| self.interpolator.quietly(|| settle(json)));
        communicator.is_some_and(|value| value == "winrm")
    }

    fn unknown(
        &self,
        key: &Text,
        meant: Option<&str>,
        names: impl Iterator<Item = &'static str> + Clone,
    ) -> Diagnostic {
        let help = match meant {
            Some(name) => format!("did you mean `{name}`?"),
            None if names.clone().count() <= FEW => format!("it has {}", near::list(names)),
            None => "no option of it has a name like this".to_owned(),
        };
        Diagnostic::error(
            "template::unknown_key",
            format!("{} has no option `{}`", self.what, key.value),
        )
        .at(key.span, "unknown")
        .help(help)
    }

    /// Names that differ in case are one option, of which Packer takes any; the same name twice was found by the reader.
    pub(super) fn check_again(&self, Member { key, .. }: &Member, before: &[Member]) {
        let same = |first: &&Member| {
            first.key.value.eq_ignore_ascii_case(&key.value) && first.key.value != key.value
        };
        if let Some(first) = before.iter().find(same) {
            let text = format!("`{}` and `{}` are one option", first.key.value, key.value);
            let finding = Diagnostic::error("json::duplicate_key", text);
            self.report(
                finding
                    .at(key.span, "again here")
                    .at(first.key.span, "first here")
                    .help("names are compared without case; keep one of them"),
            );
        }
    }

    /// Whether an unknown key was meant to be one of these options: it is reported, and nothing that follows from it need be.
    pub(in crate::template) fn meant(&self, names: &[&str]) -> bool {
        self.meant.iter().any(|name| names.contains(name))
    }

    /// Reports that one of some options must be there and is not, unless one of them is misspelt, or empty since a variable in
    /// it is not defined.
    pub(in crate::template) fn missing_all(&self, names: &[&str], help: &str) {
        let told = || names.iter().any(|name| self.blames_undefined(name));
        if !self.meant(names) && !told() {
            self.missing(names[0], help);
        }
    }

    /// Reports that an option must be there and is not, unless it is misspelt.
    pub(in crate::template) fn missing(&self, name: &str, help: &str) {
        if self.meant(&[name]) || self.blames_undefined(name) {
            return;
        }
        self.report(
            Diagnostic::error(
                "template::missing_option",
                format!("{} needs `{name}`", self.what),
            )
            .at(self.json.span.first_byte(), "missing in this object")
            .help(help),
        );
    }
}
