//! What the user types, and where the parts are put together: one file a subcommand.

mod approve;
mod approving;
mod at_once;
mod bake;
mod check;
mod console;
mod context;
mod demo;
mod doctor;
mod exit;
mod failure;
mod finish;
mod fmt;
mod half_made;
mod home;
mod input;
mod inspect;
mod leave;
mod local;
mod machine;
mod notify;
mod roll;
mod rolled;
mod service;
mod spelling;
mod state;
mod stores;
mod sweep;
mod vars;
mod vault;
mod watch;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use context::{Context, Environment};
pub use exit::Exit;

/// Bake machine images and roll them out
///
/// kiln turns a JSON template, layered var files and roles run over SSH into an image (AMI), and puts that image into
/// service behind a load balancer: next group, health, swap, and the way back.
#[derive(Parser, Debug)]
#[command(name = "kiln", version, after_long_help = exit::TABLE, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: context::Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(alias = "validate")]
    Check(check::Check),
    Vars(vars::Vars),
    Console(console::Console),
    Inspect(inspect::Inspect),
    Fmt(fmt::Fmt),
    #[command(alias = "build")]
    Bake(bake::Bake),
    Roll(roll::Roll),
    Approve(approve::Approve),
    Rollback(service::Rollback),
    Status(service::Status),
    Hold(service::Hold),
    Unhold(service::Unhold),
    Doctor(doctor::Doctor),
    Release(leave::Release),
    Destroy(leave::Destroy),
    Sweep(sweep::Sweep),
    Local(local::Local),
    Demo(demo::Demo),
}

/// Runs the command line and says how it ended.
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    let args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let args = spelling::rewrite(args);
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &args),
    };
    let context = match Context::new(&cli.global, environment) {
        Ok(context) => context,
        Err(reason) => return context::refuse(&reason).into(),
    };
    // A bug must not cost the result document; what it said of itself is on stderr already.
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| match &cli.command {
        Command::Check(check) => check.run(&context),
        Command::Vars(vars) => vars.run(&context),
        Command::Console(console) => console.run(&context),
        Command::Inspect(inspect) => inspect.run(&context),
        Command::Fmt(fmt) => fmt.run(&context),
        Command::Bake(bake) => bake.run(&context),
        Command::Roll(roll) => roll.run(&context),
        Command::Approve(approve) => approve.run(&context),
        Command::Rollback(rollback) => rollback.run(&context),
        Command::Status(status) => status.run(&context),
        Command::Hold(hold) => hold.run(&context),
        Command::Unhold(unhold) => unhold.run(&context),
        Command::Doctor(doctor) => doctor.run(&context),
        Command::Release(release) => release.run(&context),
        Command::Destroy(destroy) => destroy.run(&context),
        Command::Sweep(sweep) => sweep.run(&context),
        Command::Local(local) => local.run(&context),
        Command::Demo(demo) => demo.run(&context),
    }));
    let exit = ran.unwrap_or_else(|_| {
        context.keep_error("kiln panicked: this is a bug");
        Exit::Failed
    });
    let exit = context.end(exit);
    context.close();
    exit.into()
}

/// Help and versions go to stdout and are no failure; wrong usage exits 2, as clap's own code does.
fn usage(error: &clap::Error, args: &[String]) -> ExitCode {
    let written = error.print();
    if error.use_stderr() {
        context::document_of_usage(args, &error.to_string());
    }
    if error.use_stderr() || written.is_err() {
        Exit::Usage.into()
    } else {
        Exit::Done.into()
    }
}
