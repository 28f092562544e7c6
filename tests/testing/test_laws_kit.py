"""The laws that anyone can run: ours pass them, and whatever breaks one is refuted with a story."""

from __future__ import annotations

import gc
import importlib
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import trio

from riverrun import MemoryStore, SQLiteStore
from riverrun.abc import CheckpointStore
from riverrun.engine.core.capabilities import Capabilities
from riverrun.engine.core.planner import RecoveryPlan, plan_recovery
from riverrun.engine.core.policy import CheckpointPolicy, Policy, RetryPolicy, StallPolicy, Throughput
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.usage_error import UsageError
from riverrun.engine.testing.checks.blocking import blocking_calls
from riverrun.engine.testing.checks.purity import other_clock_and_dice
from riverrun.engine.testing.checks.store.runs import check_simulated
from riverrun.engine.testing.simulator.state import RUN_ID
from riverrun.lowlevel import OpenedJournal
from riverrun.providers.by_name import provider_classes
from riverrun.testing import Law, LawBroken, check_planner, check_policy, check_provider, check_store
from tests.testing import (
    broken,
    broken_asked,
    broken_providers,
    broken_requests,
    broken_stores,
    broken_streams,
    broken_whole,
)

BROKEN_PROVIDERS = (
    broken_providers.PROVIDERS
    | broken_streams.STREAMS
    | broken_requests.REQUESTS
    | broken_asked.ASKED
    | broken_whole.WHOLE
)


def refuted(check: Any, *args: Any, **kwargs: Any) -> LawBroken:
    with pytest.raises(LawBroken) as caught:
        check(*args, **kwargs)
    assert caught.value.law in Law
    assert f"BROKEN  {caught.value.law}: " in caught.value.story
    assert caught.value.story in str(caught.value)
    return caught.value


# -- what is ours passes ----------------------------------------------------------------------------------------------


def test_our_planner_keeps_the_laws() -> None:
    held = check_planner(plan_recovery, runs=250)
    assert len(held.laws) == 10
    assert (held.runs, held.values) == (250, 250)


