//! EC2's half of the model by its public interface: what AWS refuses, what it does once, and what facts bring about.

mod account;
mod dns;
mod faults;
mod images;
mod launches;
mod lifecycle;
mod machines;
mod network;
mod regions;
mod roots;
mod spot;
mod stories;
mod templates;

use jiff::{SignedDuration, Timestamp};
use localcloud::model::{
    Answer, Config, Effect, Fact, Fault, Model, Params, Request, Service, SourceImage, Tree,
};
use std::collections::BTreeMap;

const DEBIAN: &str = "ami-0123456789abcdef0";

/// A cloud whose world does nothing by itself: tests hand in the facts.
struct Cloud {
    model: Model,
    now: Timestamp,
    /// What was asked of the world since it was last looked at.
    effects: Vec<Effect>,
}

impl Cloud {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let mut config = Config {
            opened: now,
            images: vec![debian()],
            ..Config::default()
        };
        change(&mut config);
        Self {
            model: Model::new(config),
            now,
            effects: Vec::new(),
        }
    }

    /// Calls EC2; parameters are written as on the wire, `Filter.1.Name=…` split by blanks.
    fn ask(&mut self, action: &str, parameters: &str) -> Result<Tree, Fault> {
        self.now += SignedDuration::from_secs(1);
        let request = Request {
            service: Service::Ec2,
            action: action.into(),
            params: params(parameters),
        };
        let Answer {
            result, effects, ..
        } = self.model.call(&request, self.now);
        self.effects.extend(effects);
        result
    }

    /// Calls and expects success.
    fn ok(&mut self, action: &str, parameters: &str) -> Tree {
        self.ask(action, parameters)
            .unwrap_or_else(|fault| panic!("{action} {parameters}: {fault}"))
    }

    /// Calls and gives the text at a path of the answer.
    fn get(&mut self, action: &str, parameters: &str, path: &str) -> String {
        let tree = self.ok(action, parameters);
        tree.at(path)
            .and_then(Tree::text)
            .unwrap_or_else(|| panic!("{path} in {tree:?}"))
    }

    /// Calls and expects a refusal with that code.
    #[track_caller]
    fn refused(&mut self, code: &str, action: &str, parameters: &str) {
        let before = self.effects.len();
        match self.ask(action, parameters) {
            Err(fault) => assert_eq!(fault.code, code, "{action} {parameters}: {fault}"),
            Ok(tree) => panic!("{action} {parameters} was answered: {tree:?}"),
        }
        assert_eq!(
            self.effects.len(),
            before,
            "a refused {action} asked something of the world"
        );
    }

    fn see(&mut self, fact: Fact) {
        self.now += SignedDuration::from_secs(1);
        let effects = self.model.observe(fact, self.now);
        self.effects.extend(effects);
    }

    fn pass(&mut self, time: SignedDuration) {
        self.now += time;
        let effects = self.model.advance(self.now);
        self.effects.extend(effects);
    }

    fn asked(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Launches a Debian and gives its id; it is pending.
    fn launch(&mut self, more: &str) -> String {
        let parameters =
            format!("ImageId={DEBIAN} InstanceType=t3.micro MinCount=1 MaxCount=1 {more}");
        self.get("RunInstances", &parameters, "instancesSet.0.instanceId")
    }

    /// Launches a Debian that runs.
    fn running(&mut self, more: &str) -> String {
        let id = self.launch(more);
        self.see(Fact::Running {
            instance: id.clone(),
        });
        self.asked();
        id
    }

    fn state(&mut self, instance: &str) -> String {
        let path = "reservationSet.0.instancesSet.0.instanceState.name";
        self.get(
            "DescribeInstances",
            &format!("InstanceId.1={instance}"),
            path,
        )
    }

    /// How many entries a list of an answer has.
    fn count(&mut self, action: &str, parameters: &str, set: &str) -> usize {
        match self.ok(action, parameters).at(set) {
            Some(Tree::List(list)) => list.len(),
            other => panic!("{set} of {action}: {other:?}"),
        }
    }
}

fn debian() -> SourceImage {
    SourceImage {
        id: DEBIAN.into(),
        name: "debian-12-amd64-20260901-1234".into(),
        owner: "136693071363".into(),
        description: "Debian 12".into(),
        created: Timestamp::from_second(1_788_220_800).unwrap(),
        architecture: "x86_64".into(),
        root_device: "/dev/xvda".into(),
        root_size: 8,
    }
}

#[derive(Default)]
struct Node(Option<String>, BTreeMap<String, Node>);

fn params(text: &str) -> Params {
    let mut root = Node::default();
    for pair in text.split_whitespace() {
        let (name, value) = pair
            .split_once('=')
            .unwrap_or_else(|| panic!("{pair} has no value"));
        let node = name.split('.').fold(&mut root, |node, part| {
            node.1.entry(part.into()).or_default()
        });
        node.0 = Some(value.replace('+', " "));
    }
    tree(root)
}

fn tree(node: Node) -> Params {
    match node {
        Node(Some(text), _) => Params::Text(text),
        Node(None, children)
            if children
                .keys()
                .next()
                .is_some_and(|name| name.parse::<u32>().is_ok()) =>
        {
            Params::List(children.into_values().map(tree).collect())
        }
        Node(None, children) => Params::Map(
            children
                .into_iter()
                .map(|(name, node)| (name, tree(node)))
                .collect(),
        ),
    }
}
