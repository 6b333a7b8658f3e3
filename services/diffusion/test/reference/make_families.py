"""Writes tiny models of every family, and the pictures that diffusers makes with them:
python make_families.py

Networks of random weights of diffusers' and transformers' own classes, a few tens of kilobytes each,
run in PyTorch by diffusers' own pipelines, and exported to ONNX. fixtures/families/ then holds

networks/NAME/       the networks of a model, and the words of its tokenizers
published/NAME/      the JSON files of a model that people have, as published, but for the sizes of the
                     networks, which are those of networks/NAME
networks/NAME-half/  the same networks in float16; their pictures are those of onnxruntime under diffusers'
                     pipelines
networks/sd-beside/  the networks of sd with their weights beside the graphs, those of the UNet in two files
networks/sd-legacy/  the networks of sd as diffusers' own exporter wrote them at first
cases.json           the requests, and which folders they are for
pictures.u8          the pictures, [3, height, width] each, one after the other
decoded.f16          the decoder's output before it is clamped, likewise
"""
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.utils import logging
from PIL import Image
from transformers import CLIPTokenizer

import tiny_networks as tiny
from exported_parts import exported
from published import PUBLISHED

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
FIXTURES = Path(__file__).parent / "fixtures"
OUT = FIXTURES / "families"
WIDTH, HEIGHT = 40, 24
NONE = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def words(folder: Path) -> None:
    """The few words of the fixtures' tokenizer."""
    folder.mkdir(parents=True)
    source = FIXTURES / "tokenizers" / "plain" / "tokenizer"
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(source / name, folder / name)


def model(name: str, *, encoders=1, scaling_factor=0.18215, extra=None, **unet) -> dict:
    """Makes and exports the networks of one folder; returns them as diffusers' components."""
    folder, is_xl = OUT / "networks" / name, encoders == 2
    words(folder / "tokenizer")
    parts = {"text_encoder": tiny.text_encoder(2)}
    tiny.export_text_encoder(folder / "text_encoder/model.onnx", parts["text_encoder"], hidden_states=is_xl)
    if is_xl:
        words(folder / "tokenizer_2")
        parts |= {"text_encoder_2": tiny.text_encoder(3, projection=16)}
        tiny.export_text_encoder(folder / "text_encoder_2/model.onnx", parts["text_encoder_2"],
                                 hidden_states=True)
    parts |= {"unet": tiny.unet(**unet), "vae": tiny.vae(scaling_factor)}
    tiny.export_unet(folder / "unet/model.onnx", parts["unet"], extra or {})
    tiny.export_vae(folder, parts["vae"])
    return parts


def write_json(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, default=str) + "\n")


def publish(name: str, networks: str, parts: dict, vae: dict | None = None) -> dict:
    """The folder's JSON; `vae` is what differs from the networks' own configuration. Returns the parts with
    the folder's tokenizers."""
    folder, published = OUT / "published" / name, PUBLISHED[name]
    files = {"unet/config.json": with_keys(parts["unet"].config, published["unet"]),
             "vae_decoder/config.json": with_keys(dict(parts["vae"].config) | (vae or {}), published["vae"])}
    for encoder in ("text_encoder", "text_encoder_2"):
        if encoder in parts:
            files[f"{encoder}/config.json"] = parts[encoder].config.to_diff_dict()
    write_published(name)
    for path, value in files.items():
        write_json(folder / path, value)
    tokenizers = {}
    for part in ("tokenizer", "tokenizer_2"):
        if part in published:
            with tempfile.TemporaryDirectory() as whole:
                shutil.copytree(OUT / "networks" / networks / part, whole, dirs_exist_ok=True)
                shutil.copytree(folder / part, whole, dirs_exist_ok=True)
                tokenizers[part] = CLIPTokenizer.from_pretrained(whole)
    return {**parts, **tokenizers}


def with_keys(config: dict, keys: list[str] | None) -> dict:
    """None: all, but for what diffusers notes for itself, in no order."""
    return {key: value for key, value in config.items()
            if (key in keys if keys else key != "_use_default_values")}


