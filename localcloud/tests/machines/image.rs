//! Images: a machine's layer becomes an image, machines stand on it, and it goes when nothing does.

use localcloud::model::{Boot, Fact};
use tokio::time::Instant;

use super::cloud::{Cloud, Login, config, until_open};
use super::supervised;

#[test]
fn an_image_is_baked_and_machines_stack_on_it() {
    supervised(
        "machines::image::an_image_is_baked_and_machines_stack_on_it",
        async {
            let mut cloud = Cloud::up().await;
            let boot = cloud.launch("ami-base", 20);
            let login = cloud.booted(&boot).await;
            let install = "sudo apt-get update -q && sudo apt-get install -qy --no-install-recommends nginx-light";
            login.run(install).await;
            login.run("echo one | sudo tee /srv/first; sudo mkdir /srv/folder; sudo touch /srv/folder/a /srv/folder/b").await;
            login
                .run("sudo setcap cap_net_raw+ep /usr/bin/curl && sync")
                .await;
            freeze_at_rest(&mut cloud, &boot, &login, "ami-one").await;

            let boot = cloud.launch("ami-one", 21);
            let second = cloud.booted(&boot).await;
            assert_ne!(
                second.host_keys, login.host_keys,
                "a machine from an image gets host keys of its own"
            );
            assert_eq!(
                second
                    .run("cat /srv/first; systemctl is-active nginx")
                    .await,
                "one\nactive"
            );
            assert_eq!(
                second.run("/sbin/getcap /usr/bin/curl").await,
                "/usr/bin/curl cap_net_raw=ep"
            );
            second.run("sudo rm /srv/first; sudo mv /srv/folder /srv/moved; sudo rm /srv/moved/a; echo two | sudo tee /srv/second").await;
            second
                .run("sudo rm -rf /var/www && sudo mkdir /var/www")
                .await;
            cloud.machines.freeze("ami-two", &boot.instance, true);
            assert_eq!(
                cloud.next().await,
                Fact::Frozen {
                    image: "ami-two".to_owned()
                }
            );
            assert_eq!(
                second.run("cat /srv/second").await,
                "two",
                "it runs on after the copy"
            );

            let third = cloud.launch("ami-two", 22);
            let third = cloud.booted(&third).await;
            assert_eq!(
                third.run("ls /srv /srv/moved /var/www").await,
                "/srv:\nmoved\nsecond\n\n/srv/moved:\nb\n\n/var/www:"
            );
            let again = cloud.launch("ami-one", 23);
            let again = cloud.booted(&again).await;
            check_first_image(&again).await;

            discard_all(&mut cloud).await;
            cloud.down().await;
        },
    );
}

async fn check_first_image(login: &Login) {
    assert_eq!(
        login
            .run("cat /srv/first; ls /srv/folder; ls /var/www")
            .await,
        "one\na\nb\nhtml",
        "lower layers are unchanged"
    );
}

async fn freeze_at_rest(cloud: &mut Cloud, boot: &Boot, login: &Login, image: &str) {
    let begun = Instant::now();
    cloud.machines.stop(&boot.instance);
    assert!(matches!(
        cloud.next().await,
        Fact::Stopped { asked: true, .. }
    ));
    println!("stopped in order after {:.1?}", begun.elapsed());
    let begun = Instant::now();
    cloud.machines.freeze(image, &boot.instance, false);
    assert_eq!(
        cloud.next().await,
        Fact::Frozen {
            image: image.to_owned()
        }
    );
    println!("frozen after {:.1?}", begun.elapsed());
    cloud.machines.start(&boot.instance);
    assert!(matches!(cloud.next().await, Fact::Running { .. }));
    until_open(boot.address).await;
    assert_eq!(
        login.run("cat /srv/first").await,
        "one",
        "it starts again on its own layer, now an image"
    );
}

/// Images and machines go in the order that a careless user chooses; the layers go with the last of them.
async fn discard_all(cloud: &mut Cloud) {
    cloud.machines.alias("ami-copy", "ami-two");
    for image in ["ami-one", "ami-two", "ami-base", "ami-ubuntu"] {
        cloud.machines.discard(image);
    }
    for number in 20..=23 {
        let instance = cloud.launch("", number).instance;
        cloud.machines.terminate(&instance);
        while cloud.next().await
            != (Fact::Gone {
                instance: instance.clone(),
            })
        {}
    }
    let layers = || {
        std::fs::read_dir(config().state.join("layers"))
            .unwrap()
            .count()
    };
    assert_eq!(
        layers(),
        3,
        "the copy still stands on two layers and the base's user"
    );
    cloud.machines.discard("ami-copy");
    let boot = cloud.launch("ami-two", 24);
    cloud.machines.boot(boot);
    assert!(matches!(cloud.next().await, Fact::BootFailed { .. }));
}
