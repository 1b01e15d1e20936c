"""A cloud that has nothing but the bridge, and a small HTTP server in front of it for real clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import boto3
import botocore.config

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import root
from cloudarium.kernel.store import Scope, Store
from cloudarium.substrate.moto.bridge import MotoBridge

T = TypeVar("T")
ACCOUNT = "111122223333"
REGION = "eu-west-1"


class Rig:
    """The loop of the cloud runs in a thread, so that tests can use blocking clients."""

    def __init__(self, folder: Path | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._path = folder / "cloud.db" if folder is not None else None
        self.run(self._make())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.port = self._server.server_address[1]

    async def _make(self) -> None:
        self.cloud = Cloud(clock=Clock(), store=Store(self._path), port=0)
        self.bridge = MotoBridge(self.cloud)
        self.cloud.dispatch = self.bridge.call

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(90)

    def restart(self) -> None:
        """End the child as hard as can be; the next call starts another."""
        self.run(self.bridge.close())

    def client(self, service: str, *, account: str = ACCOUNT, region: str = REGION, **config: Any) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=botocore.config.Config(retries={"max_attempts": 0}, inject_host_prefix=False, **config),
        )

    def call(self, service: str, operation: str, *, account: str = ACCOUNT, region: str = REGION, **params: Any) -> Any:
        return self.run(self.bridge.call(service, operation, Scope(account, region), root(account), params))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        await self.bridge.close()
        self.cloud.store.close()

    def _handler(rig) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                credential = (self.headers.get("authorization") or "").partition("Credential=")[2].split("/")
                account, region = (credential[0], credential[2]) if len(credential) > 3 else (ACCOUNT, REGION)
                headers = [(name, value) for name, value in self.headers.items()]
                try:
                    status, answered, content = rig.run(
                        rig.bridge.forward(self.command, self.path, headers, body, account, region)
                    )
                except AwsError as error:
                    status, answered, content = error.status, [], error.message.encode()
                self.send_response_only(status)
                for name, value in answered:
                    if name.lower() != "content-length" or self.command == "HEAD":
                        self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("content-length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = serve

            def log_message(self, *_: object) -> None:
                pass

        return Handler
