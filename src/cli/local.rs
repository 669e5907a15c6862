//! `kiln local`: the local cloud, as `localcloud::host` runs it. The one subcommand that needs root, and says so.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use localcloud::host::{self, Config, Error, Pace, Trouble};

use crate::cli::{Context, Exit};

/// A cloud of real Linux machines on this host, for any AWS client
///
/// Needs root for namespaces and the network, and goes through sudo when it is not root. Instances are containers with
/// root's rights inside: they stand in for EC2 instances and are no wall against hostile code. Security groups are kept
/// and not enforced.
#[derive(Args, Debug)]
pub struct Local {
    #[command(subcommand)]
    action: Action,
    /// First part of the name of everything that it puts on the host; starts with `kiln`, at most eight letters
    #[arg(long, global = true, default_value = "kiln")]
    name: String,
    /// The bridge's address and the VPC's range
    #[arg(
        long,
        global = true,
        default_value = "172.31.0.1/16",
        value_name = "ADDRESS/BITS"
    )]
    range: String,
    /// Port of the endpoint, on the bridge and on loopback
    #[arg(long, global = true, default_value_t = 4566)]
    port: u16,
    /// Make machines take at least so many seconds to run, to stop, and to become an image; EC2's pace is about 8,15,60
    #[arg(long, global = true, value_name = "RUN,STOP,IMAGE", value_parser = pace)]
    pace: Option<Pace>,
}

/// Three numbers of seconds.
fn pace(text: &str) -> Result<Pace, String> {
    let seconds: Result<Vec<u64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match seconds.as_deref() {
        Ok(&[pending, stop, image]) => Ok(Pace {
            pending: Duration::from_secs(pending),
            stop: Duration::from_secs(stop),
            image: Duration::from_secs(image),
        }),
        _ => Err("give three numbers of seconds, such as 8,15,60".to_owned()),
    }
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Start it in the background and print how clients reach it, as lines for a shell
    ///
    /// Prints the same lines when it is up already. The first time, a Debian is built for the machines, which takes a
    /// minute and needs the network.
    Up,
    /// Stop every machine and remove everything but the built Debian
    Down,
    /// Tell what is there and what memory it takes
    Status,
    /// Take it back to what it was after `up`
    Reset,
    /// Refuse launches for want of capacity, as EC2 does
    Scarce {
        /// How many launches
        #[arg(long, default_value_t = 1)]
        times: u32,
        /// Only spot instances
        #[arg(long, conflicts_with = "on_demand")]
        spot: bool,
        /// Only instances that are bought
        #[arg(long)]
        on_demand: bool,
        /// Only of this type
        #[arg(long = "type", value_name = "TYPE")]
        instance_type: Option<String>,
        /// Only in this Availability Zone
        #[arg(long)]
        zone: Option<String>,
    },
    /// Take a spot instance back, as EC2 does when it needs the capacity
    ///
    /// The instance finds a notice in its metadata two minutes before, or at once.
    Interrupt {
        instance: String,
        /// In so many seconds
        #[arg(long, default_value_t = 0, value_name = "SECONDS")]
        after: u32,
    },
    /// Print whatever of it is still on this host, a line each; nothing after `down`
    #[command(hide = true)]
    Leftovers,
    /// Run the supervisor; `up` does this
    #[command(hide = true)]
    Serve { folder: PathBuf },
}

impl Local {
    /// Runs the subcommand.
    pub fn run(&self, context: &Context) -> Exit {
        if let Action::Serve { folder } = &self.action {
            return serve(folder, context);
        }
        let config = match self.config() {
            Ok(config) => config,
            Err(reason) => {
                context.say(&format!("error: {reason}"));
                return Exit::Usage;
            }
        };
        if !is_root() {
            return Self::through_sudo(context);
        }
        match context.block_on(self.act(&config, context)) {
            Ok(()) => Exit::Done,
            Err(error) => fail(&error, context),
        }
    }

    fn config(&self) -> Result<Config, String> {
        if !self.name.starts_with("kiln") {
            return Err(format!("--name {} does not start with `kiln`", self.name));
        }
        let range = self.range.split_once('/').and_then(|(address, bits)| {
            Some((
                address.parse().ok()?,
                bits.parse().ok().filter(|bits| (8..=24).contains(bits))?,
            ))
        });
        let (router, bits) = range.ok_or_else(|| {
            format!(
                "--range {} is no address with a prefix of 8 to 24 bits, such as 172.31.0.1/16",
                self.range
            )
        })?;
        let program = std::env::current_exe()
            .map_err(|error| format!("cannot find this program: {error}"))?;
        Ok(Config {
            router,
            bits,
            port: self.port,
            pace: self.pace.unwrap_or_default(),
            ..Config::new(&self.name, &program)
        })
    }

    async fn act(&self, config: &Config, context: &Context) -> Result<(), Error> {
        match &self.action {
            Action::Up => {
                let up = host::up(config, &mut |line| context.say(line)).await?;
                if up.already {
                    context.say("the local cloud is up already");
                }
                context.document(&up.to_string(), &document(&up.status));
            }
            Action::Down => {
                let was_up = host::down(config).await?;
                context.say(if was_up {
                    "the local cloud is down"
                } else {
                    "the local cloud was not up"
                });
            }
            Action::Status => {
                let status = host::status(config).await?;
                context.document(&status.to_string(), &document(&status));
            }
            Action::Reset => {
                host::reset(config).await?;
                context.say("the local cloud is as `up` left it");
            }
            Action::Scarce {
                times,
                spot,
                on_demand,
                instance_type,
                zone,
            } => {
                let trouble = Trouble::Scarce {
                    times: *times,
                    spot: (*spot || *on_demand).then_some(*spot),
                    instance_type: instance_type.clone(),
                    zone: zone.clone(),
                };
                host::trouble(config, trouble).await?;
                context.say(&format!("{times} launches to come will be refused"));
            }
            Action::Interrupt { instance, after } => {
                let trouble = Trouble::Interrupt {
                    instance: instance.clone(),
                    after: *after,
                };
                host::trouble(config, trouble).await?;
                context.say(&format!("{instance} is taken back in {after} s"));
            }
            Action::Leftovers => {
                let left = host::leftovers(config).await?;
                context.document(&left.join("\n"), &serde_json::json!(left));
            }
            Action::Serve { .. } => {}
        }
        Ok(())
    }

    /// Becomes the same command under sudo.
    fn through_sudo(context: &Context) -> Exit {
        context.say(
            "kiln local needs root for namespaces and the network: running it again with sudo",
        );
        let program = std::env::current_exe().unwrap_or_else(|_| "kiln".into());
        let args: Vec<OsString> = std::env::args_os().skip(1).collect();
        let error = Command::new("sudo")
            .arg("--")
            .arg(program)
            .args(args)
            .exec();
        context.say(&format!(
            "error: cannot run sudo ({error}): run `kiln local` as root"
        ));
        Exit::Failed
    }
}

fn document(status: &host::Status) -> serde_json::Value {
    serde_json::to_value(status).unwrap_or_default()
}

fn fail(error: &Error, context: &Context) -> Exit {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |&error| {
        error.source()
    });
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    context.say(&format!("error: {}", causes.join(": ")));
    Exit::Failed
}

/// Runs the supervisor until it is told to stop. Its stderr is the log.
fn serve(folder: &std::path::Path, context: &Context) -> Exit {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    #[expect(
        clippy::disallowed_methods,
        reason = "the supervisor's clock is made here and handed in"
    )]
    let now = Timestamp::now;
    match context.block_on(host::serve(folder, now)) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}
