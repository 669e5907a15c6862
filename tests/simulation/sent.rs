//! What a template says arrives at EC2, in the words of its API.

use std::time::Duration;

use kiln::cloud::{Filter, Instances as _};
use kiln::run::{MemoryJournal, Silent};

use super::bench::{Bench, TEMPLATE, account};

/// A bake with these options.
async fn bench(options: &str) -> Bench {
    let text = TEMPLATE.replace(
        r#""ssh_username": "admin","#,
        &format!(r#""ssh_username": "admin", {options},"#),
    );
    Bench::of(&text, account(), None).await
}

#[tokio::test(start_paused = true)]
async fn each_option_is_a_parameter_of_its_call() {
    let metadata = r#""metadata_options": {
        "http_tokens": "optional", "http_put_response_hop_limit": 2, "instance_metadata_tags": "enabled" }"#;
    let volume =
        r#""ami_block_device_mappings": [{ "device_name": "/dev/xvdb", "volume_size": 9 }]"#;
    for (options, call, words) in [
        (
            r#""ami_groups": "all""#,
            "RunInstances",
            "MetadataOptions.HttpTokens=required",
        ),
        (
            metadata,
            "RunInstances",
            "MetadataOptions.HttpTokens=optional",
        ),
        (
            metadata,
            "RunInstances",
            "MetadataOptions.HttpPutResponseHopLimit=2",
        ),
        (
            metadata,
            "RunInstances",
            "MetadataOptions.InstanceMetadataTags=enabled",
        ),
        (
            r#""ebs_optimized": true"#,
            "RunInstances",
            "EbsOptimized=true",
        ),
        (
            r#""enable_unlimited_credits": true"#,
            "RunInstances",
            "CreditSpecification.CpuCredits=unlimited",
        ),
        (
            r#""spot_price": "0.5""#,
            "RunInstances",
            "SpotOptions.MaxPrice=0.5",
        ),
        (
            r#""run_volume_tags": { "disk": "root" }"#,
            "RunInstances",
            "Key=disk&",
        ),
        (
            r#""associate_public_ip_address": false"#,
            "RunInstances",
            "AssociatePublicIpAddress=false",
        ),
        (
            r#""ami_description": "plain""#,
            "CreateImage",
            "Description=plain",
        ),
        (volume, "CreateImage", "Ebs.VolumeSize=9"),
        (
            r#""ena_support": true"#,
            "ModifyInstanceAttribute",
            "EnaSupport.Value=true",
        ),
        (
            r#""sriov_support": true"#,
            "ModifyInstanceAttribute",
            "SriovNetSupport.Value=simple",
        ),
        (
            r#""ssh_port": 2222"#,
            "AuthorizeSecurityGroupIngress",
            "IpPermissions.1.FromPort=2222",
        ),
        (
            r#""ssh_port": 2222"#,
            "AuthorizeSecurityGroupIngress",
            "CidrIp=198.51.100.7%2F32",
        ),
    ] {
        let bench = bench(options).await;
        let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
        let result = outcome.map(|outcome| outcome.result);
        let said = bench.cloud.said(call);
        let has = said.iter().any(|said| said.contains(words));
        assert!(has, "{options}: {said:?} {result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_to_stop_by_itself_is_waited_for() {
    let bench = bench(r#""disable_stop_instance": true"#).await;
    let journal = MemoryJournal::default();
    let stop = async {
        let wiped = |commands: Vec<String>| commands.iter().any(|text| text.contains("machine-id"));
        while !wiped(bench.tools.commands()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert!(!bench.cloud.calls().contains(&"CreateImage".to_owned()));
        let seer = bench.cloud.observer().await;
        let running = [Filter::new("instance-state-name", "running")];
        let found = seer.find_instances(&running).await.unwrap();
        seer.stop_instance(&found[0].id).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(bench.bake(&journal, &Silent), stop);
    outcome.unwrap().result.unwrap();
    assert!(!bench.cloud.calls().contains(&"StopInstances".to_owned()));
}
