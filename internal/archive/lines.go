package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line; all fields together are shorter.
const maxLine = 256 << 10

// lines reads a stream line by line, and knows the number of each, whatever stands in it.
type lines struct {
	in *bufio.Reader // its buffer is larger than maxLine
	n  int           // of the line that was read last, from 1
}

// next returns the next line that is not blank, without its end; it is valid until the next call. reason says why it cannot be
// used. The error after the last line is io.EOF.
func (l *lines) next() (line []byte, reason string, err error) {
	for {
		line, err = l.in.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return nil, "", err
		}
		l.n++
		long := len(line) > maxLine
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.in.ReadSlice('\n')
		}
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, "", err
		case long:
			return nil, fmt.Sprintf("the line is longer than %d bytes", maxLine), nil
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) > 0 {
			return line, "", nil
		}
	}
}
