package archive

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// csv reads rows under a header whose columns stand in any order:
//
//	observed_at,source,project_id,repo,image,pull_count[,latest_tag,create_time,update_time,absent_at]
//	timestamp,repository,pull_count
//	date,count
//
// Columns that are not known are left out. The last form names no image: options do, or the file's place and name, as REPO/IMAGE.csv.
func (r *reader) csv(in *input) error {
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return r.csvFault(err)
	}
	columns, reason := r.columns(header)
	if reason != "" {
		r.bad(1, reason)
		return nil
	}
	var buf []byte
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if fault := r.csvFault(err); fault != nil || r.stopped {
				return fault
			}
			continue
		}
		var f [fields][]byte
		buf = r.fill(&f, columns, row, buf[:0])
		o, reason := r.record(&f)
		if reason == "" {
			if !r.give(o) {
				return nil
			}
			continue
		}
		line, _ := rows.FieldPos(0)
		if !r.bad(line, reason) {
			return nil
		}
	}
}

// csvFault tells a line that is not CSV, after which reading goes on, from a file that cannot be read.
func (r *reader) csvFault(err error) error {
	var fault *csv.ParseError
	if !errors.As(err, &fault) {
		return err
	}
	r.bad(fault.StartLine, "not CSV: "+fault.Err.Error())
	return nil
}

// foreign are the columns of the forms that are not ours.
var foreign = map[string]int{
	"timestamp": fieldObserved, "repository": fieldRepository, "pull_count": fieldCount,
	"date": fieldObserved, "count": fieldCount,
}

// columns tells of each column which field it is; -1: none that is known.
func (r *reader) columns(header []string) (columns []int, reason string) {
	names := make([]string, len(header))
	have := map[string]bool{}
	for i, name := range header {
		names[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if have[names[i]] {
			return nil, fmt.Sprintf("column %q stands twice in the header", shorten(name))
		}
		have[names[i]] = true
	}
	form := fieldNames
	switch {
	case have["observed_at"] && have["pull_count"]:
	case have["timestamp"] && have["repository"] && have["pull_count"], have["date"] && have["count"]:
		form = foreign
	default:
		return nil, "the first line is not a header that is known: " +
			"observed_at,source,project_id,repo,image,pull_count or timestamp,repository,pull_count or date,count"
	}
	for _, name := range names {
		i, known := form[name]
		if !known {
			i = -1
		}
		columns = append(columns, i)
	}
	return columns, ""
}

// fill sorts a row's values into fields. The row's strings live until the next row, as do the bytes in buf.
func (r *reader) fill(f *[fields][]byte, columns []int, row []string, buf []byte) []byte {
	size := 0
	for _, value := range row {
		size += len(value)
	}
	if cap(buf) < size {
		buf = make([]byte, 0, size*2)
	}
	for i, field := range columns {
		if field >= 0 {
			buf = append(buf, row[i]...)
			f[field] = buf[len(buf)-len(row[i]):]
		}
	}
	if f[fieldImage] == nil && f[fieldRepository] == nil && r.opt.Image == "" {
		f[fieldRepo], f[fieldImage] = []byte(either(r.opt.Repo, r.repo)), []byte(strings.TrimSuffix(r.name, path.Ext(r.name)))
	}
	return buf
}
