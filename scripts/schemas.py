#!/usr/bin/env python3
"""Write docs/schemas/KIND.json for every artifact, from the types that read them."""

from pathlib import Path

from heapswap.report.schemas import kinds, schema_text

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for kind in kinds():
        (FOLDER / f"{kind}.json").write_text(schema_text(kind))


if __name__ == "__main__":
    main()
