// Package archive reads observations of pull counts that were made elsewhere: files that syncer export writes, saved answers of
// GetRepoImage, and two plain forms of CSV. Files may be compressed with gzip or zstd, and are read as streams.
package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"syncer/internal/registry"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Options say what an archive does not say itself.
type Options struct {
	Source string         // source of observations that name none
	Repo   string         // repo of files that name none
	Image  string         // image of files that name none
	Zone   *time.Location // of CreateTime and UpdateTime without a zone
	Now    time.Time      // observations from after it, but for some minutes of grace, are refused
	Stdin  io.Reader
}

// LineError is a line, or a row of a saved answer, that cannot be used.
type LineError struct {
	File   string
	Line   int // from 1; 0 is the file as a whole
	Reason string
}

func (b *LineError) Error() string {
	if b.Line == 0 {
		return fmt.Sprintf("%s: %s", b.File, b.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", b.File, b.Line, b.Reason)
}

// Read reads a file, a folder of files, or standard input. It yields observations, and in their place a *LineError for each line
// that cannot be used; any other error is the last thing it yields.
func Read(name string, opt Options) iter.Seq2[registry.Observation, error] {
	return func(yield func(registry.Observation, error) bool) {
		r := &reader{opt: opt, yield: yield, texts: map[string]string{}}
		if err := r.path(name); err != nil && !r.stopped {
			yield(registry.Observation{}, err)
		}
	}
}

// reader reads one archive.
type reader struct {
	opt     Options
	yield   func(registry.Observation, error) bool
	stopped bool // the receiver wants no more
	texts   map[string]string

	file string // as messages name it
	name string // without endings for compression
	repo string // repo that the file's place names
}

func (r *reader) path(name string) error {
	if name == Stdin {
		r.file, r.name = "standard input", ""
		return r.stream(r.opt.Stdin)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return r.open(name, "")
	}
	return filepath.WalkDir(name, func(file string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && file != name
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case hidden || entry.IsDir():
			return nil
		case r.stopped:
			return fs.SkipAll
		}
		below, err := filepath.Rel(name, file)
		if err != nil {
			return err
		}
		return r.open(file, filepath.ToSlash(below))
	})
}

// open reads one file. below is its place in the folder that is read; empty when it was named itself.
func (r *reader) open(file, below string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	r.file, r.name, r.repo = file, withoutEnding(filepath.Base(file), ".gz", ".gzip", ".zst", ".zstd"), ""
	if folder, rest, ok := strings.Cut(below, "/"); ok {
		r.repo, r.name = folder, path.Join(path.Dir(rest), r.name)
	}
	return r.stream(f)
}

func withoutEnding(name string, endings ...string) string {
	for _, ending := range endings {
		if len(name) > len(ending) && strings.EqualFold(name[len(name)-len(ending):], ending) {
			return name[:len(name)-len(ending)]
		}
	}
	return name
}

// stream reads a file of whatever form.
func (r *reader) stream(raw io.Reader) error {
	in, err := decompress(raw)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.file, err)
	}
	defer in.close()
	first, err := in.firstByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil // nothing was observed
	case err != nil:
	case strings.EqualFold(path.Ext(r.name), ".json"):
		err = r.body(in)
	case first == '{':
		err = r.ndjson(in)
	default:
		err = r.csv(in)
	}
	if err != nil && !r.stopped {
		return fmt.Errorf("read %s: %w", r.file, err)
	}
	return nil
}

// give hands an observation on; false when no more are wanted.
func (r *reader) give(o registry.Observation) bool {
	r.stopped = r.stopped || !r.yield(o, nil)
	return !r.stopped
}

func (r *reader) bad(line int, reason string) bool {
	r.stopped = r.stopped || !r.yield(registry.Observation{}, &LineError{r.file, line, reason})
	return !r.stopped
}

// maxTexts bounds the texts that are remembered.
const maxTexts = 100_000

// text is a string of b. Most come again and again.
func (r *reader) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := r.texts[string(b)]; ok {
		return s
	}
	if len(r.texts) >= maxTexts {
		clear(r.texts)
	}
	s := string(b)
	r.texts[s] = s
	return s
}
