//! `role`: folders of scripts, files and templates (DESIGN.md section 6). A role goes to the machine as one tar stream, its
//! files are laid out on the target's root, then its scripts run as root, in the order of their numbers.
//!
//! `load` reads a role, `order` puts the ones it needs before it, `pack` makes the stream, `driver.sh` takes it apart.

mod load;
mod order;
mod pack;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use load::{Error, Role, load};

use crate::provision::sink::Sink;
use crate::provision::{self, Context};
use crate::run::Events;
use crate::ssh::{AS_ROOT, Command, Remote, Tree, quote};
use crate::template::provisioner::Roles;

/// What takes a stream apart and runs what is in it.
const DRIVER: &str = include_str!("driver.sh");

/// The folders of the roles that run, in their order.
pub(super) fn folders(roles: &Roles) -> Result<Vec<PathBuf>, Error> {
    let sorted = order::order(roles)?.into_iter();
    Ok(sorted.map(|role| role.dir).collect())
}

/// Finds what would fail on any machine.
pub(super) fn check(roles: &Roles) -> Result<(), provision::Error> {
    for role in order::order(roles)? {
        pack::pack(&role, &roles.vars)?;
    }
    Ok(())
}

/// Runs the roles that are named, each after those it needs; what another role needed, and what ran for it earlier in
/// this bake, is not run twice.
pub(super) async fn run(
    roles: &Roles,
    remote: &impl Remote,
    context: &Context,
    mark: &str,
    events: &dyn Events,
    done: &mut BTreeSet<PathBuf>,
) -> Result<(), provision::Error> {
    let named: Vec<_> = roles.roles.iter().map(|role| &role.dir).collect();
    for role in order::order(roles)? {
        if done.contains(&role.dir) && !named.contains(&&role.dir) {
            continue;
        }
        let mut sink = Sink::new(events);
        sink.note(format!("role {}", role.name));
        let tree = pack::pack(&role, &roles.vars)?;
        drive(&role, "apply", &tree, remote, context, mark, &mut sink).await?;
        done.insert(role.dir);
    }
    Ok(())
}

/// Runs the roles' own checks.
pub(super) async fn verify(
    roles: &Roles,
    remote: &impl Remote,
    context: &Context,
    events: &dyn Events,
) -> Result<(), provision::Error> {
    for role in order::order(roles)? {
        if role.verify.is_empty() {
            continue;
        }
        let mut sink = Sink::new(events);
        sink.note(format!("checking role {}", role.name));
        let tree = pack::pack_verify(&role, &roles.vars)?;
        drive(&role, "verify", &tree, remote, context, "", &mut sink).await?;
    }
    Ok(())
}

async fn drive(
    role: &Role,
    what: &str,
    tree: &Tree,
    remote: &impl Remote,
    context: &Context,
    mark: &str,
    sink: &mut Sink<'_>,
) -> Result<(), provision::Error> {
    let environment: Vec<_> = context
        .environment()
        .map(|(name, value)| format!("{name}={}", quote(value)))
        .collect();
    // `env` and not the shell's own assignments: `sudo` would drop those. The mark tells `attempt` what to end.
    let text = format!(
        "{AS_ROOT} env {} bash -c {} {} {what} {}",
        environment.join(" "),
        quote(DRIVER),
        quote(&format!("kiln {mark}")),
        quote(&role.name),
    );
    let exit = remote
        .run(Command::new(text).stdin(tree.stdin()?), sink)
        .await?;
    if exit == crate::ssh::Exit::Code(0) {
        return Ok(());
    }
    let what = format!("role {}", role.name);
    Err(provision::Error::Exit { what, exit })
}