def write_published(name: str) -> None:
    """What has nothing to do with the networks."""
    folder, published = OUT / "published" / name, PUBLISHED[name]
    write_json(folder / "model_index.json", published["model_index"])
    write_json(folder / "scheduler/scheduler_config.json", published["scheduler"])
    for part in ("tokenizer", "tokenizer_2"):
        for file, value in published.get(part, {}).items():
            write_json(folder / part / f"{file}.json", value)


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
    for name in ("sd-1.5", "sd-2.1", "sd-turbo"):
        folder, own = "sd", publish(name, "sd", parts)
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
    legacy_export(parts)
    beside_export()
    half = publish("sd-1.5", "sd", halved("sd", parts))
    text = pipeline("StableDiffusionPipeline", "sd-1.5", half, **NONE)
    cases.add("sd-1.5", "sd-half", text, request(30, 8, 1.0))
    cases.add("sd-1.5", "sd-half", text, request(31, 8, 5.0, "blue"))
    image = pipeline("StableDiffusionImg2ImgPipeline", "sd-1.5", half, **NONE)
    cases.add("sd-1.5", "sd-half", image, request(32, 8, 5.0, task="image-to-image", strength=0.6))
    paint = pipeline("StableDiffusionInpaintPipeline", "sd-1.5", half, **NONE)
    cases.add("sd-1.5", "sd-half", paint, request(33, 8, 5.0, task="inpainting", strength=0.7))


def halved(name: str, parts: dict) -> dict:
    """Writes the networks in float16; returns the parts with these in them, run by onnxruntime."""
    folder, half = OUT / "networks" / name, OUT / "networks" / f"{name}-half"
    for part in folder.iterdir():
        if part.name.startswith("tokenizer"):
            shutil.copytree(part, half / part.name)
        else:
            tiny.halve(part / "model.onnx", half / part.name / "model.onnx")
    return exported(half, parts)


def beside_export() -> None:
    folder, beside = OUT / "networks/sd", OUT / "networks/sd-beside"
    words(beside / "tokenizer")
    for part in ("text_encoder", "unet", "vae_decoder", "vae_encoder"):
        files = ["model.onnx_data", "model.onnx_data_1"] if part == "unet" else ["model.onnx_data"]
        tiny.put_beside(folder / part / "model.onnx", beside / part / "model.onnx", files)


def legacy_export(parts: dict) -> None:
    legacy = OUT / "networks/sd-legacy"
    words(legacy / "tokenizer")
    tiny.export_text_encoder(legacy / "text_encoder/model.onnx", parts["text_encoder"], ids=torch.int32)
    tiny.export_unet(legacy / "unet/model.onnx", parts["unet"], {}, timestep=torch.rand(2),
                     weights="weights.pb")
    tiny.export_vae(legacy, parts["vae"], samples=True)
    write_published("sd-legacy")


def tiled(cases: Cases, published: str, networks: str, parts: dict, kind: str, **more) -> None:
    """Decoded in tiles of 16 pixels, which a published configuration says by the size it was trained on."""
    name, vae = f"{published}-tiled", parts["vae"]
    own = publish(name, networks, parts, vae={"sample_size": 16})
    vae.tile_sample_min_size, vae.tile_latent_min_size = 16, 8
    vae.enable_tiling()
    made = pipeline(kind, published, own, **more)
    cases.add(name, networks, made, request(80, 8, 5.0, "blue"))
    cases.add(name, networks, made, request(81, 6, 1.0), count=3)
    vae.disable_tiling()


def inpainting(cases: Cases) -> None:
    name = "sd-2-inpainting"
    parts = publish(name, "inpaint", model("inpaint", in_channels=9))
    paint = pipeline("StableDiffusionInpaintPipeline", name, parts, **NONE)
    cases.add(name, "inpaint", paint, request(20, 8, 5.0, "blue", task="inpainting", strength=1.0), count=3)
    cases.add(name, "inpaint", paint, request(23, 8, 1.0, task="inpainting", strength=0.6))
    paint = pipeline("StableDiffusionInpaintPipeline", name, halved("inpaint", parts), **NONE)
    cases.add(name, "inpaint-half", paint, request(24, 8, 5.0, "blue", task="inpainting", strength=1.0))


