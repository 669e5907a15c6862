//! Instances as real machines: systemd-nspawn on overlayfs, cloud-init, metadata service, console.
//!
//! Shape of what follows (the methods return at once, answers come as facts):
//!
//! ```text
//! let base = machines::base::ensure(&cache, &mut |line| …).await?;               // mmdebstrap, once, cached
//! let machines = Machines::start_up(Config, Arc<Network>, UnboundedSender<Fact>).await?;  // inside the supervisor
//! machines.publish("ami-…", &base, "admin")?;                                     // base image under an id, default user
//! let rest: Option<Effect> = machines.carry_out(effect);                          // Balance/Unbalance are handed back
//! machines.describe(instance, Metadata);                                          // metadata changed after launch
//! machines.shut_down().await;                                                     // all machines off, state removed
//! machines::sweep(&Config) -> Vec<String>                                         // cgroups, state folder; by name
//! machines::host::missing() -> Option<String>                                     // one sentence
//! ```
