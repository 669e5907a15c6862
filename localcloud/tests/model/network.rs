//! Security groups, key pairs, tags and pages.

use super::Cloud;
use localcloud::model::Fact;

#[test]
fn a_group_in_use_cannot_be_deleted() {
    let mut cloud = Cloud::new();
    let group = cloud.get(
        "CreateSecurityGroup",
        "GroupName=g GroupDescription=d",
        "groupId",
    );
    let of = format!("GroupId={group}");
    let instance = cloud.running(&format!("SecurityGroupId.1={group}"));
    cloud.refused("DependencyViolation", "DeleteSecurityGroup", &of);
    cloud.ok("TerminateInstances", &format!("InstanceId.1={instance}"));
    cloud.asked();
    cloud.refused("DependencyViolation", "DeleteSecurityGroup", &of);
    cloud.see(Fact::Gone { instance });
    let other = cloud.get(
        "CreateSecurityGroup",
        "GroupName=h GroupDescription=d",
        "groupId",
    );
    let refers = format!(
        "GroupId={other} IpPermissions.1.IpProtocol=-1 IpPermissions.1.Groups.1.GroupId={group}"
    );
    cloud.ok("AuthorizeSecurityGroupIngress", &refers);
    cloud.refused("DependencyViolation", "DeleteSecurityGroup", &of);
    cloud.ok("RevokeSecurityGroupIngress", &refers);
    cloud.ok("DeleteSecurityGroup", &of);
    cloud.refused("InvalidGroup.NotFound", "DeleteSecurityGroup", &of);
}

#[test]
fn rules_are_kept_once_and_read_strictly() {
    let mut cloud = Cloud::new();
    let group = cloud.get(
        "CreateSecurityGroup",
        "GroupName=g GroupDescription=d",
        "groupId",
    );
    let rule = |protocol: &str, from: &str, cidr: &str| {
        format!(
            "GroupId={group} IpPermissions.1.IpProtocol={protocol} IpPermissions.1.FromPort={from} \
             IpPermissions.1.ToPort=22 IpPermissions.1.IpRanges.1.CidrIp={cidr}"
        )
    };
    let action = "AuthorizeSecurityGroupIngress";
    cloud.ok(action, &rule("tcp", "22", "10.1.2.3/16"));
    cloud.refused(
        "InvalidPermission.Duplicate",
        action,
        &rule("6", "22", "10.1.0.0/16"),
    );
    cloud.refused(
        "InvalidParameterValue",
        action,
        &rule("tcp", "22", "10.1.0.0/33"),
    );
    cloud.refused(
        "InvalidParameterValue",
        action,
        &rule("tcp", "23", "10.0.0.0/8"),
    );
    cloud.refused(
        "InvalidPermission.NotFound",
        "RevokeSecurityGroupIngress",
        &rule("tcp", "22", "10.9.0.0/16"),
    );
    cloud.refused(
        "InvalidGroup.Duplicate",
        "CreateSecurityGroup",
        "GroupName=g GroupDescription=d",
    );
    cloud.refused("CannotDelete", "DeleteSecurityGroup", "GroupName=default");
    let path = "securityGroupInfo.0.ipPermissions.0.ipRanges.0.cidrIp";
    assert_eq!(
        cloud.get(
            "DescribeSecurityGroups",
            &format!("GroupId.1={group}"),
            path
        ),
        "10.1.0.0/16"
    );
}

#[test]
fn keys_are_of_use_and_deleting_none_succeeds() {
    let mut cloud = Cloud::new();
    let pem = cloud.get("CreateKeyPair", "KeyName=k KeyType=ed25519", "keyMaterial");
    let private = ssh_key::PrivateKey::from_openssh(&pem).unwrap();
    let public = cloud.get(
        "DescribeKeyPairs",
        "KeyName.1=k IncludePublicKey=true",
        "keySet.0.publicKey",
    );
    assert_eq!(
        ssh_key::PublicKey::from_openssh(&public)
            .unwrap()
            .key_data(),
        private.public_key().key_data()
    );
    cloud.refused("InvalidKeyPair.Duplicate", "CreateKeyPair", "KeyName=k");
    cloud.ok("DeleteKeyPair", "KeyName=k");
    cloud.ok("DeleteKeyPair", "KeyName=k");
    let rsa = cloud.get("CreateKeyPair", "KeyName=k", "keyMaterial");
    assert!(
        rsa.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"),
        "{rsa}"
    );
    let fingerprint = cloud.get("DescribeKeyPairs", "KeyName.1=k", "keySet.0.keyFingerprint");
    assert_eq!(fingerprint, by_openssl(&rsa));
    cloud.refused(
        "InvalidKey.Format",
        "ImportKeyPair",
        "KeyName=x PublicKeyMaterial=aGk=",
    );
}

