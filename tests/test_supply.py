"""What is installed is what was locked: every version pinned, every file by its hash."""

import re

import pytest

from tests.started import ROOT

LOCKS = ("requirements.txt", "requirements-dev.txt")


def pinned(name: str) -> dict[str, str]:
    """Package → version, of a lock; each must have a hash."""
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.M).strip())
    found = [
        re.match(r"([\w.-]+)==([\w.]+)( ;[^\\]*)?((?: \\\n    --hash=\S+)+)$", e) for e in entries
    ]
    assert all(found), [e[:60] for e, m in zip(entries, found, strict=True) if not m]
    return {match[1].lower(): match[2] for match in found if match}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_its_version_and_hashes(name: str) -> None:
    assert len(pinned(name)) > 50
    assert "://" not in (ROOT / name).read_text()


def test_both_locks_agree() -> None:
    product, beside = (pinned(name) for name in LOCKS)
    assert {name: beside[name] for name in product.keys() & beside.keys()} == {
        name: product[name] for name in product.keys() & beside.keys()
    }


def test_what_is_named_is_locked() -> None:
    for name in LOCKS:
        named = re.findall(
            r"^([A-Za-z][\w-]*)", (ROOT / name.replace("txt", "in")).read_text(), re.M
        )
        locked = {one.replace("_", "-") for one in pinned(name)}
        assert {one.lower().replace("_", "-") for one in named} <= locked
