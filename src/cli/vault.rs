//! Vault by its HTTP API, with the variables of the environment that its own tool reads.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::cli::stores::{below, client, hidden, lost};

const NAME: &str = "Vault";

/// Where Vault is, and who asks.
pub struct Vault<'e> {
    address: Option<&'e str>,
    token: &'e str,
    namespace: Option<&'e str>,
    /// Certificates are not checked.
    trusting: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// With what Vault says about it.
    #[error("Vault answers {status}{}", about(errors))]
    Status {
        status: StatusCode,
        errors: Vec<String>,
    },
    #[error("{0}")]
    Lost(String),
}

fn about(errors: &[String]) -> String {
    let errors: Vec<_> = errors.iter().map(|error| error.trim()).collect();
    match errors.join("; ").as_str() {
        "" => String::new(),
        text => format!(
            ": {}",
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        ),
    }
}

impl<'e> Vault<'e> {
    /// As the environment says. Errors without a token.
    pub fn of(environment: &'e BTreeMap<String, String>) -> Result<Self, String> {
        let set = |name: &str| {
            let value = environment.get(name).map(String::as_str);
            value.filter(|value| !value.is_empty())
        };
        let token = set("VAULT_TOKEN");
        Ok(Self {
            address: set("VAULT_ADDR"),
            token: token.ok_or("Vault: VAULT_TOKEN is not set in the environment")?,
            namespace: set("VAULT_NAMESPACE"),
            trusting: set("VAULT_SKIP_VERIFY")
                .is_some_and(|flag| ["1", "t", "T", "true", "TRUE", "True"].contains(&flag)),
        })
    }

    /// Calls a path of the API, without its `/v1/`. What is given to a question goes with the address, else as a document.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        given: &[(&str, &str)],
    ) -> Result<Value, Error> {
        let address = self.address.unwrap_or("https://127.0.0.1:8200");
        let mut url = below(NAME, address, "v1", path).map_err(Error::Lost)?;
        let asks = method == Method::GET;
        if asks && !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        let token = hidden(NAME, self.token).map_err(Error::Lost)?;
        let mut request = client(NAME, self.trusting)
            .map_err(Error::Lost)?
            .request(method, url)
            .header("X-Vault-Token", token)
            .header("X-Vault-Request", "true");
        if let Some(namespace) = self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if !asks {
            let given: BTreeMap<_, _> = given.iter().copied().collect();
            request = request.body(serde_json::json!(given).to_string());
        }
        let failed = |error| Error::Lost(self.lost(&error));
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        let document = serde_json::from_str::<Value>(&text);
        if !status.is_success() {
            let errors = document.unwrap_or_default()["errors"].take();
            let errors = serde_json::from_value(errors).unwrap_or_default();
            return Err(Error::Status { status, errors });
        }
        document.map_err(|_| Error::Lost("Vault: the answer is not JSON".to_owned()))
    }

    fn lost(&self, error: &reqwest::Error) -> String {
        let text = lost(NAME, error);
        match self.address {
            Some(_) => text,
            None => format!("{text}; VAULT_ADDR is not set in the environment"),
        }
    }
}
