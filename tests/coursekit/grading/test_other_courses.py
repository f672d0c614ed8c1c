"""What notebooks of other courses and platforms look like: in each dress, the same answers get the same verdicts.

Each mutation gives a learner's copy, run and saved, the structure of notebooks as they are found in public courses.
"""

import copy
import csv
import itertools
import json
import re
import shutil

import nbformat
import pytest

import toy
from coursekit import cli
from coursekit.lessons.course import Course
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import Answers, collect, fill, mistakes, reference
from coursekit.lessons.notebook import MAX_BYTES, mark, parse, text_of
from coursekit.proving import kernels
from sandboxed import needs_sandbox

TRANSPOSED = toy.MISTAKES["1.2", "It is transposed."]
SPOKEN = {"1.1": "right", "1.2": "wrong"}
SILENT = {"1.1": "error", "1.2": "error"}  # its outputs are gone, and with them what the checks said
UNREAD = None
pytestmark = pytest.mark.xdist_group("other courses")  # one class, graded once
MUTATIONS = {}
# What takes long, or stands for one lesson only: they are tried on the small one.
SMALL = {"outputs_of_twenty_megabytes", "myst_with_a_gap_in_its_text", "merged_by_nbdime"}


def mutation(progress=SPOKEN, says=""):
    """Registers a mutation: what is left of the verdicts in it, or the sentence with which it is refused."""

    def register(function):
        MUTATIONS[function.__name__] = (function, UNREAD if says else progress, says)
        return function

    return register


def text(source, **metadata):
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def code(source, outputs=(), **metadata):
    return {"cell_type": "code", "execution_count": 1, "metadata": metadata, "outputs": [*outputs], "source": source}


def raw(source):
    return {"cell_type": "raw", "metadata": {}, "source": source}


def stream(lines):
    return {"output_type": "stream", "name": "stdout", "text": lines}


def kind(cell):
    """ "exercise", "check" or "" for a cell of plain JSON."""
    found = re.search(r"^#\| (exercise|check): ", cell["source"], re.MULTILINE)
    return found[1] if found and cell["cell_type"] == "code" else ""


def codes(book):
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def exercises(book):
    return [cell for cell in book["cells"] if kind(cell) == "exercise"]


def insert(book, at, *cells):
    book["cells"][at:at] = cells


def around(book, which, before=(), after=()):
    """Puts copies of cells around each cell of a kind."""
    cells = []
    for cell in book["cells"]:
        chosen = kind(cell) == which
        cells += [*copy.deepcopy(before), cell, *copy.deepcopy(after)] if chosen else [cell]
    book["cells"] = cells


def no_ids(book, minor):
    book["nbformat_minor"] = minor
    for cell in book["cells"]:
        cell.pop("id", None)


