"""Vetting for fit: which orders a person reviews, on what basis, and what the customer is asked."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.core.facts import Facts, OrderKind
from app.core.judgement import vetting
from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import Policy, PolicyError, parse_policy
from app.core.reading.kinds import ExpectedUse, HostedFinding
from app.core.reading.quantities import UseUnit
from app.core.reading.requests import TermFinding, TermKind, find_terms
from tests.core.judging import NOW, an_item, an_order, some_facts

DEFAULT = Policy()
OWN = parse_policy(
    """
[vetting]
review_from = 50
question = "What is it for?"
terms = ["tor exit"]
product_groups = ["Colocation"]
[[vetting.rules]]
name = "heavy"
terms = ["mining"]
weight = 50
question = "What do you mine?"
[[vetting.rules]]
name = "light"
terms = ["newsletter"]
weight = 20
question = "To whom?"
[[vetting.rules]]
name = "also-light"
terms = ["forum"]
weight = 20
question = "Who moderates?"
[[vetting.rules]]
name = "on-web-space"
terms = ["game server"]
weight = 50
question = "Shall it be a server?"
groups = ["Web hosting"]
[[vetting.resources]]
unit = "gb_traffic_month"
at_most = 1000
weight = 30
question = "What is downloaded?"
groups = ["web HOSTING"]
[[vetting.resources]]
unit = "gb_traffic_month"
at_most = 5000
weight = 60
question = "What is downloaded so much?"
product_types = ["hostingaccount"]
"""
)


def mentions(*terms: str) -> tuple[TermFinding, ...]:
    return tuple(TermFinding(kind=TermKind.LISTED, term=term, where="notes", start=0) for term in terms)


def uses(**amounts: int) -> tuple[ExpectedUse, ...]:
    return tuple(ExpectedUse(unit=unit, amount=amount, where="notes") for unit, amount in amounts.items())


def judged(policy: Policy, **order: Any) -> Judgement:
    return decide(some_facts(order=an_order(**order)), policy, now=NOW)


SERVER = (an_item(group="Servers", product_type="server"),)
CASES: list[tuple[str, dict[str, Any], str | None]] = [
    ("nothing said", {}, None),
    ("a light rule alone", {"fit": mentions("newsletter")}, None),
    ("two light ones are not enough", {"fit": mentions("newsletter", "forum")}, None),
    ("a heavy one is", {"fit": mentions("mining")}, "What do you mine?"),
    ("the heaviest asks", {"fit": mentions("newsletter", "mining")}, "What do you mine?"),
    ("a rule for web space", {"fit": mentions("game server")}, "Shall it be a server?"),
    ("which a server is not", {"fit": mentions("game server"), "items": SERVER}, None),
    ("a mixed order counts", {"fit": mentions("game server"), "items": (an_item(), *SERVER)}, "Shall it be a server?"),
    ("a bit much traffic", {"expected": uses(gb_traffic_month=2_000)}, None),
    ("just what the plan allows", {"expected": uses(gb_traffic_month=5_000)}, None),
    ("too much of it", {"expected": uses(gb_traffic_month=5_001)}, "What is downloaded so much?"),
    (
        "much traffic for a newsletter",
        {"fit": mentions("newsletter"), "expected": uses(gb_traffic_month=2_000)},
        "What is downloaded?",
    ),
    ("on a server nobody minds", {"expected": uses(gb_traffic_month=90_000), "items": SERVER}, None),
    ("another unit", {"expected": uses(visitors_day=10**9)}, None),
    ("the old list asks in general", {"vetting": mentions("tor exit")}, "What is it for?"),
    ("so do groups", {"items": (an_item(group="colocation"),)}, "What is it for?"),
    ("no light rule asks for the list", {"vetting": mentions("tor exit"), "fit": mentions("forum")}, "What is it for?"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "question"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_who_is_looked_at_and_what_is_asked(order: dict[str, Any], question: str | None) -> None:
    found = judged(OWN, **order)
    assert found.outcome is (Outcome.APPROVE if question is None else Outcome.HOLD_FOR_REVIEW)
    assert found.question == question
    assert (found.question_rule is None) is (question is None)


def test_the_reason_names_the_rules_and_is_no_bad_mark() -> None:
    found = judged(OWN, fit=mentions("newsletter", "mining"), expected=uses(gb_traffic_month=2_000))
    (reason,) = found.reasons
    assert reason.code == "vetting_fit"
    assert reason.text == (
        "It may not fit: heavy (mining), 2,000 GB of traffic a month where the plan allows 1,000, light (newsletter) "
        "(weight 100, a person checks from 50)."
    )
    assert (found.scores.risk, found.question_rule) == (0, "heavy")
    assert not [signal for signal in found.signals if signal.score.value == "risk"]


def test_rules_of_equal_weight_ask_together_and_no_question_twice() -> None:
    order = an_order(fit=mentions("newsletter", "forum"), expected=uses(gb_traffic_month=2_000))
    light = parse_policy(
        "vetting.review_from = 40\n" + "\n".join(
            f"[[vetting.rules]]\nname = '{name}'\nterms = ['{term}']\nweight = 20\nquestion = '{question}'"
            for name, term, question in (
                ("one", "newsletter", "To whom?"), ("two", "forum", "To whom?"), ("three", "forum", "Who moderates?"),
            )
        )
    )  # fmt: skip
    assert vetting.prepare(order, light) == vetting.Prepared("one", "To whom?\n\nWho moderates?")


def test_a_hold_for_another_reason_prepares_no_question() -> None:
    assert judged(OWN, fit=mentions("newsletter"), currency="XXX").question is None


def test_a_renewal_is_never_vetted() -> None:
    found = judged(OWN, fit=mentions("mining"), kind=OrderKind.RENEWAL)
    assert (found.outcome, found.question) == (Outcome.APPROVE, None)


def test_judgements_stored_before_there_were_questions_load() -> None:
    adapter = TypeAdapter(Judgement)
    stored = adapter.dump_python(judged(OWN, fit=mentions("mining")), mode="json")
    assert adapter.validate_python(stored).question == "What do you mine?"
    del stored["question"], stored["question_rule"]
    assert adapter.validate_python(stored).question is None


def test_a_quick_verdict_is_the_same() -> None:
    facts = some_facts(order=an_order(fit=mentions("mining")))
    verdict = QuickJudge(OWN).verdict(facts, now=NOW)
    assert (verdict.outcome, verdict.reasons) == (Outcome.HOLD_FOR_REVIEW, ("vetting_fit",))


# --- the default rules --------------------------------------------------------------------------------------------

DEFAULTS: list[tuple[str, set[str]]] = [
    ("We restream our church service with an rtmp relay.", {"streaming"}),
    ("It will be an adult site.", {"adult"}),
    ("A Minecraft server for my friends.", {"game-server"}),
    ("WireGuard for the office", {"vpn-proxy"}),
    ("I want to run xmrig on it", {"crypto-mining"}),
    ("Our newsletter goes out weekly", {"newsletter"}),
    ("A blog about gardens, with a shop.", set()),
    ("Please keep the VPN of your own network away.", set()),
    ("We are a mining company and sell drills.", set()),
    ("best-iptv-deals.example", {"streaming"}),
]


@pytest.mark.parametrize(("text", "rules"), DEFAULTS)
def test_the_default_rules(text: str, rules: set[str]) -> None:
    order = an_order(fit=find_terms(text, vetting.rule_terms(DEFAULT), where="notes"))
    assert {one.rule for one in vetting.misfits(order, DEFAULT)} == rules


def test_a_default_rule_below_the_sum_holds_nobody_alone() -> None:
    for rule in DEFAULT.vetting.rules:
        spoken = tuple(HostedFinding(kind=use.value, words=("word",), where="notes") for use in rule.uses)
        found = judged(DEFAULT, fit=mentions(*rule.terms[:1]), hosted=spoken)
        looked = found.outcome is Outcome.HOLD_FOR_REVIEW
        assert looked is (rule.weight >= DEFAULT.vetting.review_from), rule.name


def test_every_default_plan_has_room_for_an_ordinary_site() -> None:
    ordinary = uses(gb_storage=50, gb_traffic_month=500, visitors_day=3_000, mails_day=300)
    assert judged(DEFAULT, expected=ordinary).outcome is Outcome.APPROVE
    assert {room.unit for room in DEFAULT.vetting.resources} == set(UseUnit)


def test_the_largest_use_of_each_unit_counts_wherever_it_stands() -> None:
    texts = (("notes", "20 GB of files, 10 TB traffic a month"), ("custom_field", "90 GB of files"))
    assert vetting.expected_uses(texts) == (
        ExpectedUse(unit="gb_storage", amount=90, where="custom_field"),
        ExpectedUse(unit="gb_traffic_month", amount=10_000, where="notes"),
    )


# --- properties ---------------------------------------------------------------------------------------------------

TERMS = ["mining", "newsletter", "forum", "game server", "unknown"]


@given(
    st.lists(st.sampled_from(TERMS), max_size=8),
    st.integers(0, 10**12),
    st.sampled_from(["server", "hostingaccount", ""]),
)
def test_the_order_of_what_is_said_changes_nothing_and_more_never_helps(
    terms: list[str], traffic: int, product_type: str
) -> None:
    items = (an_item(product_type=product_type),)
    order = an_order(fit=mentions(*terms), expected=uses(gb_traffic_month=traffic), items=items)
    found = vetting.misfits(order, OWN)
    assert vetting.misfits(replace(order, fit=mentions(*reversed(terms), *terms)), OWN) == found
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    assert len({one.rule for one in found}) == len(found)
    for more in TERMS:
        worse = replace(order, fit=mentions(*terms, more))
        assert sum(one.weight for one in vetting.misfits(worse, OWN)) >= sum(one.weight for one in found)


@given(st.integers(1, 200))
def test_the_threshold_is_exact(review_from: int) -> None:
    policy = OWN.model_copy(update={"vetting": OWN.vetting.model_copy(update={"review_from": review_from})})
    reason = vetting.fit_reason(an_order(fit=mentions("mining", "newsletter")), policy)
    assert (reason is not None) is (review_from <= 70)


def test_facts_without_findings_are_judged_as_before() -> None:
    plain: Facts = some_facts()
    assert plain.order.fit == plain.order.expected == ()
    assert decide(plain, OWN, now=NOW).reasons == decide(plain, DEFAULT, now=NOW).reasons


BAD = [
    ("[[vetting.rules]]\nname = 'A b'\nterms = ['x']\nweight = 1\nquestion = 'q'", "vetting.rules.0.name"),
    ("[[vetting.rules]]\nname = 'a'\nterms = []\nweight = 1\nquestion = 'q'", "vetting.rules.0"),
    ("[[vetting.rules]]\nname = 'a'\nuses = ['chess']\nweight = 1\nquestion = 'q'", "vetting.rules.0.uses.0"),
    ("[[vetting.rules]]\nname = 'a'\nterms = ['x']\nweight = -1\nquestion = 'q'", "vetting.rules.0.weight"),
    ("[[vetting.rules]]\nname = 'a'\nterms = ['x']\nweight = 1\nquestion = ' '", "vetting.rules.0.question"),
    ("[[vetting.rules]]\nname = 'a'\nterms = ['x']\nweight = 1", "vetting.rules.0.question"),
    ("[[vetting.rules]]\nname = 'a'\nterms = ['x']\nweight = 1\nquestion = 'q'\nproduct_types = ['vps']",
     "vetting.rules.0.product_types.0"),
    ("\n".join(["[[vetting.rules]]\nname = 'a'\nterms = ['x']\nweight = 1\nquestion = 'q'"] * 2), "vetting"),
    ("[[vetting.resources]]\nunit = 'gb_ram'\nat_most = 1\nweight = 1\nquestion = 'q'\ngroups = [1]",
     "vetting.resources.0.unit"),
    ("[[vetting.resources]]\nunit = 'gb_storage'\nat_most = 1\nweight = 1\nquestion = 'q'", "vetting.resources.0"),
    ("[vetting]\nreview_from = 0", "vetting.review_from"),
    ("[ask]\nremind_days = 10", "ask"),
    ("[ask]\nremind_days = 0", "ask.remind_days"),
    ("[ask]\nsigned = ''", "ask.signed"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path"), BAD)
def test_mistakes_in_the_document_are_named(document: str, path: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)
    assert path in [where for where, _ in caught.value.errors]


def test_an_older_document_keeps_its_meaning() -> None:
    older = parse_policy("[vetting]\nterms = ['casino']\nproduct_groups = [7]")
    assert older.vetting.rules == DEFAULT.vetting.rules
    assert judged(older, vetting=mentions("casino")).reasons[0].code == "vetting_terms"


def test_one_list_of_terms_holds_those_of_all_rules_once() -> None:
    terms = vetting.rule_terms(DEFAULT)
    assert set(terms) == set(itertools.chain.from_iterable(rule.terms for rule in DEFAULT.vetting.rules))
    assert len(terms) == len(set(terms))
