"""Trains the CLIP-format tokenizer on the captions: python tokenizer.py DATA OUT"""
import json
import re
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from models import MAX_TOKENS

START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's rule for where words begin; contractions and numbers are cut apart.
WORDS = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def bytes_to_glyphs() -> list[str]:
    """CLIP's order of the 256 glyphs that stand for bytes (printable ones stand for themselves)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(rest))]


def learn_merges(captions: list[str]) -> list[tuple[str, str]]:
    glyphs = bytes_to_glyphs()
    tokenizer = Tokenizer(BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = BpeTrainer(
        # Large enough that every word of the grammar becomes one token.
        vocab_size=2000,
        initial_alphabet=glyphs,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    return [tuple(m) if not isinstance(m, str) else tuple(m.split(" "))
            for m in json.loads(tokenizer.to_str())["model"]["merges"]]


def write_tokenizer(captions: list[str], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    merges = learn_merges(captions)
    glyphs = bytes_to_glyphs()
    tokens = [*glyphs, *(g + "</w>" for g in glyphs), *("".join(m) for m in merges), START, END]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (out / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8"
    )
    special = {
        "bos_token": token_entry(START, normalized=True),
        "eos_token": token_entry(END, normalized=True),
        "pad_token": END,
        "unk_token": token_entry(END, normalized=True),
    }
    (out / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(vocab[t]): {**token_entry(t, normalized=t == START), "special": True}
            for t in (START, END)
        },
        "bos_token": START,
        "clean_up_tokenization_spaces": False,
        "do_lower_case": True,
        "eos_token": END,
        "errors": "replace",
        "model_max_length": MAX_TOKENS,
        "pad_token": END,
        "tokenizer_class": "CLIPTokenizer",
        "unk_token": END,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def token_entry(content: str, normalized: bool) -> dict:
    return {
        "content": content,
        "lstrip": False,
        "normalized": normalized,
        "rstrip": False,
        "single_word": False,
    }


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder)


def read_captions(data: Path) -> list[str]:
    lines = (data / "scenes.jsonl").read_text().splitlines()
    return [caption for line in lines for caption in json.loads(line)["captions"]]


if __name__ == "__main__":
    data, out = map(Path, sys.argv[1:3])
    captions = read_captions(data)
    write_tokenizer(captions, out)
    tokenizer = load_tokenizer(out)
    lengths = [len(ids) for ids in tokenizer(captions[:20000])["input_ids"]]
    words = {w for c in captions for w in re.findall(r"[a-z]+", c)}
    split = sorted(w for w in words if len(tokenizer.tokenize(w)) > 1)
    print(f"{len(tokenizer)} tokens, longest prompt {max(lengths)}, words in parts: {split}")
