package registry

import "time"

// Observation is one image as it was seen at one moment, out of an archive.
type Observation struct {
	At       time.Time // whole microseconds
	Repo     Repo
	Image    Image     // always Counted; what is empty was not recorded, which is not the same as empty
	AbsentAt time.Time // a complete look at the repo before At that did not hold the image; zero when none is known
}
