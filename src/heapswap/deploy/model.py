"""The words of this room: choice, action, plan, deployment. The field names are the JSON names.

verdict or candidate ──▶ Choice ──▶ Plan of Actions ──▶ Deployment, saved before the first file is touched
                                                             │
                                    revert works from it ◀───┘
"""

from dataclasses import dataclass
from enum import StrEnum

from heapswap.allocators.model import Candidate
from heapswap.findings import Finding


class Target(StrEnum):
    """What a choice is deployed to: one file of this room each."""

    PYTHON = "python"
    ENV = "env"
    DOCKER = "docker"
    SYSTEMD = "systemd"
    CARGO = "cargo"
    RUSTC = "rustc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The candidate to deploy, and what it rests on."""

    candidate: Candidate
    asked: str
    """where it was asked for, as an error names it: ``the command line``, ``verdict.json``"""
    evidence: str = ""
    """digest of the trial behind it; empty where a person chose"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One file, and what becomes of it. `Tree` makes them: from a path and the new content."""

    path: str
    """absolute, symbolic links followed"""
    before: bytes | None
    """content without any deployment of heapswap; None: there is no such file"""
    after: bytes | None
    """content as deployed; None: the file is removed"""
    mode: int = 0o644
    """permission bits, for where the file has to be created; one that exists keeps its own"""
    purpose: str = ""
    """what it is for, one clause without a full stop"""


class State(StrEnum):
    """How far a plan is on the disk."""

    NOTHING_TO_DO = "nothing-to-do"
    """no file would change, with or without heapswap"""
    PENDING = "pending"
    PARTLY = "partly-applied"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterwards:
    """What heapswap does not do and the reader has to."""

    purpose: str
    words: tuple[str, ...] = ()
    """the command; empty: nothing to type"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that would be done for one target."""

    kind: str = "plan"
    schema: int = 1
    target: Target
    place: str
    """what it is deployed to, absolute; receipts are kept by target and place"""
    candidate: str
    """spelling"""
    evidence: str = ""
    """digest of the trial behind the choice; empty where a person chose"""
    actions: tuple[Action, ...]
    findings: tuple[Finding, ...] = ()
    afterwards: tuple[Afterwards, ...] = ()
    printed: str = ""
    """for a target that is printed and not written: its text"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The receipt of a plan that was applied: what revert needs."""

    kind: str = "deployment"
    schema: int = 1
    target: Target
    place: str
    candidate: str
    evidence: str = ""
    actions: tuple[Action, ...]
    folders: tuple[str, ...] = ()
    """those that had to be made, outermost first"""


class Holds(StrEnum):
    """What a look at a deployment says."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """nothing that runs could be looked at"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One question about a deployment, with what was seen."""

    code: str
    """stable kebab-case name: ``files``, ``process``, ``command``, ``build``"""
    holds: Holds
    seen: str
    remedy: str = ""
    """what to do where it does not hold, or cannot be told"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Whether a deployment is as planned, and in force."""

    kind: str = "verification"
    schema: int = 1
    target: Target
    place: str
    candidate: str
    proofs: tuple[Proof, ...]

    @property
    def holds(self) -> Holds:
        """The worst of its proofs that tells anything."""
        told = {proof.holds for proof in self.proofs}
        return Holds.NO if Holds.NO in told else Holds.UNKNOWN if Holds.UNKNOWN in told else Holds.YES
