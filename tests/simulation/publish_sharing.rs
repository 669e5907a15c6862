//! Who may use the images of a bake, organizations and their units too, and a build region that keeps none.

use localcloud::model::{Service, Tree};
use serde_json::json;

use super::bench::Bench;
use super::publish::{REGIONS, bench, images, rest};
use super::publish_options::artifact;
use super::publish_users::ask;

const ORGANIZATION: &str = "arn:aws:organizations::111122223333:organization/o-1234567890";
const UNIT: &str = "arn:aws:organizations::111122223333:ou/o-1234567890/ou-ab12-12345678";

/// Who may launch an image: kind and name.
fn permissions(bench: &Bench, region: &str, image: &str) -> Vec<(&'static str, String)> {
    let wanted = json!({ "ImageId": image, "Attribute": "launchPermission" });
    let answer = ask(
        bench,
        region,
        Service::Ec2,
        "DescribeImageAttribute",
        &wanted,
    );
    let Some(Tree::List(entries)) = answer.at("launchPermission") else {
        panic!("{answer:?}")
    };
    let kinds = [
        "userId",
        "group",
        "organizationArn",
        "organizationalUnitArn",
    ];
    let of = |entry: &Tree| {
        let found = kinds
            .iter()
            .find_map(|kind| Some((*kind, entry.at(kind)?.text()?)));
        found.unwrap()
    };
    let mut all: Vec<_> = entries.iter().map(of).collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn organizations_and_their_units_may_use_every_copy() {
    let options = json!({
        "ami_regions": [REGIONS[1]], "ami_users": ["111122223333"], "ami_org_arns": [ORGANIZATION], "ami_ou_arns": UNIT
    })
    .to_string();
    let bench = bench(options.trim_matches(['{', '}'])).await;
    let artifact = artifact(&bench).await;
    assert_eq!(artifact.images.len(), 2);
    let wanted = [
        ("organizationArn", ORGANIZATION.to_owned()),
        ("organizationalUnitArn", UNIT.to_owned()),
        ("userId", "111122223333".to_owned()),
    ];
    for published in &artifact.images {
        let found = permissions(&bench, published.region.as_str(), published.image.as_str());
        assert_eq!(found, wanted, "{}", published.region);
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_region_that_keeps_no_image_keeps_no_snapshot_either() {
    let options = format!(
        r#""ami_regions": ["{}"], "skip_save_build_region": true, "ami_org_arns": ["{ORGANIZATION}"]"#,
        REGIONS[1]
    );
    let bench = bench(&options).await;
    let artifact = artifact(&bench).await;
    let [published] = &artifact.images[..] else {
        panic!("one image: {artifact:?}")
    };
    assert_eq!(published.region.as_str(), REGIONS[1]);
    assert_eq!(images(&bench.cloud, REGIONS[0]).await, []);
    let copy = images(&bench.cloud, REGIONS[1]).await.remove(0);
    assert_eq!((copy.name.as_str(), &copy.id), ("web", &published.image));
    let shared = permissions(&bench, REGIONS[1], copy.id.as_str());
    assert_eq!(shared, [("organizationArn", ORGANIZATION.to_owned())]);
    assert_eq!(
        rest(&bench.cloud).await.len(),
        2,
        "the copy and its snapshot"
    );
}

#[tokio::test(start_paused = true)]
async fn everybody_may_use_an_image_and_its_snapshots_until_its_time() {
    let options = r#""ami_groups": ["all"], "snapshot_groups": ["all"], "deprecate_at": "2027-01-02T03:04:00Z""#;
    let bench = bench(options).await;
    let published = artifact(&bench).await.images.remove(0);
    let found = permissions(&bench, REGIONS[0], published.image.as_str());
    assert_eq!(found, [("group", "all".to_owned())]);
    for (call, part) in [
        (
            "ModifySnapshotAttribute",
            "CreateVolumePermission.Add.1.Group=all",
        ),
        (
            "EnableImageDeprecation",
            "DeprecateAt=2027-01-02T03%3A04%3A00Z",
        ),
    ] {
        let said = bench.cloud.said(call);
        assert_eq!(said.len(), 1, "{call}: {said:?}");
        assert!(said[0].contains(part), "{call}: {said:?}");
    }
}
