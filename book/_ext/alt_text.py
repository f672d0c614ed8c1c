"""Alt text for recorded figures: from an output's metadata to the page's image."""

import hashlib
import json
import os
from binascii import a2b_base64
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

log = logging.getLogger(__name__)


def image_name(mime: str, data: str) -> str:
    """The name, without suffix, under which myst-nb stores an image: the hash of its bytes."""
    if mime == "image/svg+xml":
        content = os.linesep.join(data.splitlines()).encode()
    else:
        content = a2b_base64(data)
    return hashlib.sha256(content).hexdigest()


def descriptions(notebook: dict) -> dict[str, dict]:
    """What each recorded image of a notebook says about itself, by image name."""
    found = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            for mime, data in output.get("data", {}).items():
                if mime.startswith("image/"):
                    text = data if isinstance(data, str) else "".join(data)
                    found[image_name(mime, text)] = output["metadata"].get(mime, {})
    return found


def describe_images(app, doctree) -> None:
    """Give each image of a notebook page its alt text; a `picture` keeps its colours in dark mode."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    known = descriptions(json.loads(source.read_text(encoding="utf-8")))
    for image in doctree.findall(nodes.image):
        said = known.get(Path(image["uri"]).stem)
        if said is None:
            continue
        image["loading"] = "lazy"
        image["classes"].append("picture" if said.get("picture") else "line-figure")
        if said.get("alt"):
            image["alt"] = said["alt"]
        else:
            log.warning("a recorded image has no alt text", location=image)


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("doctree-read", describe_images)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
