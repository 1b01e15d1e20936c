"""The backend both proxies are measured with (nginx), and HAProxy configured to do what an ALB does."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from load import CannotMeasure
from processes import environment, http_ok, running

GIB = 1 << 30
RULES = 100

_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    keepalive_timeout 600;
    client_max_body_size 0;
    sendfile on;
    open_file_cache max=16;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {folder}/www;
        location = / {{ return 200 "ok"; }}
        location = /sink {{ return 200 "ok"; }}
    }}
}}
"""

# The same work as an ALB's: forwarding headers, a trace id per request, keep-alive on both sides, counters.
_HAPROXY = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    http-reuse always
    option forwardfor
frontend one
    bind 127.0.0.1:{one}
    {headers}
    default_backend targets
frontend hundred
    bind 127.0.0.1:{hundred}
    {headers}
{rules}
    default_backend targets
backend targets
    server one 127.0.0.1:{target} pool-max-conn 1024
"""
_HEADERS = """http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Port %[dst_port]
    unique-id-format %{+X}o\\ %ci%cp%fi%fp%Ts%rt%pid
    unique-id-header X-Amzn-Trace-Id"""


@contextlib.contextmanager
def nginx(port: int, folder: Path) -> Iterator[int]:
    """2 bytes at /, 64 KiB at /64k, 1 GiB at /1g, and /sink, which swallows; gives its process id."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.path.exists(program):
        raise CannotMeasure("nginx is not installed (on Debian: apt-get install nginx-light)")
    www = folder / "www"
    www.mkdir()
    (www / "64k").write_bytes(os.urandom(65_536))
    with open(www / "1g", "wb") as file:
        file.truncate(GIB)
    folder.chmod(0o755)
    user = "user root;" if os.geteuid() == 0 else ""
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(folder=folder, port=port, user=user))
    with running([program, "-c", str(settings)], lambda: http_ok(port), environment(), folder) as (pid, _):
        yield pid


@contextlib.contextmanager
def haproxy(one: int, hundred: int, target: int, folder: Path) -> Iterator[int]:
    """One thread, one listener without rules and one with a hundred; gives its process id."""
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not os.path.exists(program):
        raise CannotMeasure("haproxy is not installed (on Debian: apt-get install haproxy)")
    rules = "\n".join(f"    use_backend targets if {{ path_reg ^/rule-{n}/.*$ }}" for n in range(RULES - 1))
    settings = folder / "haproxy.cfg"
    settings.write_text(_HAPROXY.format(one=one, hundred=hundred, target=target, headers=_HEADERS, rules=rules))
    with running([program, "-db", "-f", str(settings)], lambda: http_ok(one), environment(), folder) as (pid, _):
        yield pid
