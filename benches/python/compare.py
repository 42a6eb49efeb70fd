"""Metrics, skeletons and the preprocessing of ACDC: this project beside Python.

    compare.py ROOT [--slices 200] [--processes 2] [--bench BINARY] [--rounds 3]

ROOT is a folder with ACDC's `training/patientNNN`. Both sides get the same slices and files, take turns, and must compute the
same values. Prints ratios of time: how many times faster this project is.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# One thread each, where threads are not what is compared.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import medpy.metric.binary as medpy
import nibabel
import numpy as np
from skimage.morphology import skeletonize

import preprocess

CLASSES = range(1, 4)


def pairs(root, count):
    """Truths of ACDC at 224 x 224, and predictions that are off by some pixels: [pair, 2, row, column]."""
    planes = []
    for path in sorted(root.glob("training/patient*/*_gt.nii.gz")):
        volume = nibabel.load(path)
        labels = np.asarray(volume.dataobj).transpose(2, 1, 0).astype(np.uint8)
        spacing = volume.header.get_zooms()
        for labels in preprocess.labels(labels, (spacing[1], spacing[0])):
            shifted = np.roll(labels, (3, -2), (0, 1))
            shifted[::7] = np.roll(labels, 4, 1)[::7]
            planes.append((shifted, labels))
    step = max(1, len(planes) // count)
    return np.array(planes[::step][:count])


def dice(prediction, truth):
    """Multi-class Dice and that of each class, 1 where both are empty: plain NumPy, which is faster than medpy's `dc`."""
    both = prediction == truth
    result, sums = 0.0, np.zeros(2)
    for c in CLASSES:
        p, t = prediction == c, truth == c
        i, s = np.count_nonzero(p & both), np.count_nonzero(p) + np.count_nonzero(t)
        result += 2 * i / s if s else 1.0
        sums += i, s
    return result + (2 * sums[0] / sums[1] if sums[1] else 1.0)


def dice_medpy(prediction, truth):
    return sum(medpy.dc(prediction == c, truth == c) for c in CLASSES) + medpy.dc(prediction > 0, truth > 0)


def distances(measure):
    def of(prediction, truth):
        masks = ((prediction == c, truth == c) for c in CLASSES)
        return sum(measure(p, t) for p, t in masks if p.any() and t.any())

    return of


def skeleton(_, truth):
    return sum(np.count_nonzero(skeletonize(truth == c)) for c in CLASSES)


def timed(work, pairs):
    """Microseconds a pair, and the sum of what it gave."""
    start = time.perf_counter()
    total = sum(work(*pair) for pair in pairs)
    return {"microseconds": (time.perf_counter() - start) * 1e6 / len(pairs), "sum": total}


PYTHON = {
    "dice": {"NumPy": dice, "medpy": dice_medpy},
    "hausdorff": {"medpy": distances(medpy.hd)},
    "hd95": {"medpy": distances(medpy.hd95)},
    "skeleton": {"scikit-image": skeleton},
}


def rust(binary, *arguments):
    return json.loads(subprocess.check_output([*binary, *map(str, arguments)], text=True).splitlines()[-1])


def images(root, count, binary, rounds):
    made = pairs(root, count)
    print(f"{len(made)} slices of {made.shape[2]} x {made.shape[3]}, 3 classes, one thread; microseconds a slice, best of {rounds}")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "pairs.npy"
        np.save(file, made)
        ours = [rust(binary, "pairs", file) for _ in range(rounds)]
        best = lambda results: min(results, key=lambda result: result["microseconds"])
        for name, peers in PYTHON.items():
            own = best([result[name] for result in ours])
            for peer, work in peers.items():
                other = best([timed(work, made) for _ in range(rounds)])
                agree = peer == "medpy" and name == "dice" or np.isclose(own["sum"], other["sum"], rtol=1e-9)
                assert agree, f"{name}: {own['sum']} here, {other['sum']} by {peer}"
                ratio = other["microseconds"] / own["microseconds"]
                print(f"  {name:10} {peer:13} {other['microseconds']:9.1f}  runner {own['microseconds']:8.2f}  {ratio:6.1f} x")


def volumes(root, binary, processes, rounds):
    print(f"ACDC from files to 224 x 224 at 1.51 mm, normalised; seconds, best of {rounds}")
    own = min((rust(binary, "preprocess", root, 2) for _ in range(rounds)), key=lambda result: result["wall"])
    for count in (processes, 1):
        other = min((preprocess.all_volumes(root, count) for _ in range(rounds)), key=lambda result: result["wall"])
        assert own["volumes"] == other["volumes"] and own["label_sum"] == other["label_sum"], (own, other)
        assert np.isclose(own["image_sum"], other["image_sum"], rtol=1e-5), (own, other)
        print(
            f"  {own['volumes']} volumes: Python, {count} process(es) {other['wall']:.2f} wall {other['cpu']:.2f} CPU;"
            f" runner, 2 threads {own['wall']:.2f} wall {own['cpu']:.2f} CPU;"
            f" {other['wall'] / own['wall']:.1f} x wall, {other['cpu'] / own['cpu']:.1f} x CPU"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bench", help="the built bench; default: cargo builds and runs it")
    arguments = parser.parse_args()
    binary = [arguments.bench] if arguments.bench else ["cargo", "bench", "--quiet", "--bench", "science", "--"]
    if not sorted(arguments.root.glob("training/patient*")):
        sys.exit(f"{arguments.root} has no folder training/patient001 and so on: name ACDC's")
    root = arguments.root.resolve()
    print("load", *os.getloadavg(), "at the start")
    images(root, arguments.slices, binary, arguments.rounds)
    volumes(root, binary, arguments.processes, arguments.rounds)
    print("load", *os.getloadavg(), "at the end")


if __name__ == "__main__":
    main()
