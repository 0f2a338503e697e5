"""A small authority of the house and the inner gateway's certificate, by openssl; also one that has expired."""

import subprocess

from akeso.lab.errors import ShopError
from akeso.lab.shop.folder import write_atomically
from akeso.lab.street.folder import StreetFolder

NAME = "loans.internal"
GOOD, EXPIRED, IN_USE = "good.pem", "expired.pem", "loans.pem"


def make_certificates(folder: StreetFolder) -> None:
    """Write `ca.pem`, `loans.key`, a certificate in use that holds for a month, and one that expired yesterday."""
    folder.certificates.mkdir()
    _openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "60",
        "-subj", "/CN=library authority",
    )  # fmt: skip
    _openssl(
        folder,
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "loans.key",
        "-out",
        "loans.csr",
        "-subj",
        f"/CN={NAME}",
    )
    write_atomically(folder.certificates / "names", f"subjectAltName=DNS:{NAME},IP:127.0.0.1\n")
    _sign(folder, GOOD, 30)
    _sign(folder, EXPIRED, 0)
    use_certificate(folder, GOOD)


def use_certificate(folder: StreetFolder, which: str) -> None:
    """What the gateway takes at its next reload."""
    write_atomically(folder.certificates / IN_USE, (folder.certificates / which).read_text())


def in_use(folder: StreetFolder, which: str) -> bool:
    """Whether it is that one."""
    return (folder.certificates / IN_USE).read_text() == (folder.certificates / which).read_text()


def _sign(folder: StreetFolder, into: str, days: int) -> None:
    # Zero days end at the second in which they begin.
    _openssl(
        folder, "x509", "-req", "-in", "loans.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", str(days), "-extfile", "names", "-out", into,
    )  # fmt: skip


def _openssl(folder: StreetFolder, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder.certificates, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ShopError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
