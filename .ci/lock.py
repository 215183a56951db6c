"""Write requirements.txt (what a city runs on) and requirements-dev.txt (what the template's tests add).

Run by a maintainer with uv on the machine:  python .ci/lock.py [--upgrade]
Both files are pinned and hashed for every system and hold no addresses, so plain pip and uv install them alike.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A change of pyproject.toml keeps every pin that still fits, because uv reads the file it is about to write.
COMPILE = [
    "uv",
    "pip",
    "compile",
    "pyproject.toml",
    "--quiet",
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-header",
    "--no-annotate",
]


def compile_to(name: str, *extra: str) -> str:
    subprocess.run([*COMPILE, "--output-file", name, *extra, *sys.argv[1:]], cwd=ROOT, check=True)
    return (ROOT / name).read_text(encoding="utf-8")


def pins(text: str) -> list[str]:
    """Each requirement with its continuation lines of hashes."""
    return re.findall(r"^[^\s#].*\n(?:\s+.*\n)*", text, flags=re.MULTILINE)


runtime = compile_to("requirements.txt")
everything = compile_to("requirements-dev.txt", "--extra", "dev", "--constraint", "requirements.txt")
only_dev = [pin for pin in pins(everything) if pin not in set(pins(runtime))]
(ROOT / "requirements-dev.txt").write_text("".join(only_dev), encoding="utf-8")
print(f"requirements.txt {len(pins(runtime))} packages, requirements-dev.txt {len(only_dev)} more")
