"""nginx in front of a provider of ours: one worker, nothing buffered, everything else as it comes."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from attrs import frozen

from tests.servers.processes import ServerProcess, accepts, free_port
from tests.servers.tools import miss, require_program

CONFIG = """
{user}
daemon off;
worker_processes 1;
worker_shutdown_timeout {shutdown};
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server_options}
    server {{
        listen 127.0.0.1:{port} {listen};
        {tls}
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            {options}
        }}
    }}
}}
"""


@frozen
class Certificate:
    """A key and a chain for 127.0.0.1, and the context of a client that trusts nobody else."""

    chain: Path
    client: ssl.SSLContext


def make_certificate(folder: Path) -> Certificate:
    """Found an authority for the session, and have it certify this machine."""
    try:
        import trustme
    except ModuleNotFoundError:
        miss("trustme")
    authority, chain = trustme.CA(), folder / "chain.pem"
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(chain))
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return Certificate(chain, client)


@frozen
class Nginx:
    """A running nginx, and what an operator does to it."""

    process: ServerProcess
    port: int
    is_tls: bool

    @property
    def origin(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"

    def reload(self) -> None:
        """New workers take over; old ones finish what they have, within `worker_shutdown_timeout`."""
        os.kill(self.process.pid, signal.SIGHUP)

    def kill_workers(self) -> None:
        """SIGKILL: the kernel closes their connections; the master starts others."""
        for pid in self.workers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


@contextmanager
def open_nginx(
    upstream: int,
    options: str = "",
    *,
    server_options: str = "",
    shutdown: str = "30s",
    certificate: Certificate | None = None,
) -> Iterator[Nginx]:
    """Start it on a free port, in front of a port of this machine; with a certificate it speaks TLS and HTTP/2."""
    program, port = require_program("nginx"), free_port()
    if not Path("/proc/self").is_dir():
        pytest.skip("worker processes are found under /proc")
    folder = Path(tempfile.mkdtemp(prefix="nginx-"))
    tls = f"ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.chain};" if certificate else ""
    if "proxy_buffering" not in options:
        options += " proxy_buffering off;"
    written = CONFIG.format(
        user="user root;" if os.geteuid() == 0 else "",
        folder=folder,
        port=port,
        upstream=upstream,
        options=options,
        server_options=server_options,
        shutdown=shutdown,
        listen="ssl http2" if certificate else "",
        tls=tls,
    )
    (folder / "nginx.conf").write_text(written)
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    try:
        with ServerProcess(command, accepts(port), folder / "output.log") as process:
            yield Nginx(process, port, is_tls=certificate is not None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