#[test]
fn tags_are_found_limited_and_reserved() {
    let mut cloud = Cloud::new();
    let id = cloud.running("");
    cloud.ok(
        "CreateTags",
        &format!("ResourceId.1={id} Tag.1.Key=kiln:run Tag.1.Value=1"),
    );
    assert_eq!(
        cloud.count(
            "DescribeInstances",
            "Filter.1.Name=tag:kiln:run Filter.1.Value.1=1",
            "reservationSet"
        ),
        1
    );
    assert_eq!(
        cloud.count(
            "DescribeInstances",
            "Filter.1.Name=tag-key Filter.1.Value.1=kiln:*",
            "reservationSet"
        ),
        1
    );
    assert_eq!(
        cloud.count(
            "DescribeInstances",
            "Filter.1.Name=tag:kiln:run Filter.1.Value.1=2",
            "reservationSet"
        ),
        0
    );
    let many: Vec<String> = (1..=50).map(|n| format!("Tag.{n}.Key=k{n}")).collect();
    cloud.refused(
        "TagLimitExceeded",
        "CreateTags",
        &format!("ResourceId.1={id} {}", many.join(" ")),
    );
    cloud.refused(
        "InvalidID",
        "CreateTags",
        "ResourceId.1=thing-1 Tag.1.Key=k",
    );
    cloud.refused(
        "InvalidInstanceID.NotFound",
        "CreateTags",
        "ResourceId.1=i-00000000000000000 Tag.1.Key=k",
    );
    cloud.ok(
        "DeleteTags",
        &format!("ResourceId.1={id} Tag.1.Key=kiln:run Tag.1.Value=other"),
    );
    assert_eq!(
        cloud.count("DescribeTags", "", "tagSet"),
        1,
        "another value is not this tag"
    );
    cloud.ok(
        "DeleteTags",
        &format!("ResourceId.1={id} Tag.1.Key=kiln:run"),
    );
    assert_eq!(cloud.count("DescribeTags", "", "tagSet"), 0);
}

#[test]
fn long_lists_come_in_pages() {
    let mut cloud = Cloud::new();
    cloud.ok(
        "RunInstances",
        &format!(
            "ImageId={} InstanceType=t3.nano MinCount=12 MaxCount=12",
            super::DEBIAN
        ),
    );
    let (mut seen, mut token) = (0, String::new());
    for page in 0..4 {
        assert!(page < 3, "twelve in pages of five are three pages");
        let next = if token.is_empty() {
            String::new()
        } else {
            format!("NextToken={token}")
        };
        let tree = cloud.ok("DescribeInstances", &format!("MaxResults=5 {next}"));
        let Some(localcloud::model::Tree::List(list)) = tree.at("reservationSet.0.instancesSet")
        else {
            panic!("{tree:?}")
        };
        seen += list.len();
        let Some(more) = tree
            .get("nextToken")
            .and_then(localcloud::model::Tree::text)
        else {
            break;
        };
        token = more;
    }
    assert_eq!(seen, 12);
    cloud.refused("InvalidParameterValue", "DescribeInstances", "MaxResults=2");
}

/// The fingerprint as the EC2 user guide has it made by hand.
fn by_openssl(pem: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, pem).unwrap();
    let line =
        "openssl pkcs8 -in \"$0\" -inform PEM -outform DER -topk8 -nocrypt | openssl sha1 -c";
    let output = std::process::Command::new("sh")
        .args(["-c", line])
        .arg(&file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.rsplit(' ')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}
