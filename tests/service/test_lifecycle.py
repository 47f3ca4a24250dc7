"""The life of a job, apart from everything else: what may happen, and what is retried."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parascale.link.messages import FINAL, JobState
from parascale.service.lifecycle import (
    MAX_ATTEMPTS,
    MAX_HANGS,
    TABLE,
    Event,
    IllegalTransitionError,
    Tries,
    next_state,
)


@given(st.lists(st.sampled_from(get_args(Event)), max_size=60))
def test_every_event_is_legal_or_refused_and_an_end_is_an_end(events: list[Event]) -> None:
    state: JobState = "queued"
    tries = Tries()
    for event in events:
        before = state
        try:
            state, tries = next_state(state, event, tries)
        except IllegalTransitionError:
            assert event not in TABLE[before]
            continue
        if before in FINAL:
            assert state == before
        assert 0 <= tries.attempts <= MAX_ATTEMPTS
        assert tries.hangs <= MAX_HANGS


def test_every_state_has_its_row() -> None:
    assert set(TABLE) == set(get_args(JobState))
    assert {state for row in TABLE.values() for following in row.values() for state in following} <= set(TABLE)


@pytest.mark.parametrize(
    ("event", "end", "starts"), [("worker-dies", "failed", 3), ("hang", "failed", 2), ("backend-dies", "lost", 3)]
)
def test_a_job_is_tried_so_often_and_no_more(event: Event, end: JobState, starts: int) -> None:
    state: JobState = "queued"
    tries, started = Tries(), 0
    while state == "queued":
        state, tries = next_state(state, "start", tries)
        started += 1
        state, tries = next_state(state, event, tries)
    assert (state, started) == (end, starts)


def test_a_backend_that_stops_in_good_order_costs_no_try() -> None:
    tries = Tries()
    state: JobState = "queued"
    for _ in range(10):
        state, tries = next_state(state, "start", tries)
        state, tries = next_state(state, "backend-stops", tries)
    assert (state, tries) == ("queued", Tries())


def test_a_cancelled_job_never_comes_back() -> None:
    for event in get_args(Event):
        if event in TABLE["cancelling"]:
            assert next_state("cancelling", event, Tries(1))[0] in ("cancelled", "cancelling", "done", "failed")
