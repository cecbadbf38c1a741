package main

import (
	"encoding/json"
	"io"
	"time"

	"syncer/internal/demo"
	"syncer/internal/fakeapi"
)

// observation is a line of the archive.
type observation struct {
	ObservedAt time.Time `json:"observed_at"`
	Source     string    `json:"source"`
	ProjectID  string    `json:"project_id"`
	Repo       string    `json:"repo"`
	Image      string    `json:"image"`
	PullCount  int64     `json:"pull_count"`
	LatestTag  string    `json:"latest_tag"`
	CreateTime time.Time `json:"create_time"`
	UpdateTime time.Time `json:"update_time"`
}

// past lives through the simulation and returns what was to be seen after each step. The last look is left to who reads
// the registry itself.
func past(sim *demo.Simulation) []observation {
	var all []observation
	for seen := look(sim); sim.Step(); seen = look(sim) {
		all = append(all, seen...)
	}
	return all
}

// look is every image of the registry as it is now, or nothing during its outage.
func look(sim *demo.Simulation) []observation {
	if sim.Fault(fakeapi.Request{}) != nil {
		return nil
	}
	var seen []observation
	world := sim.World()
	for _, repo := range world.Repos() {
		for _, img := range world.Images(repo.Name) {
			seen = append(seen, observation{
				ObservedAt: world.Now(), Source: "default", Repo: repo.Name, Image: img.Name, PullCount: img.Pulls, LatestTag: img.Tag,
				CreateTime: img.Created.Truncate(time.Second), UpdateTime: img.Updated.Truncate(time.Second), // as the API tells them
			})
		}
	}
	return seen
}

func write(w io.Writer, history []observation) error {
	out := json.NewEncoder(w)
	for _, line := range history {
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
