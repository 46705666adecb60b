"""What the central system knows and says, in no version of OCPP: pure data and pure decisions."""
