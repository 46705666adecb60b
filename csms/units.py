"""Units and the one sign convention.

Power and current are **positive into the vehicle (import, charging)** and negative out of it (export,
discharging), everywhere. Every name that leaves a function carries its unit: ``power_w``, ``energy_wh``,
``v_pu``, ``soc_frac``, ``t_s``. SI inside; per unit only in ``csms.grid``; kilowatts only on screens.
"""

from __future__ import annotations

W_PER_KW = 1_000.0
WH_PER_KWH = 1_000.0
S_PER_H = 3_600.0
NOMINAL_PHASE_V = 230.0
"""Line-to-neutral voltage of a low-voltage connection in IEC countries (IEC 60038)."""
