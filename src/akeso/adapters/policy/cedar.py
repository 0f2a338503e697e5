"""Policies in Cedar (https://www.cedarpolicy.com): default deny, forbid beats permit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import cedarpy

from akeso.adapters.policy.files import APPROVERS, PolicyBook, Written, read_policies
from akeso.adapters.policy.vocabulary import SCHEMA, Verb, entities, question
from akeso.domain.incident.verdict import UNVOUCHED, Allow, Ask, Deny, Modify, PolicyRequest, Verdict

DEFAULT_DENY = "default-deny"
UNDECIDABLE = "undecidable"
_EXPIRY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What Cedar says of one verb, and the policies it says it for (permits when allowed, else forbids)."""

    allowed: bool
    reasons: tuple[Written, ...]

    @property
    def first(self) -> Written:
        return self.reasons[0] if self.reasons else Written(DEFAULT_DENY, "", "no policy permits it")


class _Undecidable(Exception):
    """Cedar could not evaluate a policy for this request."""


class CedarPolicy:
    """Maps Cedar's permit and forbid of three verbs to a verdict.

    - A dry run needs "preview".
    - A step that "execute" permits is allowed.
    - Else, when "ask" permits it, people are asked: those whom every deciding policy accepts, for the shortest of the
      expiries. The verdict names the policy that forbade to execute, when one did.
    - A step that was approved (`approved_by`, the principal being the person) is allowed when "ask" permits it and
      the person's role is one of those that would have been asked.
    - A step whose grounds nobody vouches for (`doubt`) is asked for at best, whatever the policies permit.
    - When every policy that forbids to execute carries @modify, the smaller step is judged instead.
    - Everything else is denied, and so is what cannot be evaluated.
    """

    def __init__(self, book: PolicyBook) -> None:
        self._book = book
        self._order = {identity: place for place, identity in enumerate(book.written)}
        self._schema = cedarpy.Schema.from_str(SCHEMA)

    @classmethod
    def from_files(cls, folders: Sequence[Path]) -> "CedarPolicy":
        """All *.cedar files of the folders. Raises InvalidSettings naming the file and the reason."""
        return cls(read_policies(folders))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all policies, in the order of the files."""
        return tuple(written.name for written in self._book.written.values())

    def decide(self, request: PolicyRequest) -> Verdict:
        """The verdict; a request that cannot be evaluated is denied with the reason."""
        try:
            return self._decide(request)
        except (_Undecidable, ValueError, TypeError, OverflowError) as exc:
            return Deny(UNDECIDABLE, f"the policies cannot be evaluated for this step: {exc}")

    def _decide(self, request: PolicyRequest) -> Verdict:
        if request.dry_run:
            (preview,) = self._rule(request, Verb.PREVIEW)
            return Allow(preview.first.name) if preview.allowed else _denied(preview)
        execute, ask = self._rule(request, Verb.EXECUTE, Verb.ASK)
        if request.approved_by:
            return _approved(request, execute, ask)
        if request.doubt:
            return _asked(_doubted(request, execute), ask)
        if execute.allowed:
            return Allow(execute.first.name)
        return self._smaller(request, execute) or _asked(execute, ask)

    def _smaller(self, request: PolicyRequest, execute: _Ruling) -> Modify | None:
        changes = [written.modify for written in execute.reasons]
        parameters = dict(request.step.parameters)
        for change in changes:
            if change is None:
                return None
            parameters.update(change)
        if parameters == request.step.parameters:
            return None
        step = replace(request.step, parameters=parameters)
        (again,) = self._rule(replace(request, step=step), Verb.EXECUTE)
        return Modify(execute.first.name, step, execute.first.why) if again.allowed else None

    def _rule(self, request: PolicyRequest, *verbs: Verb) -> list[_Ruling]:
        # With the schema the entities gain the hierarchy of the verbs, without which "effect" would match nothing.
        known = cedarpy.Entities.from_json_str(entities(request), self._schema)
        questions = [question(request, verb) for verb in verbs]
        answers = cedarpy.is_authorized_batch(questions, self._book.policies, known, self._schema)
        return [self._ruling(answer) for answer in answers]

    def _ruling(self, answer: cedarpy.AuthzResult) -> _Ruling:
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            # Cedar leaves a policy that fails out, which would let a step slip past a broken forbid.
            raise _Undecidable("; ".join(map(str, answer.diagnostics.errors)) or "no decision")
        ordered = sorted(answer.diagnostics.reasons, key=self._order.__getitem__)
        return _Ruling(answer.allowed, tuple(self._book.written[identity] for identity in ordered))


def shipped_policies() -> Path:
    """The folder of the policies that come with Akeso."""
    return Path(str(files("akeso.defaults") / "policies"))


def _doubted(request: PolicyRequest, execute: _Ruling) -> _Ruling:
    """Nothing runs by itself; what else limits who may agree goes on doing so."""
    return _Ruling(False, (Written(UNVOUCHED, "", request.doubt), *_limits(execute)))


def _asked(execute: _Ruling, ask: _Ruling) -> Verdict:
    if not ask.allowed:
        return _denied(ask if ask.reasons else execute)
    approvers = _approvers(execute, ask)
    deciding = execute.first if execute.reasons else ask.first
    if not approvers:
        return Deny(deciding.name, "the policies accept no role in common that could approve it")
    why = deciding.why if deciding.name == UNVOUCHED else ""
    return Ask(deciding.name, approvers, _expiry(execute, ask), why)


def _approved(request: PolicyRequest, execute: _Ruling, ask: _Ruling) -> Verdict:
    if not ask.allowed:
        return _denied(ask)
    approvers = _approvers(execute, ask)
    if request.role in approvers:
        return Allow(ask.first.name)
    wanted = " or ".join(approvers) or "nobody"
    return Deny(ask.first.name, f"{request.approved_by} is {request.role}; it takes {wanted} to approve this")


def _approvers(execute: _Ruling, ask: _Ruling) -> tuple[str, ...]:
    """Who is asked by any permit to ask, as far as every forbid to execute accepts them."""
    willing = {role for written in ask.reasons for role in written.approvers or APPROVERS}
    for written in _limits(execute):
        willing &= set(written.approvers or APPROVERS)
    return tuple(role for role in APPROVERS if role in willing)


def _expiry(execute: _Ruling, ask: _Ruling) -> timedelta:
    return min((w.expiry for w in (*_limits(execute), *ask.reasons) if w.expiry), default=_EXPIRY)


def _limits(execute: _Ruling) -> tuple[Written, ...]:
    """The policies that forbid to execute; those that permit it limit nobody."""
    return () if execute.allowed else execute.reasons


def _denied(ruling: _Ruling) -> Deny:
    written = ruling.first
    return Deny(written.name, written.why or f'the policy "{written.name}" forbids it')
