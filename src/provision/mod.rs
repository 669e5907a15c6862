//! Provisioners, carried out on a machine in the order of the template: scripts, files, roles.
//!
//! It owns what each of them does and how often it is tried. Which ones there are is settled in `template`, how the machine
//! is reached in `ssh`, and what the user sees of the output in whoever takes the events.

mod ansible;
mod attempt;
mod away;
mod breakpoint;
mod context;
mod error;
mod file;
mod inputs;
mod reboot;
pub mod roles;
mod script;
mod shell;
mod shell_local;
mod sink;

use crate::provision::attempt::{Attempt, Progress};
pub use crate::provision::breakpoint::has_terminal;
pub use crate::provision::context::Context;
pub use crate::provision::error::{Error, Failure};
pub use crate::provision::inputs::{local_files, values};
use crate::provision::sink::Sink;
use crate::run::Events;
use crate::ssh::Remote;
use crate::template::Late;
use crate::template::provisioner::{Kind, Provisioner, ShellLocal};

/// What `run` calls this work, in its events too.
pub const WORK: &str = "provision";

/// Carries out all provisioners, then the roles' own checks (`verify/*.sh`).
///
/// Errors with the first one that fails for good.
pub async fn apply(
    provisioners: &[Provisioner],
    remote: &impl Remote,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Failure> {
    let mut progress = Progress::default();
    for (index, provisioner) in provisioners.iter().enumerate() {
        let attempt = Attempt {
            number: index + 1,
            of: provisioners.len(),
            remote,
            context,
            events,
        };
        attempt.carry_out(provisioner, &mut progress).await?;
    }
    for (index, provisioner) in provisioners.iter().enumerate() {
        if let Kind::Role(roles) = &provisioner.kind {
            let verified = roles::verify(roles, remote, context, events).await;
            verified.map_err(|source| Failure::of(provisioner, index + 1, source))?;
        }
    }
    Ok(())
}

/// Finds what would fail on any machine, without one: roles that need each other in a ring, scripts that cannot be read,
/// templates that cannot be rendered, breakpoints without a `terminal` to wait at. All of them at once.
pub fn check(provisioners: &[Provisioner], terminal: bool) -> Vec<Failure> {
    let numbered = provisioners.iter().enumerate();
    numbered
        .filter_map(|(index, provisioner)| {
            let checked = match &provisioner.kind {
                Kind::Shell(shell) => shell::check(shell),
                Kind::ShellLocal(shell) => shell_local::check(shell),
                Kind::Breakpoint(breakpoint) => breakpoint::check(breakpoint, terminal),
                Kind::File(_) | Kind::Reboot(_) | Kind::Sleep(_) | Kind::AnsibleLocal(_) => Ok(()),
                Kind::Role(roles) => roles::check(roles),
                Kind::Ansible(remote) => ansible::from_here::check(remote),
            };
            checked
                .err()
                .map(|error| Failure::of(provisioner, index + 1, error))
        })
        .collect()
}

/// Runs the scripts of a `shell-local` that belongs to no machine: the post-processor.
pub async fn run_here(
    shell: &ShellLocal,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Error> {
    shell_local::run(shell, context, events).await
}

/// Finds what would fail of it.
pub fn check_here(shell: &ShellLocal) -> Result<(), Error> {
    shell_local::check(shell)
}

/// Runs the family's own checks (root key `kiln`, `verify`): shell text that must end with 0.
pub async fn verify(
    commands: &[Late],
    remote: &impl Remote,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Error> {
    for command in commands {
        let text = command.render(&context.data())?;
        let mut sink = Sink::new(events);
        let run = crate::ssh::Command::new(&text);
        let exit = remote.run(run, &mut sink).await?;
        Error::unless_success(&text, exit)?;
    }
    Ok(())
}
