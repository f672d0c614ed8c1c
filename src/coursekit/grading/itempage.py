"""report.html: how a class did each exercise, which mistakes it made how often, and whose answers are alike."""

from coursekit.grading.feedback import PAGE, STYLE, harmless, heading_of, shortened
from coursekit.grading.gradebook import table
from coursekit.grading.items import FEWEST
from coursekit.grading.rubric import COLUMNS

MORE_STYLE = """
table { border-collapse: collapse; margin: .6rem 0; width: 100% }
th, td { text-align: left; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top } td.n, th.n { text-align: right }
main > section { border: 0; padding: 0 } .take { user-select: all; -webkit-user-select: all }
"""
MOST_OTHERS, MOST_PAIRS = 5, 20
TERMS = (
    "Difficulty is the mean share of the points. Discrimination is the correlation of an exercise with the sum of the "
    "others: near 0, it does not tell who can from who cannot; below 0, look at the exercise itself. Alpha (Cronbach) "
    f"says how well the exercises measure one thing. With fewer than {FEWEST} learners they are left out."
)
ALIKE = (
    "Answers that are equal or nearly so but for comments, layout and names of variables. Each counts as many bits as "
    "it is rare in this class, so a solution that everybody finds counts nothing. That answers are alike proves "
    "nothing: look at them, and talk to their authors."
)


def item_page(rows, lesson, items, alpha, alike):
    """The HTML text of the page, from Items, Cronbach's alpha or None, and Pairs of learners."""
    judged = items[0].judged if items else 0
    sections = [_overview(items, alpha, lesson), *(_item(item, lesson) for item in items), _pairs(alike, rows)]
    return PAGE.format(
        title=harmless(f"{lesson.number} · {lesson.title}: how it was done"),
        style=STYLE + MORE_STYLE,
        learner="For you alone: here are answers and names of many learners.",
        total=f"{judged} of {len(rows)} learner{'s' * (len(rows) != 1)} judged",
        remarks=f"<p>{harmless(TERMS)}</p>",
        sections="\n".join(sections),
    )


def _overview(items, alpha, lesson):
    lines = [
        "<tr><th>exercise<th class=n>difficulty<th class=n>discrimination<th class=n>right<th class=n>wrong"
        "<th class=n>blank<th class=n>stopped</tr>"
    ]
    for item in items:
        counts = [item.status[kind] for kind in ("right", "wrong")]
        counts += [item.status["blank"] + item.status["missing"], item.status["lost"]]
        cells = [_number(item.difficulty, ".0%"), _number(item.discrimination, ".2f"), *map(str, counts)]
        row = "".join(f"<td class=n>{cell}" for cell in cells)
        lines.append(f"<tr><td>{harmless(heading_of(lesson, item.exercise))}{row}</tr>")
    said = f"<p>Alpha of the lesson: {_number(alpha, '.2f')}.</p>"
    return "\n".join(["<section>\n<h2>Exercises</h2>", "<table>", *lines, "</table>", said, "</section>"])


def _number(value, form):
    return "–" if value is None else format(value, form)


def _item(item, lesson):
    parts = [f"<section>\n<h2>{harmless(heading_of(lesson, item.exercise))}</h2>"]
    if item.mistakes:
        lines = [f"<tr><td class=n>{count}<td>{harmless(says)}</tr>" for says, count in item.mistakes.items()]
        parts += ["<p>Known mistakes, and how many made them:</p>", "<table>", *lines, "</table>"]
    if item.others:
        parts.append("<p>Wrong answers that none of these explains, the most frequent first:</p>")
    for name, (source, count) in list(item.others.items())[:MOST_OTHERS]:
        line = table(COLUMNS, [[item.exercise, name, "", 0, ""]]).splitlines()[1]
        parts.append(f"<p>{count} × <code>{name}</code></p>\n<pre>{harmless(shortened(source))}</pre>")
        parts.append(f'<p>A line for rubric.csv: <code class="take">{harmless(line)}</code></p>')
    if more := len(item.others) - MOST_OTHERS:
        parts += [f"<p>… and {more} more that differ.</p>"] * (more > 0)
    return "\n".join([*parts, "</section>"])


def _pairs(alike, rows):
    if not alike:
        return (
            f"<section>\n<h2>Answers that are alike</h2>\n<p>{harmless(ALIKE)}</p>\n<p>None stand out.</p>\n</section>"
        )
    answers = {row.learner: row.answers for row in rows}
    parts = [f"<section>\n<h2>Answers that are alike</h2>\n<p>{harmless(ALIKE)}</p>"]
    for pair in alike[:MOST_PAIRS]:
        names = f"<bdi>{harmless(pair.one)}</bdi> and <bdi>{harmless(pair.other)}</bdi>"
        where = ", ".join(pair.exercises)
        parts.append(f"<details><summary>{names}: {pair.bits:.0f} bits, in {harmless(where)}</summary>")
        for exercise in pair.exercises:
            for learner in (pair.one, pair.other):
                parts.append(f"<p>{harmless(exercise)}, <bdi>{harmless(learner)}</bdi></p>")
                parts.append(f"<pre>{harmless(shortened(answers[learner][exercise]))}</pre>")
        parts.append("</details>")
    more = len(alike) - MOST_PAIRS
    parts += [f"<p>… and {more} pairs more.</p>"] * (more > 0)
    return "\n".join([*parts, "</section>"])
