//! Zones and record sets that an account begins with, without a call, and known to every name server from ever.

use super::{Leads, Record, Zone, name};
use crate::model::{
    Fault, Model,
    view::{AliasView, RecordView},
};

impl Model {
    /// Makes a public hosted zone and gives its id.
    ///
    /// # Errors
    /// The name is none.
    pub fn plant_zone(&mut self, name: &str) -> Result<String, Fault> {
        let state = &mut self.state;
        let name = kept(name)?;
        let zone = Zone::new(&name, &format!("planted {name}"), None, state.now);
        Ok(state.dns.keep(zone))
    }

    /// Puts a record set into a zone, in place of one with the same name, type and set identifier. What it leads to, and
    /// whether it may stand beside the others, is not asked.
    ///
    /// # Errors
    /// There is no such zone, or a name is none.
    pub fn plant_record(&mut self, zone: &str, record: &RecordView) -> Result<(), Fault> {
        let state = &mut self.state;
        let record = planted(record)?;
        let zone = state.dns.zone(zone)?;
        zone.records.insert(record.key(), record.clone());
        let group = zone.group(&record.name, &record.kind);
        let past = &mut zone.past;
        past.always(&record.name, &record.kind, group, state.now);
        Ok(())
    }
}

fn kept(name: &str) -> Result<String, Fault> {
    let text = || format!("The domain name {name} is not valid.");
    name::kept(name).ok_or_else(|| Fault::new("InvalidDomainName", text()))
}

fn planted(view: &RecordView) -> Result<Record, Fault> {
    let alias = |alias: &AliasView| {
        Ok(Leads::Alias {
            zone: alias.zone.clone(),
            target: kept(&alias.target)?,
            evaluates_health: alias.evaluates_health,
        })
    };
    let values = || {
        Ok(Leads::Values {
            ttl: view.ttl.unwrap_or_default(),
            values: view.values.clone(),
        })
    };
    Ok(Record {
        name: kept(&view.name)?,
        kind: view.kind.clone(),
        weighted: view.weighted.clone(),
        leads: view.alias.as_ref().map_or_else(values, alias)?,
    })
}
