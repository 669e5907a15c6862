"""What the benches share: moto behind a proxy that counts, an sshd on loopback, and runs that are timed and weighed."""

import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
KILN = os.environ.get("KILN", str(ROOT / "target/dist/kiln"))
WEIGH = ROOT / "benches/weigh"
MOTO = ROOT / "target/peers/bin/moto_server"


ENVIRONMENT = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "CHECKPOINT_DISABLE": "1",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until_open(port, what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"bench: {what} does not answer")


class Moto:
    """A moto server and the counting proxy before it, as a context."""

    def __enter__(self):
        self.port = free_port()
        self.process = subprocess.Popen([MOTO, "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until_open(self.port, "moto")
        front = free_port()
        self.counter = Counter(front, self.port)
        threading.Thread(target=self.counter.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{front}"
        return self

    def __exit__(self, *_):
        self.counter.shutdown()
        self.process.terminate()
        self.process.wait()

    def seed(self, folder):
        """Imports the user's key; gives an image to start from."""
        public = (folder / "user.pub").read_text()
        self.aws("import-key-pair", "--key-name", "bench", "--public-key-material", public)
        return self.aws("describe-images", "--query", "Images[?RootDeviceType=='ebs']|[0].ImageId")

    def aws(self, *arguments):
        aws = [ROOT / "target/peers/bin/aws", "--endpoint-url", self.endpoint, "--region", "us-east-1", "--output", "text", "ec2"]
        done = subprocess.run([*map(str, aws), *arguments], env=ENVIRONMENT, check=True, capture_output=True, text=True)
        return done.stdout.strip()


class Counter(http.server.ThreadingHTTPServer):
    """Passes requests on to moto and counts them by action."""

    daemon_threads = True

    def __init__(self, port, upstream):
        self.calls = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body leave in one piece: two would wait for each other's acknowledgement, 40 ms a call.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                found = re.search(rb"Action=(\w+)", body)
                outer.calls.append(found.group(1).decode() if found else self.path)
                kept = {k: v for k, v in self.headers.items() if k.lower() not in ("connection",)}
                request = urllib.request.Request(f"http://127.0.0.1:{upstream}{self.path}", body, kept, method="POST")
                try:
                    answer = urllib.request.urlopen(request)
                except urllib.error.HTTPError as error:
                    answer = error
                text = answer.read()
                self.send_response(answer.status)
                self.send_header("content-type", answer.headers.get("content-type", "text/xml"))
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", port), Handler)


def sshd(folder):
    """On a level of its own a shell does not read the host user's start files, which no machine image has."""
    port = free_port()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"MaxStartups 200\nMaxSessions 200\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
        "SetEnv SHLVL=1\nHostKeyAlgorithms +ssh-rsa\nPubkeyAcceptedAlgorithms +ssh-rsa\nSubsystem sftp internal-sftp\n"
    )
    os.makedirs("/run/sshd", exist_ok=True)
    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.DEVNULL)
    until_open(port, "sshd")
    return process, port


def run(command, env=None, folder=None):
    """Runs to the end; gives wall seconds, the largest process's peak in MiB, and the output."""
    program, *arguments = map(str, command)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [WEIGH, str(writer), shutil.which(program), *arguments],
        env=env or ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        pass_fds=[writer],
    )
    os.close(writer)
    largest = [0]
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(process.pid, largest, done))
    watcher.start()
    output = process.stdout.read()
    status = process.wait()
    done.set()
    watcher.join()
    with os.fdopen(reader) as report:
        # The kernel's own figures for the process itself, which a short one has before anybody looks.
        wall, own = report.read().split()
    if status != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} exited {status}\n{output}")
    return float(wall), max(largest[0], int(own) / 1024), output


def watch(root, largest, done):
    """The largest peak of resident memory of any process below `root`, in MiB, read from the kernel's own high-water mark."""
    while not done.wait(0.005):
        for pid in tree(root):
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            if peak:
                largest[0] = max(largest[0], int(peak.group(1)) / 1024)


def tree(pid):
    pids = [pid]
    for parent in pids:
        try:
            for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            pass
    return pids
