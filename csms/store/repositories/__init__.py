"""One file per aggregate: rows to write, and synchronous reads over a connection."""
