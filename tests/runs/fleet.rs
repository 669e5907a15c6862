//! A roll of a thousand machines by kiln's own process, over the wire. What it takes of memory is a row of `benches/table`, which
//! names the binary in KILN.

use std::path::Path;

use jiff::SignedDuration;
use serde_json::json;

use super::rolls::{Ground, OWN};

const MACHINES: u32 = 1_000;

#[expect(
    clippy::disallowed_methods,
    reason = "the only way to hand a binary to a test"
)]
fn kiln() -> String {
    std::env::var("KILN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_kiln").to_owned())
}

#[test]
fn a_thousand_machines_are_rolled() {
    let ground = Ground::open();
    ground.grow(MACHINES);
    ground.file(&json!({}));
    // Twenty seconds a call: a roll waits for what its cloud takes.
    ground.bakery.hurry(SignedDuration::from_secs(20));
    let weigh = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/weigh");
    let weighed = r#"exec "$@" 3>weighed"#;
    let args = ["-c", weighed, "sh", weigh.to_str().unwrap(), "3"];
    let program = kiln();
    let roll = [program.as_str(), "--state", "state", "roll", "web.json"];
    let done = ground
        .bakery
        .command("sh", &[&args[..], &roll].concat(), &OWN)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let weighed = ground.bakery.read("weighed");
    let (seconds, kibibytes) = weighed.split_once(' ').unwrap();
    let (seconds, kibibytes): (f64, f64) = (seconds.parse().unwrap(), kibibytes.parse().unwrap());
    println!(
        "a roll of {MACHINES} machines: {:.1} MiB, {seconds:.0} s",
        kibibytes / 1024.0
    );
}
