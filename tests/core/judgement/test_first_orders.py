"""How an amount compares with other first orders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.judgement.first_orders import FirstOrders, summed_up

amounts = st.lists(st.integers(1, 10**9), min_size=1, max_size=300)


def known(*amounts: int) -> FirstOrders:
    found = summed_up(amounts)
    assert found is not None
    return found


@pytest.mark.parametrize(("amount", "rank"), [(1, 0), (2, 1), (50, 49), (96, 95), (95, 94), (100, 99), (101, 100)])
def test_the_rank_among_a_hundred_amounts(amount: int, rank: int) -> None:
    assert known(*range(1, 101)).rank(amount) == rank


def test_the_usual_amount_is_not_large_however_many_order_it() -> None:
    usual = known(*[500] * 97, 1500, 1500, 9900)
    assert (usual.rank(500), usual.rank(501), usual.rank(1501)) == (0, 97, 99)


def test_nothing_to_compare_with() -> None:
    assert summed_up([]) is None


@given(amounts, st.integers(1, 10**9))
def test_at_least_this_share_is_smaller(some: list[int], amount: int) -> None:
    rank = known(*some).rank(amount)
    assert 0 <= rank <= 100
    assert sum(one < amount for one in some) * 100 >= rank * len(some)


@given(amounts, st.integers(1, 10**9), st.integers(0, 10**6))
def test_a_larger_amount_never_ranks_lower(some: list[int], amount: int, more: int) -> None:
    assert known(*some).rank(amount) <= known(*some).rank(amount + more)