class Caches:
    """A planner may remember what it planned, by all that it was asked; its lock can not be copied."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, RecoveryPlan] = {}

    def __call__(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        with self._lock:
            key = repr((snapshot, capabilities))
            return self._planned.setdefault(key, plan_recovery(snapshot, capabilities))


def test_a_planner_with_a_cache_of_all_that_it_was_asked_keeps_the_laws() -> None:
    assert check_planner(Caches(), runs=60).values == 60


A_DECODER_EACH = ("anthropic", "openai", "openai-responses", "gemini", "gemini-interactions", "ollama")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in A_DECODER_EACH else pytest.mark.deep) for n in provider_classes()],
)
def test_our_providers_keep_the_laws(name: str) -> None:
    provider = provider_classes()[name]("some-model", api_key=broken_providers.KEY, base_url="https://a.test")
    assert len(check_provider(provider, runs=12).laws) == 9


def test_our_store_in_memory_keeps_the_laws() -> None:
    assert len(check_store(MemoryStore, runs=40).laws) == 6


def test_our_store_in_a_file_keeps_the_laws_over_reopening(tmp_path: Path) -> None:
    paths: dict[int, Path] = {}
    numbers = count()

    def make() -> SQLiteStore:
        path = tmp_path / f"{next(numbers)}.db"
        store = SQLiteStore(path)
        paths[id(store)] = path
        return store

    def reopen(store: CheckpointStore) -> CheckpointStore:
        following = SQLiteStore(paths[id(store)])
        paths[id(following)] = paths[id(store)]
        return following

    assert check_store(make, reopen=reopen, runs=8).runs == 4


@pytest.mark.parametrize("policy", [Policy(), Policy(retry=RetryPolicy.patient())], ids=["default", "patient"])
def test_our_policies_keep_the_laws(policy: Policy) -> None:
    assert len(check_policy(policy, runs=150).laws) == 5


UNUSUAL = {
    "a short wait for the first word": StallPolicy(first_event_s=30),
    "shorter": StallPolicy(first_event_s=20),
    "a maximum below": StallPolicy(first_event_s=30, first_event_s_max=10),
    "a total alone": StallPolicy(total_s=600, headers_s=None, first_event_s=None, first_event_s_max=None, idle_s=None),
    "a total below the others": StallPolicy(total_s=60),
    "a floor and no idle clock": StallPolicy(idle_s=None, throughput=Throughput(bytes_min=1, window_s=30)),
    "no clock of its own to connect": StallPolicy(connect_s=None),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_patience_of_an_unusual_kind_keeps_the_laws(name: str) -> None:
    assert check_policy(Policy(stall=UNUSUAL[name]), runs=150).runs > 150


@pytest.mark.parametrize(
    "policy",
    [
        Policy(retry=RetryPolicy(delay_s_max=1e9)),
        Policy(retry=RetryPolicy(base_delay_s=1e9, retry_after_s_max=1e9, attempts_max=1)),
        Policy(checkpoint=CheckpointPolicy(write_s=1e9)),
        Policy(stall=StallPolicy(idle_s=1e9, headers_s=1e9, first_event_s_max=1e9, total_s=600)),
    ],
    ids=["doubled three times", "never waited", "nobody waits for it", "bounded by the total"],
)
def test_a_number_of_30_years_that_nobody_waits_for_keeps_the_laws(policy: Policy) -> None:
    assert check_policy(policy, runs=20).runs > 20


# -- what is broken is refuted ----------------------------------------------------------------------------------------


def one_of_each(values: dict[Any, Any], kind_of: Callable[[Any], object]) -> list[Any]:
    """All of them; but the first of each kind, the others are deep."""
    firsts = {kind_of(value): value for value in reversed(values)}
    return [
        pytest.param(value, marks=() if firsts[kind_of(value)] == value else pytest.mark.deep, id=name_of(value))
        for value in values
    ]


def name_of(value: Any) -> str:
    return value if isinstance(value, str) else str(value.__name__)


@pytest.mark.parametrize("name", one_of_each(broken.PLANNERS, lambda name: name.partition(",")[0]))
def test_a_broken_planner_is_refuted(name: str) -> None:
    assert refuted(check_planner, broken.PLANNERS[name], runs=400).law == name.partition(",")[0]


@pytest.mark.parametrize("made", one_of_each(BROKEN_PROVIDERS, lambda made: (made.__module__, BROKEN_PROVIDERS[made])))
def test_a_broken_provider_is_refuted(made: type[Any]) -> None:
    assert refuted(check_provider, made(), runs=40).law in BROKEN_PROVIDERS[made]


@pytest.mark.parametrize("made", broken_whole.WHOLE)
def test_a_provider_that_is_broken_in_one_piece_alone_is_refuted_for_it(made: type[Any]) -> None:
    assert "in one piece" in str(refuted(check_provider, made(), runs=4))


@pytest.mark.parametrize("made", broken_asked.REFUSING, ids=lambda made: str(made.__name__))
def test_what_a_provider_refuses_is_no_proof_and_listed(made: type[Any]) -> None:
    held = check_provider(made(), runs=12)
    whats = [one.partition(": ")[0] for one in held.refused]
    assert len(whats) == len(broken_asked.REFUSING[made])
    assert all(expected in what for what, expected in zip(whats, broken_asked.REFUSING[made], strict=True))
    assert all(one.endswith(": this is not implemented") for one in held.refused)
    assert "\nrefused, and not judged: " in str(held)


def test_a_provider_that_takes_all_has_refused_nothing() -> None:
    assert check_provider(OURS, runs=12).refused == ()


@pytest.mark.parametrize("made", broken_requests.KNOWN_BY_KEY, ids=lambda made: str(made.__name__))
def test_a_key_is_looked_for_wherever_it_stands_once_it_is_known(made: type[Any]) -> None:
    found = refuted(check_provider, made(), key=broken_providers.KEY, runs=1)
    assert found.law == "nothing leaks"
    assert broken_providers.KEY not in found.story


def test_where_no_secret_is_known_nothing_is_said_of_leaks() -> None:
    assert "nothing leaks" not in check_provider(broken_requests.HasNoKey(), runs=1).laws
    assert "nothing leaks" in check_provider(broken_requests.HasNoKey(), key=broken_providers.KEY, runs=1).laws


@pytest.mark.parametrize("name", list(provider_classes())[:3])
def test_our_providers_keep_the_laws_with_their_key_known(name: str) -> None:
    provider = provider_classes()[name]("some-model", api_key=broken_providers.KEY, base_url="https://a.test")
    assert "nothing leaks" in check_provider(provider, key=broken_providers.KEY, runs=1).laws


@pytest.mark.parametrize("make", broken_stores.STORES, ids=lambda make: str(make.__name__))
def test_a_broken_store_is_refuted(make: type[MemoryStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riverrun.engine.testing.checks.store.deadline.ANSWER_S", 3.0)
    assert refuted(check_store, make, runs=60).law == broken_stores.STORES[make]


def test_a_lock_of_one_process_is_refuted_as_a_lock_between_processes() -> None:
    store = broken_stores.LocksItsOwnProcess
    found = refuted(check_store, store, reopen=store, runs=1)
    assert found.law == "any task order"
    assert "an opening by another process" in found.story


@pytest.mark.parametrize("name", broken.POLICIES)
def test_a_broken_policy_is_refuted(name: str) -> None:
    law, policy = broken.POLICIES[name]
    assert refuted(check_policy, policy, runs=5).law == law


def test_a_silence_of_30_years_is_told_at_once_with_its_number() -> None:
    story = refuted(check_policy, Policy(stall=StallPolicy(idle_s=1e9)), runs=1).story
    assert "a server that falls silent: idle_s is 1e+09, total_s is None; expected one of them to be at most" in story


class Sleeps(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await trio.sleep(0.001)
        await super().append(run_id, fence, sequence, entry)


class SleepsInAThread(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await trio.to_thread.run_sync(time.sleep, 0)
        await super().append(run_id, fence, sequence, entry)


class AsksAServer(MemoryStore):
    """Over a connection of trio's, which does not block."""

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        here, there = trio.socket.socketpair()
        with here, there:
            await here.send(b"x")
            await there.recv(1)
        await super().append(run_id, fence, sequence, entry)


