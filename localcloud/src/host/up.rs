//! Starts the local cloud in the background and waits until it is ready.

use std::fmt;
use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::machines;

use super::{Config, Error, Status, down, lock, seed};

/// How long a supervisor may take to get ready; seconds do on a quiet host.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

/// A cloud that is up, and how AWS clients reach it.
#[derive(Clone, Debug)]
pub struct Up {
    /// It was up before.
    pub already: bool,
    pub status: Status,
}

impl fmt::Display for Up {
    /// Lines for a shell. The keys are dummies: nothing checks signatures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status {
            endpoint,
            region,
            name_server,
            seen,
            ..
        } = &self.status;
        writeln!(f, "export AWS_ENDPOINT_URL={endpoint}")?;
        writeln!(f, "export AWS_REGION={region}")?;
        writeln!(f, "export AWS_DEFAULT_REGION={region}")?;
        writeln!(f, "export AWS_ACCESS_KEY_ID=kiln")?;
        writeln!(f, "export AWS_SECRET_ACCESS_KEY=kiln")?;
        if let Some(address) = name_server {
            writeln!(f, "export KILN_LOCAL_NAME_SERVER={address}")?;
        }
        match seen
            .load_balancers
            .iter()
            .find(|balancer| balancer.name == seed::NAME)
        {
            Some(balancer) => {
                writeln!(f, "export KILN_LOCAL_LOAD_BALANCER={}", balancer.url)?;
                // The shipped service file asks for these variables; their ids are new with every cloud.
                let (subnets, groups) = (&balancer.subnets, &balancer.security_groups);
                writeln!(f, "export KILN_VAR_subnets={}", subnets.join(","))?;
                writeln!(f, "export KILN_VAR_security_groups={}", groups.join(","))
            }
            None => Ok(()),
        }
    }
}

/// Brings the cloud up, or finds that it is. `say` gets a line for each thing that takes a while.
///
/// # Errors
/// The host lacks something, an address or range is in use, or the supervisor could not start.
pub async fn up(config: &Config, say: &mut (dyn FnMut(&str) + Send)) -> Result<Up, Error> {
    let wait = || say("another `kiln local` is at work here; waiting for it");
    let door = lock::take(&config.door(), wait).await?;
    if lock::try_take(&config.alive())?.is_none() {
        match ready(config, None).await {
            // It was dying when it was found; a new one takes its place.
            Err(Error::NotStarted { .. }) => {}
            Err(error) => return Err(error),
            Ok(status) => {
                let already = true;
                return Ok(Up { already, status });
            }
        }
    }
    if let Some(missing) = machines::host::missing() {
        return Err(Error::Missing(missing));
    }
    down::sweep(config).await?;
    machines::base::ensure(&config.base(), &mut *say).await?;
    say("starting the local cloud");
    fs::create_dir_all(&config.run).map_err(Error::file(&config.run))?;
    config.write()?;
    let supervisor = spawn(config)?;
    let status = ready(config, Some(supervisor)).await;
    if status.is_err() {
        down::end(config).await?;
    }
    drop(door);
    let status = status?;
    if status.name_server.is_none() {
        say(&format!(
            "no name server: another one of this host has {}",
            config.name_server()
        ));
    }
    Ok(Up {
        already: false,
        status,
    })
}

/// Closes every file but the standard ones, then becomes what follows. A shell that held a lock or a pipe while it called
/// `up` would wait for the supervisor otherwise.
const LET_GO: &str = r#"for path in /proc/$$/fd/*; do fd=${path##*/}; [ "$fd" -le 2 ] || exec {fd}>&-; done; exec "$@""#;

/// Starts the supervisor in a session and in namespaces of its own.
fn spawn(config: &Config) -> Result<Child, Error> {
    let log = File::create(config.log()).map_err(Error::file(config.log()))?;
    let errors = log.try_clone().map_err(Error::file(config.log()))?;
    let mut command = Command::new("setsid");
    command.args(["bash", "-c", LET_GO, "bash"]);
    command.args([
        "unshare",
        "--mount",
        "--pid",
        "--mount-proc",
        "--fork",
        "--kill-child",
    ]);
    command
        .args(&config.supervisor)
        .arg(&config.run)
        .current_dir("/");
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().map_err(Error::file("setsid"))
}

/// Waits for the supervisor's first answer. It gives none before its load balancer listens.
async fn ready(config: &Config, mut supervisor: Option<Child>) -> Result<Status, Error> {
    let waiting = async {
        loop {
            match super::status(config).await {
                Err(Error::Down | Error::Supervisor(_)) => {}
                answer => return answer,
            }
            let ended = supervisor
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some()
                || (supervisor.is_none() && lock::try_take(&config.alive())?.is_some())
            {
                return Err(not_started(config, "it ended at once"));
            }
            sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| Err(not_started(config, "it was not ready in time")))
}

/// The reason that the supervisor left, or the one that could be seen from here.
fn not_started(config: &Config, seen: &str) -> Error {
    let reason = fs::read_to_string(config.failure()).unwrap_or_else(|_| seen.to_owned());
    Error::NotStarted {
        reason,
        log: config.log(),
    }
}
