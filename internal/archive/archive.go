// Package archive reads observations of pull counts that were made elsewhere: files that syncer export writes, saved answers of
// GetRepoImage, and CSV as people have it. Files may be compressed with gzip or zstd, and are read as streams. Which form a file
// has is told by what stands in it, not by its name.
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

// LineError is a line, or a row of a saved answer, that cannot be used. One that names neither is a saved answer of which nothing
// can be used.
type LineError struct {
	File   string
	Line   int // from 1; 0 when there is none to name
	Row    int // of a saved answer, from 1
	Reason string
}

func (b *LineError) Error() string {
	switch {
	case b.Row > 0:
		return fmt.Sprintf("%s: row %d: %s", b.File, b.Row, b.Reason)
	case b.Line > 0:
		return fmt.Sprintf("%s:%d: %s", b.File, b.Line, b.Reason)
	}
	return fmt.Sprintf("%s: %s", b.File, b.Reason)
}

// WholeFile reports whether nothing of the file can be used.
func (b *LineError) WholeFile() bool { return b.Line == 0 && b.Row == 0 }

// Read reads a file, a folder of files, or standard input. It yields observations, and in their place a *LineError for each line
// that cannot be used. Any other error is the last thing it yields: of a file that cannot be read, or whose form or header is not
// understood, since leaving it out would lose more than a line.
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
	fault   string // what is wrong with a text of the line at hand

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
	var fault headerError
	switch err := r.content(in); {
	case err == nil, r.stopped:
		return nil
	case errors.As(err, &fault):
		return fmt.Errorf("%s:%w", r.file, err)
	default:
		return fmt.Errorf("read %s: %w", r.file, err)
	}
}

func (r *reader) content(in *input) error {
	form, err := in.form(strings.EqualFold(path.Ext(r.name), ".json"))
	if err != nil {
		return err
	}
	switch form {
	case formAnswer:
		return r.body(in)
	case formNDJSON:
		return r.ndjson(in)
	case formCSV:
		return r.csv(in)
	}
	return nil // nothing was observed
}

// take makes an observation of a line's texts and hands it on, or the reason why it cannot. It reports whether more is wanted.
func (r *reader) take(at LineError, t *texts) bool {
	if at.Reason == "" {
		var o registry.Observation
		if o, at.Reason = r.record(t); at.Reason == "" {
			r.stopped = r.stopped || !r.yield(o, nil)
			return !r.stopped
		}
	}
	return r.bad(at)
}

// bad tells of a line that cannot be used. It reports whether more is wanted.
func (r *reader) bad(at LineError) bool {
	at.File = r.file
	r.stopped = r.stopped || !r.yield(registry.Observation{}, &at)
	return !r.stopped
}
