"""Exports the trained networks in the ONNX layout that Optimum writes: python export.py RUN OUT

RUN holds vae/, text_encoder/, unet/ and tokenizer/ as diffusers and transformers save them. With
--untrained the networks of models.py are made on the spot; only RUN/tokenizer must exist.
"""
import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

import models
from onnx_files import export_onnx
from tokenizer import load_tokenizer


class TextEncoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        out = self.model(input_ids=input_ids)
        return out.last_hidden_state, out.pooler_output


class UNet(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.model(sample, timestep, encoder_hidden_states, return_dict=False)[0]


class VaeEncoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, sample):
        # Mean and log variance side by side; whoever serves the model draws the sample.
        return self.model.quant_conv(self.model.encoder(sample))


class VaeDecoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, latent_sample):
        return self.model.decode(latent_sample, return_dict=False)[0]


def export_unet(unet, path: Path, scalar_timestep: bool = False) -> None:
    config = unet.config
    sample = torch.randn(2, config.in_channels, config.sample_size, config.sample_size)
    timestep = torch.tensor(500.0) if scalar_timestep else torch.tensor([500.0, 20.0])
    states = torch.randn(2, models.MAX_TOKENS, config.cross_attention_dim)
    picture = {0: "batch_size", 2: "height", 3: "width"}
    axes = {
        "sample": picture,
        "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
        "out_sample": picture,
    }
    if not scalar_timestep:
        axes["timestep"] = {0: "batch_size"}
    export_onnx(UNet(unet), {"sample": sample, "timestep": timestep,
                             "encoder_hidden_states": states}, ["out_sample"], axes, path)


def export_vae(vae, out: Path) -> None:
    picture = {0: "batch_size", 2: "height", 3: "width"}
    pixels = torch.rand(2, 3, models.SIDE, models.SIDE) * 2 - 1
    export_onnx(VaeEncoder(vae), {"sample": pixels}, ["latent_parameters"],
                {"sample": picture, "latent_parameters": picture},
                out / "vae_encoder" / "model.onnx")
    latents = torch.randn(2, models.LATENT_CHANNELS, models.LATENT_SIDE, models.LATENT_SIDE)
    export_onnx(VaeDecoder(vae), {"latent_sample": latents}, ["sample"],
                {"latent_sample": picture, "sample": picture},
                out / "vae_decoder" / "model.onnx")


def export_text_encoder(text_encoder, tokenizer, out: Path) -> None:
    ids = tokenizer(["a red star", "a large blue ring on white"], padding="max_length",
                    max_length=models.MAX_TOKENS, return_tensors="pt").input_ids
    text = {0: "batch_size", 1: "sequence_length"}
    export_onnx(TextEncoder(text_encoder), {"input_ids": ids},
                ["last_hidden_state", "pooler_output"],
                {"input_ids": text, "last_hidden_state": text, "pooler_output": {0: "batch_size"}},
                out / "text_encoder" / "model.onnx")


def write_configs(vae, text_encoder, unet, out: Path) -> None:
    vae.save_config(out / "vae_encoder")
    vae.save_config(out / "vae_decoder")
    unet.save_config(out / "unet")
    text_encoder.config.save_pretrained(out / "text_encoder")
    models.make_scheduler().save_pretrained(out / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    # Last, because a folder with a model_index.json counts as a model.
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--untrained", action="store_true")
    options = arguments.parse_args()
    run, out = options.run, options.out
    torch.manual_seed(0)
    tokenizer = load_tokenizer(run / "tokenizer")
    if options.untrained:
        vae, unet = models.make_vae(), models.make_unet()
        text_encoder = models.make_text_encoder(tokenizer)
    else:
        vae = AutoencoderKL.from_pretrained(run / "vae")
        unet = UNet2DConditionModel.from_pretrained(run / "unet")
        text_encoder = CLIPTextModel.from_pretrained(run / "text_encoder")
    for model in (vae, unet, text_encoder):
        model.eval()
    shutil.copytree(run / "tokenizer", out / "tokenizer", dirs_exist_ok=True)
    export_text_encoder(text_encoder, tokenizer, out)
    export_unet(unet, out / "unet" / "model.onnx")
    export_vae(vae, out)
    write_configs(vae, text_encoder, unet, out)


if __name__ == "__main__":
    main()
