"""EC2, STS and SSM by boto3."""
import base64

DEBIAN = "136693071363"


def state(ec2, instance):
    return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]


def run(ec2, sts, ssm, until):
    made = {}
    account = sts.get_caller_identity()["Account"]
    sts.refused("InvalidAuthorizationMessageException", "decode_authorization_message", EncodedMessage="x")
    places(ec2)
    image = ec2.describe_images(
        Owners=[DEBIAN],
        Filters=[{"Name": "name", "Values": ["debian-12-amd64-*"]}, {"Name": "root-device-type", "Values": ["ebs"]}],
    )["Images"][0]
    assert image["Description"] == "Debian 12 & friends"
    parameter = "/aws/service/debian/release/12/latest/amd64"
    assert ssm.get_parameter(Name=parameter)["Parameter"]["Value"] == image["ImageId"]
    two = ssm.get_parameters(Names=[parameter, "/none"])
    assert two["InvalidParameters"] == ["/none"] and len(two["Parameters"]) == 1
    ssm.refused("ParameterNotFound", "get_parameter", Name="/none")
    keys(ec2)
    group = security_group(ec2)
    made.update(account=account, image=image["ImageId"], group=group)
    instance = launch(ec2, made, until)
    bake(ec2, made, instance, until)
    templates(ec2, made)
    volumes(ec2, made, until)
    fleet(ec2, made)
    ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])
    return made


def places(ec2):
    assert [r["RegionName"] for r in ec2.describe_regions()["Regions"]] == ["eu-central-1", "eu-west-1"]
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [z["ZoneName"] for z in zones] == ["eu-central-1a", "eu-central-1b", "eu-central-1c"], zones
    vpc = ec2.describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert len(ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]) == 3
    assert ec2.describe_route_tables()["RouteTables"][0]["Routes"][1]["GatewayId"].startswith("igw-")
    assert ec2.describe_internet_gateways()["InternetGateways"][0]["Attachments"][0]["VpcId"] == vpc
    ec2.describe_instance_types(InstanceTypes=["t3.micro"])
    offers = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.micro"]}]
    )
    assert len(offers["InstanceTypeOfferings"]) == 3
    ec2.describe_spot_price_history(InstanceTypes=["t3.micro"], ProductDescriptions=["Linux/UNIX"])
    ec2.refused("InvalidParameterValue", "describe_vpcs", Filters=[{"Name": "colour", "Values": ["red"]}])
    ec2.refused("InvalidVpcID.NotFound", "describe_vpcs", VpcIds=["vpc-0123456789abcdef0"])


def keys(ec2):
    rsa = ec2.create_key_pair(KeyName="rsa")
    assert rsa["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----"), rsa["KeyMaterial"][:40]
    key = ec2.create_key_pair(KeyName="ed", KeyType="ed25519", TagSpecifications=tagged("key-pair", by="boto"))
    assert key["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    public = ec2.describe_key_pairs(KeyNames=["ed"], IncludePublicKey=True)["KeyPairs"][0]["PublicKey"]
    ec2.import_key_pair(KeyName="own", PublicKeyMaterial=public.encode())
    ec2.refused("InvalidKeyPair.Duplicate", "create_key_pair", KeyName="own")
    for _ in range(2):
        ec2.delete_key_pair(KeyName="own")
    ec2.refused("InvalidKeyPair.NotFound", "describe_key_pairs", KeyNames=["own"])


def tagged(kind, **tags):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def security_group(ec2):
    group = ec2.create_security_group(GroupName="build", Description="for a build")["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "us"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    ec2.refused("InvalidPermission.Duplicate", "authorize_security_group_ingress", GroupId=group, IpPermissions=[ssh])
    shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert shown["IpPermissions"][0]["FromPort"] == 22 and shown["IpPermissionsEgress"][0]["IpProtocol"] == "-1"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    out = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[out])
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[out])
    return group


