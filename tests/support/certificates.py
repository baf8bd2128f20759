"""A certificate authority made for one test run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """Files in PEM of a certificate and its private key, which anybody may read."""

    certificate: Path
    key: Path


class Authority:
    """An authority whose certificates are valid for two days.

    Args:
        folder: a folder of its own, for all its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / "ca.crt"
        """The authority's own certificate, for those who are to trust it."""
        extensions = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._openssl(
            *("req", "-x509", *_KEY, "-days", "2", "-subj", "/CN=sharedbooks test CA"),
            *(*extensions, "-keyout", "ca.key", "-out", "ca.crt"),
        )

    def issue(self, name: str, *alternatives: str, days: int = 2) -> Certificate:
        """Make a certificate for the subject ``name``.

        Args:
            name: common name, also of the files.
            alternatives: subject alternative names, like ``IP:127.0.0.1`` and ``DNS:localhost``.
            days: how long it is valid; a negative number makes one that has expired.
        """
        made = Certificate(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        extensions = self._folder / f"{name}.ext"
        names = [f"subjectAltName={','.join(alternatives)}"] if alternatives else []
        extensions.write_text("\n".join(["basicConstraints=CA:FALSE", *names, ""]))
        self._openssl("req", *_KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", "ca.crt", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-days", str(days), "-extfile", extensions),
            *("-out", made.certificate),
        )
        made.key.chmod(0o644)
        return made

    def _openssl(self, *arguments: str | Path) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
