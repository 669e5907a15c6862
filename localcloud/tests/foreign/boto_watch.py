"""CloudWatch by boto3, in each of the protocols that its clients speak."""
import datetime

import botocore.session


def run(Client):
    # What a newer client chooses by itself, what older ones spoke, and what Debian's aws-cli speaks.
    for protocol in PROTOCOLS:
        watch = Client("CloudWatch")
        watch.client = speaking(protocol)
        alarms(watch, f"web-{PROTOCOLS.index(protocol)}")


PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")


def speaking(protocol):
    """A client that is told the protocol: botocore takes the first of a service's protocols that it knows."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    plain = loader.load_service_model

    def told(service, kind, api_version=None):
        model = plain(service, kind, api_version)
        if service == "cloudwatch" and kind == "service-2":
            metadata = dict(model["metadata"], protocol=protocol, protocols=[protocol])
            model = dict(model, metadata=metadata)
        return model

    loader.load_service_model = told
    client = session.create_client("cloudwatch")
    assert client.meta.service_model.resolved_protocol == protocol
    return client


def alarms(watch, name):
    wish = dict(
        AlarmName=name, Namespace="web", MetricName="errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=0.5, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
        Dimensions=[{"Name": "Side", "Value": "a <&> b"}], AlarmActions=["arn:aws:sns:eu-central-1:1:page"],
        Tags=[{"Key": "team", "Value": "web"}],
    )
    watch.put_metric_alarm(**wish)
    watch.refused("InvalidParameterValue", "put_metric_alarm", **dict(wish, Period=61))
    shown = watch.describe_alarms(AlarmNames=[name, "none"])["MetricAlarms"]
    assert len(shown) == 1 and shown[0]["Threshold"] == 0.5 and shown[0]["Period"] == 60, shown
    assert shown[0]["Dimensions"] == wish["Dimensions"] and shown[0]["ActionsEnabled"] is True, shown
    assert isinstance(shown[0]["StateUpdatedTimestamp"], datetime.datetime), shown
    assert watch.list_tags_for_resource(ResourceARN=shown[0]["AlarmArn"])["Tags"] == wish["Tags"]
    arn = shown[0]["AlarmArn"]
    watch.untag_resource(ResourceARN=arn, TagKeys=["team", "none"])
    assert watch.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
    watch.refused("ResourceNotFoundException", "untag_resource", ResourceARN=f"{arn}-none", TagKeys=["team"])
    watch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="calm")
    watch.refused("ResourceNotFound", "set_alarm_state", AlarmName="none", StateValue="OK", StateReason="calm")
    whole = f"{name}-whole"
    rule = f"ALARM({name}) AND NOT (OK({name}) OR FALSE)"
    watch.refused("ValidationError", "put_composite_alarm", AlarmName=whole, AlarmRule="ALARM(none)")
    watch.put_composite_alarm(AlarmName=whole, AlarmRule=rule, ActionsEnabled=False)
    assert not watch.describe_alarms(AlarmNames=[whole])["MetricAlarms"]
    watch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="<&>")
    both = watch.describe_alarms(AlarmNamePrefix=name, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert [a["StateValue"] for a in both["CompositeAlarms"] + both["MetricAlarms"]] == ["ALARM"] * 2, both
    maths = dict(wish, AlarmName=f"{name}-maths", Metrics=[
        {"Id": "e", "ReturnData": False, "MetricStat": {"Stat": "Sum", "Period": 60, "Metric": {
            "Namespace": "web", "MetricName": "errors", "Dimensions": wish["Dimensions"]}}},
        {"Id": "r", "Expression": "e * 2", "ReturnData": True}])
    for single in ("Namespace", "MetricName", "Statistic", "Period", "Dimensions"):
        maths.pop(single)
    watch.put_metric_alarm(**maths)
    assert watch.describe_alarms(AlarmNames=[maths["AlarmName"]])["MetricAlarms"][0]["Metrics"] == maths["Metrics"]
    metrics(watch, name)
    watch.refused("ResourceNotFound", "delete_alarms", AlarmNames=[name, "none"])
    watch.delete_alarms(AlarmNames=[whole, name, maths["AlarmName"]])
    assert not watch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]


def metrics(watch, name):
    # The server's clock goes on with every call; times are said.
    at = datetime.datetime(2026, 9, 21, 14, 30, tzinfo=datetime.timezone.utc)
    of = dict(Dimensions=[{"Name": "By", "Value": name}], MetricName="latency")
    data = [dict(of, Timestamp=at, Value=1.5), dict(of, Timestamp=at, Values=[0.5, 4.0], Counts=[3.0, 1.0])]
    watch.put_metric_data(Namespace="web", MetricData=data)
    watch.refused("InvalidParameterValue", "put_metric_data", Namespace="AWS/EC2", MetricData=data)
    span = dict(StartTime=at, EndTime=at + datetime.timedelta(minutes=2))
    ask = lambda stat: dict(Id=stat.lower(), MetricStat=dict(Metric=dict(of, Namespace="web"), Period=60, Stat=stat))
    answer = watch.get_metric_data(MetricDataQueries=[ask("Sum"), ask("p50"), ask("Maximum")], **span)["MetricDataResults"]
    assert [(r["Id"], r["Timestamps"], r["Values"], r["StatusCode"]) for r in answer] == [
        ("sum", [at], [7.0], "Complete"), ("p50", [at], [0.5], "Complete"), ("maximum", [at], [4.0], "Complete")], answer
    points = watch.get_metric_statistics(Namespace="web", Period=60, Statistics=["Average", "SampleCount"], **of, **span)
    assert points["Datapoints"] == [{"Timestamp": at, "Average": 1.4, "SampleCount": 5.0, "Unit": "None"}], points
