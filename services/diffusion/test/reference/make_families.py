"""Writes tiny models of every family, and the pictures that diffusers makes with them:
python make_families.py

Networks of random weights of diffusers' and transformers' own classes, a few tens of kilobytes each,
run in PyTorch by diffusers' own pipelines, and exported to ONNX. fixtures/families/ then holds

networks/NAME/       the networks and tokenizers of a model
published/NAME/      the JSON files of a model that people have, as published, but for the sizes of the
                     networks, which are those of networks/NAME
networks/sd-half, networks/sd-legacy: the networks of sd in other exports
cases.json           the requests, and which folders they are for
pictures.u8          the pictures, [3, height, width] each, one after the other
decoded.f16          the decoder's output before it is clamped, likewise
"""
import json
import shutil
import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.utils import logging
from PIL import Image
from transformers import CLIPTokenizer

import tiny_networks as tiny
from published import PUBLISHED

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
FIXTURES = Path(__file__).parent / "fixtures"
OUT = FIXTURES / "families"
WIDTH, HEIGHT = 40, 24
NONE = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def tokenizer(folder: Path, pad: str = "<|endoftext|>") -> CLIPTokenizer:
    """The few words of the fixtures' tokenizer; Stable Diffusion 2 and XL pad with "!"."""
    folder.mkdir(parents=True)
    source = FIXTURES / "tokenizers" / "plain" / "tokenizer"
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(source / name, folder / name)
    config = json.loads((source / "tokenizer_config.json").read_text()) | {"pad_token": pad}
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    return CLIPTokenizer.from_pretrained(folder)


def model(name: str, *, pads=("<|endoftext|>",), scaling_factor=0.18215, extra=None, **unet) -> dict:
    """Makes and exports the networks of one folder; returns them as diffusers' components."""
    folder, is_xl = OUT / "networks" / name, len(pads) == 2
    parts = {"tokenizer": tokenizer(folder / "tokenizer", pads[0]), "text_encoder": tiny.text_encoder(2)}
    tiny.export_text_encoder(folder / "text_encoder/model.onnx", parts["text_encoder"], hidden_states=is_xl)
    if is_xl:
        parts |= {"tokenizer_2": tokenizer(folder / "tokenizer_2", pads[1]),
                  "text_encoder_2": tiny.text_encoder(3, projection=16)}
        tiny.export_text_encoder(folder / "text_encoder_2/model.onnx", parts["text_encoder_2"],
                                 hidden_states=True)
    parts |= {"unet": tiny.unet(**unet), "vae": tiny.vae(scaling_factor)}
    tiny.export_unet(folder / "unet/model.onnx", parts["unet"], extra or {})
    tiny.export_vae(folder, parts["vae"])
    return parts


def publish(name: str, networks: str, parts: dict, vae: dict | None = None) -> None:
    """The folder's JSON; `vae` is what differs from the networks' own configuration."""
    folder, published = OUT / "published" / name, PUBLISHED[name]
    files = {"model_index.json": published["model_index"],
             "scheduler/scheduler_config.json": published["scheduler"],
             "unet/config.json": dict(parts["unet"].config),
             "vae_decoder/config.json": dict(parts["vae"].config) | (vae or {})}
    for encoder in ("text_encoder", "text_encoder_2"):
        if encoder in parts:
            files[f"{encoder}/config.json"] = parts[encoder].config.to_diff_dict()
    for path, value in files.items():
        # A set of names in no order, for diffusers alone.
        value.pop("_use_default_values", None)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(value, indent=1, default=str) + "\n")


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


