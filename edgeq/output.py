"""Puts a set of files into a folder: all of them or none, and never over a file that edgeq did not write.

Everything is first written to a temporary folder on the same file system; what follows are renames, each of which is
undone if a later one fails. A full disk therefore leaves the old folder as it was. The former run's files are known
from its report.json; those that are not written again are removed.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

from edgeq.errors import EdgeqError

MANIFEST = "report.json"
"""The file that lists, under "files", what edgeq wrote."""

TOOL = "edgeq"
"""What the manifest says of its maker."""


def write_folder(folder: str | Path, files: Mapping[str, str]) -> None:
    """Make `folder` contain `files`.

    Args:
        folder: created where it does not exist, parents included. Foreign files in it stay as they are.
        files: relative path, with slashes, to content. `report.json` among them makes the next run replace this one.

    Raises:
        EdgeqError: where the folder cannot be written, or a file would overwrite one that is not edgeq's.
    """
    target = Path(os.path.realpath(folder))
    outcome = "not created"
    try:
        existing = next(p for p in (target, *target.parents) if p.exists())
        if not existing.is_dir():
            raise EdgeqError(f"{existing}: is a file; accepted: a folder, or a path where one can be made")
        if existing == target:
            outcome = "left as it was"
            _replace(target, files)
        else:
            _create(target, files)
    except OSError as error:
        raise EdgeqError(f"{folder}: cannot be written: {error.strerror or error}; the folder is {outcome}") from error


def write_file(path: str | Path, content: bytes) -> None:
    """Write one file, whole or not at all; EdgeqError where that fails."""
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            raise EdgeqError(f"{path}: is no plain file; accepted: a file, or a path where one can be made")
        with _temporary_folder(target.parent) as temporary:
            _fill(temporary, {target.name: content})
            (temporary / target.name).replace(target)
    except OSError as error:
        raise EdgeqError(f"{path}: cannot be written: {error.strerror or error}") from error


def _create(target: Path, files: Mapping[str, str]) -> None:
    missing = [p for p in (target.parent, *target.parent.parents) if not p.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_folder(target.parent) as temporary:
            _fill(temporary, _encoded(files))
            temporary.chmod(0o777 & ~_umask())
            temporary.rename(target)
    except BaseException:
        for parent in missing:
            _remove_if_empty(parent)
        raise


def _replace(target: Path, files: Mapping[str, str]) -> None:
    former = _former_files(target)
    for path in files:
        _require_ours(target, path, former)
    # Inside the folder, not beside it: the same file system even where the folder is a mount point.
    with _temporary_folder(target) as temporary:
        new, old = temporary / "new", temporary / "old"
        _fill(new, _encoded(files))
        with _Renames() as renames:
            for path in former:
                renames.move(target / path, old / path)
            for path in files:
                renames.move(new / path, target / path)
        for path in former:
            for parent in PurePosixPath(path).parents[:-1]:
                _remove_if_empty(target / parent)


def _former_files(target: Path) -> list[str]:
    """What the former run wrote and is still there; empty where there was none.

    The manifest is only trusted for paths that stay within the folder.
    """
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        ours = manifest["tool"]["name"] == TOOL
        paths = [str(p) for p in manifest["files"]] if ours else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [p for p in dict.fromkeys(paths) if _stays_within(p) and _is_plain(target, p) and (target / p).is_file()]


def _stays_within(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts


def _is_plain(target: Path, path: str) -> bool:
    """Whether neither the file nor a folder on the way to it is a link to somewhere else."""
    steps = [PurePosixPath(path), *PurePosixPath(path).parents]
    return not any((target / step).is_symlink() for step in steps if step.parts)


def _require_ours(target: Path, path: str, former: list[str]) -> None:
    if path in former:
        return
    if os.path.lexists(target / path):
        raise EdgeqError(f"{target / path}: exists and is not from edgeq; choose another folder, or move the file away")
    for parent in PurePosixPath(path).parents:
        place = target / parent
        if parent.parts and (place.is_symlink() or (place.exists() and not place.is_dir())):
            raise EdgeqError(f"{place}: is no plain folder; choose another output folder, or move it away")


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".edgeq-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: content.encode() for path, content in files.items()}


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


@dataclass
class _Renames:
    """Renames that are undone, last first, if the block ends with an exception."""

    done: list[tuple[Path, Path]] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)

    def move(self, source: Path, target: Path) -> None:
        self._make(target.parent)
        source.rename(target)
        self.done.append((source, target))

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir()
            self.made.append(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        for source, target in reversed(self.done):
            target.rename(source)
        for folder in reversed(self.made):
            _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # not empty


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
