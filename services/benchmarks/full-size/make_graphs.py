"""Writes fixtures/: the graphs of models at the size that people have, without their weights:

python make_graphs.py [NAME ...]

Networks of diffusers' and transformers' own classes in the published sizes, exported to ONNX as Optimum
exports them (TorchScript, opset 18, float32), in its layout. The parameters take no memory: each is one
zero, repeated by a stride of 0. Needs ../../diffusion/test/reference/requirements.txt.

fixtures/NAME/PART/model.onnx.gz    the graph; its weights are external data in model.onnx_data
fixtures/NAME/PART/weights.json.gz  a row for each of them: byte offset, number of float32 values, and the
                                  mean and standard deviation of a normal distribution that keeps the
                                  activations finite: weights have 1 / sqrt(fan-in), scales of norms are
                                  1, biases 0
fixtures/NAME/**/*.json             the configurations
"""
import gzip
import json
import math
import sys
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "diffusion/test/reference"))

from make_clip_tokens import folders  # noqa: E402
from published import PUBLISHED  # noqa: E402
from tiny_networks import PICTURE, Call  # noqa: E402

warnings.filterwarnings("ignore")
OPSET = 18
# Readers map the file into memory page by page.
PAGE = 4096
# Fewer values that are all the same stay in the graph.
SMALLEST_EXTERNAL = 256

# As in text_encoder/config.json, unet/config.json and vae/config.json of the published models.
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
          "hidden_act": "quick_gelu", "projection_dim": 768}
CLIP_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
          "hidden_act": "gelu", "projection_dim": 1280}
UNET_1_5 = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
UNET_XL = {"sample_size": 128, "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20],
           "block_out_channels": (320, 640, 1280), "transformer_layers_per_block": [1, 2, 10],
           "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
           "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
           "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
           "projection_class_embeddings_input_dim": 2816, "use_linear_projection": True}
VAE = {"block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4,
       "up_block_types": ("UpDecoderBlock2D",) * 4, "layers_per_block": 2}


def weightless(make) -> torch.nn.Module:
    with torch.device("meta"):
        network = make().eval()
    for module in network.modules():
        for name, weights in list(module.named_parameters(recurse=False)):
            empty = torch.zeros(()).expand(weights.shape)
            setattr(module, name, torch.nn.Parameter(empty, requires_grad=False))
        for name, values in list(module.named_buffers(recurse=False)):
            if name != "position_ids":
                raise ValueError(f"what is in the buffer {name}?")
            setattr(module, name, torch.arange(values.shape[-1])[None])
    return network


def text_encoder(config: dict, projection: bool = False) -> torch.nn.Module:
    config = CLIPTextConfig(vocab_size=49408, bos_token_id=49406, eos_token_id=49407,
                            max_position_embeddings=77, attn_implementation="eager", **config)
    kind = CLIPTextModelWithProjection if projection else CLIPTextModel
    return weightless(lambda: kind(config))


