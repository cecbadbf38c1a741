package store

import (
	"encoding/binary"
	"errors"
)

// sight is one observation of one image.
type sight struct {
	at, count int64
	facts     facts
	kept      bool // stands, or is to stand, in the history's archived column
	fresh     bool // of this import
	anew      bool // a live look found the image made anew, and what CreateTime was then is not known any more
	current   bool // the last live look, whose facts are those of the image's row
}

// facts are what an observation says beside the count. What is empty was not recorded.
type facts struct {
	tag, created, updated string
	absent                int64 // see registry.Observation; never when unknown
	missing, deleted      int64
}

var noFacts = facts{absent: never, missing: never, deleted: never}

// join makes one of two observations of an image at the same moment, in a way that does not depend on their order: the higher
// count wins, and of equals every fact that either has; where both have one, the greater.
func (s *sight) join(o *sight) (conflict bool) {
	fresh, anew := s.fresh || o.fresh, s.anew || o.anew
	if s.count != o.count {
		if o.count > s.count {
			*s = *o
		}
		s.fresh, s.anew = fresh, anew
		return true
	}
	s.facts.tag = max(s.facts.tag, o.facts.tag)
	s.facts.created = max(s.facts.created, o.facts.created)
	s.facts.updated = max(s.facts.updated, o.facts.updated)
	s.facts.absent = max(s.facts.absent, o.facts.absent)
	s.facts.missing = max(s.facts.missing, o.facts.missing)
	s.facts.deleted = max(s.facts.deleted, o.facts.deleted)
	s.kept, s.fresh, s.anew = s.kept || o.kept, fresh, anew
	s.current = s.current || o.current
	return false
}

// The packed form of a row's archived observations. Each is a varint whose lowest bit says that facts follow and whose rest is
// by how much its distance from the one before differs from the distance before that, so that what was observed regularly
// costs a byte each. Facts are given where they differ from those of the image's archived observation before, be it in this
// row or an earlier one: a byte of bits says which, then each follows.
const (
	factTag = 1 << iota
	factCreated
	factUpdated
	factAbsent
	factMissing
	factDeleted
)

// packer packs the archived observations of one row.
type packer struct {
	buf       []byte
	at, delta int64
}

func newPacker(buf []byte, rowAt int64) packer { return packer{buf: buf[:0], at: rowAt} }

// add packs an observation. before are the facts of the one before, and become its own.
func (p *packer) add(s *sight, before *facts) {
	delta := s.at - p.at
	v := uint64((delta-p.delta)<<1^(delta-p.delta)>>63) << 1
	p.at, p.delta = s.at, delta
	if s.facts == *before {
		p.buf = binary.AppendUvarint(p.buf, v)
		return
	}
	p.buf = binary.AppendUvarint(p.buf, v|1)
	mark := len(p.buf)
	p.buf = append(p.buf, 0)
	text := func(bit byte, now, was string) {
		if now == was {
			return
		}
		p.buf[mark] |= bit
		p.buf = binary.AppendUvarint(p.buf, uint64(len(now)))
		p.buf = append(p.buf, now...)
	}
	text(factTag, s.facts.tag, before.tag)
	text(factCreated, s.facts.created, before.created)
	text(factUpdated, s.facts.updated, before.updated)
	moment := func(bit byte, now, was int64) {
		if now == was {
			return
		}
		p.buf[mark] |= bit
		away := int64(0) // no fact is of the sight's own moment
		if now != never {
			away = now - s.at
		}
		p.buf = binary.AppendVarint(p.buf, away)
	}
	moment(factAbsent, s.facts.absent, before.absent)
	moment(factMissing, s.facts.missing, before.missing)
	moment(factDeleted, s.facts.deleted, before.deleted)
	*before = s.facts
}

var errPacked = errors.New("syncer.history.archived cannot be read")

// unpack calls add for each archived observation of a row.
func unpack(packed []byte, rowAt, count int64, before *facts, add func(sight)) error {
	at, delta := rowAt, int64(0)
	for len(packed) > 0 {
		v, n := binary.Uvarint(packed)
		if n <= 0 {
			return errPacked
		}
		packed = packed[n:]
		z := v >> 1
		delta += int64(z>>1) ^ -int64(z&1)
		at += delta
		if v&1 != 0 {
			var err error
			if packed, err = unpackFacts(packed, at, before); err != nil {
				return err
			}
		}
		add(sight{at: at, count: count, facts: *before, kept: true})
	}
	return nil
}

func unpackFacts(packed []byte, at int64, f *facts) ([]byte, error) {
	if len(packed) == 0 {
		return nil, errPacked
	}
	bits := packed[0]
	packed = packed[1:]
	for _, t := range []struct {
		bit  byte
		text *string
	}{{factTag, &f.tag}, {factCreated, &f.created}, {factUpdated, &f.updated}} {
		if bits&t.bit == 0 {
			continue
		}
		size, n := binary.Uvarint(packed)
		if n <= 0 || size > uint64(len(packed)-n) {
			return nil, errPacked
		}
		*t.text = string(packed[n : n+int(size)])
		packed = packed[n+int(size):]
	}
	for _, m := range []struct {
		bit    byte
		moment *int64
	}{{factAbsent, &f.absent}, {factMissing, &f.missing}, {factDeleted, &f.deleted}} {
		if bits&m.bit == 0 {
			continue
		}
		away, n := binary.Varint(packed)
		if n <= 0 {
			return nil, errPacked
		}
		packed = packed[n:]
		if *m.moment = never; away != 0 {
			*m.moment = at + away
		}
	}
	return packed, nil
}
