"""Only the icons that pages show: the theme's two thousand weigh 0.3 MB a page, in its style sheet and its font."""

import re
from pathlib import Path

from fontTools.subset import Subsetter  # comes with matplotlib
from fontTools.ttLib import TTFont

NAME = re.compile(r"\bfa-[a-z0-9-]+")
RULE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"(\\[0-9a-f]+)"\}')
CODE = re.compile(r'"(?:\\(f[0-9a-f]{3})|([\uf000-\uf8ff]))"')


def slim_css(css: str, names: set[str]) -> str:
    """The style sheet without the icons of other names, and with one format of the icon font."""
    css = RULE.sub(lambda rule: rule[0] if names & set(NAME.findall(rule[1])) else "", css)
    return re.sub(r'url\([^)]*\.woff2\) format\("woff2"\),', "", css)


def code_points(css: str) -> set[int]:
    """The icons that a style sheet still draws."""
    return {int(digits, 16) if digits else ord(sign) for digits, sign in CODE.findall(css)}


def slim(app, error) -> None:
    """Rewrite the built style sheet and the fonts beside it."""
    static = Path(app.outdir, "_static")
    theme = static / "styles" / "pydata-sphinx-theme.css"
    if error or not theme.is_file():
        return
    html = "".join(page.read_text(encoding="utf-8") for page in Path(app.outdir).rglob("*.html"))
    theme.write_text(slim_css(theme.read_text(encoding="utf-8"), set(NAME.findall(html))), encoding="utf-8")
    sheets = "".join(sheet.read_text(encoding="utf-8") for sheet in static.glob("styles/*.css"))
    for path in static.glob("vendor/fontawesome/webfonts/*.ttf"):
        with TTFont(path, recalcTimestamp=False) as font:  # the same bytes at any time
            subsetter = Subsetter()
            subsetter.populate(unicodes=code_points(sheets))
            subsetter.subset(font)
            font.save(path)
        path.with_suffix(".woff2").unlink(missing_ok=True)


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("build-finished", slim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
