package replay

// Merge is what is stored of a moment of which two readings are known, in whatever order they arrived. A live row stands
// for later looks too, so it stays. Derived columns are those of the reading that was stored.
func Merge(stored, added Reading) Reading {
	switch {
	case !stored.Archived:
		return stored
	case !added.Archived:
		return added
	}
	merged := mergeFacts(stored, added)
	merged.Row, merged.Kept = stored.Row, stored.Kept
	return merged
}

// mergeFacts merges two archived readings: presence over absence, the higher count whole, else column by column.
func mergeFacts(a, b Reading) Reading {
	switch {
	case a.Absent != b.Absent:
		if a.Absent {
			return b
		}
		return a
	case a.Absent:
		a.Weight = max(a.Weight, b.Weight)
		return a
	case a.Counted != b.Counted:
		if b.Counted {
			return b
		}
		return a
	case a.Counted && a.Count != b.Count:
		if b.Count > a.Count {
			return b
		}
		return a
	}
	a.Tag = greater(a.Tag, b.Tag)
	a.Created = greater(a.Created, b.Created)
	a.Updated = greater(a.Updated, b.Updated)
	return a
}

// greater is the greater text by its bytes; NULL is lowest.
func greater(a, b Text) Text {
	if !a.Known || b.Known && b.Text > a.Text {
		return b
	}
	return a
}
