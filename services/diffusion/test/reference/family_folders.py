"""Folders of tiny models: the networks, exported, and the JSON files that their authors published."""
import json
import shutil
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

import tiny_networks as tiny
from published import PUBLISHED

FIXTURES = Path(__file__).parent / "fixtures"
OUT = FIXTURES / "families"


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
