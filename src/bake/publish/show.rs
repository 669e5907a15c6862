//! Publishing as a user reads it in a plan.

use crate::bake::publish::plan::{PlannedCopy, Publishing};

impl Publishing {
    /// Lines of the plan below the image: a label and a text each.
    pub(in crate::bake) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines: Vec<_> = self.copies.iter().map(copy).collect();
        if self.intermediary {
            let text = "only until its copies are there".to_owned();
            lines.insert(0, ("", text));
        }
        let settings = &self.settings;
        let rights = &settings.rights;
        let lists = [
            &rights.accounts,
            &rights.groups,
            &rights.organizations,
            &rights.units,
        ];
        let shared: Vec<_> = lists.into_iter().flatten().map(String::as_str).collect();
        if !shared.is_empty() {
            lines.push(("  share", format!("with {}", shared.join(", "))));
        }
        let snapshots = &settings.snapshot_rights;
        let shared = [&snapshots.accounts, &snapshots.groups];
        let shared: Vec<_> = shared.into_iter().flatten().map(String::as_str).collect();
        if !shared.is_empty() {
            let text = format!("its snapshots with {}", shared.join(", "));
            lines.push(("  share", text));
        }
        if let Some(at) = settings.deprecate_at {
            lines.push(("  deprecate", format!("at {at}")));
        }
        if let Some(with_cooldown) = self.protection {
            let cooldown = if with_cooldown {
                ", with a day's cooldown"
            } else {
                ""
            };
            lines.push(("  protect", format!("from being deregistered{cooldown}")));
        }
        for (region, takes) in &self.takes {
            let mut text = format!("{} in {region}, once the new image is whole", takes.old);
            if takes.even_if_used {
                text.push_str(", whatever uses it");
            }
            lines.push(("- old image", text));
            let snapshots: Vec<_> = takes
                .old_snapshots
                .iter()
                .map(ToString::to_string)
                .collect();
            if !snapshots.is_empty() {
                lines.push(("", format!("and its snapshots {}", snapshots.join(", "))));
            }
        }
        lines
    }
}

fn copy(copy: &PlannedCopy) -> (&'static str, String) {
    let key = match (&copy.key, copy.encrypted) {
        (Some(key), _) => format!(", encrypted with {key}"),
        (None, true) => ", encrypted with the region's own key".to_owned(),
        (None, false) => String::new(),
    };
    ("+ copy", format!("in {}{key}", copy.region))
}