class ImportsLate(MemoryStore):
    """An import reads files too, once, and is no call of the store's."""

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        importlib.import_module("colorsys")
        del sys.modules["colorsys"]
        await super().append(run_id, fence, sequence, entry)


class HangsInARun(MemoryStore):
    async def open_journal(self, run_id: str) -> OpenedJournal:
        if run_id == RUN_ID:
            await trio.sleep_forever()
        return await super().open_journal(run_id)


class HangsAfterADeletion(MemoryStore):
    async def open_journal(self, run_id: str) -> OpenedJournal:
        if self._fence_floor:
            await trio.sleep_forever()
        return await super().open_journal(run_id)


@pytest.mark.parametrize("store", [SleepsInAThread, AsksAServer, ImportsLate])
def test_a_store_that_waits_in_a_thread_or_in_trio_holds_up_nobody(store: type[MemoryStore]) -> None:
    assert check_store(store, runs=1).runs == 1


def test_where_a_profiler_runs_no_call_is_watched_and_it_goes_on() -> None:
    def profiler(*_: object) -> None:
        pass

    sys.setprofile(profiler)
    try:
        with blocking_calls() as seen:
            time.sleep(0)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert seen == []


def test_a_slow_store_keeps_the_laws_however_long_a_script_of_calls_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riverrun.engine.testing.checks.store.deadline.ANSWER_S", 3.0)  # a thousand calls take longer
    assert check_store(Sleeps, runs=10).runs == 5


def test_a_store_that_hangs_is_told_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riverrun.engine.testing.checks.store.runs.ANSWER_S", 0.05)
    with pytest.raises(LawBroken) as caught:
        check_simulated(HangsInARun, 0)
    assert "liveness: open_journal gives no answer" in caught.value.story


