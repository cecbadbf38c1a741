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

// keys are a source's credentials, which somebody may renew: temporary ones, and those in files.
type keys struct {
	refresh func(context.Context) (Credentials, error)

	mu     sync.Mutex
	now    generation
	proven bool // a request with the present set succeeded, or nobody has been told yet that it did not
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

// renew replaces credentials that the registry does not take any more; without an error it makes sense to try again. A new set
// that does not work either is what the request is told of. The next request asks once more: of a pair of files, one may have been
// changed before the other.
func (k *keys) renew(ctx context.Context, used generation) error {
	k.mu.Lock() // held while asking: others that failed with the same set wait for the answer
	defer k.mu.Unlock()
	if used.number != k.now.number {
		return nil
	}
	if k.refresh == nil {
		return errors.New("there is nowhere to read others")
	}
	if !k.proven {
		k.proven = true
		return errors.New("the new ones are refused too")
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
