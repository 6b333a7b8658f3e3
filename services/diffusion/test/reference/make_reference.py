"""Writes reference pictures of the built-in model, made in Python: python make_reference.py [MODEL]

The same ONNX files, prompts and seeds, with diffusers' schedulers, transformers' tokenizer, torch's
CPU generator and onnxruntime. Run it again whenever the model's files change; the test refuses
references of another model. fixtures/pictures/ then holds

reference.json       the model's digest, the requests, and how pictures are told apart
NAME.png             the picture, 8 bit
trajectories.f32     latents before the first and after every step, [pictures, steps + 1, C, H, W]
decoded.f16          the decoder's output before it is clamped, [pictures, 3, H, W]
"""
import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from PIL import Image
from transformers import CLIPTokenizer

HERE = Path(__file__).parent
OUT = HERE / "fixtures" / "pictures"
STEPS = 20
SCHEDULERS = {
    "euler": (EulerDiscreteScheduler, {}),
    "euler-ancestral": (EulerAncestralDiscreteScheduler, {}),
    "ddim": (DDIMScheduler, {}),
    "dpmpp-2m": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
}
# Grounds far from 0 and 255, so that the pictures are not clipped.
PROMPTS = [
    ("a large red star on a blue background", "", 4.0),
    ("a green circle left of a yellow square on purple", "", 4.0),
    ("a small purple heart in the top left on a cyan background", "", 4.0),
    ("A pink  RING above an orange triangle, on green", "", 4.0),
    ("a large yellow diamond on a green background", "a red circle", 4.0),
    ("a white cross below a cyan star on purple", "", 2.5),
    ("a small black square on a red background", "", 6.0),
    ("an orange triangle on blue", "", 1.0),
]
PARTS = ["scheduler", "text_encoder", "tokenizer", "unet", "vae_decoder", "vae_encoder"]


def model_digest(folder: Path) -> str:
    """What `modelDigest` of the engine computes."""
    paths = ["model_index.json"]
    for part in PARTS:
        if (folder / part).is_dir():
            paths += [f"{part}/{p.name}" for p in (folder / part).iterdir() if p.is_file()]
    whole = hashlib.sha256()
    for path in sorted(paths):
        content = (folder / path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        whole.update(f"{path}\0{len(content)}\0{digest}\n".encode())
    return f"sha256:{whole.hexdigest()}"


class Model:
    def __init__(self, folder: Path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        load = lambda part: ort.InferenceSession(
            folder / part / "model.onnx", options, providers=["CPUExecutionProvider"])
        self.text_encoder, self.unet, self.decoder = map(load, ["text_encoder", "unet", "vae_decoder"])
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        read = lambda path: json.loads((folder / path).read_text())
        self.vae = read("vae_decoder/config.json")
        self.channels = read("unet/config.json")["in_channels"]
        # As diffusers' StableDiffusionPipeline sets them.
        self.scheduler = {**read("scheduler/scheduler_config.json"), "clip_sample": False, "steps_offset": 1}
        self.factor = 2 ** (len(self.vae["block_out_channels"]) - 1)

    def embed(self, prompts: list[str]) -> np.ndarray:
        ids = self.tokenizer(prompts, padding="max_length", truncation=True,
                             max_length=self.tokenizer.model_max_length, return_tensors="np").input_ids
        return self.text_encoder.run(["last_hidden_state"], {"input_ids": ids.astype(np.int64)})[0]

    def generate(self, scheduler, request: dict) -> tuple[torch.Tensor, np.ndarray]:
        guided = request["guidanceScale"] > 1
        prompts = [request["negativePrompt"], request["prompt"]] if guided else [request["prompt"]]
        embeddings = self.embed(prompts)
        scheduler.set_timesteps(request["steps"])
        generator = torch.Generator("cpu").manual_seed(request["seed"])
        shape = (1, self.channels, request["height"] // self.factor, request["width"] // self.factor)
        latents = torch.randn(shape, generator=generator) * scheduler.init_noise_sigma
        ancestral = {"generator": generator} if request["scheduler"] == "euler-ancestral" else {}
        trajectory = [latents]
        for t in scheduler.timesteps:
            sample = scheduler.scale_model_input(torch.cat([latents] * len(prompts)), t)
            feeds = {"sample": sample.numpy(), "encoder_hidden_states": embeddings,
                     "timestep": np.full(len(prompts), float(t), dtype=np.float32)}
            output = torch.from_numpy(self.unet.run(["out_sample"], feeds)[0])
            if guided:
                unconditional, conditional = output.chunk(2)
                output = unconditional + request["guidanceScale"] * (conditional - unconditional)
            latents = scheduler.step(output, t, latents, **ancestral).prev_sample
            trajectory.append(latents)
        decoded = self.decoder.run(["sample"], {
            "latent_sample": (latents / self.vae["scaling_factor"]).numpy()})[0][0]
        return torch.cat(trajectory), decoded


def to_image(decoded: np.ndarray) -> np.ndarray:
    """As diffusers' VaeImageProcessor."""
    pixels = (torch.from_numpy(decoded) * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 0).numpy()
    return (pixels * 255).round().astype("uint8")


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "../../../pinhole/model"
    model = Model(folder)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    entries, trajectories, decodings = [], [], []
    for name, (scheduler_class, overrides) in SCHEDULERS.items():
        for i, (prompt, negative, guidance) in enumerate(PROMPTS):
            request = {"prompt": prompt, "negativePrompt": negative, "seed": 1000 + i, "steps": STEPS,
                       "guidanceScale": guidance, "scheduler": name,
                       "karras": overrides.get("use_karras_sigmas", False), "width": 64, "height": 64}
            scheduler = scheduler_class.from_config({**model.scheduler, **overrides})
            trajectory, decoded = model.generate(scheduler, request)
            image = to_image(decoded)
            Image.fromarray(image).save(OUT / f"{name}-{i}.png", optimize=True)
            entries.append({
                "file": f"{name}-{i}.png",
                "request": request,
                "standardDeviation": round(float(image.std()), 2),
                "clipped": round(float(((image == 0) | (image == 255)).mean()), 4),
            })
            trajectories.append(trajectory.numpy())
            decodings.append(decoded)
    np.asarray(trajectories, dtype="<f4").tofile(OUT / "trajectories.f32")
    np.asarray(decodings, dtype="<f2").tofile(OUT / "decoded.f16")
    reference = {"model": model_digest(folder), "runtime": ort.__version__, "pictures": entries}
    (OUT / "reference.json").write_text(json.dumps(reference, indent=2) + "\n")
    counted = [e for e in entries if e["standardDeviation"] >= 10 and e["clipped"] < 0.05]
    print(f"{len(entries)} pictures, {len(counted)} of them count, of model {reference['model']}")


if __name__ == "__main__":
    main()
