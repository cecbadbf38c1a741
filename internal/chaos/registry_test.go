package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"syncer/internal/fakeapi"
)

// town is the registry of a schedule and its life between runs.
type town struct {
	rng    *rand.Rand
	world  *fakeapi.World
	repos  []string
	wobbly map[string]bool  // images whose counter ever did anything but rise, or that were gone
	glitch map[string]int64 // counts that are to come back
	stock  map[string][]fakeapi.Image
	made   int
}

func newTown(rng *rand.Rand) *town {
	c := &town{rng: rng, world: fakeapi.NewWorld(), wobbly: map[string]bool{}, glitch: map[string]int64{}, stock: map[string][]fakeapi.Image{}}
	c.world.SetTime(time.Now().Add(-long).Truncate(time.Second))
	c.world.SetAccounts(fakeapi.Account{PublicKey: publicKey, PrivateKey: privateKey})
	for i := range 1 + rng.IntN(4) {
		repo := fmt.Sprintf("repo-%d", i)
		c.repos = append(c.repos, repo)
		c.world.AddRepo(fakeapi.Repo{Name: repo, Order: fakeapi.Order(rng.IntN(4))})
		for range rng.IntN(20) {
			c.add(repo)
		}
	}
	return c
}

func (c *town) add(repo string) {
	c.made++
	c.world.PutImages(repo, fakeapi.Image{Name: fmt.Sprintf("img-%04d", c.made), Pulls: c.rng.Int64N(1000), Tag: "v1"})
}

// pull pulls an image somewhere.
func (c *town) pull() (image string, ok bool) {
	repo := c.repos[c.rng.IntN(len(c.repos))]
	list := c.world.Images(repo)
	if len(list) == 0 {
		return "", false
	}
	img := list[c.rng.IntN(len(list))]
	c.world.Pull(repo, img.Name, 1+c.rng.Int64N(50))
	return repo + " " + img.Name, true
}

// live lets some time pass.
func (c *town) live(passed time.Duration) {
	c.world.SetTime(c.world.Now().Add(passed))
	for key, count := range c.glitch {
		repo, image := split(key)
		c.world.SetCount(repo, image, count+int64(len(key)))
	}
	clear(c.glitch)
	for range c.rng.IntN(30) {
		c.pull()
	}
	for _, repo := range c.repos {
		if back := c.stock[repo]; back != nil {
			delete(c.stock, repo)
			c.world.PutImages(repo, back...)
		}
		if c.rng.IntN(2) == 0 {
			c.happen(repo)
		}
	}
}

func split(key string) (repo, image string) {
	_, _ = fmt.Sscan(key, &repo, &image)
	return repo, image
}

// happen does something out of the ordinary to a repo.
func (c *town) happen(repo string) {
	list := c.world.Images(repo)
	if len(list) == 0 {
		c.add(repo)
		return
	}
	img := list[c.rng.IntN(len(list))]
	key := repo + " " + img.Name
	switch c.rng.IntN(8) {
	case 0, 1:
		c.add(repo)
	case 2:
		c.wobbly[key] = true
		c.world.RemoveImage(repo, img.Name)
	case 3: // deleted and made anew under its name
		c.wobbly[key] = true
		c.world.RemoveImage(repo, img.Name)
		c.world.PutImages(repo, fakeapi.Image{Name: img.Name, Pulls: c.rng.Int64N(5), Tag: "v1"})
	case 4:
		c.wobbly[key] = true
		c.glitch[key] = img.Pulls
		c.world.SetCount(repo, img.Name, 0)
	case 5:
		c.wobbly[key] = true
		c.world.SetCount(repo, img.Name, c.rng.Int64N(img.Pulls+1))
	case 6:
		c.world.Push(repo, img.Name, fmt.Sprintf("v%d", c.rng.IntN(1000)))
	case 7:
		if c.rng.IntN(3) > 0 {
			return
		}
		for i := range list { // the list is empty for once
			c.wobbly[repo+" "+list[i].Name] = true
			c.world.RemoveImage(repo, list[i].Name)
		}
		c.stock[repo] = list
	}
}
