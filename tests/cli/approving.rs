//! `kiln roll --approve`, `--plan-out` and `--apply`: what is refused before anything is asked.

use super::state::whole;
use super::{Desk, refused};

#[test]
fn an_approval_needs_a_terminal_or_a_plan_of_this_service() {
    let desk = Desk::new()
        .with("web.json", &whole())
        .with("garbage", "{ nonsense")
        .with("earlier", r#"{ "format": 1 }"#)
        .with("later", r#"{ "format": 4 }"#)
        .with("empty", r#"{ "format": 3 }"#)
        .with(
            "other",
            r#"{ "format": 3, "service": "api", "made": "2026-11-01T00:00:00Z", "plan": "", "salt": "",
                 "service_file": "", "stands_on": {} }"#,
        );
    for (args, hint) in [
        (&["--approve"][..], "--plan-out"),
        (&["--apply", "lost"], "cannot read lost"),
        (&["--apply", "garbage"], "no saved plan"),
        (&["--apply", "earlier"], "format 1"),
        (&["--apply", "later"], "format 4"),
        (&["--apply", "empty"], "no saved plan"),
        (&["--apply", "other"], "service api"),
        (&["--detailed-exitcode"], "--plan"),
        (&["--plan", "--apply", "other"], "cannot be used with"),
        (&["--plan-out", "new", "--approve"], "cannot be used with"),
        (&["--finish", "--plan-out", "new"], "cannot be used with"),
        (&["--finish", "--approve"], "cannot be used with"),
    ] {
        refused(&desk, &[&["roll", "web.json"], args].concat(), "", hint);
    }
}
