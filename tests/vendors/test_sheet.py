"""Reading tables strictly: what is understood, what is refused and how the message names it."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Unreadable
from tradewinds.vendors import sheet as sheet_module
from tradewinds.vendors.sheet import read


def test_a_byte_order_mark_and_padded_headers_are_taken_off() -> None:
    sheet = read("\ufeffdate , close\n2024-01-02, 1.5 \n".encode(), "t.csv")

    assert sheet.names == ["date", "close"]
    assert sheet.numbers("close").to_list() == [1.5]


def test_numbers_with_thousands_separators_exponents_and_extremes_are_read() -> None:
    sheet = read(b'x\n"1,035.28"\n1e5\n0.00000812\n100000\n18446744073709551616\n-3\n', "t.csv")

    assert sheet.numbers("x").to_list() == [1035.28, 1e5, 0.00000812, 100000.0, 18446744073709551616.0, -3.0]


def test_absent_cells_and_nan_become_nulls() -> None:
    sheet = read(b"a,b\n,NaN\nnull,n/a\n-,1\n", "t.csv")

    assert sheet.numbers("a").to_list() == [None, None, None]
    assert sheet.numbers("b").to_list() == [None, None, 1.0]


def test_an_unreadable_number_is_refused_with_file_line_column_and_value() -> None:
    sheet = read(b"close,volume\n1,2\n3,4\n12.3.4,5\n", "alpha AAPL.csv")

    with pytest.raises(Unreadable, match=r"alpha AAPL.csv line 4: close '12.3.4', expected a number"):
        sheet.numbers("close")


def test_a_comma_that_is_no_thousands_separator_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"line 2: x '1,5', expected a number"):
        read(b'x\n"1,5"\n', "t.csv").numbers("x")


def test_suffixes_are_understood_only_where_asked_for() -> None:
    sheet = read(b"volume,change\n6.01M,3.94%\n800K,-1%\n12,0\n", "t.csv")

    assert sheet.numbers("volume", has_suffixes=True).to_list() == pytest.approx([6_010_000.0, 800_000.0, 12.0])
    assert sheet.numbers("change", has_suffixes=True).to_list() == pytest.approx([0.0394, -0.01, 0.0])
    with pytest.raises(Unreadable, match=r"'6.01M'"):
        sheet.numbers("volume")


def test_dates_with_the_year_first_are_read_padded_or_not() -> None:
    sheet = read("d\n2024-01-31\n2012-3-21\n2020年3月20日\n2024/2/29\n20240102\n2014-03-03 00:00:00+00:00\n".encode(), "t.csv")

    assert sheet.dates("d").to_list() == [
        date(2024, 1, 31),
        date(2012, 3, 21),
        date(2020, 3, 20),
        date(2024, 2, 29),
        date(2024, 1, 2),
        date(2014, 3, 3),
    ]


def test_other_date_forms_need_to_be_declared() -> None:
    sheet = read(b"d\n01/03/2017\n1/4/2017\n", "t.csv")

    assert sheet.dates("d", ["%m/%d/%Y"]).to_list() == [date(2017, 1, 3), date(2017, 1, 4)]
    with pytest.raises(Unreadable, match=r"line 2: d '01/03/2017', expected a date such as 2024-01-31"):
        sheet.dates("d")


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"line 3: d '2023-02-29'"):
        read(b"d\n2024-02-29\n2023-02-29\n", "t.csv").dates("d")


def test_instants_are_utc_nanoseconds_whatever_their_offset() -> None:
    sheet = read(b"t\n2024-01-31T21:00:00Z\n2024-01-31T16:00:00.000000001-05:00\n2024-01-31 21:00\n\n", "t.csv")

    assert sheet.instants("t").to_list() == [1706734800000000000, 1706734800000000001, 1706734800000000000]


def test_a_truncated_last_row_is_refused_with_its_line() -> None:
    with pytest.raises(Unreadable, match=r"t.csv line 3: 2 cells \['2024-01-03', '1.'\], expected 3"):
        read(b"d,a,b\n2024-01-02,1,2\n2024-01-03,1.", "t.csv")


def test_a_row_with_too_many_cells_is_refused_with_its_line() -> None:
    with pytest.raises(Unreadable, match=r"t.csv line 2: 3 cells"):
        read(b"a,b\n1,2,3\n4,5\n", "t.csv")


def test_blank_rows_are_passed_over_and_the_lines_after_them_keep_their_numbers() -> None:
    sheet = read(b"a,b\n1,2\n\n , \n3,x\n", "t.csv")

    assert sheet.numbers("a").to_list() == [1.0, 3.0]
    with pytest.raises(Unreadable, match=r"t.csv line 5: b 'x'"):
        sheet.numbers("b")


def test_quoted_and_unquoted_files_of_the_same_cells_give_the_same_table() -> None:
    plain = read(b"a,b\r\n1,2\r\n3,4\r\n", "t.csv")
    quoted = read(b'"a","b"\r\n"1","2"\r\n"3","4"\r\n', "t.csv")

    assert plain.cells.equals(quoted.cells)


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf", b"\x00\x00"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable, match=r"t.csv: an empty file of \d+ bytes, expected a table"):
        read(content, "t.csv")


@pytest.mark.parametrize("content", [b"<html><body>Bad gateway</body></html>", b'{"Note": "Thank you for using our service"}'])
def test_a_page_or_a_message_instead_of_a_table_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable, match=r"expected a table and not a page or a message"):
        read(content, "t.csv")


def test_a_text_instead_of_a_table_lacks_its_columns() -> None:
    sheet = read(b"Exceeded the daily hits limit", "stooq AAPL")

    with pytest.raises(Unreadable, match=r"stooq AAPL: columns \['Exceeded the daily hits limit'\], expected \['close'\] among them"):
        sheet.require(["close"])


def test_archives_are_unpacked_and_corrupt_ones_refused() -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "a,b\n1,2\n" * 500)
    packed = memory.getvalue()

    assert read(packed, "a.zip").cells.height == 999
    assert read(gzip.compress(b"a,b\n1,2\n"), "a.csv.gz").numbers("b").to_list() == [2.0]
    with pytest.raises(Unreadable, match=r"a.zip: archive of 60 bytes cannot be unpacked"):
        read(packed[:60], "a.zip")
    with pytest.raises(Unreadable, match=r"a.csv.gz: archive of 20 bytes cannot be unpacked"):
        read(gzip.compress(b"a,b\n1,2\n")[:20], "a.csv.gz")


def test_a_zip_of_two_files_is_refused() -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")

    with pytest.raises(Unreadable, match=r"a zip of \['a.csv', 'b.csv'\], expected one file"):
        read(memory.getvalue(), "a.zip")


def test_parquet_keeps_its_types_and_a_broken_one_is_refused() -> None:
    memory = io.BytesIO()
    pl.DataFrame({"d": [date(2024, 1, 2)], "x": [float("nan")], "t": ["1.5"]}).write_parquet(memory)

    sheet = read(memory.getvalue(), "a.parquet")

    assert sheet.dates("d").to_list() == [date(2024, 1, 2)]
    assert sheet.numbers("x").to_list() == [None]
    assert sheet.numbers("t").to_list() == [1.5]
    with pytest.raises(Unreadable, match=r"a.parquet: Parquet of 40 bytes cannot be read"):
        read(memory.getvalue()[:40], "a.parquet")


def test_text_in_another_encoding_is_refused_until_it_is_named() -> None:
    content = "d,收盘\n2024年1月2日,1\n".encode("gbk")

    with pytest.raises(Unreadable, match=r"t.csv: byte 0x.. at 2, expected text in utf-8-sig"):
        read(content, "t.csv")
    assert read(content, "t.csv", encoding="gbk").numbers("收盘").to_list() == [1.0]


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(Unreadable, match=r"columns \['a'\] stand there twice"):
        read(b"a,a\n1,2\n", "t.csv")


CELLS = st.text(alphabet="0123456789.-abcNé ", max_size=6)


@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)))
def test_the_fast_and_the_slow_reader_agree(rows: list[list[str]]) -> None:
    names = [f"c{number}" for number in range(len(rows[0]))]
    fast = "\n".join(",".join(row) for row in [names, *rows]) + "\n"
    slow = "\n".join(",".join(f'"{cell}"' for cell in row) for row in [names, *rows]) + "\n"

    def told(content: str) -> list[tuple[object, ...]]:
        sheet = read(content.encode(), "t.csv")
        return list(zip(sheet.cells["line"], *(sheet.texts(name) for name in names), strict=True))

    assert told(fast) == told(slow)


def test_an_archive_that_swells_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_module, "UNPACKED_BYTES_MAX", 1000)

    with pytest.raises(Unreadable, match=r"a gzip of over 1000 bytes"):
        read(gzip.compress(b"a,b\n" + b"1,2\n" * 1000), "bomb.gz")
