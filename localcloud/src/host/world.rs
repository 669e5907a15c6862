//! Carries out what the model asks: machines and load balancers, in the order of the effects and without waiting for them.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::balancer::Balancers;
use crate::failure;
use crate::machines::Machines;
use crate::model::{Balancer, Effect};
use crate::network::Network;

/// All that is real.
pub(super) struct World {
    pub network: Arc<Network>,
    pub machines: Machines,
    pub balancers: Balancers,
    /// The addresses of load balancers, by ARN.
    pub addresses: HashMap<String, Ipv4Addr>,
}

impl World {
    /// Works until no more effects can come; gives itself back to be taken down.
    pub async fn run(mut self, mut effects: mpsc::UnboundedReceiver<Effect>) -> Self {
        while let Some(effect) = effects.recv().await {
            match self.machines.carry_out(effect) {
                None => {}
                Some(Effect::Balance(wanted)) => self.balance(*wanted).await,
                Some(Effect::Unbalance { arn }) => self.unbalance(&arn).await,
                Some(other) => tracing::error!(?other, "nobody carries this out"),
            }
        }
        self
    }

    async fn balance(&mut self, wanted: Balancer) {
        if self.addresses.get(&wanted.arn) != Some(&wanted.address) {
            if let Err(error) = self.network.add_address(wanted.address).await {
                // The proxy goes on trying to listen; its load balancer stays in `provisioning`.
                tracing::error!(
                    error = failure::chain(&error),
                    load_balancer = wanted.name,
                    "no address"
                );
            }
            self.addresses.insert(wanted.arn.clone(), wanted.address);
        }
        self.balancers.balance(wanted);
    }

    async fn unbalance(&mut self, arn: &str) {
        self.balancers.unbalance(arn);
        let Some(address) = self.addresses.remove(arn) else {
            return;
        };
        if let Err(error) = self.network.remove_address(address).await {
            tracing::warn!(
                error = failure::chain(&error),
                "an address stays until `down`"
            );
        }
    }

    /// Ends proxies and machines in order.
    pub async fn end(self) {
        self.balancers.end().await;
        if let Err(error) = self.machines.shut_down().await {
            tracing::error!(
                error = failure::chain(&error),
                "machines stay until the sweep"
            );
        }
    }
}
