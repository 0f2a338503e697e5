"""Whether the words seen at one place of a log line are values of a variable or keywords of different statements.

Rules of English and of program text, for every system the same: many distinct names are a variable; words that tell
what happened are keywords whatever their number."""

import re
from collections.abc import Collection, Container

from akeso.stages.templates.masking import WILDCARD

_ENOUGH = 4.0
_ENOUGH_AFTER_NOUN = 2.0
_ENOUGH_AFTER_VERB = 8.0
# Together with others a place needs more; so it does when one word alone would hold the statement together.
_HARDER = 1.5
_NAMES_SHARE = 0.75
# So many names at a place, and any further word is one, even "info" of users; "shipping" of services sooner.
PROVEN = 12
_PROVEN_FOR_GERUND = 5
# What stands behind these is a name: "user alice".
_NAMING = re.compile(
    r"""
    (?: user | username | account | login | host | hostname | named | called | database | table | topic | queue
    | pod | namespace | container | bucket | tenant | customer )$""",
    re.VERBOSE | re.IGNORECASE,
)
# What stands behind these tells what happened: "failed to bind", "is down".
_TELLING = re.compile(
    r"""
    (?: to | not | no | is | was | are | were | be | been | being | can | cannot | could | will | would | should
    | has | have | had | do | does | did | got | get | already | never | \w+n't )$""",
    re.VERBOSE | re.IGNORECASE,
)
_KEYWORD = re.compile(
    r"""
    (?: [a-z]{2,}(?:ed|ing) | a | an | the | of | in | on | at | by | for | from | to | with | without | and |
    or | as | into | onto | over | via | is | was | are | were | be | been | has | have | had | not | no | can |
    cannot | will | than | then | when | while | after | before | during | because | due | since | until | up |
    down | off | out | back | all | any | none | it | its | this | that | these | those | there | which | ok |
    okay | yes | done | complete | fail | failure | success | successful | successfully | error | errors | warn
    | warning | fatal | debug | trace | critical | start | stop | end | begin | open | close | shut | run | kill
    | exit | abort | lost | found | gone | set | unset | reset | put | read | write | written | sent | send |
    got | get | hit | miss | idle | busy | ready | valid | invalid | unknown | alive | dead | healthy |
    unhealthy | available | unavailable | active | inactive | new | old | true | false | empty | full | online |
    offline | normal | high | low | too | very | already | again | only | first | last | next | previous )$""",
    re.VERBOSE | re.IGNORECASE,
)
_STATE = re.compile(r"[A-Z][A-Z_]+$")


def is_keyword(word: str) -> bool:
    """Whether the word tells what happened (verb forms, states, function words) rather than to whom."""
    return bool(_KEYWORD.match(word))


def reluctance(word: str) -> int:
    """How many names must be known at a variable place before this word is taken for one, too; at most PROVEN."""
    if not is_keyword(word):
        return 0
    return _PROVEN_FOR_GERUND if word.endswith("ing") else PROVEN


def is_variable(values: Collection[str], before: str, names: Container[str], constants: int) -> bool:
    """Whether a place of a template is variable.

    values: the distinct words seen there, WILDCARD if masked ones were too; before: the word or sign to its left;
    names: words known as values of other variables; constants: how many other words the template has that stay."""
    words = {value for value in values if value != WILDCARD}
    telling = [word for word in words if not is_keyword(word)]
    if not constants or len(telling) < _NAMES_SHARE * len(words):
        return False
    if WILDCARD in values and constants > 1 and len(telling) == len(words):
        return True
    if len(words) > 1 and all(word in names for word in words):
        return True
    return sum(map(_weight, telling)) >= _needed(before) * (_HARDER if constants == 1 else 1)


def are_variable(values: Collection[str], before: str) -> bool:
    """The same for one of several places that vary together."""
    words = [value for value in values if value != WILDCARD]
    telling = [word for word in words if not is_keyword(word)]
    if len(words) < len(values):
        return len(telling) == len(words)
    enough = _HARDER * max(_ENOUGH, _needed(before))
    return len(telling) >= _NAMES_SHARE * len(words) and sum(map(_weight, telling)) >= enough


def _weight(word: str) -> float:
    # Names of states and methods are few and fixed: LOOKING, LEADING, FOLLOWING; GET, POST.
    return 0.5 if _STATE.match(word) else 1.0


def _needed(before: str) -> float:
    if _NAMING.match(before):
        return _ENOUGH_AFTER_NOUN
    return _ENOUGH_AFTER_VERB if _TELLING.match(before) else _ENOUGH
