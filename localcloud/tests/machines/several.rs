//! Several machines at once, and the addresses of load balancers beside them.

use std::net::Ipv4Addr;

use localcloud::model::Fact;
use tokio::time::Instant;

use super::cloud::{Cloud, run};
use super::supervised;

#[test]
fn six_machines_boot_see_each_other_and_go() {
    supervised(
        "machines::several::six_machines_boot_see_each_other_and_go",
        async {
            let mut cloud = Cloud::up().await;
            let begun = Instant::now();
            let boots: Vec<_> = (40..46)
                .map(|number| cloud.launch("ami-base", number))
                .collect();
            for boot in &boots {
                cloud.machines.boot(boot.clone());
            }
            for _ in &boots {
                assert!(matches!(cloud.next().await, Fact::Running { .. }));
            }
            let last = boots.last().unwrap();
            let console = cloud.printed(last, " finished at ").await;
            println!(
                "six at once: the last finished its boot after {:.1?}",
                begun.elapsed()
            );
            let login = cloud.login(last, &console, "admin");
            login
                .run(&format!("ping -c 1 -W 5 {}", boots[0].address))
                .await;

            let balancer = Ipv4Addr::new(10, 213, 200, 1);
            cloud.network.add_address(balancer).await.unwrap();
            cloud.network.add_address(balancer).await.unwrap();
            login.run(&format!("ping -c 1 -W 5 {balancer}")).await;
            cloud.network.remove_address(balancer).await.unwrap();
            cloud.network.remove_address(balancer).await.unwrap();
            assert!(!run("ip", &["-4", "addr"]).await.contains("10.213.200.1"));

            let begun = Instant::now();
            cloud.down().await;
            println!("six at once: gone after {:.1?}", begun.elapsed());
        },
    );
}
