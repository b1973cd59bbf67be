"""One candidate for one process: the environment that `native/scope` reads at the program's start.

The library restores the user's own values for everything the program starts, and keeps the candidate where the same
process goes on with another program. `native/scope/src/lib.rs` draws the private entries.
"""

from collections.abc import Mapping

from heapswap import native

PRELOAD = "LD_PRELOAD"
SCOPE = "HEAPSWAP_SCOPE"
"""the process, and the names of the variables that differ from the user's own"""
WAS = "HEAPSWAP_WAS_"
"""before the name of a variable: the user's own value"""


def scoped(users: Mapping[str, str], candidates: Mapping[str, str], pid: int) -> dict[str, str]:
    """The candidate's environment with the scope on top; process `pid` must exec the program with it.

    Where nothing differs there is nothing to scope. A process that is in a scope already keeps what that one
    remembers of the user's own values.

    Raises:
        CannotGoOn: the scope's library is missing, or is where nothing can be preloaded from.
    """
    changed = {name for name in {*users, *candidates} if users.get(name) != candidates.get(name)}
    if not changed:
        return dict(candidates)
    outer = users.get(SCOPE, "").split()
    remembered = outer[1:] if outer[:1] == [str(pid)] else []
    added = sorted((changed | {PRELOAD}).difference(remembered))
    result = dict(candidates)
    if PRELOAD in added:
        result[PRELOAD] = ":".join(filter(None, (native.preloadable("scope"), candidates.get(PRELOAD, ""))))
    result.update({WAS + name: users[name] for name in added if name in users})
    result[SCOPE] = " ".join((str(pid), *remembered, *added))
    return result


def outside(environ: Mapping[str, str], pid: int) -> dict[str, str]:
    """What a child of process `pid` gets, as `native/scope` gives it: the user's own values where it is in a scope."""
    process, *changed = environ.get(SCOPE, "").split() or [""]
    if process != str(pid):
        return dict(environ)
    hidden = {SCOPE, *changed, *(WAS + name for name in changed)}
    kept = {name: value for name, value in environ.items() if name not in hidden}
    return kept | {name: environ[WAS + name] for name in changed if WAS + name in environ}
