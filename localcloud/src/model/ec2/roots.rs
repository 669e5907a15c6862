//! Another root volume under a running instance: `CreateReplaceRootVolumeTask`, `DescribeReplaceRootVolumeTasks`
//! ("Replace the root volume for an Amazon EC2 instance").
//!
//! The world shuts the machine down, gives it the new root and starts it again; the instance is running all the while. The
//! image that an instance was launched from stays the one that it shows.

mod source;

use super::{
    super::{Effect, Fault, Root, Service, Tree, actions::Action, args::Args, state::State, tags},
    describe::{Kind, PAGED, one},
    instance::{Instance, InstanceState},
    lifecycle, snapshots,
    volumes::{self, Volume},
};
use jiff::{SignedDuration, Timestamp};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateReplaceRootVolumeTask",
        "InstanceId ImageId SnapshotId VolumeId DeleteReplacedRootVolume TagSpecification ClientToken",
        create_task,
    ),
    Action::new(
        Service::Ec2,
        "DescribeReplaceRootVolumeTasks",
        "ReplaceRootVolumeTaskId Filter MaxResults NextToken",
        describe_tasks,
    ),
];

/// The replacement volume is made in about that time, in which the task is shown as pending.
const MAKING: SignedDuration = SignedDuration::from_secs(5);

/// The states of a task (`ReplaceRootVolumeTask`, taskState).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum TaskState {
    Going,
    Succeeded,
    Failed,
    FailedDetached,
}

impl TaskState {
    fn name(self) -> &'static str {
        match self {
            Self::Going => "in-progress",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::FailedDetached => "failed-detached",
        }
    }

    fn is_over(self) -> bool {
        self != Self::Going
    }
}

/// One replacement of a root volume.
#[derive(Clone, Debug)]
pub(in crate::model) struct Task {
    instance: String,
    state: TaskState,
    started: Timestamp,
    completed: Option<Timestamp>,
    image: Option<String>,
    snapshot: Option<String>,
    /// The volume that becomes the root, and whether the task made it.
    volume: String,
    is_fresh: bool,
    /// What the world puts there.
    root: Root,
    deletes_replaced: bool,
}

const TASKS: Kind = Kind {
    ids: "ReplaceRootVolumeTaskId",
    set: "replaceRootVolumeTaskSet",
    filters: "instance-id",
    paging: PAGED,
    all: |state| state.ec2.root_tasks.keys().cloned().collect(),
    missing: |id| {
        super::no_such(
            "InvalidReplaceRootVolumeTaskId",
            "root volume replacement task",
            "replacevol-",
            id,
        )
    },
    field: |state, id, name| match (name, state.ec2.root_tasks.get(id)) {
        ("instance-id", Some(task)) => one(&task.instance),
        _ => Vec::new(),
    },
    show,
};

fn describe_tasks(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    TASKS.describe(state, args)
}

fn show(state: &State, id: &str) -> Tree {
    let Some(task) = state.ec2.root_tasks.get(id) else {
        return Tree::new();
    };
    let is_making =
        task.state == TaskState::Going && state.now.duration_since(task.started) < MAKING;
    let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Tree::new()
        .put("replaceRootVolumeTaskId", id)
        .put("instanceId", &task.instance)
        .put(
            "taskState",
            if is_making {
                "pending"
            } else {
                task.state.name()
            },
        )
        .put("startTime", time(task.started))
        .put_some("completeTime", task.completed.map(time))
        .put_some("imageId", task.image.as_ref())
        .put_some("snapshotId", task.snapshot.as_ref())
        .put("deleteReplacedRootVolume", task.deletes_replaced)
        .put("tagSet", tags::show(&state.ec2.tags_of(id)))
}

fn create_task(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let answer =
        |state: &State, id: &str| Tree::new().put("replaceRootVolumeTask", show(state, id));
    let replayed = state.tokens.replay("CreateReplaceRootVolumeTask", args)?;
    if let Some(id) = replayed.and_then(|ids| ids.into_iter().next()) {
        return Ok(answer(state, &id));
    }
    let instance = super::instance(state, args.text("InstanceId")?)?.clone();
    let old = root_of(state, &instance)?;
    let source = source::of(state, args, &instance, &old)?;
    let tags = tags::read_for(args, "replace-root-volume-task")?;
    let id = state.ids.resource("replacevol");
    let (volume, is_fresh) = match source.volume {
        Some(volume) => (volume, false),
        None => (new_volume(state, &source, &old), true),
    };
    let task = Task {
        instance: instance.id,
        state: TaskState::Going,
        started: state.now,
        completed: None,
        image: source.image,
        snapshot: source.snapshot,
        volume,
        is_fresh,
        root: source.root,
        deletes_replaced: args.flag("DeleteReplacedRootVolume")?.unwrap_or_default(),
    };
    state.ec2.root_tasks.insert(id.clone(), task);
    state.ec2.tag(&id, &tags);
    begin(state, &id, old.id);
    let ids = std::slice::from_ref(&id);
    state
        .tokens
        .remember("CreateReplaceRootVolumeTask", args, ids);
    Ok(answer(state, &id))
}