@mutation()
def colab_with_forms_and_users(book):
    no_ids(book, 0)
    book["metadata"] |= {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU", "gpuClass": "standard"}
    state = {"model_module": "@jupyter-widgets/controls", "model_name": "HBoxModel", "state": {"_dom_classes": []}}
    book["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {f"{k:032x}": state for k in range(50)}}
    for k, cell in enumerate(book["cells"]):
        cell["metadata"] |= {"id": f"aB-{k}_x"}
        if cell["cell_type"] == "code":
            user = {"displayName": "", "userId": ""}
            info = {"status": "ok", "timestamp": 1, "user_tz": -60, "elapsed": 4, "user": user}
            cell["metadata"] |= {"colab": {"base_uri": "https://localhost:8080/", "height": 35}, "executionInfo": info}
            cell["metadata"] |= {"outputId": "0-1", "cellView": "form"}
            cell["source"] = f'#@title Cell {k} {{ display-mode: "form", vertical-output: true }}\n{cell["source"]}'
    badge = '<a href="" target="_parent"><img alt="Open In Colab"/></a>'
    insert(book, 0, text(badge, id="view-in-github", colab_type="text"))
    frame = {"application/vnd.google.colaboratory.intrinsic+json": {"type": "string"}, "text/plain": "'0.19'"}
    version = {"output_type": "execute_result", "execution_count": 2, "metadata": {}, "data": frame}
    insert(book, 2, code("%tensorflow_version 2.x\nimport sys\n\nsys.version", [version]))
    insert(book, 2, code("!pip install -q tensorboardX\n!nvidia-smi"))
    insert(book, 3, code("from google.colab import drive\n\ndrive.mount('/content/drive')", cellView="form"))
    return book


@mutation()
def kaggle_in_one_line(book):
    no_ids(book, 4)
    book["metadata"] |= {"kaggle": {"accelerator": "none", "dataSources": [], "isGpuEnabled": False}}
    for k, cell in enumerate(book["cells"]):
        cell["metadata"] |= {"_uuid": f"{k:040x}", "_cell_guid": str(k), "_kg_hide-input": True, "trusted": True}
        if cell["cell_type"] == "markdown":
            cell |= {"outputs": [], "execution_count": None}
    walk = "import os\n\nfor where, _, names in os.walk('/kaggle/input'):\n    for name in names:\n        print(name)"
    insert(book, 1, code(walk))
    return json.dumps(book)


@mutation(progress=SILENT)
def deepnote_from_its_cloud(book):
    book |= {"nbformat": "4", "nbformat_minor": "0", "version": "0"}
    book["metadata"] = {"deepnote_notebook_id": "0", "deepnote_execution_queue": []}
    for k, cell in enumerate(book["cells"]):
        cell.pop("id")
        cell |= {"cellId": f"{k:032x}", "block_group": f"{k:032x}"}
        told = {"deepnote_cell_type": cell["cell_type"], "cell_id": f"{k:032x}", "formattedRanges": []}
        cell["metadata"] = told | {"source_hash": "c8e7", "execution_start": 1, "deepnote_app_block_group_id": None}
        if cell["cell_type"] == "code":
            del cell["outputs"], cell["execution_count"]
            cell |= {"outputs_reference": f"dbtable/{k}.json", "content_dependencies": None}
    query = "df_1 = _dntk.execute_sql(\n  'SELECT * FROM df;',\n  'SQL',\n  return_variable_type='dataframe'\n)\ndf_1"
    insert(book, 3, code(query, deepnote_cell_type="sql"), text("<hr>", deepnote_cell_type="separator"))
    return book


@mutation()
def databricks_where_sql_is_the_language(book):
    no_ids(book, 0)
    book["metadata"] = {"application/vnd.databricks.v1+notebook": {"language": "sql", "dashboards": [], "widgets": {}}}
    for k, cell in enumerate(book["cells"]):
        cell["metadata"] = {"application/vnd.databricks.v1+cell": {"nuid": str(k), "showTitle": False, "title": ""}}
        if cell["cell_type"] == "code":
            cell |= {"source": f"%python\n{cell['source']}", "execution_count": 0}
    insert(book, 2, code("CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:catalog)"), code("%md\n## Grids"))
    insert(book, 2, code("%sql\nselect count(*) from sums"), code("%sh ls"))
    return book


@mutation()
def databricks_where_python_is_the_language(book):
    no_ids(book, 0)
    for cell in codes(book):
        cell["source"] = "# COMMAND ----------\n# DBTITLE 1,Answer\n" + cell["source"]
    insert(book, 1, code("dbutils.widgets.text('name', '')\nspark.range(3)"), code("# MAGIC %md\n# MAGIC # Sums"))
    return book


@mutation()
def deepnote_module_in_text_cells(book):
    """A heading in a cell of its own, a paragraph in the next, each a type of text cell, outputs kept."""
    cells = []
    for cell in book["cells"]:
        parts = cell["source"].split("\n\n") if cell["cell_type"] == "markdown" else [cell]
        cells += [text(p, deepnote_cell_type="text-cell-p") if isinstance(p, str) else p for p in parts]
    book["cells"] = cells
    book["metadata"] |= {"deepnote_is_module": False, "deepnote_execution_mode": "block", "orig_nbformat": 2}
    return json.dumps(book, indent=2, ensure_ascii=True)


@mutation()
def papermill_with_an_exception(book):
    times = {
        "duration": 0.1,
        "end_time": "2026-01-01T00:00:00",
        "start_time": "",
        "exception": True,
        "status": "failed",
    }
    book["metadata"]["papermill"] = times | {"parameters": {"bar": "x"}, "environment_variables": {}, "version": "2.6"}
    for cell in book["cells"]:
        cell["metadata"] |= {"papermill": times, "tags": []}
    banner = (
        '<span style="color:red">An Exception was encountered at \'<a href="#papermill-error-cell">In [1]</a>\'.</span>'
    )
    raised = {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "", "traceback": ["\x1b[0;31m---\x1b[0m"]}
    insert(book, 0, text(banner, tags=["papermill-error-cell-tag"]))
    insert(
        book, 2, code("rows = 3", tags=["parameters"]), code("# Parameters\nrows = 4\n", tags=["injected-parameters"])
    )
    insert(book, 4, code("1 / 0", [raised, {"output_type": "display_data", "data": {}, "metadata": {}}]))
    return book


@mutation()
def nbgrader_autograded(book):
    no_ids(book, 2)
    book["metadata"]["celltoolbar"] = "Create Assignment"
    for k, cell in enumerate(book["cells"]):
        graded = {"grade_id": f"cell-{k}", "schema_version": 3, "checksum": "0", "points": 2, "locked": False}
        graded |= {"grade": kind(cell) == "check", "solution": kind(cell) == "exercise", "task": False}
        cell["metadata"] |= {"nbgrader": graded, "deletable": False, "editable": kind(cell) == "exercise"}
    for cell in exercises(book):
        first, _, rest = cell["source"].partition("\n    ")
        cell["source"] = f"{first}\n    ### BEGIN SOLUTION\n    {rest}\n    ### END SOLUTION"
    around(book, "check", after=[code("### BEGIN HIDDEN TESTS\nassert False\n### END HIDDEN TESTS")])
    around(book, "check", before=[code("# YOUR CODE HERE\nraise NotImplementedError()")])
    return book


@mutation()
def otter_assign(book):
    insert(book, 0, raw("# ASSIGNMENT CONFIG\nsolutions_pdf: true\ngenerate:\n    points: 4"))
    insert(book, 1, code('# Initialize Otter\nimport otter\n\ngrader = otter.Notebook("sums.ipynb")'))
    around(book, "exercise", [raw("# BEGIN QUESTION\nname: q1"), raw("# BEGIN SOLUTION")], [raw("# END SOLUTION")])
    around(book, "check", [raw("# BEGIN TESTS")], [code('grader.check("q1")', deletable=False), raw("# END QUESTION")])
    for cell in exercises(book):
        lines = cell["source"].split("\n")
        cell["source"] = "\n".join([*lines[:-1], f"{lines[-1]}  # SOLUTION"])
    insert(book, len(book["cells"]), code("grader.export(run_tests=True)"))
    book["metadata"]["otter"] = {"OK_FORMAT": True, "tests": {"q1": {"name": "q1", "points": 2, "suites": []}}}
    return book


@mutation()
def nbdev_and_quarto(book):
    insert(book, 0, raw("---\ntitle: Sums\nskip_showdoc: true\n---"))
    insert(book, 1, code("#|default_exp core"), code("#|hide\nfrom nbdev.showdoc import *"))
    for cell in exercises(book):
        cell["source"] = "#|export\n#| filter_stream FutureWarning\n" + cell["source"]
    for cell in codes(book):
        if kind(cell) == "check":
            first, _, rest = cell["source"].partition("\n")
            cell["source"] = f"{first}\n#| echo: false\n#| label: fig-check\n#| code-fold: true\n{rest}"
    insert(book, 5, text("::: {.callout-note}\nOnly sums.\n:::"))
    insert(book, len(book["cells"]), code("#|hide\nimport nbdev; nbdev.nbdev_export()"))
    return book


@mutation()
def pycharm_cells(book):
    for cell in book["cells"]:
        cell["metadata"] |= {"pycharm": {"name": "#%%\n", "is_executing": False}, "ExecuteTime": {"end_time": ""}}
        cell["source"] = ("#%%\n" if cell["cell_type"] == "code" else "#%% md\n") + cell["source"]
    return json.dumps(book, indent=1) + "\n\n\n"


@mutation()
def marimo_in_its_order(book):
    """Cells in the order in which they depend on each other, answers before all that only shows something."""
    own = exercises(book)
    rest = [cell for cell in book["cells"] if cell not in own]
    book["cells"] = [code("import marimo as mo"), *rest[:2], *own, *rest[2:], code("mo.md(r'''# Sums''')")]
    names = itertools.cycle(["Hbol", "MJUe", "vblA", "bkHC"])
    for cell in book["cells"]:
        cell["id"] = next(names)
        cell["metadata"] = {"marimo": {"config": {"hide_code": True}}}
    book["metadata"] = {"language_info": {"name": "python"}, "marimo": {"marimo_version": "0.20"}}
    return book


@mutation(progress=SILENT)
def jupytext_percent_and_back(book):
    book["metadata"] = {
        "jupytext": {"cell_metadata_filter": "-all", "formats": "ipynb,py:percent", "main_language": "python"}
    }
    for k, cell in enumerate(book["cells"]):
        cell |= {"id": f"{k:08x}", "metadata": {"lines_to_next_cell": 2, "cell_marker": '"""', "title": "A cell"}}
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
            cell["source"] = f"# + [markdown]\n# %matplotlib inline\n{cell['source']}\n# -"
    return book


@mutation()
def sagemaker_studio(book):
    machine = {"_defaultCpuCount": 2, "cpuLimit": 2, "name": "ml.t3.medium"}
    book["metadata"] |= {"availableInstances": [machine], "instance_type": "ml.t3.medium"}
    book["metadata"]["kernelspec"]["name"] = (
        "python3__SAGEMAKER_INTERNAL__arn:aws:sagemaker:us-west-2:1:image/datascience-1.0"
    )
    insert(
        book, 1, code("import sagemaker\n\nrole = sagemaker.get_execution_role()", scrolled=True, tags=["sagemaker"])
    )
    return book


@mutation()
def vs_code_with_other_languages(book):
    no_ids(book, 2)
    book["metadata"] = {"orig_nbformat": 2, "file_extension": ".py", "npconvert_exporter": "python", "version": 3}
    book["metadata"] |= {"vscode": {"interpreter": {"hash": "31f2"}}, "interpreter": {"hash": "31f2"}}
    hello = {"output_type": "execute_result", "data": {"text/plain": "Hello"}, "execution_count": 1, "metadata": {}}
    insert(book, 2, code("", [hello]), code("", [hello]), text(""))
    insert(
        book, 2, code("select 1", vscode={"languageId": "sql"}), code("ls -la", vscode={"languageId": "shellscript"})
    )
    for cell in exercises(book):
        cell["metadata"]["vscode"] = {"languageId": "python"}
    return json.dumps(book, indent=4)


@mutation()
def of_a_format_to_come(book):
    book |= {"nbformat_minor": 99, "extra": "future", "views": []}
    for cell in book["cells"]:
        cell |= {"future": "yes", "spans": [1, 2], "metadata": {"name": "a", "format": 5}}
    codes(book)[0]["outputs"] = [{"output_type": "future output", "some key": 5}, stream(["a\n", "b"]) | {"extra": {}}]
    insert(book, 3, {"cell_type": "future cell", "id": "future-7", "key": "value", "metadata": {}})
    return book


@mutation(progress=SILENT)
def of_format_3(book):
    old = nbformat.convert(nbformat.from_dict(book), 3)
    old.worksheets[0].cells.insert(1, {"cell_type": "heading", "level": 2, "metadata": {}, "source": "Sums"})
    old["metadata"] = {"name": "", "signature": "sha256:0"}
    del old["nbformat_minor"]
    for cell in old.worksheets[0].cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "pyerr", "ename": "E", "evalue": "", "traceback": []}]
    return json.dumps(old)


