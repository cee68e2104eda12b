"""One worker: its event loop, its two ports, and its end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

import msgspec

from mistrust.serve.budget import Budget
from mistrust.serve.certificates import SERVING_DAYS, Keeper, Pair, Source, context, from_authority, from_files
from mistrust.serve.connection import Connections
from mistrust.serve.http import TEXT, Reply, Request
from mistrust.serve.limits import Limits
from mistrust.serve.log import Chosen, Log
from mistrust.serve.metrics import BEAT, READY, Board, Numbers
from mistrust.serve.record import Record
from mistrust.serve.reloads import Reloads
from mistrust.serve.webhook import Namespaces, Webhook

METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Settings(msgspec.Struct, frozen=True):
    """What was asked for on the command line."""

    policies: Path
    host: str = "0.0.0.0"  # noqa: S104
    port: int = 8443
    health_port: int = 8080
    workers: int = 1
    certificate: Path | None = None
    key: Path | None = None
    authority: Pair | None = None
    names: tuple[str, ...] = ()
    """That certificates of our own are for."""
    serving_days: float = SERVING_DAYS
    clients: Path | None = None
    """Authorities of the clients that may ask."""
    break_glass: Path | None = None
    exempt: tuple[str, ...] = ()
    dry_run: bool = False
    log: Chosen = "findings"
    record: Path | None = None
    linger: float = 5.0
    """Seconds from the signal to end until nothing new is taken: so long others may not know of it yet."""
    drain: float = 15.0
    """Seconds for what was taken."""
    cluster: bool = False
    context: str | None = None
    kubeconfig: Path | None = None
    every: float = 1.0
    """Seconds between two looks at what may change."""
    limits: Limits = Limits()


def work(settings: Settings, worker: int, board: Board) -> int:
    """Serve until SIGTERM or SIGINT. Exit code 0."""
    Budget.install()
    gc.set_threshold(50_000, 20, 100)
    asyncio.run(_serve(settings, worker, board))
    return 0


async def _serve(settings: Settings, worker: int, board: Board) -> None:
    log, numbers = Log(settings.log), board.of(worker)
    numbers.set(READY, 0)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tls = context(settings.clients)
    keeper = Keeper(tls, _source(settings))
    webhook = Webhook(
        numbers,
        log,
        namespaces=_namespaces(settings, log),
        exempt=settings.exempt,
        dry_run=settings.dry_run,
        limits=settings.limits,
        record=_record(settings, log),
    )
    reloads = Reloads(
        webhook,
        settings.policies,
        numbers,
        log,
        keeper=keeper,
        break_glass=settings.break_glass,
        every=settings.every,
    )

    def asked(request: Request) -> Reply | Awaitable[Reply]:
        path, method = request.head.path, request.head.method
        if path == "/validate":
            return webhook.answer(request) if method == "POST" else Reply(b"POST is wanted\n", 405, TEXT)
        return _health(path, method, board, stop, metrics=False)

    def watched(request: Request) -> Reply:
        return _health(request.head.path, request.head.method, board, stop, metrics=True)

    reviews = Connections(asked, settings.limits)
    health = Connections(watched, settings.limits)
    tasks = [asyncio.create_task(reloads.forever()), asyncio.create_task(_beat(numbers))]
    if settings.workers > 1:
        tasks.append(asyncio.create_task(_orphaned(stop)))
    server = await loop.create_server(
        reviews,
        sock=listener(settings.host, settings.port),
        ssl=tls,
        ssl_handshake_timeout=settings.limits.handshake,
        ssl_shutdown_timeout=settings.limits.handshake,
        backlog=1024,
    )
    beside = await loop.create_server(health, sock=listener(settings.host, settings.health_port), backlog=128)
    log.event("listening", port=settings.port, healthPort=settings.health_port, worker=worker, process=os.getpid())
    await stop.wait()
    log.event("stopping", worker=worker)
    numbers.set(READY, 0)
    reviews.ending = True
    await asyncio.sleep(settings.linger)
    server.close()
    await reviews.drain(settings.drain)
    for task in tasks:
        task.cancel()
    beside.close()
    await health.drain(0)
    log.event("stopped", worker=worker)


async def _beat(numbers: Numbers) -> None:
    """Show that the loop turns."""
    while True:
        numbers.set(BEAT, time.monotonic())
        await asyncio.sleep(1)


async def _orphaned(stop: asyncio.Event) -> None:
    """End with the process that keeps the workers: nobody else would."""
    keeper = os.getppid()
    while os.getppid() == keeper:
        await asyncio.sleep(0.5)
    stop.set()


def listener(host: str, port: int) -> socket.socket:
    """A socket that shares its port with those of the other workers: the kernel spreads connections over them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family is socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def _health(path: str, method: str, board: Board, stop: asyncio.Event, *, metrics: bool) -> Reply:
    if path not in ("/livez", "/readyz", "/metrics") or (path == "/metrics" and not metrics):
        return Reply(b"nothing here\n", 404, TEXT)
    if method != "GET":
        return Reply(b"GET is wanted\n", 405, TEXT)
    if path == "/metrics":
        return Reply(board.text().encode(), 200, METRICS)
    ready = path == "/livez" or (board.ready and not stop.is_set())
    return Reply(b"ok\n", 200, TEXT) if ready else Reply(b"not ready\n", 503, TEXT)


def _namespaces(settings: Settings, log: Log) -> Namespaces | None:
    if not settings.cluster:
        return None
    from mistrust.cluster.client import Client
    from mistrust.serve.namespaces import Followed

    client = Client.from_context(settings.context, settings.kubeconfig)
    return Followed(client, lambda why: log.event("namespaces", why=why))


def _record(settings: Settings, log: Log) -> Record | None:
    if settings.record is None:
        return None
    return Record(settings.record, lambda why: log.event("record", why=why))


def _source(settings: Settings) -> Source:
    if settings.certificate is not None and settings.key is not None:
        return from_files(settings.certificate, settings.key)
    assert settings.authority is not None
    return from_authority(settings.authority, settings.names, settings.serving_days)
