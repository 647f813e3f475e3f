"""What the TLS of a server offers, found by ClientHellos of our own.

A library can only ask for what it speaks itself, and OpenSSL 3 speaks neither SSL 3.0 nor the weak
suites that matter most. So a hello is put together by hand, the server's answer is read as far as
it comes in clear, and the connection ends there: nothing is negotiated, nobody logs in.

    scan(connect, "mx1.example.org", starttls=Opening.SMTP) -> TlsScan

`result.py` says what a scan holds. It is a finding of facts; `audit/tls.py` judges them.
"""

from provisioner.tls.opening import Opening
from provisioner.tls.probe import Limits
from provisioner.tls.result import Answer, Chain, Order, Speech, TlsScan
from provisioner.tls.scan import scan
from provisioner.tls.versions import Version

__all__ = ["Answer", "Chain", "Limits", "Opening", "Order", "Speech", "TlsScan", "Version", "scan"]
