"""Reads what write-scenes.ts wrote."""
import json
from pathlib import Path

import numpy as np
import torch


def load_images(data: Path) -> np.ndarray:
    """All pictures as bytes: [N, 64, 64, 3]."""
    return np.memmap(data / "images.bin", np.uint8, "r").reshape(-1, 64, 64, 3)


def load_scenes(data: Path) -> list[dict]:
    return [json.loads(line) for line in (data / "scenes.jsonl").read_text().splitlines()]


def to_pixels(images: np.ndarray) -> torch.Tensor:
    """Bytes to the -1…1 that the VAE works on: [N, 3, 64, 64]."""
    return torch.from_numpy(images.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)
