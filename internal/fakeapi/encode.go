package fakeapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// cst is the zone of zone-less times: the vendor's platform is Chinese.
var cst = time.FixedZone("", 8*60*60)

// encoder writes one answer by hand: most of what it must be able to write no JSON library will.
type encoder struct {
	buf  []byte
	wire Wire
}

func (a *answer) encode(request int) []byte {
	if a.verbatim != "" {
		return []byte(a.verbatim)
	}
	e := encoder{wire: a.wire, buf: make([]byte, 0, 256+192*a.rows())}
	e.open('{')
	e.code(a.refusal)
	if a.refusal != nil {
		e.key("Message")
		e.text(a.refusal.message)
	} else {
		e.body(a, request)
	}
	if a.wire.RequestUUID {
		e.key("Request_uuid")
		e.text(uuid(request))
	}
	e.shut('}')
	return e.finish()
}

func (e *encoder) body(a *answer, request int) {
	if !e.wire.NoAction {
		e.key("Action")
		e.text(a.action + "Response")
	}
	if e.wire.Message {
		e.key("Message")
		e.text("")
	}
	e.extra()
	switch a.action {
	case "GetProjectList":
		e.key("ProjectCount")
		e.raw(strconv.Itoa(len(a.projects)))
		list(e, "ProjectSet", a.projects, e.project)
	case "GetRepo":
		e.total(a, request)
		list(e, "RepoSet", a.repos, e.repo)
	default:
		e.total(a, request)
		list(e, "ImageSet", a.images, func(i Image) { e.image(a.repo, i) })
	}
}

func list[T any](e *encoder, key string, rows []T, write func(T)) {
	if len(rows) == 0 {
		if form := []string{"[]", "null", "", "{}"}[e.wire.Empty]; form != "" {
			e.key(key)
			e.raw(form)
		}
		return
	}
	e.key(key)
	e.open('[')
	for _, row := range rows {
		e.comma()
		write(row)
	}
	e.shut(']')
}

func (e *encoder) image(repo string, i Image) {
	if i.Row != "" {
		e.raw(i.Row)
		return
	}
	e.open('{')
	e.key("ImageName")
	e.text(i.Name)
	if e.wire.OtherRepoName {
		repo = strings.ToUpper(repo)
	}
	if !e.wire.NoRepoName {
		e.key("RepoName")
		e.text(repo)
	}
	e.count(i.Pulls)
	e.time("CreateTime", i.Created)
	e.time("UpdateTime", i.Updated)
	e.tag(i.Tag)
	e.extra()
	e.shut('}')
}

func (e *encoder) repo(r *Repo) {
	if e.wire.RepoNames {
		e.text(r.Name)
		return
	}
	e.open('{')
	e.key("RepoName")
	e.text(r.Name)
	e.time("CreateTime", r.Created)
	e.time("UpdateTime", r.Updated)
	e.key("Description")
	e.text(r.Description)
	e.flag("IsShared", r.Shared)
	e.flag("IsOutSide", true)
	e.extra()
	e.shut('}')
}

func (e *encoder) project(p Project) {
	e.open('{')
	e.key("ProjectId")
	e.text(p.ID)
	e.key("ProjectName")
	e.text(p.Name)
	e.key("CreateTime") // the one documented as an integer everywhere
	e.raw(strconv.FormatInt(max(0, p.Created.Unix()), 10))
	e.key("IsDefault")
	e.raw(strconv.FormatBool(p.Default))
	e.extra()
	e.shut('}')
}

func (e *encoder) open(c byte) { e.buf = append(e.buf, c) }
func (e *encoder) shut(c byte) { e.buf = append(e.buf, c) }

// comma parts an element from the one before it, if there is one.
func (e *encoder) comma() {
	if last := e.buf[len(e.buf)-1]; last != '{' && last != '[' {
		e.buf = append(e.buf, ',')
	}
}

func (e *encoder) key(name string) {
	e.comma()
	switch e.wire.Keys {
	case KeysLower:
		name = strings.ToLower(name)
	case KeysUpper:
		name = strings.ToUpper(name)
	}
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '"', ':')
}

func (e *encoder) raw(json string) { e.buf = append(e.buf, json...) }

func (e *encoder) text(s string) {
	if isPlain(s) {
		e.buf = append(append(append(e.buf, '"'), s...), '"')
		return
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	e.buf = append(e.buf, quoted...)
}

// isPlain reports whether a text needs no escaping, as nearly all names do: benchmarks of a reader should not measure this.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (e *encoder) extra() {
	if e.wire.Extra {
		e.key("Extra")
		e.raw(`{"a":[1,{"b":null}],"ImageName":"not this one","RetCode":7}`)
	}
}

func (e *encoder) finish() []byte {
	out := e.buf
	if e.wire.Pretty {
		var b bytes.Buffer
		if json.Indent(&b, out, "", "  ") == nil { // a verbatim row may be broken on purpose; then it stays as it is
			out = append(b.Bytes(), '\n')
		}
	}
	if e.wire.BOM {
		out = append([]byte("\uFEFF"), out...)
	}
	return out
}