/// The root volume of an instance that may get another one.
fn root_of(state: &State, instance: &Instance) -> Result<Volume, Fault> {
    let id = &instance.id;
    if instance.state != InstanceState::Running {
        let message = format!("The instance '{id}' is not in the 'running' state.");
        return Err(Fault::new("IncorrectInstanceState", message));
    }
    unreplaced(state, id)?;
    let root = instance
        .root()
        .and_then(|on| state.ec2.volumes.get(&on.volume));
    root.cloned().ok_or_else(|| {
        let message = format!("The instance '{id}' has no root volume.");
        Fault::new("IncorrectState", message)
    })
}

/// Errors while the root of an instance is being replaced.
pub(super) fn unreplaced(state: &State, id: &str) -> Result<(), Fault> {
    let mut tasks = state.ec2.root_tasks.values();
    if tasks.any(|task| task.instance == id && !task.state.is_over()) {
        let message = format!("The root volume of the instance '{id}' is being replaced already.");
        return Err(Fault::new("IncorrectState", message));
    }
    Ok(())
}

/// Whether a machine is about to get a root that stands on these files.
pub(super) fn needs(state: &State, layer: &str) -> bool {
    let mut tasks = state.ec2.root_tasks.values();
    tasks.any(|task| {
        !task.state.is_over() && matches!(&task.root, Root::Fresh { image } if image == layer)
    })
}

/// The replacement has the type of what it replaces, and at least its size.
fn new_volume(state: &mut State, source: &source::Source, old: &Volume) -> String {
    let id = state.ids.resource("vol");
    let kms_key = source.kms_key.clone().or_else(|| old.kms_key.clone());
    let volume = Volume {
        id: id.clone(),
        size: source.size.max(old.size),
        snapshot: source.snapshot.clone(),
        encrypted: kms_key.is_some(),
        kms_key,
        created: state.now,
        attached: None,
        put_away: false,
        ..old.clone()
    };
    state.ec2.volumes.insert(id.clone(), volume);
    id
}

/// The machine gets its new root, after the image that it may be coming to rest for, which is of the old one.
fn begin(state: &mut State, id: &str, old: String) {
    let Some(task) = state.ec2.root_tasks.get(id).cloned() else {
        return;
    };
    let effect = Effect::Root {
        instance: task.instance.clone(),
        away: Some(old),
        root: Some(task.root),
        running: true,
    };
    match state.ec2.instances.get_mut(&task.instance) {
        Some(instance) if !instance.to_freeze.is_empty() => instance.waiting.push(effect),
        _ => lifecycle::ask(state, &task.instance, effect),
    }
}

fn end(state: &mut State, id: &str, how: TaskState) {
    let now = state.now;
    let Some(task) = state.ec2.root_tasks.get_mut(id) else {
        return;
    };
    (task.state, task.completed) = (how, Some(now));
    let (volume, is_fresh) = (task.volume.clone(), task.is_fresh);
    let root = task.root.clone();
    if how != TaskState::Succeeded && is_fresh {
        volumes::remove(state, &volume);
    }
    if let Root::Fresh { image } = root {
        // It may have been let go meanwhile.
        snapshots::discard_unless_kept(state, &image);
    }
}

fn under_way(state: &State, instance: &str) -> Option<(String, Task)> {
    let mut tasks = state.ec2.root_tasks.iter();
    tasks
        .find(|(_, task)| task.instance == instance && !task.state.is_over())
        .map(|(id, task)| (id.clone(), task.clone()))
}

/// The machine has its new root and is on its way up.
pub(super) fn replaced(state: &mut State, instance: &str) {
    let Some((id, task)) = under_way(state, instance) else {
        return;
    };
    let Some(known) = state.ec2.instances.get_mut(instance) else {
        return;
    };
    (known.rerooted, known.impaired) = (true, false);
    let device = known.root_device.clone();
    let Some(root) = known.volumes.iter_mut().find(|on| on.device == device) else {
        return end(state, &id, TaskState::Failed);
    };
    let old = std::mem::replace(&mut root.volume, task.volume.clone());
    volumes::put_away(state, &old);
    volumes::put_on(state, &task.volume, (instance, &device));
    end(state, &id, TaskState::Succeeded);
    if task.deletes_replaced {
        volumes::remove(state, &old);
    }
}

/// The machine did not get its new root; `detached`: it has lost the old one too.
pub(super) fn not_replaced(state: &mut State, instance: &str, detached: bool) {
    let Some((id, _)) = under_way(state, instance) else {
        return;
    };
    if !detached {
        return end(state, &id, TaskState::Failed);
    }
    if let Some(known) = state.ec2.instances.get_mut(instance) {
        (known.rerooted, known.impaired) = (true, true);
        let device = known.root_device.clone();
        let root = known.volumes.iter().position(|on| on.device == device);
        if let Some(old) = root.map(|at| known.volumes.remove(at)) {
            volumes::put_away(state, &old.volume);
        }
    }
    end(state, &id, TaskState::FailedDetached);
}

/// The instance is no more; what it was about to get is not needed.
pub(super) fn gone(state: &mut State, instance: &str) {
    if let Some((id, _)) = under_way(state, instance) {
        end(state, &id, TaskState::Failed);
    }
}
