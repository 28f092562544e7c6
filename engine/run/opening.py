"""Opening a run: its checkpoint is read, what was said is handed out again, and all its parts are made."""

from __future__ import annotations

import trio
from attrs import frozen

from ..core.accumulator import Accumulator
from ..core.events import Status, StreamReset
from ..core.journal import SCHEMA_VERSION, DeliveryRestarted, JournalHeader, RestoredRun, fingerprint, warm_up
from ..core.printable import printable
from ..core.request import InferenceRequest
from ..core.run_state import RunState
from ..stores.store import CheckpointStore
from .checkpoint import MORE_SHOWN, StoreUnavailable, delivered_again, load_journal, restore_run
from .context import RunContext
from .control import RunControl
from .delivery import Delivery
from .journal_writer import JournalWriter, logger
from .loop import RunLoop
from .mailbox import Mailbox
from .run import Run
from .running import RunningRun
from .watch import Watch


@frozen
class RunRequest:
    """What `Engine.open_stream` was asked for.

    Attributes:
        request: what to ask.
        run_id: its name in the store.
        store: where its checkpoint is; None without one.
        deliver_from: how many characters of text the consumer already has.
    """

    request: InferenceRequest
    run_id: str
    store: CheckpointStore | None
    deliver_from: int


async def open_run(context: RunContext, asked: RunRequest) -> tuple[Run, RunningRun]:
    """Read the checkpoint, if there is one, and make a run that is ready to go on: for its caller, and its tasks.

    Raises:
        CheckpointMismatch: the run id belongs to another request.
        StoreError: the store holds something unreadable, or refuses to be used.
    If cancelled: nothing was begun.
    """
    control, mailbox = RunControl(), Mailbox()
    restored, journal = await _restore(context, asked, control.scope, mailbox)
    accumulator = Accumulator(context.policy.limits) if restored is None else restored.accumulator
    delivery = Delivery(mailbox, journal, store_first=context.policy.checkpoint.before_delivery)
    _deliver_again(delivery, restored, asked.deliver_from)
    state = RunState(context.rules(asked.request), accumulator, restored, now_s=trio.current_time())
    watch = Watch()
    loop = RunLoop(context, asked.request, state, delivery, watch)
    running = RunningRun(asked.run_id, context, state, delivery, control, loop, watch)
    return Run(asked.run_id, state, delivery, control, loop), running


async def _restore(
    context: RunContext, asked: RunRequest, scope: trio.CancelScope, mailbox: Mailbox
) -> tuple[RestoredRun | None, JournalWriter | None]:
    if asked.store is None:
        return None, None
    policy, mark = context.policy.checkpoint, fingerprint(asked.request)
    warm_up()
    opened = await load_journal(asked.store, asked.run_id, policy, mark)
    if isinstance(opened, StoreUnavailable):
        why = printable(opened.why)
        logger.warning("run %r: no checkpoint store (%s); going on without it", asked.run_id, why)
        mailbox.put(Status("the checkpoint store could not be read; going on without it"))
        return None, None
    restored = await restore_run(opened, asked.run_id, mark, context.policy.limits)
    journal = JournalWriter(
        asked.store, asked.run_id, fence=opened.fence, sequence=len(opened.entries), policy=policy, scope=scope
    )
    if restored is None:
        source, now = context.targets[0].source, context.wall_clock()
        journal.record(JournalHeader(SCHEMA_VERSION, asked.run_id, mark, source.name, source.model, now))
    return restored, journal


def _deliver_again(delivery: Delivery, restored: RestoredRun | None, deliver_from: int) -> None:
    """Hand out what an earlier process said, less what the consumer has."""
    if restored is not None:
        again = delivered_again(restored, deliver_from)
    else:
        again = [StreamReset(MORE_SHOWN)] if deliver_from else []  # shown by an earlier process
    if again and isinstance(again[0], StreamReset):
        delivery.record(DeliveryRestarted())
    for event in again:
        delivery.put(event)
