//! The protocol against one entry, without a network.

use super::*;

fn entry(tokens_required: bool) -> Entry {
    let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    Entry {
        instance: "i-1".to_owned(),
        metadata: Metadata {
            tokens_required,
            enabled: true,
            entries: vec![
                pair("instance-id", "i-1"),
                pair("placement/availability-zone", "eu-central-1a"),
                pair("public-keys/", "0=key"),
                pair("public-keys/0/openssh-key", "ssh-ed25519 AAAA"),
            ],
            identity: "{}".to_owned(),
        },
        user_data: Some(b"#!/bin/sh".to_vec()),
        tokens: HashMap::new(),
    }
}

fn ask(
    entry: &mut Entry,
    method: &Method,
    path: &str,
    headers: &[(&'static str, &str)],
) -> (StatusCode, String) {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let response = entry
        .answer(method, path, &headers)
        .unwrap_or_else(IntoResponse::into_response);
    let status = response.status();
    let body =
        futures_util::FutureExt::now_or_never(axum::body::to_bytes(response.into_body(), 1 << 20));
    (
        status,
        String::from_utf8(body.unwrap().unwrap().to_vec()).unwrap(),
    )
}

fn get(entry: &mut Entry, path: &str) -> (u16, String) {
    let (status, text) = ask(entry, &Method::GET, path, &[]);
    (status.as_u16(), text)
}

#[test]
fn values_and_listings() {
    let mut entry = entry(false);
    for (path, expected) in [
        ("/", "latest"),
        ("/latest", "dynamic/\nmeta-data/\nuser-data"),
        (
            "/latest/meta-data/",
            "instance-id\nplacement/\npublic-keys/",
        ),
        ("/latest/meta-data/placement", "availability-zone"),
        (
            "/latest/meta-data/placement/availability-zone",
            "eu-central-1a",
        ),
        ("/2021-07-15/meta-data/instance-id", "i-1"),
        ("/latest/meta-data/public-keys/", "0=key"),
        ("/latest/meta-data/public-keys/0/", "openssh-key"),
        ("/latest/user-data", "#!/bin/sh"),
        ("/latest/dynamic/instance-identity/document", "{}"),
    ] {
        assert_eq!(get(&mut entry, path), (200, expected.to_owned()), "{path}");
    }
    for path in [
        "/latest/meta-data/no",
        "/newest/meta-data/",
        "/latest/meta-data/instance",
    ] {
        assert_eq!(get(&mut entry, path).0, 404, "{path}");
    }
}

#[test]
fn without_user_data_there_is_no_such_name() {
    let mut entry = Entry {
        user_data: None,
        ..entry(false)
    };
    assert_eq!(get(&mut entry, "/latest/user-data").0, 404);
    assert_eq!(
        get(&mut entry, "/latest/"),
        (200, "dynamic/\nmeta-data/".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn required_tokens_are_enforced_and_run_out() {
    let mut entry = entry(true);
    assert_eq!(get(&mut entry, "/latest/meta-data/").0, 401);
    let (status, token) = ask(
        &mut entry,
        &Method::PUT,
        "/latest/api/token",
        &[(LIFETIME, "60")],
    );
    assert_eq!(status, StatusCode::OK);
    let with = [(TOKEN, token.as_str())];
    assert_eq!(
        ask(
            &mut entry,
            &Method::GET,
            "/latest/meta-data/instance-id",
            &with
        )
        .1,
        "i-1"
    );
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(
        ask(
            &mut entry,
            &Method::GET,
            "/latest/meta-data/instance-id",
            &with
        )
        .0,
        401
    );
}

#[test]
fn a_wrong_token_is_refused_even_where_none_is_needed() {
    let mut entry = entry(false);
    assert_eq!(
        ask(&mut entry, &Method::GET, "/latest/", &[(TOKEN, "made-up")]).0,
        401
    );
}

#[test]
fn tokens_need_a_lifetime_and_no_proxy() {
    let mut entry = entry(true);
    let put = |entry: &mut Entry, headers: &[(&'static str, &str)]| {
        ask(entry, &Method::PUT, "/latest/api/token", headers)
            .0
            .as_u16()
    };
    assert_eq!(put(&mut entry, &[]), 400);
    assert_eq!(put(&mut entry, &[(LIFETIME, "21601")]), 400);
    assert_eq!(
        put(
            &mut entry,
            &[(LIFETIME, "60"), ("x-forwarded-for", "192.0.2.1")]
        ),
        403
    );
    assert_eq!(ask(&mut entry, &Method::POST, "/latest/", &[]).0, 405);
}

#[test]
fn a_service_that_is_off_answers_403() {
    let mut entry = entry(false);
    entry.metadata.enabled = false;
    assert_eq!(get(&mut entry, "/latest/meta-data/").0, 403);
    assert_eq!(
        ask(
            &mut entry,
            &Method::PUT,
            "/latest/api/token",
            &[(LIFETIME, "60")]
        )
        .0,
        403
    );
}
