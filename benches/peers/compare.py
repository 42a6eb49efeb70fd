#!/usr/bin/env python3
"""Runs this runner and other tools on the same layered DAG, and prints one table in Markdown.

The DAG has 10 layers of N/10 stages; each runs `cksum A B > OUT` on two files of the layer above. One changed leaf
dirties 65 stages. Tools that are not installed are left out: `pip install ninja snakemake dvc` brings them.

usage: compare.py --runner target/release/runner [--stages 100 1000 5000] [--tools runner ninja snakemake dvc] [--most snakemake=1000 dvc=100]
"""
import argparse, os, shutil, subprocess, sys, tempfile, time

LAYERS = 10


def stages(count):
    """Name, layer, and the two columns of the layer above that each stage reads."""
    width = count // LAYERS
    return [(f"l{l}_{i}", l, i, (i + 1) % width) for l in range(LAYERS) for i in range(width)]


def files(layer, a, b):
    name = "in/{}.txt" if layer == 0 else f"out/l{layer - 1}_{{}}.txt"
    return name.format(a), name.format(b)


class Tool:
    """Writes a DAG and knows the commands for it."""

    restore = None
    plan = None

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment

    def remove(self):
        shutil.rmtree(f"{self.folder}/out")
        os.makedirs(f"{self.folder}/out")


class Runner(Tool):
    name = "runner"
    cold = noop = ["RUNNER", "run", "pipelines/dag.yaml"]
    restore = noop
    plan = ["RUNNER", "plan", "pipelines/dag.yaml"]

    def write(self, count):
        os.makedirs(f"{self.folder}/pipelines")
        lines = ["stages:"]
        for name, layer, a, b in stages(count):
            x, y = files(layer, a, b)
            lines += [f"  {name}:", "    stage: command", "    outputs: { out: text }", f"    publish: {{ out: {name} }}"]
            if layer == 0:
                line = f"cksum {x} {y} > outputs/out/out.txt"
                lines += [f"    with: {{ run: {line}, sources: [{x}, {y}]SANDBOX }}"]
            else:
                line = "cksum inputs/a/out.txt inputs/b/out.txt > outputs/out/out.txt"
                lines += [f"    inputs: {{ a: l{layer - 1}_{a}, b: l{layer - 1}_{b} }}", f"    with: {{ run: {line}SANDBOX }}"]
        text = "\n".join(lines).replace("SANDBOX", self.sandbox) + "\n"
        open(f"{self.folder}/pipelines/dag.yaml", "w").write(text)

    sandbox = ""

    def remove(self):
        shutil.rmtree(f"{self.folder}/results")


class Open(Runner):
    """Without the sandbox, which no other tool has."""

    name = "runner, no sandbox"
    sandbox = ", sandbox: false"


class Ninja(Tool):
    name = "ninja"
    cold = noop = ["ninja"]
    plan = ["ninja", "-n"]

    def write(self, count):
        lines = ["rule s", "  command = cksum $in > $out", "  restat = 1"]
        for name, layer, a, b in stages(count):
            lines.append(f"build out/{name}.txt: s {' '.join(files(layer, a, b))}")
        open(f"{self.folder}/build.ninja", "w").write("\n".join(lines) + "\n")


class Snakemake(Tool):
    name = "snakemake"
    cold = noop = ["snakemake", "--cores", "all", "--quiet", "all"]
    plan = ["snakemake", "--cores", "all", "--quiet", "all", "--dry-run"]

    def write(self, count):
        open(f"{self.folder}/Snakefile", "w").write(f'''
def parents(wildcards):
    layer, i = int(wildcards.l), int(wildcards.i)
    name = "in/{{}}.txt" if layer == 0 else f"out/l{{layer - 1}}_{{{{}}}}.txt"
    return [name.format(i), name.format((i + 1) % {count // LAYERS})]
rule all:
    input: expand("out/l{LAYERS - 1}_{{i}}.txt", i=range({count // LAYERS}))
rule step:
    input: parents
    output: "out/l{{l}}_{{i}}.txt"
    wildcard_constraints: l="[0-9]+", i="[0-9]+"
    shell: "cksum {{input}} > {{output}}"
''')


