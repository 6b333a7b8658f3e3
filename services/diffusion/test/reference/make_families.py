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
import shutil
import warnings

import torch
from diffusers.utils import logging

import tiny_networks as tiny
from exported_parts import exported
from family_folders import OUT, model, publish, words, write_published
from family_pictures import Cases, chunked, pipeline, request

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
NONE = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


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
