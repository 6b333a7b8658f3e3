"""Fits what previews need, a linear map from latents to colours: python latent_rgb.py MODEL DATA

Passes the pictures of DATA (write-scenes.ts) through MODEL's encoder, holds each latent against the
mean colour of the pixels that it stands for, and writes the least-squares fit into
MODEL/vae_decoder/config.json, as `latent_rgb_factors` and `latent_rgb_factors_bias`.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

model, data = map(Path, sys.argv[1:3])
path = model / "vae_decoder/config.json"
config = json.loads(path.read_text())
images = np.memmap(data / "images.bin", np.uint8, "r").reshape(-1, 64, 64, 3)
pixels = (images.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)
encoder = ort.InferenceSession(model / "vae_encoder/model.onnx")
means = np.concatenate([encoder.run(["latent_parameters"], {"sample": part})[0][:, :config["latent_channels"]]
                        for part in np.array_split(pixels, max(1, len(pixels) // 50))])
count, channels, height, width = means.shape
latents = (means * config["scaling_factor"]).transpose(0, 2, 3, 1).reshape(-1, channels)
colours = pixels.reshape(count, 3, height, 64 // height, width, 64 // width).mean((3, 5))
colours = colours.transpose(0, 2, 3, 1).reshape(-1, 3)
fit, *_ = np.linalg.lstsq(np.c_[latents, np.ones(len(latents))], colours, rcond=None)
left = colours - np.c_[latents, np.ones(len(latents))] @ fit
print(f"{count} pictures, {1 - left.var() / colours.var():.1%} of the colours' variance")
config["latent_rgb_factors"] = fit[:-1].round(4).tolist()
config["latent_rgb_factors_bias"] = fit[-1].round(4).tolist()
path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
