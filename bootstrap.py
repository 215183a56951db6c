"""One file that sets everything up: standard library only, the same on Linux, macOS and Windows.

    python bootstrap.py setup    make .venv and install the pinned packages
    python bootstrap.py demo     set up, then nine demonstration cities from nothing to a website
    python bootstrap.py test     set up, then run the tests (add --full for the long set, or any pytest option)

The same file stands in the template and in every city's repository; `demo` belongs to the template.
It uses uv when uv is on the machine, else venv and pip. Nothing is installed outside .venv.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTALLED = VENV / "installed.sha256"


def main(argv):
    if sys.version_info < (3, 11):
        stop(
            "This needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2],
            "Install a newer Python, then run the same command with it.",
        )
    command, rest = (argv[0] if argv else ""), argv[1:]
    if command == "setup":
        setup(["requirements.txt"])
        activate = r".venv\Scripts\activate" if os.name == "nt" else ". .venv/bin/activate"
        say("Ready. Next:  %s   then:  emi --help" % activate)
    elif command == "demo" and is_template():
        setup(["requirements.txt"])
        return run([PYTHON, "-m", "shared_utils.cli", "demo", *rest])
    elif command == "test":
        setup(["requirements.txt", "requirements-dev.txt"] if is_template() else ["requirements.txt"])
        return run([PYTHON, "-m", "pytest", *rest])
    else:
        print(__doc__)
        return 0 if command in ("", "-h", "--help", "help") else 2
    return 0


def is_template():
    return (HERE / "cookiecutter.json").is_file()


def setup(requirement_files):
    """Make .venv and install the pinned packages; does nothing when they are already there."""
    wanted = fingerprint(requirement_files)
    if PYTHON.exists() and INSTALLED.exists() and wanted in INSTALLED.read_text(encoding="utf-8").split():
        return
    uv = shutil.which("uv")
    say("Setting up .venv with %s: about 1 GB, usually one to five minutes." % ("uv" if uv else "pip"))
    if not PYTHON.exists():
        check(
            [uv, "venv", "--quiet", "--python", sys.executable, VENV] if uv else [sys.executable, "-m", "venv", VENV],
            "make the folder .venv",
        )
    pip = (
        [uv, "pip", "install", "--quiet", "--python", PYTHON]
        if uv
        else [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    pinned = [word for name in requirement_files for word in ("-r", HERE / name)]
    check([*pip, "--require-hashes", *pinned], "install the packages in " + " and ".join(requirement_files))
    check([*pip, "--no-deps", "--no-build-isolation", "-e", HERE], "install the emi command")
    # The long set contains the short one, so both are recorded as installed.
    done = [wanted] + ([fingerprint(requirement_files[:1])] if len(requirement_files) > 1 else [])
    INSTALLED.write_text("\n".join(done) + "\n", encoding="utf-8")


def fingerprint(requirement_files):
    """What .venv must match: the pins, the project file, the Python and the folder itself (venvs cannot move)."""
    digest = hashlib.sha256(("%s %s" % (sys.version, HERE)).encode("utf-8"))
    for name in [*requirement_files, "pyproject.toml"]:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def check(command, what):
    if run(command) != 0:
        stop(
            "Could not " + what + ".",
            "The lines above say why. Check the internet connection and free disk space, then run the same "
            "command again; it goes on where it stopped.",
        )


def run(command):
    try:
        return subprocess.call([str(word) for word in command], cwd=str(HERE))
    except KeyboardInterrupt:
        return 130


def say(text):
    print(text, flush=True)


def stop(problem, what_to_do):
    print(problem + "\n" + what_to_do, file=sys.stderr)
    sys.exit(3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
