//! What `packer build -machine-readable` says when all builds have ended (core, `command/build.go`; anchors/packer.md 5.3).

use jiff::Timestamp;

use crate::cli::bake::record::Record;
use crate::cli::machine::Lines;

/// The builder as scripts know it.
const BUILDER_ID: &str = "mitchellh.amazonebs";

/// The lines: errors, then artifacts.
pub fn text(records: &[Record], now: Timestamp) -> String {
    let mut lines = Lines::new(now);
    let failed: Vec<_> = records
        .iter()
        .filter_map(|record| Some((record.build.as_str(), record.reason.as_deref()?)))
        .collect();
    if !failed.is_empty() {
        lines.add("", "error-count", &[&failed.len().to_string()]);
        lines.say("\n==> Some builds didn't complete successfully and had errors:");
        for (build, reason) in failed {
            lines.add(build, "error", &[reason]);
            lines.add("", "ui", &["error", &format!("--> {build}: {reason}")]);
        }
    }
    let made = |record: &&Record| {
        let artifact = record.artifact.as_ref();
        record.reason.is_none() && artifact.is_some_and(|artifact| artifact.image().is_some())
    };
    lines.say(if records.iter().any(|record| made(&record)) {
        "\n==> Builds finished. The artifacts of successful builds are:"
    } else {
        "\n==> Builds finished but no artifacts were created."
    });
    for record in records.iter().filter(made) {
        artifact(record, &mut lines);
    }
    lines.text().trim_end_matches('\n').to_owned()
}

fn artifact(record: &Record, lines: &mut Lines) {
    let Some(made) = &record.artifact else { return };
    let id = made.id();
    let list: Vec<_> = id
        .split(',')
        .map(|one| one.replacen(':', ": ", 1))
        .collect();
    let string = format!("AMIs were created:\n{}\n", list.join("\n"));
    let build = record.build.as_str();
    lines.add(build, "artifact-count", &["1"]);
    lines.add(build, "artifact", &["0", "builder-id", BUILDER_ID]);
    lines.add(build, "artifact", &["0", "id", &id]);
    lines.add(build, "artifact", &["0", "string", &string]);
    lines.add(build, "artifact", &["0", "files-count", "0"]);
    lines.add(build, "artifact", &["0", "end"]);
    lines.say(&format!("--> {build}: {string}"));
}
