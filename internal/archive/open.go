package archive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"

	"syncer/internal/registry"
)

// Open returns what Read yields, after it has read as far as the first observation or bad line: an archive that is not there, or
// whose first file has a form or a header that is not understood, is an error at once. What it took from a stream is read again.
func Open(name string, opt Options) (iter.Seq2[registry.Observation, error], error) {
	var kind fs.FileMode
	if name != Stdin {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		kind = info.Mode().Type()
	}
	switch {
	case name == Stdin:
	case kind.IsDir(), kind.IsRegular():
		return Read(name, opt), begin(Read(name, opt), kind.IsDir())
	default: // a pipe, which can be read once, and whose name says nothing
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		opt.Stdin = f
	}
	var taken bytes.Buffer
	stream := opt.Stdin
	opt.Stdin = io.TeeReader(stream, &taken)
	err := begin(Read(Stdin, opt), false)
	opt.Stdin = io.MultiReader(&taken, stream)
	return Read(Stdin, opt), err
}

// begin reads as far as the first observation or bad line. In a folder, a saved answer that cannot be used is one of many.
func begin(all iter.Seq2[registry.Observation, error], folder bool) error {
	for _, err := range all {
		var bad *LineError
		if errors.As(err, &bad) && (folder || !bad.WholeFile()) {
			return nil
		}
		return err
	}
	return nil
}
