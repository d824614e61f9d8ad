"""One quarantine over several stores, each of which keeps the entries that a hash of their ids gives it.

In a Redis cluster a namespace is one hash tag, and so on one node; as several shards it is on several. What is asked
for by id goes to one shard; lists are merged, in the order that a single store would give. Shards are asked one after
the other: the counts of each are exact, and of moments a few milliseconds apart.
"""

from __future__ import annotations

import heapq
import zlib
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import count, islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from dq_gate.core.lifecycle import STATES
from dq_gate.quarantine.contract import Cursor, check_act, check_batch, check_limit, storable
from dq_gate.quarantine.entry import MAX_IDS, Depth, Group, Health, IdPage, Page, Stats, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dq_gate.quarantine.entry import Act, ActResult, Delivery, Entry, Filter, HistoryItem, PutResult

Item = TypeVar("Item")
Result = TypeVar("Result")


class Shard(Store, Protocol):
    """A store that also shows where its entries and groups stand in the order of all."""

    def places(self, where: Filter, *, limit: int, after: Cursor | None = None) -> list[Cursor]:
        """Where entries stand that fit, in order, behind a place."""
        ...

    def read(self, entry_ids: Sequence[str]) -> list[Entry]:
        """Those of the entries that are there, in the order of their ids."""
        ...

    def group_sizes(self) -> dict[str, tuple[int, int]]:
        """How many open entries and how many inputs each group has, by fingerprint."""
        ...

    def group_parts(self, fingerprints: Sequence[str]) -> list[tuple[Group, float]]:
        """What it has of some groups, each with the time its sample was created at; `-inf` without a sample."""
        ...


