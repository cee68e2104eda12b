"""Names and values that the API server accepts: k8s.io/apimachinery/pkg/util/validation/validation.go."""

from __future__ import annotations

import re

_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KEY = re.compile(rf"((?=[^/]{{1,253}}/){_LABEL}(\.{_LABEL})*/)?(?=[^/]{{1,63}}\Z){_NAME}\Z")
_VALUE = re.compile(rf"(?=.{{0,63}}\Z)({_NAME})?\Z")
_PORT = re.compile(r"(?=.{1,15}\Z)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")


def is_label_key(text: str) -> bool:
    """Can a label have this key?

    >>> is_label_key("app.kubernetes.io/name"), is_label_key("app@b"), is_label_key("a/b/c")
    (True, False, False)
    """
    return _KEY.match(text) is not None


def is_label_value(text: str) -> bool:
    """Can a label have this value?

    >>> is_label_value(""), is_label_value("web-1"), is_label_value("$web"), is_label_value("x" * 64)
    (True, True, False, False)
    """
    return _VALUE.match(text) is not None


def is_port_name(text: str) -> bool:
    """Can a port have this name?

    >>> is_port_name("http-web"), is_port_name("80"), is_port_name("HTTP"), is_port_name("prometheus-metrics")
    (True, False, False, False)
    """
    return _PORT.match(text) is not None
