"""2,000 texts in 20 scripts and of the signs that tokenizers trip over, the same ones on every run."""
import random
import unicodedata

# A phrase that people write, and the blocks that other words are drawn from.
SCRIPTS = {
    "Latin": ("Älg på Öland, smørrebrød, naïve façade, Łódź, đường phố, ŒUVRE ﬁn", [(0x41, 0x24F), (0x1E00, 0x1EFF)]),
    "Greek": ("Ὀδυσσεὺς ΟΔΥΣΣΕΥΣ, ένας κόκκινος ΑΣΤΕΡΑΣ", [(0x370, 0x3FF), (0x1F00, 0x1FFF)]),
    "Cyrillic": ("Красная ЗВЕЗДА над морем, їжак, Ђорђе", [(0x400, 0x52F)]),
    "Arabic": ("نجمة حمراء كبيرة على خلفية زرقاء، ٣٤٥", [(0x620, 0x6FF)]),
    "Hebrew": ("כוכב אדום גדול, שָׁלוֹם עוֹלָם", [(0x591, 0x5C7), (0x5D0, 0x5F4)]),
    "Devanagari": ("नीली पृष्ठभूमि पर एक बड़ा लाल तारा, क़लम", [(0x900, 0x97F)]),
    "Thai": ("ดาวสีแดงขนาดใหญ่บนพื้นหลังสีน้ำเงิน ๑๒๓", [(0xE01, 0xE3A), (0xE3F, 0xE5B)]),
    "Han": ("蓝色背景上的一颗红色大星星，東京𠮷野家", [(0x4E00, 0x9FFC), (0x20000, 0x2A6DD)]),
    "Hiragana": ("あおいはいけいにおおきなあかいほし、が か\u3099", [(0x3041, 0x309F)]),
    "Katakana": ("アオイ ハイケイ ノ アカイ ホシ ｶﾞﾊﾟ ヷ", [(0x30A0, 0x30FF), (0xFF66, 0xFF9D)]),
    "Hangul": ("파란 배경 위의 큰 빨간 별, ㅋㅋㅋ", [(0xAC00, 0xD7A3), (0x1100, 0x11FF)]),
    "Georgian": ("დიდი წითელი ვარსკვლავი ᲓᲘᲓᲘ", [(0x10A0, 0x10FF), (0x1C90, 0x1CBF)]),
    "Armenian": ("ՄԵԾ կարմիր աստղ կապույտ ֆոնի վրա, և", [(0x531, 0x58A)]),
    "Tamil": ("நீல பின்னணியில் ஒரு பெரிய சிவப்பு நட்சத்திரம்", [(0xB82, 0xBFA)]),
    "Bengali": ("নীল পটভূমিতে একটি বড় লাল তারা, ড়ঢ়", [(0x980, 0x9FE)]),
    "Ethiopic": ("በሰማያዊ ዳራ ላይ ትልቅ ቀይ ኮከብ ፩፪፫።", [(0x1200, 0x139F)]),
    "Khmer": ("ផ្កាយក្រហមធំនៅលើផ្ទៃខាងក្រោយពណ៌ខៀវ", [(0x1780, 0x17F9)]),
    "Tibetan": ("སྐར་མ་དམར་པོ་ཆེན་པོ་ཞིག། གྷ ཱི", [(0xF00, 0xFDA)]),
    "Cherokee": ("ᎩᎦᎨ ᏃᏈᏏ ꭰꭱꭲ ᏸᏹ", [(0x13A0, 0x13FD), (0xAB70, 0xABBF)]),
    "Mongolian": ("ᠤᠯᠠᠭᠠᠨ ᠣᠳᠤ ᠮᠣᠩᠭᠣᠯ᠎ᠠ ᠑᠒", [(0x1800, 0x1878), (0x18B0, 0x18F5)]),
}
EMOJI = ["🐱", "🌟🌟🌟", "👩\u200d🚀", "👨\u200d👩\u200d👧\u200d👦", "👍🏽", "🧑🏿\u200d🎨", "❤️", "❤️\u200d🔥", "🏳️\u200d🌈", "🇫🇷", "🇫🇷🇩🇪", "🇦",
         "🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F", "1️⃣", "☎︎", "☎️", "🤷🏻\u200d♀️"]
MARKS = ["\u200e", "\u200f", "\u202b", "\u202e", "\u2066", "\u2069", "\u061c", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad",
         "\ufe0f", "\u0301", "\u0327\u0301", "\u20e3", "\u034f", "\ufffd", "\ue000", "\U000F0000", "\ufdd0", "\U0010FFFF", "\u0378"]
CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\x85", "\x0b", "\x0c"]
SPECIAL = ["<|endoftext|>", "<|startoftext|>", "<|ENDOFTEXT|>", "<|StartOfText|>", "<|endoftext", "|>", "<|", "</w>", "<pad>",
           "! !! !!!", "!", "!a", "a!", "<|endoftext|><|endoftext|>", "<|endof\u200btext|>"]
WORDS = ["a", "photo", "of", "RED", "star", "Photograph", "4k", "8K", "trending", "artstation", "cat's", "DON'T", "we'll", "I'd", "they've", "'s",
         "''s", "’s", "S'S", "ſ", "K", "Å", "İstanbul", "ıI", "ẞ", "straße", "ŉ", "ǅ", "ΣΑΣ", "Σ", "ΑΣ.", "ΑΣ\u0301", "ﬃ", "Ⅷ", "ⓐ", "½", "²",
         "𝔄𝔫", "Ａ１", "007", "3.14159", "1,000,000", "1e-8", "٣", "x²", "_snake_case", "C++", "node.js", "e=mc²", "hello-world", "ΐ", "ΰ",
         "supercalifragilisticexpialidocious", "Å", "ᾳ", "ͅ", "ǰ", "https://example.org/?q=1&r=%20#f"]
PUNCTUATION = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "!!!", "???", "——", "((((", "))))", "،", "。", "「", "」", "¿", "“", "”", "…", "€", "№", "°"]
FIXED = ["", " ", "\n", "\0", "this is a test string of text", "! !! !!!", "!", "!!", "! ! !", " ! ", "a ! b", "<|endoftext|>", " <|endoftext|> ",
         "a<|endoftext|>b", "<|endoftext|>!", "!<|endoftext|>", "<|ENDOFTEXT|>", "<|STARTOFTEXT|>", "<|startoftext|> a <|endoftext|> b",
         "ΟΔΥΣΣΕΥΣ", "ὈΔΥΣΣΕΎΣ ΣΑΣ. ΣΑΣ' Σ", "é e\u0301", "\u1e9b\u0323", "가 \u1100\u1161", "\u212b \u00c5 A\u030a"]


def assigned(blocks) -> list[str]:
    """Without what this Python's Unicode (14.0 in the run that was committed) does not know."""
    return [chr(c) for low, high in blocks for c in range(low, high + 1) if unicodedata.category(chr(c)) != "Cn"]


def texts(count: int = 2000) -> list[str]:
    draw = random.Random(20)
    letters = {name: assigned(blocks) for name, (_, blocks) in SCRIPTS.items()}

    def word(name: str) -> str:
        return "".join(draw.choices(letters[name], k=draw.randint(1, 9)))

    def piece(name: str) -> str:
        phrase = SCRIPTS[name][0]
        kind = draw.randrange(10)
        if kind < 3:
            start = draw.randrange(len(phrase))
            return phrase[start:start + draw.randint(1, 30)]
        if kind < 6:
            return word(name)
        return draw.choice([WORDS, WORDS, EMOJI, SPECIAL, PUNCTUATION, PUNCTUATION, MARKS, CONTROLS][draw.randrange(8)])

    def mixed(name: str) -> str:
        glue = lambda: draw.choice(["", " ", " ", " ", draw.choice(SPACES), draw.choice(MARKS)])
        return "".join(piece(name) + glue() for _ in range(draw.randint(1, 12)))

    def overlong(name: str) -> str:
        return draw.choice([mixed(name) * 20, SCRIPTS[name][0] * 6, word(name)[:1] * 400, draw.choice(WORDS + EMOJI + SPECIAL + PUNCTUATION) * 120,
                            (mixed(name) + " ") * 8, "a " * draw.randint(72, 78), "! " * draw.randint(72, 78)])

    result = list(FIXED)
    result += [phrase for phrase, _ in SCRIPTS.values()]
    result += [f"a{sign}B {sign} {sign * 3}" for sign in dict.fromkeys([*CONTROLS, *SPACES, *MARKS, *EMOJI, *SPECIAL, *PUNCTUATION])]
    result += WORDS
    names = list(SCRIPTS)
    while len(set(result)) < count:
        text = overlong(names[len(result) % 20]) if draw.random() < 0.08 else mixed(names[len(result) % 20])
        change = draw.choice([None, None, str.upper, str.lower, str.title, "NFC", "NFD", "NFKD"])
        result.append(unicodedata.normalize(change, text) if isinstance(change, str) else change(text) if change else text)
    return list(dict.fromkeys(result))
