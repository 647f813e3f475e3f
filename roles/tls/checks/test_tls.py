"""The certificate: for the right names, of the right key, valid for long enough, readable by root alone."""

import pytest

CERTIFICATE = "/etc/ssl/provision/fullchain.pem"
KEY = "/etc/ssl/provision/privkey.pem"
SOON = 14 * 24 * 3600
"""Seconds. A certificate that ends within these is late to be renewed."""


def test_the_certificate_is_for_every_name(host, variables):
    for name in variables["tls_names"]:
        concrete = name.replace("*", "any")
        said = host.run("openssl x509 -in %s -noout -checkhost %s", CERTIFICATE, concrete).stdout
        assert "does match" in said, f"{CERTIFICATE} is not for {name}"


def test_the_certificate_is_valid_for_two_more_weeks(host):
    ends = host.run("openssl x509 -in %s -noout -enddate", CERTIFICATE).stdout.strip()
    assert host.run("openssl x509 -in %s -noout -checkend %s", CERTIFICATE, str(SOON)).succeeded, ends


def test_the_key_belongs_to_the_certificate(host):
    of_certificate = host.run("openssl x509 -in %s -noout -pubkey", CERTIFICATE).stdout
    of_key = host.run("openssl pkey -in %s -pubout", KEY).stdout
    assert of_certificate == of_key


def test_only_root_reads_the_key(host):
    mode, owner = host.run("stat --dereference --format=%%a:%%U %s", KEY).stdout.strip().split(":")
    assert (mode, owner) == ("600", "root")


def test_the_authority_has_given_the_certificate(host, variables):
    if variables["tls_provider"] != "acme":
        pytest.skip("tls_provider is not acme")
    issuer = host.run("openssl x509 -in %s -noout -issuer", CERTIFICATE).stdout
    log = host.run("journalctl --unit=provision-acme --lines=5 --output=cat --no-pager").stdout
    assert "placeholder" not in issuer, f"still the host's own placeholder; lego said: {log}"
    assert host.run("systemctl is-active provision-acme.timer").succeeded
