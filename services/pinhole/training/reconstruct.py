"""Passes drawn pictures through the VAE: python reconstruct.py RUN FOLDER

Reads FOLDER/drawn.bin, writes FOLDER/images.bin for judge-pictures.ts and FOLDER/grid.png: what the
judge finds wrong here, no UNet can get right.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from sample import save_grid
from scenes import to_pixels

run, folder = map(Path, sys.argv[1:3])
vae = AutoencoderKL.from_pretrained(run / "vae").eval()
drawn = np.fromfile(folder / "drawn.bin", np.uint8).reshape(-1, 64, 64, 3)
with torch.no_grad():
    decoded = torch.cat([
        vae.decode(vae.encode(to_pixels(part)).latent_dist.mean).sample
        for part in np.array_split(drawn, max(1, len(drawn) // 50))
    ])
images = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
images.tofile(folder / "images.bin")
rows = (-1, 10, 64, 64, 3)
pairs = np.concatenate([drawn[:50].reshape(rows), images[:50].reshape(rows)], axis=1)
save_grid(pairs.reshape(-1, 64, 64, 3), folder / "grid.png")