def stable_diffusion(cases: Cases) -> None:
    parts = model("sd")
    padded = {**parts, "tokenizer": tokenizer(OUT / "networks/sd-padded/tokenizer", "!")}
    for name, own in (("sd-1.5", parts), ("sd-2.1", padded), ("sd-turbo", padded)):
        publish(name, "sd", own)
        folder = "sd" if own is parts else "sd-padded"
        text = pipeline("StableDiffusionPipeline", name, own, **NONE)
        if name == "sd-turbo":
            cases.add(name, folder, text, request(40, 1, 0.0))
            cases.add(name, folder, text, request(41, 4, 0.0), count=3)
            image = pipeline("StableDiffusionImg2ImgPipeline", name, own, **NONE)
            cases.add(name, folder, image, request(42, 4, 0.0, task="image-to-image", strength=0.5))
            continue
        cases.add(name, folder, text, request(10, 8, 1.0))
        cases.add(name, folder, text, request(11, 8, 5.0, "blue"), count=3)
        cases.add(name, folder, text, chunked(16, 8, 5.0, "a blue cat, " * 50))
        cases.add(name, folder, text, chunked(17, 8, 5.0))
        image = pipeline("StableDiffusionImg2ImgPipeline", name, own, **NONE)
        cases.add(name, folder, image, request(12, 8, 5.0, task="image-to-image", strength=0.6))
        cases.add(name, folder, image, request(13, 7, 1.0, task="image-to-image", strength=1.0), count=3)
        paint = pipeline("StableDiffusionInpaintPipeline", name, own, **NONE)
        cases.add(name, folder, paint, request(14, 8, 5.0, task="inpainting", strength=0.7))
        cases.add(name, folder, paint, request(15, 6, 1.0, task="inpainting", strength=1.0), count=3)
    tiled(cases, "sd-1.5", "sd", parts, "StableDiffusionPipeline", **NONE)
    other_exports(parts)


def other_exports(parts: dict) -> None:
    """The first model as others export it: in float16, and as diffusers' own exporter did at first."""
    folder = OUT / "networks"
    shutil.copytree(folder / "sd/tokenizer", folder / "sd-half/tokenizer")
    shutil.copytree(folder / "sd/tokenizer", folder / "sd-legacy/tokenizer")
    for network in ("text_encoder", "unet", "vae_decoder", "vae_encoder"):
        tiny.halve(folder / "sd" / network / "model.onnx", folder / "sd-half" / network / "model.onnx")
    legacy = folder / "sd-legacy"
    tiny.export_text_encoder(legacy / "text_encoder/model.onnx", parts["text_encoder"], ids=torch.int32)
    tiny.export_unet(legacy / "unet/model.onnx", parts["unet"], {}, timestep=torch.rand(2),
                     weights="weights.pb")
    tiny.export_vae(legacy, parts["vae"], samples=True)
    published = OUT / "published/sd-legacy"
    (published / "scheduler").mkdir(parents=True)
    (published / "model_index.json").write_text(json.dumps(PUBLISHED["sd-legacy"]["model_index"]) + "\n")
    shutil.copy(OUT / "published/sd-1.5/scheduler/scheduler_config.json", published / "scheduler")


def tiled(cases: Cases, published: str, networks: str, parts: dict, kind: str, **more) -> None:
    """Decoded in tiles of 16 pixels, which a published configuration says by the size it was trained on."""
    name, vae = f"{published}-tiled", parts["vae"]
    publish(name, networks, parts, vae={"sample_size": 16})
    vae.tile_sample_min_size, vae.tile_latent_min_size = 16, 8
    vae.enable_tiling()
    made = pipeline(kind, published, parts, **more)
    cases.add(name, networks, made, request(80, 8, 5.0, "blue"))
    cases.add(name, networks, made, request(81, 6, 1.0), count=3)
    vae.disable_tiling()


def inpainting(cases: Cases) -> None:
    name, parts = "sd-2-inpainting", model("inpaint", pads=("!",), in_channels=9)
    publish(name, "inpaint", parts)
    paint = pipeline("StableDiffusionInpaintPipeline", name, parts, **NONE)
    cases.add(name, "inpaint", paint, request(20, 8, 5.0, "blue", task="inpainting", strength=1.0), count=3)
    cases.add(name, "inpaint", paint, request(23, 8, 1.0, task="inpainting", strength=0.6))


