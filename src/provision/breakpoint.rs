//! `breakpoint`: the bake waits until somebody at the terminal presses Enter.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use tokio::sync::oneshot;

use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::template::provisioner::Breakpoint;

/// The terminal of this process, whatever its input is.
const TERMINAL: &str = "/dev/tty";

/// Whether somebody can be waited for.
pub fn has_terminal() -> bool {
    File::open(TERMINAL).is_ok()
}

/// Refuses to wait for nobody.
pub(super) fn check(breakpoint: &Breakpoint, terminal: bool) -> Result<(), Error> {
    if breakpoint.disabled || terminal {
        return Ok(());
    }
    Err(Error::Unfit(
        "it waits for somebody to press Enter, and there is no terminal: say `\"disable\": true`"
            .to_owned(),
    ))
}

/// Waits.
pub(super) async fn run(
    breakpoint: &Breakpoint,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Error> {
    let note = breakpoint.note.as_ref();
    let note = note.map(|note| note.render(&context.data())).transpose()?;
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    let sink = Sink::new(events);
    if breakpoint.disabled {
        sink.note(format!("breakpoint, disabled{note}"));
        return Ok(());
    }
    sink.note(format!("breakpoint{note}; press Enter to go on"));
    let path = Path::new(TERMINAL);
    let local = |source| Error::Local {
        path: path.to_owned(),
        source,
    };
    let terminal = File::open(path).map_err(local)?;
    let (pressed, wait) = oneshot::channel();
    // A read from a terminal cannot be given up: the thread waits on when the work is dropped, and hurts nobody.
    std::thread::spawn(move || {
        let read = BufReader::new(terminal).read_line(&mut String::new());
        drop(pressed.send(read));
    });
    match wait.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(local(source)),
        Err(_) => Err(local(std::io::ErrorKind::UnexpectedEof.into())),
    }
}
