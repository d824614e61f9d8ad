"""Train the model of `no_injection`: logistic regression, whose weights are rounded to a byte each.

    python -m tests.accuracy.train_injection DATA

DATA is the folder of labelled sets, of which only those under permissive licences are read: the attacks of deepset
(Apache-2.0), giskard and taksec (MIT), and the texts of `attacks.BENIGN`. The same input gives the same model.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from dq_gate.checks.injection_model import BUCKETS, WINDOW, Model, features, tokenize, windows
from tests.accuracy.attacks import read_attacks, read_benign

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.accuracy.attacks import Attack

MODEL = Path(__file__).parents[2] / "dq_gate/checks/data/injection_model.bin"
ATTACK_WEIGHT = 5.0
BENIGN_WEIGHTS = {"injection/notinject_1_2.jsonl": 3.0, "injection/deepset_prompt_injections.jsonl": 2.0}
SURROUNDINGS = ("queries_clean/banking77_test.jsonl", "kb_docs/wsl/docs.jsonl")
DOCUMENT_WEIGHT, QUERY_WEIGHT = 1.0, 0.3
EMBEDDED_WEIGHT = 0.5
PENALTY = 0.3
FIRST_WINDOWS = 4
"""Of a long attack: what follows is often harmless."""

Sample = tuple[list[str], bool, float]
"""Tokens, whether they are an attack, how much they count."""


def train(attacks: Iterable[Attack], benign: Mapping[str, list[str]]) -> Model:
    """Learn to tell attacks, alone and within other texts, from benign texts."""
    samples = [*attack_samples(attacks, benign), *benign_samples(benign)]
    matrix = weigh_features([tokens for tokens, _, _ in samples])
    labels = np.array([1.0 if is_attack else -1.0 for _, is_attack, _ in samples])
    weights, bias = fit(matrix, labels, np.array([weight for _, _, weight in samples]))
    scale = float(np.abs(weights).max()) / 127
    steps = np.round(weights / scale).astype(np.int8)
    return Model(scale, bias, memoryview(steps.tobytes()).cast("b"))


def attack_samples(attacks: Iterable[Attack], benign: Mapping[str, list[str]]) -> list[Sample]:
    rng = random.Random(0)
    around = [text for name in SURROUNDINGS for text in benign[name]]
    samples: list[Sample] = []
    for attack in attacks:
        if attack.source == "poisoned":
            continue
        parts = cut(attack.text)[:FIRST_WINDOWS]
        samples += [(part, True, ATTACK_WEIGHT / len(parts)) for part in parts]
        if len(parts[0]) >= WINDOW:
            continue
        for is_first in (True, False):
            other = tokenize(rng.choice(around))[: WINDOW - len(parts[0])]
            joined = parts[0] + other if is_first else other + parts[0]
            samples.append((joined, True, ATTACK_WEIGHT * EMBEDDED_WEIGHT))
    return samples


def benign_samples(benign: Mapping[str, list[str]]) -> list[Sample]:
    return [
        (part, False, BENIGN_WEIGHTS.get(name, DOCUMENT_WEIGHT if name.startswith("kb_docs") else QUERY_WEIGHT))
        for name, texts in benign.items()
        for text in texts
        for part in cut(text)
    ]


def cut(text: str) -> list[list[str]]:
    tokens = tokenize(text)
    return [tokens[first:end] for first, end in windows(len(tokens))]


def weigh_features(samples: list[list[str]]) -> Any:
    """A row for each sample: how often each feature occurs, over the root of the number of features."""
    rows, columns, values = [], [], []
    for row, tokens in enumerate(samples):
        counts = Counter(place for places in features(tokens) for place in places)
        rows += [row] * len(counts)
        columns += counts.keys()
        root = max(counts.total(), 1) ** 0.5
        values += [count / root for count in counts.values()]
    return csr_matrix((values, (rows, columns)), shape=(len(samples), BUCKETS))


def fit(matrix: Any, labels: np.ndarray, importance: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of the penalised logistic regression."""

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = point[:-1], point[-1]
        margins = labels * (matrix @ weights + bias)
        slopes = -importance * labels / (1 + np.exp(np.clip(margins, -50, 50)))
        value = (importance * np.logaddexp(0, -margins)).sum() + PENALTY / 2 * (weights @ weights)
        return value, np.append(matrix.T @ slopes + PENALTY * weights, slopes.sum())

    point = minimize(loss, np.zeros(BUCKETS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return point[:-1], float(point[-1])


def main() -> None:
    data = Path(sys.argv[1])
    MODEL.write_bytes(train(read_attacks(data), read_benign(data)).dump())


if __name__ == "__main__":
    main()
