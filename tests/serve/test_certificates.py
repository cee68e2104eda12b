"""Authorities and the certificates that they sign."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509

from mistrust.kube.errors import InputError, UsageError
from mistrust.serve.certificates import Keeper, Pair, authority, context, from_authority, from_files, given, issued


def test_an_authority_is_made_once_and_its_key_is_for_its_owner(tmp_path: Path) -> None:
    first = authority(tmp_path / "ca")
    assert authority(tmp_path / "ca") == first
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    made = x509.load_pem_x509_certificate(first.certificate)
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_half_an_authority_is_not_replaced(tmp_path: Path) -> None:
    authority(tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(UsageError, match="no authority"):
        authority(tmp_path)


def test_what_it_signs_is_for_its_names_and_does_not_outlive_it(tmp_path: Path) -> None:
    by = authority(tmp_path)
    pair = issued(by, ["mistrust.mistrust.svc", "127.0.0.1", "::1"], days=1e5)
    made = x509.load_pem_x509_certificate(pair.certificate)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mistrust.mistrust.svc"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert pair.expires == by.expires
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(by.certificate))


def test_our_own_is_renewed_with_a_third_of_its_life_left(tmp_path: Path) -> None:
    now = [time.time()]
    keeper = Keeper(context(), from_authority(authority(tmp_path), ["localhost"], 30, clock=lambda: now[0]))
    first = keeper.pair
    now[0] += 19 * 86400
    assert not keeper.refresh()
    now[0] += 2 * 86400
    assert keeper.refresh()
    assert keeper.pair != first


def test_a_key_of_another_certificate_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    by = authority(tmp_path / "ca")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    first, other = issued(by, ["localhost"]), issued(by, ["localhost"])
    certificate.write_bytes(first.certificate)
    key.write_bytes(first.key)
    keeper = Keeper(context(), from_files(certificate, key))
    certificate.write_bytes(other.certificate)
    with pytest.raises(InputError, match="not a certificate with its key"):
        keeper.refresh()
    assert keeper.pair == first
    key.write_bytes(other.key)
    assert keeper.refresh()


@pytest.mark.parametrize("text", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "crt").write_bytes(text)
    (tmp_path / "key").write_bytes(text)
    with pytest.raises(InputError):
        given(tmp_path / "crt", tmp_path / "key")
    with pytest.raises(UsageError):
        given(tmp_path / "none", tmp_path / "key")


def test_a_context_speaks_new_tls_and_http_1(tmp_path: Path) -> None:
    assert context().minimum_version == ssl.TLSVersion.TLSv1_2
    with pytest.raises(UsageError):
        context(tmp_path / "none")
    assert isinstance(issued(authority(tmp_path), ["a"]), Pair)
