//! `insecure_skip_tls_verify`: an endpoint whose certificate nobody has signed.

use kiln::aws::{Access, Aws, Keys};
use kiln::cloud::Instances;

use super::moto::Moto;

#[tokio::test]
async fn only_who_asks_for_it_talks_to_an_endpoint_that_proves_nothing() {
    let moto = Moto::start_unsigned();
    for insecure in [false, true] {
        let access = Access {
            region: Some("eu-central-1".to_owned()),
            ec2_endpoint: Some(moto.endpoint.clone()),
            keys: Some(Keys {
                access_key: "test".to_owned(),
                secret_key: "test".to_owned(),
                token: None,
            }),
            max_attempts: Some(1),
            insecure,
            ..Access::default()
        };
        let aws = Aws::connect(&access).await.unwrap();
        let found = aws.find_instances(&[]).await;
        assert_eq!(found.is_ok(), insecure, "{found:?}");
    }
}
