//! Launch templates: versions that inherit, tokens, defaults, and what is really launched.

use super::{Cloud, DEBIAN};

fn web(cloud: &mut Cloud) {
    let data = format!(
        "LaunchTemplateData.ImageId={DEBIAN} LaunchTemplateData.InstanceType=t3.micro LaunchTemplateData.KeyName=k"
    );
    cloud.ok("CreateKeyPair", "KeyName=k KeyType=ed25519");
    cloud.ok(
        "CreateLaunchTemplate",
        &format!("LaunchTemplateName=web {data}"),
    );
}

#[test]
fn a_version_inherits_what_it_does_not_name() {
    let mut cloud = Cloud::new();
    web(&mut cloud);
    let wish = "LaunchTemplateName=web SourceVersion=1 LaunchTemplateData.InstanceType=t3.small ClientToken=t";
    let version = cloud.ok("CreateLaunchTemplateVersion", wish);
    let version = version.get("launchTemplateVersion").unwrap();
    let text = |path: &str| version.at(path).and_then(localcloud::model::Tree::text);
    assert_eq!(text("versionNumber").as_deref(), Some("2"));
    assert_eq!(
        text("launchTemplateData.instanceType").as_deref(),
        Some("t3.small")
    );
    assert_eq!(text("launchTemplateData.imageId").as_deref(), Some(DEBIAN));
    assert_eq!(text("launchTemplateData.keyName").as_deref(), Some("k"));
    let again = cloud.get(
        "CreateLaunchTemplateVersion",
        wish,
        "launchTemplateVersion.versionNumber",
    );
    assert_eq!(again, "2", "the token was ignored");
    let alone = "LaunchTemplateName=web LaunchTemplateData.InstanceType=t3.nano";
    let third = cloud.ok("CreateLaunchTemplateVersion", alone);
    assert!(
        third
            .at("launchTemplateVersion.launchTemplateData.imageId")
            .is_none(),
        "nothing is inherited unasked"
    );
}

#[test]
fn names_and_versions_that_are_not_there_are_refused() {
    let mut cloud = Cloud::new();
    web(&mut cloud);
    let data = "LaunchTemplateData.InstanceType=t3.small";
    for (code, action, parameters) in [
        (
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "CreateLaunchTemplate",
            format!("LaunchTemplateName=web {data}"),
        ),
        (
            "InvalidLaunchTemplateName.MalformedException",
            "CreateLaunchTemplate",
            format!("LaunchTemplateName=ab {data}"),
        ),
        (
            "InvalidLaunchTemplateName.NotFoundException",
            "DescribeLaunchTemplates",
            "LaunchTemplateName.1=none".into(),
        ),
        (
            "InvalidLaunchTemplateId.VersionNotFound",
            "ModifyLaunchTemplate",
            "LaunchTemplateName=web SetDefaultVersion=7".into(),
        ),
        (
            "InvalidLaunchTemplateId.VersionNotFound",
            "CreateLaunchTemplateVersion",
            format!("LaunchTemplateName=web SourceVersion=7 {data}"),
        ),
        (
            "MissingParameter",
            "DescribeLaunchTemplateVersions",
            "LaunchTemplateVersion.1=1".into(),
        ),
        (
            "UnknownParameter",
            "CreateLaunchTemplateVersion",
            "LaunchTemplateName=web LaunchTemplateData.Colour=red".into(),
        ),
    ] {
        cloud.refused(code, action, &parameters);
    }
}

#[test]
fn the_default_moves_and_cannot_be_deleted() {
    let mut cloud = Cloud::new();
    web(&mut cloud);
    cloud.ok(
        "CreateLaunchTemplateVersion",
        "LaunchTemplateName=web SourceVersion=1 LaunchTemplateData.InstanceType=t3.small",
    );
    cloud.ok(
        "ModifyLaunchTemplate",
        "LaunchTemplateName=web SetDefaultVersion=2",
    );
    let result = cloud.ok(
        "DeleteLaunchTemplateVersions",
        "LaunchTemplateName=web LaunchTemplateVersion.1=1 LaunchTemplateVersion.2=2",
    );
    let text = |path: &str| result.at(path).and_then(localcloud::model::Tree::text);
    assert_eq!(
        text("successfullyDeletedLaunchTemplateVersionSet.0.versionNumber").as_deref(),
        Some("1")
    );
    assert_eq!(
        text("unsuccessfullyDeletedLaunchTemplateVersionSet.0.versionNumber").as_deref(),
        Some("2")
    );
    let next = "LaunchTemplateName=web SourceVersion=2 LaunchTemplateData.InstanceType=t3.nano";
    let number = cloud.get(
        "CreateLaunchTemplateVersion",
        next,
        "launchTemplateVersion.versionNumber",
    );
    assert_eq!(number, "3", "deleted numbers are not used again");
}

#[test]
fn a_launch_says_which_version_it_really_used() {
    let mut cloud = Cloud::new();
    web(&mut cloud);
    cloud.ok(
        "CreateLaunchTemplateVersion",
        "LaunchTemplateName=web SourceVersion=1 LaunchTemplateData.InstanceType=t3.small",
    );
    let run = "MinCount=1 MaxCount=1 LaunchTemplate.LaunchTemplateName=web";
    for (version, kind, number) in [
        ("1", "t3.micro", "1"),
        ("$Latest", "t3.small", "2"),
        ("$Default", "t3.micro", "1"),
    ] {
        let tree = cloud.ok(
            "RunInstances",
            &format!("{run} LaunchTemplate.Version={version}"),
        );
        let instance = tree.at("instancesSet.0").unwrap();
        assert_eq!(
            instance.get("instanceType").unwrap().text().as_deref(),
            Some(kind)
        );
        let tags = format!("{:?}", instance.get("tagSet"));
        let expected = format!(
            "(\"key\", Text(\"aws:ec2launchtemplate:version\")), (\"value\", Text(\"{number}\"))"
        );
        assert!(tags.contains(&expected), "{tags}");
    }
    let over = cloud.get(
        "RunInstances",
        &format!("{run} InstanceType=t3.large"),
        "instancesSet.0.instanceType",
    );
    assert_eq!(over, "t3.large", "the call wins over the template");
}

#[test]
fn a_fleet_falls_back_to_its_next_override() {
    let mut cloud = Cloud::new();
    web(&mut cloud);
    let config = "LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateName=web \
        LaunchTemplateConfigs.1.LaunchTemplateSpecification.Version=1 \
        LaunchTemplateConfigs.1.Overrides.1.InstanceType=t9.huge LaunchTemplateConfigs.1.Overrides.2.InstanceType=t3.large";
    let target = "TargetCapacitySpecification.TotalTargetCapacity=1 TargetCapacitySpecification.DefaultTargetCapacityType=spot";
    let tree = cloud.ok("CreateFleet", &format!("Type=instant {config} {target}"));
    let id = tree
        .at("fleetInstanceSet.0.instanceIds.0")
        .unwrap()
        .text()
        .unwrap();
    let path = "reservationSet.0.instancesSet.0.instanceLifecycle";
    assert_eq!(
        cloud.get("DescribeInstances", &format!("InstanceId.1={id}"), path),
        "spot"
    );
}
