//! The orderly life of a cloud.

use localcloud::host;

use super::{Cloud, between, config, post, until};

#[tokio::test]
async fn a_cloud_comes_up_once_is_reset_and_leaves_nothing() {
    let cloud = Cloud::up().await;
    assert!(!cloud.up.already);
    let lines = cloud.up.to_string();
    assert!(lines.starts_with(
        "export AWS_ENDPOINT_URL=http://10.214.0.1:4967\nexport AWS_REGION=eu-central-1\n"
    ));
    let again = host::up(&cloud.config, &mut |_| {}).await.unwrap();
    assert!(again.already);
    assert_eq!(again.to_string(), lines);

    let images = cloud.ec2("DescribeImages", "&Owner.1=136693071363").await;
    assert!(images.contains("<name>debian-12-amd64-"), "{images}");
    let unknown = post(&cloud.config, "Action=MakeCoffee&Version=2016-11-15").await;
    assert!(
        unknown.contains("<Code>InvalidAction</Code>") && unknown.contains("MakeCoffee"),
        "{unknown}"
    );

    cloud.machine().await;
    host::reset(&cloud.config).await.unwrap();
    let status = host::status(&cloud.config).await.unwrap();
    assert_eq!(status.seen.instances, []);
    assert_eq!(status.seen.load_balancers[0].state, "active");
    assert!(status.memory > 1 << 20);
    cloud.down().await;
}

#[tokio::test]
async fn of_two_that_come_up_at_once_one_finds_it_up() {
    let cloud = Cloud::up().await;
    host::down(&cloud.config).await.unwrap();
    let mut quiet = (|_: &str| {}, |_: &str| {});
    let (one, other) = tokio::join!(
        host::up(&cloud.config, &mut quiet.0),
        host::up(&cloud.config, &mut quiet.1)
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.already, other.already);
    assert_eq!(one.to_string(), other.to_string());
    cloud.down().await;
}

#[tokio::test]
async fn an_address_in_use_is_named_and_nothing_is_left() {
    let cloud = Cloud::up().await;
    host::down(&cloud.config).await.unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", cloud.config.port)).unwrap();
    let error = host::up(&cloud.config, &mut |_| {})
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("listen on 127.0.0.1:4967"), "{error}");
    cloud.is_gone().await;
}

#[tokio::test]
async fn a_machine_stops_when_it_is_asked_to() {
    let cloud = Cloud::up().await;
    let id = cloud.machine().await;
    cloud
        .ec2("StopInstances", &format!("&InstanceId.1={id}"))
        .await;
    until("the machine stopped", async || {
        let status = host::status(&cloud.config).await.unwrap();
        status.seen.instances[0].state == "stopped"
    })
    .await;
    cloud.down().await;
}

#[tokio::test]
async fn a_machine_of_a_warm_pool_waits_stopped_and_starts_when_its_group_grows() {
    let cloud = Cloud::up().await;
    let data =
        "LaunchTemplateData.ImageId=ami-0deb12000000000aa&LaunchTemplateData.InstanceType=t3.micro";
    let template = format!("&LaunchTemplateName=web&{data}");
    cloud.ec2("CreateLaunchTemplate", &template).await;
    let group = "&LaunchTemplate.LaunchTemplateName=web&LaunchTemplate.Version=1&AvailabilityZones.member.1=eu-central-1a\
                 &MinSize=0&MaxSize=1&DesiredCapacity=0";
    cloud.scaling("CreateAutoScalingGroup", group).await;
    cloud.scaling("PutWarmPool", "").await;
    let pool = async || cloud.scaling("DescribeWarmPool", "").await;
    until("the machine waits", async || {
        pool().await.contains("<LifecycleState>Warmed:Stopped<")
    })
    .await;
    let id = between(&pool().await, "<InstanceId>", "<");
    cloud
        .scaling("SetDesiredCapacity", "&DesiredCapacity=1")
        .await;
    until("it serves", async || {
        let status = host::status(&cloud.config).await.unwrap();
        let [one] = &status.seen.instances[..] else {
            panic!("{:?}", status.seen.instances);
        };
        one.id == id && one.state == "running"
    })
    .await;
    cloud.down().await;
}

#[tokio::test]
async fn down_without_up_is_no_error() {
    let cloud = Cloud::up().await;
    assert!(host::down(&cloud.config).await.unwrap());
    assert!(!host::down(&config()).await.unwrap());
    cloud.is_gone().await;
}
