//! What a machine is told: user data, the default user, the metadata service as the machine sees it.

use localcloud::model::Metadata;

use super::cloud::{Cloud, until_open};
use super::supervised;

const SERVICE: &str = "http://169.254.169.254/latest";

#[test]
fn a_machine_learns_what_it_is_from_inside() {
    supervised(
        "machines::metadata::a_machine_learns_what_it_is_from_inside",
        async {
            let mut cloud = Cloud::up().await;
            let mut boot = cloud.launch("ami-ubuntu", 30);
            boot.user_data = Some(b"#!/bin/sh\necho from user data > /srv/said\n".to_vec());
            boot.metadata.entries = vec![("instance-id".to_owned(), boot.instance.clone())];
            cloud.machines.boot(boot.clone());
            until_open(boot.address).await;
            let console = cloud.printed(&boot, " finished at ").await;
            let login = cloud.login(&boot, &console, "ubuntu");
            assert_eq!(
                login.run("id -un; cat /srv/said").await,
                "ubuntu\nfrom user data"
            );
            assert_eq!(
                login
                    .run(&format!("curl -sf {SERVICE}/meta-data/instance-id"))
                    .await,
                boot.instance
            );
            assert!(
                login
                    .run(&format!("curl -sf {SERVICE}/user-data"))
                    .await
                    .starts_with("#!/bin/sh")
            );

            let strict = Metadata {
                tokens_required: true,
                ..boot.metadata.clone()
            };
            cloud.machines.describe(&boot.instance, strict);
            let status = format!("curl -s -o /dev/null -w %{{http_code}} {SERVICE}/meta-data/");
            assert_eq!(login.run(&status).await, "401");
            let with_token = format!(
                "token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {SERVICE}/api/token); \
             curl -sf -H \"X-aws-ec2-metadata-token: $token\" {SERVICE}/meta-data/instance-id"
            );
            assert_eq!(login.run(&with_token).await, boot.instance);

            let off = Metadata {
                enabled: false,
                ..boot.metadata.clone()
            };
            cloud.machines.describe(&boot.instance, off);
            assert_eq!(login.run(&status).await, "403");
            cloud.down().await;
        },
    );
}
