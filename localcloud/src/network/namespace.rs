//! A machine's network namespace and the cable that joins it to the bridge.

use std::net::Ipv4Addr;

use super::{Config, Error, bridge};
use crate::command::{self, run, run_with_input};

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
    gone_is_fine(run("ip", &["link", "del", &config.cable(instance)]).await)?;
    gone_is_fine(run("ip", &["netns", "del", &config.namespace(instance)]).await)
}

/// A thing that is not there needs no removing.
pub(super) fn gone_is_fine(result: Result<String, command::Error>) -> Result<(), Error> {
    match result {
        Err(command::Error::Failed { said, .. })
            if said.contains("Cannot find device")
                || said.contains("No such file or directory") =>
        {
            Ok(())
        }
        other => Ok(other.map(drop)?),
    }
}
