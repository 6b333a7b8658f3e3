"""Writes what the engine's parts are held against, independent of any model: python make_vectors.py

fixtures/randn.json       torch's CPU generator
fixtures/schedulers.json  trajectories of diffusers' schedulers under many configurations
fixtures/tokens.json      ids of transformers' CLIPTokenizer for awkward prompts

Float arrays are base64 of little-endian float32.
"""
import base64
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from transformers import CLIPTokenizer

FIXTURES = Path(__file__).parent / "fixtures"
SIZE = 24  # Above 16 and no multiple of it, so that noise takes torch's path with a tail.

CLASSES = {
    "euler": EulerDiscreteScheduler,
    "euler-ancestral": EulerAncestralDiscreteScheduler,
    "ddim": DDIMScheduler,
    "dpmpp-2m": DPMSolverMultistepScheduler,
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


def scheduler_cases() -> list[tuple[str, dict, int]]:
    cases = []
    for name in CLASSES:
        for spacing in ["leading", "linspace", "trailing"]:
            for prediction in ["epsilon", "v_prediction", "sample"]:
                if (name, prediction) == ("euler-ancestral", "sample"):
                    continue
                base = {"timestep_spacing": spacing, "prediction_type": prediction}
                cases.append((name, {**base, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
                                     "beta_end": 0.012, "steps_offset": 1}, 10))
                if name in ("euler", "dpmpp-2m"):
                    cases.append((name, {**base, "use_karras_sigmas": True}, 10))
        for betas in ["linear", "scaled_linear", "squaredcos_cap_v2"]:
            cases.append((name, {"beta_schedule": betas}, 7))
        trained = np.linspace(0.001, 0.05, 100).tolist()
        cases.append((name, {"trained_betas": trained, "num_train_timesteps": 100}, 8))
        for steps in [1, 2, 14, 15, 30, 50]:
            cases.append((name, {"timestep_spacing": "trailing"}, steps))
        cases.append((name, {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
                             "prediction_type": "v_prediction"}, 10))
        cases.append((name, {}, 10))
    for name in ("euler", "dpmpp-2m"):
        cases.append((name, {"final_sigmas_type": "sigma_min"}, 10))
        cases.append((name, {"final_sigmas_type": "sigma_min", "use_karras_sigmas": True}, 20))
        cases.append((name, {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True}, 12))
    cases.append(("euler", {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 10.0}, 10))
    cases.append(("ddim", {"clip_sample": False}, 10))
    cases.append(("ddim", {"clip_sample": True, "clip_sample_range": 0.5}, 10))
    cases.append(("ddim", {"set_alpha_to_one": False}, 10))
    for extra in [{"solver_order": 1}, {"solver_type": "heun"}, {"lower_order_final": False},
                  {"lower_order_final": False, "final_sigmas_type": "sigma_min"},
                  {"euler_at_final": True, "final_sigmas_type": "sigma_min"},
                  {"solver_order": 1, "final_sigmas_type": "sigma_min"}]:
        cases.append(("dpmpp-2m", extra, 10))
        cases.append(("dpmpp-2m", extra, 20))
    cases.append(("dpmpp-2m", {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1}, 10))
    return cases


def scheduler_trajectory(name: str, config: dict, steps: int) -> dict:
    scheduler = CLASSES[name](**config)
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        # Else diffusers skips a step, or fails, where the first two timesteps round to the same.
        scheduler.set_begin_index(0)
    sample = torch.linspace(-2, 2, SIZE) * scheduler.init_noise_sigma
    generator = torch.Generator("cpu").manual_seed(0)
    extra = {"generator": generator} if name == "euler-ancestral" else {}
    trajectory = [sample]
    for t in scheduler.timesteps:
        x = scheduler.scale_model_input(sample, t)
        sample = scheduler.step(x * t / (t + 1), t, sample, **extra).prev_sample
        trajectory.append(sample)
    return {"name": name, "config": config, "steps": steps,
            "timesteps": packed(scheduler.timesteps), "trajectory": packed(torch.stack(trajectory))}


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("randn.json", randn_vectors())
    write("schedulers.json", [scheduler_trajectory(*case) for case in scheduler_cases()])
    write("tokens.json", token_vectors())
