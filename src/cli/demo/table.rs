//! The table at the end of the demo.

use std::fmt::Write;
use std::time::Duration;

use crate::cli::demo::traffic::Phase;
use crate::report::seconds;

/// A step of the demo and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub took: Duration,
}

/// All that the demo found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub steps: Vec<Step>,
    pub phases: Vec<Phase>,
    /// What `kiln local down` should have removed and did not.
    pub leftovers: Vec<String>,
    /// Why the demo ended early.
    pub failure: Option<String>,
}

impl Findings {
    /// Requests sent in all phases.
    pub fn sent(&self) -> u64 {
        self.phases.iter().map(|phase| phase.sent).sum()
    }

    /// Requests that failed in all phases.
    pub fn failed(&self) -> u64 {
        self.phases.iter().map(|phase| phase.failed).sum()
    }

    /// Whether every step ran, no request failed and nothing was left.
    pub fn is_good(&self) -> bool {
        self.failure.is_none() && self.failed() == 0 && self.leftovers.is_empty()
    }

    /// The table as text.
    pub fn table(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let wide = self
            .steps
            .iter()
            .map(|step| step.name.chars().count())
            .max()
            .unwrap_or(0)
            .max(20);
        writeln!(out, "{:wide$}  {:>12}", "step", "time")?;
        for step in &self.steps {
            writeln!(out, "{:wide$}  {:>12}", step.name, seconds(step.took))?;
        }
        writeln!(
            out,
            "{:wide$}  {:>12}",
            "in all",
            seconds(self.steps.iter().map(|step| step.took).sum())
        )?;
        writeln!(
            out,
            "\n{:wide$}  {:>12}  {:>7}  versions seen",
            "requests while", "sent", "failed"
        )?;
        for phase in &self.phases {
            let versions: Vec<_> = phase
                .versions
                .iter()
                .map(|(version, count)| format!("{version} × {count}"))
                .collect();
            writeln!(
                out,
                "{:wide$}  {:>12}  {:>7}  {}",
                phase.name,
                phase.sent,
                phase.failed,
                versions.join(", ")
            )?;
            if let Some(failure) = &phase.failure {
                writeln!(out, "{:wide$}  first failure: {failure}", "")?;
            }
        }
        writeln!(
            out,
            "{:wide$}  {:>12}  {:>7}",
            "in all",
            self.sent(),
            self.failed()
        )?;
        let left = if self.leftovers.is_empty() {
            "nothing".to_owned()
        } else {
            self.leftovers.join(", ")
        };
        writeln!(out, "\nleft behind: {left}")?;
        match &self.failure {
            Some(failure) => writeln!(out, "ended early: {failure}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_table_adds_up() {
        let phase = |name: &str, sent, failed| Phase {
            name: name.into(),
            sent,
            failed,
            versions: BTreeMap::from([("1.0.0".to_owned(), sent - failed)]),
            failure: (failed > 0).then(|| "refused".to_owned()),
        };
        let findings = Findings {
            steps: vec![Step {
                name: "bake 1.0.0".into(),
                took: Duration::from_secs(31),
            }],
            phases: vec![phase("serving", 100, 0), phase("swap", 50, 2)],
            leftovers: vec![],
            failure: None,
        };
        insta::assert_snapshot!(findings.table(), @r"
        step                          time
        bake 1.0.0                    31 s
        in all                        31 s

        requests while                sent   failed  versions seen
        serving                        100        0  1.0.0 × 100
        swap                            50        2  1.0.0 × 48
                              first failure: refused
        in all                         150        2

        left behind: nothing
        ");
    }
}
