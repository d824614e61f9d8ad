"""Write the key words of `no_injection`: what a text must hold for an expression of a family to match at all.

    python -m tests.accuracy.make_injection_keys

Half of all queries hold the key words of no family, others of one or two: the rest is not searched for. Run it after
every change of data/injection.txt. It takes, from what an expression cannot do without, the words that are rarest in
real queries.

That no match is hidden follows from each step, and has to: of every set of wordings, each match of the expression holds
one. That is so of what a stretch of parts in a row spells, as long as all its wordings are known; of a group, and of
what is repeated at least once; and of a choice, with the sets of all its branches together. Parts that need not be
there, or that are no words, end a stretch. Of a key that holds another one, the shorter is enough. Keys are searched
for as expressions are, with the same spaces, edges of words and disregard of case.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import groupby
from pathlib import Path
from re import _constants as ops
from re import _parser as regular_expressions
from typing import Any

from dq_gate.checks.injection import SPACE, builtin_expressions

DATA = Path(__file__).parents[2] / "dq_gate/checks/data"
QUERIES = [Path(__file__).parents[1] / f"data/{name}.jsonl" for name in ("banking77", "clinc150")]
MOST_WORDINGS = 64
"""Of one stretch of an expression, spelled out."""
COST_OF_A_KEY = 0.0006
BOUNDARY = "\0"
EDGE = r"(?:\b|_)"
ASCII_ONLY = "[A-JL-RT-Za-jl-rt-z0-9]"
"""What has an edge beside every space but `_`. Whatever the case, s is also \u017f and k the sign of the kelvin, beside
which RE2 sees no edge."""
SPELLED = {BOUNDARY: r"\b", " ": " ", "\n": r"\n", "<": r"\<", ">": r"\>"}

Node = Any
Keys = frozenset[str]


def python_dialect(pattern: str) -> str:
    return re.sub(r"\\x\{([0-9a-fA-F]+)\}", lambda code: f"\\U{int(code[1], 16):08x}", pattern)


def parse(pattern: str) -> list[Node]:
    return list(regular_expressions.parse(python_dialect(pattern), re.IGNORECASE))


IS_SPACE = repr(parse(SPACE)[0])


def wordings(nodes: list[Node]) -> list[str] | None:
    """Every text that a stretch of an expression matches, a space for what a space stands for, if they are few."""
    result = [""]
    for node in nodes:
        ends = wordings_of(node)
        if ends is None or len(result) * len(ends) > MOST_WORDINGS:
            return None
        result = [start + end for start in result for end in ends]
    return list(dict.fromkeys(result))


def wordings_of(node: Node) -> list[str] | None:
    operation, value = node
    if repr(node) == IS_SPACE:
        return [" "]
    if operation is ops.LITERAL:
        return [chr(value)]
    if operation is ops.IN and len(value) <= 4 and all(kind is ops.LITERAL for kind, _ in value):
        return [chr(char) for _, char in value]
    if operation is ops.SUBPATTERN:
        return wordings(value[3])
    if operation is ops.BRANCH:
        branches = [wordings(branch) for branch in value[1]]
        return None if None in branches else [text for branch in branches for text in branch or ()]
    if operation is ops.MAX_REPEAT and value[:2] == (0, 1):
        optional = wordings(value[2])
        return None if optional is None else ["", *optional]
    if operation is ops.AT:
        return [BOUNDARY if value is ops.AT_BOUNDARY else ""]
    return None


def keys(nodes: list[Node]) -> Keys | None:
    """The rarest set of wordings of which every match holds one, or None if there is none."""
    candidates = []
    stretch = [""]
    for node in [*nodes, None]:
        texts = None if node is None else wordings_of(node)
        if texts is not None and len(stretch) * len(texts) <= MOST_WORDINGS:
            candidates += [stretch, texts] if len(texts) > 1 else []
            stretch = [start + end for start in stretch for end in texts]
        else:
            candidates.append(stretch)
            stretch = texts or [""]
            candidates += [within] if node is not None and (within := keys_within(node)) else []
    tidy = [frozenset(re.sub(f"{BOUNDARY}+", BOUNDARY, text) for text in texts) for texts in candidates]
    return min((texts for texts in tidy if is_telling(texts)), key=cost, default=None)


def keys_within(node: Node) -> Keys | None:
    operation, value = node
    if operation is ops.SUBPATTERN:
        return keys(value[3])
    if operation is ops.BRANCH:
        branches = [keys(branch) for branch in value[1]]
        return None if None in branches else frozenset().union(*(branch or () for branch in branches))
    if operation in (ops.MAX_REPEAT, ops.MIN_REPEAT) and value[0] >= 1:
        texts = wordings(list(value[2]) * value[0])
        return keys(value[2]) if texts is None else frozenset(texts)
    return None


def is_telling(texts: Keys) -> bool:
    return all(len(text.replace(BOUNDARY, "")) > 1 for text in texts)


def cost(texts: Keys) -> tuple[float, list[str]]:
    return sum(map(frequency, texts)) + COST_OF_A_KEY * len(texts), sorted(texts)


def expression(text: str) -> str:
    """A key in RE2 syntax. The edge of a word stands for a space at either end: it is searched for faster."""
    start = EDGE if re.match(f" {ASCII_ONLY}", text) else ""
    end = EDGE if re.search(f"{ASCII_ONLY} $", text) else ""
    return start + "".join(SPELLED.get(char) or re.escape(char) for char in text.strip(" ")) + end


@cache
def real_queries() -> list[str]:
    return [json.loads(line)["text"].lower() for path in QUERIES for line in path.read_text("utf-8").splitlines()]


@cache
def frequency(text: str) -> float:
    word = max(re.findall("[a-z]+", text.lower()), key=len, default="")
    search = re.compile(expression(text.lower()).replace(" ", r"[\s\W_]")).search
    return sum(word in query and search(query) is not None for query in real_queries()) / len(real_queries())


def without_longer(texts: set[str]) -> list[str]:
    return sorted(text for text in texts if not any(other != text and other in text for other in texts))


def write_keys() -> str:
    """The keys of each family, in the syntax of data/injection.txt."""
    lines = ["# Key words of each family of injection.txt, written by `python -m tests.accuracy.make_injection_keys`."]
    for family, members in groupby(builtin_expressions(), key=lambda member: member.family):
        texts: set[str] = set()
        bare = []
        for member in members:
            found = keys(parse(member.pattern))
            texts |= found or set()
            bare += [] if found else [member.pattern]
        lines += ["", f"[{family}]", *map(expression, without_longer(texts)), *bare]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (DATA / "injection_keys.txt").write_text(write_keys(), encoding="utf-8")
