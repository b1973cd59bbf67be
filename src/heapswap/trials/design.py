"""The design of a trial: from what was decided before and the runs so far, the next block. Pure, and so replayable."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from math import isnan

from heapswap.trials.exclusion import Exclusion
from heapswap.trials.finalists import (
    PROVING_CANDIDATES,
    SHARES,
    Finalist,
    State,
    fewest_blocks,
    finalists,
    most_blocks,
)
from heapswap.trials.intervals import estimate, interval
from heapswap.trials.model import Design, Perturbation, Progress, Run, Slot, Stage
from heapswap.trials.observed import Observed, observe
from heapswap.trials.planner import plan
from heapswap.trials.screening import LEAST_PROOF, Standing, standings
from heapswap.trials.statistics import duration

HOPE = 2.2
"""standard errors of luck that a candidate is granted in screening"""

OVERRUN = 1.05
"""the part of the budget at which the last block must have ended, as foreseen, and after which no run is begun"""

MOST_PROVING = 12
"""proving blocks"""

MOST_SETTLING = 30
"""screening blocks of a trial, those included that narrow what is not excluded after its finalists have lost"""

HOPELESS = 2.0
"""standard errors beyond the keep margin: more runs of a candidate that gains so much will not exclude its gain"""


def perturbation(seed: int, block: int) -> Perturbation:
    """The settings of a block: the same in all its runs, random from block to block."""
    drawn = sha256(f"heapswap perturbation {seed} {block}".encode()).digest()
    return Perturbation(
        hash_seed=1 + int.from_bytes(drawn[:8], "big") % (2**32 - 1),
        padding=int.from_bytes(drawn[8:16], "big") % 4096,
    )


def shuffled(members: Iterable[str], seed: int, block: int) -> tuple[str, ...]:
    """Members in random order: by the digest of their number, so that the order is the same on every machine."""
    numbered = enumerate(members)
    key = f"heapswap order {seed} {block} "
    return tuple(name for _, name in sorted(numbered, key=lambda one: sha256(f"{key}{one[0]}".encode()).digest()))


def next_block(design: Design, runs: Sequence[Run]) -> tuple[Slot, ...]:
    """The runs to make next, in order; empty when the trial is finished or its budget is over.

    After an interruption in the middle of a block: the rest of that block.

    Raises:
        Misuse: the budget holds too few runs.
    """
    if is_overdrawn(design, runs):
        return ()
    last = runs[-1].slot.block if runs else 0
    before = [run for run in runs if run.slot.block < last]
    rest = block_after(design, before)[len(runs) - len(before) :]
    return rest or block_after(design, runs)


def is_overdrawn(design: Design, runs: Iterable[Run]) -> bool:
    """Whether the budget is over, so that not even a block under way goes on: its runs took longer than foreseen."""
    return design.budget is not None and sum(map(duration, runs)) > design.budget * OVERRUN


def block_after(design: Design, runs: Sequence[Run]) -> tuple[Slot, ...]:
    """The block that follows complete blocks.

    Raises:
        Misuse: the budget holds too few runs.
    """
    if not runs:
        return _slots(Stage.WARM_UP, 0, (design.baseline,), design.seed)
    stage, members = _members(observe(design, runs))
    return _slots(stage, runs[-1].slot.block + 1, members, design.seed)


def _slots(stage: Stage, block: int, members: Iterable[str], seed: int) -> tuple[Slot, ...]:
    return tuple(
        Slot(stage=stage, block=block, position=position, candidate=name)
        for position, name in enumerate(shuffled(members, seed, block))
    )


Members = tuple[Stage, tuple[str, ...]]
"""what a block is for, and who runs in it; nobody: the trial is finished"""

FINISHED: Members = (Stage.CONFIRMING, ())


def _members(observed: Observed) -> Members:
    """The block that follows complete blocks."""
    baseline = observed.design.baseline
    known = finalists(observed)
    if any(one.state is State.WON for one in known):
        return FINISHED
    running = [one.candidate for one in known if one.state is State.RUNNING]
    proving = [one.candidate for one in known if one.state is State.PROVING]
    if not running and not proving:
        return _without_finalist(observed, known)
    if running and _fits(observed, members := (baseline, *running) * 2):
        return Stage.CONFIRMING, members
    if proving and _blocks_made(observed, Stage.PROVING) < MOST_PROVING:
        for count in range(PROVING_CANDIDATES, 0, -1):
            if _fits(observed, members := (baseline, *(proving[:1] * count))):
                return Stage.PROVING, members
    return FINISHED


def _without_finalist(observed: Observed, known: Sequence[Finalist]) -> Members:
    """The block while no finalist is due more runs: screening goes on, others enter, or what is left is settled."""
    baseline = observed.design.baseline
    told = [one for one in standings(observed) if one.runs]
    if not known and (members := screening_round(observed, told)):
        return Stage.SCREENING, (baseline, *members)
    entering = next_finalists(observed, told, known)
    if entering and _fits(observed, members := (baseline, *entering) * 2):
        return Stage.CONFIRMING, members
    return _settling(observed, told, known)


def _settling(observed: Observed, told: Sequence[Standing], known: Sequence[Finalist]) -> Members:
    """The block that does most to exclude a gain, from a budget that would be left: nothing is adopted on its word."""
    baseline = observed.design.baseline
    left = Exclusion(observed=observed, standings=told)
    if not left.unsettled or any(left.reaches_beyond(name, HOPELESS) for name in left.unsettled):
        return FINISHED
    finals = [one.candidate for one in known]
    if observed.design.budget is None:
        # Nothing says how much more may be run: only what one run alone cannot tell is asked again.
        once = [one.candidate for one in told if one.runs < LEAST_PROOF and one.candidate in left.unsettled]
        return (Stage.SCREENING, (baseline, *once)) if once else FINISHED
    if left.unsettled[0] in finals:
        members = (baseline, *(name for name in left.unsettled if name in finals)) * 2
        stage, made = Stage.CONFIRMING, max(one.blocks for one in known)
    else:
        members = (baseline, *(name for name in left.unsettled if name not in finals))
        stage, made = Stage.SCREENING, _blocks_made(observed, Stage.SCREENING)
    return (stage, members) if made < MOST_SETTLING and _fits(observed, members) else FINISHED


def _blocks_made(observed: Observed, stage: Stage) -> int:
    return len({run.slot.block for run in observed.runs if run.slot.stage is stage})


def _fits(observed: Observed, members: Iterable[str]) -> bool:
    """Whether the budget holds a block of these members."""
    budget = observed.design.budget
    return budget is None or observed.spent + sum(observed.usual(name) for name in members) <= budget * OVERRUN


def screening_round(observed: Observed, told: Sequence[Standing]) -> tuple[str, ...]:
    """Candidates of the next screening round, the baseline excluded; empty when screening is over."""
    planned = plan(observed.design, observed.runs[0])
    made = _blocks_made(observed, Stage.SCREENING)
    if made >= len(planned.rounds):
        return ()
    if made == 0:
        return planned.candidates
    contenders = _contenders(observed, told)
    repeated = [one.candidate for one in told if one.runs == 1 and _is_worth_repeating(one, observed)]
    if not repeated and (not contenders or (len(contenders) == 1 and contenders[0].runs >= LEAST_PROOF)):
        return ()
    members = tuple(dict.fromkeys((*(one.candidate for one in contenders[: planned.rounds[made]]), *repeated)))
    return members if _fits(observed, (observed.design.baseline, *members)) else ()


def _is_worth_repeating(one: Standing, observed: Observed) -> bool:
    """Whether a second run tells something: it failed once, or it gains and a guard rejects it."""
    if one.trouble or observed.primary is None:
        return False
    return isnan(one.difference) or (bool(one.breaks) and one.difference < observed.threshold)


def _contenders(observed: Observed, told: Iterable[Standing]) -> list[Standing]:
    """Eligible candidates that may still be the best and beyond the margin, the most promising first."""
    limit = observed.threshold
    eligible = sorted(
        (one for one in told if one.eligible and one.difference - HOPE * one.error < limit),
        key=lambda one: (one.doubtful, one.difference),
    )
    if not eligible:
        return []
    best = eligible[0].difference
    near = [one for one in eligible if one.difference - best < max(HOPE * one.error, 0.02)]
    if any(one.secure for one in near):
        return near
    # A gain whose guards are in doubt may come to nothing. What stays in the race beside it: the best gain whose guards
    # hold, or else the gain that comes closest to holding them; and the simplest one whose guards hold.
    others = [one for one in eligible if one not in near and one.difference + one.error < limit]
    safe = [one for one in (*near, *others) if one.assured]
    kept = [safe[0] if safe else min(others, key=lambda one: one.excess, default=near[0])]
    kept += sorted(safe, key=lambda one: one.simplicity)[:1]
    return list({one.candidate: one for one in (near[0], *kept, *near)}.values())


def next_finalists(observed: Observed, told: Iterable[Standing], known: Sequence[Finalist]) -> tuple[str, ...]:
    """The best candidate not yet tried, and the simplest one close to it; empty when none may win."""
    design = observed.design
    places = len(SHARES) - len(known)
    if places <= 0:
        return ()
    tried = {one.candidate for one in known}
    if len(design.candidates) == 1:
        left = [] if tried else list(design.candidates)
        return tuple(left)
    known_best = _contenders(observed, [one for one in told if one.candidate not in tried])
    # What one run says is believed only where no candidate has two.
    contenders = [one for one in known_best if one.runs >= LEAST_PROOF] or known_best
    if not contenders:
        return ()
    # One whose guards are not in doubt leads, or else the one that comes closest to holding them.
    best = next((one for one in contenders if one.assured), None) or min(
        contenders, key=lambda one: (one.doubtful, one.excess if one.doubtful else one.difference)
    )
    names = [best.candidate]
    if places > 1 and (second := _beside(best, contenders, design)):
        names.append(second.candidate)
    least = fewest_blocks(design, len(known))
    while names and design.budget is not None and most_blocks(observed, names) < least:
        names.pop()
    return tuple(names)


def _beside(best: Standing, contenders: Sequence[Standing], design: Design) -> Standing | None:
    """Who enters with the leader: the simplest close to it; where guards are in doubt, the simplest that holds them."""
    others = [one for one in contenders if one is not best]
    simpler = [
        one
        for one in others
        if one.simplicity < best.simplicity
        and one.doubtful == best.doubtful
        and one.difference - best.difference < design.criteria.adopt_ratio
    ]
    if simpler:
        return min(simpler, key=lambda one: (one.simplicity, one.difference))
    if best.secure and best is contenders[0]:
        return None
    safe = [one for one in others if one.assured]
    if safe:
        return min(safe, key=lambda one: (one.simplicity, one.difference))
    return next((one for one in others if not one.doubtful), None)


def progress(design: Design, runs: Sequence[Run], running: Slot | None = None) -> Progress:
    """How far the trial is, and who leads."""
    planned = plan(design, runs[0]) if runs else None
    observed = observe(design, runs)
    elapsed = observed.spent
    expected = max(planned.runs if planned else 1, len(runs) + 1) if running else len(runs)
    each = elapsed / len(runs) if runs else 0.0
    leader, effect, low, high = _leader(observed)
    return Progress(
        running=running,
        done=len(runs),
        expected=expected,
        elapsed=elapsed,
        remaining=(expected - len(runs)) * each,
        leader=leader,
        effect=effect,
        low=low,
        high=high,
    )


def _leader(observed: Observed) -> tuple[str, float | None, float | None, float | None]:
    """The candidate ahead, and its effect on the primary metric with the 99 % interval."""
    measure = observed.primary
    if measure is None:
        return "", None, None, None
    alive = [one for one in finalists(observed) if one.state is not State.LOST]
    if alive:
        name = alive[0].candidate
        seen = observed.blocks(name, measure)
        found = estimate(seen)
        if found is not None:
            limits = interval(seen, 0.01)
            low, high = sorted(measure.effect(at) for at in limits) if limits else (None, None)
            return name, measure.effect(found.difference), low, high
    ranked = sorted((one for one in standings(observed) if one.eligible), key=lambda one: one.difference)
    ranked = [one for one in ranked if one.difference == one.difference]
    if not ranked:
        return "", None, None, None
    return ranked[0].candidate, measure.effect(ranked[0].difference), None, None
