//! Load balancers as real proxies: one `HAProxy` for each load balancer, fed from `Effect::Balance`.
//!
//! Owns configuration, reloads, weights and what the health checks saw. The addresses that proxies listen on belong to
//! `network`; what a target's health means belongs to the model. Each proxy is a task: `config` renders what is wanted,
//! `generation` runs the processes, `health` turns their statistics into facts, `proxy` puts these together.

mod conditions;
mod config;
mod generation;
mod health;
mod proxy;
mod runtime;
mod shares;
mod stats;

use std::collections::HashMap;
use std::path::PathBuf;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::model::{Balancer, Fact};

/// Where a proxy's files are and where its facts go.
#[derive(Clone, Debug)]
pub struct Place {
    /// A folder for all load balancers; each gets a folder of its own below it.
    pub folder: PathBuf,
    pub facts: mpsc::UnboundedSender<Fact>,
}

/// All load balancers of the cloud.
#[derive(Debug)]
pub struct Balancers {
    place: Place,
    proxies: HashMap<String, watch::Sender<Balancer>>,
    tasks: JoinSet<()>,
}

impl Balancers {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            proxies: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Wants a load balancer in this state. Returns at once; `Fact::Balanced` tells when its proxy is there.
    pub fn balance(&mut self, wanted: Balancer) {
        while self.tasks.try_join_next().is_some() {}
        if let Some(proxy) = self.proxies.get(&wanted.arn) {
            proxy.send_replace(wanted);
            return;
        }
        let arn = wanted.arn.clone();
        let (sender, receiver) = watch::channel(wanted);
        self.tasks.spawn(proxy::run(self.place.clone(), receiver));
        self.proxies.insert(arn, sender);
    }

    /// Ends a load balancer's proxy. One that does not exist is gone already.
    pub fn unbalance(&mut self, arn: &str) {
        self.proxies.remove(arn);
    }

    /// Ends all proxies and waits until their processes are gone.
    pub async fn end(mut self) {
        self.proxies.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}
