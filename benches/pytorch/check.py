"""Checks that `game.py` plays the game: its formulas against the golden values of the tests, each to
1e-9 in double precision, and losses that fall over 20 steps. Exits with an error if they don't."""

import json
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

import game

GOLDEN = Path(__file__).resolve().parents[2] / "tests/fixtures/golden"


def golden(folder: str) -> dict:
    return json.loads((GOLDEN / folder / "cases.json").read_text())


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def same(what: str, found: Tensor, expected: object) -> None:
    if not torch.allclose(found.detach(), tensor(expected), rtol=1e-9, atol=1e-12):
        raise SystemExit(f"{what}: {found.detach().tolist()} instead of {expected}")


def check_cross_entropy() -> int:
    cases = [case for case in golden("06_wpce")["cases"] if isinstance(case.get("logits"), list)]
    for case in cases:
        logits, labels = tensor(case["logits"]).requires_grad_(), torch.tensor(case["scribble"])
        labels = torch.where(labels == case["unlabelled"], case["n_classes"], labels)
        loss = game.weighted_partial_cross_entropy(logits, labels)
        expected = case["expected"]["per_image"]["loss"]["mean_over_annotated_pixels"]
        same(f"06 {case['id']}", loss, expected)
        loss.backward()
        gradient = case.get("grad_wrt_logits", {}).get("per_image.mean_over_annotated_pixels")
        if isinstance(gradient, list):
            same(f"06 {case['id']} gradient", logits.grad, gradient)
    return len(cases)


def check_least_squares() -> int:
    cases = golden("07_lsgan")["lsgan"]
    equal = [case for case in cases if len(case["d_real"]) == len(case["d_fake"])]
    for case in equal:
        real, fake = tensor(case["d_real"]), tensor(case["d_fake"])
        flips = [case[name] or [False] * len(real) for name in ("flip_real", "flip_fake")]
        labels = torch.cat([torch.ones(len(real)), -torch.ones(len(fake))]).double()
        labels[torch.tensor(sum(flips, []), dtype=torch.bool)] *= -1
        value = game.least_squares_discriminator(torch.cat([real, fake]), labels)
        same(f"07 {case['id']} V_D", value, case["expected"]["V_D"])
        same(f"07 {case['id']} V_G", game.least_squares_generator(fake), case["expected"]["V_G"])
    return len(equal)


def check_gate() -> int:
    cases = [case for case in golden("08_aag")["cases"] if isinstance(case.get("features"), list)]
    for case in cases:
        features, weight, bias = (tensor(case[name]) for name in ("features", "weight", "bias"))
        logits = torch.nn.functional.conv2d(features[None], weight[:, :, None, None], bias)
        foreground = logits.softmax(1)[:, 1:]
        gated, attention = game.attend(features[None], foreground)
        same(f"08 {case['id']} to_discriminator", foreground[0], case["expected"]["to_discriminator"])
        same(f"08 {case['id']} attention", attention[0, 0], case["expected"]["attention"])
        same(f"08 {case['id']} gated", gated[0], case["expected"]["gated"])
    return len(cases)


def check_spectral_norm() -> int:
    cases = [case for case in golden("09_spectral_norm")["cases"] if isinstance(case.get("weight"), list)]
    for case in cases:
        weight, u = game.spectral_norm(tensor(case["weight"]), tensor(case["u0"]))
        expected = case["expected"]["power_iteration"]["1"]
        same(f"09 {case['id']} u", u, expected["u"])
        sigma = max(expected["sigma"], 1e-12)
        same(f"09 {case['id']} weight", weight, (tensor(case["weight"]) / sigma).tolist())
    return len(cases)


def check_training() -> None:
    torch.manual_seed(1)
    players = game.Game(game.Options(size=64, width=8, batch=12, channels_last=True, adam="fused"))
    log = [players.step(rate=1e-3) for _ in range(20)]
    for name in ("supervised_loss", "discriminator_loss"):
        first, last = (mean(entry[name] for entry in part) for part in (log[:4], log[-4:]))
        print(f"{name}: {first:.4f} in steps 1 to 4, {last:.4f} in steps 17 to 20")
        if not last < first:
            raise SystemExit(f"{name} does not fall")


def main() -> None:
    torch.set_num_threads(1)
    for check in (check_cross_entropy, check_least_squares, check_gate, check_spectral_norm):
        print(f"{check.__name__}: {check()} golden cases")
    check_training()


if __name__ == "__main__":
    main()
