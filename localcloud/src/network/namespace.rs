//! A machine's network namespace and the cable that joins it to the bridge.

use std::net::Ipv4Addr;
use std::path::Path;

use super::{Config, Error, bridge};
use crate::command::{run, run_with_input};

/// Where `ip netns` keeps its names.
pub(super) const NAMESPACES: &str = "/run/netns";

pub(super) async fn attach(
    config: &Config,
    mtu: u32,
    instance: &str,
    address: Ipv4Addr,
) -> Result<String, Error> {
    let name = config.namespace(instance);
    run("ip", &["netns", "add", &name]).await?;
    run_with_input(
        "ip",
        &["-batch", "-"],
        &outside(config, mtu, &name, instance, address),
    )
    .await?;
    run_with_input(
        "ip",
        &["-n", &name, "-batch", "-"],
        &inside(config, address),
    )
    .await?;
    Ok(name)
}

fn outside(
    config: &Config,
    mtu: u32,
    namespace: &str,
    instance: &str,
    address: Ipv4Addr,
) -> String {
    let (bridge, cable) = (config.bridge(), config.cable(instance));
    let hardware = bridge::hardware_address(address);
    format!(
        "link add {cable} mtu {mtu} type veth peer name eth0 mtu {mtu} address {hardware} netns {namespace}\n\
         link set {cable} master {bridge} up\n"
    )
}

fn inside(config: &Config, address: Ipv4Addr) -> String {
    let Config { router, bits, .. } = config;
    format!(
        "link set lo up\n\
         addr add {address}/{bits} dev eth0\n\
         link set eth0 up\n\
         route add default via {router}\n"
    )
}

pub(super) async fn detach(config: &Config, instance: &str) -> Result<(), Error> {
    // The cable is removed by its own name: the namespace lives on while anything still runs in it.
    remove_link(&config.cable(instance)).await?;
    remove(&config.namespace(instance)).await
}

/// Removes a namespace's name; one that is not there, or goes meanwhile, is fine.
pub(super) async fn remove(namespace: &str) -> Result<(), Error> {
    let name = Path::new(NAMESPACES).join(namespace);
    if !name.exists() {
        return Ok(());
    }
    match run("ip", &["netns", "del", namespace]).await {
        Err(_) if !name.exists() => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

/// Removes an interface; one that is not there, or goes meanwhile with its namespace, is fine.
pub(super) async fn remove_link(link: &str) -> Result<(), Error> {
    let exists = async || run("ip", &["link", "show", "dev", link]).await.is_ok();
    if !exists().await {
        return Ok(());
    }
    match run("ip", &["link", "del", link]).await {
        Err(_) if !exists().await => Ok(()),
        other => Ok(other.map(drop)?),
    }
}
