"""Tiny networks of random weights, of diffusers' and transformers' own classes, and their export to
ONNX with the names of inputs and outputs that Optimum writes."""
import tempfile
from pathlib import Path

import onnx
import onnxruntime as ort
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from onnxruntime.transformers.float16 import convert_float_to_float16
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

VOCABULARY, WIDTH = 540, 8


def text_encoder(layers: int, projection: int | None = None) -> torch.nn.Module:
    config = CLIPTextConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=layers,
        num_attention_heads=2, projection_dim=projection or WIDTH, bos_token_id=538, eos_token_id=539,
        attn_implementation="eager")
    kind = CLIPTextModel if projection is None else CLIPTextModelWithProjection
    return liven(kind(config).eval(), 4)


def unet(in_channels: int = 4, **more) -> UNet2DConditionModel:
    return liven(UNet2DConditionModel(**{
        "sample_size": 8, "in_channels": in_channels, "out_channels": 4, "block_out_channels": (4, 8),
        "layers_per_block": 1, "norm_num_groups": 2, "attention_head_dim": 2,
        "cross_attention_dim": WIDTH, "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), **more}).eval(), 2)


def vae(scaling_factor: float) -> AutoencoderKL:
    """With latents of unit variance, and pictures that are neither flat nor clipped."""
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, latent_channels=4,
        sample_size=32, scaling_factor=scaling_factor).eval()
    with torch.no_grad():
        pixels = torch.rand(1, 3, 64, 64) * 2 - 1
        moments = model._encode(pixels)
        gain = torch.cat([1 / scaling_factor / moments[:, :4].std((0, 2, 3)), torch.full((4,), 0.5)])
        model.quant_conv.weight.mul_(gain[:, None, None, None])
        model.quant_conv.bias.mul_(gain)
        decoded = model.decode(torch.randn(1, 4, 32, 32) / scaling_factor, return_dict=False)[0]
        gain = 0.35 / decoded.std((0, 2, 3))
        model.decoder.conv_out.weight.mul_(gain[:, None, None, None])
        model.decoder.conv_out.bias.copy_((model.decoder.conv_out.bias - decoded.mean((0, 2, 3))) * gain)
    return model


def liven(model: torch.nn.Module, gain: float) -> torch.nn.Module:
    """So that text and timestep are seen in what comes out; fresh weights hardly let them."""
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() > 1 and ("attn" in name or "emb" in name):
                weights.mul_(gain)
    return model


class Call(torch.nn.Module):
    """A network with inputs by position, as the exporter wants them."""

    def __init__(self, network: torch.nn.Module, call):
        super().__init__()
        self.network, self.call = network, call

    def forward(self, *inputs):
        return self.call(self.network, *inputs)


def export(path: Path, network, call, inputs: dict, outputs: list[str], axes: dict,
           weights: str | None = None) -> None:
    """Through onnxruntime's constant folding, without names: else most bytes would be graph.

    `weights`: the file beside the graph that they go to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        plain, folded = f"{folder}/plain.onnx", f"{folder}/folded.onnx"
        torch.onnx.export(Call(network, call), tuple(inputs.values()), plain, dynamo=False,
                          input_names=list(inputs), output_names=outputs, dynamic_axes=axes,
                          opset_version=17)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = folded
        options.log_severity_level = 3
        ort.InferenceSession(plain, options)
        external = {"save_as_external_data": True, "location": weights, "size_threshold": 64} if weights else {}
        onnx.save(renamed(onnx.load(folded)), path, **external)


def halve(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(renamed(convert_float_to_float16(onnx.load(source))), path)


def put_beside(source: Path, path: Path, locations: list[str]) -> None:
    """The same network with its weights in files beside it, in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(source)
    large = [weights for weights in model.graph.initializer if len(weights.raw_data) >= 64]
    for i, weights in enumerate(large):
        onnx.external_data_helper.set_external_data(weights, locations[i % len(locations)])
    onnx.save(model, path)


def renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    graph, names = model.graph, {}
    public = {value.name for value in [*graph.input, *graph.output]}

    def short(name: str) -> str:
        return name if name == "" or name in public else names.setdefault(name, f"t{len(names):x}")

    for weights in graph.initializer:
        weights.name = short(weights.name)
    for node in graph.node:
        node.name = node.doc_string = ""
        node.input[:] = map(short, node.input)
        node.output[:] = map(short, node.output)
    del graph.value_info[:]
    opsets = [entry for entry in model.opset_import if entry.domain in ("", "com.microsoft")]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


PICTURE = {0: "batch", 2: "height", 3: "width"}


def export_text_encoder(path: Path, network, ids=torch.int64, hidden_states: bool = False) -> None:
    layers = network.config.num_hidden_layers
    pooled = "text_embeds" if isinstance(network, CLIPTextModelWithProjection) else "pooler_output"
    names = ["text_embeds", "last_hidden_state"] if pooled == "text_embeds" else [
        "last_hidden_state", "pooler_output"]
    if hidden_states:
        names += [f"hidden_states.{i}" for i in range(layers + 1)]

    def call(text, input_ids):
        given = text(input_ids, output_hidden_states=True)
        return [given.hidden_states[int(n.split(".")[1])] if "." in n else given[n] for n in names]

    states = [name for name in names if name != pooled]
    export(path, network, call, {"input_ids": torch.zeros((2, 77), dtype=ids)}, names,
           {"input_ids": {0: "batch"}, **{name: {0: "batch"} for name in states}, pooled: {0: "batch"}})


def export_unet(path: Path, network, extra: dict, timestep=torch.tensor(10),
                weights: str | None = None) -> None:
    """`extra` names the inputs of a family beside sample, timestep and text, with an example."""
    width = network.config.cross_attention_dim

    def call(net, sample, t, states, *values):
        given = dict(zip(extra, values))
        return net(sample, t, states, timestep_cond=given.pop("timestep_cond", None),
                   added_cond_kwargs=given or None, return_dict=False)[0]

    inputs = {"sample": torch.randn(2, network.config.in_channels, 8, 8), "timestep": timestep,
              "encoder_hidden_states": torch.randn(2, 77, width), **extra}
    axes = {"sample": PICTURE, "encoder_hidden_states": {0: "batch", 1: "tokens"},
            "out_sample": PICTURE, **{name: {0: "batch"} for name in extra}}
    if timestep.dim() > 0:
        axes["timestep"] = {0: "batch"}
    export(path, network, call, inputs, ["out_sample"], axes, weights)


def export_vae(folder: Path, network, samples: bool = False) -> None:
    """`samples`: the encoder draws in the graph, as in the first exports."""
    export(folder / "vae_decoder/model.onnx", network,
           lambda net, latents: net.decode(latents, return_dict=False)[0],
           {"latent_sample": torch.randn(1, 4, 8, 8)}, ["sample"],
           {"latent_sample": PICTURE, "sample": PICTURE})
    output = "latent_sample" if samples else "latent_parameters"
    export(folder / "vae_encoder/model.onnx", network,
           lambda net, pixels: (net.encode(pixels).latent_dist.sample() if samples
                                else net.encode(pixels).latent_dist.parameters),
           {"sample": torch.rand(1, 3, 16, 16)}, [output], {"sample": PICTURE, output: PICTURE})
