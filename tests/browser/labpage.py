"""A notebook that is open in JupyterLab, as the tests see it."""

READY = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
UNSAVED = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.sessionContext.session.kernel.info;
  return panel.context.model.dirty;
}"""
FINISHED = """() => {
  const panel = window.jupyterapp.shell.currentWidget, session = panel?.sessionContext;
  const cells = panel?.content?.widgets?.filter((cell) => cell.model.type === "code") ?? [];
  return cells.length > 0 && session.session?.kernel?.status === "idle" &&
    cells.every((cell) => cell.model.executionCount || !cell.model.sharedModel.getSource().trim());
}"""
EDIT = """([mark, source]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const text = (cell) => cell.model.sharedModel.getSource();
  const at = notebook.widgets.findIndex((cell) => text(cell).startsWith(mark));
  if (source) notebook.widgets[at].model.sharedModel.setSource(source);
  notebook.activeCellIndex = at;
  return window.jupyterapp.commands.execute('notebook:run-cell');
}"""
OUTPUT = """(mark) => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  const cell = cells.find((cell) => cell.model.sharedModel.getSource().startsWith(mark));
  return (cell.model.outputs?.toJSON() ?? []).map((o) => o.data?.["text/plain"] ?? o.text ?? o.evalue).join("\\n");
}"""
RAISED = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
  .filter((o) => o.output_type === "error").map((o) => o.evalue)"""


class Notebook:
    """The notebook at `address`, opened in `page` and run from top to bottom; cells are found by how they begin.

    `unsaved` tells whether it was changed before anything was run.
    """

    def __init__(self, page, address):
        self.page = page
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_function(READY, timeout=90_000)
        self.unsaved = page.evaluate(UNSAVED)
        page.evaluate(RUN_ALL)
        page.wait_for_function(FINISHED, timeout=120_000)

    def say(self, mark, source=None):
        """Run the cell with a mark, after putting `source` into it, and return what it shows."""
        self.page.evaluate(EDIT, [mark, source])
        self.page.wait_for_function(FINISHED, timeout=60_000)
        return self.output(mark)

    def output(self, mark):
        """The text of the outputs of the cell with a mark."""
        return self.page.evaluate(OUTPUT, mark)

    def raised(self):
        """The messages of all exceptions in the notebook."""
        return self.page.evaluate(RAISED)
