"""Trains the text encoder alone and caches its outputs:

python text_encoder.py DATA RUN --minutes 5 [--resume]

CLIP's attention is causal, so only the padding behind a prompt has read all of it. The last three
positions learn to tell the scene: one the ground and the layout, one each object. That teaches
which colour belongs to which shape in minutes, and the UNet finds it by cross-attention.
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import CLIPTextModel

import models
from scenes import load_scenes
from tokenizer import load_tokenizer

BATCH = 256
PEAK_RATE = 1.5e-3
COLOURS = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "black"]
SHAPES = ["circle", "square", "triangle", "star", "heart", "diamond", "cross", "ring"]
SIZES = ["small", "large"]
PLACES = ["center", "left", "right", "top", "bottom", "top left", "top right", "bottom left",
          "bottom right"]
AXES = ["left of", "above"]
# What each of the last positions tells, counted from the end. One class more than names: unsaid.
HEADS = {
    1: [("ground", COLOURS), ("place", PLACES), ("axis", AXES)],
    2: [("colour 0", COLOURS), ("shape 0", SHAPES), ("size 0", SIZES)],
    3: [("colour 1", COLOURS), ("shape 1", SHAPES), ("size 1", SIZES)],
}
NAMES = [name for heads in HEADS.values() for name, _ in heads]


class Reader(torch.nn.Module):
    """The linear heads; they serve this training only."""

    def __init__(self):
        super().__init__()
        self.heads = torch.nn.ModuleDict({
            str(position): torch.nn.ModuleList(
                torch.nn.Linear(models.HIDDEN, len(values) + 1) for _, values in heads
            )
            for position, heads in HEADS.items()
        })

    def forward(self, states: torch.Tensor) -> list[torch.Tensor]:
        return [head(states[:, -int(p)]) for p, heads in self.heads.items() for head in heads]


def to_targets(scene: dict) -> list[int]:
    """Class indices in the order of NAMES. The left or upper object comes first."""
    named, objects = scene["named"], list(zip(scene["objects"], scene["named"]["sizes"]))
    relation = scene["relation"] if named["place"] else None
    if relation in ("right of", "below"):
        objects.reverse()
        relation = {"right of": "left of", "below": "above"}[relation]
    targets = [
        COLOURS.index(scene["ground"]) if named["ground"] else len(COLOURS),
        PLACES.index(scene["place"]) if scene["place"] and named["place"] else len(PLACES),
        AXES.index(relation) if relation else len(AXES),
    ]
    for one, size_named in [*objects, (None, False)][:2]:
        targets += [
            COLOURS.index(one["colour"]) if one else len(COLOURS),
            SHAPES.index(one["shape"]) if one else len(SHAPES),
            SIZES.index(one["size"]) if size_named else len(SIZES),
        ]
    return targets


def tokenize(tokenizer, scenes: list[dict]) -> torch.Tensor:
    """[N, captions, MAX_TOKENS]"""
    flat = [caption for scene in scenes for caption in scene["captions"]]
    ids = tokenizer(flat, padding="max_length", max_length=models.MAX_TOKENS, truncation=True)
    return torch.tensor(ids["input_ids"]).view(len(scenes), -1, models.MAX_TOKENS)


def reading_loss(outputs: list[torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
    """[B]; where no relation orders two objects, the order that fits better counts."""
    def each(wanted: torch.Tensor) -> torch.Tensor:
        losses = [F.cross_entropy(output.float(), wanted[:, i], reduction="none")
                  for i, output in enumerate(outputs)]
        return torch.stack(losses, 1)

    straight, turned = each(targets), each(targets[:, [0, 1, 2, 6, 7, 8, 3, 4, 5]])
    unordered = (targets[:, 2] == len(AXES)) & (targets[:, 6] < len(COLOURS))
    return torch.where(unordered, torch.minimum(straight.sum(1), turned.sum(1)), straight.sum(1))


def train(encoder, ids: torch.Tensor, targets: torch.Tensor, minutes: float, log) -> None:
    reader = Reader()
    parameters = [*encoder.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, PEAK_RATE, betas=(0.9, 0.98), fused=True)
    start, step, progress = time.time(), 0, 0.0
    while progress < 1:
        progress = min(1.0, (time.time() - start) / (60 * minutes))
        for group in optimizer.param_groups:
            decay = 0.01 + 0.99 * math.cos(progress * math.pi / 2)
            group["lr"] = PEAK_RATE * min(1.0, (step + 1) / 200) * decay
        rows = torch.randint(len(ids), (BATCH,))
        batch = ids[rows, torch.randint(ids.shape[1], (BATCH,))]
        with torch.autocast("cpu", torch.bfloat16):
            outputs = reader(encoder(input_ids=batch).last_hidden_state)
        loss = reading_loss(outputs, targets[rows]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0 or progress == 1:
            right = [(o.argmax(1) == targets[rows, i]).float().mean().item()
                     for i, o in enumerate(outputs)]
            line = {"stage": "text_encoder", "step": step,
                    "minutes": round((time.time() - start) / 60, 2), "loss": round(loss.item(), 4),
                    "accuracy": {n: round(r, 3) for n, r in zip(NAMES, right)}}
            print(json.dumps(line), file=log, flush=True)


@torch.no_grad()
def encode_captions(encoder, ids: torch.Tensor) -> torch.Tensor:
    """[..., MAX_TOKENS] to [..., MAX_TOKENS, HIDDEN] in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        parts = [encoder(input_ids=part).last_hidden_state.bfloat16()
                 for part in ids.flatten(0, -2).split(1024)]
    return torch.cat(parts).view(*ids.shape, models.HIDDEN)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("--minutes", type=float, default=5)
    arguments.add_argument("--resume", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = load_tokenizer(options.run / "tokenizer")
    scenes = load_scenes(options.data)
    ids = tokenize(tokenizer, scenes)
    targets = torch.tensor([to_targets(scene) for scene in scenes])
    if options.resume:
        encoder = CLIPTextModel.from_pretrained(options.run / "text_encoder")
    else:
        encoder = models.make_text_encoder(tokenizer)
    encoder.train()
    with (options.run / "log.jsonl").open("a") as log:
        train(encoder, ids, targets, options.minutes, log)
    encoder.eval().save_pretrained(options.run / "text_encoder")
    empty = tokenizer("", padding="max_length", max_length=models.MAX_TOKENS, return_tensors="pt")
    torch.save(
        {"captions": encode_captions(encoder, ids),
         "empty": encode_captions(encoder, empty.input_ids)[0]},
        options.run / "captions.pt",
    )


if __name__ == "__main__":
    main()
