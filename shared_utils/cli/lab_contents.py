"""How JupyterLab reads and writes notebooks under `emi lab`: without the version of Python.

JupyterLab writes the version of the kernel into a notebook as soon as it opens it. The notebook then counts as changed
though nobody touched it, and git shows a change that is none. So it is told the version before it asks, and a saved
notebook does not hold it.
"""

import platform

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class CleanNotebooks(AsyncLargeFileManager):
    """The files of a city, as Jupyter's own manager keeps them, with this one difference."""

    async def get(self, *args, **options):
        model = await super().get(*args, **options)
        info = _python(model)
        if info is not None:
            info["version"] = platform.python_version()
        return model

    async def save(self, model, *args, **options):
        info = _python(model)
        if info is not None:
            info.pop("version", None)
        return await super().save(model, *args, **options)


def _python(model: dict) -> dict | None:
    """What a notebook of Python says about its language; None for other files and where its content was not asked."""
    if model.get("type") != "notebook" or not model.get("content"):
        return None
    info = model["content"].get("metadata", {}).get("language_info")
    return info if info and info.get("name") == "python" else None
