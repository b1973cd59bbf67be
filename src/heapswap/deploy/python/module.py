"""One Python file with the declaration as its first statement; every other byte of it stays.

A docstring and imports from ``__future__`` have to stay before it; what follows is::

    import heapswap

    heapswap.global_allocator()
"""

import ast
import io
import tokenize
from pathlib import Path

from heapswap.deploy import lines
from heapswap.errors import ALREADY_SET, CannotGoOn

IMPORT, CALL = "import heapswap", "heapswap.global_allocator()"


def declaring(data: bytes, path: Path, candidate: str) -> bytes:
    """A module with the declaration as its first statement; as it is where it declares already.

    Raises:
        CannotGoOn: it cannot be parsed, declares another allocator, or has no line of its own for it.
    """
    module = _parsed(data, path)
    if _declares(module, path, candidate):
        return data
    anchors = _anchors(module)
    rest = module.body[len(anchors) :]
    if anchors:
        at = anchors[-1].end_lineno or 0
        if rest and _first_line(rest[0]) <= at:
            raise CannotGoOn(f"{path}, line {at}: two statements on one line; give the second a line of its own")
        new = ["", IMPORT, "", CALL]
    elif rest:
        at, new = _first_line(rest[0]) - 1, [IMPORT, "", CALL, ""]
    else:
        at, new = len(data.splitlines()), [IMPORT, "", CALL]
    result = lines.spliced(data, at, at, new)
    _refuse_altered(module, _parsed(result, path), len(anchors), path)
    return result


def _parsed(data: bytes, path: Path) -> ast.Module:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if CALL.encode(encoding.removesuffix("-sig")) != CALL.encode():
            raise CannotGoOn(f"{path} is in {encoding}, which does not extend ASCII; save it as UTF-8")
        return ast.parse(data, str(path))
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise CannotGoOn(
            f"{path}{line} is no Python of this version ({said}); name another file with --entry"
        ) from None


def _anchors(module: ast.Module) -> list[ast.stmt]:
    """What has to stay first: the docstring, and the imports from the future."""
    anchors: list[ast.stmt] = []
    for statement in module.body:
        docstring = (
            not anchors
            and isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
        if not docstring and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            break
        anchors.append(statement)
    return anchors


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min((one.lineno for one in decorators), default=statement.lineno)


def _declares(module: ast.Module, path: Path, candidate: str) -> bool:
    """Whether a module declares this very allocator, or what its manifest says.

    Raises:
        CannotGoOn: it declares another one.
    """
    for call in ast.walk(module):
        name = getattr(call, "func", None)
        if not isinstance(call, ast.Call) or "global_allocator" not in (
            getattr(name, "attr", ""),
            getattr(name, "id", ""),
        ):
            continue
        if not call.args and not call.keywords:
            return True
        named = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if named == candidate and not call.keywords:
            return True
        raise CannotGoOn(
            f"{ALREADY_SET}: {ast.unparse(call)} in {path}, line {call.lineno}, and {candidate} is to be deployed; "
            f"write {CALL} there, or take it out"
        )
    return False


def _refuse_altered(before: ast.Module, after: ast.Module, at: int, path: Path) -> None:
    """The result must be the module and the two new statements, whatever its lines are ended by."""
    old, new = ([ast.dump(statement) for statement in module.body] for module in (before, after))
    added = [ast.dump(statement) for statement in ast.parse(f"{IMPORT}\n{CALL}").body]
    if new != [*old[:at], *added, *old[at:]]:
        raise CannotGoOn(f"{path} is laid out so that it cannot be edited safely; write {IMPORT}; {CALL} by hand")
