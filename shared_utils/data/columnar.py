"""Parquet files: typed columns as the text a person would type. Parquet has its headers; row 1 is theirs."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shared_utils.data.grid import MAX_CELLS, MAX_COLUMNS, Grid, text
from shared_utils.data.mapping import Mapping

EXACT = 1e15  # whole numbers up to here are written with all their digits
AT_ONCE = 100_000


def read(path: Path, mapping: Mapping) -> Grid:
    """Return the cells of a Parquet file. Raises IntakeError for nested columns and files too large to read."""
    try:
        with pq.ParquetFile(path, memory_map=False) as file:  # an open file cannot be replaced on Windows
            _check(file, mapping)
            table = file.read()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        if getattr(error, "errno", None) is not None:  # of the system (open elsewhere, a failing disk), not of the file
            raise
        message = "the file is not a Parquet file, or it is damaged."
        raise mapping.refusal(message, "Send it again, or send it as CSV.") from None
    columns = {}
    for number, name in enumerate(table.column_names):
        cells = _texts(table.column(0))
        table = table.remove_column(0)
        columns[number] = pd.Series(pa.chunked_array([pa.array([name], pa.large_string()), *cells.chunks]), dtype="str")
    return Grid(pd.DataFrame(columns), notes=("Read as Parquet.",))


def _check(file: pq.ParquetFile, mapping: Mapping) -> None:
    fields = file.schema_arrow
    rows = file.metadata.num_rows
    if len(fields) > MAX_COLUMNS or rows * len(fields) > MAX_CELLS:
        message = f"it has {rows:,} rows and {len(fields):,} columns; at most {MAX_COLUMNS:,} columns and "
        fix = "Send it in parts, with the columns of the mapping only."
        raise mapping.refusal(f"{message}{MAX_CELLS:,} cells are read.", fix)
    for field in fields:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            message = f"column {field.name} holds lists, records or bytes, not one value a row."
            raise mapping.refusal(message, "Write each of its parts as a column of its own.")


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as large strings, null as ""."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_floating(kind):
        column = _floats(column.cast(pa.float64()))
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_date(kind):
        column = column.cast(pa.large_string())
    elif not pa.types.is_large_string(kind):
        column = _one_by_one(column)
    return pc.fill_null(column.cast(pa.large_string()), "")


def _floats(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers as `grid.text` writes them; the few that are large or broken are written one by one."""
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), EXACT))
    if pc.all(whole, skip_nulls=True).as_py():
        return column.cast(pa.int64(), safe=False).cast(pa.large_string())
    return _one_by_one(column)


def _one_by_one(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as `grid.text` writes them: each distinct one once, in slices of Python objects for a moment."""
    coded = pa.concat_arrays(column.chunks or [pa.array([], column.type)]).dictionary_encode()
    slices = (coded.dictionary.slice(start, AT_ONCE).to_pylist() for start in range(0, len(coded.dictionary), AT_ONCE))
    texts = [pa.array(map(text, values), pa.large_string()) for values in slices]
    return pa.chunked_array([pa.concat_arrays(texts or [pa.array([], pa.large_string())]).take(coded.indices)])
