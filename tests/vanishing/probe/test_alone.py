"""The probe alone: in an environment that holds torch and numpy, and nothing else of what the course needs."""

import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

import vanishing

USED = """
import sys, warnings
sys.path.append(sys.argv[1])
warnings.simplefilter("error")
import torch
from vanishing.probe import probe

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
steps = torch.optim.SGD(model.parameters(), 0.1)
with probe(model) as p:
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(torch.randn(16, 4)), torch.randint(0, 2, (16,)))
        steps.zero_grad()
        loss.backward()
        steps.step()
print(p)
print(len(p.rows()))
"""


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(*names):
    """The distributions that some need, themselves included, extras left out."""
    wanted, queue = set(), list(names)
    while queue:
        name = normal(queue.pop())
        if name not in wanted:
            wanted.add(name)
            try:
                needs = metadata.requires(name) or []
            except metadata.PackageNotFoundError:
                continue
            queue += [re.match(r"[\w.-]+", need)[0] for need in needs if "extra ==" not in need]
    return wanted


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A folder of packages that holds torch, numpy, what they need, and vanishing."""
    folder, present = tmp_path_factory.mktemp("bare"), Path(sysconfig.get_path("purelib"))
    wanted = needed("torch", "numpy")
    tops = [module for module, homes in metadata.packages_distributions().items() if wanted & set(map(normal, homes))]
    for path in present.iterdir():
        stem = path.name.partition(".")[0]
        if stem in tops or normal(path.name.partition("-")[0].removesuffix(".libs")) in wanted:
            (folder / path.name).symlink_to(path)
    (folder / "vanishing").symlink_to(Path(vanishing.__file__).parent)
    return folder


def run(folder, body):
    command = [sys.executable, "-S", "-I", "-B", "-c", body, folder]  # -S: no packages but those of the folder
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_imports_and_works_with_torch_and_numpy_alone(bare):
    done = run(bare, USED)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2"


def test_a_figure_says_what_it_needs(bare):
    done = run(bare, USED + "p.plot()")
    assert done.returncode == 1
    assert re.search("No module named '(matplotlib|IPython|cycler)'", done.stderr)


def test_what_the_package_does_not_have_is_said():
    with pytest.raises(AttributeError, match="no attribute 'Plot'"):
        vanishing.Plot  # noqa: B018
    assert {"Explorer", "figure"} <= set(dir(vanishing))
