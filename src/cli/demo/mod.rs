//! `kiln demo`: bakes and rolls on the local cloud under traffic, as a user would, through kiln's own commands.

mod files;
mod kiln;
mod table;
mod traffic;

use clap::Args;
use tokio::time::Instant;

use crate::cli::{Context, Exit};
use crate::run::{Stop, listen};
use kiln::{Cloud, Kiln};
use table::{Findings, Step};
use traffic::{Tally, Traffic};

/// The version that serves first.
const FIRST: &str = "1.0.0";
/// The version that is rolled while requests flow.
const SECOND: &str = "2.0.0";
/// The version that gets the traffic by shares.
const THIRD: &str = "3.0.0";
/// The version that is broken.
const BROKEN: &str = "4.0.0";

/// Bake and roll on a local cloud, under traffic
///
/// Starts the local cloud, bakes a web server from a template with layered var files, rolls it behind a load balancer,
/// bakes the next version, rolls that blue/green while requests flow, rolls back, rolls a third as a canary, has a broken
/// fourth taken back by its check, and removes everything. Ends with a table; exit 0 means that no request failed and
/// nothing was left behind.
#[derive(Args, Debug)]
pub struct Demo {
    /// Leave the local cloud up at the end, to look around
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Runs the demo; its table is the result.
    pub fn run(&self, context: &Context) -> Exit {
        let began = context.block_on(async {
            let stop = Stop::default();
            tokio::select! {
                findings = play(self, &stop, context) => findings,
                _ = listen(&stop) => Err("stopped".to_owned()),
            }
        });
        let findings = match began {
            Ok(findings) => findings,
            Err(reason) => {
                context.say(&format!("error: {reason}"));
                return Exit::Failed;
            }
        };
        context.result(&findings.table());
        if findings.is_good() {
            Exit::Done
        } else {
            Exit::Failed
        }
    }
}

/// Plays every step, then takes the cloud down whatever happened. Errors only when nothing could be started.
async fn play(demo: &Demo, stop: &Stop, context: &Context) -> Result<Findings, String> {
    let kiln = Kiln::new()?;
    let mut stage = Stage {
        findings: Findings::default(),
        context,
    };
    let tally = Tally::default();
    let played = scenes(&kiln, &mut stage, &tally, stop).await;
    stage.findings.phases = tally.phases();
    if let Err(reason) = played {
        context.say(&format!("demo: {reason}"));
        stage.findings.failure = Some(reason);
    }
    if demo.keep {
        context.say("demo: the local cloud stays up; `kiln local down` removes it");
        return Ok(stage.findings);
    }
    let down = stage
        .step("local cloud down", kiln.run(&["local", "down"]))
        .await;
    stage.findings.leftovers.extend(down.err());
    match kiln.run(&["local", "leftovers"]).await {
        Ok(left) => stage
            .findings
            .leftovers
            .extend(left.lines().map(str::to_owned)),
        Err(reason) => stage.findings.leftovers.push(reason),
    }
    Ok(stage.findings)
}

async fn scenes(
    kiln: &Kiln,
    stage: &mut Stage<'_>,
    tally: &Tally,
    stop: &Stop,
) -> Result<(), String> {
    let cloud = Cloud::of(
        &stage
            .step("local cloud up", kiln.run(&["local", "up"]))
            .await?,
    )?;
    let kiln = &kiln.on(&cloud);
    stage
        .step(&format!("bake {FIRST}"), kiln.bake(FIRST))
        .await?;
    stage
        .step(
            &format!("roll {FIRST}: the first of the service"),
            kiln.run(&files::ROLL),
        )
        .await?;
    tally.begin(&format!("{FIRST} serves, {SECOND} is baked"));
    let traffic = Traffic::start(&cloud.balancer, files::HOST, tally);
    let under_traffic = scenes_under_traffic(kiln, stage, tally, stop).await;
    traffic.stop()?;
    under_traffic
}

async fn scenes_under_traffic(
    kiln: &Kiln,
    stage: &mut Stage<'_>,
    tally: &Tally,
    stop: &Stop,
) -> Result<(), String> {
    stage
        .step(&format!("bake {SECOND}"), kiln.bake(SECOND))
        .await?;
    tally.begin(&format!("{SECOND} is rolled"));
    stage
        .step(
            &format!("roll {SECOND}: blue/green"),
            kiln.run(&files::ROLL),
        )
        .await?;
    tally.begin(&format!("{SECOND} serves"));
    settle(stop).await;
    tally.begin("the roll is taken back");
    stage
        .step(
            &format!("rollback to {FIRST}"),
            kiln.run(&["rollback", files::NAME]),
        )
        .await?;
    tally.begin(&format!("{FIRST} serves again"));
    settle(stop).await;
    canary_and_broken(kiln, stage, tally, stop).await?;
    stage
        .step("status", kiln.run(&["status", files::NAME]))
        .await?;
    Ok(())
}

/// A version that gets its traffic by shares, and one that its check refuses before it gets any.
async fn canary_and_broken(
    kiln: &Kiln,
    stage: &mut Stage<'_>,
    tally: &Tally,
    stop: &Stop,
) -> Result<(), String> {
    // A rollback bars every roll until somebody has looked.
    kiln.run(&["unhold", files::NAME]).await?;
    stage
        .step(&format!("bake {THIRD}"), kiln.bake(THIRD))
        .await?;
    tally.begin(&format!("{THIRD} is rolled by shares"));
    let name = format!("roll {THIRD}: canary, 10, 50, 100 %");
    stage.step(&name, kiln.run(&files::ROLL_CANARY)).await?;
    tally.begin(&format!("{THIRD} serves"));
    settle(stop).await;
    let name = format!("bake {BROKEN}, broken");
    let bake = kiln.bake_broken(BROKEN, THIRD);
    stage.step(&name, bake).await?;
    tally.begin(&format!("{BROKEN} is refused"));
    let name = format!("roll {BROKEN}: taken back by its check");
    let refused = kiln.run_to(&files::ROLL, Exit::Rejected);
    stage.step(&name, refused).await?;
    tally.begin(&format!("{THIRD} serves on"));
    settle(stop).await;
    Ok(())
}

/// Lets requests flow for a while between two swaps, so that the table shows who answers.
async fn settle(stop: &Stop) {
    tokio::select! {
        () = tokio::time::sleep(std::time::Duration::from_secs(3)) => {}
        () = stop.asked.cancelled() => {}
    }
}

struct Stage<'a> {
    findings: Findings,
    context: &'a Context,
}

impl Stage<'_> {
    async fn step(
        &mut self,
        name: &str,
        doing: impl Future<Output = Result<String, String>>,
    ) -> Result<String, String> {
        self.context.say(&format!("demo: {name}"));
        let began = Instant::now();
        let result = doing.await;
        self.findings.steps.push(Step {
            name: name.to_owned(),
            took: began.elapsed(),
        });
        result
    }
}
