"""What tests need of the machine. Without it they skip; where CI says it is there, a skip is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import certifi
import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from storage.postgres import Database
    from tests.nats_cluster import NatsCluster
    from tests.postgres import Server

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

SHARED = Path(__file__).resolve().parents[1] / "../shared"
REQUIRED = {
    "WASHOUT_REQUIRE_SHARED": "shared",
    "WASHOUT_REQUIRE_BROWSER": "chromium",
    "WASHOUT_REQUIRE_POSTGRES": "PostgreSQL",
}
"""An environment variable, and the word in the reason of every skip that it forbids."""


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.workers import StepsBack

        config.pluginmanager.register(StepsBack())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from tests.workers import Apart

    return Apart(config, log)


@pytest.fixture(scope="session", autouse=True)
def _few_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One authority instead of all: each HTTP client reads their file anew, and none asks anybody outside."""
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    end = "-----END CERTIFICATE-----\n"
    file.write_text(certifi.contents().partition(end)[0] + end, "utf-8")
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(file)
    yield
    if before is None:
        del os.environ["SSL_CERT_FILE"]
    else:
        os.environ["SSL_CERT_FILE"] = before


@pytest.fixture(scope="session")
def shared() -> Path:
    """Recorded market data beside the checkout; it is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("there is no ../shared beside this checkout")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Debian's chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three nodes of NATS JetStream. Whoever stops one starts it again."""
    from tests.nats_cluster import nats_cluster

    with nats_cluster(tmp_path_factory.mktemp("nats")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running server, for everybody; what stops it starts it again."""
    try:
        from tests.postgres import serve
    except ImportError as fault:
        pytest.skip(f"there is no PostgreSQL to test with: {fault} (make setup installs it)")
    with serve() as server:
        yield server


@pytest_asyncio.fixture
async def database(postgres: Server) -> AsyncIterator[Database]:
    """One with the tables of this release and nothing in them."""
    made = await postgres.database()
    yield made
    await postgres.give_back(made)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _without_forbidden_skips((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _without_forbidden_skips((yield))


def _without_forbidden_skips(report: Report) -> Report:
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        for variable, word in REQUIRED.items():
            if os.environ.get(variable) and word in reason:
                report.outcome = "failed"
                report.longrepr = f"{variable} forbids this skip: {reason}"
    return report
