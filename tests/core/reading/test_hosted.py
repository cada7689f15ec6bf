"""Signs of what is hosted: words that stand together, and what turns them around."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading.hosted import Hosted, read_domain, read_hosted
from app.core.reading.kinds import AbuseKind, PlanUse
from app.core.reading.lexicon.hosted import SIGNS
from app.core.reading.lexicon.lists import Lists
from app.core.reading.text import normalise, tokens
from tests.cpu import within_cpu_seconds

PHRASES = [phrase for every in Lists("hosted.toml").groups("concepts").values() for phrase in every]
MILLION = 10**6


def hosted(text: str) -> Hosted:
    plain = normalise(text)
    return read_hosted(plain, tokens(plain), where="notes")


def kinds(text: str) -> set[str]:
    return {one.kind for one in hosted(text).findings}


def test_every_sign_speaks_of_a_known_use_by_known_concepts() -> None:
    concepts = set(Lists("hosted.toml").groups("concepts")) | {"large", "huge"}

    assert {sign.kind for sign in SIGNS} == {*AbuseKind, *PlanUse}
    assert {name for sign in SIGNS for names in (*sign.needs, tuple(sign.unless)) for name in names} <= concepts


@pytest.mark.parametrize(
    ("text", "readers", "gigabytes"),
    [
        ("Newsletter to 80,000 subscribers", 80_000, 0),
        ("Newsletter an 60.000 Empfänger", 60_000, 0),
        ("newsletter a 30 mil contactos", 30_000, 0),
        ("Newsletter à 90 000 abonnés", 90_000, 0),
        ("Рассылка на 20 тысяч адресов", 20_000, 0),
        ("Newsletter, founded 1998, 40 members", 40, 0),
        ("We moved 80,000 subscribers", 0, 0),
        ("Sauvegarde, environ 5 To", 0, 5_000),
        ("Backup from 3 to 5 servers", 0, 0),
        ("Архив, 1,5 ТБ", 0, 1_500),
        ("We sell disks for backups, 4 TB", 0, 0),
        ("5 TB", 0, 0),
        ("backup 9999999 TB", 0, 9_999_999_000),
    ],
)
def test_amounts(text: str, readers: int, gigabytes: int) -> None:
    found = hosted(text)

    assert (found.readers, found.gigabytes) == (readers, gigabytes)


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("dumps-shop24.example", "carding"),
        ("cheap-ddos-service.example", "booter"),
        ("moviez4free.tv", "piracy"),
        ("pelisgratis-hd.example", "piracy"),
        ("iptv-king-reseller.example", "piracy"),
        ("minecraft-server-fans.example", None),
        ("wool-carding.example", None),
        ("no-spam-server.example", None),
        ("tea-shop.example", None),
        ("", None),
    ],
)
def test_domain_names(domain: str, kind: str | None) -> None:
    assert [one.kind for one in read_domain(domain).findings] == ([kind] if kind else [])


def test_words_far_apart_are_no_sign() -> None:
    assert kinds("bulk mail") == {"mass_mail"}
    assert kinds(f"bulk {'flour ' * 40} mail") == set()


def test_findings_hold_the_lexicon_s_words_never_the_customer_s() -> None:
    (found,) = hosted("Phishingxyz-Seiten von Anna Muster").findings

    assert found.words == ("phishing…", "seiten")


@given(st.text(max_size=300))
def test_any_text_is_an_answer_and_always_the_same(text: str) -> None:
    assert hosted(text) == hosted(text)
    assert read_domain(text) == read_domain(text)


@given(st.lists(st.sampled_from(PHRASES), max_size=12))
def test_any_words_of_the_lexicon_together_are_an_answer(phrases: list[str]) -> None:
    found = hosted(" ".join(phrases).replace("*", ""))

    assert all(one.words for one in found.findings)
    assert len({one.kind for one in found.findings}) == len(found.findings)


@pytest.mark.parametrize(
    "text",
    [
        "bulk mail ip spam ",
        "no ",
        "рассылка не рассылаем ",
        "newsletter 1 000 000 ",
        "mail 1,111",
        "backup 1tb ",
        "training against spam. ",
        "knock others ",
        " ".join(random.Random(1).choices(PHRASES, k=50_000)),
        " ".join(f"{number:x}" for number in range(MILLION // 6)),
    ],
    ids=lambda text: text[:20],
)
def test_a_megabyte_of_malice_costs_little(text: str) -> None:
    hostile = (text * (MILLION // len(text) + 1))[:MILLION]

    with within_cpu_seconds(5):
        hosted(hostile)
    with within_cpu_seconds(5):
        read_domain(hostile)
