"""Pictures of tiny models by diffusers' own pipelines, and the requests that they are of."""
import json

import diffusers
import numpy as np
import torch
from PIL import Image

from family_folders import OUT
from published import PUBLISHED

WIDTH, HEIGHT = 40, 24


def init_image() -> Image.Image:
    """What the test makes, too: [height, width, 3] by a formula."""
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:3]
    return Image.fromarray(((5 * x + 7 * y + 60 * c + x * y // 3) % 256).astype("uint8"))


def mask_image() -> Image.Image:
    """Repaint the middle; the rest has greys on both sides of the threshold."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = (x >= 10) & (x < 30) & (y >= 6)
    return Image.fromarray(np.where(inside, 140, 100).astype("uint8"))


def embed_chunks(pipeline, request: dict) -> dict:
    """Prompts in chunks of 75 tokens, encoded by the pipeline's own text encoders: `prompt_embeds` and the
    like. An absent negative prompt of XL is left to the pipeline. Pooled is the first chunk's, as in
    AUTOMATIC1111's webui, ComfyUI and compel; diffusers' lpw_stable_diffusion_xl.py takes the last's."""
    is_xl = hasattr(pipeline, "text_encoder_2")
    pairs = [(pipeline.tokenizer, pipeline.text_encoder)]
    if is_xl:
        pairs.append((pipeline.tokenizer_2, pipeline.text_encoder_2))
    texts = {"prompt": request["prompt"]}
    if request["guidanceScale"] > 1 and (request["negativePrompt"] or not is_xl):
        texts["negative_prompt"] = request["negativePrompt"]

    def words(tokenizer, text):
        return tokenizer(text, add_special_tokens=False).input_ids

    count = max(-(-len(words(tokenizer, text)) // 75) for tokenizer, _ in pairs for text in texts.values())
    embeds = {}
    for name, text in texts.items():
        states = []
        for tokenizer, encoder in pairs:
            ids, rows = words(tokenizer, text), []
            for i in range(count):
                row = [tokenizer.bos_token_id, *ids[75 * i:75 * (i + 1)], tokenizer.eos_token_id]
                rows.append(row + [tokenizer.pad_token_id] * (77 - len(row)))
            given = [encoder(torch.tensor([row]), output_hidden_states=True) for row in rows]
            states.append(torch.cat([one.hidden_states[-2] if is_xl else one[0] for one in given], 1))
            pooled = given[0][0]
        embeds[f"{name}_embeds"] = torch.cat(states, -1)
        if is_xl:
            embeds[f"{name.replace('prompt', 'pooled_prompt')}_embeds"] = pooled
    return embeds


class Cases:
    def __init__(self):
        self.entries, self.pictures, self.decoded = [], [], []

    def add(self, name: str, networks: str, pipeline, request: dict, count: int = 1, **call) -> None:
        """`request` as the engine takes it; picture i has seed + i and its own generator."""
        task = request.get("task", "text-to-image")
        if task == "inpainting" and count > 1:
            # In a batch, diffusers encodes the picture once, with the first picture's generator.
            for i in range(count):
                self.add(name, networks, pipeline, request | {"seed": request["seed"] + i}, **call)
            return
        images = {"image": init_image()} if task != "text-to-image" else {
            "width": WIDTH, "height": HEIGHT}
        if task == "inpainting":
            images |= {"mask_image": mask_image(), "width": WIDTH, "height": HEIGHT}
        if task != "text-to-image":
            images["strength"] = request["strength"]
        generators = [torch.Generator("cpu").manual_seed(request["seed"] + i) for i in range(count)]
        negative = {"negative_prompt": request["negativePrompt"] or None}
        if "LatentConsistency" in type(pipeline).__name__:
            negative = {}
        prompts = {"prompt": request["prompt"], **negative}
        if "longPrompt" in request:
            prompts = embed_chunks(pipeline, request)
        raw = []
        process = pipeline.image_processor.postprocess
        pipeline.image_processor.postprocess = lambda image, **kw: (raw.append(image), process(image, **kw))[1]
        made = pipeline(num_inference_steps=request["steps"],
                        guidance_scale=request["guidanceScale"], num_images_per_prompt=count,
                        generator=generators, **prompts, **images, **call).images
        pipeline.image_processor.postprocess = process
        for i, image in enumerate(made):
            pixels = np.asarray(image)
            self.entries.append({
                "folder": name, "networks": networks,
                "request": request | {"seed": request["seed"] + i},
                "standardDeviation": round(float(pixels.std()), 2),
                "clipped": round(float(((pixels == 0) | (pixels == 255)).mean()), 4)})
            self.pictures.append(pixels.transpose(2, 0, 1))
            self.decoded.append(raw[0][i].detach().numpy())

    def write(self) -> None:
        (OUT / "cases.json").write_text(json.dumps(
            {"width": WIDTH, "height": HEIGHT, "cases": self.entries}, indent=1) + "\n")
        np.asarray(self.pictures, dtype="u1").tofile(OUT / "pictures.u8")
        np.asarray(self.decoded, dtype="<f2").tofile(OUT / "decoded.f16")


def request(seed: int, steps: int, guidance: float, negative: str = "", **more) -> dict:
    return {"prompt": "a large red star on a blue cat", "negativePrompt": negative, "seed": seed,
            "steps": steps, "guidanceScale": guidance, **more}


LONG = "a large red star on a blue cat, " * 12
"""108 tokens: two chunks."""


def chunked(seed: int, steps: int, guidance: float, negative: str = "", **more) -> dict:
    return request(seed, steps, guidance, negative, **more) | {"prompt": LONG, "longPrompt": "chunks"}


def scheduler_of(name: str):
    config = PUBLISHED[name]["scheduler"]
    return getattr(diffusers, config["_class_name"]).from_config(config)


def pipeline(kind: str, name: str, parts: dict, **more):
    made = getattr(diffusers, kind)(**parts, scheduler=scheduler_of(name), **more)
    made.set_progress_bar_config(disable=True)
    return made
