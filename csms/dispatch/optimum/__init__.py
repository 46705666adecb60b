"""From wishes to setpoints that the feeder bears: linear optimum, AC check, correction, rounding. Pure."""