def test_a_call_that_hangs_in_a_claim_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riverrun.engine.testing.checks.store.deadline.ANSWER_S", 0.1)
    found = refuted(check_store, HangsAfterADeletion, runs=1)
    assert found.law == "liveness"
    assert "open_journal gives no answer within 0.1 s" in found.story


def test_a_call_that_hangs_in_a_sequence_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riverrun.engine.testing.checks.store.check.CLAIMS", ())
    monkeypatch.setattr("riverrun.engine.testing.checks.store.check.ANSWER_S", 0.1)
    assert "open_journal gives no answer" in refuted(check_store, HangsAfterADeletion, runs=60).story


def test_the_story_of_a_large_entry_says_where_it_differs_and_how_long_it_is() -> None:
    story = refuted(check_store, broken_stores.Truncates, runs=1).story
    assert "number 1100 is" in story
    assert "(from 131064 on, of 131072); expected" in story
    assert len(story) < 500


# -- stories ----------------------------------------------------------------------------------------------------------


def test_the_story_of_a_lost_word_is_one_short_run() -> None:
    story = refuted(check_planner, broken.forgets_the_last_word, runs=250).story
    assert "1 tokens of text" in story
    assert len(story.splitlines()) <= 12


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (broken.plans_later, "the plan is a coroutine; expected a RecoveryPlan"),
        (broken.leaves, "the planner raised SystemExit: 3"),
        (broken.cancels_a_list, "WholeRestart.cancelled is a list; expected a tuple"),
        (broken.looks_at_a_clock_of_its_own, "it called time.monotonic(), and a plan is a function of its arguments"),
        (broken.RemembersTheLongest(), "asked again after all else, it planned WholeRestart"),
        (broken.CachesTooMuch(), "a copy of it, taken before the first question, planned"),
    ],
)
def test_the_story_of_a_planner_names_what_it_did(plan: Any, says: str) -> None:
    assert says in refuted(check_planner, plan, runs=250).story


def test_a_planner_that_forgets_the_second_call_under_way_has_a_small_story() -> None:
    story = refuted(check_planner, broken.cancels_one, runs=200).story
    assert re.search(r"WholeRestart cancels the calls call_\d; under way were call_\d, call_\d\n", story), story
    assert len(story) < 700
    assert "text=''" in story


def test_clock_and_dice_are_others_for_each_number_and_are_given_back() -> None:
    before, clock = random.getstate(), time.time
    with other_clock_and_dice(1):
        one = random.random(), time.time()
    with other_clock_and_dice(2):
        assert one != (random.random(), time.time())
    assert random.getstate() == before
    assert time.time is clock


def test_a_clock_of_its_own_is_noted_but_not_one_that_is_read_as_garbage_is_collected() -> None:
    class Reads:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            monotonic()

    with other_clock_and_dice(1) as asked:
        for _ in range(10_000):  # enough for a collection, were there any
            Reads()
        assert asked == []
        monotonic()
    assert asked == ["it called time.monotonic()"]
    assert gc.isenabled()


def test_the_story_of_a_store_is_the_fewest_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riverrun.engine.testing.checks.store.check.CLAIMS", ())
    story = refuted(check_store, broken_stores.LosesTheFifth, runs=60).story
    assert story.count("call      append('a'") == 6
    assert len(story.splitlines()) == 9


def test_the_same_seed_is_the_same_story() -> None:
    stories = {refuted(check_planner, broken.asks_again_after_a_call, runs=250, seed=7).story for _ in range(2)}
    assert len(stories) == 1


def test_the_same_seed_is_the_same_story_of_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riverrun.engine.testing.checks.store.check.CLAIMS", ())
    stories = {refuted(check_store, broken_stores.ForgetsTheFloor, runs=30, seed=7).story for _ in range(2)}
    assert [story.count("call      ") for story in stories] == [3]


def test_a_key_in_a_url_is_told_and_not_shown_by_its_message() -> None:
    found = refuted(check_provider, broken_providers.PutsTheKeyInTheURL(), runs=20)
    assert "the key is shown in a request" in found.story
    assert broken_providers.KEY not in found.story


