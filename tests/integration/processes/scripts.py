"""Programs that use a gate and end in their own ways: `python -m tests.integration.processes.scripts NAME`.

Settings come from the environment. Each prints one JSON document a line: `{"entry": …, "stored": …}` for what was
acknowledged, and whatever else its test asks about.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate import Gate, InputQuarantined
from tests.faults.promise import Control, Span
from tests.integration.gating import CLEAN, FAILING, arefusal, refusal

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

gate = Gate.load()


def say(**facts: Any) -> None:
    """Tell the test, in one write: processes share the pipe."""
    os.write(1, json.dumps({"pid": os.getpid(), **facts}).encode() + b"\n")


def acknowledge(error: InputQuarantined) -> None:
    say(entry=error.entry_id, stored=error.stored)


def files() -> dict[str, str]:
    """What this process has open: descriptor and file, sockets with their number."""
    found = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found[descriptor.name] = str(descriptor.readlink())
    return found


def threads() -> list[str]:
    """Names of this process's threads, one for each that the system runs."""
    names = [thread.name for thread in threading.enumerate()]
    return names + ["unknown"] * (len(list(Path("/proc/self/task").iterdir())) - len(names))


def end_without_closing() -> None:
    for _ in range(20):
        acknowledge(refusal(gate))
    gate.admit(CLEAN)


def time_the_first_input() -> None:
    with Control() as control:
        started = time.monotonic()
        error = refusal(gate)
        wait = Span(started, time.monotonic())
    say(held=control.longest([wait]))
    acknowledge(error)


def end_by_an_error() -> None:
    end_without_closing()
    raise SystemExit(3)


def end_with_puts_under_way() -> None:
    """Cancel tasks the moment their inputs are judged, and end at once: their puts land all the same."""

    async def scene() -> None:
        tasks = [asyncio.create_task(gate.aadmit(FAILING, key=str(number))) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        say(cancelled=sum(isinstance(answer, asyncio.CancelledError) for answer in answers))

    asyncio.run(scene())


def put_until_killed() -> None:
    """Put from threads and tasks, acknowledging each, until a signal ends the process."""

    def in_thread() -> None:
        while True:
            acknowledge(refusal(gate))

    async def in_task() -> None:
        while True:
            acknowledge(await arefusal(gate))

    async def in_tasks() -> None:
        await asyncio.gather(*(in_task() for _ in range(4)))

    for _ in range(4):
        threading.Thread(target=in_thread, daemon=True).start()
    asyncio.run(in_tasks())


def run_a_notebook() -> None:
    """Cells of a notebook: each is run by a loop that runs already, and calls the gate both ways."""

    @gate.guard(fallback=lambda _: ["fallback"])
    def retrieve(query: str) -> list[str]:
        return [query]

    @gate.guard(fallback=lambda _: ["fallback"])
    async def aretrieve(query: str) -> list[str]:
        return [query]

    async def cell() -> None:
        acknowledge(refusal(gate))
        acknowledge(await arefusal(gate))
        say(answers=[*retrieve("clean"), *retrieve(" "), *await aretrieve("clean"), *await aretrieve(" ")])

    loop = asyncio.new_event_loop()
    for _ in range(3):
        loop.run_until_complete(cell())
    loop.close()
    asyncio.run(cell())


def fork_after_first_use() -> None:
    """Fork; both go on, the parent closes first, and the child puts more after that."""
    acknowledge(refusal(gate))
    say(name="parent", files=files(), threads=threads())
    closed, told = os.pipe()
    if os.fork() == 0:
        os.close(told)
        say(name="child at first", files=files(), threads=threads())
        for _ in range(10):
            acknowledge(refusal(gate))
        say(name="child", files=files(), threads=threads())
        os.read(closed, 1)
        for _ in range(10):
            acknowledge(refusal(gate))
        return
    os.close(closed)
    say(name="parent later", files=files())
    for _ in range(10):
        acknowledge(refusal(gate))
    gate.close()
    os.close(told)
    _, status = os.wait()
    sys.exit(os.waitstatus_to_exitcode(status))


def fork_under_load() -> None:
    """Fork again and again while threads put."""
    is_over = threading.Event()

    def put() -> None:
        while not is_over.is_set():
            acknowledge(refusal(gate))

    loaded = [threading.Thread(target=put) for _ in range(2)]
    for thread in loaded:
        thread.start()
    children = []
    for _ in range(5):
        acknowledge(refusal(gate))
        child = os.fork()
        if child == 0:
            for _ in range(5):
                acknowledge(refusal(gate))
            gate.close()
            os._exit(0)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    is_over.set()
    for thread in loaded:
        thread.join()
    say(codes=codes)


def _work(number: int) -> None:
    for _ in range(5):
        acknowledge(refusal(gate))
    gate.admit(CLEAN)


def _run_workers(context: BaseContext) -> None:
    acknowledge(refusal(gate))
    workers = [context.Process(target=_work, args=[number]) for number in range(2)]  # type: ignore[attr-defined]  # every context has it
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    say(codes=[worker.exitcode for worker in workers])


def multiprocess_by_fork() -> None:
    _run_workers(multiprocessing.get_context("fork"))


def multiprocess_by_spawn() -> None:
    _run_workers(multiprocessing.get_context("spawn"))


def multiprocess_by_forkserver() -> None:
    _run_workers(multiprocessing.get_context("forkserver"))


def use_a_process_pool() -> None:
    acknowledge(refusal(gate))
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        list(pool.map(_work, range(4)))
    say(codes=[0, 0])


if __name__ == "__main__":
    # By its import name, so that a worker that is spawned finds the same functions.
    from tests.integration.processes import scripts

    getattr(scripts, sys.argv[1])()
