"""A role is taken, and holds as far as its session."""
import json

ROLE = "bake"


def run(client, iam, sts):
    account = sts.get_caller_identity()["Account"]
    arn = f"arn:aws:iam::{account}:role/ops/{ROLE}"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"sts:ExternalId": "outside"}},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName=ROLE, Path="/ops/", AssumeRolePolicyDocument=trust)
    session = {"RoleArn": arn, "RoleSessionName": "nightly"}
    sts.refused("AccessDenied", "assume_role", ExternalId="inside", **session)
    sts.refused("AccessDenied", "assume_role", **session)
    sts.refused("AccessDenied", "assume_role", RoleArn=arn + "s", RoleSessionName="nightly", ExternalId="outside")
    sts.refused("ValidationError", "assume_role", ExternalId="outside", DurationSeconds=7200, **session)
    looks = json.dumps({"Statement": {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}})
    taken = sts.assume_role(
        ExternalId="outside",
        DurationSeconds=900,
        Policy=looks,
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
        Tags=[{"Key": "team", "Value": "web"}],
        TransitiveTagKeys=["team"],
        **session,
    )
    name = f"arn:aws:sts::{account}:assumed-role/{ROLE}/nightly"
    assert taken["AssumedRoleUser"]["Arn"] == name, taken
    given = taken["Credentials"]
    inside = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    assert client("Sts", **inside).get_caller_identity()["Arn"] == name
    client("Ec2", **inside).describe_regions()
    client("Ec2", **inside).refused("UnauthorizedOperation", "create_key_pair", KeyName="k")
    client("Iam", **inside).refused("AccessDenied", "delete_role", RoleName=ROLE)
    client("Kms", **inside).refused("AccessDeniedException", "create_key")
    client("Ec2", **inside | {"aws_session_token": "other"}).refused("AuthFailure", "describe_regions")
    client("Iam", **inside | {"aws_session_token": "other"}).refused("InvalidClientTokenId", "list_roles")
    iam.delete_role(RoleName=ROLE)
