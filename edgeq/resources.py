"""Where templates, C runtime and targets lie: beside the package in the repository, inside it in the wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

TEMPLATES = _ROOT / "templates"
TARGETS = _ROOT / "targets"
RUNTIME = _ROOT / "runtime_c"
RUNTIME_INCLUDE = RUNTIME / "include"
RUNTIME_SOURCES = RUNTIME / "src"
RUNTIME_ROUNDING = RUNTIME / "rounding"
"""A folder per `fixedpoint.Rounding`, each with its `rounding.h`."""
