"""Makes pictures with Optimum's pipeline over onnxruntime, a picture for every line on stdin:

python optimum_pictures.py ORDER
"""
import base64
import importlib.metadata
import io
import json
import logging
import platform
import re
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import diffusers  # noqa: E402
import torch  # noqa: E402
from onnxruntime import SessionOptions  # noqa: E402
from optimum.onnxruntime import ORTDiffusionPipeline  # noqa: E402


def say(value: dict) -> None:
    print(json.dumps(value), flush=True)


def peak_bytes() -> int:
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


def main(order: dict) -> None:
    diffusers.logging.set_verbosity_error()
    options = SessionOptions()
    options.intra_op_num_threads = order["threads"]
    pipeline = ORTDiffusionPipeline.from_pretrained(order["folder"], session_options=options)
    pipeline.set_progress_bar_config(disable=True)
    request = order["request"]
    packages = ("onnxruntime", "optimum-onnx", "diffusers", "transformers", "torch")
    say({"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in packages}})
    for _ in sys.stdin:
        started = time.perf_counter()
        image = pipeline(request["prompt"], negative_prompt=request["negativePrompt"] or None,
                         num_inference_steps=request["steps"], guidance_scale=request["guidanceScale"],
                         width=request["width"], height=request["height"],
                         generator=torch.Generator("cpu").manual_seed(request["seed"])).images[0]
        file = io.BytesIO()
        image.save(file, "PNG")
        ms = 1e3 * (time.perf_counter() - started)
        say({"ms": ms, "peakBytes": peak_bytes(), "png": base64.b64encode(file.getvalue()).decode()})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
