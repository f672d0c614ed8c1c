r"""Formulas, set when the book is built: TeX becomes MathML, which browsers draw, and its font travels along.

The reader needs no script and sees no TeX. Temml (MIT, from npm, version 0.13.5) does the turning; it is in `carried/`.
It was weighed against latex2mathml on all formulas of the course: that one loses the space in \log a and -x, sets
limits beside \lim and stretches \lVert to the wrong height. The font is STIX Two Math, in the glyphs that the book's
formulas need. A font that a style sheet names arrives after the first layout, wherever it is kept, and moves the text;
so a script hands it over at once, and the style sheet is for readers without scripts.
"""

import base64
import functools
import html
import io
import json
import re
from importlib.resources import files
from pathlib import Path

import quickjs
from docutils import nodes
from fontTools.subset import Options, Subsetter  # comes with matplotlib
from fontTools.ttLib import TTFont
from sphinx.errors import SphinxError

CARRIED = Path(__file__).parent / "carried"
SHEET, SCRIPT, FACE, FONT = "formulas.css", "formulas.js", "formulas-font.css", "formulas.woff"
HAND_OVER = """document.fonts.add(new FontFace("STIX Two Math", Uint8Array.from(atob("%s"), (c) => c.charCodeAt(0))));
"""
FONT_FACE = f"""@font-face {{ font-family: "STIX Two Math"; src: url({FONT}) format("woff"); }}
"""
FEATURES = ["ssty", "dtls", "ss04"]  # smaller glyphs in scripts, dotless i and j under accents, primes
# As long as strings hold characters beyond 16 bits, they come out of the interpreter as JSON.
SET = "(tex, display) => JSON.stringify(temml.renderToString(tex, {displayMode: display, throwOnError: true}))"
MATH = re.compile(r"<math\b.*?</math>", re.DOTALL)
# What Temml's own style sheet says, as far as it is about this font and what the course writes.
RULES = """math { font: normal 1.08em/normal "STIX Two Math", math; text-indent: 0; letter-spacing: normal; }
math { font-feature-settings: "dtls" off; }
.whole { white-space: nowrap; }
math.tml-display { display: block; width: 100%; }
mo.tml-prime { font-feature-settings: "ss04"; }
mfrac > :nth-child(2), msqrt, mover > :first-child { math-shift: compact; }
.tml-right { text-align: right; }
.tml-left { text-align: left; }
@supports (not (-moz-appearance: none)) {
  .tml-sml-pad { padding-left: .05em; }
  .tml-med-pad { padding-left: .1em; }
  .tml-lrg-pad { padding-left: .15em; }
}
"""


@functools.cache
def _setter():
    context = quickjs.Context()
    context.eval((CARRIED / "temml.min.js").read_text(encoding="utf-8"))
    return context.eval(SET)


@functools.cache
def mathml(tex: str, display: bool = False) -> str:
    """A formula as a <math> element; SphinxError, with what is wrong, where TeX would refuse it too."""
    try:
        return json.loads(_setter()(tex.strip(), display))
    except quickjs.JSException as error:
        raise SphinxError(f"the formula {tex!r} cannot be set: {str(error).splitlines()[0]}") from error


CLOSING = re.compile(r"[.,;:!?)\]’”]+")


def hold_together(app, doctree, docname) -> None:
    """Put a formula and what closes its clause into one box: a browser may end a line after any formula."""
    for node in list(doctree.findall(nodes.math)):
        after = node.next_node(descend=False, siblings=True, ascend=False)
        if isinstance(after, nodes.Text) and (closing := CLOSING.match(after)):
            parent = node.parent
            parent.replace(after, nodes.Text(after[closing.end() :]))
            parent.replace(node, nodes.inline("", "", node.deepcopy(), nodes.Text(closing[0]), classes=["whole"]))


def inline(self, node) -> None:
    """Write a formula in a line."""
    self.body.append(f'<span class="math notranslate">{mathml(node.astext())}</span>')
    raise nodes.SkipNode


