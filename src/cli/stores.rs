//! The stores of secrets that templates may ask: Vault and Consul by HTTP, with the variables of the environment that their own tools
//! read, and Secrets Manager by AWS's SDK.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;

use crate::aws;
use crate::cli::vault::{self, Vault};
use crate::template::stores::{Ask, Call, Stores};

/// A store that has not answered by then will not; both tools' own default is a minute.
const LIMIT: Duration = Duration::from_secs(30);

/// Stores as the environment names them.
pub fn of(environment: &BTreeMap<String, String>) -> Stores {
    Stores::new(Arc::new(Web {
        environment: environment.clone(),
    }))
}

struct Web {
    environment: BTreeMap<String, String>,
}

impl Ask for Web {
    /// On a thread of its own, since a load is no part of a run that could wait.
    fn ask(&self, call: &Call) -> Result<String, String> {
        let asked = thread::scope(|scope| scope.spawn(|| block(self.answer(call))).join());
        asked.unwrap_or_else(|_| Err("the question was cut short".to_owned()))
    }
}

fn block<T>(future: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(future)
}

impl Web {
    async fn answer(&self, call: &Call) -> Result<String, String> {
        match call {
            Call::Vault { path, key } => self.vault(path, key).await,
            Call::Consul { key } => self.consul(key).await,
            Call::SecretsManager { name, key } => {
                let text = secret(name).await?;
                field(name, &text, key.as_deref())
            }
            Call::SecretsManagerRaw { name } => secret(name).await,
        }
    }

    fn set(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Vault's HTTP API, "Read secret"; version 2 has the secret one `data` further in.
    async fn vault(&self, path: &str, key: &str) -> Result<String, String> {
        let vault = Vault::of(&self.environment)?;
        let answer = vault.ask(Method::GET, path, &[]).await;
        let answer = answer.map_err(|error| match error {
            vault::Error::Status {
                status: StatusCode::NOT_FOUND,
                ..
            } => {
                format!("Vault: there is no secret at `{path}`")
            }
            error => error.to_string(),
        })?;
        let data = &answer["data"];
        let secret = if data["data"].is_object() {
            &data["data"]
        } else {
            data
        };
        match secret.get(key) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Null) | None => {
                Err(format!("Vault: the secret at `{path}` has no key `{key}`"))
            }
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::Bool(flag)) => Ok(flag.to_string()),
            Some(_) => Err(format!(
                "Vault: `{key}` of the secret at `{path}` is not text"
            )),
        }
    }

    /// Consul's HTTP API, "Read Key", the value as it is.
    async fn consul(&self, key: &str) -> Result<String, String> {
        let address = self.set("CONSUL_HTTP_ADDR").unwrap_or("127.0.0.1:8500");
        let secure = self.set("CONSUL_HTTP_SSL") == Some("true");
        let address = if address.contains("://") {
            address.to_owned()
        } else if secure {
            format!("https://{address}")
        } else {
            format!("http://{address}")
        };
        let mut url = below("Consul", &address, "v1/kv", key)?;
        url.query_pairs_mut().append_pair("raw", "true");
        let trusting = self.set("CONSUL_HTTP_SSL_VERIFY") == Some("false");
        let mut request = client("Consul", trusting)?.get(url);
        if let Some(token) = self.set("CONSUL_HTTP_TOKEN") {
            request = request.header("X-Consul-Token", hidden("Consul", token)?);
        }
        let answer = request
            .send()
            .await
            .map_err(|error| lost("Consul", &error))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(format!("Consul: there is no key `{key}`"));
        }
        body("Consul", answer).await
    }
}

pub(super) fn client(store: &str, trusting: bool) -> Result<Client, String> {
    let builder = Client::builder()
        .timeout(LIMIT)
        .redirect(reqwest::redirect::Policy::limited(3))
        .tls_danger_accept_invalid_certs(trusting);
    builder.build().map_err(|error| lost(store, &error))
}

/// A header's value that is not logged.
pub(super) fn hidden(store: &str, token: &str) -> Result<reqwest::header::HeaderValue, String> {
    let mut value = reqwest::header::HeaderValue::from_str(token)
        .map_err(|_| format!("{store}: the token has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An address with a path below it, escaped part by part.
pub(super) fn below(store: &str, address: &str, api: &str, path: &str) -> Result<Url, String> {
    let wrong = || format!("{store}: `{address}` is no address of HTTP");
    let mut url = Url::parse(address).map_err(|_| wrong())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong());
    }
    url.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend(api.split('/'))
        .extend(path.split('/'));
    Ok(url)
}

pub(super) fn lost(store: &str, error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    format!("{store} cannot be asked: {last}")
}

async fn body(store: &str, answer: Response) -> Result<String, String> {
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("{store} answers {status}"));
    }
    answer.text().await.map_err(|error| lost(store, &error))
}

async fn secret(name: &str) -> Result<String, String> {
    let text = aws::secret(name).await;
    text.map_err(|error| format!("Secrets Manager: {error}"))
}

/// A field of a secret that is an object of JSON, as Packer reads one: without a key it must have one field alone.
fn field(name: &str, text: &str, key: Option<&str>) -> Result<String, String> {
    let Ok(json) = serde_json::from_str::<Value>(text) else {
        return Ok(text.to_owned());
    };
    let Value::Object(fields) = json else {
        return Err(format!("Secrets Manager: `{name}` is JSON, and no object"));
    };
    let found = match key {
        Some(key) => fields.get(key).ok_or_else(|| format!("has no key `{key}`")),
        None if fields.len() == 1 => fields.values().next().ok_or_else(String::new),
        None => Err(format!("has {} keys, and none is named", fields.len())),
    };
    let value = found.map_err(|what| format!("Secrets Manager: `{name}` {what}"))?;
    match value {
        Value::String(text) => Ok(text.clone()),
        // Packer prints numbers without decimals.
        Value::Number(number) => Ok(number
            .as_f64()
            .map_or_else(|| number.to_string(), |number| format!("{number:.0}"))),
        _ => Err(format!(
            "Secrets Manager: a field of `{name}` is neither text nor number"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_what_packer_takes() {
        for (text, key, value) in [
            ("plain", None, Some("plain")),
            ("plain", Some("k"), Some("plain")),
            (r#"{"k": "v"}"#, None, Some("v")),
            (r#"{"k": "v", "n": 8080.4}"#, Some("n"), Some("8080")),
            (r#"{"k": "v", "n": 1}"#, None, None),
            (r#"{"k": "v"}"#, Some("x"), None),
            (r#"{"k": true}"#, None, None),
            ("[1]", None, None),
        ] {
            assert_eq!(field("s", text, key).ok().as_deref(), value, "{text}");
        }
    }

    #[test]
    fn paths_are_escaped_below_the_address() {
        let url = below("Vault", "http://h:1/x/", "v1", "secret/data/a b").unwrap();
        assert_eq!(url.as_str(), "http://h:1/x/v1/secret/data/a%20b");
        assert!(below("Consul", "unix:///run/consul", "v1/kv", "k").is_err());
    }
}
