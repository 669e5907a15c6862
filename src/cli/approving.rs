//! A plan that somebody approves before it is carried out: on a terminal, or as a file between two commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::{Context, Exit, failure};
use crate::roll::{Approval, Decision, Ended, Plan};
use crate::run::Clock as _;
use crate::store::Replacement;
use crate::template::service::Service;

/// Why there is no plan to approve.
const TAKE_BACK: &str = "a dead roll is to be taken back first, and what comes after it is not known before: take it back with \
                         `kiln doctor`, or roll once without an approval";

/// Flags of it.
#[derive(Args, Debug)]
#[group(multiple = true)]
pub struct Approving {
    /// Print what would change, and change nothing
    #[arg(long, conflicts_with_all = ["apply", "approve"])]
    plan: bool,
    /// The same, and write the plan to FILE for `--apply`; no secret stands in it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["apply", "approve"])]
    plan_out: Option<PathBuf>,
    /// Roll only if what would be done is what the plan in FILE says; name what has moved otherwise (exit 2)
    #[arg(long, value_name = "FILE", conflicts_with = "approve")]
    apply: Option<PathBuf>,
    /// Show the plan and ask on the terminal before anything is changed
    #[arg(long)]
    approve: bool,
    /// With --plan: exit 10 when there is something to do
    #[arg(long)]
    detailed_exitcode: bool,
}

impl Approving {
    /// Whether nothing is to be changed.
    pub fn is_plan(&self) -> bool {
        self.plan || self.plan_out.is_some()
    }

    /// Whether the plan is asked about.
    pub fn asks(&self) -> bool {
        self.approve
    }

    /// What can be said against the flags before anything is looked up.
    pub fn objection(&self, context: &Context) -> Option<&'static str> {
        if self.detailed_exitcode && !self.is_plan() {
            return Some("--detailed-exitcode goes with --plan or --plan-out");
        }
        (self.approve && !context.environment.terminal).then_some(
            "--approve needs a terminal; in a job write the plan with --plan-out, let an input step decide, and roll with --apply",
        )
    }

    /// The plan that was approved elsewhere. Errors with a sentence when the file has none for this service.
    pub fn approved(&self, service: &Service) -> Result<Option<Approval>, String> {
        let Some(path) = &self.apply else {
            return Ok(None);
        };
        let shown = path.display();
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("cannot read {shown}: {error}"))?;
        let approval = Approval::read(&text).map_err(|error| format!("{shown}: {error}"))?;
        let name = &service.name.value;
        if approval.service != *name {
            let other = &approval.service;
            return Err(format!(
                "{shown} is a plan for service {other}, and this is {name}"
            ));
        }
        Ok(Some(approval))
    }

    /// Writes the plan to its file, where one is named. Nothing to do is no plan, and no file.
    pub fn save(&self, ended: &Ended, service: &Service, context: &Context) -> Result<(), String> {
        let (path, plan) = match (&self.plan_out, &ended.decision) {
            (Some(path), Some(Decision::Roll(plan))) => (path, plan),
            (Some(path), Some(Decision::TakeBack(_))) => {
                let path = path.display();
                return Err(format!("{path} is not written: {TAKE_BACK}"));
            }
            _ => return Ok(()),
        };
        let approval = approval(plan, service, context);
        write(path, &approval).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Shows a plan and asks; the approval, or how the command ends without one.
    pub async fn ask(
        &self,
        ended: &Ended,
        service: &Service,
        context: &Context,
    ) -> Result<Option<Approval>, Exit> {
        let plan = match &ended.decision {
            Some(Decision::Roll(plan)) => plan,
            Some(Decision::Nothing { .. }) => return Ok(None),
            Some(Decision::TakeBack(_)) => {
                return Err(failure::say(TAKE_BACK, Exit::Failed, context));
            }
            None => return Err(Exit::of_code(ended.verdict.code())),
        };
        context.say(&plan.to_string());
        let name = &service.name.value;
        let answer = context
            .ask(&format!("roll {name} as planned? [yes/no] "))
            .await;
        if let Some("y" | "yes") = answer.as_deref() {
            return Ok(Some(approval(plan, service, context)));
        }
        let text = format!("{name} is not rolled: the plan was not approved");
        Err(failure::say(&text, Exit::Stopped, context))
    }

    /// The exit code of a plan.
    pub fn exit(&self, ended: &Ended, exit: Exit) -> Exit {
        let has_changes = !matches!(ended.decision, None | Some(Decision::Nothing { .. }));
        if self.detailed_exitcode && exit == Exit::Done && has_changes {
            Exit::Changes
        } else {
            exit
        }
    }
}

fn approval(plan: &Plan, service: &Service, context: &Context) -> Approval {
    let salt = uuid::Uuid::new_v4().to_string();
    let shown = context.mask().hide(&plan.to_string());
    Approval::of(plan, service, context.clock.now(), (shown, salt))
}

fn write(path: &Path, approval: &Approval) -> std::io::Result<()> {
    let mut file = Replacement::begin(path)?;
    let text = serde_json::to_string_pretty(approval)?;
    writeln!(file.file(), "{text}")?;
    file.finish()
}
