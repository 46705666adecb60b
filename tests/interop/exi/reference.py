"""Where the reference material is: V2G_XSD_DIR, or the PyPI package `iso15118` if importable."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import pytest

from pki.exi.xsd import documents_by_namespace

_MAIN_NAMESPACES = {
    "app_protocol": "urn:iso:15118:2:2010:AppProtocol",
    "din_70121": "urn:din:70121:2012:MsgDef",
    "iso15118_2": "urn:iso:15118:2:2013:MsgDef",
    "iso15118_20_common_messages": "urn:iso:std:iso:15118:-20:CommonMessages",
    "iso15118_20_ac": "urn:iso:std:iso:15118:-20:AC",
    "iso15118_20_ac_der_iec": "urn:iso:std:iso:15118:-20:AC-DER-IEC",
    "iso15118_20_ac_der_sae": "urn:iso:std:iso:15118:-20:AC-DER-SAE",
    "iso15118_20_dc": "urn:iso:std:iso:15118:-20:DC",
    "iso15118_20_wpt": "urn:iso:std:iso:15118:-20:WPT",
    "iso15118_20_acdp": "urn:iso:std:iso:15118:-20:ACDP",
    "xmldsig": "http://www.w3.org/2000/09/xmldsig#",
}


def find_xsd_directory() -> Path | None:
    """The directory of the schema documents, None where there is none."""
    if directory := os.environ.get("V2G_XSD_DIR"):
        return Path(directory)
    spec = find_spec("iso15118")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "shared" / "schemas"


def xsd_directory() -> Path:
    """The directory of the schema documents; skips the test where there is none."""
    directory = find_xsd_directory()
    if directory is None:
        pytest.skip("no XSD files: set V2G_XSD_DIR, or install the PyPI package iso15118")
    return directory


def find_jar() -> Path | None:
    """EXIficient: V2G_EXI_JAR, or EXICodec.jar beside the directory of the schema documents."""
    if jar := os.environ.get("V2G_EXI_JAR"):
        return Path(jar)
    directory = find_xsd_directory()
    jar_path = directory.parent / "EXICodec.jar" if directory else None
    return jar_path if jar_path and jar_path.is_file() else None


class ExificientError(Exception):
    """EXIficient refused the document."""


class Exificient:
    """EXIficient in a Java process of its own, with grammars built from the XSD files."""

    def __init__(self, xsd_directory: Path, jar: Path) -> None:
        self._documents = documents_by_namespace(xsd_directory)
        source = Path(__file__).with_name("ExificientOracle.java")
        self._process = subprocess.Popen(
            [shutil.which("java") or "java", "-cp", str(jar), str(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def __enter__(self) -> Exificient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)

    def xsd(self, table: str) -> Path:
        """The schema document of a table; skips the test where there is none."""
        namespace = _MAIN_NAMESPACES[table]
        if namespace not in self._documents:
            pytest.skip(f"no schema document of {namespace}")
        return self._documents[namespace].resolve()

    def ask(self, table: str, form: str, command: str, payload: str) -> str:
        """`form`: document | fragment; `command`: xml | exi | roundtrip | tabled | bench."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{self.xsd(table)}\t{form}\t{command}\t{payload}\n")
        self._process.stdin.flush()
        status, _, answer = self._process.stdout.readline().rstrip("\n").partition("\t")
        if status != "OK":
            raise ExificientError(answer)
        return answer

    def roundtrip(self, table: str, form: str, exi: bytes) -> bytes:
        """What EXIficient encodes again of what it has decoded from `exi`."""
        return bytes.fromhex(self.ask(table, form, "roundtrip", exi.hex()))


def start_exificient() -> Exificient:
    """EXIficient; skips the test without Java, the jar or the schema documents."""
    jar = find_jar()
    if shutil.which("java") is None or jar is None:
        pytest.skip("no Java, or no EXICodec.jar (PyPI package iso15118): see V2G_EXI_JAR")
    return Exificient(xsd_directory(), jar)