@mutation(progress=SILENT)
def of_format_2(book):
    cells = []
    for cell in book["cells"]:
        lines = cell["source"].split("\n")  # without the ends of lines, as this format has them
        if cell["cell_type"] == "code":
            pyout = {"output_type": "pyout", "prompt_number": 1, "text": ["1"]}
            cells.append({"cell_type": "code", "collapsed": False, "input": lines, "language": "python"})
            cells[-1] |= {"outputs": [pyout], "prompt_number": 1}
        else:
            cells.append({"cell_type": "markdown", "source": lines})
    return json.dumps({"metadata": {"name": "sums"}, "nbformat": 2, "worksheets": [{"cells": cells}]})


@mutation()
def of_another_kernel(book):
    book["metadata"]["kernelspec"] = {"display_name": "R", "language": "R", "name": "ir"}
    book["metadata"]["language_info"] = {"name": "R", "pygments_lexer": "r", "file_extension": ".r", "version": "3.4.1"}
    insert(book, 1, code("library(ggplot2)\nx <- c(1, 2)"), code("%%R -i x\nplot(x)"), code("?lm\nprint 'old'"))
    return book


@mutation()
def outputs_of_twenty_megabytes(book):
    lines = [f"Epoch {k}/100000: loss=0.693147\r" + 180 * "=" + "\n" for k in range(80_000)]
    insert(book, 4, code("train()", [stream(lines), *[stream([f"{k}\n"]) for k in range(5000)]], scrolled=True))
    return json.dumps(book)


