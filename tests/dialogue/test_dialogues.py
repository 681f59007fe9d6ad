# SPDX-License-Identifier: Apache-2.0
"""Every dialogue script as one test on the running server."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run as dialogue  # noqa: E402


@pytest.mark.parametrize("path", dialogue.scripts(),
                         ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_dialogue(heronry, path):
    dialogue.run_script(dialogue.Facts.load(heronry.facts_path), path)
