"""Sizes and addresses: what people type, what they read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab.core.units import address, count, format_size, parse_size, size_name


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2M", 2 << 20),
        ("2 MiB", 2 << 20),
        ("2MB", 2 << 20),
        ("2048kB", 2 << 20),
        ("1g", 1 << 30),
        ("4T", 4 << 40),
        (" 512 ", 512),
        ("0", 0),
        (4096, 4096),
    ],
)
def test_sizes_people_write(text: str | int, size: int) -> None:
    """Powers of 1024 throughout, as in the kernel's own names (2048 kB is 2 MB)."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "2X", "-1", "1.5G", "2M3", "two", "0x10"])
def test_what_is_no_size_is_named(text: str) -> None:
    """The error shows the text and an example."""
    with pytest.raises(ValueError, match="is not a size") as error:
        parse_size(text)
    assert repr(text) in str(error.value)


@given(st.integers(0, 1 << 62))
def test_format_is_read_back(size: int) -> None:
    """format_size is exact: parse_size gives the number back."""
    assert parse_size(format_size(size).replace(",", "").removesuffix(" bytes")) == size
    if size % 1024 == 0 and size:
        assert parse_size(size_name(size)) == size


@pytest.mark.parametrize(
    ("size", "text", "name"), [(2 << 20, "2 MB", "2M"), (1 << 30, "1 GB", "1G"), (4096, "4 KB", "4K")]
)
def test_names_of_page_sizes(size: int, text: str, name: str) -> None:
    """The names of the course and those of the scenario vocabulary."""
    assert (format_size(size), size_name(size)) == (text, name)


def test_address_and_count() -> None:
    """As the lesson's log and a sentence have them."""
    assert address(0xB6A00000) == "0xb6a00000"
    assert [count(n, "page") for n in (0, 1, 5, 1_000_000)] == ["0 pages", "1 page", "5 pages", "1,000,000 pages"]
