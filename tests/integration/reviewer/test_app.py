"""The full-screen reviewer, driven by its keys at 80 columns and 24 lines."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from textual.widgets import DataTable, Static, TextArea

from dq_gate.cli.reviewer.app import Reviewer
from dq_gate.cli.reviewer.desk import Ruling
from dq_gate.cli.reviewer.entries import EntriesScreen
from dq_gate.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

SIZE = (80, 24)
WAIT = 30.0


class Driver:
    """Presses keys, and waits for what they bring about: the reviewer asks the store off its event loop."""

    def __init__(self, app: Reviewer, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self._pilot.press(*("space" if character == " " else character for character in text))

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < deadline, "\n".join(self.lines)
            await self._pilot.pause(0.01)

    async def open_group(self) -> None:
        """Open the group under the cursor."""
        await self.press("enter")
        await self.until(lambda: isinstance(self.app.screen, EntriesScreen) and self.detail)

    async def until_asked(self) -> None:
        await self.until(lambda: self.app.screen.is_modal)

    async def until_answered(self) -> None:
        await self.until(lambda: not self.app.screen.is_modal)

    @property
    def status(self) -> str:
        return self._text_of("#status")

    @property
    def detail(self) -> str:
        return self._text_of("#detail")

    @property
    def problem(self) -> str:
        return self._text_of("#problem")

    @property
    def rows(self) -> list[list[str]]:
        table = self.app.screen.query_one(DataTable)
        return [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]

    @property
    def lines(self) -> list[str]:
        """The screen as a terminal shows it."""
        return ["".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()]

    def _text_of(self, selector: str) -> str:
        found = self.app.screen.query(selector)
        return str(found.first(Static).content) if found else ""


@pytest.fixture
def drive(desk):
    """Runs a scenario against the reviewer on the desk."""

    def drive(scenario: Callable[[Driver], Awaitable[None]]) -> None:
        async def run() -> None:
            app = Reviewer(desk, "test · ada")
            async with app.run_test(size=SIZE, notifications=True) as pilot:
                driver = Driver(app, pilot)
                await driver.until(lambda: driver.status)
                await scenario(driver)

        asyncio.run(run())

    return drive


def states(store, ids):
    return [store.get(entry_id).state for entry_id in ids]


def test_the_groups_are_listed_the_largest_first_and_fit_the_screen(drive):
    async def scenario(driver):
        assert [(row[0], row[4]) for row in driver.rows] == [("3", "query.text.deny"), ("2", "query.text.present")]
        assert any("query.text.present" in line for line in driver.lines)
        assert max(map(len, driver.lines)) <= SIZE[0]

    drive(scenario)


def test_a_group_is_discarded_with_two_keys_and_taken_back_with_one(drive, store, ids):
    async def scenario(driver):
        await driver.press("d")
        await driver.until(lambda: "3 not sent" in driver.status)
        assert states(store, ids[:3]) == ["leased"] * 3
        await driver.press("u")
        await driver.until(lambda: "not sent" not in driver.status)
        await driver.press("d", "s")
        await driver.until(lambda: [row[0] for row in driver.rows] == ["2"])
        assert states(store, ids) == ["discarded"] * 3 + ["pending"] * 2

    drive(scenario)


def test_entries_are_decided_one_by_one_and_several_at_once(drive, store, ids):
    async def scenario(driver):
        await driver.open_group()
        assert len(driver.rows) == 3
        await driver.press("d")
        await driver.until(lambda: "1 not sent" in driver.status)
        await driver.press("space", "space")
        await driver.until(lambda: "2 chosen" in driver.status)
        await driver.press("r", "s")
        await driver.until(lambda: sorted(states(store, ids[:3])) == ["discarded", "released", "released"])

    drive(scenario)


def test_content_is_shown_after_v_only_which_the_history_records(drive, store, ids):
    async def scenario(driver):
        await driver.open_group()
        assert "query.text.deny" in driver.detail
        assert "a forbidden word" not in driver.detail
        await driver.press("v")
        await driver.until(lambda: "a forbidden word" in driver.detail)

    drive(scenario)
    assert [item.action for entry_id in ids for item in store.get(entry_id).history] == ["reveal"]


def test_a_reviewer_who_asks_for_it_sees_content_at_once_and_each_look_is_recorded(drive, desk, store, ids):
    desk.reveals_all = True

    async def scenario(driver):
        await driver.open_group()
        await driver.until(lambda: "a forbidden word" in driver.detail)

    drive(scenario)
    assert [item.action for item in store.get(ids[0]).history] == ["reveal"]


def test_hostile_content_is_spelled_out(drive):
    async def scenario(driver):
        await driver.open_group()
        await driver.press("down", "v")
        await driver.until(lambda: "forbidden ␛]0;owned␇ [RLO][ZWSP]" in driver.detail)
        assert all(character.isprintable() for line in driver.lines for character in line)

    drive(scenario)


def test_a_waiver_asks_which_rules_and_why(drive, store, ids):
    async def scenario(driver):
        await driver.open_group()
        await driver.press("w")
        await driver.until_asked()
        await driver.press("enter")
        await driver.until(lambda: "say why" in driver.problem)
        await driver.type("a name")
        await driver.press("enter")
        await driver.until(lambda: "1 not sent" in driver.status)
        await driver.press("s")
        await driver.until(lambda: "released" in states(store, ids))

    drive(scenario)
    (waived,) = [store.get(entry_id) for entry_id in ids if store.get(entry_id).waivers]
    assert (waived.state, waived.waivers[0].reason) == ("released", "a name")


def test_an_edit_stays_open_until_the_gate_takes_it(drive, desk, store, ids):
    async def scenario(driver):
        await driver.open_group()
        await driver.press("e")
        await driver.until_asked()
        area = driver.app.screen.query_one(TextArea)
        for text, problem in (('{"query": "still forbidden"}', "query.text.deny"), ("{", "JSON")):
            area.text = text
            await driver.press("ctrl+s")
            await driver.until(lambda problem=problem: problem in driver.problem)
        area.text = '{"query": "a fine word"}'
        await driver.press("ctrl+s")
        await driver.until_answered()

    drive(scenario)
    assert "a fine word" in [desk.value(store.get(entry_id))["query"] for entry_id in ids]


def test_leaving_with_unsent_decisions_asks_and_can_be_thought_better_of(drive, store, ids):
    async def scenario(driver):
        await driver.press("d", "q")
        await driver.until_asked()
        await driver.press("escape")
        await driver.until_answered()
        await driver.press("q")
        await driver.until_asked()
        await driver.press("s")
        await driver.until(lambda: not driver.app.is_running)

    drive(scenario)
    assert states(store, ids[:3]) == ["discarded"] * 3


def test_leaving_can_drop_what_is_unsent(drive, store, ids):
    async def scenario(driver):
        await driver.press("d", "q")
        await driver.until_asked()
        await driver.press("d")
        await driver.until(lambda: not driver.app.is_running)

    drive(scenario)
    assert states(store, ids) == ["pending"] * 5


def test_what_someone_else_holds_is_marked_and_not_decided(drive, desk, other, store, ids):
    other.claim(ids[3:])

    async def scenario(driver):
        await driver.press("down")
        await driver.open_group()
        assert [row[0].strip() for row in driver.rows] == ["○", "○"]
        await driver.press("a", "d")
        await driver.until(lambda: "chosen" not in driver.status)

    drive(scenario)
    assert desk.unsent == 0
    assert states(store, ids[3:]) == ["leased", "leased"]


def test_a_store_that_goes_away_costs_a_message_and_no_decision(drive, desk, store, ids, monkeypatch):
    async def scenario(driver):
        await driver.press("d")
        await driver.until(lambda: desk.unsent == 3)

        def away(*_arguments):
            raise BackendUnavailableError("Redis is away")

        with monkeypatch.context() as patch:
            patch.setattr(type(store), "act", away)
            await driver.press("s")
            await driver.until(lambda: any("Redis is away" in line for line in driver.lines))
            assert desk.unsent == 3
        await driver.press("s")
        await driver.until(lambda: states(store, ids[:3]) == ["discarded"] * 3)

    drive(scenario)


def test_an_empty_quarantine_says_so_and_takes_every_key(drive, desk, ids):
    desk.decide(ids, Ruling("discard"))
    list(desk.send())

    async def scenario(driver):
        assert "nothing waits" in driver.status
        await driver.press("enter", "d", "s", "u", "c", "x", "w", "f5", "v", "e", "space", "a")
        await driver.until(lambda: any("nothing to undo" in line for line in driver.lines))

    drive(scenario)