class Dvc(Tool):
    name = "dvc"
    cold = noop = ["dvc", "repro", "--quiet"]
    plan = ["dvc", "status", "--quiet"]
    restore = ["dvc", "checkout", "--quiet"]

    def write(self, count):
        lines = ["stages:"]
        for name, layer, a, b in stages(count):
            x, y = files(layer, a, b)
            lines += [f"  {name}:", f"    cmd: cksum {x} {y} > out/{name}.txt", f"    deps: [{x}, {y}]", f"    outs: [out/{name}.txt]"]
        open(f"{self.folder}/dvc.yaml", "w").write("\n".join(lines) + "\n")
        self.call(["dvc", "init", "--no-scm", "--quiet"])
        self.call(["dvc", "config", "core.analytics", "false"])

    def call(self, command):
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True)


def measured(command, folder, environment):
    """CPU seconds, wall seconds, and peak megabytes of the largest process."""
    start = time.time()
    with open(f"{folder}/said.txt", "w") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        tail = open(f"{folder}/said.txt").read()[-2000:]
        sys.exit(f"{' '.join(command)} failed:\n{tail}")
    return usage.ru_utime + usage.ru_stime, time.time() - start, usage.ru_maxrss / 1024


def leaves(folder, count):
    for name in ("in", "out"):
        os.makedirs(f"{folder}/{name}")
    for i in range(count // LAYERS):
        open(f"{folder}/in/{i}.txt", "w").write(f"leaf {i}\n")


def measure(kind, count, options):
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        tool = kind(folder, environment)
        leaves(folder, count)
        tool.write(count)

        def run(command):
            return measured([options.runner if part == "RUNNER" else part for part in command], folder, environment)

        result = {"cold": run(tool.cold)}
        # What has just been written is read once more by those that mistrust its time.
        time.sleep(2.5)
        result["next"] = run(tool.noop)
        time.sleep(2.5)
        result["no-op"] = min(run(tool.noop) for _ in range(3))
        if tool.plan:
            result["plan"] = run(tool.plan)
        open(f"{folder}/in/0.txt", "w").write("changed\n")
        result["one leaf"] = run(tool.noop)
        if tool.restore:
            tool.remove()
            result["restore"] = run(tool.restore)
        return result


def row(tool, count, result):
    def cell(key):
        return f"{result[key][0]:.2f} / {result[key][1]:.2f}" if key in result else "–"

    cold = f"{result['cold'][0] * 1e3 / count:.1f} / {result['cold'][1] * 1e3 / count:.1f}"
    cells = [cold, *map(cell, ["next", "no-op", "plan", "one leaf", "restore"]), f"{result['no-op'][2]:.0f}"]
    return f"| {tool} | {count} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", default="target/release/runner")
    parser.add_argument("--stages", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--tools", nargs="+", default=[tool.name for tool in TOOLS])
    parser.add_argument("--most", nargs="*", default=["snakemake=1000", "dvc=100"], help="no more stages for a slow tool")
    parser.add_argument("--folder", help="where to work: a disk of the kind that you mean to compare on")
    options = parser.parse_args()
    options.runner = os.path.abspath(options.runner)
    most = {name: int(count) for name, count in (pair.split("=") for pair in options.most)}
    print("CPU / wall. Cold: ms a stage; all else: s. `next` is the first run after the cold one; MB: of the no-op.\n")
    print("| tool | stages | cold | next | no-op | plan | one leaf changed | outputs deleted | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for tool in TOOLS:
        program = options.runner if issubclass(tool, Runner) else tool.name
        if tool.name not in options.tools or shutil.which(program) is None:
            continue
        for count in options.stages:
            if count <= most.get(tool.name, count):
                print(row(tool.name, count, measure(tool, count, options)), flush=True)


TOOLS = [Runner, Open, Ninja, Snakemake, Dvc]

if __name__ == "__main__":
    main()
