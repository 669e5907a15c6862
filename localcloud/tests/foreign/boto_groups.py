"""Auto Scaling and ELBv2 by boto3: a group behind a load balancer, and the way back."""


def run(ec2, scaling, elb, made, until):
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    traffic(elb, made, subnets)
    network(elb, made, subnets)
    group(scaling, elb, made, subnets, until)
    extras(scaling, until)
    refresh(scaling, until)
    swap(elb, made, until)
    clean(scaling, elb, made, until)


def traffic(elb, made, subnets):
    elb.describe_account_limits()
    wish = dict(Name="web", Subnets=subnets, SecurityGroups=[made["group"]])
    balancer = elb.create_load_balancer(**wish)["LoadBalancers"][0]
    made["balancer"] = balancer["LoadBalancerArn"]
    assert balancer["State"]["Code"] in ("provisioning", "active")
    elb.describe_load_balancers(Names=["web"])
    elb.refused("LoadBalancerNotFound", "describe_load_balancers", Names=["none"])
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=made["balancer"], Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "30"}]
    )
    elb.describe_load_balancer_attributes(LoadBalancerArn=made["balancer"])
    elb.set_security_groups(LoadBalancerArn=made["balancer"], SecurityGroups=[made["group"]])
    elb.set_subnets(LoadBalancerArn=made["balancer"], Subnets=subnets)
    vpc = elb.describe_load_balancers(LoadBalancerArns=[made["balancer"]])["LoadBalancers"][0]["VpcId"]
    for side in ("a", "b"):
        answer = elb.create_target_group(
            Name=f"web-{side}", Protocol="HTTP", Port=80, VpcId=vpc, HealthCheckPath="/healthz",
            Tags=[{"Key": "kiln:service", "Value": "web"}],
        )
        made[side] = answer["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=made["a"], HealthyThresholdCount=2, HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2)
    elb.modify_target_group_attributes(
        TargetGroupArn=made["a"], Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]
    )
    elb.describe_target_group_attributes(TargetGroupArn=made["a"])
    listener = elb.create_listener(
        LoadBalancerArn=made["balancer"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}],
    )["Listeners"][0]["ListenerArn"]
    made["listener"] = listener
    elb.refused("DuplicateListener", "create_listener", LoadBalancerArn=made["balancer"], Protocol="HTTP", Port=80,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": made["a"]}])
    elb.describe_listeners(LoadBalancerArn=made["balancer"])
    elb.modify_listener(ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": made["a"]}])
    rule = elb.create_rule(
        ListenerArn=listener, Priority=10,
        Conditions=[{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-kiln-probe", "Values": ["1"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": made["b"]}],
    )["Rules"][0]["RuleArn"]
    made["rule"] = rule
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": 11}])
    elb.add_tags(ResourceArns=[rule], Tags=[{"Key": "kiln:run", "Value": "1"}, {"Key": "gone", "Value": "<&>"}])
    elb.remove_tags(ResourceArns=[rule], TagKeys=["gone"])
    assert elb.describe_tags(ResourceArns=[rule])["TagDescriptions"][0]["Tags"] == [{"Key": "kiln:run", "Value": "1"}]
    assert len(elb.describe_rules(ListenerArn=listener)["Rules"]) == 2


def network(elb, made, subnets):
    wish = dict(Name="net", Type="network", Scheme="internal", Subnets=subnets[:1])
    balancer = elb.create_load_balancer(**wish)["LoadBalancers"][0]
    assert (balancer["Type"], balancer["Scheme"]) == ("network", "internal")
    arn = balancer["LoadBalancerArn"]
    elb.describe_load_balancer_attributes(LoadBalancerArn=arn)
    tcp = elb.create_target_group(Name="net", Protocol="TCP", Port=22, VpcId=balancer["VpcId"])["TargetGroups"][0]
    assert "Matcher" not in tcp and "ProtocolVersion" not in tcp, tcp
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": tcp["TargetGroupArn"]}]}}]
    listens = dict(LoadBalancerArn=arn, Protocol="TCP", Port=22, DefaultActions=forward)
    listener = elb.create_listener(**listens)["Listeners"][0]
    assert listener["DefaultActions"][0]["TargetGroupArn"] == tcp["TargetGroupArn"]
    elb.refused("ValidationError", "create_listener", **{**listens, "Protocol": "HTTP"})
    assert len(elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]) == 1
    elb.describe_target_group_attributes(TargetGroupArn=tcp["TargetGroupArn"])
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.delete_target_group(TargetGroupArn=tcp["TargetGroupArn"])


def group(scaling, elb, made, subnets, until):
    wish = dict(
        AutoScalingGroupName="web-v001",
        LaunchTemplate={"LaunchTemplateName": "web", "Version": "2"},
        MinSize=0, MaxSize=4, DesiredCapacity=0,
        VPCZoneIdentifier=",".join(subnets),
        HealthCheckType="ELB", HealthCheckGracePeriod=30,
        Tags=[{"Key": "kiln:service", "Value": "web", "PropagateAtLaunch": True}],
    )
    scaling.create_auto_scaling_group(**wish)
    scaling.refused("AlreadyExists", "create_auto_scaling_group", **wish)
    name = {"AutoScalingGroupName": "web-v001"}
    scaling.attach_load_balancer_target_groups(TargetGroupARNs=[made["a"]], **name)
    scaling.describe_load_balancer_target_groups(**name)
    scaling.update_auto_scaling_group(MinSize=1, DesiredCapacity=2, **name)
    look = lambda: scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web-v001"])["AutoScalingGroups"][0]
    served = lambda seen: [i["LifecycleState"] for i in seen["Instances"]] == ["InService"] * 2
    seen = until(look, served)
    zones = {i["AvailabilityZone"] for i in seen["Instances"]}
    assert len(zones) == 2 and all(i["LaunchTemplate"]["Version"] == "2" for i in seen["Instances"]), seen
    health = lambda: elb.describe_target_health(TargetGroupArn=made["a"])["TargetHealthDescriptions"]
    until(health, lambda seen: [t["TargetHealth"]["State"] for t in seen] == ["healthy"] * 2)
    one = seen["Instances"][0]["InstanceId"]
    assert scaling.describe_auto_scaling_instances(InstanceIds=[one])["AutoScalingInstances"][0]["AutoScalingGroupName"]
    assert scaling.describe_scaling_activities(**name)["Activities"][0]["StatusCode"] == "Successful"
    scaling.set_instance_protection(InstanceIds=[one], ProtectedFromScaleIn=True, **name)
    scaling.set_instance_protection(InstanceIds=[one], ProtectedFromScaleIn=False, **name)
    scaling.set_desired_capacity(DesiredCapacity=2, **name)
    scaling.set_instance_health(InstanceId=one, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    until(look, lambda seen: served(seen) and one not in [i["InstanceId"] for i in seen["Instances"]])
    two = look()["Instances"][0]["InstanceId"]
    scaling.terminate_instance_in_auto_scaling_group(InstanceId=two, ShouldDecrementDesiredCapacity=True)
    scaling.suspend_processes(ScalingProcesses=["AZRebalance"], **name)
    scaling.resume_processes(ScalingProcesses=["AZRebalance"], **name)
    scaling.detach_load_balancer_target_groups(TargetGroupARNs=[made["a"]], **name)
    source = [{"Identifier": made["b"], "Type": "elbv2"}]
    scaling.attach_traffic_sources(TrafficSources=source, **name)
    scaling.describe_traffic_sources(**name)
    scaling.detach_traffic_sources(TrafficSources=source, **name)


def extras(scaling, until):
    name = {"AutoScalingGroupName": "web-v001"}
    scaling.describe_load_balancers(**name)
    scaling.put_warm_pool(MinSize=1, MaxGroupPreparedCapacity=0, PoolState="Running", **name)
    pool = lambda: scaling.describe_warm_pool(**name)
    warm = lambda seen: [i["LifecycleState"] for i in seen["Instances"]] == ["Warmed:Running"]
    assert until(pool, warm)["WarmPoolConfiguration"]["MinSize"] == 1
    scaling.delete_warm_pool(**name)
    until(pool, lambda seen: "WarmPoolConfiguration" not in seen)
    scaling.describe_account_limits()
    tag = {"ResourceId": "web-v001", "ResourceType": "auto-scaling-group", "Key": "kiln:state", "Value": "live"}
    scaling.create_or_update_tags(Tags=[dict(tag, PropagateAtLaunch=False)])
    assert scaling.describe_tags(Filters=[{"Name": "key", "Values": ["kiln:state"]}])["Tags"]
    scaling.delete_tags(Tags=[tag])
    hook = {"LifecycleHookName": "warm", **name}
    scaling.put_lifecycle_hook(LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING", **hook)
    scaling.describe_lifecycle_hooks(**name)
    scaling.describe_lifecycle_hook_types()
    scaling.set_desired_capacity(DesiredCapacity=2, **name)
    look = lambda: scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web-v001"])["AutoScalingGroups"][0]
    waiting = lambda seen: [i for i in seen["Instances"] if i["LifecycleState"] == "Pending:Wait"]
    one = waiting(until(look, waiting))[0]["InstanceId"]
    scaling.record_lifecycle_action_heartbeat(InstanceId=one, **hook)
    scaling.complete_lifecycle_action(InstanceId=one, LifecycleActionResult="CONTINUE", **hook)
    until(look, lambda seen: not waiting(seen))
    scaling.delete_lifecycle_hook(**hook)
    scaling.put_scaling_policy(
        PolicyName="cpu", PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 50.0,
        }, **name,
    )
    scaling.describe_policies(**name)
    scaling.delete_policy(PolicyName="cpu", **name)
    scaling.put_scheduled_update_group_action(ScheduledActionName="night", Recurrence="0 1 * * *", MinSize=1, **name)
    scaling.describe_scheduled_actions(**name)
    scaling.delete_scheduled_action(ScheduledActionName="night", **name)
    topic = "arn:aws:sns:eu-central-1:012345678901:web"
    scaling.put_notification_configuration(TopicARN=topic, NotificationTypes=["autoscaling:EC2_INSTANCE_LAUNCH"], **name)
    scaling.describe_notification_configurations(AutoScalingGroupNames=["web-v001"])
    scaling.delete_notification_configuration(TopicARN=topic, **name)
    scaling.enable_metrics_collection(Granularity="1Minute", **name)
    scaling.disable_metrics_collection(**name)


def refresh(scaling, until):
    name = {"AutoScalingGroupName": "web-v001"}
    assert not scaling.describe_instance_refreshes(**name)["InstanceRefreshes"]
    scaling.refused("ActiveInstanceRefreshNotFound", "cancel_instance_refresh", **name)
    desired = {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"}}
    wish = dict(
        name, Strategy="Rolling", DesiredConfiguration=desired,
        Preferences={
            "MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "InstanceWarmup": 5, "SkipMatching": True,
            "AutoRollback": True, "CheckpointPercentages": [50, 100], "CheckpointDelay": 5,
            "ScaleInProtectedInstances": "Refresh", "StandbyInstances": "Ignore", "BakeTime": 5,
        },
    )
    started = scaling.start_instance_refresh(**wish)["InstanceRefreshId"]
    scaling.refused("InstanceRefreshInProgress", "start_instance_refresh", **wish)
    look = lambda: scaling.describe_instance_refreshes(InstanceRefreshIds=[started], **name)["InstanceRefreshes"][0]
    until(look, lambda seen: seen["Status"] == "InProgress")
    assert scaling.rollback_instance_refresh(**name)["InstanceRefreshId"] == started
    seen = until(look, lambda seen: seen["Status"] == "RollbackSuccessful")
    assert seen["RollbackDetails"]["RollbackReason"] and seen["DesiredConfiguration"] == {
        "LaunchTemplate": dict(desired["LaunchTemplate"], LaunchTemplateId=seen["DesiredConfiguration"]["LaunchTemplate"]["LaunchTemplateId"])
    }, seen
    second = scaling.start_instance_refresh(**wish)["InstanceRefreshId"]
    scaling.cancel_instance_refresh(WaitForTransitioningInstances=True, **name)
    newest = lambda: scaling.describe_instance_refreshes(MaxRecords=1, **name)["InstanceRefreshes"][0]
    seen = until(newest, lambda seen: seen["Status"] == "Cancelled")
    assert seen["InstanceRefreshId"] == second, seen


def swap(elb, made, until):
    target = [{"Id": made["instance"], "Port": 80}]
    elb.register_targets(TargetGroupArn=made["b"], Targets=target)
    health = lambda: elb.describe_target_health(TargetGroupArn=made["b"])["TargetHealthDescriptions"]
    until(health, lambda seen: seen and seen[0]["TargetHealth"]["State"] == "healthy")
    weights = [{"TargetGroupArn": made["a"], "Weight": 10}, {"TargetGroupArn": made["b"], "Weight": 90}]
    elb.modify_rule(RuleArn=made["rule"], Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}])
    elb.refused("ResourceInUse", "delete_target_group", TargetGroupArn=made["a"])
    elb.deregister_targets(TargetGroupArn=made["b"], Targets=target)
    until(health, lambda seen: not seen)


def clean(scaling, elb, made, until):
    name = {"AutoScalingGroupName": "web-v001"}
    scaling.refused("ResourceInUse", "delete_auto_scaling_group", **name)
    scaling.update_auto_scaling_group(MinSize=0, DesiredCapacity=0, **name)
    groups = lambda: scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web-v001"])["AutoScalingGroups"]
    until(groups, lambda seen: not seen[0]["Instances"])
    scaling.delete_auto_scaling_group(**name)
    until(groups, lambda seen: not seen)
    elb.delete_rule(RuleArn=made["rule"])
    elb.delete_listener(ListenerArn=made["listener"])
    elb.delete_load_balancer(LoadBalancerArn=made["balancer"])
    for side in ("a", "b"):
        elb.describe_target_groups(TargetGroupArns=[made[side]])
        elb.delete_target_group(TargetGroupArn=made[side])
