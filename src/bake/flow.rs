//! The bake itself: a table of contents. What each line does stands in its own file.

use std::cell::{Cell, RefCell};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::bake::attend::{Attending, attend};
use crate::bake::connect::{Connecting, Seen};
use crate::bake::watch::Watch;
use crate::bake::{
    Artifact, BakePlan, Error, Tools, clean, error_cleanup, image, instance, key_pair,
    plan::Stopping,
    publish, security_group,
    session_manager::{self, Refusal, Way},
    start,
};
use crate::cloud::{Cloud, Home, ImageId, InstanceId};
use crate::provision::{self, Context};
use crate::run::{Clock, Events, Failure, Outcome, Run, Setup, Slot};
use crate::ssh::Remote;
use crate::ssh::keys::KeyPair;
use crate::undo::{Publication, Undo};

/// The type under which manifests and scripts know this builder.
const BUILDER: &str = "amazon-ebs";

/// What a bake works with.
pub struct World<'a, C, T> {
    pub cloud: &'a C,
    pub tools: &'a T,
    pub clock: &'a dyn Clock,
}

/// How a bake ended, for exit codes and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Done,
    /// Failed, and everything is as it was.
    Failed,
    /// Something could not be taken back; `sweep` tries again.
    CleanUpDue,
    Stopped,
}

/// The verdict on an outcome. A stop request counts for more than what it left.
pub fn verdict(outcome: &Outcome<Artifact, Undo>) -> Verdict {
    match &outcome.result {
        Err(failure) if failure.is_stop() => Verdict::Stopped,
        _ if !outcome.left.is_empty() || !outcome.kept.is_empty() => Verdict::CleanUpDue,
        Ok(_) => Verdict::Done,
        Err(_) => Verdict::Failed,
    }
}

/// Carries a plan out, and takes back what must go, however it ends.
///
/// The journal learns first where the run works (`home`), so that a sweep finds its way without the template.
pub async fn carry_out<C: Cloud, T: Tools>(
    plan: &BakePlan,
    home: &Home,
    on: &World<'_, C, T>,
    setup: Setup<'_, Undo>,
) -> Outcome<Artifact, Undo> {
    attend(plan, home, on, setup, Attending::default()).await
}

/// The whole way; from a dead run's image on, where it had come as far as that.
pub(super) async fn bake<C: Cloud, T: Tools>(
    plan: &BakePlan,
    on: &World<'_, C, T>,
    attending: &Attending<'_>,
    unfinished: &mut Vec<Publication>,
    run: &mut Run<'_, Undo>,
) -> Result<Artifact, Failure> {
    let image = match &attending.adopt {
        Some(adopted) => adopted.image.clone(),
        None => match image_of_machine(plan, on, attending, run).await? {
            Some(image) => image,
            None => return Ok(publish::nothing(plan)),
        },
    };
    publish::publish(plan, &image, on, unfinished, run).await
}

/// Launches the machine, prepares it, and begins to make an image of it, when one is wanted.
async fn image_of_machine<C: Cloud, T: Tools>(
    plan: &BakePlan,
    on: &World<'_, C, T>,
    attending: &Attending<'_>,
    run: &mut Run<'_, Undo>,
) -> Result<Option<ImageId>, Failure> {
    let cloud = on.cloud;
    let key = temporary_key(plan, cloud, run).await?;
    let group = temporary_group(plan, cloud, run).await?;
    let (source, volumes) = start::machine(plan, group.as_ref(), cloud, run).await?;
    let host = address(plan, &source, cloud, run).await?;
    let way = session_manager::open(plan, &source, on, run).await?;
    let on_machine = OnMachine {
        plan,
        source: &source,
        volumes,
        host: &host,
        way: way.as_ref(),
        key: key.as_ref(),
    };
    let image = on_machine.image(on, attending, run);
    match &way {
        Some(way) => way.beside(image).await,
        None => image.await,
    }
}

/// A machine that runs, and how it is come to.
struct OnMachine<'a, C, T: Tools> {
    plan: &'a BakePlan,
    source: &'a InstanceId,
    volumes: Option<Slot>,
    host: &'a str,
    way: Option<&'a Way<'a, C, T>>,
    key: Option<&'a KeyPair>,
}

impl<C: Cloud, T: Tools> OnMachine<'_, C, T> {
    async fn image(
        &self,
        on: &World<'_, C, T>,
        attending: &Attending<'_>,
        run: &mut Run<'_, Undo>,
    ) -> Result<Option<ImageId>, Failure> {
        let Self {
            plan,
            source,
            volumes,
            host,
            way,
            key,
        } = *self;
        let cloud = on.cloud;
        let port = || way.map_or(plan.ssh.port, Way::port);
        let refusal = way.map(Way::refusal);
        attending.tell(plan, source, (host, port()), key);
        let place = (source, host, &port as &dyn Fn() -> u16);
        let remote = connect(plan, on, place, refusal, key, run).await?;
        if let Some(way) = way {
            way.use_it();
        }
        let context = context(plan, (source, (host, port())), key);
        let made = async {
            let watch = Watch::new(plan, cloud, source, refusal);
            prepare(plan, &context, key, (&remote, &watch), run).await?;
            if let Some(way) = way {
                way.close();
            }
            if plan.publish.nothing {
                return Ok(None);
            }
            come_to_rest(plan, (source, volumes), cloud, run).await?;
            run.step("create image", async |made| {
                let created = image::create(plan, source, cloud, made).await;
                instance::or_gone(source, cloud, created).await
            })
            .await
            .map(Some)
        };
        let made = made.await;
        if made.is_err() {
            error_cleanup::run(plan, &remote, &context, run).await;
        }
        made
    }
}

