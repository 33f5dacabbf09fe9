"""``python -m benchmarks [NAME …]``: each benchmark in a process of its own, so that none warms another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(wanted: list[str]) -> int:
    """Runs the benchmarks named, or all of them. Returns 1 when one failed, 2 for an unknown name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    if unknown := [name for name in wanted if name not in names]:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted or names:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
