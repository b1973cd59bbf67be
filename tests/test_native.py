"""Where the compiled parts are."""

from pathlib import Path

import pytest

from heapswap import native
from heapswap.errors import CannotGoOn


@pytest.mark.parametrize("folder", ["/opt/my venv", "/opt/a:b", "/opt/tab\t"])
def test_what_the_loader_would_take_apart_is_refused(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "required", lambda name: Path(folder, f"{name}.so"))
    with pytest.raises(CannotGoOn, match="holds a space or a colon and cannot be preloaded"):
        native.preloadable("witness")


def test_a_damaged_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    with pytest.raises(CannotGoOn, match="lacks the library 'witness'; install heapswap again"):
        native.preloadable("witness")
    with pytest.raises(CannotGoOn, match="heapswap-launch is missing"):
        native.launcher()


def test_a_library_that_can_be_preloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    (tmp_path / "scope.so").touch()
    assert native.preloadable("scope") == str(tmp_path / "scope.so")
