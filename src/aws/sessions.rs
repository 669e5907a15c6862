//! Session Manager through the SSM API.

use std::sync::{Arc, OnceLock};

use aws_sdk_ssm::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ssm::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ssm::error::BoxError;
use aws_sdk_ssm::types as ssm;
use serde_json::json;

use crate::aws::Aws;
use crate::aws::convert::text;
use crate::aws::error::failed;
use crate::cloud::{Error, InstanceId, PortSession, Result, Sessions};

/// AWS's own document that carries a port ("Starting a session (port forwarding)").
const DOCUMENT: &str = "AWS-StartPortForwardingSession";
/// What `StartSession` answers while no agent of the machine is connected.
const NOT_CONNECTED: &str = "TargetNotConnected";

impl Sessions for Aws {
    async fn start_port_session(
        &self,
        instance: &InstanceId,
        port: u16,
        local: u16,
    ) -> Result<std::result::Result<PortSession, String>> {
        const CALL: &str = "StartSession";
        let ports = [
            ("portNumber", port.to_string()),
            ("localPortNumber", local.to_string()),
        ];
        let mut call = self.ssm().start_session().target(instance.as_str());
        for (name, value) in &ports {
            call = call.parameters(*name, vec![value.clone()]);
        }
        let asked = Asked::default();
        let call = call.document_name(DOCUMENT).customize();
        let answer = call.interceptor(asked.clone()).send().await;
        let answer = match answer.map_err(|error| failed(CALL, error)) {
            Err(error) if error.code.as_deref() == Some(NOT_CONNECTED) => {
                return Ok(Err(error.message));
            }
            answer => answer?,
        };
        let id = text(CALL, "session id", answer.session_id())?;
        let token = text(CALL, "token", answer.token_value())?;
        let stream = text(CALL, "stream URL", answer.stream_url())?;
        let [(port, wanted), (local, here)] = ports;
        let parameters = json!({ port: [wanted], local: [here] });
        Ok(Ok(PortSession {
            response: json!({ "SessionId": id, "TokenValue": token, "StreamUrl": stream })
                .to_string(),
            request: json!({
                "Target": instance, "DocumentName": DOCUMENT, "Parameters": parameters,
            })
            .to_string(),
            id: id.to_owned(),
            region: self.region().to_string(),
            endpoint: asked.url(),
        }))
    }

    async fn port_sessions(&self, instance: &InstanceId) -> Result<Vec<String>> {
        const CALL: &str = "DescribeSessions";
        let target = ssm::SessionFilter::builder()
            .key(ssm::SessionFilterKey::TargetId)
            .value(instance.as_str())
            .build()
            .map_err(|error| Error::blocked(CALL, error.to_string()))?;
        let request = self.ssm().describe_sessions();
        let request = request.state(ssm::SessionState::Active).filters(target);
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(session) = pages.next().await {
            let session = session.map_err(|error| failed(CALL, error))?;
            found.push(text(CALL, "session id", session.session_id())?.to_owned());
        }
        Ok(found)
    }

    async fn end_session(&self, id: &str) -> Result<()> {
        let answer = self.ssm().terminate_session().session_id(id).send().await;
        match answer.map_err(|error| failed("TerminateSession", error)) {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Where a call went, which the plugin must know: profiles, environment and endpoint variants (FIPS, dual stack) have
/// their say in it.
#[derive(Clone, Debug, Default)]
struct Asked(Arc<OnceLock<String>>);

impl Asked {
    fn url(&self) -> String {
        self.0.get().cloned().unwrap_or_default()
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Asked {
    fn name(&self) -> &'static str {
        "Asked"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let url = context.request().uri().trim_end_matches('/').to_owned();
        self.0.get_or_init(|| url);
        Ok(())
    }
}
