"""Random checkpoints of the shapes that people run, in the Hugging Face layout, and their CTranslate2 conversions.

Speed depends on the shape and not on what the weights say, so a random checkpoint (fixed seed) measures as well as a real one and needs no
download. The tokeniser is a real SentencePiece model trained on the lines at hand; the rest of the vocabulary is filled with names that no text
yields.

    python checkpoints.py SHAPE FOLDER --lines FILE      writes FOLDER/hf, FOLDER/ct2 (int8) and FOLDER/ct2-f32
"""

import argparse
import json
import shutil
import struct
from pathlib import Path

SEED = 1234

# d_model, feed-forward width, encoder layers, decoder layers, heads, vocabulary (the last id is the padding token of Marian)
SHAPES = {
    "opus-mt": dict(d=512, ffn=2048, encoder=6, decoder=6, heads=8, vocab=62834, activation="swish"),
    "tc-big": dict(d=1024, ffn=4096, encoder=6, decoder=6, heads=16, vocab=61247, activation="relu"),
    "student-256": dict(d=256, ffn=1536, encoder=6, decoder=2, heads=8, vocab=32000, activation="relu"),
    "student-512": dict(d=512, ffn=1536, encoder=6, decoder=2, heads=8, vocab=32000, activation="relu"),
    "nllb-600m": dict(d=1024, ffn=4096, encoder=12, decoder=12, heads=16, vocab=256206, activation="relu", family="nllb"),
}


def train_tokenizer(lines: Path, model: Path, kind: str, **settings) -> list[str]:
    """Trains a SentencePiece model on `lines` and writes it to `model`; its pieces, in order."""
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        input=str(lines), model_prefix=str(model), model_type=kind, hard_vocab_limit=False, minloglevel=2,
        character_coverage=1.0, num_threads=1, **settings)
    model.with_name(model.name + ".vocab").unlink()
    model.with_name(model.name + ".model").rename(model)
    trained = sentencepiece.SentencePieceProcessor(model_file=str(model))
    return [trained.id_to_piece(i) for i in range(trained.get_piece_size())]


def marian_tokenizer(lines: Path, hf: Path, size: int) -> list[str]:
    """Writes the tokeniser of a Marian checkpoint; its vocabulary, the padding token last."""
    pieces = train_tokenizer(lines, hf / "source.spm", "unigram", vocab_size=4000, bos_id=-1, eos_id=0, unk_id=1, pad_id=-1)
    shutil.copy(hf / "source.spm", hf / "target.spm")
    vocabulary = pieces + [f"unused{i}" for i in range(size - len(pieces) - 1)] + ["<pad>"]
    (hf / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(vocabulary)}, ensure_ascii=False))
    return vocabulary


def nllb_tokenizer(lines: Path, hf: Path, size: int) -> list[str]:
    """Writes the tokeniser of an NLLB-200 checkpoint, with as many pieces as the real one; its vocabulary in fairseq's order."""
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    model = hf / "sentencepiece.bpe.model"
    pieces = train_tokenizer(lines, model, "bpe", vocab_size=4000, unk_id=0, bos_id=1, eos_id=2)
    unused = [f"\u2581unused{i}" for i in range(256_000 - len(pieces))]
    with open(model, "ab") as file:  # a serialised message goes on with more of its repeated field
        for i, piece in enumerate(unused):
            name = piece.encode()
            message = b"\x0a" + bytes([len(name)]) + name + b"\x15" + struct.pack("<f", -1e6 - i)
            file.write(b"\x0a" + bytes([len(message)]) + message)
    (hf / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="NllbTokenizer", src_lang="arb_Arab", tgt_lang="eng_Latn")))
    known = ["<s>", "<pad>", "</s>", "<unk>", *pieces[3:], *unused, *FAIRSEQ_LANGUAGE_CODES, "<mask>"]
    return known + [f"madeupword{i}" for i in range(size - len(known))]


def build(shape: str, folder: Path, lines: Path) -> Path:
    """Writes the checkpoint (`hf`), its pieces by id (`pieces.json`) and its conversions (`ct2`: int8, `ct2-f32`) unless they are there."""
    if (folder / "ct2-f32" / "model.bin").exists():
        return folder
    import torch
    import transformers

    s = SHAPES[shape]
    hf = folder / "hf"
    hf.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    common = dict(
        vocab_size=s["vocab"], d_model=s["d"], encoder_layers=s["encoder"], decoder_layers=s["decoder"],
        encoder_attention_heads=s["heads"], decoder_attention_heads=s["heads"], encoder_ffn_dim=s["ffn"],
        decoder_ffn_dim=s["ffn"], activation_function=s["activation"], scale_embedding=True, dtype="float32")
    if s.get("family") == "nllb":
        vocabulary = nllb_tokenizer(lines, hf, s["vocab"])
        config = transformers.M2M100Config(
            **common, max_position_embeddings=1024, pad_token_id=1, eos_token_id=2, bos_token_id=0, decoder_start_token_id=2,
            num_beams=4, max_length=200)
        model = transformers.M2M100ForConditionalGeneration(config)
    else:
        vocabulary = marian_tokenizer(lines, hf, s["vocab"])
        pad = s["vocab"] - 1
        config = transformers.MarianConfig(
            **common, max_position_embeddings=512, pad_token_id=pad, eos_token_id=0, bos_token_id=0, forced_eos_token_id=0,
            decoder_start_token_id=pad, bad_words_ids=[[pad]], num_beams=4, max_length=512)
        model = transformers.MarianMTModel(config)
    with torch.no_grad():  # biases and norms that are not the identity
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.02)
            elif "layer_norm.weight" in name:
                parameter.normal_(1.0, 0.05)
    model.save_pretrained(hf)
    convert(hf, folder, vocabulary, model.config)
    return folder


def take(checkpoint: Path, folder: Path) -> Path:
    """Makes a folder as [`build`] does from a Marian checkpoint that is there."""
    if not (folder / "ct2-f32" / "model.bin").exists():
        import transformers

        shutil.copytree(checkpoint, folder / "hf", dirs_exist_ok=True)
        by_id = {i: piece for piece, i in json.loads((checkpoint / "vocab.json").read_text(encoding="utf-8")).items()}
        config = transformers.AutoConfig.from_pretrained(checkpoint)
        convert(folder / "hf", folder, [by_id.get(i, f"unused{i}") for i in range(config.vocab_size)], config)
    return folder


def convert(hf: Path, folder: Path, vocabulary: list[str], config) -> None:
    """CTranslate2's own converter, to int8 and f32; only the tokeniser is replaced, by the list of pieces."""
    import ctranslate2

    (folder / "pieces.json").write_text(json.dumps(vocabulary, ensure_ascii=False))

    class Vocabulary:
        bos_token, eos_token, pad_token = (vocabulary[i] for i in (config.bos_token_id, config.eos_token_id, config.pad_token_id))
        unk_token, special_tokens_map = "<unk>", {}
        unk_token_id, mask_token = vocabulary.index("<unk>"), "<mask>"

        def get_vocab(self):
            return {piece: i for i, piece in enumerate(vocabulary)}

        def convert_ids_to_tokens(self, i):
            return vocabulary[i]

    class Converter(ctranslate2.converters.TransformersConverter):
        def load_tokenizer(self, *_, **__):
            return Vocabulary()

    Converter(str(hf)).convert(str(folder / "ct2"), quantization="int8", force=True)
    Converter(str(hf)).convert(str(folder / "ct2-f32"), force=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=Path, required=True)
    arguments = parser.parse_args()
    build(arguments.shape, arguments.folder, arguments.lines)
