//! The bridge: its range, its addresses and the host's routes that it must not cross.

use std::net::Ipv4Addr;

use serde::Deserialize;

use super::{Config, Error};
use crate::command::{run, run_with_input};

/// A line of `ip -j route`.
#[derive(Debug, Deserialize)]
struct Route {
    dst: String,
    #[serde(default)]
    dev: String,
}

/// First address of the range that an address lies in.
pub(super) fn network_of(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address) & mask(bits))
}

fn mask(bits: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(bits.min(32)))
        .unwrap_or(0)
}

/// The hardware address that goes with an address: the same one each time, so that a neighbour's memory of an address
/// stays right when a new machine gets it.
pub(super) fn hardware_address(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("0a:4b:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

pub(super) async fn check_range_is_free(config: &Config) -> Result<(), Error> {
    let text = run("ip", &["-j", "-4", "route", "show"]).await?;
    let routes: Vec<Route> =
        serde_json::from_str(&text).map_err(|error| Error::Unreadable("ip route", error))?;
    match first_crossing(&routes, config) {
        None => Ok(()),
        Some(route) => Err(Error::RangeInUse {
            range: config.range(),
            route: route.dst.clone(),
            device: route.dev.clone(),
        }),
    }
}

fn first_crossing<'a>(routes: &'a [Route], config: &Config) -> Option<&'a Route> {
    routes.iter().find(|route| {
        parse_range(&route.dst).is_some_and(|(address, bits)| {
            let shared = bits.min(config.bits);
            network_of(address, shared) == network_of(config.router, shared)
        })
    })
}

/// `10.0.0.0/8` or a plain address; nothing for `default`.
fn parse_range(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
    Some((address.parse().ok()?, bits.parse().ok()?))
}

/// Largest packet of the device that the default route uses; 1500 when there is no way outside.
pub(super) async fn outside_mtu() -> Result<u32, Error> {
    let text = run("ip", &["-j", "-4", "route", "show", "default"]).await?;
    let routes: Vec<Route> =
        serde_json::from_str(&text).map_err(|error| Error::Unreadable("ip route", error))?;
    let said = routes.first().and_then(|route| {
        std::fs::read_to_string(format!("/sys/class/net/{}/mtu", route.dev)).ok()
    });
    Ok(said
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(1500))
}

pub(super) async fn create(config: &Config, mtu: u32) -> Result<(), Error> {
    let (bridge, router, bits) = (config.bridge(), config.router, config.bits);
    // With an address of its own the bridge keeps it when machines come and go.
    let hardware = hardware_address(router);
    let lines = format!(
        "link add {bridge} address {hardware} mtu {mtu} type bridge\n\
         addr add {router}/{bits} dev {bridge}\n\
         link set {bridge} up\n"
    );
    run_with_input("ip", &["-batch", "-"], &lines).await?;
    Ok(())
}

pub(super) async fn add_address(config: &Config, address: Ipv4Addr) -> Result<(), Error> {
    let with_bits = format!("{address}/{}", config.bits);
    run(
        "ip",
        &["addr", "replace", &with_bits, "dev", &config.bridge()],
    )
    .await?;
    Ok(())
}

pub(super) async fn remove_address(config: &Config, address: Ipv4Addr) -> Result<(), Error> {
    let (bridge, with_bits) = (config.bridge(), format!("{address}/{}", config.bits));
    let there = run("ip", &["-o", "-4", "addr", "show", "dev", &bridge]).await?;
    if there.split_whitespace().any(|word| word == with_bits) {
        run("ip", &["addr", "del", &with_bits, "dev", &bridge]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossing(routes: &[&str]) -> Option<String> {
        let routes: Vec<Route> = routes
            .iter()
            .map(|dst| Route {
                dst: (*dst).to_owned(),
                dev: "eth0".to_owned(),
            })
            .collect();
        first_crossing(&routes, &Config::default()).map(|route| route.dst.clone())
    }

    #[test]
    fn routes_inside_around_and_equal_cross_the_range() {
        assert_eq!(
            crossing(&["default", "172.31.16.0/20"]),
            Some("172.31.16.0/20".to_owned())
        );
        assert_eq!(
            crossing(&["172.16.0.0/12"]),
            Some("172.16.0.0/12".to_owned())
        );
        assert_eq!(
            crossing(&["172.31.0.0/16"]),
            Some("172.31.0.0/16".to_owned())
        );
        assert_eq!(crossing(&["172.31.4.5"]), Some("172.31.4.5".to_owned()));
    }

    #[test]
    fn other_routes_do_not() {
        assert_eq!(
            crossing(&["default", "172.30.0.0/16", "10.0.0.0/8", "192.168.1.0/24"]),
            None
        );
    }

    #[test]
    fn ranges_are_cut_at_their_bits() {
        assert_eq!(
            network_of(Ipv4Addr::new(172, 31, 5, 9), 16),
            Ipv4Addr::new(172, 31, 0, 0)
        );
        assert_eq!(
            network_of(Ipv4Addr::new(172, 31, 5, 9), 0),
            Ipv4Addr::UNSPECIFIED
        );
        assert_eq!(
            network_of(Ipv4Addr::new(172, 31, 5, 9), 32),
            Ipv4Addr::new(172, 31, 5, 9)
        );
    }
}
