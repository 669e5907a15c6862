//! A bucket of S3 as a store of objects.
//!
//! Writes are conditional (S3 User Guide, "How to prevent object overwrites with conditional writes"). Calls block their
//! caller and run on a thread of the bucket's own, so that a lease is renewed whatever the flow is doing.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::aws::access::load;
use crate::aws::services::{Origin, s3};
use crate::aws::{Access, error};
use crate::cloud::{Error, Kind, Mark, Object, Objects, Put, Result, When};

/// Of one call with its repetitions: what a flow stands still for at the most. S3 answers within a tenth of a second.
const CALL: Duration = Duration::from_secs(20);
const ATTEMPT: Duration = Duration::from_secs(5);
/// How often a write is tried that met another at the same instant, which S3 refuses without looking at its condition.
const CONFLICTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

type Job = Box<dyn FnOnce(Client) -> BoxFuture<'static, ()> + Send>;

/// A bucket, and what stands before every key.
pub struct Bucket {
    name: String,
    prefix: String,
    jobs: UnboundedSender<Job>,
}

impl Bucket {
    /// Opens the bucket `name` below `prefix`, in whichever region it is ("`HeadBucket`").
    ///
    /// Errors when it is not there, or these credentials may not see it.
    pub fn open(access: &Access, name: &str, prefix: &str) -> Result<Self> {
        let (jobs, waiting) = unbounded_channel::<Job>();
        let bucket = Self {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            jobs,
        };
        let (tell, told) = mpsc::sync_channel(1);
        let (access, name) = (access.clone(), name.to_owned());
        let serve = async move {
            match client(&access, &name).await {
                Err(error) => drop(tell.send(Err(error))),
                Ok(client) => {
                    drop(tell.send(Ok(())));
                    work_off(&client, waiting).await;
                }
            }
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(serve);
            }
        });
        told.recv().map_err(|_| gone())??;
        Ok(bucket)
    }

    fn ask<T, F>(&self, job: impl FnOnce(Client) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (tell, told) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |client| {
            let asked = job(client);
            async move { drop(tell.send(asked.await)) }.boxed()
        });
        self.jobs.send(job).map_err(|_| gone())?;
        told.recv().map_err(|_| gone())?
    }

    fn at(&self, key: &str) -> (String, String) {
        (self.name.clone(), format!("{}{key}", self.prefix))
    }
}

impl Objects for Bucket {
    fn get(&self, key: &str) -> Result<Option<Object>> {
        let (bucket, key) = self.at(key);
        self.ask(move |client| get(client, bucket, key))
    }

    fn put(&self, key: &str, text: &str, when: When<'_>) -> Result<Put> {
        let (bucket, key) = self.at(key);
        let text = text.to_owned();
        let state = match when {
            When::Absent => None,
            When::Is(mark) => Some(mark.0.clone()),
        };
        self.ask(move |client| put(client, bucket, key, text, state))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let (bucket, below) = self.at(prefix);
        let before = self.prefix.len();
        let keys = self.ask(move |client| list(client, bucket, below))?;
        let keys = keys.iter().filter_map(|key| key.get(before..));
        Ok(keys.map(ToOwned::to_owned).collect())
    }

    fn address(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.name, self.prefix)
    }

    fn remove(&self, key: &str) -> Result<()> {
        const CALL: &str = "DeleteObject";
        let (bucket, key) = self.at(key);
        self.ask(move |client| async move {
            let gone = client.delete_object().bucket(bucket).key(key).send().await;
            gone.map(drop)
                .map_err(|failure| error::failed(CALL, failure))
        })
    }
}

/// Carries jobs out as they come, side by side: a renewal does not wait for a listing.
async fn work_off(client: &Client, mut waiting: UnboundedReceiver<Job>) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            job = waiting.recv() => match job {
                Some(job) => under_way.push(job(client.clone())),
                None => break,
            },
            Some(()) = under_way.next() => {}
        }
    }
}

fn gone() -> Error {
    Error::blocked("S3", "the bucket's thread is gone")
}

