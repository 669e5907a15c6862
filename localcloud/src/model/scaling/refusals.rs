//! Refusals of launches in the words that EC2 uses for them, for fault plans.

use crate::model::Fault;

impl Fault {
    /// EC2 has no machine of that type left in a zone.
    #[must_use]
    pub fn insufficient_capacity(instance_type: &str, zone: &str) -> Self {
        let message = format!(
            "We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone}). Our \
             system will be working on provisioning additional capacity. You can currently get {instance_type} capacity by not \
             specifying an Availability Zone in your request or choosing another one."
        );
        Self::new("InsufficientInstanceCapacity", message).with_status(500)
    }

    /// EC2 has no spare machine.
    #[must_use]
    pub fn no_spot_capacity() -> Self {
        let message = "There is no Spot capacity available that matches your request.";
        Self::new("InsufficientInstanceCapacity", message).with_status(500)
    }

    /// The account may not run that many processors.
    #[must_use]
    pub fn vcpu_limit(limit: u32) -> Self {
        let message = format!(
            "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket that \
             the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an \
             adjustment to this limit."
        );
        Self::new("VcpuLimitExceeded", message)
    }
}
