"""What an image can be given, and its copies in another region, by boto3."""

OTHER = "111122223333"
ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-abcde12345"


def run(ec2, there, kms, made, until):
    keys(kms)
    protected(ec2, made["baked"])
    shared(ec2, made["baked"], made["snapshot"])
    abroad(ec2, there, kms, made, until)


def keys(kms):
    default = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]
    assert default["KeyManager"] == "AWS" and default["Enabled"], default
    assert ":eu-west-1:" in default["Arn"], default
    key = kms.create_key(Description="ours")["KeyMetadata"]
    kms.create_alias(AliasName="alias/ours", TargetKeyId=key["KeyId"])
    kms.refused("AlreadyExistsException", "create_alias", AliasName="alias/ours", TargetKeyId=key["KeyId"])
    assert kms.describe_key(KeyId="alias/ours")["KeyMetadata"]["Arn"] == key["Arn"]
    kms.disable_key(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["Arn"])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key["KeyId"])
    old = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=old, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=old)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    kms.refused("NotFoundException", "describe_key", KeyId="alias/none")
    kms.refused("AccessDeniedException", "disable_key", KeyId=default["KeyId"])


def protected(ec2, image):
    ec2.enable_image_deregistration_protection(ImageId=image)
    ec2.refused("OperationNotPermitted", "deregister_image", ImageId=image)
    ec2.disable_image_deregistration_protection(ImageId=image)


def shared(ec2, image, snapshot):
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"OrganizationArn": ORGANIZATION}]})
    permissions = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"]
    assert {"OrganizationArn": ORGANIZATION} in permissions, permissions
    bad = {"Add": [{"UserId": "me"}]}
    ec2.refused("InvalidAMIAttributeItemValue", "modify_image_attribute", ImageId=image, LaunchPermission=bad)
    who = dict(SnapshotId=snapshot, Attribute="createVolumePermission")
    ec2.modify_snapshot_attribute(OperationType="add", UserIds=[OTHER], **who)
    assert ec2.describe_snapshot_attribute(**who)["CreateVolumePermissions"] == [{"UserId": OTHER}]
    ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})
    assert ec2.describe_images(ImageIds=[image])["Images"][0]["ImdsSupport"] == "v2.0"


def available(ec2, image, until, state="available"):
    return until(lambda: ec2.describe_images(ImageIds=[image])["Images"][0], lambda seen: seen["State"] == state)


def abroad(ec2, there, kms, made, until):
    """Nothing of one region is seen in the other; a copy crosses, and can be encrypted on the way."""
    there.refused("InvalidAMIID.NotFound", "describe_images", ImageIds=[made["baked"]])
    tags = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in ("image", "snapshot")]
    copy = there.copy_image(
        SourceImageId=made["baked"], SourceRegion="eu-central-1", Name="baked-1", Encrypted=True,
        KmsKeyId="alias/ours", TagSpecifications=tags, ClientToken="copy",
    )["ImageId"]
    shown = available(there, copy, until)
    assert shown["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] and shown["Tags"] == [{"Key": "of", "Value": "image"}], shown
    snapshot = there.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]
    assert snapshot["KmsKeyId"] == kms.describe_key(KeyId="alias/ours")["KeyMetadata"]["Arn"], snapshot
    assert snapshot["Tags"] == [{"Key": "of", "Value": "snapshot"}], snapshot
    there.modify_image_attribute(ImageId=copy, LaunchPermission={"Add": [{"UserId": OTHER}]})
    ec2.refused("InvalidAMIID.NotFound", "describe_images", ImageIds=[copy])
    machine = there.run_instances(ImageId=copy, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    until(lambda: there.describe_instances(Filters=running)["Reservations"], bool)
    assert machine["Placement"]["AvailabilityZone"].startswith("eu-west-1"), machine
    there.terminate_instances(InstanceIds=[machine["InstanceId"]])
    plain = dict(SourceImageId=made["baked"], SourceRegion="eu-central-1", Encrypted=True)
    default = there.copy_image(Name="default-1", **plain)["ImageId"]
    available(there, default, until)
    share = {"Add": [{"UserId": OTHER}]}
    there.refused("InvalidParameter", "modify_image_attribute", ImageId=default, LaunchPermission=share)
    # A key that cannot be used lets the call through, and the copy fails.
    failed = there.copy_image(Name="failed-1", KmsKeyId="alias/none", **plain)["ImageId"]
    assert "alias/none" in available(there, failed, until, "failed")["StateReason"]["Message"]
    odd = dict(SnapshotCopyCompletionDurationMinutes=20)
    there.refused("InvalidParameterValue", "copy_image", Name="odd-1", **plain, **odd)
    for image in (copy, default, failed):
        there.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
