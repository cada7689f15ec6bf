"""How people ask, refuse, report and wonder, from `asking.toml`, where each list is explained."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.core.reading.lexicon.lists import Lists


class Cue(StrEnum):
    """The effect of a phrase on the reading of nearby words."""

    ASK = "ask"  # we are asked to do something: verbs after it are requests
    WANT = "want"  # the customer wants something: things after it are requests
    WITH = "with"  # "with X": a request if X is said to be installed
    BLOCK = "block"  # negation, question, own plans, the past: nothing after it is a request
    RESUME = "resume"  # "but": ends a block
    BACK = "back"  # "… not needed", "… myself": what was just named is not a request
    AFTER = "after"  # "… required": what was just named is a request
    NEUTRAL = "neutral"  # contains words of another role but has no effect


_LISTS: Final = Lists("asking.toml")

#: Phrases by role; `BLOCKS` holds those of the role `Cue.BLOCK`.
CUES: Final[Mapping[Cue, tuple[str, ...]]] = {Cue(role): found for role, found in _LISTS.groups("cues").items()}
#: The negations among `BLOCKS`.
NEGATIONS: Final = _LISTS.phrases("negations")
#: Phrases after which nothing is a request until somebody asks again.
BLOCKS: Final = (
    *NEGATIONS,
    *_LISTS.phrases("questions"),
    *_LISTS.phrases("own_plans"),
    *_LISTS.phrases("background"),
)

COPULAS: Final = _LISTS.words("copulas")
QUESTION_WORDS: Final = _LISTS.words("question_words")
IMPERATIVES: Final = _LISTS.words("imperatives")
HOST_PREPOSITIONS: Final = _LISTS.words("host_prepositions")
SYSTEM_PREPOSITIONS: Final = _LISTS.words("system_prepositions")
NOT_A_SYSTEM_WISH: Final = _LISTS.words("not_a_system_wish")
NOT_A_VERB: Final = _LISTS.words("not_a_verb")
NOT_A_PACKAGE_WISH: Final = _LISTS.words("not_a_package_wish")
CLAUSE_OPENERS: Final = _LISTS.words("clause_openers")
STORYTELLERS: Final = _LISTS.words("storytellers")
