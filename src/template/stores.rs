//! Stores of secrets that values of variables may ask: Vault, Consul, AWS Secrets Manager. Asking is left to who loads; here
//! each distinct call is made once, its arguments are checked, and nobody is asked where nothing runs.

use super::engine::OURS;
use super::functions::refuse;
use minijinja::{Environment, Error};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The functions that ask, as templates call them.
const FUNCTIONS: &[&str] = &[
    "vault",
    "consul_key",
    "aws_secretsmanager",
    "aws_secretsmanager_raw",
];

/// What a store is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// A key of a secret in Vault's key-value store, version 1 or 2: the path is that of the API, without `/v1/`.
    Vault { path: String, key: String },
    /// A key of Consul's store.
    Consul { key: String },
    /// A field of a secret that is JSON, or the whole of one that is not.
    SecretsManager { name: String, key: Option<String> },
    /// The whole secret.
    SecretsManagerRaw { name: String },
}

/// Who is asked.
pub trait Ask: Send + Sync {
    /// The value, or why there is none, in words for a finding.
    fn ask(&self, call: &Call) -> Result<String, String>;
}

/// The stores of a run, with what they have answered.
#[derive(Clone, Default)]
pub struct Stores {
    ask: Option<Arc<dyn Ask>>,
    answers: Arc<Mutex<BTreeMap<Call, Result<String, String>>>>,
    /// What one load has called for.
    called: Arc<Mutex<BTreeSet<Call>>>,
}

/// Answers by what is asked for: whoever gets them sees which secret it is, and nothing of it.
struct StandIns;

impl Ask for StandIns {
    fn ask(&self, call: &Call) -> Result<String, String> {
        Ok(format!("the answer to {call:?}"))
    }
}

impl Stores {
    /// Stores that are asked, each distinct call once, by clones too.
    pub fn new(ask: Arc<dyn Ask>) -> Self {
        Self {
            ask: Some(ask),
            answers: Arc::default(),
            called: Arc::default(),
        }
    }

    /// Stores that nobody is asked for, and that answer each call with its own words.
    pub(super) fn stand_ins() -> Self {
        Self::new(Arc::new(StandIns))
    }

    /// The same stores with the same answers, for another load.
    pub(super) fn for_load(&self) -> Self {
        Self {
            called: Arc::default(),
            ..self.clone()
        }
    }

    /// What this load was told.
    pub(super) fn told(&self) -> Vec<String> {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let told = called.iter().filter_map(|call| answers.get(call));
        told.filter_map(|answer| answer.clone().ok()).collect()
    }

    /// Whether nobody is asked: calls are checked, and have no value.
    pub fn is_offline(&self) -> bool {
        self.ask.is_none()
    }

    fn answer(&self, call: Call) -> Result<String, Error> {
        let Some(ask) = &self.ask else {
            return Ok(String::new());
        };
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called.insert(call.clone());
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.entry(call).or_insert_with_key(|call| ask.ask(call));
        answer.clone().map_err(refuse)
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

/// Whether a name that a script reads is a function that asks.
pub(super) fn asks(name: &str) -> bool {
    FUNCTIONS.contains(&name.strip_prefix(OURS).unwrap_or(name))
}

/// Adds the functions.
pub(super) fn add(environment: &mut Environment<'static>, stores: &Stores) {
    let all = stores.clone();
    environment.add_function("vault", move |path: String, key: String| {
        let path = named("a path", path.trim_matches('/').to_owned())?;
        let key = named("a key", key)?;
        all.answer(Call::Vault { path, key })
    });
    let all = stores.clone();
    environment.add_function("consul_key", move |key: String| {
        let key = named("a key", key.trim_start_matches('/').to_owned())?;
        all.answer(Call::Consul { key })
    });
    let all = stores.clone();
    environment.add_function(
        "aws_secretsmanager",
        move |name: String, key: Option<String>| {
            let name = named("a secret's name", name)?;
            let key = key.filter(|key| !key.is_empty());
            all.answer(Call::SecretsManager { name, key })
        },
    );
    let all = stores.clone();
    environment.add_function("aws_secretsmanager_raw", move |name: String| {
        let name = named("a secret's name", name)?;
        all.answer(Call::SecretsManagerRaw { name })
    });
}

fn named(what: &str, text: String) -> Result<String, Error> {
    if text.is_empty() || text.contains(char::is_control) {
        return Err(refuse(format!(
            "{what} is missing, or has control characters"
        )));
    }
    Ok(text)
}
