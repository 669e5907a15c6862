//! Where instances can be: region, zones, VPC, subnets, gateways and routes.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State, tags},
    address,
    describe::{Kind, PAGED, one},
    no_such,
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeRegions",
        "RegionName AllRegions Filter",
        |s, a| REGIONS.describe(s, a),
    ),
    Action::new(
        Service::Ec2,
        "DescribeAvailabilityZones",
        "ZoneName ZoneId AllAvailabilityZones Filter",
        describe_zones,
    ),
    Action::new(
        Service::Ec2,
        "DescribeVpcs",
        "VpcId Filter MaxResults NextToken",
        |s, a| VPCS.describe(s, a),
    ),
    Action::new(
        Service::Ec2,
        "DescribeVpcAttribute",
        "VpcId Attribute",
        describe_vpc_attribute,
    ),
    Action::new(
        Service::Ec2,
        "DescribeSubnets",
        "SubnetId Filter MaxResults NextToken",
        |s, a| SUBNETS.describe(s, a),
    ),
    Action::new(
        Service::Ec2,
        "DescribeRouteTables",
        "RouteTableId Filter MaxResults NextToken",
        |s, a| ROUTES.describe(s, a),
    ),
    Action::new(
        Service::Ec2,
        "DescribeInternetGateways",
        "InternetGatewayId Filter MaxResults NextToken",
        |s, a| GATEWAYS.describe(s, a),
    ),
];

const REGIONS: Kind = Kind {
    ids: "RegionName",
    set: "regionInfo",
    filters: "endpoint opt-in-status region-name",
    paging: PAGED,
    all: |state| {
        let config = &state.config;
        let mut regions = config.other_regions.clone();
        regions.push(config.region.clone());
        regions.sort();
        regions
    },
    missing: |name| {
        Fault::new(
            "InvalidParameterValue",
            format!("Invalid region names provided: {name}"),
        )
    },
    field: |_, region, name| match name {
        "endpoint" => one(endpoint(region)),
        "opt-in-status" => one("opt-in-not-required"),
        _ => one(region),
    },
    show: |_, region| {
        Tree::new()
            .put("regionName", region)
            .put("regionEndpoint", endpoint(region))
            .put("optInStatus", "opt-in-not-required")
    },
};

fn endpoint(region: &str) -> String {
    format!("ec2.{region}.amazonaws.com")
}

/// A zone is the zone of its one subnet.
const ZONES: Kind = Kind {
    ids: "ZoneName",
    set: "availabilityZoneInfo",
    filters: "group-name opt-in-status region-name state zone-id zone-name zone-type",
    paging: PAGED,
    all: |state| {
        state
            .ec2
            .subnets
            .values()
            .map(|subnet| subnet.zone.clone())
            .collect()
    },
    missing: |name| {
        Fault::new(
            "InvalidParameterValue",
            format!("Invalid availability zone: [{name}]"),
        )
    },
    field: |state, zone, name| match name {
        "group-name" | "region-name" => one(&state.config.region),
        "opt-in-status" => one("opt-in-not-required"),
        "state" => one("available"),
        "zone-id" => one(zone_id(state, zone)),
        "zone-type" => one("availability-zone"),
        _ => one(zone),
    },
    show: |state, zone| {
        Tree::new()
            .put("zoneName", zone)
            .put("zoneId", zone_id(state, zone))
            .put("zoneState", "available")
            .put("zoneType", "availability-zone")
            .put("regionName", &state.config.region)
            .put("groupName", &state.config.region)
            .put("networkBorderGroup", &state.config.region)
            .put("optInStatus", "opt-in-not-required")
            .put("messageSet", Vec::new())
    },
};

fn zone_id(state: &State, zone: &str) -> String {
    let subnet = state
        .ec2
        .subnets
        .values()
        .find(|subnet| subnet.zone == zone);
    subnet
        .map(|subnet| subnet.zone_id.clone())
        .unwrap_or_default()
}

fn describe_zones(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let ids = args.texts("ZoneId")?;
    let keep =
        |state: &State, zone: &str| ids.is_empty() || ids.contains(&zone_id(state, zone).as_str());
    let (zones, token) = ZONES.select(state, args, keep)?;
    Ok(ZONES.list(state, &zones, token))
}

const VPCS: Kind = Kind {
    ids: "VpcId",
    set: "vpcSet",
    filters: "cidr cidr-block dhcp-options-id is-default isDefault owner-id state vpc-id",
    paging: PAGED,
    all: |state| vec![state.ec2.vpc.id.clone()],
    missing: |id| no_such("InvalidVpcID", "vpc ID", "vpc-", id),
    field: |state, id, name| match name {
        "cidr" | "cidr-block" => one(state.ec2.vpc.cidr),
        "dhcp-options-id" => one("dopt-00000000"),
        "is-default" | "isDefault" => one(true),
        "owner-id" => one(&state.config.account),
        "state" => one("available"),
        _ => one(id),
    },
    show: |state, id| {
        let cidr = state.ec2.vpc.cidr.to_string();
        let block = Tree::new()
            .put("associationId", "vpc-cidr-assoc-00000000")
            .put("cidrBlock", &cidr)
            .put("cidrBlockState", Tree::new().put("state", "associated"));
        Tree::new()
            .put("vpcId", id)
            .put("ownerId", &state.config.account)
            .put("state", "available")
            .put("cidrBlock", cidr)
            .put("cidrBlockAssociationSet", vec![block])
            .put("dhcpOptionsId", "dopt-00000000")
            .put("instanceTenancy", "default")
            .put("isDefault", true)
            .put("tagSet", tags::show(&state.ec2.tags_of(id)))
    },
};

