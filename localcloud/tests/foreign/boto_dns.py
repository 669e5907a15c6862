"""Route 53 by boto3: zones, weighted records of both kinds, pages, and what is refused."""


def run(Client):
    dns = Client("Route53")
    ask = dict(Name="example.com", CallerReference="one")
    answer = dns.create_hosted_zone(HostedZoneConfig={"Comment": "a <&> b", "PrivateZone": False}, **ask)
    assert answer["Location"].endswith(answer["HostedZone"]["Id"]), answer
    assert answer["ChangeInfo"]["Status"] == "PENDING" and len(answer["DelegationSet"]["NameServers"]) == 4, answer
    zone = answer["HostedZone"]["Id"]
    dns.refused("HostedZoneAlreadyExists", "create_hosted_zone", **ask)
    seen = dns.get_hosted_zone(Id=zone)["HostedZone"]
    assert seen["Config"] == {"Comment": "a <&> b", "PrivateZone": False} and seen["ResourceRecordSetCount"] == 2, seen
    dns.refused("NoSuchHostedZone", "get_hosted_zone", Id="Z0")
    lists(Client, dns, zone)
    tags(dns, zone)
    weighted(dns, zone)
    aliases(dns, Client("Elb"), zone, Client("Ec2"))
    dns.refused("HostedZoneNotEmpty", "delete_hosted_zone", Id=zone)
    every = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    change(dns, zone, *[("DELETE", record) for record in every if record["Type"] not in ("NS", "SOA")])
    assert dns.delete_hosted_zone(Id=zone)["ChangeInfo"]["Id"].startswith("/change/C")
    dns.refused("NoSuchHostedZone", "list_resource_record_sets", HostedZoneId=zone)


def batch(changes):
    return {"Comment": "by boto3", "Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}


def change(dns, zone, *changes):
    return dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch(changes))["ChangeInfo"]


def refuse(dns, zone, *changes):
    dns.refused("InvalidChangeBatch", "change_resource_record_sets", HostedZoneId=zone, ChangeBatch=batch(changes))


def lists(Client, dns, zone):
    vpc = Client("Ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    place = {"VPCId": vpc, "VPCRegion": "eu-central-1"}
    inner = dns.create_hosted_zone(Name="a.inner", CallerReference="two", VPC=place)
    assert inner["VPC"] == place and inner["HostedZone"]["Config"]["PrivateZone"], inner
    inner = inner["HostedZone"]["Id"]
    assert dns.get_hosted_zone(Id=inner)["VPCs"] == [place]
    dns.refused("InvalidVPCId", "create_hosted_zone", Name="b", CallerReference="b", VPC=dict(place, VPCId="vpc-1"))
    dns.refused("InvalidDomainName", "create_hosted_zone", Name="a..b", CallerReference="b")
    first = dns.list_hosted_zones(MaxItems="1")
    assert first["IsTruncated"] and first["MaxItems"] == "1", first
    second = dns.list_hosted_zones(MaxItems="1", Marker=first["NextMarker"])
    assert not second["IsTruncated"], second
    assert {page["HostedZones"][0]["Id"] for page in (first, second)} == {zone, inner}
    named = dns.list_hosted_zones_by_name()["HostedZones"]
    assert [z["Name"] for z in named] == ["example.com.", "a.inner."], named
    named = dns.list_hosted_zones_by_name(DNSName="a.inner", MaxItems="1")
    assert [z["Id"] for z in named["HostedZones"]] == [inner] and named["DNSName"] == "a.inner", named
    dns.delete_hosted_zone(Id=inner)


def tags(dns, zone):
    of = dict(ResourceType="hostedzone", ResourceId=zone.rsplit("/", 1)[-1])
    dns.change_tags_for_resource(AddTags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], **of)
    dns.change_tags_for_resource(AddTags=[{"Key": "b", "Value": "<&>"}], RemoveTagKeys=["a", "none"], **of)
    assert dns.list_tags_for_resource(**of)["ResourceTagSet"] == dict(of, Tags=[{"Key": "b", "Value": "<&>"}])
    dns.refused("NoSuchHostedZone", "list_tags_for_resource", ResourceType="hostedzone", ResourceId="Z0")


