"""Session Manager by boto3: a session to a machine with a role, once its agent is there."""
import botocore.exceptions


def run(ec2, ssm, made, until):
    launch = dict(ImageId=made["image"], InstanceType="t3.micro", MinCount=1, MaxCount=1)
    profile = {"Name": "kiln-instance"}
    bare, target = (
        ec2.run_instances(**launch, **more)["Instances"][0]["InstanceId"] for more in ({}, {"IamInstanceProfile": profile})
    )
    document = "AWS-StartPortForwardingSession"
    ports = {"portNumber": ["22"], "localPortNumber": ["8000"]}
    ssm.refused("InvalidDocument", "start_session", Target=target, DocumentName="none")
    bad = {"portNumber": ["22", "23"]}
    ssm.refused("ValidationError", "start_session", Target=target, DocumentName=document, Parameters=bad)
    ssm.refused("TargetNotConnected", "start_session", Target=target, DocumentName=document, Parameters=ports)

    def started():
        try:
            return ssm.start_session(Target=target, DocumentName=document, Parameters=ports, Reason="boto")
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "TargetNotConnected"

    session = until(started, bool)
    assert session["StreamUrl"].startswith("wss://") and session["TokenValue"]
    ssm.refused("TargetNotConnected", "start_session", Target=bare, DocumentName=document)
    to = [{"key": "Target", "value": target}]
    found = ssm.describe_sessions(State="Active", Filters=to)["Sessions"]
    assert [(one["SessionId"], one["Status"]) for one in found] == [(session["SessionId"], "Connected")], found
    other = ssm.start_session(Target=target, DocumentName="AWS-StartSSHSession")
    ssm.terminate_session(SessionId=session["SessionId"])
    ssm.terminate_session(SessionId=session["SessionId"])
    ssm.refused("DoesNotExistException", "terminate_session", SessionId="none")
    assert ssm.describe_sessions(State="History", Filters=to)["Sessions"][0]["SessionId"] == session["SessionId"]
    ec2.terminate_instances(InstanceIds=[bare, target])
    gone = until(lambda: ssm.describe_sessions(State="Active", Filters=to)["Sessions"], lambda found: not found)
    assert not gone and other["SessionId"] != session["SessionId"]