@mutation(says=r"than (the )?30 MB")
def outputs_of_forty_megabytes(book):
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0KGgo" + "A" * MAX_BYTES}}
    insert(book, 4, code("plt.show()", [picture, picture]))
    return json.dumps(book)


@mutation()
def interrupted_while_running(book):
    raised = {"output_type": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": ["\x1b[1;31m^C", None]}
    for cell in codes(book):
        cell["execution_count"] = "*"
        cell["outputs"] = [raised, *cell["outputs"], {"output_type": "stream", "text": None}, {"output_type": None}]
    insert(book, 3, code("import time\n\ntime.sleep(0.01)"), {**code("x"), "outputs": None, "execution_count": 3.0})
    return book


@mutation()
def attachments_everywhere(book):
    picture = {"image.png": {"image/png": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}}
    for k, cell in enumerate(book["cells"]):
        cell["attachments"] = picture if k % 2 else {}
    insert(book, 2, text("![image.png](attachment:image.png)\n![gone](attachment:gone.png)") | {"attachments": None})
    return book


@mutation()
def ids_that_are_none(book):
    for k, cell in enumerate(book["cells"]):
        cell["id"] = [7, "a b", "", None, "x" * 100, "#VSC-1", "the same", "the same"][k % 8]
    cells = {kind(cell): cell for cell in codes(book)}
    cells["exercise"]["id"], cells["check"]["id"] = "check-1-2", "exercise-1-1"
    return book


@mutation()
def extensions_of_the_old_notebook(book):
    book["metadata"] |= {"toc": {"base_numbering": 1}, "varInspector": {"cols": {"lenName": 16}}, "latex_envs": {}}
    book["metadata"] |= {"hide_input": False, "nav_menu": {}, "anaconda-cloud": {}, "@webio": {"lastKernelId": None}}
    book["metadata"] |= {"rise": {"scroll": True}, "celltoolbar": "Slideshow", "authors": [{"name": ""}]}
    for k, cell in enumerate(book["cells"]):
        kinds = ["slide", "subslide", "fragment", "skip", "-"]
        cell["metadata"] |= {"slideshow": {"slide_type": kinds[k % 5]}, "heading_collapsed": True, "hidden": True}
        cell["metadata"] |= {"run_control": {"frozen": True}, "solution2": "hidden", "max_height": 200, "variables": {}}
    return book


@mutation()
def saved_on_windows(book):
    for cell in book["cells"]:
        cell["source"] = [f"{line}\r\n" for line in cell["source"].split("\n")]
    return b"\xef\xbb\xbf" + json.dumps(book, indent=1, ensure_ascii=False).replace("\n", "\r\n").encode()


@mutation()
def sources_in_odd_pieces(book):
    for k, cell in enumerate(book["cells"]):
        source = cell["source"]
        cell["source"] = [list(source), [source[:7], "", source[7:]], source][k % 3]
    empty = {"cell_type": "markdown", "metadata": {}}
    insert(book, 2, empty, empty | {"source": None}, empty | {"source": []}, code(None))
    return json.dumps(book, indent="\t", sort_keys=True)


@mutation()
def numbers_that_json_does_not_have(book):
    frame = {"application/vnd.dataframe+json": {"columns": [1, float("nan"), float("inf")], "n": 10**400}}
    book["metadata"]["widgets"] = {"state": {"value": float("nan"), "max": float("-inf")}}
    insert(book, 3, code("df", [{"output_type": "display_data", "data": frame, "metadata": {"scale": float("nan")}}]))
    return json.dumps(book)


@mutation()
def merged_by_nbdime(book):
    """Both sides of a conflict stand below each other, the other side's with an empty answer."""
    local, base = '<span style="color:red">**<<<<<<< local**</span>', '<span style="color:red">**=======**</span>'
    theirs = '<span style="color:red">**>>>>>>> remote**</span>'
    blank = code(f"#| exercise: 1.1\n{toy.STUB_1}")
    first = book["cells"].index(exercises(book)[0])
    insert(book, first + 1, text(base), blank, text(theirs))
    insert(book, first, text(local))
    book["metadata"]["nbdime-conflicts"] = {"local_diff": [], "remote_diff": []}
    return book


@mutation()
def a_script_that_became_a_notebook(book):
    for k, cell in enumerate(codes(book)):
        cell["source"] = f"#!/usr/bin/env python\n# coding: utf-8\n\n# In[{k}]:\n\n\n{cell['source']}\n\n\n"
    insert(book, 1, code("get_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().system('pip --version')"))
    return book


@mutation()
def myst_with_a_gap_in_its_text(book):
    """Cells that look like an answer and are text: what JupyterLab does not run counts for nothing."""
    fence = "```{code-cell} ipython3\n:tags: [hide-input]\n#| exercise: 1.2\n" + toy.RIGHT_2 + "\n```"
    insert(book, 3, text(fence), text(":::{exercise} Sums\n:label: one\n:::"), raw(f"#| exercise: 1.2\n{toy.RIGHT_2}"))
    insert(book, 3, text(f"#| exercise: 1.2\n{toy.RIGHT_2}"), text("(label)=\n$$\nx = 1\n$$ (eq)"))
    return book


@mutation(says="not a notebook")
def a_note_of_zeppelin(book):
    paragraphs = [{"text": f"%python\n{cell['source']}", "status": "FINISHED", "config": {}} for cell in book["cells"]]
    return json.dumps({"paragraphs": paragraphs, "name": "Sums", "id": "2A94M5J1Z", "angularObjects": {}})


@mutation(says="not a notebook")
def a_project_of_deepnote(book):
    blocks = "".join(f"  - type: code\n    content: {json.dumps(cell['source'])}\n" for cell in book["cells"])
    return f"metadata:\n  createdAt: 2026-01-01\nproject:\n  notebooks:\n  - name: Sums\n    blocks:\n{blocks}"


# One learner a mutation, one class, one run of each command


def written(name, book):
    """The bytes of a mutation of a notebook."""
    made = MUTATIONS[name][0](json.loads(nbformat.v4.nbjson.writes(book, split_lines=False)))
    made = json.dumps(made, indent=1) if isinstance(made, dict) else made
    return made if isinstance(made, bytes) else made.encode()


@pytest.fixture(scope="module")
def handed_in(recorded_toy):
    """A learner's copy as JupyterLab saves it after all its cells have run: 1.1 is right, 1.2 is transposed."""
    ran = kernels.run(toy.notebook(toy.answered(two=TRANSPOSED)), recorded_toy.expected)
    assert kernels.errors(ran) == []
    return ran


@pytest.fixture(scope="module")
def copies(handed_in, tmp_path_factory):
    """Work folders, by mutation."""
    folder = tmp_path_factory.mktemp("copies")
    for name in MUTATIONS:
        (folder / name).mkdir()
        (folder / name / "01_sums.ipynb").write_bytes(written(name, handed_in))
    return folder


@pytest.fixture(scope="module")
def class_of_all(recorded_toy, copies, tmp_path_factory):
    """{mutation: line of grades.csv}, from one grading run over all of them."""
    out = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(recorded_toy.root)
        assert cli.main(["grade", str(copies), "--lesson", "01", "--out", str(out), "--jobs", "1", "--seed", "7"]) == 0
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {line["learner"]: line for line in csv.DictReader(file)}


@needs_sandbox
@pytest.mark.parametrize("name", MUTATIONS)
def test_it_is_graded_as_the_original(name, class_of_all):
    line, (_, left, says) = class_of_all[name], MUTATIONS[name]
    if left is UNREAD:
        assert line["status"] == "unreadable"
        assert re.search(says, line["reason"])
    else:
        assert (line["status"], line["1.1"], line["1.2"]) == ("graded", "1", "0")


@pytest.mark.parametrize("name", MUTATIONS)
def test_check_says_what_it_says_of_the_original(name, copies, recorded_toy, monkeypatch, capsys):
    monkeypatch.chdir(recorded_toy.root)
    status = cli.main(["check", "01", "--work", str(copies / name)])
    shown, says = capsys.readouterr(), MUTATIONS[name][2]
    if says:
        assert status == 2
        assert re.fullmatch(rf"course: .*{says}.*\n", shown.err)
    else:
        assert shown.err == ""
        assert re.search(r"^  ✓ 1\.1 ", shown.out, re.MULTILINE)
        assert re.search(r"^  ✗ 1\.2  It is transposed", shown.out, re.MULTILINE)


@pytest.mark.parametrize("name", MUTATIONS)
def test_progress_keeps_what_the_checks_said(name, copies, recorded_toy, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(recorded_toy.root)
    shutil.copy(copies / name / "01_sums.ipynb", tmp_path)  # without what `course check` found in the other
    assert cli.main(["progress", "--work", str(tmp_path)]) == 0
    shown, (_, left, says) = capsys.readouterr().out, MUTATIONS[name]
    signs = {"right": "✓", "wrong": "✗", "error": "!"}
    assert re.search(says, shown)
    wanted = dict.fromkeys(SPOKEN, "○") if left is UNREAD else {e: signs[kind] for e, kind in left.items()}
    assert dict(re.findall(r"(\S) (1\.\d)", shown.splitlines()[0])) == {sign: e for e, sign in wanted.items()}


@pytest.mark.parametrize("number", Course.find().numbers)
def test_of_every_lesson_the_same_answers_are_found(number):
    """Half of each lesson is answered with the reference, half with a named mistake."""
    course = Course.find()
    lesson = course.lesson(number)
    solutions = course.solutions(lesson)
    wrong = {exercise: source for exercise, _, source in mistakes(solutions)}
    answers = reference(solutions).by_exercise
    answers = {e: wrong.get(e, source) if k % 2 else source for k, (e, source) in enumerate(answers.items())}
    book = fill(lesson, Answers(answers))
    lost = [name for name in MUTATIONS if MUTATIONS[name][1] is not UNREAD and name not in SMALL
            and not alike(answers_in(lesson, name, book), answers)]  # fmt: skip
    assert lost == []


def answers_in(lesson, name, book):
    """The answers that are found in a mutation of a notebook; none where it cannot be read."""
    try:
        return collect(lesson, parse(written(name, book).decode("utf-8-sig"), name)).by_exercise
    except NotebookError:
        return {}


def alike(found, wanted):
    """Whether two sets of answers are the same but for comments."""
    return {e: bare(source) for e, source in found.items()} == {e: bare(source) for e, source in wanted.items()}


def bare(source):
    """An answer without comments of its own on lines of their own, as some of the mutations add and move them."""
    lines = [line.partition("  # SOLUTION")[0].rstrip() for line in source.split("\n")]
    return [line for line in lines if line and not line.lstrip().startswith("#")]


def test_marks_of_the_mutations_are_those_of_the_original(handed_in):
    assert [kind(cell) for cell in handed_in.cells] == [
        (mark(cell).kind if mark(cell) else "") for cell in parse(text_of(handed_in), "").cells
    ]
