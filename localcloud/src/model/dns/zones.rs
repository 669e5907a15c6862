//! Hosted zones, made and taken away.

use super::{
    Dns, Record, Zone, changes,
    check::Records,
    name,
    past::{NOTHING_TTL, Past},
    zone_id,
};
use crate::model::{Fault, Tree, args::Args, regions::Lent, state::State, tags::Tags};
use jiff::Timestamp;

/// The servers of public zones, and those of private ones.
const PUBLIC: [&str; 4] = [
    "ns-2048.awsdns-64.com",
    "ns-2049.awsdns-65.net",
    "ns-2050.awsdns-66.org",
    "ns-2051.awsdns-67.co.uk",
];
const PRIVATE: [&str; 4] = [
    "ns-1536.awsdns-00.co.uk",
    "ns-0.awsdns-00.com",
    "ns-1024.awsdns-00.org",
    "ns-512.awsdns-00.net",
];
/// Seconds, of a zone's own NS records.
const NS_TTL: i64 = 172_800;

impl Zone {
    /// A zone with its own records.
    pub(super) fn new(
        name: &str,
        reference: &str,
        vpc: Option<(String, String)>,
        now: Timestamp,
    ) -> Self {
        let mut zone = Self {
            name: name.to_owned(),
            reference: reference.to_owned(),
            comment: None,
            vpc,
            records: Records::new(),
            past: Past::default(),
            tags: Tags::new(),
        };
        zone.put_own_records(now);
        zone
    }

    fn put_own_records(&mut self, now: Timestamp) {
        let servers = self.servers().map(|server| format!("{server}."));
        let soa = format!(
            "{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
            servers[0]
        );
        let ns = Record::plain(&self.name, "NS", NS_TTL, servers.to_vec());
        let soa = Record::plain(&self.name, "SOA", NOTHING_TTL, vec![soa]);
        for record in [ns, soa] {
            let group = vec![record.clone()];
            self.past.always(&record.name, &record.kind, group, now);
            self.records.insert(record.key(), record);
        }
    }

    fn servers(&self) -> [&'static str; 4] {
        if self.vpc.is_some() { PRIVATE } else { PUBLIC }
    }

    pub(super) fn tree(&self, id: &str) -> Tree {
        let config = Tree::new()
            .put_some("Comment", self.comment.as_ref())
            .put("PrivateZone", self.vpc.is_some());
        let count = i64::try_from(self.records.len()).unwrap_or(i64::MAX);
        Tree::new()
            .put("Id", format!("/hostedzone/{id}"))
            .put("Name", &self.name)
            .put("CallerReference", &self.reference)
            .put("Config", config)
            .put("ResourceRecordSetCount", count)
    }

    fn delegation(&self) -> Option<Tree> {
        let servers: Vec<Tree> = self.servers().into_iter().map(Tree::from).collect();
        let is_public = self.vpc.is_none();
        is_public.then(|| Tree::new().put("NameServers", servers))
    }

    fn vpc_tree(&self) -> Option<Tree> {
        let (id, region) = self.vpc.as_ref()?;
        Some(Tree::new().put("VPCRegion", region).put("VPCId", id))
    }
}

impl Dns {
    /// Keeps a zone under an id of its own.
    pub(super) fn keep(&mut self, zone: Zone) -> String {
        let id = self.id('Z');
        self.zones.insert(id.clone(), zone);
        id
    }
}

pub(super) fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let given = args.text("Name")?;
    let name = name::kept(given).ok_or_else(|| {
        let text = format!("The domain name {given} is not valid.");
        Fault::new("InvalidDomainName", text)
    })?;
    let reference = args.text("CallerReference")?;
    let mut zones = state.dns.zones.values();
    if zones.any(|zone| zone.reference == reference) {
        let text = format!(
            "A hosted zone has already been created with the specified caller reference: {reference}"
        );
        return Err(Fault::new("HostedZoneAlreadyExists", text).with_status(409));
    }
    let mut zone = Zone::new(&name, reference, vpc(state, args)?, state.now);
    zone.comment = comment(args, zone.vpc.is_some())?;
    let (info, _) = changes::submit(state, None);
    let id = state.dns.keep(zone.clone());
    Ok(Tree::new()
        .put("HostedZone", zone.tree(&id))
        .put("ChangeInfo", info)
        .put_some("DelegationSet", zone.delegation())
        .put_some("VPC", zone.vpc_tree()))
}

/// The VPC that makes a zone private.
fn vpc(state: &State, args: &Args<'_>) -> Result<Option<(String, String)>, Fault> {
    let Some(vpc) = args.map("VPC")? else {
        return Ok(None);
    };
    vpc.only("VPCId VPCRegion")?;
    let (id, region) = (vpc.text("VPCId")?, vpc.text("VPCRegion")?);
    match &state.lent {
        Some(Lent::Reachable(reachable)) if reachable.has_vpc(id, region) => {
            Ok(Some((id.to_owned(), region.to_owned())))
        }
        _ => {
            let text = format!("The VPC {id} in region {region} does not exist.");
            Err(Fault::new("InvalidVPCId", text))
        }
    }
}

fn comment(args: &Args<'_>, is_private: bool) -> Result<Option<String>, Fault> {
    let Some(config) = args.map("HostedZoneConfig")? else {
        return Ok(None);
    };
    config.only("Comment PrivateZone")?;
    if config
        .flag("PrivateZone")?
        .is_some_and(|private| private != is_private)
    {
        let text =
            "When you're creating a private hosted zone, you must specify Amazon VPC information.";
        return Err(Fault::new("InvalidInput", text));
    }
    let comment = config.maybe_text("Comment")?;
    Ok(comment
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned))
}

pub(super) fn get(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = zone_id(args.text("Id")?);
    let zone = state.dns.zone(id)?;
    let vpcs = zone.vpc_tree().map(|vpc| vec![vpc]);
    Ok(Tree::new()
        .put("HostedZone", zone.tree(id))
        .put_some("DelegationSet", zone.delegation())
        .put_some("VPCs", vpcs))
}

pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = zone_id(args.text("Id")?);
    let zone = state.dns.zone(id)?;
    let own =
        |record: &Record| record.name == zone.name && matches!(record.kind.as_str(), "SOA" | "NS");
    if !zone.records.values().all(own) {
        let text = "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
        return Err(Fault::new("HostedZoneNotEmpty", text));
    }
    state.dns.zones.remove(id);
    let (info, _) = changes::submit(state, None);
    Ok(Tree::new().put("ChangeInfo", info))
}
