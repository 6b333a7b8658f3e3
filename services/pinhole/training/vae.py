"""Trains the VAE and encodes the training set: python vae.py DATA RUN --minutes 9

decoder.py sharpens the decoder afterwards, beside the training of the UNet.
"""
import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import models
from scenes import load_images, to_pixels

BATCH = 32
PEAK_RATE = 1.5e-3
# Just enough to keep the latents compact and smooth; the pictures must stay crisp.
KL_WEIGHT = 2e-4


def train(images: np.ndarray, minutes: float, log) -> AutoencoderKL:
    vae = models.make_vae().train()
    optimizer = torch.optim.AdamW(vae.parameters(), PEAK_RATE, betas=(0.9, 0.99), fused=True)
    generator = np.random.default_rng(0)
    start, step, progress = time.time(), 0, 0.0
    while progress < 1:
        # The schedule follows the clock, so a busy machine shortens training but not the decay.
        progress = min(1.0, (time.time() - start) / (60 * minutes))
        decay = 0.02 + 0.98 * math.cos(progress * math.pi / 2)
        rate = PEAK_RATE * min(1.0, (step + 1) / 200) * decay
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = np.sort(generator.integers(0, len(images), BATCH))
        pixels = to_pixels(images[chosen])
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(pixels).latent_dist
            decoded = vae.decode(posterior.sample()).sample.float()
        l1, mse = F.l1_loss(decoded, pixels), F.mse_loss(decoded, pixels)
        kl = posterior.kl().float().mean() / (models.LATENT_CHANNELS * models.LATENT_SIDE**2)
        loss = l1 + mse + KL_WEIGHT * kl
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0 or progress == 1:
            line = {"stage": "vae", "step": step, "minutes": round((time.time() - start) / 60, 2),
                    "l1": round(l1.item(), 5), "mse": round(mse.item(), 6),
                    "kl": round(kl.item(), 3)}
            print(json.dumps(line), file=log, flush=True)
    return vae.eval()


@torch.no_grad()
def encode_all(vae: AutoencoderKL, images: np.ndarray) -> torch.Tensor:
    """The means of all latents, unscaled: [N, C, 8, 8]."""
    parts = []
    for i in range(0, len(images), 32):
        pixels = to_pixels(images[i : i + 32])
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(vae.encode(pixels).latent_dist.mean.float())
    return torch.cat(parts)


@torch.no_grad()
def equalise(vae: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    """Folds into the VAE what gives every channel mean 0 and the same spread: easier to denoise.

    The 1x1 convolutions on either side of the latents take the change, so nobody else sees it.
    """
    mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    gain = latents.std() / std
    c = models.LATENT_CHANNELS
    enter, leave = vae.quant_conv, vae.post_quant_conv
    enter.weight[:c] *= gain[:, None, None, None]
    enter.bias[:c] = (enter.bias[:c] - mean) * gain
    enter.bias[c:] += 2 * gain.log()
    leave.bias += leave.weight[:, :, 0, 0] @ mean
    leave.weight /= gain[None, :, None, None]
    return (latents - mean[:, None, None]) * gain[:, None, None]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("--minutes", type=float, default=9)
    options = arguments.parse_args()
    # More threads wait for each other as soon as the machine does anything else.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    options.run.mkdir(parents=True, exist_ok=True)
    images = load_images(options.data)
    with (options.run / "log.jsonl").open("a") as log:
        vae = train(images, options.minutes, log)
    latents = encode_all(vae, images)
    latents = equalise(vae, latents)
    vae.register_to_config(scaling_factor=round(1 / latents.std().item(), 5))
    vae.save_pretrained(options.run / "vae")
    np.save(options.run / "latents.npy", latents.half().numpy())



if __name__ == "__main__":
    main()
