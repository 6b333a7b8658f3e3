"""Writes what the engine's parts are held against, independent of any model: python make_vectors.py [FILE...]

fixtures/randn.json       torch's CPU generator
fixtures/schedulers.json  trajectories of diffusers' schedulers under many configurations
fixtures/tokens.json      ids of transformers' CLIPTokenizer for awkward prompts

Float arrays are base64 of little-endian float32.
"""
import argparse
import base64
import inspect
import json
from pathlib import Path

import numpy as np
import torch
import diffusers
from scheduler_cases import every_case, last_bits

FIXTURES = Path(__file__).parent / "fixtures"
SIZE = 24  # Above 16 and no multiple of it, so that noise takes torch's path with a tail.
SHAPE = (1, 4, 2, 3)

CLASSES = {
    "euler": diffusers.EulerDiscreteScheduler,
    "euler-ancestral": diffusers.EulerAncestralDiscreteScheduler,
    "heun": diffusers.HeunDiscreteScheduler,
    "lms": diffusers.LMSDiscreteScheduler,
    "ddim": diffusers.DDIMScheduler,
    "ddpm": diffusers.DDPMScheduler,
    "pndm": diffusers.PNDMScheduler,
    "deis": diffusers.DEISMultistepScheduler,
    "unipc": diffusers.UniPCMultistepScheduler,
    "dpmpp-2m": diffusers.DPMSolverMultistepScheduler,
    "dpmpp-2m-sde": diffusers.DPMSolverMultistepScheduler,
    "dpmpp-single": diffusers.DPMSolverSinglestepScheduler,
    "kdpm2": diffusers.KDPM2DiscreteScheduler,
    "kdpm2-ancestral": diffusers.KDPM2AncestralDiscreteScheduler,
    "lcm": diffusers.LCMScheduler,
    "tcd": diffusers.TCDScheduler,
    "flow-match-euler": diffusers.FlowMatchEulerDiscreteScheduler,
}


