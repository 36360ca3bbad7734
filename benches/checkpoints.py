"""Random checkpoints of the shapes that people run, in the Hugging Face layout, and their CTranslate2 conversions.

Speed depends on the shape and not on what the weights say, so a random checkpoint (fixed seed) measures as well as a real one and needs no
download. The tokeniser is a real SentencePiece model trained on the lines at hand; `vocab.json` maps its pieces to the first ids and fills the
rest of the vocabulary with names that no text yields.

    python checkpoints.py SHAPE FOLDER --lines FILE      writes FOLDER/hf, FOLDER/ct2 (int8) and FOLDER/ct2-f32
"""

import argparse
import json
import shutil
from pathlib import Path

SEED = 1234

# d_model, feed-forward width, encoder layers, decoder layers, heads, vocabulary (the last id is the padding token of Marian)
SHAPES = {
    "opus-mt": dict(d=512, ffn=2048, encoder=6, decoder=6, heads=8, vocab=62834, activation="swish"),
    "tc-big": dict(d=1024, ffn=4096, encoder=6, decoder=6, heads=16, vocab=61247, activation="relu"),
    "student-256": dict(d=256, ffn=1536, encoder=6, decoder=2, heads=8, vocab=32000, activation="relu"),
    "student-512": dict(d=512, ffn=1536, encoder=6, decoder=2, heads=8, vocab=32000, activation="relu"),
    "nllb-600m": dict(d=1024, ffn=4096, encoder=12, decoder=12, heads=16, vocab=256206, activation="relu", family="m2m_100"),
}


def train_tokenizer(lines: Path, folder: Path, pieces: int = 4000) -> list[str]:
    """Trains a unigram SentencePiece model on `lines`; its pieces, in order."""
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        input=str(lines), model_prefix=str(folder / "source"), vocab_size=pieces, hard_vocab_limit=False, minloglevel=2,
        character_coverage=1.0, bos_id=-1, eos_id=0, unk_id=1, pad_id=-1, num_threads=1)
    (folder / "source.vocab").unlink()
    (folder / "source.model").rename(folder / "source.spm")
    shutil.copy(folder / "source.spm", folder / "target.spm")
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    return [model.id_to_piece(i) for i in range(model.get_piece_size())]


def build(shape: str, folder: Path, lines: Path) -> Path:
    """Writes the checkpoint (`hf`) and its conversions (`ct2`: int8, `ct2-f32`) unless they are there; returns `folder`."""
    if (folder / "ct2-f32" / "model.bin").exists():
        return folder
    import torch
    import transformers

    s = SHAPES[shape]
    hf = folder / "hf"
    hf.mkdir(parents=True, exist_ok=True)
    marian = s.get("family", "marian") == "marian"
    pieces = train_tokenizer(lines, hf)
    last = ["<pad>"] if marian else []
    vocabulary = pieces + [f"unused{i}" for i in range(s["vocab"] - len(pieces) - len(last))] + last
    torch.manual_seed(SEED)
    common = dict(
        vocab_size=s["vocab"], d_model=s["d"], encoder_layers=s["encoder"], decoder_layers=s["decoder"],
        encoder_attention_heads=s["heads"], decoder_attention_heads=s["heads"], encoder_ffn_dim=s["ffn"],
        decoder_ffn_dim=s["ffn"], activation_function=s["activation"], scale_embedding=True)
    if marian:
        pad = s["vocab"] - 1
        config = transformers.MarianConfig(
            **common, max_position_embeddings=512, pad_token_id=pad, eos_token_id=0, bos_token_id=0, forced_eos_token_id=0,
            decoder_start_token_id=pad, bad_words_ids=[[pad]], num_beams=4, max_length=512, dtype="float32")
        model = transformers.MarianMTModel(config)
        (hf / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(vocabulary)}, ensure_ascii=False))
    else:
        config = transformers.M2M100Config(
            **common, max_position_embeddings=1024, pad_token_id=1, eos_token_id=2, bos_token_id=0, decoder_start_token_id=2,
            num_beams=4, max_length=200, dtype="float32")
        model = transformers.M2M100ForConditionalGeneration(config)
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

    class Vocabulary:
        bos_token, eos_token, pad_token = (vocabulary[i] for i in (config.bos_token_id, config.eos_token_id, config.pad_token_id))
        unk_token, unk_token_id, special_tokens_map = vocabulary[1], 1, {}

        def get_vocab(self):
            return {piece: i for i, piece in enumerate(vocabulary)}

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
