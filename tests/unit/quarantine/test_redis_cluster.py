"""Which node is asked: what real clusters show too seldom, with nodes that answer as told."""

from __future__ import annotations

import pytest
from redis.exceptions import AskError, MovedError, NoPermissionError
from redis.exceptions import TimeoutError as NoAnswerError

from dq_gate.quarantine.redis_cluster import MAX_HOPS, ClusterNodes

SEEDS = [("a", 1), ("b", 2)]
KEY = "dq:{n}:"


class Node:
    """A node that gives its answers one after the other, the last one for ever.

    Attributes:
        slots: What it says about the cluster: an answer or an error.
    """

    def __init__(self, *answers: object, slots: object = ()) -> None:
        self.answers = list(answers)
        self.slots = slots
        self.asked = 0
        self.is_closed = False

    def execute_command(self, *command: str) -> object:
        assert command == ("CLUSTER", "SLOTS")
        return given(self.slots)

    def work(self) -> object:
        self.asked += 1
        return given(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def close(self) -> None:
        self.is_closed = True


def given(answer: object) -> object:
    if isinstance(answer, Exception):
        raise answer
    return answer


def cluster(nodes: dict[tuple[str, int], Node]) -> ClusterNodes:
    return ClusterNodes(SEEDS, lambda node: nodes[node])


def run(nodes: ClusterNodes) -> object:
    return nodes.run(KEY, lambda client: client.work())


def test_a_moved_answer_is_followed_and_remembered():
    first, second = Node(MovedError("77 b:2")), Node("done")
    nodes = cluster({("a", 1): first, ("b", 2): second})
    assert [run(nodes), run(nodes)] == ["done", "done"]
    assert (first.asked, second.asked) == (1, 2)


def test_a_node_that_does_not_know_its_own_host_means_the_one_that_was_asked():
    nodes = cluster({("a", 1): Node(MovedError("77 :9")), ("a", 9): Node("done")})
    assert run(nodes) == "done"


def test_nodes_that_send_each_other_the_call_are_asked_a_few_times_only():
    first, second = Node(MovedError("77 b:2")), Node(MovedError("77 a:1"))
    with pytest.raises(MovedError):
        run(cluster({("a", 1): first, ("b", 2): second}))
    assert first.asked + second.asked == MAX_HOPS


def test_an_ask_is_not_followed():
    other = Node("done")
    with pytest.raises(AskError):
        run(cluster({("a", 1): Node(AskError("77 b:2")), ("b", 2): other}))
    assert other.asked == 0


def test_a_failed_node_is_not_asked_again_while_there_are_others():
    failing, other = Node(NoAnswerError()), Node("done")
    nodes = cluster({("a", 1): failing, ("b", 2): other})
    with pytest.raises(NoAnswerError):
        run(nodes)
    assert [run(nodes), run(nodes)] == ["done", "done"]
    assert failing.asked == 1


def test_nodes_that_no_address_names_are_learned():
    slots = [[0, 16383, [b"c", 3, b"id"], [b"", 4, b"id"]]]
    nodes = cluster(
        {("a", 1): Node(NoAnswerError(), slots=slots), ("b", 2): Node(NoAnswerError()), ("c", 3): Node("done")}
    )
    for _ in range(2):
        with pytest.raises(NoAnswerError):
            run(nodes)
    assert run(nodes) == "done"


def test_a_user_that_may_not_ask_for_the_slots_is_led_by_moved_answers():
    asking = Node(MovedError("77 b:2"), slots=NoPermissionError())
    assert run(cluster({("a", 1): asking, ("b", 2): Node("done", slots=NoPermissionError())})) == "done"


def test_closing_closes_every_node_that_was_used():
    first, second = Node(MovedError("77 b:2")), Node("done")
    nodes = cluster({("a", 1): first, ("b", 2): second})
    run(nodes)
    nodes.close()
    assert (first.is_closed, second.is_closed) == (True, True)
