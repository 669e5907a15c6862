//! A world in which everything that is asked for happens before the next request.

use jiff::{SignedDuration, Timestamp};
use localcloud::{
    model::{Config, Effect, Fact, Model, SourceImage, Verdict},
    wire::{self, HttpRequest, HttpResponse},
};
use std::path::PathBuf;

pub struct World {
    model: Model,
    now: Timestamp,
    facts: Vec<Fact>,
    /// Gets the keys of every machine that boots.
    authorized_keys: Option<PathBuf>,
}

const STEP: SignedDuration = SignedDuration::from_secs(5);

pub fn debian() -> SourceImage {
    SourceImage {
        id: "ami-0123456789abcdef0".into(),
        name: "debian-12-amd64-20260901-1234".into(),
        owner: "136693071363".into(),
        description: "Debian 12 & friends".into(),
        created: Timestamp::from_second(1_788_220_800).unwrap(),
        architecture: "x86_64".into(),
        root_device: "/dev/xvda".into(),
        root_size: 8,
    }
}

impl World {
    pub fn new(authorized_keys: Option<PathBuf>) -> Self {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let config = Config {
            images: vec![debian()],
            opened: now,
            other_regions: vec!["eu-west-1".into()],
            ..Config::default()
        };
        Self {
            model: Model::new(config),
            now,
            facts: Vec::new(),
            authorized_keys,
        }
    }

    pub fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        self.now += STEP;
        while !self.facts.is_empty() {
            for fact in std::mem::take(&mut self.facts) {
                let effects = self.model.observe(fact, self.now);
                self.happen(effects);
            }
        }
        let (response, effects) = wire::answer(&mut self.model, request, self.now);
        self.happen(effects);
        response
    }

    fn happen(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let (Effect::Boot(boot), Some(file)) = (&effect, &self.authorized_keys) {
                let known = std::fs::read_to_string(file).unwrap_or_default();
                std::fs::write(file, format!("{known}{}\n", boot.public_keys.join("\n"))).unwrap();
            }
            let facts = facts_of(effect);
            self.facts.extend(facts);
        }
    }
}

fn facts_of(effect: Effect) -> Vec<Fact> {
    match effect {
        Effect::Boot(boot) => vec![
            Fact::Running {
                instance: boot.instance.clone(),
            },
            Fact::Console {
                instance: boot.instance,
                text: "ssh-host-key <fingerprint> & more\r\n".into(),
            },
        ],
        Effect::Start { instance } => vec![Fact::Running { instance }],
        Effect::Stop { instance } => vec![Fact::Stopped {
            instance,
            asked: true,
        }],
        Effect::Terminate { instance } => vec![Fact::Gone { instance }],
        Effect::Freeze { image, .. } => vec![Fact::Frozen { image }],
        Effect::Root {
            instance, running, ..
        } if running => vec![Fact::Rooted { instance }],
        Effect::Root { .. }
        | Effect::Scrap { .. }
        | Effect::Reboot { .. }
        | Effect::Alias { .. }
        | Effect::Discard { .. }
        | Effect::Describe { .. }
        | Effect::Unbalance { .. } => Vec::new(),
        Effect::Balance(balancer) => {
            let probed = balancer
                .groups
                .iter()
                .flat_map(|group| group.targets.iter().map(move |target| (group, target)));
            let probed = probed.map(|(group, target)| Fact::Probed {
                group: group.arn.clone(),
                target: target.id.clone(),
                port: target.port,
                verdict: Verdict::Healthy,
            });
            std::iter::once(Fact::Balanced {
                arn: balancer.arn.clone(),
            })
            .chain(probed)
            .collect()
        }
    }
}
