"""Runs `runner bench train` and `game.py` in turns and prints Markdown tables of both.

Every round runs all contenders one after another on the same case, so that what else the machine does
meets all alike; a ratio is taken within a round, and the median over the rounds is printed.
`--sweep` compares what a sweep gets out of the machine instead: steps per second of all processes together.
Standard library only; PyTorch runs in the interpreter named by `--python`.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CASES = [(64, 8, 12), (112, 16, 12), (224, 32, 4)]
# Keeps freed blocks instead of handing them back to the system after every operation (glibc).
KEEPING_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}


@dataclass(frozen=True)
class Case:
    """One size of the game."""

    size: int
    width: int
    batch: int
    threads: int

    def arguments(self) -> list[str]:
        fields = [("size", self.size), ("width", self.width), ("batch", self.batch), ("threads", self.threads)]
        return [part for name, value in fields for part in (f"--{name}", str(value))]


@dataclass(frozen=True)
class Contender:
    """A program that prints `seconds_per_step`, `steps`, `peak_bytes` and `parameters` as JSON."""

    name: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    def start(self, case: Case, steps: int, warm_up: int) -> subprocess.Popen:
        counts = ["--steps", str(steps), "--warm-up", str(warm_up), "--json"]
        threads = {"OMP_NUM_THREADS": str(case.threads)}
        return subprocess.Popen(
            [*self.command, *case.arguments(), *counts],
            env=os.environ | threads | dict(self.environment),
            stdout=subprocess.PIPE,
            text=True,
        )

    def outcome(self, process: subprocess.Popen) -> dict:
        output, _ = process.communicate()
        if process.returncode != 0:
            sys.exit(f"{self.name} failed: {' '.join(map(str, process.args))}")
        return json.loads(output)

    def run(self, case: Case, steps: int, warm_up: int) -> dict:
        return self.outcome(self.start(case, steps, warm_up))


@dataclass(frozen=True)
class Lane:
    """What a sweep runs side by side: `processes` of `threads` each."""

    contender: Contender
    processes: int
    threads: int

    def label(self) -> str:
        return f"{self.contender.name}, {self.processes} x {self.threads} thread{'s' * (self.threads > 1)}"

    def run(self, case: Case, steps: int, warm_up: int) -> list[dict]:
        started = [self.contender.start(case, steps, warm_up) for _ in range(self.processes)]
        return [self.contender.outcome(process) for process in started]


def contenders(arguments: argparse.Namespace) -> tuple[Contender, list[Contender]]:
    """Ours, and PyTorch in all its forms."""
    device = ["--device", arguments.device] if arguments.device else []
    ours = Contender(f"runner{f' ({arguments.device})' * bool(device)}", (str(arguments.runner), "bench", "train", *device))
    game = (str(arguments.python), str(HERE / "game.py"))
    peers = [Contender("PyTorch", game), Contender("PyTorch channels-last", (*game, "--channels-last"))]
    if arguments.keeping_malloc:
        keeping = tuple(KEEPING_MALLOC.items())
        peers += [Contender(f"{peer.name}, keeping malloc", peer.command, keeping) for peer in peers]
    return ours, peers


def row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def headed(*names: str) -> None:
    row(*names)
    row(*("---" for _ in names))


def compare(arguments: argparse.Namespace) -> None:
    """Seconds per step and peak memory, one row a case."""
    ours, peers = contenders(arguments)
    everyone = [ours, *peers]
    headed(
        "size, width, batch", "threads", *(f"{c.name}, s/step" for c in everyone), "best PyTorch / runner (rounds)",
        *(f"{c.name}, MB" for c in everyone), "least PyTorch / runner, memory", "beyond its import / runner",
    )
    for size, width, batch in arguments.cases:
        for threads in arguments.threads:
            case = Case(size, width, batch, threads)
            rounds = []
            for _ in range(arguments.rounds):
                rounds.append({c: c.run(case, arguments.steps, arguments.warm_up) for c in everyone})
                record(arguments, case, [(c.name, outcome) for c, outcome in rounds[-1].items()])
            same_networks(rounds[0])
            print_case(case, rounds, ours, peers)


def print_case(case: Case, rounds: list[dict], ours: Contender, peers: list[Contender]) -> None:
    seconds = {c: median(r[c]["seconds_per_step"] for r in rounds) for c in [ours, *peers]}
    best = min(peers, key=seconds.get)
    ratios = sorted(r[best]["seconds_per_step"] / r[ours]["seconds_per_step"] for r in rounds)
    peak = {c: median(r[c]["peak_bytes"] for r in rounds) for c in [ours, *peers]}
    least = min(peers, key=peak.get)
    # The import of the CUDA wheel takes some 500 MB by itself; without it the figure is about the training alone.
    beyond = peak[least] - rounds[0][least]["imported_bytes"]
    row(
        f"{case.size}, {case.width}, {case.batch}", case.threads, *(f"{s:.4f}" for s in seconds.values()),
        f"**{median(ratios):.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f})", *(f"{p / 1e6:.0f}" for p in peak.values()),
        f"**{peak[least] / peak[ours]:.1f}**", f"{beyond / peak[ours]:.1f}",
    )


def same_networks(outcomes: dict[Contender, dict]) -> None:
    counts = {contender.name: outcome["parameters"] for contender, outcome in outcomes.items()}
    if len(set(counts.values())) > 1:
        sys.exit(f"not the same networks, by their numbers of parameters: {counts}")


def sweep(arguments: argparse.Namespace) -> None:
    """Trainings per hour, one row a case; a ratio is ours over PyTorch in one process with all threads."""
    ours, peers = contenders(arguments)
    cores = max(arguments.threads)
    lanes = [Lane(ours, cores, 1)]
    lanes += [Lane(peer, processes, threads) for processes, threads in ((1, cores), (cores, 1)) for peer in peers]
    headed(
        "size, width, batch", *(f"{lane.label()}: runs/h" for lane in lanes),
        f"runner / best PyTorch, 1 x {cores}", f"runner / best PyTorch, {cores} x 1",
    )
    for size, width, batch in arguments.cases:
        rounds = []
        for _ in range(arguments.rounds):
            rates = {}
            for lane in lanes:
                case = Case(size, width, batch, lane.threads)
                outcomes = lane.run(case, arguments.steps, arguments.warm_up)
                record(arguments, case, [(lane.label(), outcome) for outcome in outcomes])
                rates[lane] = sum(1 / outcome["seconds_per_step"] for outcome in outcomes)
            rounds.append(rates)
        rate = {lane: median(r[lane] for r in rounds) for lane in lanes}
        ratios = []
        for processes in (1, cores):
            best = max((lane for lane in lanes[1:] if lane.processes == processes), key=rate.get)
            ratios.append(f"**{median(r[lanes[0]] / r[best] for r in rounds):.2f}**")
        row(f"{size}, {width}, {batch}", *(f"{r * 3600 / arguments.run_steps:.2f}" for r in rate.values()), *ratios)


def record(arguments: argparse.Namespace, case: Case, outcomes: list[tuple[str, dict]]) -> None:
    if arguments.record:
        with open(arguments.record, "a") as file:
            for name, outcome in outcomes:
                file.write(json.dumps({"contender": name, "case": vars(case), **outcome}) + "\n")


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} cores of {name}"


def sizes(text: str) -> tuple[int, int, int]:
    size, width, batch = map(int, text.split(","))
    return size, width, batch


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The whole training step of Ours, runner against PyTorch eager.")
    parser.add_argument("--runner", type=Path, default=ROOT / "target/release/runner")
    parser.add_argument("--python", type=Path, default=ROOT / "target/bench-pytorch/bin/python")
    parser.add_argument("--device", help="passed to `runner bench train`, for example libtorch")
    parser.add_argument("--cases", type=sizes, nargs="+", default=CASES, metavar="SIZE,WIDTH,BATCH")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="a sweep uses the largest")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="measured steps of a run")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--sweep", action="store_true", help="compare runs per hour instead of steps")
    parser.add_argument("--run-steps", type=int, default=1000, help="steps that make a run in a sweep")
    parser.add_argument("--keeping-malloc", action="store_true", help="PyTorch also with glibc's malloc told to keep memory")
    parser.add_argument("--record", type=Path, help="append every outcome to this file as JSON lines")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}; {arguments.rounds} rounds of {arguments.steps} steps\n", flush=True)
    (sweep if arguments.sweep else compare)(arguments)


if __name__ == "__main__":
    main()