def packed(values) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def write(name: str, value) -> None:
    FIXTURES.mkdir(exist_ok=True)
    (FIXTURES / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def randn_vectors() -> list[dict]:
    """Several draws from one generator each: what one leaves behind shows in the next."""
    vectors = []
    for seed, sizes in [(0, [1]), (0, [1024]), (1, [15, 1, 16]), (42, [16]), (7, [17]),
                        (2**32 - 1, [100, 3, 512]), (123456789, [31, 32, 33])]:
        generator = torch.Generator("cpu").manual_seed(seed)
        draws = [packed(torch.randn(size, generator=generator)) for size in sizes]
        vectors.append({"seed": seed, "sizes": sizes, "draws": draws})
    return vectors


def scheduler_trajectory(case: dict) -> dict:
    """The loop of diffusers' pipelines from noise or, with a strength, of its image-to-image pipelines;
    with `spreadsSteps` of that for latent consistency models."""
    name, config, steps = case.get("name"), case["config"], case["steps"]
    forced = {"dpmpp-2m-sde": {"algorithm_type": "sde-dpmsolver++"}}.get(name, {})
    kind = CLASSES[name] if name else getattr(diffusers, config["_class_name"])
    scheduler = kind.from_config({**config, **forced})
    strength, spreads = case.get("strength", 1), case.get("spreadsSteps", False)
    scheduler.set_timesteps(steps, **({"mu": case["mu"]} if "mu" in case else {}),
                            **({"strength": strength} if spreads else {}))

    generator = torch.Generator("cpu").manual_seed(0)
    accepted = inspect.signature(scheduler.step).parameters
    extra = {"generator": generator} if "generator" in accepted else {}
    if "eta" in case:
        extra["eta"] = case["eta"]

    begin = 0 if spreads else (steps - min(int(steps * strength), steps)) * scheduler.order
    timesteps = scheduler.timesteps[begin:]
    if hasattr(scheduler, "set_begin_index"):
        # Else diffusers skips a step, or fails, where the first two timesteps round to the same.
        scheduler.set_begin_index(begin)
    original = torch.linspace(-2, 2, SIZE).reshape(SHAPE)
    if isinstance(scheduler, diffusers.FlowMatchEulerDiscreteScheduler):
        initial_sigma, scaled = 1, lambda sample, t: sample
        add_noise = lambda sample, noise, t: scheduler.scale_noise(sample, t, noise)
    else:
        initial_sigma, scaled, add_noise = scheduler.init_noise_sigma, scheduler.scale_model_input, scheduler.add_noise
    if "strength" in case:
        noise = torch.randn(SHAPE, generator=generator)
        sample = add_noise(original, noise, timesteps[:1])
    else:
        sample = original * initial_sigma
    trajectory, noised = [sample], []
    # A timestep beyond those asked for is numpy's error, see the README; nothing after it is compared.
    own = [t for t in timesteps if t >= 0 or config.get("timestep_type") == "continuous"]
    for call, t in enumerate(own):
        x = scaled(sample, t)
        sample = scheduler.step(x * t / (t + 1), t, sample, **extra).prev_sample
        trajectory.append(sample)
        if "strength" in case and call + 1 < len(own):
            # As inpainting blends the original in.
            noised.append(add_noise(original, noise, own[call + 1].reshape(1)))
    if len(own) < len(timesteps) and name not in ("ddim", "pndm", "ddpm"):
        trajectory.pop()  # These look ahead to the timestep that should not be.
    result = torch.stack(trajectory)
    assert result.isfinite().all(), case
    return {**case, "timesteps": packed(own), "trajectory": packed(result),
            **({"noised": packed(torch.stack(noised))} if noised else {})}


PROMPTS = [
    "", " ", "a red star", "A  RED\tSTAR\n on   blue", "don't we'll they're i've i'm it's he'd",
    "caf\u00e9 cafe\u0301 \u00c5ngstr\u00f6m \ufb01ne", "\u732b\u3068\u72ac\u3001\u6771\u4eac", "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\U0001f431\U0001f469\u200d\U0001f680 a cat \U0001f1eb\U0001f1f7", "1234 5.67e-8 \u00bd \u2163 \u0663",
    "!!! ??? ... --- (((a))) [b] {c}", "a_b-c/d\\e|f", "<|endoftext|> inside <|startoftext|>",
    "<|ENDOFTEXT|>", "<|STARTOFTEXT|> a star", "<|endoftext|>", "a<|EndOfText|>b", "tab\tnewline\ncarriage\rformfeed\x0cvertical\x0b", "nbsp\u00a0em\u2003ideographic\u3000space",
    "zero\u200bwidth\ufeffmark", "control\x01\x7f chars", "\u0130stanbul I\u0307 \u1e9e stra\u00dfe \u03a3\u03a3", "e\u0301\u0327\u0323 zalgo a\u0300\u0301\u0302",
    "a large red star on a blue background " * 40, "x" * 3000, "\U0001f9d1\u200d\U0001f3a8" * 100,
    "\"quotes\" 'single' \u201ccurly\u201d \u2018s\u2019", "https://example.org/?q=1&r=2#frag", "\u00ad\u2028\u2029\u0085",
]


def small_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer of a few dozen merges; only the rules matter here, not the words."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    glyphs = [chr(b) for b in printable]
    glyphs += [chr(256 + i) for i in range(256 - len(glyphs))]
    merges = ["s t", "st a", "sta r</w>", "r e", "re d</w>", "t a", "c a", "ca t</w>", "o n</w>",
              "l l</w>", "a r", "i n", "l a", "la r", "lar g", "larg e</w>", "x x", "xx xx", "' s</w>",
              "\u00f0 \u0141", "\u00f0\u0141 \u0132", "c a", "b l", "bl u", "blu e</w>", ". .", ".. .</w>"]
    merges = list(dict.fromkeys(merges))
    tokens = glyphs + [g + "</w>" for g in glyphs] + [m.replace(" ", "") for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")


def token_vectors() -> dict:
    """Three folders: plain, with a padding token in special_tokens_map.json, and as saved anew."""
    from transformers import CLIPTokenizer

    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
               "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    folders = {name: FIXTURES / "tokenizers" / name / "tokenizer" for name in ("plain", "mapped", "fast")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("plain", "mapped"):
        small_tokenizer(folders[name])
        config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **special}
        if name == "plain":
            flags = {"lstrip": False, "rstrip": False, "single_word": False, "special": True}
            # As in Stable Diffusion 1.5: one is sought after lower-casing, the other before.
            config["added_tokens_decoder"] = {
                "538": {"content": "<|startoftext|>", "normalized": True, **flags},
                "539": {"content": "<|endoftext|>", "normalized": False, **flags},
            }
        (folders[name] / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    mapped = json.dumps({**special, "pad_token": "!"})
    (folders["mapped"] / "special_tokens_map.json").write_text(mapped + "\n")
    CLIPTokenizer.from_pretrained(folders["mapped"]).save_pretrained(folders["fast"])

    ids = {}
    for name, folder in folders.items():
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        ids[name] = [tokenizer(prompt, padding="max_length", truncation=True,
                               max_length=tokenizer.model_max_length).input_ids
                     for prompt in PROMPTS]
    return {"prompts": PROMPTS, "ids": ids}


MAKERS = {
    "randn.json": randn_vectors,
    "schedulers.json": lambda: {"cases": [scheduler_trajectory(case) for case in every_case()],
                                "lastBits": [scheduler_trajectory(case) for case in last_bits()]},
    "tokens.json": token_vectors,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help=f"all, unless some of {', '.join(MAKERS)} are named")
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    for name in parser.parse_args().files or MAKERS:
        write(name, MAKERS[name]())
