//! VIX futures curve and VIX smile from index levels and settlements.
