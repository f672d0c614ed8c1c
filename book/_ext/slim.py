"""The theme's style sheet and icon fonts without what no page shows: they weigh half a megabyte a page.

A rule goes when every one of its selectors names a class that occurs in no page and in no script; an icon goes when no
page names it.
"""

import re
from pathlib import Path

import tinycss2
from fontTools.subset import Subsetter  # comes with matplotlib
from fontTools.ttLib import TTFont

ICON = re.compile(r"\.(fa-[\w-]+):before")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
ASIDE = re.compile(r":not\([^()]*\)|\[[^\]]*\]")  # exclusions and attributes name no class that is needed
COMMA = re.compile(r",(?![^(]*\))")
CODE = re.compile(r'"(?:\\(f[0-9a-f]{3})|([\uf000-\uf8ff]))"')
THEME = re.compile(r"""html\[data-theme=["']?(light|dark)["']?\]""")
GROUPS = ("media", "supports")


def slim_css(css: str, words: set[str]) -> str:
    """The style sheet without rules for classes that are not among the words, and with one format of the icon font."""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return re.sub(r'url\([^)]*\.woff2\) format\("woff2"\),', "", "".join(kept(rule, words) for rule in rules))


def kept(rule, words: set[str]) -> str:
    """What is left of a rule."""
    if rule.type == "qualified-rule":
        wanted = [one for one in COMMA.split(tinycss2.serialize(rule.prelude)) if used(one, words)]
        return f"{','.join(wanted)}{{{tinycss2.serialize(rule.content)}}}" if wanted else ""
    if rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content is not None:
        inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        inside = "".join(kept(one, words) for one in inner)
        head = f"@{rule.lower_at_keyword}{tinycss2.serialize(rule.prelude)}"
        return f"{head}{{{inside}}}" if inside else ""
    return rule.serialize()


def used(selector: str, words: set[str]) -> bool:
    """Whether some page or script knows all classes of a selector."""
    return set(CLASS.findall(ASIDE.sub("", selector))) <= words


def scriptless(css: str) -> str:
    """The style sheet, and at its end its light and dark rules once more, for a page whose theme no script has set."""
    made = {"light": "", "dark": ""}
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        for theme in made:
            made[theme] += of_theme(rule, theme)
    dark = f"@media (prefers-color-scheme:dark){{{made['dark']}}}" if made["dark"] else ""
    return css + made["light"] + dark


def of_theme(rule, theme: str) -> str:
    """A rule, or what a group holds, that is for one theme, for the theme "auto" instead."""
    if rule.type == "qualified-rule":
        chosen = [one for one in COMMA.split(tinycss2.serialize(rule.prelude)) if THEME.search(one)]
        told = [THEME.sub('html[data-theme="auto"]', one) for one in chosen if THEME.search(one)[1] == theme]
        return f"{','.join(told)}{{{tinycss2.serialize(rule.content)}}}" if told else ""
    if rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content is not None:
        inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        inside = "".join(of_theme(one, theme) for one in inner)
        return f"@{rule.lower_at_keyword}{tinycss2.serialize(rule.prelude)}{{{inside}}}" if inside else ""
    return ""


def code_points(css: str) -> set[int]:
    """The icons that a style sheet still draws."""
    return {int(digits, 16) if digits else ord(sign) for digits, sign in CODE.findall(css)}


def slim(app, error) -> None:
    """Rewrite the built style sheet and the fonts beside it."""
    out, static = Path(app.outdir), Path(app.outdir, "_static")
    theme = static / "styles" / "pydata-sphinx-theme.css"
    if error or not theme.is_file():
        return
    pages = "".join(page.read_text(encoding="utf-8") for page in out.rglob("*.html"))
    scripts = "".join(js.read_text(encoding="utf-8") for js in static.rglob("*.js"))
    css, icons = theme.read_text(encoding="utf-8"), set(re.findall(r"\bfa-[a-z0-9-]+", pages))
    words = set(re.findall(r"[\w-]+", pages + scripts)) - (set(ICON.findall(css)) - icons)
    theme.write_text(slim_css(css, words), encoding="utf-8")
    for sheet in [*static.glob("styles/*.css"), static / "pygments.css", static / "course.css"]:
        sheet.write_text(scriptless(sheet.read_text(encoding="utf-8")), encoding="utf-8")
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
    app.connect("build-finished", slim, priority=900)  # after the theme has written its style sheets
    return {"parallel_read_safe": True, "parallel_write_safe": True}