def cname(identifier, weight, **more):
    values = [{"Value": f"{identifier}.example.net"}]
    return dict(Name="www.example.com.", Type="CNAME", SetIdentifier=identifier, Weight=weight, TTL=30, ResourceRecords=values) | more


def weighted(dns, zone):
    info = change(dns, zone, ("CREATE", cname("blue", 255)), ("CREATE", cname("green", 0)))
    assert info["Status"] == "PENDING" and info["Comment"] == "by boto3", info
    # The server's clock goes five seconds a call.
    polls = [dns.get_change(Id=info["Id"])["ChangeInfo"]["Status"] for _ in range(13)]
    assert polls[-1] == "INSYNC" and polls == sorted(polls, reverse=True), polls
    dns.refused("NoSuchChange", "get_change", Id="C0")
    page = dict(HostedZoneId=zone, StartRecordName="www.example.com", StartRecordType="CNAME", MaxItems="1")
    first = dns.list_resource_record_sets(**page)
    assert first["ResourceRecordSets"] == [cname("blue", 255)], first
    assert (first["NextRecordName"], first["NextRecordType"], first["NextRecordIdentifier"]) == ("www.example.com.", "CNAME", "green")
    second = dns.list_resource_record_sets(StartRecordIdentifier=first["NextRecordIdentifier"], **page)
    assert second["ResourceRecordSets"] == [cname("green", 0)] and not second["IsTruncated"], second
    for wrong in [
        [("CREATE", cname("blue", 1))],
        [("DELETE", cname("blue", 1))],
        [("DELETE", cname("blue", 255, TTL=31))],
        [("UPSERT", cname("red", 1)), ("CREATE", cname("green", 1))],
        [("CREATE", dict(Name="www.example.com", Type="CNAME", TTL=30, ResourceRecords=[{"Value": "a.net"}]))],
    ]:
        refuse(dns, zone, *wrong)
    change(dns, zone, ("UPSERT", cname("blue", 0)), ("UPSERT", cname("green", 255)))
    seen = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert [(r["Type"], r.get("Weight")) for r in seen] == [("NS", None), ("SOA", None), ("CNAME", 0), ("CNAME", 255)], seen
    dns.refused("InvalidInput", "list_resource_record_sets", HostedZoneId=zone, StartRecordType="A")
    text = dict(Name="*.example.com", Type="TXT", TTL=0, ResourceRecords=[{"Value": '"a <&> é"'}])
    change(dns, zone, ("CREATE", text))
    seen = dns.list_resource_record_sets(HostedZoneId=zone, StartRecordName="*.example.com")["ResourceRecordSets"][0]
    assert seen == dict(text, Name="\\052.example.com."), seen


def aliases(dns, elb, zone, ec2):
    refuse(dns, zone, ("CREATE", alias("blue", 1, {"DNSName": "192.0.2.1", "CanonicalHostedZoneId": "Z215JYRZR1TBD5"})))
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    arns = []
    for at, identifier in enumerate(("blue", "green")):
        balancer = elb.create_load_balancer(Name=f"dns-{identifier}", Subnets=subnets)["LoadBalancers"][0]
        arns.append(balancer["LoadBalancerArn"])
        change(dns, zone, ("UPSERT", alias(identifier, at, balancer)))
    seen = dns.list_resource_record_sets(HostedZoneId=zone, StartRecordName="app.example.com", StartRecordType="A")
    seen = seen["ResourceRecordSets"][:2]
    assert [(r["SetIdentifier"], r["Weight"], "TTL" in r) for r in seen] == [("blue", 0, False), ("green", 1, False)], seen
    assert seen[1] == alias("green", 1, balancer), seen
    for arn in arns:
        elb.delete_load_balancer(LoadBalancerArn=arn)


def alias(identifier, weight, balancer):
    target = dict(HostedZoneId=balancer["CanonicalHostedZoneId"], DNSName=f"{balancer['DNSName']}.", EvaluateTargetHealth=True)
    return dict(Name="app.example.com.", Type="A", SetIdentifier=identifier, Weight=weight, AliasTarget=target)
