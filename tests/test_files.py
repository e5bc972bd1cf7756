"""Rows of files: good ones come through as the wheel takes them, bad ones say why, and none ends the others."""

import json

import numpy as np
import pytest

from whorl import Category, Classification, Image, Number, Regression, Table
from whorl.errors import BadInput, BadOutcome, NotFound
from whorl.files import read_rows, truth_in

TABLE = Table(size=Number(low=0), age=Number(required=False), kind=Category(("big", "small")))
TASK = Classification(["yes", "no"])


def rows(tmp_path, name, content, inputs=TABLE, task=TASK, **how):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, inputs, task, **how))


def problems(found):
    return {row.line: row.problem for row in found if row.problem}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_become_values_truths_and_customers(tmp_path, separator):
    lines = ["kind,size,age,other,truth,customer", "big,1.5,,x,yes,acme", "small,2,40,x,,"]
    first, second = rows(tmp_path, "a.csv", "\n".join(lines).replace(",", separator), truth="truth")
    assert first.value == {"size": 1.5, "age": None, "kind": "big"}
    assert (first.line, first.truth, first.customer) == (2, "yes", "acme")
    assert (second.value["age"], second.truth, second.customer) == (40, None, "")


def test_a_file_from_a_spreadsheet_with_a_byte_order_mark_reads_like_any_other(tmp_path):
    (row,) = rows(tmp_path, "a.csv", "\ufeffsize,age,kind\r\n1,2,big\r\n\r\n")
    assert row.value == {"size": 1, "age": 2, "kind": "big"}


def test_a_bad_row_says_its_line_and_reason_and_the_rest_goes_on(tmp_path):
    content = (
        b"size,age,kind,truth\n-1,2,big,yes\nmany,2,big,yes\n1,2,bi\xffg,yes\n1,2\n1,2,big,perhaps\n\n1,2,big,no\n"
    )
    found = rows(tmp_path, "a.csv", content, truth="truth")
    said = problems(found)
    assert set(said) == {2, 3, 4, 5, 6}
    assert "size is -1" in said[2]
    assert "'many'" in said[3]
    assert "'bi\\udcffg'" in said[4]
    assert said[5] == "2 cells; the first line names 4 columns."
    assert "'perhaps'" in said[6]
    assert found[-1].value == {"size": 1, "age": 2, "kind": "big"}
    assert found[0].found == {"size": "-1", "age": "2", "kind": "big", "truth": "yes"}
    assert json.dumps([row.found for row in found])


def test_a_cell_over_several_lines_does_not_shift_the_line_numbers(tmp_path):
    found = rows(tmp_path, "a.csv", 'size,age,kind,note\n1,2,big,"a\nb"\n-1,2,big,c\n')
    assert [row.line for row in found] == [2, 4]


def test_a_quote_that_never_closes_costs_its_own_row(tmp_path):
    broken = '"' + "x" * 200_000
    found = rows(tmp_path, "a.csv", f"size,age,kind\n{broken}\n1,2,big\n")
    assert "cannot be read as cells" in problems(found)[2]
    assert found[-1].value == {"size": 1, "age": 2, "kind": "big"}


@pytest.mark.parametrize(
    ("content", "lacks"),
    [("size,kind\n1,big\n", "lacks age"), ("", "it has nothing"), ("size,age,kind,age\n1,2,big,3\n", "age twice")],
)
def test_a_file_without_the_columns_is_refused_as_a_whole(tmp_path, content, lacks):
    with pytest.raises(BadInput, match=lacks):
        rows(tmp_path, "a.csv", content)


@pytest.mark.parametrize("how", [{"truth": "outcome"}, {"customer": "shop"}])
def test_a_column_that_was_asked_for_must_be_there(tmp_path, how):
    with pytest.raises(BadInput, match=next(iter(how.values()))):
        rows(tmp_path, "a.csv", "size,age,kind\n1,2,big\n", **how)


def test_lines_of_json_are_rows_or_say_why_not(tmp_path):
    good = {"size": 1, "kind": "big"}
    lines = [good, {"input": good, "customer": 7}, [], {**good, "customer": "\ud800"}, {**good, "customer": "x" * 300}]
    content = "\n".join(map(json.dumps, lines)) + "\n\n{\n" + "[" * 100_000 + "\n"
    found = rows(tmp_path, "a.jsonl", content)
    assert [row.customer for row in found if not row.problem] == ["", "7"]
    assert [row.value for row in found if not row.problem] == [{"size": 1, "age": None, "kind": "big"}, good]
    said = problems(found)
    assert set(said) == {3, 4, 5, 7, 8}
    assert "must be an object" in said[3]
    assert "UTF-8" in said[4]
    assert "300 characters" in said[5]
    assert "not JSON" in said[7]


def test_images_come_from_arrays_or_from_lines(tmp_path):
    image = Image(2, 2, high=9)
    np.savez(tmp_path / "a.npz", x=[[[1, 2], [3, 4]], [[1, 2], [3, 40]]], truth=[1, 0], customer=["acme", "bolt"])
    first, second = read_rows(tmp_path / "a.npz", image, Classification([0, 1]), truth="truth")
    assert (first.value.tolist(), first.truth, first.customer, first.read) == ([[1, 2], [3, 4]], 1, "acme", 0.5)
    assert (second.line, "0 to 9" in second.problem) == (2, True)
    (line,) = rows(tmp_path, "a.jsonl", '{"input": [[1, 2], [3, 4]], "label": 1}', image, Classification([0, 1]))
    assert line.value == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"y": [1]}, "lacks x"),
        ({"x": [[1], [2]], "truth": [1]}, "a row for each input"),
        ({"x": np.array([None, {}], dtype=object), "truth": [1, 2]}, "cannot be read"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_as_a_whole(tmp_path, arrays, why):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadInput, match=why):
        list(read_rows(tmp_path / "a.npz", Image(1, 1), Classification([1, 2]), truth="truth"))


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(BadInput, match="numpy"):
        rows(tmp_path, "a.npz", "text")
    with pytest.raises(BadInput, match=r"\.csv, \.jsonl, \.npz"):
        rows(tmp_path, "a.xlsx", "text")
    with pytest.raises(BadInput, match="input"):
        rows(tmp_path, "a.csv", "a,b\n1,2\n", Image(2, 2))
    with pytest.raises(NotFound):
        list(read_rows(tmp_path / "nowhere.csv", TABLE, TASK))


def test_the_share_that_was_read_only_grows_up_to_one(tmp_path):
    lines = "size,age,kind\n" + "1,2,big\n" * 20_000
    shares = [row.read for row in rows(tmp_path, "a.csv", lines)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5
    assert shares[-1] == 1


@pytest.mark.parametrize(
    ("text", "task", "truth"),
    [("7", Classification(range(10)), 7), ("7", Classification(["7", "8"]), "7"), ("2.5", Regression(0, 9, 1), 2.5)],
)
def test_a_text_becomes_the_truth_that_the_task_knows(text, task, truth):
    found = truth_in(text, task)
    assert (found, type(found)) == (truth, type(truth))


def test_a_text_that_is_no_truth_is_refused_as_the_number_it_looks_like():
    with pytest.raises(BadOutcome, match="'11'"):
        truth_in("11", Classification(range(10)))
    with pytest.raises(BadOutcome, match="'nan'"):
        truth_in("nan", Regression(0, 9, 1))
