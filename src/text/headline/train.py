"""Trains `weights.bin`, the model of src/text/headline.rs, and writes `check.tsv`, against which its test compares.

    python train.py DATA        (Python 3.11, torch 2; DATA holds authored.tsv.xz and templates.tsv.xz of the built-in model)

A logistic regression over the gaps between words: does a headline end here and its text begin? Examples are made by putting a headline (a line
of the data without a stop) or a sentence robbed of its stop before another sentence; every other gap is a negative. Features are hashed into
16,384 weights (FNV-1a, folded), stored as signed bytes in steps of 1/32; the first two bytes of weights.bin are the bias in steps of 1/32.
"""

import lzma
import pathlib
import random
import re
import struct
import sys

import torch

SIZE = 1 << 14
STEP = 32
HERE = pathlib.Path(__file__).parent
MARKS = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
FOLDED = str.maketrans("أإآٱىیکABCDEFGHIJKLMNOPQRSTUVWXYZ", "ااااييكabcdefghijklmnopqrstuvwxyz")
PUNCTUATION = "\"'«»“”()[]{}.,،؛;:!?؟…-–—"
# The same lists as in lexicon.rs (leaves_open) and headline.rs (CONTINUES).
OPEN = set(
    "في من الي علي عن حتي منذ بين ان بان التي الذي الذين او ام ثم كي لكي لم لن قد وقد هو هي بعد قبل خلال عند كل مع هذا هذه غير سوف كان كانت قال وقال"
    " يا اي اذا وفي ومن وعلي والي لدي عبر ضد حول دون نحو فوق تحت و the of and in to a".split()
)
CONTINUES = set("التي الذي الذين او ام ثم وهو وهي والتي والذي بما مما انه انها بان".split())


def core(word):
    return MARKS.sub("", word).translate(FOLDED).strip(PUNCTUATION) or word


def bucket(feature):
    value = 2166136261
    for byte in feature.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return (value ^ (value >> 15)) & (SIZE - 1)


def shape(word):
    front = "و" if word[:1] == "و" else "ال" if word[:2] == "ال" else word[:1]
    back = word[-1:] if word[-1:] in ("ت", "ة") else "0" if word[-1:].isdigit() else ""
    return f"{front}{back}{min(len(word), 6)}"


def features(words, cores, i):
    first, left, right = cores[0], cores[i - 1], cores[i]
    after = cores[i + 1] if i + 1 < len(cores) else "$"
    mark = lambda c: c if c in PUNCTUATION else ""
    article = lambda word: "1" if word.startswith("ال") else "0"
    return [
        bucket(feature)
        for feature in (
            "a" + right,
            "b" + left,
            f"c{right[:3]}{min(len(right), 6)}",
            "d" + left[-3:],
            "e" + shape(left) + shape(right),
            "f" + mark(words[i - 1][-1]) + "|" + mark(words[i][0]),
            f"g{min(i, 20)}",
            "h" + shape(first),
            "i" + article(left) + article(right),
            "j" + shape(right) + after[:2],
            "k" + first,
            "l" + right[:2] + first[:2],
        )
    ]


def impossible(words, cores, i):
    before = "".join(words[:i])
    return (
        cores[i - 1] in OPEN
        or words[i - 1][-1] in "،,:؛;–-(«“"
        or cores[i] in CONTINUES
        or words[i][0] in "-–،)"
        or before.count("(") != before.count(")")
        or before.count("«") != before.count("»")
        or before.count('"') % 2 == 1
    )


def stopped(line):
    return re.search(r"[.!?؟…۔][\"»”)]*$", line)


def without_stop(line):
    return re.sub(r"[.!؟?…۔]+[\"»”)]*$", "", line)


def read(data, name):
    with lzma.open(data / f"{name}.tsv.xz", "rt", encoding="utf-8") as file:
        lines = [line.split("\t") for line in file]
    return [" ".join(fields[0].split()) for fields in lines if fields[-1].strip() not in ("words", "names", "verbs")]


def examples(heads, body, count, chance):
    inputs, labels = [], []
    for _ in range(count):
        dice = chance.random()
        head = chance.choice(heads) if dice < 0.38 else chance.choice(body) if dice < 0.68 else ""
        if head and not 3 <= len(head.split()) <= 20:
            continue
        head = without_stop(head).split()
        words = (head + without_stop(chance.choice(body)).split())[: max(28, len(head) + 10)]
        cores = [core(word) for word in words]
        for i in range(2, len(words)):
            if i == len(head) or not impossible(words, cores, i):
                inputs.append(features(words, cores, i))
                labels.append(float(i == len(head)))
    return torch.tensor(inputs), torch.tensor(labels)


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    chance = random.Random(1)
    data = pathlib.Path(sys.argv[1])
    authored, templates = read(data, "authored"), read(data, "templates")
    title = lambda line: not stopped(line) and 4 <= len(line.split()) <= 16 and not line.endswith(":")
    heads = [line for line in authored if title(line)] * 2 + [line for line in templates if title(line)][:1200]
    body = [line for line in authored if stopped(line) and len(line.split()) >= 6]
    body += chance.sample([line for line in templates if stopped(line)], 10000)
    inputs, labels = examples(heads, body, 48000, chance)
    weights = torch.nn.EmbeddingBag(SIZE, 1, mode="sum")
    torch.nn.init.zeros_(weights.weight)
    bias = torch.nn.Parameter(torch.tensor([-4.0]))
    optimizer = torch.optim.Adam([weights.weight, bias], lr=0.02)
    for _ in range(3):
        for rows in torch.randperm(len(inputs)).split(8192):
            scores = weights(inputs[rows])[:, 0] + bias
            loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels[rows]) + 2e-5 * (weights.weight**2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    table = (weights.weight.data[:, 0] * STEP).round().clamp(-127, 127).to(torch.int8).tolist()
    offset = round(float(bias) * STEP)
    (HERE / "weights.bin").write_bytes(struct.pack(f"<h{SIZE}b", offset, *table))
    lines = [chance.choice(heads) + " " + chance.choice(body) for _ in range(12)] + chance.sample(body, 8)
    with open(HERE / "check.tsv", "w", encoding="utf-8") as file:
        for line in lines:
            words = line.split()
            cores = [core(word) for word in words]
            gaps = [i for i in range(3, min(len(words), 21)) if not impossible(words, cores, i)]
            scores = {i: offset + sum(table[b] for b in features(words, cores, i)) for i in gaps}
            print(line, " ".join(f"{i}:{score}" for i, score in scores.items()), sep="\t", file=file)


main()
