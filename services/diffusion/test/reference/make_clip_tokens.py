"""Writes fixtures/clip/, transformers' ids of 2,000 texts with CLIP's real vocabulary:

python make_clip_tokens.py [open_clip_torch-3.3.0-py3-none-any.whl]

merges.txt.gz        the file of the published tokenizers, from OpenAI's table in that wheel if one is given
                     (pip download --no-deps open_clip_torch==3.3.0)
tokenizers.json.gz   what else the folders hold, but vocab.json, which follows from the merges
tokens.jsonl.gz      a line for each text: itself and its ids in each folder
"""
import gzip
import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path

from clip_texts import texts
from transformers import CLIPTokenizer

CLIP = Path(__file__).parent / "fixtures" / "clip"
START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = 49408 - 2 * 256 - 2


def write(name: str, text: str) -> None:
    CLIP.mkdir(parents=True, exist_ok=True)
    (CLIP / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def extract_merges(wheel: str) -> None:
    """OpenAI's table has a header and more merges than the model was trained with."""
    with zipfile.ZipFile(wheel) as files:
        table = gzip.decompress(files.read("open_clip/bpe_simple_vocab_16e6.txt.gz")).decode()
    write("merges.txt.gz", "\n".join(["#version: 0.2", *table.split("\n")[1 : MERGES + 1]]) + "\n")


def vocabulary(merges: str) -> dict[str, int]:
    """Bytes as GPT-2 writes them, the same at the end of a word, one token a merge, two marks."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    glyphs = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    words = [line.replace(" ", "") for line in merges.split("\n")[1:-1]]
    return {token: i for i, token in enumerate([*glyphs, *(g + "</w>" for g in glyphs), *words, START, END])}


def folders() -> dict[str, dict[str, object]]:
    """As published: SD 1.x and 2.x as transformers wrote them before it had added_tokens_decoder; in 2.x the two
    files are at odds about the padding. XL's second tokenizer as it wrote them since."""
    flags = {"lstrip": False, "rstrip": False, "single_word": False}
    typed = lambda content: {"__type": "AddedToken", "content": content, "normalized": True, **flags}
    config = {"add_prefix_space": False, "bos_token": typed(START), "do_lower_case": True, "eos_token": typed(END), "errors": "replace",
              "model_max_length": 77, "pad_token": END, "tokenizer_class": "CLIPTokenizer", "unk_token": typed(END)}
    plain = lambda content: {"content": content, "normalized": True, **flags}
    special = {"bos_token": plain(START), "eos_token": plain(END), "pad_token": END, "unk_token": plain(END)}
    decoder = {"0": ("!", False), "49406": (START, True), "49407": (END, True)}
    xl = {**config, "pad_token": "!", "bos_token": START, "eos_token": END, "unk_token": END, "clean_up_tokenization_spaces": True,
          "added_tokens_decoder": {i: {"content": content, "normalized": normalized, "special": True, **flags}
                                   for i, (content, normalized) in decoder.items()}}
    return {
        "sd1": {"tokenizer_config.json": config, "special_tokens_map.json": special},
        "sd2": {"tokenizer_config.json": config, "special_tokens_map.json": {**special, "pad_token": "!"}},
        "xl": {"tokenizer_config.json": xl, "special_tokens_map.json": {**special, "pad_token": "!"}},
    }


def load(files: dict[str, object], merges: str, vocab: dict[str, int]) -> CLIPTokenizer:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(json.dumps(content))
        if "tokenizer.json" not in files:
            (Path(folder) / "merges.txt").write_text(merges, encoding="utf-8")
            (Path(folder) / "vocab.json").write_text(json.dumps(vocab))
        return CLIPTokenizer.from_pretrained(folder)


def saved(tokenizer: CLIPTokenizer) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {file.name: json.loads(file.read_text()) for file in Path(folder).glob("*.json")}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        extract_merges(sys.argv[1])
    merges = gzip.decompress((CLIP / "merges.txt.gz").read_bytes()).decode()
    vocab = vocabulary(merges)
    assert len(vocab) == 49408

    kinds = folders()
    tokenizers = {name: load(files, merges, vocab) for name, files in kinds.items()}
    for name in ("sd1", "sd2"):  # Of xl, transformers writes the same as of sd2.
        kinds[f"{name}-fast"] = saved(tokenizers[name])
        tokenizers[f"{name}-fast"] = load(kinds[f"{name}-fast"], merges, vocab)
    for files in kinds.values():
        if "tokenizer.json" in files:
            model = files["tokenizer.json"]["model"]
            assert model["vocab"] == vocab and len(model["merges"]) == MERGES
            del model["vocab"], model["merges"]
    write("tokenizers.json.gz", json.dumps(kinds))

    lines = []
    for text in texts():
        ids = {name: tokenizer(text, padding="max_length", truncation=True, max_length=77).input_ids for name, tokenizer in tokenizers.items()}
        lines.append(json.dumps({"text": text, "ids": ids}, separators=(",", ":")))
    write("tokens.jsonl.gz", "\n".join(lines) + "\n")
    print(len(merges.encode()), len(json.dumps(vocab, ensure_ascii=False).encode()), hashlib.sha256(merges.encode()).hexdigest(),
          [(name, t("this is a test string of text").input_ids, t("! !! !!!").input_ids, t.pad_token) for name, t in tokenizers.items()])
