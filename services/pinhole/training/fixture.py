"""Writes the scalar-timestep fixture: python fixture.py OUT/model.onnx

An untrained UNet with pinhole's interface but for the timestep, which has rank 0, as Optimum's own
exports have it. It exists to test that a server reads the rank from the file.
"""
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

import models
from export import export_unet

torch.manual_seed(0)
unet = UNet2DConditionModel(
    sample_size=models.LATENT_SIDE,
    in_channels=models.LATENT_CHANNELS,
    out_channels=models.LATENT_CHANNELS,
    block_out_channels=(8, 16),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    layers_per_block=1,
    norm_num_groups=4,
    cross_attention_dim=models.HIDDEN,
    attention_head_dim=2,
)
path = Path(sys.argv[1])
export_unet(unet.eval(), path, scalar_timestep=True)
unet.save_config(path.parent)
