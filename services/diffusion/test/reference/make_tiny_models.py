"""Writes whole models of a few kilobytes: python make_tiny_models.py

They follow prompt, noise and timestep by a formula, so that the engine's handling of types, ranks
and files can be seen without weights. fixtures/tiny/ then holds

batch    float32, a timestep for each sample
scalar   float32, one whole-number timestep, int32 ids, weights beside the graph (external data)
half     float16 UNet and decoder under a float32 text encoder
overflow as half, with a decoder whose values leave float16's range on the way
nan      a UNet that gives NaN
fixed    a UNet that takes 77 tokens of text and no other number

and batch once more for every other type and rank of the timestep: TYPE-scalar, TYPE-batch
"""
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

FIXTURES = Path(__file__).parent / "fixtures"
CHANNELS, FACTOR, TOKENS = 2, 2, 540


def value(name: str, kind: int, shape: list):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, array):
    return numpy_helper.from_array(np.asarray(array), name)


def save(path: Path, nodes, inputs, outputs, constants) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save_model(model, path)


def text_encoder(path: Path, ids: int) -> None:
    """last_hidden_state = ids ÷ TOKENS, [B, S, 1]."""
    node = helper.make_node
    save(path, [
        node("Cast", ["input_ids"], ["floats"], to=T.FLOAT),
        node("Div", ["floats", "tokens"], ["shares"]),
        node("Unsqueeze", ["shares", "last"], ["last_hidden_state"]),
    ], [value("input_ids", ids, ["batch", "sequence"])],
        [value("last_hidden_state", T.FLOAT, ["batch", "sequence", 1])],
        [constant("tokens", np.float32(TOKENS)), constant("last", np.int64([-1]))])


def unet(path: Path, kind: int, timestep: int, scalar: bool, broken: bool = False,
         tokens="sequence") -> None:
    """out_sample = tanh(sample) · 0.7 + mean(text) + timestep ÷ 5000, [B, C, H, W]."""
    node = helper.make_node
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    picture = ["batch", CHANNELS, "height", "width"]
    time = [] if scalar else [node("Unsqueeze", ["slow", "picture"], ["shift"])]
    save(path, [
        node("Log" if broken else "Tanh", ["sample"], ["bent"]),
        node("Mul", ["bent", "gain"], ["weak"]),
        node("ReduceMean", ["encoder_hidden_states"], ["mean"], axes=[1, 2], keepdims=0),
        node("Unsqueeze", ["mean", "picture"], ["text"]),
        node("Cast", ["timestep"], ["time"], to=kind),
        node("Div", ["time", "scale"], ["slow" if time else "shift"]),
        *time,
        node("Add", ["weak", "text"], ["guided"]),
        node("Add", ["guided", "shift"], ["out_sample"]),
    ], [value("sample", kind, picture), value("timestep", timestep, [] if scalar else ["batch"]),
        value("encoder_hidden_states", kind, ["batch", tokens, 1])],
        [value("out_sample", kind, picture)],
        [constant("gain", dtype.type(0.7)), constant("scale", dtype.type(5000)),
         constant("picture", np.int64([1, 2, 3]))])


def decoder(path: Path, kind: int, external: bool, overflows: bool = False) -> None:
    """Two latent channels mixed to three colours, every pixel doubled, [B, 3, 2H, 2W]."""
    node = helper.make_node
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    mix = np.array([[0.2, 0.1], [-0.1, 0.2], [0.15, -0.15]], dtype=dtype).reshape(3, CHANNELS, 1, 1)
    weights = constant("mix", mix)
    if external:
        onnx.external_data_helper.set_external_data(weights, "model.onnx_data")
    detour = [node("Conv", ["latent_sample", "mix"], ["t0"]), node("Mul", ["t0", "up"], ["t1"]),
              node("Mul", ["t1", "up"], ["t2"]), node("Mul", ["t2", "down"], ["t3"]),
              node("Mul", ["t3", "down"], ["mixed"])]
    around = [constant("up", dtype.type(2**12)), constant("down", dtype.type(2**-12))]
    save(path, [
        *(detour if overflows else [node("Conv", ["latent_sample", "mix"], ["mixed"])]),
        node("Resize", ["mixed", "", "scales"], ["sample"], mode="nearest"),
    ], [value("latent_sample", kind, ["batch", CHANNELS, "height", "width"])],
        [value("sample", kind, ["batch", 3, "out_height", "out_width"])],
        [weights, *(around if overflows else []), constant("scales", np.float32([1, 1, FACTOR, FACTOR]))])


def write_model(name: str, *, kind=T.FLOAT, ids=T.INT64, timestep=T.FLOAT, scalar=False,
                external=False, broken=False, overflows=False, tokens="sequence") -> None:
    folder = FIXTURES / "tiny" / name
    shutil.rmtree(folder, ignore_errors=True)
    text_encoder(folder / "text_encoder/model.onnx", ids)
    unet(folder / "unet/model.onnx", kind, timestep, scalar, broken, tokens)
    decoder(folder / "vae_decoder/model.onnx", kind, external, overflows)
    shutil.copytree(FIXTURES / "tokenizers/plain/tokenizer", folder / "tokenizer")
    configs = {
        "model_index.json": {"_class_name": "StableDiffusionPipeline"},
        "text_encoder/config.json": {"max_position_embeddings": 77},
        "unet/config.json": {"in_channels": CHANNELS, "block_out_channels": [1]},
        "vae_decoder/config.json": {"scaling_factor": 5, "block_out_channels": [1] * FACTOR},
        "scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler", "clip_sample": False,
                                            "beta_schedule": "scaled_linear", "beta_start": 0.00085,
                                            "beta_end": 0.012, "steps_offset": 1},
    }
    for path, config in configs.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    write_model("batch")
    write_model("scalar", ids=T.INT32, timestep=T.INT64, scalar=True, external=True)
    write_model("half", kind=T.FLOAT16, timestep=T.FLOAT16)
    write_model("overflow", kind=T.FLOAT16, timestep=T.FLOAT16, overflows=True)
    write_model("nan", broken=True)
    write_model("fixed", tokens=77)
    write_model("float32-scalar", scalar=True)
    write_model("float16-scalar", timestep=T.FLOAT16, scalar=True)
    write_model("float16-batch", timestep=T.FLOAT16)
    write_model("int64-batch", timestep=T.INT64)
