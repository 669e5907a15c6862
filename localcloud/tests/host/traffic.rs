//! Requests through the seeded load balancer to real machines: model, machines, network and proxy together.

use localcloud::host;

use super::{Cloud, between, post, until};

/// A web server that says which machine it is, one second after boot.
const SERVE: &str = "#!/bin/sh\nmkdir -p /srv/www && hostname > /srv/www/index.html\n\
                     systemd-run --working-directory=/srv/www python3 -m http.server 80\n";

impl Cloud {
    async fn elb(&self, action: &str, parameters: &str) -> String {
        let body = format!("Action={action}&Version=2015-12-01{parameters}");
        let answer = post(&self.config, &body).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{action}: {answer}");
        answer
    }

    async fn health(&self, group: &str) -> Vec<String> {
        let answer = self
            .elb("DescribeTargetHealth", &format!("&TargetGroupArn={group}"))
            .await;
        let states = answer.split("<State>").skip(1);
        states
            .map(|rest| rest.split('<').next().unwrap().to_owned())
            .collect()
    }
}

/// The body of the load balancer's answer to a request for `/`.
async fn ask(url: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = url.replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(format!("{address}:80"))
        .await
        .unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn requests_reach_healthy_machines_and_follow_the_listener() {
    let cloud = Cloud::up().await;
    let url = host::status(&cloud.config)
        .await
        .unwrap()
        .seen
        .load_balancers[0]
        .url
        .clone();
    assert!(ask(&url).await.starts_with("HTTP/1.1 404 "));
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SERVE);
    let data = data.replace('+', "%2B").replace('=', "%3D");
    let launch = format!(
        "&ImageId=ami-0deb12000000000aa&MinCount=2&MaxCount=2&InstanceType=t3.micro&UserData={data}"
    );
    let launched = cloud.ec2("RunInstances", &launch).await;
    let ids: Vec<&str> = launched
        .split("<instanceId>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    let vpc = between(&launched, "<vpcId>", "<");
    let group = format!(
        "&Name=web&Protocol=HTTP&Port=80&VpcId={vpc}&HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=2"
    );
    let group = between(
        &cloud.elb("CreateTargetGroup", &group).await,
        "<TargetGroupArn>",
        "<",
    );
    let targets = format!(
        "&TargetGroupArn={group}&Targets.member.1.Id={}&Targets.member.2.Id={}",
        ids[0], ids[1]
    );
    until("the machines run", async || {
        let body = format!("Action=RegisterTargets&Version=2015-12-01{targets}");
        post(&cloud.config, &body)
            .await
            .starts_with("HTTP/1.1 200 ")
    })
    .await;
    assert_eq!(cloud.health(&group).await, ["unused", "unused"]);

    let balancer = between(
        &cloud.elb("DescribeLoadBalancers", "").await,
        "<LoadBalancerArn>",
        "<",
    );
    let listener = cloud
        .elb("DescribeListeners", &format!("&LoadBalancerArn={balancer}"))
        .await;
    let listener = between(&listener, "<ListenerArn>", "<");
    let action = format!(
        "&DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={group}"
    );
    cloud
        .elb(
            "ModifyListener",
            &format!("&ListenerArn={listener}{action}"),
        )
        .await;
    until("both are healthy", async || {
        cloud.health(&group).await == ["healthy", "healthy"]
    })
    .await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let answer = ask(&url).await;
        assert!(answer.contains(" 200 OK\r\n"), "{answer}");
        seen.insert(answer.split("\r\n\r\n").nth(1).unwrap().to_owned());
    }
    assert_eq!(seen.len(), 2, "{seen:?}");

    let delay =
        "&Attributes.member.1.Key=deregistration_delay.timeout_seconds&Attributes.member.1.Value=2";
    cloud
        .elb(
            "ModifyTargetGroupAttributes",
            &format!("&TargetGroupArn={group}{delay}"),
        )
        .await;
    cloud
        .elb(
            "DeregisterTargets",
            &format!("&TargetGroupArn={group}&Targets.member.1.Id={}", ids[0]),
        )
        .await;
    until("it is drained", async || {
        cloud.health(&group).await == ["healthy"]
    })
    .await;
    let only = ask(&url).await;
    for _ in 0..10 {
        assert_eq!(
            ask(&url).await.split("\r\n\r\n").nth(1),
            only.split("\r\n\r\n").nth(1)
        );
    }
    cloud.down().await;
}
