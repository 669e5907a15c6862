//! The name server at its sockets, asked by another's client.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

use localcloud::host::{self, Status};

use super::Cloud;

/// What dig says of a name.
fn dig(server: &str, more: &[&str]) -> String {
    let server = format!("@{server}");
    let limits = ["+tries=1", "+time=5"];
    let arguments = [&[server.as_str()], &limits[..], more].concat();
    let dug = Command::new("dig").args(arguments).output().unwrap();
    assert!(dug.status.success(), "{dug:?}");
    String::from_utf8(dug.stdout).unwrap()
}

/// The name of the first load balancer.
fn host_of(status: &Status) -> String {
    let url = &status.seen.load_balancers[0].url;
    url.strip_prefix("http://").unwrap().to_owned()
}

#[tokio::test]
async fn names_are_answered_by_datagrams_and_streams() {
    let cloud = Cloud::up().await;
    let server = cloud.up.status.name_server.unwrap().to_string();
    assert_eq!(server, "10.214.0.1");
    let exported = format!("export KILN_LOCAL_NAME_SERVER={server}\n");
    assert!(cloud.up.to_string().contains(&exported));
    let host = host_of(&cloud.up.status);
    for way in ["+notcp", "+tcp", "+noedns"] {
        let said = dig(&server, &["+noall", "+answer", way, &host, "A"]);
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(
            words,
            [&format!("{host}."), "60", "IN", "A", &host],
            "{way}"
        );
    }
    assert!(dig(&server, &["example.org"]).contains("status: REFUSED"));
    assert!(dig(&server, &["example.org", "ANY", "+notcp"]).contains("status: NOTIMP"));

    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.send_to(b"no packet", (server.as_str(), 53)).unwrap();
    host::reset(&cloud.config).await.unwrap();
    // The new load balancer may have another address.
    let host = host_of(&host::status(&cloud.config).await.unwrap());
    let said = dig(&server, &["+short", &host, "A"]);
    assert_eq!(said.trim(), host, "behind a reset");
    cloud.down().await;
}

/// Another's socket at the name server's address, from before that is there (`IP_FREEBIND`).
const TAKEN: &str = "import socket, sys
taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taken.setsockopt(socket.SOL_IP, 15, 1)
taken.bind(('10.214.0.1', 53))
print('taken', flush=True)
sys.stdin.read()
";

/// Takes the address until its input ends.
fn take() -> Child {
    let mut taking = Command::new("python3")
        .args(["-c", TAKEN])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut output = BufReader::new(taking.stdout.take().unwrap());
    output.read_line(&mut said).unwrap();
    assert_eq!(said, "taken\n");
    taking
}

#[tokio::test]
async fn a_cloud_comes_up_where_another_answers_names_and_says_so() {
    let (mut taken, mut said) = (None, String::new());
    let cloud = Cloud::up_amid(|| taken = Some(take()), |line| said += line).await;
    assert_eq!(cloud.up.status.name_server, None);
    assert!(!cloud.up.to_string().contains("NAME_SERVER"));
    let told = "no name server: another one of this host has 10.214.0.1:53";
    assert!(said.ends_with(told), "{said}");
    // All else is there.
    assert!(!host_of(&cloud.up.status).is_empty());

    let mut taken = taken.unwrap();
    drop(taken.stdin.take());
    assert!(taken.wait().unwrap().success());
    host::reset(&cloud.config).await.unwrap();
    let status = host::status(&cloud.config).await.unwrap();
    let (server, host) = (status.name_server.unwrap().to_string(), host_of(&status));
    assert_eq!(dig(&server, &["+short", &host, "A"]).trim(), host);
    cloud.down().await;
}
