"""jisr against CTranslate2 and transformers: the table of the README.

All systems translate the same lines with the same checkpoint to the same number of target tokens (the end of sentence is not allowed before), so
that none gains from where a random model happens to stop. Each measurement is a process of its own: load, one pass to warm up, timed passes.
The systems alternate, `--rounds` times, and the median round counts; what else the machine does meets all of them. CTranslate2 runs
at several batch sizes and its best one counts.

    python3 benches/compare.py --lines FILE                      every shape, greedy and beam 4, one and two threads
    python3 benches/compare.py --lines FILE --shape opus-mt --beam 1 --threads 1 --no-transformers
    python3 benches/compare.py --lines FILE --checkpoint DIR     a Marian checkpoint of your own (Hugging Face layout) instead of random weights

The first run makes a virtual environment in `--folder` (default `target/compare`) and installs the other systems from PyPI; jisr is built with
`cargo build --release` unless `--jisr` names a binary.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

PACKAGES = ["ctranslate2==4.8.5", "transformers==5.23.0", "torch==2.15.0", "sentencepiece==0.2.3", "sacremoses==0.1.1"]
ROOT = Path(__file__).resolve().parent.parent
# What is best depends on beam and machine: sentences, or source tokens.
CT2_BATCHES = [("examples", 32), ("examples", 64), ("tokens", 4096)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=Path, required=True, help="Arabic text, one sentence a line")
    parser.add_argument("--count", type=int, default=256, help="lines used")
    parser.add_argument("--shape", action="append", help="see checkpoints.py; may be repeated")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--beam", type=int, action="append")
    parser.add_argument("--threads", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="int8", choices=["int8", "f32"], help="of jisr and CTranslate2")
    parser.add_argument("--no-transformers", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / "target" / "compare")
    parser.add_argument("--jisr", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if options.worker:
        print(json.dumps(worker(json.loads(options.worker))))
        return
    in_environment(options.folder)
    import checkpoints  # beside this file; needs the environment's packages only when it builds

    jisr = options.jisr or build_jisr()
    folder = options.folder
    lines = folder / "lines.txt"
    chosen = [line for line in options.lines.read_text(encoding="utf-8").splitlines() if line.strip()][: options.count]
    lines.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    models = {}
    if options.checkpoint:
        models[options.checkpoint.name] = checkpoints.take(options.checkpoint, folder / options.checkpoint.name)
    else:
        for shape in options.shape or ["opus-mt", "student-256", "student-512", "tc-big"]:
            models[shape] = checkpoints.build(shape, folder / shape, lines)
    print("| shape | beam | threads | system | tokens/s | jisr is | peak MiB | load s |")
    print("|---|---|---|---|---|---|---|---|")
    for name, model in models.items():
        length = target_length(model, lines)
        for beam in options.beam or [1, 4]:
            for threads in options.threads or [1, 2]:
                job = dict(model=str(model), lines=str(lines), beam=beam, threads=threads, length=length, precision=options.precision)
                table(name, job, jisr, options.rounds, not options.no_transformers)


def in_environment(folder: Path) -> None:
    """Runs this script again in its own virtual environment, which is made if it is not there."""
    try:
        import ctranslate2, sentencepiece, torch, transformers  # noqa: F401, E401
        return
    except ImportError:
        pass
    environment = folder / "venv"
    python = environment / "bin" / "python"
    if sys.prefix == str(environment):
        sys.exit("the virtual environment lacks packages; remove " + str(environment))
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    os.execv(python, [str(python), *sys.argv])


def build_jisr() -> Path:
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "jisr"


def encode(model: Path, lines: Path) -> list[list[str]]:
    """The lines as pieces that the vocabulary has, the source language (NLLB) first, the end of sentence last."""
    import sentencepiece

    nllb = model / "hf" / "sentencepiece.bpe.model"
    spm = sentencepiece.SentencePieceProcessor(model_file=str(nllb if nllb.exists() else model / "hf" / "source.spm"))
    vocabulary = pieces_by_id(model)
    known, before = set(vocabulary), ["arb_Arab"] if nllb.exists() else []
    sentences = (spm.encode(line, out_type=str) for line in lines.read_text(encoding="utf-8").splitlines())
    return [before + [piece if piece in known else "<unk>" for piece in pieces] + ["</s>"] for pieces in sentences]


def pieces_by_id(model: Path) -> list[str]:
    return json.loads((model / "pieces.json").read_text(encoding="utf-8"))


def forced_language(model: Path) -> str | None:
    """What every translation of a multilingual model starts with."""
    return "eng_Latn" if (model / "hf" / "sentencepiece.bpe.model").exists() else None


def target_length(model: Path, lines: Path) -> int:
    sources = encode(model, lines)
    return int(1.1 * sum(map(len, sources)) / len(sources) + 5)


def table(name: str, job: dict, jisr: Path, rounds: int, with_transformers: bool) -> None:
    """Measures all systems alternately and prints their rows, jisr first."""
    systems = {"jisr": lambda: run_jisr(jisr, job)}
    for kind, size in CT2_BATCHES:
        batch = dict(job, system="ctranslate2", batch_type=kind, batch_size=size)
        systems[f"CTranslate2, {size} {kind}"] = lambda batch=batch: run_worker(batch)
    if with_transformers:
        systems["transformers f32"] = lambda: run_worker(dict(job, system="transformers"))
    run_jisr(jisr, job)  # leaves the packed file
    results = {system: [] for system in systems}
    for number in range(rounds):
        for system, run in systems.items():
            if system.startswith("transformers") and number > 0:
                continue  # minutes, and far behind: once is enough
            results[system].append(run())
    middle = {system: statistics.median(r["tokens_per_second"] for r in runs) for system, runs in results.items()}
    best = max((s for s in systems if s.startswith("CTranslate2")), key=middle.get)
    for system, runs in results.items():
        if system.startswith("CTranslate2") and system != best:
            continue
        rss = max(r["peak_rss_mib"] for r in runs)
        load = statistics.median(r["load_seconds"] for r in runs)
        ratio = "" if system == "jisr" else f"{middle['jisr'] / middle[system]:.2f}×"
        label = f"**jisr {job['precision']}** ({runs[0]['kernel']})" if system == "jisr" else system
        cells = [name, job["beam"], job["threads"], label, f"{middle[system]:,.0f}", ratio, f"{rss:,.0f}", f"{load:.2f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def run_jisr(jisr: Path, job: dict) -> dict:
    length = str(job["length"])
    command = [
        jisr, "bench", "-m", Path(job["model"]) / "hf", "--input", job["lines"], "--json", "--repeat", "1", "--device", "cpu",
        "--precision", job["precision"], "--beam", str(job["beam"]), "--threads", str(job["threads"]),
        "--min-length", length, "--max-length", length,
    ]
    return json.loads(subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE).stdout)


def run_worker(job: dict) -> dict:
    environment = dict(os.environ, OMP_NUM_THREADS=str(job["threads"] if job["system"] == "transformers" else 1))
    command = [sys.executable, __file__, "--lines", job["lines"], "--worker", json.dumps(job)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout.splitlines()[-1])


def worker(job: dict) -> dict:
    """In a process of its own: loads a system, translates once to warm up and once for the clock."""
    sources = encode(Path(job["model"]), Path(job["lines"]))
    started = time.perf_counter()
    translate = {"ctranslate2": ctranslate2_system, "transformers": transformers_system}[job["system"]](job, sources)
    loaded = time.perf_counter()
    if job["system"] == "ctranslate2":
        translate()
    begin = time.perf_counter()
    tokens = translate()
    seconds = time.perf_counter() - begin
    with open("/proc/self/status", encoding="utf-8") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    return dict(tokens_per_second=tokens / seconds, load_seconds=loaded - started, peak_rss_mib=peak, kernel=job["system"])


def ctranslate2_system(job: dict, sources: list[list[str]]):
    import ctranslate2

    compute = {"int8": "int8", "f32": "float32"}[job["precision"]]
    translator = ctranslate2.Translator(
        str(Path(job["model"]) / ("ct2" if job["precision"] == "int8" else "ct2-f32")), device="cpu", compute_type=compute,
        inter_threads=job["threads"], intra_threads=1)

    language = forced_language(Path(job["model"]))
    prefix = [[language]] * len(sources) if language else None

    def translate() -> int:
        results = translator.translate_batch(
            sources, target_prefix=prefix, beam_size=job["beam"], min_decoding_length=job["length"], max_decoding_length=job["length"],
            max_batch_size=job["batch_size"], batch_type=job["batch_type"])
        return sum(len(result.hypotheses[0]) for result in results)

    return translate


def transformers_system(job: dict, sources: list[list[str]]):
    import torch
    import transformers

    torch.set_num_threads(job["threads"])
    hf = Path(job["model"]) / "hf"
    vocabulary = {piece: i for i, piece in enumerate(pieces_by_id(Path(job["model"])))}
    language = forced_language(Path(job["model"]))
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(hf, dtype=torch.float32).eval()
    ids = sorted(([vocabulary[piece] for piece in pieces] for pieces in sources), key=len, reverse=True)
    pad = model.config.pad_token_id

    def translate() -> int:
        tokens = 0
        for start in range(0, len(ids), 32):
            batch = ids[start : start + 32]
            width = max(map(len, batch))
            inputs = torch.tensor([row + [pad] * (width - len(row)) for row in batch])
            with torch.inference_mode():
                model.generate(
                    inputs, attention_mask=inputs.ne(pad).long(), forced_bos_token_id=vocabulary.get(language), num_beams=job["beam"], do_sample=False,
                    min_new_tokens=job["length"], max_new_tokens=job["length"])
            tokens += job["length"] * len(batch)
        return tokens

    return translate


if __name__ == "__main__":
    main()
