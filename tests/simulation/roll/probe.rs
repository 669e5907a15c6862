//! Requests through a load balancer that is not there.

use kiln::cloud::Traffic;
use std::time::Duration;

use kiln::roll::{Answer, Ask, NoAnswer, Probe, Ran};
use kiln::run::Events;
use kiln::ssh::{Target, fits};

use super::invariants;
use super::outside::{Outside, Word};
use crate::simulation::cloud::Cloud;

/// Answers as the machines of the model would: with the id of the image that they run.
pub struct ModelProbe {
    pub cloud: Cloud,
    pub outside: Outside,
}

impl Probe for ModelProbe {
    async fn on_machine(
        &self,
        target: Target,
        command: &str,
        _: &dyn Events,
    ) -> Result<Ran, NoAnswer> {
        self.outside
            .note(&[format!("{}@{}", target.user, target.host)], &[]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let code = match self.outside.ask(command, &self.cloud) {
            Some(Word::Nothing) => return Err(NoAnswer("connection refused".to_owned())),
            Some(Word::Silence) => std::future::pending().await,
            Some(Word::No) => 3,
            Some(Word::Yes) | None => 0,
        };
        let (code, tail) = (Some(code), "inactive".to_owned());
        Ok(Ran { code, tail })
    }

    async fn consult(&self, question: &str) -> Option<bool> {
        match self.outside.ask(question, &self.cloud) {
            Some(Word::Yes) => Some(true),
            Some(Word::No) => Some(false),
            Some(Word::Nothing | Word::Silence) | None => std::future::pending().await,
        }
    }

    async fn run(
        &self,
        words: &[String],
        environment: &[(String, String)],
        _: &dyn Events,
    ) -> Result<Ran, NoAnswer> {
        self.outside.note(words, environment);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let code = match self.outside.ask(words.last().unwrap(), &self.cloud) {
            Some(Word::Nothing) => None,
            Some(Word::Silence) => std::future::pending().await,
            Some(Word::No) => Some(1),
            Some(Word::Yes) | None => Some(0),
        };
        let tail = "the last line".to_owned();
        Ok(Ran { code, tail })
    }

    async fn ask(&self, ask: &Ask) -> Result<Answer, NoAnswer> {
        if ask.path.contains("/api/v1/query") {
            let word = self.outside.ask(&ask.path, &self.cloud);
            return Ok(answer(200, &of_prometheus(word.unwrap_or(Word::Yes))));
        }
        match self.outside.ask(&ask.path, &self.cloud) {
            Some(Word::Yes) => return Ok(answer(200, "yes")),
            Some(Word::No) => return Ok(answer(500, "no")),
            Some(Word::Nothing) => return Err(NoAnswer("connection refused".to_owned())),
            Some(Word::Silence) => std::future::pending().await,
            None => {}
        }
        let observer = self.cloud.observer().await;
        let balancers = observer.load_balancers().await.unwrap();
        let balancer = balancers
            .iter()
            .find(|one| one.host == ask.address)
            .unwrap();
        let listeners = observer.listeners(&balancer.arn).await.unwrap();
        let listener = listeners.iter().find(|one| one.port == ask.port).unwrap();
        let rules = observer.rules(&listener.arn).await.unwrap();
        let matching = rules.iter().find(|rule| {
            let conditions = &rule.conditions;
            let host = conditions.hosts.is_empty() || conditions.hosts.contains(&ask.host);
            let paths = &conditions.paths;
            let path = paths.is_empty() || paths.iter().any(|one| fits(one, &ask.path));
            let headers = conditions.headers.iter().all(|(name, values)| {
                ask.headers
                    .iter()
                    .any(|(key, value)| key == name && values.contains(value))
            });
            host && path && headers
        });
        let world = self.cloud.world();
        let views = world.model.view_listeners();
        let view = views
            .iter()
            .find(|view| view.arn == listener.arn.as_str())
            .unwrap();
        let rule = view.rules.iter().find(|rule| match matching {
            Some(matching) => rule.arn == matching.arn.as_str(),
            None => rule.priority.is_none(),
        });
        let targets = rule.unwrap().reach.iter().flat_map(|reach| &reach.targets);
        let images = invariants::images(&world.model);
        match targets.map(|target| images[target].clone()).next() {
            Some(body) => Ok(Answer {
                headers: vec![("x-image".to_owned(), body.clone())],
                ..answer(200, &body)
            }),
            None => Ok(answer(503, "")),
        }
    }
}

/// One series that is 0 or 1, or none.
fn of_prometheus(word: Word) -> String {
    let series = match word {
        Word::Yes => serde_json::json!([{ "metric": {}, "value": [1, "0"] }]),
        Word::No => serde_json::json!([{ "metric": {}, "value": [1, "1"] }]),
        Word::Nothing | Word::Silence => serde_json::json!([]),
    };
    let data = serde_json::json!({ "resultType": "vector", "result": series });
    serde_json::json!({ "status": "success", "data": data }).to_string()
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.to_owned(),
        headers: Vec::new(),
        took: Duration::from_millis(20),
    }
}
