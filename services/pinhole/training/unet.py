"""Trains the UNet on cached latents and captions: python unet.py RUN --minutes 75 [--resume]

With --processes N, N processes of one thread each share a step and average their gradients.
Saves a checkpoint every few minutes; --resume goes on from the last one, on the same schedule
unless --minutes is changed, or else from the weights in RUN/unet, which restore.py put there. The averaged weights lie in RUN/unet, ready for export.py.
"""
import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel

import models

BATCH = 64
PEAK_RATE = 8e-4
WARMUP = 500
AVERAGING = 0.999
# Share of noise levels drawn from the middle of the schedule alone.
FOCUS = 0.45
# Share of empty prompts, which teach the unconditional half of classifier-free guidance.
EMPTY_SHARE = 0.1
CHECKPOINT_MINUTES = 4
LONGEST_STEP_SECONDS = 5


class Data:
    def __init__(self, run: Path):
        scaling = AutoencoderKL.load_config(run / "vae")["scaling_factor"]
        self.latents = torch.from_numpy(np.load(run / "latents.npy")).float() * scaling
        captions = torch.load(run / "captions.pt", mmap=True)
        self.captions, self.empty = captions["captions"], captions["empty"]

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents [B, C, 8, 8] and text states [B, tokens, HIDDEN]."""
        rows = torch.randint(len(self.latents), (BATCH,))
        states = self.captions[rows, torch.randint(self.captions.shape[1], (BATCH,))].float()
        states[torch.rand(BATCH) < EMPTY_SHARE] = self.empty.float()
        return self.latents[rows], states


class Trainer:
    def __init__(self, run: Path, minutes: float, processes: int):
        self.run, self.minutes, self.processes = run, minutes, processes
        self.unet = models.make_unet().train()
        self.average = [p.detach().clone() for p in self.unet.parameters()]
        self.optimizer = torch.optim.AdamW(self.unet.parameters(), PEAK_RATE, betas=(0.9, 0.99),
                                           weight_decay=0.01, fused=True)
        self.alphas = models.make_scheduler().alphas_cumprod
        self.step, self.samples, self.seconds = 0, 0, 0.0

    def train_step(self, latents: torch.Tensor, states: torch.Tensor) -> float:
        progress = min(1.0, self.seconds / (60 * self.minutes))
        for group in self.optimizer.param_groups:
            decay = 0.01 + 0.99 * (0.5 + 0.5 * math.cos(progress * math.pi))
            group["lr"] = PEAK_RATE * min(1.0, (self.step + 1) / WARMUP) * decay
        t = self.draw_timesteps()
        alpha = self.alphas[t].sqrt()[:, None, None, None]
        sigma = (1 - self.alphas[t]).sqrt()[:, None, None, None]
        noise = torch.randn_like(latents)
        with torch.autocast("cpu", torch.bfloat16):
            v = self.unet(alpha * latents + sigma * noise, t, states).sample
        loss = F.mse_loss(v.float(), alpha * noise - sigma * latents)
        self.optimizer.zero_grad()
        loss.backward()
        if self.processes > 1:
            self.average_gradients()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.samples += BATCH * self.processes
        keep = min(AVERAGING, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.unet.parameters()), 1 - keep)
        return loss.item()

    def draw_timesteps(self) -> torch.Tensor:
        # Spread evenly within each batch: less variance than independent draws.
        even = (torch.arange(BATCH) + torch.rand(BATCH)) / BATCH
        steps = len(self.alphas)
        # Layout, colours and shapes are decided between these two; go there more often.
        low, high = 0.25 * steps, 0.8 * steps
        focused = (torch.rand(BATCH) < FOCUS).float()
        t = focused * (low + even * (high - low)) + (1 - focused) * even * steps
        return t.long().clamp(max=steps - 1)

    def average_gradients(self) -> None:
        gradients = [p.grad for p in self.unet.parameters()]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.processes
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
            gradient.copy_(part.view_as(gradient))

    def tell_time(self, seconds: float) -> None:
        """The first process's clock, so that all follow one schedule and end at one step."""
        clock = torch.tensor([self.seconds + seconds], dtype=torch.float64)
        if self.processes > 1:
            dist.broadcast(clock, 0)
        self.seconds = clock.item()

    def save(self) -> None:
        state = {"unet": self.unet.state_dict(), "average": self.average,
                 "optimizer": self.optimizer.state_dict(), "step": self.step,
                 "samples": self.samples, "seconds": self.seconds}
        torch.save(state, self.run / "unet.partial")
        os.replace(self.run / "unet.partial", self.run / "unet.pt")
        averaged = models.make_unet()
        for parameter, value in zip(averaged.parameters(), self.average):
            parameter.data.copy_(value)
        averaged.save_pretrained(self.run / "unet")

    def load(self) -> None:
        if not (self.run / "unet.pt").exists():
            restored = UNet2DConditionModel.from_pretrained(self.run / "unet")
            self.unet.load_state_dict(restored.state_dict())
            self.average = [p.detach().clone() for p in self.unet.parameters()]
            return
        state = torch.load(self.run / "unet.pt")
        self.unet.load_state_dict(state["unet"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = [value.detach() for value in state["average"]]
        self.step, self.seconds = state["step"], state["seconds"]
        self.samples = state.get("samples", self.step * BATCH)


def train(trainer: Trainer, data: Data, log) -> None:
    """`log` is None in all processes but the first, which alone tells and saves."""
    saved, losses = trainer.seconds, []
    while trainer.seconds < 60 * trainer.minutes:
        start = time.time()
        losses.append(trainer.train_step(*data.batch()))
        # The schedule follows the clock: a busy machine costs samples, not the final decay.
        # A step that took longer than this was suspended, and that time trained nothing.
        trainer.tell_time(min(time.time() - start, LONGEST_STEP_SECONDS))
        if log is None:
            continue
        if trainer.step % 100 == 0:
            line = {"stage": "unet", "step": trainer.step, "samples": trainer.samples,
                    "minutes": round(trainer.seconds / 60, 2),
                    "loss": round(sum(losses) / len(losses), 5)}
            print(json.dumps(line), file=log, flush=True)
            losses = []
        if trainer.seconds - saved > 60 * CHECKPOINT_MINUTES:
            trainer.save()
            saved = trainer.seconds
    if log is not None:
        trainer.save()


def run_process(rank: int, options: argparse.Namespace) -> None:
    # One thread: networks this small gain less from a second than its waiting costs.
    torch.set_num_threads(1)
    if options.processes > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
        dist.init_process_group("gloo", rank=rank, world_size=options.processes)
    torch.manual_seed(0)
    trainer = Trainer(options.run, options.minutes, options.processes)
    if options.resume:
        trainer.load()
    torch.manual_seed(trainer.step * options.processes + rank)
    data = Data(options.run)
    if rank > 0:
        train(trainer, data, None)
        return
    with (options.run / "log.jsonl").open("a") as log:
        train(trainer, data, log)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("--minutes", type=float, default=75)
    arguments.add_argument("--resume", action="store_true")
    arguments.add_argument("--processes", type=int, default=1)
    arguments.add_argument("--port", type=int, default=29501)
    options = arguments.parse_args()
    mp.spawn(run_process, (options,), options.processes)


if __name__ == "__main__":
    main()
