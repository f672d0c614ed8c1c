"""Likeness: which answers are the same program, whatever their text, and which learners share rare answers.

Somebody who copies changes comments, docstrings, layout and names of variables, so these do not count.
That two answers are alike proves nothing: an exercise with one short solution has many equal answers. So each answer
that two learners share weighs as much as it is rare, -log2 of the share of the class who gave one like it (the
self-information of Shannon, 1948), and these bits are added up over the lesson.
"""

import ast
import hashlib
import math
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field

from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist

ALIKE = 0.95  # of the words of two answers, in order (Indel similarity)
FEWEST_WORDS = 12  # a shorter answer leaves no choice
COMMON = 1 / 8  # of a class: an answer that more learners gave is no evidence about two of them
MOST_FORMS = 1500  # of one exercise that are compared with one another; above, only equal ones count
LEAST_BITS = 6.0  # as rare as one pair in a class of 128


@dataclass
class Pair:
    """Two learners, the exercises in which their answers are alike, and how many bits that says."""

    one: str
    other: str
    bits: float = 0.0
    exercises: list = field(default_factory=list)


def tag(source):
    """The short name of an answer: the same for answers that differ in comments, docstrings and layout only."""
    return hashlib.sha256(_program(source, rename=False).encode("utf-8", "replace")).hexdigest()[:8]


def form(source):
    """The words of an answer, with its own names numbered in the order in which they occur."""
    return tuple(re.findall(r"\w+|[^\w\s]", _program(source, rename=True)))


def _program(source, rename):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        _bare(tree)
        if rename:
            _renamed(tree)
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _bare(tree):
    """Take docstrings and annotations off."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
            if hasattr(node, "returns"):
                node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None


def _renamed(tree):
    """Number the names that an answer gives to its own variables; what it calls keeps its name."""
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    numbers = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.arg = numbers.setdefault(node.arg, f"v{len(numbers)}")
        elif isinstance(node, ast.Name) and node.id in own:
            node.id = numbers.setdefault(node.id, f"v{len(numbers)}")


def pairs(answers, least=LEAST_BITS):
    """The Pairs of learners who share rare answers, those with the most bits first.

    `answers` is {exercise: {learner: source}}, without what is blank.
    """
    found = {}
    for exercise, given in answers.items():
        for one, other, bits in _alike({learner: form(source) for learner, source in given.items()}):
            pair = found.setdefault((one, other), Pair(one, other))
            pair.bits += bits
            pair.exercises.append(exercise)
    telling = [pair for pair in found.values() if pair.bits >= least]
    return sorted(telling, key=lambda pair: (-pair.bits, pair.one, pair.other))


def _alike(forms):
    """(learner, learner, bits) of the answers to one exercise that are alike; bits are those of the commoner one."""
    holders = {}
    for learner, words in sorted(forms.items()):
        if len(words) >= FEWEST_WORDS:
            holders.setdefault(words, []).append(learner)
    distinct = list(holders)
    near = {k: {k} for k in range(len(distinct))}
    if len(distinct) <= MOST_FORMS:
        for k, j in _close(distinct):
            near[k].add(j)
    share = {k: sum(len(holders[distinct[j]]) for j in near[k]) / len(forms) for k in near}
    for k in near:
        for j in sorted(near[k]):
            if max(share[k], share[j]) > max(COMMON, 4 / len(forms)):
                continue
            bits = -math.log2(max(share[k], share[j]))
            for a, one in enumerate(holders[distinct[k]]):
                others = holders[distinct[k]][a + 1 :] if j == k else holders[distinct[j]] if j > k else []
                yield from ((*sorted((one, other)), bits) for other in others if bits > 0)


def _close(distinct):
    """Pairs of indices of forms that are alike, each both ways round."""
    letters = {}
    texts = ["".join(letters.setdefault(word, chr(0x4E00 + len(letters))) for word in words) for words in distinct]
    if len(letters) > 0xD800 - 0x4E00 or not texts:  # more words than one letter each could stand for
        return []
    scores = cdist(texts, texts, scorer=Indel.normalized_similarity, score_cutoff=ALIKE)
    return [(int(k), int(j)) for k, j in zip(*scores.nonzero(), strict=True) if k != j]


def frequencies(sources):
    """{tag: (source, how many)} of answers, the most frequent first; of equal ones the first stands for all."""
    tags = [tag(source) for source in sources]
    first = {}
    for name, source in zip(tags, sources, strict=True):
        first.setdefault(name, source)
    return {name: (first[name], count) for name, count in Counter(tags).most_common()}
