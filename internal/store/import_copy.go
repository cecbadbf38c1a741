package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"
)

// copyBuffer gathers rows in the binary form of COPY. The driver's own way takes every value through an interface, which for ten
// million rows costs more than the server's part.
type copyBuffer struct {
	table string // with its columns
	buf   []byte
	rows  int
}

// copyHeader begins a binary COPY: signature, flags, length of an extension.
var copyHeader = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

func newCopyBuffer(table string) *copyBuffer { return &copyBuffer{table: table} }

func (c *copyBuffer) row(columns int16) {
	if c.rows == 0 {
		c.buf = append(c.buf[:0], copyHeader...)
	}
	c.rows++
	c.buf = binary.BigEndian.AppendUint16(c.buf, uint16(columns))
}

func (c *copyBuffer) int2(v int16) {
	c.buf = binary.BigEndian.AppendUint32(c.buf, 2)
	c.buf = binary.BigEndian.AppendUint16(c.buf, uint16(v))
}

func (c *copyBuffer) int4(v int32) {
	c.buf = binary.BigEndian.AppendUint32(c.buf, 4)
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(v))
}

// int8 is also a moment, see momentOf.
func (c *copyBuffer) int8(v int64) {
	c.buf = binary.BigEndian.AppendUint32(c.buf, 8)
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(v))
}

func (c *copyBuffer) null() { c.buf = append(c.buf, 0xff, 0xff, 0xff, 0xff) }

// known is NULL for no moment.
func (c *copyBuffer) known(m int64) {
	if m == never {
		c.null()
		return
	}
	c.int8(m)
}

// text is NULL when empty.
func (c *copyBuffer) text(s string) {
	if s == "" {
		c.null()
		return
	}
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(s)))
	c.buf = append(c.buf, s...)
}

// bytes is NULL when nil.
func (c *copyBuffer) bytes(b []byte) {
	if b == nil {
		c.null()
		return
	}
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(b)))
	c.buf = append(c.buf, b...)
}

// flush sends what was gathered.
func (c *copyBuffer) flush(ctx context.Context, tx pgx.Tx) error {
	if c.rows == 0 {
		return nil
	}
	c.buf = append(c.buf, 0xff, 0xff)
	_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(c.buf), "COPY "+c.table+" FROM STDIN BINARY")
	c.rows = 0
	return err
}

// Moments of an import are the microseconds since 2000 that PostgreSQL counts, half as big as a time.Time and quicker compared.

// never is no moment.
const never = int64(-1 << 63)

func momentOf(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMicro() - pgEpoch.UnixMicro()
}

func momentOr(t *time.Time) int64 { return momentOf(value(t)) }

func momentTime(m int64) time.Time { return time.UnixMicro(m + pgEpoch.UnixMicro()).UTC() }

func momentPtr(m int64) *time.Time {
	if m == never {
		return nil
	}
	t := momentTime(m)
	return &t
}

const microsPerDay = int64(24 * time.Hour / time.Microsecond)

// dayNumber is the UTC day of a moment, counted from 2000-01-01 as PostgreSQL does.
func dayNumber(m int64) int32 {
	d := m / microsPerDay
	if m%microsPerDay < 0 {
		d--
	}
	return int32(d)
}

func dayTime(d int32) time.Time { return pgEpoch.AddDate(0, 0, int(d)) }
