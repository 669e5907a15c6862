"""Calls every action that the arguments name, in the order in which a bake and a roll would."""
import base64
import json
import sys

import boto3
import botocore.exceptions
import strict

wanted = set(sys.argv[1:])
called = set()
SERVICES = {"Ec2": "ec2", "AutoScaling": "autoscaling", "Elb": "elbv2", "Iam": "iam", "Sts": "sts", "Ssm": "ssm", "Kms": "kms", "CloudWatch": "cloudwatch", "Route53": "route53"}


class Client:
    """A boto3 client that notes what was called."""

    def __init__(self, service, region=None, **credentials):
        self.service = service
        self.client = boto3.client(SERVICES[service], region_name=region, **credentials)
        self.methods = self.client.meta.method_to_api_mapping

    def __getattr__(self, method):
        def call(**parameters):
            called.add(f"{self.service}.{self.methods[method]}")
            before = len(strict.problems)
            answer = getattr(self.client, method)(**parameters)
            for problem in strict.problems[before:]:
                print(f"{method}: {problem}", file=sys.stderr)
            return answer

        return call

    def refused(self, code, method, **parameters):
        try:
            getattr(self, method)(**parameters)
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == code, f"{method}: {error}, not {code}"
            assert error.response["ResponseMetadata"]["RequestId"], f"{method}: no request id"
        else:
            raise AssertionError(f"{method} was not refused with {code}")


def until(look, what):
    """Looks again until it is so; the server's clock goes on with every look."""
    for _ in range(60):
        seen = look()
        if what(seen):
            return seen
    raise AssertionError(f"never came about: {seen}")


ec2, scaling, elb, iam, sts, ssm = (Client(name) for name in ("Ec2", "AutoScaling", "Elb", "Iam", "Sts", "Ssm"))
abroad = Client("Ec2", "eu-west-1"), Client("Kms", "eu-west-1")

import boto_dns
import boto_ec2
import boto_groups
import boto_images
import boto_roles
import boto_sessions
import boto_watch

assert iam.get_instance_profile(InstanceProfileName="kiln-instance")["InstanceProfile"]["Roles"]
iam.refused("NoSuchEntity", "get_instance_profile", InstanceProfileName="none")
role = {"RoleName": "kiln-1"}
trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
tags = [{"Key": "kiln:run", "Value": "1"}]
iam.create_role(Path="/kiln/", AssumeRolePolicyDocument=trust, Tags=tags, **role)
iam.refused("EntityAlreadyExists", "create_role", AssumeRolePolicyDocument=trust, **role)
assert iam.get_role(**role)["Role"]["Tags"] == tags
iam.refused("MalformedPolicyDocument", "put_role_policy", PolicyName="p", PolicyDocument="{", **role)
iam.put_role_policy(PolicyName="p", PolicyDocument=trust, **role)
profile = {"InstanceProfileName": "kiln-1"}
iam.create_instance_profile(Path="/kiln/", Tags=tags, **profile)
iam.add_role_to_instance_profile(**profile, **role)
iam.refused("LimitExceeded", "add_role_to_instance_profile", **profile, **role)
assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/kiln/")["Roles"]] == ["kiln-1"]
listed = iam.list_instance_profiles(PathPrefix="/kiln/")["InstanceProfiles"]
assert [p["Roles"][0]["RoleName"] for p in listed] == ["kiln-1"], listed
iam.refused("DeleteConflict", "delete_instance_profile", **profile)
iam.refused("DeleteConflict", "delete_role", **role)
iam.remove_role_from_instance_profile(**profile, **role)
iam.delete_instance_profile(**profile)
iam.refused("DeleteConflict", "delete_role", **role)
iam.delete_role_policy(PolicyName="p", **role)
iam.delete_role(**role)
boto_roles.run(Client, iam, sts)
made = boto_ec2.run(ec2, sts, ssm, until)
boto_sessions.run(ec2, ssm, made, until)
boto_groups.run(ec2, scaling, elb, made, until)
boto_watch.run(Client)
boto_dns.run(Client)
boto_images.run(ec2, *abroad, made, until)
boto_ec2.clean(ec2, made, until)

missed = wanted - called
assert not missed, f"never called: {sorted(missed)}"
assert not strict.problems, f"{len(strict.problems)} answers that the services' models do not know"
