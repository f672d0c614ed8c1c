"""Evidence: for each measured claim of a lesson, a run at ten times its budget and the record of the outcome.

`evidence/NN_name.py` holds one function a claim; `course evidence NN` runs it and writes `evidence/NN_name.json` beside
it, claim by claim, so an interrupted run continues where it stopped.
"""

import ast
import hashlib
import importlib.util
import json
import platform
import sys
from dataclasses import dataclass
from importlib import metadata

from tqdm.auto import tqdm

from coursekit.lessons.errors import NotebookError
from coursekit.proving.record import write

LIBRARIES = ("numpy", "scipy", "torch", "scikit-learn")


@dataclass(frozen=True)
class Claim:
    """A claim's words, the budget at which the lesson measured it, and what was tried beyond that."""

    words: str
    budget: str
    tried: str
    source: str  # a digest of the code that tries it
    run: object

    def entry(self, held, found):
        """The claim as the record holds it."""
        said = {"claim": self.words, "budget": self.budget, "tried": self.tried}
        return said | {"held": bool(held), "found": found, "source": self.source}


def claim(words, budget, tried):
    """Mark a function without arguments as the trial of a claim; it returns (held, a sentence on what was found).

    words   the sentence as it stands in the lesson, or as it stood there if it did not hold
    budget  what the lesson runs: "5 seeds, 100 steps"
    tried   what the function runs, in turn: "50 seeds; 1000 steps; width 128; Adam"
    """

    def mark(function):
        function.claimed = words, budget, tried
        return function

    return mark


def claims(path):
    """The claims of a script, in its order; NotebookError when it does not load."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotebookError(
            f"There is no {path.name} in {path.parent}: nothing measured is backed by a run yet."
        ) from None
    spec = importlib.util.spec_from_file_location(f"evidence_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise NotebookError(f"{path.name} does not load: {type(error).__name__}: {error}.") from error
    functions = [f for f in vars(module).values() if hasattr(f, "claimed") and f.__module__ == spec.name]
    digests = _digests(text, {f.__name__ for f in functions})
    return [Claim(*f.claimed, digests[f.__name__], f) for f in functions]


def _digests(text, names):
    """A digest for each claim: of its function without the decorator, and of all code that belongs to no claim."""
    own, shared = {}, []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            node.decorator_list = []
            own[node.name] = ast.unparse(node)
        else:
            shared.append(ast.unparse(node))
    return {name: hashlib.sha256("\n".join([*shared, code]).encode()).hexdigest()[:16] for name, code in own.items()}


def read_record(path):
    """The record beside a script: a dict with `versions` and `claims`; one without claims where there is none."""
    if not path.is_file():
        return {"versions": {}, "claims": []}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        known = {entry["source"]: entry for entry in record["claims"]}
    except (ValueError, KeyError, TypeError):
        raise NotebookError(f"{path} is damaged: remove it and run `course evidence` again.") from None
    return record | {"claims": list(known.values())}


def gather(script, again=False):
    """Run the claims of a script whose code has no outcome yet (again: all); yields each entry when it is known."""
    record = script.with_suffix(".json")
    wanted = claims(script)
    known = {} if again else {entry["source"]: entry for entry in read_record(record)["claims"]}
    bar = tqdm(wanted, desc=script.stem, unit="claim")
    for claim in bar:
        if old := known.get(claim.source):
            known[claim.source] = claim.entry(old["held"], old["found"])
        else:
            bar.set_postfix_str(claim.words[:40])
            known[claim.source] = claim.entry(*claim.run())
        entries = [known[c.source] for c in wanted if c.source in known]
        text = json.dumps({"versions": versions(), "claims": entries}, indent=1, ensure_ascii=False)
        write(record, text + "\n")
        yield known[claim.source]


def versions():
    """The versions with which the runs were made."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def plain(text):
    """Text without emphasis and line breaks, in which a claim's words are looked for."""
    return " ".join(text.replace("*", "").replace("`", "").split())


def gaps(script, prose):
    """Sentences on disagreements between a script, its record and the lesson's prose; nothing is run."""
    record, prose = read_record(script.with_suffix(".json")), plain(prose)
    known = {entry["source"]: entry for entry in record["claims"]}
    wanted = claims(script)
    if not wanted:
        yield f"{script.name} tries no claim"
    for claim in wanted:
        entry, name = known.pop(claim.source, None), f"“{claim.words[:80]}”"
        if entry is None:
            yield f"{script.name}: {name} was not run since its code changed: run `course evidence {script.name[:2]}`"
        elif entry != claim.entry(entry["held"], entry["found"]):
            yield f"{script.name}: the record has other words for {name}: run `course evidence {script.name[:2]}`"
        elif entry["held"] and plain(claim.words) not in prose:
            yield f"{script.name}: {name} no longer stands in the lesson"
        elif not entry["held"] and plain(claim.words) in prose:
            yield f"{script.name}: {name} did not hold, and the lesson still says it"
    for entry in known.values():
        yield f"{script.name}: the record holds “{entry['claim'][:80]}”, which the script does not try"
