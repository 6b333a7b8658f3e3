"""Writes one network as ONNX, its weights stored in half precision, and checks it."""
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

# Small tensors (norms, biases, constants) stay in full precision: they weigh nothing.
SMALLEST_HALVED = 1024


def export_onnx(module, inputs: dict, outputs: list[str], axes: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    module.eval()
    with torch.no_grad():
        expected = module(*inputs.values())
        torch.onnx.export(module, tuple(inputs.values()), str(path), opset_version=17,
                          input_names=list(inputs), output_names=outputs, dynamic_axes=axes,
                          dynamo=False)
    halve_weights(path)
    expected = expected if isinstance(expected, tuple) else (expected,)
    check(path, inputs, expected)


def halve_weights(path: Path) -> None:
    """Stores weights as float16 behind a Cast to float32: inputs, outputs and arithmetic stay
    float32, and onnxruntime folds the casts when it loads the file."""
    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST_HALVED:
            continue
        name = tensor.name
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def check(path: Path, inputs: dict, expected: tuple) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    actual = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    for one, other in zip(actual, expected):
        scale = other.abs().max().item()
        worst = np.abs(one - other.numpy()).max() / max(scale, 1e-6)
        # Half-precision weights are good for three digits.
        assert worst < 2e-2, f"{path}: differs from torch by {worst:.4f}"
    print(f"{path.parent.name}: {path.stat().st_size / 1e6:.2f} MB, within {worst:.1e} of torch")
