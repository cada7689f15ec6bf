"""Servers that are not WHMCS, or a faulty one, on real ports, for the doctor."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

from tests.asked import missing


@dataclass(slots=True)
class Scripted:
    """One HTTP answer; `date` replaces the server's own header."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    date: str | None = None


Script = Callable[[dict[str, str]], Scripted]


def said(message: str, status: int = 403) -> Scripted:
    """Return an answer with which WHMCS refuses."""
    body = json.dumps({"result": "error", "message": message})
    return Scripted(status=status, body=body, headers={"content-type": "application/json"})


@contextmanager
def answering(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on a free port of the loopback address; yields the base address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            told = script(dict(parse_qsl(body, keep_blank_values=True)))
            payload = told.body.encode()
            self.send_response_only(told.status)
            self.send_header("date", told.date or self.date_time_string())
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """Ignore errors: in some tests the client aborts the handshake."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """Accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def closed_port() -> str:
    """Return an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for `name`; return its file and a server's context with it."""
    if shutil.which("openssl") is None:
        missing("openssl is not installed (Debian: apt-get install openssl)", "DOORMAN_TEST_REQUIRE_OPENSSL")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-keyout", str(key), "-out", str(cert), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context
