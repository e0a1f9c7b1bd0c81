"""An output folder is whole or as it was, and holds nobody else's files hostage."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import EdgeqError
from edgeq.output import write_file, write_folder


def _files(**files: str) -> dict[str, str]:
    """Files as edgeq writes them: with a manifest that lists them."""
    paths = {path.replace("__", "/").replace("_dot_", "."): content for path, content in files.items()}
    manifest = {"tool": {"name": "edgeq"}, "files": [*paths, "report.json"]}
    return {**paths, "report.json": json.dumps(manifest)}


_OLD = _files(net_dot_c="old c", kernels__old_dot_c="old kernel")
_NEW = _files(net_dot_c="new c", kernels__new_dot_c="new kernel", net_dot_h="new h")


def _content(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def _failing_after(calls: int, function: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    count = 0

    def fail(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count > calls:
            raise error
        return function(*args, **kwargs)

    return fail


def _full_disk() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def test_a_new_folder_has_the_files_and_nothing_else(tmp_path: Path) -> None:
    write_folder(tmp_path / "a" / "b", _NEW)
    assert _content(tmp_path / "a" / "b") == _NEW
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


def test_a_former_run_is_replaced_with_its_stale_files(tmp_path: Path) -> None:
    write_folder(tmp_path, _files(sub__deep__x_dot_c="x", net_dot_c="old c"))
    write_folder(tmp_path, _NEW)
    assert _content(tmp_path) == _NEW
    assert not (tmp_path / "sub").exists()


def test_foreign_files_stay(tmp_path: Path) -> None:
    write_folder(tmp_path, _OLD)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "kernels" / "mine.c").write_text("mine")
    write_folder(tmp_path, _files(net_dot_c="c"))
    expected = {**_files(net_dot_c="c"), "notes.txt": "mine", "kernels/mine.c": "mine"}
    assert _content(tmp_path) == expected


@pytest.mark.parametrize("foreign", ["net.c", "report.json"])
def test_a_foreign_file_is_never_overwritten(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).write_text("{}")
    with pytest.raises(EdgeqError, match=rf"{foreign}: exists and is not from edgeq; choose"):
        write_folder(tmp_path, _NEW)
    assert _content(tmp_path) == {foreign: "{}"}


@pytest.mark.parametrize("manifest", ["[]", "{", '{"tool": {"name": "other"}, "files": ["net.c"]}', '{"tool": 1}'])
def test_a_foreign_manifest_makes_nothing_ours(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "report.json").write_text(manifest)
    (tmp_path / "net.c").write_text("mine")
    with pytest.raises(EdgeqError, match="is not from edgeq"):
        write_folder(tmp_path, _NEW)
    assert (tmp_path / "net.c").read_text() == "mine"


def test_a_manifest_cannot_reach_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside.c"
    outside.write_text("mine")
    folder = tmp_path / "out"
    write_folder(folder, _NEW)
    (folder / "link").symlink_to(tmp_path)
    paths = ["../outside.c", str(outside), "link/outside.c", "", ".", "report.json"]
    (folder / "report.json").write_text(json.dumps({"tool": {"name": "edgeq"}, "files": paths}))
    write_folder(folder, {"fresh.c": "c", "report.json": "{}"})
    assert outside.read_text() == "mine"


def test_a_link_on_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kernels").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EdgeqError, match="kernels: is no plain folder"):
        write_folder(tmp_path / "out", _NEW)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_to_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_folder(tmp_path / "link", _NEW)
    assert (tmp_path / "link").is_symlink()
    assert _content(tmp_path / "real") == _NEW


@pytest.mark.parametrize("written", range(4))
def test_a_full_disk_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    write_folder(tmp_path / "out", _OLD)
    monkeypatch.setattr(Path, "write_bytes", _failing_after(written, Path.write_bytes, _full_disk()))
    with pytest.raises(EdgeqError, match="No space left on device; the folder is left as it was"):
        write_folder(tmp_path / "out", _NEW)
    monkeypatch.undo()
    assert _content(tmp_path / "out") == _OLD
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_bytes", _failing_after(2, Path.write_bytes, _full_disk()))
    with pytest.raises(EdgeqError, match="No space left on device; the folder is not created"):
        write_folder(tmp_path / "a" / "b", _NEW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [_full_disk(), KeyboardInterrupt()], ids=["disk", "interrupt"])
@pytest.mark.parametrize("renamed", range(7))
def test_a_failure_halfway_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: int, error: BaseException
) -> None:
    """3 old files are moved away and 4 new ones in; the rename after `renamed` of them fails, undoing must not."""
    write_folder(tmp_path, _OLD)
    (tmp_path / "kernels" / "mine.c").write_text("mine")
    rename = Path.rename
    failing = _failing_after(renamed, rename, error)

    def fail_once(source: Path, target: Path) -> Path:
        try:
            return failing(source, target)
        except BaseException:
            monkeypatch.setattr(Path, "rename", rename)
            raise

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises((EdgeqError, KeyboardInterrupt)):
        write_folder(tmp_path, _NEW)
    assert _content(tmp_path) == {**_OLD, "kernels/mine.c": "mine"}
    assert not list(tmp_path.glob(".edgeq-*"))


def test_an_unwritable_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(EdgeqError, match="out: cannot be written: Permission denied; the folder is not created"):
        write_folder(tmp_path / "out", _NEW)
    with pytest.raises(EdgeqError, match=r"o\.npz: cannot be written: Permission denied"):
        write_file(tmp_path / "o.npz", b"")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(EdgeqError, match="out: is a file; accepted: a folder"):
        write_folder(tmp_path / "out", _NEW)


def test_a_file_on_the_way_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EdgeqError, match="/file: is a file; accepted: a folder"):
        write_folder(tmp_path / "file" / "out", _NEW)


def test_write_file_replaces_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "o.npz"
    write_file(path, b"old")
    monkeypatch.setattr(Path, "write_bytes", _failing_after(0, Path.write_bytes, _full_disk()))
    with pytest.raises(EdgeqError, match="No space left on device"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    monkeypatch.undo()
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["o.npz"]


def test_write_file_refuses_devices() -> None:
    with pytest.raises(EdgeqError, match="/dev/null: is no plain file"):
        write_file("/dev/null", b"")
