"""What the import of the package brings with it: heavy libraries wait until something needs them."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("polars", "pandas", "pyarrow", "numpy", "pydantic", "redis", "structlog", "ftfy", "cryptography", "textual")


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = f"import sys, dq_gate; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