def test_a_key_in_a_providers_repr_is_looked_for_first_and_named() -> None:
    class Boastful(broken_providers.Anthropic):
        def __repr__(self) -> str:
            return f"Boastful({broken_providers.KEY})"

        def decoder(self, limits: Any) -> Any:
            raise AssertionError("nothing is decoded before")

    found = refuted(check_provider, Boastful("m", api_key=broken_providers.KEY))
    assert "nothing leaks: the key is shown in repr(provider)" in found.story
    assert broken_providers.KEY not in found.story


# -- calls that can not work ------------------------------------------------------------------------------------------

OURS = broken_providers.Anthropic("m", api_key=broken_providers.KEY)
CALLS: list[tuple[Any, tuple[Any, ...], dict[str, Any], str]] = [
    (check_planner, (3,), {}, "was given 3; expected a function"),
    (check_planner, (plan_recovery,), {"runs": 0}, r"runs=\) is 0; expected a whole number of at least 1"),
    (check_planner, (plan_recovery,), {"seed": "1"}, r"seed=\) is '1'; expected a whole number"),
    (check_planner, (plan_recovery,), {"level": "quarks"}, "'quarks'; expected one of events, bytes"),
    (check_policy, ({},), {}, "was given {}; expected a Policy"),
    (check_policy, (Policy(),), {"runs": -1}, "is -1; expected a whole number of at least 1"),
    (check_provider, (object(),), {}, "given a object, which has no name, model, .*; expected a Provider"),
    (check_provider, (broken_providers.Anthropic,), {}, "given the class Anthropic.*; expected a Provider, made with"),
    (check_provider, (OURS,), {"runs": True}, "is True; expected a whole number of at least 1"),
    (
        check_provider,
        (OURS,),
        {"key": "short"},
        r"key=\) is a str of 5 characters; expected the made-up key, of at least 8",
    ),
    (check_provider, (OURS,), {"key": 3}, r"key=\) is a int; expected the made-up key"),
    (check_store, (dict,), {}, "made a dict, which has no open_journal, .*; expected a CheckpointStore"),
    (check_store, (MemoryStore(),), {}, r"make_store=\) is MemoryStore.*; expected a function that makes a store"),
    (check_store, (MemoryStore,), {"reopen": 3}, r"reopen=\) is 3; expected a function"),
    (check_store, (MemoryStore,), {"runs": 0.5}, "is 0.5; expected a whole number of at least 1"),
]


@pytest.mark.parametrize(("check", "args", "kwargs", "says"), CALLS)
def test_an_argument_that_no_check_can_begin_with_is_the_callers_mistake(
    check: Any, args: tuple[Any, ...], kwargs: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        check(*args, **kwargs)


@pytest.mark.parametrize(
    ("check", "given"),
    [(check_planner, plan_recovery), (check_policy, Policy()), (check_provider, OURS), (check_store, MemoryStore)],
)
async def test_a_check_inside_a_trio_run_is_the_callers_mistake_and_no_finding(check: Any, given: Any) -> None:
    with pytest.raises(UsageError, match=rf"{check.__name__}\(\) was called inside a trio run"):
        check(given, runs=5)


def test_a_provider_of_unknown_format_is_asked_for_its_writer() -> None:
    class Nameless(broken_providers.Anthropic):
        name = "nameless"

    with pytest.raises(UsageError, match=r"'nameless'.*or give write="):
        check_provider(Nameless("m", api_key=broken_providers.KEY))


def test_the_laws_import_neither_pytest_nor_hypothesis() -> None:
    script = "import sys, riverrun.engine.testing; assert not {'pytest', 'hypothesis'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_without_hypothesis_planners_and_policies_are_judged_by_the_simulator_alone() -> None:
    script = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'hypothesis' else real(name, package)\n"
        "from riverrun.testing import check_planner, check_policy, check_store\n"
        "import riverrun as rr\n"
        "assert check_planner(rr.plan_recovery, runs=20).values == 0\n"
        "check_policy(rr.Policy(), runs=20); check_store(rr.MemoryStore, runs=4)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