/// A client of the bucket's own region, which a client of any region is told.
async fn client(access: &Access, bucket: &str) -> Result<Client> {
    const CALL: &str = "HeadBucket";
    let config = load(access).await;
    if config.region().is_none() {
        return Err(super::no_region());
    }
    let first = of(config.clone());
    let Err(failure) = first.head_bucket().bucket(bucket).send().await else {
        return Ok(first);
    };
    let header = |answer: &aws_smithy_runtime_api::client::orchestrator::HttpResponse| {
        let region = answer.headers().get("x-amz-bucket-region");
        region.map(ToOwned::to_owned)
    };
    let there = failure.raw_response().and_then(header);
    match there {
        Some(region) if config.region().map(AsRef::as_ref) != Some(region.as_str()) => {
            let region = aws_config::Region::new(region);
            Ok(of(config.into_builder().region(region).build()))
        }
        _ => {
            let mut error = error::failed(CALL, failure);
            // A HEAD has no body that could say more.
            if error.kind == Kind::NotFound {
                error.message = format!("there is no bucket {bucket}");
            }
            Err(error)
        }
    }
}

fn of(config: SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(CALL)
        .operation_attempt_timeout(ATTEMPT)
        .build();
    // The store of another maker, or a test's, has no names of its own for buckets.
    let by_path = config.endpoint_url().is_some();
    let builder = config.into_builder().timeout_config(timeouts);
    s3(&Origin::bare(builder.build()), by_path)
}

async fn get(client: Client, bucket: String, key: String) -> Result<Option<Object>> {
    const CALL: &str = "GetObject";
    let date = ServerDate::default();
    let request = client.get_object().bucket(bucket).key(key).customize();
    let answer = match request.interceptor(date.clone()).send().await {
        Ok(answer) => answer,
        Err(SdkError::ServiceError(failure))
            if matches!(failure.err(), GetObjectError::NoSuchKey(_)) =>
        {
            return Ok(None);
        }
        Err(failure) => return Err(error::failed(CALL, failure)),
    };
    let mark = answer.e_tag.ok_or_else(|| Error::malformed(CALL, "ETag"))?;
    let written = answer
        .last_modified
        .and_then(|at| SystemTime::try_from(at).ok());
    let written = written.ok_or_else(|| Error::malformed(CALL, "time of its last change"))?;
    let body = answer.body.collect().await;
    let body = body.map_err(|failure| Error::blocked(CALL, failure.to_string()))?;
    let text = String::from_utf8(body.to_vec());
    Ok(Some(Object {
        text: text.map_err(|_| Error::malformed(CALL, "text"))?,
        mark: Mark(mark),
        age: date.now()?.duration_since(written).unwrap_or_default(),
    }))
}

async fn put(
    client: Client,
    bucket: String,
    key: String,
    text: String,
    state: Option<String>,
) -> Result<Put> {
    const CALL: &str = "PutObject";
    let absent = state.is_none().then_some("*");
    let mut tries = 0;
    loop {
        tries += 1;
        let request = client.put_object().bucket(&bucket).key(&key);
        let request = request
            .set_if_match(state.clone())
            .set_if_none_match(absent.map(ToOwned::to_owned))
            .content_type("application/json");
        let failure = match request.body(text.clone().into_bytes().into()).send().await {
            Ok(answer) => {
                let mark = answer.e_tag.ok_or_else(|| Error::malformed(CALL, "ETag"))?;
                return Ok(Put::Done(Mark(mark)));
            }
            Err(failure) => failure,
        };
        match failure.code() {
            // What was to be in a certain state is not even there.
            Some("PreconditionFailed" | "NoSuchKey") => return Ok(Put::Refused),
            Some("ConditionalRequestConflict") if tries < CONFLICTS => {
                tokio::time::sleep(PAUSE).await;
            }
            _ => return Err(error::failed(CALL, failure)),
        }
    }
}

async fn list(client: Client, bucket: String, below: String) -> Result<Vec<String>> {
    const CALL: &str = "ListObjectsV2";
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(below)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|failure| error::failed(CALL, failure))?;
        let contents = page.contents.unwrap_or_default();
        keys.extend(contents.into_iter().filter_map(|object| object.key));
    }
    Ok(keys)
}

/// The `Date` of an answer: when it is by the server's clock.
#[derive(Clone, Debug, Default)]
struct ServerDate(Arc<Mutex<Option<SystemTime>>>);

impl ServerDate {
    fn now(&self) -> Result<SystemTime> {
        let said = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.ok_or_else(|| Error::malformed("GetObject", "date"))
    }
}

#[dyn_dispatch_hint]
impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "server's date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date: Option<Timestamp> =
            date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(SystemTime::from);
        Ok(())
    }
}
