"""Goes on training the VAE's decoder alone: python decoder.py DATA RUN --minutes 35

The encoder and so the cached latents stay as they are, which lets this run beside unet.py. The
decoder learns from latents with a little noise, because the UNet's are never quite the encoder's.
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

from scenes import load_images, to_pixels

BATCH = 32
AVERAGING = 0.998
# Largest noise, as a share of the latents' standard deviation.
NOISE = 0.2
EDGE_WEIGHT = 4.0
CHECKPOINT_MINUTES = 4


def edge_weights(pixels: torch.Tensor) -> torch.Tensor:
    """[B, 1, 64, 64]: pixels near an outline count more: there the shapes are told apart."""
    contrast = (pixels - pixels[:, :, :1, :1]).abs().amax(1, keepdim=True)
    spread = F.max_pool2d(contrast, 5, 1, 2) + F.max_pool2d(-contrast, 5, 1, 2)
    return 1 + EDGE_WEIGHT * (spread > 0.1)


def save(vae: AutoencoderKL, parameters: list, average: list, run: Path) -> None:
    """Writes the VAE with the averaged decoder in place of the trained one."""
    trained = [p.detach().clone() for p in parameters]
    with torch.no_grad():
        for parameter, value in zip(parameters, average):
            parameter.copy_(value)
        vae.to(memory_format=torch.contiguous_format).save_pretrained(run / "vae")
        vae.to(memory_format=torch.channels_last)
        for parameter, value in zip(parameters, trained):
            parameter.copy_(value)


def train(vae: AutoencoderKL, images: np.ndarray, latents: np.ndarray, minutes: float,
          rate: float, run: Path, log) -> None:
    # A third faster than planes, in bfloat16 on a CPU.
    vae.requires_grad_(False).to(memory_format=torch.channels_last)
    parameters = [*vae.post_quant_conv.parameters(), *vae.decoder.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    average = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, rate, betas=(0.9, 0.99), fused=True)
    generator = np.random.default_rng(2)
    sigma = 1 / vae.config.scaling_factor
    start, saved, step, progress, total = time.time(), time.time(), 0, 0.0, 0.0
    while progress < 1:
        # The schedule follows the clock, so a busy machine shortens training but not the decay.
        progress = min(1.0, (time.time() - start) / (60 * minutes))
        decay = 0.01 + 0.99 * (0.5 + 0.5 * math.cos(progress * math.pi))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 200) * decay
        chosen = np.sort(generator.integers(0, len(latents), BATCH))
        pixels = to_pixels(images[chosen])
        clean = torch.from_numpy(latents[chosen]).float()
        noise = NOISE * sigma * torch.rand(BATCH, 1, 1, 1) ** 2
        with torch.autocast("cpu", torch.bfloat16):
            decoded = vae.decode(clean + noise * torch.randn_like(clean)).sample.float()
        weights, difference = edge_weights(pixels), decoded - pixels
        loss = (weights * difference.abs()).mean() + (weights * difference**2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 1 - min(AVERAGING, step / (step + 10)))
        total += loss.item()
        if step % 100 == 0:
            line = {"stage": "decoder", "step": step, "samples": step * BATCH,
                    "minutes": round((time.time() - start) / 60, 2), "loss": round(total / 100, 5)}
            print(json.dumps(line), file=log, flush=True)
            total = 0.0
        if time.time() - saved > 60 * CHECKPOINT_MINUTES:
            save(vae, parameters, average, run)
            saved = time.time()
    save(vae, parameters, average, run)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("--minutes", type=float, default=35)
    arguments.add_argument("--rate", type=float, default=1e-3, help="the peak learning rate")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    vae = AutoencoderKL.from_pretrained(options.run / "vae")
    images = load_images(options.data)
    latents = np.load(options.run / "latents.npy")
    with (options.run / "decoder.jsonl").open("a") as log:
        train(vae, images, latents, options.minutes, options.rate, options.run, log)


if __name__ == "__main__":
    main()