async fn temporary_key(
    plan: &BakePlan,
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
) -> Result<Option<KeyPair>, Failure> {
    let Some(wanted) = &plan.key_pair else {
        return Ok(None);
    };
    let create = async |made: &mut _| key_pair::create(wanted, plan, cloud, made).await;
    run.step("create key pair", create).await.map(Some)
}

async fn temporary_group(
    plan: &BakePlan,
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
) -> Result<Option<crate::cloud::SecurityGroupId>, Failure> {
    let Some(wanted) = &plan.security_group else {
        return Ok(None);
    };
    let create = async |made: &mut _| security_group::create(wanted, plan.run, cloud, made).await;
    run.step("create security group", create).await.map(Some)
}

/// With a fixed host the wait for SSH is the wait for the machine too.
async fn address(
    plan: &BakePlan,
    source: &InstanceId,
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
) -> Result<String, Failure> {
    if let Some(host) = &plan.ssh.host {
        return Ok(host.clone());
    }
    let looks = Cell::new(0);
    run.wait("instance running", &plan.waits.instance, async || {
        instance::running(source, &plan.ssh, &looks, cloud).await
    })
    .await
}

async fn connect<C: Cloud, T: Tools>(
    plan: &BakePlan,
    on: &World<'_, C, T>,
    (source, host, port): (&InstanceId, &str, &dyn Fn() -> u16),
    refusal: Option<&Refusal>,
    key: Option<&KeyPair>,
    run: &mut Run<'_, Undo>,
) -> Result<T::Remote, Failure> {
    let private = key.map(KeyPair::private).transpose();
    let private = private.map_err(|error| Failure::new("connect", Error::KeyPair(error)))?;
    let connecting = Connecting {
        cloud: on.cloud,
        tools: on.tools,
        events: run.events(),
        ssh: &plan.ssh,
        instance: source,
        host,
        port,
        refusal,
        private_key: private.as_deref(),
        seen: RefCell::new(Seen::default()),
    };
    let first = run
        .wait("connect", &plan.ssh.patience, async || {
            connecting.attempt().await
        })
        .await?;
    if plan.ssh.pause.is_zero() {
        return Ok(first);
    }
    // As Packer has it, the pause begins when the machine has let us in once.
    run.work("pause before connecting", async || {
        first.close().await;
        tokio::time::sleep(plan.ssh.pause).await;
        Ok::<_, Error>(())
    })
    .await?;
    run.wait("connect again", &plan.ssh.patience, async || {
        connecting.attempt().await
    })
    .await
}

/// Everything that happens on the machine.
async fn prepare<C: Cloud>(
    plan: &BakePlan,
    context: &Context,
    key: Option<&KeyPair>,
    (remote, watch): (&impl Remote, &Watch<'_, C>),
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let events: &dyn Events = run.events();
    if plan.ssh.wait_for_cloud_init {
        let wait = async || clean::wait_for_cloud_init(remote, events).await;
        watch.work("wait for cloud-init", run, wait).await?;
    }
    let provision = async || provision::apply(&plan.provisioners, remote, context, events).await;
    watch.work(provision::WORK, run, provision).await?;
    if !plan.verify.is_empty() {
        let verify = async || provision::verify(&plan.verify, remote, context, events).await;
        watch.work("verify", run, verify).await?;
    }
    if plan.publish.nothing {
        remote.close().await;
        return Ok(());
    }
    let wipe = async || {
        let done = clean::wipe(plan, key.map(KeyPair::public), remote, events).await;
        remote.close().await;
        done
    };
    watch.work("clean up the machine", run, wipe).await
}

fn context(
    plan: &BakePlan,
    (id, (host, port)): (&InstanceId, (&str, u16)),
    key: Option<&KeyPair>,
) -> Context {
    let source = &plan.source;
    let mut build = Map::new();
    let mut set = |name: &str, value: Value| build.insert(name.to_owned(), value);
    set("ID", json!(id));
    set("Host", json!(host));
    set("Port", json!(port));
    set("User", json!(plan.ssh.user));
    set("ConnType", json!("ssh"));
    set("PackerRunUUID", json!(plan.run));
    set("SourceAMI", json!(source.id));
    set("SourceAMIName", json!(source.name));
    set("SourceAMICreationDate", json!(source.created));
    set("SourceAMIOwner", json!(source.owner));
    set("SourceAMIOwnerName", json!(source.owner_alias));
    set("BuildRegion", json!(plan.region));
    if let Some(key) = key {
        set("SSHPublicKey", json!(key.public()));
        set("SSHPrivateKey", json!(key.private().unwrap_or_default()));
    }
    Context {
        build_name: plan.build.clone(),
        builder_type: BUILDER.to_owned(),
        run: plan.run.to_string(),
        build,
        artifact: None,
    }
}

async fn come_to_rest(
    plan: &BakePlan,
    (source, volumes): (&InstanceId, Option<Slot>),
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    match plan.stopping {
        Stopping::Restart => return Ok(()),
        Stopping::ByItself => {}
        Stopping::Stop => {
            run.step("stop instance", async |_| {
                let stopped = cloud.stop_instance(source).await.map_err(Error::Cloud);
                instance::or_gone(source, cloud, stopped).await
            })
            .await?;
        }
    }
    let stopped = run
        .wait("instance stopped", &plan.waits.instance, async || {
            instance::stopped(source, cloud).await
        })
        .await?;
    if let Some(slot) = volumes {
        run.step("note volumes", async |made| {
            instance::note_volumes(&stopped, plan.run, slot, cloud, made).await
        })
        .await?;
    }
    for support in &plan.network_support {
        run.step("set network support", async |_| {
            let set = cloud.set_network_support(source, *support).await;
            set.map_err(Error::Cloud)
        })
        .await?;
    }
    Ok(())
}
