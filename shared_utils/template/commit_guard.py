"""Refuse a commit that holds private data or a large file; pre-commit gives the file names as arguments.

    python -m shared_utils.template.commit_guard FILE...
"""

import sys
from pathlib import Path, PurePosixPath

LARGEST_BYTES = 2_000_000
PRIVATE = ("data/private", "outputs/internal")
# Notes and placeholders that the template itself puts there.
HARMLESS = ("README.md", ".gitkeep")


def problems(files: list[str]) -> list[str]:
    """Return a sentence for each file that must not be committed. Paths are relative to the city's folder."""
    found = []
    for name in files:
        path = PurePosixPath(Path(name).as_posix())
        if path.name not in HARMLESS and any(path.is_relative_to(folder) for folder in PRIVATE):
            found.append(f"{path} may hold residents' data. "
                         f'Take it out of the commit:  git rm --cached "{path}"')
        elif Path(name).is_file() and Path(name).stat().st_size > LARGEST_BYTES:
            found.append(f"{path} is larger than {LARGEST_BYTES // 1_000_000} MB. Keep it out of git, "
                         "or ask the network where large files go.")
    return found


if __name__ == "__main__":
    found = problems(sys.argv[1:])
    print("\n".join(found))
    sys.exit(1 if found else 0)
