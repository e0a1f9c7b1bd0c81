"""The real models and data that lie beside the project in CI: in `EDGEQ_SHARED`, or in `../shared`."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("EDGEQ_SHARED", Path(__file__).parents[2] / "shared"))
MODELS = SHARED / "models"
DATASETS = SHARED / "datasets"

requires_shared = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the shared models are not beside this clone; set EDGEQ_SHARED to their folder"
)


def tflite_models() -> list[Path]:
    """Every TFLite file, sorted; none where the folder is missing."""
    return sorted(MODELS.glob("*.tflite"))