fn describe_vpc_attribute(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("VpcId")?;
    if id != state.ec2.vpc.id {
        return Err((VPCS.missing)(id));
    }
    let on = Tree::new().put("value", true);
    let tree = Tree::new().put("vpcId", id);
    match args.text("Attribute")? {
        "enableDnsSupport" => Ok(tree.put("enableDnsSupport", on)),
        "enableDnsHostnames" => Ok(tree.put("enableDnsHostnames", on)),
        other => Err(args.invalid("Attribute", other, "Unknown attribute.")),
    }
}

const SUBNETS: Kind = Kind {
    ids: "SubnetId",
    set: "subnetSet",
    filters: "availability-zone availabilityZone availability-zone-id availabilityZoneId available-ip-address-count \
        cidr-block cidr cidrBlock default-for-az defaultForAz map-public-ip-on-launch owner-id state subnet-id vpc-id",
    paging: PAGED,
    all: |state| state.ec2.subnets.keys().cloned().collect(),
    missing: |id| no_such("InvalidSubnetID", "subnet ID", "subnet-", id),
    field: subnet_field,
    show: subnet_show,
};

fn subnet_field(state: &State, id: &str, name: &str) -> Vec<String> {
    let Some(subnet) = state.ec2.subnets.get(id) else {
        return Vec::new();
    };
    match name {
        "availability-zone" | "availabilityZone" => one(&subnet.zone),
        "availability-zone-id" | "availabilityZoneId" => one(&subnet.zone_id),
        "available-ip-address-count" => one(address::available(state, id)),
        "cidr-block" | "cidr" | "cidrBlock" => one(subnet.cidr),
        "default-for-az" | "defaultForAz" | "map-public-ip-on-launch" => one(true),
        "owner-id" => one(&state.config.account),
        "state" => one("available"),
        "vpc-id" => one(&state.ec2.vpc.id),
        _ => one(id),
    }
}

fn subnet_show(state: &State, id: &str) -> Tree {
    let Some(subnet) = state.ec2.subnets.get(id) else {
        return Tree::new();
    };
    let free = u32::try_from(address::available(state, id)).unwrap_or(u32::MAX);
    Tree::new()
        .put("subnetId", id)
        .put("subnetArn", state.arn("ec2", &format!("subnet/{id}")))
        .put("state", "available")
        .put("ownerId", &state.config.account)
        .put("vpcId", &state.ec2.vpc.id)
        .put("cidrBlock", subnet.cidr.to_string())
        .put("availableIpAddressCount", free)
        .put("availabilityZone", &subnet.zone)
        .put("availabilityZoneId", &subnet.zone_id)
        .put("defaultForAz", true)
        .put("mapPublicIpOnLaunch", true)
        .put("assignIpv6AddressOnCreation", false)
        .put("tagSet", tags::show(&state.ec2.tags_of(id)))
}

const ROUTES: Kind = Kind {
    ids: "RouteTableId",
    set: "routeTableSet",
    filters: "association.main association.subnet-id route-table-id route.gateway-id vpc-id",
    paging: PAGED,
    all: |state| vec![state.ec2.vpc.route_table.clone()],
    missing: |id| no_such("InvalidRouteTableID", "routeTable ID", "rtb-", id),
    field: |state, id, name| match name {
        "association.main" => one(true),
        // Subnets use the main table without an association of their own.
        "association.subnet-id" => Vec::new(),
        "route.gateway-id" => vec!["local".into(), state.ec2.vpc.internet_gateway.clone()],
        "vpc-id" => one(&state.ec2.vpc.id),
        _ => one(id),
    },
    show: |state, id| {
        let route = |to: String, gateway: &str, origin: &str| {
            let route = Tree::new()
                .put("destinationCidrBlock", to)
                .put("gatewayId", gateway);
            route.put("state", "active").put("origin", origin)
        };
        let vpc = &state.ec2.vpc;
        let routes = vec![
            route(vpc.cidr.to_string(), "local", "CreateRouteTable"),
            route("0.0.0.0/0".into(), &vpc.internet_gateway, "CreateRoute"),
        ];
        let main = Tree::new()
            .put("routeTableAssociationId", "rtbassoc-00000000")
            .put("routeTableId", id)
            .put("main", true)
            .put("associationState", Tree::new().put("state", "associated"));
        Tree::new()
            .put("routeTableId", id)
            .put("vpcId", &vpc.id)
            .put("ownerId", &state.config.account)
            .put("routeSet", routes)
            .put("associationSet", vec![main])
            .put("propagatingVgwSet", Vec::new())
            .put("tagSet", tags::show(&state.ec2.tags_of(id)))
    },
};

const GATEWAYS: Kind = Kind {
    ids: "InternetGatewayId",
    set: "internetGatewaySet",
    filters: "attachment.state attachment.vpc-id internet-gateway-id owner-id",
    paging: PAGED,
    all: |state| vec![state.ec2.vpc.internet_gateway.clone()],
    missing: |id| no_such("InvalidInternetGatewayID", "internetGateway ID", "igw-", id),
    field: |state, id, name| match name {
        "attachment.state" => one("available"),
        "attachment.vpc-id" => one(&state.ec2.vpc.id),
        "owner-id" => one(&state.config.account),
        _ => one(id),
    },
    show: |state, id| {
        let attachment = Tree::new()
            .put("vpcId", &state.ec2.vpc.id)
            .put("state", "available");
        Tree::new()
            .put("internetGatewayId", id)
            .put("ownerId", &state.config.account)
            .put("attachmentSet", vec![attachment])
            .put("tagSet", tags::show(&state.ec2.tags_of(id)))
    },
};
