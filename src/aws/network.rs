//! Security groups and subnets through the EC2 API.

use aws_sdk_ec2::types as ec2;

use crate::aws::Aws;
use crate::aws::convert::{filters, specification, text};
use crate::aws::error::failed;
use crate::cloud::{
    Filter, Network, NewSecurityGroup, Result, SecurityGroupId, Subnet, SubnetId, Vpc, VpcId, Zone,
};

impl Network for Aws {
    async fn create_security_group(&self, group: &NewSecurityGroup) -> Result<SecurityGroupId> {
        const CALL: &str = "CreateSecurityGroup";
        let answer = self
            .ec2
            .create_security_group()
            .group_name(&group.name)
            .description(&group.description)
            .set_vpc_id(group.vpc.as_ref().map(ToString::to_string))
            .tag_specifications(specification(ec2::ResourceType::SecurityGroup, &group.tags))
            .send()
            .await
            .map_err(|error| failed(CALL, error))?;
        text(CALL, "group id", answer.group_id()).map(SecurityGroupId::new)
    }

    async fn allow_tcp(
        &self,
        group: &SecurityGroupId,
        port: u16,
        sources: &[String],
    ) -> Result<()> {
        let port = i32::from(port);
        let mut permission = ec2::IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(port)
            .to_port(port);
        for source in sources {
            permission = if source.contains(':') {
                permission.ipv6_ranges(ec2::Ipv6Range::builder().cidr_ipv6(source).build())
            } else {
                permission.ip_ranges(ec2::IpRange::builder().cidr_ip(source).build())
            };
        }
        let request = self
            .ec2
            .authorize_security_group_ingress()
            .group_id(group.as_str())
            .ip_permissions(permission.build());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("AuthorizeSecurityGroupIngress", error))
    }

    async fn find_security_groups(&self, wanted: &[Filter]) -> Result<Vec<SecurityGroupId>> {
        const CALL: &str = "DescribeSecurityGroups";
        let request = self
            .ec2
            .describe_security_groups()
            .set_filters(Some(filters(wanted)));
        let mut found = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for group in page.security_groups() {
                found.push(SecurityGroupId::new(text(
                    CALL,
                    "group id",
                    group.group_id(),
                )?));
            }
        }
        Ok(found)
    }

    async fn delete_security_group(&self, id: &SecurityGroupId) -> Result<()> {
        let request = self.ec2.delete_security_group().group_id(id.as_str());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("DeleteSecurityGroup", error))
    }

    async fn find_subnets(&self, wanted: &[Filter]) -> Result<Vec<Subnet>> {
        const CALL: &str = "DescribeSubnets";
        let request = self
            .ec2
            .describe_subnets()
            .set_filters(Some(filters(wanted)));
        let mut found = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for subnet in page.subnets() {
                found.push(subnet_of(CALL, subnet)?);
            }
        }
        Ok(found)
    }

    async fn find_vpcs(&self, wanted: &[Filter]) -> Result<Vec<Vpc>> {
        const CALL: &str = "DescribeVpcs";
        let request = self.ec2.describe_vpcs().set_filters(Some(filters(wanted)));
        let mut found = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for vpc in page.vpcs() {
                found.push(Vpc {
                    id: VpcId::new(text(CALL, "VPC id", vpc.vpc_id())?),
                    is_default: vpc.is_default().unwrap_or_default(),
                });
            }
        }
        Ok(found)
    }
}

fn subnet_of(call: &'static str, subnet: &ec2::Subnet) -> Result<Subnet> {
    let free = subnet.available_ip_address_count().unwrap_or_default();
    Ok(Subnet {
        id: SubnetId::new(text(call, "subnet id", subnet.subnet_id())?),
        vpc: VpcId::new(text(call, "VPC id", subnet.vpc_id())?),
        zone: Zone::new(text(call, "zone", subnet.availability_zone())?),
        free: u32::try_from(free).unwrap_or_default(),
    })
}