def block(self, node) -> None:
    """Write a formula that stands alone, with its number where it has one."""
    anchor = f' id="{html.escape(node["ids"][0])}"' if node["ids"] else ""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    self.body.append(f'<div class="math notranslate"{anchor}>{number}{mathml(node.astext(), True)}</div>\n')
    raise nodes.SkipNode


def text(words: str) -> str:
    """A sentence as HTML, $formulas$ set and `code` marked."""
    pieces = re.split(r"\$([^$]+)\$|`([^`]+)`", words)
    made = []
    for plain, formula, code in zip(pieces[::3], [*pieces[1::3], None], [*pieces[2::3], None], strict=True):
        made.append(html.escape(plain))
        made.append(mathml(formula) if formula else f"<code>{html.escape(code)}</code>" if code else "")
    return "".join(made)


def add_sheet(app, pagename, templatename, context, doctree) -> None:
    """Bring the font to the pages that have a formula."""
    if "<math" in context.get("body", ""):
        app.add_css_file(SHEET)
        app.add_js_file(SCRIPT)
        face = context["pathto"](f"_static/{FACE}", 1)
        context["metatags"] += f'\n<noscript><link rel="stylesheet" href="{face}"/></noscript>'


def write_sheet(app, error) -> None:
    """Write the style sheet, with the glyphs of the formulas on the pages."""
    if error or app.builder.format != "html":
        return
    signs = {sign for page in Path(app.outdir).rglob("*.html") for sign in signs_of(page.read_text(encoding="utf-8"))}
    static = Path(app.outdir, "_static")
    made = font(signs)
    (static / SHEET).write_text(RULES, encoding="utf-8")
    (static / SCRIPT).write_text(HAND_OVER % base64.b64encode(made).decode(), encoding="utf-8")
    (static / FACE).write_text(FONT_FACE, encoding="utf-8")
    (static / FONT).write_bytes(made)
    (static / "STIXTwoMath-OFL.txt").write_bytes((CARRIED / "STIXTwoMath-OFL.txt").read_bytes())


def signs_of(page: str) -> set[str]:
    """The characters in the formulas of a page, and the radical, which a browser draws around a root's content."""
    formulas = MATH.findall(page)
    drawn = "".join(re.sub(r"<[^>]*>", "", formula) for formula in formulas)
    roots = any("<msqrt" in formula or "<mroot" in formula for formula in formulas)
    return set(html.unescape(drawn)) | ({"√"} if roots else set())


def font(signs: set[str]) -> bytes:
    """STIX Two Math with these characters, what they grow into, and the letters that a browser makes italic."""
    source = files("ziamath.fonts").joinpath("STIXTwoMath-Regular.ttf").read_bytes()
    made = io.BytesIO()
    with TTFont(io.BytesIO(source), recalcTimestamp=False) as whole:  # the same bytes at any time
        subsetter = Subsetter(Options(layout_features=FEATURES, hinting=False, name_IDs=["*"]))
        subsetter.populate(unicodes={ord(sign) for sign in signs} | set(italics(signs)))
        subsetter.subset(whole)
        whole.flavor = "woff"
        whole.save(made)
    return made.getvalue()


def italics(signs: set[str]) -> list[int]:
    """The slanted forms in which a browser draws letters that stand alone."""
    roman = {chr(0x41 + k): 0x1D434 + k for k in range(26)} | {chr(0x61 + k): 0x1D44E + k for k in range(26)}
    roman["h"] = 0x210E
    greek = {chr(0x391 + k): 0x1D6E2 + k for k in range(25)} | {chr(0x3B1 + k): 0x1D6FC + k for k in range(25)}
    others = dict(zip("∂ϵϑϰϕϱϖ∇", [*range(0x1D715, 0x1D71C), 0x1D6FB], strict=True))
    slanted = roman | greek | others
    return [slanted[sign] for sign in signs if sign in slanted]


def setup(app) -> dict:
    """Register with Sphinx."""
    app.add_html_math_renderer("temml", (inline, None), (block, None))
    app.connect("doctree-resolved", hold_together)
    app.connect("html-page-context", add_sheet)
    app.connect("build-finished", write_sheet)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
