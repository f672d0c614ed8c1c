"""What others need to find, show and cite a page: description, card, canonical address, citation, site map.

The book's own address stands in `_config.yml` under `html: baseurl:`. Unset, nothing here names one, and what needs
one, the site map, the card's picture and the canonical address, is left out.
"""

import html
import re
from pathlib import Path

import yaml
from docutils import nodes

LENGTH = 160  # characters of a description that search engines show
FACTS = re.compile(r"^\d+ min · ")  # a lesson's minutes and seconds, which describe nothing
CARD = "_static/card.png"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
INDEX = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Refresh" content="0; url={page}.html" />
<meta name="description" content="{description}"></head>
<body><p><a href="{page}.html">{title}</a></p></body></html>
"""
CITE = """<details class="cite"><summary>Cite this page</summary>
<p>{text}</p>
<div class="highlight"><pre tabindex="0">{bibtex}</pre></div></details>"""


def description(doctree: nodes.document) -> str:
    """The first paragraph that says something, as plain text, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(without_formulas(paragraph).split())
        if len(text) > 40 and not FACTS.match(text):
            return text if len(text) <= LENGTH else text[: text.rindex(" ", 0, LENGTH)].rstrip(",;:.") + " …"
    return ""


def without_formulas(node: nodes.Node) -> str:
    """The text of a node; a formula, which would be TeX, is told by its letters."""
    if isinstance(node, nodes.math):
        return re.sub(r"[\\{}^_$]", "", node.astext())
    if isinstance(node, nodes.Text):
        return node.astext()
    return "".join(without_formulas(child) for child in node.children)


def describe(app, pagename, templatename, context, doctree) -> None:
    """Put into a page's head what others read of it, and a citation at its end."""
    if doctree is None:
        return
    title = re.sub(r"<[^>]+>", "", context.get("title", "")).strip()
    says, base = description(doctree), app.config.html_baseurl.rstrip("/")
    book = app.config.html_title or app.config.project
    told = {"og:title": title, "og:description": says, "og:type": "article", "og:site_name": book}
    told |= {"twitter:card": "summary"}
    if base:
        told |= {
            "og:url": f"{base}/{pagename}.html",
            "og:image": f"{base}/{CARD}",
            "twitter:card": "summary_large_image",
        }
    tags = [f'<meta name="description" content="{html.escape(says)}"/>'] if says else []
    for name, content in told.items():
        kind = "property" if name.startswith("og:") else "name"
        tags.append(f'<meta {kind}="{name}" content="{html.escape(content)}"/>')
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(tags)
    if pagename.startswith("lessons/"):
        context["body"] += citation(app, pagename, title, f"{base}/{pagename}.html" if base else "")


def citation(app, pagename: str, title: str, address: str) -> str:
    """How a lesson is cited, in words and in BibTeX, from CITATION.cff."""
    source = Path(app.srcdir, "CITATION.cff")
    if not source.is_file():
        return ""
    known = yaml.safe_load(source.read_text(encoding="utf-8"))
    authors = " and ".join(author.get("name") or f"{author['family-names']}, {author['given-names']}"
                           for author in known["authors"])  # fmt: skip
    year = re.search(r"\d{4}", app.config.copyright)[0]
    chapter = re.sub(r"^(\d+) · ", r"Lesson \1: ", html.unescape(title))
    fields = {"author": f"{{{authors}}}", "title": chapter, "booktitle": known["title"], "year": year,
              "note": f"Version {known['version']}", "url": address}  # fmt: skip
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    key = f"vanishing{year}lesson{Path(pagename).name[:2]}"
    words = f"{authors} ({year}). {chapter}. In {known['title']} (version {known['version']}). {address}".strip()
    return CITE.format(text=html.escape(words), bibtex=html.escape(f"@incollection{{{key},\n{lines}\n}}"))


def write_rest(app, error) -> None:
    """The first page's redirection as a page of its own, and, where the address is known, site map, robots and card."""
    if error or app.builder.format != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl.rstrip("/")
    first = re.search(r"url=(.+?)\.html", (out / "index.html").read_text(encoding="utf-8"))
    if first:
        page = (out / f"{first[1]}.html").read_text(encoding="utf-8")
        said = re.search(r'<meta name="description" content="([^"]*)"', page)
        book = html.escape(app.config.html_title or app.config.project)
        made = {"language": app.config.language, "title": book, "page": first[1]}
        made |= {"description": said[1] if said else ""}
        (out / "index.html").write_text(INDEX.format(**made), encoding="utf-8")
    if base:
        addresses = "".join(
            f"<url><loc>{base}/{html.escape(name)}.html</loc></url>" for name in sorted(app.env.all_docs)
        )
        sitemap = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{SITEMAP}">{addresses}</urlset>\n'
        (out / "sitemap.xml").write_text(sitemap, encoding="utf-8")
        (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {base}/sitemap.xml\n", encoding="utf-8")
        draw_card(out / CARD, app.config.html_title or app.config.project)


def draw_card(path: Path, title: str) -> None:
    """The picture beside a link to the book, 1200 × 630 pixels: its title above lines that fade and roar."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(12, 6.3), dpi=100, facecolor="#14181b")
    ax = fig.add_axes([0.06, 0.08, 0.88, 0.5])
    ax.set(yscale="log", xlim=(0, 40), ylim=(1e-9, 1e5))
    ax.axis("off")
    for factor, colour in ((0.6, "#6bb8f7"), (0.8, "#6bb8f7"), (1.0, "#dfe4e4"), (1.15, "#ff9d66"), (1.3, "#ff9d66")):
        ax.plot(range(41), [factor**k for k in range(41)], color=colour, linewidth=4)
    fig.text(0.06, 0.76, title, color="#dfe4e4", fontsize=44, fontweight="bold", family="DejaVu Serif")
    fig.text(0.06, 0.64, "How loud is a whisper after a hundred people?", color="#a7b1b5", fontsize=24)
    fig.savefig(path, metadata={"Software": None})


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("html-page-context", describe, priority=450)
    app.connect("build-finished", write_rest)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
