#!/usr/bin/env python3
"""Metrics: what they say of what happened, in the formats of OpenMetrics and Prometheus, by each way there is."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

import openmetrics
from host import BUILD, LIMIT, Host, Process, check, equal, expect, main

CTL = str(BUILD / "cli/lifecyclectl")
OPEN = "application/openmetrics-text"


def needs(program, package):
    expect(shutil.which(program), f"{program} is missing: install {package} (tests/setup)")


def metrics(h):
    return openmetrics.parse(h.ctl("metrics"))


def settled(h, name):
    check.until(lambda: h.row(name)["state"] == "null", LIMIT, lambda: f"{name} does not settle")


def they_say_what_happened():
    """One life from its beginning to its end, one request that is refused, one guest that panics."""
    with Host() as h:
        before = metrics(h)
        equal(before.value("lifecycle_lives_begun_total"), 0, "lives before the first")
        equal(before.value("lifecycle_vms", state="null"), 0, "VMs before the first")
        h.define("web")
        h.define("bad", guest="panic")
        h.ctl("start", "web")
        now = metrics(h)
        equal(now.value("lifecycle_vms", state="running"), 1, "VMs that run")
        equal(now.value("lifecycle_vm_state", vm="web", state="running"), 1, "its state")
        equal(now.value("lifecycle_vm_state", vm="web", state="null"), 0, "its other states")
        equal(now.value("lifecycle_vm_life", vm="web"), h.row("web")["life"], "its life")
        equal(now.value("lifecycle_debts", sp="0x8001", state="known"), 1, "what is owed to the SP")
        equal(now.value("lifecycle_secure_side_up"), 1, "the secure side")
        expect(now.value("lifecycle_vm_cpu_seconds_total", vm="web") >= 0, "its processor time")
        h.ctl("abort", "web")
        settled(h, "web")
        refused = h.ctl("abort", "web", check=False)
        expect(refused.returncode != 0, "an abort without a life is refused")
        h.ctl("start", "bad", check=False)
        settled(h, "bad")
        now = metrics(h)
        equal(now.value("lifecycle_lives_begun_total"), 2, "lives begun")
        equal(now.value("lifecycle_lives_settled_total"), 2, "lives settled")
        equal(now.value("lifecycle_lives_ended_total", cause="user-abort"), 1, "ended by the user")
        equal(now.value("lifecycle_lives_ended_total", cause="guest-panic"), 1, "ended by a panic")
        equal(now.value("lifecycle_lives_ended_total", cause="oom"), 0, "ended by want of memory")
        equal(now.value("lifecycle_refused_transitions_total"), 1, "refused")
        equal(now.value("lifecycle_debts", sp="0x8001", state="known"), 0, "what is owed to the SP")
        equal(now.value("lifecycle_debts_settled_total", sp="0x8001", how="answered-0"), 2, "what it answered")
        equal(now.value("lifecycle_phase_seconds_count", phase="announcing"), 2, "announces")
        equal(now.value("lifecycle_sp_step_seconds_count", sp="0x8002", message="destroyed"), 2, "ends told to the SP")
        expect(now.value("lifecycle_sp_messages_total", sp="0x8001") >= 4, "messages to the SP")
        expect(now.value("lifecycle_sp_replies_total", sp="0x8001", reply="ack") == 4, "its answers of 0")
        expect(now.value("lifecycle_commits_total") > before.value("lifecycle_commits_total"), "commits")
        expect(now.value("lifecycle_log_written_bytes_total") >= now.value("lifecycle_log_size_bytes") / 2, "bytes of the log")
        h.ctl("destroy", "web", "bad")
        gone = metrics(h)
        expect(not any(name.startswith("lifecycle_vm_") for name, _ in gone.samples), "a VM that is gone has no series")


def json_says_the_same():
    with Host() as h:
        h.define("web")
        families = {f["name"]: f for f in h.json("metrics")}
        text = metrics(h)
        equal(families.keys(), text.keys(), "the families")
        info = families["lifecycle_vm"]["samples"][0]
        equal((info["suffix"], info["labels"]["vm"], info["value"]), ("_info", "web", 1), "a sample")


def promtool_finds_nothing_to_say():
    needs("promtool", "prometheus")
    with Host() as h:
        h.define("web")
        h.ctl("start", "web")
        text = h.ctl("metrics", "--format=prometheus")
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=LIMIT)
        equal((done.returncode, done.stdout + done.stderr), (0, ""), "promtool check metrics")
        planted = text.replace("# HELP lifecycle_turns_total", "# HELP lifecycle_turns_totall")
        done = subprocess.run(["promtool", "check", "metrics"], input=planted, capture_output=True, text=True, timeout=LIMIT)
        expect(done.returncode != 0, "promtool would say it")


def a_file_is_there_whole_or_not_at_all():
    with Host() as h:
        path = h.dir / "lifecycled.prom"
        h.define("web")
        h.ctl("metrics", "--textfile", path)
        equal(oct(path.stat().st_mode & 0o777), "0o644", "who may read it")
        lengths, stop = set(), threading.Event()

        def read():
            while not stop.is_set():
                text = path.read_text()
                lengths.add((text.startswith("# HELP lifecycle_build_info"), text.endswith("\n"), text.count("# HELP lifecycle_vm_state ")))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(20):
                h.ctl("metrics", "--textfile", path)
        finally:
            stop.set()
            reader.join()
        equal(lengths, {(True, True, 1)}, "what a reader saw")
        h.kill_daemon()
        before = path.read_bytes()
        done = h.ctl("metrics", "--textfile", path, check=False)
        equal((done.returncode, path.read_bytes()), (3, before), "without a daemon it fails, and the file stays")
        h.start_daemon()
        done = h.ctl("metrics", "--textfile", h.dir / "nowhere/x.prom", check=False)
        expect(done.returncode == 1 and "nowhere/x.prom cannot be written" in done.stderr, "no directory", done.stderr)
        (h.dir / "taken").mkdir()
        done = h.ctl("metrics", "--textfile", h.dir / "taken", check=False)
        expect(done.returncode == 1, "a directory is in its place", done.stderr)
        os.mkfifo(h.dir / "fifo")
        done = h.ctl("metrics", "--textfile", h.dir / "fifo", check=False)
        expect(done.returncode == 1 and "is no regular file" in done.stderr and (h.dir / "fifo").is_fifo(), "a FIFO stays", done.stderr)
        equal([p.name for p in h.dir.iterdir() if p.name.startswith(".")], [], "what is left of it")


@contextlib.contextmanager
def listening(h, *addresses):
    """lifecycled-metrics.socket without systemd as PID 1: a process for each connection."""
    words = [word for address in addresses for word in ("-l", str(address))]
    process = Process(h.dir / "activate.log", ["systemd-socket-activate", "--accept", "--inetd", *words, "-E",
                                               f"LIFECYCLED_BUS={h.bus_address}", CTL, "--http", "metrics"], ready=False)
    try:
        check.until(lambda: "Listening on" in process.log(), LIMIT, process.log)
        yield
    finally:
        process.kill(signal.SIGTERM)
        process.wait()
        process.close()


def curl(path, url, *more):
    """Status, headers in lower case, body."""
    done = subprocess.run(["curl", "-sS", "-i", "--max-time", str(LIMIT), "--unix-socket", path, *more, f"http://localhost{url}"],
                          capture_output=True, text=True, timeout=2 * LIMIT)
    expect(done.returncode == 0, f"curl: {done.stderr}")
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *headers = head.split("\n")
    return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in headers)}, body


def http_answers_each_kind_of_request():
    needs("curl", "curl")
    with Host() as h:
        h.define("web")
        path = h.dir / "metrics.sock"
        with listening(h, path):
            status, headers, body = curl(path, "/metrics", "-H", f"Accept: {OPEN};version=1.0.0,text/plain;q=0.5")
            equal((status, headers["content-type"]), (200, f"{OPEN}; version=1.0.0; charset=utf-8"), "OpenMetrics")
            equal(openmetrics.parse(body).value("lifecycle_vm_info", vm="web", uuid=h.status("web")["uuid"]), 1, "the VM")
            status, headers, body = curl(path, "/metrics?x=1")
            equal((status, headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), "who does not ask")
            expect("# EOF" not in body and "lifecycle_lives_begun_total 0\n" in body, "the older format", body[:500])
            status, headers, body = curl(path, "/metrics", "-I")
            expect(status == 200 and int(headers["content-length"]) > 1000 and not body, "HEAD has no body")
            status, _, body = curl(path, "/")
            expect(status == 200 and "/metrics" in body, "the root says where they are")
            equal(curl(path, "/other")[0], 404, "another path")
            status, headers, _ = curl(path, "/metrics", "-X", "POST", "-d", "x" * 100000)
            equal((status, headers["allow"]), (405, "GET, HEAD"), "another method")
            equal(curl(path, "/metrics", "-H", "X: " + "y" * 9000)[0], 431, "a head that is too long")
            h.kill_daemon()
            equal(curl(path, "/metrics")[0], 503, "without a daemon")
            h.start_daemon()
            equal(curl(path, "/metrics")[0], 200, "with the next")


def say(path, text):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LIMIT)
        s.connect(str(path))
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: s.recv(65536), b""))


def http_survives_what_is_no_request():
    with Host() as h:
        path = h.dir / "metrics.sock"
        with listening(h, path):
            for text, status in ((b"hello\r\n\r\n", b"400"), (b"", b"400"), (b"GET\r\n\r\n", b"400"), (b"GET /metrics HTTP/2\r\n\r\n", b"505"),
                                 (b"GET /" + b"a" * 500 + b" HTTP/1.1\r\n\r\n", b"404"), (b"G\0T / HTTP/1.1\r\n\r\n", b"400"),
                                 (b"GET metrics HTTP/1.1\r\n\r\n", b"400"), (os.urandom(4000) + b"\r\n\r\n", b"400")):
                expect(say(path, text).startswith(b"HTTP/1.1 " + status), f"{text[:40]} is answered {status}")
            expect(say(path, b"GET /metrics HTTP/1.0\n\n").startswith(b"HTTP/1.1 200"), "lines may end with LF alone")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def prometheus(h, target):
    """A real one, that scrapes `target` each second; yields a function that asks it."""
    needs("prometheus", "prometheus")
    port = free_port()
    config = {"scrape_configs": [{"job_name": "lifecycled", "scrape_interval": "1s", "scrape_timeout": "1s",
                                  "static_configs": [{"targets": [target]}]}]}
    (h.dir / "prometheus.json").write_text(json.dumps(config))
    process = Process(h.dir / "prometheus.log", [
        "prometheus", f"--config.file={h.dir}/prometheus.json", f"--storage.tsdb.path={h.dir}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.size=64MB"], ready=False)

    def ask(path, **query):
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=LIMIT) as answer:
                return json.load(answer)["data"]
        except OSError:  # it is not up yet
            return None

    try:
        yield ask
    finally:
        process.kill(signal.SIGTERM)
        process.wait()
        process.close()


def value_of(ask, query):
    data = ask("query", query=query)
    return float(data["result"][0]["value"][1]) if data and data["result"] else None


def a_real_prometheus_scrapes_it():
    """It takes every sample, knows types and units, and sees a restart of the daemon as what it is."""
    with Host() as h:
        address = f"127.0.0.1:{free_port()}"
        h.define("web")
        h.ctl("start", "web")
        with listening(h, address), prometheus(h, address) as ask:
            check.until(lambda: value_of(ask, "lifecycle_lives_begun_total") == 1, LIMIT, lambda: json.dumps(ask("targets")))
            equal(value_of(ask, 'up{job="lifecycled"}'), 1, "the scrape")
            equal(value_of(ask, 'lifecycle_vm_state{vm="web",state="running"}'), 1, "a series of the VM")
            families = metrics(h)
            check.until(lambda: (value_of(ask, "scrape_samples_scraped") or 0) == len(families.samples), LIMIT,
                        lambda: f"samples: {value_of(ask, 'scrape_samples_scraped')} of {len(families.samples)}")
            known = ask("metadata")
            equal((known["lifecycle_phase_seconds"][0]["type"], known["lifecycle_phase_seconds"][0]["unit"]),
                  ("histogram", "seconds"), "what it knows of a histogram: it was read as OpenMetrics")
            equal(known["lifecycle_lives_ended"][0]["type"], "counter", "what it knows of a counter")
            began = value_of(ask, "process_start_time_seconds")
            h.kill_daemon()
            check.until(lambda: value_of(ask, 'up{job="lifecycled"}') == 0, LIMIT, lambda: "the daemon's death is not seen")
            h.start_daemon()
            check.until(lambda: (value_of(ask, "process_start_time_seconds") or 0) > began, LIMIT, lambda: "nor the next one")
            equal(value_of(ask, "lifecycle_lives_begun_total"), 0, "that one's counter begins anew")
            equal(value_of(ask, "increase(lifecycle_lives_begun_total[5m])"), 0, "which is no life")
            equal(value_of(ask, "lifecycle_vmms_adopted_total"), 1, "it found the guest")


def a_counter_goes_back_with_the_daemon_alone():
    with Host() as h:
        h.define("web")
        before = metrics(h)
        for _ in range(3):
            h.ctl("start", "web")
            h.ctl("abort", "web")
            settled(h, "web")
            now = metrics(h)
            equal(now.value("process_start_time_seconds"), before.value("process_start_time_seconds"), "the same daemon")
            for key, value in before.samples.items():
                if key[0].endswith(("_total", "_count", "_sum", "_bucket")) and not key[0].startswith("lifecycle_vm_"):
                    expect(now.samples[key] >= value, f"{key} went back from {value} to {now.samples[key]}")
            before = now
        h.kill_daemon()
        h.start_daemon()
        now = metrics(h)
        expect(now.value("process_start_time_seconds") > before.value("process_start_time_seconds"), "the next one began later")
        equal(now.value("lifecycle_lives_begun_total"), 0, "and counts anew")


def series_do_not_grow_with_vms_but_for_their_own():
    with Host() as h:
        h.define("vm-0")
        one = metrics(h)
        for i in range(1, 10):
            h.define(f"vm-{i}")
        ten = metrics(h)
        grown = {name for name, _ in ten.samples.keys() - one.samples.keys()}
        expect(all(name.startswith("lifecycle_vm_") for name in grown), f"what grew: {sorted(grown)}")
        each = len(ten.samples) - len(one.samples)
        expect(each % 9 == 0 and each // 9 <= 14, f"{each / 9} series for each VM")


if __name__ == "__main__":
    sys.exit(main([
        they_say_what_happened,
        json_says_the_same,
        promtool_finds_nothing_to_say,
        a_file_is_there_whole_or_not_at_all,
        http_answers_each_kind_of_request,
        http_survives_what_is_no_request,
        a_real_prometheus_scrapes_it,
        a_counter_goes_back_with_the_daemon_alone,
        series_do_not_grow_with_vms_but_for_their_own,
    ]))
