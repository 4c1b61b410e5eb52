"""What a user installs: one wheel, one version, and an import that leaves Django alone."""

import email
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from support.packages import built

import django_pgpool

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_the_package_is_the_only_place_that_names_the_version(metadata):
    assert metadata["Version"] == django_pgpool.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    packaged = {name for name in wheel.namelist() if ".dist-info/" not in name}
    present = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "django_pgpool").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packaged == present
    assert "django_pgpool/py.typed" in packaged


def test_the_wheel_carries_its_licence(wheel, metadata):
    assert metadata["License-Expression"] == "MIT"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


def test_the_metadata_says_who_it_is_for(metadata):
    classifiers = metadata.get_all("Classifier")
    assert "Typing :: Typed" in classifiers
    assert not [name for name in classifiers if name.startswith("License ::")]  # PEP 639
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# django_pgpool")


def test_the_metadata_invents_no_host(metadata):
    """The source names none; who publishes it adds what is true there."""
    for line in metadata.get_all("Project-URL", []):
        assert not re.search(r"example|localhost|\.invalid|\.test\b", line)


def test_version_changelog_and_classifier_agree(metadata):
    versions = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[:2] == ["Unreleased", django_pgpool.__version__]
    pre = re.search(r"[a-z]", django_pgpool.__version__)
    status = "4 - Beta" if pre else "5 - Production/Stable"
    assert f"Development Status :: {status}" in metadata.get_all("Classifier")


def test_the_sdist_holds_every_file_of_the_project(tmp_path):
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a checkout")
    with tarfile.open(built("sdist", tmp_path)) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    here = {name for name in tracked.stdout.splitlines() if (ROOT / name).exists()}
    assert here <= packed


def test_a_plain_install_brings_only_what_the_package_needs(metadata):
    plain = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert {re.split(r"[^\w-]", line)[0].lower() for line in plain} == {
        "django",
        "gevent",
        "psycogreen",
        "psycopg2-binary",
        "structlog",
    }


def test_importing_the_package_imports_neither_django_nor_gevent_nor_a_driver():
    """Django imported before monkey patching makes all greenlets share one DatabaseWrapper."""
    code = "import sys, django_pgpool; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert "django_pgpool" in imported
    assert not imported & {"django", "gevent", "psycopg", "psycopg2", "structlog"}


def test_make_without_a_target_lists_every_target():
    phony = re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    listed = [line.split()[1] for line in done.stdout.splitlines()]
    assert listed == phony
