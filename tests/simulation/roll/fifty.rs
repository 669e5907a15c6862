//! Fifty rolls at once in one account, under the request limits of Elastic Load Balancing and Auto Scaling.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use kiln::aws::Aws;
use kiln::roll::{Ended, Verdict, roll};
use kiln::run::Silent;
use kiln::template::service::Service;
use localcloud::model::{FaultPlan, Service as Api};
use localcloud::physics::{Behaviour, World};
use tokio::time::Instant;

use super::store::SharedJournal;
use super::world::{SERVICE, account, call, seed, text};
use super::{Bench, MemoryStore, OWN_RULE, V1};
use crate::language::Case;

const MANY: usize = 50;
const LOOK: &str = "DescribeAutoScalingGroups";
/// Services of one load balancer, whose listener has a hundred rules at the most.
const TOGETHER: usize = 10;

/// One account with so many services, and load balancers for them.
struct Account {
    bench: Bench,
    services: Vec<Service>,
    stores: Vec<MemoryStore>,
    /// What was answered "Rate exceeded", by action.
    refused: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Account {
    async fn of(services: usize) -> Self {
        let mut world = World::new(account());
        world.physics.set_usual(Behaviour::default());
        let (subnets, group) = seed(&mut world);
        let now = world.now();
        for number in 0..services.div_ceil(TOGETHER) {
            balancer(&mut world, &format!("public-{number}"), &subnets);
        }
        world.advance_to(now + jiff::SignedDuration::from_mins(1));
        let subnets = serde_json::to_string(&subnets).unwrap();
        let services: Vec<_> = (0..services)
            .map(|number| service(number, &subnets, &group))
            .collect();
        let stores = services.iter().map(|_| MemoryStore::default()).collect();
        let bench = Bench::on(
            world,
            services[0].clone(),
            MemoryStore::default(),
            super::Journals::default(),
        );
        let bench = bench.await;
        let refused: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let count = Arc::clone(&refused);
        bench.cloud.accustom(Box::new(move |call| {
            let answer = call.world.answer(&call.request, call.now);
            if String::from_utf8_lossy(&answer.body).contains("Rate exceeded") {
                let mut count = count.lock().unwrap();
                *count.entry(call.action.to_owned()).or_default() += 1;
            }
            answer
        }));
        let limits = FaultPlan::default().request_limits();
        bench.cloud.world().model.inject(limits);
        Self {
            bench,
            services,
            stores,
            refused,
        }
    }

    /// Rolls all of them at once in one process. Gives how long the last one took.
    async fn roll(&self, image: &str) -> Duration {
        let began = Instant::now();
        let client = self.bench.process(self.bench.next_run()).await;
        let rolls = (0..self.services.len()).map(|number| self.one(number, image, &client));
        for ended in join_all(rolls).await {
            let failure = ended.failure.map(|failure| failure.cause.to_string());
            assert_eq!((ended.verdict, failure), (Verdict::Done, None));
        }
        began.elapsed()
    }

    async fn one(&self, number: usize, image: &str, client: &Aws) -> Ended {
        let run = self.bench.next_run();
        let probe = self.bench.probe();
        let journal = SharedJournal::default();
        let tools = kiln::roll::Tools {
            store: &self.stores[number],
            ..self.bench.tools(client, &probe, &journal, &Silent)
        };
        let request = kiln::roll::Request {
            service: &self.services[number],
            ..self.bench.request(image, run)
        };
        Box::pin(roll(&request, &tools)).await
    }
}

/// A load balancer like that of the other tests.
fn balancer(world: &mut World, name: &str, subnets: &[String]) {
    use serde_json::json;
    let now = world.now();
    let made = json!({"Name": name, "Subnets": subnets});
    let made = call(world, now, Api::Elb, "CreateLoadBalancer", &made);
    let balancer = text(&made, "LoadBalancers.0.LoadBalancerArn");
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    let listener = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": fixed});
    call(world, now, Api::Elb, "CreateListener", &listener);
}

fn service(number: usize, subnets: &str, group: &str) -> Service {
    let name = format!("web-{number}");
    let text = SERVICE
        .replace("RULE", OWN_RULE)
        .replace("STRATEGY", super::BLUE_GREEN)
        .replace("SUBNETS", subnets)
        .replace("GROUP", group)
        .replace(r#""service": "web""#, &format!(r#""service": "{name}""#))
        .replace(r#""template": "web""#, &format!(r#""template": "{name}""#))
        .replace("web.example", &format!("{name}.example"))
        .replace("public", &format!("public-{}", number / TOGETHER));
    let service = Case::new().file("web.json", &text).service();
    let mut service = service.unwrap_or_else(|findings| panic!("{findings:?}")).0;
    service.checks.before.clear();
    service
}

#[tokio::test(start_paused = true)]
async fn they_stay_inside_the_limits_of_the_account() {
    let one = Account::of(1).await;
    let alone = one.roll(V1).await;
    let all = Account::of(MANY).await;
    let took = all.roll(V1).await;
    let looks = |account: &Account| {
        let calls = account.bench.cloud.calls().into_iter();
        calls.filter(|call| call == LOOK).count()
    };
    writeln!(
        std::io::stderr(),
        "{MANY} rolls at once: {} s, one {} s; {} calls; groups are looked up {} times, by one {}",
        took.as_secs(),
        alone.as_secs(),
        all.bench.cloud.calls().len(),
        looks(&all),
        looks(&one),
    )
    .unwrap();
    assert_eq!(*all.refused.lock().unwrap(), BTreeMap::new());
    // What they ask for takes its time, at the pace that the limits allow.
    assert!(took <= alone * 4, "{took:?}, one {alone:?}");
    assert!(looks(&all) * 3 < looks(&one) * MANY * 2);
}
