"""What tests of the sandbox share: they are skipped, and say so, where there is none."""

import pytest

from coursekit.grading.sandbox import available

HINT = "no sandbox: bubblewrap is missing (apt install bubblewrap)"
needs_sandbox = pytest.mark.skipif(not available(), reason=HINT)
