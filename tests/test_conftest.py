from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = """
import pytest

def test_in_its_body():
    pytest.skip("there is no ../shared beside this checkout")

@pytest.fixture
def browser():
    pytest.skip("there is no chromium here")

def test_in_a_fixture(browser):
    pass
"""
AT_IMPORT = "import pytest\npytest.skip('no ../shared', allow_module_level=True)\n"


@pytest.mark.parametrize(
    ("required", "closing"),
    [
        ({}, "3 skipped"),
        ({"WASHOUT_REQUIRE_BROWSER": "1"}, "2 skipped, 1 error"),
        ({"WASHOUT_REQUIRE_SHARED": "1"}, "1 error"),
    ],
)
def test_a_skip_that_ci_forbids_is_a_failure(tmp_path: Path, required: dict[str, str], closing: str) -> None:
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text("utf-8"), "utf-8")
    (tmp_path / "test_skipping.py").write_text(SKIPPING, "utf-8")
    (tmp_path / "test_at_import.py").write_text(AT_IMPORT, "utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("WASHOUT_", "PYTEST_"))}

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=own | required,
        capture_output=True,
        text=True,
        check=False,
    )

    assert closing in ran.stdout
    assert (ran.returncode == 0) is (not required)
