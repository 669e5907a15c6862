//! The instance types that a service file falls back to.

use crate::cloud::{Cloud, Error, InstanceType, Offer};
use crate::template::service::{Capacity, Service};

/// What is known of them.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub types: Vec<InstanceType>,
    /// In which zones they can be had.
    pub offers: Vec<Offer>,
}

/// Asks for them; nothing where the file names none.
pub(super) async fn look_up(cloud: &impl Cloud, service: &Service) -> Result<Known, Error> {
    let wanted = service.capacity.iter().flat_map(Capacity::types);
    let names: Vec<_> = wanted.map(|kind| kind.value.clone()).collect();
    if names.is_empty() {
        return Ok(Known::default());
    }
    Ok(Known {
        types: cloud.instance_types(&names).await?,
        offers: cloud.offers(&names).await?,
    })
}
