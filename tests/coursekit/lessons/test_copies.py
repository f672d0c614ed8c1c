"""Names that programs give to copies of a lesson."""

import pytest

from coursekit.lessons.copies import is_copy, is_lesson, is_notebook, number_of

COPIES = [
    "05_jacobians.ipynb",
    "05_jacobians-Copy1.ipynb",  # JupyterLab, Jupyter Notebook
    "05_jacobians-Copy1-Copy2.ipynb",
    "05_jacobians-checkpoint.ipynb",
    "05_jacobians__20221104104101.ipynb",  # nbgitpuller
    "05_jacobians.new.ipynb",  # course lab
    "05_jacobians.new2.ipynb",
    "05_jacobians (1).ipynb",  # Chrome, Edge, Google Drive
    "05_jacobians(1).ipynb",  # Firefox
    "05_jacobians-2.ipynb",  # Safari
    "05_jacobians 2.ipynb",  # iCloud
    "05_jacobians.ipynb.txt",
    "05_jacobians.ipynb.json",
    "05_jacobians.ipynb.json.txt",
    "05_jacobians (1).ipynb.txt",
    "05_jacobians.ipynb (1)",
    "05_jacobians.IPYNB",
    "05_jacobians.ipynb~",  # editors' backups
    "Copy of 05_jacobians.ipynb",  # Colab, Google Drive
    "Copy of Copy of 05_jacobians.ipynb",
    "Kopie von 05_jacobians.ipynb",
    "Copie de 05_jacobians.ipynb",
    "Copia di 05_jacobians.ipynb",
    "05_jacobians copy.ipynb",  # macOS
    "05_jacobians copy 3.ipynb",
    "05_jacobians - Copy.ipynb",  # Windows
    "05_jacobians - Kopie (2).ipynb",
    "05_jacobians (copy).ipynb",  # GNOME
    "05_jacobians (3rd copy).ipynb",
    "05_jacobians (Ada's conflicted copy 2024-05-01).ipynb",  # Dropbox
    "05_jacobians (conflicted copy 2024-05-01 120000).ipynb",  # Nextcloud
    "05_jacobians_conflict-20240501-120000.ipynb",  # ownCloud
    "05_jacobians.sync-conflict-20240501-120000-ABCDEFG.ipynb",  # Syncthing
    "05_jacobians (SFConflict ada@example.org 2024-05-01-12-00-00).ipynb",  # Seafile
    "05_jacobians-DESKTOP-1AB2C3D.ipynb",  # OneDrive
    "05_jacobians_Ada.ipynb",  # people
    "05_jacobians_final2.ipynb",
]
OTHERS = [
    "05_jacobiansandmore.ipynb",
    "15_jacobians.ipynb",
    "05_jacobian.ipynb",
    "progress.ipynb",
    "Untitled.ipynb",
    "05_jacobians.py",
    "05_jacobians.ipynb.part",  # a download that has not ended
    "05_jacobians.ipynb.crdownload",
    ".05_jacobians.ipynb",
    ".05_jacobians.ipynb.swp",
    "05_jacobians.html",
]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_known(name):
    assert is_notebook(name)
    assert is_copy(name, "05_jacobians.ipynb")
    assert number_of(name) == "05"
    assert is_lesson(name) == (name in ("05_jacobians.ipynb", "05_jacobians_Ada.ipynb", "05_jacobians_final2.ipynb"))


@pytest.mark.parametrize("name", OTHERS)
def test_another_file_is_not(name):
    assert not is_copy(name, "05_jacobians.ipynb")


@pytest.mark.parametrize("name", ["progress.ipynb", "Untitled1.ipynb", "5_jacobians.ipynb", "ada_05_jacobians.ipynb"])
def test_names_that_speak_of_no_lesson(name):
    assert is_notebook(name)
    assert number_of(name) is None
