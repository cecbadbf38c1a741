package registry

import "time"

// Observation is one image as it was seen at one moment, out of an archive; or that it was not there, or only that somebody looked
// at its repo.
type Observation struct {
	At    time.Time // whole microseconds
	Repo  Repo
	Image Image // Counted when it was seen; what is empty was not recorded, which is not the same as empty

	Absent uint8  // how much the look at At proves that the image was not there: 1, 2 or 4; 0 when it was
	Look   string // of an observation without an image: complete, drifting or held
}