class Weights:
    """Moves a graph's weights out of it, to places in a file that does not exist yet."""

    def __init__(self, model: onnx.ModelProto, shapes: dict[str, tuple]):
        self.graph, self.shapes, self.rows, self.end = model.graph, shapes, [], 0

    def fold(self) -> None:
        """Transposed and reshaped weights become weights, as the exporter does where it has them."""
        kept, constants = [], {}
        for node in self.graph.node:
            if node.op_type == "Constant":
                constants[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
            dims = self.shapes.get(node.input[0]) if node.input else None
            if dims is not None and node.op_type in ("Transpose", "Unsqueeze", "Identity"):
                if node.op_type == "Transpose":
                    dims = tuple(dims[axis] for axis in node.attribute[0].ints)
                if node.op_type == "Unsqueeze":
                    for axis in constants[node.input[1]]:
                        axis = int(axis) if axis >= 0 else len(dims) + 1 + int(axis)
                        dims = (*dims[:axis], 1, *dims[axis:])
                self.shapes[node.output[0]] = dims
            else:
                kept.append(node)
        del self.graph.node[:]
        self.graph.node.extend(kept)

    def describe(self, node: onnx.NodeProto, position: int, dims: tuple) -> tuple[float, float]:
        """Mean and standard deviation of the weights that a node takes at a position."""
        match node.op_type, position:
            case "Conv", 1:
                return 0, 1 / math.sqrt(math.prod(dims[1:]))
            case "Gemm", 1:
                transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
                return 0, 1 / math.sqrt(dims[1] if transposed else dims[0])
            case "MatMul", 1:
                return 0, 1 / math.sqrt(dims[0])
            case "Gather", 0:
                return 0, 1
            case ("LayerNormalization", 1) | ("Mul", _):
                return 1, 0
            case ("LayerNormalization", 2) | ("Conv", 2) | ("Gemm", 2) | ("Add", _):
                return 0, 0
        raise ValueError(f"what does {node.op_type} do with its input {position}, {dims}?")

    def place(self) -> None:
        """One tensor for each use, in the order of use."""
        placed = {}
        for node in self.graph.node:
            for position, name in enumerate(node.input):
                dims = self.shapes.get(name)
                if dims is None:
                    continue
                mean, deviation = self.describe(node, position, dims)
                if placed.setdefault(name, (mean, deviation)) != (mean, deviation):
                    raise ValueError(f"{name} has two uses")
                if not any(tensor.name == name for tensor in self.graph.initializer):
                    self.graph.initializer.append(self.tensor(name, dims, mean, deviation))

    def tensor(self, name: str, dims: tuple, mean: float, deviation: float) -> onnx.TensorProto:
        count = math.prod(dims)
        if count < SMALLEST_EXTERNAL and deviation == 0:
            return onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, dims, [mean] * count)
        tensor = onnx.TensorProto(name=name, dims=dims, data_type=onnx.TensorProto.FLOAT,
                                  data_location=onnx.TensorProto.EXTERNAL)
        place = {"location": "model.onnx_data", "offset": self.end, "length": 4 * count}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.rows.append([self.end, count, mean, float(f"{deviation:.6g}")])
        self.end += -(-4 * count // PAGE) * PAGE
        return tensor


def export(folder: Path, network, call, inputs: dict, outputs: list[str], axes: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        path = f"{temporary}/model.onnx"
        torch.onnx.export(Call(network, call), tuple(inputs.values()), path, dynamo=False,
                          export_params=False, input_names=list(inputs), output_names=outputs,
                          dynamic_axes=axes, opset_version=OPSET)
        model = onnx.load(path)
    shapes = {value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
              for value in model.graph.input if value.name not in inputs}
    public = [value for value in model.graph.input if value.name in inputs]
    del model.graph.input[:], model.graph.value_info[:]
    model.graph.input.extend(public)
    weights = Weights(model, shapes)
    weights.fold()
    weights.place()
    for node in model.graph.node:
        node.doc_string = ""
    shorten(model.graph)
    onnx.checker.check_model(model, check_custom_domain=False) if not weights.rows else None
    write(folder / "model.onnx.gz", model.SerializeToString(deterministic=True))
    write(folder / "weights.json.gz", json.dumps(weights.rows, separators=(",", ":")).encode())
    total = sum(count for _, count, _, _ in weights.rows)
    print(f"{folder.relative_to(HERE)}: {total / 1e6:.1f} M values, {len(model.graph.node)} nodes")


def shorten(graph: onnx.GraphProto) -> None:
    """Names are most of the bytes of a graph without weights."""
    public, names = {value.name for value in [*graph.input, *graph.output]}, {}

    def short(name: str) -> str:
        return name if name == "" or name in public else names.setdefault(name, f"t{len(names):x}")

    for tensor in graph.initializer:
        tensor.name = short(tensor.name)
    for index, node in enumerate(graph.node):
        node.name = f"n{index:x}"
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)


def write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 9, mtime=0))


def write_json(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, default=str) + "\n")


