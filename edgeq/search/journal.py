"""Results on disk, so that a search that was interrupted goes on where it was: a line of JSON for each."""

import json
from pathlib import Path
from typing import Any

from edgeq.errors import EdgeqError


class Journal:
    """Results by key, in memory and, given a path, in a file that grows by a line for each.

    A line that was cut off is passed over; lines of other searches are kept.

    Raises:
        EdgeqError: where the file cannot be read or written.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._found: dict[str, Any] = {}
        if self._path is not None and self._path.exists():
            self._read(self._path)

    def _read(self, path: Path) -> None:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise EdgeqError(f"{path}: {error.strerror}") from error
        for line in lines:
            try:
                entry = json.loads(line)
                self._found[entry["key"]] = entry["result"]
            except (ValueError, TypeError, KeyError):
                continue

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def __getitem__(self, key: str) -> Any:
        return self._found[key]

    def add(self, key: str, result: Any) -> None:
        """Keep a result that JSON can hold."""
        self._found[key] = result
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "result": result}) + "\n")
        except OSError as error:
            raise EdgeqError(f"{self._path}: {error.strerror}") from error
