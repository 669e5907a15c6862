//! A bucket as a store: S3's conditional writes as moto answers them, and `kiln` itself with its state in one.

use std::process::{Command, Output};

use kiln::aws::{Access, Bucket, Keys};
use kiln::cloud::{Error, Mark, Objects as _, Put, When};

use super::moto::Moto;

pub fn make_bucket(moto: &Moto, region: &str) {
    let place = format!(
        "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    );
    let scope = format!("Credential=test/20260101/{region}/s3/aws4_request");
    let done = Command::new("curl")
        .args(["-sS", "-f", "-X", "PUT", "-d", &place])
        .args(["-H", "Content-Type: application/xml"])
        .args(["-H", &format!("Authorization: AWS4-HMAC-SHA256 {scope}")])
        .arg(format!("{}/acme-kiln", moto.endpoint))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A bucket by way of a profile that names moto's endpoint.
pub fn open(moto: &Moto, prefix: &str) -> Result<Bucket, Error> {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("config");
    std::fs::write(
        &profile,
        format!("[default]\nendpoint_url = {}\n", moto.endpoint),
    )
    .unwrap();
    let access = Access {
        region: Some("eu-central-1".to_owned()),
        files: Some(profile),
        keys: Some(Keys {
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
            token: None,
        }),
        ..Access::default()
    };
    Bucket::open(&access, "acme-kiln", prefix)
}

fn done(put: Put) -> Mark {
    match put {
        Put::Done(mark) => mark,
        Put::Refused => panic!("refused"),
    }
}

#[test]
fn a_text_is_written_only_over_the_state_that_its_writer_knows() {
    let moto = Moto::start();
    make_bucket(&moto, "eu-central-1");
    let bucket = open(&moto, "prod/").unwrap();
    assert_eq!(bucket.get("leases/web").unwrap(), None);
    let first = done(bucket.put("leases/web", "one", When::Absent).unwrap());
    let there = bucket.get("leases/web").unwrap().unwrap();
    assert_eq!((there.text.as_str(), &there.mark), ("one", &first));
    assert!(there.age.as_secs() < 60, "{:?}", there.age);
    let refused = bucket.put("leases/web", "two", When::Absent).unwrap();
    assert_eq!(refused, Put::Refused);
    let second = done(bucket.put("leases/web", "two", When::Is(&first)).unwrap());
    let stale = bucket.put("leases/web", "three", When::Is(&first)).unwrap();
    assert_eq!(stale, Put::Refused);
    assert_eq!(bucket.get("leases/web").unwrap().unwrap().mark, second);
    let nowhere = bucket.put("leases/api", "one", When::Is(&first)).unwrap();
    assert_eq!(nowhere, Put::Refused);
    done(bucket.put("due/web.json", "[]", When::Absent).unwrap());
    assert_eq!(bucket.list("leases/").unwrap(), ["leases/web"]);
    bucket.remove("leases/web").unwrap();
    bucket.remove("leases/web").unwrap();
    assert_eq!(bucket.get("leases/web").unwrap(), None);
    let other = open(&moto, "").unwrap();
    assert_eq!(other.list("").unwrap(), ["prod/due/web.json"]);
}

#[test]
fn more_keys_than_a_page_holds_are_all_listed() {
    let moto = Moto::start();
    make_bucket(&moto, "eu-central-1");
    let bucket = open(&moto, "").unwrap();
    for number in 0..1003 {
        done(
            bucket
                .put(&format!("runs/web/{number:04}"), "", When::Absent)
                .unwrap(),
        );
    }
    assert_eq!(bucket.list("runs/web/").unwrap().len(), 1003);
}

#[test]
fn a_bucket_that_is_not_there_is_said_and_nothing_begins() {
    let moto = Moto::start();
    let Err(error) = open(&moto, "") else {
        panic!("there is none");
    };
    assert!(
        error.to_string().contains("there is no bucket acme-kiln"),
        "{error}"
    );
    let out = sweep(&moto);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("no bucket acme-kiln"), "{said}");
}

fn sweep(moto: &Moto) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(["sweep", "--state", "s3://acme-kiln/prod"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", &moto.endpoint)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "nothing of it is kept on this host");
    out
}

#[test]
fn a_sweep_reads_the_journals_in_a_bucket() {
    let moto = Moto::start();
    make_bucket(&moto, "eu-central-1");
    let out = sweep(&moto);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{said}");
}
