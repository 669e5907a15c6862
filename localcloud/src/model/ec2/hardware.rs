//! What an instance stands on: tenancy and hosts, reserved capacity, enclaves, licenses. Kept and shown; there are no hosts,
//! reservations or license configurations here that could be used up.

use super::super::{Fault, Tree, args::Args};

/// As a launch says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::model) struct Hardware {
    tenancy: Option<String>,
    host: Option<String>,
    host_group: Option<String>,
    reservation: Reservation,
    enclave: bool,
    licenses: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Reservation {
    /// Nothing is said: any that fits.
    #[default]
    Unsaid,
    Preferred(String),
    Id(String),
    Group(String),
}

impl Hardware {
    /// Reads the parameters, and refuses what contradicts itself.
    pub(in crate::model) fn read(args: &Args<'_>) -> Result<Self, Fault> {
        let mut hardware = Self {
            reservation: reservation(args)?,
            enclave: enclave(args)?,
            licenses: licenses(args)?,
            ..Self::default()
        };
        if let Some(placement) = args.map("Placement")? {
            placement.only("AvailabilityZone GroupName HostId HostResourceGroupArn Tenancy")?;
            let word = placement.word("Tenancy", "default dedicated host")?;
            hardware.tenancy = word.map(String::from);
            hardware.host = id(&placement, "HostId", "h-")?;
            hardware.host_group = id(&placement, "HostResourceGroupArn", "arn:")?;
        }
        let on_host = hardware.host.is_some() || hardware.host_group.is_some();
        if on_host
            && hardware
                .tenancy
                .as_deref()
                .is_some_and(|word| word != "host")
        {
            let message = "A host can only be named with the tenancy 'host'.";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
        Ok(hardware)
    }

    /// Refuses what the type cannot be, or what a spot instance cannot have.
    pub(in crate::model) fn check(&self, instance_type: &str, spot: bool) -> Result<(), Fault> {
        if self.enclave && (instance_type.starts_with('t') || spot) {
            let message = format!("Enclaves are not supported for this launch of {instance_type}.");
            return Err(Fault::new("UnsupportedOperation", message));
        }
        let reserved = matches!(self.reservation, Reservation::Id(_) | Reservation::Group(_));
        if spot && reserved {
            let message = "Capacity Reservations cannot be used for Spot Instances.";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
        Ok(())
    }

    /// Adds it to an instance's `placement`.
    pub(super) fn place(&self, placement: Tree) -> Tree {
        let host = self.host.is_some() || self.host_group.is_some();
        let usual = if host { "host" } else { "default" };
        placement
            .put("tenancy", self.tenancy.as_deref().unwrap_or(usual))
            .put_some("hostId", self.host.as_ref())
            .put_some("hostResourceGroupArn", self.host_group.as_ref())
    }

    /// Adds the rest to an instance.
    pub(super) fn show(&self, instance: Tree) -> Tree {
        let target = |name: &'static str, value: &str| {
            let target = Tree::new().put(name, value);
            Tree::new().put("capacityReservationTarget", target)
        };
        let preferred = |word: &str| Tree::new().put("capacityReservationPreference", word);
        let specification = match &self.reservation {
            Reservation::Unsaid => preferred("open"),
            Reservation::Preferred(word) => preferred(word),
            Reservation::Id(id) => target("capacityReservationId", id),
            Reservation::Group(arn) => target("capacityReservationResourceGroupArn", arn),
        };
        let id = match &self.reservation {
            Reservation::Id(id) => Some(id),
            _ => None,
        };
        let licenses = self.licenses.iter();
        let licenses: Vec<Tree> = licenses
            .map(|arn| Tree::new().put("licenseConfigurationArn", arn))
            .collect();
        instance
            .put("capacityReservationSpecification", specification)
            .put_some("capacityReservationId", id)
            .put("enclaveOptions", Tree::new().put("enabled", self.enclave))
            .put("licenseSet", licenses)
    }
}

/// A text of a shape.
fn id(args: &Args<'_>, name: &str, start: &str) -> Result<Option<String>, Fault> {
    let Some(text) = args.maybe_text(name)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.starts_with(start) {
        return Ok(Some(text.into()));
    }
    Err(args.invalid(name, text, &format!("It begins with {start}.")))
}

fn reservation(args: &Args<'_>) -> Result<Reservation, Fault> {
    let Some(said) = args.map("CapacityReservationSpecification")? else {
        return Ok(Reservation::Unsaid);
    };
    said.only("CapacityReservationPreference CapacityReservationTarget")?;
    let words = "capacity-reservations-only open none";
    let preference = said.word("CapacityReservationPreference", words)?;
    let Some(target) = said.map("CapacityReservationTarget")? else {
        let word = preference.map(String::from);
        return Ok(word.map_or(Reservation::Unsaid, Reservation::Preferred));
    };
    target.only("CapacityReservationId CapacityReservationResourceGroupArn")?;
    let reservation = id(&target, "CapacityReservationId", "cr-")?;
    let group = id(&target, "CapacityReservationResourceGroupArn", "arn:")?;
    match (preference, reservation, group) {
        (None, Some(id), None) => Ok(Reservation::Id(id)),
        (None, None, Some(arn)) => Ok(Reservation::Group(arn)),
        _ => {
            let message = "Specify one of CapacityReservationPreference, CapacityReservationId and \
                           CapacityReservationResourceGroupArn.";
            Err(Fault::new("InvalidParameterCombination", message))
        }
    }
}

fn enclave(args: &Args<'_>) -> Result<bool, Fault> {
    let Some(options) = args.map("EnclaveOptions")? else {
        return Ok(false);
    };
    options.only("Enabled")?;
    Ok(options.flag("Enabled")?.unwrap_or_default())
}

fn licenses(args: &Args<'_>) -> Result<Vec<String>, Fault> {
    let read = |license: &Args<'_>| {
        license.only("LicenseConfigurationArn")?;
        let arn = id(license, "LicenseConfigurationArn", "arn:")?;
        arn.ok_or_else(|| license.missing("LicenseConfigurationArn"))
    };
    args.maps("LicenseSpecification")?
        .iter()
        .map(read)
        .collect()
}
