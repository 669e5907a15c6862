# What people type, by aws-cli.
say() { echo "cli.sh: $*" >&2; exit 1; }
state() { aws ec2 describe-instances --instance-ids "$1" --query 'Reservations[0].Instances[0].State.Name' --output text; }

# Looks until it is so; aws-cli's own waiters sleep for a quarter of a minute between looks.
comes() {
    for _ in 1 2 3 4 5 6; do [ "$("${@:2}")" = "$1" ] && return; done
    say "it never became $1: ${*:2}"
}

image=$(aws ec2 describe-images --owners 136693071363 --filters 'Name=name,Values=debian-12-amd64-*' \
    --query 'sort_by(Images, &CreationDate)[-1].ImageId' --output text)
[ "$image" = ami-0123456789abcdef0 ] || say "image $image"

instance=$(aws ec2 run-instances --image-id "$image" --instance-type t3.micro --user-data '#!/bin/sh' \
    --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=cli}]' --query 'Instances[0].InstanceId' --output text)
comes running state "$instance"
aws ec2 stop-instances --instance-ids "$instance" >/dev/null
comes stopped state "$instance"

baked=$(aws ec2 create-image --instance-id "$instance" --name cli-1 --query ImageId --output text)
comes available aws ec2 describe-images --image-ids "$baked" --query 'Images[0].State' --output text
aws ec2 terminate-instances --instance-ids "$instance" >/dev/null
comes terminated state "$instance"

vpc=$(aws ec2 describe-vpcs --query 'Vpcs[0].VpcId' --output text)
aws elbv2 create-target-group --name cli --protocol HTTP --port 80 --vpc-id "$vpc" >/dev/null
[ "$(aws elbv2 describe-target-groups --names cli --query 'TargetGroups[0].Port')" = 80 ] || say "target group"

aws cloudwatch put-metric-alarm --alarm-name cli --namespace web --metric-name errors --statistic Sum --period 60 \
    --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold
aws cloudwatch set-alarm-state --alarm-name cli --state-value ALARM --state-reason cli
[ "$(aws cloudwatch describe-alarms --alarm-names cli --query 'MetricAlarms[0].StateValue' --output text)" = ALARM ] || say "alarm"

refused=$(aws ec2 describe-instances --instance-ids i-0123456789abcdef0 2>&1) && say "it was found"
case $refused in *InvalidInstanceID.NotFound*) ;; *) say "$refused" ;; esac
refused=$(aws ec2 describe-placement-groups 2>&1) && say "placement groups are answered"
case $refused in *InvalidAction*DescribePlacementGroups*) ;; *) say "$refused" ;; esac
refused=$(AWS_DEFAULT_REGION=us-west-2 aws ec2 describe-vpcs 2>&1) && say "us-west-2 is answered"
case $refused in *AuthFailure*us-west-2*) ;; *) say "$refused" ;; esac

zone=$(aws route53 create-hosted-zone --name example.com --caller-reference cli --query HostedZone.Id --output text)
record='{"Name": "www.example.com", "Type": "CNAME", "TTL": 30, "SetIdentifier": "blue", "Weight": 0, "ResourceRecords": [{"Value": "blue.example.net"}]}'
change=$(aws route53 change-resource-record-sets --hosted-zone-id "$zone" --query ChangeInfo.Id --output text \
    --change-batch "{\"Changes\": [{\"Action\": \"UPSERT\", \"ResourceRecordSet\": $record}]}")
case $(aws route53 get-change --id "$change" --query ChangeInfo.Status --output text) in PENDING | INSYNC) ;; *) say "$change" ;; esac
[ "$(aws route53 list-resource-record-sets --hosted-zone-id "$zone" --query 'ResourceRecordSets[-1].Weight')" = 0 ] || say "no weight of 0"