def launch(ec2, made, until):
    wish = dict(
        ImageId=made["image"],
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        KeyName="ed",
        SecurityGroupIds=[made["group"]],
        UserData="#!/bin/sh\n",
        ClientToken="once",
        IamInstanceProfile={"Name": "kiln-instance"},
        InstanceInitiatedShutdownBehavior="terminate",
        MetadataOptions={"HttpTokens": "required"},
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 10, "VolumeType": "gp3"}}],
        TagSpecifications=tagged("instance", Name="a & b") + tagged("volume", Name="root"),
    )
    ec2.refused("DryRunOperation", "run_instances", DryRun=True, **wish)
    first = ec2.run_instances(**wish)["Instances"][0]
    assert first["State"]["Name"] == "pending"
    again = ec2.run_instances(**wish)["Instances"][0]
    assert again["InstanceId"] == first["InstanceId"], "the client token was ignored"
    ec2.refused("IdempotentParameterMismatch", "run_instances", **{**wish, "InstanceType": "t3.small"})
    instance = first["InstanceId"]
    until(lambda: state(ec2, instance), lambda seen: seen == "running")
    shown = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert shown["PublicIpAddress"] == shown["PrivateIpAddress"] and shown["KeyName"] == "ed"
    assert shown["Tags"] == [{"Key": "Name", "Value": "a & b"}]
    output = until(lambda: ec2.get_console_output(InstanceId=instance), lambda seen: seen.get("Output"))["Output"]
    assert "<fingerprint> & more" in output, output
    status = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
    assert status["InstanceStatus"]["Status"] in ("ok", "initializing")
    for name in ("userData", "instanceInitiatedShutdownBehavior", "sriovNetSupport", "blockDeviceMapping", "groupSet"):
        ec2.describe_instance_attribute(InstanceId=instance, Attribute=name)
    ec2.modify_instance_attribute(InstanceId=instance, InstanceInitiatedShutdownBehavior={"Value": "stop"})
    ec2.refused("IncorrectInstanceState", "modify_instance_attribute", InstanceId=instance, EnaSupport={"Value": True})
    hardware(ec2, made)
    ec2.reboot_instances(InstanceIds=[instance])
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "kiln:run", "Value": "1"}])
    ec2.delete_tags(Resources=[instance], Tags=[{"Key": "kiln:run"}])
    return instance


def hardware(ec2, made):
    """What a launch says of what it stands on is shown again."""
    license = {"LicenseConfigurationArn": "arn:aws:license-manager:eu-central-1:012345678901:license-configuration:lic-1"}
    wish = dict(
        ImageId=made["image"],
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        EnclaveOptions={"Enabled": True},
        LicenseSpecifications=[license],
        CapacityReservationSpecification={"CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}},
        Placement={"Tenancy": "host", "HostId": "h-0123456789abcdef0"},
    )
    shown = ec2.run_instances(**wish)["Instances"][0]
    assert shown["EnclaveOptions"] == wish["EnclaveOptions"] and shown["Licenses"] == [license], shown
    assert shown["CapacityReservationSpecification"] == wish["CapacityReservationSpecification"], shown
    assert shown["CapacityReservationId"] == "cr-0123456789abcdef0"
    assert shown["Placement"]["HostId"] == "h-0123456789abcdef0" and shown["Placement"]["Tenancy"] == "host", shown
    ec2.terminate_instances(InstanceIds=[shown["InstanceId"]])
    ec2.refused("UnsupportedOperation", "run_instances", **{**wish, "InstanceType": "t3.micro"})
    both = {**wish["CapacityReservationSpecification"], "CapacityReservationPreference": "open"}
    ec2.refused("InvalidParameterCombination", "run_instances", **{**wish, "CapacityReservationSpecification": both})


def bake(ec2, made, instance, until):
    ec2.stop_instances(InstanceIds=[instance])
    until(lambda: state(ec2, instance), lambda seen: seen == "stopped")
    tags = tagged("image", Name="baked") + tagged("snapshot", Name="baked")
    image = ec2.create_image(InstanceId=instance, Name="baked-1", TagSpecifications=tags)["ImageId"]
    ec2.refused("InvalidAMIName.Duplicate", "create_image", InstanceId=instance, Name="baked-1")
    look = lambda: ec2.describe_images(ImageIds=[image])["Images"][0]
    shown = until(look, lambda seen: seen["State"] == "available")
    snapshot = shown["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed"
    ec2.refused("InvalidSnapshot.InUse", "delete_snapshot", SnapshotId=snapshot)
    ec2.start_instances(InstanceIds=[instance])
    until(lambda: state(ec2, instance), lambda seen: seen == "running")
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "111122223333"}]})
    ec2.modify_image_attribute(ImageId=image, Description={"Value": "baked"})
    shared = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"]
    assert shared == [{"UserId": "111122223333"}], shared
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt="2030-01-01T00:00:00Z")
    ec2.disable_image_deprecation(ImageId=image)
    copy = ec2.copy_image(SourceImageId=image, SourceRegion="eu-central-1", Name="copy-1")["ImageId"]
    until(lambda: ec2.describe_images(ImageIds=[copy])["Images"][0], lambda seen: seen["State"] == "available")
    ec2.deregister_image(ImageId=copy, DeleteAssociatedSnapshots=True)
    ec2.refused("InvalidAMIID.NotFound", "describe_images", ImageIds=[copy])
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    again = ec2.register_image(
        Name="again-1", RootDeviceName="/dev/xvda", Architecture="x86_64", BlockDeviceMappings=mapping
    )["ImageId"]
    ec2.deregister_image(ImageId=again)
    made.update(instance=instance, baked=image, snapshot=snapshot)


