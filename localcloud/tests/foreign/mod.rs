//! Clients that others wrote, against the wire: boto3 calls every action there is, aws-cli the ones people type.
//!
//! The strictness is in `strict.py`: an element, a number, a time or an enum value that the service's own model does not
//! know fails the run. Machines and proxies are played by `world`, in virtual time.

mod server;
mod sshd;
mod world;

use localcloud::model::Model;
use server::Server;
use sshd::Sshd;
use std::ffi::OsString;
use std::process::{Command, Output};
use world::World;

fn script(name: &str) -> String {
    format!("{}/tests/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The programs that `make deps` installs for tests come first, then those of the host.
pub fn path() -> OsString {
    let peers = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/bin:");
    let mut path = OsString::from(peers);
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}

fn run(server: &Server, command: &mut Command) -> Output {
    let clean = command
        .env("PATH", path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_ENDPOINT_URL", server.url())
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    clean
        .output()
        .unwrap_or_else(|error| panic!("{command:?} must be there: {error}"))
}

fn assert_passed(output: &Output) {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
}

#[test]
fn boto3_calls_every_action_and_understands_every_answer() {
    let server = Server::start();
    let actions: Vec<String> = Model::actions()
        .map(|action| format!("{:?}.{}", action.service, action.name))
        .collect();
    let mut python = Command::new("python3");
    assert_passed(&run(&server, python.arg(script("boto.py")).args(actions)));
}

#[test]
fn aws_cli_runs_stops_images_and_looks() {
    let server = Server::start();
    assert_passed(&run(
        &server,
        Command::new("bash")
            .arg("-euo")
            .arg("pipefail")
            .arg(script("cli.sh")),
    ));
}

#[test]
fn packer_bakes_on_bought_and_spot_instances_and_leaves_nothing_else() {
    let sshd = Sshd::start();
    let server = Server::start_with(World::new(Some(sshd.authorized_keys())));
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let mut packer = Command::new("packer");
    packer.args(["build", "-color=false", "-machine-readable"]);
    for (name, value) in [
        ("endpoint", server.url()),
        ("sshd_port", sshd.port.to_string()),
        ("ssh_user", user.trim().into()),
    ] {
        packer.args(["-var", &format!("{name}={value}")]);
    }
    let output = run(
        &server,
        packer
            .arg(script("packer.json"))
            .env("CHECKPOINT_DISABLE", "1"),
    );
    assert_passed(&output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("provisioned as"), "{said}");
    assert_passed(&run(
        &server,
        Command::new("bash")
            .arg("-euo")
            .arg("pipefail")
            .arg(script("packer_left.sh")),
    ));
}
