"""From how a pool was used to what to put into OPTIONS, each with its reasons and numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain

from ..report.numbers import milliseconds, number
from . import erlang
from .profile import Profile, Recommendation

MAY_WAIT = 0.01
"""Share of callers that may have to wait, where maxsize is raised."""
SPARE = 1.5
"""A maxsize that was never reached may be lowered to this many times what was in use."""
STEP = 2
"""No number is recommended that is more times what was tried: nobody knows what happens there."""
PATIENCE = 4
"""maxwait as a multiple of the longest wait there was, when it is lowered."""
SHORTEST = 1.0
"""Seconds: below that, a maxwait turns every hiccup into errors."""
SEEN = 0.01
"""Share of requests which have to open a connection anew from which on the p99 knows of it."""
MANY = 30
"""So few closed connections, or fewer, may be a coincidence: the end of the day, a deployment."""
UNSEEN = 0.001
"""... below which no percentile up to p99.9 does."""
WORTH = 0.1
"""Share of the connection-seconds that a shorter cleanup must save."""
DEFAULTS = {"expires": 300.0, "cleanup": 20.0}
"""The engine's, seconds."""
RESERVED = 3
"""superuser_reserved_connections of PostgreSQL, by default."""


def recommendations(
    profile: Profile, workers: int | None = None, max_connections: int | None = None
) -> list[Recommendation]:
    """What to do about each option. ``workers``: processes that share the server, as many as were
    seen where None; ``max_connections``: what the server allows, if it is known."""
    if not profile.acquires:
        return []
    workers = workers or profile.processes
    size, reason = maxsize(profile)
    if max_connections is not None:
        fitting = max(1, (max_connections - RESERVED) // workers)
        if size > fitting:
            size = fitting
            reason += (
                f" But max_connections = {max_connections} leaves each of {workers} "
                f"{_plural(workers, 'worker')} no more than {fitting}."
            )
    return [
        Recommendation("maxsize", _against(str(size), str(profile.maxsize)), reason),
        maxwait(profile),
        cleanup(profile),
        expires(profile),
        server(size, workers, max_connections),
    ]


# ---- maxsize


def maxsize(profile: Profile) -> tuple[int, str]:
    """The number and its reason."""
    limit, most = profile.maxsize, profile.in_use
    if most < limit and profile.exhausted:
        return limit, (
            f"Never were more than {most} of {limit} in use at once: it was not the limit that "
            "callers waited for in vain, but a connection to be opened."
        )
    if most < limit:
        enough = max(math.ceil(most * SPARE), 2)
        if enough >= limit:
            return limit, f"Never were more than {most} of {limit} in use at once."
        return enough, (
            f"Never were more than {most} of {limit} in use at once; {enough} leave half as many "
            "again for a busier day. The rest only takes up room in max_connections."
        )
    waits = _waits(profile)
    if not _harmful(profile):
        return limit, (
            f"The limit was reached, which hurt nobody: {waits}, and a connection is used for "
            f"{_time(profile.use)} (median)."
        )
    computed = erlang.enough(profile.load, MAY_WAIT) if profile.load < limit else STEP * limit
    wanted = max(computed, profile.usual, limit + 1)
    reason = (
        f"The limit was reached: {waits}, while a connection is used for {_time(profile.use)} "
        f"(median){_refused(profile)}. When it was busiest {profile.load:.1f} were in use on "
        f"average, and {profile.usual} needed or fewer for 99 %"
    )
    if wanted > STEP * limit:
        return STEP * limit, (
            f"{reason}. Doubled first: where the server is what is slow, more connections make it "
            "no faster. Then look again; `python -m loadtests sweep` shows where it stops helping."
        )
    return wanted, (
        f"{reason}; with {wanted}, {per_cent(erlang.waiting(wanted, profile.load))} of the "
        "callers have to wait if they come at random (Erlang's formula C)."
    )


def _harmful(profile: Profile) -> bool:
    """Waiting at the limit takes longer than the work itself, or fails."""
    waited = profile.limited_wait or 0.0
    return bool(profile.exhausted or profile.rejected) or waited > (profile.use or 0.0)


def _waits(profile: Profile) -> str:
    return (
        f"{per_cent(profile.waiting)} of the callers had to wait, in the worst time 1 % longer "
        f"than {_time(profile.limited_wait)}"
    )


def _refused(profile: Profile) -> str:
    kinds = [
        f"{number(count)} {_plural(count, 'caller')} {fate}"
        for count, fate in (
            (profile.exhausted, "got PoolExhausted after maxwait"),
            (profile.rejected, "found the queue full"),
        )
        if count
    ]
    return "".join(chain.from_iterable((", and ", kind) for kind in kinds))


# ---- maxwait


def maxwait(profile: Profile) -> Recommendation:
    """Against the longest waits there were."""
    now, longest = profile.maxwait, profile.longest_wait
    if profile.exhausted:
        return _keep(
            "maxwait",
            _seconds(now),
            f"{number(profile.exhausted)} {_plural(profile.exhausted, 'caller')} waited all of it "
            "in vain. Waiting longer helps only against peaks that are shorter than that; "
            "otherwise it is maxsize, or the time for which connections are held.",
        )
    if longest > now / 2:
        value = _round_up(2 * longest)
        reason = (
            f"The longest wait took {_time(longest)}, more than half of it: little was missing. "
            "Below the time-out of whatever waits for the answer."
        )
    else:
        value = max(_round_up(PATIENCE * longest), SHORTEST)
        reason = f"The longest wait took {_time(longest)} of {_seconds(now)}"
        if value > now / 2:
            return _keep("maxwait", _seconds(now), f"{reason}: enough in reserve.")
        reason += (
            f"; {_seconds(value)} leave enough in reserve, and when something hangs a caller is "
            f"told after {_seconds(value)} instead of {_seconds(now)}. Longer where callers are to "
            "wait until a server that restarts is back."
        )
    return Recommendation("maxwait", _against(_seconds(value), _seconds(now)), reason)


# ---- cleanup and expires


def cleanup(profile: Profile) -> Recommendation:
    """Reconnects that it costs against connection-seconds that it saves."""
    now, closed = profile.cleanup, profile.idle_closed
    idle = max(profile.held - profile.used, 0.0)
    held = (
        f"{number(profile.held)} connection-seconds were held, {number(idle)} of them idle "
        f"({per_cent(idle / profile.held if profile.held else 0.0)})"
    )
    if now is None:
        if idle <= profile.held / 2:
            return _keep("cleanup", "None", f"{held}: closing idle connections would save little.")
        reason = f"{held}, because nothing is ever closed for being idle."
        return Recommendation("cleanup", _against(_seconds(DEFAULTS["cleanup"]), "None"), reason)
    rate = closed / profile.acquires
    if not closed:
        return _keep("cleanup", _seconds(now), f"No connection was closed for being idle; {held}.")
    cost = (
        f"{number(closed)} {_plural(closed, 'connection')} closed as idle, so that up to "
        f"{per_cent(rate)} of {number(profile.acquires)} requests had to open one again"
        f"{_opening(profile)}; {held}"
    )
    if rate > SEEN and closed > MANY:
        more = closed * now
        return Recommendation(
            "cleanup",
            _against(_seconds(STEP * now), _seconds(now)),
            f"{cost}. Twice as long avoids some of that, for at most {number(more)} "
            "connection-seconds more.",
        )
    if profile.late_reuses is None:
        return _keep("cleanup", _seconds(now), f"{cost}.")
    saved = profile.late_reuse_seconds + closed * now / 2
    halved = (
        f"Half as long would have cost {number(profile.late_reuses)} reconnects more and saved "
        f"about {number(saved)} connection-seconds"
    )
    afterwards = (closed + profile.late_reuses) / profile.acquires
    if afterwards <= UNSEEN and saved >= WORTH * profile.held:
        return Recommendation(
            "cleanup", _against(_seconds(now / 2), _seconds(now)), f"{cost}. {halved}."
        )
    return _keep("cleanup", _seconds(now), f"{cost}. {halved}.")


def expires(profile: Profile) -> Recommendation:
    """Only what it costs; what it is good for, firewalls and servers know."""
    now, expired = profile.expires, profile.expired
    if now is None:
        return _keep("expires", "None", "Connections of any age are kept, as you want it.")
    if not expired:
        return _keep("expires", _seconds(now), "No connection was closed for its age.")
    rate = expired / profile.acquires
    cost = (
        f"{number(expired)} {_plural(expired, 'connection')} closed for age, so that up to "
        f"{per_cent(rate)} of {number(profile.acquires)} requests had to open one again"
        f"{_opening(profile)}."
    )
    if rate <= SEEN or expired <= MANY:
        return _keep("expires", _seconds(now), cost)
    return Recommendation("expires", _against(_seconds(STEP * now), _seconds(now)), cost)


def in_a_short_run(line: Recommendation, profile: Profile) -> Recommendation:
    """``line`` about cleanup or expires, for a profile of a load test: what is short there, so that
    a minute shows it, is no number for a site."""
    if line.option not in DEFAULTS:
        return line
    default, now = DEFAULTS[line.option], getattr(profile, line.option)
    if now is None or now >= default:
        return line
    return replace(
        line,
        reason=f"{line.reason} Short, as the run is: on a site begin with the default, "
        f"{_seconds(default)}, and ask `advise`.",
    )


def _opening(profile: Profile) -> str:
    return f" ({_time(profile.opening)} each)" if profile.opening is not None else ""


# ---- the server


def server(size: int, workers: int, max_connections: int | None) -> Recommendation:
    """What ``workers`` processes of this ``maxsize`` mean for max_connections."""
    least = workers * size + RESERVED
    total = (
        f"{workers} {_plural(workers, 'worker')} x maxsize {size} = {workers * size}, and "
        f"{RESERVED} that PostgreSQL keeps for superusers"
    )
    if max_connections is None:
        return Recommendation(
            "max_connections",
            f"at least {least}",
            f"{total}; what other clients need comes on top.",
        )
    if least > max_connections:
        return Recommendation(
            "max_connections",
            _against(f"at least {least}", str(max_connections)),
            f"{total}. Or have fewer workers, or PgBouncer in front.",
        )
    rest = max_connections - least
    return _keep(
        "max_connections", str(max_connections), f"{total}: {rest} are left for other clients."
    )


# ---- words


def _keep(option: str, value: str, reason: str) -> Recommendation:
    return Recommendation(option, _against(value, value), reason)


def _against(value: str, now: str) -> str:
    return f"{value} (as it is)" if value == now else f"{value} (now {now})"


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"


def _time(seconds: float | None) -> str:
    return milliseconds(seconds or 0.0)


def per_cent(share: float) -> str:
    if 0 < share < 0.0001:
        return "less than 0.01 %"
    return f"{share * 100:.3g} %"


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


def _round_up(seconds: float) -> float:
    """To a number that people write into settings."""
    if seconds <= 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(seconds))
    return next(
        round(step * unit, 6) for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * unit >= seconds
    )
