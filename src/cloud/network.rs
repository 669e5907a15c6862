//! Security groups and subnets.

use serde::Serialize;

use crate::cloud::{Filter, Result, SecurityGroupId, SubnetId, Tags, VpcId, Zone};

/// A security group to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewSecurityGroup {
    pub name: String,
    pub description: String,
    /// Unset: the default VPC.
    pub vpc: Option<VpcId>,
    pub tags: Tags,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subnet {
    pub id: SubnetId,
    pub vpc: VpcId,
    pub zone: Zone,
    /// Addresses that are free.
    pub free: u32,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vpc {
    pub id: VpcId,
    pub is_default: bool,
}

/// Security groups and subnets.
pub trait Network {
    /// Makes a security group that lets nothing in.
    fn create_security_group(
        &self,
        group: &NewSecurityGroup,
    ) -> impl Future<Output = Result<SecurityGroupId>>;

    /// Lets TCP to `port` in from `sources` (CIDR blocks of either family).
    fn allow_tcp(
        &self,
        group: &SecurityGroupId,
        port: u16,
        sources: &[String],
    ) -> impl Future<Output = Result<()>>;

    /// Security groups that match all filters.
    fn find_security_groups(
        &self,
        filters: &[Filter],
    ) -> impl Future<Output = Result<Vec<SecurityGroupId>>>;

    /// Deletes a security group; one in use is an error of kind `Dependency`.
    fn delete_security_group(&self, id: &SecurityGroupId) -> impl Future<Output = Result<()>>;

    /// Subnets that match all filters.
    fn find_subnets(&self, filters: &[Filter]) -> impl Future<Output = Result<Vec<Subnet>>>;

    /// VPCs that match all filters.
    fn find_vpcs(&self, filters: &[Filter]) -> impl Future<Output = Result<Vec<Vpc>>>;
}
