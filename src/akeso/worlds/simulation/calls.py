"""The calls of a tick, drawn one by one from its rates, chances and latencies."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from akeso.domain.telemetry.batches import Codes, Floats, Ids
from akeso.worlds.answers import (
    CERTIFICATE,
    NAME_UNKNOWN,
    NEVER_ARRIVED,
    NOT_FOUND,
    OK,
    REFUSED,
    TIMED_OUT,
    UNAVAILABLE,
    UPSTREAM,
)
from akeso.worlds.observation import CallColumns
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.load import Load
from akeso.worlds.simulation.reach import Reach
from akeso.worlds.simulation.response import Response
from akeso.worlds.simulation.settings import Settings

_MOST = 12_000
_FAST_MS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """How one attempt on each link ends, as chances that follow one another: first fast, and if not that, stuck, away,
    upstream, own, missing. Latencies: lognormal, mu and shape of the callee's where it succeeds; fail_ms where its
    calls fail."""

    fast: Floats
    stuck: Floats
    away: Floats
    upstream: Floats
    own: Floats
    missing: Floats


def chances(layout: Layout, settings: Settings, reach: Reach, response: Response) -> Chances:
    """Of all links."""
    endpoint = layout.link_endpoint
    return Chances(
        fast=reach.fast,
        stuck=1 - (1 - reach.stuck) * (1 - settings[Knob.HANG][endpoint]),
        away=reach.away,
        upstream=response.upstream[endpoint],
        own=reach.own_errors[endpoint],
        missing=reach.missing[endpoint],
    )


def draw_calls(
    layout: Layout, reach: Reach, response: Response, chance: Chances, load: Load, random: Generator
) -> CallColumns:
    """As many calls as chance has it. Above some ten thousand a second each stands for several."""
    link, weight = _which(load.link, random)
    seen, served = ends(reach, chance, layout, link, random)
    server = latencies(response, layout.link_endpoint[link], seen, random)
    wire = reach.net_ms[link] * random.uniform(0.6, 1.6, len(link))
    client, patience = server + wire, reach.timeout_ms[link]
    late = client > patience
    seen[late & ~_at_once(seen)] = TIMED_OUT
    stuck = served == NEVER_ARRIVED
    client = np.where(_at_once(seen), _FAST_MS * (0.3 + wire / 4), np.minimum(client, patience))
    client = np.where(stuck & ~_at_once(seen), patience, client)
    attempt = _attempts(layout, response, link, random)
    return CallColumns(
        link=link,
        weight=np.full(len(link), weight, np.int64),
        latency_ms=client,
        server_ms=np.where(stuck, np.nan, server),
        seen=seen,
        served=served,
        attempt=attempt,
    )


def _which(rate: Floats, random: Generator) -> tuple[Ids, int]:
    """Which links calls are on, sorted: independent Poisson numbers, drawn as one. With a weight above one the draw is
    stratified, so that rates stay as smooth as they are."""
    edges = np.cumsum(rate)
    total = float(edges[-1]) if len(edges) else 0.0
    if total <= 0:
        return np.empty(0, np.int32), 1
    weight = 1 + int(total // _MOST)
    count = int(random.poisson(total / weight))
    if weight == 1:
        gaps = np.cumsum(random.standard_exponential(count + 1))
        places = gaps[:-1] / gaps[-1] * total
    else:
        places = (np.arange(count) + random.random(count)) / max(count, 1) * total
    link = np.searchsorted(edges, places, side="right")
    return np.minimum(link, len(rate) - 1).astype(np.int32), weight


def ends(reach: Reach, chance: Chances, layout: Layout, link: Ids, random: Generator) -> tuple[Codes, Codes]:
    """How attempts end: Answer as the caller and as the callee see it. Time-outs by slowness are not among them yet."""
    left = random.random(len(link))
    seen = np.full(len(link), OK, np.uint8)
    served = np.full(len(link), OK, np.uint8)
    open_ = np.ones(len(link), bool)
    endpoint = layout.link_endpoint[link]
    answers: tuple[tuple[Floats, Codes | int, bool], ...] = (
        (chance.fast, reach.fast_answer[link], False),
        (chance.stuck, TIMED_OUT, False),
        (chance.away, UNAVAILABLE, True),
        (chance.upstream, UPSTREAM, True),
        (chance.own, reach.own_answers[endpoint], True),
        (chance.missing, NOT_FOUND, True),
    )
    for chances_, answer, arrived in answers:
        part = chances_[link]
        hit = open_ & (left < part)
        if hit.any():
            seen[hit] = answer[hit] if isinstance(answer, np.ndarray) else answer
            served[hit] = seen[hit] if arrived else NEVER_ARRIVED
            open_ &= ~hit
        left = (left - part) / np.maximum(1 - part, 1e-9)
    return seen, served


def latencies(response: Response, endpoint: Ids, seen: Codes, random: Generator) -> Floats:
    """How long the callee takes, ms."""
    mean = np.maximum(response.ok_ms[endpoint], 1e-3)
    shape2 = np.log1p(response.ok_var[endpoint] / mean**2)
    normal = random.standard_normal(len(endpoint))
    drawn = mean * np.exp(np.sqrt(shape2) * normal - shape2 / 2)
    failing = (seen != OK) & (seen != NOT_FOUND)
    if failing.any():
        below = seen == UPSTREAM
        drawn = np.where(below, response.fail_ms[endpoint] * np.exp(0.15 * normal), drawn)
        drawn = np.where(failing & ~below & (seen != TIMED_OUT), 0.6 * drawn, drawn)
        drawn = np.where(seen == UNAVAILABLE, _FAST_MS * np.exp(0.3 * normal), drawn)
    return np.asarray(drawn)


def _at_once(seen: Codes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Calls that failed before anything was sent."""
    return np.asarray((seen == REFUSED) | (seen == NAME_UNKNOWN) | (seen == CERTIFICATE))


def _attempts(layout: Layout, response: Response, link: Ids, random: Generator) -> Codes:
    """Which try of its request each call is: a first one, or a retry by how many of them there are."""
    attempts = response.leg_attempts[layout.link_leg[link]]
    again = random.random(len(link)) >= 1 / np.maximum(attempts, 1.0)
    return again.astype(np.uint8)
