"""Draws prompts with the exported model: python sample.py MODEL FOLDER [--steps 20 --guidance 1.5]

Reads FOLDER/prompts.jsonl, writes FOLDER/images.bin for judge-pictures.ts and FOLDER/grid.png.
"""
import argparse
import json
from pathlib import Path

import diffusers
import numpy as np
import onnxruntime
import torch
from PIL import Image
from transformers import CLIPTokenizer

BATCH = 25


class Model:
    def __init__(self, folder: Path):
        self.folder = folder
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        config = json.loads((folder / "vae_decoder/config.json").read_text())
        self.scaling = config["scaling_factor"]
        self.parts = {
            name: onnxruntime.InferenceSession(str(folder / name / "model.onnx"),
                                               providers=["CPUExecutionProvider"])
            for name in ("text_encoder", "unet", "vae_decoder")
        }

    def run(self, part: str, **inputs: np.ndarray) -> np.ndarray:
        return self.parts[part].run(None, inputs)[0]

    def encode(self, prompts: list[str]) -> np.ndarray:
        ids = self.tokenizer(prompts, padding="max_length", truncation=True)["input_ids"]
        return self.run("text_encoder", input_ids=np.array(ids, np.int64))

    def draw(self, prompts: list[str], scheduler, steps: int, guidance: float, seed: int):
        """RGB bytes [N, 64, 64, 3]"""
        n = len(prompts)
        states = np.concatenate([self.encode([""] * n), self.encode(prompts)])
        generator = torch.Generator().manual_seed(seed)
        scheduler.set_timesteps(steps)
        latents = torch.randn(n, 8, 8, 8, generator=generator) * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            sample = scheduler.scale_model_input(torch.cat([latents] * 2), t).numpy()
            timestep = np.full(2 * n, float(t), np.float32)
            out = torch.from_numpy(self.run("unet", sample=sample, timestep=timestep,
                                            encoder_hidden_states=states))
            without, with_prompt = out.chunk(2)
            guided = without + guidance * (with_prompt - without)
            latents = scheduler.step(guided, t, latents).prev_sample
        decoded = self.run("vae_decoder", latent_sample=(latents / self.scaling).numpy())
        pixels = np.round(np.clip(decoded / 2 + 0.5, 0, 1) * 255).astype(np.uint8)
        return pixels.transpose(0, 2, 3, 1)


def save_grid(images: np.ndarray, path: Path, columns: int = 10) -> None:
    images = images[: len(images) // columns * columns]
    rows = images.reshape(-1, columns, 64, 64, 3).transpose(0, 2, 1, 3, 4)
    grid = Image.fromarray(rows.reshape(-1, columns * 64, 3))
    grid.resize((grid.width * 3 // 2, grid.height * 3 // 2)).save(path)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model", type=Path)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--guidance", type=float, default=1.5)
    arguments.add_argument("--scheduler", default="DDIMScheduler")
    arguments.add_argument("--count", type=int)
    options = arguments.parse_args()
    model = Model(options.model)
    config = json.loads((options.model / "scheduler/scheduler_config.json").read_text())
    scheduler = getattr(diffusers, options.scheduler).from_config(config)
    lines = (options.folder / "prompts.jsonl").read_text().splitlines()[: options.count]
    prompts = [json.loads(line)["prompt"] for line in lines]
    parts = [
        model.draw(prompts[i : i + BATCH], scheduler, options.steps, options.guidance, seed=i)
        for i in range(0, len(prompts), BATCH)
    ]
    images = np.concatenate(parts)
    images.tofile(options.folder / "images.bin")
    save_grid(images[:100], options.folder / "grid.png")


if __name__ == "__main__":
    main()
