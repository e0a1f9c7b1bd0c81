"""The real models and data that lie beside the project in CI: in `EDGEQ_SHARED`, or in `../shared`."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("EDGEQ_SHARED", Path(__file__).parents[2] / "shared"))
MODELS = SHARED / "models"
DATASETS = SHARED / "datasets"

# What edgeq must compile, all of it; int8 models equal TFLM in every value.
INT8_MODELS = (
    "arduino_magic_wand_int8",
    "ei_himax_dense_int8",
    "ei_image_mobilenet96_int8",
    "mlperf_ad01_int8",
    "mlperf_kws_int8",
    "mlperf_resnet8_int8",
    "mlperf_vww96_int8",
    "mltk_kws_mobilenetv2_int8",
    "mltk_magic_wand_int8",
    "mltk_rock_paper_scissors_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
    "tflm_person_detect_int8",
    "tinyengine_detection_int8",
    "tinymaix_mbnet96_int8",
    "tinymaix_mnist_resnet_int8",
    "tinymaix_mnist_valid_int8",
)
UINT8_MODELS = ("coral_mobilenet_v1_025_128_uint8", "litert_fc_qat_mnist")

requires_shared = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the shared models are not beside this clone; set EDGEQ_SHARED to their folder"
)


def tflite_models() -> list[Path]:
    """Every TFLite file, sorted; none where the folder is missing."""
    return sorted(MODELS.glob("*.tflite"))


def onnx_models() -> list[Path]:
    """Every ONNX file, sorted; none where the folder is missing."""
    return sorted(MODELS.glob("*.onnx"))
