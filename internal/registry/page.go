package registry

// Page is one answer of a paged list.
type Page struct {
	Rows  []Row
	Total int64 // what the registry says the whole list holds; -1: nothing usable
	// Silent: the answer held neither a list nor a total. It says nothing of what there is.
	Silent   bool
	Rejected []Rejection // at most MaxRejections; Row.Rejections counts them all
}

// Row is one row of a list as far as it could be used.
type Row struct {
	Image      Image  // Name is empty when the row cannot be used
	Key        string // what tells the row from others: its name, or a stand-in; empty when there is nothing to tell it by
	Repo       string // as the row names it, if it does
	Rejections uint8  // how many rejections the row was worth
}

// MaxRejections bounds a list of rejections. A registry that spoils every row of a million must not fill the memory with complaints.
const MaxRejections = 10_000
