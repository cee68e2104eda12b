"""YAML as a ratio to PyYAML's fastest loader (CSafeLoader, load_all), in one run over the same files.

    python bench/read_yaml.py [FILE|FOLDER ...]     without arguments: the manifests corpus, or generated objects

Both decode everything. PyYAML gets one constructor more, for the plain `=` that it cannot read. A ratio of 5 means that
PyYAML takes five times as long. Literals of a megabyte are copied at the speed of memory by both, and tell little.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from mistrust.kube.shapes import Shapes
from mistrust.kube.yaml import documents

HERE = Path(__file__).resolve().parent
CORPUS = Path(os.environ.get("MISTRUST_CORPORA", HERE.parents[1] / "shared" / "corpora")) / "manifests"


class Loader(yaml.CSafeLoader):
    """CSafeLoader that reads `=`."""


Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_yaml_str)  # type: ignore[type-var]


def main() -> int:
    inputs = dict(read_inputs([Path(argument) for argument in sys.argv[1:]] or [CORPUS]))
    inputs = {name: data for name, data in inputs.items() if both_read(data)} or {"generated": generated(4000)}
    largest = sorted(inputs, key=lambda name: -len(inputs[name]))[:10]
    for name in largest:
        report(name, [inputs[name]])
    report(f"all {len(inputs)} files", list(inputs.values()))
    return 0


def read_inputs(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        files = [path] if path.is_file() else sorted(path.rglob("*.y*ml"))
        for file in files:
            yield str(file.relative_to(path) if file != path else file.name), file.read_bytes()


def both_read(data: bytes) -> bool:
    try:
        by_pyyaml(data)
    except (yaml.YAMLError, ValueError):
        return False
    return not documents(data)[1]


def by_pyyaml(data: bytes) -> None:
    for _ in yaml.load_all(data, Loader=Loader):
        pass


def report(name: str, texts: list[bytes]) -> None:
    def ours() -> None:
        known = Shapes()
        for text in texts:
            documents(text, known=known)

    def theirs() -> None:
        for text in texts:
            by_pyyaml(text)

    fast, slow = best(ours), best(theirs)
    size = sum(map(len, texts)) / 1e6
    print(f"{slow / fast:6.1f}x  {size / fast:6.1f} MB/s  {size:6.2f} MB  {name}")


def best(run: Callable[[], None], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return min(taken)


def generated(objects: int) -> bytes:
    """Deployments as people write them."""
    one = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{0}
  namespace: ns-{1}
  labels: {{app: app-{0}}}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: app-{0}
  template:
    metadata:
      labels:
        app: app-{0}
    spec:
      serviceAccountName: app-{1}
      containers:
      - name: main
        image: "registry.example/app:{0}"
        ports:
        - containerPort: 8080
        env:
        - name: MODE
          value: "on"
        resources:
          limits:
            memory: 128Mi
"""
    return "---\n".join(one.format(number, number % 50) for number in range(objects)).encode()


if __name__ == "__main__":
    sys.exit(main())