def templates(ec2, made):
    data = {
        "ImageId": made["baked"],
        "InstanceType": "t3.micro",
        "UserData": base64.b64encode(b"#!/bin/sh\n").decode(),
        "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [made["group"]], "AssociatePublicIpAddress": True}],
        "TagSpecifications": tagged("instance", service="web"),
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 12, "DeleteOnTermination": True}}],
        "IamInstanceProfile": {"Name": "kiln-instance"},
        "Monitoring": {"Enabled": True},
    }
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)["LaunchTemplate"]
    name = {"LaunchTemplateName": "web"}
    ec2.refused("InvalidLaunchTemplateName.AlreadyExistsException", "create_launch_template", LaunchTemplateData=data, **name)
    second = dict(name, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}, ClientToken="two")
    version = ec2.create_launch_template_version(**second)["LaunchTemplateVersion"]
    assert version["VersionNumber"] == 2 and version["LaunchTemplateData"]["ImageId"] == made["baked"], version
    assert version["LaunchTemplateData"]["NetworkInterfaces"][0]["Groups"] == [made["group"]], version
    assert ec2.create_launch_template_version(**second)["LaunchTemplateVersion"]["VersionNumber"] == 2
    ec2.create_launch_template_version(LaunchTemplateData={"InstanceType": "t3.nano"}, **name)
    ec2.modify_launch_template(DefaultVersion="2", **name)
    both = ec2.describe_launch_template_versions(Versions=["$Latest", "$Default"], **name)["LaunchTemplateVersions"]
    assert sorted(v["VersionNumber"] for v in both) == [2, 3]
    assert ec2.describe_launch_templates(LaunchTemplateNames=["web"])["LaunchTemplates"][0]["LatestVersionNumber"] == 3
    result = ec2.delete_launch_template_versions(Versions=["2", "3", "9"], **name)
    assert [v["VersionNumber"] for v in result["SuccessfullyDeletedLaunchTemplateVersions"]] == [3], result
    assert len(result["UnsuccessfullyDeletedLaunchTemplateVersions"]) == 2
    made["template"] = template["LaunchTemplateId"]


def volumes(ec2, made, until):
    volume = ec2.create_volume(AvailabilityZone="eu-central-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0], lambda seen: seen["State"] == "completed")
    ec2.delete_snapshot(SnapshotId=snapshot)
    root = [{"Name": "attachment.instance-id", "Values": [made["instance"]]}]
    attached = ec2.describe_volumes(Filters=root)["Volumes"][0]
    ec2.refused("VolumeInUse", "delete_volume", VolumeId=attached["VolumeId"])
    data(ec2, made)
    ec2.delete_volume(VolumeId=volume)
    another_root(ec2, made, until)


def data(ec2, made):
    instance = ec2.describe_instances(InstanceIds=[made["instance"]])["Reservations"][0]["Instances"][0]
    zone = instance["Placement"]["AvailabilityZone"]
    mine = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    on = ec2.attach_volume(VolumeId=mine, InstanceId=made["instance"], Device="/dev/sdf")
    assert (on["State"], on["Device"]) == ("attaching", "/dev/sdf"), on
    ec2.refused("VolumeInUse", "attach_volume", VolumeId=mine, InstanceId=made["instance"], Device="/dev/sdg")
    wish = {"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": True}}
    ec2.modify_instance_attribute(InstanceId=made["instance"], BlockDeviceMappings=[wish])
    shown = ec2.describe_volumes(VolumeIds=[mine])["Volumes"][0]["Attachments"][0]
    assert shown["DeleteOnTermination"] and shown["InstanceId"] == made["instance"], shown
    assert ec2.detach_volume(VolumeId=mine)["State"] == "detaching"
    ec2.refused("IncorrectState", "detach_volume", VolumeId=mine)
    ec2.delete_volume(VolumeId=mine)


