"""Published split-plot tables, used as worked examples and golden cases. Numbers only; each named.

- Box corrosion: resistance of coated bars, six furnace heats. Box, Hunter and Hunter, Statistics for
  Experimenters, 2nd ed. (2005), table 9.1.
- Pulp: tensile strength of paper. Montgomery, Design and Analysis of Experiments, table 14.16.
- Oats: yield of oats, three varieties, four nitrogen levels. Yates 1935, doi:10.2307/2983638.
- sleepstudy: reaction time over days of sleep deprivation. Belenky et al. 2003,
  doi:10.1046/j.1365-2869.2003.00337.x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SplitPlotTable:
    """One observation a row: response, two factors, and the strata of the randomisation."""

    name: str
    source: str
    response: Float  # (n,)
    factors: dict[str, tuple[str, ...]]  # whole-plot factor first
    strata: dict[str, tuple[str, ...]]  # random effects, largest unit first


def _table(
    name: str,
    source: str,
    whole: tuple[str, tuple[str, ...]],
    sub: tuple[str, tuple[str, ...]],
    values: dict[str, tuple[tuple[float, ...], ...]],
    *,
    block_stratum: bool,
) -> SplitPlotTable:
    """`values`: block -> one row of subplot responses for each whole-plot level."""
    rows = [
        (block, w, s, y)
        for block, plots in values.items()
        for w, plot in zip(whole[1], plots, strict=True)
        for s, y in zip(sub[1], plot, strict=True)
    ]
    strata = {"block": tuple(r[0] for r in rows)} if block_stratum else {}
    strata["whole_plot"] = tuple(f"{r[0]}/{r[1]}" for r in rows)
    return SplitPlotTable(
        name,
        source,
        np.array([r[3] for r in rows], dtype=np.float64),
        {whole[0]: tuple(r[1] for r in rows), sub[0]: tuple(r[2] for r in rows)},
        strata,
    )


BOX_CORROSION = _table(
    "box-corrosion",
    "Box, Hunter and Hunter (2005), table 9.1",
    ("temperature", ("360", "370", "380")),
    ("coating", ("C1", "C2", "C3", "C4")),
    {
        "1": ((67, 73, 83, 89), (65, 91, 87, 86), (155, 127, 147, 212)),
        "2": ((33, 8, 46, 54), (140, 142, 121, 150), (108, 100, 90, 153)),
    },
    block_stratum=False,
)

PULP = _table(
    "pulp",
    "Montgomery, Design and Analysis of Experiments, table 14.16",
    ("preparation", ("1", "2", "3")),
    ("temperature", ("200", "225", "250", "275")),
    {
        "1": ((30, 35, 37, 36), (34, 41, 38, 42), (29, 26, 33, 36)),
        "2": ((28, 32, 40, 41), (31, 36, 42, 40), (31, 30, 32, 40)),
        "3": ((31, 37, 41, 40), (35, 40, 39, 44), (32, 34, 39, 45)),
    },
    block_stratum=True,
)

OATS = _table(
    "oats",
    "Yates (1935), doi:10.2307/2983638",
    ("variety", ("Victory", "Golden Rain", "Marvellous")),
    ("nitrogen", ("0", "0.2", "0.4", "0.6")),
    {
        "I": ((111, 130, 157, 174), (117, 114, 161, 141), (105, 140, 118, 156)),
        "II": ((61, 91, 97, 100), (70, 108, 126, 149), (96, 124, 121, 144)),
        "III": ((68, 64, 112, 86), (60, 102, 89, 96), (89, 129, 132, 124)),
        "IV": ((74, 89, 81, 122), (64, 103, 132, 133), (70, 89, 104, 117)),
        "V": ((62, 90, 100, 116), (80, 82, 94, 126), (63, 70, 109, 99)),
        "VI": ((53, 74, 118, 113), (89, 82, 86, 104), (97, 99, 119, 121)),
    },
    block_stratum=True,
)

# Reaction time in ms; a row per subject, a column per day 0..9.
SLEEPSTUDY_SUBJECTS = (
    "308", "309", "310", "330", "331", "332", "333", "334", "335", "337", "349", "350", "351", "352",
    "369", "370", "371", "372",
)  # fmt: skip
SLEEPSTUDY_REACTION_MS = np.array([
    [249.5600, 258.7047, 250.8006, 321.4398, 356.8519, 414.6901, 382.2038, 290.1486, 430.5853, 466.3535],
    [222.7339, 205.2658, 202.9778, 204.7070, 207.7161, 215.9618, 213.6303, 217.7272, 224.2957, 237.3142],
    [199.0539, 194.3322, 234.3200, 232.8416, 229.3074, 220.4579, 235.4208, 255.7511, 261.0125, 247.5153],
    [321.5426, 300.4002, 283.8565, 285.1330, 285.7973, 297.5855, 280.2396, 318.2613, 305.3495, 354.0487],
    [287.6079, 285.0000, 301.8206, 320.1153, 316.2773, 293.3187, 290.0750, 334.8177, 293.7469, 371.5811],
    [234.8606, 242.8118, 272.9613, 309.7688, 317.4629, 309.9976, 454.1619, 346.8311, 330.3003, 253.8644],
    [283.8424, 289.5550, 276.7693, 299.8097, 297.1710, 338.1665, 332.0265, 348.8399, 333.3600, 362.0428],
    [265.4731, 276.2012, 243.3647, 254.6723, 279.0244, 284.1912, 305.5248, 331.5229, 335.7469, 377.2990],
    [241.6083, 273.9472, 254.4907, 270.8021, 251.4519, 254.6362, 245.4523, 235.3110, 235.7541, 237.2466],
    [312.3666, 313.8058, 291.6112, 346.1222, 365.7324, 391.8385, 404.2601, 416.6923, 455.8643, 458.9167],
    [236.1032, 230.3167, 238.9256, 254.9220, 250.7103, 269.7744, 281.5648, 308.1020, 336.2806, 351.6451],
    [256.2968, 243.4543, 256.2046, 255.5271, 268.9165, 329.7247, 379.4445, 362.9184, 394.4872, 389.0527],
    [250.5265, 300.0576, 269.8939, 280.5891, 271.8274, 304.6336, 287.7466, 266.5955, 321.5418, 347.5655],
    [221.6771, 298.1939, 326.8785, 346.8555, 348.7402, 352.8287, 354.4266, 360.4326, 375.6406, 388.5417],
    [271.9235, 268.4369, 257.2424, 277.6566, 314.8222, 317.2135, 298.1353, 348.1229, 340.2800, 366.5131],
    [225.2640, 234.5235, 238.9008, 240.4730, 267.5373, 344.1937, 281.1481, 347.5855, 365.1630, 372.2288],
    [269.8804, 272.4428, 277.8989, 281.7895, 279.1705, 284.5120, 259.2658, 304.6306, 350.7807, 369.4692],
    [269.4117, 273.4740, 297.5968, 310.6316, 287.1726, 329.6076, 334.4818, 343.2199, 369.1417, 364.1236],
])  # fmt: skip
