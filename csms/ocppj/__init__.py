"""OCPP-J without I/O: frames, error codes, schemas, and the session that ties them together."""