def stable_diffusion_xl(cases: Cases) -> None:
    parts = model("xl", pads=("<|endoftext|>", "!"), scaling_factor=0.13025, cross_attention_dim=16,
                  addition_embed_type="text_time", addition_time_embed_dim=8,
                  projection_class_embeddings_input_dim=64,
                  extra={"text_embeds": torch.randn(2, 16), "time_ids": torch.rand(2, 6) * 40})
    for name in ("sdxl-base", "sdxl-turbo"):
        publish(name, "xl", parts)
    plain = {"add_watermarker": False}
    text = pipeline("StableDiffusionXLPipeline", "sdxl-base", parts, **plain)
    cases.add("sdxl-base", "xl", text, request(50, 8, 1.0))
    cases.add("sdxl-base", "xl", text, request(51, 8, 5.0), count=3)
    cases.add("sdxl-base", "xl", text, request(54, 8, 5.0, "blue"))
    cases.add("sdxl-base", "xl", text, chunked(48, 8, 5.0, "a blue cat"))
    cases.add("sdxl-base", "xl", text, chunked(49, 8, 5.0))
    image = pipeline("StableDiffusionXLImg2ImgPipeline", "sdxl-base", parts, **plain)
    cases.add("sdxl-base", "xl", image, request(55, 8, 5.0, task="image-to-image", strength=0.6), count=3)
    paint = pipeline("StableDiffusionXLInpaintPipeline", "sdxl-base", parts, **plain)
    cases.add("sdxl-base", "xl", paint, request(58, 8, 5.0, task="inpainting", strength=0.7))
    cases.add("sdxl-base", "xl", paint, request(59, 6, 1.0, task="inpainting", strength=1.0))
    turbo = pipeline("StableDiffusionXLPipeline", "sdxl-turbo", parts, **plain)
    cases.add("sdxl-turbo", "xl", turbo, request(60, 1, 0.0))
    cases.add("sdxl-turbo", "xl", turbo, request(61, 4, 0.0), count=3)

    tiled(cases, "sdxl-base", "xl", parts, "StableDiffusionXLPipeline", **plain)

    # As in models whose VAE was trained further: mean and deviation of its latents.
    normal = {"latents_mean": [-0.5, 0.25, 1.0, 0.0], "latents_std": [2.0, 1.5, 1.0, 3.0]}
    publish("sdxl-normalized", "xl", parts, vae=normal)
    parts["vae"].register_to_config(**normal)
    for kind, task in (("StableDiffusionXLPipeline", {}),
                       ("StableDiffusionXLImg2ImgPipeline", {"task": "image-to-image", "strength": 0.6}),
                       ("StableDiffusionXLInpaintPipeline", {"task": "inpainting", "strength": 0.7})):
        made = pipeline(kind, "sdxl-normalized", parts, **plain)
        cases.add("sdxl-normalized", "xl", made, request(65, 6, 3.0, **task))


def latent_consistency(cases: Cases) -> None:
    name = "lcm-dreamshaper"
    parts = model("lcm", time_cond_proj_dim=8, extra={"timestep_cond": torch.randn(1, 8)})
    publish(name, "lcm", parts)
    text = pipeline("LatentConsistencyModelPipeline", name, parts, **NONE)
    cases.add(name, "lcm", text, request(70, 4, 8.5))
    cases.add(name, "lcm", text, request(71, 4, 1.0), count=3)
    cases.add(name, "lcm", text, chunked(77, 4, 8.5))
    image = pipeline("LatentConsistencyModelImg2ImgPipeline", name, parts, **NONE)
    cases.add(name, "lcm", image, request(74, 4, 8.5, task="image-to-image", strength=1.0))
    # With less strength that pipeline thins its steps out; the engine leaves off the first, as this does.
    image = pipeline("StableDiffusionImg2ImgPipeline", name, parts, **NONE)
    cases.add(name, "lcm", image, request(75, 4, 8.5, task="image-to-image", strength=0.5))
    paint = pipeline("StableDiffusionInpaintPipeline", name, parts, **NONE)
    cases.add(name, "lcm", paint, request(76, 4, 8.5, task="inpainting", strength=0.8))


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    cases = Cases()
    with torch.no_grad():
        for family in (stable_diffusion, inpainting, stable_diffusion_xl, latent_consistency):
            family(cases)
    cases.write()
    counted = [e for e in cases.entries if e["standardDeviation"] >= 10 and e["clipped"] < 0.05]
    print(f"{len(cases.entries)} pictures, {len(counted)} of them count")