def stable_diffusion_xl(cases: Cases) -> None:
    parts = model("xl", encoders=2, scaling_factor=0.13025, cross_attention_dim=16,
                  addition_embed_type="text_time", addition_time_embed_dim=8,
                  projection_class_embeddings_input_dim=64,
                  extra={"text_embeds": torch.randn(2, 16), "time_ids": torch.rand(2, 6) * 40})
    base, distilled = (publish(name, "xl", parts) for name in ("sdxl-base", "sdxl-turbo"))
    plain = {"add_watermarker": False}
    text = pipeline("StableDiffusionXLPipeline", "sdxl-base", base, **plain)
    cases.add("sdxl-base", "xl", text, request(50, 8, 1.0))
    cases.add("sdxl-base", "xl", text, request(51, 8, 5.0), count=3)
    cases.add("sdxl-base", "xl", text, request(54, 8, 5.0, "blue"))
    cases.add("sdxl-base", "xl", text, chunked(48, 8, 5.0, "a blue cat"))
    cases.add("sdxl-base", "xl", text, chunked(49, 8, 5.0))
    image = pipeline("StableDiffusionXLImg2ImgPipeline", "sdxl-base", base, **plain)
    cases.add("sdxl-base", "xl", image, request(55, 8, 5.0, task="image-to-image", strength=0.6), count=3)
    paint = pipeline("StableDiffusionXLInpaintPipeline", "sdxl-base", base, **plain)
    cases.add("sdxl-base", "xl", paint, request(58, 8, 5.0, task="inpainting", strength=0.7))
    cases.add("sdxl-base", "xl", paint, request(59, 6, 1.0, task="inpainting", strength=1.0))
    half = halved("xl", base)
    text = pipeline("StableDiffusionXLPipeline", "sdxl-base", half, **plain)
    cases.add("sdxl-base", "xl-half", text, request(62, 8, 5.0))
    image = pipeline("StableDiffusionXLImg2ImgPipeline", "sdxl-base", half, **plain)
    cases.add("sdxl-base", "xl-half", image, request(63, 8, 5.0, task="image-to-image", strength=0.6))
    turbo = pipeline("StableDiffusionXLPipeline", "sdxl-turbo", distilled, **plain)
    cases.add("sdxl-turbo", "xl", turbo, request(60, 1, 0.0))
    cases.add("sdxl-turbo", "xl", turbo, request(61, 4, 0.0), count=3)

    tiled(cases, "sdxl-base", "xl", parts, "StableDiffusionXLPipeline", **plain)

    # As in models whose VAE was trained further: mean and deviation of its latents.
    normal = {"latents_mean": [-0.5, 0.25, 1.0, 0.0], "latents_std": [2.0, 1.5, 1.0, 3.0]}
    parts = publish("sdxl-normalized", "xl", parts, vae=normal)
    parts["vae"].register_to_config(**normal)
    for kind, task in (("StableDiffusionXLPipeline", {}),
                       ("StableDiffusionXLImg2ImgPipeline", {"task": "image-to-image", "strength": 0.6}),
                       ("StableDiffusionXLInpaintPipeline", {"task": "inpainting", "strength": 0.7})):
        made = pipeline(kind, "sdxl-normalized", parts, **plain)
        cases.add("sdxl-normalized", "xl", made, request(65, 6, 3.0, **task))


def latent_consistency(cases: Cases) -> None:
    name = "lcm-dreamshaper"
    parts = model("lcm", time_cond_proj_dim=8, extra={"timestep_cond": torch.randn(1, 8)})
    parts = publish(name, "lcm", parts)
    text = pipeline("LatentConsistencyModelPipeline", name, parts, **NONE)
    cases.add(name, "lcm", text, request(70, 4, 8.5))
    cases.add(name, "lcm", text, request(71, 4, 1.0), count=3)
    cases.add(name, "lcm", text, chunked(77, 4, 8.5))
    image = pipeline("LatentConsistencyModelImg2ImgPipeline", name, parts, **NONE)
    cases.add(name, "lcm", image, request(74, 4, 8.5, task="image-to-image", strength=1.0))
    cases.add(name, "lcm", image, request(75, 4, 8.5, task="image-to-image", strength=0.5))
    cases.add(name, "lcm", image, request(76, 3, 1.0, task="image-to-image", strength=0.25), count=3)
    # There is no pipeline of its own for inpainting.
    paint = pipeline("StableDiffusionInpaintPipeline", name, parts, **NONE)
    cases.add(name, "lcm", paint, request(79, 4, 8.5, task="inpainting", strength=0.8))
    half = halved("lcm", parts)
    text = pipeline("LatentConsistencyModelPipeline", name, half, **NONE)
    cases.add(name, "lcm-half", text, request(80, 4, 8.5))
    image = pipeline("LatentConsistencyModelImg2ImgPipeline", name, half, **NONE)
    cases.add(name, "lcm-half", image, request(81, 4, 8.5, task="image-to-image", strength=0.5))


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
