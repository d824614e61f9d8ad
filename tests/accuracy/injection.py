"""`no_injection` on labelled attacks and on texts that are none, by expressions alone and with the model.

The shipped model learned from all attacks. What is reported here is a model that learned from one half: its figures
are those of the other half, with no attack in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_gate.checks import CATALOGUE
from tests.accuracy import cases
from tests.accuracy.attacks import halves, read_attacks, read_benign
from tests.accuracy.cases import Case
from tests.accuracy.measure import Result
from tests.accuracy.train_injection import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dq_gate.checks.injection_model import Model
    from tests.accuracy.attacks import Attack

    IsCaught = Callable[[str], bool]
    BenignSet = tuple[str, Iterable[Case], float]

MISSED = {"deepset": 0.55, "giskard": 0.10, "poisoned": 0.10, "taksec": None}
MISSED_WITH_MODEL = MISSED | {"deepset": 0.40}
CLEAN, CLEAN_WITH_MODEL, NOISY, LOOK_ALIKE, PARAGRAPHS = 0.001, 0.005, 0.005, 0.02, 0.01


def results(data: Path) -> Iterator[Result]:
    """Every line of the table."""
    tuned, reported = halves(data)
    by_expressions = _by_expressions()
    yield from _attacks("no_injection, tuning half", by_expressions, tuned, dict.fromkeys(MISSED))
    yield from _attacks("no_injection, other half", by_expressions, reported, MISSED)
    yield from _benign("no_injection", by_expressions, _benign_sets(data, CLEAN))
    even = {name: texts[::2] for name, texts in read_benign(data).items()}
    odd = ((name, _odd(texts), limit) for name, texts, limit in _benign_sets(data, CLEAN_WITH_MODEL))
    with_model = _either(by_expressions, train(tuned, even))
    yield from _attacks("no_injection, model of the tuning half, other half", with_model, reported, MISSED_WITH_MODEL)
    yield from _benign("no_injection, model of the even rows", with_model, odd)
    others = [attack for attack in read_attacks(data) if attack.source in ("giskard", "taksec")]
    without_deepset = _either(by_expressions, train(others, even))
    yield from _attacks(
        "no_injection, model that saw no deepset, other half", without_deepset, reported, {"deepset": None}
    )


def _by_expressions() -> IsCaught:
    check = CATALOGUE["no_injection"]
    compiled: Any = check.compile(check.options())
    return lambda text: compiled.judge(text) is not None


def _either(is_caught: IsCaught, model: Model) -> IsCaught:
    return lambda text: is_caught(text) or model.find(text) is not None


def _attacks(
    name: str, is_caught: IsCaught, attacks: Iterable[Attack], limits: dict[str, float | None]
) -> Iterator[Result]:
    by_source = {source: [attack for attack in attacks if attack.source == source] for source in limits}
    for source, chosen in by_source.items():
        texts = (Case(attack.text, number) for number, attack in enumerate(chosen))
        yield _measure(is_caught, f"{name}: {source}", texts, "caught", limits[source])


def _benign(name: str, is_caught: IsCaught, sets: Iterable[BenignSet]) -> Iterator[Result]:
    for set_name, texts, limit in sets:
        yield _measure(is_caught, f"{name}: {set_name}", texts, "pass", limit)


def _odd(texts: Iterable[Case]) -> Iterator[Case]:
    return (case for case in texts if case.number % 2)


def _benign_sets(data: Path, clean: float) -> Iterator[BenignSet]:
    for folder, limit in (("queries_clean", clean), ("queries_noisy", NOISY), ("queries_multilingual", NOISY)):
        for path in sorted((data / folder).glob("*.jsonl")):
            yield f"{folder}/{path.stem}", cases.texts(path), limit
    yield "notinject", cases.texts(data / "injection/notinject_1_2.jsonl"), LOOK_ALIKE
    for name, limit in (("deepset_prompt_injections", LOOK_ALIKE), ("poisoned_docs", PARAGRAPHS)):
        rows = cases.read_rows(data / f"injection/{name}.jsonl")
        benign = [row["text"] for row in rows if row["expect"] != "quarantine"]
        yield f"{name}, benign", [Case(text, number) for number, text in enumerate(benign)], limit
    for name in ("qa/pubmedqa/docs", "qa/xquad_en/docs"):
        yield name, cases.texts(data / f"{name}.jsonl"), PARAGRAPHS


def _measure(is_caught: IsCaught, name: str, texts: Iterable[Case], wanted: str, limit: float | None) -> Result:
    result = Result(name, wanted, limit)
    for case in texts:
        half = result.odd if case.number % 2 else result.even
        caught = is_caught(case.text)
        half.rows += 1
        half.errors += caught is (wanted == "pass")
        result.quarantined += caught
    return result
