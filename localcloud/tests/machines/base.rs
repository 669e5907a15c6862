//! The base image where it cannot be built: the sentence says why, and nothing of the attempt is left.

use std::path::Path;

use localcloud::machines::base::{self, Error};

use super::{alone, as_init, block_on, check_host, is_init};

#[test]
fn without_a_network_the_base_image_says_so() {
    supervised_with(
        &["--net"],
        "machines::base::without_a_network_the_base_image_says_so",
        async {
            let cache = tempfile::tempdir().unwrap();
            let error = base::ensure(cache.path(), &mut |_| {}).await.unwrap_err();
            assert!(matches!(error, Error::NoNetwork { .. }), "{error}");
            assert_eq!(names(&cache.path().join("base")), ["lock"]);
        },
    );
}

#[test]
fn on_a_full_disk_the_base_image_says_so() {
    supervised_with(
        &[],
        "machines::base::on_a_full_disk_the_base_image_says_so",
        async {
            let cache = tempfile::tempdir().unwrap();
            let folder = cache.path().display().to_string();
            let small = ["-t", "tmpfs", "-o", "size=100m", "small", &folder];
            localcloud::command::run("mount", &small).await.unwrap();
            let error = base::ensure(cache.path(), &mut |_| {}).await.unwrap_err();
            assert!(matches!(error, Error::DiskFull(_)), "{error}");
            assert_eq!(names(&cache.path().join("base")), ["lock"]);
            localcloud::command::run("umount", &[&folder])
                .await
                .unwrap();
        },
    );
}

pub fn supervised_with(more: &[&str], test: &str, body: impl Future<Output = ()>) {
    if is_init() {
        return block_on(body);
    }
    check_host();
    let _alone = alone();
    super::run_inside(as_init(more, test));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