def another_root(ec2, made, until):
    instance = made["instance"]
    task = ec2.create_replace_root_volume_task(
        InstanceId=instance,
        ImageId=made["baked"],
        ClientToken="root",
        TagSpecifications=tagged("replace-root-volume-task", by="boto"),
    )["ReplaceRootVolumeTask"]
    assert (task["TaskState"], task["ImageId"]) == ("pending", made["baked"]), task
    both = dict(InstanceId=instance, ImageId=made["baked"], SnapshotId=made["snapshot"])
    ec2.refused("InvalidParameterCombination", "create_replace_root_volume_task", **both)
    ids = [task["ReplaceRootVolumeTaskId"]]
    look = lambda: ec2.describe_replace_root_volume_tasks(ReplaceRootVolumeTaskIds=ids)["ReplaceRootVolumeTasks"][0]
    done = until(look, lambda seen: seen["TaskState"] == "succeeded")
    assert done["CompleteTime"] and done["Tags"] == [{"Key": "by", "Value": "boto"}], done
    assert state(ec2, instance) == "running"
    free = ec2.describe_volumes(Filters=[{"Name": "status", "Values": ["available"]}])["Volumes"]
    assert len(free) == 1, free
    ec2.refused("OperationNotPermitted", "detach_volume", VolumeId=attached(ec2, instance))
    ec2.delete_volume(VolumeId=free[0]["VolumeId"])


def attached(ec2, instance):
    shown = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    roots = [d for d in shown["BlockDeviceMappings"] if d["DeviceName"] == shown["RootDeviceName"]]
    return roots[0]["Ebs"]["VolumeId"]


def fleet(ec2, made):
    config = {
        "LaunchTemplateSpecification": {"LaunchTemplateId": made["template"], "Version": "2"},
        "Overrides": [{"InstanceType": "t3.medium"}],
    }
    answer = ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[config],
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "spot"},
    )
    spot = answer["Instances"][0]["InstanceIds"][0]
    shown = ec2.describe_instances(InstanceIds=[spot])["Reservations"][0]["Instances"][0]
    assert shown["InstanceLifecycle"] == "spot" and shown["InstanceType"] == "t3.medium", shown
    named = {"SpotInstanceRequestIds": [shown["SpotInstanceRequestId"]]}
    request = ec2.describe_spot_instance_requests(**named)["SpotInstanceRequests"][0]
    assert (request["State"], request["Status"]["Code"], request["InstanceId"]) == ("active", "fulfilled", spot), request
    ec2.terminate_instances(InstanceIds=[spot])
    request = ec2.describe_spot_instance_requests(**named)["SpotInstanceRequests"][0]
    assert request["Status"]["Code"] == "instance-terminated-by-user", request
    ec2.refused("InvalidSpotInstanceRequestID.NotFound", "describe_spot_instance_requests", SpotInstanceRequestIds=["sir-1"])
    assert ec2.describe_fleets()["Fleets"] == []
    assert ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"] == []


def clean(ec2, made, until):
    ec2.refused("DependencyViolation", "delete_security_group", GroupId=made["group"])
    ec2.terminate_instances(InstanceIds=[made["instance"]])
    until(lambda: state(ec2, made["instance"]), lambda seen: seen == "terminated")
    ec2.deregister_image(ImageId=made["baked"])
    ec2.delete_snapshot(SnapshotId=made["snapshot"])
    ec2.delete_launch_template(LaunchTemplateName="web")
    alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "shutting-down"]}]
    until(lambda: ec2.describe_instances(Filters=alive)["Reservations"], lambda seen: not seen)
    ec2.delete_security_group(GroupId=made["group"])
    left = ec2.describe_volumes()["Volumes"] + ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert not left, left
