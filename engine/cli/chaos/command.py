"""`riverrun chaos`: runs the proxy until it is interrupted, and sums up."""

from __future__ import annotations

import argparse
import sys
from typing import Protocol

import trio

from ...bench.chaos.proxy import Chaos, open_chaos
from ...bench.chaos.rows import Row
from ..streams import can_go_live
from .lines import JSONView, LineView


class View(Protocol):
    """How the proxy is shown."""

    def tell(self, what: str, row: Row) -> None:
        """Take note of what happens to a request."""
        ...

    async def run(self, chaos: Chaos) -> None:
        """Show it until cancelled."""
        ...

    def sum_up(self, chaos: Chaos) -> None:
        """Say what there was, at the end."""
        ...


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted, which is what is raised. Raises UsageError for what can not be."""
    view = _view_of(args)
    running: list[Chaos] = []
    try:
        trio.run(_serve, args, view, running)
    except BaseException:
        if running:
            view.sum_up(running[0])
        raise
    raise AssertionError("a server that nobody interrupts does not end")


def _view_of(args: argparse.Namespace) -> View:
    if args.json:
        return JSONView()
    if args.plain or not can_go_live():
        return LineView()
    from rich.console import Console

    from .live import LiveView

    return LiveView(Console())


async def _serve(args: argparse.Namespace, view: View, running: list[Chaos]) -> None:
    async with open_chaos(
        args.fault,
        upstream=args.upstream,
        listen=args.listen,
        seed=args.seed,
        event_s=args.event_s,
        allow_insecure=args.allow_insecure,
        allow_remote=args.allow_remote,
        allow_remote_control=args.allow_remote_control,
        allow_hosts=args.allow_host,
        listener=view.tell,
    ) as chaos:
        running.append(chaos)
        if not chaos.is_local:
            sys.stderr.write("riverrun: warning: other machines can reach this proxy, and send requests through it\n")
        await view.run(chaos)
