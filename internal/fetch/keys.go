package fetch

import (
	"context"
	"errors"
	"sync"
)

// generation is one set of credentials, numbered so that requests which failed with an old set do not renew the new one.
type generation struct {
	Credentials
	number int
}

// keys are a source's credentials, which may be temporary.
type keys struct {
	refresh func(context.Context) (Credentials, error)

	mu     sync.Mutex
	now    generation
	proven bool // a request with the present set succeeded, or it is the first one
}

func newKeys(c Credentials, refresh func(context.Context) (Credentials, error)) *keys {
	return &keys{refresh: refresh, now: generation{Credentials: c}, proven: true}
}

func (k *keys) current() generation {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// worked notes a success.
func (k *keys) worked(g generation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.proven = k.proven || g.number == k.now.number
}

// renew replaces credentials that the registry does not know any more; without an error it makes sense to try again. A set that
// never worked is not renewed: whoever issues it will not issue a better one.
func (k *keys) renew(ctx context.Context, used generation) error {
	k.mu.Lock() // held while asking: others that failed with the same set wait for the answer
	defer k.mu.Unlock()
	if used.number != k.now.number {
		return nil
	}
	if k.refresh == nil {
		return errors.New("there is nothing to renew it with")
	}
	if !k.proven {
		return errors.New("it was renewed before")
	}
	c, err := k.refresh(ctx)
	if err != nil {
		return err
	}
	if c.PublicKey == "" || c.PrivateKey == "" {
		return errors.New("the new credentials are not complete")
	}
	k.now = generation{Credentials: c, number: used.number + 1}
	k.proven = false
	return nil
}
