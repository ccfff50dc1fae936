"""Which layer of the hedge answered first when a market event came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from alvh._history_sample import EVENTS

if TYPE_CHECKING:
    import pandas as pd

    from alvh.study import Study

__all__ = ["activation"]

_LAYERS = ("outer", "middle", "inner")


def activation(study: Study) -> pd.DataFrame:
    """Find the first decision of each layer in each event; see :meth:`alvh.Study.activation`."""
    import pandas as pd

    frame = study.decisions()
    rules = frame["rule"].str.startswith(("hedge.", "motion."))
    rows: list[dict[str, Any]] = []
    for book in study.books:
        own = frame[rules & (frame["book"] == book)]
        if not len(own):
            continue
        layer = pd.Series([json.loads(text).get("layer", "") for text in own["inputs"]], index=own.index)
        time = own["day"] + pd.to_timedelta(own["seconds"], unit="s")
        # A rule that lets a layer as it is answers nothing.
        changed = own["before"] != own["after"]
        for event in EVENTS:
            inside = changed & own["day"].between(pd.Timestamp(event.start), pd.Timestamp(event.end))
            first = {name: time[inside & (layer == name)].min() for name in _LAYERS}
            if all(pd.isna(moment) for moment in first.values()):
                continue
            known = [moment for moment in first.values() if not pd.isna(moment)]
            rows.append({"event": event.name, "book": book, **first, "in_order": known == sorted(known)})
    return pd.DataFrame(rows, columns=["event", "book", *_LAYERS, "in_order"])
