"""What one-line values mean to Kubernetes, where YAML readers disagree. The peers ask kubectl about the same table."""

from __future__ import annotations

VALUES: dict[str, object] = {
    # YAML 1.1 has more booleans than people think, and exactly these
    "y": True, "Y": True, "n": False, "N": False, "yes": True, "No": False, "on": True, "OFF": False, "True": True,
    "yES": "yES", "oN": "oN", "t": "t",
    # null
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "nULL": "nULL", '""': "",
    # integers: a leading zero is octal, and 08 is not
    "0644": 420, "0o17": 15, "0b101": 5, "0x1F": 31, "0X1f": 31, "-0x10": -16, "08": 8, "0o8": "0o8", "1_000": 1000,
    "_1": "_1", "+1": 1, "-0": 0, "+_1": 1, "1__0_": 10, "0b+1": 1, "0b2": "0b2",
    # 64 bits, then floats
    "9223372036854775807": 2**63 - 1, "9223372036854775808": 2.0**63, "18446744073709551616": 2.0**64,
    "-9223372036854775809": -(2.0**63), "0xffffffffffffffff": float(2**64 - 1),
    "0xfffffffffffffffff": "0xfffffffffffffffff",
    "12345678901234567890123": 1.2345678901234568e22,
    # floats; whole ones come out of JSON as integers
    "1.0": 1, "1e3": 1000, "1E-2": 0.01, "1.5": 1.5, ".5": 0.5, "1.": 1, "-.5": -0.5, "1_0.5": 10.5,
    ".1_0": 0.1, ".": ".",
    "1e400": "1e400", "1e-400": 0, "1.2345678901234567e18": 1234567890123456800, "1e22": 1e22,
    # no sexagesimals, no timestamps
    "22:22": "22:22", "190:20:30": "190:20:30", "2024-01-01": "2024-01-01",
    "2024-01-01T00:00:00Z": "2024-01-01T00:00:00Z",
    # words that other readers trip over
    "=": "=", "<<": "<<", "1.2.3": "1.2.3", "a:b": "a:b", "a#b": "a#b", "a #b": "a", "-a": "-a", "{a:b}": {"a:b": None},
    # quotes are strings
    '"0644"': "0644", "'yes'": "yes", "'it''s'": "it's", r'"a\tb\x41é\U0001F600"': "a\tbAé😀",
    # tags
    "!!str 0644": "0644", "!!str": "", "!!int 0644": 420, '!!int "7"': 7, "!!float 1": 1, "!!bool yes": True,
    "!!null ''": None,
    "!!binary aGk=": "hi", "!!binary /w==": "\ufffd", "!custom 1": "1", "!custom {a: 1}": {"a": 1},
    "!!set x": "x", "! 12": "12",
    "!!timestamp 2024-01-01": "2024-01-01", "!!merge <<": "<<",
}  # fmt: skip
"""The text after `v: `, and its value."""

NAMES: dict[str, str] = {
    "y": "true", "N": "false", "on": "true", "0644": "420", "1.0": "1", "1.50": "1.5", "1e6": "1e+06",
    "0.00001": "1e-05",
    "100000.5": "100000.5", "1e39": ".inf", ".nan": ".nan", "-.inf": "-.inf", "2024-01-01": "2024-01-01",
    "!!str y": "y", '"y"': "y",
    '"<<"': "<<", "!!binary aGk=": "hi", "=": "=",
}  # fmt: skip
"""Names of fields as they are written, and as Kubernetes sees them."""

REFUSED = [
    ".inf", "-.Inf", ".NaN", "!!int x", "!!int 1.5", "!!float yes", "!!bool 1", "!!null x", "!!binary x",
    "!!timestamp x",
    "*x", "@a", "`a", "%a", "a: b: c", "[a", "{a", '"a', "'a", r'"\q"', r'"\/"', r'"\ud800"', "[a]: b", "- x",
    "\tx: 1", "&a [*a]",
]  # fmt: skip
"""Values that kubectl refuses with their whole document."""
