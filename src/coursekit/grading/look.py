"""The page for the teacher alone: answers to open exercises, equal ones once, with the lines that accept them."""

from coursekit.grading.feedback import PAGE, STYLE, harmless, heading_of
from coursekit.grading.gradebook import SHEET, table
from coursekit.grading.likeness import tag
from coursekit.grading.rubric import COLUMNS

WHY = (
    "What such an answer achieves was measured by the lesson's own code, out of its reach. But its result is plain "
    "data, which could have been copied from a neighbour or typed in: only an eye sees that."
)
HOW = (
    "Equal answers stand together, the rarest last. The lines below an answer accept it for all who gave it: a click "
    "selects them; paste them on new lines at the end of overrides.csv, change points or add a comment where you wish "
    "(of two lines for the same answer the last counts), and give the command again. A line for rubric.csv says the "
    "same of the answer itself, and so of whoever gives it, now or in a later run. Cells that learners added beside "
    "their answers are not shown here."
)
MORE_STYLE = """
.take { user-select: all; -webkit-user-select: all; max-height: 14rem; overflow: auto }
.names { color: var(--soft) } section section { margin: 1.4rem 0 } main > section { border: 0; padding: 0 }
"""


def look(rows, lesson):
    """The HTML text of the page; "" when no open answer waits for a decision."""
    groups = _groups(rows, lesson)
    if not groups:
        return ""
    waiting = sum(len(learners) for alike in groups.values() for learners in alike.values())
    sections = [_exercise(exercise, alike, lesson) for exercise, alike in groups.items()]
    if len(sections) > 1 or len(next(iter(groups.values()))) > 1:
        every = [(e, learner) for e, alike in groups.items() for learners in alike.values() for learner in learners]
        sections.append(f"<section>\n<h2>All of them</h2>\n{_take(every, lesson)}\n</section>")
    return PAGE.format(
        title=harmless(f"{lesson.number} · {lesson.title}: answers to look at"),
        style=STYLE + MORE_STYLE,
        learner="For you alone: here are the names and answers of many learners.",
        total=f"{waiting} answer{'s' * (waiting != 1)} to look at",
        remarks=f"<p>{harmless(WHY)}</p>\n<p>{harmless(HOW)}</p>",
        sections="\n".join(sections),
    )


def _groups(rows, lesson):
    """{exercise: {source: learners}} of what is to be looked at, the most frequent answers first."""
    groups = {exercise: {} for exercise in lesson.gaps}
    for row in rows:
        for exercise in row.to_look_at:
            lines = row.answers.get(exercise, "").strip().splitlines()
            source = "\n".join(line.rstrip() for line in lines)
            groups[exercise].setdefault(source, []).append(row.learner)
    return {
        exercise: dict(sorted(alike.items(), key=lambda group: -len(group[1])))
        for exercise, alike in groups.items()
        if alike
    }


def _exercise(exercise, alike, lesson):
    count = sum(map(len, alike.values()))
    title = f"{heading_of(lesson, exercise)}: {count} to look at, {len(alike)} different"
    parts = [_answer(exercise, source, learners, lesson) for source, learners in alike.items()]
    return "\n".join([f"<section>\n<h2>{harmless(title)}</h2>", *parts, "</section>"])


def _answer(exercise, source, learners, lesson):
    names = ", ".join(f"<bdi>{harmless(learner)}</bdi>" for learner in learners)
    who = "learner" if len(learners) == 1 else "learners"
    return (
        f'<section class="decided">\n<p class="verdict">{len(learners)} {who}</p>\n<pre>{harmless(source)}</pre>\n'
        f'<p class="names">{names}</p>\n{_rubric_line(exercise, source, lesson)}\n'
        f"{_take([(exercise, learner) for learner in learners], lesson)}\n</section>"
    )


def _rubric_line(exercise, source, lesson):
    """The line of rubric.csv that gives all its points to an answer, whoever gives it, now or later."""
    line = table(COLUMNS, [[exercise, tag(source), "", lesson.points[exercise], ""]]).splitlines()[1]
    return f'<p>The same as one line for rubric.csv: <code class="take">{harmless(line)}</code></p>'


def _take(pairs, lesson):
    """The lines of overrides.csv that give (exercise, learner) pairs all their points."""
    lines = table(SHEET, [[learner, exercise, lesson.points[exercise], ""] for exercise, learner in pairs])
    lines = harmless(lines.partition("\n")[2])
    return f'<details><summary>Lines for overrides.csv</summary>\n<pre class="take">{lines}</pre></details>'
