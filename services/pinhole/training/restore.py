"""Makes a RUN of the exported model, to go on training from it: python restore.py MODEL DATA RUN

The ONNX files are the only checkpoint that is kept: 14 MB of averaged weights in half precision.
What they lack is the optimizer's state, which a few hundred steps make anew.
"""
import argparse
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import models
from scenes import load_images, load_scenes
from text_encoder import encode_captions, tokenize
from tokenizer import load_tokenizer
from vae import encode_all


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The float32 weights of an exported network by their names in its module."""
    graph = onnx.load(str(path)).graph
    weights = {}
    for tensor in graph.initializer:
        name = tensor.name.removesuffix(".half")
        weights[name] = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
    # The exporter names these after their operations: a linear layer's weight, which it transposes,
    # and a group norm's weight and bias, which it gives two axes more.
    parameters = {"MatMul": "weight", "Mul": "weight", "Add": "bias"}
    for node in graph.node:
        if node.op_type in parameters and node.input[1].startswith("onnx::"):
            layer = node.name.strip("/").removesuffix(f"/{node.op_type}").replace("/", ".")
            value = weights.pop(node.input[1])
            weights[f"{layer}.{parameters[node.op_type]}"] = (
                value.T if node.op_type == "MatMul" else value.flatten())
    return {name.removeprefix("model."): value for name, value in weights.items()}


def restore(module: torch.nn.Module, *files: Path) -> torch.nn.Module:
    """@raises RuntimeError where a weight of the module is in none of the files"""
    wanted = module.state_dict()
    found = {name: value for file in files for name, value in read_weights(file).items()
             if name in wanted}
    missing = wanted.keys() - found.keys() - {n for n in wanted if n.endswith("position_ids")}
    if missing:
        raise RuntimeError(f"{files[0]} lacks {len(missing)} weights, {min(missing)} for one")
    module.load_state_dict(found, strict=False)
    return module.eval()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model", type=Path)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("run", type=Path)
    options = arguments.parse_args()
    model, run = options.model, options.run
    torch.set_num_threads(1)
    shutil.copytree(model / "tokenizer", run / "tokenizer", dirs_exist_ok=True)
    tokenizer = load_tokenizer(run / "tokenizer")
    vae = restore(models.make_vae(), *(model / f"vae_{half}" / "model.onnx"
                                       for half in ("encoder", "decoder")))
    config = vae.load_config(model / "vae_decoder")
    vae.register_to_config(scaling_factor=config["scaling_factor"])
    text_encoder = restore(models.make_text_encoder(tokenizer),
                           model / "text_encoder" / "model.onnx")
    unet = restore(models.make_unet(), model / "unet" / "model.onnx")
    for name, module in {"vae": vae, "text_encoder": text_encoder, "unet": unet}.items():
        module.save_pretrained(run / name)
    np.save(run / "latents.npy", encode_all(vae, load_images(options.data)).half().numpy())
    ids = tokenize(tokenizer, load_scenes(options.data))
    empty = tokenizer("", padding="max_length", max_length=models.MAX_TOKENS, return_tensors="pt")
    torch.save({"captions": encode_captions(text_encoder, ids),
                "empty": encode_captions(text_encoder, empty.input_ids)[0]}, run / "captions.pt")


if __name__ == "__main__":
    main()
