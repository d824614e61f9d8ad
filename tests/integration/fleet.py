"""A server that forks workers, each with a gate: `python -m tests.integration.fleet`, with settings in the environment.

It forks as many workers as its first argument says; worker n admits `INPUTS[n]` clean inputs and refuses one, after
the server itself admitted one when the second argument is `used`. Each worker prints its process id when it is done.
The server then kills the workers that its standard input names, one a line, and clears up after them as gunicorn's
hook `child_exit` would; at the end of its input it kills those that are left. The word `leave` makes it end before its
workers, which go on until they are killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from dq_gate import Gate
from dq_gate.signals import meter, windows
from tests.integration.gating import CLEAN, refusal

INPUTS = (3, 10, 20, 40)


def work(gate: Gate, number: int) -> None:
    for _ in range(INPUTS[number]):
        gate.admit(CLEAN)
    refusal(gate)
    say(pid=os.getpid())
    signal.pause()


def say(**facts: int) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(workers: int, *, is_used: bool) -> None:
    windows.TICK_SECONDS, meter.SERVE_AGAIN = 0.02, 0.05
    gate = Gate.load()
    if is_used:
        gate.admit(CLEAN)
    children = []
    for number in range(workers):
        child = os.fork()
        if child == 0:
            work(gate, number)
        children.append(child)
    for line in sys.stdin:
        if line == "leave\n":
            os._exit(0)
        end(int(line))
        children.remove(int(line))
    for child in children:
        end(child)


def end(child: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(child)
    say(dead=child)


if __name__ == "__main__":
    main(int(sys.argv[1]), is_used=sys.argv[2:] == ["used"])
