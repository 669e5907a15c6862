//! Texts of a service file that are secrets.

use super::super::late::Late;
use super::super::options::Options;
use crate::source::Diagnostic;

/// A text that a sensitive variable has part in: what stands in the file itself is everybody's who reads it.
pub(super) fn read(options: &Options<'_>, name: &str, variable: &str) -> Option<Late> {
    let late = options.late(name, &[])?;
    if late.is_secret() {
        return Some(late);
    }
    let text = format!("`{name}` is a secret, and stands in the file");
    let finding = Diagnostic::error("template::secret_in_clear", text);
    let finding = match late.place() {
        Some(place) => finding.at_place(place, "this one"),
        None => finding,
    };
    options.report(finding.help(format!(
        "take it from a variable that is listed under `sensitive-variables`: \"{{{{ user `{variable}` }}}}\""
    )));
    None
}