class ShardedStore:
    """A `Store` over several, whose number must stay what it was when the first entry came.

    Args:
        shards: The stores, always in the same order. What limits a group limits its part in one shard.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = tuple(shards)
        self._turns = count()

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """See `Store.put`. When one shard fails, others may have taken theirs."""
        check_batch(entries)
        return self._spread(entries, lambda entry: entry.id, lambda shard, part: shard.put(part))

    def get(self, entry_id: str) -> Entry | None:
        """See `Store.get`."""
        return self._shard_of(entry_id).get(entry_id)

    def known(self, entry_ids: Sequence[str]) -> list[bool]:
        """See `Store.known`."""
        check_batch(entry_ids)
        return self._spread(entry_ids, str, lambda shard, part: shard.known(part))

    def find(self, where: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """See `Store.find`."""
        check_limit(limit)
        ids, cursor = self._walk(where, limit, after)
        entries = self._read(ids)
        # Since its place was looked up, an entry may have changed its state.
        return Page(tuple(entry for entry in entries if where.state in {None, entry.state}), cursor)

    def ids(self, where: Filter, *, limit: int = MAX_IDS, after: str | None = None) -> IdPage:
        """See `Store.ids`."""
        check_limit(limit, MAX_IDS)
        ids, cursor = self._walk(where, limit, after)
        return IdPage(tuple(ids), cursor)

    def groups(self, *, limit: int = 50) -> list[Group]:
        """See `Store.groups`."""
        check_limit(limit)
        sizes = self._group_sizes()
        largest = heapq.nlargest(limit, sizes, key=lambda name: (*sizes[name], name))
        groups = self._joined_groups(largest)
        return sorted(groups, key=lambda group: (group.open, group.count, group.fingerprint), reverse=True)

    def group(self, fingerprint: str) -> Group | None:
        """See `Store.group`."""
        return next(iter(self._joined_groups([fingerprint])), None)

    def stats(self) -> Stats:
        """See `Store.stats`."""
        parts = [shard.stats() for shard in self._shards]
        return Stats(
            by_state={state: sum(part.by_state[state] for part in parts) for state in STATES},
            open_by_rule=_sum(part.open_by_rule for part in parts),
            open_by_source=_sum(part.open_by_source for part in parts),
            groups=len(self._group_sizes()),
            bytes=sum(part.bytes for part in parts),
            counted_only=sum(part.counted_only for part in parts),
        )

    def depth(self) -> Depth:
        """See `Store.depth`."""
        parts = [shard.depth() for shard in self._shards]
        oldest = [part.oldest_pending for part in parts if part.oldest_pending is not None]
        return Depth(
            pending=sum(part.pending for part in parts),
            leased=sum(part.leased for part in parts),
            released=sum(part.released for part in parts),
            dead=sum(part.dead for part in parts),
            bytes=sum(part.bytes for part in parts),
            oldest_pending=min(oldest, default=None),
        )

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        """See `Store.act`."""
        check_act(entry_ids, act)
        return self._spread(entry_ids, str, lambda shard, part: shard.act(part, act))

    def lapse(self, now: float) -> list[str]:
        """See `Store.lapse`; the ids are of one shard."""
        return self._first_to(lambda shard: shard.lapse(now))

    def expire(self, before: float, note: HistoryItem) -> list[str]:
        """See `Store.expire`; the ids are of one shard."""
        return self._first_to(lambda shard: shard.expire(before, note))

    def purge(self, entry_ids: Sequence[str], until: float) -> list[ActResult]:
        """See `Store.purge`."""
        check_batch(entry_ids)
        return self._spread(entry_ids, str, lambda shard, part: shard.purge(part, until))

    def deliver(self, consumer: str, *, limit: int, idle_s: float) -> list[Delivery]:
        """See `Store.deliver`."""
        found: list[Delivery] = []
        for shard in self._in_turn():
            if len(found) < limit:
                found += shard.deliver(consumer, limit=limit - len(found), idle_s=idle_s)
        return found

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See `Store.acknowledge`."""
        parts: defaultdict[Shard, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            parts[self._shard_of(delivery.entry_id)].append(delivery)
        for shard, part in parts.items():
            shard.acknowledge(part)

    def forget(self, subjects: Sequence[str], at: float) -> None:
        """See `Store.forget`."""
        for shard in self._shards:
            shard.forget(subjects, at)

    def forgotten(self) -> dict[str, float]:
        """See `Store.forgotten`."""
        latest: dict[str, float] = {}
        for shard in self._shards:
            for subject, at in shard.forgotten().items():
                latest[subject] = max(at, latest.get(subject, at))
        return latest

    def schema(self) -> int:
        """See `Store.schema`."""
        return min(shard.schema() for shard in self._shards)

    def upgrade(self) -> int:
        """See `Store.upgrade`."""
        return min(shard.upgrade() for shard in self._shards)

    def ping(self) -> None:
        """See `Store.ping`."""
        for shard in self._shards:
            shard.ping()

    def health(self) -> Health:
        """See `Store.health`. What a detail says of each shard is listed when they differ."""
        parts = [shard.health() for shard in self._shards]
        unsafe = dict.fromkeys(reason for part in parts for reason in part.unsafe)
        values: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for part in parts:
            for name, value in part.detail.items():
                values[name][value] = None
        detail = {name: " ".join(different) for name, different in values.items()}
        return Health(tuple(unsafe), detail | {"shards": str(len(self._shards))})

    def settled(self) -> bool:
        """See `Store.settled`."""
        return all(shard.settled() for shard in self._shards)

    def close(self) -> None:
        """See `Store.close`."""
        for shard in self._shards:
            shard.close()

    def _shard_of(self, entry_id: str) -> Shard:
        return self._shards[self._number_of(entry_id)]

    def _number_of(self, entry_id: str) -> int:
        return zlib.crc32(storable(entry_id).encode()) % len(self._shards)

    def _in_turn(self) -> Iterator[Shard]:
        """All shards, each call beginning with another, so that none comes last for ever."""
        first = next(self._turns) % len(self._shards)
        return iter(self._shards[first:] + self._shards[:first])

    def _first_to(self, do: Callable[[Shard], list[str]]) -> list[str]:
        """What the first shard did that had something to do: together they might do more than one call may."""
        return next(filter(None, map(do, self._in_turn())), [])

    def _spread(
        self,
        items: Sequence[Item],
        id_of: Callable[[Item], str],
        do: Callable[[Shard, Sequence[Item]], list[Result]],
    ) -> list[Result]:
        """Give each shard its items; the results are in the order of the items."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, item in enumerate(items):
            places[self._number_of(id_of(item))].append(place)
        results: dict[int, Result] = {}
        for number, mine in places.items():
            done = do(self._shards[number], [items[place] for place in mine])
            results.update(zip(mine, done, strict=True))
        return [results[place] for place in range(len(items))]

    def _walk(self, where: Filter, limit: int, after: str | None) -> tuple[list[str], str | None]:
        """Ids of a page, and the cursor behind it when there are more."""
        start = Cursor.parse(after) if after else None
        walks = [shard.places(where, limit=limit + 1, after=start) for shard in self._shards]
        merged = heapq.merge(*walks, key=lambda place: (place.created_at, place.entry_id))
        page = list(islice(merged, limit + 1))
        ids = [place.entry_id for place in page[:limit]]
        return ids, str(page[limit - 1]) if len(page) > limit else None

    def _read(self, ids: Sequence[str]) -> list[Entry]:
        found: dict[str, Entry] = {}
        by_shard: defaultdict[int, list[str]] = defaultdict(list)
        for entry_id in ids:
            by_shard[self._number_of(entry_id)].append(entry_id)
        for number, mine in by_shard.items():
            found |= {entry.id: entry for entry in self._shards[number].read(mine)}
        return [found[entry_id] for entry_id in ids if entry_id in found]

    def _group_sizes(self) -> dict[str, tuple[int, int]]:
        """Open entries and inputs of each group, over all shards."""
        sizes: dict[str, tuple[int, int]] = {}
        for shard in self._shards:
            for name, (still_open, inputs) in shard.group_sizes().items():
                before = sizes.get(name, (0, 0))
                sizes[name] = before[0] + still_open, before[1] + inputs
        return sizes

    def _joined_groups(self, fingerprints: Sequence[str]) -> Iterable[Group]:
        joined: dict[str, tuple[Group, float]] = {}
        for shard in self._shards:
            for part in shard.group_parts(fingerprints):
                known = joined.get(part[0].fingerprint)
                joined[part[0].fingerprint] = _joined(known, part) if known else part
        return (group for group, _ in joined.values())


def _joined(one: tuple[Group, float], other: tuple[Group, float]) -> tuple[Group, float]:
    """Two parts of a group as one, each with the time of its sample."""
    newest, sampled_at = max(one, other, key=lambda part: (part[1], part[0].sample))
    parts = one[0], other[0]
    whole = replace(
        newest,
        count=sum(part.count for part in parts),
        open=sum(part.open for part in parts),
        counted_only=sum(part.counted_only for part in parts),
        first_seen=min(part.first_seen for part in parts),
        last_seen=max(part.last_seen for part in parts),
    )
    return whole, sampled_at


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(total)
