//! The way to a machine, from the template's words to the connection's: bastion, proxy, tunnels.

use crate::ssh::{Answers, Auth, HostKeys, Proxy, Route, Target, Transfer, Tunnel};
use crate::template::bake::{self, Bastion, Ssh};

/// The way to a machine.
pub fn route(ssh: &Ssh) -> Route {
    if let Some(proxy) = &ssh.proxy {
        let password = proxy.password.as_ref();
        let password = password.map(|password| password.reveal().to_owned());
        let user = proxy.username.as_ref().map(|user| user.value.clone());
        return Route::Proxy(Proxy {
            host: proxy.host.value.clone(),
            port: proxy.port,
            login: user.map(|user| (user, password.unwrap_or_default())),
        });
    }
    match &ssh.bastion {
        Some(bastion) => Route::Bastion(Box::new(hop(bastion, ssh))),
        None => Route::Direct,
    }
}

/// The bastion as a target of its own. All that the template has for it is tried, as Packer does.
fn hop(bastion: &Bastion, ssh: &Ssh) -> Target {
    let agent = bastion.agent.then_some(Auth::Agent { socket: None });
    let key = bastion.key_file.as_ref().map(|file| Auth::File {
        path: file.value.clone(),
        passphrase: None,
        certificate: bastion.certificate.as_ref().map(|file| file.value.clone()),
    });
    let password = bastion.password.as_ref();
    let password = password.map(|password| Auth::Password(password.reveal().to_owned()));
    let asked = bastion
        .interactive
        .then(|| Auth::Terminal(Answers::default()));
    let ways = agent.into_iter().chain(key).chain(password).chain(asked);
    let known = HostKeys::Files(bastion.known_hosts.clone());
    let mut target = Target::new(
        bastion.host.value.as_str(),
        bastion.port,
        bastion.username.value.as_str(),
        Auth::Any(ways.collect()),
        known,
    );
    target.keep_alive = ssh.keep_alive_interval;
    target.silence = target.keep_alive.and(target.silence);
    target
}

/// What is carried through the connection.
pub fn tunnels(ssh: &Ssh) -> Vec<Tunnel> {
    let local = |bake::Tunnel { listen, to }: &bake::Tunnel| Tunnel::Local {
        listen: listen.clone(),
        to: to.clone(),
    };
    let remote = |bake::Tunnel { listen, to }: &bake::Tunnel| Tunnel::Remote {
        listen: listen.clone(),
        to: to.clone(),
    };
    let locals = ssh.local_tunnels.iter().map(local);
    locals
        .chain(ssh.remote_tunnels.iter().map(remote))
        .collect()
}

/// How files are sent and fetched.
pub fn transfer(wanted: bake::Transfer) -> Transfer {
    match wanted {
        bake::Transfer::Stream => Transfer::Stream,
        bake::Transfer::Scp => Transfer::Scp,
        bake::Transfer::Sftp => Transfer::Sftp,
    }
}
