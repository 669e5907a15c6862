//! `diagnosis`: what a machine that does not get healthy is asked before it goes.

use super::super::local::Local;
use super::super::options::Options;
use super::super::service::Diagnosis;
use super::checks::instance::{ON_MACHINE, on_machine};

pub(super) fn read(root: &Options<'_>, local: &Local<'_>) -> Option<Box<Diagnosis>> {
    let options = root.object("diagnosis", "`diagnosis`", ON_MACHINE)?;
    let example = "journalctl -u web -n 20 --no-pager";
    let (command, ssh) = on_machine(&options, local, example)?;
    Some(Box::new(Diagnosis { command, ssh }))
}
