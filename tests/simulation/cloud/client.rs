//! The HTTP client of one process.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use jiff::SignedDuration;
use kiln::run::Clock as _;
use localcloud::wire;

use super::super::answers::{action, failure, refusal, response, wired};
use super::super::habit::Call;
use super::super::mishap::{ATTEMPTS, Calling, Mishap, is_read, looks};
use super::Cloud;

#[derive(Clone)]
pub(super) struct Client {
    pub cloud: Cloud,
    /// `None`: it is not counted.
    pub process: Option<u64>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let shared = &client.cloud.0;
            let name = action(&request);
            let latency = *shared.latency.lock().unwrap();
            if latency.is_zero() {
                return client.answer(&name, &request).await;
            }
            {
                let mut all = shared.under_way.lock().unwrap();
                let (now, most) = all.entry(name.clone()).or_default();
                *now += 1;
                *most = (*most).max(*now);
            }
            tokio::time::sleep(latency).await;
            let answer = client.answer(&name, &request).await;
            let mut all = shared.under_way.lock().unwrap();
            all.entry(name).or_default().0 -= 1;
            answer
        })
    }
}

impl Client {
    async fn answer(
        &self,
        name: &str,
        request: &HttpRequest,
    ) -> Result<HttpResponse, ConnectorError> {
        let shared = &self.cloud.0;
        match self.mishap(name, request) {
            None => Ok(self.carry_out(name, request)),
            Some(Mishap::Refused) => Ok(refusal(request)),
            Some(Mishap::AnswerLost | Mishap::AnswersLost) => {
                self.carry_out(name, request);
                Err(ConnectorError::io("connection reset".into()))
            }
            Some(Mishap::Down) => Err(ConnectorError::io("connection refused".into())),
            Some(kill @ (Mishap::KilledBefore | Mishap::KilledAfter)) => {
                if kill == Mishap::KilledAfter {
                    self.carry_out(name, request);
                }
                shared.killed.notify_one();
                std::future::pending().await
            }
            Some(Mishap::NoProfile) => {
                let text = "You must use a valid fully-formed launch template. Value (web) for parameter \
                    iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name";
                Ok(failure(request, 400, "ValidationError", text))
            }
            Some(Mishap::Throttled) => Ok(failure(request, 400, "Throttling", "Rate exceeded")),
            Some(Mishap::Broken { after }) => {
                if after {
                    self.carry_out(name, request);
                }
                let text = "An internal error has occurred";
                Ok(failure(request, 500, "InternalFailure", text))
            }
            Some(Mishap::Late(by)) => {
                let answer = self.carry_out(name, request);
                tokio::time::sleep(by).await;
                Ok(answer)
            }
            Some(Mishap::Stale(lag)) => Ok(self.carry_out_before(name, request, lag)),
        }
    }

    /// Counts the call and says what happens to it.
    fn mishap(&self, name: &str, request: &HttpRequest) -> Option<Mishap> {
        let process = self.process?;
        let mut calls = self.cloud.0.calls.lock().unwrap();
        calls.push(name.to_owned());
        let body = request.body().bytes().unwrap_or_default();
        self.cloud.0.bodies.lock().unwrap().push(body.to_vec());
        if self.cloud.0.denied.lock().unwrap().contains(&name) {
            return Some(Mishap::Refused);
        }
        if let Some(fate) = self.cloud.0.fate.lock().unwrap().as_mut() {
            let mut counts = self.cloud.0.counts.lock().unwrap();
            let count = counts.entry(process).or_default();
            *count += 1;
            return fate(Calling {
                process,
                count: *count,
                action: name,
                looked: None,
            });
        }
        let (at, mishap) = (*self.cloud.0.mishap.lock().unwrap())?;
        let count = calls.len();
        let lasting = matches!(mishap, Mishap::AnswersLost | Mishap::Down);
        let retried = lasting
            && (at..at + ATTEMPTS).contains(&count)
            && calls[at - 1..].iter().all(|call| *call == calls[at - 1]);
        (count == at || retried).then_some(mishap)
    }

    fn carry_out(&self, name: &str, request: &HttpRequest) -> HttpResponse {
        let now = self.cloud.now();
        let mut world = self.cloud.0.world.lock().unwrap();
        let ahead = self
            .cloud
            .0
            .ahead
            .lock()
            .unwrap()
            .take_if(|(action, _)| *action == name);
        if let Some((_, other)) = ahead {
            other(&mut world, now);
        }
        if let Some(process) = self.process.filter(|_| !is_read(name)) {
            world.advance_to(now);
            self.cloud.about_to_write(&world);
            if let Some(guard) = self.cloud.0.guard.lock().unwrap().as_mut() {
                let looked = self.cloud.0.looked.lock().unwrap();
                guard(Calling {
                    process,
                    count: 0,
                    action: name,
                    looked: looked.get(&process).copied(),
                });
            }
        }
        let request = wired(request);
        let mut looks = looks(name);
        let mut habit = self.cloud.0.habit.lock().unwrap();
        let answer = match (self.process, habit.as_mut()) {
            (Some(process), Some(habit)) => habit(Call {
                process,
                action: name,
                request,
                world: &mut world,
                now,
                looks: &mut looks,
            }),
            _ => world.answer(&request, now),
        };
        if looks {
            self.look();
        }
        response(answer)
    }

    fn look(&self) {
        let mut looked = self.cloud.0.looked.lock().unwrap();
        looked.extend(self.process.map(|process| (process, self.cloud.now())));
    }

    /// Answers a read from the past.
    fn carry_out_before(&self, name: &str, request: &HttpRequest, lag: Duration) -> HttpResponse {
        let now = self.cloud.now();
        let lag = SignedDuration::try_from(lag).unwrap();
        let past = self.cloud.0.past.lock().unwrap();
        let Some(past) = past.as_ref() else {
            panic!("a stale read needs `Cloud::remember` beforehand");
        };
        let mut past = past.iter();
        let Some((_, model)) = past.find(|(at, _)| now.duration_since(*at) <= lag) else {
            return self.carry_out(name, request);
        };
        let (answer, _) = wire::answer(&mut model.clone(), &wired(request), now);
        if looks(name) {
            self.look();
        }
        response(answer)
    }
}