def export_text_encoder(folder: Path, network, hidden_states: bool) -> None:
    is_projected = isinstance(network, CLIPTextModelWithProjection)
    names = ["text_embeds", "last_hidden_state"] if is_projected else ["last_hidden_state", "pooler_output"]
    if hidden_states:
        names += [f"hidden_states.{i}" for i in range(network.config.num_hidden_layers + 1)]

    def call(text, input_ids):
        given = text(input_ids, output_hidden_states=True)
        return [given.hidden_states[int(n.split(".")[1])] if "." in n else given[n] for n in names]

    export(folder, network, call, {"input_ids": torch.zeros((2, 77), dtype=torch.int64)}, names,
           {name: {0: "batch"} for name in ["input_ids", *names]})
    write_json(folder / "config.json", network.config.to_diff_dict())


def export_unet(folder: Path, config: dict) -> None:
    network = weightless(lambda: UNet2DConditionModel(**config))
    added = {"text_embeds": torch.randn(2, 1280), "time_ids": torch.rand(2, 6)} if (
        network.config.addition_embed_type == "text_time") else {}

    def call(net, sample, timestep, states, *values):
        return net(sample, timestep, states, added_cond_kwargs=dict(zip(added, values)) or None,
                   return_dict=False)[0]

    inputs = {"sample": torch.randn(2, 4, 16, 16), "timestep": torch.tensor(10),
              "encoder_hidden_states": torch.randn(2, 77, config["cross_attention_dim"]), **added}
    export(folder, network, call, inputs, ["out_sample"],
           {"sample": PICTURE, "encoder_hidden_states": {0: "batch", 1: "tokens"},
            "out_sample": PICTURE, **{name: {0: "batch"} for name in added}})
    write_json(folder / "config.json", dict(network.config))


def export_vae(folder: Path, **config) -> None:
    network = weightless(lambda: AutoencoderKL(**VAE, **config))
    export(folder / "vae_decoder", network, lambda net, latents: net.decode(latents, return_dict=False)[0],
           {"latent_sample": torch.randn(1, 4, 8, 8)}, ["sample"],
           {"latent_sample": PICTURE, "sample": PICTURE})
    export(folder / "vae_encoder", network, lambda net, pixels: net.encode(pixels).latent_dist.parameters,
           {"sample": torch.rand(1, 3, 64, 64)}, ["latent_parameters"],
           {"sample": PICTURE, "latent_parameters": PICTURE})
    for half in ("vae_decoder", "vae_encoder"):
        write_json(folder / half / "config.json", dict(network.config))


def publish(folder: Path, name: str, tokenizers: dict[str, str]) -> None:
    index = dict(PUBLISHED[name]["model_index"])
    # They are no part of what is measured, and the folder holds none.
    for absent in {"safety_checker", "feature_extractor"} & set(index):
        index[absent] = [None, None]
    write_json(folder / "model_index.json", index | {"requires_safety_checker": False})
    write_json(folder / "scheduler/scheduler_config.json", PUBLISHED[name]["scheduler"])
    for tokenizer, source in tokenizers.items():
        for file, value in folders()[source].items():
            write_json(folder / tokenizer / file, value)


def stable_diffusion(folder: Path) -> None:
    publish(folder, "sd-1.5", {"tokenizer": "sd1"})
    export_text_encoder(folder / "text_encoder", text_encoder(CLIP_L), hidden_states=False)
    export_unet(folder / "unet", UNET_1_5)
    export_vae(folder, sample_size=512)


def stable_diffusion_xl(folder: Path) -> None:
    publish(folder, "sdxl-base", {"tokenizer": "sd1", "tokenizer_2": "xl"})
    export_text_encoder(folder / "text_encoder", text_encoder(CLIP_L), hidden_states=True)
    export_text_encoder(folder / "text_encoder_2", text_encoder(CLIP_G, projection=True), hidden_states=True)
    export_unet(folder / "unet", UNET_XL)
    export_vae(folder, sample_size=1024, scaling_factor=0.13025, force_upcast=True)


MODELS = {"sd-1.5": stable_diffusion, "sdxl-base": stable_diffusion_xl}

if __name__ == "__main__":
    with torch.no_grad():
        for name in sys.argv[1:] or MODELS:
            MODELS[name](HERE / "fixtures" / name)
