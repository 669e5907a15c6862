//! The local cloud as a service: up, down, status, reset, and what is left after each way to die.
//!
//! The supervisor is this binary again (`supervisor`), so that what runs is what users run, but for the command line. The
//! cloud has a name and a range of its own and shares the base image with others.

mod dead;
mod life;
mod names;
mod packer;
mod traffic;

use std::path::Path;
use std::time::Duration;

use localcloud::host::{self, Config, Up};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_mins(1);

/// One cloud at a time: they share a name.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The entry of the supervisor. In a process that is not its own namespace's first there is nothing to supervise.
#[test]
fn supervisor() {
    if std::process::id() != 1 {
        return;
    }
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let folder = std::env::args().next_back().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a supervisor's clock is the host's"
    )]
    let now = jiff::Timestamp::now;
    runtime
        .block_on(host::serve(Path::new(&folder), now))
        .unwrap();
}

fn config() -> Config {
    let program = std::env::current_exe().unwrap();
    let arguments = [
        "--exact",
        "host::supervisor",
        "--nocapture",
        "--test-threads=1",
    ];
    let mut supervisor = vec![program.display().to_string()];
    supervisor.extend(arguments.map(ToString::to_string));
    Config {
        router: [10, 214, 0, 1].into(),
        port: 4967,
        supervisor,
        ..Config::new("kilnhost", &program)
    }
}

/// A cloud that is up, alone on this host under its name.
struct Cloud {
    config: Config,
    up: Up,
    _alone: MutexGuard<'static, ()>,
}

impl Cloud {
    async fn up() -> Self {
        Self::up_amid(|| (), |line| println!("{line}")).await
    }

    /// Comes up once `before` has been done, when there is no other one. `say` hears what a user would.
    async fn up_amid(before: impl FnOnce(), mut say: impl FnMut(&str) + Send) -> Self {
        let alone = ALONE.lock().await;
        let config = config();
        // What a failed test before this one may have left.
        host::down(&config).await.unwrap();
        before();
        let up = host::up(&config, &mut say).await.unwrap();
        Self {
            config,
            up,
            _alone: alone,
        }
    }

    /// Calls an EC2 action; `parameters` begin with `&`.
    async fn ec2(&self, action: &str, parameters: &str) -> String {
        self.call("2016-11-15", action, parameters).await
    }

    /// Calls an action of Auto Scaling on a group named `web`.
    async fn scaling(&self, action: &str, parameters: &str) -> String {
        let parameters = format!("&AutoScalingGroupName=web{parameters}");
        self.call("2011-01-01", action, &parameters).await
    }

    async fn call(&self, version: &str, action: &str, parameters: &str) -> String {
        let body = format!("Action={action}&Version={version}{parameters}");
        let answer = post(&self.config, &body).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{action}: {answer}");
        answer
    }

    /// Starts a machine and waits until it runs.
    async fn machine(&self) -> String {
        let answer = self.ec2(
            "RunInstances",
            "&ImageId=ami-0deb12000000000aa&MinCount=1&MaxCount=1&InstanceType=t3.micro",
        );
        let id = between(&answer.await, "<instanceId>", "<");
        until("the machine runs", async || {
            let status = host::status(&self.config).await.unwrap();
            let found = status
                .seen
                .instances
                .iter()
                .find(|instance| instance.id == id);
            found.is_some_and(|instance| instance.state == "running")
        })
        .await;
        id
    }

    /// Takes the cloud down and looks for what is left.
    async fn down(self) {
        assert!(
            host::leftovers(&self.config).await.unwrap().len() > 3,
            "what is there is seen while it is up"
        );
        host::down(&self.config).await.unwrap();
        self.is_gone().await;
    }

    async fn is_gone(&self) {
        assert_eq!(
            host::leftovers(&self.config).await.unwrap(),
            Vec::<String>::new()
        );
        let mark = self.config.run.display().to_string();
        assert_eq!(processes(&mark), Vec::<u32>::new());
        assert!(matches!(
            host::status(&self.config).await,
            Err(host::Error::Down)
        ));
    }
}

/// A test that fails leaves no cloud behind, and whoever waits for it goes on.
impl Drop for Cloud {
    fn drop(&mut self) {
        let config = self.config.clone();
        let down = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(host::down(&config))
        };
        // A runtime cannot be entered from inside another one.
        let downed = std::thread::spawn(down).join();
        assert!(std::thread::panicking() || matches!(downed, Ok(Ok(_))));
    }
}

async fn post(config: &Config, body: &str) -> String {
    let address = config.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"))
        .1;
    rest.split_once(after).unwrap().0.to_owned()
}

/// Waits for something that only the kernel or a machine brings about.
async fn until(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !probe().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited for: {what}"));
}

/// The processes on this host whose command line has this text, this one left out.
fn processes(mark: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has_mark = |id: &u32| {
        std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains(mark))
    };
    ids.filter(|id| *id != std::process::id())
        .filter(has_mark)
        .collect()
}
