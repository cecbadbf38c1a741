package registry

import "time"

// Observation is one image as it was seen at one moment, out of an archive.
type Observation struct {
	At    time.Time // whole microseconds
	Repo  Repo
	Image Image // always Counted; what is empty was not recorded, which is not the same as empty

	// What else looks at the repo said of the image; zero when that is not known.
	AbsentAt     time.Time // a complete one before At did not hold it
	MissingSince time.Time // those after At did not hold it, and by then that was taken for true
	DeletedAt    time.Time // and by then confirmed
}
