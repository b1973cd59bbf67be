"""Print docs/python-api.md: what `import heapswap` gives, read from the sources without importing them."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src"
HEADER = """# Python API

Written by `make docs-tables` from the sources; do not edit. Functions and classes are attributes of `heapswap`,
imported when they are first used. A `Snapshot`, which has all that a `Heap` has, and `Released` are what `stats` and
`release` return. Guides: [statistics](statistics-at-run-time.md), [the declaration](declaration.md),
[allocators as objects](contract.md), [saved files](saved-files.md).
"""

MODEL = "heapswap.runtime.stats.model"
RETURNED = ("Arena", "Heap", "ProcessMemory", "PythonMemory", "Released", "Snapshot")
"""public by being returned; they live in `MODEL`"""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def page() -> str:
    """The whole page, in the order of the alphabet."""
    homes = {**dict(public(parsed("heapswap"))), **dict.fromkeys(RETURNED, MODEL)}
    entries = ("\n".join(entry(definition(parsed(homes[name]), name))) for name in sorted(homes, key=str.lower))
    return "\n".join([HEADER, *entries])


def parsed(module: str) -> ast.Module:
    """The source of a module or package."""
    path = SOURCES.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def public(package: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and home of what the package imports for type checkers: that is what is public."""
    for statement in package.body:
        if isinstance(statement, ast.If):
            for imported in statement.body:
                assert isinstance(imported, ast.ImportFrom)
                yield from ((alias.name, imported.module or "") for alias in imported.names)


def definition(module: ast.Module, name: str) -> ast.ClassDef | Function:
    """The class or function of that name; of overloads the last, which is the one that runs."""
    found = [one for one in module.body if isinstance(one, ast.ClassDef | Function) and one.name == name]
    return found[-1]


def entry(one: ast.ClassDef | Function) -> Iterator[str]:
    """A heading, how it is written, what it says of itself; of a class its own public methods, too."""
    yield f"## {one.name}\n"
    if not isinstance(one, ast.ClassDef):
        yield f"```python\n{signature(one)}\n```\n"
        yield f"{said(one)}\n"
        return
    yield f"{said(one)}\n"
    yield from fields(one)
    for method in one.body:
        if isinstance(method, Function) and not method.name.startswith("_") and said(method):
            yield f"### {one.name}.{method.name}\n\n```python\n{signature(method)}\n```\n\n{said(method)}\n"


def fields(one: ast.ClassDef) -> Iterator[str]:
    """A list item for each field, and each member of an enum, with what stands below it."""
    for field, below in zip(one.body, [*one.body[1:], ast.Pass()], strict=True):
        line = re.sub(r" = field\(.*", "", ast.unparse(field))
        told = ast.unparse(below.value) if isinstance(below, ast.Expr) else ""
        shown = isinstance(field, ast.AnnAssign) or (isinstance(field, ast.Assign) and told)
        if shown and not line.startswith("_") and "ClassVar" not in line:
            words = " ".join(str(ast.literal_eval(told)).split()) if told else ""
            yield f"- `{line}`{': ' if words else ''}{words}"
    yield ""


def signature(function: Function) -> str:
    """``name(arguments) -> result``; a property is written as it is read."""
    result = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    if any(isinstance(mark, ast.Name) and mark.id == "property" for mark in function.decorator_list):
        return f"{function.name}{result.replace(' ->', ':')}"
    arguments = ast.unparse(function.args).removeprefix("self, ").removeprefix("self")
    return f"{function.name}({arguments}){result}"


def said(one: ast.ClassDef | Function) -> str:
    """The docstring, as Markdown: its doubled backquotes mean the same there, its arguments and errors become lists."""
    text = inspect.cleandoc(ast.get_docstring(one) or "")
    text = re.sub(r"^(Args|Raises):$", r"\1:\n", text, flags=re.MULTILINE)
    text = re.sub(r"^ {4}(\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    return re.sub(r"^ {8}", "  ", text, flags=re.MULTILINE)


if __name__ == "__main__":
    print(page(), end="")
