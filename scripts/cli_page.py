"""Print docs/cli.md: every verb, argument and option, as the parsers of the command line have them."""

import argparse
from collections.abc import Iterator
from importlib import import_module

from heapswap.cli.main import EPILOG, VERBS, Parser

HEADER = f"""# Command line

Written by `make docs-tables` from the parsers; do not edit. What the verbs do, and which to use when:
[Commands](commands.md).

{EPILOG}
"""
_UNTITLED = ("positional arguments", "options")
"""argparse's own titles say nothing that the table does not"""


def page() -> str:
    """The whole page, in the order of `heapswap --help`; what two verbs share is told with the first."""
    parts = [HEADER]
    told: dict[str, str] = {}
    for verb, summary in VERBS.items():
        parser = Parser(prog=f"heapswap {verb}", description=summary, epilog=EPILOG, add_help=False)
        import_module(f"heapswap.cli.{verb}").configure(parser)
        parts += described(parser, 2, told)
    return "\n".join(parts)


def described(parser: argparse.ArgumentParser, level: int, told: dict[str, str]) -> Iterator[str]:
    """A heading, the usage, a table for each group of arguments; then the same of each parser below.

    Args:
        told: tables with a title that were written already, and the program that they were written for.
    """
    yield f"{'#' * level} `{parser.prog}`\n"
    yield f"{sentence(parser.description or '')}\n"
    yield f"```text\n{usage(parser)}\n```\n"
    for title, rows in groups(parser):
        table = "\n".join(("| | |", "| --- | --- |", *rows, ""))
        if first := told.get(title + table):
            yield f"{sentence(title, ':')} as of `{first}`.\n"
        elif title:
            told[title + table] = parser.prog
            yield f"{sentence(title, ':')}\n\n{table}"
        else:
            yield table
    if parser.epilog and parser.epilog != EPILOG:
        yield f"{parser.epilog}\n"
    for child in below(parser):
        yield from described(child, level + 1, told)


def groups(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """Title and rows of every group that has any; those without a title together."""
    found: dict[str, list[str]] = {}
    for group in parser._action_groups:
        title = "" if group.title in _UNTITLED else group.title or ""
        hidden = (argparse._HelpAction, argparse._SubParsersAction)
        found.setdefault(title, []).extend(row(one) for one in group._group_actions if not isinstance(one, hidden))
    yield from ((title, rows) for title, rows in found.items() if rows)


def below(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of a verb's targets, each with what its parent says of it."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child, meaning in zip(action.choices.values(), action._choices_actions, strict=True):
                child.description = meaning.help
                found.append(child)
    return found


def usage(parser: argparse.ArgumentParser) -> str:
    """How it is called, in the verb's own words where it has any."""
    if parser.usage:
        return parser.usage % {"prog": parser.prog}
    places = [one for one in parser._actions if not one.option_strings]
    words = [f"[{one.metavar}]" if one.nargs == "?" else f"{one.metavar}" for one in places]
    return " ".join((parser.prog, "[OPTIONS]", *words))


def row(action: argparse.Action) -> str:
    """One argument: how it is written, and what it is for."""
    written = ", ".join(f"`{name}`" for name in spelled(action))
    return f"| {cell(written)} | {cell((action.help or '') % vars(action))} |"


def spelled(action: argparse.Action) -> Iterator[str]:
    """Every name of an option, the last with what follows it; of an argument by its place what stands for it."""
    value = "|".join(action.choices) if action.choices and not action.metavar else action.metavar or ""
    if not action.option_strings:
        yield str(value or action.dest)
        return
    *names, last = action.option_strings
    yield from names
    yield last if action.nargs == 0 else f"{last} {value}{' …' if action.nargs == '+' else ''}"


def sentence(text: str, end: str = ".") -> str:
    """With a capital at its beginning, and an end where it has none."""
    return f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.?!' else end}"


def cell(text: str) -> str:
    """Text that breaks no table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(page(), end="")
