"""diffusers' components whose networks are exported ones, run by onnxruntime, as Optimum's are.

What the pipeline computes itself stays float32, whatever the networks are in: torch draws other noise for
float16.
"""
import copy
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.clip.modeling_clip import CLIPTextModelOutput

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64}


class Network:
    def __init__(self, folder: Path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def __call__(self, **inputs) -> dict:
        """Outputs by name, float32."""
        given = {i.name: np.asarray(inputs[i.name]).astype(TYPES[i.type]) for i in self.session.get_inputs()}
        outputs = self.session.run(None, given)
        return {o.name: torch.from_numpy(value.astype(np.float32))
                for o, value in zip(self.session.get_outputs(), outputs)}


def exported(folder: Path, parts: dict) -> dict:
    """`parts` with the networks of the folder in them; the VAE of XL in torch, in float32 with the folder's
    weights, as pipelines run a float16 one that says `force_upcast`."""
    made = {**parts, "unet": unet(Network(folder / "unet"), parts["unet"])}
    for name in ("text_encoder", "text_encoder_2"):
        if name in parts:
            made[name] = text_encoder(Network(folder / name), parts[name])
    if "text_encoder_2" in parts:
        made["vae"] = copy.deepcopy(parts["vae"]).half().float()
    else:
        made["vae"] = vae(Network(folder / "vae_encoder"), Network(folder / "vae_decoder"), parts["vae"])
    return made


def text_encoder(network: Network, own):
    def forward(input_ids, output_hidden_states=False, **_):
        given = network(input_ids=input_ids)
        states = [given[name] for name in sorted(given) if name.startswith("hidden_states.")] or None
        if "text_embeds" in given:
            return CLIPTextModelOutput(text_embeds=given["text_embeds"], hidden_states=states,
                                       last_hidden_state=given["last_hidden_state"])
        return BaseModelOutputWithPooling(last_hidden_state=given["last_hidden_state"], hidden_states=states,
                                          pooler_output=given["pooler_output"])

    return replaced(own, forward=forward)


def unet(network: Network, own):
    def forward(sample, timestep, encoder_hidden_states, timestep_cond=None, added_cond_kwargs=None, **_):
        return (network(sample=sample, timestep=timestep, encoder_hidden_states=encoder_hidden_states,
                        timestep_cond=timestep_cond, **(added_cond_kwargs or {}))["out_sample"],)

    return replaced(own, forward=forward)


def vae(encoder: Network, decoder: Network, own):
    def encode(x, **_):
        moments = encoder(sample=x)["latent_parameters"]
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(moments))

    def decode(z, return_dict=True, **_):
        # One at a time, as pipelines of exported models do.
        sample = torch.cat([decoder(latent_sample=latents[None])["sample"] for latents in z])
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    return replaced(own, encode=encode, decode=decode)


def replaced(own, **methods):
    made = copy.deepcopy(own)
    for name, method in methods.items():
        setattr(made, name, method)
    return made
