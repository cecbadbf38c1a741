package archive

import (
	"bufio"
	"bytes"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	readBuffer = 1 << 20
	// zstdMemory bounds the window of a zstd stream: an archive is somebody else's bytes.
	zstdMemory = 64 << 20
)

// input is a stream of text, whatever it was compressed with.
type input struct {
	*bufio.Reader
	done func()
}

func (in *input) close() {
	if in.done != nil {
		in.done()
	}
}

// decompress finds out by the first bytes how a stream is compressed; names lie.
func decompress(raw io.Reader) (*input, error) {
	r := bufio.NewReaderSize(raw, readBuffer)
	magic, _ := r.Peek(4) // a shorter stream is not compressed
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return &input{Reader: bufio.NewReaderSize(z, readBuffer)}, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdMemory), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return &input{Reader: bufio.NewReaderSize(z, readBuffer), done: z.Close}, nil
	}
	return &input{Reader: r}, nil
}

// firstByte looks at the first byte that is not blank, past a byte order mark.
func (in *input) firstByte() (byte, error) {
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return 0, err
		}
	}
	for n := 1; n < readBuffer; n++ {
		b, err := in.Peek(n)
		if err != nil {
			return 0, err
		}
		if c := b[n-1]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, nil
		}
	}
	return ' ', nil
}

// Compress writes a stream that decompress reads. Closing it ends the stream, not what it writes to.
func Compress(w io.Writer, form string) (io.WriteCloser, error) {
	switch form {
	case "gzip":
		return gzip.NewWriter(w), nil
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	default:
		return plain{w}, nil
	}
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }
