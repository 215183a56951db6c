"""Primary suppression of a table: hide what rests on fewer than 11 people."""

from shared_utils.disclosure.rules import STANDARD, Rules, is_missing, is_small, shows_group
from shared_utils.errors import EmiError, nearest


def suppress(frame, rules: Rules = STANDARD, counts=(), denominators=None, numerators=None):
    """Hide small cells of a table. Returns `(copy, n_hidden)`; hidden cells are None.

    counts        columns of counts: 1 to 10 is hidden, 0 stays
    denominators  {value column: column of people behind it}: hidden below 11, or when that is unknown
    numerators    {share column: (numerator column, denominator column)}: hidden when the denominator is
                  below 11 or the numerator or its complement is 1 to 10. The numerator is hidden with the
                  share, since one gives the other.

    The frame itself is not changed. Only primary suppression is done here: a table that also shows its
    totals needs complementary suppression before it may leave (pilots.md 2.7.3).
    """
    denominators, numerators = denominators or {}, numerators or {}
    named = [*counts, *denominators, *denominators.values(), *numerators]
    named += [column for pair in numerators.values() for column in pair]
    for column in named:
        if column not in frame.columns:
            raise EmiError(
                f"The table to suppress has no column '{column}'.{nearest(column, frame.columns)}",
                f"Its columns are: {', '.join(map(str, frame.columns))}.",
            )

    hidden = {column: [False] * len(frame) for column in named}
    for column in counts:
        _hide(hidden[column], (is_small(n, rules) for n in frame[column]))
    for column, n_column in denominators.items():
        _hide(hidden[column], (not shows_group(None, n, rules) for n in frame[n_column]))
    for column, (num_column, den_column) in numerators.items():
        pairs = zip(frame[num_column], frame[den_column], strict=True)
        small = [den != 0 and not shows_group(num, den, rules) for num, den in pairs]  # 0 of 0 is nobody
        _hide(hidden[column], small)
        _hide(hidden[num_column], small)

    result = frame.copy()
    n_hidden = 0
    for column, mask in hidden.items():
        newly = [hide and not is_missing(value) for hide, value in zip(mask, frame[column], strict=True)]
        if any(newly):
            shown = frame[column].astype(object)
            shown[newly] = None
            result[column] = shown
            n_hidden += sum(newly)
    return result, n_hidden


def _hide(mask: list[bool], more) -> None:
    mask[:] = [old or new for old, new in zip(mask, more, strict=True)]
