"""Writes the data that `dq-gate demo` carries: its documents and its traffic.

    python -m tests.data.make_demo_data ../shared/data

The sources and their licences are in `dq_gate/demo/data/NOTICE.md`. The outcome depends on the sources and on the
seed in `tests.data.damage` alone.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.data import damage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OUT = Path(__file__).parents[2] / "dq_gate" / "demo" / "data"
WEB, MOBILE = "demo.web", "demo.mobile"

_TOPICS = """
    transfer transactions balance freeze_account pay_bill bill_balance bill_due interest_rate routing min_payment
    order_checks pin_change report_fraud account_blocked spending_history credit_score report_lost_card credit_limit
    rewards_balance new_card application_status card_declined international_fees apr redeem_rewards damaged_card
    credit_limit_change replacement_card_duration improve_credit_score expiration_date travel_notification vaccines
    travel_alert exchange_rate international_visa lost_luggage carry_on flight_status
"""
CLINC_TOPICS = frozenset(_TOPICS.split())

GUIDES = ("about", "install", "filesystems", "file-permissions", "disk-space", "networking", "connect-usb")
SECTION_LIMIT = 1500

WEB_CLEAN, MOBILE_CLEAN = 417, 68
WEB_DAMAGE = {
    "html_leftovers": 5, "zero_width_in_words": 4, "blank": 3, "homoglyphs": 3, "pasted_page": 2, "ansi_escapes": 2,
    "bidi_override": 2, "byte_order_mark": 2,
}  # fmt: skip
MOBILE_DAMAGE = {
    "mojibake": 20, "replacement_characters": 16, "utf16_as_bytes": 14, "double_mojibake": 8, "half_emoji": 8,
    "byte_order_mark": 4, "control_characters": 4, "private_use_icon": 5, "blank": 5, "null": 4,
    "number": 2, "word_list": 2,
}  # fmt: skip
NEEDS_APOSTROPHE = frozenset({"mojibake", "double_mojibake", "replacement_characters"})

Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(name: str, rows: Iterable[Row]) -> None:
    """ASCII only: lone surrogates survive it, and no editor or diff tool changes what it shows."""
    lines = [json.dumps(row, separators=(",", ":")) + "\n" for row in rows]
    (OUT / name).write_text("".join(lines), encoding="ascii")


def halves(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Earlier questions and new ones: every topic is in both."""
    return rows[::2], rows[1::2]


def questions(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        yield {"id": row["id"], "title": row["intent"].replace("_", " ").rstrip("?"), "text": row["text"]}


def faq(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        yield {"id": row["id"], "title": row["question"], "text": " ".join(row["clean_text"].split())}


def guides(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        name = row["doc_id"].removeprefix("WSL/").removesuffix(".md")
        if name in GUIDES:
            yield from _sections(name, row)


def _sections(name: str, row: Row) -> Iterator[Row]:
    parts = re.split(r"^#{1,4} (.+)$", row["text"], flags=re.MULTILINE)
    for number, (heading, body) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        text = body.strip()
        if len(text) > SECTION_LIMIT:
            text = text[:SECTION_LIMIT].rpartition("\n\n")[0] or text[:SECTION_LIMIT]
        if len(text) >= 80:
            yield {"id": f"wsl-{name}-{number}", "title": f"{row['title']}: {heading.strip()}", "text": text}


def traffic(pool: list[Row]) -> list[Row]:
    """A quiet stretch from the web site, then a burst from a broken release of the mobile client."""
    random = Random(damage.SEED)
    random.shuffle(pool)
    return _feed(WEB, pool, WEB_CLEAN, WEB_DAMAGE, random) + _feed(MOBILE, pool, MOBILE_CLEAN, MOBILE_DAMAGE, random)


def _feed(feed: str, pool: list[Row], clean: int, damages: dict[str, int], random: Random) -> list[Row]:
    rows = [_damaged(feed, _take(pool, kind), kind) for kind, count in damages.items() for _ in range(count)]
    rows += [_clean(feed, pool.pop(), number) for number in range(clean)]
    random.shuffle(rows)
    return rows


def _take(pool: list[Row], kind: str) -> Row:
    fits = (row for row in pool if kind not in NEEDS_APOSTROPHE or "'" in row["text"])
    row = next(fits)
    pool.remove(row)
    return row


def _damaged(feed: str, row: Row, kind: str) -> Row:
    meant = _as_typed(feed, row["text"])
    if kind == "half_emoji":
        meant = damage.with_emoji(meant)
    sent = damage.apply(kind, meant, row["id"])
    return {"id": row["id"], "source": feed, "query": sent, "damage": kind, "original": meant}


def _clean(feed: str, row: Row, number: int) -> Row:
    meant = _as_typed(feed, row["text"])
    if feed == MOBILE and number % 10 == 0:
        meant = damage.with_emoji(meant)
    return {"id": row["id"], "source": feed, "query": meant, "damage": None, "original": meant}


def _as_typed(feed: str, text: str) -> str:
    return damage.typographic(text) if feed == MOBILE else text


def main(data: Path) -> None:
    """Write every file."""
    banking_docs, banking_new = halves(read(data / "queries_clean/banking77_test.jsonl"))
    clinc = read(data / "queries_clean/clinc150_test.jsonl")
    clinc_docs, clinc_new = halves([row for row in clinc if row["intent"] in CLINC_TOPICS])
    off_topic = [row for row in clinc if not row["in_scope"]]
    write("questions.jsonl", questions(banking_docs + clinc_docs))
    write("faq.jsonl", faq(read(data / "kb_docs/cdc_faq_html.jsonl")))
    write("guides.jsonl", guides(read(data / "kb_docs/wsl/docs.jsonl")))
    write("queries.jsonl", traffic(banking_new + clinc_new[::2] + off_topic[::20]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
