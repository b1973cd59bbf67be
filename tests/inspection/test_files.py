"""files: what cannot be looked at is as good as not there."""

from pathlib import Path

from heapswap.inspection.files import is_file, is_folder


def test_files_and_folders(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    assert is_file(file)
    assert is_file(tmp_path / "link")
    assert is_folder(tmp_path)
    assert not is_folder(file)
    for path in (tmp_path, tmp_path / "broken", file / "below", tmp_path / ("x" * 5000), Path("\0")):
        assert not is_file(path)
